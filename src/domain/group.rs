//! Groups: writes with the same cause.

use super::failure_type::FailureType;
use super::filter::{Filter, NumberField, Term, Test, TextField, TextMatch};
use super::ids::{GroupId, WriteId};
use super::parking::{Parked, Parking};
use super::time::Timestamp;

/// A group and its counts.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its ID.
    pub id: GroupId,
    /// The target's name.
    pub target: String,
    /// The object that its writes go to.
    pub object: String,
    /// The failure type, which says what has to be done about it.
    pub failure_type: FailureType,
    /// The error code.
    pub error_code: Option<String>,
    /// The message without its variable parts.
    pub message: String,
    /// Number of its writes.
    pub count: i64,
    /// Number of those that are open.
    pub open: i64,
    /// The time of the earliest failure.
    pub first_seen: Timestamp,
    /// The time of the latest failure.
    pub last_seen: Timestamp,
    /// The time when dlq last sent one of its writes.
    pub last_replayed: Option<Timestamp>,
    /// One of its writes, an open one if there is any.
    pub example_id: Option<WriteId>,
    /// The note that someone left for whoever looks next.
    pub note: Option<String>,
    /// The end of its parking, which may have come; `None` if nobody has parked it.
    pub parked: Option<Parked>,
}

impl Group {
    /// Returns true if the group stays out of the list now.
    pub fn is_parked(&self, now: Timestamp) -> bool {
        self.parked.is_some_and(|parked| Parking { parked, count: self.count }.holds(now))
    }

    /// Returns true if a filter lets the group through; `None` if it asks for something that only writes have.
    pub fn matches(&self, filter: &Filter) -> Option<bool> {
        let mut all = true;
        for Term { negated, test } in &filter.terms {
            all &= self.passes(test)? != *negated;
        }
        Some(all)
    }

    fn passes(&self, test: &Test) -> Option<bool> {
        match test {
            Test::Type(types) => Some(types.contains(&self.failure_type)),
            Test::Number(NumberField::Group, ranges) => Some(ranges.iter().any(|range| {
                range.min.is_none_or(|min| min <= self.id.0) && range.max.is_none_or(|max| self.id.0 <= max)
            })),
            Test::Text(field, matches) => {
                let text = match field {
                    TextField::Code => self.error_code.as_deref().unwrap_or_default(),
                    TextField::Message => &self.message,
                    TextField::Object => &self.object,
                    TextField::Target => &self.target,
                    _ => return None,
                };
                Some(matches.iter().any(|wanted| match wanted {
                    TextMatch::Contains(part) => contains(text, part),
                    TextMatch::Is(whole) if *field == TextField::Code => {
                        text == whole || text.strip_suffix(whole.as_str()).is_some_and(|rest| rest.ends_with('.'))
                    }
                    TextMatch::Is(whole) => text == whole,
                }))
            }
            Test::Anywhere(part) => {
                let texts = [self.error_code.as_deref().unwrap_or_default(), &self.message, &self.object];
                Some(texts.iter().any(|text| contains(text, part)))
            }
            Test::State(_) | Test::Hazard(_) | Test::Outcome(_) | Test::Age(_) | Test::Body(..) | Test::Number(..) => {
                None
            }
        }
    }
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_passes_a_filter_by_what_its_writes_share() {
        let group = Group {
            id: GroupId(7),
            target: "default".to_owned(),
            object: "orders".to_owned(),
            failure_type: FailureType::Schema,
            error_code: Some("CDP_ETL.VALIDATION.REQUEST_SCHEMA".to_owned()),
            message: "record.Tier: field does not exist".to_owned(),
            count: 1,
            open: 1,
            first_seen: Timestamp::EPOCH,
            last_seen: Timestamp::EPOCH,
            last_replayed: None,
            example_id: None,
            note: None,
            parked: None,
        };
        let matches = |tests: Vec<Test>| group.matches(&tests.into_iter().fold(Filter::default(), Filter::and));
        let text = |field, text: &str| Test::Text(field, vec![TextMatch::Is(text.to_owned())]);
        assert_eq!(matches(vec![]), Some(true));
        assert_eq!(matches(vec![Test::Anywhere("tier".into()), text(TextField::Object, "orders")]), Some(true));
        assert_eq!(matches(vec![text(TextField::Code, "REQUEST_SCHEMA")]), Some(true));
        assert_eq!(matches(vec![text(TextField::Code, "SCHEMA")]), Some(false));
        assert_eq!(matches(vec![Test::Type(vec![FailureType::Auth])]), Some(false));
        assert_eq!(matches(vec![text(TextField::Key, "evt")]), None, "a group has no key");
        let mut not = Filter::default().and(Test::Anywhere("tier".into()));
        not.terms[0].negated = true;
        assert_eq!(group.matches(&not), Some(false));
    }
}
