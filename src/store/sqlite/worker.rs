//! Threads that own connections: one that writes, in groups, and several that read.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::JobResult;
use super::place::Place;
use crate::store::{Reply, Result, StoreError};

/// A job of the writer thread. It may run more than once: if another job spoils the transaction
/// that they share, each runs again in one of its own.
trait Job: Send {
    /// Runs the job inside a transaction, or fails it with the reason why there is none. Returns
    /// `true` if it succeeded.
    fn run(&mut self, connection: std::result::Result<&Connection, &str>) -> bool;
    /// Sends the result to the caller, once it is known whether the commit succeeded.
    fn finish(self: Box<Self>, commit_failed: Option<&str>);
}

struct Task<T, F, E> {
    work: F,
    result: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
    ended: E,
    path: Arc<Path>,
}

impl<T, F, E> Job for Task<T, F, E>
where
    T: Send,
    F: FnMut(&Connection) -> JobResult<T> + Send,
    E: FnOnce(bool) + Send,
{
    fn run(&mut self, connection: std::result::Result<&Connection, &str>) -> bool {
        let result = match connection {
            Ok(connection) => (self.work)(connection).map_err(|e| e.at(&self.path)),
            Err(why) => Err(StoreError::Commit(why.to_owned())),
        };
        let good = result.is_ok();
        self.result = Some(result);
        good
    }

    fn finish(self: Box<Self>, commit_failed: Option<&str>) {
        let result = match (self.result, commit_failed) {
            (Some(Ok(_)), Some(why)) => Err(StoreError::Commit(why.to_owned())),
            (Some(result), _) => result,
            (None, _) => Err(StoreError::Gone),
        };
        (self.ended)(result.is_ok());
        let _ = self.answer.send(result);
    }
}

struct WriteJob {
    job: Box<dyn Job>,
    /// `true` for a large job, which has a transaction of its own.
    alone: bool,
}

type ReadJob = Box<dyn FnOnce(&mut Connection) + Send>;

/// Maximum number of jobs that share a commit.
const GROUP: usize = 256;

/// Number of jobs in a commit from which a much smaller next one waits a little for more.
const BUSY: usize = 16;
const LINGER: Duration = Duration::from_micros(100);

