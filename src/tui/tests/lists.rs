//! The lists by keys: groups that are noted and parked, columns, spans of time, the list of a run.

use super::{DARK, Runner, values};
use crate::domain::hazard::Hazard;
use crate::domain::ids::{GroupId, WriteId};
use crate::domain::outcome::Outcome;
use crate::domain::parking::{Park, Parked};
use crate::domain::reason::Reason;
use crate::tui::actions::Zone;
use crate::tui::columns::WriteColumn;
use crate::tui::msg::{Deed, Msg, Question, Reading, Rows};

const SIZE: (u16, u16) = (80, 24);

#[test]
fn a_group_is_noted_and_parked_and_found_again() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("i");
    runner.types("the web team adds it on monday");
    runner.keys("enter");
    let note = Some("the web team adds it on monday".to_owned());
    assert!(matches!(runner.changes().next(), Some(Deed::Note(GroupId(2), noted)) if *noted == note));
    runner.keys("P");
    assert!(runner.screen().contains("until more of its writes fail"), "{}", runner.screen());
    runner.keys("t");
    runner.types("tomorrow");
    runner.keys("enter");
    assert!(runner.screen().contains("neither a length nor a time"), "{}", runner.screen());
    runner.keys("ctrl-u");
    runner.types("2d");
    runner.keys("enter");
    let asked: Vec<_> = runner.changes().collect();
    assert!(matches!(asked.first(), Some(Deed::Park(GroupId(2), Park::For(_)))), "{asked:?}");
    let mut groups = values::groups();
    groups[0].note = note;
    groups[0].parked = Some(Parked::AtCount(groups[0].count));
    runner.give_groups(groups.clone());
    let screen = runner.screen();
    assert!(screen.contains("3 of 4, 1 parked") && !screen.contains("loyalty_tier"), "{screen}");
    let words = runner.app.current().aim(&runner.app.shared).unwrap().words;
    assert!(words.contains("of group 1 "), "the cursor goes to what is left: {words}");
    runner.keys("s");
    let screen = runner.screen();
    assert!(screen.contains("[parked]") && screen.contains("Note: the web team adds it on monday"), "{screen}");
    assert!(screen.contains("It is parked until it has more than 392 writes."), "{screen}");
    runner.keys("P");
    assert!(runner.screen().contains("b  not any longer"), "{}", runner.screen());
    runner.keys("b");
    assert!(matches!(runner.changes().next(), Some(Deed::Park(GroupId(2), Park::Not))));
    runner.keys("s");
    assert!(runner.screen().contains("[with parked]"), "{}", runner.screen());
    groups[0].count += 7;
    runner.give_groups(groups);
    runner.keys("x");
    let screen = runner.screen();
    assert!(screen.contains("4 of 4") && screen.contains("It has grown by 7 since it was parked."), "{screen}");
}

#[test]
fn columns_are_chosen_and_remembered() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    assert!(
        runner.screen().contains("ID▾ STATE     TYPE      AGE   RECORD                MESSAGE"),
        "{}",
        runner.screen()
    );
    runner.keys("V");
    let screen = runner.screen();
    assert!(screen.contains("[x] state") && screen.contains("[ ] idempotency key"), "{screen}");
    runner.keys("s t y");
    let screen = runner.screen();
    assert!(screen.contains("[ ] state") && screen.contains("[x] idempotency key"), "it stays open: {screen}");
    runner.keys("esc");
    assert!(
        runner.screen().contains("ID▾ AGE   RECORD                KEY                 MESSAGE"),
        "{}",
        runner.screen()
    );
    let asked: Vec<_> = runner.changes().collect();
    let chosen = [WriteColumn::Id, WriteColumn::Age, WriteColumn::Record, WriteColumn::Key];
    assert!(matches!(asked.first(), Some(Deed::RememberColumns(Some(columns))) if *columns == chosen), "{asked:?}");
    runner.keys("V end enter");
    assert!(runner.screen().contains("ID▾ STATE     TYPE"), "{}", runner.screen());
    assert!(matches!(runner.changes().next(), Some(Deed::RememberColumns(None))));
}

#[test]
fn a_span_of_the_histogram_narrows_the_list() {
    let mut runner = Runner::on_writes(SIZE, DARK, 9);
    runner.keys("T");
    let screen = runner.screen();
    assert!(screen.contains("When did they fail?") && screen.contains("158"), "{screen}");
    runner.keys("enter");
    let screen = runner.screen();
    let day = runner.app.shared.overview.span.unwrap().start(23).to_hour();
    assert!(screen.contains(&format!("/ failed:{day}")), "{day}: {screen}");
    runner.keys("T space j enter");
    assert!(runner.screen().matches("failed:").count() == 1 && runner.screen().contains(".."), "{}", runner.screen());
    runner.keys("shift-tab T enter");
    assert_eq!(runner.place(), Zone::Writes);
    assert!(runner.screen().contains("Groups] Writes  Runs  › Writes"), "{}", runner.screen());
}

#[test]
fn a_filter_that_groups_cannot_have_is_not_accepted() {
    let mut runner = Runner::new(SIZE, DARK);
    runner.keys("/");
    runner.types("id:2");
    runner.keys("enter");
    assert!(runner.screen().contains("groups don't have that"), "{}", runner.screen());
    runner.keys("d");
    assert!(!runner.screen().contains("Give up on"), "it is still being typed: {}", runner.screen());
    runner.keys("esc");
    assert!(runner.screen().contains("4 of 4"), "{}", runner.screen());
}

#[test]
fn a_run_says_why_it_did_not_send_a_write() {
    let mut runner = Runner::on_writes((120, 40), DARK, 0);
    runner.keys("/");
    runner.types("run:8");
    runner.keys("enter");
    let mut blocked = values::write_view(3);
    blocked.write.blocked_by = Some(WriteId(2));
    let outcomes = vec![
        (WriteId(3), Outcome::Refused, Some(Reason::Hazard(Hazard::LaneBlocked))),
        (WriteId(1), Outcome::Held, Some(Reason::LaneFailed(Some(WriteId(7))))),
    ];
    let (ticket, question) = runner.asked(|q| matches!(q, Question::Page { .. })).unwrap();
    let Question::Page { part, .. } = question else { panic!() };
    let rows = Rows { part, writes: vec![blocked, values::write_view(1)], more: false, outcomes };
    runner.hear(Msg::Answer(ticket, Reading::Page(Box::new(rows))));
    let screen = runner.screen();
    for text in ["lane-blocked: write", "older write 7 in its"] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
}
