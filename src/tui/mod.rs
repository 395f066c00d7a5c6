//! The terminal UI.
//!
//! [`app::App::update`] is pure: a message in, effects out. [`draw::draw`] draws an `App` and changes nothing. `shell/` does
//! the rest: the terminal, the queries, the editor, the run. Each screen is a file of [`screens`]; the action table in
//! [`actions`] feeds keys, footer, help and docs.

pub mod actions;
mod aim;
pub mod app;
mod chips;
pub mod columns;
mod deeds;
mod dialogs;
mod draw;
mod footer;
mod frame;
mod glossary;
mod goals;
mod guide;
mod header;
pub mod keymap;
mod msg;
mod page;
mod paint;
mod progress;
mod rows;
pub mod screen;
mod screens;
mod scroll;
mod search;
mod shell;
mod stack;
#[cfg(test)]
mod tests;
pub mod theme;
mod toasts;
mod typing;
mod undo;

pub use shell::{Demo, TuiSettings, run};
