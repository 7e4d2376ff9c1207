//! Explains a running node by its role.

use super::node::cut_from;
use super::words::{absent, entries, list, press, press_for, term, verb};
use super::{Explanation, words};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::Subject;
use crate::app::timers::age_words;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{Known, LinkState, MemberStanding, Node, RaftView, Reach, percent};
use raftdeck_raft::{LogIndex, NodeId, ReplicationState, Role, Term};
use std::collections::BTreeSet;
use std::time::Duration;

/// A role with its article.
pub(super) fn named(role: Role) -> &'static str {
    match role {
        Role::Follower => "a follower",
        Role::PreCandidate => "a pre-candidate",
        Role::Candidate => "a candidate",
        Role::Leader => "the leader",
    }
}

/// Explains a node that believes it leads.
pub(super) fn leader(app: &App, node: &Node) -> Explanation {
    let Some(status) = node.live() else { return Explanation::default() };
    let (id, at) = (node.id, term(status.term));
    let newer = app
        .world
        .leaders()
        .filter(|(newer, other)| *newer > status.term && other.id != id)
        .max_by_key(|(t, _)| *t);
    let mut told = if let Some((newer, other)) = newer {
        stale(app, node, newer, other.id)
    } else {
        let mut told = Explanation::by(Concept::Leader, format!("{id}, leader of {at}"));
        told.because(elected(app, id, status.term));
        reach(app, id, status, &mut told);
        if app.world.is_joint() {
            told.because(joint(app));
            told.see_concept(Concept::JointConsensus);
        }
        told
    };
    if let Some(to) = status.transfer.some() {
        told.because(format!("It is handing over to {to} and takes no writes until that is done."));
        told.see_concept(Concept::LeadershipTransfer);
    }
    told.see(at, Subject::Term(status.term));
    if let Some(last) = status.last_index().filter(|last| *last != LogIndex::ZERO) {
        told.see(format!("entry {last}, its last"), Subject::Entry(last));
    }
    told.see_concept(Concept::Quorum);
    told.see_concept(Concept::CheckQuorum);
    told
}

/// A leader of an old term that does not know that.
fn stale(app: &App, node: &Node, newer: Term, other: NodeId) -> Explanation {
    let id = node.id;
    let mut told = Explanation::by(Concept::StaleLeader, format!("{id}, a stale leader"));
    told.because(format!("{other} leads {}, and {id} has not heard of it.", term(newer)));
    if let Some(cut) = cut_from(app, id) {
        told.because(format!("It is cut off from {cut}."));
        told.advise(press(
            app,
            ActionId::Heal,
            "heals the links: the first message of the newer term makes it a follower",
        ));
    }
    if node.live().is_some_and(|status| status.tuning.is(|tuning| tuning.check_quorum)) {
        told.because("Without answers from a majority it steps down by itself (CheckQuorum).");
    }
    told.see(format!("{other}, the newer leader"), Subject::Node(other));
    told
}

/// Why it leads: the votes that are known.
fn elected(app: &App, id: NodeId, at: Term) -> String {
    let voted = |node: &&Node| {
        node.id != id && node.raft().is_some_and(|status| status.term == at && status.vote == Some(id))
    };
    let voters: Vec<NodeId> = app.world.nodes().filter(voted).map(|node| node.id).collect();
    if voters.is_empty() {
        return format!("It was elected for {} by a majority of the voters.", term(at));
    }
    let have = verb(voters.len(), "has", "have");
    format!("It was elected for {}; {} {have} voted for it.", term(at), list(voters))
}

/// Whom it reaches, and whether it can commit.
fn reach(app: &App, id: NodeId, status: &RaftView, told: &mut Explanation) {
    let reach = app.world.reach(id, status.term);
    let reached = reach.reached.copied().map_or_else(|| "?".to_owned(), |reached| reached.to_string());
    let counted = format!("{reached} of {} voters and needs {}", reach.of, reach.needed);
    if reach.is_enough && !status.lacks_quorum() {
        told.because(format!("It reaches {counted}, so it can commit."));
        told.advise(press(app, ActionId::KillLeader, "kills it"));
        told.advise(press(app, ActionId::Partition, "cuts it off"));
        told.advise(without_it(&reach));
    } else {
        told.because(format!("It reaches {counted}: it can commit nothing."));
        let missing = unreached(app, id, status.term);
        if !missing.is_empty() {
            told.because(format!("{}.", missing.join(", ")));
        }
        if status.tuning.is(|tuning| tuning.check_quorum) {
            told.because("If that lasts for an election timeout, it steps down (CheckQuorum).");
        }
        told.advise(press(app, ActionId::Heal, "heals every link and resumes paused nodes"));
        told.advise(press(app, ActionId::RestartDown, "restarts all that are down"));
    }
}

/// What follows if it is gone, as far as it is known.
fn without_it(reach: &Reach) -> &'static str {
    match reach.reached.copied() {
        Some(reached) if reached > reach.needed => {
            "Then the others elect another leader, normally within about an election timeout."
        }
        Some(_) if reach.of > 1 => {
            "Then the voters that are left are no majority, and nothing can be committed."
        }
        _ => "",
    }
}

