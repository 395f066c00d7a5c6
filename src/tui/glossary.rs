//! Words of the trade, each with its sentence: for the help and for `docs/glossary.md`.

/// The words, in the order of the alphabet.
pub const WORDS: [(&str, &str); 22] = [
    ("accepted", "The API has the write: a complete 2xx that nothing in its body contradicts."),
    (
        "ambiguous",
        "The API may have applied the write although it never said so: a 5xx, no answer, an answer that broke off.",
    ),
    ("attempt", "One HTTP request. Attempt 0 is the failure as it was captured."),
    ("canary", "The first write of a group in a replay, sent alone; if it fails, the rest of its group is not sent."),
    ("correlation ID", "The API's own number of an answer; its support asks for it."),
    ("fingerprint", "What makes failures one group: target, object, type, code and the message without its values."),
    ("group", "Writes that failed for the same cause."),
    ("hazard", "A reason to look twice before a write is sent again. Most refuse until they are overridden by name."),
    ("held", "Not sent in a run, because an older write of the same record did not go through."),
    ("idempotency key", "The name of a write, by which the API applies it once however often it comes."),
    (
        "key window",
        "The time for which the API remembers a key: 24 h unless the config says otherwise. After it a second sending may apply a write twice.",
    ),
    ("lane", "All writes to the same record; they are sent in the order in which they failed."),
    (
        "parked",
        "A group that someone has taken out of the list until a time, or until it grows. Its writes stay as they are.",
    ),
    (
        "plan",
        "The writes that a replay will send, frozen as they were shown. A write that changes after that is skipped.",
    ),
    ("refused", "By the API: it surely did not apply the write. In a plan: a hazard keeps the write from being sent."),
    ("replay", "To send failed writes again, under their original keys and with their original bytes."),
    ("run", "One replay, from its plan to its report."),
    ("settled", "Replayed, resolved or discarded: nothing is left to do."),
    ("superseded", "A newer write to the same record is in, so this one would bring old values back."),
    ("unknown", "Sent, and nobody knows whether the API has it. Look there, or replay inside the key window."),
    ("unsent", "In the plan of a run that stopped before its turn."),
    ("write", "One event that a service wanted the API to store. A failed one is kept here until somebody settles it."),
];

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn the_page_of_words_is_the_table() {
        let mut page =
            "# Glossary\n\nThe words of `?`, made from `src/tui/glossary.rs`; a test holds the two together.\n\n\
                        | word | meaning |\n|---|---|\n"
                .to_owned();
        for (word, sentence) in WORDS {
            let _ = writeln!(page, "| {word} | {sentence} |");
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/glossary.md");
        if std::env::var_os("DLQ_WRITE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == page, "docs/glossary.md is not what the table says: DLQ_WRITE_DOCS=1 cargo test writes it");
        assert!(WORDS.is_sorted());
    }
}
