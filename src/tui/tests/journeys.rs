//! Journeys of a user: keys pressed, and the effects that follow.

use std::time::Duration;

use super::{DARK, Runner, values};
use crate::domain::action::Settling;
use crate::domain::hazard::Hazard;
use crate::domain::ids::{RunId, WriteId};
use crate::domain::outcome::Tally;
use crate::domain::rules::settle::SettleRefusal;
use crate::domain::run::Wanted;
use crate::domain::state::{Event, NotAllowed, State};
use crate::domain::stop::Stops;
use crate::replay::RunReport;
use crate::store::{Settled, WishChange};
use crate::tui::actions::{ACTIONS, Action, Zone};
use crate::tui::msg::{
    Chosen, Closed, Deed, Effect, Job, Msg, PagePart, Question, Reading, Ready, Rows, TerminalRequest,
};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn from_a_group_to_its_writes_to_a_cause_and_back() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("enter");
    assert_eq!(runner.place(), Zone::Writes);
    assert!(runner.screen().contains("/ group:2"), "{}", runner.screen());
    runner.give_rows(1..=9, false);
    runner.keys("j enter");
    assert!(matches!(runner.effects.last(), Some(Effect::Ask(_, Question::Detail(WriteId(8))))), "{}", runner.last());
    runner.give_detail();
    assert!(runner.screen().contains("[Cause]"), "{}", runner.screen());
    runner.keys("esc esc");
    assert_eq!(runner.place(), Zone::Groups);
}

#[test]
fn nothing_is_sent_before_it_was_shown_and_confirmed() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("r");
    assert!(matches!(runner.effects.last(), Some(Effect::Ask(_, Question::Plan(Chosen::Matching(_), _)))));
    runner.keys("enter");
    assert_eq!(runner.place(), Zone::Plan, "there is no plan yet");
    runner.give_plan(312, 0);
    runner.keys("enter");
    runner.types("31");
    runner.keys("enter");
    assert!(runner.screen().contains("that is not 312; nothing was sent"), "{}", runner.screen());
    assert!(!runner.has_started());
    runner.types("2");
    runner.keys("enter");
    let Some(Effect::Do(Deed::Start(start))) = runner.effects.last() else { panic!("{}", runner.last()) };
    assert_eq!((start.selection.query().as_str(), start.prepared.plan.send.len(), start.canaries), ("group:2", 312, 1));
    assert_eq!(runner.place(), Zone::Run);
}

#[test]
fn a_few_writes_need_one_key_and_an_override_is_never_silent() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("space space r");
    runner.give_plan(2, 0);
    runner.keys("enter");
    assert!(
        matches!(runner.effects.last(), Some(Effect::Do(Deed::Start(start))) if start.selection.query() == "id:8,9")
    );
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(1, 3);
    runner.keys("H 1 esc");
    let Some(Effect::Ask(_, Question::Plan(_, terms))) = runner.effects.last() else { panic!("{}", runner.last()) };
    assert_eq!(terms.allowed, [Hazard::KeyExpired]);
    runner.give_plan(1, 3);
    runner.keys("enter");
    assert!(runner.screen().contains("Overridden: key-expired"), "{}", runner.screen());
    assert!(!runner.has_started());
}

#[test]
fn a_target_that_asks_for_it_gets_its_name_typed() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("r");
    let mut prepared = values::prepared(3, 0, Vec::new());
    prepared.options.target.confirm = true;
    runner.give_prepared(prepared);
    runner.keys("enter enter");
    assert!(!runner.has_started());
    runner.types("production");
    runner.keys("enter");
    assert!(runner.has_started());
}

#[test]
fn a_plan_that_comes_too_late_is_not_the_one_on_the_screen() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("r");
    let (old, _) = runner.asked(|q| matches!(q, Question::Plan(..))).unwrap();
    runner.keys("+");
    let late = Ready { prepared: values::prepared(5, 0, Vec::new()), no_token: None };
    runner.hear(Msg::Answer(old, Reading::Plan(Ok(Box::new(late)))));
    assert!(runner.screen().contains("making the plan"));
}

