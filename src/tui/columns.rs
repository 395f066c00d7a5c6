//! The columns of the list of writes: those that fit a width, and those that someone chose.

use crate::store::Sort;

/// A column of the list of writes. The message takes what is left of the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteColumn {
    /// The ID.
    Id,
    /// The outcome in the run that the list is about.
    Outcome,
    /// The state.
    State,
    /// The failure type.
    Type,
    /// The time since the first attempt.
    Age,
    /// The HTTP status.
    Status,
    /// The last segment of the error code.
    Code,
    /// The name of the record.
    Record,
    /// The object.
    Object,
    /// The path at the API.
    Path,
    /// The target.
    Target,
    /// The service that published it.
    Source,
    /// Number of times that it was captured.
    Seen,
    /// Number of times that dlq sent it.
    Sent,
    /// The first hazard.
    Hazard,
    /// The time left in its key window.
    Window,
    /// The idempotency key.
    Key,
    /// The correlation ID.
    Correlation,
}

use WriteColumn::{
    Age, Code, Correlation, Hazard, Id, Key, Object, Outcome, Path, Record, Seen, Sent, Source, State, Status, Target,
    Type, Window,
};

impl WriteColumn {
    /// The columns to choose from.
    pub const CHOICES: [Self; 17] = [
        Id,
        State,
        Type,
        Age,
        Status,
        Code,
        Record,
        Object,
        Path,
        Target,
        Source,
        Seen,
        Sent,
        Hazard,
        Window,
        Key,
        Correlation,
    ];

    /// Returns its name, its title and a few words about it.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Id => ("id", "ID", "ID"),
            Outcome => ("outcome", "OUTCOME", "outcome in the run"),
            State => ("state", "STATE", "state"),
            Type => ("type", "TYPE", "failure type"),
            Age => ("age", "AGE", "time since its first attempt"),
            Status => ("status", "HTTP", "HTTP status"),
            Code => ("code", "CODE", "error code"),
            Record => ("record", "RECORD", "what its record is called"),
            Object => ("object", "OBJECT", "object"),
            Path => ("path", "PATH", "path at the API"),
            Target => ("target", "TARGET", "target"),
            Source => ("source", "SOURCE", "service that published it"),
            Seen => ("seen", "SEEN", "how often it was captured"),
            Sent => ("sent", "SENT", "how often dlq sent it"),
            Hazard => ("hazard", "HAZARD", "first hazard"),
            Window => ("window", "WINDOW", "time left in its key window"),
            Key => ("key", "KEY", "idempotency key"),
            Correlation => ("correlation", "CORRELATION ID", "correlation ID"),
        }
    }

    /// Returns its name where choices are remembered.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns the column of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::CHOICES.into_iter().find(|column| column.name() == name)
    }

    /// Returns what it shows, in a few words.
    pub fn about(self) -> &'static str {
        self.words().2
    }

    /// Returns its title.
    pub fn title(self) -> &'static str {
        self.words().1
    }

    /// Returns its width in a list of that width, with the space after it.
    pub fn width(self, list: u16) -> u16 {
        let roomy = list >= 160;
        match self {
            Id => 9,
            Outcome | State | Type => 10,
            Age | Status => 6,
            Seen | Sent => 5,
            Window => 8,
            Code => 17,
            Object | Target | Source => 12,
            Record if roomy => 32,
            Record if list < 76 => 18,
            Record => 22,
            Path => 26,
            Hazard if roomy => 24,
            Hazard => 16,
            Key | Correlation if roomy => 38,
            Key | Correlation => 20,
        }
    }

    /// Returns the order that it shows, if the list can be sorted by it.
    pub fn sort(self) -> Option<Sort> {
        match self {
            Id => Some(Sort::Id),
            Type => Some(Sort::Type),
            Age => Some(Sort::Time),
            Status => Some(Sort::Status),
            Seen => Some(Sort::Occurrences),
            Sent => Some(Sort::Attempts),
            _ => None,
        }
    }

    /// Returns true if it shows a number, aligned right.
    pub fn is_number(self) -> bool {
        matches!(self, Id | Seen | Sent)
    }
}

/// Returns the columns for a list of that width, where nobody has chosen any. In a list of one group, of which all writes
/// have the same type and nearly the same message, records are told apart by their names.
pub fn fitting(width: u16, is_of_one_group: bool) -> Vec<WriteColumn> {
    match width {
        56..76 if is_of_one_group => vec![Id, State, Age, Record],
        76..100 if is_of_one_group => vec![Id, State, Age, Status, Record],
        100..140 if is_of_one_group => vec![Id, State, Age, Status, Record, Sent],
        0..56 => vec![Id, Type],
        56..76 => vec![Id, Type, Age, Record],
        76..100 => vec![Id, State, Type, Age, Record],
        100..120 => vec![Id, State, Type, Age, Status, Record],
        120..140 => vec![Id, State, Type, Age, Status, Record, Sent, Hazard],
        _ => vec![Id, State, Type, Age, Status, Object, Record, Seen, Sent, Hazard, Key],
    }
}

/// Returns those of the chosen columns that fit a list of that width. The message has what they leave, if anything.
pub fn that_fit(chosen: &[WriteColumn], width: u16) -> Vec<WriteColumn> {
    let mut left = width.saturating_sub(1);
    let mut fits = |column: &WriteColumn| {
        let wanted = column.width(width);
        let fits = wanted <= left;
        left -= if fits { wanted } else { 0 };
        fits
    };
    chosen.iter().copied().filter(|column| fits(column)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_has_a_name_that_is_read_back() {
        for column in WriteColumn::CHOICES {
            assert_eq!(WriteColumn::of(column.name()), Some(column));
        }
        assert_eq!(WriteColumn::of("outcome"), None, "that is there where there is a run");
    }

    #[test]
    fn of_the_chosen_columns_those_stay_that_have_room() {
        assert_eq!(that_fit(&[Id, Correlation, Key, Age], 80), [Id, Correlation, Key, Age]);
        assert_eq!(that_fit(&[Id, Correlation, Key, Age], 40), [Id, Correlation, Age], "what is narrow enough stays");
        assert_eq!(that_fit(&WriteColumn::CHOICES, 5), []);
    }
}
