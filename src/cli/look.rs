//! The read-only commands: list, show, groups, stats, history.

use std::io::{IsTerminal as _, stdout};

use super::args::{By, Format, History, List, Show, Stats};
use super::context::Context;
use super::output::{Out, note};
use crate::domain::attempt::Attempt;
use crate::domain::escape::terminal;
use crate::domain::filter::{Filter, Test};
use crate::domain::group::Group;
use crate::domain::hazard::Hazard;
use crate::domain::ids::WriteId;
use crate::domain::reason::Damage;
use crate::domain::state::State;
use crate::domain::time::{Timestamp, brief_length};
use crate::domain::write::WriteView;
use crate::render::count::{thousands, writes};
use crate::render::table::{Column, table};
use crate::render::{csv, detail, json, words};
use crate::replay::ExitCode;
use crate::store::{Bodies, Count, CountBy, HistoryEntry, LaneCache, PageRequest, Store};

/// Number of writes read at a time.
const PAGE: usize = 500;
const TABLE_LIMIT: usize = 50;

pub(super) fn list(context: &Context, args: &List) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let asked = context.filter(&*store, &args.query.query)?;
    let hides = !asked.names_states();
    let filter = if hides { asked.clone().and(Test::State(State::OPEN.to_vec())) } else { asked.clone() };
    let format = if context.global.json { Format::Json } else { args.format };
    let limit = args.limit.unwrap_or(if format == Format::Table { TABLE_LIMIT } else { usize::MAX });
    let mut out = Out::new();
    if format == Format::Csv {
        out.text(&csv::record(csv::HEADER))?;
    }
    let on_terminal = stdout().is_terminal();
    let shown = |record: String| if on_terminal { csv::for_terminal(&record) } else { record };
    let mut rows = Vec::new();
    let mut more = false;
    let bodies = if format == Format::Json { Bodies::All } else { Bodies::None };
    let mut damaged = each_write(&*store, context, &filter, args, limit, bodies, |view, beyond| {
        if beyond {
            more = true;
            return Ok(());
        }
        match format {
            Format::Json => out.line(&json::write(&view))?,
            Format::Csv => out.text(&shown(csv::write(&view)))?,
            Format::Table => rows.push(row(&view)),
        }
        // Once nobody reads the output, there is no point in finding more.
        if out.is_closed() { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    })?;
    if format == Format::Table && !rows.is_empty() {
        out.text(&write_table(&rows, Context::width()))?;
    }
    out.flush()?;
    if !context.global.quiet {
        footer(&*store, &asked, hides, more, rows.is_empty() && format == Format::Table)?;
    }
    if args.limit.is_none() {
        damaged.extend(store.without_state().wait()?);
    }
    refuse_damaged(&damaged)?;
    Ok(ExitCode::Ok)
}

/// Calls `one` for each write up to the limit, and once more with `true` if there are others.
/// Returns the writes that could not be read.
fn each_write(
    store: &dyn Store,
    context: &Context,
    filter: &Filter,
    args: &List,
    limit: usize,
    bodies: Bodies,
    mut one: impl FnMut(WriteView, bool) -> std::io::Result<()>,
) -> anyhow::Result<Vec<(WriteId, Damage)>> {
    let (mut given, mut cursor) = (0, None);
    let (mut damaged, lanes) = (Vec::new(), LaneCache::default());
    loop {
        let want = (limit - given).saturating_add(1).min(PAGE);
        let request = PageRequest {
            filter: filter.clone(),
            order: args.sort,
            after: cursor,
            backward: false,
            limit: want,
            bodies,
            lanes: lanes.clone(),
        };
        let page = store.page(request, context.config.windows()).wait()?;
        damaged.extend(page.damaged);
        for view in page.writes {
            let beyond = given == limit;
            one(view, beyond)?;
            if beyond {
                return Ok(damaged);
            }
            given += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(damaged);
        }
    }
}

