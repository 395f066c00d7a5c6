//! Tests of the engine, with a transport that can look at the file while a request is in flight.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::engine::Replay;
use super::events::RunOptions;
use super::plan::{PlanTerms, build_plan};
use super::{Answer, ExitCode, Outgoing, PaceSettings, RunEvent, RunReport, Sent, Transport};
use crate::capture::{Binding, read_line};
use crate::config::current_operator;
use crate::domain::action::Settling;
use crate::domain::answer::Extent;
use crate::domain::endpoint::BaseUrl;
use crate::domain::evidence::{Lost, Phase};
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::outcome::Outcome;
use crate::domain::plan::Plan;
use crate::domain::reason::Reason;
use crate::domain::secrets::Scrubber;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::target::{TargetSettings, Windows};
use crate::domain::time::Timestamp;
use crate::domain::write::FailedWrite;
use crate::store::{self, By, Incoming, OpenOptions, Severity, Store};

/// A file with failures in it.
struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn db(&self) -> PathBuf {
        self.directory.path().join("dlq.db")
    }

    fn open(&self) -> Arc<dyn Store> {
        store::open(&self.db(), OpenOptions { create: true, ..OpenOptions::default() }).unwrap()
    }

    fn ingest(&self, lines: &[Value]) {
        let binding = Binding {
            target: None,
            targets: std::collections::BTreeMap::new(),
            endpoint: None,
            match_key: None,
            source: None,
            exports: None,
            is_mapped: false,
            scrubber: Scrubber::default(),
            now: Timestamp::now(),
        };
        let captured = lines
            .iter()
            .map(|line| Incoming::new(read_line(line.to_string().as_bytes(), &binding).unwrap().failed().unwrap()));
        let taken =
            self.open().intake(&current_operator(Some("tester"))).take(captured.collect(), Vec::new()).wait().unwrap();
        assert_eq!(taken.inserted, lines.len() as u64);
    }

    fn writes(&self) -> Vec<FailedWrite> {
        let store = self.open();
        let ids = store.matching_ids(&Filter::default(), windows()).wait().unwrap();
        ids.into_iter().map(|id| store.write_view(id, windows()).wait().unwrap().unwrap().write).collect()
    }

    fn states(&self) -> Vec<State> {
        self.writes().iter().map(|write| write.standing.state()).collect()
    }
}

fn windows() -> Windows {
    Windows::new([], Duration::from_hours(24))
}

/// Returns an order that the API's schema refused: a definite refusal of an append, with a key that
/// was sent.
fn order(n: usize) -> Value {
    json!({
        "path": "records/orders/append", "body": { "record": { "order_id": format!("ord_{n}") } },
        "status": 422, "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA",
        "error_message": "record.total: field does not exist in object schema",
        "idempotency_key": format!("key-{n}"), "failed_at": Timestamp::now().to_string(),
    })
}

/// Returns an upsert of one customer's record, later the higher its number: all with the same email
/// share a lane.
fn profile(n: usize, email: &str) -> Value {
    json!({
        "path": "records/profiles/upsert",
        "body": { "record": { "email": email, "points": n }, "matchKey": "email" },
        "status": 503, "error_code": "CDP_ETL.UNAVAILABLE", "idempotency_key": format!("profile-{n}"),
        "failed_at": Timestamp::from_millis(1_700_000_000_000 + n as i64 * 1000).to_string(),
    })
}

/// A transport that answers from a script, and checks at every request that its intent is on disk.
#[derive(Clone)]
struct Fake {
    db: PathBuf,
    script: Arc<Mutex<VecDeque<Sent>>>,
    keys: Arc<Mutex<Vec<String>>>,
    most_at_once: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
}

impl Fake {
    fn new(world: &World, script: Vec<Sent>) -> Self {
        Self {
            db: world.db(),
            script: Arc::new(Mutex::new(script.into())),
            keys: Arc::default(),
            most_at_once: Arc::default(),
            now: Arc::default(),
        }
    }

    fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap().clone()
    }
}

fn answer(status: u16, body: &str) -> Sent {
    Sent::Answered(Answer { status, body: body.as_bytes().to_vec(), extent: Extent::Whole, ..Answer::default() })
}

