//! Values for the tests: a day of failures.

use std::time::Duration;

use crate::domain::action::LogEntry;
use crate::domain::action::{Action, Settling};
use crate::domain::arrivals::{Arrivals, Span, hour_of};
use crate::domain::attempt::{Attempt, AttemptEnd};
use crate::domain::body::BodyOrigin;
use crate::domain::endpoint::{BaseUrl, EndpointOrigin, EndpointPath};
use crate::domain::evidence::CapturedFailure;
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::group::Group;
use crate::domain::hazard::Hazard;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, RunId, TargetId, WriteId};
use crate::domain::key::{IdempotencyKey, KeyOrigin, KeyWindows};
use crate::domain::lane::Turn;
use crate::domain::outcome::{AttemptOutcome, Outcome, Tally};
use crate::domain::plan::{Plan, PlannedWrite};
use crate::domain::profile::Operated;
use crate::domain::reason::Reason;
use crate::domain::report::{About, ActionTally, CauseGroup, Report, RunCause};
use crate::domain::revision::Revision;
use crate::domain::run::{Operator, Run, RunState};
use crate::domain::state::{Standing, State};
use crate::domain::stop::{Blame, Stop, Stops};
use crate::domain::target::{AuthHeader, KnownTarget, TargetSettings};
use crate::domain::time::Timestamp;
use crate::domain::write::{FailedWrite, WriteView};
use crate::replay::{PaceSettings, Prepared, SendOptions};
use crate::store::{Count, HistoryEntry};
use crate::tui::msg::{Detail, HeaderData};

/// Returns a pending write.
pub fn write_view(id: i64) -> WriteView {
    let at = now().minus(Duration::from_secs(u64::try_from(40_000 - id * 30).unwrap_or(5)));
    let failure_type = FailureType::ALL[usize::try_from(id % 4).unwrap_or(0)];
    let (status, code, message) = match failure_type {
        FailureType::Transient => (503, "CDP_ETL.UPSTREAM.UNAVAILABLE", "the service is overloaded"),
        FailureType::Schema => (422, CODE_SCHEMA, "record.loyalty_tier: field does not exist in object schema"),
        FailureType::BadData => (400, "CDP_ETL.VALIDATION.REQUEST_INVALID", "record.email: invalid email format"),
        FailureType::Auth => (401, "CDP_ETL.AUTH.TOKEN_EXPIRED", "the token has expired"),
    };
    let write = FailedWrite {
        id: WriteId(id),
        target_id: TargetId(1),
        target: "default".to_owned(),
        standing: Standing::new((failure_type == FailureType::Transient).then_some(at)),
        method: "POST".to_owned(),
        path: EndpointPath::from_stored("records/profiles/upsert".to_owned()),
        endpoint_origin: EndpointOrigin::Given,
        headers: Vec::new(),
        key: IdempotencyKey::from_stored(format!("evt_{id}")),
        parent_key: None,
        key_origin: KeyOrigin::Given,
        failure: Failure {
            failure_type,
            status: Some(status),
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            details: None,
            correlation_id: Some(format!("cid-{id}")),
        },
        group: GroupId(1 + id % 4),
        captured_ambiguous: false,
        first_attempt_at: None,
        failed_at: Some(at),
        captured_at: at,
        turn: Turn { at, arrival: WriteId(id), id: WriteId(id) },
        occurrences: 1,
        attempts: 0,
        revision: 0,
        edited_at: None,
        body_sha256: Sha::of(b"{}"),
        body_origin: BodyOrigin::Captured,
        operated: Operated::by_path(&EndpointPath::from_stored("records/profiles/upsert".to_owned())),
        profile: None,
        lane: None,
        run: None,
        key_reused: false,
        key_moved_at: None,
        superseded_by: None,
        blocked_by: None,
        parent: None,
        parts: None,
        source: None,
        settled_at: None,
    };
    let hazards = if failure_type == FailureType::Transient { vec![Hazard::OutcomeUnknown] } else { Vec::new() };
    WriteView {
        write,
        hazards,
        body: Some(BODY.to_vec().into()),
        window_ends: None,
        lanes: 0,
        name: Some(format!("person-{id}@example.org")),
    }
}

pub const CODE_SCHEMA: &str = "CDP_ETL.VALIDATION.REQUEST_SCHEMA";
const BODY: &[u8] =
    br#"{"record":{"email":"ana@example.org","loyalty_tier":"gold","tags":["vip","store"]},"matchKey":"email"}"#;

/// Returns the time at which the tests take place.
pub fn now() -> Timestamp {
    Timestamp::parse("2026-03-02T08:30:00Z").unwrap()
}