/// Returns an error that names the writes that can't be read, if any; all others have been printed
/// by then.
pub(super) fn refuse_damaged(damaged: &[(WriteId, Damage)]) -> anyhow::Result<()> {
    let Some(((last, why), others)) = damaged.split_last() else { return Ok(()) };
    for (id, why) in others.iter().take(20) {
        note(&format!("write {id}: {why}"));
    }
    anyhow::bail!("write {last}: {why}; see dlq doctor")
}

/// Notes on stderr what the table does not show.
fn footer(store: &dyn Store, asked: &Filter, hides: bool, more: bool, empty: bool) -> anyhow::Result<()> {
    let hidden = if !hides {
        0
    } else if asked.terms.is_empty() {
        // Without conditions the counters have the number, and no write needs to be read.
        let counts = store.counts(CountBy::Type, None).wait()?;
        counts.iter().flat_map(|c| State::SETTLED.map(|state| c.by_state[state as usize])).sum()
    } else {
        let settled = asked.clone().and(Test::State(State::SETTLED.to_vec()));
        store.count(&settled).wait()?
    };
    let mut notes = Vec::new();
    if empty {
        notes.push("no open writes match".to_owned());
    }
    if more {
        notes.push("there are more: --limit shows them".to_owned());
    }
    if hidden > 0 {
        notes.push(format!("{} settled, not shown: state:any shows them", writes(hidden.unsigned_abs())));
    }
    if !notes.is_empty() {
        note(&notes.join("; "));
    }
    Ok(())
}

/// The least width at which every column of a table fits.
pub(super) const WIDE: u16 = 110;

/// Formats a list as a table; on a narrow terminal the message keeps its space, and columns that
/// `show` has, too, are left out.
fn write_table(rows: &[Vec<String>], width: Option<u16>) -> String {
    let columns = [
        Column::Number("ID"),
        Column::Fixed("STATE"),
        Column::Fixed("TYPE"),
        Column::Number("HTTP"),
        Column::Text("OPERATION"),
        Column::Fixed("AGE"),
        Column::Text("MESSAGE"),
        Column::Text("HAZARDS"),
    ];
    match width {
        Some(width) if width < 60 => chosen(&columns, &marked(rows), &[0, 2, 6], width),
        Some(width) if width < WIDE => chosen(&columns, &marked(rows), &[0, 1, 2, 3, 5, 6], width),
        _ => table(&columns, rows.to_vec(), width),
    }
}

/// Marks refused writes at the start of their message, for tables without room for hazards.
fn marked(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let refuses = |names: &str| names.split(' ').any(|n| Hazard::parse(n).is_some_and(Hazard::refuses));
    let mut rows = rows.to_vec();
    for row in rows.iter_mut().filter(|row| refuses(&row[7])) {
        row[6] = format!("[refused] {}", row[6]);
    }
    rows
}

/// Formats a table of some of its columns.
pub(super) fn chosen(columns: &[Column], rows: &[Vec<String>], which: &[usize], width: u16) -> String {
    let columns: Vec<Column> = which.iter().map(|&n| columns[n]).collect();
    let rows = rows.iter().map(|row| which.iter().map(|&n| row[n].clone()).collect()).collect();
    table(&columns, rows, Some(width))
}

fn row(view: &WriteView) -> Vec<String> {
    let write = &view.write;
    let at = write.failed_at.unwrap_or(write.captured_at);
    vec![
        write.id.to_string(),
        write.standing.state().to_string(),
        write.failure.failure_type.to_string(),
        write.failure.status.map_or_else(|| "-".to_owned(), |s| s.to_string()),
        format!("{}/{}", write.operated.object, write.operated.operation),
        brief_length(Timestamp::now().since(at)),
        write.failure.message.clone().or_else(|| write.failure.code.clone()).unwrap_or_default(),
        view.hazards.iter().map(|h| h.name()).collect::<Vec<_>>().join(" "),
    ]
}

