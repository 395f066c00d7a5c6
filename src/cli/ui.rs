//! `dlq` on a terminal: the UI.

use std::io::IsTerminal as _;

use super::args::Color;
use super::context::{Context, Usage};
use super::output::note;
use crate::config::Views;
use crate::replay::ExitCode;
use crate::store::{self, OpenOptions};
use crate::tui::columns::WriteColumn;
use crate::tui::keymap::Keymap;
use crate::tui::screen::Setup;
use crate::tui::theme::{Theme, Tier};
use crate::tui::{TuiSettings, run as run_ui};

/// Returns true if there is a terminal to draw on and to read keys from.
pub(super) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

pub(super) fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let path = context.db()?;
    // Before there is a screen: upgrading a large file takes a while, and the user should see what
    // for.
    if path.exists() {
        store::upgrade(&path, None, context.options(OpenOptions::default())).ok();
    }
    let views = Views::of_user();
    let columns = views.as_ref().and_then(|views| views.columns(&path));
    let settings = TuiSettings {
        setup: Setup {
            columns: columns.map(|names| names.iter().filter_map(|name| WriteColumn::of(name)).collect()),
            ..setup(context, path.display().to_string())?
        },
        views,
        path,
        config: context.config.clone(),
        operator: context.operator.clone(),
        base_url: context.given_base_url(&context.config.target(context.target_name()))?,
        demo: None,
    };
    if let Some(word) = run_ui(settings)? {
        note(&word);
    }
    Ok(ExitCode::Ok)
}

/// Builds the setup of the screen from the config, the options and the environment.
pub(super) fn setup(context: &Context, path: String) -> anyhow::Result<Setup> {
    let ui = &context.config.ui;
    let wrong = |why: String| Usage(format!("config: {why}"));
    let configured = match ui.theme.as_deref() {
        None | Some("auto") => None,
        Some(name) => Some(
            Tier::parse(name)
                .ok_or_else(|| wrong(format!("ui.theme: {name:?} is not one of {}", Tier::NAMES.join(", "))))?,
        ),
    };
    let variable = |name: &str| std::env::var(name).ok();
    let mut theme = Theme::detect(configured, &variable);
    match context.global.color {
        Color::Never => theme.tier = Tier::Plain,
        Color::Always if theme.tier == Tier::Plain => theme.tier = Tier::Sixteen,
        _ => {}
    }
    // Over ssh the terminal's own selection is worth more than a click.
    let is_remote = ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| variable(name).is_some_and(|v| !v.is_empty()));
    let command = match &context.global.db {
        Some(db) => format!("dlq --db {}", db.display()),
        None => "dlq".to_owned(),
    };
    Ok(Setup {
        path,
        command,
        base_url: context.global.base_url.as_ref().map(ToString::to_string),
        target: context.global.target.clone(),
        profiles: context.config.targets().map(|target| (target.name.clone(), target.profile.clone())).collect(),
        saved: ui.filters.iter().map(|(name, query)| (name.clone(), query.clone())).collect(),
        keymap: Keymap::with(&ui.keys).map_err(wrong)?,
        theme,
        columns: None,
        mouse: ui.mouse.unwrap_or(!is_remote),
        is_demo: false,
    })
}
