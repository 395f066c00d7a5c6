//! One write, on five tabs.

use similar::{ChangeTag, TextDiff};

use super::json_view::JsonView;
use super::scroll::Scroll;
use crate::domain::ids::WriteId;
use crate::domain::revision::Revision;
use crate::render::marks::Marks;
use crate::repair::for_editor;
use crate::tui::msg::Detail;
use crate::tui::theme::Role;

/// A tab of the detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// The failure, its meaning and what to do.
    #[default]
    Cause,
    /// The request with its body.
    Request,
    /// The requests that dlq made.
    Attempts,
    /// Edits of the body.
    Changes,
    /// Attempts and operators' actions, since the capture.
    History,
}

impl Tab {
    /// All tabs, in the order on the screen.
    pub const ALL: [Self; 5] = [Self::Cause, Self::Request, Self::Attempts, Self::Changes, Self::History];

    /// Returns its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cause => "Cause",
            Self::Request => "Request",
            Self::Attempts => "Attempts",
            Self::Changes => "Changes",
            Self::History => "History",
        }
    }

    /// Returns the next tab, or the previous one.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let len = Self::ALL.len();
        Self::ALL[(self as usize + if forward { 1 } else { len - 1 }) % len]
    }
}

/// The detail of a write.
#[derive(Debug, Default)]
pub struct DetailPane {
    /// The write to show.
    pub id: Option<WriteId>,
    /// The last detail read; that of the write before until this one is read.
    pub shown: Option<Box<Detail>>,
    /// Its body; its event if it has none.
    pub json: JsonView,
    /// Its edits, as lines to draw.
    pub changes: Vec<(Role, String)>,
    /// The tab on the screen.
    pub tab: Tab,
    /// Scroll position of each tab.
    pub scroll: [Scroll; 5],
}

impl DetailPane {
    /// Returns the detail of the write to show, once it is read.
    pub fn read(&self) -> Option<&Detail> {
        self.shown.as_deref().filter(|detail| Some(detail.view.write.id) == self.id)
    }

    /// Takes in a detail that was read.
    pub fn take(&mut self, detail: Box<Detail>) {
        let new = self.shown.as_ref().map(|old| (old.view.write.id, old.view.write.body_sha256))
            != Some((detail.view.write.id, detail.view.write.body_sha256));
        if new {
            let (body, marks) = match (&detail.view.body, &detail.evidence) {
                (Some(body), _) => (body.clone(), Marks::of(&detail.view.write.failure)),
                (None, Some(event)) => (event.clone(), Marks::default()),
                (None, None) => (Vec::new(), Marks::default()),
            };
            self.json = JsonView::new(body, marks);
            self.scroll = Default::default();
            let request = &mut self.scroll[Tab::Request as usize];
            request.at = self.json.named_line().unwrap_or(0);
        }
        self.changes = changes(&detail.revisions, detail.view.write.revision);
        self.shown = Some(detail);
    }
}

/// Returns what each edit changed, the newest first.
fn changes(revisions: &[Revision], current: i64) -> Vec<(Role, String)> {
    let mut lines = Vec::new();
    for pair in revisions.windows(2).rev() {
        let [old, new] = pair else { continue };
        let by = new.operator.as_deref().unwrap_or("an import");
        let at = new.made_at.map(|at| format!(", {}", at.to_human())).unwrap_or_default();
        let reason = new.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let now = if new.number == current { " (current)" } else { "" };
        lines.push((Role::Strong, format!("Revision {} by {by}{at}{now}{reason}", new.number)));
        lines.extend(diff(old.body.as_deref().unwrap_or_default(), new.body.as_deref().unwrap_or_default()));
    }
    if lines.is_empty() {
        lines.push((Role::Faint, "The body is as it was captured.".to_owned()));
    }
    lines
}

/// Returns the lines that differ between two bodies, with three lines of context.
pub fn diff(old: &[u8], new: &[u8]) -> Vec<(Role, String)> {
    let text = |body: &[u8]| for_editor(body).unwrap_or_else(|| format!("{} bytes that are no text\n", body.len()));
    let (old, new) = (text(old), text(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = Vec::new();
    for (n, group) in diff.grouped_ops(3).iter().enumerate() {
        if n > 0 {
            lines.push((Role::Faint, "  ...".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (role, sign) = match change.tag() {
                ChangeTag::Equal => (Role::Text, ' '),
                ChangeTag::Insert => (Role::Added, '+'),
                ChangeTag::Delete => (Role::Removed, '-'),
            };
            lines.push((role, format!("{sign} {}", change.value().trim_end_matches('\n'))));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changed() {
        let lines = diff(br#"{"a":1,"b":2}"#, br#"{"a":1,"b":3}"#);
        let text: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(text, ["  {", "    \"a\": 1,", "-   \"b\": 2", "+   \"b\": 3", "  }"]);
    }
}
