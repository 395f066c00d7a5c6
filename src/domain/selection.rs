//! Selections: what a run was asked to send, as facts and as typed.

use serde_json::{Value, json};

use super::failure_type::FailureType;
use super::ids::RunId;

/// The writes that a run was asked to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The query's words, joined by spaces; empty for none.
    pub words: String,
    /// `--type`.
    pub failure_type: Option<FailureType>,
    /// All values of `--id`.
    pub ids: Vec<i64>,
    /// `--all`.
    pub all: bool,
    /// `--target`.
    pub target: Option<String>,
    /// `--limit`.
    pub limit: Option<usize>,
    /// `--continue`: the rest of this run's plan. The other fields are what that run was asked to send.
    pub continues: Option<RunId>,
}

impl Selection {
    /// Selects by a query's words, or everything if there are none.
    pub fn of_words(words: &str) -> Self {
        Self { words: words.to_owned(), all: words.trim().is_empty(), ..Self::default() }
    }

    /// Returns the whole query: words, type and IDs together.
    pub fn query(&self) -> String {
        let mut query = self.words.clone();
        let mut add = |term: String| {
            if !query.is_empty() {
                query.push(' ');
            }
            query.push_str(&term);
        };
        if let Some(failure_type) = self.failure_type {
            add(format!("type:{failure_type}"));
        }
        if !self.ids.is_empty() {
            let ids: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
            add(format!("id:{}", ids.join(",")));
        }
        query
    }

    /// Returns what to type after `dlq replay`, quoted for a shell where needed.
    pub fn as_typed(&self) -> String {
        let mut typed = Vec::new();
        if let Some(run) = self.continues {
            typed.push(format!("--continue {run}"));
        } else {
            typed.extend(self.target.as_ref().map(|target| format!("--target {}", quoted(target))));
            let query = self.query();
            if self.all || query.is_empty() {
                typed.push("--all".to_owned());
            }
            if !query.is_empty() {
                typed.push(quoted(&query));
            }
        }
        typed.extend(self.limit.map(|limit| format!("--limit {limit}")));
        typed.join(" ")
    }

    /// Formats it as the file keeps it.
    pub fn to_json(&self) -> String {
        json!({
            "words": self.words, "type": self.failure_type.map(FailureType::name), "ids": self.ids, "all": self.all,
            "target": self.target, "limit": self.limit, "continues": self.continues,
        })
        .to_string()
    }

    /// Reads it back from the file; `None` if the text is not a selection.
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            words: value["words"].as_str()?.to_owned(),
            failure_type: value["type"].as_str().and_then(FailureType::parse),
            ids: value["ids"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect(),
            all: value["all"].as_bool().unwrap_or(false),
            target: value["target"].as_str().map(str::to_owned),
            limit: value["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()),
            continues: value["continues"].as_i64().map(RunId),
        })
    }
}

/// Returns a text as a shell takes it: plain words as they are, anything else in single quotes.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _:.,/@%+=-".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_for_all_is_not_everything() {
        let everything = Selection { all: true, ..Selection::default() };
        assert_eq!(everything.as_typed(), "--all");
        assert_eq!(Selection::of_words("all").as_typed(), "all");
        assert_eq!(Selection::of_words("").as_typed(), "--all");
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        for (words, typed) in [
            ("type:schema -path:append", "type:schema -path:append"),
            ("status:>=500", "'status:>=500'"),
            (r#"message:"it's gone""#, r#"'message:"it'\''s gone"'"#),
            ("~x", "'~x'"),
        ] {
            assert_eq!(Selection::of_words(words).as_typed(), typed);
        }
        let whole = Selection {
            words: "-code:X".to_owned(),
            failure_type: Some(FailureType::Schema),
            ids: vec![1, 2],
            all: true,
            target: Some("crm".to_owned()),
            limit: Some(5),
            continues: None,
        };
        assert_eq!(whole.as_typed(), "--target crm --all -code:X type:schema id:1,2 --limit 5");
        assert_eq!(Selection::read(&whole.to_json()), Some(whole.clone()));
        let rest = Selection { continues: Some(RunId(7)), limit: None, ..whole };
        assert_eq!(rest.as_typed(), "--continue 7");
        assert_eq!(Selection::read(&rest.to_json()), Some(rest));
    }
}
