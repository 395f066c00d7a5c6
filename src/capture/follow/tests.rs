//! A follower of real files, under a time that the test sets.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::follower::{Followed, Follower};
use crate::capture::file_notice::FileNotice;
use crate::capture::input::{Bunch, InputError};

struct Bench {
    directory: TempDir,
    follower: Follower,
    now: Instant,
    sender: SyncSender<Result<Bunch, InputError>>,
    receiver: Receiver<Result<Bunch, InputError>>,
    said: Vec<FileNotice>,
}

impl Bench {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let follower = Follower::new(0, Followed { path: directory.path().join("app.log"), place: None });
        let (sender, receiver) = sync_channel(1000);
        Self { directory, follower, now: Instant::now(), sender, receiver, said: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self, name: &str) -> File {
        File::options().create(true).append(true).open(self.path(name)).unwrap()
    }

    fn append(&self, text: &str) {
        self.open("app.log").write_all(text.as_bytes()).unwrap();
    }

    /// Renames the file, and makes a new one.
    fn rotate(&self, to: &str) {
        std::fs::rename(self.path("app.log"), self.path(to)).unwrap();
        File::create(self.path("app.log")).unwrap();
    }

    /// Lets so many seconds pass, and returns the lines that were read by then.
    fn after(&mut self, seconds: u64) -> String {
        let stop = AtomicBool::new(false);
        let mut lines = Vec::new();
        for time in [self.now, self.now + Duration::from_secs(seconds)] {
            self.now = time;
            while self.follower.step(time, &self.sender, &stop).unwrap_or_else(|_| panic!("it can't be read")) {}
        }
        for bunch in self.receiver.try_iter() {
            let bunch = bunch.unwrap();
            self.said.extend(bunch.said);
            lines.extend(bunch.lines.into_iter().map(|line| String::from_utf8(line.bytes).unwrap()));
        }
        lines.join(" ")
    }
}

#[test]
fn lines_that_come_late_to_a_renamed_file_are_read() {
    let mut bench = Bench::new();
    bench.append("a\n");
    assert_eq!(bench.after(1), "a");
    let mut late = bench.open("app.log");
    bench.rotate("app.log.1");
    assert_eq!(bench.after(60), "");
    late.write_all(b"b\n").unwrap();
    assert_eq!(bench.after(1), "b", "as long as the new one is empty, its writer has not noticed");
    bench.append("c\n");
    assert_eq!(bench.after(1), "c");
    late.write_all(b"d\n").unwrap();
    assert_eq!(bench.after(1), "d", "another writer still has it open");
    bench.append("e\n");
    bench.rotate("app.log.2");
    bench.append("f\n");
    assert_eq!(bench.after(1), "e f", "that line did not make it newer than what came after it");
    bench.after(11 * 60);
    late.write_all(b"g\n").unwrap();
    assert_eq!(bench.after(1), "", "it is looked at for ten minutes");
}

#[test]
fn a_file_that_is_packed_after_it_was_read_is_not_read_again() {
    let mut bench = Bench::new();
    bench.append("a\nb\n");
    assert_eq!(bench.after(1), "a b");
    bench.rotate("app.log.1");
    bench.append("c\n");
    assert_eq!(bench.after(1), "c");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"a\nb\n").unwrap();
    let packed = packed.finish().unwrap();
    // Half of it is there when the next rotation is noticed.
    std::fs::rename(bench.path("app.log.1"), bench.path("app.log.2")).unwrap();
    std::fs::write(bench.path("app.log.2.gz"), &packed[..packed.len() / 2]).unwrap();
    bench.rotate("app.log.1");
    bench.append("d\n");
    assert_eq!(bench.after(1), "d");
    std::fs::write(bench.path("app.log.2.gz"), &packed).unwrap();
    std::fs::remove_file(bench.path("app.log.2")).unwrap();
    bench.rotate("app.log.0");
    bench.append("e\n");
    assert_eq!(bench.after(1), "e");
    assert_eq!(bench.said, []);
}

#[test]
fn the_size_of_a_gap_is_what_was_seen() {
    let mut bench = Bench::new();
    bench.append("first\n{\"seen\": ");
    assert_eq!(bench.after(1), "first");
    std::fs::write(bench.path("app.log"), "x\n").unwrap();
    assert_eq!(bench.after(1), "x");
    assert_eq!(bench.said, [FileNotice::Gap { path: bench.path("app.log"), bytes: Some(9) }]);
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let mut bench = Bench::new();
    assert_eq!(bench.after(1), "");
    assert_eq!(std::mem::take(&mut bench.said), [FileNotice::Missing { path: bench.path("app.log") }]);
    bench.append("a\n");
    assert_eq!(bench.after(1), "a");
    assert_eq!(bench.said, []);
}