#[test]
fn a_run_is_paused_paced_and_stopped_and_quitting_asks() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(1, 0);
    runner.keys("enter");
    runner.hear(Msg::Began(Ok(RunId(4))));
    let wish = |runner: &Runner| match runner.effects.last() {
        Some(Effect::Do(Deed::AskRun(RunId(4), change))) => *change,
        _ => WishChange::default(),
    };
    runner.keys("space");
    assert_eq!(wish(&runner).wanted, Some(Wanted::Pause));
    runner.keys("space");
    assert_eq!(wish(&runner).wanted, Some(Wanted::Go));
    runner.keys("+");
    assert_eq!(wish(&runner).concurrency, Some(16));
    runner.keys("R");
    runner.types("0.5");
    runner.keys("enter");
    assert_eq!(wish(&runner).rate, Some(0.5));
    runner.keys("q");
    assert!(runner.screen().contains("A replay is under way"), "{}", runner.screen());
    runner.keys("s");
    assert_eq!(wish(&runner).wanted, Some(Wanted::Stop));
    let report = RunReport {
        run: RunId(4),
        tally: Tally::default(),
        new_since_plan: 0,
        stopped: Stops::default(),
        maybe_cached: None,
        cached: 0,
        damaged: Vec::new(),
        error: None,
    };
    runner.hear(Msg::Ended(Ok(Box::new(report))));
    assert!(matches!(runner.effects.last(), Some(Effect::Quit)));
}

#[test]
fn a_run_that_one_leaves_is_still_in_sight_and_tells_its_end() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(3, 0);
    runner.keys("enter");
    runner.hear(Msg::Began(Ok(RunId(4))));
    runner.keys("esc");
    assert!(runner.screen().contains("run 4: 0/3"), "{}", runner.screen());
    runner.keys("r");
    assert_eq!(runner.place(), Zone::Run, "where it can be stopped");
    runner.keys("esc");
    let mut tally = Tally::default();
    tally.add(crate::domain::outcome::Outcome::Accepted, 2);
    tally.add(crate::domain::outcome::Outcome::Failed, 1);
    let report = RunReport {
        run: RunId(4),
        tally,
        new_since_plan: 0,
        stopped: Stops::default(),
        maybe_cached: None,
        cached: 0,
        damaged: Vec::new(),
        error: None,
    };
    runner.hear(Msg::Ended(Ok(Box::new(report))));
    assert!(runner.screen().contains("run 4 is over: 2 replayed, 1 failed"), "{}", runner.screen());
    // The next key takes the toast away.
    runner.keys("j");
    assert!(!runner.screen().contains("run 4 is over"));
}

#[test]
fn looking_at_another_run_does_not_disown_the_own_one() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(3, 0);
    runner.keys("enter");
    runner.hear(Msg::Began(Ok(RunId(9))));
    runner.keys("esc tab");
    let old = || values::run(8, crate::domain::run::RunState::Stopped);
    runner.give_runs(vec![old()]);
    // A late answer about another run changes nothing.
    runner.hear(Msg::RunIs(Box::new(old())));
    assert!(runner.app.shared.is_sending());
    runner.keys("enter");
    runner.give_run(old());
    let screen = runner.screen();
    assert!(screen.contains("Run 8  stopped") && screen.contains("run 9: 0/3"), "{screen}");
    runner.keys("c");
    assert!(runner.screen().contains("Run 9  under way"), "one at a time: {}", runner.screen());
    runner.keys("esc esc q");
    assert!(runner.screen().contains("A replay is under way"), "{}", runner.screen());
}

#[test]
fn what_comes_in_while_a_reason_is_typed_is_not_meant() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("d");
    runner.types("why");
    let mut later = values::overview();
    later.last_id = Some(WriteId(20_000));
    runner.give_overview(later);
    runner.keys("enter");
    assert!(runner.last().contains("max: Some(9999)"), "{}", runner.last());
}

#[test]
fn an_action_is_about_the_write_that_was_opened_not_the_one_shown_before() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("enter");
    runner.give_detail();
    runner.keys("esc j j enter d");
    assert!(runner.screen().contains("there is no write here"), "it is not read yet: {}", runner.screen());
    runner.give_detail();
    runner.keys("d");
    assert!(runner.screen().contains("Give up on write 7?"), "{}", runner.screen());
}

#[test]
fn a_pace_that_was_asked_for_before_the_run_began_is_not_forgotten() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(1, 0);
    runner.keys("enter - space");
    runner.hear(Msg::Began(Ok(RunId(4))));
    let Some(Effect::Do(Deed::AskRun(RunId(4), change))) = runner.effects.last() else { panic!("{}", runner.last()) };
    assert_eq!((change.concurrency, change.wanted, change.rate), (Some(4), Some(Wanted::Pause), None));
}

#[test]
fn a_run_that_could_not_begin_is_not_told_as_accepted() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(1, 0);
    runner.keys("enter");
    runner.hear(Msg::Began(Err("no token: the environment variable EXPERITURE_API_KEY is not set".to_owned())));
    let screen = runner.screen();
    assert!(screen.contains("no token") && !screen.contains("accepted"), "{screen}");
}

#[test]
fn groups_stay_where_they_are_while_one_looks() {
    let mut runner = Runner::new(SIZE, DARK);
    let mut groups = values::groups();
    groups.reverse();
    runner.give_groups(groups);
    let order: Vec<i64> = runner.app.stack.groups.shown(&runner.app.shared).map(|group| group.id.0).collect();
    assert_eq!(order, [2, 1, 3, 4]);
}

