//! A plan under review, before anything is sent: writes to send, refused ones and why, the target, and the expected
//! time.

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::domain::hazard::Hazard;
use crate::domain::plan::PlannedWrite;
use crate::render::count::{thousands, writes};
use crate::render::words;
use crate::replay::{PaceSettings, Prepared};
use crate::tui::actions::{Action, Needs, Zone};
use crate::tui::dialogs::{Ask, Dialog, Item, Menu, Pick, What};
use crate::tui::goals::{Go, Next, PlanOrder, Purpose};
use crate::tui::keymap::Chord;
use crate::tui::msg::{Deed, Effect, PlanChoices, Question, Reading, ScreenId, Start, Ticket};
use crate::tui::page::TextPage;
use crate::tui::paint::{Painter, wrap};
use crate::tui::progress::RunProgress;
use crate::tui::rows::Pieces;
use crate::tui::screen::{Cx, Scene, Screen, Shared};
use crate::tui::scroll::ScrollStep;
use crate::tui::theme::Role;

/// The most writes listed one by one.
const LISTED: usize = 1000;
/// The most requests per write, as on the command line.
const ATTEMPTS: u32 = 5;

/// A plan on the screen.
#[derive(Debug)]
pub struct PlanScreen {
    id: ScreenId,
    /// The plan's purpose and selection.
    order: PlanOrder,
    /// The choices on which it will be sent.
    terms: PlanChoices,
    /// The reason, for the record.
    reason: Option<String>,
    /// The plan, once it is made.
    prepared: Option<Arc<Prepared>>,
    /// The reason why there is no token to send it with.
    no_token: Option<String>,
    /// The reason why it can't be made.
    error: Option<String>,
    /// Ticket of the last request for the plan.
    ticket: Ticket,
    page: TextPage,
    /// True once it was sent.
    is_sent: bool,
}

/// Above this many writes, the count has to be typed before they are sent.
const MANY: usize = 100;

/// Confirmation required before a plan is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// Enter is enough.
    Enter,
    /// The number of writes, typed.
    Count(usize),
    /// The target's name, typed.
    Target(String),
}

impl PlanScreen {
    pub(super) fn open(id: ScreenId, order: PlanOrder, cx: &mut Cx<'_>) -> Self {
        let limit = (order.purpose == Purpose::TryOne).then_some(1);
        let mut plan = Self {
            id,
            order,
            terms: PlanChoices { allowed: Vec::new(), pace: PaceSettings::default(), new_key: false, limit },
            reason: None,
            prepared: None,
            no_token: None,
            error: None,
            ticket: Ticket::default(),
            page: TextPage::default(),
            is_sent: false,
        };
        plan.make(cx);
        plan
    }

    /// Asks for the plan on the current terms.
    fn make(&mut self, cx: &mut Cx<'_>) {
        self.prepared = None;
        self.ticket = cx.ask(self.id, Question::Plan(self.order.chosen.clone(), self.terms.clone()));
    }

    /// Returns the confirmation required to send it; `None` if it can't be sent.
    pub fn confirm(&self) -> Option<Confirm> {
        let prepared = self.prepared.as_ref()?;
        let count = prepared.count();
        if count == 0 || prepared.base_url.is_none() || self.no_token.is_some() || self.order.purpose == Purpose::DryRun
        {
            return None;
        }
        if prepared.options.target.confirm {
            return Some(Confirm::Target(prepared.options.target.name.clone()));
        }
        let overridden = !self.overridden().is_empty();
        Some(if count > MANY || overridden { Confirm::Count(count) } else { Confirm::Enter })
    }

