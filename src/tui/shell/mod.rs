//! The outside world: the terminal, the file, the network, the editor. Nothing here decides
//! anything.

mod clipboard;
mod doing;
mod editor;
mod effects;
mod input;
mod looking;
mod replies;
mod signals;
mod terminal;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use self::editor::EditJob;
use self::effects::Outside;
use self::input::InputThread;
use self::terminal::Screen;
use super::app::App;
use super::draw::draw;
use super::msg::{Effect, Msg, Reading, TerminalRequest};
use super::screen::Setup;
use crate::config::{Config, Views};
use crate::domain::endpoint::BaseUrl;
use crate::domain::run::Operator;
use crate::domain::time::Timestamp;

/// Settings that the terminal UI is started with.
pub struct TuiSettings {
    /// Path of the file.
    pub path: PathBuf,
    /// The config, with the settings of each target.
    pub config: Config,
    /// The operator at the keyboard.
    pub operator: Operator,
    /// The target's base URL, if the command line or the environment gives it.
    pub base_url: Option<BaseUrl>,
    /// The application's setup.
    pub setup: Setup,
    /// The file that remembers choices; `None` if nothing does.
    pub views: Option<Views>,
    /// The demo's API, if this is the demo.
    pub demo: Option<Demo>,
}

/// The demo's API.
pub struct Demo {
    /// Its token.
    pub token: String,
    /// Adds the missing field to its schema.
    pub fix: Box<dyn Fn() + Send + Sync>,
    /// Returns the verdict of its ledger, in a sentence.
    pub check: Box<dyn Fn() -> String + Send + Sync>,
}

/// An event for the main loop: a message for the application, or a job that needs the terminal.
pub(super) enum Heard {
    Msg(Msg),
    Editor(Box<EditJob>),
}

/// The most further messages to handle before the screen is drawn.
const BUNCH: usize = 512;

/// The longest that the first frame waits for the terminal to say what its background is.
const BACKGROUND: Duration = Duration::from_millis(40);

/// Runs the terminal UI until the user quits. Returns the message to print after that, if there is
/// one.
pub fn run(settings: TuiSettings) -> anyhow::Result<Option<String>> {
    use_small_pages();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (sender, heard) = channel();
    let mut screen = Screen::enter(settings.setup.mouse)?;
    let input = InputThread::start(sender.clone(), settings.setup.theme.is_guessed);
    runtime.spawn(signals::listen(sender.clone()));
    let (app, first) = App::new(settings.setup.clone(), screen.size(), Timestamp::now());
    let tokens = settings.config.token_variables();
    let outside = Outside::new(settings, runtime.handle().clone(), sender.clone());
    let mut shell = Shell { app, outside, input, sender, tokens };
    let result = shell.go_on(&mut screen, first, &heard);
    drop(screen);
    // Reads and requests still under way are abandoned: what was recorded stays, and nothing is
    // sent twice.
    runtime.shutdown_background();
    result.map(|()| shell.app.last_word())
}

/// Asks the kernel for memory in small pages: to clear huge ones takes longer than anything else when a body of megabytes is
/// opened after a rest.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

struct Shell {
    app: App,
    outside: Outside,
    input: InputThread,
    sender: Sender<Heard>,
    /// The environment variables with tokens, which no child inherits.
    tokens: Vec<String>,
}

impl Shell {
    fn go_on(&mut self, screen: &mut Screen, first: Vec<Effect>, heard: &Receiver<Heard>) -> anyhow::Result<()> {
        let mut effects = first;
        if self.app.shared.setup.theme.is_guessed {
            screen.write(replies::QUESTION)?;
            effects.extend(self.wait_for_background(heard));
        }
        loop {
            for effect in std::mem::take(&mut effects) {
                if self.perform(effect, screen)? {
                    return Ok(());
                }
            }
            let (size, now) = (screen.size(), Timestamp::now());
            if size != self.app.shared.size {
                // A resize may have been missed, or the size was not known at the start.
                effects.extend(self.app.update(Msg::Resize(size.0, size.1), now));
            }
            if self.app.is_dirty {
                screen.draw(|buffer| draw(&self.app, buffer))?;
                self.app.is_dirty = false;
            }
            match heard.recv_timeout(self.app.rest()) {
                Ok(first) => {
                    for next in std::iter::once(first).chain(heard.try_iter().take(BUNCH)) {
                        // A plan is drawn before the next key is handled: nobody should confirm
                        // what was not on the screen.
                        let is_plan = matches!(&next, Heard::Msg(Msg::Answer(_, Reading::Plan(_))));
                        effects.extend(self.hear(next, screen)?);
                        if is_plan {
                            break;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => effects.extend(self.app.update(Msg::Tick, Timestamp::now())),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Gives the terminal a moment to say what its background is, so that nothing is drawn in colours that change.
    fn wait_for_background(&mut self, heard: &Receiver<Heard>) -> Vec<Effect> {
        let mut effects = Vec::new();
        let until = Instant::now() + BACKGROUND;
        while let Ok(next) = heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let Heard::Msg(msg) = next else { continue };
            let is_reply = matches!(msg, Msg::Background(_));
            effects.extend(self.app.update(msg, Timestamp::now()));
            if is_reply {
                break;
            }
        }
        effects
    }

    fn hear(&mut self, heard: Heard, screen: &mut Screen) -> anyhow::Result<Vec<Effect>> {
        let msg = match heard {
            Heard::Msg(msg) => msg,
            Heard::Editor(job) => {
                let tokens = self.tokens.clone();
                let edited = self.with_the_terminal(screen, || Ok(job.run(&tokens)))?;
                Msg::Edited(job.id, edited.map(Box::new))
            }
        };
        Ok(self.app.update(msg, Timestamp::now()))
    }

    /// Performs an effect. Returns true to quit.
    fn perform(&mut self, effect: Effect, screen: &mut Screen) -> anyhow::Result<bool> {
        match effect {
            Effect::Quit => return Ok(true),
            Effect::Open => self.outside.open(),
            Effect::Ask(ticket, question) => self.outside.ask(ticket, question),
            Effect::Forget(ticket, question) => self.outside.forget(ticket, &question),
            Effect::Do(change) => self.outside.change(change),
            Effect::Terminal(request) => self.ask_terminal(request, screen)?,
        }
        Ok(false)
    }

    fn ask_terminal(&mut self, request: TerminalRequest, screen: &mut Screen) -> anyhow::Result<()> {
        match request {
            TerminalRequest::Redraw => {
                screen.reenter(self.app.shared.setup.mouse)?;
                self.app.is_dirty = true;
            }
            TerminalRequest::Mouse(on) => screen.set_mouse(on)?,
            TerminalRequest::Suspend => self.with_the_terminal(screen, || Ok(signals::stop_myself()?))?,
            TerminalRequest::Copy(what, text) => {
                let done = clipboard::copy(screen, what, &text, &self.tokens);
                let _ = self.sender.send(Heard::Msg(Msg::Done(done)));
            }
        }
        Ok(())
    }

    /// Leaves the terminal to `work`, and takes it back afterwards.
    fn with_the_terminal<T>(
        &mut self,
        screen: &mut Screen,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let reading = self.input.pause();
        screen.leave();
        signals::TERMINAL_IS_LENT.store(true, Ordering::Relaxed);
        let result = work();
        signals::TERMINAL_IS_LENT.store(false, Ordering::Relaxed);
        screen.reenter(self.app.shared.setup.mouse)?;
        drop(reading);
        let size = screen.size();
        let _ = self.sender.send(Heard::Msg(Msg::Resize(size.0, size.1)));
        result
    }
}