#[test]
fn sigterm_lets_what_is_in_flight_finish_and_the_second_one_does_not_wait() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("r");
    runner.give_plan(1, 0);
    runner.keys("enter");
    runner.hear(Msg::Terminate);
    assert!(!runner.effects.iter().any(|effect| matches!(effect, Effect::Quit)), "it has not even begun");
    runner.hear(Msg::Began(Ok(RunId(4))));
    assert!(
        matches!(runner.effects.last(), Some(Effect::Do(Deed::AskRun(_, change))) if change.wanted == Some(Wanted::Stop))
    );
    runner.hear(Msg::Terminate);
    assert!(matches!(runner.effects.last(), Some(Effect::Quit)));
}

#[test]
fn discards_need_a_reason_and_can_be_undone() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("u");
    assert!(runner.screen().contains("nothing to undo in this session"), "{}", runner.screen());
    runner.keys("d enter");
    assert!(runner.screen().contains("a reason is needed"));
    runner.types("no such address");
    runner.keys("enter");
    let Some(Effect::Do(Deed::Settle(_, Settling::Discard, Some(reason)))) = runner.effects.last() else { panic!() };
    assert_eq!(reason, "no such address");
    let settled = Settled {
        done: vec![WriteId(9)],
        refused: vec![(
            WriteId(8),
            SettleRefusal::NotAllowed {
                why: NotAllowed { state: State::Replaying, event: Event::Discard },
                run: Some(RunId(3)),
            },
        )],
    };
    runner.hear(Msg::Settled(Settling::Discard, Ok(settled)));
    let screen = runner.screen();
    assert!(
        screen.contains("1 write discarded; u takes that back") && screen.contains("run 3 is sending it"),
        "{screen}"
    );
    runner.keys("u");
    assert!(
        matches!(runner.effects.last(), Some(Effect::Do(Deed::SettleThese(ids, Settling::Reopen, _))) if ids == &[WriteId(9)])
    );
}

#[test]
fn a_long_job_says_how_far_it_is_and_can_be_given_up() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    let what = "settling".to_owned();
    runner.hear(Msg::Job(Some(Job { what, done: 4000, total: Some(100_000) })));
    assert!(runner.screen().contains("settling: 4,000 of 100,000 writes (esc gives up)"), "{}", runner.screen());
    runner.keys("esc");
    assert!(matches!(runner.effects.last(), Some(Effect::Do(Deed::GiveUpJob))));
    assert_eq!(runner.place(), Zone::Writes, "one stays where one is");
    runner.hear(Msg::Job(None));
    assert!(!runner.screen().contains("settling"));
}

#[test]
fn new_writes_come_in_without_moving_the_cursor() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("j j");
    runner.hear(Msg::Changed);
    runner.give_rows(1..=12, false);
    assert_eq!(runner.app.current().write().unwrap().write.id, WriteId(7));
    // While a request is open no second one is sent; the last change is not forgotten.
    runner.effects.clear();
    for _ in 0..5 {
        runner.hear(Msg::Changed);
    }
    let pages = |runner: &Runner| runner.questions().filter(|(_, q)| matches!(q, Question::Page { .. })).count();
    assert_eq!(pages(&runner), 1);
    runner.give_rows(1..=13, false);
    assert_eq!(pages(&runner), 2);
}

#[test]
fn results_follow_the_typing_and_old_ones_are_not_shown() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("/");
    runner.types("type:schem");
    let is_page = |q: &Question| matches!(q, Question::Page { .. });
    let (old, _) = runner.asked(is_page).unwrap();
    assert!(runner.screen().contains("is not a type"), "half a value: {}", runner.screen());
    runner.types("a");
    assert_ne!(runner.asked(is_page).unwrap().0, old);
    let rows = Rows { part: PagePart::First, writes: Vec::new(), more: false, outcomes: Vec::new() };
    runner.hear(Msg::Answer(old, Reading::Page(Box::new(rows))));
    assert!(runner.app.current().write().is_some(), "that was the answer to an older question");
    runner.keys("enter / esc");
    assert!(runner.screen().contains("/ type:schema"), "{}", runner.screen());
    runner.keys("x f 1");
    assert!(runner.screen().contains("/ body.record.tier:gold"), "{}", runner.screen());
}

