//! Values for the tests of this part.

use crate::domain::endpoint::{EndpointOrigin, EndpointPath};
use crate::domain::failure_type::FailureType;
use crate::domain::identity::Sha;
use crate::domain::ids::{GroupId, TargetId, WriteId};
use crate::domain::key::{IdempotencyKey, KeyOrigin};
use crate::domain::lane::Turn;
use crate::domain::state::Standing;
use crate::domain::time::Timestamp;
use crate::domain::write::{BodyOrigin, FailedWrite, Failure, WriteView};

/// A pending write.
pub fn write_view(id: i64) -> WriteView {
    let at = Timestamp::from_millis(1_767_225_600_000 + id * 1000);
    let write = FailedWrite {
        id: WriteId(id),
        target_id: TargetId(1),
        target: "default".to_owned(),
        standing: Standing::new(None),
        method: "POST".to_owned(),
        path: EndpointPath::from_stored("records/profiles/upsert".to_owned()),
        endpoint_origin: EndpointOrigin::Given,
        headers: Vec::new(),
        key: IdempotencyKey::from_stored(format!("evt_{id}")),
        parent_key: None,
        key_origin: KeyOrigin::Given,
        failure: Failure {
            failure_type: FailureType::Schema,
            status: Some(422),
            code: Some("CDP_ETL.VALIDATION.REQUEST_SCHEMA".to_owned()),
            message: Some("record.tier: field does not exist in object schema".to_owned()),
            details: None,
            correlation_id: Some(format!("cid-{id}")),
        },
        group: GroupId(1),
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
        body_len: 2,
        body_origin: BodyOrigin::Captured,
        lane: None,
        run: None,
        key_reused: false,
        superseded: false,
        lane_blocked: false,
        parent: None,
        parts: None,
        source: None,
        settled_at: None,
    };
    WriteView { write, hazards: Vec::new(), body: Some(b"{}".to_vec()) }
}
