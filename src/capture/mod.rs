//! Capture: lines of NDJSON, in any of the five shapes, become writes or rejects, and nothing is lost. Its export writes
//! them out again.

mod accepted;
mod binding;
pub mod export;
mod exported;
mod fields;
mod file_notice;
mod follow;
mod headers;
mod ingest;
mod input;
mod map;
mod maps;
mod rejects;
mod session;
mod shapes;
mod survey;
mod terms;
mod wrapped;

pub use binding::{Binding, DEFAULT_TARGET, TargetBinding, check_target_name};
pub use file_notice::FileNotice;
pub use ingest::{ingest, rehearse};
pub use input::DEFAULT_MAX_LINE;
pub use map::Map;
pub use maps::{built_in_map, built_in_maps};
pub(crate) use rejects::same_file;
pub use shapes::{Recognised, read_line};
pub use survey::Survey;
pub use terms::{IngestOptions, LineKind, Progress, Summary};
