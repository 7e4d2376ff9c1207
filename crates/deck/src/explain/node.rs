//! Explains a node, and its vote.

use super::words::{absent, list, press, press_for, term};
use super::{Explanation, role};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::feed::FeedEntry;
use crate::app::subject::Subject;
use crate::sentences::changing;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{Concern, Fault, Known, Node, Phase, ProcessState};
use raftdeck_raft::{NodeId, Role};
use std::time::Duration;

/// Explains a node.
pub(super) fn of(app: &App, id: NodeId, now: Duration) -> Explanation {
    let Some(node) = app.world.node(id) else {
        return Explanation::gone(id.to_string(), "This node is no longer there.");
    };
    let mut told = match node.phase() {
        Phase::Starting => starting(node),
        Phase::Running(Role::Leader) => role::leader(app, node),
        Phase::Running(Role::Candidate) => role::candidate(app, node, false),
        Phase::Running(Role::PreCandidate) => role::candidate(app, node, true),
        Phase::Running(Role::Follower) => role::follower(app, node, now),
        Phase::Paused => paused(app, node),
        Phase::Killed | Phase::Stopped | Phase::Failed => down(app, node),
        Phase::Unreachable => unreachable(node),
    };
    trouble(app, node, &mut told);
    for fault in app.world.in_force().iter().filter(|fault| touches(fault, id)) {
        told.see(format!("fault #{}", fault.id.0), Subject::Fault(fault.id));
    }
    if let Some(event) = last_event(app, id) {
        told.see("its last event", Subject::Event(event));
    }
    told
}

/// Whether a fault names a node, or a link of it only.
fn touches(fault: &Fault, id: NodeId) -> bool {
    super::fault::nodes(fault).contains(&id)
        || super::fault::links(fault).iter().any(|(a, b)| *a == id || *b == id)
}

fn last_event(app: &App, id: NodeId) -> Option<u64> {
    let is_about = |entry: &FeedEntry| {
        entry.about.as_ref().is_some_and(|about| super::event::nodes(about).contains(&id))
    };
    app.feed.newest_first().find(|(_, entry)| is_about(entry)).map(|(number, _)| number)
}

fn starting(node: &Node) -> Explanation {
    let mut told = Explanation {
        title: format!("{}, starting", node.id),
        what: "A node reads its term, its vote and its log from its disk before it takes part.".to_owned(),
        section: Concept::LostDisk.article().section,
        ..Explanation::default()
    };
    told.because(match node.process {
        None => "Nothing has been reported of it yet.",
        Some(ProcessState::Starting { .. }) => "Its process has started and is not ready yet.",
        Some(_) => "Its process runs and has not reported its state yet.",
    });
    told.see_concept(Concept::Follower);
    told.see_concept(Concept::LostDisk);
    told
}

fn paused(app: &App, node: &Node) -> Explanation {
    let id = node.id;
    let mut told = Explanation::by(Concept::Pause, format!("{id}, paused"));
    if let Some(status) = node.current() {
        told.because(format!(
            "It was {} in {} when it last reported; what is shown of it is from then.",
            role::named(status.role),
            term(status.term)
        ));
    } else {
        told.because("It has reported nothing since it was started.");
    }
    if let Some(leader) = app.world.leader() {
        let term_now = leader.raft().map(|status| status.term);
        if node.current().is_some_and(|status| status.role == Role::Leader && Some(status.term) < term_now) {
            told.because(format!(
                "Meanwhile {} was elected: once resumed, this node acts as a leader until it hears that.",
                leader.id
            ));
        }
        told.see(format!("{}, the leader", leader.id), Subject::Node(leader.id));
    }
    told.advise(press_for(app, id, ActionId::Pause, "resume", "resumes it"));
    told.see_concept(Concept::Pause);
    told.see_concept(Concept::StaleLeader);
    told
}

/// It does not answer.
fn unreachable(node: &Node) -> Explanation {
    let mut told = Explanation {
        what: "It does not answer. Whether it runs is not known from here.".to_owned(),
        ..Explanation::by(Concept::Availability, format!("{}, unreachable", node.id))
    };
    if let Some(ProcessState::Unreachable { why }) = &node.process {
        told.because(format!("The last attempt: {why}."));
    }
    if let Some(status) = node.raft() {
        told.because(format!("It last reported {}.", term(status.term)));
    }
    told.see_concept(Concept::Partition);
    told
}

