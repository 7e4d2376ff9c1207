//! Explains a key of the store: as of when its value is known, and by which entry it was written.

use super::Explanation;
use super::words::{press, term};
use crate::actions::ActionId;
use crate::app::data::{Page, Version, VersionKind};
use crate::app::subject::Subject;
use crate::app::{App, View};
use crate::view::stamp;
use bytes::Bytes;
use raftdeck_model::concepts::Concept;
use raftdeck_protocol::kv::Printed;
use raftdeck_raft::LogIndex;

/// Explains a key.
pub(super) fn of(app: &App, key: &Bytes) -> Explanation {
    let what = "A key of the store. Every node applies the same writes in the same order, so all come to the same value.";
    let mut told = Explanation {
        what: what.to_owned(),
        ..Explanation::by(Concept::ReplicatedStateMachine, format!("key {}", Printed(key)))
    };
    let is_selected = app.data.selected() == Some(key);
    match app.data.page() {
        None => told.because("The store has not been read yet."),
        Some(page) => value(page, key, is_selected, &mut told),
    }
    if is_selected {
        newest_write(app, &mut told);
    }
    if is_selected && app.view == View::Data {
        told.advise(press(app, ActionId::Write, "opens the prompt with a write of this key"));
    }
    told.see_concept(Concept::ReplicatedStateMachine);
    told.see_concept(Concept::Linearizability);
    told.see_concept(Concept::StaleRead);
    told.see_concept(Concept::Session);
    told
}

/// As of when the value, or that there is none, is known.
fn value(page: &Page, key: &Bytes, is_selected: bool, told: &mut Explanation) {
    let has_value = page.pairs.iter().any(|(other, _)| other == key);
    let exists = match (has_value, is_selected) {
        (true, _) => "has the value that is shown",
        (false, true) => "does not exist",
        (false, false) => {
            told.because("Its value is not among those that were read last.");
            return;
        }
    };
    let as_of = page.as_of;
    let entry = match as_of.index {
        LogIndex::ZERO => String::new(),
        index => format!(" as of entry {index}"),
    };
    told.because(format!("It {exists}{entry}, as {} answered at {}.", as_of.node, stamp(as_of.when)));
    told.see(format!("{}, which answered", as_of.node), Subject::Node(as_of.node));
}

/// The newest write that is known to have changed it.
fn newest_write(app: &App, told: &mut Explanation) {
    let versions = app.data.versions(app.operations.writes().newest_first());
    let changed = |version: &&Version| match version.kind {
        VersionKind::Put | VersionKind::Delete | VersionKind::Set => true,
        VersionKind::Cas | VersionKind::Mismatch => false,
    };
    let Some(version) = versions.iter().find(changed) else {
        told.because("No write of it is known.");
        return;
    };
    let answered = version
        .answered
        .map_or_else(String::new, |(when, node)| format!(", answered by {node} at {}", stamp(when)));
    let did = if version.kind == VersionKind::Delete { ", which deleted it" } else { "" };
    let (index, in_term) = (version.index, term(version.term));
    told.because(format!(
        "The newest write of it that is known is entry {index} of {in_term}{did}{answered}."
    ));
    told.see(format!("entry {index}"), Subject::Entry(index));
    told.see(in_term, Subject::Term(version.term));
}