/// Returns everything about a write.
pub fn detail(id: i64) -> Detail {
    let view = write_view(id);
    let attempt = Attempt {
        n: 1,
        run: RunId(7),
        started_at: now().minus(Duration::from_mins(20)),
        ended_at: Some(now().minus(Duration::from_mins(20))),
        status: Some(422),
        error_code: Some(CODE_SCHEMA.to_owned()),
        error_message: Some("record.loyalty_tier: field does not exist in object schema".to_owned()),
        correlation_id: Some("5b0c-77".to_owned()),
        outcome: Some(AttemptOutcome::Refused),
        cached: false,
        latency_ms: Some(41),
        revision: 0,
        rejected: Vec::new(),
        answer: None,
        transport: None,
    };
    let operator = Operator { name: "ana".to_owned(), uid: 1000, host: "ops1".to_owned() };
    let edit = LogEntry {
        at: now().minus(Duration::from_mins(9)),
        operator,
        action: Action::Edit { from: 0, to: 1 },
        reason: Some("the tier is not ours to send".to_owned()),
    };
    let revision = |number, body: &[u8], operator: Option<&str>| Revision {
        number,
        body: Some(body.to_vec()),
        made_at: operator.map(|_| now().minus(Duration::from_mins(9))),
        operator: operator.map(str::to_owned),
        reason: operator.map(|_| "the tier is not ours to send".to_owned()),
    };
    let edited = br#"{"record":{"email":"ana@example.org","tags":["vip","store"]},"matchKey":"email"}"#;
    Detail {
        captured: CapturedFailure::Current,
        attempts: vec![attempt.clone()],
        history: vec![HistoryEntry::Attempt(attempt), HistoryEntry::Action(edit)],
        neighbours: Vec::new(),
        revisions: vec![revision(0, BODY, None), revision(1, edited, Some("ana"))],
        evidence: None,
        window: Duration::from_hours(24),
        auth: Some(AuthHeader::default()),
        profile: crate::domain::profile::built_in(),
        key_header: Some("idempotency-key".to_owned()),
        static_headers: vec![("x-region".to_owned(), "eu".to_owned())],
        base_url: Some("https://api.example.org/v1".to_owned()),
        view,
    }
}

/// Returns the summary for the header.
pub fn overview() -> HeaderData {
    let count = |key: &str, by_state| Count { key: key.to_owned(), by_state };
    let hour = hour_of(now());
    let arrivals = (0..24).flat_map(|back| {
        let n = [40, 90, 160, 130, 20, 5, 0, 0, 0, 2, 3, 9, 30, 12, 4, 0, 0, 1, 1, 0, 2, 6, 3, 1][back];
        FailureType::ALL.into_iter().enumerate().map(move |(at, failure_type)| Arrivals {
            bar: 23 - back,
            group: GroupId(1 + at.cast_signed() as i64),
            failure_type,
            count: n * [2, 6, 1, 0][at] / 9,
        })
    });
    HeaderData {
        counts: vec![
            count("schema", [312, 0, 0, 80, 2, 1]),
            count("bad_data", [41, 0, 0, 0, 0, 12]),
            count("transient", [88, 4, 2, 1290, 0, 0]),
        ],
        span: Some(Span::day(hour)),
        arrivals: arrivals.filter(|a| a.count > 0).collect(),
        targets: vec![KnownTarget {
            id: TargetId(1),
            name: "production".to_owned(),
            base_url: BaseUrl::parse("https://api.example.org/v1").ok(),
            key_header: None,
            open: 447,
            count: 1832,
        }],
        parkings: Vec::new(),
        windows: KeyWindows { first_ends: Some((WriteId(16), now().plus(Duration::from_mins(95)))), ended: 0 },
        fields: vec!["email".to_owned(), "loyalty_tier".to_owned()],
        last_id: Some(WriteId(9999)),
    }
}

/// Returns groups of every failure type.
pub fn groups() -> Vec<Group> {
    let one = |id, failure_type, code: &str, message: &str, open, minutes| Group {
        id: GroupId(id),
        target: "production".to_owned(),
        object: "profiles".to_owned(),
        failure_type,
        error_code: Some(code.to_owned()),
        message: message.to_owned(),
        count: open + 80,
        open,
        first_seen: now().minus(Duration::from_hours(9)),
        last_seen: now().minus(Duration::from_mins(minutes)),
        last_replayed: (id == 1).then(|| now().minus(Duration::from_hours(2))),
        example_id: None,
        note: None,
        parked: None,
    };
    vec![
        one(2, FailureType::Schema, CODE_SCHEMA, "record.loyalty_tier: field does not exist in object schema", 312, 1),
        one(1, FailureType::Transient, "CDP_ETL.UPSTREAM.UNAVAILABLE", "the service is overloaded", 94, 3),
        one(
            3,
            FailureType::BadData,
            "CDP_ETL.VALIDATION.REQUEST_INVALID",
            "record.email: invalid email format",
            41,
            17,
        ),
        one(4, FailureType::Auth, "CDP_ETL.AUTH.TOKEN_EXPIRED", "the token has expired", 0, 480),
    ]
}

