//! Explains the entries at an index of the logs: who has which, and whether it is committed.

use super::Explanation;
use super::words::{absent, list, press, term, verb};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::Subject;
use raftdeck_model::concepts::{Concept, Section};
use raftdeck_model::{Node, RaftView};
use raftdeck_raft::{LogId, LogIndex, NodeId, Term};
use std::collections::{BTreeMap, BTreeSet};

/// What the nodes have at an index, as far as it is known.
struct Holders {
    /// The nodes with an entry of each term.
    terms: BTreeMap<Term, BTreeSet<NodeId>>,
    /// Those that have it only in a snapshot.
    in_snapshot: BTreeSet<NodeId>,
    /// Those whose logs end before it.
    lacking: BTreeSet<NodeId>,
    /// Those of which only an earlier report is known.
    earlier: BTreeSet<NodeId>,
}

impl Holders {
    fn of(app: &App, index: LogIndex) -> Self {
        let mut holders = Self {
            terms: BTreeMap::new(),
            in_snapshot: BTreeSet::new(),
            lacking: BTreeSet::new(),
            earlier: BTreeSet::new(),
        };
        for node in app.world.nodes() {
            let Some(status) = node.raft() else { continue };
            if absent(node).is_some() {
                holders.earlier.insert(node.id);
            }
            if let Some(at) = status.term_at(index) {
                holders.terms.entry(at).or_default().insert(node.id);
            } else if status.purged >= index {
                holders.in_snapshot.insert(node.id);
            } else if status.last_index().is_some_and(|last| last < index) {
                holders.lacking.insert(node.id);
            }
        }
        holders
    }

    /// The term of the committed entry, if a node knows it to be committed and has it in its log.
    fn committed(&self, app: &App, index: LogIndex) -> Option<Term> {
        let knows = |id: &&NodeId| {
            app.world.node(**id).and_then(Node::raft).is_some_and(|status| status.committed >= index)
        };
        self.terms.iter().find(|(_, nodes)| nodes.iter().any(|id| knows(&id))).map(|(at, _)| *at)
    }
}

/// Explains an index.
pub(super) fn of(app: &App, index: LogIndex) -> Explanation {
    let holders = Holders::of(app, index);
    let title = match holders.terms.len() {
        1 => format!("entry {index} of {}", holders.terms.keys().map(|at| term(*at)).collect::<String>()),
        0 => format!("entry {index}"),
        different => format!("index {index}: {different} different entries"),
    };
    let mut told = Explanation::by(Concept::Entry, title);
    texts(app, index, &holders, &mut told);
    if holders.terms.is_empty() {
        nowhere(app, index, &holders, &mut told);
    } else if index <= app.world.committed() {
        committed(app, index, &holders, &mut told);
    } else {
        open(app, index, &holders, &mut told);
    }
    if !holders.earlier.is_empty() {
        told.because(format!("The log of {} is as last reported.", list(&holders.earlier)));
    }
    for at in holders.terms.keys().rev() {
        told.see(term(*at), Subject::Term(*at));
    }
    if let Some(leader) = app.world.leader() {
        told.see(format!("{}, the leader", leader.id), Subject::Node(leader.id));
    }
    told.see_concept(Concept::CommitIndex);
    told.see_concept(if holders.terms.len() > 1 { Concept::Conflict } else { Concept::LogMatching });
    told
}

/// What the entries say.
fn texts(app: &App, index: LogIndex, holders: &Holders, told: &mut Explanation) {
    let text = |at: &Term| {
        let text = app.logs.text(LogId { term: *at, index })?;
        Some(if holders.terms.len() > 1 {
            format!("that of {} is: {text}", term(*at))
        } else {
            format!("this one is: {text}")
        })
    };
    let texts: Vec<String> = holders.terms.keys().filter_map(text).collect();
    if !texts.is_empty() {
        told.what = format!("One command in the log; {}.", texts.join("; "));
    }
}

fn nowhere(app: &App, index: LogIndex, holders: &Holders, told: &mut Explanation) {
    if !holders.in_snapshot.is_empty() {
        told.because(format!(
            "It is committed and only in snapshots now: {} {} dropped it from the log.",
            list(&holders.in_snapshot),
            verb(holders.in_snapshot.len(), "has", "have")
        ));
        told.see_concept(Concept::Snapshot);
    } else if index > app.world.last_index() {
        told.because("No node is known to have an entry here.");
    } else {
        told.because("Which entry stands here is not known.");
    }
}

