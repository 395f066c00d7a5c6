//! The help: all keys, from the action table, and the words of the trade.

use ratatui::layout::Rect;

use crate::tui::actions::{ACTIONS, Action, ActionInfo, Zone};
use crate::tui::glossary::WORDS;
use crate::tui::goals::KeyTable;
use crate::tui::keymap::Chord;
use crate::tui::msg::ScreenId;
use crate::tui::page::TextPage;
use crate::tui::paint::{Painter, wrap};
use crate::tui::rows::Pieces;
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// Width of the column of keys.
const KEYS: usize = 18;

/// The help.
#[derive(Debug)]
pub struct Help {
    id: ScreenId,
    table: KeyTable,
    page: TextPage,
}

impl Help {
    pub(super) fn open(id: ScreenId, table: KeyTable) -> Self {
        Self { id, table, page: TextPage::default() }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Pieces> {
        let from = self.table.from;
        let mut lines = Vec::new();
        let mut tell = |title: &str, actions: Vec<&ActionInfo>| {
            if actions.is_empty() {
                return;
            }
            if !lines.is_empty() {
                lines.push(Pieces::new());
            }
            lines.push(vec![(Role::Title, format!(" {title}"))]);
            for about in actions {
                let keys: Vec<String> =
                    shared.setup.keymap.keys_of(about.action).iter().map(ToString::to_string).collect();
                let is_here = about.places.contains(&from);
                let why = self.table.reasons.iter().find(|(action, _)| *action == about.action).filter(|_| is_here);
                let room = usize::from(width).saturating_sub(KEYS + 2);
                let text = match why {
                    Some((_, why)) => format!("{} (not now: {why})", about.help),
                    None => about.help.to_owned(),
                };
                let role = if why.is_some() { Role::Faint } else { Role::Text };
                for (n, line) in wrap(&text, room).into_iter().enumerate() {
                    let keys = if n == 0 { keys.join(" ") } else { String::new() };
                    lines.push(vec![(Role::Key, format!(" {keys:<KEYS$}")), (role, line)]);
                }
            }
        };
        let of = |place: Zone| {
            ACTIONS.iter().filter(|about| about.places.contains(&place) && !about.is_everywhere()).collect::<Vec<_>>()
        };
        tell(&format!("Here: {}", from.name()), of(from));
        tell("Everywhere", ACTIONS.iter().filter(|about| about.is_everywhere()).collect());
        for place in Zone::ALL.into_iter().filter(|place| *place != from) {
            tell(place.name(), of(place));
        }
        lines.push(Pieces::new());
        lines.push(vec![(Role::Title, " Words".to_owned())]);
        for (word, sentence) in WORDS {
            for (n, line) in wrap(sentence, usize::from(width).saturating_sub(KEYS + 2)).into_iter().enumerate() {
                let word = if n == 0 { word } else { "" };
                lines.push(vec![(Role::Strong, format!(" {word:<KEYS$}")), (Role::Text, line)]);
            }
        }
        lines
    }
}

impl Screen for Help {
    fn zone(&self) -> Zone {
        Zone::Help
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        let lines = self.lines(cx.shared, cx.area.width);
        self.page.act(action, &lines, cx.area);
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let lines = self.lines(cx.shared, cx.area.width);
        self.page.scroll(step, &lines, cx.area);
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let lines = self.lines(cx.shared, cx.area.width);
        self.page.key(chord, &lines, cx.area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let lines = self.lines(cx.shared, cx.area.width);
        self.page.paste(text, &lines, cx.area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        self.page.draw(&self.lines(shared, area.width), area, p);
    }
}
