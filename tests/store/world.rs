//! A store under test, and shorthands for what the suite does to it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::kinds::Kind;
use crate::capture::{Binding, read_line};
use crate::domain::attempt::AttemptEnd;
use crate::domain::endpoint::BaseUrl;
use crate::domain::failure::Failure;
use crate::domain::failure_type::FailureType;
use crate::domain::filter::Filter;
use crate::domain::hazard::Hazard;
use crate::domain::identity::Sha;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::reason::Reason;
use crate::domain::rules::claim::{Step, Terms};
use crate::domain::rules::outcome::{Recorded, Then};
use crate::domain::run::Operator;
use crate::domain::selection::Selection;
use crate::domain::state::State;
use crate::domain::target::Windows;
use crate::domain::time::Timestamp;
use crate::domain::write::WriteView;
use crate::store::{
    Attempting, Bodies, By, Incoming, Ingested, Intent, LaneCache, Lease, NewRun, Order, PageRequest, Sort, Store,
    StoreError,
};

pub(super) const BASE: &str = "http://127.0.0.1:9/v1";
pub(super) const DAY: Duration = Duration::from_hours(24);

pub(super) struct World {
    pub(super) kind: Box<dyn Kind>,
    pub(super) store: Arc<dyn Store>,
    /// The IDs in the plan of each run, in order.
    plans: RefCell<BTreeMap<i64, Vec<i64>>>,
}

/// Creates an append that was definitely refused that long ago.
pub(super) fn order(n: u64, ago: Duration) -> Value {
    json!({
        "method": "POST", "path": "records/orders/append",
        "body": { "record": { "order_id": format!("o-{n}"), "total": n } },
        "status": 422, "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA",
        "error_message": "record.total: field does not exist in object schema",
        "correlation_id": format!("cid-{n}"), "idempotency_key": format!("key-{n}"),
        "failed_at": Timestamp::now().minus(ago).to_string(),
    })
}

/// Creates the same append, except that the API may have applied it.
pub(super) fn ambiguous(n: u64, ago: Duration) -> Value {
    let line = with(order(n, ago), "/status", 503.into());
    with(with(line, "/error_code", "CDP_ETL.UNAVAILABLE".into()), "/first_attempt_at", time(ago))
}

/// Creates an upsert of a person's profile; all upserts for one email share a lane.
pub(super) fn profile(n: u64, email: &str, ago: Duration) -> Value {
    json!({
        "path": "records/profiles/upsert",
        "body": { "record": { "email": email, "n": n }, "matchKey": "email" },
        "status": 422, "error_code": "CDP_ETL.VALIDATION.REQUEST_SCHEMA", "error_message": "record.n: not known",
        "idempotency_key": format!("profile-{n}"), "failed_at": Timestamp::now().minus(ago).to_string(),
    })
}

pub(super) fn time(ago: Duration) -> Value {
    Timestamp::now().minus(ago).to_string().into()
}

/// Returns the line with one field set to another value.
pub(super) fn with(mut line: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    line.pointer_mut(parent).unwrap()[name] = value;
    line
}

pub(super) fn prepared(line: &Value) -> Incoming {
    let binding = Binding {
        target: None,
        targets: BTreeMap::new(),
        endpoint: None,
        match_key: None,
        source: None,
        exports: None,
        is_mapped: false,
        scrubber: crate::domain::secrets::Scrubber::default(),
        // Far off any clock: the store has to set its own time.
        now: Timestamp::now().plus(Duration::from_hours(5)),
    };
    Incoming::new(read_line(line.to_string().as_bytes(), &binding).unwrap().failed().unwrap())
}

pub(super) fn windows() -> Windows {
    Windows::new([], DAY)
}

pub(super) fn terms() -> Terms {
    Terms { allowed: Vec::new(), window: DAY, rate: None, new_key: false, base_url: Arc::from(BASE) }
}

pub(super) fn operator() -> Operator {
    Operator { name: "ana".to_owned(), uid: 7, host: "h".to_owned() }
}

pub(super) fn by() -> By {
    By::new(&operator()).because(Some("a test"))
}

/// Creates the end of an attempt with an outcome, a status and a message.
pub(super) fn answered(outcome: AttemptOutcome, status: Option<u16>, message: &str) -> AttemptEnd {
    let failure = (outcome != AttemptOutcome::Accepted).then(|| Failure {
        failure_type: FailureType::BadData,
        status,
        code: Some("OTHER".to_owned()),
        message: Some(message.to_owned()),
        details: None,
        correlation_id: Some("cid-later".to_owned()),
    });
    AttemptEnd {
        outcome,
        failure,
        status,
        correlation_id: Some("cid-later".to_owned()),
        cached: false,
        answer: None,
        transport: None,
        rejected: Vec::new(),
        profile: None,
        latency_ms: 3,
        closes_target: None,
    }
}

