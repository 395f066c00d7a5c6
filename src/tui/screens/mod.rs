//! The screens. Each owns its state, its keys, its geometry and its drawing. A new one is a file here, a place in the
//! table of actions, and an arm of [`open`].

pub mod common;
pub mod compare;
pub mod groups;
pub mod help;
pub mod plan;
pub mod review;
pub mod run;
pub mod runs;
pub mod shift;
pub mod trial;
pub mod write;
pub mod writes;

use super::goals::Next;
use super::msg::ScreenId;
use super::screen::{Cx, RunShown, Screen};

/// Opens a screen under a number.
pub fn open(next: Next, id: ScreenId, cx: &mut Cx<'_>) -> Box<dyn Screen> {
    match next {
        Next::Plan(order) => Box::new(plan::PlanScreen::open(id, *order, cx)),
        Next::OwnRun => Box::new(run::RunScreen::open(id, RunShown::Own, cx)),
        Next::Run(run) => Box::new(run::RunScreen::open(id, RunShown::Other(run), cx)),
        Next::Trial(write) => Box::new(trial::Trial::open(id, write, cx)),
        Next::Writes(query) => Box::new(writes::WriteList::open(id, &query, cx)),
        Next::Write(write) => Box::new(write::WritePage::open(id, write, cx)),
        Next::Compare(pair) => Box::new(compare::Compare::open(id, pair, cx)),
        Next::Common(aim) => Box::new(common::InCommon::open(id, *aim, cx)),
        Next::Shift => Box::new(shift::Shift::open(id, cx)),
        Next::Review(reviewed) => Box::new(review::Review::open(id, *reviewed)),
        Next::Help(table) => Box::new(help::Help::open(id, *table)),
    }
}
