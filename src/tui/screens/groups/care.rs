//! Notes on groups, and parking them.

use std::time::Duration;

use super::GroupList;
use crate::domain::ids::GroupId;
use crate::domain::parking::Park;
use crate::tui::dialogs::{Ask, Dialog, Item, Menu, Pick, What};
use crate::tui::msg::Deed;
use crate::tui::screen::Cx;

impl GroupList {
    pub(super) fn ask_note(&self, cx: &mut Cx<'_>) {
        let Some(group) = self.current(cx.shared) else { return };
        let notes = vec!["Everyone who opens this file sees it; an empty one takes it away.".to_owned()];
        let before = group.note.clone().unwrap_or_default();
        cx.open(Dialog::Ask(Ask::new(What::Note(group.id), format!("Note on group {}", group.id), notes, &before)));
    }

    pub(super) fn offer_parking(&self, cx: &mut Cx<'_>) {
        let Some(group) = self.current(cx.shared) else { return };
        let id = group.id;
        let item = |key, text: &str, park| Item::new(key, text, Pick::Park(id, park));
        let mut items = vec![
            item('g', "until more of its writes fail", Park::UntilItGrows),
            item('1', "for an hour", Park::For(Duration::from_hours(1))),
            item('8', "for 8 hours", Park::For(Duration::from_hours(8))),
            item('d', "for a day", Park::For(Duration::from_hours(24))),
            item('w', "for a week", Park::For(Duration::from_hours(7 * 24))),
            Item::new('t', "until a time, or for as long as you say", Pick::ParkUntil(id)),
        ];
        if group.is_parked(cx.shared.now) {
            items.insert(0, item('b', "not any longer: back to the list", Park::Not));
        }
        cx.open(Dialog::Menu(Menu::new(
            format!("Park group {id}: out of the list, its writes stay as they are"),
            items,
        )));
    }
}

pub(super) fn ask_time(group: GroupId, cx: &mut Cx<'_>) {
    let notes = vec!["A length like 4h or 2d, or a time like 2026-01-31 09:00 (UTC).".to_owned()];
    cx.open(Dialog::Ask(Ask::new(What::ParkUntil(group), format!("Park group {group} until when?"), notes, "")));
}

/// Acts on the answer to one of the questions above.
pub(super) fn answered(what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
    match what {
        What::Note(group) => {
            cx.deed(Deed::Note(*group, Some(answer.to_owned()).filter(|note| !note.is_empty())));
        }
        What::ParkUntil(group) => match Park::parse(answer) {
            Some(Park::Until(time)) if time <= cx.shared.now => return Err("that time is past".to_owned()),
            Some(park) => cx.deed(Deed::Park(*group, park)),
            None => return Err("neither a length nor a time: try 4h, or 2026-01-31 09:00".to_owned()),
        },
        _ => {}
    }
    Ok(())
}
