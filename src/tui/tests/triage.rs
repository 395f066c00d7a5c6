//! Triage by keys: searching, marking, reading a run, comparing.

use std::time::Duration;

use super::{DARK, Runner, values};
use crate::domain::ids::WriteId;
use crate::tui::actions::Zone;
use crate::tui::msg::{Chosen, Closed, Deed, Effect, Msg, Question, Reading, Ready, Rows, TerminalRequest};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn a_query_typed_with_a_write_open_is_a_search_and_settles_nothing() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("enter");
    runner.give_detail();
    runner.types("/ attempts:>0 state:pending");
    let screen = runner.screen();
    assert!(screen.contains("/ attempts:>0 state:pending") && screen.contains("no match"), "{screen}");
    runner.keys("enter");
    assert_eq!(runner.changes().count(), 0);
    runner.keys("esc / t i e r enter");
    assert!(runner.screen().contains("loyalty_tier"), "{}", runner.screen());
    assert_eq!(runner.place(), Zone::Detail);
    runner.keys("esc esc");
    assert_eq!(runner.place(), Zone::Writes, "first the search, then the write is left");
}

#[test]
fn what_is_typed_after_a_key_that_does_nothing_is_no_command() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("#");
    runner.types("add dr");
    assert!(runner.screen().contains("# does nothing here"), "{}", runner.screen());
    assert_eq!(runner.place(), Zone::Writes);
    runner.now = runner.now.plus(Duration::from_millis(400));
    runner.keys("d");
    runner.now = runner.now.plus(Duration::from_millis(400));
    runner.keys("d");
    assert!(!runner.screen().contains("Give up on"), "the typing goes on");
    runner.keys("down");
    assert_eq!(runner.app.current().write().unwrap().write.id, WriteId(8), "an arrow is not typed");
    runner.now = runner.now.plus(Duration::from_millis(600));
    runner.keys("up d");
    assert!(runner.screen().contains("Give up on write 9?"), "{}", runner.screen());
}

#[test]
fn a_letter_does_not_settle() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("a a");
    let screen = runner.screen();
    assert!(screen.contains("You looked in the API for write 9"), "{screen}");
    runner.keys("enter");
    assert!(runner.screen().contains("The API has them. Who looked, and how?"), "{}", runner.screen());
    assert_eq!(runner.changes().count(), 0);
}

#[test]
fn all_but_one_are_marked_and_replayed() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("* space");
    assert!(runner.screen().contains("all but 1 are marked"), "{}", runner.screen());
    runner.keys("r");
    let Some(Effect::Ask(_, Question::Plan(Chosen::Matching(filter), _))) = runner.effects.last() else { panic!() };
    let left_out = filter.terms.iter().find(|term| term.negated).map(|term| format!("{:?}", term.test));
    assert_eq!(left_out.as_deref(), Some("Number(Id, [Range { min: Some(9), max: Some(9) }])"));
    runner.give_plan(8, 0);
    runner.keys("enter");
    let Some(Deed::Start(start)) = runner.changes().next() else { panic!("{}", runner.last()) };
    assert_eq!(start.selection.query(), "-id:9");
}

#[test]
fn a_paste_is_one_edit_and_its_lines_are_spaces() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("/");
    let before = runner.effects.len();
    runner.hear(Msg::Paste(format!("object:orders\n{}\n", "x".repeat(1 << 20))));
    assert_eq!(runner.effects.len() - before, 2, "one page, one count");
    assert!(runner.screen().contains("xxxxx"), "{}", runner.screen());
}

#[test]
fn a_change_that_fails_gives_back_what_was_typed() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("E");
    runner.types(".bak");
    runner.keys("enter");
    assert!(matches!(runner.changes().next(), Some(Deed::Export(_, file)) if file.ends_with("export.ndjson.bak")));
    runner.hear(Msg::Done(Err("export.ndjson.bak: the file exists already".to_owned())));
    let screen = runner.screen();
    assert!(screen.contains("> export.ndjson.bak") && screen.contains("exists already"), "{screen}");
}

