//! One write sent as a trial: the request, and the answer.

use ratatui::layout::Rect;

use super::write::json_view::JsonView;
use crate::domain::ids::WriteId;
use crate::domain::outcome::Outcome;
use crate::render::marks::Marks;
use crate::render::words;
use crate::tui::actions::{Action, Zone};
use crate::tui::msg::{Detail, Question, Reading, ScreenId, Ticket};
use crate::tui::paint::{Painter, wrap};
use crate::tui::progress::RunProgress;
use crate::tui::screen::{Cx, RunShown, Scene, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// A trial.
#[derive(Debug)]
pub struct Trial {
    id: ScreenId,
    write: WriteId,
    detail: Option<Box<Detail>>,
    json: JsonView,
}

impl Trial {
    pub(super) fn open(id: ScreenId, write: WriteId, cx: &mut Cx<'_>) -> Self {
        let mut trial = Self { id, write, detail: None, json: JsonView::default() };
        trial.refresh(cx);
        trial
    }
}

impl Screen for Trial {
    fn zone(&self) -> Zone {
        Zone::Trial
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, _action: Action, _cx: &mut Cx<'_>) {}

    fn scroll(&mut self, _step: ScrollStep, _cx: &mut Cx<'_>) {}

    fn refresh(&mut self, cx: &mut Cx<'_>) {
        cx.ask(self.id, Question::Detail(self.write));
    }

    fn hear(&mut self, _ticket: Ticket, answer: Reading, _cx: &mut Cx<'_>) {
        if let Reading::Detail(_, Some(detail)) = answer {
            let body = detail.view.body.clone().unwrap_or_default();
            self.json = JsonView::new(body, &Marks::of(&detail.view.write.failure));
            self.detail = Some(detail);
        }
    }

    fn run(&self) -> Option<RunShown> {
        Some(RunShown::Own)
    }

    fn scene(&self, _shared: &Shared) -> Scene {
        Scene::Trial
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        let half = area.width / 2;
        let left = Rect { width: half.saturating_sub(1), ..area };
        let right = Rect { x: area.x + half + 1, width: area.width - half - 1, ..area };
        p.divider(Rect { x: area.x + half - 1, width: 1, ..area });
        let id = self.write;
        p.text(left.x + 1, left.y, left.width.saturating_sub(1), &format!("Request: write {id}"), Role::Title);
        if let Some(detail) = self.detail.as_ref() {
            let write = &detail.view.write;
            let mut y = left.y + 1;
            let key = detail.key_header.as_ref().map(|header| (Role::Text, format!("{header}: {}", write.key)));
            let request = (Role::Strong, format!("{} {}", write.method, write.path));
            for (role, text) in [Some(request), key, Some((Role::Text, String::new()))].into_iter().flatten() {
                p.text(left.x + 1, y, left.width.saturating_sub(2), &text, role);
                y += 1;
            }
            body(
                &self.json,
                Rect { x: left.x + 1, y, width: left.width.saturating_sub(2), height: left.bottom().saturating_sub(y) },
                p,
            );
        }
        if let Some(run) = &shared.sending {
            answer(shared, run, right, p);
        }
    }
}

fn body(json: &JsonView, area: Rect, p: &mut Painter<'_>) {
    for (line, y) in (0..json.len()).filter_map(|n| json.line(n)).zip(area.top()..area.bottom()) {
        let x = area.x + u16::try_from(line.depth * 2).unwrap_or(0).min(area.width);
        p.pieces(x, y, area.right().saturating_sub(x), line.pieces.iter().map(|(role, text)| (*role, text.as_str())));
    }
}

fn answer(shared: &Shared, run: &RunProgress, area: Rect, p: &mut Painter<'_>) {
    p.text(area.x, area.y, area.width, "Answer", Role::Title);
    let mut lines: Vec<(Role, String)> = Vec::new();
    match (&run.trial_ended, &run.error) {
        (Some(ended), _) => {
            let last = ended.last.as_ref();
            let status = last.and_then(|l| l.status).map(|s| format!("HTTP {s}, ")).unwrap_or_default();
            lines.push((Role::Outcome(ended.outcome), format!("{status}{}", ended.outcome)));
            if let Some(last) = last {
                lines.push((Role::Text, format!("in {} ms", last.latency_ms)));
                lines.extend(last.correlation_id.iter().map(|cid| (Role::Text, format!("correlation ID {cid}"))));
            }
            let reason = ended.reason.as_ref().map(|reason| words::reason(reason, ended.last.as_ref()));
            lines.extend(reason.map(|reason| (Role::Text, reason)));
            lines.push((Role::Text, String::new()));
            let next = if ended.outcome == Outcome::Accepted {
                format!("It is in. {} goes back.", shared.key(Action::Back))
            } else {
                "Nothing else was sent.".to_owned()
            };
            lines.push((Role::Faint, next));
        }
        (None, Some(why)) => lines.push((Role::Bad, why.clone())),
        (None, None) if run.report.is_some() => lines.push((Role::Warn, "it was not sent".to_owned())),
        (None, None) => lines.push((Role::Faint, "waiting ...".to_owned())),
    }
    let mut y = area.y + 1;
    for (role, text) in lines {
        for line in wrap(&text, area.width.saturating_sub(1).into()) {
            if y >= area.bottom() {
                return;
            }
            p.text(area.x, y, area.width, &line, role);
            y += 1;
        }
    }
}
