//! Progress of a run: NDJSON or lines on stdout, a bar on a terminal. It is reported from a thread
//! of its own, so that no slow terminal or full pipe can hold up the engine.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::output::{Out, note};
use crate::domain::escape::terminal;
use crate::domain::notice::Notice;
use crate::domain::outcome::Outcome;
use crate::domain::reason::Reason;
use crate::domain::state::State;
use crate::domain::time::human_length;
use crate::render::json::{self, ReplayLine};
use crate::render::words;
use crate::replay::{RunEvent, WriteEnded};
use crate::store::Store;

/// The report of a run's progress, and its form.
pub(super) struct Telling {
    /// The store, to look up writes that the engine did not touch.
    pub(super) store: Arc<dyn Store>,
    /// True for NDJSON on stdout.
    pub(super) json: bool,
    /// True for every attempt on stderr.
    pub(super) verbose: bool,
    /// True for nothing but failures.
    pub(super) quiet: bool,
    /// The number of writes that will be sent.
    pub(super) total: u64,
    /// Cancelled when nobody reads stdout any more.
    pub(super) stop: CancellationToken,
}

/// The problems of a run, for the end of the report.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Lines on the first writes that were neither accepted nor left unsent.
    pub(super) troubles: Vec<String>,
    /// The error, if stdout could not be written.
    pub(super) broken: Option<std::io::Error>,
}

/// The most troubles to keep: as many as a tired person reads.
const TROUBLES: usize = 20;

/// Interval at which events are reported, in bunches: waking up for each would cost the engine more
/// than its requests.
const BUNCH: Duration = Duration::from_millis(5);

impl Telling {
    /// Reports events until the run is over.
    pub(super) fn run(self, mut events: UnboundedReceiver<RunEvent>) -> Told {
        let bar = self.bar();
        let mut out = Out::new();
        let mut told = Told::default();
        let mut pending = 0;
        while let Some(event) = events.blocking_recv() {
            match event {
                RunEvent::Began(run) => bar.println_or_log(self.verbose, &format!("run {run} has begun")),
                RunEvent::Retry { id, attempt, end, wait } => {
                    let reason = end.failure.as_ref().map(|f| words::said(f, end.cached)).unwrap_or_default();
                    let text = format!("write {id}, attempt {attempt}: {reason}; again in {}", human_length(wait));
                    bar.0.set_message(terminal(&reason).into_owned());
                    bar.println_or_log(self.verbose, &terminal(&text));
                }
                RunEvent::Notice(notice) => {
                    let way_on = match &notice {
                        Notice::Paused { run, .. } => format!("; resume with dlq runs resume {run}"),
                        _ => String::new(),
                    };
                    bar.println_or_log(!self.quiet, &format!("{}{way_on}", terminal(&words::notice(&notice))));
                }
                // The report says so at the end; whoever watches the bar should know before then.
                RunEvent::Stopping(stop) => {
                    let wanted = self.verbose || !bar.0.is_hidden();
                    bar.println_or_log(wanted, &format!("stopping: {}", terminal(&words::stop(&stop))));
                }
                // The bar measures the pace itself.
                RunEvent::Paced(_) => {}
                RunEvent::Ended(ended) => {
                    self.ended(&ended, &bar, &mut told);
                    if self.json && told.broken.is_none() {
                        pending += 1;
                        let flush = events.is_empty() || pending % 256 == 0;
                        let line = json::line(&self.line(&ended));
                        let done = out.line(&line).and_then(|()| if flush { out.flush() } else { Ok(()) });
                        told.broken = done.err();
                        if told.broken.is_some() || out.is_closed() {
                            // Nobody listens: finish what is in flight, send nothing more.
                            self.stop.cancel();
                        }
                    }
                }
            }
            if events.is_empty() && !events.is_closed() {
                std::thread::sleep(BUNCH);
            }
        }
        if told.broken.is_none() {
            told.broken = out.flush().err();
        }
        bar.0.finish_and_clear();
        told
    }

    fn ended(&self, ended: &WriteEnded, bar: &Bar, told: &mut Told) {
        if !matches!(ended.outcome, Outcome::Refused) {
            bar.0.inc(1);
        }
        if ended.outcome == Outcome::Accepted {
            bar.println_or_log(self.verbose, &format!("write {} accepted", ended.id));
            return;
        }
        let reason = ended.reason.as_ref().map(|r| words::reason(r, ended.last.as_ref())).unwrap_or_default();
        let cid = ended.last.as_ref().and_then(|l| l.correlation_id.as_deref());
        let cid = cid.map(|c| format!(" [correlation ID {c}]")).unwrap_or_default();
        let text = terminal(&format!("write {} {}: {reason}{cid}", ended.id, ended.outcome)).into_owned();
        if matches!(ended.outcome, Outcome::Failed | Outcome::Unknown) {
            bar.0.set_message(text.clone());
        }
        if self.verbose {
            bar.println_or_log(true, &text);
        } else if told.troubles.len() < TROUBLES && ended.outcome != Outcome::Unsent {
            told.troubles.push(text);
        }
    }

    fn line(&self, ended: &WriteEnded) -> ReplayLine {
        let failure = ended.last.as_ref().and_then(|l| l.failure.as_ref());
        let known = if ended.key.is_empty() { self.store.brief(ended.id).wait().ok().flatten() } else { None };
        let (key, state, revision) =
            known.unwrap_or_else(|| (ended.key.clone(), ended.state.unwrap_or(State::Pending), ended.revision));
        ReplayLine {
            id: ended.id,
            idempotency_key: key,
            outcome: ended.outcome.name(),
            reason: ended.reason.as_ref().map(|reason| reason.code().to_owned()),
            reason_data: ended.reason.as_ref().map(Reason::data).unwrap_or_default(),
            state: ended.state.unwrap_or(state).name(),
            status: ended.last.as_ref().and_then(|l| l.status),
            error_code: failure.and_then(|f| f.code.clone()),
            error_message: failure.and_then(|f| f.message.clone()),
            correlation_id: ended.last.as_ref().and_then(|l| l.correlation_id.clone()),
            cached: ended.last.as_ref().is_some_and(|l| l.cached),
            attempts: ended.attempts,
            latency_ms: ended.last.as_ref().map(|l| l.latency_ms),
            revision,
        }
    }

    fn bar(&self) -> Bar {
        if self.quiet || self.json || !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(self.total);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {rate} ETA {eta}  {wide_msg}")
        {
            bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.0}/s", state.per_sec());
            }));
        }
        Bar(bar)
    }
}

struct Bar(ProgressBar);

impl Bar {
    fn println_or_log(&self, wanted: bool, text: &str) {
        if !wanted {
            return;
        }
        if self.0.is_hidden() { note(text) } else { self.0.println(text) }
    }
}

/// Waits for Ctrl-C, SIGTERM or SIGHUP.
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // Without handlers the system's defaults apply, which lose nothing either.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
