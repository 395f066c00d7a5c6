//! A filter, as the rest of dlq uses it: lines go in, and what the child gives for each comes back.

use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::child::{FAILED, TOO_SLOW};
use super::frames;
use super::limits::{Limits, Stopped};

/// The command of dlq that is the child.
const COMMAND: &str = "run-filter";

/// Bytes of lines that go to the child at once, unless a line alone has more.
const BUNCH: usize = 1 << 20;

/// A running filter.
#[derive(Debug)]
pub struct JqFilter {
    text: String,
    limits: Limits,
    child: Option<Running>,
}

/// A child process; dropping it ends it.
#[derive(Debug)]
struct Running {
    process: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The result of a filter for a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Given {
    /// JSON texts: none, one or many.
    Values(Vec<Vec<u8>>),
    /// The filter failed, with its own error.
    Failed(String),
    /// The filter had to be stopped.
    Stopped(Stopped),
}

/// The reason why a filter can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The text is no filter.
    #[error("{0}")]
    Wrong(String),
    /// The child can't be run.
    #[error("the process that runs filters can't be started")]
    Process(#[from] io::Error),
}

impl JqFilter {
    /// Compiles a filter, in a child process of this program.
    pub fn start(text: &str, limits: Limits) -> Result<Self, FilterError> {
        let child = Running::start(text, limits)?;
        Ok(Self { text: text.to_owned(), limits, child: Some(child) })
    }

    /// Applies the filter to JSON texts, in their order. An error means that no child can be run.
    pub fn run(&mut self, lines: &[&[u8]]) -> Result<Vec<Given>, FilterError> {
        let mut all = Vec::with_capacity(lines.len());
        while all.len() < lines.len() {
            let mut bytes = 0;
            let rest = &lines[all.len()..];
            let count = rest.iter().take_while(|line| {
                bytes += line.len();
                bytes <= BUNCH
            });
            let bunch = &rest[..count.count().max(1)];
            let mut child = match self.child.take() {
                Some(child) => child,
                None => Running::start(&self.text, self.limits)?,
            };
            match child.run(bunch, &mut all) {
                Ok(()) => self.child = Some(child),
                // It ended at the line after the last that it answered.
                Err(_) => all.push(Given::Stopped(child.ended_at()?)),
            }
        }
        Ok(all)
    }
}

impl Running {
    fn start(text: &str, limits: Limits) -> Result<Self, FilterError> {
        let mut process = Command::new(program()?)
            .arg0("dlq")
            .arg(COMMAND)
            .arg(limits.time.as_millis().to_string())
            .arg(limits.memory.to_string())
            .env_clear()
            // The allocator takes no more than it needs, so that the limit of the memory is one.
            .env("MIMALLOC_ARENA_RESERVE", "0")
            .current_dir("/")
            // Ctrl-C is for dlq, which goes on with what it has read.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        let mut child = Self { process, input: BufWriter::new(input), output: BufReader::new(output) };
        frames::write(&mut child.input, text.as_bytes())?;
        child.input.flush()?;
        match frames::read_number(&mut child.output) {
            Ok(0) => Ok(child),
            Ok(_) => Err(FilterError::Wrong(text_of(frames::read(&mut child.output)?))),
            Err(_) => Err(FilterError::Wrong(match child.ended_at()? {
                Stopped::Time => "it takes too long to compile".to_owned(),
                Stopped::Memory => "it is nested too deeply".to_owned(),
                Stopped::Broken => return Err(io::Error::other("it broke down at its start").into()),
            })),
        }
    }

    /// Gives the child lines, and takes what it answers until it ends or has answered all.
    fn run(&mut self, lines: &[&[u8]], all: &mut Vec<Given>) -> io::Result<()> {
        // The child reads the whole bunch before it answers, so that neither waits for the other.
        frames::write_number(&mut self.input, lines.len())?;
        lines.iter().try_for_each(|line| frames::write(&mut self.input, line))?;
        self.input.flush()?;
        for _ in lines {
            let given = match frames::read_number(&mut self.output)? {
                FAILED => Given::Failed(text_of(frames::read(&mut self.output)?)),
                count => Given::Values((0..count).map(|_| frames::read(&mut self.output)).collect::<io::Result<_>>()?),
            };
            all.push(given);
        }
        Ok(())
    }

    /// Waits for the end of a child that answers no more, and returns the limit that ended it.
    fn ended_at(mut self) -> io::Result<Stopped> {
        let status = self.process.wait()?;
        match status.code() {
            Some(code) if code == i32::from(TOO_SLOW) => Ok(Stopped::Time),
            None => Ok(Stopped::Memory),
            Some(_) => Ok(Stopped::Broken),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be in the middle of a line that nobody waits for any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// Returns the path of this program: the one that runs, even if another has been installed under its name since.
fn program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}
