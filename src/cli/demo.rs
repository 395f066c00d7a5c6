//! `dlq demo`: the whole story, told as it happens, against a simulated API and on a throw-away file. Everything in it
//! is real: the requests, the failures, the database, the replay and the ledger that it is checked against.

mod client;
mod live;

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use self::client::{Client, Sent};
use super::args::Demo;
use super::context::{Context, Usage, wait_for};
use super::driving::{Signals, drive};
use super::ingest::in_words;
use super::look::group_table;
use super::telling::Telling;
use super::ui;
use crate::capture::{Binding, DEFAULT_TARGET, IngestOptions, LineKind, ingest};
use crate::domain::action::Settling;
use crate::domain::endpoint::BaseUrl;
use crate::domain::evidence::CapturedFailure;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{Filter, Test};
use crate::domain::outcome::Outcome;
use crate::domain::secrets::Scrubber;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::target::TargetSettings;
use crate::domain::time::Timestamp;
use crate::render::count::outcomes;
use crate::render::style::Palette;
use crate::render::{detail, words};
use crate::replay::{ExitCode, Launch, PaceSettings, RunReport, RunTerms, SendOptions, prepare};
use crate::sandbox::{Sandbox, Settings};
use crate::store::{self, By, OpenOptions, Sharing, Store};

