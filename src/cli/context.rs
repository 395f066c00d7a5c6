//! The context of every command: the options, the config, the file.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use etcetera::BaseStrategy;

use super::args::{Color, Global};
use crate::capture::{DEFAULT_TARGET, TargetBinding};
use crate::config::{Config, TokenError, current_operator, read_token};
use crate::domain::endpoint::BaseUrl;
use crate::domain::filter::{Filter, Test, TextField, TextMatch};
use crate::domain::run::Operator;
use crate::domain::secrets::Scrubber;
use crate::domain::target::{TargetSettings, TokenSource};
use crate::query;
use crate::render::style::Palette;
use crate::replay::{ExitCode, LaunchError, base_url};
use crate::store::{self, OpenOptions, Sharing, Store, StoreError, Upgrading};

/// A wrong command line: exit 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// The options and the config.
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) config: Config,
    pub(super) operator: Operator,
    /// True unless the base URL was given as an option: one from the environment may be meant for
    /// another command.
    base_url_is_ambient: bool,
    /// The users of what is made.
    sharing: Sharing,
    /// The reason why the config was not read, if the command goes on without it.
    pub(super) wrong_config: Option<String>,
}

impl Context {
    /// Creates the context for `doctor`, which works even if the config can't be read.
    pub(super) fn whatever_the_config(global: Global) -> anyhow::Result<Self> {
        Self::with(global, true)
    }

    pub(super) fn new(global: Global) -> anyhow::Result<Self> {
        Self::with(global, false)
    }

    fn with(mut global: Global, whatever_the_config: bool) -> anyhow::Result<Self> {
        // An empty variable is an unset one.
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        global.db = global.db.or_else(|| variable("DLQ_DB").map(PathBuf::from));
        let base_url_is_ambient = global.base_url.is_none();
        if let Some(url) = variable("EXPERITURE_BASE_URL").filter(|_| base_url_is_ambient) {
            let url = BaseUrl::parse(&url.to_string_lossy());
            global.base_url = Some(url.map_err(|e| Usage(format!("EXPERITURE_BASE_URL: {e}")))?);
        }
        let config =
            global.config.clone().or_else(default_config).map_or(Ok(Config::default()), |path| Config::load(&path));
        let (config, wrong_config) = match config {
            Err(error) if whatever_the_config => (Config::default(), Some(error.to_string())),
            other => (other?, None),
        };
        let sharing = match config.unix_group.as_deref().map(Sharing::with) {
            Some(Err(why)) if !whatever_the_config => {
                return Err(Usage(format!("config: store.unix_group: {why}")).into());
            }
            Some(Ok(sharing)) => sharing,
            Some(Err(_)) | None => Sharing::default(),
        };
        let operator = current_operator(global.operator.as_deref());
        Ok(Self { global, config, operator, base_url_is_ambient, sharing, wrong_config })
    }

    pub(super) fn db(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = self.global.db.as_ref().or(self.config.db.as_ref()) {
            return Ok(path.clone());
        }
        let strategy =
            etcetera::choose_base_strategy().context("there is no home directory: name the file with --db")?;
        Ok(strategy.data_dir().join("dlq/dlq.db"))
    }

    /// Returns the users of what is made.
    pub(super) fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Opens the file for reading only.
    pub(super) fn look(&self) -> anyhow::Result<Arc<dyn Store>> {
        self.open(OpenOptions { write: false, ..OpenOptions::default() })
    }

    /// Opens the file for writing.
    pub(super) fn change(&self) -> anyhow::Result<Arc<dyn Store>> {
        self.open(OpenOptions::default())
    }

    /// Opens the file for writing, and creates it if it doesn't exist.
    pub(super) fn create(&self) -> anyhow::Result<Arc<dyn Store>> {
        self.open(OpenOptions { create: true, ..OpenOptions::default() })
    }

    fn open(&self, options: OpenOptions) -> anyhow::Result<Arc<dyn Store>> {
        Ok(store::open(&self.db()?, self.options(options))?)
    }

