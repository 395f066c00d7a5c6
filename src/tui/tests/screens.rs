//! Every screen, in every size and tier. Read the snapshots: they are what a tired person sees.

use std::time::Duration;

use super::{ASCII, DARK, PLAIN, Runner, values};
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::{AttemptOutcome, Outcome};
use crate::domain::parking::{Parked, Parking};
use crate::domain::reason::Reason;
use crate::domain::report::About;
use crate::domain::run::RunState;
use crate::domain::state::State;
use crate::replay::{RunEvent, WriteEnded};
use crate::tui::msg::{Closed, Edited, Msg, Question, Reading};
use crate::tui::theme::Theme;

fn check(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

fn ended(id: i64, outcome: Outcome) -> RunEvent {
    RunEvent::Ended(Box::new(WriteEnded {
        id: WriteId(id),
        outcome,
        reason: (outcome != Outcome::Accepted).then(|| Reason::attempt(AttemptOutcome::Refused)),
        key: "evt".to_owned(),
        state: Some(State::Replayed),
        last: (outcome != Outcome::Accepted).then(|| values::refused(422, values::CODE_SCHEMA)),
        attempts: 1,
        revision: 0,
    }))
}

/// Returns the groups of which one is noted and one is parked, all shown.
fn noted_and_parked(size: (u16, u16), theme: Theme) -> Runner {
    let mut runner = Runner::new(size, theme);
    let mut overview = values::overview();
    let mut groups = values::groups();
    groups[0].note = Some("the web team adds the field on monday; don't replay before".to_owned());
    groups[1].parked = Some(Parked::Until(runner.now.plus(Duration::from_hours(3))));
    overview.parkings = vec![Parking { parked: Parked::AtCount(9), count: 9 }];
    runner.give_overview(overview);
    runner.give_groups(groups);
    runner.keys("s s");
    runner
}

/// Returns the screen of a replay of 312 writes that is a third of the way through.
fn running(size: (u16, u16), theme: Theme) -> Runner {
    let mut runner = Runner::new(size, theme);
    runner.keys("r");
    runner.give_plan(312, 0);
    runner.keys("enter");
    runner.types("312");
    runner.keys("enter");
    runner.hear(Msg::Began(Ok(RunId(8))));
    runner.hear(Msg::Run(vec![RunEvent::Began(RunId(8)), ended(1, Outcome::Accepted)]));
    for n in 0..10 {
        runner.now = runner.now.plus(Duration::from_millis(300));
        let mut events: Vec<RunEvent> = (0..10).map(|k| ended(2 + n * 10 + k, Outcome::Accepted)).collect();
        if n == 7 {
            events.push(RunEvent::Retry {
                id: WriteId(80),
                attempt: 1,
                end: Box::new(values::refused(503, "UNAVAILABLE")),
                wait: Duration::from_secs(2),
            });
            events.push(ended(79, Outcome::Failed));
        }
        runner.hear(Msg::Run(events));
    }
    runner
}

/// Returns the list of runs, with the page of one where there is room for it.
fn runs(size: (u16, u16), theme: Theme) -> Runner {
    let mut runs = Runner::new(size, theme);
    runs.keys("tab tab");
    runs.give_runs(vec![values::run(8, RunState::Stopped), values::run(7, RunState::Finished)]);
    if size.1 >= 40 {
        runs.give_run(values::run(8, RunState::Stopped));
        runs.give_causes(values::causes());
    }
    runs
}

/// Returns all screens, each with its name.
fn screens(size: (u16, u16), theme: Theme) -> Vec<(&'static str, Runner)> {
    let mut all = Vec::new();
    all.push(("opening", Runner::starting(size, theme)));
    let mut missing = Runner::starting(size, theme);
    missing.hear(Msg::Opened(Err(Closed::Missing)));
    all.push(("no file", missing));
    let mut empty = Runner::starting(size, theme);
    empty.hear(Msg::Opened(Ok(())));
    empty.give_groups(Vec::new());
    all.push(("an empty file", empty));
    let mut groups = Runner::new(size, theme);
    if size.0 >= 160 {
        groups.give_page((1..=9).rev().map(|n| values::write_view(4 * n + 1)).collect(), true);
        groups.give_detail();
    }
    all.push(("groups", groups));
    all.push(("groups, noted and parked", noted_and_parked(size, theme)));
    let mut three = Runner::on_writes(size, theme, 3);
    if size.0 >= 120 {
        three.give_detail();
    }
    all.push(("three writes", three));
    let mut many = Runner::on_writes(size, theme, 0);
    many.effects.clear();
    many.keys("o O o O x");
    many.give_rows(881..=1000, true);
    many.give_count(1_000_000);
    many.keys("2 space space v j j v");
    many.give_rows(881..=1000, true);
    many.keys("space space v j j v");
    all.push(("thousands, some marked", many));
    let mut error = Runner::on_writes(size, theme, 3);
    error.keys("/");
    error.types("statte:pending");
    all.push(("a filter that can't be read", error));
    let mut completing = Runner::on_writes(size, theme, 3);
    completing.keys("/");
    completing.types("st");
    completing.keys("tab");
    all.push(("completion", completing));
    for (name, keys) in [
        ("cause", ""),
        ("request", "tab"),
        ("attempts", "tab tab"),
        ("changes", "tab tab tab"),
        ("history", "shift-tab"),
    ] {
        let mut detail = Runner::on_writes(size, theme, 9);
        // The ninth is of the schema type.
        detail.keys("enter");
        detail.give_detail();
        detail.keys(keys);
        all.push((name, detail));
    }
    let mut plan = Runner::new(size, theme);
    plan.keys("r");
    plan.give_plan(312, 4);
    all.push(("plan", plan));
    let mut confirm = Runner::new(size, theme);
    confirm.keys("r");
    confirm.give_plan(312, 0);
    confirm.keys("enter");
    all.push(("confirm", confirm));
    all.push(("run in progress", running(size, theme)));
    all.push(("runs", runs(size, theme)));
    let mut stopped = Runner::new(size, theme);
    stopped.keys("tab tab");
    stopped.give_runs(vec![values::run(8, RunState::Stopped)]);
    stopped.keys("enter");
    stopped.give_run(values::run(8, RunState::Stopped));
    stopped.give_causes(values::causes());
    if size.1 >= 60 {
        stopped.give_report(values::report(About::Run(RunId(8))));
    }
    all.push(("a run that was stopped", stopped));
    let mut review = Runner::on_writes(size, theme, 9);
    review.keys("enter");
    review.give_detail();
    let view = values::write_view(9);
    let before = view.body.unwrap_or_default();
    let text = crate::repair::for_editor(&before).unwrap_or_default();
    review.hear(Msg::Edited(
        WriteId(9),
        Ok(Box::new(Edited {
            before: before.to_vec(),
            sha: view.write.body_sha256,
            text: text.replace("gold", "silver"),
            file: "/tmp/dlq-write-9.json".into(),
        })),
    ));
    all.push(("an edit", review));
    let mut help = Runner::new(size, theme);
    help.keys("?");
    all.push(("help", help));
    all.extend(dialogs(size, theme));
    all
}

/// Returns the dialogs, each over a screen.
fn dialogs(size: (u16, u16), theme: Theme) -> Vec<(&'static str, Runner)> {
    let mut all = Vec::new();
    let mut columns = Runner::on_writes(size, theme, 3);
    columns.keys("V down");
    all.push(("columns", columns));
    let mut when = Runner::on_writes(size, theme, 3);
    when.keys("T space j j");
    all.push(("a span of time", when));
    let mut palette = Runner::new(size, theme);
    palette.keys(":");
    palette.types("mark");
    all.push(("palette", palette));
    let mut reason = Runner::new(size, theme);
    reason.keys("d enter");
    all.push(("a reason is asked for", reason));
    let mut copy = Runner::on_writes(size, theme, 9);
    copy.keys("enter");
    copy.give_detail();
    copy.keys("y");
    all.push(("copy", copy));
    all
}

fn pages(size: (u16, u16), theme: Theme) -> String {
    let pages = screens(size, theme).into_iter();
    pages.map(|(name, runner)| format!("=== {name}\n{}", runner.screen())).collect()
}

#[test]
fn every_screen_at_80x24() {
    check("screens_80x24", &pages((80, 24), DARK));
}

#[test]
fn every_screen_at_120x40() {
    check("screens_120x40", &pages((120, 40), DARK));
}

#[test]
fn every_screen_at_200x60() {
    check("screens_200x60", &pages((200, 60), DARK));
}

#[test]
fn every_screen_at_40x10() {
    check("screens_40x10", &pages((40, 10), DARK));
}

#[test]
fn every_screen_in_ascii_without_colour() {
    let text = pages((80, 24), ASCII);
    let foreign: String = text.chars().filter(|c| !c.is_ascii()).collect();
    assert_eq!(foreign, "", "only ASCII under LANG=C");
    check("screens_ascii", &text);
}

#[test]
fn colours_by_tier() {
    let tiers = [
        ("dark", DARK),
        ("light", Theme { tier: crate::tui::theme::Tier::Light, ..DARK }),
        ("16", Theme { tier: crate::tui::theme::Tier::Sixteen, ..DARK }),
        ("none", PLAIN),
    ];
    let mut text = String::new();
    for (name, theme) in tiers {
        let mut runner = Runner::on_writes((80, 24), theme, 9);
        runner.keys("space");
        text.push_str(&format!("=== writes, {name}\n{}", runner.styles()));
    }
    for (name, theme) in tiers {
        for (screen, runner) in screens((80, 24), theme) {
            if matches!(screen, "groups" | "request" | "a run that was stopped" | "copy") {
                text.push_str(&format!("=== {screen}, {name}\n{}", runner.styles()));
            }
        }
    }
    let mut run = running((80, 24), PLAIN);
    run.app.toasts.clear();
    text.push_str(&format!("=== a run without colour\n{}{}", run.screen(), run.styles()));
    assert!(
        !text
            .split("=== ")
            .filter(|part| part.lines().next().is_some_and(|name| name.ends_with(", none")))
            .any(|part| part.contains("fg")),
        "NO_COLOR"
    );
    check("screens_colours", &text);
}

#[test]
fn a_small_terminal_is_told_politely() {
    for size in [(39, 10), (40, 9), (10, 3), (1, 1)] {
        let text = Runner::new(size, DARK).screen();
        assert!(text.starts_with('d'), "{size:?}: {text}");
    }
    assert!(Runner::new((39, 10), DARK).screen().starts_with("dlq needs 40x10; this is 39x10"));
}

#[test]
fn no_size_breaks_a_screen() {
    for size in [(40, 10), (41, 13), (57, 14), (79, 15), (100, 21), (119, 33), (121, 34), (200, 60)] {
        for (_, runner) in screens(size, DARK) {
            assert_eq!(runner.screen().lines().count(), usize::from(size.1));
        }
    }
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[31mred\u{202e}gnp\u{200b}\u{e0041}\u{9b}1m\r\nx";
    let mut runner = Runner::on_writes((120, 40), DARK, 0);
    runner.keys("x");
    let mut view = values::write_view(5);
    view.write.failure.message = Some(hostile.to_owned());
    view.write.failure.code = Some(hostile.to_owned());
    view.body = Some(format!("{{\"record\":{{\"{hostile}\":\"小明 ‏שלום مرحبا {hostile}\"}}}}").into());
    let mut wide = values::write_view(4);
    wide.write.failure.message = Some("記録.メール: 無効な形式です 🎉👨‍👩‍👧 שלום مرحبا e\u{301}".to_owned());
    runner.give_page(vec![view.clone(), wide], false);
    let mut text = String::new();
    let mut groups = values::groups();
    groups[0].message = hostile.to_owned();
    let mut detail = values::detail(5);
    detail.view = view;
    let (ticket, _) = runner.asked(|q| matches!(q, Question::Detail(_))).unwrap();
    runner.hear(Msg::Answer(ticket, Reading::Detail(WriteId(5), Some(Box::new(detail)))));
    for tab in ["enter", "tab", "tab", "tab", "tab"] {
        runner.keys(tab);
        text.push_str(&runner.screen());
    }
    runner.hear(Msg::Trouble(hostile.to_owned()));
    runner.keys("esc esc");
    runner.give_groups(groups);
    text.push_str(&runner.screen());
    let is_hostile = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(*c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{e0000}'..='\u{e007f}')
    };
    // A zero-width joiner inside an emoji is escaped too: it can hide text as well.
    assert_eq!(text.chars().filter(is_hostile).collect::<Vec<_>>(), Vec::<char>::new());
    check("screens_hostile", &text);
}

#[test]
fn the_guide_of_the_demo_fits_every_terminal() {
    use crate::domain::ids::GroupId;
    use crate::tui::guide::tip;
    use crate::tui::paint::wrap;
    use crate::tui::screen::{Scene, Story};
    let runner = Runner::new((80, 24), DARK);
    let scenes = [
        Scene::Groups { on_schema: true },
        Scene::Groups { on_schema: false },
        Scene::Writes,
        Scene::Write,
        Scene::Plan { is_dry: true, is_one: false },
        Scene::Plan { is_dry: false, is_one: true },
        Scene::Plan { is_dry: false, is_one: false },
        Scene::RunUnderWay,
        Scene::CanaryFailed,
        Scene::RunOver { outcomes: "16 replayed".to_owned() },
        Scene::Trial,
        Scene::Other,
    ];
    let mut seen = String::new();
    for scene in &scenes {
        for (is_fixed, schema) in [(false, None), (false, Some(9)), (true, Some(9)), (true, Some(0))] {
            let verdict = (schema == Some(0)).then(|| {
                "The API's own ledger: of its 31 writes, the service's own included, none was applied twice.".to_owned()
            });
            let story = Story { is_fixed, verdict, schema: schema.map(|open| (GroupId(2), open)) };
            let tip = tip(scene, &story, &runner.app.shared);
            assert!(wrap(&tip.long, 78).len() <= 2, "{}", tip.long);
            assert!(tip.short.chars().count() <= 39, "{}", tip.short);
            let entry = format!("{}\n  {}\n", tip.long, tip.short);
            if !seen.contains(&entry) {
                seen.push_str(&entry);
            }
        }
    }
    check("guide", &seen);
}
