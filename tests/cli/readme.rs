//! The README, executed: every `console` block, in order, in one place, against a simulated API. `…` stands for any
//! text within a line.

use std::process::Command;

use dlq::sandbox::Settings;

use crate::world::{World, binary};

#[test]
fn the_readme_is_true() {
    let world = World::with_api(Settings::default());
    world.api().world().add_field("profiles", "loyalty_tier");
    let readme = include_str!("../../README.md");
    let steps = steps(readme);
    assert!(steps.len() >= 10, "the README shows {} commands", steps.len());
    let path =
        format!("{}:{}", std::path::Path::new(binary()).parent().unwrap().display(), std::env::var("PATH").unwrap());
    for (command, want) in steps {
        let output = Command::new("bash")
            .args(["-c", &format!("{command} 2>&1")])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", &path)
            .env("HOME", world.directory.path())
            .env("XDG_CONFIG_HOME", world.path("config"))
            .env("DLQ_DB", world.db())
            .env("USER", "tester")
            .env_remove("NO_COLOR")
            .envs(world.env.iter().cloned())
            .output()
            .unwrap();
        let got = String::from_utf8_lossy(&output.stdout).into_owned();
        let same = got.lines().count() == want.len() && got.lines().zip(&want).all(|(g, w)| fits(g.trim_end(), w));
        assert!(same, "$ {command}\n--- the README says\n{}\n--- it printed\n{got}", want.join("\n"));
    }
}

/// The commands of the `console` blocks with the lines that they print.
fn steps(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match line.strip_prefix("$ ") {
                Some(command) => steps.push((command.to_owned(), Vec::new())),
                None => steps.last_mut().unwrap().1.push(line.trim_end().to_owned()),
            }
        }
    }
    steps
}

/// Whether a line is what was announced; `…` is any text.
fn fits(line: &str, want: &str) -> bool {
    let mut parts = want.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

#[test]
fn every_command_is_in_the_readme() {
    let readme = include_str!("../../README.md");
    let help = World::new().ok(&["-h"]);
    let commands = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    for command in commands {
        let name = command.split_whitespace().next().unwrap();
        assert!(readme.contains(&format!("`dlq {name}")), "the README does not mention `dlq {name}`");
    }
}
