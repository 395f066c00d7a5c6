//! Edits: revisions alongside the captured body, which never changes.

use std::time::Duration;

use super::world::{World, answered, by, order};
use crate::domain::identity::Sha;
use crate::domain::ids::WriteId;
use crate::domain::outcome::AttemptOutcome;

const ONE: WriteId = WriteId(1);

pub(super) fn an_edit_is_a_revision_until_it_was_sent(world: &World) {
    world.ingest(&[order(1, Duration::from_hours(1))]);
    let (sha, edited) = (world.content(1), br#"{"record":{"order_id":"o-1"}}"#);
    assert_eq!(world.store.edit(ONE, sha, edited.to_vec(), by()).wait().unwrap(), 1);
    let late = world.store.edit(ONE, sha, b"{}".to_vec(), by()).wait().unwrap_err();
    assert_eq!(late.to_string(), "write 1 was not edited: its body was changed meanwhile");
    assert_eq!(world.store.undo_edit(ONE, 1, by()).wait().unwrap(), 0);
    assert_eq!(world.content(1), sha);
    assert_eq!(world.store.edit(ONE, sha, edited.to_vec(), by()).wait().unwrap(), 2);
    assert_eq!(world.content(1), Sha::of(edited));
    let revisions = world.store.revisions(ONE).wait().unwrap();
    assert_eq!(
        (revisions.len(), Sha::of(revisions[0].body.as_deref().unwrap())),
        (3, sha),
        "the captured one is first"
    );
    let lease = world.begin(&[1], false).unwrap();
    let attempt = world.claim(&lease, 1);
    world.record(attempt, answered(AttemptOutcome::Refused, Some(400), "no"));
    let sent = world.store.undo_edit(ONE, 2, by()).wait().unwrap_err().to_string();
    assert!(sent.contains("it was sent"), "{sent}");
}