    /// Returns the overridden hazards that the writes to send have.
    pub fn overridden(&self) -> Vec<Hazard> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let sent = |hazard: &&Hazard| prepared.plan.send.iter().any(|write| write.hazards.contains(hazard));
        self.terms.allowed.iter().filter(sent).copied().collect()
    }

    /// Returns the hazards that can be overridden, each with the number of writes that it refuses.
    pub fn refusing(&self) -> Vec<(Hazard, usize)> {
        let Some(prepared) = &self.prepared else { return Vec::new() };
        let refused = |hazard: Hazard| prepared.plan.refused.iter().filter(|(_, h)| *h == hazard).count();
        let all = Hazard::ALL.iter().copied().filter(|h| h.refuses() && *h != Hazard::NoBody);
        all.map(|hazard| (hazard, refused(hazard)))
            .filter(|(hazard, n)| *n > 0 || self.terms.allowed.contains(hazard))
            .collect()
    }

    fn confirm_sending(&self, cx: &mut Cx<'_>) -> bool {
        let (Some(confirm), Some(prepared)) = (self.confirm(), &self.prepared) else { return false };
        let base = prepared.base_url.as_ref().map(ToString::to_string).unwrap_or_default();
        let count = prepared.count();
        let mut notes = vec![format!("{} will be sent to {base}.", writes(count as u64))];
        for hazard in self.overridden() {
            notes.push(format!("Overridden: {hazard}: {}", words::hazard(hazard)));
        }
        let typed = match confirm {
            Confirm::Enter => return true,
            Confirm::Count(n) => {
                notes.push(format!("Type {n} to send them."));
                n.to_string()
            }
            Confirm::Target(name) => {
                notes.push(format!("Type the target's name, {name}, to send them."));
                name
            }
        };
        cx.open(Dialog::Ask(Ask::new(What::Send(typed), "Send?", notes, "")));
        false
    }

    /// Starts a run of the plan.
    fn send(&mut self, cx: &mut Cx<'_>) {
        let Some(prepared) = self.prepared.take() else { return };
        if cx.shared.is_sending() {
            cx.say(Role::Warn, "this replay is still under way: stop it or wait for it first");
            cx.go(Go::Instead(Next::OwnRun));
            return;
        }
        self.is_sent = true;
        let is_trial = self.order.purpose == Purpose::TryOne;
        let mut progress = RunProgress::own(Arc::clone(&prepared), cx.shared.now);
        progress.trial = prepared.plan.send.first().map(|write| write.id).filter(|_| is_trial);
        let next = progress.trial.map_or(Next::OwnRun, Next::Trial);
        cx.shared.sending = Some(progress);
        cx.deed(Deed::Start(Box::new(Start {
            prepared,
            selection: self.order.selection.clone(),
            filter: self.order.filter.clone(),
            reason: self.reason.clone(),
            canaries: usize::from(!is_trial),
            max_attempts: if is_trial { 1 } else { ATTEMPTS },
        })));
        cx.go(Go::Instead(next));
    }

    fn choose_hazards(&self, cx: &mut Cx<'_>) {
        let refusing = self.refusing();
        if refusing.is_empty() {
            cx.say(Role::Text, "nothing is refused by a hazard you can override");
            return;
        }
        let item = |((hazard, n), key): ((Hazard, usize), char)| {
            let text = format!("{hazard} ({}): {}", thousands(n as u64), words::hazard(hazard));
            Item::switch(key, text, Pick::Allow(hazard), self.terms.allowed.contains(&hazard))
        };
        let items = refusing.into_iter().zip('1'..='9').map(item).collect();
        cx.open(Dialog::Menu(Menu::new("Override a hazard? The API may then hold a write twice", items)));
    }
}

impl Screen for PlanScreen {
    fn zone(&self) -> Zone {
        Zone::Plan
    }

    fn id(&self) -> ScreenId {
        self.id
    }

    fn act(&mut self, action: Action, cx: &mut Cx<'_>) {
        match action {
            Action::Send if self.confirm_sending(cx) => self.send(cx),
            Action::Hazards => self.choose_hazards(cx),
            Action::More | Action::Less => {
                self.terms.pace.concurrency = step(self.terms.pace.concurrency, action == Action::More);
                self.make(cx);
            }
            Action::Rate => cx.open(Dialog::Ask(ask_rate())),
            Action::MarkAll => {
                if let Some(wider) = self.order.wider.take() {
                    self.order = PlanOrder::of(self.order.purpose, wider, None);
                    self.make(cx);
                } else {
                    cx.say(Role::Text, "this is the plan for all of them");
                }
            }
            Action::NewKey => {
                self.terms.new_key = !self.terms.new_key;
                self.make(cx);
            }
            Action::Reason => {
                let notes = vec!["For the record of the run.".to_owned()];
                let start = self.reason.as_deref().unwrap_or_default();
                cx.open(Dialog::Ask(Ask::new(What::PlanReason, "Why is this sent?", notes, start)));
            }
            other => {
                let lines = lines(cx.shared, self, cx.area.width);
                self.page.act(other, &lines, cx.area);
            }
        }
    }

