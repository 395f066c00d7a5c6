//! One file for the users of a group, whatever their umask is. Only root can be several users: elsewhere it is left out.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dlq::sandbox::{Faults, Settings};
use serde_json::Value;

use crate::terminal::Terminal;
use crate::world::{Ran, World, binary, order, wait_until};

const GROUP: u32 = 64_017;
const ALICE: u32 = 64_001;
const BOB: u32 = 64_002;
const MALLORY: u32 = 64_003;

/// A host with two users of one group, and one who is in none.
struct Host {
    world: World,
    /// A copy of the binary that all of them can run.
    dlq: PathBuf,
    umask: &'static str,
}

impl Host {
    /// Returns `None` where there is nobody to be several users.
    fn new(umask: &'static str) -> Option<Self> {
        let can_be_others = rustix::process::geteuid().is_root()
            && Command::new("setpriv").arg("--version").output().is_ok_and(|ran| ran.status.success());
        if !can_be_others {
            assert!(std::env::var_os("CI").is_none(), "CI runs as root, with setpriv");
            eprintln!("left out: only root can be two users (with setpriv)");
            return None;
        }
        let slow = Faults { delayed: 1000, delay: Duration::from_millis(300), ..Faults::default() };
        let world = World::with_api(Settings { faults: slow, ..Settings::default() });
        let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        open(world.directory.path());
        let dlq = world.path("dlq");
        std::fs::copy(binary(), &dlq).unwrap();
        world.file("c.toml", format!("[store]\nunix_group = \"{GROUP}\"\n[targets.default]\nbackoff = '5ms'\n"));
        open(&world.path("c.toml"));
        Some(Self { world, dlq, umask })
    }

    fn db(&self) -> PathBuf {
        self.world.path("shared/queue/dlq.db")
    }

    fn command(&self, user: u32, args: &[&str]) -> Command {
        let groups = if user == MALLORY { "--clear-groups".to_owned() } else { format!("--groups={GROUP}") };
        let command = self.world.command(&[]);
        let script = format!("umask {}; exec setpriv --reuid={user} --regid={user} {groups} \"$0\" \"$@\"", self.umask);
        let shell =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect::<Vec<_>>();
        let mut as_user = Command::new("bash");
        as_user.args(["-c", &script]).arg(&self.dlq).args(["--config", "c.toml"]).args(args);
        as_user.current_dir(self.world.directory.path());
        for (name, value) in shell {
            match value {
                Some(value) => as_user.env(name, value),
                None => as_user.env_remove(name),
            };
        }
        as_user.env("DLQ_DB", self.db());
        as_user
    }

