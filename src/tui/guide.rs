//! The demo's guide: what to try next, in a line or in half of one.

use super::actions::Action;
use super::screen::{Scene, Shared, Story};

/// A hint of the guide.
#[derive(Debug, PartialEq, Eq)]
pub struct Tip {
    /// For the two lines that a usual terminal has for it: at most 156 columns.
    pub long: String,
    /// For the single line of a small one: at most 38 columns.
    pub short: String,
}

/// Returns the hint for what is on the screen.
pub fn tip(scene: &Scene, story: &Story, shared: &Shared) -> Tip {
    let key = |action| shared.key(action);
    let (open, back, replay) = (key(Action::Open), key(Action::Back), key(Action::Replay));
    let (fix, send) = (key(Action::Fix), key(Action::Send));
    let (long, short) = match scene {
        Scene::Groups { on_schema } => about_groups(*on_schema, story, shared),
        Scene::Writes if story.is_fixed => (
            format!(
                "{} marks all of them, {replay} plans their replay. Or {back} to the groups, and {replay} there.",
                key(Action::MarkAll)
            ),
            format!("{} marks all, {replay} plans their replay", key(Action::MarkAll)),
        ),
        Scene::Writes => (
            format!("One line per write; new ones appear by themselves. {open} shows why one failed."),
            format!("{open} shows why one failed"),
        ),
        Scene::Write if story.is_fixed => (
            format!(
                "The schema is fixed. {back} goes back to the list, where all can be replayed; {replay} would replay this one."
            ),
            format!("{back} to the list; {replay} replays this one"),
        ),
        Scene::Write => (
            format!(
                "The cause comes first: the API's schema lacks a field that the service sends. {fix} fixes the schema."
            ),
            format!("{fix} fixes the schema"),
        ),
        Scene::Plan { is_dry: true, .. } => (
            format!("A dry run: what would be sent, write by write. {back} goes back."),
            format!("nothing is sent; {back} goes back"),
        ),
        Scene::Plan { is_one: true, .. } => (
            format!("Nothing else will be sent: {send} sends this one write. {back} goes back."),
            format!("{send} sends this one"),
        ),
        Scene::Plan { .. } if story.is_fixed => (
            format!("Nothing else will be sent. {send} sends it: one first, the rest if that is accepted."),
            format!("{send} sends one, then the rest"),
        ),
        Scene::Plan { .. } => (
            format!(
                "{send} sends one first, the rest if that is accepted. The schema is not fixed yet: see how the first one stops the rest."
            ),
            format!("{send}: the first one stops the rest"),
        ),
        Scene::RunUnderWay => (
            "Every request is written to the file before it leaves: kill -9 loses nothing and sends nothing twice."
                .to_owned(),
            "kill -9 loses nothing".to_owned(),
        ),
        Scene::CanaryFailed => {
            let go_on = key(Action::Continue);
            let (first, brief) = if story.is_fixed {
                (String::new(), String::new())
            } else {
                (format!("{fix} fixes the schema; then "), format!("{fix} fixes it, "))
            };
            (
                format!("The first write was refused, so the rest was never sent. {first}{go_on} sends what is left."),
                format!("{brief}{go_on} sends what is left"),
            )
        }
        Scene::RunOver { outcomes } => {
            let verdict = story.verdict.as_deref().unwrap_or_default();
            (
                format!("{outcomes}, each under its original key. {verdict} {back} goes back."),
                format!("{outcomes}; {back} goes back"),
            )
        }
        Scene::Trial => {
            (format!("One write was sent, nothing else. {back} goes back."), format!("one was sent; {back} goes back"))
        }
        Scene::Other => (format!("{back} goes back."), format!("{back} goes back")),
    };
    Tip { long, short }
}

fn about_groups(on_schema: bool, story: &Story, shared: &Shared) -> (String, String) {
    let key = |action| shared.key(action);
    let (open, replay, fix) = (key(Action::Open), key(Action::Replay), key(Action::Fix));
    let has_schema = story.schema.is_some_and(|(_, open)| open > 0);
    match on_schema {
        _ if story.is_fixed && !has_schema && story.verdict.is_some() => (
            format!(
                "The schema group is done. Now the rest: {replay} on the transient and auth groups, {} on the bad data. {} quits.",
                key(Action::Discard),
                key(Action::Quit)
            ),
            format!("{replay} on the rest, {} on bad data", key(Action::Discard)),
        ),
        _ if story.is_fixed => (
            format!(
                "The schema is fixed: its writes pass now. On the schema group, {replay} plans the replay of all that failed."
            ),
            format!("on the schema group: {replay} replays all"),
        ),
        _ if !has_schema => (
            "A service sends writes to an API, and some fail. They appear here as they come, one line per cause."
                .to_owned(),
            "failures appear here as they come".to_owned(),
        ),
        true => (
            format!(
                "The schema group grows while you watch. {open} shows its writes; {fix} fixes the cause, then {replay} replays them all."
            ),
            format!("{fix} fixes it, {replay} replays them all"),
        ),
        false => (
            format!(
                "The schema group grows while you watch: go to it with {} and {}, then {open}.",
                key(Action::Down),
                key(Action::Up)
            ),
            format!("go to the schema group, then {open}"),
        ),
    }
}
