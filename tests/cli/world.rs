//! A world in two lines: a directory of its own, the binary, a simulated API.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use dlq::sandbox::{Sandbox, Settings};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub struct World {
    pub directory: tempfile::TempDir,
    runtime: Option<Runtime>,
    pub api: Option<Arc<Sandbox>>,
    /// Extra environment of every command.
    pub env: Vec<(String, String)>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Returns the path of the binary that this very `cargo test` has built.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_dlq")
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, runtime: None, api: None, env: Vec::new() }
    }

    pub fn with_api(settings: Settings) -> Self {
        let mut world = Self::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let api = runtime.block_on(Sandbox::start(settings)).unwrap();
        // A short backoff: tests must not wait for seconds.
        world.file("config.toml", "[targets.default]\nbackoff = '5ms'\ntimeout = '10s'\n");
        world.env = vec![
            ("EXPERITURE_BASE_URL".to_owned(), api.base_url()),
            ("EXPERITURE_API_KEY".to_owned(), Settings::default().token),
        ];
        (world.runtime, world.api) = (Some(runtime), Some(Arc::new(api)));
        world
    }

    pub fn api(&self) -> &Sandbox {
        self.api.as_deref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn db(&self) -> PathBuf {
        self.path("dlq.db")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// Returns a command for the binary with this world's file, isolated from the machine's own
    /// config and environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.directory.path());
        for name in ["DLQ_DB", "EXPERITURE_BASE_URL", "EXPERITURE_API_KEY", "NO_COLOR", "HTTP_PROXY", "http_proxy"] {
            command.env_remove(name);
        }
        command.env("HOME", self.directory.path()).env("XDG_CONFIG_HOME", self.path("xdg")).env("USER", "tester");
        command.env("XDG_DATA_HOME", self.path("data")).env("DLQ_DB", self.db());
        for (name, value) in &self.env {
            command.env(name, value);
        }
        if self.path("config.toml").exists() && !args.contains(&"--config") {
            command.arg("--config").arg(self.path("config.toml"));
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Ran::of(&output)
    }

    /// Runs a command, expects exit code 0, and returns its stdout.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "dlq {args:?}: {ran:?}");
        ran.out
    }

    pub fn ingest(&self, lines: &[Value]) -> Ran {
        let text: String = lines.iter().map(|l| format!("{l}\n")).collect();
        self.run_with(&["ingest", "--json"], text.as_bytes())
    }

    /// Runs a command and returns the NDJSON that it prints.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        parse(&self.ok(args))
    }

    /// Returns what happened to a write since it came in: its history without the captured failure.
    pub fn happened(&self, id: i64) -> Vec<Value> {
        let mut history = self.json(&["history", &id.to_string(), "--json"]);
        let captured = history.remove(0);
        assert_eq!(
            (&captured["n"], &captured["run"]),
            (&Value::from(0), &Value::Null),
            "the captured failure comes first"
        );
        history
    }

    /// Returns the rejects beside the database.
    pub fn rejects(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("dlq.db-rejects.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns all writes, whatever their state, by ID.
    pub fn writes(&self) -> Vec<Value> {
        self.json(&["list", "--json", "state:any", "--sort", "id"])
    }

    pub fn states(&self) -> Vec<String> {
        self.writes().iter().map(|w| w["state"].as_str().unwrap().to_owned()).collect()
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn lines(&self) -> Vec<Value> {
        parse(&self.out)
    }

    /// Returns the summary of a replay.
    pub fn summary(&self) -> Value {
        self.lines().last().map(|l| l["summary"].clone()).unwrap_or_default()
    }
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

/// Returns an order that the API's schema refused: a definite refusal of an append, with a key that
/// was sent.
pub fn order(n: usize) -> Value {
    json!({
        "method": "POST", "path": "records/orders/append",
        "body": { "record": { "order_id": format!("ord_{n}"), "total": 19.90 } },
        "status": 422, "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA",
        "error_message": "record.total: field does not exist in object schema",
        "idempotency_key": format!("key-{n}"), "failed_at": now(),
    })
}

/// Returns an upsert of one customer's record: all with the same email share a lane.
pub fn profile(n: usize, email: &str) -> Value {
    json!({
        "path": "records/profiles/upsert",
        "body": { "record": { "email": email, "points": n }, "matchKey": "email" },
        "status": 503, "error_code": "CDP_ETL.UNAVAILABLE", "idempotency_key": format!("profile-{n}"),
        "failed_at": time(1_700_000_000_000 + n as i64 * 1000),
    })
}

/// Returns the current time as a producer writes it.
pub fn now() -> String {
    time(millis())
}

/// Returns the current time in milliseconds since 1970.
pub fn millis() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Formats a time in milliseconds since 1970 as a producer writes it.
pub fn time(millis: i64) -> String {
    chrono::DateTime::from_timestamp_millis(millis).unwrap().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns true for characters that can move the cursor, change colours or turn the direction of
/// text.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Waits for something that another process does; fails after half a minute.
pub fn wait_until(mut done: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed().as_secs() < 30, "it did not happen in 30 s");
        std::thread::park_timeout(std::time::Duration::from_millis(2));
    }
}
