//! Completion of the filter line: fields, then their values.

use crate::domain::failure_type::FailureType;
use crate::domain::filter::TextField;
use crate::domain::hazard::Hazard;
use crate::domain::outcome::Outcome;
use crate::domain::state::State;
use crate::query::{FIELDS, text_field};

/// A completion for the text at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Start of the text that it replaces, in bytes.
    pub start: usize,
    /// The text to insert.
    pub text: String,
    /// Short explanation, for the list.
    pub note: String,
}

/// Completions known at once, or values that have to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// All completions there are.
    Choices(Vec<Choice>),
    /// Values of a text field: their start in bytes, the field, and the text that they contain.
    Values(usize, TextField, String),
    /// The same for values at a path in the bodies.
    BodyValues(usize, Vec<String>, String),
}

/// Returns the completions at the cursor, in bytes. `fields` are the names of the record fields seen so far.
pub fn complete(text: &str, cursor: usize, fields: &[String]) -> Completion {
    let before = &text[..cursor];
    let mut start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    if before[start..].starts_with('-') {
        start += 1;
    }
    let word = &before[start..];
    let Some((name, value)) = word.split_once(':') else {
        return Completion::Choices(names(word, start, fields));
    };
    // A comma starts the next value; an operator before it stays.
    let value_start = value.rfind(',').map_or(0, |at| at + 1);
    let typed = value[value_start..].trim_start_matches(['~', '"']);
    let at = cursor - typed.len();
    let of = |names: Vec<&str>| {
        let begins = names.iter().any(|n| n.starts_with(typed));
        let fitting = names.into_iter().filter(|n| if begins { n.starts_with(typed) } else { n.contains(typed) });
        Completion::Choices(fitting.map(|n| Choice { start: at, text: n.to_owned(), note: String::new() }).collect())
    };
    match name {
        "type" => of(FailureType::ALL.iter().map(|t| t.name()).collect()),
        "state" => of(State::ALL.iter().map(|s| s.name()).chain(["open", "settled", "any"]).collect()),
        "outcome" => of(Outcome::ALL.iter().map(|o| o.name()).collect()),
        "hazard" => of(Hazard::ALL.iter().map(|h| h.name()).collect()),
        _ => match (text_field(name), name.strip_prefix("body.")) {
            (Some(field), _) => Completion::Values(at, field, typed.to_owned()),
            (None, Some(path)) => {
                let path = path.split('.').map(str::to_owned).collect();
                Completion::BodyValues(at, path, typed.to_owned())
            }
            (None, None) if fields.iter().any(|f| f == name) => {
                Completion::BodyValues(at, vec!["record".to_owned(), name.to_owned()], typed.to_owned())
            }
            (None, None) => Completion::Choices(Vec::new()),
        },
    }
}

fn names(word: &str, start: usize, fields: &[String]) -> Vec<Choice> {
    let known = FIELDS.iter().map(|(name, example)| (*name, format!("as in {example}")));
    let seen = fields.iter().map(|name| (name.as_str(), "a field of the records".to_owned()));
    let mut found: Vec<(&str, String)> = known.chain(seen).filter(|(name, _)| name.contains(word)).collect();
    found.sort_by_key(|(name, _)| !name.starts_with(word));
    found.into_iter().map(|(name, note)| Choice { start, text: format!("{name}:"), note }).collect()
}

/// Returns values as completions, quoted where needed.
pub fn choices(start: usize, values: Vec<String>) -> Vec<Choice> {
    let quoted = |value: String| {
        let plain = value.chars().all(|c| c.is_alphanumeric() || "_-./@+".contains(c));
        if plain { value } else { format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")) }
    };
    values.into_iter().map(|value| Choice { start, text: quoted(value), note: String::new() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(completion: Completion) -> Vec<String> {
        let Completion::Choices(choices) = completion else { panic!("{completion:?}") };
        choices.into_iter().map(|choice| choice.text).collect()
    }

    #[test]
    fn fields_and_values_are_offered_where_they_can_stand() {
        let fields = ["email".to_owned(), "points".to_owned()];
        let at_end = |text: &str| complete(text, text.len(), &fields);
        assert_eq!(texts(at_end("ob")), ["object:"]);
        assert_eq!(texts(at_end("type:schema -em")), ["email:", "attempts:"], "those that begin so come first");
        assert_eq!(texts(at_end("type:schema,ba")), ["bad_data"]);
        assert_eq!(texts(at_end("state:re")), ["replaying", "replayed", "resolved"]);
        assert_eq!(at_end("object:or"), Completion::Values(7, TextField::Object, "or".into()));
        let record = |part: &str| Completion::BodyValues(7, vec!["record".into(), "email".into()], part.into());
        assert_eq!(at_end("email:~ana"), record("ana"));
        assert_eq!(texts(at_end("nonsense:x")), Vec::<String>::new());
        assert_eq!(at_end("").clone(), complete("", 0, &fields));
        assert_eq!(choices(3, vec!["a b\"c".into(), "ok".into()])[0].text, "\"a b\\\"c\"");
    }
}