pub(super) fn show(context: &Context, args: &Show) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let now = store.clock().wait()?.wall;
    let mut out = Out::new();
    let mut missing = Vec::new();
    for (n, id) in args.ids.iter().enumerate() {
        let id = WriteId(*id);
        let Some(view) = store.write_view(id, context.config.windows()).wait()? else {
            missing.push(id.to_string());
            continue;
        };
        let captured = store.captured(id).wait()?;
        let attempts = attempts(&*store, id)?;
        if context.global.json {
            out.line(&json::shown(&view, &captured, args.attempts.then_some(&attempts)))?;
            continue;
        }
        if n > 0 {
            out.line("")?;
        }
        let evidence = if view.body.is_none() { store.evidence(id).wait()? } else { None };
        let target = context.config.target(&view.write.target);
        let neighbours = store.lane_mates(id).wait()?;
        let subject = detail::Subject {
            view: &view,
            attempts: &attempts,
            neighbours: &neighbours,
            evidence: evidence.as_deref(),
            profile: &target.profile,
            window: target.window,
            records: detail::records(view.body.as_deref()),
            captured: &captured,
        };
        let paint = context.palette(&stdout());
        out.text(&detail::page(&subject, now, paint))?;
        if args.attempts {
            out.text(&detail::answers(&subject, paint))?;
        }
    }
    out.flush()?;
    let mut damaged = Vec::new();
    for id in args.ids.iter().map(|id| WriteId(*id)) {
        damaged.extend(store.damage(id).wait()?.map(|why| (id, why)));
    }
    refuse_damaged(&damaged)?;
    if missing.is_empty() {
        Ok(ExitCode::Ok)
    } else {
        anyhow::bail!("there is no write {} in {} (purged, or never there)", missing.join(", "), store.name())
    }
}

fn attempts(store: &dyn Store, id: WriteId) -> anyhow::Result<Vec<Attempt>> {
    let history = store.history(id).wait()?;
    let attempts = history.into_iter().filter_map(|entry| match entry {
        HistoryEntry::Attempt(attempt) => Some(attempt),
        HistoryEntry::Action(_) => None,
    });
    Ok(attempts.collect())
}

pub(super) fn groups(context: &Context) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let groups = store.groups(context.global.target.as_deref()).wait()?;
    let mut out = Out::new();
    if context.global.json {
        for group in &groups {
            out.line(&json::group(group))?;
        }
    } else {
        out.text(&group_table(&groups, Context::width()))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

/// Formats the groups as a table; empty without groups.
pub(super) fn group_table(groups: &[Group], width: Option<u16>) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let has_notes = groups.iter().any(|group| group.note.is_some());
    let mut columns = vec![
        Column::Number("GROUP"),
        Column::Fixed("TYPE"),
        Column::Number("OPEN"),
        Column::Number("ALL"),
        Column::Text("OBJECT"),
        Column::Text("CODE"),
        Column::Text("MESSAGE"),
        Column::Fixed("LAST SEEN"),
    ];
    columns.extend(has_notes.then_some(Column::Text("NOTE")));
    let rows = groups
        .iter()
        .map(|g| {
            let code = g.error_code.as_deref().unwrap_or("-").rsplit('.').next().unwrap_or_default().to_owned();
            let mut row = vec![
                g.id.to_string(),
                g.failure_type.to_string(),
                thousands(g.open.unsigned_abs()),
                thousands(g.count.unsigned_abs()),
                g.object.clone(),
                code,
                g.message.clone(),
                g.last_seen.to_human(),
            ];
            row.extend(has_notes.then(|| g.note.clone().unwrap_or_default()));
            row
        })
        .collect::<Vec<_>>();
    match width {
        Some(width) if width < 60 => chosen(&columns, &rows, &[0, 1, 2, 6], width),
        Some(width) if width < WIDE => chosen(&columns, &rows, &[0, 1, 2, 4, 6], width),
        _ => table(&columns, rows, width),
    }
}

