//! Lines inside the lines of whoever collects them: Docker's JSON logs, the CRI format of Kubernetes, journald's JSON export,
//! and `{"failure": …}`. They are told apart by their form, and the parts of a line that was split are joined.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::domain::json::{self, Node, Number, Value};

/// Wrappers inside wrappers that are taken off, at most.
const MOST_WRAPPERS: usize = 4;

/// Streams of which the beginning of a line is kept, at most: there are two of each collector.
const MOST_STREAMS: usize = 16;

/// Names of the fields by which a failure is known: a line that has one of them is no wrapper.
const OF_A_FAILURE: [&str; 5] = ["request", "body", "body_base64", "event", "record"];

/// Takes wrappers off, line by line, and keeps the parts of lines that are not whole yet.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    /// The parts so far of a line of each stream.
    parts: HashMap<String, Part>,
    /// Streams of which a line was given up whose end may still come.
    given_up: HashSet<String>,
    /// Number of lines that were unwrapped.
    seen: u64,
}

/// A line whose end hasn't come after so many others, or for so long, is given up: a container may have died in it.
const MOST_BETWEEN: u64 = 1000;
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The beginning of a line whose end has not come yet.
#[derive(Debug)]
pub(super) struct Part {
    /// The value of `seen` and the time when it began.
    began: (u64, Instant),
    /// The number of the line that it began with.
    pub(super) line: u64,
    /// The bytes so far.
    pub(super) text: Vec<u8>,
    /// True if a character was lost between two parts.
    is_cut: bool,
}

impl Part {
    fn add(&mut self, text: &[u8]) {
        self.is_cut |= !self.text.is_empty() && (self.text.ends_with(HALF) || text.starts_with(HALF));
        self.text.extend(text);
    }
}

/// The reason why a line is given up that is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// Its end hasn't come for too long.
    Late,
    /// It is too long.
    Long,
}

/// The content of a line once its wrappers are off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inside<'a> {
    /// A whole line, and the number of the line that it began with.
    Whole(u64, Cow<'a, [u8]>),
    /// A part of a line whose end is still to come.
    Part,
    /// A line that its collector did not keep whole: the number of the line, its bytes, and what became of it.
    Broken(u64, Cow<'a, [u8]>, &'static str),
}

/// Stands for the half of a character that Docker cut in two where it split a line.
const HALF: &[u8] = "\u{fffd}".as_bytes();

const CUT_CHARACTER: &str = "its collector split it inside a character, which is lost";
const LEFT_OUT: &str = "journald left out its message, which is long: export it with `journalctl -o json --all`";

/// A line as its collector wrote it: what it holds, and whether more of the same line follows.
struct Wrapped {
    stream: String,
    text: Vec<u8>,
    is_part: bool,
}

impl Unwrapper {
    /// Returns what is inside a line; the line itself if nothing is wrapped around it.
    pub(super) fn unwrap<'a>(&mut self, number: u64, line: &'a [u8]) -> Inside<'a> {
        self.seen += 1;
        let (mut number, mut inside) = (number, Cow::Borrowed(line));
        if is_left_out(line) {
            return Inside::Broken(number, inside, LEFT_OUT);
        }
        for _ in 0..MOST_WRAPPERS {
            let Some(wrapped) = taken_off(&inside) else { break };
            let Wrapped { stream, text, is_part } = wrapped;
            if self.given_up.contains(&stream) {
                if !is_part {
                    self.given_up.remove(&stream);
                }
                return Inside::Part;
            }
            if is_part && (self.parts.len() < MOST_STREAMS || self.parts.contains_key(&stream)) {
                let began = (self.seen, Instant::now());
                let new = || Part { began, line: number, text: Vec::new(), is_cut: false };
                self.parts.entry(stream).or_insert_with(new).add(&text);
                return Inside::Part;
            }
            inside = Cow::Owned(match self.parts.remove(&stream) {
                Some(mut part) => {
                    part.add(&text);
                    if part.is_cut {
                        return Inside::Broken(part.line, Cow::Owned(part.text), CUT_CHARACTER);
                    }
                    number = part.line;
                    part.text
                }
                None => text,
            });
        }
        Inside::Whole(number, inside)
    }

    /// Returns true if a line is not whole yet.
    pub(super) fn waits(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Gives up the lines whose end hasn't come for too long, and the longest ones as long as all of them together have more
    /// than so many bytes. What still comes of the latter is passed over.
    pub(super) fn give_up(&mut self, most: usize) -> Vec<(Part, GivenUp)> {
        let seen = self.seen;
        let is_late = |part: &Part| seen - part.began.0 >= MOST_BETWEEN || part.began.1.elapsed() >= LONGEST_WAIT;
        let late: Vec<(String, Part)> = self.parts.extract_if(|_, part| is_late(part)).collect();
        let mut all: Vec<(Part, GivenUp)> = late.into_iter().map(|(_, part)| (part, GivenUp::Late)).collect();
        while self.parts.values().map(|part| part.text.len()).sum::<usize>() > most {
            let longest = self.parts.iter().max_by_key(|(_, part)| part.text.len()).map(|(stream, _)| stream.clone());
            let Some((stream, part)) = longest.and_then(|stream| self.parts.remove_entry(&stream)) else { break };
            if self.given_up.len() < MOST_STREAMS {
                self.given_up.insert(stream);
            }
            all.push((part, GivenUp::Long));
        }
        all
    }

    /// Returns the lines whose end never came, in their order.
    pub(super) fn unfinished(&mut self) -> Vec<Part> {
        let mut parts: Vec<Part> = self.parts.drain().map(|(_, part)| part).collect();
        parts.sort_by_key(|part| part.line);
        parts
    }
}