#[test]
fn the_failures_of_a_run_come_first_and_lead_to_their_writes() {
    let mut runner = Runner::new((120, 40), DARK);
    runner.keys("tab tab");
    runner.give_runs(vec![values::run(8, crate::domain::run::RunState::Stopped)]);
    runner.keys("enter");
    runner.give_run(values::run(8, crate::domain::run::RunState::Stopped));
    runner.give_causes(values::causes());
    let screen = runner.screen();
    let at = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(at("failed          30") < at("unsent         996") && at("unsent         996") < at("held            12"));
    assert!(at("group 2 was stopped first") > 0 && at("write 812 and 3 others") > 0, "{screen}");
    runner.keys("enter");
    let filter = |runner: &Runner| match runner.asked(|q| matches!(q, Question::Page { .. })) {
        Some((_, Question::Page { filter, .. })) => format!("{filter:?}"),
        _ => String::new(),
    };
    assert!(runner.screen().contains("/ run:8 outcome:failed group:7"), "{}", runner.screen());
    assert!(filter(&runner).contains("outcome: Failed"), "{}", filter(&runner));
    runner.keys("esc j enter");
    assert!(runner.screen().contains("/ run:8 outcome:unsent/group-stopped group:2"), "{}", runner.screen());
    runner.keys("esc G enter");
    assert!(runner.screen().contains("/ run:8\n"), "the whole plan: {}", runner.screen());
    runner.keys("esc tab tab");
    runner.give_report(values::report(crate::domain::report::About::Run(crate::domain::ids::RunId(8))));
    assert!(runner.screen().contains("What happened"), "{}", runner.screen());
    runner.keys("y");
    assert!(
        matches!(runner.effects.last(), Some(Effect::Terminal(TerminalRequest::Copy("the report", text))) if text.starts_with("# Run 8"))
    );
}

#[test]
fn the_outcome_in_a_run_is_a_column_of_its_writes() {
    use crate::domain::outcome::Outcome;
    let mut runner = Runner::on_writes((120, 40), DARK, 0);
    runner.keys("/");
    runner.types("run:8");
    let (ticket, question) = runner.asked(|q| matches!(q, Question::Page { .. })).unwrap();
    let Question::Page { part, .. } = question else { panic!() };
    let writes = vec![values::write_view(9), values::write_view(8)];
    let outcomes = vec![(WriteId(9), Outcome::Failed, None), (WriteId(8), Outcome::Accepted, None)];
    runner.hear(Msg::Answer(ticket, Reading::Page(Box::new(Rows { part, writes, more: false, outcomes }))));
    let screen = runner.screen();
    assert!(screen.contains("OUTCOME") && screen.contains("9 failed") && screen.contains("8 replayed"), "{screen}");
}

#[test]
fn a_missing_token_is_said_before_anything_is_typed() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("r");
    let (ticket, _) = runner.asked(|q| matches!(q, Question::Plan(..))).unwrap();
    let no_token = Some("the environment variable EXPERITURE_API_KEY is not set".to_owned());
    let ready = Ready { prepared: values::prepared(312, 0, Vec::new()), no_token };
    runner.hear(Msg::Answer(ticket, Reading::Plan(Ok(Box::new(ready)))));
    assert!(runner.screen().contains("It can't be sent: the environment variable"), "{}", runner.screen());
    runner.keys("enter");
    assert!(runner.screen().contains("nothing can be sent: the plan says why"), "{}", runner.screen());
}

#[test]
fn one_write_of_a_list_is_planned_as_one_and_the_list_is_offered() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("enter");
    runner.give_rows(1..=9, false);
    runner.keys("r");
    runner.give_plan(1, 0);
    let screen = runner.screen();
    assert!(screen.contains("Replay: write 9") && screen.contains("* plans all 9 writes that match"), "{screen}");
    runner.keys("*");
    runner.give_plan(9, 0);
    let screen = runner.screen();
    assert!(screen.contains("Replay: all 9 writes that match") && !screen.contains("under the cursor"), "{screen}");
    runner.keys("enter");
    assert!(matches!(runner.changes().next(), Some(Deed::Start(start)) if start.selection.query() == "group:2"));
}

#[test]
fn an_empty_list_says_where_the_writes_are() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("/");
    runner.types("object:orders");
    runner.keys("enter");
    runner.give_page(Vec::new(), false);
    runner.give_count(0);
    runner.give_count(1);
    assert!(runner.screen().contains("None is open; 1 in another state: s"), "{}", runner.screen());
}

#[test]
fn a_file_that_was_replaced_is_closed_and_not_looked_for() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.hear(Msg::Opened(Err(Closed::Replaced)));
    assert!(runner.screen().contains("was deleted or replaced while dlq had it open"), "{}", runner.screen());
    runner.effects.clear();
    runner.hear(Msg::Changed);
    runner.hear(Msg::Tick);
    assert!(runner.effects.is_empty(), "{}", runner.last());
}

