//! State of each screen. Plain data and pure functions: no file, no clock, no terminal.

pub mod complete;
pub mod detail;
pub mod dialog;
pub mod filter_line;
pub mod json_view;
pub mod plan;
pub mod run;
pub mod scroll;
pub mod window;