    /// Adds the settings of the config and the command line to options for opening the file.
    pub(super) fn options(&self, options: OpenOptions) -> OpenOptions {
        let busy_timeout = self.config.busy_timeout.unwrap_or(options.busy_timeout);
        OpenOptions { busy_timeout, sharing: self.sharing, told: self.tells_upgrades(), ..options }
    }

    /// Returns the function that reports on stderr that a file of an older version is being
    /// upgraded; `None` with `-q`.
    pub(super) fn tells_upgrades(&self) -> Option<fn(Upgrading)> {
        (!self.global.quiet).then_some(super::upgrade::tell)
    }

    /// Returns the query's filter, limited to the target of `--target` if given.
    pub(super) fn filter(&self, store: &dyn Store, words: &[String]) -> anyhow::Result<Filter> {
        Ok(self.of_target(filter_of(store, words)?))
    }

    fn of_target(&self, filter: Filter) -> Filter {
        match &self.global.target {
            Some(name) => filter.and(Test::Text(TextField::Target, vec![TextMatch::Is(name.clone())])),
            None => filter,
        }
    }

    /// Returns the filter for a command that changes or sends something. A bare number is refused,
    /// since it is easily meant as an ID, and so is an empty word, which is most likely an unset
    /// variable; selecting everything takes `--all`. `narrowed` is true if other options select,
    /// too.
    pub(super) fn selection(
        &self,
        store: &dyn Store,
        words: &[String],
        all: bool,
        narrowed: bool,
    ) -> anyhow::Result<Filter> {
        if words.iter().any(|word| word.trim().is_empty()) {
            let hint = "an empty query selects nothing (was a variable not set?); --all selects everything";
            return Err(Usage(hint.to_owned()).into());
        }
        if words.is_empty() && !all && !narrowed {
            let hint = "say which writes: a query (id:5, group:3, type:schema), or --all for everything";
            return Err(Usage(hint.to_owned()).into());
        }
        if let Some(name) = &self.global.target
            && self.config.targets().all(|target| target.name != *name)
        {
            let known: Vec<String> = store.targets().wait()?.into_iter().map(|target| target.name).collect();
            if !known.contains(name) {
                let hint = format!(
                    "neither the file nor the config knows a target {name} (the file has: {})",
                    known.join(", ")
                );
                return Err(Usage(hint).into());
            }
        }
        let mut bare = words.iter().flat_map(|argument| argument.split_whitespace());
        if let Some(number) = bare.find(|word| {
            let digits = word.trim_start_matches('-');
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
        }) {
            let hint = format!(
                "did you mean id:{number}? (A bare word is a text to search for; write it as \"{number}\" in quotes.)"
            );
            return Err(Usage(hint).into());
        }
        let filter = filter_of(store, words)?;
        if filter.only_negates() && !all && !narrowed {
            let hint =
                "this query only says what to leave out, so it selects everything else: add --all if you mean that";
            return Err(Usage(hint.to_owned()).into());
        }
        Ok(self.of_target(filter))
    }

    /// Returns the name of the target given with `--target`, or the default.
    pub(super) fn target_name(&self) -> &str {
        self.global.target.as_deref().unwrap_or(DEFAULT_TARGET)
    }

    /// Returns the base URL that the command line or the environment gives for a target. It is
    /// meant for the target of `--target`, or else for `default`, and for no other; if the config
    /// has one as well, they must agree.
    pub(super) fn given_base_url(&self, target: &TargetSettings) -> anyhow::Result<Option<BaseUrl>> {
        let Some(given) = &self.global.base_url else { return Ok(None) };
        let from = if self.base_url_is_ambient { "EXPERITURE_BASE_URL" } else { "--base-url" };
        let (name, meant) = (&target.name, self.target_name());
        if name != meant {
            if self.base_url_is_ambient {
                return Ok(None);
            }
            let hint = format!("--base-url is for target {meant}, and these writes are for {name}: {}", way_out(name));
            return Err(Usage(hint).into());
        }
        match &target.base_url {
            Some(configured) if configured != given => {
                let hint = format!("the config says that target {name} is at {configured}, {from} says {given}");
                Err(Usage(hint).into())
            }
            _ => Ok(Some(given.clone())),
        }
    }