/// Prints a line on stdout, if anyone still reads it.
macro_rules! say {
    ($($part:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}

/// The field that the producer sends and the API's schema lacks.
const MISSING_FIELD: &str = "loyalty_tier";

pub(super) fn run(context: &Context, args: &Demo) -> anyhow::Result<ExitCode> {
    if context.global.json {
        return Err(Usage("the demo is a story for people; it has no --json".to_owned()).into());
    }
    if args.headless || !ui::is_possible() { tell_story(context) } else { live::run(context) }
}

fn tell_story(context: &Context) -> anyhow::Result<ExitCode> {
    let directory = tempfile::Builder::new().prefix("dlq-demo-").tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let sandbox = runtime.block_on(Sandbox::start(Settings::default()))?;
    let db = directory.path().join("demo.db");
    let store = store::open(&db, OpenOptions { create: true, ..OpenOptions::default() })?;
    let story = Story { context, paint: context.palette(&std::io::stdout()), sandbox, store };
    let sent = runtime.block_on(story.traffic())?;
    story.capture(directory.path(), &sent)?;
    story.understand()?;
    let told = story.replay_too_early()? && story.fix_and_replay(&sent)? && story.the_rest()?;
    Ok(story.end(told))
}

struct Story<'a> {
    context: &'a Context,
    paint: Palette,
    sandbox: Sandbox,
    store: Arc<dyn Store>,
}

impl Story<'_> {
    fn chapter(&self, n: u8, title: &str) {
        say!("\n{}", self.paint.strong(&format!("{n}. {title}")));
    }

    fn command(&self, text: &str) {
        say!("   {}", self.paint.faint(&format!("$ {text}")));
    }

    /// Sends real requests, with a client that gives up as the guide's does; the writes it gives up
    /// on are those that come in.
    async fn traffic(&self) -> anyhow::Result<Vec<Sent>> {
        self.chapter(1, "A service writes to an API, and some of its writes fail");
        say!("   The API is simulated, at {}; the requests are real.", self.sandbox.base_url());
        let settings = Settings::default();
        let mut client = Client::new(&self.sandbox.base_url(), &settings.token)?;
        for n in 0..36 {
            client.profile(n, n % 3 != 0).await;
        }
        for n in 0..6 {
            client.profile_with_bad_email(n).await;
        }
        for n in 0..8 {
            client.order(n).await;
        }
        client.token(&settings.expired_token);
        for n in 8..12 {
            client.order(n).await;
        }
        client.token(&settings.token);
        self.sandbox.world().storm = 6;
        for n in 12..18 {
            client.order(n).await;
        }
        let sent = client.into_sent();
        let failed = sent.iter().filter(|s| s.failure.is_some()).count();
        say!("   {} writes were sent, {} were accepted, {failed} failed.", sent.len(), sent.len() - failed);
        Ok(sent)
    }

    fn capture(&self, directory: &Path, sent: &[Sent]) -> anyhow::Result<()> {
        self.chapter(2, "Every failure is kept");
        let lines: Vec<&str> = sent.iter().filter_map(|s| s.failure.as_deref()).collect();
        let file = directory.join("failures.ndjson");
        std::fs::write(&file, lines.join("\n") + "\n")?;
        self.command("dlq ingest failures.ndjson");
        let base: BaseUrl = BaseUrl::parse(&self.sandbox.base_url())?;
        self.store.bind_target(DEFAULT_TARGET, &base, By::new(&self.context.operator)).wait()?;
        let options = IngestOptions {
            operator: self.context.operator.clone(),
            kind: LineKind::Failures,
            follows: false,
            sharing: Sharing::default(),
            inputs: vec![file],
            rejects: directory.join("rejects.ndjson"),
            max_line: crate::capture::DEFAULT_MAX_LINE,
            ignores_other: false,
            binding: binding(),
        };
        let done = ingest(&self.store, &options, None, &Arc::new(AtomicBool::new(false)), &mut |_| {})?;
        say!("   {}", in_words(&done));
        anyhow::ensure!(done.inserted == lines.len() as u64, "not every failure was kept");
        Ok(())
    }

    fn understand(&self) -> anyhow::Result<()> {
        self.chapter(3, "What is wrong? One line per cause");
        self.command("dlq groups");
        let groups = self.store.groups(None).wait()?;
        let width = Context::width().map(|w| w.saturating_sub(3));
        say!("{}", indent(&group_table(&groups, width)));
        let schema = groups.iter().find(|g| g.failure_type == FailureType::Schema);
        let id = schema.and_then(|g| g.example_id).ok_or_else(|| anyhow::anyhow!("no write failed by its schema"))?;
        say!();
        self.command(&format!("dlq show {id}"));
        let now = Timestamp::now();
        let view = self.store.write_view(id, self.context.config.windows()).wait()?;
        let view = view.ok_or_else(|| anyhow::anyhow!("write {id} is gone"))?;
        let settings = settings();
        let subject = detail::Subject {
            view: &view,
            attempts: &[],
            neighbours: &[],
            evidence: None,
            profile: &settings.profile,
            window: settings.window,
            records: detail::records(view.body.as_deref()),
            captured: &CapturedFailure::Current,
        };
        let page = detail::page(&subject, now, self.paint);
        let cause: String = page.lines().skip(2).take_while(|l| !l.is_empty()).map(|l| format!("{l}\n")).collect();
        say!("{}", indent(&cause));
        Ok(())
    }

    /// Shows that the canary keeps a premature replay from doing harm.
    fn replay_too_early(&self) -> anyhow::Result<bool> {
        self.chapter(4, "Replayed before the cause is fixed: only the canary is sent");
        self.command("dlq replay --type schema");
        let before = self.sandbox.world().ledger.seen.len();
        let report = self.replay(&[FailureType::Schema])?;
        let requests = self.sandbox.world().ledger.seen.len() - before;
        tell(&report);
        say!("   The API saw {requests} request{}.", if requests == 1 { "" } else { "s" });
        Ok(self.check(requests == 1 && report.exit_code() == ExitCode::Stopped, "a single request was made"))
    }

    fn fix_and_replay(&self, sent: &[Sent]) -> anyhow::Result<bool> {
        self.chapter(5, &format!("The field {MISSING_FIELD} is added to the schema, and the group replayed"));
        self.sandbox.world().add_field("profiles", MISSING_FIELD);
        self.command("dlq replay --type schema");
        let report = self.replay(&[FailureType::Schema])?;
        tell(&report);
        let schema: Vec<&Sent> = sent.iter().filter(|s| s.status == 422).collect();
        let world = self.sandbox.world();
        let right = |s: &&&Sent| {
            let mut applied = world.ledger.applied.iter().filter(|a| a.key == s.key);
            applied.next().is_some_and(|a| a.body == s.body) && applied.next().is_none()
        };
        let once = schema.iter().filter(right).count();
        say!(
            "   The API's ledger: of {} writes that its schema had refused, {once} were applied exactly once,\n   \
             each under its original key and byte for byte as it was first sent.",
            schema.len()
        );
        let all = once == schema.len() && report.tally.get(Outcome::Accepted) == once as u64 && once > 0;
        Ok(self.check(all && report.exit_code() == ExitCode::Ok, "every schema write was applied once"))
    }

    fn the_rest(&self) -> anyhow::Result<bool> {
        self.chapter(6, "The token is valid again and the storm is over: the rest follows");
        self.command("dlq replay type:auth,transient");
        let report = self.replay(&[FailureType::Auth, FailureType::Transient])?;
        tell(&report);
        let left = self.store.groups(None).wait()?.iter().map(|g| g.open).sum::<i64>();
        say!("   {left} writes are left: their data is wrong, and no replay fixes that.");
        let reason = "invalid addresses, reported to the web team";
        self.command(&format!("dlq discard type:bad_data --reason \"{reason}\""));
        let bad = Filter::default().and(Test::Type(vec![FailureType::BadData])).and(Test::State(State::OPEN.to_vec()));
        let ids = self.store.matching_ids(&bad, self.context.config.windows()).wait()?;
        let settled =
            self.store.settle(ids, Settling::Discard, By::new(&self.context.operator).because(Some(reason))).wait()?;
        say!("   {} writes discarded", settled.done.len());
        let world = self.sandbox.world();
        let mut keys: Vec<&str> = world.ledger.applied.iter().map(|a| a.key.as_str()).collect();
        let applied = keys.len();
        keys.sort_unstable();
        keys.dedup();
        Ok(self.check(keys.len() == applied && report.exit_code() == ExitCode::Ok, "no key was applied twice"))
    }

    fn end(&self, told: bool) -> ExitCode {
        if !told {
            say!("\n{}", self.paint.bad("The ledger contradicts this story. Report it as a bug."));
            return ExitCode::Error;
        }
        say!("\n{}", self.paint.good("All of it checked against the API's own ledger."));
        say!("Your own failures: dlq ingest FILE   then   dlq groups   dlq show ID   dlq replay --type TYPE");
        ExitCode::Ok
    }

    fn check(&self, held: bool, what: &str) -> bool {
        let mark = if held { self.paint.good("checked:") } else { self.paint.bad("NOT SO:") };
        say!("   {mark} {what}");
        held
    }

    fn replay(&self, types: &[FailureType]) -> anyhow::Result<RunReport> {
        let filter = Filter::default().and(Test::Type(types.to_vec()));
        let data = self.store.plan_data(&filter, None, self.context.config.windows()).wait()?;
        let options = SendOptions {
            target: settings(),
            base_url: Some(BaseUrl::parse(&self.sandbox.base_url())?),
            pace: PaceSettings::default(),
            allowed: Vec::new(),
            new_key: false,
        };
        let prepared = wait_for(prepare(&*self.store, data, options))??;
        let names: Vec<&str> = types.iter().map(|failure_type| failure_type.name()).collect();
        let selection = Selection::of_words(&format!("type:{}", names.join(",")));
        let terms = RunTerms { reason: Some("the demo".to_owned()), ..RunTerms::new(selection, filter) };
        let signals = Signals::heed()?;
        let telling = Telling {
            store: Arc::clone(&self.store),
            json: false,
            verbose: false,
            quiet: true,
            total: prepared.plan.send.len() as u64,
            stop: signals.stop.clone(),
        };
        let (operator, token) = (self.context.operator.clone(), Some(Settings::default().token));
        let launch = Launch { prepared, terms, operator, token };
        let (report, _) = drive(Arc::clone(&self.store), launch, telling, &signals, true)?;
        Ok(report)
    }
}

/// Returns the binding of the demo's failures.
fn binding() -> Binding {
    Binding {
        target: None,
        targets: std::collections::BTreeMap::new(),
        endpoint: None,
        match_key: None,
        source: Some("demo".to_owned()),
        exports: None,
        is_mapped: false,
        scrubber: Scrubber::default(),
        now: Timestamp::now(),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

fn tell(report: &RunReport) {
    say!("   Run {}: {}.", report.run, outcomes(&report.tally));
    if let Some(stopped) = words::stops(&report.stopped) {
        say!("   Stopped: {stopped}.");
    }
}

fn settings() -> TargetSettings {
    TargetSettings { backoff: Duration::from_millis(20), ..TargetSettings::new(DEFAULT_TARGET) }
}
