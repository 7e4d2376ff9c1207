//! Explains an event of the feed: what it means, and what follows from it.

mod trace;

use super::Explanation;
use super::words::term;
use crate::app::App;
use crate::app::event::{EventKind, RequestEnd};
use crate::app::subject::Subject;
use crate::view::stamp;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{ChangeStep, LinkState, answered_entry};
use raftdeck_raft::{LogIndex, NodeId, Term};

/// What an event means: a sentence, and the term of the field that says more.
type Meaning = (Option<Concept>, &'static str);

/// Explains an event.
pub(super) fn of(app: &App, number: u64) -> Explanation {
    let Some(entry) = app.feed.numbered(number) else {
        return Explanation::gone("an event".to_owned(), "This event is too long ago to be kept.");
    };
    let about = entry.about.as_ref();
    let (concept, meaning) = about.map_or((None, ""), meaning);
    let mut told = Explanation {
        title: format!("event at {}", stamp(entry.time)),
        what: format!("{}.", entry.text()),
        why: meaning.to_owned(),
        section: concept.and_then(|concept| concept.article().section),
        ..Explanation::default()
    };
    let nodes = entry.nodes().chain(about.map(nodes).unwrap_or_default());
    for node in nodes.filter(|node| app.world.node(*node).is_some()).take(5) {
        told.see(node.to_string(), Subject::Node(node));
    }
    if let Some(at) = about.and_then(at_term) {
        told.see(term(at), Subject::Term(at));
    }
    if let Some(index) = about.and_then(entry_of).filter(|index| index.0 > 0) {
        told.see(format!("entry {index}"), Subject::Entry(index));
    }
    if let Some(concept) = concept {
        told.see_concept(concept);
    }
    for (text, other) in
        [("the event before", number.checked_sub(1)), ("the event after", number.checked_add(1))]
    {
        if let Some(other) = other.filter(|other| app.feed.numbered(*other).is_some()) {
            told.see(text, Subject::Event(other));
        }
    }
    told
}

/// The nodes that an event is about.
pub(super) fn nodes(about: &EventKind) -> Vec<NodeId> {
    match about {
        EventKind::Started(node)
        | EventKind::Paused(node)
        | EventKind::Killed(node)
        | EventKind::Stopped(node)
        | EventKind::Failed(node)
        | EventKind::Missed(node)
        | EventKind::Concern(node)
        | EventKind::Change { node, .. } => vec![*node],
        EventKind::Links { one: (from, to), .. } => vec![*from, *to],
        EventKind::Trace { node, trace } => {
            let mut nodes = vec![*node];
            nodes.extend(trace::other(trace).filter(|other| other != node));
            nodes
        }
        EventKind::Cluster | EventKind::Client(_) | EventKind::Workload | EventKind::Trouble => Vec::new(),
    }
}

fn at_term(about: &EventKind) -> Option<Term> {
    match about {
        EventKind::Trace { trace, .. } => trace::term(trace),
        EventKind::Client(RequestEnd::Stored(at)) => Some(at.term),
        _ => None,
    }
}

fn entry_of(about: &EventKind) -> Option<LogIndex> {
    match about {
        EventKind::Trace { trace, .. } => trace::entry(trace),
        EventKind::Client(RequestEnd::Stored(at)) => answered_entry(*at).get().map(|at| at.index),
        _ => None,
    }
}

fn meaning(about: &EventKind) -> Meaning {
    match about {
        EventKind::Cluster => (
            Some(Concept::Membership),
            "These are the nodes that run here; the membership in the log says which of them vote.",
        ),
        EventKind::Started(_) => {
            (Some(Concept::LostDisk), "It goes on with the term, the vote and the log that its disk holds.")
        }
        EventKind::Paused(_) => (
            Some(Concept::Pause),
            "It answers nothing until it is resumed; to the others it looks like a crash.",
        ),
        EventKind::Killed(_) => (
            Some(Concept::Kill),
            "The others see no crash, only silence. Its term, its vote and its log are on its disk.",
        ),
        EventKind::Stopped(_) => (
            Some(Concept::Kill),
            "It ended in an orderly way; to the others it is silent like one that crashed.",
        ),
        EventKind::Failed(_) => (Some(Concept::Kill), "Its process ended by itself; its output says why."),
        EventKind::Trace { trace, .. } => trace::meaning(trace),
        EventKind::Links { state: LinkState::Cut, .. } => (
            Some(Concept::Partition),
            "The nodes do not know of it: each only stops hearing the others, and waits for its timeout.",
        ),
        EventKind::Links { state: LinkState::Refused, .. } => (
            Some(Concept::RefusedConnection),
            "Both nodes know of it at once: the sender cannot send, and tries again and again to connect. The receiver hears nothing.",
        ),
        EventKind::Links { state: LinkState::Open, .. } => (
            Some(Concept::Partition),
            "Messages pass again. The first one with a newer term brings a stale node up to date.",
        ),
        EventKind::Client(end) => of_request(end),
        EventKind::Change { step, .. } => of_change(*step),
        EventKind::Missed(_) => (None, "The screen was too slow for these events. The nodes lost nothing."),
        EventKind::Concern(_) => {
            (Some(Concept::LostDisk), "A node reports a condition that it cannot mend by itself.")
        }
        EventKind::Workload => (
            Some(Concept::Availability),
            "The steady workload measures how long writes are not acknowledged.",
        ),
        EventKind::Trouble => (None, ""),
    }
}

fn of_request(end: &RequestEnd) -> Meaning {
    match end {
        RequestEnd::Stored(_) => (
            Some(Concept::CommitIndex),
            "The entry was on the disks of a majority before the answer: it is never lost while a majority keeps its disks.",
        ),
        RequestEnd::Answered => {
            (Some(Concept::Linearizability), "The request was carried out, and changed nothing.")
        }
        RequestEnd::Refused => {
            (Some(Concept::Availability), "It certainly changed nothing, so it can be sent again.")
        }
        RequestEnd::InDoubt => {
            (Some(Concept::InDoubt), "The client cannot know whether its entry was committed, or will be.")
        }
    }
}

fn of_change(step: ChangeStep) -> Meaning {
    match step {
        ChangeStep::HandingOver | ChangeStep::HandedOver => (
            Some(Concept::LeadershipTransfer),
            "A transfer costs less than a crash: nobody waits for an election timeout.",
        ),
        ChangeStep::Starting | ChangeStep::Joining | ChangeStep::Promoting | ChangeStep::Learning => (
            Some(Concept::Learner),
            "A new node gets the log as a learner first, so that it does not slow down commits.",
        ),
        ChangeStep::Replacing => {
            (Some(Concept::LostDisk), "A node that lost its disk may not come back under its old identity.")
        }
        ChangeStep::Joined | ChangeStep::Leaving | ChangeStep::Left | ChangeStep::GivenUp => (
            Some(Concept::JointConsensus),
            "A change of the voters goes through a joint configuration, which needs both majorities.",
        ),
    }
}
