//! The engine through the library, with a transport that can look at the file while a request is on its way.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dlq::config::current_operator;
use dlq::domain::action::Settling;
use dlq::domain::answer::Extent;
use dlq::domain::endpoint::BaseUrl;
use dlq::domain::evidence::{Lost, Phase};
use dlq::domain::filter::Filter;
use dlq::domain::hazard::Hazard;
use dlq::domain::ids::WriteId;
use dlq::domain::outcome::Outcome;
use dlq::domain::plan::Plan;
use dlq::domain::reason::Reason;
use dlq::domain::selection::Selection;
use dlq::domain::target::{TargetSettings, Windows};
use dlq::replay::{
    Answer, Event, ExitCode, Outgoing, PaceSettings, PlanTerms, Replay, Report, RunOptions, Sent, Transport, build_plan,
};
use dlq::store::{self, By, OpenOptions, Store};
use tokio_util::sync::CancellationToken;

use crate::world::{World, order, profile};

/// Answers from a script, and checks at every request that its intent is on disk.
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
        let store = store::open(&world.db(), OpenOptions::default()).unwrap();
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
            scrubber: dlq::domain::secrets::Scrubber::default(),
        };
        Self { store, options, stop: CancellationToken::new() }
    }

    fn plan(&self) -> Plan {
        let data =
            self.store.plan_data(&Filter::default(), None, Windows::new([], Duration::from_hours(24))).wait().unwrap();
        let (window, length) = (Duration::from_hours(24), Duration::ZERO);
        let terms = PlanTerms { allowed: &[], window, new_key: self.options.new_key, length, clock: data.clock };
        build_plan(data.candidates, &data.mates, &terms)
    }

    fn run(&self, plan: Plan, fake: &Fake) -> (Report, Vec<Event>) {
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

fn tally(report: &Report) -> Vec<(Outcome, u64)> {
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
    let attempts: i64 = world.writes().iter().map(|w| w["attempts"].as_i64().unwrap()).sum();
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
    assert!(report.error.as_deref().unwrap().contains("disk full"));
    assert_eq!((report.exit_code(), report.tally.planned()), (ExitCode::Error, 5));
    assert!(fake.keys().is_empty());
    drop(bench);
    connection.execute_batch("DROP TRIGGER full").unwrap();
    assert!(world.states().iter().all(|s| s == "pending"), "{:?}", world.states());
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
    assert!(events.iter().any(|e| matches!(e, Event::Retry { attempt: 1, .. })));
    let write = &world.writes()[0];
    assert_eq!(write["state"], "pending");
    assert!(write["ambiguous_since"].is_string());
    assert_eq!(write["error_message"], "record.x: no", "the last answer that judged its data");
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![]));
    assert_eq!(tally(&report), [(Outcome::Accepted, 1)]);
    assert!(world.writes()[0]["ambiguous_since"].is_null());
}

#[test]
fn no_answer_to_the_last_attempt_is_unknown() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    let fake = Fake::new(&world, vec![gone(); 3]);
    let (report, _) = bench.run(bench.plan(), &fake);
    assert_eq!((tally(&report), report.exit_code()), (vec![(Outcome::Unknown, 1)], ExitCode::SomeFailed));
    assert_eq!(world.states(), ["unknown"]);
}

#[test]
fn a_fenced_run_sends_nothing_more() {
    let world = World::new();
    world.ingest(&(0..3).map(order).collect::<Vec<_>>());
    let bench = Bench::new(&world);
    let plan = bench.plan();
    let connection = rusqlite::Connection::open(world.db()).unwrap();
    // Someone takes the run for dead as soon as it has begun.
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
    assert_eq!(world.states(), ["unknown", "unknown"]);
    let run = &world.json(&["runs", "--json"])[0];
    assert_eq!((&run["unknown"], &run["failed"]), (&2.into(), &0.into()));
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
        events.iter().any(|e| matches!(e, Event::Ended(w) if w.reason == Some(Reason::Hazard(Hazard::LaneBlocked))))
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
    assert_eq!((&write["failure_type"], &write["status"]), (&"schema".into(), &422.into()));
    assert!(write["ambiguous_since"].is_string());
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
    let doctor = world.run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains("were changed on disk: 1"), "{}", doctor.out);
}

#[test]
fn a_stop_that_comes_after_the_last_write_stops_nothing() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let bench = Bench::new(&world);
    let stop = bench.stop.clone();
    let fake = Fake::new(&world, vec![]);
    let plan = bench.plan();
    // Raised while the only request is on its way.
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
    assert_eq!(world.states(), ["unknown"]);
    // This run's own request was answered: it failed, and the write is what it was.
    let (report, _) = bench.run(bench.plan(), &Fake::new(&world, vec![refused()]));
    assert_eq!(tally(&report), [(Outcome::Failed, 1)]);
    assert_eq!(world.states(), ["unknown"]);
}
