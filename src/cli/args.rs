//! The command line: every command, option and default.

mod ingest;
mod profile;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use self::ingest::{Ingest, RunFilter};
pub(super) use self::profile::{Profile, ProfileTest};
use super::values::{
    IdArg, at_least_one, base_url, failure_type, filled, hazard, id, length, query_word, rate, rate_or_none, sort,
    target_name,
};
use crate::domain::endpoint::BaseUrl;
use crate::domain::failure_type::FailureType;
use crate::domain::hazard::Hazard;

/// Keeps every API write that failed, shows why, and sends it again with its original idempotency key.
#[derive(Debug, Parser)]
#[command(name = "dlq", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 all well or nothing to do, 1 error, 2 wrong command line, 3 some failed, unknown, \
    held or rejected, 4 a run or group was stopped, 5 nothing to do (with --fail-if-empty), 6 only refusals."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Global {
    /// The database file [or DLQ_DB; default: dlq/dlq.db in the XDG data directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) db: Option<PathBuf>,
    /// The config file [default: dlq/config.toml in the XDG config directory, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The API to look at or send to, by name
    #[arg(long, global = true, value_name = "NAME", value_parser = target_name)]
    pub(super) target: Option<String>,
    /// Where that API is [or EXPERITURE_BASE_URL]; the file remembers it from its first use
    #[arg(long, global = true, value_name = "URL", value_parser = base_url)]
    pub(super) base_url: Option<BaseUrl>,
    /// The operator, for the record [default: the login]
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) operator: Option<String>,
    /// Print NDJSON: one object per line, nothing else on stdout
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Say more: every attempt of a replay
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
}

/// The moments when colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into pipes.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take failures in: NDJSON, plain, gzip or zstd
    Ingest(Ingest),
    /// List writes, the newest first: open ones unless the query names states
    List(List),
    /// Show writes in full, the cause first
    Show(Show),
    /// Show the groups: writes with the same cause
    Groups,
    /// Count writes by state
    Stats(Stats),
    /// Show all that happened to a write
    History(History),
    /// Show the runs, the newest first, or control one that is under way
    Runs(Runs),
    /// Send writes again, with their original keys and bytes
    Replay(Replay),
    /// Tell what happened, by whom, and what is left
    Report(Report),
    /// Settle writes by hand: someone looked, and the API has them or doesn't
    Resolve(Resolve),
    /// Give up on writes
    Discard(WithReason),
    /// Take back what was discarded or resolved by hand (searches settled writes)
    Reopen(WithReason),
    /// Split a batch so its good records can be sent, or just the rejected ones
    Split(Split),
    /// Take a split back, as long as nothing happened to its parts
    Unsplit(Unsplit),
    /// Delete settled writes for good; dlq still recognises them if they come in again
    Purge(Purge),
    /// Look at targets, or bind one to another URL
    #[command(subcommand)]
    Target(Target),
    /// Look at what dlq knows of each API, or try it on an answer
    #[command(subcommand)]
    Profile(Profile),
    /// Export writes as NDJSON that `ingest` takes back
    Export(Export),
    /// Copy the file, even while it is in use
    Backup(Backup),
    /// Bring a file from an older dlq up to date, as any command that writes to it does
    Upgrade(Upgrade),
    /// Check the file, the config, the token and the connection to the target
    Doctor(Doctor),
    /// Print the stable key of each JSON text on stdin, one per line
    Key,
    /// Watch the whole story against a simulated API, on a throw-away file
    Demo(Demo),
    /// Run a filter on lines: the child process of `--map`
    #[command(hide = true)]
    RunFilter(RunFilter),
}

/// Words and `field:value` pairs; all must hold.
#[derive(Debug, Args, Default)]
pub(super) struct Query {
    /// Words and `field:value` pairs, all of which must hold: `type:schema age:<2h -path:append email:~example.org`
    #[arg(value_name = "QUERY", value_parser = clap::builder::StringValueParser::new().map(|text| query_word(&text)))]
    pub(super) query: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// NDJSON.
    Json,
    /// For spreadsheets.
    Csv,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) query: Query,
    /// Show at most N writes [default: 50 in a table, else all]
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// What to sort by: id, time, type, status, occurrences, attempts; a leading `-` reverses it
    #[arg(long, value_name = "FIELD", default_value = "-time", allow_hyphen_values = true, value_parser = sort)]
    pub(super) sort: crate::store::Order,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The writes' IDs
    #[arg(value_name = "ID", required = true)]
    pub(super) ids: Vec<i64>,
    /// Show the answer to each attempt as it came; with --json as `history`, the captured failure among them
    #[arg(long)]
    pub(super) attempts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    /// The failure type.
    Type,
    /// The error code.
    Code,
    /// The object.
    Object,
    /// The target.
    Target,
    /// The group.
    Group,
}

#[derive(Debug, Args)]
pub(super) struct Stats {
    /// What to count by
    #[arg(long, value_enum, default_value_t = By::Type, value_name = "FIELD")]
    pub(super) by: By,
}

