//! Sets of HTTP statuses, as a profile writes them: `"400, 404, 500-599"`.

/// A set of HTTP statuses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statuses(Vec<(u16, u16)>);

impl Statuses {
    /// Parses numbers and ranges, separated by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| format!("{part:?} is neither a status nor a range of statuses (400, 500-599)");
        let one = |part: &str| -> Result<(u16, u16), String> {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |text: &str| text.trim().parse::<u16>().map_err(|_| wrong(part));
            let range = (number(first)?, number(last)?);
            if range.0 <= range.1 && (100..=999).contains(&range.0) { Ok(range) } else { Err(wrong(part)) }
        };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Returns true if a status is in it.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}
