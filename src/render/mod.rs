//! Output: NDJSON for scripts, tables and pages for people, CSV for spreadsheets. Pure: values in, text out.

pub mod count;
pub mod csv;
pub mod detail;
pub mod export;
pub mod json;
pub mod marks;
pub mod plan;
pub mod report;
pub mod style;
pub mod table;
pub mod windows;
pub mod words;