fn committed(app: &App, index: LogIndex, holders: &Holders, told: &mut Explanation) {
    let Some(at) = holders.committed(app, index) else {
        told.because("An entry here is committed; which one is not known.");
        return;
    };
    let nodes = &holders.terms[&at];
    let have = verb(nodes.len(), "has", "have");
    let which = if holders.terms.len() > 1 { format!("The entry of {}", term(at)) } else { "It".to_owned() };
    told.because(format!("{which} is committed, so every later leader has it; {} {have} it.", list(nodes)));
    told.section = Some(Section::paper("5.4"));
    if !holders.lacking.is_empty() {
        told.because(format!(
            "{} {} not got it yet.",
            list(&holders.lacking),
            verb(holders.lacking.len(), "has", "have")
        ));
    }
    for (other, nodes) in holders.terms.iter().filter(|(other, _)| **other != at) {
        told.because(format!(
            "{} {} another entry here, of {}: it was never committed, and the leader's will replace it.",
            list(nodes),
            verb(nodes.len(), "has", "have"),
            term(*other)
        ));
    }
    if holders.terms.len() > 1 {
        told.advise(press(app, ActionId::Heal, "heals every link, so the leader can repair the log"));
    }
}

/// It is not known to be committed.
fn open(app: &App, index: LogIndex, holders: &Holders, told: &mut Explanation) {
    for (at, nodes) in &holders.terms {
        let which = if holders.terms.len() > 1 { format!("that of {}", term(*at)) } else { "it".to_owned() };
        let have = verb(nodes.len(), "has", "have");
        told.because(format!("Not committed: {} {have} {which}.", list(nodes)));
    }
    let leader = app.world.leader().and_then(|leader| Some((leader.id, leader.live()?)));
    match leader {
        None => {
            told.because("No node leads; whether it stays depends on who is elected, for a voter refuses a candidate with a log behind its own.");
            told.section = Some(Section::paper("5.4.1"));
        }
        Some((id, status)) => match status.term_at(index) {
            Some(at) => of_leader(app, index, (id, status), at, told),
            None if status.last_index().is_some_and(|last| last < index) => {
                told.because(format!(
                    "{id} leads and does not have it: it will be removed when the leader repairs that log."
                ));
                told.section = Some(Section::paper("5.3"));
                told.advise(press(app, ActionId::Heal, "heals every link, so the leader can repair the log"));
            }
            None => {}
        },
    }
}

/// The leader has it: what is missing for a commit.
fn of_leader(
    app: &App,
    index: LogIndex,
    (id, status): (NodeId, &RaftView),
    at: Term,
    told: &mut Explanation,
) {
    let needed = app.world.majority();
    if let Some(count) = on_disk(app, id, status, index) {
        told.because(format!(
            "{id} leads; as far as it knows, {count} of {} voters have it on disk, and {needed} are needed.",
            app.world.voters().len()
        ));
    }
    if at < status.term {
        told.because(format!(
            "It is of an earlier term, so {id} may not commit it by counting: an entry of {} after it must reach a majority.",
            term(status.term)
        ));
        told.section = Some(Section::paper("5.4.2"));
        told.see_concept(Concept::NoOp);
    } else if !app.world.reach(id, status.term).is_enough {
        told.because(format!("{id} does not reach a majority, so it stays uncommitted."));
        told.advise(press(app, ActionId::Heal, "heals every link and resumes paused nodes"));
        told.advise(press(app, ActionId::RestartDown, "restarts all that are down"));
    }
}

/// How many voters have it on disk, by what the leader knows.
fn on_disk(app: &App, leader: NodeId, status: &RaftView, index: LogIndex) -> Option<usize> {
    let voters = app.world.voters();
    let peers = status.peers.get()?;
    let own = usize::from(voters.contains(&leader) && status.durable >= index);
    let others = peers
        .iter()
        .filter(|peer| voters.contains(&peer.id) && peer.owes.some().is_none() && peer.matched >= index);
    Some(own + others.count())
}
