//! The real binary on a real pseudo-terminal: what is drawn, and that the terminal is given back.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::json;

use crate::world::{World, binary, order};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was drawn so far.
struct Seen {
    drawn: Mutex<Drawn>,
    changed: Condvar,
}

struct Drawn {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// Whether the program has closed its end.
    is_over: bool,
}

pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    seen: Arc<Seen>,
}

impl Terminal {
    /// Starts dlq on the world's file.
    fn open(home: &Path, world: &World, environment: &[(&str, &str)]) -> Self {
        Self::start(home, &["--db", world.db().to_str().unwrap()], environment)
    }

    fn start(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(binary());
        command.args(arguments);
        command.env_clear();
        for (name, value) in
            [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("USER", "tester")]
        {
            command.env(name, value);
        }
        command.env("HOME", home);
        command.env("XDG_CONFIG_HOME", home);
        command.env("XDG_DATA_HOME", home);
        command.env("TMPDIR", home);
        for (name, value) in environment {
            command.env(name, value);
        }
        Self::run(command)
    }

    /// Runs a command as it would be run without a terminal.
    pub fn of(command: &std::process::Command) -> Self {
        let mut there = CommandBuilder::new(command.get_program());
        there.args(command.get_args());
        there.cwd(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            }
        }
        there.env("TERM", "xterm-256color");
        there.env("LANG", "C.UTF-8");
        Self::run(there)
    }

    fn run(command: CommandBuilder) -> Self {
        let (rows, cols) = (24u16, 80u16);
        let pty = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().unwrap();
        let parser = vt100::Parser::new(rows.try_into().unwrap(), cols.try_into().unwrap(), 0);
        let drawn = Mutex::new(Drawn { parser, raw: Vec::new(), is_over: false });
        let seen = Arc::new(Seen { drawn, changed: Condvar::new() });
        let sink = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = reader.read(&mut bytes);
                let mut drawn = sink.drawn.lock().unwrap();
                match read {
                    Ok(n @ 1..) => {
                        drawn.parser.process(&bytes[..n]);
                        drawn.raw.extend_from_slice(&bytes[..n]);
                    }
                    _ => drawn.is_over = true,
                }
                sink.changed.notify_all();
                if drawn.is_over {
                    return;
                }
            }
        });
        let keys = pty.master.take_writer().unwrap();
        Self { child, master: pty.master, keys, seen }
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.seen.drawn.lock().unwrap().raw).into_owned()
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until something holds of what is drawn.
    fn wait(&self, what: &str, holds: impl Fn(&Drawn) -> bool) -> String {
        let drawn = self.seen.drawn.lock().unwrap();
        let (drawn, _) = self.seen.changed.wait_timeout_while(drawn, PATIENCE, |drawn| !holds(drawn)).unwrap();
        let screen = drawn.parser.screen().contents();
        assert!(holds(&drawn), "{what:?} does not appear on\n{screen}");
        screen
    }

    /// Waits until the screen says something.
    pub fn until(&self, what: &str) -> String {
        self.wait(what, |drawn| drawn.parser.screen().contents().contains(what))
    }

    /// Waits until it has ended.
    fn end(&mut self) -> u32 {
        self.wait("the end", |drawn| drawn.is_over);
        self.child.wait().unwrap().exit_code()
    }

    /// The modes that were turned on are off again.
    fn is_given_back(&self) -> bool {
        let drawn = self.seen.drawn.lock().unwrap();
        let (raw, screen) = (String::from_utf8_lossy(&drawn.raw), drawn.parser.screen());
        let is_off = |on: &str, off: &str| raw.contains(on) && raw.rfind(off) > raw.rfind(on);
        is_off("\u{1b}[?1049h", "\u{1b}[?1049l")
            && is_off("\u{1b}[?2004h", "\u{1b}[?2004l")
            && is_off("\u{1b}[?25l", "\u{1b}[?25h")
            && !screen.alternate_screen()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    }

    /// Whether lines and echo are left to the program.
    fn is_raw(&self) -> bool {
        let modes = format!("{:?}", self.master.get_termios().unwrap().local_flags);
        !modes.contains("ICANON") && !modes.contains("ECHO ")
    }
}

