//! The one table of actions. Keys, footer, help, palette and `docs/keys.md` come from it.

/// A place in the UI: the same key may mean different actions in different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Zone {
    /// The list of groups.
    Groups,
    /// The list of writes.
    Writes,
    /// The detail of one write.
    Detail,
    /// The plan of a replay, before it is sent.
    Plan,
    /// One replay.
    Run,
    /// The list of replays.
    Runs,
    /// One write sent as a trial.
    Trial,
    /// An edit, before it is kept.
    Review,
    /// Who did what in a shift.
    Shift,
    /// Two bodies side by side.
    Compare,
    /// What writes have in common.
    Common,
    /// The help.
    Help,
}

impl Zone {
    /// All places, in the order of `docs/keys.md`.
    pub const ALL: [Self; 12] = [
        Self::Groups,
        Self::Writes,
        Self::Detail,
        Self::Plan,
        Self::Run,
        Self::Runs,
        Self::Trial,
        Self::Review,
        Self::Shift,
        Self::Compare,
        Self::Common,
        Self::Help,
    ];

    /// Returns its name on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Groups => "Groups",
            Self::Writes => "Writes",
            Self::Detail => "Write",
            Self::Plan => "Plan",
            Self::Run => "Run",
            Self::Runs => "Runs",
            Self::Trial => "Try one",
            Self::Review => "Edit",
            Self::Shift => "Shift",
            Self::Compare => "Compare",
            Self::Common => "In common",
            Self::Help => "Help",
        }
    }
}

/// Precondition of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// No precondition.
    Nothing,
    /// Writes: marked ones, the one under the cursor, or those of the group there.
    Writes,
    /// A group under the cursor.
    Group,
    /// One write, under the cursor or in the detail.
    Write,
    /// One write whose body can be edited.
    Body,
    /// A plan that sends something.
    Plan,
    /// A run that is under way.
    RunUnderWay,
    /// A plan, or a run that is under way.
    Pace,
    /// A run that is over and has writes that were not accepted.
    RunOver,
    /// Something that can be undone.
    Undo,
    /// The demo, with its schema not fixed yet.
    Demo,
}

impl Needs {
    /// Returns the message shown when it is not met.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Writes => "there is no write here",
            Self::Group => "there is no group under the cursor",
            Self::Write => "there is no write under the cursor",
            Self::Body => "only an open write with a body can be edited, and not while a run is sending it",
            Self::Plan => "nothing can be sent: the plan says why",
            Self::RunUnderWay | Self::Pace => "the run is over",
            Self::RunOver => "the run is under way, or has left nothing",
            Self::Undo => "nothing to undo in this session",
            Self::Demo => "only the demo has a schema to fix, once; yours is fixed at the API",
        }
    }
}

/// An action's entry in the table.
#[derive(Debug)]
pub struct ActionInfo {
    /// The action.
    pub action: Action,
    /// Its name in the config.
    pub name: &'static str,
    /// Other names that the palette finds it by.
    pub aliases: &'static [&'static str],
    /// Its label in the footer; empty if it is not shown there.
    pub short: &'static str,
    /// Its description, for help, palette and docs.
    pub help: &'static str,
    /// Its default keys.
    pub keys: &'static [&'static str],
    /// Places where it applies.
    pub places: &'static [Zone],
    /// Its precondition.
    pub needs: Needs,
}

impl ActionInfo {
    /// Returns true if it applies in every place.
    pub fn is_everywhere(&self) -> bool {
        self.places.len() == Zone::ALL.len()
    }
}

use Zone::{Detail, Groups, Help, Plan, Review, Run, Runs, Writes};

const EVERYWHERE: &[Zone] = &Zone::ALL;
const LISTS: &[Zone] = &[Groups, Writes, Runs];
/// Pages with tabs.
const TABBED: &[Zone] = &[Detail, Run, Zone::Shift];
/// Pages of text, in which a text can be found.
const PAGES: &[Zone] = &[Detail, Run, Help, Review, Zone::Shift, Zone::Compare, Zone::Common];
/// Places with something to search in.
const SEARCHED: &[Zone] =
    &[Groups, Writes, Runs, Detail, Plan, Run, Review, Zone::Shift, Zone::Compare, Zone::Common, Help];
