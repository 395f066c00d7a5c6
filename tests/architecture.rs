//! The direction of imports, where SQL may appear, and other rules of the architecture.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate, and the parts that it may import, in the order of ARCHITECTURE.md.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("query", &["domain"]),
    ("render", &["domain"]),
    ("jq", &["domain"]),
    ("config", &["domain", "jq"]),
    ("store", &["domain"]),
    ("sandbox", &["domain"]),
    ("capture", &["domain", "jq", "query", "store", "render", "config"]),
    ("replay", &["domain", "query", "store", "render", "config"]),
    ("repair", &["domain", "jq", "query", "store", "render", "config"]),
    ("queue", &["domain", "query", "store", "render", "config", "capture", "replay"]),
    ("tui", &["domain", "query", "store", "render", "config", "capture", "replay", "repair"]),
    ("cli", &["domain", "jq", "query", "store", "render", "config", "sandbox", "capture", "replay", "repair", "tui"]),
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the parts that a file names after `crate::`, and those that it reaches by going up with
/// `super::`.
fn imports(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let below = file.strip_prefix(root()).unwrap();
    // `src/tui/app.rs` is two modules deep, `src/tui/mod.rs` one.
    let depth = below.components().count() - usize::from(below.ends_with("mod.rs"));
    let first = |rest: &str| -> String { rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| {
            let named = line.split("crate::").skip(1).map(first);
            let up: String = "super::".repeat(depth);
            let climbed = line.split(up.as_str()).skip(1).map(|rest| first(rest.trim_start_matches("super::")));
            named.chain(climbed).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (part, allowed) in MAY_IMPORT {
        for file in sources(&root().join(part)) {
            for import in imports(&file) {
                if import != *part && !allowed.contains(&import.as_str()) {
                    wrong.push(format!("{} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_part_has_its_place_in_the_order() {
    let mut parts: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    parts.sort();
    let mut known: Vec<&str> = MAY_IMPORT.iter().map(|(part, _)| *part).collect();
    known.sort_unstable();
    assert_eq!(parts, known);
}

#[test]
fn sql_stands_in_the_store_only() {
    for file in sources(&root()) {
        if file.starts_with(root().join("store/sqlite")) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("rusqlite"), "{} knows SQLite", file.display());
    }
}

/// Returns the modules of its part that a module imports by name, except itself.
fn imported_modules(module: &str, modules: &BTreeMap<String, PathBuf>) -> BTreeSet<String> {
    let text = fs::read_to_string(&modules[module]).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let here: Vec<&str> = module.split("::").collect();
    let mut found = BTreeSet::new();
    for statement in text.split("\nuse ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default().replace(['\n', ' '], "");
        let (prefix, names) = statement.split_once('{').unwrap_or((&statement, ""));
        for name in names.trim_end_matches('}').split(',') {
            let whole = format!("{prefix}{name}");
            let mut parts: Vec<&str> = whole.split("::").collect();
            let climbs = parts.iter().take_while(|part| **part == "super").count();
            let path = match parts.first() {
                Some(&"crate") => parts.split_off(1),
                _ if climbs > 0 => {
                    let mut path = here[..here.len() - climbs].to_vec();
                    path.extend(&parts[climbs..]);
                    path
                }
                _ => continue,
            };
            let longest = (1..=path.len()).rev().map(|n| path[..n].join("::")).find(|path| modules.contains_key(path));
            // An import from a folder's own `mod.rs` by one of its files does not count.
            found.extend(longest.filter(|other| other != module && !module.starts_with(&format!("{other}::"))));
        }
    }
    found
}

/// Two files that need each other are one idea in two places.
#[test]
fn no_two_files_need_each_other() {
    let parts = [
        "domain", "query", "store", "render", "config", "sandbox", "capture", "replay", "repair", "queue", "tui", "cli",
    ];
    let mut found = 0;
    for part in parts {
        let modules: BTreeMap<String, PathBuf> = sources(&root().join(part))
            .into_iter()
            .map(|file| {
                let path = file.strip_prefix(root()).unwrap().with_extension("");
                let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
                (names.join("::").trim_end_matches("::mod").to_owned(), file)
            })
            .collect();
        let needs: BTreeMap<&str, BTreeSet<String>> =
            modules.keys().map(|module| (module.as_str(), imported_modules(module, &modules))).collect();
        for start in needs.keys() {
            let (mut left, mut seen) = (vec![(*start).to_owned()], BTreeSet::new());
            while let Some(module) = left.pop() {
                for next in &needs[module.as_str()] {
                    assert_ne!(next, start, "{start} needs itself, by way of {module}");
                    if seen.insert(next.clone()) {
                        left.push(next.clone());
                    }
                }
            }
        }
        found += needs.values().map(BTreeSet::len).sum::<usize>();
    }
    assert!(found > 200, "only {found} imports were found: they are read wrongly");
}

/// The public interface is small, and defined in one place. Two types with the same name would be
/// one word for two things.
#[test]
fn the_public_face_is_named_in_one_place() {
    let root_file = fs::read_to_string(root().join("lib.rs")).unwrap();
    let open: Vec<&str> = root_file.lines().filter(|line| line.starts_with("pub mod ")).collect();
    assert_eq!(open, ["pub mod sandbox;"], "all other modules are the crate's own");
    let mut types: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in sources(&root()) {
        for line in fs::read_to_string(&file).unwrap().lines() {
            let kind =
                ["pub struct ", "pub enum ", "pub trait ", "pub type "].iter().find_map(|kind| line.strip_prefix(kind));
            let Some(rest) = kind else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            if let Some(other) = types.insert(name.clone(), file.clone()) {
                panic!("{name} is a type in {} and in {}", other.display(), file.display());
            }
        }
    }
    assert!(types.len() > 150, "only {} types were found", types.len());
}

/// The store's interface depends on no database, so that another one can be used beside the file.
#[test]
fn the_face_of_the_store_knows_no_database() {
    let mut faces = 0;
    for entry in fs::read_dir(root().join("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("mod.rs") {
            continue;
        }
        faces += 1;
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        for word in ["sqlite", "postgres", "select ", "connection", "pragma"] {
            assert!(!text.contains(word), "{} has {word}", path.display());
        }
        let callers_clock =
            text.lines().any(|line| line.trim_start().starts_with("fn ") && line.contains("now: timestamp"));
        assert!(!callers_clock, "{} takes the time from its caller", path.display());
    }
    assert!(faces > 10, "only {faces} files");
}

/// The store reads the machine's clock in one place, where another clock may stand in for it.
#[test]
fn the_store_reads_the_clock_in_one_place() {
    let reads = |file: &PathBuf| fs::read_to_string(file).unwrap().contains("Timestamp::now");
    let found: Vec<PathBuf> = sources(&root().join("store")).into_iter().filter(reads).collect();
    assert_eq!(found, [root().join("store/sqlite/times.rs")]);
}

/// A rule is a function of its arguments: facts and a time in, a decision and changes out.
#[test]
fn rules_have_no_clock_no_io_and_no_database() {
    const FORBIDDEN: [&str; 8] =
        ["Timestamp::now", "SystemTime", "Instant", "std::fs", "std::env", "Connection", "SELECT ", "fastrand"];
    for file in sources(&root().join("domain/rules")) {
        if file.components().any(|part| part.as_os_str() == "model") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{} has {word}", file.display());
        }
    }
}

/// `claim` is the rule that a reader has to trust, so it stays readable on one page.
#[test]
fn the_rule_of_a_claim_fits_on_one_page() {
    let text = fs::read_to_string(root().join("domain/rules/claim.rs")).unwrap();
    let begins = text.lines().position(|line| line.starts_with("pub fn may_send(")).unwrap();
    let length = text.lines().skip(begins).position(|line| line == "}").unwrap() + 1;
    assert!(length <= 75, "may_send has {length} lines");
}

/// The store's interface uses domain types only: another backend needs nothing of SQLite.
#[test]
fn the_store_face_has_no_word_of_sqlite() {
    for name in ["mod.rs", "files.rs"] {
        let text = fs::read_to_string(root().join("store").join(name)).unwrap();
        assert!(!text.contains("rusqlite"), "store/{name}");
    }
}

/// Facts become sentences in `render/` only: nothing else takes a sentence apart.
#[test]
fn nothing_parses_a_sentence() {
    const SENTENCES: [&str; 4] = ["contains(\"canary", "maybe-cached until", "(rest of run", "contains(\"stopped"];
    for file in sources(&root()) {
        if file.starts_with(root().join("render")) || file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for sentence in SENTENCES {
            assert!(!text.contains(sentence), "{} looks for {sentence:?}", file.display());
        }
    }
}

#[test]
fn files_are_short() {
    for file in sources(&root()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
    }
}