fn refused() -> Sent {
    answer(422, r#"{"success":false,"error":{"code":"CDP_ETL.VALIDATION.REQUEST_SCHEMA","message":"record.x: no"}}"#)
}

impl Transport for Fake {
    async fn send(&self, request: Outgoing) -> Sent {
        // Another connection sees only what is committed.
        let connection = rusqlite::Connection::open(&self.db).unwrap();
        let open: i64 = connection
            .query_row(
                "SELECT count(*) FROM attempts a JOIN writes w ON w.id = a.write_id
                 WHERE w.key = ? AND a.ended_at IS NULL AND w.state = 'replaying'",
                [&request.key],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(open, 1, "{} left without its intent on disk", request.key);
        self.keys.lock().unwrap().push(request.key);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| answer(200, "{}"))
    }
}

struct Bench {
    store: Arc<dyn Store>,
    options: RunOptions,
    stop: CancellationToken,
}

impl Bench {
    fn new(world: &World) -> Self {
        let store = world.open();
        let target = TargetSettings { backoff: Duration::from_micros(10), ..TargetSettings::new("default") };
        let options = RunOptions {
            target,
            base_url: BaseUrl::parse("http://127.0.0.1:9/v1").unwrap(),
            allowed: Vec::new(),
            pace: PaceSettings { rate: None, concurrency: 4 },
            canaries: 0,
            max_attempts: 3,
            max_failures: 20,
            new_key: false,
            alongside: false,
            operator: current_operator(Some("tester")),
            reason: None,
            selection: Selection::of_words(""),
            filter: Filter::default(),
            last_id: WriteId(i64::MAX),
            scrubber: Scrubber::default(),
        };
        Self { store, options, stop: CancellationToken::new() }
    }

    fn plan(&self) -> Plan {
        let data = self.store.plan_data(&Filter::default(), None, windows()).wait().unwrap();
        let (window, length) = (Duration::from_hours(24), Duration::ZERO);
        let terms = PlanTerms {
            allowed: &[],
            window,
            key_moved_at: None,
            new_key: self.options.new_key,
            length,
            clock: data.clock,
        };
        build_plan(data.candidates, &data.mates, &terms)
    }

    fn run(&self, plan: Plan, fake: &Fake) -> (RunReport, Vec<RunEvent>) {
        let (events, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let abort = CancellationToken::new();
        let report = runtime.block_on(async {
            let begun = Replay::begin(
                Arc::clone(&self.store),
                fake.clone(),
                self.options.clone(),
                plan,
                events,
                self.stop.clone(),
                abort,
            );
            begun.await.unwrap().run().await
        });
        let mut all = Vec::new();
        while let Ok(event) = receiver.try_recv() {
            all.push(event);
        }
        (report, all)
    }
}

fn gone() -> Sent {
    Sent::NoAnswer(Lost::new(Phase::Wait, "gone"))
}

fn tally(report: &RunReport) -> Vec<(Outcome, u64)> {
    Outcome::ALL.iter().map(|&o| (o, report.tally.get(o))).filter(|(_, n)| *n > 0).collect()
}

#[test]
fn promise_2_a_write_that_changed_since_the_plan_is_skipped() {
    let world = World::new();
    world.ingest(&[order(1), order(2), profile(3, "a@x.org"), profile(4, "a@x.org")]);
    let bench = Bench::new(&world);
    let plan = bench.plan();
    let settle = |id, how| {
        let done = bench.store.settle(vec![WriteId(id)], how, By::new(&bench.options.operator).because(Some("r")));
        assert_eq!(done.wait().unwrap().done.len(), 1);
    };
    settle(1, Settling::Discard);
    settle(3, Settling::Applied);
    let fake = Fake::new(&world, vec![]);
    let (report, _) = bench.run(plan, &fake);
    assert_eq!(tally(&report), [(Outcome::Accepted, 2), (Outcome::Skipped, 2)]);
    assert_eq!(report.exit_code(), ExitCode::Ok, "skipped changes nothing");
    assert_eq!(fake.keys().len(), 2, "what was settled is not sent; its lane goes on");
}

#[test]
fn promise_3_every_request_has_its_intent_on_disk_first() {
    let world = World::new();
    world.ingest(&(0..50).map(order).collect::<Vec<_>>());
    let mut bench = Bench::new(&world);
    // One after the other, so that the script meets the same writes every time.
    bench.options.pace.concurrency = 1;
    let script = vec![
        answer(503, "busy"),
        gone(),
        Sent::NotSent(Lost::new(Phase::Connect, "no route")),
        refused(),
        answer(200, "<html>"),
    ];
    let fake = Fake::new(&world, script);
    let (report, _) = bench.run(bench.plan(), &fake);
    // Each request was checked as it left. The first three are for one write, which may have been applied.
    assert_eq!(tally(&report), [(Outcome::Accepted, 47), (Outcome::Failed, 2), (Outcome::Unknown, 1)]);
    assert_eq!(fake.keys().len(), 52);
    let attempts: i64 = world.writes().iter().map(|write| write.attempts).sum();
    assert_eq!(attempts, 52);
}

#[test]
fn a_failed_commit_sends_nothing() {
    let world = World::new();
    world.ingest(&(0..5).map(order).collect::<Vec<_>>());
    let bench = Bench::new(&world);
    let plan = bench.plan();
    // The disk is full from here on: no intent can be committed.
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT RAISE (ABORT, 'disk full'); END")
        .unwrap();
    let fake = Fake::new(&world, vec![]);
    let (report, _) = bench.run(plan, &fake);
    assert!(report.error.as_deref().unwrap().contains("disk full"), "{report:?}");
    assert_eq!((report.exit_code(), report.tally.planned()), (ExitCode::Error, 5));
    assert!(fake.keys().is_empty());
    drop(bench);
    connection.execute_batch("DROP TRIGGER full").unwrap();
    assert!(world.states().iter().all(|state| *state == State::Pending), "{:?}", world.states());
}

#[test]
fn concurrency_is_bounded_and_used() {
    let world = World::new();
    world.ingest(&(0..200).map(order).collect::<Vec<_>>());
    let bench = Bench::new(&world);
    let fake = Fake::new(&world, vec![]);
    let (report, _) = bench.run(bench.plan(), &fake);
    assert_eq!(report.tally.get(Outcome::Accepted), 200);
    let most = fake.most_at_once.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most}");
}

#[test]
fn ambiguity_lasts_until_it_is_settled() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    // A 503, then a definite refusal: the first may still have been applied.
    let fake = Fake::new(&world, vec![answer(503, ""), refused()]);
    let (report, events) = bench.run(bench.plan(), &fake);
    assert_eq!(tally(&report), [(Outcome::Failed, 1)]);
    assert!(events.iter().any(|e| matches!(e, RunEvent::Retry { attempt: 1, .. })));
    let write = &world.writes()[0];
    assert_eq!(write.standing.state(), State::Pending);
    assert!(write.standing.ambiguous_since.is_some());
    assert_eq!(write.failure.message.as_deref(), Some("record.x: no"), "the last answer that judged its data");
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![]));
    assert_eq!(tally(&report), [(Outcome::Accepted, 1)]);
    assert_eq!(world.writes()[0].standing.ambiguous_since, None);
}

