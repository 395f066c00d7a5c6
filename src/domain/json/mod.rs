//! JSON as bytes: one scanner for the shapes of a line, for stable keys and for bodies.
//!
//! Nothing here goes through `serde_json::Value`: a number keeps its spelling, a lone surrogate survives, and a
//! node knows the exact bytes it stood in, because those bytes are what will be sent again.
//! The dialect is that of `CPython`'s `json.loads` (so `NaN` and `Infinity` are read too).

mod layout;
mod number;
mod python;
mod scan;
mod text;

pub use layout::{compact, indented};
pub use python::{PythonError, canonical, dumps};
pub use scan::{MAX_DEPTH, Node, Number, ScanError, Value, Visitor, scan, scan_within, walk};
pub use text::JsonStr;
