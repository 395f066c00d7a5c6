//! `ingest --follow`: files that grow, read across rotation, and through kills.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::kills::seed;
use crate::world::{Ran, World, order, wait_until};

/// A follower of the log of a world.
struct Following<'w> {
    world: &'w World,
    child: Option<Child>,
}

impl<'w> Following<'w> {
    fn start(world: &'w World, args: &[&str]) -> Self {
        let mut command = world.command(&[&["ingest", "--follow", "--json"][..], args, &["app.log"]].concat());
        let errors = std::fs::File::create(world.path("follow.err")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        Self { world, child: Some(child) }
    }

    /// Kills it at once, as a crash would.
    fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends it as a service manager does, and returns what it printed.
    fn end(mut self) -> Ran {
        let child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ran = Ran::of(&child.wait_with_output().unwrap());
        Ran { err: self.said(), ..ran }
    }

    /// Returns what it has said so far.
    fn said(&self) -> String {
        std::fs::read_to_string(self.world.path("follow.err")).unwrap()
    }

    fn wait_for(&self, count: usize) {
        wait_until(|| self.world.db().exists() && keys(self.world).len() == count);
    }
}

fn keys(world: &World) -> BTreeSet<String> {
    let list = world.run(&["list", "state:any", "--json"]);
    list.lines().iter().map(|write| write["idempotency_key"].as_str().unwrap().to_owned()).collect()
}

/// A service that writes its failures to a log.
struct Writer {
    path: PathBuf,
    written: usize,
}

impl Writer {
    fn new(world: &World) -> Self {
        Self { path: world.path("app.log"), written: 0 }
    }

    fn write(&mut self, count: usize) {
        for _ in 0..count {
            self.append(&format!("{}\n", order(self.written)));
            self.written += 1;
        }
    }

