//! The query language: text in, a [`Filter`](crate::domain::filter::Filter) out, or an error that points at the column.
//!
//! The same language serves the command line, the filter line of the terminal UI and later the API. Words and
//! `field:value` pairs, all of which must hold; `-` negates, `,` is *or* inside a value, `>` `<` `..` compare and `~`
//! is *contains*.

mod error;
mod fields;
mod parse;

pub use error::QueryError;
pub use fields::{FIELDS, text_field};
pub use parse::{parse, without};