impl World {
    pub(super) fn of(kind: Box<dyn Kind>) -> Self {
        let store = kind.open();
        Self { kind, store, plans: RefCell::default() }
    }

    pub(super) fn ingest(&self, lines: &[Value]) -> Ingested {
        Arc::clone(&self.store)
            .intake(&operator())
            .take(lines.iter().map(prepared).collect(), Vec::new())
            .wait()
            .unwrap()
    }

    pub(super) fn begin(&self, ids: &[i64], alongside: bool) -> Result<Arc<dyn Lease>, StoreError> {
        let send = ids.iter().map(|&id| (WriteId(id), self.content(id))).collect();
        let new = NewRun {
            target: "default".to_owned(),
            base_url: BaseUrl::parse(BASE).unwrap(),
            key_header: "idempotency-key".to_owned(),
            operator: operator(),
            reason: None,
            selection: Selection::of_words(""),
            options: "{}".to_owned(),
            alongside,
            send,
            refused: Vec::new(),
        };
        let lease = self.store.begin_run(new).wait()?;
        self.plans.borrow_mut().insert(lease.run().0, ids.to_vec());
        Ok(lease)
    }

    pub(super) fn view(&self, id: i64) -> WriteView {
        self.store.write_view(WriteId(id), windows()).wait().unwrap().unwrap()
    }

    pub(super) fn content(&self, id: i64) -> Sha {
        self.view(id).write.body_sha256
    }

    pub(super) fn state(&self, id: i64) -> State {
        self.store.state_of(WriteId(id)).wait().unwrap().unwrap()
    }

    pub(super) fn intend(&self, lease: &Arc<dyn Lease>, id: i64, step: Step) -> Result<Intent, StoreError> {
        self.store.intend(lease, WriteId(id), self.content(id), step, terms()).wait()
    }

    /// Claims a write and returns the attempt.
    pub(super) fn claim(&self, lease: &Arc<dyn Lease>, id: i64) -> Attempting {
        match self.intend(lease, id, Step::First).unwrap() {
            Intent::Go { n, at, .. } => self.attempting(lease.run(), id, n, at),
            other => panic!("write {id} was not claimed: {other:?}"),
        }
    }

    pub(super) fn attempting(&self, run: RunId, id: i64, n: i64, sent_at: Timestamp) -> Attempting {
        let seq = self.plans.borrow()[&run.0].iter().position(|&planned| planned == id).unwrap() + 1;
        Attempting { run, seq, write: WriteId(id), n, sent_at }
    }

    pub(super) fn record(&self, attempt: Attempting, end: AttemptEnd) -> Recorded {
        let outcome = match end.outcome {
            AttemptOutcome::Accepted => Outcome::Accepted,
            AttemptOutcome::NoAnswer => Outcome::Unknown,
            _ => Outcome::Failed,
        };
        let reason = (outcome != Outcome::Accepted).then(|| Reason::attempt(end.outcome));
        self.store.record_attempt(attempt, end, Then::Settle(outcome, reason)).wait().unwrap()
    }

    pub(super) fn accept(&self, lease: &Arc<dyn Lease>, id: i64) {
        let attempt = self.claim(lease, id);
        assert_eq!(self.record(attempt, answered(AttemptOutcome::Accepted, Some(200), "")).state, State::Replayed);
    }

    pub(super) fn hazards(&self, id: i64) -> Vec<Hazard> {
        self.view(id).hazards
    }

    /// Lists all matching IDs in an order, page by page; calls `between` between two pages.
    pub(super) fn list(&self, filter: &Filter, order: Order, limit: usize, mut between: impl FnMut()) -> Vec<i64> {
        let (lanes, mut after, mut ids) = (LaneCache::default(), None, Vec::new());
        loop {
            let request = PageRequest {
                filter: filter.clone(),
                order,
                after: after.take(),
                backward: false,
                limit,
                bodies: Bodies::None,
                lanes: lanes.clone(),
            };
            let page = self.store.page(request, windows()).wait().unwrap();
            ids.extend(page.writes.iter().map(|view| view.write.id.0));
            match page.next {
                Some(next) => after = Some(next),
                None => return ids,
            }
            between();
        }
    }

    pub(super) fn find(&self, query: &str) -> Vec<i64> {
        let fields = self.store.record_fields().wait().unwrap();
        let filter = crate::query::parse(query, &|name| fields.iter().any(|field| field == name)).unwrap();
        self.list(&filter, Order { sort: Sort::Id, descending: false }, 100, || {})
    }
}