    /// Returns the base URL given with `--base-url`.
    pub(super) fn asked_base_url(&self) -> Option<&BaseUrl> {
        self.global.base_url.as_ref().filter(|_| !self.base_url_is_ambient)
    }

    /// Returns a target's base URL, if it is known.
    pub(super) fn base_url(&self, store: &dyn Store, target: &TargetSettings) -> anyhow::Result<Option<BaseUrl>> {
        let given = self.given_base_url(target)?;
        Ok(wait_for(base_url(store, target, given.as_ref()))??)
    }

    /// Returns the targets that incoming lines are bound to, by name.
    pub(super) fn bindings(&self, store: Option<&dyn Store>) -> anyhow::Result<BTreeMap<String, TargetBinding>> {
        let mut bindings = BTreeMap::new();
        let known = store.map_or(Ok(Vec::new()), |store| store.targets().wait())?;
        for known in known {
            let settings = self.config.target(&known.name);
            let base_url = settings.base_url.clone().or(known.base_url);
            bindings.insert(known.name, TargetBinding { settings, base_url });
        }
        for settings in self.config.targets() {
            bindings
                .entry(settings.name.clone())
                .or_insert_with(|| TargetBinding { settings: settings.clone(), base_url: settings.base_url.clone() });
        }
        if let Some(url) = &self.global.base_url {
            let name = self.target_name().to_owned();
            let settings = self.config.target(&name);
            bindings.insert(name, TargetBinding { settings, base_url: Some(url.clone()) });
        }
        Ok(bindings)
    }

    /// Returns a scrubber for secrets, among them every token that this process can get at.
    pub(super) fn scrubber(&self) -> Scrubber {
        let variables = self.config.token_variables();
        let from_variables = variables.iter().filter_map(|name| std::env::var(name).ok());
        let from_files = self.config.targets().filter_map(|target| match target.token {
            TokenSource::File(_) => read_token(target, &target.name).ok().flatten(),
            _ => None,
        });
        Scrubber::new(from_variables.chain(from_files).map(|token| token.trim().to_owned()))
    }

    /// Returns the colours for a stream.
    pub(super) fn palette(&self, stream: &impl IsTerminal) -> Palette {
        Palette(match self.global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        })
    }

    /// Returns the terminal's width; `None` for pipes, which get everything.
    pub(super) fn width() -> Option<u16> {
        if !std::io::stdout().is_terminal() {
            return None;
        }
        Some(terminal_size::terminal_size().map_or(80, |(width, _)| width.0.max(40)))
    }
}

/// Parses words into a filter, regardless of `--target`.
fn filter_of(store: &dyn Store, words: &[String]) -> anyhow::Result<Filter> {
    if let Some(option) = words.iter().find(|word| word.starts_with("--")) {
        return Err(Usage(format!(
            "there is no option {option} here; see --help (to search for that text, quote it inside the query)"
        ))
        .into());
    }
    let fields = store.record_fields().wait()?;
    let known = |name: &str| fields.binary_search_by(|f| f.as_str().cmp(name)).is_ok();
    Ok(query::parse(&words.join(" "), &known).map_err(|e| Usage(e.to_string()))?)
}

/// Returns the hint on how to give the base URL of a target that the command line does not speak
/// for.
pub(super) fn way_out(target: &str) -> String {
    format!(
        "say where {target} is with dlq target set {target} --base-url URL --reason TEXT (and its token with token_env in \
         [targets.{target}] of the config), or select it with --target {target}"
    )
}

/// Waits for a future that consists of replies from the store.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(future))
}

fn default_config() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    let path = strategy.config_dir().join("dlq/config.toml");
    Path::exists(&path).then_some(path)
}

/// Returns the exit code for an error.
pub(super) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let no_token = matches!(
        error.downcast_ref(),
        Some(TokenError::NotSet(_) | TokenError::Empty(_) | TokenError::NotMeant { .. })
    );
    match error.downcast_ref() {
        Some(LaunchError::Store(StoreError::RunInTheWay { .. })) => ExitCode::Held,
        _ if no_token || error.downcast_ref::<Usage>().is_some() => ExitCode::Usage,
        _ => ExitCode::Error,
    }
}
