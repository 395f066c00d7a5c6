//! A run on the command line: its runtime, its signals, and an orderly end whatever breaks inside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;

use super::output::{end_soon, note};
use super::telling::{Telling, Told, stop_signal};
use crate::domain::ids::RunId;
use crate::domain::run::RunState;
use crate::domain::stop::{Stop, Stops};
use crate::replay::{ExitCode, Launch, LaunchError, RunReport};
use crate::store::{Store, StoreError};

/// A message from the run to the thread that waits for it.
enum News {
    Ended(Box<Result<RunReport, LaunchError>>),
    /// Something panicked; `fatal` if it was the runtime itself, which can't go on.
    Panicked {
        what: String,
        fatal: bool,
    },
}

/// Time that a run may take to end in an orderly way after something in it panicked.
const ORDERLY: Duration = Duration::from_secs(5);

/// Runs a plan to its end and reports its progress; Ctrl-C stops it. `is_last` is false if other runs follow, which Ctrl-C
/// keeps from beginning.
pub(super) fn drive(
    store: Arc<dyn Store>,
    launch: Launch,
    telling: Telling,
    signals: &Signals,
    is_last: bool,
) -> anyhow::Result<(RunReport, Told)> {
    let stop = &signals.stop;
    let (news, heard) = channel();
    // Before there is a runtime with threads that could panic.
    tell_of_panics(news.clone());
    let (events, receiver) = tokio::sync::mpsc::unbounded_channel();
    let teller = std::thread::spawn(move || telling.run(receiver));
    // The store has a thread of its own; what is left is for requests.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let workers = (cores - 1).clamp(1, 4);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("dlq-net")
        // The store replies from its own thread, through the global queue: check that often.
        .global_queue_interval(8)
        .event_interval(16)
        .enable_all()
        .build()?;
    let run: Arc<OnceLock<RunId>> = Arc::default();
    let (begun, kept, abort, stopping) = (Arc::clone(&run), Arc::clone(&store), signals.abort.clone(), stop.clone());
    // On a worker rather than here, so that no thread has to wake another for each answer.
    runtime.spawn(async move {
        let result = match launch.begin(store, events, stopping, abort).await {
            Ok(replay) => {
                let _ = begun.set(replay.id());
                Ok(replay.run().await)
            }
            Err(error) => Err(error),
        };
        let _ = news.send(News::Ended(Box::new(result)));
    });
    let result = match heard.recv() {
        Ok(News::Ended(result)) => *result,
        Ok(News::Panicked { what, fatal }) => {
            stop.cancel();
            match heard.recv_timeout(if fatal { Duration::ZERO } else { ORDERLY }) {
                Ok(News::Ended(result)) => *result,
                Ok(News::Panicked { .. }) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    runtime.shutdown_background();
                    return Err(ended_by_fault(&*kept, run.get().copied(), &what));
                }
            }
        }
        Err(_) => Err(StoreError::Gone.into()),
    };
    let _ = std::panic::take_hook();
    if is_last || stop.is_cancelled() {
        signals.run_is_over(result.as_ref().map_or(ExitCode::Error, RunReport::exit_code));
    }
    // The last sender of events is gone with the run: the teller ends.
    runtime.shutdown_background();
    let told = teller.join().unwrap_or_default();
    Ok((result?, told))
}

/// Ends a run whose engine is dead: claimed writes are released, and writes in flight become
/// unknown.
fn ended_by_fault(store: &dyn Store, run: Option<RunId>, what: &str) -> anyhow::Error {
    let Some(run) = run else { return anyhow!("a fault inside dlq ended the run before it began: {what}") };
    let stopped = Stops::one(Stop::Fault { what: what.to_owned() });
    match store.end_run(run, RunState::Stopped, stopped, 0).wait() {
        Ok(()) => anyhow!(
            "a fault inside dlq ended run {run}: {what}. What was in flight is unknown, nothing else was sent; once the cause \
             is fixed: dlq replay --continue {run}"
        ),
        Err(error) => anyhow!("a fault inside dlq ended run {run}: {what}; and its end could not be recorded: {error}"),
    }
}

/// Reports any panic. The runtime ends the process at once when one of its own threads panics,
/// before anything could be put in order, so such a thread is parked instead.
fn tell_of_panics(news: Sender<News>) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        let what = panic.payload_as_str().unwrap_or("a panic").to_owned();
        let fatal = panic.location().is_some_and(|location| location.file().contains("/tokio-"));
        let _ = news.send(News::Panicked { what, fatal });
        if fatal {
            loop {
                std::thread::park();
            }
        }
    }));
}

/// Signals, heard by a thread of their own: the runtime may be busy, dead or gone.
pub(super) struct Signals {
    /// Cancelled by the first signal, or by whoever can't go on.
    pub(super) stop: CancellationToken,
    abort: CancellationToken,
    heard: Arc<AtomicBool>,
    over: Arc<OnceLock<ExitCode>>,
}

impl Signals {
    /// Listens for signals: the first asks the run to stop, the second not to wait for answers.
    /// Once the run is over, any signal ends the process.
    pub(super) fn heed() -> std::io::Result<Self> {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let signals = Self { stop, abort, heard: Arc::default(), over: Arc::default() };
        let (stop, abort) = (signals.stop.clone(), signals.abort.clone());
        let (heard, over) = (Arc::clone(&signals.heard), Arc::clone(&signals.over));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                loop {
                    stop_signal().await;
                    if let Some(code) = over.get() {
                        end_soon(*code);
                    } else if heard.swap(true, Ordering::Relaxed) {
                        abort.cancel();
                    } else {
                        stop.cancel();
                        // A thread of its own: the terminal may be gone, or not be reading.
                        let text = "stopping once what is in flight is finished (signal again to stop now)";
                        std::thread::spawn(move || note(text));
                    }
                }
            });
        });
        Ok(signals)
    }

    fn run_is_over(&self, code: ExitCode) {
        let _ = self.over.set(code);
        if self.heard.load(Ordering::Relaxed) {
            end_soon(code);
        }
    }
}