    fn append(&self, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rotated(&self, n: usize) -> PathBuf {
        PathBuf::from(format!("{}.{n}", self.path.display()))
    }

    /// Moves the older ones on, and makes place for a new first one.
    fn make_room(&self) {
        for n in (1..200).rev().filter(|n| self.rotated(*n).exists()) {
            std::fs::rename(self.rotated(n), self.rotated(n + 1)).unwrap();
        }
    }

    fn rename(&self) {
        self.make_room();
        std::fs::rename(&self.path, self.rotated(1)).unwrap();
        std::fs::write(&self.path, "").unwrap();
    }

    fn copy_and_truncate(&self) {
        self.make_room();
        std::fs::copy(&self.path, self.rotated(1)).unwrap();
        std::fs::OpenOptions::new().write(true).open(&self.path).unwrap().set_len(0).unwrap();
    }
}

fn pack(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&bytes).unwrap();
    std::fs::write(format!("{}.gz", path.display()), packed.finish().unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn every_line_is_in_once_under_a_writer_that_rotates_and_fifty_kills() {
    let seed = seed();
    eprintln!("DLQ_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new();
    let mut writer = Writer::new(&world);
    writer.write(3);
    // What was rotated before anyone followed is not read.
    let following = Following::start(&world, &[]);
    following.wait_for(3);
    following.kill();
    for _ in 0..50 {
        let following = Following::start(&world, &[]);
        for _ in 0..random.usize(1..6) {
            writer.write(random.usize(0..40));
            match random.u8(0..5) {
                0 => writer.rename(),
                1 => writer.copy_and_truncate(),
                _ => {}
            }
            // The kill has to come at any moment of its work, which no time that is set can give.
            std::thread::sleep(std::time::Duration::from_millis(random.u64(0..200)));
        }
        following.kill();
        if random.bool() {
            // While nobody follows.
            writer.write(random.usize(0..20));
            writer.rename();
        }
    }
    let following = Following::start(&world, &[]);
    let all: BTreeSet<String> = (0..writer.written).map(|n| format!("key-{n}")).collect();
    wait_until(|| keys(&world) == all);
    let ran = following.end();
    assert_eq!((ran.code, ran.err.contains("missing")), (0, false), "{ran:?}");
    assert!(world.writes().iter().all(|write| write["occurrences"] == 1), "each is in once");
    assert_eq!(world.rejects(), [Value::Null; 0], "no line was cut in two");
    assert_eq!(world.run(&["doctor"]).out.matches("FAIL").count(), 0);
}

#[test]
fn it_goes_on_where_it_ended_and_reads_nothing_twice() {
    let world = World::new();
    let mut writer = Writer::new(&world);
    writer.write(5);
    let following = Following::start(&world, &[]);
    following.wait_for(5);
    writer.append("{\"half\": ");
    writer.append("1}\nno JSON\n{\"not yet whole\": ");
    wait_until(|| world.rejects().len() == 2);
    let ran = following.end();
    let counts = ran.lines().first().cloned().unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!((&counts["read"], &counts["inserted"], &counts["rejected"]), (&json!(7), &json!(5), &json!(2)));
    assert_eq!(ran.code, 3, "some were rejected");
    writer.append("1}\n");
    writer.write(2);
    let following = Following::start(&world, &[]);
    following.wait_for(7);
    let counts = following.end().lines()[0].clone();
    assert_eq!((&counts["read"], &counts["inserted"], &counts["rejected"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(world.rejects()[2]["line"], 8, "lines are counted from the start of the file");
}

#[test]
fn rotated_files_are_found_when_it_starts_again() {
    for (how, rotate) in [
        (
            "renamed twice",
            (|writer: &mut Writer| {
                writer.rename();
                writer.write(3);
                writer.rename();
            }) as fn(&mut Writer),
        ),
        ("copied and truncated, and grown beyond", |writer| {
            writer.copy_and_truncate();
            writer.write(9);
        }),
        ("renamed and packed", |writer| {
            writer.rename();
            pack(&writer.rotated(1));
        }),
    ] {
        let world = World::new();
        let mut writer = Writer::new(&world);
        writer.write(4);
        let following = Following::start(&world, &[]);
        following.wait_for(4);
        following.kill();
        writer.write(2);
        rotate(&mut writer);
        writer.write(2);
        let following = Following::start(&world, &[]);
        following.wait_for(writer.written);
        let ran = following.end();
        assert!(ran.code == 0 && !ran.err.contains("missing"), "{how}: {ran:?}");
        assert!(world.writes().iter().all(|write| write["occurrences"] == 1), "{how}");
    }
}

#[test]
fn a_gap_is_said_and_a_file_may_come_later() {
    let world = World::new();
    let mut writer = Writer::new(&world);
    let following = Following::start(&world, &[]);
    wait_until(|| following.said().contains("app.log: is not there yet"));
    writer.write(2);
    following.wait_for(2);
    assert_eq!(following.end().code, 0);
    // The file that was read is gone for good.
    writer.write(3);
    std::fs::remove_file(&writer.path).unwrap();
    writer.write(1);
    let following = Following::start(&world, &[]);
    wait_until(|| keys(&world).contains("key-5"));
    let ran = following.end();
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("an unknown number of bytes may be missing"), "{ran:?}");
    assert_eq!(keys(&world).len(), 3);
}

#[test]
fn the_parts_of_a_split_line_are_not_lost_between_two_followers() {
    let world = World::new();
    let writer = Writer::new(&world);
    let line = order(1).to_string();
    let (first, rest) = line.split_at(40);
    writer.append(&format!("2026-01-31T09:00:00.1Z stdout F {}\n2026-01-31T09:00:00.1Z stdout P {first}\n", order(0)));
    let following = Following::start(&world, &[]);
    following.wait_for(1);
    following.kill();
    writer.append(&format!("2026-01-31T09:00:00.2Z stdout F {rest}\n"));
    let following = Following::start(&world, &[]);
    following.wait_for(2);
    assert_eq!(following.end().code, 0);
    assert_eq!(world.rejects(), [Value::Null; 0]);
}

#[test]
fn an_intake_that_is_taken_back_takes_its_place_back_too() {
    let world = World::new();
    let mut writer = Writer::new(&world);
    writer.write(3);
    let following = Following::start(&world, &[]);
    following.wait_for(3);
    following.end();
    writer.write(2);
    let following = Following::start(&world, &[]);
    following.wait_for(5);
    following.end();
    let ran = world.run(&["ingest", "--undo", "2", "--json"]);
    assert_eq!(ran.lines()[0], json!({"intake": 2, "removed": 2, "kept": 0}));
    let following = Following::start(&world, &[]);
    following.wait_for(5);
    assert_eq!(following.end().lines()[0]["read"], 2, "the place is that of the intake before");
}

#[test]
fn successes_are_followed_too_and_stdin_is_not() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let writer = Writer::new(&world);
    writer.append("{\"path\": \"records/orders/append\", \"idempotency_key\": \"key-1\", \"status\": 200}\n");
    let following = Following::start(&world, &["--accepted"]);
    wait_until(|| world.states() == ["resolved"]);
    assert_eq!(following.end().lines()[0]["settled"], 1);
    assert_eq!(world.run(&["ingest", "--follow", "-"]).code, 2);
    assert_eq!(world.run(&["ingest", "--follow"]).code, 2);
}

#[test]
fn a_new_file_that_begins_alike_is_not_taken_for_the_old_one() {
    let world = World::new();
    let mut writer = Writer::new(&world);
    writer.write(1);
    let following = Following::start(&world, &[]);
    following.wait_for(1);
    following.kill();
    writer.write(1);
    writer.rename();
    writer.written = 0;
    writer.write(1);
    writer.written = 2;
    writer.write(1);
    let following = Following::start(&world, &[]);
    following.wait_for(3);
    assert_eq!(following.end().code, 0);
}

#[test]
fn rotated_files_lie_beside_the_file_that_a_link_leads_to() {
    let world = World::new();
    std::fs::create_dir(world.path("pods")).unwrap();
    let mut writer = Writer { path: world.path("pods/0.log"), written: 0 };
    writer.write(1);
    std::os::unix::fs::symlink(&writer.path, world.path("app.log")).unwrap();
    let following = Following::start(&world, &[]);
    following.wait_for(1);
    following.kill();
    writer.write(1);
    std::fs::rename(&writer.path, world.path("pods/0.log.20261128-100000")).unwrap();
    writer.write(1);
    let following = Following::start(&world, &[]);
    following.wait_for(3);
    let ran = following.end();
    assert_eq!((ran.code, ran.err.contains("missing")), (0, false), "{ran:?}");
}

#[test]
fn a_batch_that_is_not_kept_is_read_again_with_all_that_came_after_it() {
    let world = World::new();
    let mut writer = Writer::new(&world);
    writer.write(1);
    let following = Following::start(&world, &[]);
    following.wait_for(1);
    following.kill();
    let file = rusqlite::Connection::open(world.db()).unwrap();
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON writes WHEN new.key = 'key-100'
                 BEGIN SELECT RAISE (ABORT, 'disk full'); END";
    file.execute_batch(fault).unwrap();
    // Several batches: those behind the first are queued when it fails.
    writer.write(8000);
    let mut following = Following::start(&world, &[]);
    let ran = Ran::of(&following.child.take().unwrap().wait_with_output().unwrap());
    assert!(ran.code == 1 && following.said().contains("disk full"), "{ran:?} {}", following.said());
    assert_eq!(keys(&world).len(), 1, "nothing behind it was kept");
    file.execute_batch("DROP TRIGGER fault").unwrap();
    let following = Following::start(&world, &[]);
    following.wait_for(8001);
    assert_eq!(following.end().code, 0);
}
