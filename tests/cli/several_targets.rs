//! A selection over several targets: a run for each, and nothing sent unless all of them can be.

use std::process::Stdio;
use std::time::Duration;

use dlq::sandbox::{Faults, Settings};
use serde_json::{Value, json};

use crate::world::{Ran, World, order, wait_until};

/// A world whose file has writes for two targets, which are one API.
fn world(settings: Settings, more: &str) -> World {
    let world = World::with_api(settings);
    let target = |name: &str| {
        format!(
            "[targets.{name}]\nbase_url = '{}'\ntoken_env = 'EXPERITURE_API_KEY'\nbackoff = '5ms'\n{}",
            world.api().base_url(),
            if name == "west" { more } else { "" }
        )
    };
    world.file("config.toml", format!("{}{}", target("east"), target("west")));
    let lines: Vec<Value> = (1..=6).map(|n| with_target(order(n), if n % 2 == 0 { "west" } else { "east" })).collect();
    world.ingest(&lines);
    world
}

fn with_target(mut line: Value, target: &str) -> Value {
    line["target"] = target.into();
    line
}

fn replay(world: &World, args: &[&str]) -> Ran {
    let all: Vec<&str> = ["replay", "--yes", "--json"].iter().chain(args).copied().collect();
    world.run(&all)
}

fn summaries(ran: &Ran) -> Vec<Value> {
    ran.lines().iter().filter_map(|line| line.get("summary").cloned()).collect()
}

#[test]
fn each_target_has_a_run_of_its_own() {
    let world = world(Settings::default(), "");
    let dry = replay(&world, &["--all", "--dry-run"]);
    assert_eq!((dry.code, summaries(&dry).len()), (0, 2), "{dry:?}");
    let ran = replay(&world, &["--all", "--limit", "3"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let planned: Vec<Value> = summaries(&ran).iter().map(|summary| summary["planned"].clone()).collect();
    assert_eq!(planned, [2, 1], "the three oldest of all");
    assert_eq!(replay(&world, &["--all", "--target", "west"]).code, 0, "one of them alone");
    assert_eq!(replay(&world, &["--all"]).code, 0);
    assert_eq!(world.states(), ["replayed"; 6]);
    let runs = world.json(&["runs", "--json"]);
    let targets: Vec<&str> = runs.iter().rev().map(|run| run["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["east", "west", "west", "east"]);
    assert_eq!(runs[3]["query"], "--target east --all --limit 3");
}

#[test]
fn nothing_is_sent_unless_every_target_can_be_sent_to() {
    for (more, want) in [("confirm = true", "west has to be confirmed"), ("token_env = 'NOT_SET'", "NOT_SET")] {
        let world = if more.starts_with("token") {
            let world = self::world(Settings::default(), "");
            let text = std::fs::read_to_string(world.path("config.toml")).unwrap();
            let at = text.rfind("EXPERITURE_API_KEY").unwrap();
            world.file("config.toml", format!("{}NOT_SET{}", &text[..at], &text[at + 18..]));
            world
        } else {
            self::world(Settings::default(), more)
        };
        let ran = replay(&world, &["--all"]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(want), "{}", ran.err);
        assert_eq!(world.states(), ["pending"; 6]);
        assert!(world.api().world().ledger.seen.is_empty());
    }
}

#[test]
fn a_target_that_another_run_holds_is_named_and_the_others_go_on() {
    let faults = Faults { delayed: 1000, delay: Duration::from_millis(1500), ..Faults::default() };
    let world = world(Settings { faults, ..Settings::default() }, "");
    let mut first = world
        .command(&["replay", "id:1", "--target", "east", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| !world.api().world().ledger.seen.is_empty());
    world.api().world().settings.faults = Faults::default();
    let ran = replay(&world, &["id:2..6"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.err.contains("is replaying to target east"), "{}", ran.err);
    assert_eq!(summaries(&ran).len(), 1);
    first.wait().unwrap();
    let states: Vec<Value> = world.writes().iter().map(|write| json!([write["target"], write["state"]])).collect();
    assert_eq!(states.iter().filter(|write| **write == json!(["west", "replayed"])).count(), 3, "{states:?}");
    assert_eq!(states.iter().filter(|write| **write == json!(["east", "pending"])).count(), 2, "{states:?}");
}
