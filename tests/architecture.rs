//! The direction of imports, and where SQL may stand.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate, and the parts that it may import. The order is that of ARCHITECTURE.md.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("query", &["domain"]),
    ("render", &["domain"]),
    ("config", &["domain"]),
    ("store", &["domain"]),
    ("sandbox", &["domain"]),
    ("capture", &["domain", "query", "store", "render", "config"]),
    ("replay", &["domain", "query", "store", "render", "config"]),
    ("repair", &["domain", "query", "store", "render", "config"]),
    ("tui", &["domain", "query", "store", "render", "config", "capture", "replay", "repair"]),
    ("cli", &["domain", "query", "store", "render", "config", "sandbox", "capture", "replay", "repair", "tui"]),
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

/// The parts that a file names after `crate::`.
fn imports(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for (part, allowed) in MAY_IMPORT {
        for file in sources(&root().join(part)) {
            for import in imports(&fs::read_to_string(&file).unwrap()) {
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

#[test]
fn files_are_short() {
    for file in sources(&root()) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 500, "{} has {lines} lines", file.display());
    }
}