#[test]
fn the_demo_from_the_failure_to_the_replay_and_back_to_the_shell() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(home.path(), &["demo"], &[("EDITOR", "true")]);
    terminal.until("record.loyalty_tier");
    assert!(terminal.is_raw());
    terminal.until("The schema group grows while you watch");
    // Filter, and look at one.
    terminal.press("/");
    terminal.press("type:schema");
    terminal.until("type:schema");
    terminal.press("\r");
    terminal.until("1 of ");
    terminal.press("\r");
    terminal.until("422   customer");
    terminal.press("G");
    terminal.press("\r");
    terminal.until("A field of the record does not exist in the object's schema.");
    terminal.press("\t");
    terminal.until("this field");
    // Too early: only one is sent.
    terminal.press("\u{1b}");
    terminal.until("One line per write");
    terminal.press("\u{1b}");
    terminal.until("1 of 4");
    terminal.press("\u{1b}");
    terminal.until("4 of 4");
    terminal.press("g");
    terminal.press("r");
    terminal.until("to send");
    terminal.press("\r");
    terminal.until("The first write was refused");
    // Fixed: the rest goes.
    terminal.press("F");
    terminal.until("the schema has the field now");
    terminal.press("c");
    terminal.until("sends them");
    terminal.press("\r");
    let screen = terminal.until("none was applied");
    assert!(screen.contains("finished") && screen.contains("Everything that was sent was accepted."), "{screen}");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_given_back() && !terminal.is_raw(), "{:?}", terminal.raw());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "the throw-away file is gone");
}

#[test]
fn a_file_that_is_not_there_yet_and_then_fills() {
    let world = World::new();
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::open(home.path(), &world, &[]);
    terminal.until("No failures have come in yet.");
    world.ingest(&[order(1), order(2)]);
    terminal.until("record.total");
    // Another process takes more in: they appear by themselves.
    terminal.press("\t");
    terminal.until("AGE");
    let mut other = order(3);
    other["error_message"] = "record.currency: unknown".into();
    world.ingest(&[other]);
    terminal.until("record.currency");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn an_edit_in_the_editor_becomes_a_revision_and_is_undone() {
    let world = World::new();
    let home = tempfile::tempdir().unwrap();
    world.ingest(&[order(1)]);
    let editor = world.file("editor.sh", "#!/bin/sh\nsed -i 's/19.9/21.5/' \"$1\"\n");
    let editor = format!("sh {}", editor.display());
    let mut terminal = Terminal::open(home.path(), &world, &[("EDITOR", &editor)]);
    terminal.until("record.total");
    terminal.press("\r");
    terminal.until("422   ord_1");
    terminal.press("e");
    let screen = terminal.until("this is what the edit changes");
    assert!(screen.contains("19.9") && screen.contains("21.5"), "{screen}");
    terminal.press("\r");
    terminal.until("Why was it edited?");
    terminal.press("the price was wrong\r");
    terminal.until("has revision 1 now");
    assert_eq!(world.writes()[0]["body"]["record"]["total"], 21.5);
    terminal.press("u");
    terminal.until("is at revision 0 again");
    assert_eq!(world.writes()[0]["body"]["record"]["total"], 19.9);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_given_back());
    let history = world.ok(&["history", "1"]);
    assert!(history.contains("the price was wrong") && history.contains("undo edit"), "{history}");
}

#[test]
fn the_terminal_is_given_back_after_sigterm_and_after_a_panic() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let db = world.db();
    let arguments = ["--db", db.to_str().unwrap()];
    let mut terminal = Terminal::start(home.path(), &arguments, &[]);
    terminal.until("record.total");
    let pid = i32::try_from(terminal.child.process_id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_given_back() && !terminal.is_raw());
    // Debug builds panic at a key on request.
    let mut terminal = Terminal::start(home.path(), &arguments, &[("DLQ_PANIC_KEY", "f12")]);
    terminal.until("record.total");
    terminal.press("\u{1b}[24~");
    assert_eq!(terminal.end(), 101);
    assert!(terminal.is_given_back(), "{:?}", terminal.raw());
    assert!(!terminal.is_raw());
    assert!(terminal.raw().contains("asked for by DLQ_PANIC_KEY"));
}

#[test]
fn resizing_and_too_small_a_terminal() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::open(home.path(), &world, &[("NO_COLOR", "1")]);
    terminal.until("record.total");
    assert!(!terminal.raw().contains("\u{1b}[38;"), "no colour was asked for");
    let resize = |terminal: &Terminal, rows: u16, cols: u16| {
        terminal
            .seen
            .drawn
            .lock()
            .unwrap()
            .parser
            .screen_mut()
            .set_size(rows.try_into().unwrap(), cols.try_into().unwrap());
        terminal.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    };
    resize(&terminal, 8, 30);
    terminal.until("dlq needs 40x10");
    resize(&terminal, 40, 120);
    terminal.until("CODE");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn without_a_terminal_there_is_the_help() {
    let world = World::new();
    let ran = world.run(&[]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("Usage: dlq"), "{ran:?}");
}

