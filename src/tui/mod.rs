//! The terminal UI.
//!
//! [`app::App::update`] is pure: a message in, effects out. [`view::draw`] draws an `App` and changes nothing. `shell/` does
//! the rest: the terminal, the queries, the editor, the run. The action table in [`actions`] feeds keys, footer, help and docs.

mod act;
pub mod actions;
mod answers;
pub mod app;
mod curl;
mod guide;
pub mod keymap;
mod mending;
mod mouse;
pub mod msg;
mod replaying;
mod shell;
pub mod state;
mod subject;
#[cfg(test)]
mod tests;
pub mod theme;
mod typing;
pub mod view;

pub use shell::{Demo, TuiSettings, run};