/// The writer thread.
pub(super) struct Writer {
    sender: Option<Sender<WriteJob>>,
    thread: Option<JoinHandle<()>>,
    path: Arc<Path>,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path, place: Place) -> Self {
        let (sender, receiver) = channel();
        let at = At { path: path.to_owned(), place };
        let named = std::thread::Builder::new().name("dlq-store".to_owned());
        let thread = named.spawn(move || write_loop(&connection, &receiver, &at)).ok();
        Self { sender: Some(sender), thread, path: path.into() }
    }

    /// Runs a job in a transaction that it may share with others, unless it is to be alone. The
    /// reply comes after the commit; `ended` is called before that, and before the next job runs,
    /// with whether it was committed.
    pub(super) fn submit<T, F, E>(&self, alone: bool, work: F, ended: E) -> Reply<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> JobResult<T> + Send + 'static,
        E: FnOnce(bool) + Send + 'static,
    {
        let (answer, reply) = Reply::channel();
        let job = Box::new(Task { work, result: None, answer, ended, path: Arc::clone(&self.path) });
        if let Some(sender) = &self.sender {
            // If the thread is gone, the job is dropped with its sender, and the reply reports
            // that.
            let _ = sender.send(WriteJob { job, alone });
        }
        reply
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where a writer writes.
struct At {
    path: PathBuf,
    place: Place,
}

fn write_loop(connection: &Connection, jobs: &Receiver<WriteJob>, at: &At) {
    let mut waiting = None;
    let mut last = 0;
    while let Some(WriteJob { job, alone }) = waiting.take().or_else(|| jobs.recv().ok()) {
        let mut group = vec![job];
        if !alone {
            waiting = fill(&mut group, jobs);
            if waiting.is_none() && last >= BUSY && group.len() * 2 < last {
                // A commit costs more than this wait: let jobs that are on their way arrive.
                std::thread::sleep(LINGER);
                waiting = fill(&mut group, jobs);
            }
            last = group.len();
        }
        if group.len() == 1 {
            commit_each(connection, group, at);
        } else if let Err(group) = commit_together(connection, group, at) {
            commit_each(connection, group, at);
        }
    }
}

/// Takes waiting jobs, up to a full group; returns a large job that has to wait for its turn.
fn fill(group: &mut Vec<Box<dyn Job>>, jobs: &Receiver<WriteJob>) -> Option<WriteJob> {
    while group.len() < GROUP {
        match jobs.try_recv() {
            Ok(next) if next.alone => return Some(next),
            Ok(next) => group.push(next.job),
            Err(_) => break,
        }
    }
    None
}

/// Runs jobs in one transaction and, after the commit, sends the result of each. If one of them
/// fails halfway, everything is rolled back and the jobs are returned: savepoints could roll back
/// one alone, but would cost each job more than everything else.
fn commit_together(
    connection: &Connection,
    mut group: Vec<Box<dyn Job>>,
    at: &At,
) -> std::result::Result<(), Vec<Box<dyn Job>>> {
    if connection.execute_batch("BEGIN IMMEDIATE").is_err() {
        return Err(group);
    }
    for job in &mut group {
        let before = connection.total_changes();
        let spoilt = !job.run(Ok(connection)) && connection.total_changes() != before;
        if spoilt || connection.is_autocommit() {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            return Err(group);
        }
    }
    let committed = commit(connection, at);
    for job in group {
        job.finish(committed.as_ref().err().map(String::as_str));
    }
    Ok(())
}

/// Runs each job in a transaction of its own.
fn commit_each(connection: &Connection, group: Vec<Box<dyn Job>>, at: &At) {
    for mut job in group {
        let began =
            connection.execute_batch("BEGIN IMMEDIATE").map_err(|e| StoreError::sqlite(&at.path, &e).to_string());
        let good = job.run(began.as_ref().map(|()| connection).map_err(String::as_str));
        let committed = if good { commit(connection, at) } else { Ok(()) };
        if !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        job.finish(committed.as_ref().err().map(String::as_str));
    }
}

/// Commits. Nothing is committed to a file that is no longer at its path, since nobody will find it; a commit during
/// which it was taken away counts as failed.
fn commit(connection: &Connection, at: &At) -> std::result::Result<(), String> {
    let in_place = || at.place.check().map_err(|e| e.to_string());
    let commit = |()| connection.execute_batch("COMMIT").map_err(|e| StoreError::sqlite(&at.path, &e).to_string());
    let committed = in_place().and_then(commit).and_then(|()| in_place());
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    committed
}

/// Number of steps of SQLite's virtual machine after which a read checks whether anyone still waits
/// for it.
const LOOK_EVERY: i32 = 10_000;

/// The reader threads.
pub(super) struct Readers {
    sender: Option<Sender<ReadJob>>,
    threads: Vec<JoinHandle<()>>,
    path: PathBuf,
}

impl Readers {
    pub(super) fn start(connections: Vec<Connection>, path: &Path) -> Self {
        let (sender, receiver) = channel::<ReadJob>();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = connections
            .into_iter()
            .map(|mut connection| {
                let receiver = Arc::clone(&receiver);
                std::thread::spawn(move || {
                    loop {
                        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        match job {
                            Ok(job) => job(&mut connection),
                            Err(_) => return,
                        }
                    }
                })
            })
            .collect();
        Self { sender: Some(sender), threads, path: path.to_owned() }
    }

    pub(super) fn submit<T, F>(&self, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        let (answer, is_wanted, reply) = Reply::given_up_when_dropped();
        let path = self.path.clone();
        let job: ReadJob = Box::new(move |connection| {
            if !is_wanted.load(Ordering::Relaxed) {
                return;
            }
            let give_up = move || !is_wanted.load(Ordering::Relaxed);
            let watched = connection.progress_handler(LOOK_EVERY, Some(give_up)).map_err(Into::into);
            let result = watched.and_then(|()| work(connection));
            let _ = connection.progress_handler(0, None::<fn() -> bool>);
            let _ = answer.send(result.map_err(|e| e.at(&path)));
        });
        if let Some(sender) = &self.sender {
            let _ = sender.send(job);
        }
        reply
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.sender.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