#[test]
fn one_write_is_tried_and_its_answer_stands_beside_it() {
    let mut runner = Runner::on_writes((120, 40), DARK, 9);
    runner.keys("p");
    assert!(matches!(runner.effects.last(), Some(Effect::Ask(_, Question::Plan(_, terms))) if terms.limit == Some(1)));
    runner.give_plan(1, 0);
    runner.keys("enter");
    assert_eq!(runner.place(), Zone::Trial);
    runner.give_detail();
    let screen = runner.screen();
    assert!(screen.contains("Request: write 1") && screen.contains("waiting ..."), "{screen}");
    assert!(
        matches!(runner.changes().find(|change| matches!(change, Deed::Start(_))), Some(Deed::Start(start)) if start.canaries == 0)
    );
}

#[test]
fn copies_hold_no_token_and_come_from_the_write_on_the_screen() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("enter");
    runner.give_detail();
    runner.keys("y u");
    let Some(Effect::Terminal(TerminalRequest::Copy(_, line))) = runner.effects.last() else {
        panic!("{}", runner.last())
    };
    assert!(line.starts_with("curl -X POST \"https://api.example.org/v1/records/profiles/upsert\""), "{line}");
    assert!(line.contains("Bearer $EXPERITURE_API_KEY") && line.contains("idempotency-key: evt_9"), "{line}");
}

#[test]
fn a_missing_file_is_looked_for_until_it_is_there() {
    let mut runner = Runner::starting(SIZE, DARK);
    runner.hear(Msg::Opened(Err(Closed::Missing)));
    assert_eq!(runner.app.rest(), Duration::from_secs(1));
    runner.effects.clear();
    runner.hear(Msg::Tick);
    assert!(matches!(runner.effects.last(), Some(Effect::Open)));
}

#[test]
fn the_screen_rests_when_nothing_happens() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.app.is_dirty = false;
    runner.hear(Msg::Changed);
    assert!(!runner.app.is_dirty, "only the answers are drawn");
    assert_eq!(runner.app.rest(), Duration::from_secs(30));
}

#[test]
fn every_action_of_the_table_can_be_pressed_anywhere_without_harm() {
    for place in ["", "tab", "tab tab", "tab enter"] {
        for about in ACTIONS {
            let mut runner = Runner::on_writes(SIZE, DARK, 9);
            runner.keys("esc");
            runner.keys(place);
            if runner.place() == Zone::Detail {
                runner.give_detail();
            }
            runner.app.act(about.action);
            let _ = runner.screen();
            let starts = runner.changes().any(|change| matches!(change, Deed::Start(_) | Deed::Settle(..)));
            assert!(!starts, "{} asked nobody", about.name);
        }
    }
}

#[test]
fn footer_help_and_palette_say_what_the_table_says() {
    let mut runner = Runner::new((200, 60), DARK);
    for (key, what, action) in runner.app.hints() {
        let about = action.about();
        assert_eq!(about.short, what);
        assert_eq!(about.keys[0], key);
        assert!(runner.screen().lines().last().unwrap().contains(&format!("{key} {what}")));
    }
    runner.keys("?");
    let mut seen = String::new();
    for _ in 0..20 {
        seen.push_str(&runner.screen());
        runner.keys("pgdn");
    }
    for about in ACTIONS {
        let start: String = about.help.chars().take(30).collect();
        assert!(seen.contains(&start), "the help lacks {}", about.name);
    }
    assert!(Action::Replay.about().help.starts_with("Replay"));
}

#[test]
fn the_mouse_does_what_the_keys_do() {
    use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let mut runner = Runner::new((120, 40), DARK);
    let click = |runner: &mut Runner, kind, column, row| {
        runner.hear(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    };
    let left = MouseEventKind::Down(MouseButton::Left);
    let body = runner.app.frame().body;
    click(&mut runner, left, 20, body.y + 4);
    assert_eq!(runner.app.stack.groups.current(&runner.app.shared).unwrap().id.0, 3);
    click(&mut runner, left, 20, body.y + 4);
    assert_eq!(runner.place(), Zone::Writes, "the second click opens");
    runner.give_rows(1..=50, false);
    click(&mut runner, MouseEventKind::ScrollDown, 20, 20);
    assert_eq!(runner.app.current().write().unwrap().write.id, WriteId(47));
    let divider = |runner: &Runner| runner.screen().lines().nth(20).unwrap().chars().position(|c| c == '│');
    assert_eq!(divider(&runner), Some(60));
    click(&mut runner, left, 60, body.y + 5);
    click(&mut runner, MouseEventKind::Drag(MouseButton::Left), 48, 20);
    click(&mut runner, MouseEventKind::Up(MouseButton::Left), 48, 20);
    assert_eq!(divider(&runner), Some(48));
    let footer = runner.app.frame().footer;
    let screen = runner.screen();
    let line = screen.lines().last().unwrap();
    let at = line[..line.find("replay").unwrap()].chars().count();
    click(&mut runner, left, u16::try_from(at).unwrap(), footer.y);
    assert_eq!(runner.place(), Zone::Plan);
}