    fn is_typing(&self) -> bool {
        self.page.is_typing()
    }

    fn key(&mut self, chord: Chord, cx: &mut Cx<'_>) {
        let lines = lines(cx.shared, self, cx.area.width);
        self.page.key(chord, &lines, cx.area);
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_>) {
        let lines = lines(cx.shared, self, cx.area.width);
        self.page.paste(text, &lines, cx.area);
    }

    fn back(&mut self, _cx: &mut Cx<'_>) -> bool {
        self.page.back()
    }

    fn scroll(&mut self, step: ScrollStep, cx: &mut Cx<'_>) {
        let lines = lines(cx.shared, self, cx.area.width);
        self.page.scroll(step, &lines, cx.area);
    }

    // A plan stands as it was shown, whatever changes meanwhile: each claim is checked against it.
    fn refresh(&mut self, _cx: &mut Cx<'_>) {}

    fn hear(&mut self, ticket: Ticket, answer: Reading, _cx: &mut Cx<'_>) {
        if ticket != self.ticket {
            return;
        }
        match answer {
            Reading::Plan(Ok(ready)) => {
                self.no_token = ready.no_token;
                self.prepared = Some(Arc::new(ready.prepared));
                self.error = None;
            }
            Reading::Plan(Err(why)) | Reading::Failed(why) => self.error = Some(why),
            _ => {}
        }
    }

    fn answered(&mut self, what: &What, answer: &str, cx: &mut Cx<'_>) -> Result<(), String> {
        match what {
            What::Send(wanted) if answer == wanted => self.send(cx),
            What::Send(wanted) => return Err(format!("that is not {wanted}; nothing was sent")),
            What::PlanReason => self.reason = Some(answer.to_owned()).filter(|reason| !reason.is_empty()),
            What::Rate => {
                self.terms.pace.rate = parse_rate(answer)?;
                self.make(cx);
            }
            _ => {}
        }
        Ok(())
    }

    fn picked(&mut self, pick: Pick, cx: &mut Cx<'_>) {
        if let Pick::Allow(hazard) = pick {
            let allowed = &mut self.terms.allowed;
            match allowed.iter().position(|h| *h == hazard) {
                Some(at) => drop(allowed.remove(at)),
                None => allowed.push(hazard),
            }
            self.make(cx);
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        if !self.is_sent {
            let question = Question::Plan(self.order.chosen.clone(), self.terms.clone());
            cx.out.effects.push(Effect::Forget(self.ticket, question));
        }
    }

    fn has(&self, needs: Needs, _world: &Shared) -> bool {
        match needs {
            Needs::Pace => true,
            Needs::Plan => self.confirm().is_some(),
            _ => false,
        }
    }

    fn scene(&self, _shared: &Shared) -> Scene {
        let is_one = self.prepared.as_ref().is_some_and(|prepared| prepared.count() == 1);
        Scene::Plan { is_dry: self.order.purpose == Purpose::DryRun, is_one }
    }

    fn draw(&self, shared: &Shared, area: Rect, p: &mut Painter<'_>) {
        self.page.draw(&lines(shared, self, area.width), area, p);
    }
}

/// Returns the question for a limit of requests per second.
pub(super) fn ask_rate() -> Ask {
    let notes = vec!["Fractions are fine; empty for no limit.".to_owned()];
    Ask::new(What::Rate, "Requests per second", notes, "")
}

/// Parses a limit of requests per second; `None` for no limit.
pub(super) fn parse_rate(text: &str) -> Result<Option<f64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate > 0.0);
    rate.map(Some).ok_or_else(|| "a number above zero, as 0.5 or 20; or nothing for no limit".to_owned())
}

/// Returns twice the concurrency, or half of it, between 1 and 512.
pub(super) fn step(concurrency: usize, more: bool) -> usize {
    if more { (concurrency * 2).min(512) } else { (concurrency / 2).max(1) }
}