/// Returns a plan with this many writes to send, and this many refused unless the hazard is allowed.
pub fn prepared(send: usize, refused: usize, allowed: Vec<Hazard>) -> Prepared {
    let planned = |id: usize, hazards: Vec<Hazard>| PlannedWrite {
        id: WriteId(id.cast_signed() as i64),
        group: GroupId(1),
        endpoint: "records/profiles/upsert".into(),
        content: Sha::of(b""),
        lanes: Vec::new(),
        hazards,
        window_ends: None,
        settled: false,
    };
    let is_allowed = allowed.contains(&Hazard::KeyExpired);
    let expired = || vec![Hazard::KeyExpired, Hazard::OutcomeUnknown];
    let mut plan = Plan::default();
    plan.send.extend((1..=send).map(|id| planned(id, Vec::new())));
    for id in send + 1..=send + refused {
        if is_allowed {
            plan.send.push(planned(id, expired()));
        } else {
            plan.refused.push((planned(id, expired()), Hazard::KeyExpired));
        }
    }
    let target = TargetSettings::new("production");
    Prepared {
        options: SendOptions { target, base_url: None, pace: PaceSettings::default(), allowed, new_key: false },
        plan,
        base_url: BaseUrl::parse("https://api.example.org/v1").ok(),
        last_id: WriteId(9999),
        length: Duration::from_secs(12),
        closed: Duration::ZERO,
        latency: Some(Duration::from_millis(41)),
        damaged: Vec::new(),
        clock: crate::domain::clock::Clock::default(),
    }
}

/// Returns a run that is over, in this state.
pub fn run(id: i64, state: RunState) -> Run {
    let mut tally = Tally::default();
    tally.add(Outcome::Accepted, 80);
    if state == RunState::Stopped {
        tally.add(Outcome::Failed, 1);
        tally.add(Outcome::Unsent, 231);
    }
    Run {
        id: RunId(id),
        state,
        target: "production".to_owned(),
        operator: Operator { name: "ana".to_owned(), uid: 1000, host: "ops1".to_owned() },
        reason: Some("loyalty_tier added".to_owned()),
        query: "type:schema".to_owned(),
        started_at: now().minus(Duration::from_hours(2)),
        ended_at: Some(now().minus(Duration::from_mins(119))),
        tally,
        new_since_plan: 0,
        stopped: if state == RunState::Stopped { canary_failed() } else { Stops::default() },
        wanted: None,
    }
}

/// Returns the end of an attempt that the API refused.
pub fn refused(status: u16, code: &str) -> AttemptEnd {
    AttemptEnd {
        outcome: AttemptOutcome::Refused,
        failure: Some(Failure {
            failure_type: FailureType::Schema,
            status: Some(status),
            code: Some(code.to_owned()),
            message: None,
            details: None,
            correlation_id: None,
        }),
        status: Some(status),
        correlation_id: None,
        cached: false,
        answer: None,
        transport: None,
        rejected: Vec::new(),
        profile: None,
        latency_ms: 40,
        closes_target: None,
    }
}

fn canary_failed() -> Stops {
    let blame = Blame { write: Some(WriteId(1)), status: Some(422), ..Blame::default() };
    Stops::one(Stop::CanaryFailed { group: GroupId(1), blame })
}

/// Returns what the writes of a run came to.
pub fn causes() -> Vec<RunCause> {
    let cause = |outcome, reason, group: Option<(i64, &str)>, count, reasons, example| RunCause {
        outcome,
        reason,
        said: None,
        group: group.map(|(id, message)| CauseGroup {
            id: GroupId(id),
            code: Some("CDP_ETL.VALIDATION.REQUEST_INVALID".to_owned()),
            message: message.to_owned(),
        }),
        count,
        reasons,
        example: WriteId(example),
    };
    vec![
        cause(
            Outcome::Failed,
            Some(Reason::attempt(AttemptOutcome::Refused)),
            Some((7, "record.email: invalid email format")),
            30,
            1,
            812,
        ),
        cause(Outcome::Unsent, Some(Reason::GroupStopped(GroupId(2))), None, 996, 1, 5),
        cause(Outcome::Held, Some(Reason::LaneFailed(Some(WriteId(812)))), None, 12, 4, 813),
        cause(Outcome::Refused, Some(Reason::Hazard(Hazard::KeyExpired)), None, 3, 1, 2),
    ]
}

/// Returns the report on a shift with one run and one discard.
pub fn report(about: About) -> Report {
    let from = now().minus(Duration::from_hours(8));
    let settle = Action::Settle { how: Settling::Discard, from: State::Pending, to: State::Discarded };
    let did = ActionTally {
        action: settle,
        operator: "bea".to_owned(),
        reason: Some("test data".to_owned()),
        count: 12,
        writes: (3..15).map(WriteId).collect(),
        first: from,
        last: now().minus(Duration::from_hours(3)),
    };
    Report {
        about,
        from,
        to: now(),
        arrived: vec![(FailureType::Schema, 312)],
        runs: vec![(run(8, RunState::Stopped), Vec::new())],
        actions: vec![did],
        left: groups(),
        windows: KeyWindows::default(),
    }
}
