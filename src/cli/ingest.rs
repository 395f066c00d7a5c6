//! `dlq ingest`: takes failures in, with a progress bar on a terminal.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::Ingest;
use super::context::{Context, Usage};
use super::output::{Out, end_soon, note};
use super::{mapping, rehearsal, undoing};
use crate::capture::{self, Binding, FileNotice, IngestOptions, LineKind, Map, Progress, same_file};
use crate::domain::endpoint::{ASSUMED_PATH, EndpointPath};
use crate::domain::ids::IntakeId;
use crate::domain::time::Timestamp;
use crate::render::count::thousands;
use crate::replay::ExitCode;
use crate::store::{self, By, Sharing, Store, beside};

pub(super) fn run(context: &Context, args: Ingest) -> anyhow::Result<ExitCode> {
    if let Some(intake) = args.undo {
        return undoing::run(context, IntakeId(intake), args.reason.as_deref());
    }
    if args.follow && args.files.iter().any(|file| *file == *"-") {
        return Err(Usage("--follow follows files; stdin is read as it comes without it".to_owned()).into());
    }
    for file in args.files.iter().filter(|file| *file != "-") {
        // A wrong name is reported before anything is created or bound.
        let opened = std::fs::File::open(file).and_then(|file| file.metadata());
        let why = match opened {
            Ok(metadata) if metadata.is_dir() => "is a directory".to_owned(),
            Ok(_) => continue,
            // It may come later.
            Err(error) if args.follow && error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => error.to_string(),
        };
        anyhow::bail!("{}: {why}; nothing was read", file.display());
    }
    let settings = context.config.target(context.target_name());
    let given = context.given_base_url(&settings)?;
    let asked = given.as_ref().or(settings.base_url.as_ref());
    let endpoint = match &args.endpoint {
        Some(text) => Some(EndpointPath::parse(text, asked).map_err(|e| Usage(format!("--endpoint {text}: {e}")))?),
        None => None,
    };
    let map = mapping::map(context, &args)?;
    if args.dry_run {
        return rehearse(context, args, map, endpoint);
    }
    let store = context.create()?;
    let rejects = rejects(&*store, &args)?;
    if let Some(base) = asked {
        store.bind_target(context.target_name(), base, By::new(&context.operator)).wait()?;
    }
    let options = options(context, args, map.is_some(), Some(&*store), endpoint, rejects)?;
    let stop = stop_on_signal()?;
    let bar = progress_bar(context);
    let watch = |progress: Progress| {
        if let Some(total) = progress.total {
            bar.set_length(total);
        }
        bar.set_position(progress.bytes);
        bar.set_message(format!("{} lines, {} rejected", progress.summary.read, progress.summary.rejected));
    };
    let mut last = capture::Summary::default();
    let mut is_told = false;
    let result = capture::ingest(&store, &options, map, &stop, &mut |progress| {
        last = progress.summary;
        if let Some(said) = &progress.said {
            note(&words_on_file(said));
        }
        if last.unkept > 0 && !std::mem::replace(&mut is_told, true) {
            note(&format!(
                "{} can't be written: rejected lines are not kept, the others go on",
                options.rejects.display()
            ));
        }
        watch(progress);
    });
    bar.finish_and_clear();
    if stop.load(Ordering::Relaxed) {
        // Whoever reads the output may have stopped reading.
        end_soon(if options.follows { ExitCode::Ok } else { ExitCode::Error });
    }
    let summary = match result {
        Ok(summary) => summary,
        Err(error) => {
            // Report what is in the file by now, despite the error.
            if last.read > 0 {
                tell(context, options.kind, &last)?;
            }
            return Err(error.into());
        }
    };
    bind_new_targets(context, &*store)?;
    tell(context, options.kind, &summary)?;
    if stop.load(Ordering::Relaxed) && !options.follows {
        anyhow::bail!("interrupted; what was read is kept, run it again to go on");
    }
    if !context.global.quiet {
        tell_what_to_look_at(&summary);
    }
    if summary.open_here > 0 {
        note(&format!(
            "{} settled in the export and open here; they stay open: look at what was done there, then resolve or discard them",
            are(summary.open_here)
        ));
    }
    if summary.rejected > 0 {
        note(&format!(
            "{} rejected and kept, with reasons, in {} (fix them there, then ingest that file)",
            lines(summary.rejected),
            options.rejects.display()
        ));
        return Ok(ExitCode::SomeFailed);
    }
    Ok(ExitCode::Ok)
}