const ABOUT_WRITES: &[Zone] = &[Groups, Writes, Detail];

macro_rules! actions {
    ($($action:ident $name:literal $(or $alias:literal)* [$($key:literal)*] in $places:expr, $needs:ident, $short:literal, $help:literal;)*) => {
        /// An action of the user.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($action,)* }

        /// The table. Footers show its actions in this order, as far as there is room.
        pub const ACTIONS: &[ActionInfo] = &[$(ActionInfo {
            action: Action::$action, name: $name, aliases: &[$($alias),*], short: $short, help: $help,
            keys: &[$($key),*], places: $places, needs: Needs::$needs,
        },)*];
    };
}

actions! {
    Send "send" ["enter"] in &[Plan], Plan, "send", "Send what the plan shows";
    KeepEdit "keep-edit" ["enter"] in &[Review], Nothing, "keep", "Keep the edit as a new revision";
    EditAgain "edit-again" ["e"] in &[Review], Nothing, "edit again", "Open the editor again with what was typed";
    Pause "pause" or "resume" ["space"] in &[Run], RunUnderWay, "pause", "Pause or resume the run";
    Stop "stop" ["s"] in &[Run], RunUnderWay, "stop", "Finish what is in flight, then end the run";
    Open "open" ["enter" "right" "l"] in LISTS, Nothing, "open", "Open what is under the cursor";
    OpenRun "open-run" ["enter"] in &[Zone::Shift], Nothing, "open", "Open the run, or the writes, of the entry under the cursor";
    RunWrites "run-writes" ["enter"] in &[Run], Nothing, "writes", "Show the writes of the cause under the cursor";
    Fix "fix" ["F"] in EVERYWHERE, Demo, "fix the schema", "Demo: add the missing field to the API's schema";
    Replay "replay" ["r"] in ABOUT_WRITES, Writes, "replay", "Replay: see the plan, then send";
    TryOne "try-one" or "try" or "probe" ["p"] in ABOUT_WRITES, Writes, "try one", "Send one of the writes and see request and answer side by side";
    DryRun "dry-run" ["D"] in ABOUT_WRITES, Writes, "", "Show what a replay would send, write by write; send nothing";
    Continue "continue" ["c"] in &[Run, Runs], RunOver, "send the rest", "Plan what the run has left";
    Filter "filter" or "search" or "find" or "query" ["/"] in SEARCHED, Nothing, "search", "Search: type a query in a list, a text on a page";
    FindNext "find-next" or "next-match" ["n"] in PAGES, Nothing, "", "Go to the next match";
    FindPrevious "find-previous" or "previous-match" ["N"] in PAGES, Nothing, "", "Go to the match before";
    Mark "mark" ["space"] in &[Writes], Write, "mark", "Mark or unmark the write under the cursor";
    Edit "edit" ["e"] in &[Writes, Detail], Body, "edit", "Edit the body in $EDITOR; what you keep becomes a new revision";
    Discard "discard" or "delete" or "give-up" ["d"] in ABOUT_WRITES, Writes, "discard", "Give up on writes, with a reason";
    Resolve "resolve" or "settle" ["a"] in ABOUT_WRITES, Writes, "resolve", "Settle writes by hand: you looked, and the API has them or doesn't";
    Undo "undo" ["u"] in ABOUT_WRITES, Undo, "undo", "Undo the last discard, resolve or edit";
    Copy "copy" or "yank" or "curl" ["y"] in &[Writes, Detail], Write, "copy", "Copy the key, the correlation ID, the body or a curl line without the token";
    CopyReport "copy-report" or "markdown" ["y"] in &[Run, Zone::Shift], Nothing, "", "Copy the report as Markdown";
    Related "related" or "pivot" or "same-lane" or "same-key" ["L"] in &[Writes, Detail], Write, "related", "Go to related writes: same lane, key or correlation ID, what blocks it, its batch or parts";
    NextWrite "next-write" ["J"] in &[Detail], Nothing, "", "Go to the next write of the list";
    PreviousWrite "previous-write" ["K"] in &[Detail], Nothing, "", "Go to the write before in the list";
    Compare "compare" or "diff" ["C"] in &[Writes, Detail], Write, "", "Compare two marked writes, or a write's body with the captured one";
    Common "common" or "in-common" ["A"] in &[Groups, Writes], Writes, "", "Show what the writes have in common, and what sets them apart from accepted ones";
    Split "split" ["|"] in &[Writes, Detail], Write, "", "Split a batch into writes of their own, or just the rejected records";
    Unsplit "unsplit" [] in &[Writes, Detail], Write, "", "Take a split back, while nothing has happened to the parts";
    NextTab "next-tab" ["tab" "right" "l"] in TABBED, Nothing, "next tab", "Go to the next tab";
    PreviousTab "previous-tab" ["shift-tab" "left" "h"] in TABBED, Nothing, "", "Go to the previous tab";
    Fold "fold" ["enter" "space"] in &[Detail], Nothing, "fold", "Fold or unfold the JSON at the line";
    Raw "raw" or "bytes" ["b"] in &[Detail], Nothing, "", "Show the strings of the body as they are sent, with their escapes";
    FoldAll "fold-all" ["z"] in &[Detail], Nothing, "", "Fold or unfold all of the JSON";
    Hazards "hazards" or "allow" or "override" ["H"] in &[Plan], Nothing, "hazards", "Choose hazards to override";
    More "more" or "faster" ["+" "="] in &[Plan, Run], Pace, "faster", "Send more at once";
    Less "less" or "slower" ["-"] in &[Plan, Run], Pace, "slower", "Send fewer at once";
    Rate "rate" ["R"] in &[Plan, Run], Pace, "rate", "Limit the requests per second";
    NewKey "new-key" ["n"] in &[Plan], Nothing, "new key", "Send under new keys, past the API's cache of refusals";
    Reason "reason" or "why" ["w"] in &[Plan], Nothing, "why", "Say why, for the record";
    Note "note" or "comment" ["i"] in &[Groups], Group, "", "Note something on the group, for whoever looks next";
    Park "park" or "unpark" or "snooze" or "mute" ["P"] in &[Groups], Group, "", "Park the group: out of the list until a time, or until it grows";
    NextScreen "next-screen" ["tab"] in LISTS, Nothing, "next screen", "Go from groups to writes to runs";
    PreviousScreen "previous-screen" ["shift-tab"] in LISTS, Nothing, "", "Go the other way";
    Log "log" or "shift" or "report" or "who" ["t"] in LISTS, Nothing, "", "Show who did what in a shift, when and why, and the report on it";
    Windows "key-windows" or "windows" ["W"] in LISTS, Nothing, "", "Show the writes that may have been applied, the one whose key window ends first on top";
    When "time-range" or "when" or "histogram" ["T"] in &[Groups, Writes], Nothing, "", "Choose a span of the histogram, and show the writes that failed in it";
    Saved "saved-filters" ["f"] in &[Groups, Writes], Nothing, "", "Choose one of the config's saved filters";
    ClearFilter "clear-filter" ["x"] in &[Groups, Writes], Nothing, "", "Clear filter, types, state and order";
    Transient "type-transient" ["1"] in &[Groups, Writes], Nothing, "", "Show transient failures only (several can be on), or all again";
    Schema "type-schema" ["2"] in &[Groups, Writes], Nothing, "", "Show schema failures only (several can be on), or all again";
    BadData "type-bad-data" ["3"] in &[Groups, Writes], Nothing, "", "Show bad data only (several can be on), or all again";
    Auth "type-auth" ["4"] in &[Groups, Writes], Nothing, "", "Show auth failures only (several can be on), or all again";
    NextState "next-state" or "state" ["s"] in &[Groups, Writes], Nothing, "", "Show the next state: open, pending, unknown, replayed, resolved, discarded, all; of groups: parked, all";
    PreviousState "previous-state" ["S"] in &[Groups, Writes], Nothing, "", "Show the state before";
    Sort "sort" ["o"] in &[Groups, Writes], Nothing, "", "Sort by the next column";
    Reverse "reverse" ["O"] in &[Groups, Writes], Nothing, "", "Reverse the order";
    Columns "columns" or "fields" ["V"] in &[Writes], Nothing, "", "Choose the columns; they are remembered for this file";
    MarkRange "mark-range" ["v"] in &[Writes], Write, "", "Begin a range of marks, or end it";
    MarkAll "mark-all" or "all" or "select-all" ["*"] in &[Writes, Plan], Nothing, "", "All that match, on screen or not: mark them, or plan them in place of one";
    Export "export" or "save" ["E"] in &[Groups, Writes, Detail, Zone::Shift], Writes, "", "Export the writes to a file that `dlq ingest` takes back, or save the report";
    Narrower "narrower" or "shorter" ["<"] in &[Writes, Detail, Zone::Shift], Nothing, "", "Make the list narrower, or the period of a shift shorter";
    Wider "wider" or "longer" [">"] in &[Writes, Detail, Zone::Shift], Nothing, "", "Make the list wider, or the period of a shift longer";
    Up "up" ["up" "k"] in EVERYWHERE, Nothing, "", "Go up";
    Down "down" ["down" "j"] in EVERYWHERE, Nothing, "", "Go down";
    PageUp "page-up" ["pgup" "ctrl-b" "ctrl-u"] in EVERYWHERE, Nothing, "", "Go a page up";
    PageDown "page-down" ["pgdn" "ctrl-f" "ctrl-d"] in EVERYWHERE, Nothing, "", "Go a page down";
    First "first" ["home" "g"] in EVERYWHERE, Nothing, "", "Go to the first line";
    Last "last" ["end" "G"] in EVERYWHERE, Nothing, "", "Go to the last line";
    Back "back" ["esc" "backspace"] in EVERYWHERE, Nothing, "back", "Go back; in a list, clear the marks first";
    Palette "palette" [":"] in EVERYWHERE, Nothing, "commands", "Find any action by its name";
    Help "help" ["?"] in EVERYWHERE, Nothing, "help", "Show all keys";
    Mouse "mouse" ["m"] in EVERYWHERE, Nothing, "", "Turn the mouse on or off (off: the terminal selects text itself)";
    Redraw "redraw" ["ctrl-l"] in EVERYWHERE, Nothing, "", "Draw the screen anew";
    Suspend "suspend" ["ctrl-z"] in EVERYWHERE, Nothing, "", "Suspend dlq and go to the shell; fg brings it back";
    Quit "quit" or "exit" ["q" "ctrl-c"] in EVERYWHERE, Nothing, "quit", "Quit; asks while a replay is under way";
}