#[test]
fn groups_are_searched_and_sorted_and_explained() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("/");
    runner.types("emai");
    let screen = runner.screen();
    assert!(screen.contains("1 of 4") && screen.contains("─ group 3"), "{screen}");
    runner.keys("enter enter");
    assert!(runner.screen().contains("/ group:3"), "{}", runner.screen());
    runner.keys("shift-tab");
    assert!(runner.screen().contains("1 of 4"), "it is as it was left: {}", runner.screen());
    runner.keys("/");
    runner.types(" attempts:>0");
    assert!(runner.screen().contains("groups don't have that: tab goes to the writes"), "{}", runner.screen());
    runner.keys("esc esc");
    assert!(runner.screen().contains("4 of 4"), "{}", runner.screen());
    runner.keys("o");
    assert!(runner.screen().contains("latest failure first"), "{}", runner.screen());
    runner.keys("O");
    assert!(runner.screen().contains("longest quiet first"), "{}", runner.screen());
    runner.keys("x 3");
    let screen = runner.screen();
    assert!(screen.contains("[3 bad_data]") && screen.contains("1 of 4"), "the chip is seen: {screen}");
}

#[test]
fn the_pane_says_what_is_at_stake_in_the_group_under_the_cursor() {
    use crate::domain::hazard::Hazard;
    use crate::domain::ids::GroupId;
    use crate::domain::key::KeyWindows;
    use crate::tui::msg::GroupFacts;
    let mut runner = Runner::new((120, 40), DARK);
    runner.keys("j");
    let (ticket, question) = runner.asked(|q| matches!(q, Question::GroupFacts(_))).unwrap();
    let Question::GroupFacts(id) = question else { panic!() };
    assert_eq!(id, GroupId(1));
    let windows = KeyWindows { first_ends: Some((WriteId(5), runner.now.plus(Duration::from_mins(9)))), ended: 2 };
    let hazards = vec![(Hazard::OutcomeUnknown, 94), (Hazard::KeyExpired, 2)];
    let facts = GroupFacts { id, hazards, looked_at: 94, windows };
    runner.hear(Msg::Answer(ticket, Reading::GroupFacts(Box::new(facts))));
    let screen = runner.screen();
    for text in ["Its first key window ends in 9 min", "2 key windows have ended.", "2 of 94: key-expired"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    runner.keys("j");
    assert!(!runner.screen().contains("key-expired"), "that was another group");
}

#[test]
fn a_key_window_that_ends_soon_is_an_alarm_with_a_key() {
    let mut runner = Runner::new(SIZE, DARK);
    let mut overview = values::overview();
    overview.windows.first_ends = Some((WriteId(5), runner.now.plus(Duration::from_mins(12))));
    runner.hear(Msg::Changed);
    runner.give_overview(overview);
    assert!(runner.screen().contains("a key window ends in 12 min: W"), "{}", runner.screen());
    assert_eq!(runner.app.rest(), Duration::from_secs(1), "it counts");
    runner.keys("W");
    let screen = runner.screen();
    assert!(screen.contains("/ hazard:outcome-unknown -ha") && screen.contains("oldest first"), "{screen}");
    let mut soon = values::write_view(5);
    soon.window_ends = Some(runner.now.plus(Duration::from_mins(12)));
    runner.give_page(vec![soon], false);
    let screen = runner.screen();
    assert!(screen.contains("WINDOW") && screen.contains("12min"), "the time that counts: {screen}");
    let mut late = Runner::new(SIZE, DARK);
    let mut overview = values::overview();
    (overview.windows.first_ends, overview.windows.ended) = (None, 3);
    late.hear(Msg::Changed);
    late.give_overview(overview);
    late.keys("W");
    assert!(late.screen().contains("/ hazard:key-expired"), "{}", late.screen());
}

#[test]
fn one_goes_from_write_to_write_the_cause_first() {
    let mut runner = Runner::on_writes((120, 40), DARK, 9);
    runner.keys("enter");
    runner.give_detail();
    runner.keys("tab J");
    runner.give_detail();
    let screen = runner.screen();
    assert!(screen.contains("│ Write 8 ") && screen.contains("[Cause]"), "{screen}");
    runner.keys("K K");
    runner.give_detail();
    assert!(runner.screen().contains("│ Write 9 "), "{}", runner.screen());
    assert_eq!(runner.place(), Zone::Detail);
}

#[test]
fn related_writes_are_a_key_away_and_one_comes_back() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("enter");
    runner.give_detail();
    runner.keys("L");
    assert!(runner.screen().contains("same key: evt_9"), "{}", runner.screen());
    runner.keys("2");
    assert!(runner.screen().contains("/ cid:\"cid-9\""), "{}", runner.screen());
    assert!(runner.screen().contains("› Write › Writes"), "{}", runner.screen());
    runner.keys("esc L 1");
    assert!(runner.screen().contains("/ key:\"evt_9\""), "{}", runner.screen());
    runner.keys("esc");
    assert_eq!(runner.place(), Zone::Detail);
}

