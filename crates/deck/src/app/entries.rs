//! Finding an entry in the logs: by its index, by the term that begins with it, or by its text.

use crate::app::App;
use crate::app::finding::{List, find};
use crate::view::Pane;
use raftdeck_model::Node;
use raftdeck_raft::{LogIndex, Term};
use std::collections::BTreeSet;

/// The indices that fit what is looked for, in order. Of the texts only those are searched that were fetched.
#[must_use]
pub fn matches(app: &App) -> Vec<LogIndex> {
    let wanted = find(app, List::Entries);
    let text = wanted.text();
    let found: BTreeSet<LogIndex> = match (index(text), term(text)) {
        _ if wanted.is_empty() => BTreeSet::new(),
        (Some(index), _) => Some(index).filter(|index| exists(app, *index)).into_iter().collect(),
        (None, Some(term)) => beginnings(app, term),
        (None, None) => {
            app.logs.texts().filter(|(_, text)| wanted.fits(&[text])).map(|(id, _)| id.index).collect()
        }
    };
    found.into_iter().collect()
}

/// Puts the cursor of the Logs view on an entry.
pub(super) fn go_to(app: &mut App, index: LogIndex) {
    let columns = app.landed.rows(Pane::Entries);
    app.logs.go_to(index, app.world.extent(), columns);
}

/// `42`, `#42` or `i42`.
fn index(text: &str) -> Option<LogIndex> {
    text.trim_start_matches(['#', 'i']).parse().ok().map(LogIndex)
}

/// `t3` or `term 3`.
fn term(text: &str) -> Option<Term> {
    let digits = text.strip_prefix("term ").or_else(|| text.strip_prefix('t'))?;
    digits.parse().ok().map(Term)
}

fn exists(app: &App, index: LogIndex) -> bool {
    let extent = app.world.extent();
    index.0 > 0 && (extent.first..=extent.last).contains(&index)
}

/// Where the entries of a term begin, in each log that has some.
fn beginnings(app: &App, term: Term) -> BTreeSet<LogIndex> {
    let of_node = |node: &Node| {
        let runs = node.raft().map_or(&[][..], |raft| raft.term_runs.items());
        runs.iter().filter(|run| run.term == term).map(|run| run.first).collect::<Vec<_>>()
    };
    app.world.nodes().flat_map(of_node).collect()
}
