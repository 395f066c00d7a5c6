//! Profiles as TOML: read, extended and checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::built_in::built_in_text;
use super::condition::{Condition, Test};
use super::envelope::{Need, Source};
use super::hints::{Reference, Unit};
use super::operations::{LaneSource, Operation};
use super::statuses::Statuses;
use super::{Accepted, Codes, Envelope, HintSources, KeyPolicy, Profile, Retry, Rule};
use crate::domain::failure_type::FailureType;
use crate::domain::identity::Sha;
use crate::domain::target::AuthHeader;
use crate::domain::time::parse_length;

/// The profiles of the config, as TOML.
pub type Profiles = BTreeMap<String, Table>;

/// The reason why a profile can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("profile {name}: {why}")]
pub struct ProfileError {
    name: String,
    why: String,
}

/// Lists in which what an extension adds comes first, since the first that holds decides.
const FIRST_DECIDES: [&str; 4] = ["definite", "rules", "operations", "unless"];

/// How often one profile may extend another.
const MOST_EXTENSIONS: usize = 8;

/// Returns a profile of the config, or a built-in one, with all that it extends.
pub fn effective(name: &str, configured: &Profiles) -> Result<Profile, ProfileError> {
    let at = |why: String| ProfileError { name: name.to_owned(), why };
    let table = whole(name, configured, MOST_EXTENSIONS).map_err(at)?;
    let text = toml::to_string(&table).map_err(|e| at(e.to_string()))?;
    let file: File = table.try_into().map_err(|e: toml::de::Error| at(e.message().to_owned()))?;
    let version = format!("{name}@{}", &Sha::of(text.as_bytes()).to_string()[..8]);
    // A built-in one is shown as it is written, with the source of each of its claims.
    let text = built_in_text(name).filter(|_| !configured.contains_key(name)).map_or(text, str::to_owned);
    profile(name, version, text, file).map_err(at)
}

fn whole(name: &str, configured: &Profiles, most: usize) -> Result<Table, String> {
    let mut own = match (configured.get(name), built_in_text(name)) {
        (Some(table), _) => table.clone(),
        (None, Some(text)) => text.parse().map_err(|e: toml::de::Error| e.to_string())?,
        (None, None) => {
            let own: Vec<&str> = configured.keys().map(String::as_str).collect();
            let built_in: Vec<&str> = super::built_in_names().collect();
            return Err(format!("there is no such profile; known are {}", [own, built_in].concat().join(", ")));
        }
    };
    let Some(base) = own.remove("extends") else { return Ok(own) };
    let Value::String(base) = base else { return Err("extends: must be a profile's name".to_owned()) };
    if most == 0 || base == name && built_in_text(name).is_none() {
        return Err("extends: it extends itself".to_owned());
    }
    // One of the config may extend the built-in one whose name it takes.
    let below =
        if base == name { whole(&base, &Profiles::new(), most - 1)? } else { whole(&base, configured, most - 1)? };
    Ok(merged(below, own))
}