fn lines(shared: &Shared, plan: &PlanScreen, width: u16) -> Vec<Pieces> {
    let width = usize::from(width.saturating_sub(2));
    let mut lines: Vec<Pieces> = Vec::new();
    let mut say = |role: Role, text: &str| {
        lines.extend(wrap(text, width).into_iter().map(|line| vec![(role, format!(" {line}"))]));
    };
    let title = match plan.order.purpose {
        Purpose::Replay => "Replay",
        Purpose::TryOne => "Try one write",
        Purpose::DryRun => "Dry run, nothing is sent",
    };
    say(Role::Title, &format!("{title}: {}", plan.order.words));
    if let Some(wider) = &plan.order.wider {
        let key = shared.key(Action::MarkAll);
        say(Role::Warn, &format!("This is the one write under the cursor; {key} plans {} instead.", wider.words));
    }
    if let Some(why) = &plan.error {
        say(Role::Bad, why);
        return lines;
    }
    let Some(prepared) = &plan.prepared else {
        say(Role::Faint, "making the plan ... (esc gives up)");
        return lines;
    };
    for line in prepared.page(shared.now).lines() {
        let role = match line.trim_start().split(' ').next() {
            Some("WARNING" | "closed") => Role::Warn,
            Some("refused") => Role::Bad,
            Some("allowed") => Role::Warn,
            Some("Plan" | "to") => Role::Strong,
            _ => Role::Text,
        };
        say(role, line);
    }
    if let Some(reason) = &plan.reason {
        say(Role::Text, &format!("  reason    {reason}"));
    }
    let bound = shared.overview.targets.iter().any(|t| t.name == prepared.options.target.name && t.base_url.is_some());
    if let Some(base) = prepared.base_url.as_ref().filter(|_| !bound) {
        say(Role::Warn, &format!("  binds     target {} is bound to {base} from now on", prepared.options.target.name));
    }
    say(Role::Text, "");
    let key = |action| shared.key(action);
    match (plan.confirm(), plan.order.purpose) {
        (_, Purpose::DryRun) => {
            let replay = shared.key(Action::Replay);
            say(
                Role::Faint,
                &format!("A dry run is only looked at: go back, and {replay} plans one that can be sent."),
            );
        }
        (None, _) if prepared.base_url.is_none() => {
            say(Role::Bad, "This target has no base URL yet: start dlq with --base-url URL (or EXPERITURE_BASE_URL).");
        }
        (None, _) if plan.no_token.is_some() && prepared.count() > 0 => {
            let why = plan.no_token.as_deref().unwrap_or_default();
            say(Role::Bad, &format!("It can't be sent: {why}."));
        }
        (None, _) => say(Role::Warn, "Nothing will be sent."),
        (Some(confirm), _) => {
            let first = match confirm {
                Confirm::Enter => "",
                Confirm::Count(_) => " once you have typed how many",
                Confirm::Target(_) => " once you have typed the target's name",
            };
            let is_one = prepared.count() == 1;
            let what = if is_one { "sends it" } else { "sends them" };
            let canary = if is_one { "" } else { ": one first, the rest if it is accepted" };
            say(Role::Good, &format!("{} {what}{first}{canary}. {} goes back.", key(Action::Send), key(Action::Back)));
        }
    }
    let refused = prepared.plan.refused.len();
    if refused > 0 && !plan.refusing().is_empty() {
        say(Role::Faint, &format!("{} overrides a hazard.", key(Action::Hazards)));
    }
    if refused > 0 || prepared.count() > 0 {
        say(Role::Text, "");
    }
    for (write, hazard) in prepared.plan.refused.iter().take(LISTED) {
        say(Role::Bad, &format!("write {}  refused: {hazard}", write.id));
    }
    for write in prepared.plan.send.iter().take(LISTED) {
        say(Role::Faint, &planned(write));
    }
    let left = prepared.plan.send.len().saturating_sub(LISTED) + refused.saturating_sub(LISTED);
    if left > 0 {
        say(Role::Faint, &format!("and {} more", thousands(left as u64)));
    }
    lines
}

fn planned(write: &PlannedWrite) -> String {
    let notes: Vec<&str> = write.hazards.iter().map(|hazard| hazard.name()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
    let what = if write.settled { "settled meanwhile: skipped" } else { "will be sent" };
    format!("write {}  {what} to {}{notes}", write.id, write.endpoint)
}