    fn run(&self, user: u32, args: &[&str], input: &str) -> Ran {
        use std::io::Write as _;
        let mut command = self.command(user, args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(&child.wait_with_output().unwrap())
    }

    fn states(&self, user: u32) -> Vec<String> {
        let ran = self.run(user, &["list", "state:any", "--json", "--sort", "id"], "");
        ran.lines().iter().map(|write| write["state"].as_str().unwrap().to_owned()).collect()
    }
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers
        .map(|n| {
            let mut line = order(n);
            line["body"] = serde_json::json!({"record": {"order_id": format!("ord_{n}")}});
            format!("{line}\n")
        })
        .collect()
}

#[test]
fn two_users_of_a_group_work_on_one_file_whatever_their_umask() {
    for umask in ["077", "022"] {
        let Some(host) = Host::new(umask) else { return };
        let taken = host.run(ALICE, &["ingest", "--json"], &(lines(0..6) + "not JSON\n"));
        assert_eq!(taken.code, 3, "{taken:?}");
        // Alice looks on while Bob takes in more, sends, and is paused by her.
        let mut screen = Terminal::of(&host.command(ALICE, &[]));
        screen.until("pending 6");
        let more = host.run(BOB, &["ingest", "--json"], &(lines(6..8) + "nor this\n"));
        assert_eq!(more.lines()[0]["inserted"], 2, "{more:?}");
        screen.until("pending 8");
        let mut replay =
            host.command(BOB, &["replay", "--all", "--yes", "--concurrency", "1", "--no-canary", "--json"]);
        let replay = replay.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until(|| host.states(ALICE).iter().any(|state| state == "replayed"));
        let paused = host.run(ALICE, &["runs", "pause", "1"], "");
        assert_eq!(paused.code, 0, "{paused:?}");
        let runs: Vec<Value> = host.run(ALICE, &["runs", "--json"], "").lines();
        assert_ne!(runs[0]["state"], "died", "the lock of another user's run tells that it lives: {runs:?}");
        assert_eq!(host.run(ALICE, &["runs", "resume", "1"], "").code, 0);
        let replayed = Ran::of(&replay.wait_with_output().unwrap());
        assert_eq!(replayed.code, 0, "{replayed:?}");
        screen.until("replayed 8");
        screen.press("q");
        let copied = host.run(BOB, &["backup", "shared/queue/copy.db"], "");
        assert_eq!(copied.code, 0, "{copied:?}");
        for (name, mode) in
            [("", 0o42770), ("dlq.db", 0o100_660), ("dlq.db-rejects.ndjson", 0o100_660), ("copy.db", 0o100_640)]
        {
            let found = std::fs::metadata(host.world.path("shared/queue").join(name)).unwrap();
            assert_eq!((found.mode(), found.gid()), (mode, GROUP), "{umask}: {name}");
        }
        let rejects = std::fs::read_to_string(host.world.path("shared/queue/dlq.db-rejects.ndjson")).unwrap();
        assert_eq!(rejects.lines().count(), 2, "both keep theirs in one file");
        let told = host.run(ALICE, &["doctor"], "").out;
        assert!(told.contains(&format!("shared with group {GROUP} alone")), "{told}");
    }
}

#[test]
fn each_refusal_says_whose_the_file_is_and_the_way_out() {
    let Some(host) = Host::new("077") else { return };
    assert_eq!(host.run(ALICE, &["ingest"], &lines(0..1)).code, 0);
    for args in [&["list"][..], &["ingest"], &["replay", "--all", "--yes"], &["doctor"], &["runs", "pause", "1"]] {
        let ran = host.run(MALLORY, args, &lines(1..2));
        let told = format!("{}{}", ran.out, ran.err);
        assert!(ran.code != 0, "{args:?}: {ran:?}");
        for part in [
            format!("is of user {ALICE}, group {GROUP}, mode 2770"),
            format!("you are user {MALLORY}, in group {MALLORY}"),
            format!("an administrator can add you to {GROUP}"),
        ] {
            assert!(told.contains(&part), "{args:?}: {told}");
        }
    }
    // A file that its owner keeps to herself says how to share it.
    std::fs::set_permissions(host.db(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = host.run(BOB, &["list"], "");
    assert!(ran.err.contains("its owner can share it (chmod 660 "), "{ran:?}");
    let told = host.run(ALICE, &["doctor"], "").out;
    assert!(told.contains("has mode 0600: chmod 660 "), "{told}");
}

#[test]
fn a_lock_that_cannot_be_opened_says_nothing_of_its_run() {
    let Some(host) = Host::new("077") else { return };
    assert_eq!(host.run(ALICE, &["ingest"], &lines(0..3)).code, 0);
    let mut replay = host.command(ALICE, &["replay", "--all", "--yes", "--concurrency", "1", "--no-canary"]);
    let mut replay = replay.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let lock = host.world.path("shared/queue/dlq.db-run-1.lock");
    wait_until(|| lock.exists() && host.states(BOB).iter().any(|state| state == "replaying"));
    std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(0o600)).unwrap();
    let taken = host.run(BOB, &["ingest"], &lines(3..4));
    assert_eq!(taken.code, 0, "what opens the file for writing takes nothing back: {taken:?}");
    assert_eq!(host.run(BOB, &["runs", "--json"], "").lines()[0]["state"], "running");
    assert_eq!(replay.wait().unwrap().code(), Some(0));
    assert_eq!(host.states(BOB), ["replayed", "replayed", "replayed", "pending"]);
}

#[test]
fn a_group_that_is_not_there_is_a_usage_error() {
    let world = World::new();
    world.file("c.toml", "[store]\nunix_group = 'no-such-group'\n");
    let ran = world.run(&["list", "--config", "c.toml"]);
    assert_eq!((ran.code, ran.err.contains("there is no group \"no-such-group\" on this host")), (2, true), "{ran:?}");
}