/// What a leader needs while the membership changes.
fn joint(app: &App) -> String {
    let joint = app.world.configuration().filter(|membership| membership.is_joint());
    joint.map_or_else(String::new, |membership| {
        let (old, new) = (list(&membership.outgoing), list(&membership.voters));
        format!("The membership is changing: it needs a majority of {old}, and one of {new}.")
    })
}

/// Each voter that a leader does not reach, and why, as far as it is known.
fn unreached(app: &App, leader: NodeId, at: Term) -> Vec<String> {
    let is_missing = |id: &NodeId| app.world.reaches(leader, at, *id) == false;
    let why = |id: NodeId| {
        let absent = app.world.node(id).map_or(Some("is not known"), absent);
        let is_cut = app.world.is_cut(leader, id) || app.world.is_cut(id, leader);
        match (absent, is_cut) {
            (Some(why), _) => format!("{id} {why}"),
            (None, true) => format!("{id} is cut off from it"),
            (None, false) => format!("{id} does not answer it"),
        }
    };
    app.world.voters().into_iter().filter(is_missing).map(why).collect()
}

/// Explains a node that asks for votes, or for pre-votes.
pub(super) fn candidate(app: &App, node: &Node, pre_vote: bool) -> Explanation {
    let Some(status) = node.live() else { return Explanation::default() };
    let id = node.id;
    let (concept, asks) =
        if pre_vote { (Concept::PreCandidate, "pre-vote") } else { (Concept::Candidate, "vote") };
    // A pre-candidate asks about the term after its own (thesis §9.6).
    let at = Term(status.term.0.saturating_add(pre_vote.into()));
    let role = if pre_vote { "pre-candidate" } else { "candidate" };
    let mut told = Explanation::by(concept, format!("{id}, {role} in {}", term(status.term)));
    told.because(answers(app, id, status, asks));
    let can = able_to_answer(app, id);
    if app.world.is_majority(&can) {
        told.because(format!(
            "With a majority of yes it {}.",
            if pre_vote { "raises its term and campaigns" } else { "leads" }
        ));
    } else {
        told.because(cannot_win(app, id, &can, pre_vote));
        told.advise(press(app, ActionId::Heal, "heals every link and resumes paused nodes"));
        told.advise(press(app, ActionId::RestartDown, "restarts all that are down"));
    }
    if !pre_vote {
        told.see(term(at), Subject::Term(at));
        told.see("its vote", Subject::Vote(id));
    }
    if let Some(leader) = app.world.leader().filter(|leader| leader.id != id) {
        told.see(format!("{}, the leader", leader.id), Subject::Node(leader.id));
    }
    told.see_concept(if pre_vote { Concept::PreVote } else { Concept::Vote });
    told.see_concept(Concept::Quorum);
    told.see_concept(if pre_vote { Concept::Partition } else { Concept::SplitVote });
    told
}

/// The answers so far.
fn answers(app: &App, id: NodeId, status: &RaftView, asks: &str) -> String {
    let needed = app.world.majority();
    let Some(votes) = status.votes.get() else {
        return format!("It needs {needed} {asks}s; the answers so far are not known.");
    };
    let of = |wanted: bool| -> BTreeSet<NodeId> {
        votes.iter().filter(|(from, yes)| *yes == wanted && *from != id).map(|(from, _)| *from).collect()
    };
    let (yes, no) = (of(true), of(false));
    let mut text = format!("It has {} of the {needed} {asks}s that it needs: its own", yes.len() + 1);
    if !yes.is_empty() {
        text = format!("{text} and {}'s", list(&yes).replace(" and ", "'s and "));
    }
    if !no.is_empty() {
        text = format!("{text}; {} said no", list(&no));
    }
    text + "."
}

/// Itself, and the voters whose answers can reach it: they run, and no link between is cut.
fn able_to_answer(app: &App, id: NodeId) -> BTreeSet<NodeId> {
    let world = &app.world;
    let can = |other: &NodeId| {
        let runs = world.node(*other).is_some_and(Node::is_running);
        *other == id || (runs && !world.is_cut(id, *other) && !world.is_cut(*other, id))
    };
    world.voters().into_iter().filter(can).collect()
}