impl Action {
    /// Returns its entry in the table.
    pub fn about(self) -> &'static ActionInfo {
        &ACTIONS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Returns the text of `docs/keys.md`.
    fn keys_page() -> String {
        let mut page = "# Keys\n\nMade from the table in `src/tui/actions.rs`; a test holds the two together. Any of them can be given \
                        other keys in the config:\n\n```toml\n[ui.keys]\nreplay = [\"r\", \"f5\"]\n```\n"
            .to_owned();
        for place in Zone::ALL {
            let here = ACTIONS.iter().filter(|a| a.places.contains(&place) && !a.is_everywhere());
            let rows: Vec<String> = here.map(row).collect();
            if !rows.is_empty() {
                let _ = write!(page, "\n## {}\n\n{HEAD}{}", place.name(), rows.concat());
            }
        }
        let rows: Vec<String> = ACTIONS.iter().filter(|a| a.is_everywhere()).map(row).collect();
        let _ = write!(page, "\n## Everywhere\n\n{HEAD}{}", rows.concat());
        page
    }

    const HEAD: &str = "| keys | action | does |\n|---|---|---|\n";

    fn row(about: &ActionInfo) -> String {
        let keys: Vec<String> = about.keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | `{}` | {} |\n", keys.join(" "), about.name, about.help)
    }

    #[test]
    fn the_table_is_in_the_order_of_its_actions_and_complete() {
        let mut names: Vec<&str> = Vec::new();
        for about in ACTIONS {
            assert_eq!(about.action.about().name, about.name);
            assert!(!about.help.is_empty() && !about.places.is_empty(), "{}", about.name);
            assert!(about.needs == Needs::Nothing || !about.needs.missing().is_empty());
            names.push(about.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ACTIONS.len());
    }

    #[test]
    fn the_page_of_keys_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
        if std::env::var_os("DLQ_WRITE_DOCS").is_some() {
            std::fs::write(path, keys_page()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == keys_page(), "docs/keys.md is not what the table says: DLQ_WRITE_DOCS=1 cargo test writes it");
    }
}