#[test]
fn the_background_is_asked_for_and_a_late_reply_is_no_key() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let db = world.db();
    let arguments = ["--db", db.to_str().unwrap()];
    let mut light = Terminal::start(home.path(), &arguments, &[]);
    light.wait("the question", |drawn| String::from_utf8_lossy(&drawn.raw).contains("\u{1b}]11;?"));
    light.press("\u{1b}]11;rgb:fdfd/f6f6/e3e3\u{1b}\\");
    light.until("record.total");
    // The cursor's row on a light background, from the first frame on.
    assert!(light.raw().contains("48;5;253m") && !light.raw().contains("48;5;238m"), "{:?}", light.raw());
    light.press("q");
    assert_eq!(light.end(), 0);

    let mut late = Terminal::start(home.path(), &arguments, &[]);
    late.until("record.total");
    std::thread::sleep(Duration::from_millis(2300));
    late.press("\u{1b}]11;rgb:fdfd/f6f6/e3e3\u{7}");
    late.press("\r");
    let screen = late.until("422   ord_1");
    assert!(!screen.contains("does nothing here") && !late.raw().contains("48;5;253m"), "{screen}");
    late.press("q");
    assert_eq!(late.end(), 0);
}

#[test]
fn a_file_that_is_replaced_underneath_is_noticed_and_nothing_is_reported_as_done() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let db = world.db();
    let mut terminal = Terminal::open(home.path(), &world, &[]);
    terminal.until("record.total");
    terminal.press("d");
    terminal.until("Give up on");
    std::fs::rename(&db, db.with_extension("away")).unwrap();
    let since = std::time::Instant::now();
    terminal.press("no reason\r");
    let screen = terminal.until("was deleted or replaced while dlq had it open");
    assert!(since.elapsed() < PATIENCE && !screen.contains("discarded"), "{screen}");
    terminal.until("start dlq again");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_group_is_noted_and_parked_for_everyone_until_it_grows() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::open(home.path(), &world, &[]);
    terminal.until("record.total");
    terminal.press("i");
    terminal.until("Note on group 1");
    terminal.press("ana asked the API team\r");
    terminal.until("Note: ana asked");
    terminal.press("P");
    terminal.until("until more of its writes fail");
    terminal.press("g");
    terminal.until("All groups are parked");
    terminal.until("1 parked");
    let group = &world.json(&["groups", "--json"])[0];
    assert_eq!((&group["note"], &group["parked_count"]), (&json!("ana asked the API team"), &json!(1)));
    assert_eq!(group["parked_until"], serde_json::Value::Null);
    let report = world.ok(&["report", "--since", "1h"]);
    for part in [
        "note (group 1: ana asked",
        "park (group 1: parked until it has more",
        "Note: ana asked the API team",
        "It is parked",
    ] {
        assert!(report.contains(part), "{part}\n---\n{report}");
    }
    let planned = world.run(&["replay", "--all", "--dry-run", "--base-url", "http://127.0.0.1:9/v1"]);
    assert!(planned.out.contains("to send   1 write of 1 group"), "parking hides nothing from a plan: {planned:?}");
    world.ingest(&[order(2)]);
    terminal.until("It has grown by 1 since");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn columns_are_remembered_for_their_file() {
    let world = World::new();
    world.ingest(&[order(1)]);
    let home = tempfile::tempdir().unwrap();
    let db = world.db();
    let arguments = ["--db", db.to_str().unwrap()];
    let mut terminal = Terminal::start(home.path(), &arguments, &[]);
    terminal.until("record.total");
    terminal.press("\t");
    terminal.until("MESSAGE");
    terminal.press("V");
    terminal.until("Columns before the message");
    terminal.press("n");
    terminal.until("[x] how often it was captured");
    terminal.press("\x1b");
    terminal.until("SEEN");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    let mut again = Terminal::start(home.path(), &arguments, &[]);
    again.until("record.total");
    again.press("\t");
    again.until("SEEN");
    again.press("q");
    assert_eq!(again.end(), 0);
    assert!(std::fs::read_to_string(home.path().join("dlq/views.json")).unwrap().contains("\"seen\""));
}