#[test]
fn a_batch_is_split_for_a_reason_and_never_by_a_letter() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("| a a");
    assert!(runner.screen().contains("Split write 9?"), "{}", runner.screen());
    runner.keys("enter enter");
    assert!(runner.screen().contains("a reason is needed"), "{}", runner.screen());
    runner.types("one bad record");
    runner.keys("enter");
    assert!(matches!(runner.changes().next(), Some(Deed::Split(WriteId(9), _, reason)) if reason == "one bad record"));
    runner.hear(Msg::Done(Err("write 9 is not a batch".to_owned())));
    assert!(runner.screen().contains("> one bad record"), "{}", runner.screen());
}

#[test]
fn two_marked_writes_are_compared_side_by_side_or_as_a_diff() {
    for (size, there) in [((120, 40), "│ key evt_9"), (SIZE, "- key evt_8")] {
        let mut runner = Runner::on_writes(size, DARK, 9);
        runner.keys("C");
        assert!(runner.screen().contains("mark two writes to compare them"), "{}", runner.screen());
        runner.keys("space space C");
        let (ticket, question) = runner.asked(|q| matches!(q, Question::Pair(_))).unwrap();
        assert!(matches!(question, Question::Pair(crate::tui::msg::Pair::Writes(WriteId(8), WriteId(9)))));
        let mut other = values::detail(9);
        other.view.body = Some(br#"{"record":{"email":"bea@example.org"},"matchKey":"email"}"#.to_vec().into());
        let pair = Reading::Pair(Box::new(values::detail(8)), Some(Box::new(other)));
        runner.hear(Msg::Answer(ticket, pair));
        let screen = runner.screen();
        for text in ["write 8", "write 9", "ana@example.org", "bea@example.org", there] {
            assert!(screen.contains(text), "{text}: {screen}");
        }
        runner.keys("esc");
        assert_eq!(runner.place(), Zone::Writes);
    }
}

#[test]
fn what_the_filtered_writes_have_in_common_is_shown() {
    use crate::domain::common::{Apart, Common, Feature};
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("enter");
    runner.give_rows(1..=9, false);
    runner.keys("A");
    let (ticket, question) = runner.asked(|q| matches!(q, Question::Common(_))).unwrap();
    assert!(format!("{question:?}").contains("Group"), "all that match, not the one under the cursor: {question:?}");
    let feature = |path: &str, value: Option<&str>| Feature { path: path.to_owned(), value: value.map(str::to_owned) };
    let found = Common {
        here: 9,
        there: 80,
        shared: vec![feature("matchKey", Some("\"email\""))],
        apart: vec![Apart { feature: feature("record.loyalty_tier", None), here: 9, there: 0 }],
    };
    runner.hear(Msg::Answer(ticket, Reading::Common(Box::new(found))));
    let screen = runner.screen();
    for text in [
        "What all 9 writes that match have in common",
        "9/9 here, 0/80 there",
        "record.loyalty_tier (the",
        "matchKey = ",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}

#[test]
fn a_shift_says_who_did_what_when_and_why() {
    let mut runner = Runner::new((120, 40), DARK);
    runner.keys("t");
    let (_, question) = runner.asked(|q| matches!(q, Question::Report(_))).unwrap();
    let Question::Report(about) = question else { panic!() };
    runner.give_report(values::report(about));
    let screen = runner.screen();
    for text in [
        "the last 8 h",
        "bea        discard 12 writes (3, 4, ...)",
        "(test data)",
        "ana        run 8 stopped: 80 replayed, 1 failed",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    runner.keys("down enter");
    assert!(runner.screen().contains("id:3,4,5,6,7"), "the writes of that entry: {}", runner.screen());
    runner.keys("esc tab y");
    assert!(matches!(runner.effects.last(), Some(Effect::Terminal(TerminalRequest::Copy(..)))), "{}", runner.last());
    runner.keys("E enter");
    assert!(
        matches!(runner.changes().next(), Some(Deed::Save(file, text)) if file.ends_with("report.md") && text.contains("312 schema"))
    );
    runner.keys("> tab");
    assert!(runner.screen().contains("the last 1 d"), "{}", runner.screen());
}

#[test]
fn a_run_that_died_is_spoken_of_at_the_start() {
    let mut runner = Runner::starting(SIZE, DARK);
    runner.hear(Msg::Opened(Ok(())));
    let mut died = values::run(8, crate::domain::run::RunState::Stopped);
    died.state = crate::domain::run::RunState::Died;
    died.ended_at = Some(runner.now.minus(Duration::from_mins(20)));
    runner.give_runs(vec![died]);
    let screen = runner.screen();
    assert!(screen.contains("run 8 died 20 min ago") && screen.contains("232 of its writes are left"), "{screen}");
    runner.keys("shift-tab / b o b");
    assert!(runner.screen().contains("No run is like that."), "{}", runner.screen());
    runner.keys("esc c");
    assert_eq!(runner.place(), Zone::Plan);
}
