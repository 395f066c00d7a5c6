//! Parsers for the values of options, each with an error that says what is expected.

use std::time::Duration;

use crate::domain::endpoint::BaseUrl;
use crate::domain::failure_type::FailureType;
use crate::domain::hazard::Hazard;
use crate::domain::time::parse_length;

pub(super) fn target_name(text: &str) -> Result<String, String> {
    crate::capture::check_target_name(text).map(|()| text.to_owned())
}

pub(super) fn base_url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::parse(text).map_err(|e| e.to_string())
}

pub(super) fn failure_type(text: &str) -> Result<FailureType, String> {
    FailureType::parse(text).ok_or_else(|| {
        let names = FailureType::ALL.map(FailureType::name);
        format!("one of {}", names.join(", "))
    })
}

pub(super) fn hazard(text: &str) -> Result<Hazard, String> {
    Hazard::parse(text).filter(|h| h.refuses()).ok_or_else(|| {
        let names: Vec<&str> = Hazard::ALL.iter().filter(|h| h.refuses()).map(|h| h.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

/// An ID, or the place to read IDs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdArg {
    /// A write's ID.
    Id(i64),
    /// Standard input.
    Stdin,
}

pub(super) fn id(text: &str) -> Result<IdArg, String> {
    match text {
        "-" => Ok(IdArg::Stdin),
        text => text
            .parse()
            .map(IdArg::Id)
            .map_err(|_| "the ID of a write is a number; `-` reads IDs from stdin".to_owned()),
    }
}

/// Reads IDs, separated by whitespace or commas. An error names the line.
pub(super) fn read_ids(input: impl std::io::BufRead) -> Result<Vec<i64>, String> {
    let mut ids = Vec::new();
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.map_err(|e| format!("stdin, line {number}: {e}"))?;
        for text in line.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty()) {
            ids.push(text.parse().map_err(|_| format!("stdin, line {number}: {text:?} is not the ID of a write"))?);
        }
    }
    Ok(ids)
}

pub(super) fn filled(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say why in a few words".to_owned()) } else { Ok(text.to_owned()) }
}

pub(super) fn length(text: &str) -> Result<Duration, String> {
    parse_length(text).ok_or_else(|| "a length of time is written 30s, 15m, 12h or 30d".to_owned())
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|r| r.is_finite() && (1e-6..=1e6).contains(r));
    rate.ok_or_else(|| "a number of requests a second above 0: 20, 0.5".to_owned())
}

pub(super) fn rate_or_none(text: &str) -> Result<f64, String> {
    if text == "none" { Ok(0.0) } else { rate(text).map_err(|why| format!("{why}; or none")) }
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=4096).contains(n)).ok_or_else(|| "a whole number from 1 to 4096".to_owned())
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches("ib").trim_end_matches('b');
    let (number, unit) = match digits.strip_suffix('k') {
        Some(number) => (number, 1 << 10),
        None => digits.strip_suffix('m').map_or((digits, 1), |number| (number, 1 << 20)),
    };
    let bytes = number.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    bytes
        .filter(|n| (1..=1 << 30).contains(n))
        .ok_or_else(|| "a size is written 4096, 64k or 16m, at most 1024m".to_owned())
}

pub(super) fn sort(text: &str) -> Result<crate::store::Order, String> {
    use crate::store::Sort;
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let sort = match name {
        "id" => Sort::Id,
        "time" => Sort::Time,
        "type" => Sort::Type,
        "status" => Sort::Status,
        "occurrences" => Sort::Occurrences,
        "attempts" => Sort::Attempts,
        _ => {
            return Err(
                "one of id, time, type, status, occurrences, attempts, with a leading - to reverse it".to_owned()
            );
        }
    };
    Ok(crate::store::Order { sort, descending })
}

/// Marks an argument that clap must not take for an option.
pub(super) const NEGATED: char = '\u{1f}';

/// Returns a word of a query as it was typed.
pub(super) fn query_word(text: &str) -> String {
    text.strip_prefix(NEGATED).unwrap_or(text).to_owned()
}