#[test]
fn no_answer_to_the_last_attempt_is_unknown() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    let fake = Fake::new(&world, vec![gone(); 3]);
    let (report, _) = bench.run(bench.plan(), &fake);
    assert_eq!((tally(&report), report.exit_code()), (vec![(Outcome::Unknown, 1)], ExitCode::SomeFailed));
    assert_eq!(world.states(), [State::Unknown]);
}

#[test]
fn a_fenced_run_sends_nothing_more() {
    let world = World::new();
    world.ingest(&(0..3).map(order).collect::<Vec<_>>());
    let bench = Bench::new(&world);
    let plan = bench.plan();
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    // Someone declares the run dead as soon as it has begun.
    connection
        .execute_batch(
            "CREATE TRIGGER fence AFTER INSERT ON run_items WHEN NEW.seq = 3
             BEGIN UPDATE runs SET state = 'died' WHERE id = NEW.run_id; END",
        )
        .unwrap();
    let fake = Fake::new(&world, vec![]);
    let (report, _) = bench.run(plan, &fake);
    assert!(report.error.as_deref().unwrap().contains("lost its claims"));
    assert_eq!((report.exit_code(), tally(&report)), (ExitCode::Error, vec![(Outcome::Unsent, 3)]));
    assert!(fake.keys().is_empty());
}

