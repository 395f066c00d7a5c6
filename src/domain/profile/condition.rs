//! Conditions on an answer: all that a condition names must hold.

use std::collections::BTreeMap;

use super::envelope::header;
use super::pointer::{find, is_filled, text_of};
use super::statuses::Statuses;
use crate::domain::evidence::Headers;
use crate::domain::json::Node;

/// What conditions look at.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) method: &'a str,
    pub(super) status: Option<u16>,
    pub(super) headers: &'a Headers,
    pub(super) body: Option<&'a Node<'a>>,
    pub(super) has_envelope: bool,
    pub(super) code: Option<&'a str>,
    pub(super) message: Option<&'a str>,
}

impl Facts<'_> {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(self.headers, name)
    }
}

/// A condition on an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    pub(super) status: Option<Statuses>,
    pub(super) not_status: Option<Statuses>,
    pub(super) methods: Option<Vec<String>>,
    /// True if the answer must have the envelope, false if it must not.
    pub(super) envelope: Option<bool>,
    /// True if the body must be JSON, false if it must not.
    pub(super) json: Option<bool>,
    /// Globs, one of which the code must match.
    pub(super) code: Option<Vec<String>>,
    /// Globs, one of which the message must match.
    pub(super) message: Option<Vec<String>>,
    /// Headers in lower case, each with a test.
    pub(super) headers: BTreeMap<String, Test>,
    /// Pointers into the body, each with a test.
    pub(super) body: BTreeMap<String, Test>,
}

/// A test of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// It is there, and says something.
    Filled,
    /// It isn't there, or says nothing.
    Missing,
    /// It is there, and matches one of these globs.
    Matches(Vec<String>),
}

impl Test {
    /// Parses `filled`, `missing`, or globs separated by `|`.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "filled" => Self::Filled,
            "missing" => Self::Missing,
            globs => Self::Matches(globs.split('|').map(str::to_owned).collect()),
        }
    }
}

impl Condition {
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        let status = |set: &Statuses| facts.status.is_some_and(|status| set.contains(status));
        let one_of = |globs: &Vec<String>, text: Option<&str>| {
            text.is_some_and(|text| globs.iter().any(|pattern| matches(pattern, text)))
        };
        let one_code =
            |globs: &Vec<String>| facts.code.is_some_and(|code| globs.iter().any(|glob| is_like(glob, code)));
        self.status.as_ref().is_none_or(status)
            && !self.not_status.as_ref().is_some_and(status)
            && self.methods.as_ref().is_none_or(|all| all.iter().any(|method| method == facts.method))
            && self.envelope.is_none_or(|wanted| facts.has_envelope == wanted)
            && self.json.is_none_or(|wanted| facts.body.is_some() == wanted)
            && self.code.as_ref().is_none_or(one_code)
            && self.message.as_ref().is_none_or(|globs| one_of(globs, facts.message))
            && self.headers.iter().all(|(name, test)| holds_header(test, facts.header(name)))
            && self.body.iter().all(|(pointer, test)| holds_body(test, pointer, facts))
    }
}

fn holds_header(test: &Test, value: Option<&str>) -> bool {
    match test {
        Test::Filled => value.is_some_and(|value| !value.trim().is_empty()),
        Test::Missing => value.is_none_or(|value| value.trim().is_empty()),
        Test::Matches(globs) => value.is_some_and(|value| globs.iter().any(|glob| matches(glob, value.trim()))),
    }
}

fn holds_body(test: &Test, pointer: &str, facts: &Facts<'_>) -> bool {
    let found = facts.body.map(|body| find(body, pointer)).unwrap_or_default();
    match test {
        Test::Filled => found.iter().any(|node| is_filled(node)),
        Test::Missing => !found.iter().any(|node| is_filled(node)),
        Test::Matches(globs) => {
            found.iter().filter_map(|node| text_of(node)).any(|text| globs.iter().any(|glob| matches(glob, &text)))
        }
    }
}

/// Returns true if a text matches a glob, in which `*` stands for any text. Letters' case doesn't count.
pub(super) fn matches(glob: &str, text: &str) -> bool {
    is_like(&glob.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Returns true if a name, whose letters' case counts, matches a glob.
pub(super) fn is_like(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_texts() {
        for (glob, text) in
            [("a", "A"), ("*", ""), ("*.X", "a.b.x"), ("a*c", "abc"), ("*rate*limit*", "Rate or limit!")]
        {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [("a", "ab"), ("*.X", "x"), ("a*c", "ac d"), ("ab*ba", "aba"), ("*b*b", "ab")] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }
}
