//! Filters as SQL: every value becomes a bound parameter, never text.

use rusqlite::types::Value as SqlValue;

use super::functions::{PATH_SEPARATOR, end_text};
use crate::domain::filter::{BodyMatch, Ending, Filter, NumberField, Range, Term, Test, TextField, TextMatch};
use crate::domain::identity::key_range;
use crate::domain::time::Timestamp;

/// Returns `true` if a range holds a single number.
fn is_one(range: &Range) -> bool {
    range.min.is_some() && range.min == range.max
}

/// A `WHERE` clause over `writes w` joined with `targets t`, and its parameters in order. Hazards
/// are not part of it: they are determined write by write.
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) params: Vec<SqlValue>,
    /// The runs whose outcomes count, in ranges; empty for the last run of each write.
    runs: Vec<Range>,
}

impl Where {
    pub(super) fn new(filter: &Filter, now: Timestamp) -> Self {
        let mut clause = Self { sql: "1".to_owned(), params: Vec::new(), runs: filter.runs().collect() };
        for term in &filter.terms {
            clause.term(term, now);
        }
        clause
    }

    /// Adds a condition of the caller's own.
    pub(super) fn and(&mut self, sql: &str, params: impl IntoIterator<Item = SqlValue>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.params.extend(params);
    }

    fn term(&mut self, term: &Term, now: Timestamp) {
        if matches!(term.test, Test::Hazard(_)) {
            return;
        }
        // NULL counts as no match: `-source:crm` includes writes without a source.
        self.sql.push_str(if term.negated { " AND NOT coalesce((" } else { " AND (" });
        let start = self.sql.len();
        match &term.test {
            Test::Type(types) => self.any(types, |s, t| s.compare("w.failure_type = ?", [t.name().to_owned()])),
            Test::State(states) => self.any(states, |s, t| s.compare("w.state = ?", [t.name().to_owned()])),
            Test::Hazard(_) => {}
            Test::Outcome(endings) => self.outcomes(endings),
            Test::Number(NumberField::Id, ranges) if ranges.len() > 1 && ranges.iter().all(is_one) => {
                let ids: Vec<i64> = ranges.iter().filter_map(|range| range.min).collect();
                self.compare("w.id IN (SELECT value FROM json_each(?))", [format!("{ids:?}")]);
            }
            Test::Number(field, ranges) => self.any(ranges, |s, range| s.number(*field, *range)),
            Test::Age(ranges) => self.any(ranges, |s, (youngest, oldest)| {
                let to = now.minus(*youngest).millis();
                let from = oldest.map_or(0, |oldest| now.minus(oldest).millis());
                s.compare("coalesce(w.failed_at, w.captured_at) BETWEEN ? AND ?", [from, to]);
            }),
            Test::Text(field, matches) => self.any(matches, |s, m| s.text(*field, m)),
            Test::Body(path, matches) => {
                let path = path.join(&PATH_SEPARATOR.to_string());
                self.any(matches, |s, m| s.body(&path, m));
            }
            Test::Anywhere(text) => self.compare(
                "text_contains(w.error_message, ?) OR body_contains((SELECT r.body FROM revisions r \
                 WHERE r.write_id = w.id AND r.revision = w.revision), ?) \
                 OR w.attempts > 0 AND (EXISTS (SELECT 1 FROM attempts a \
                   WHERE a.write_id = w.id AND text_contains(a.error_message, ?)) \
                   OR EXISTS (SELECT 1 FROM answers s JOIN answer_bodies b ON b.id = s.body_id \
                   WHERE s.write_id = w.id AND body_contains(b.kept, ?))) \
                 OR EXISTS (SELECT 1 FROM captured_failures f WHERE f.write_id = w.id \
                   AND text_contains(f.error_message, ?))",
                [text.clone(), text.clone(), text.clone(), text.clone(), text.clone()],
            ),
        }
        if self.sql.len() == start {
            self.sql.push('0');
        }
        self.sql.push_str(if term.negated { "), 0)" } else { ")" });
    }

    fn any<T>(&mut self, values: &[T], mut one: impl FnMut(&mut Self, &T)) {
        self.any_of(values, &mut one);
    }

    /// Joins alternatives in halves, since SQLite limits the depth of an expression.
    fn any_of<T>(&mut self, values: &[T], one: &mut impl FnMut(&mut Self, &T)) {
        match values {
            [] => {}
            [value] => one(self, value),
            _ => {
                let (left, right) = values.split_at(values.len() / 2);
                self.sql.push('(');
                self.any_of(left, one);
                self.sql.push_str(") OR (");
                self.any_of(right, one);
                self.sql.push(')');
            }
        }
    }

    fn compare<V: Into<SqlValue>>(&mut self, sql: &str, params: impl IntoIterator<Item = V>) {
        self.sql.push_str(sql);
        self.params.extend(params.into_iter().map(Into::into));
    }