fn taken_off(line: &[u8]) -> Option<Wrapped> {
    let line = line.trim_ascii();
    if !line.starts_with(b"{") {
        return cri(line);
    }
    // Most lines are failures as they are, and a scan costs as much as taking them in does.
    let is_likely =
        ["\"log\"", "\"MESSAGE\"", "\"failure\""].iter().any(|name| memmem::find(line, name.as_bytes()).is_some());
    if !is_likely {
        return None;
    }
    let node = json::scan(line).ok()?;
    if OF_A_FAILURE.iter().any(|name| node.get_present(name).is_some()) {
        return None;
    }
    docker(&node).or_else(|| journald(&node)).or_else(|| failure(&node))
}

/// Reads a line of Docker's `json-file` log: `{"log": "…\n", "stream": "stdout", "time": "…"}`. A line that was split ends
/// without a line break in all of its parts but the last.
fn docker(node: &Node<'_>) -> Option<Wrapped> {
    let text = node.get_present("log")?.text()?.into_owned();
    let is_collected = ["stream", "time", "attrs"].iter().any(|name| node.get_present(name).is_some());
    let whole = text.trim_end_matches(['\r', '\n']);
    let is_whole = whole.len() < text.len() || !is_collected || json::scan(whole.as_bytes()).is_ok();
    let stream = node.get_present("stream").and_then(Node::text).unwrap_or_default();
    Some(Wrapped { stream: format!("docker {stream}"), text: whole.as_bytes().to_vec(), is_part: !is_whole })
}

/// Reads an entry of journald's JSON export. Its message is a text, or a list of bytes where it isn't printable.
fn journald(node: &Node<'_>) -> Option<Wrapped> {
    let message = node.get_present("MESSAGE")?;
    node.get_present("__REALTIME_TIMESTAMP").or_else(|| node.get_present("__CURSOR"))?;
    // A line that is longer than journald takes: all but its last part are marked.
    let is_part = node.get_present("_LINE_BREAK").and_then(Node::text).is_some_and(|how| how == "line-max");
    let stream = node.get_present("_STREAM_ID").and_then(Node::text).unwrap_or_default();
    let text = match &message.value {
        Value::String(text) => text.to_text().into_owned().into_bytes(),
        Value::Array(bytes) => bytes.iter().map(byte).collect::<Option<Vec<u8>>>()?,
        _ => return None,
    };
    Some(Wrapped { stream: format!("journald {stream}"), text, is_part })
}

/// Returns true for an entry of journald whose message is `null`, as `journalctl` writes a long one unless it is asked for all.
fn is_left_out(line: &[u8]) -> bool {
    if memmem::find(line, b"\"MESSAGE\"").is_none() {
        return false;
    }
    let Ok(node) = json::scan(line) else { return false };
    let is_journald = node.get_present("__REALTIME_TIMESTAMP").or_else(|| node.get_present("__CURSOR")).is_some();
    is_journald && node.get("MESSAGE").is_some() && node.get_present("MESSAGE").is_none()
}

