//! The parser: one pass over the text, which keeps the place of everything for the errors.

use std::time::Duration;

use super::error::{QueryError, did_you_mean};
use super::fields::{FIELDS, Kind, kind};
use crate::domain::failure_type::FailureType;
use crate::domain::filter::{BodyMatch, Ending, Filter, NumberField, Range, Term, Test, TextMatch};
use crate::domain::hazard::Hazard;
use crate::domain::outcome::Outcome;
use crate::domain::state::State;
use crate::domain::time::{parse_length, parse_span};

/// The most conditions of a query; SQLite itself would give up at some hundreds.
const MOST_TERMS: usize = 200;

/// Parses a query. `is_record_field` tells which bare names (`email:`) are fields of a record in the data.
pub fn parse(query: &str, is_record_field: &dyn Fn(&str) -> bool) -> Result<Filter, QueryError> {
    let mut parser = Parser { query, at: 0, is_record_field };
    let mut filter = Filter::default();
    loop {
        parser.skip_white();
        if parser.at == query.len() {
            return Ok(filter);
        }
        let start = parser.at;
        filter.terms.push(parser.term()?);
        if filter.terms.len() > MOST_TERMS {
            let message = format!("a query has at most {MOST_TERMS} conditions");
            return Err(parser.error(start, parser.at - start, message));
        }
    }
}

/// Returns the query without the terms that `is_out` takes out, otherwise as it was typed.
pub fn without(
    query: &str,
    is_record_field: &dyn Fn(&str) -> bool,
    is_out: impl Fn(&Term) -> bool,
) -> Result<String, QueryError> {
    let mut parser = Parser { query, at: 0, is_record_field };
    let mut kept = Vec::new();
    loop {
        parser.skip_white();
        let start = parser.at;
        if start == query.len() {
            return Ok(kept.join(" "));
        }
        if !is_out(&parser.term()?) {
            kept.push(&query[start..parser.at]);
        }
    }
}

struct Parser<'a> {
    query: &'a str,
    at: usize,
    is_record_field: &'a dyn Fn(&str) -> bool,
}