pub(super) fn stats(context: &Context, args: &Stats) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let (by, name) = match args.by {
        By::Type => (CountBy::Type, "type"),
        By::Code => (CountBy::Code, "code"),
        By::Object => (CountBy::Object, "object"),
        By::Target => (CountBy::Target, "target"),
        By::Group => (CountBy::Group, "group"),
    };
    let counts = store.counts(by, context.global.target.as_deref()).wait()?;
    let now = store.clock().wait()?.wall;
    let windows = store.key_windows(context.config.windows(), context.global.target.as_deref()).wait()?;
    let mut out = Out::new();
    if context.global.json {
        for count in &counts {
            out.line(&json::count(name, &count.key, &count.by_state))?;
        }
        out.line(&json::key_windows(&windows))?;
        out.flush()?;
        return Ok(ExitCode::Ok);
    }
    let mut columns = vec![Column::Text(match args.by {
        By::Type => "TYPE",
        By::Code => "CODE",
        By::Object => "OBJECT",
        By::Target => "TARGET",
        By::Group => "GROUP",
    })];
    columns.extend(["PENDING", "REPLAYING", "UNKNOWN", "REPLAYED", "RESOLVED", "DISCARDED", "ALL"].map(Column::Number));
    let mut total = [0; 6];
    let cells = |key: &str, by_state: &[i64; 6]| {
        let all: i64 = by_state.iter().sum();
        let numbers = by_state.iter().chain([&all]).map(|n| thousands(n.unsigned_abs()));
        std::iter::once(if key.is_empty() { "-".to_owned() } else { key.to_owned() }).chain(numbers).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    for Count { key, by_state } in &counts {
        rows.push(cells(key, by_state));
        total.iter_mut().zip(by_state).for_each(|(sum, n)| *sum += n);
    }
    rows.push(cells("all", &total));
    out.text(&match Context::width() {
        Some(width) if width < WIDE => chosen(&columns, &rows, &[0, 1, 3, 4, 7], width),
        width => table(&columns, rows, width),
    })?;
    for line in crate::render::windows::lines(&windows, now) {
        out.line(&line)?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

pub(super) fn history(context: &Context, args: &History) -> anyhow::Result<ExitCode> {
    let store = context.look()?;
    let id = WriteId(args.id);
    let Some(view) = store.write_view(id, context.config.windows()).wait()? else {
        anyhow::bail!("there is no write {id} in {} (purged, or never there)", store.name());
    };
    let captured = store.captured(id).wait()?;
    let mut out = Out::new();
    let first = if context.global.json {
        json::attempt_zero(&view.write, &captured)
    } else {
        Some(terminal(&detail::captured_line(&view.write, &captured)).into_owned())
    };
    first.map_or(Ok(()), |line| out.line(&line))?;
    let entries = store.history(id).wait()?;
    for entry in &entries {
        let line = match (entry, context.global.json) {
            (HistoryEntry::Attempt(attempt), true) => json::attempt(attempt),
            (HistoryEntry::Action(action), true) => json::action(action),
            (HistoryEntry::Attempt(attempt), false) => terminal(&detail::attempt_line(attempt)).into_owned(),
            (HistoryEntry::Action(action), false) => {
                let reason = action.reason.as_deref().map(|r| format!(" ({r})")).unwrap_or_default();
                let who = format!("{} on {}", action.operator.name, action.operator.host);
                let (name, detail) = (action.action.name(), words::action(&action.action));
                let text = format!("{}  {name} by {who}: {detail}{reason}", action.at.to_human());
                terminal(&text).into_owned()
            }
        };
        out.line(&line)?;
    }
    out.flush()?;
    if entries.is_empty() && !context.global.json && !context.global.quiet {
        note(&format!("nothing has happened to write {id} since it came in"));
    }
    Ok(ExitCode::Ok)
}
