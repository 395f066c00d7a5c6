//! `--map`: a jq filter that makes failures of any JSON lines.

use crate::domain::json::{self, MAX_DEPTH};
use crate::domain::time::human_length;
use crate::jq::{FilterError, Given, JqFilter, Limits, Stopped};

/// A filter from lines to failures of a known shape.
#[derive(Debug)]
pub struct Map {
    filter: JqFilter,
    limits: Limits,
}

/// The failures that a line gave, or the reason why it is rejected.
pub(super) type Mapped = Result<Vec<Vec<u8>>, String>;

/// Texts of a filter's own error are cut at this length, in bytes.
const LONGEST_ERROR: usize = 500;

impl Map {
    /// Compiles the filter.
    pub fn new(text: &str, limits: Limits) -> Result<Self, FilterError> {
        Ok(Self { filter: JqFilter::start(text, limits)?, limits })
    }

    /// Applies the filter to each line.
    pub(super) fn apply<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) -> Result<Vec<Mapped>, FilterError> {
        let checked: Vec<Result<&[u8], String>> = lines.map(checked).collect();
        let readable: Vec<&[u8]> = checked.iter().filter_map(|line| line.as_ref().ok().copied()).collect();
        let mut given = self.filter.run(&readable)?.into_iter();
        Ok(checked
            .into_iter()
            .map(|line| match (line, &mut given) {
                (Err(why), _) => Err(why),
                (Ok(_), given) => given.next().map_or(Ok(Vec::new()), |given| self.failures(given)),
            })
            .collect())
    }

    fn failures(&self, given: Given) -> Mapped {
        match given {
            Given::Values(values) => Ok(values),
            Given::Failed(why) => Err(format!("--map: {}", shortened(why))),
            Given::Stopped(Stopped::Time) => {
                Err(format!("--map: the filter took longer than {} on this line", human_length(self.limits.time)))
            }
            Given::Stopped(Stopped::Broken) => Err("--map: the filter's process broke down on this line".to_owned()),
            Given::Stopped(Stopped::Memory) => {
                let megabytes = self.limits.memory >> 20;
                Err(format!("--map: the filter needed more than {megabytes} MB on this line, or recursed too deeply"))
            }
        }
    }
}

/// Returns the line if it is JSON, as strictly as lines without a map are read: the filter's own reader takes more.
fn checked(line: &[u8]) -> Result<&[u8], String> {
    json::scan_within(line, MAX_DEPTH + 4).map(|_| line).map_err(|e| format!("not JSON: {e}"))
}

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_ERROR {
        let end = (0..=LONGEST_ERROR).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