#[derive(Debug, Args)]
pub(super) struct History {
    /// The write's ID
    #[arg(value_name = "ID")]
    pub(super) id: i64,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Runs {
    /// Show at most N runs
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) limit: usize,
    #[command(subcommand)]
    pub(super) control: Option<RunControl>,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunControl {
    /// Let a run finish what is in flight, and end
    Stop {
        /// The run
        #[arg(value_name = "RUN")]
        run: i64,
    },
    /// Let a run finish what is in flight, and wait
    Pause {
        /// The run
        #[arg(value_name = "RUN")]
        run: i64,
    },
    /// Resume a paused run
    Resume {
        /// The run
        #[arg(value_name = "RUN")]
        run: i64,
    },
    /// Change how fast a run sends
    #[command(group(clap::ArgGroup::new("pace").required(true).multiple(true).args(["rate", "concurrency"])))]
    Pace {
        /// The run
        #[arg(value_name = "RUN")]
        run: i64,
        /// The most requests a second; `none` for no limit
        #[arg(long, value_name = "R", value_parser = rate_or_none)]
        rate: Option<f64>,
        /// The most requests at once
        #[arg(long, value_name = "N", value_parser = at_least_one)]
        concurrency: Option<usize>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) query: Query,
    /// Writes of this failure type
    #[arg(long = "type", value_name = "TYPE", value_parser = failure_type)]
    pub(super) failure_type: Option<FailureType>,
    /// Writes with these IDs; `-` reads them from stdin
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = id)]
    pub(super) id: Vec<IdArg>,
    /// All pending and unknown writes
    #[arg(long)]
    pub(super) all: bool,
    /// Show the plan and send nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Send at most N writes, the oldest first
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
    /// How many writes go first, one by one; if one fails, its group stops
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "no_canary")]
    pub(super) canary: usize,
    /// Send without a canary
    #[arg(long)]
    pub(super) no_canary: bool,
    /// The most requests a second, retries included; fractions are fine [default: no limit]
    #[arg(long, value_name = "R", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// The most requests at once: it begins with one, grows while all is accepted, halves on 429, 503 and silence
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = at_least_one)]
    pub(super) concurrency: usize,
    /// The most requests for one write in this run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_attempts: u32,
    /// How many writes of a group may fail in a row before the group is stopped
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_failures: u32,
    /// Send in spite of these hazards: clock-behind, endpoint-assumed, key-expired, key-not-sent, lane-blocked, superseded,
    /// edited-after-ambiguous (no-body can't be sent at all)
    #[arg(long, value_name = "HAZARD,…", value_delimiter = ',', value_parser = hazard)]
    pub(super) allow: Vec<Hazard>,
    /// Send in spite of key-expired and key-not-sent: the API may then apply a write twice
    #[arg(long)]
    pub(super) allow_duplicates: bool,
    /// Send under new keys, past the API's cache of refusals; only what was definitely refused
    #[arg(long)]
    pub(super) new_key: bool,
    /// Send the rest of a run's plan (whatever was not accepted), checking hazards again
    #[arg(long = "continue", value_name = "RUN", conflicts_with_all = ["query", "failure_type", "id", "all"])]
    pub(super) continues: Option<i64>,
    /// Send even while another run sends to the same target; never the same write or lane
    #[arg(long)]
    pub(super) alongside: bool,
    /// Don't ask (without a terminal nothing is asked, unless the target must be confirmed)
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Exit with 5 when there is nothing to send
    #[arg(long)]
    pub(super) fail_if_empty: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("verdict").required(true).args(["applied", "not_applied"])))]
pub(super) struct Resolve {
    #[command(flatten)]
    pub(super) query: Query,
    /// The API has them: they are settled
    #[arg(long)]
    pub(super) applied: bool,
    /// The API doesn't have them: they may be sent, even outside the key window
    #[arg(long)]
    pub(super) not_applied: bool,
    #[command(flatten)]
    pub(super) care: Care,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub(super) reason: String,
}

/// Options of the commands that can settle many writes at once: they keep a slip from doing so.
#[derive(Debug, Args)]
pub(super) struct Care {
    /// All writes whose state allows it
    #[arg(long)]
    pub(super) all: bool,
    /// Don't ask (without a terminal nothing is asked)
    #[arg(short, long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct WithReason {
    #[command(flatten)]
    pub(super) query: Query,
    #[command(flatten)]
    pub(super) care: Care,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = filled)]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Purge {
    /// Settled at least this long ago: 30d, 12h
    #[arg(long, value_name = "AGE", value_parser = length)]
    pub(super) older_than: Duration,
    /// Don't ask (without a terminal nothing is asked)
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Target {
    /// Show the targets and what they are bound to
    List,
    /// Bind a target to another base URL (--base-url), because it has moved
    Set {
        /// The target's name
        #[arg(value_parser = target_name)]
        name: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT", value_parser = filled)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) query: Query,
    /// Write to this new file, mode 0600, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The copy; must not exist
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Upgrade {
    /// First copy the file, unchanged, to this one
    #[arg(long, value_name = "FILE")]
    pub(super) backup: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Forget the newest time that the file has seen, because this machine's clock was ahead then
    #[arg(long, requires = "reason")]
    pub(super) reset_clock: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = filled, requires = "reset_clock")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Tell the whole story as text, without the terminal UI (as it does where there is no terminal)
    #[arg(long)]
    pub(super) headless: bool,
}

#[derive(Debug, Args)]
pub(super) struct Split {
    /// The batch's ID
    #[arg(value_name = "ID")]
    pub(super) id: i64,
    /// The most records in a part; a record that the refusal names gets its own part
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one, conflicts_with = "rejected")]
    pub(super) size: usize,
    /// Only the records that the API rejected when it applied the rest; each becomes a write of its own
    #[arg(long)]
    pub(super) rejected: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Unsplit {
    /// The batch's ID
    #[arg(value_name = "ID")]
    pub(super) id: i64,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("about").required(true).args(["run", "since"])))]
pub(super) struct Report {
    /// About one run
    #[arg(long, value_name = "RUN")]
    pub(super) run: Option<i64>,
    /// About all that happened in this time: 8h, 2d
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub(super) since: Option<Duration>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = ReportFormat::Md)]
    pub(super) format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// Markdown.
    Md,
    /// One JSON object.
    Json,
}
