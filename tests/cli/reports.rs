//! `dlq report`: for the next shift and the post-mortem.

use dlq::sandbox::Settings;
use serde_json::json;

use crate::world::{World, order};

#[test]
fn a_report_tells_what_happened_by_whom_and_what_is_left() {
    let world = World::with_api(Settings::default());
    let mut bad = order(2);
    bad["body"]["record"]["secret_field"] = "4111-1111".into();
    bad["error_message"] = "record.secret_field: value '4111-1111' is wrong".into();
    let mut expired = order(3);
    expired["status"] = 503.into();
    expired["first_attempt_at"] = "2026-01-01T00:00:00Z".into();
    world.ingest(&[order(1), bad, expired, order(4)]);
    let ran = world.run(&["replay", "--all", "--yes", "--no-canary", "--operator", "ana", "--reason", "schema fixed"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    world.ok(&["discard", "id:2", "--reason", "given | up", "--operator", "ben"]);
    let told = world.ok(&["report", "--since", "8h"]);
    for part in [
        "# The last 8 h",
        "- Failures came in: 3 schema, 1 transient.",
        "Run 1 by ana on ",
        "because \"schema fixed\": finished, 2 replayed, 1 failed, 1 refused of 4",
        "  - 1 failed, now in group ",
        "; for example write 2, correlation ID sbx-",
        "  - 1 refused (key-expired), now in group 3 (CDP_ETL.VALIDATION.REQUEST_SCHEMA: record.total: field does not exist in object schema); for example write 3",
        "ben: discard (pending -> discarded), because \"given \\| up\".",
        "## What is left",
        "1 write open, by cause:",
        "1 key window has ended",
    ] {
        assert!(told.contains(part), "{part}\n---\n{told}");
    }
    assert!(!told.contains("4111"), "no values: {told}");
    let one = &world.json(&["report", "--run", "1", "--format", "json"])[0];
    assert_eq!((&one["runs"][0]["replayed"], &one["runs"][0]["operator"]), (&json!(2), &json!("ana")));
    assert_eq!(one["runs"][0]["not_through"][0]["count"], 1);
    assert_eq!(one["key_windows"]["ended"], 1);
    assert_eq!(world.run(&["report"]).code, 2);
    assert_eq!(world.run(&["report", "--run", "9"]).code, 1);
}