fn down(app: &App, node: &Node) -> Explanation {
    let id = node.id;
    let mut told = match &node.process {
        Some(ProcessState::Failed { how, last_words }) => {
            let mut told = Explanation {
                what: "Its process ended by itself, or never started.".to_owned(),
                ..Explanation::by(Concept::Kill, format!("{id}, failed"))
            };
            told.because(format!("How it ended: {how}."));
            if let Some(last) = last_words.iter().rev().find(|line| !line.trim().is_empty()) {
                told.because(format!("Its last line: \"{}\".", last.trim()));
            }
            told
        }
        Some(ProcessState::Stopped) => Explanation {
            what: "Its process was told to end, and did. Its disk stays.".to_owned(),
            ..Explanation::by(Concept::Kill, format!("{id}, stopped"))
        },
        _ => Explanation::by(Concept::Kill, format!("{id}, killed")),
    };
    if let Some(status) = node.raft() {
        let log =
            status.last_index().map_or_else(String::new, |last| format!(", with a log through entry {last}"));
        told.because(format!("It last reported {}{log}.", term(status.term)));
    }
    told.because(others_go_on(app));
    told.advise(press_for(app, id, ActionId::Restart, "restart", "restarts it with its data"));
    told.advise(press(app, ActionId::RestartDown, "restarts all that are down"));
    told.see_concept(Concept::Kill);
    told.see_concept(Concept::Quorum);
    if let Some(leader) = app.world.leader() {
        told.see(format!("{}, the leader", leader.id), Subject::Node(leader.id));
    }
    told
}

/// What it means for the cluster that some nodes are down.
fn others_go_on(app: &App) -> String {
    let voters = app.world.voters();
    let runs = |id: &&NodeId| app.world.node(**id).is_some_and(Node::is_running);
    let running = voters.iter().filter(runs).copied().collect();
    let needed = app.world.majority();
    let (count, of) = (std::collections::BTreeSet::len(&running), voters.len());
    if app.world.is_majority(&running) {
        format!("{count} of {of} voters run and {needed} are needed, so the others can go on without it.")
    } else {
        format!("{count} of {of} voters run and {needed} are needed: nothing can be committed.")
    }
}

/// What is wrong with a node besides its role.
fn trouble(app: &App, node: &Node, told: &mut Explanation) {
    let id = node.id;
    if let Some(step) = app.world.change(id) {
        told.because(format!("{}.", changing(id, step)));
    }
    if node.live().is_some_and(|status| status.disk_stalled == true) {
        told.because(
            "Its disk is stalled, so it neither campaigns nor stays leader if another node can lead.",
        );
        told.see_concept(Concept::StalledDisk);
    }
    match app.world.concern(id) {
        Some(Concern::EmptyDisk { too_many }) => {
            told.because("It came back with another disk than the cluster knows, so it does not vote.");
            if too_many {
                told.because("Too many disks are lost: the members that are left are no majority.");
            } else {
                told.advise(press_for(
                    app,
                    id,
                    ActionId::ReplaceNode,
                    "replace",
                    "removes it and adds it again",
                ));
            }
            told.see_concept(Concept::LostDisk);
        }
        Some(Concern::Removed) => told.because("It no longer belongs to the cluster."),
        Some(Concern::Refused { by, peer, reason }) => {
            told.because(format!("There is no connection between {by} and {peer}: {reason}."));
            let other = if by == id { peer } else { by };
            if app.world.node(other).is_some() {
                told.see(other.to_string(), Subject::Node(other));
            }
        }
        Some(Concern::Founding(text)) => told.because(text),
        None => {}
    }
}

/// Explains a node's vote.
pub(super) fn vote(app: &App, id: NodeId) -> Explanation {
    let title = format!("the vote of {id}");
    let Some(node) = app.world.node(id) else {
        return Explanation::gone(title, "This node is no longer there.");
    };
    let mut told = Explanation::by(Concept::Vote, title);
    match node.raft() {
        None => told.because(format!("{id} has not reported its vote yet.")),
        Some(status) => {
            let in_term = term(status.term);
            let (voted, without) = match absent(node) {
                Some(_) => {
                    ("When it last reported, it had voted", "When it last reported, it had given no vote")
                }
                None => ("It voted", "It has given no vote"),
            };
            told.because(match status.vote {
                Known::Unknown => format!("Its vote in {in_term} is not known."),
                Known::Is(None) => format!("{without} in {in_term}."),
                Known::Is(Some(to)) if to == id => format!("{voted} for itself in {in_term}."),
                Known::Is(Some(to)) => format!("{voted} for {to} in {in_term}."),
            });
            told.advise("Only a newer term lets it vote again.");
            if let Some(to) = status.vote.some().filter(|to| *to != id && app.world.node(*to).is_some()) {
                told.see(to.to_string(), Subject::Node(to));
            }
            told.see(term(status.term), Subject::Term(status.term));
        }
    }
    told.see(id.to_string(), Subject::Node(id));
    told.see_concept(Concept::Vote);
    told.see_concept(Concept::ElectionSafety);
    told
}

/// The nodes from which a node is cut off, as `n1 and n3`.
pub(super) fn cut_from(app: &App, id: NodeId) -> Option<String> {
    let cut = app.world.cut_from(id);
    (!cut.is_empty()).then(|| list(cut))
}
