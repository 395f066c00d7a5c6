//! The child process: it reads a filter, then bunches of lines, and writes what the filter gives for each line.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::frames;
use super::limits::Limits;
use super::program::Program;

/// Exit code of a child whose filter took too long on a line.
pub(super) const TOO_SLOW: u8 = 71;

/// The processor time that compiling a filter may take.
const COMPILE: Duration = Duration::from_secs(10);

/// The interval at which the processor time is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The stack that a filter may recurse on, in bytes.
const STACK: usize = 16 << 20;

/// Serves one filter over stdin and stdout, until stdin ends.
pub fn serve(limits: Limits) -> ExitCode {
    let budget = Budget::default();
    let watching = budget.watch();
    let serving = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        // What both threads need to begin with is not the filter's.
        let _ = watching.recv();
        limit_memory(limits.memory);
        serve_lines(limits, &budget)
    });
    match serving.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn serve_lines(limits: Limits, budget: &Budget) -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    // A line's answer is on its way before the next line is begun: it must not be lost with it.
    let mut output = BufWriter::new(io::stdout().lock());
    let text = frames::read(&mut input)?;
    budget.begin(COMPILE);
    let compiled = Program::compile(&String::from_utf8_lossy(&text));
    budget.end();
    let program = match compiled {
        Ok(program) => program,
        Err(why) => {
            frames::write_number(&mut output, 1)?;
            frames::write(&mut output, why.as_bytes())?;
            return output.flush();
        }
    };
    frames::write_number(&mut output, 0)?;
    output.flush()?;
    while let Some(lines) = bunch(&mut input)? {
        for line in lines {
            budget.begin(limits.time);
            let given = program.run(&line);
            budget.end();
            match given {
                Ok(values) => {
                    frames::write_number(&mut output, values.len())?;
                    values.iter().try_for_each(|value| frames::write(&mut output, value))?;
                }
                Err(why) => {
                    frames::write_number(&mut output, FAILED)?;
                    frames::write(&mut output, why.as_bytes())?;
                }
            }
            output.flush()?;
        }
    }
    Ok(())
}

/// Stands where the number of values would, before the text of the filter's error.
pub(super) const FAILED: usize = usize::MAX;

/// Reads a bunch of lines; `None` at the end of the input.
fn bunch(input: &mut impl Read) -> io::Result<Option<Vec<Vec<u8>>>> {
    let count = match frames::read_number(input) {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    (0..count).map(|_| frames::read(input)).collect::<io::Result<_>>().map(Some)
}

/// The processor time until which the current line must be done.
#[derive(Debug, Clone, Default)]
struct Budget {
    /// In nanoseconds of the process's processor time; 0 between lines.
    until: Arc<AtomicU64>,
}

impl Budget {
    fn begin(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.until.store(used().saturating_add(time).max(1), Ordering::Relaxed);
    }

    fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// Ends the process once a line has taken too long. Says when it has begun.
    fn watch(&self) -> Receiver<()> {
        let until = Arc::clone(&self.until);
        let (began, watching) = sync_channel(1);
        std::thread::spawn(move || {
            let _ = began.send(());
            loop {
                std::thread::sleep(LOOK);
                let until = until.load(Ordering::Relaxed);
                if until > 0 && used() > until {
                    std::process::exit(i32::from(TOO_SLOW));
                }
            }
        });
        watching
    }
}

/// Returns the processor time that the process has used, in nanoseconds.
fn used() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Limits the memory that the process may use from now on, and keeps a crash from leaving its memory behind on the disk.
fn limit_memory(bytes: u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let has = pages * rustix::param::page_size() as u64;
    let ceiling = |resource, bytes: u64| {
        let maximum = getrlimit(resource).maximum;
        let bytes = maximum.map_or(bytes, |maximum| bytes.min(maximum));
        // A limit that can't be set leaves the one that there is.
        let _ = setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) });
    };
    ceiling(Resource::As, has + bytes);
    ceiling(Resource::Core, 0);
}