fn merged(mut below: Table, own: Table) -> Table {
    for (name, value) in own {
        let value = match (below.remove(&name), value) {
            (Some(Value::Table(below)), Value::Table(own)) => Value::Table(merged(below, own)),
            (Some(Value::Array(below)), Value::Array(own)) if FIRST_DECIDES.contains(&name.as_str()) => {
                Value::Array([own, below].concat())
            }
            (_, own) => own,
        };
        below.insert(name, value);
    }
    below
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    title: String,
    key: Option<Value>,
    #[serde(default)]
    envelope: EnvelopeFile,
    #[serde(default)]
    accepted: AcceptedFile,
    #[serde(default)]
    definite: Vec<ConditionFile>,
    #[serde(default)]
    rules: Vec<RuleFile>,
    #[serde(default)]
    codes: CodesFile,
    #[serde(default)]
    retry: RetryFile,
    #[serde(default)]
    hints: HintsFile,
    #[serde(default)]
    operations: Vec<OperationFile>,
    #[serde(default)]
    named_by_path: bool,
    #[serde(default)]
    auth: AuthFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    header: String,
    window: String,
    #[serde(default)]
    looked_up: String,
    #[serde(default)]
    mismatch: Option<ConditionFile>,
    #[serde(default)]
    cached: String,
    #[serde(default)]
    replayed: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct EnvelopeFile {
    code: Vec<String>,
    message: Vec<String>,
    field: Vec<String>,
    details: Vec<String>,
    correlation_id: Vec<String>,
    needs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AcceptedFile {
    statuses: String,
    gone: String,
    unless: Vec<ConditionFile>,
    contradictions: bool,
}

impl Default for AcceptedFile {
    fn default() -> Self {
        let (statuses, gone) = ("200-299".to_owned(), "404, 410".to_owned());
        Self { statuses, gone, unless: Vec::new(), contradictions: true }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ConditionFile {
    status: Option<String>,
    not_status: Option<String>,
    method: Option<String>,
    envelope: Option<bool>,
    json: Option<bool>,
    code: Option<String>,
    message: Option<String>,
    header: BTreeMap<String, String>,
    body: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RuleFile {
    #[serde(flatten)]
    when: BTreeMap<String, Value>,
    r#type: String,
    #[serde(default)]
    meaning: String,
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CodesFile {
    known: Vec<String>,
    definite: Vec<String>,
    definite_of_an_only_try: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryFile {
    statuses: String,
    header: Option<String>,
}

impl Default for RetryFile {
    fn default() -> Self {
        Self { statuses: "409, 429, 500-599".to_owned(), header: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HintsFile {
    retry_after: Vec<String>,
    remaining: Vec<String>,
    reset: Vec<String>,
    ietf: bool,
}

impl Default for HintsFile {
    fn default() -> Self {
        Self { retry_after: vec!["retry-after".to_owned()], remaining: Vec::new(), reset: Vec::new(), ietf: false }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationFile {
    method: String,
    path: String,
    kind: String,
    object: Option<i64>,
    lane: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthFile {
    header: String,
    scheme: String,
}

impl Default for AuthFile {
    fn default() -> Self {
        let AuthHeader { header, scheme } = AuthHeader::default();
        Self { header, scheme }
    }
}

fn profile(name: &str, version: String, text: String, file: File) -> Result<Profile, String> {
    let statuses = |place: &str, text: &str| Statuses::parse(text).map_err(|why| format!("{place}: {why}"));
    let sources = |place: &str, all: Vec<String>| -> Result<Vec<Source>, String> {
        all.iter().map(|text| Source::parse(text).map_err(|why| format!("envelope.{place}: {why}"))).collect()
    };
    let key = match file.key {
        None => None,
        Some(Value::String(text)) if text == "none" => None,
        Some(Value::Table(table)) => {
            let key: KeyTable = table.try_into().map_err(|e: toml::de::Error| format!("key: {}", e.message()))?;
            Some(key_policy(key)?)
        }
        Some(other) => return Err(format!("key: {other} is neither a table nor \"none\"")),
    };
    let numbered = |place: &'static str, all: Vec<ConditionFile>| -> Result<Vec<Condition>, String> {
        let numbered = all.into_iter().enumerate();
        numbered.map(|(at, one)| condition(one).map_err(|why| format!("{place} {}: {why}", at + 1))).collect()
    };
    let rules = file.rules.into_iter().enumerate();
    let rules =
        rules.map(|(at, one)| rule(one).map_err(|why| format!("rule {}: {why}", at + 1))).collect::<Result<_, _>>()?;
    let operations = file.operations.into_iter().enumerate();
    let operations = operations
        .map(|(at, one)| operation(one).map_err(|why| format!("operation {}: {why}", at + 1)))
        .collect::<Result<_, _>>()?;
    Ok(Profile {
        name: name.to_owned(),
        version,
        title: file.title,
        key,
        envelope: Envelope {
            code: sources("code", file.envelope.code)?,
            message: sources("message", file.envelope.message)?,
            field: sources("field", file.envelope.field)?,
            details: sources("details", file.envelope.details)?,
            correlation_id: sources("correlation_id", file.envelope.correlation_id)?,
            needs: file.envelope.needs.iter().map(|name| need(name)).collect::<Result<_, _>>()?,
        },
        accepted: Accepted {
            statuses: statuses("accepted.statuses", &file.accepted.statuses)?,
            gone: statuses("accepted.gone", &file.accepted.gone)?,
            unless: numbered("accepted.unless", file.accepted.unless)?,
            contradictions: file.accepted.contradictions,
        },
        definite: numbered("definite", file.definite)?,
        rules,
        codes: Codes {
            known: file.codes.known,
            definite: file.codes.definite,
            definite_of_an_only_try: file.codes.definite_of_an_only_try,
        },
        retry: Retry {
            statuses: statuses("retry.statuses", &file.retry.statuses)?,
            header: file.retry.header.map(|name| name.to_ascii_lowercase()),
        },
        hints: hints(&file.hints)?,
        operations,
        named_by_path: file.named_by_path,
        auth: AuthHeader { header: file.auth.header.to_ascii_lowercase(), scheme: file.auth.scheme },
        text,
    })
}

fn key_policy(key: KeyTable) -> Result<KeyPolicy, String> {
    let window = parse_length(&key.window).filter(|window| !window.is_zero());
    Ok(KeyPolicy {
        header: key.header.to_ascii_lowercase(),
        window: window
            .ok_or_else(|| format!("key.window: {:?} is not a length of time (write 24h, 7d)", key.window))?,
        looked_up: Statuses::parse(&key.looked_up).map_err(|why| format!("key.looked_up: {why}"))?,
        mismatch: key.mismatch.map(condition).transpose().map_err(|why| format!("key.mismatch: {why}"))?,
        cached: Statuses::parse(&key.cached).map_err(|why| format!("key.cached: {why}"))?,
        replayed: key.replayed.iter().map(|name| name.to_ascii_lowercase()).collect(),
    })
}

fn need(name: &str) -> Result<Need, String> {
    match name {
        "code" => Ok(Need::Code),
        "message" => Ok(Need::Message),
        place => Source::parse(place)
            .map(Need::Place)
            .map_err(|why| format!("envelope.needs: {place:?} is neither code nor message nor a place ({why})")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over options")]
fn globs(text: String) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

fn condition(file: ConditionFile) -> Result<Condition, String> {
    let statuses = |text: Option<String>| text.map(|text| Statuses::parse(&text)).transpose();
    for pointer in file.body.keys() {
        super::pointer::check(pointer)?;
    }
    Ok(Condition {
        status: statuses(file.status)?,
        not_status: statuses(file.not_status)?,
        methods: file.method.map(|text| methods(&text)),
        envelope: file.envelope,
        json: file.json,
        code: file.code.map(globs),
        message: file.message.map(globs),
        headers: file.header.into_iter().map(|(name, test)| (name.to_ascii_lowercase(), Test::parse(&test))).collect(),
        body: file.body.into_iter().map(|(pointer, test)| (pointer, Test::parse(&test))).collect(),
    })
}

fn rule(file: RuleFile) -> Result<Rule, String> {
    let known = "transient, schema, bad_data, auth";
    let when: ConditionFile = Value::Table(file.when.into_iter().collect())
        .try_into()
        .map_err(|e: toml::de::Error| e.message().to_owned())?;
    Ok(Rule {
        condition: condition(when)?,
        failure_type: FailureType::parse(&file.r#type)
            .ok_or_else(|| format!("type {:?} is not one of {known}", file.r#type))?,
        meaning: file.meaning,
        hint: file.hint,
    })
}

fn methods(text: &str) -> Vec<String> {
    text.split(',').map(|method| method.trim().to_ascii_uppercase()).collect()
}

fn operation(file: OperationFile) -> Result<Operation, String> {
    if !["append", "upsert", "delete"].contains(&file.kind.as_str()) {
        return Err(format!("kind {:?} is not one of append, upsert and delete", file.kind));
    }
    if file.object == Some(0) {
        return Err("object: segments are counted from 1".to_owned());
    }
    Ok(Operation {
        methods: methods(&file.method),
        path: file
            .path
            .trim_matches('/')
            .split('/')
            .map(|globs| globs.split('|').map(str::to_owned).collect())
            .collect(),
        kind: file.kind,
        object: file.object,
        lane: file.lane.map(|text| LaneSource::parse(&text)).transpose()?,
    })
}

/// Reads `NAME` or `NAME: UNIT`.
fn hints(file: &HintsFile) -> Result<HintSources, String> {
    let split = |text: &str| match text.split_once(':') {
        Some((name, unit)) => (name.trim().to_ascii_lowercase(), Some(unit.trim().to_owned())),
        None => (text.trim().to_ascii_lowercase(), None),
    };
    let waits = file.retry_after.iter().map(|text| match split(text) {
        (name, None) => Ok((name, Unit::Seconds)),
        (name, Some(unit)) if unit == "s" => Ok((name, Unit::Seconds)),
        (name, Some(unit)) if unit == "ms" => Ok((name, Unit::Milliseconds)),
        (_, Some(unit)) => Err(format!("hints.retry_after: unit {unit:?} is not one of s and ms")),
    });
    let resets = file.reset.iter().map(|text| match split(text) {
        (name, None) => Ok((name, Reference::Epoch)),
        (name, Some(from)) if from == "epoch" => Ok((name, Reference::Epoch)),
        (name, Some(from)) if from == "in" => Ok((name, Reference::Now)),
        (_, Some(from)) => Err(format!("hints.reset: {from:?} is not one of epoch and in")),
    });
    Ok(HintSources {
        retry_after: waits.collect::<Result<_, _>>()?,
        remaining: file.remaining.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
        reset: resets.collect::<Result<_, _>>()?,
        ietf: file.ietf,
    })
}
