//! The process's arguments, before clap sees them: conditions that begin with a hyphen are not
//! options.

use clap::CommandFactory as _;

use super::args::Cli;
use super::values::NEGATED;

/// Returns the process's arguments, with a mark on conditions that begin with a hyphen, such as
/// `-path:append` and `-"some text"`; clap, if told to let hyphens through, would swallow every
/// option after them. A word that only looks like a condition (`-all`) is refused where the query
/// is read. The argument after an option that takes a value is left alone, and so are clusters of
/// the known short options.
pub(super) fn arguments() -> impl Iterator<Item = std::ffi::OsString> {
    let taking = options_with_values();
    let mut alone = true;
    std::env::args_os().map(move |argument| {
        let Some(text) = argument.to_str() else { return argument };
        let negated = !alone
            && text.strip_prefix('-').is_some_and(|rest| {
                let first = rest.chars().next();
                first.is_some_and(|c| c == '"' || c.is_alphabetic()) && !rest.chars().all(|c| "qvhVy".contains(c))
            });
        // After `--` everything is a query.
        alone = text == "--" || taking.iter().any(|option| option == text);
        if negated { format!("{NEGATED}{text}").into() } else { argument }
    })
}

/// Returns the long options of all commands that take a value as the next argument.
fn options_with_values() -> Vec<String> {
    fn collect(command: &clap::Command, found: &mut Vec<String>) {
        for argument in command.get_arguments().filter(|a| a.get_action().takes_values()) {
            found.extend(argument.get_long().map(|long| format!("--{long}")));
        }
        command.get_subcommands().for_each(|sub| collect(sub, found));
    }
    let mut found = Vec::new();
    collect(&Cli::command(), &mut found);
    found
}