#[test]
fn unknown_is_never_told_as_failed() {
    // No answer, then the server is gone: what the first request did is not known.
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    let mut bench = Bench::new(&world);
    bench.options.pace.concurrency = 1;
    let not_sent = || Sent::NotSent(Lost::new(Phase::Connect, "refused"));
    let script = vec![gone(), not_sent(), not_sent(), gone(), refused()];
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, script));
    assert_eq!(tally(&report), [(Outcome::Unknown, 2)]);
    assert_eq!(world.states(), [State::Unknown, State::Unknown]);
    let run = &world.open().runs(1).wait().unwrap()[0];
    assert_eq!((run.tally.get(Outcome::Unknown), run.tally.get(Outcome::Failed)), (2, 0));
}

#[test]
fn promise_7_a_write_that_came_in_before_its_lane_mate_is_not_overtaken() {
    let world = World::new();
    world.ingest(&[profile(5, "a@x.org")]);
    let bench = Bench::new(&world);
    let plan = bench.plan();
    world.ingest(&[profile(4, "a@x.org")]);
    let fake = Fake::new(&world, vec![]);
    let (report, events) = bench.run(plan, &fake);
    assert_eq!(tally(&report), [(Outcome::Refused, 1)]);
    assert!(
        events.iter().any(|e| matches!(e, RunEvent::Ended(w) if w.reason == Some(Reason::Hazard(Hazard::LaneBlocked))))
    );
    assert!(fake.keys().is_empty());
    let (report, _) = bench.run(bench.plan(), &fake);
    assert_eq!(tally(&report), [(Outcome::Accepted, 2)]);
    assert_eq!(fake.keys(), ["profile-4", "profile-5"]);
}

#[test]
fn a_page_without_the_envelope_judges_nothing() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    bench.run(bench.plan(), &Fake::new(&world, vec![answer(404, "<html>no such host</html>")]));
    let write = &world.writes()[0];
    assert_eq!((write.failure.failure_type.name(), write.failure.status), ("schema", Some(422)));
    assert!(write.standing.ambiguous_since.is_some());
}

#[test]
fn promise_9_a_429_holds_the_target_for_as_long_as_it_asks() {
    let world = World::new();
    world.ingest(&(0..6).map(order).collect::<Vec<_>>());
    let mut bench = Bench::new(&world);
    bench.options.max_attempts = 1;
    bench.options.pace.concurrency = 1;
    let body = r#"{"success":false,"error":{"code":"CDP_ETL.RATE_LIMITED","message":"m"}}"#;
    let limited = Sent::Answered(Answer {
        status: 429,
        retry_after: Some("0.3".to_owned()),
        body: body.as_bytes().to_vec(),
        extent: Extent::Whole,
        ..Answer::default()
    });
    let began = std::time::Instant::now();
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![limited]));
    assert_eq!(tally(&report), [(Outcome::Accepted, 5), (Outcome::Failed, 1)]);
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
}

#[test]
fn one_damaged_body_does_not_stop_the_others() {
    let world = World::new();
    world.ingest(&[order(1), order(2)]);
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    connection
        .execute_batch("DROP TRIGGER revision_0_never_changes; UPDATE revisions SET body = x'00' WHERE write_id = 1")
        .unwrap();
    let bench = Bench::new(&world);
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![]));
    assert_eq!(tally(&report), [(Outcome::Accepted, 1), (Outcome::Skipped, 1)]);
    let found = world.open().check().wait().unwrap();
    let wrong: Vec<_> = found.iter().filter(|finding| finding.severity == Severity::Fail).collect();
    assert!(wrong.len() == 1 && wrong[0].detail.contains("were changed on disk: 1"), "{wrong:?}");
}

#[test]
fn a_stop_that_comes_after_the_last_write_stops_nothing() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    let stop = bench.stop.clone();
    let fake = Fake::new(&world, vec![]);
    let plan = bench.plan();
    // Raised while the only request is in flight.
    let keys = Arc::clone(&fake.keys);
    let raiser = std::thread::spawn(move || {
        while keys.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        stop.cancel();
    });
    let (report, _) = bench.run(plan, &fake);
    raiser.join().unwrap();
    assert_eq!((tally(&report), report.exit_code()), (vec![(Outcome::Accepted, 1)], ExitCode::Ok));
}

#[test]
fn an_answer_to_a_write_that_was_unknown_is_told_as_what_it_was() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    bench.run(bench.plan(), &Fake::new(&world, vec![gone(); 3]));
    assert_eq!(world.states(), [State::Unknown]);
    // This run's own request was answered: it failed, and the write stays unknown.
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![refused()]));
    assert_eq!(tally(&report), [(Outcome::Failed, 1)]);
    assert_eq!(world.states(), [State::Unknown]);
}