/// One of the values of a pair, with its place.
struct Item {
    operator: &'static str,
    text: String,
    quoted: bool,
    at: usize,
    len: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.query[self.at..]
    }

    fn skip_white(&mut self) {
        self.at = self.query.len() - self.rest().trim_start().len();
    }

    fn error(&self, at: usize, len: usize, message: impl Into<String>) -> QueryError {
        let end =
            (at + len..=self.query.len()).find(|&end| self.query.is_char_boundary(end)).unwrap_or(self.query.len());
        QueryError { query: self.query.to_owned(), at, len: end - at, message: message.into() }
    }

    fn term(&mut self) -> Result<Term, QueryError> {
        let negated =
            self.rest().starts_with('-') && self.rest().len() > 1 && !self.rest()[1..].starts_with(char::is_whitespace);
        if negated {
            self.at += 1;
        }
        if self.rest().starts_with('"') {
            let start = self.at;
            let text = self.quoted()?;
            if text.trim().is_empty() {
                return Err(self.error(start, self.at - start, "there is nothing between the quotes"));
            }
            return Ok(Term { negated, test: Test::Anywhere(text) });
        }
        let len = self.rest().find(|c: char| c == ':' || c.is_whitespace()).unwrap_or(self.rest().len());
        let name = self.rest()[..len].to_owned();
        let start = self.at;
        self.at += len;
        if !self.rest().starts_with(':') {
            if let Some(quote) = name.find('"') {
                return Err(self.error(
                    start + quote,
                    1,
                    "a quote in the middle of a word; put the whole text in quotes",
                ));
            }
            if ["or", "and", "not"].contains(&name.to_ascii_lowercase().as_str()) {
                let hint = "all conditions must hold: give one field several values (`type:schema,auth`), or put `-` before what \
                            must not hold (`-type:auth`); to search for the word, quote it";
                return Err(self.error(start, name.len(), format!("there is no `{name}` here; {hint}")));
            }
            if negated {
                // Far more often a mistyped option than a text that must not be there.
                let hint = format!(
                    "`-{name}` is neither an option nor a condition: an option is --{name}, a text that must not be there is \
                     -\"{name}\" (in a shell: '-\"{name}\"'), a condition that must not hold is -field:value"
                );
                return Err(self.error(start - 1, name.len() + 1, hint));
            }
            if name == "-" {
                return Err(self.error(start, 1, "a `-` alone says nothing; a text to search for is \"-\", in quotes"));
            }
            return Ok(Term { negated, test: Test::Anywhere(name) });
        }
        if name.starts_with(['(', '!']) {
            let hint = "conditions stand side by side and all must hold; `-` before one negates it";
            return Err(self.error(start, 1, format!("there is no `{}` here; {hint}", &name[..1])));
        }
        self.at += 1;
        let items = self.items(&name, start)?;
        Ok(Term { negated, test: self.test(&name, start, items)? })
    }

    /// Reads a text in double quotes; `\"` and `\\` stand for themselves.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest()[1..].char_indices();
        while let Some((n, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += n + 2;
                    return Ok(text);
                }
                '\\' => text.push(chars.next().map_or('\\', |(_, c)| c)),
                _ => text.push(c),
            }
        }
        Err(self.error(start, self.query.len() - start, "this quote is never closed"))
    }

    fn items(&mut self, name: &str, name_at: usize) -> Result<Vec<Item>, QueryError> {
        let mut items = Vec::new();
        loop {
            let start = self.at;
            let operator = [">=", "<=", ">", "<", "~"].into_iter().find(|o| self.rest().starts_with(o)).unwrap_or("");
            self.at += operator.len();
            let quoted = self.rest().starts_with('"');
            let text = if quoted {
                self.quoted()?
            } else {
                let len = self.rest().find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(self.rest().len());
                let text = self.rest()[..len].to_owned();
                self.at += len;
                text
            };
            if text.is_empty() && !quoted {
                let at = if items.is_empty() { name_at } else { start };
                let len = (self.at - at).max(1).min(self.query.len() - at);
                return Err(self.error(at, len, format!("`{name}:` needs a value")));
            }
            if operator == "~" && text.trim().is_empty() {
                return Err(self.error(start, self.at - start, format!("`{name}:~` needs a text that is contained")));
            }
            items.push(Item { operator, text, quoted, at: start, len: self.at - start });
            if !self.rest().starts_with(',') {
                if !self.rest().is_empty() && !self.rest().starts_with(char::is_whitespace) {
                    return Err(self.error(self.at, 1, "a space is missing here"));
                }
                return Ok(items);
            }
            self.at += 1;
        }
    }

    fn test(&self, name: &str, at: usize, items: Vec<Item>) -> Result<Test, QueryError> {
        if let Some(path) = name.strip_prefix("body.") {
            return self.body(path.split('.').map(str::to_owned).collect(), items, at, name.len());
        }
        let Some(kind) = kind(name) else {
            let root = name.split('.').next().unwrap_or(name);
            if (self.is_record_field)(root) {
                let path = std::iter::once("record").chain(name.split('.')).map(str::to_owned).collect();
                return self.body(path, items, at, name.len());
            }
            let meant = did_you_mean(name, FIELDS.iter().map(|(field, _)| *field).chain(["body.record."]));
            let is_time =
                ["failed_at", "captured_at", "first_attempt_at", "time", "since", "date", "last_seen"].contains(&name);
            let hint = if is_time {
                "; for times there are `age:` (`age:<2h`, `age:1d..7d`) and `failed:` (`failed:2026-01-31`)".to_owned()
            } else if meant.is_empty() {
                format!("; for a field of the record write `body.record.{name}:`, for a text with a colon use quotes")
            } else {
                meant
            };
            return Err(self.error(at, name.len().max(1), format!("there is no field `{name}`{hint}")));
        };
        match kind {
            Kind::Type => self
                .names(items, name, &FailureType::ALL.map(FailureType::name), |n| {
                    FailureType::parse(n).map(|t| vec![t])
                })
                .map(Test::Type),
            Kind::Hazard => {
                let all: Vec<&str> = Hazard::ALL.iter().map(|h| h.name()).collect();
                self.names(items, name, &all, |n| Hazard::parse(n).map(|h| vec![h])).map(Test::Hazard)
            }
            Kind::Outcome => {
                let all: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
                self.names(items, name, &all, |n| Ending::parse(n).map(|ending| vec![ending])).map(Test::Outcome)
            }
            Kind::State => {
                let names =
                    ["pending", "replaying", "unknown", "replayed", "resolved", "discarded", "open", "settled", "any"];
                self.names(items, name, &names, |n| match n {
                    "open" => Some(State::OPEN.to_vec()),
                    "settled" => Some(State::SETTLED.to_vec()),
                    "any" => Some(State::ALL.to_vec()),
                    _ => State::parse(n).map(|s| vec![s]),
                })
                .map(Test::State)
            }
            Kind::Age => Ok(Test::Age(items.iter().map(|item| self.age(item)).collect::<Result<_, _>>()?)),
            Kind::Time => Ok(Test::Number(
                NumberField::FailedAt,
                items.iter().map(|item| self.time(item)).collect::<Result<_, _>>()?,
            )),
            Kind::Number(field) => {
                Ok(Test::Number(field, items.iter().map(|item| self.range(name, item)).collect::<Result<_, _>>()?))
            }
            Kind::Text(field) => {
                Ok(Test::Text(field, items.into_iter().map(|item| self.text(name, item)).collect::<Result<_, _>>()?))
            }
        }
    }

    fn names<T>(
        &self,
        items: Vec<Item>,
        field: &str,
        all: &[&str],
        read: impl Fn(&str) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, QueryError> {
        let mut found = Vec::new();
        for item in items {
            if !item.operator.is_empty() {
                return Err(self.error(
                    item.at,
                    item.operator.len(),
                    format!("`{field}:` takes names, not `{}`", item.operator),
                ));
            }
            if let Some(values) = read(&item.text) {
                found.extend(values);
            } else {
                let meant = did_you_mean(&item.text, all.iter().copied());
                let message = format!("`{}` is not a {field}; use one of {}{meant}", item.text, all.join(", "));
                return Err(self.error(item.at, item.len, message));
            }
        }
        Ok(found)
    }

    fn age(&self, item: &Item) -> Result<(Duration, Option<Duration>), QueryError> {
        let wrong = || {
            let message = "an age is a length of time: `age:<2h`, `age:>30m`, `age:1d..7d` (units ms, s, m, h, d, w)";
            self.error(item.at, item.len, message)
        };
        if let Some((young, old)) = item.text.split_once("..") {
            return match (parse_length(young), parse_length(old)) {
                (Some(young), Some(old)) if item.operator.is_empty() => Ok((young, Some(old))),
                _ => Err(wrong()),
            };
        }
        let length = parse_length(&item.text).ok_or_else(wrong)?;
        match item.operator {
            "<" | "<=" | "" => Ok((Duration::ZERO, Some(length))),
            ">" | ">=" => Ok((length, None)),
            _ => Err(wrong()),
        }
    }

    fn time(&self, item: &Item) -> Result<Range, QueryError> {
        let wrong = || {
            let message = "a time is a day, an hour or a minute in UTC: `failed:2026-01-31`, `failed:>=2026-01-31T09`, \
                           `failed:2026-01-31T09..2026-01-31T17:30` (both ends are included)";
            self.error(item.at, item.len, message)
        };
        let span = |text: &str| {
            let (first, last) = parse_span(text).ok_or_else(wrong)?;
            Ok((first.millis(), last.millis()))
        };
        if let Some((from, to)) = item.text.split_once("..").filter(|_| item.operator.is_empty()) {
            return Ok(Range { min: Some(span(from)?.0), max: Some(span(to)?.1) });
        }
        let (first, last) = span(&item.text)?;
        Ok(match item.operator {
            "" => Range { min: Some(first), max: Some(last) },
            ">" => Range { min: Some(last + 1), max: None },
            ">=" => Range { min: Some(first), max: None },
            "<" => Range { min: None, max: Some(first - 1) },
            "<=" => Range { min: None, max: Some(last) },
            _ => return Err(wrong()),
        })
    }

    fn range(&self, field: &str, item: &Item) -> Result<Range, QueryError> {
        let wrong = || {
            let message = format!("`{field}:` takes whole numbers: `{field}:5`, `{field}:>=5`, `{field}:1..9`");
            self.error(item.at, item.len, message)
        };
        let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
        if let Some((low, high)) = item.text.split_once("..").filter(|_| item.operator.is_empty()) {
            return Ok(Range { min: Some(number(low)?), max: Some(number(high)?) });
        }
        let n = number(&item.text)?;
        Ok(match item.operator {
            "" => Range { min: Some(n), max: Some(n) },
            ">" => Range { min: Some(n.saturating_add(1)), max: None },
            ">=" => Range { min: Some(n), max: None },
            "<" => Range { min: None, max: Some(n.saturating_sub(1)) },
            "<=" => Range { min: None, max: Some(n) },
            _ => return Err(wrong()),
        })
    }

    fn text(&self, name: &str, item: Item) -> Result<TextMatch, QueryError> {
        match item.operator {
            "" => Ok(TextMatch::Is(item.text)),
            "~" => Ok(TextMatch::Contains(item.text)),
            operator => {
                let message =
                    format!("`{name}:` is a text, which `{operator}` can't compare; use `~` for a part of it");
                Err(self.error(item.at, operator.len(), message))
            }
        }
    }

    fn body(&self, path: Vec<String>, items: Vec<Item>, at: usize, len: usize) -> Result<Test, QueryError> {
        if path.iter().any(String::is_empty) {
            return Err(self.error(at, len, "a name is missing between the dots of the path"));
        }
        let mut tests = Vec::new();
        for item in items {
            let number = |text: &str| {
                text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| {
                    self.error(
                        item.at,
                        item.len,
                        "only numbers can be compared inside a body; use `~` for a part of a text",
                    )
                })
            };
            let range = item.text.split_once("..").filter(|_| !item.quoted && item.operator.is_empty());
            tests.push(match (item.operator, range) {
                ("", Some((low, high))) if low.parse::<f64>().is_ok() => {
                    BodyMatch::Between(Some((number(low)?, true)), Some((number(high)?, true)))
                }
                ("~", _) => BodyMatch::Contains(item.text),
                (">", _) => BodyMatch::Between(Some((number(&item.text)?, false)), None),
                (">=", _) => BodyMatch::Between(Some((number(&item.text)?, true)), None),
                ("<", _) => BodyMatch::Between(None, Some((number(&item.text)?, false))),
                ("<=", _) => BodyMatch::Between(None, Some((number(&item.text)?, true))),
                _ => BodyMatch::Is(item.text),
            });
        }
        Ok(Test::Body(path, tests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::filter::NumberField;

    fn known(name: &str) -> bool {
        name == "email"
    }

    fn terms(query: &str) -> Vec<Term> {
        parse(query, &known).unwrap().terms
    }

    fn error(query: &str) -> String {
        parse(query, &known).unwrap_err().to_string()
    }

    #[test]
    fn a_query_is_read_into_its_conditions() {
        let terms = terms(
            r#"type:schema,auth status:>=500 -path:append "any \"text\"" email:~example.org body.record.points:10..20 word"#,
        );
        assert_eq!(terms[0].test, Test::Type(vec![FailureType::Schema, FailureType::Auth]));
        assert_eq!(terms[1].test, Test::Number(NumberField::Status, vec![Range { min: Some(500), max: None }]));
        assert!(terms[2].negated);
        assert_eq!(terms[3].test, Test::Anywhere("any \"text\"".to_owned()));
        assert_eq!(
            terms[4].test,
            Test::Body(
                vec!["record".to_owned(), "email".to_owned()],
                vec![BodyMatch::Contains("example.org".to_owned())]
            )
        );
        assert!(matches!(&terms[5].test, Test::Body(_, m) if matches!(m[0], BodyMatch::Between(..))));
        assert_eq!(terms[6].test, Test::Anywhere("word".to_owned()));
        assert_eq!(parse("", &known).unwrap(), Filter::default());
    }

    #[test]
    fn both_ends_of_a_span_of_time_are_included() {
        let range = |query| match terms(query).remove(0).test {
            Test::Number(NumberField::FailedAt, ranges) => (ranges[0].min, ranges[0].max),
            other => panic!("{other:?}"),
        };
        let day = 86_400_000;
        let hour = day / 24;
        assert_eq!(range("failed:1970-01-02"), (Some(day), Some(2 * day - 1)));
        assert_eq!(range("failed:1970-01-02T01..1970-01-03"), (Some(day + hour), Some(3 * day - 1)));
        assert_eq!(range("failed:>1970-01-02"), (Some(2 * day), None));
        assert_eq!(range("failed:>=1970-01-02T01:00"), (Some(day + hour), None));
        assert_eq!(range("failed:<1970-01-02"), (None, Some(day - 1)));
        assert_eq!(range("failed:<=1970-01-02"), (None, Some(2 * day - 1)));
    }

    #[test]
    fn terms_are_taken_out_and_the_rest_stays_as_it_was_typed() {
        let kept = |query| without(query, &known, |term| matches!(term.test, Test::Type(_)));
        assert_eq!(kept(r#"  a -type:auth  "type:x"   type:schema,auth email:~a"#).unwrap(), r#"a "type:x" email:~a"#);
        assert!(kept("type:shema").is_err());
    }

    #[test]
    fn errors_point_at_the_column_and_name_what_was_meant() {
        insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false}, {
            let queries = [
                "statte:pending", "type:shema", "status:many", "type:", "type:schema,", "\"open", "age:<2", "failed:today", "frobnicate:1",
                "id:~5", "object:>a", "東京:1", "body..x:1", "email:>a", "a\"b", "key:\"x\"y", "hazard:key-expird", "type:>schema",
                "type:auth or type:schema", "NOT status:503", "(type:auth", "!type:auth",
            ];
            let all: Vec<String> = queries.iter().map(|q| error(q)).collect();
            insta::assert_snapshot!("query_errors", all.join("\n\n"));
        });
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_query_or_an_error(query in "\\PC{0,40}") {
            if let Err(error) = parse(&query, &known) {
                let _ = error.to_string();
            }
        }

        #[test]
        fn any_mix_of_the_language_is_a_query_or_an_error(query in "[a-z:,\"~<>. \\-]{0,30}") {
            if let Err(error) = parse(&query, &known) {
                let _ = error.to_string();
            }
        }
    }
}