/// Returns the rejects file. Neither that nor an input may be the database.
fn rejects(store: &dyn Store, args: &Ingest) -> anyhow::Result<PathBuf> {
    let beside_it = |suffix| store.file().map(|file| beside(file, suffix));
    let rejects = args.rejects.clone().or_else(|| beside_it("-rejects.ndjson"));
    let rejects = rejects.ok_or_else(|| Usage("say where rejects go: --rejects FILE".to_owned()))?;
    let own = ["", "-wal", "-shm"].into_iter().filter_map(beside_it).collect::<Vec<_>>();
    if own.iter().any(|own| same_file(&rejects, own)) {
        return Err(Usage("--rejects names the database itself".to_owned()).into());
    }
    // To open and close one of them would drop the locks that SQLite holds on it.
    if let Some(input) = args.files.iter().find(|input| own.iter().any(|own| same_file(input, own))) {
        return Err(Usage(format!("{} is the database itself", input.display())).into());
    }
    Ok(rejects)
}

fn options(
    context: &Context,
    args: Ingest,
    is_mapped: bool,
    store: Option<&dyn Store>,
    endpoint: Option<EndpointPath>,
    rejects: PathBuf,
) -> anyhow::Result<IngestOptions> {
    Ok(IngestOptions {
        operator: context.operator.clone(),
        follows: args.follow,
        kind: if args.accepted { LineKind::Accepted } else { LineKind::Failures },
        inputs: args.files,
        rejects,
        sharing: store.and_then(Store::file).map(Sharing::of).unwrap_or_default(),
        max_line: args.max_line,
        ignores_other: args.ignore_other,
        binding: Binding {
            target: context.global.target.clone(),
            targets: context.bindings(store)?,
            endpoint,
            match_key: args.match_key,
            source: args.source,
            // What an export says counts where someone imports one.
            exports: (!is_mapped && !args.follow).then(|| context.operator.clone()),
            is_mapped,
            scrubber: context.scrubber(),
            now: Timestamp::now(),
        },
    })
}

/// Says what an ingest would bring. No file is made or changed.
fn rehearse(
    context: &Context,
    args: Ingest,
    map: Option<Map>,
    endpoint: Option<EndpointPath>,
) -> anyhow::Result<ExitCode> {
    let store = if context.db()?.exists() { Some(context.look()?) } else { None };
    let options = options(context, args, map.is_some(), store.as_deref(), endpoint, PathBuf::new())?;
    let intake = store.map_or_else(store::rehearsal_without_a_file, |store| store.rehearsal());
    let stop = stop_on_signal()?;
    let (summary, survey) = capture::rehearse(intake, &options, map, &stop, &mut |_| {})?;
    rehearsal::tell(context, &summary, &survey)?;
    Ok(if summary.rejected > 0 { ExitCode::SomeFailed } else { ExitCode::Ok })
}

/// Binds the targets that lines were the first to name to the URL that the config has for them.
fn bind_new_targets(context: &Context, store: &dyn Store) -> anyhow::Result<()> {
    for target in store.targets().wait()?.into_iter().filter(|t| t.base_url.is_none()) {
        if let Some(base) = context.config.target(&target.name).base_url {
            store.bind_target(&target.name, &base, By::new(&context.operator)).wait()?;
        }
    }
    Ok(())
}

/// Prints the numbers.
fn tell(context: &Context, kind: LineKind, summary: &capture::Summary) -> std::io::Result<()> {
    let mut out = Out::new();
    if kind == LineKind::Accepted {
        accepted(context, summary, &mut out)?;
    } else if context.global.json {
        let line = serde_json::json!({
            "intake": summary.intake,
            "read": summary.read,
            "inserted": summary.inserted,
            "repeated": summary.repeated,
            "rejected": summary.rejected,
            "accepted": summary.accepted,
            "other": summary.other,
        });
        out.line(&line.to_string())?;
    } else if !context.global.quiet {
        out.line(&in_words(summary))?;
    }
    out.flush()
}

