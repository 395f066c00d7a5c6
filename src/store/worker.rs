//! Threads that own connections: one that writes, in groups, and some that read.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::JobResult;
use super::{Result, StoreError};

/// An answer that is on its way: wait for it in a thread, or await it.
#[must_use = "a reply that nobody waits for hides its error"]
pub struct Reply<T>(oneshot::Receiver<Result<T>>);

impl<T> Reply<T> {
    /// Waits. Must not be called where a tokio runtime runs: await it there.
    pub fn wait(self) -> Result<T> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Gone))
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Gone)))
    }
}

/// Tells the caller how its job ended, once it is known whether the commit held.
type Finish = Box<dyn FnOnce(Option<&str>) + Send>;
/// Gets a connection inside a transaction, or why there is none; says whether its changes are to be kept.
type Work = Box<dyn FnOnce(std::result::Result<&Connection, &str>) -> (bool, Finish) + Send>;
struct WriteJob {
    work: Work,
    /// A large job has a transaction of its own: the savepoint that lets small ones share would copy every page.
    alone: bool,
}

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// The most jobs that share a commit.
const GROUP: usize = 256;

/// The thread that writes.
pub(super) struct Writer {
    sender: Option<Sender<WriteJob>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path) -> Self {
        let (sender, receiver) = channel();
        let owned = path.to_owned();
        let thread = std::thread::spawn(move || write_loop(&connection, &receiver, &owned));
        Self { sender: Some(sender), thread: Some(thread), path: path.to_owned() }
    }

    /// Runs a job in a transaction that it may share with others. Its reply comes after the commit; if the job fails,
    /// its own changes alone are taken back.
    pub(super) fn submit<T, F>(&self, alone: bool, work: F) -> Reply<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> JobResult<T> + Send + 'static,
    {
        let (answer, reply) = oneshot::channel();
        let path = self.path.clone();
        let work: Work = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => work(connection).map_err(|e| e.at(&path)),
                Err(why) => Err(StoreError::Commit(why.to_owned())),
            };
            let keep = result.is_ok();
            let finish: Finish = Box::new(move |commit_failed| {
                let _ = answer.send(match commit_failed {
                    Some(why) if result.is_ok() => Err(StoreError::Commit(why.to_owned())),
                    _ => result,
                });
            });
            (keep, finish)
        });
        if let Some(sender) = &self.sender {
            // Should the thread be gone, the job is dropped with its sender and the reply says so.
            let _ = sender.send(WriteJob { work, alone });
        }
        Reply(reply)
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

fn write_loop(connection: &Connection, jobs: &Receiver<WriteJob>, path: &Path) {
    let mut waiting = None;
    while let Some(first) = waiting.take().or_else(|| jobs.recv().ok()) {
        let mut group = vec![first];
        while !group[0].alone && group.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) if job.alone => {
                    waiting = Some(job);
                    break;
                }
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        commit_together(connection, group, path);
    }
}

/// Runs jobs in one transaction and tells each, after the commit, how it went.
fn commit_together(connection: &Connection, group: Vec<WriteJob>, path: &Path) {
    let began = connection.execute_batch("BEGIN IMMEDIATE");
    let mut finishes = Vec::with_capacity(group.len());
    let mut failed = began.err().map(|e| StoreError::sqlite(path, &e).to_string());
    let mut keep_all = true;
    for job in group {
        if let Some(why) = &failed {
            finishes.push((job.work)(Err(why)).1);
            continue;
        }
        if job.alone {
            let (keep, finish) = (job.work)(Ok(connection));
            keep_all = keep;
            finishes.push(finish);
        } else {
            let (finish, good) = run_in_savepoint(connection, job.work);
            finishes.push(finish);
            if !good {
                failed =
                    Some("a failed change could not be taken back alone; nothing of its group was kept".to_owned());
            }
        }
        if connection.is_autocommit() {
            // SQLite has taken the whole transaction back (a full disk, an I/O error).
            failed = Some("the transaction was taken back: see the other error".to_owned());
        }
    }
    if failed.is_none()
        && keep_all
        && let Err(error) = connection.execute_batch("COMMIT")
    {
        failed = Some(StoreError::sqlite(path, &error).to_string());
    }
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for finish in finishes {
        finish(failed.as_deref());
    }
}

/// Runs a job that shares its transaction. Gives its finish, and whether the transaction is still good: if a failed
/// job's changes can't be taken back alone, nothing of the group may be committed.
fn run_in_savepoint(connection: &Connection, work: Work) -> (Finish, bool) {
    let step = |sql| connection.prepare_cached(sql).and_then(|mut s| s.execute([]));
    if let Err(error) = step("SAVEPOINT job") {
        return (work(Err(&error.to_string())).1, true);
    }
    let (keep, finish) = work(Ok(connection));
    let undone = keep || step("ROLLBACK TO job").is_ok();
    (finish, step("RELEASE job").is_ok() && undone)
}

/// The threads that read.
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
            .map(|connection| {
                let receiver = Arc::clone(&receiver);
                std::thread::spawn(move || {
                    loop {
                        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        match job {
                            Ok(job) => job(&connection),
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
        let (answer, reply) = oneshot::channel();
        let path = self.path.clone();
        let job: ReadJob = Box::new(move |connection| {
            let _ = answer.send(work(connection).map_err(|e| e.at(&path)));
        });
        if let Some(sender) = &self.sender {
            let _ = sender.send(job);
        }
        Reply(reply)
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
