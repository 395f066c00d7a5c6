//! What the marked or filtered writes have in common, and what sets them apart from accepted ones.

use ratatui::layout::Rect;

use crate::domain::common::{Apart, Common, Feature};
use crate::domain::filter::Filter;
use crate::render::count::{thousands, writes};
use crate::tui::actions::{Action, Zone};
use crate::tui::aim::Aim;
use crate::tui::keymap::Chord;
use crate::tui::msg::{Question, Reading, ScreenId, Ticket};
use crate::tui::page::TextPage;
use crate::tui::paint::{Painter, wrap};
use crate::tui::rows::Pieces;
use crate::tui::screen::{Cx, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// Width of the column of counts.
const COUNTS: usize = 22;

/// What writes have in common.
#[derive(Debug)]
pub struct InCommon {
    id: ScreenId,
    filter: Filter,
    words: String,
    found: Option<Box<Common>>,
    page: TextPage,
}

impl InCommon {
    pub(super) fn open(id: ScreenId, aim: Aim, cx: &mut Cx<'_>) -> Self {
        let page = TextPage::default();
        let screen = Self { id, filter: aim.filter, words: aim.words, found: None, page };
        // Read once: it is about the writes as they were chosen.
        cx.ask(id, Question::Common(screen.filter.clone()));
        screen
    }

    fn lines(&self, width: u16) -> Vec<Pieces> {
        let width = usize::from(width);
        let mut lines = Vec::new();
        let mut say = |role: Role, text: &str| {
            lines.extend(wrap(text, width).into_iter().map(|line| vec![(role, line)]));
        };
        say(Role::Title, &format!("What {} have in common", self.words));
        let Some(found) = &self.found else {
            say(Role::Faint, "reading ...");
            return lines;
        };
        let beside = match found.there {
            0 => "no accepted write of the same path to compare them with".to_owned(),
            there => format!("compared with {} of the same path that the API accepted", writes(there as u64)),
        };
        say(Role::Faint, &format!("The newest {} were looked at, {beside}.", thousands(found.here as u64)));
        let (ours, theirs): (Vec<&Apart>, Vec<&Apart>) =
            found.apart.iter().partition(|apart| apart.here * found.there > apart.there * found.here);
        for (title, list) in [("In these, not in accepted ones", ours), ("In accepted ones, not in these", theirs)] {
            if !list.is_empty() {
                say(Role::Text, "");
                say(Role::Title, title);
            }
            for apart in list {
                let counts = format!("{}/{} here, {}/{} there", apart.here, found.here, apart.there, found.there);
                say(Role::Bad, &format!("{counts:<COUNTS$}  {}", text(&apart.feature)));
            }
        }
        if found.there > 0 && found.apart.is_empty() {
            say(Role::Text, "");
            say(Role::Text, "No field and no value sets them apart from the accepted ones.");
        }
        say(Role::Text, "");
        say(Role::Title, "All of them share");
        if found.shared.is_empty() {
            say(Role::Faint, "no value");
        }
        for feature in &found.shared {
            say(Role::Text, &text(feature));
        }
        lines
    }
}

fn text(feature: &Feature) -> String {
    match &feature.value {
        Some(value) => format!("{} = {value}", feature.path),
        None => format!("{} (the field itself)", feature.path),
    }
}

impl Screen for InCommon {
    fn zone(&self) -> Zone {
        Zone::Common
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        self.page.act(action, &self.lines(cx.area.width), cx.area);
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        self.page.scroll(step, &self.lines(cx.area.width), cx.area);
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        self.page.key(chord, &self.lines(cx.area.width), cx.area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        self.page.paste(text, &self.lines(cx.area.width), cx.area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    fn hear(&mut self, _ticket: Ticket, answer: Reading, _cx: &mut Cx<'_>) {
        if let Reading::Common(found) = answer {
            self.found = Some(found);
        }
    }

    fn draw(&self, _shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
        self.page.draw(&self.lines(area.width), area, p);
    }
}