    /// Tests the outcomes in runs: of most runs few writes failed, so those are looked up by the run.
    fn outcomes(&mut self, endings: &[Ending]) {
        let names: Vec<String> = endings.iter().map(ToString::to_string).collect();
        let names = serde_json::to_string(&names).unwrap_or_default();
        let is_one_of = "EXISTS (SELECT 1 FROM json_each(?) e WHERE e.value = coalesce(i.outcome, 'unsent')
             OR e.value = coalesce(i.outcome, 'unsent') || '/' || i.reason)";
        if self.runs.is_empty() {
            return self.compare(
                &format!(
                    "EXISTS (SELECT 1 FROM run_items i WHERE i.write_id = w.id AND {is_one_of}
                     AND i.run_id = (SELECT max(run_id) FROM run_items WHERE write_id = w.id))"
                ),
                [names],
            );
        }
        let runs = std::mem::take(&mut self.runs);
        self.any(&runs, |s, range| {
            let sql =
                format!("w.id IN (SELECT i.write_id FROM run_items i WHERE i.run_id BETWEEN ? AND ? AND {is_one_of})");
            s.compare(&sql, [range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX)]);
            s.params.push(names.clone().into());
        });
        self.runs = runs;
    }

    fn number(&mut self, field: NumberField, Range { min, max }: Range) {
        let ends = [min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX)];
        let sql = match field {
            NumberField::Id => "w.id BETWEEN ? AND ?",
            NumberField::Status => "w.status BETWEEN ? AND ?",
            NumberField::Group => "w.group_id BETWEEN ? AND ?",
            NumberField::Run => {
                "EXISTS (SELECT 1 FROM run_items i WHERE i.write_id = w.id AND i.run_id BETWEEN ? AND ?)"
            }
            NumberField::FailedAt => "coalesce(w.failed_at, w.captured_at) BETWEEN ? AND ?",
            NumberField::Occurrences => "w.occurrences BETWEEN ? AND ?",
            NumberField::Attempts => "w.attempts BETWEEN ? AND ?",
            NumberField::Parent => "w.parent_id BETWEEN ? AND ?",
            NumberField::Intake => "w.intake_id BETWEEN ? AND ?",
        };
        self.compare(sql, ends);
    }

    fn text(&mut self, field: TextField, text: &TextMatch) {
        let column = match field {
            TextField::Code => "w.error_code",
            TextField::Message => "w.error_message",
            TextField::Path => "w.path",
            TextField::Object => "w.object",
            TextField::Operation => "w.operation",
            TextField::Key => "w.key",
            TextField::CorrelationId => "w.correlation_id",
            TextField::Target => "t.name",
            TextField::Source => "w.source",
            TextField::Lane => "w.lane",
        };
        match text {
            TextMatch::Contains(text) if field == TextField::CorrelationId => self.compare(
                "text_contains(w.correlation_id, ?) \
                 OR EXISTS (SELECT 1 FROM attempts a WHERE a.write_id = w.id AND text_contains(a.correlation_id, ?)) \
                 OR EXISTS (SELECT 1 FROM captured_failures f \
                   WHERE f.write_id = w.id AND text_contains(f.correlation_id, ?))",
                [text.clone(), text.clone(), text.clone()],
            ),
            TextMatch::Contains(text) => self.compare(&format!("text_contains({column}, ?)"), [text.clone()]),
            TextMatch::Is(text) => match field {
                TextField::Code => self.compare(
                    "w.error_code = ? OR substr(w.error_code, -length(?) - 1) = '.' || ?",
                    [text.clone(), text.clone(), text.clone()],
                ),
                TextField::CorrelationId => self.compare(
                    "w.correlation_id = ? \
                     OR EXISTS (SELECT 1 FROM attempts a WHERE a.write_id = w.id AND a.correlation_id = ?) \
                     OR EXISTS (SELECT 1 FROM captured_failures f WHERE f.write_id = w.id AND f.correlation_id = ?)",
                    [text.clone(), text.clone(), text.clone()],
                ),
                TextField::Key => {
                    let range = key_range(text);
                    // Looked up by its index, whatever the list is sorted by.
                    self.compare(
                        "w.id IN (SELECT id FROM writes WHERE identity_hash BETWEEN ? AND ?",
                        [*range.start(), *range.end()],
                    );
                    self.compare(
                        " UNION ALL SELECT id FROM writes WHERE parent_key IS NOT NULL AND key = ?) \
                         AND (w.key = ? OR w.parent_key = ?)",
                        [text.clone(), text.clone(), text.clone()],
                    );
                }
                // Matches whole segments: `append` does not match `append-batch`.
                TextField::Path => {
                    let segments = text.trim_matches('/').to_owned();
                    self.compare("instr('/' || replace(w.path, '?', '/') || '/', '/' || ? || '/') > 0", [segments]);
                }
                // Matches the whole name, or the value alone, as JSON or as the text of a string.
                TextField::Lane => {
                    let quoted = serde_json::to_string(&text.trim().to_lowercase()).unwrap_or_default();
                    self.compare(
                        "instr(',' || w.lane || ',', ',' || ? || ',') > 0 OR instr(',' || w.lane || ',', ':' || ? || ',') > 0 \
                         OR instr(',' || w.lane || ',', ':' || ? || ',') > 0",
                        [text.clone(), text.clone(), quoted],
                    );
                }
                _ => self.compare(&format!("{column} = ?"), [text.clone()]),
            },
        }
    }

    fn body(&mut self, path: &str, test: &BodyMatch) {
        let (kind, first, second) = match test {
            BodyMatch::Is(text) => ("is", Some(text.clone()), None),
            BodyMatch::Contains(text) => ("contains", Some(text.clone()), None),
            BodyMatch::Between(min, max) => ("between", end_text(*min), end_text(*max)),
        };
        let value = |text: Option<String>| text.map_or(SqlValue::Null, SqlValue::Text);
        self.compare(
            "body_matches((SELECT r.body FROM revisions r WHERE r.write_id = w.id AND r.revision = w.revision), ?, ?, ?, ?)",
            [SqlValue::Text(path.to_owned()), SqlValue::Text(kind.to_owned()), value(first), value(second)],
        );
    }
}
