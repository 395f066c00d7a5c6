//! The options of `ingest`, and of the child process of its maps.

use std::path::PathBuf;

use clap::Args;

use crate::cli::values::size;

#[derive(Debug, Args)]
pub(in crate::cli) struct Ingest {
    /// Files to read; `-` is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    pub(in crate::cli) files: Vec<PathBuf>,
    /// The endpoint for failures that name none, relative to the base URL
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) endpoint: Option<String>,
    /// The `matchKey` for bodies that are rebuilt from their record
    #[arg(long, value_name = "FIELD")]
    pub(in crate::cli) match_key: Option<String>,
    /// The source for failures that name none
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) source: Option<String>,
    /// Where to keep lines that can't be taken in [default: beside the database]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) rejects: Option<PathBuf>,
    /// A jq filter that makes failures of any JSON lines: zero, one or many of a line
    #[arg(long, value_name = "EXPR", group = "mapping")]
    pub(in crate::cli) map: Option<String>,
    /// A file with such a filter
    #[arg(long, value_name = "FILE", group = "mapping")]
    pub(in crate::cli) map_file: Option<PathBuf>,
    /// Such a filter by its name in the config ([maps.NAME]), or one of dlq's own: structlog, pino, zap, logback, nginx
    #[arg(long, value_name = "NAME", group = "mapping")]
    pub(in crate::cli) map_name: Option<String>,
    /// The longest line, in bytes (k and m work too)
    #[arg(long, value_name = "SIZE", default_value = "16m", value_parser = size)]
    pub(in crate::cli) max_line: usize,
    /// Count lines that are no JSON objects, and leave them out, rather than reject them
    #[arg(long)]
    pub(in crate::cli) ignore_other: bool,
    /// Read writes that the API accepted: each settles the one write that waits and that it is the success of
    #[arg(long, conflicts_with = "dry_run")]
    pub(in crate::cli) accepted: bool,
    /// Go on reading files as they grow, across their rotation, until SIGTERM; go on where the last follower ended
    #[arg(long, conflicts_with = "dry_run", requires = "files")]
    pub(in crate::cli) follow: bool,
    /// Take an intake back, by its number: remove what came in with it, as far as nothing has happened to it since
    #[arg(long, value_name = "INTAKE", conflicts_with_all = ["files", "dry_run", "mapping", "endpoint", "match_key", "source", "accepted", "follow"])]
    pub(in crate::cli) undo: Option<i64>,
    /// Why it is taken back, for the record
    #[arg(long, value_name = "TEXT", requires = "undo")]
    pub(in crate::cli) reason: Option<String>,
    /// Take nothing in: show what would come of it, by type, endpoint, key and group, and the first rejects
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunFilter {
    /// The processor time of a line, in milliseconds.
    pub(in crate::cli) time_ms: u64,
    /// The memory, in bytes.
    pub(in crate::cli) memory: u64,
}
