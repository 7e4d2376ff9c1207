//! Explains a term: who leads it or led it, the votes and the entries that are known of it.

use super::Explanation;
use super::words::{absent, list, term};
use crate::app::App;
use crate::app::event::EventKind;
use crate::app::subject::Subject;
use raftdeck_model::concepts::Concept;
use raftdeck_raft::{LogIndex, NodeId, Role, Term, TraceEvent};
use std::collections::BTreeSet;

/// Explains a term.
pub(super) fn of(app: &App, at: Term) -> Explanation {
    let mut told = Explanation::by(Concept::Term, term(at));
    let newest = app.world.term();
    let leads = app.world.leaders().find(|(leads, _)| *leads == at).map(|(_, node)| node.id);
    let elected = elected(app, at);
    match (leads, elected) {
        (Some(id), _) => told.because(format!("{id} leads it.")),
        (None, Some((id, _))) => told.because(format!("{id} was elected in it.")),
        (None, None) if at > newest => told.because("No node is known to be in it."),
        (None, None) => told.because("Whether it had a leader is not known here."),
    }
    if at < newest {
        told.because(format!("The newest term that a node knows is {newest}."));
    }
    votes(app, at, &mut told);
    entries(app, at, &mut told);
    if at == newest {
        told.advise("The next campaign begins the next term.");
    }
    if let Some(id) = leads.or(elected.map(|(id, _)| id)).filter(|id| app.world.node(*id).is_some()) {
        told.see(id.to_string(), Subject::Node(id));
    }
    if let Some((_, number)) = elected {
        told.see("its election", Subject::Event(number));
    }
    if let Some(before) = at.0.checked_sub(1).map(Term).filter(|before| before.0 > 0) {
        told.see(format!("term {before}"), Subject::Term(before));
    }
    told.see_concept(Concept::Term);
    told.see_concept(Concept::ElectionSafety);
    told
}

/// The node that was elected in a term, and the event, if the feed still has it.
fn elected(app: &App, at: Term) -> Option<(NodeId, u64)> {
    app.feed.newest_first().find_map(|(number, entry)| match entry.about.as_ref()? {
        EventKind::Trace { node, trace: TraceEvent::RoleChanged { to: Role::Leader, term, .. } }
            if *term == at =>
        {
            Some((*node, number))
        }
        _ => None,
    })
}

/// The votes that nodes report or last reported in this term.
fn votes(app: &App, at: Term, told: &mut Explanation) {
    let in_term = app.world.nodes().filter(|node| node.raft().is_some_and(|status| status.term == at));
    let votes: Vec<(NodeId, NodeId)> =
        in_term.filter_map(|node| Some((node.id, node.raft()?.vote.some()?))).collect();
    let candidates: BTreeSet<NodeId> = votes.iter().map(|(_, to)| *to).collect();
    for candidate in candidates {
        let from: Vec<NodeId> =
            votes.iter().filter(|(_, to)| *to == candidate).map(|(from, _)| *from).collect();
        told.because(format!("{} voted for {candidate}.", list(from)));
    }
}

/// The entries of this term in the logs.
fn entries(app: &App, at: Term, told: &mut Explanation) {
    let mut range: Option<(LogIndex, LogIndex)> = None;
    for node in app.world.nodes() {
        let Some(status) = node.raft() else { continue };
        for run in status.term_runs.items().iter().filter(|run| run.term == at) {
            range =
                Some(range.map_or((run.first, run.last), |(first, last)| {
                    (first.min(run.first), last.max(run.last))
                }));
        }
    }
    let Some((first, last)) = range else { return };
    let hold =
        if app.world.nodes().all(|node| absent(node).is_none()) { "hold" } else { "hold, as last reported," };
    if first == last {
        told.because(format!("The logs {hold} its entry {first}."));
    } else {
        told.because(format!("The logs {hold} its entries {first} to {last}."));
    }
    told.see(format!("entry {last}"), Subject::Entry(last));
}