fn cannot_win(app: &App, id: NodeId, can: &BTreeSet<NodeId>, pre_vote: bool) -> String {
    let others = can.iter().filter(|other| **other != id).count();
    let cut = cut_from(app, id).map_or_else(String::new, |cut| format!("It is cut off from {cut}: "));
    let who = match others {
        0 => "no other voter can answer".to_owned(),
        1 => "only 1 other voter can answer".to_owned(),
        others => format!("only {others} other voters can answer"),
    };
    let stays = if pre_vote { " and it stays in its term" } else { "" };
    let text = format!("{cut}{who}, so it cannot win{stays}.");
    if cut.is_empty() { capital(&text) } else { text }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Explains a follower, a learner, or a node that is no member.
pub(super) fn follower(app: &App, node: &Node, now: Duration) -> Explanation {
    let Some(status) = node.live() else { return Explanation::default() };
    let id = node.id;
    let standing = app.world.standing(id);
    let (concept, role) = match standing {
        MemberStanding::Voter => (Concept::Follower, "follower"),
        MemberStanding::Learner => (Concept::Learner, "learner"),
        MemberStanding::Outside => (Concept::Membership, "not a member"),
    };
    let at = term(status.term);
    let title = if standing == MemberStanding::Outside {
        format!("{id}, {role}")
    } else {
        format!("{id}, {role} in {at}")
    };
    let mut told = Explanation::by(concept, title);
    let leader = status.leader.some().filter(|leader| app.world.node(*leader).is_some());
    match leader.filter(|_| !status.lacks_quorum()) {
        _ if standing == MemberStanding::Outside => {
            told.because(
                "The membership in force does not name it: it does not vote, and no leader sends it entries.",
            );
        }
        Some(leader) => {
            follows(app, node, leader, now, &mut told);
        }
        None => lost(app, node, &mut told),
    }
    behind(app, id, &mut told);
    told.see(at, Subject::Term(status.term));
    if standing == MemberStanding::Voter {
        told.see("its vote", Subject::Vote(id));
        told.see_concept(Concept::ElectionTimeout);
    }
    told.see_concept(if standing == MemberStanding::Voter {
        Concept::Heartbeat
    } else {
        Concept::Membership
    });
    told
}

/// It hears its leader.
fn follows(app: &App, node: &Node, leader: NodeId, now: Duration, told: &mut Explanation) {
    let id = node.id;
    let timeout = node.live().and_then(|status| status.election_timeout.copied());
    let mut text = format!("It follows {leader}");
    match (app.timers(node, now).heartbeat, timeout) {
        (Known::Is(Some(age)), Some(timeout)) if age > timeout => {
            text.push_str("; when it heard it last is not known");
        }
        (Known::Is(Some(age)), _) => {
            text = format!("{text} and heard it {} ago", age_words(age).replacen('<', "less than ", 1));
        }
        _ => {}
    }
    if let Some(timeout) = timeout.filter(|_| app.world.standing(id) == MemberStanding::Voter) {
        text = format!("{text}; it campaigns after {} ms of silence", timeout.as_millis());
    }
    told.because(text + ".");
    if let Some(why) = app.world.node(leader).and_then(absent) {
        told.because(format!("{leader} {why}, so the silence has begun."));
    } else {
        match app.world.link_state(leader, id) {
            LinkState::Open => {}
            LinkState::Cut => {
                told.because(format!(
                    "The link from {leader} to it is cut, so no heartbeat can come any more."
                ));
            }
            LinkState::Refused => told.because(format!(
                "The connections from {leader} to it are refused, so no heartbeat can come any more."
            )),
        }
    }
    told.advise(press(app, ActionId::KillLeader, "kills its leader"));
    told.advise(press_for(app, id, ActionId::Isolate, "isolate", "cuts it off"));
    told.see(format!("{leader}, its leader"), Subject::Node(leader));
    told.see(format!("link {leader} -> {id}"), Subject::Link { from: leader, to: id });
}

/// It hears no leader.
fn lost(app: &App, node: &Node, told: &mut Explanation) {
    let Some(status) = node.live() else { return };
    if status.leader.is_unknown() {
        told.because("Which leader it follows is not known.");
        return;
    }
    told.because(status.leader.some().map_or_else(
        || "It knows no leader.".to_owned(),
        |leader| format!("It has not heard {leader}, its leader, for an election timeout."),
    ));
    if let Some(cut) = cut_from(app, node.id) {
        told.because(format!("It is cut off from {cut}."));
        told.advise(press(app, ActionId::Heal, "heals every link"));
    }
    if app.world.standing(node.id) == MemberStanding::Voter {
        let asks = match status.tuning.get().map(|tuning| tuning.pre_vote) {
            Some(true) => "asks for pre-votes",
            Some(false) => "asks for votes",
            None => "campaigns",
        };
        told.because(format!("When its election timeout has run out, it {asks}."));
    }
}

/// How far it is behind, as its leader sees it.
fn behind(app: &App, id: NodeId, told: &mut Explanation) {
    let Some(peer) = app.world.as_leader_sees(id) else { return };
    let Some(leader) = app.world.leader() else { return };
    if peer.state == ReplicationState::Snapshot {
        let part = percent(peer).map_or_else(String::new, |percent| format!(", {percent}% so far"));
        told.because(format!(
            "{} sends it a snapshot{part}: the entries it needs are no longer in the log.",
            leader.id
        ));
        told.see_concept(Concept::Snapshot);
        return;
    }
    let last = leader.live().and_then(RaftView::last_index);
    let (Some(last), Some(matched)) = (last, peer.matched.copied()) else { return };
    match last.0.saturating_sub(matched.0) {
        0 => {}
        lag if matched == LogIndex::ZERO => {
            told.because(format!(
                "{} does not know yet how far its log matches ({} to check).",
                leader.id,
                entries(lag)
            ));
            told.see_concept(Concept::MatchIndex);
        }
        lag => {
            told.because(format!("{} knows of {} that it does not have.", leader.id, words::entries(lag)));
            told.see_concept(Concept::ReplicationLag);
        }
    }
}