fn byte(node: &Node<'_>) -> Option<u8> {
    match &node.value {
        Value::Number(Number::Int(digits)) => digits.parse().ok(),
        _ => None,
    }
}

/// Reads `{"failure": {…}}`, with whatever stands beside it.
fn failure(node: &Node<'_>) -> Option<Wrapped> {
    let failure = node.get_present("failure").filter(|failure| failure.is_object())?;
    Some(Wrapped { stream: "failure".to_owned(), text: failure.raw.to_vec(), is_part: false })
}

/// Reads a line as the runtimes of Kubernetes write it: `2026-01-31T09:00:00.1Z stdout F …`, where the tag `P` says that the
/// line goes on in the next one of its stream.
fn cri(line: &[u8]) -> Option<Wrapped> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (time, stream, tags) = (words.next()?, words.next()?, words.next()?);
    let text = words.next().unwrap_or_default();
    let is_time = time.len() >= 20 && time[..4].iter().all(u8::is_ascii_digit) && time[4] == b'-' && time[10] == b'T';
    let stream = match stream {
        b"stdout" => "cri stdout",
        b"stderr" => "cri stderr",
        _ => return None,
    };
    let is_part = match tags.split(|byte| *byte == b':').next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    is_time.then(|| Wrapped { stream: stream.to_owned(), text: text.to_vec(), is_part })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURE: &str = r#"{"record":{"a":1},"error":"x \"log\""}"#;

    fn inside(unwrapper: &mut Unwrapper, number: u64, line: &str) -> Option<(u64, String)> {
        match unwrapper.unwrap(number, line.as_bytes()) {
            Inside::Whole(number, text) => Some((number, String::from_utf8_lossy(&text).into_owned())),
            Inside::Part => None,
            Inside::Broken(number, _, why) => Some((number, why.to_owned())),
        }
    }

    fn quoted(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    #[test]
    fn wrappers_are_told_by_their_form_and_taken_off() {
        let bytes: Vec<String> = FAILURE.bytes().map(|byte| byte.to_string()).collect();
        let docker =
            format!(r#"{{"log":{},"stream":"stderr","time":"2026-01-31T09:00:00Z"}}"#, quoted(&format!("{FAILURE}\n")));
        for line in [
            FAILURE.to_owned(),
            docker.clone(),
            format!(r#"{{"log":{}}}"#, quoted(FAILURE)),
            format!("2026-01-31T09:00:00.123456789Z stdout F {FAILURE}"),
            format!("2026-01-31T09:00:00.1+01:00 stderr F:x {FAILURE}"),
            format!(r#"{{"__REALTIME_TIMESTAMP":"1","MESSAGE":{},"_PID":"7"}}"#, quoted(FAILURE)),
            format!(r#"{{"__CURSOR":"s=1","MESSAGE":[{}]}}"#, bytes.join(",")),
            format!(r#"{{"level":"error","failure": {FAILURE} ,"n":1}}"#),
            // One in the other.
            format!("2026-01-31T09:00:00.1Z stdout F {}", docker.trim()),
        ] {
            let found = inside(&mut Unwrapper::default(), 7, &line);
            assert_eq!(found, Some((7, FAILURE.to_owned())), "{line}");
        }
        for line in [
            r#"{"record":{"a":1},"log":"y","stream":"x"}"#,
            r#"{"body":{"failure":{"a":1}},"path":"a/b"}"#,
            r#"{"MESSAGE":"no journal"}"#,
            r#"{"failure":"a text"}"#,
            "2026-01-31 09:00:00 stdout F text",
            "2026-01-31T09:00:00.1Z stdlog F text",
            "{\"log\":",
            "",
        ] {
            assert_eq!(inside(&mut Unwrapper::default(), 1, line), Some((1, line.to_owned())), "{line}");
        }
    }

    #[test]
    fn the_parts_of_a_split_line_are_joined_by_stream() {
        let mut all = Unwrapper::default();
        let (first, rest) = FAILURE.split_at(10);
        assert_eq!(inside(&mut all, 1, &format!("2026-01-31T09:00:00.1Z stdout P {first}")), None);
        let other = inside(&mut all, 2, "2026-01-31T09:00:00.1Z stderr F {\"of\":\"another\"}");
        assert_eq!(other, Some((2, "{\"of\":\"another\"}".to_owned())));
        assert_eq!(inside(&mut all, 3, "2026-01-31T09:00:00.1Z stdout P "), None);
        let whole = inside(&mut all, 4, &format!("2026-01-31T09:00:00.1Z stdout F {rest}"));
        assert_eq!(whole, Some((1, FAILURE.to_owned())), "under the number of its first part");

        let docker = |text: &str| format!(r#"{{"log":{},"stream":"stdout","time":"t"}}"#, quoted(text));
        assert_eq!(inside(&mut all, 5, &docker(first)), None);
        assert_eq!(inside(&mut all, 6, &docker(&format!("{rest}\n"))), Some((5, FAILURE.to_owned())));
        let journald =
            |text: &str, more: &str| format!(r#"{{"__CURSOR":"s","_STREAM_ID":"a","MESSAGE":{}{more}}}"#, quoted(text));
        assert_eq!(inside(&mut all, 8, &journald(first, r#","_LINE_BREAK":"line-max""#)), None);
        assert_eq!(inside(&mut all, 9, &journald(rest, "")), Some((8, FAILURE.to_owned())));
        assert_eq!(inside(&mut all, 10, &docker("{\"name\":\"Zo\u{fffd}")), None);
        let cut = inside(&mut all, 11, &docker("\u{fffd}\"}\n"));
        assert_eq!(cut, Some((10, CUT_CHARACTER.to_owned())), "a body that was never sent is none");
        let left_out = inside(&mut all, 12, r#"{"__CURSOR":"s","MESSAGE":null}"#);
        assert_eq!(left_out, Some((12, LEFT_OUT.to_owned())));
        assert_eq!(inside(&mut all, 7, &docker("never ended")), None);
        assert!(all.waits());
        let left = all.unfinished();
        assert_eq!((left[0].line, left[0].text.as_slice()), (7, &b"never ended"[..]));
        assert!(!all.waits());
    }

    #[test]
    fn a_line_that_never_ends_is_given_up() {
        let cri = |stream: &str, tag: &str, text: &str| format!("2026-01-31T09:00:00.1Z {stream} {tag} {text}");
        let mut all = Unwrapper::default();
        assert_eq!(inside(&mut all, 1, &cri("stderr", "P", "half")), None);
        for n in 0..MOST_BETWEEN {
            assert_eq!(all.give_up(100).len(), 0);
            assert_eq!(inside(&mut all, 2 + n, &cri("stdout", "F", "x")), Some((2 + n, "x".to_owned())));
        }
        let given_up = all.give_up(100);
        assert_eq!(
            (given_up[0].0.line, given_up[0].0.text.as_slice(), given_up[0].1),
            (1, &b"half"[..], GivenUp::Late)
        );
        // A line that is too long is passed over to its end, and the next one is whole again.
        for n in 0..3 {
            assert_eq!(inside(&mut all, 10 + n, &cri("stdout", "P", "0123456789")), None);
        }
        let given_up = all.give_up(20);
        assert_eq!((given_up[0].0.line, given_up[0].0.text.len(), given_up[0].1), (10, 30, GivenUp::Long));
        for tag in ["P", "F"] {
            assert_eq!(inside(&mut all, 20, &cri("stdout", tag, "more")), None);
        }
        assert!(!all.waits());
        assert_eq!(inside(&mut all, 21, &cri("stdout", "F", "x")), Some((21, "x".to_owned())));
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_whatever_comes(lines in proptest::collection::vec("(2026-01-31T09:00:00[.]1Z stdout [FP] )?[a-z{}\":]{0,12}", 0..12)) {
            let mut all = Unwrapper::default();
            let mut got = String::new();
            for line in &lines {
                if let Some((_, text)) = inside(&mut all, 1, line) {
                    got.push_str(&text);
                }
            }
            got.extend(all.unfinished().into_iter().map(|part| String::from_utf8_lossy(&part.text).into_owned()));
            let text = |line: &String| line.trim_start_matches("2026-01-31T09:00:00.1Z stdout ").len();
            let least: usize = lines.iter().map(text).sum::<usize>().saturating_sub(2 * lines.len());
            proptest::prop_assert!(got.len() >= least, "{lines:?}: {got}");
        }
    }
}
