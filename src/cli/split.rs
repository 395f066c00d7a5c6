//! `dlq split` and `dlq unsplit`: turn a batch into separate writes, and back.

use super::args::{Split, Unsplit};
use super::context::Context;
use super::output::Out;
use crate::domain::batch::Child;
use crate::domain::ids::WriteId;
use crate::render::count::writes;
use crate::render::json;
use crate::replay::ExitCode;
use crate::store::{By, SplitWhich};

pub(super) fn split(context: &Context, args: &Split) -> anyhow::Result<ExitCode> {
    let store = context.change()?;
    let id = WriteId(args.id);
    let by = By::new(&context.operator).because(args.reason.as_deref());
    let which = if args.rejected { SplitWhich::Rejected } else { SplitWhich::All { size: args.size } };
    let children = store.split(id, context.config.batch_rules(), which, by).wait()?;
    let mut out = Out::new();
    if context.global.json {
        for child in &children {
            out.line(&json::child(id, child))?;
        }
    } else if !context.global.quiet {
        out.text(&told(id, &children))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}

fn told(parent: WriteId, children: &[Child]) -> String {
    let of = |named: bool| children.iter().filter(move |c| c.named == named);
    let records = |named| of(named).map(|c| c.count).sum::<usize>();
    let mut text = format!("Write {parent} is resolved (split) into {}.\n", writes(children.len() as u64));
    let bad: Vec<String> = of(true).map(|c| format!("record {} is write {}", c.first, c.id)).collect();
    if !bad.is_empty() {
        text.push_str(&format!("  named by the answer: {}\n", bad.join(", ")));
    }
    let good: Vec<String> = of(false).map(|c| c.id.to_string()).collect();
    if let (Some(first), Some(last)) = (good.first(), good.last()) {
        let and = if bad.is_empty() { String::new() } else { format!(" -id:{}", ids(of(true))) };
        text.push_str(&format!(
            "  the other {} records: {}, from {first} to {last}; send them with: dlq replay parent:{parent}{and}\n",
            records(false),
            writes(good.len() as u64)
        ));
    }
    text
}

fn ids<'a>(children: impl Iterator<Item = &'a Child>) -> String {
    children.map(|c| c.id.to_string()).collect::<Vec<_>>().join(",")
}

pub(super) fn unsplit(context: &Context, args: &Unsplit) -> anyhow::Result<ExitCode> {
    let store = context.change()?;
    let id = WriteId(args.id);
    let gone = store.unsplit(id, By::new(&context.operator).because(args.reason.as_deref())).wait()?;
    let mut out = Out::new();
    if context.global.json {
        out.line(&json::unsplit(id, gone))?;
    } else if !context.global.quiet {
        out.line(&format!("Write {id} is pending again; its {gone} parts are gone."))?;
    }
    out.flush()?;
    Ok(ExitCode::Ok)
}
