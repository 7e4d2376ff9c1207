//! Changes of the membership (thesis ch. 4): learners, promotion, joint configurations, and leaders that leave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apart;
mod changes;
mod joint;
#[path = "../support/mod.rs"]
mod support;

use raftdeck_raft::{
    AppendEntries, ChangeError, Entry, LogIndex, Membership, MembershipChange, Message, NodeId, Payload,
    Role, StepDownReason, Term, Timing, TraceEvent, VoteRefusal, VoteRequest,
};
use std::collections::BTreeSet;
use support::*;

const N6: NodeId = NodeId(6);

fn add(node: NodeId) -> MembershipChange {
    MembershipChange::AddLearner { node, address: format!("{node}:1"), incarnation: None }
}

fn promote(node: NodeId) -> MembershipChange {
    MembershipChange::Promote { node }
}

fn remove(node: NodeId) -> MembershipChange {
    MembershipChange::Remove { node }
}

fn set<const N: usize>(ids: [NodeId; N]) -> BTreeSet<NodeId> {
    BTreeSet::from(ids)
}

/// N1 leads and has committed in its term.
fn led(voters: u64) -> Cluster {
    let mut cluster = Cluster::new(voters);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

/// Makes a change at the leader and waits for its end.
fn carry_out(cluster: &mut Cluster, leader: NodeId, changes: &[MembershipChange]) {
    let before = cluster.members[&leader].changes.len();
    cluster.change(leader, changes).unwrap();
    cluster.settle();
    cluster.run_until("the change is done", |c| c.members[&leader].changes.len() > before);
    cluster.members[&leader].changes[before].as_ref().unwrap();
}

fn with_learner() -> Cluster {
    let mut cluster = led(3);
    cluster.join(N4);
    carry_out(&mut cluster, N1, &[add(N4)]);
    cluster
}

fn membership(cluster: &Cluster, id: NodeId) -> Membership {
    cluster.status(id).membership
}

fn entry_of(term: u64, index: u64, membership: Membership) -> Entry {
    Entry { id: id(term, index), payload: Payload::Membership(Box::new(membership)) }
}

fn append(term: u64, prev: (u64, u64), entries: &[Entry], commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev.0, prev.1),
        entries: entries.to_vec(),
        commit: LogIndex(commit),
        round: 1,
    })
}
