//! What writes have in common, and how they differ from those that the API has accepted: fields, and their values.

use std::collections::{BTreeMap, BTreeSet};

use super::json::{self, Node, Value};

/// The longest value that is compared, in characters: longer ones hardly repeat.
const LONGEST: usize = 80;
/// Share of the writes, in percent, from which a feature counts as theirs; what is left counts as not theirs.
const MOST_OF: usize = 90;
/// Facts about the failure, which an accepted write has from before: they say what was chosen, not what sets it apart.
const OF_FAILURE: [&str; 3] = ["status", "code", "message"];
/// The most findings of each kind.
const FINDINGS: usize = 100;

/// A write to compare.
#[derive(Debug, Clone)]
pub struct Specimen {
    /// Facts beside the body, by name: `status`, `code`.
    pub facts: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// A field, or a field with a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Feature {
    /// The path in the body without indexes, `record.email`, or the name of a fact.
    pub path: String,
    /// The value, as it stands in the body; `None` if the field itself is meant, whatever its value.
    pub value: Option<String>,
}

/// A feature that sets writes apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The feature.
    pub feature: Feature,
    /// Number of the writes that have it.
    pub here: usize,
    /// Number of the accepted ones that have it.
    pub there: usize,
}

/// What writes have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// Number of writes that were compared.
    pub here: usize,
    /// Number of accepted ones that they were compared with.
    pub there: usize,
    /// The values that all of them share.
    pub shared: Vec<Feature>,
    /// Features of most of them and of few accepted ones, or the other way round.
    pub apart: Vec<Apart>,
}

/// Compares writes with each other and with accepted ones.
pub fn common(these: &[Specimen], accepted: &[Specimen]) -> Common {
    let (here, there) = (counted(these), counted(accepted));
    let is_in_all = |(feature, count): &(&Feature, &usize)| feature.value.is_some() && **count == these.len();
    let shared = here.iter().filter(is_in_all).map(|(feature, _)| feature.clone()).take(FINDINGS).collect();
    let mut apart = Vec::new();
    if !these.is_empty() && !accepted.is_empty() {
        let of = |counts: &BTreeMap<Feature, usize>, feature| counts.get(feature).copied().unwrap_or(0);
        let is_most = |count: usize, all: usize| count * 100 >= all * MOST_OF;
        let is_few = |count: usize, all: usize| count * 100 <= all * (100 - MOST_OF);
        let features: BTreeSet<&Feature> = here.keys().chain(there.keys()).collect();
        for feature in features.into_iter().filter(|feature| !OF_FAILURE.contains(&feature.path.as_str())) {
            let (n, m) = (of(&here, feature), of(&there, feature));
            let theirs = is_most(n, these.len()) && is_few(m, accepted.len());
            let others = is_few(n, these.len()) && is_most(m, accepted.len());
            // A field that only one side has says all that its values could say.
            let is_said = feature.value.is_some()
                && apart
                    .last()
                    .is_some_and(|last: &Apart| last.feature.path == feature.path && last.feature.value.is_none());
            if (theirs || others) && !is_said && apart.len() < FINDINGS {
                apart.push(Apart { feature: feature.clone(), here: n, there: m });
            }
        }
    }
    Common { here: these.len(), there: accepted.len(), shared, apart }
}

/// Counts how many writes have each feature.
fn counted(writes: &[Specimen]) -> BTreeMap<Feature, usize> {
    let mut counts = BTreeMap::new();
    for write in writes {
        let mut features = BTreeSet::new();
        for (name, value) in &write.facts {
            features.insert(Feature { path: (*name).to_owned(), value: Some(value.clone()) });
        }
        if let Ok(node) = json::scan(&write.body) {
            collect(&node, String::new(), &mut features);
        }
        for feature in features {
            *counts.entry(feature).or_default() += 1;
        }
    }
    counts
}

fn collect(node: &Node<'_>, path: String, features: &mut BTreeSet<Feature>) {
    match &node.value {
        Value::Object(pairs) => {
            for (name, value) in pairs {
                let name = name.to_text();
                let path = if path.is_empty() { name.into_owned() } else { format!("{path}.{name}") };
                features.insert(Feature { path: path.clone(), value: None });
                collect(value, path, features);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, format!("{path}[]"), features);
            }
        }
        _ if node.raw.len() <= LONGEST => {
            features.insert(Feature { path, value: Some(node.raw_text().to_owned()) });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specimen(code: &'static str, body: &str) -> Specimen {
        Specimen { facts: vec![("code", code.to_owned())], body: body.as_bytes().to_vec() }
    }

    fn text(feature: &Feature) -> String {
        match &feature.value {
            Some(value) => format!("{}={value}", feature.path),
            None => feature.path.clone(),
        }
    }

    #[test]
    fn what_all_share_and_what_sets_them_apart() {
        let these = [
            specimen("SCHEMA", r#"{"record":{"email":"a@x","tier":"gold","country":"CH"},"matchKey":"email"}"#),
            specimen("SCHEMA", r#"{"record":{"email":"b@x","tier":"silver","country":"CH"},"matchKey":"email"}"#),
        ];
        let accepted = [
            specimen("SCHEMA", r#"{"record":{"email":"c@x","country":"CH","plan":1},"matchKey":"email"}"#),
            specimen("SCHEMA", r#"{"record":{"email":"d@x","country":"DE","plan":2},"matchKey":"email"}"#),
        ];
        let found = common(&these, &accepted);
        let shared: Vec<String> = found.shared.iter().map(text).collect();
        assert_eq!(shared, ["code=SCHEMA", "matchKey=\"email\"", "record.country=\"CH\""]);
        let apart: Vec<_> = found.apart.iter().map(|a| (text(&a.feature), a.here, a.there)).collect();
        assert_eq!(apart, [("record.plan".to_owned(), 0, 2), ("record.tier".to_owned(), 2, 0)]);
        assert_eq!((found.here, found.there), (2, 2));
    }

    #[test]
    fn values_set_apart_where_fields_do_not_and_nothing_is_found_in_nothing() {
        let these = [specimen("A", r#"{"records":[{"v":1},{"v":2}]}"#), specimen("A", r#"{"records":[{"v":1}]}"#)];
        let accepted = [specimen("A", r#"{"records":[{"v":3}]}"#)];
        let apart: Vec<_> = common(&these, &accepted).apart.iter().map(|a| text(&a.feature)).collect();
        assert_eq!(apart, ["records[].v=1", "records[].v=3"]);
        assert!(common(&these, &[]).apart.is_empty());
        assert_eq!(common(&[], &accepted).shared, []);
        assert_eq!(common(&[specimen("A", "no json")], &[]).shared.len(), 1);
    }
}