/// Returns the numbers of an ingest of failures as one line.
pub(super) fn in_words(summary: &capture::Summary) -> String {
    let n = thousands;
    let also = |count: u64, what: &str| if count > 0 { format!(", {} {what}", n(count)) } else { String::new() };
    format!(
        "{}read {}: {} inserted, {} repeated, {} rejected{}{}",
        summary.intake.map(|intake| format!("intake {intake}: ")).unwrap_or_default(),
        n(summary.read),
        n(summary.inserted),
        n(summary.repeated),
        n(summary.rejected),
        also(summary.accepted, "accepted by the API"),
        also(summary.other, "other lines")
    )
}

/// Prints the numbers of an ingest of accepted writes.
fn accepted(context: &Context, summary: &capture::Summary, out: &mut Out) -> std::io::Result<()> {
    let capture::Summary { intake, read, settled, stored, several, repeated, rejected, other, .. } = *summary;
    if context.global.json {
        let line = serde_json::json!({
            "intake": intake, "read": read, "settled": settled, "stored": stored, "several": several,
            "repeated": repeated, "rejected": rejected, "other": other,
        });
        return out.line(&line.to_string());
    }
    if context.global.quiet {
        return Ok(());
    }
    let n = thousands;
    let also = |count: u64, what: &str| if count > 0 { format!(", {} {what}", n(count)) } else { String::new() };
    out.line(&format!(
        "{}read {}: {} settled a write, {} stored{}, {} repeated, {} rejected{}",
        intake.map(|intake| format!("intake {intake}: ")).unwrap_or_default(),
        n(read),
        n(settled),
        n(stored),
        also(several, "that may be of several writes (none is settled, each may have been applied)"),
        n(repeated),
        n(rejected),
        also(other, "other lines")
    ))
}

/// Points out what was taken in but may not be what was meant.
fn tell_what_to_look_at(summary: &capture::Summary) {
    if summary.assumed > 0 {
        note(&format!(
            "no endpoint is named in {}; {ASSUMED_PATH} was assumed, and they will not be sent: ingest them again with --endpoint",
            lines(summary.assumed)
        ));
    }
    if let Some((earlier, intake)) = summary.elsewhere_in.zip(summary.intake) {
        note(&format!(
            "{} the key of a write that came in with intake {earlier}, under another endpoint or with another body; if that was \
             a mistake: dlq ingest --undo {intake}",
            have(summary.elsewhere)
        ));
    }
    if summary.from_the_future > 0 {
        note(&format!(
            "{} dated later than now (a zone left out?): their key windows are counted from now",
            are(summary.from_the_future)
        ));
    }
    if summary.unmatched > 0 {
        note(&format!(
            "{} of upserts without the value of a match key: was --match-key forgotten?",
            lines(summary.unmatched)
        ));
    }
}

/// Says what there is to say of a file that is followed.
fn words_on_file(said: &FileNotice) -> String {
    match said {
        FileNotice::Missing { path } => format!("{}: is not there yet; it is followed once it is", path.display()),
        FileNotice::Denied { path } => {
            format!("{}: the new file can't be read (permission denied); it is followed once it can", path.display())
        }
        FileNotice::Gap { path, bytes } => {
            let size = match bytes {
                None => "an unknown number of bytes".to_owned(),
                Some(0) => "what was written to it in the last moment".to_owned(),
                Some(bytes) => format!("at least {} bytes", thousands(*bytes)),
            };
            format!(
                "{}: {size} may be missing: the file that was read has been rotated or cut off, and its rest is not beside it",
                path.display()
            )
        }
    }
}

fn have(n: u64) -> String {
    format!("{} {}", lines(n), if n == 1 { "has" } else { "have" })
}

fn are(n: u64) -> String {
    format!("{} {}", lines(n), if n == 1 { "is" } else { "are" })
}

fn lines(n: u64) -> String {
    format!("{} {}", thousands(n), if n == 1 { "line" } else { "lines" })
}

fn progress_bar(context: &Context) -> ProgressBar {
    if context.global.quiet || context.global.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    let template = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Returns a flag that the first Ctrl-C, SIGTERM or SIGHUP raises; the ingest then ends after the
/// current batch. A second one ends the process at once, which loses nothing either.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                super::telling::stop_signal().await;
                if raised.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    });
    Ok(stop)
}
