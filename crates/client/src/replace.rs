//! Replacing a member that came back with an empty disk: it is removed, added as a learner with its new disk, and
//! promoted. Each step is a membership change of its own, and the next step follows from the membership: so the same
//! call completes a replacement that was interrupted.

use crate::backoff::Backoff;
use crate::client::{Changed, Client, leads};
use crate::error::ClientError;
use raftdeck_protocol::{NodeStatus, NoticeKind};
use raftdeck_raft::{Incarnation, Membership, MembershipChange, NodeId};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A step of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceStep {
    /// The member with the old disk is removed.
    Removed,
    /// It is added again with its new disk, as a learner.
    Added,
    /// It has caught up and is a voter.
    Promoted,
}

/// What is known of the new node.
#[derive(Debug, Default)]
struct Newcomer {
    disk: Option<Incarnation>,
    address: Option<String>,
}

/// The next action.
enum NextReplaceStep {
    Change(ReplaceStep, MembershipChange),
    Done,
    /// Something must happen first: what.
    Wait(&'static str),
    Refuse(String),
}

/// The polling interval.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSE: Duration = Duration::from_millis(500);

impl Client {
    /// Replaces a member that lost its disk by the node that is there now under its id, with an empty data directory.
    /// `address`: its Raft address, if it has another one than before. `told` is called for each committed step. If
    /// it is interrupted, calling it again completes it. Answers when the node votes.
    pub async fn replace_member(
        &self,
        node: NodeId,
        address: Option<String>,
        deadline: Duration,
        mut told: impl FnMut(ReplaceStep, &Changed),
    ) -> Result<Changed, ClientError> {
        let until = Instant::now() + deadline;
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        let mut newest = None;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let statuses = self.statuses(left).await;
            let leader = statuses.iter().find(|status| leads(status));
            let next = match leader {
                None => NextReplaceStep::Wait(NO_LEADER),
                Some(leader) => next_at(node, leader, &newcomer(node, &statuses, address.as_ref())),
            };
            match (next, leader) {
                (NextReplaceStep::Done, Some(leader)) => {
                    return Ok(newest.unwrap_or_else(|| as_it_is(leader)));
                }
                (NextReplaceStep::Change(step, change), _) => {
                    let changed = self.change_membership(vec![change], left).await?;
                    told(step, &changed);
                    newest = Some(changed);
                    pauses.reset();
                }
                (NextReplaceStep::Refuse(why), Some(leader)) => {
                    return Err(ClientError::Rejected { node: leader.raft.id, why });
                }
                (NextReplaceStep::Wait(what), _) if left.is_zero() => {
                    return Err(late(node, what, deadline, &statuses));
                }
                (NextReplaceStep::Wait(_) | NextReplaceStep::Done | NextReplaceStep::Refuse(_), _) => {
                    sleep(pauses.pause().min(left)).await;
                }
            }
        }
    }

    /// The states of all nodes that are known and answer.
    async fn statuses(&self, left: Duration) -> Vec<NodeStatus> {
        let span = self.patience().min(left);
        let addresses = self.addresses();
        let asked = addresses.iter().map(|address| self.status(address, span));
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }
}

const NO_LEADER: &str = "no leader answers";

/// Its state according to the leader, and to the node itself.
fn newcomer(node: NodeId, statuses: &[NodeStatus], address: Option<&String>) -> Newcomer {
    let mut newcomer = Newcomer { disk: None, address: address.cloned() };
    for status in statuses {
        for notice in status.notices.iter().filter(|notice| notice.about == node) {
            if let NoticeKind::EmptyDisk { disk, address } = &notice.kind {
                newcomer.disk.get_or_insert(*disk);
                newcomer.address.get_or_insert_with(|| address.clone());
            }
        }
        if status.raft.id == node {
            newcomer.disk = newcomer.disk.or(status.incarnation);
            newcomer.address.get_or_insert_with(|| status.address.clone());
        }
    }
    newcomer
}

/// As the leader sees it.
fn next_at(node: NodeId, leader: &NodeStatus, newcomer: &Newcomer) -> NextReplaceStep {
    let raft = &leader.raft;
    if raft.membership.is_joint() || raft.membership_index > raft.committed {
        return NextReplaceStep::Wait("another membership change is under way");
    }
    let peer = raft.peers.iter().find(|peer| peer.id == node);
    let is_heard =
        peer.and_then(|peer| peer.last_heard).is_some_and(|age| age < raft.tuning.timing.election_max);
    next(node, &raft.membership, node == raft.id || is_heard, newcomer)
}

/// `is_heard`: the member answers its leader.
fn next(node: NodeId, membership: &Membership, is_heard: bool, newcomer: &Newcomer) -> NextReplaceStep {
    if !membership.contains(node) {
        let Some(address) = newcomer.address.clone() else {
            return NextReplaceStep::Refuse(format!(
                "{node} is no longer a member, and the address of its new node is unknown: give its address \
                 (member replace {node} HOST:PORT)"
            ));
        };
        let change = MembershipChange::AddLearner { node, address, incarnation: newcomer.disk };
        return NextReplaceStep::Change(ReplaceStep::Added, change);
    }
    let is_voter = membership.voters.contains(&node);
    let known = membership.incarnations.get(&node);
    let is_another = newcomer.disk.is_some() && newcomer.disk.as_ref() != known;
    match known {
        Some(_) if is_another => {
            NextReplaceStep::Change(ReplaceStep::Removed, MembershipChange::Remove { node })
        }
        None if is_another && is_voter => {
            NextReplaceStep::Change(ReplaceStep::Removed, MembershipChange::Remove { node })
        }
        None => NextReplaceStep::Wait("the cluster does not know its data directory yet: is it running?"),
        Some(_) if !is_voter => {
            NextReplaceStep::Change(ReplaceStep::Promoted, MembershipChange::Promote { node })
        }
        // It has said so itself, or answers its leader.
        Some(_) if newcomer.disk.is_some() || is_heard => NextReplaceStep::Done,
        Some(_) => {
            NextReplaceStep::Wait("no node with this id and an empty data directory has connected: start it")
        }
    }
}

/// The membership of a replacement that was complete before.
fn as_it_is(leader: &NodeStatus) -> Changed {
    let raft = &leader.raft;
    Changed {
        membership: raft.membership.clone(),
        term: raft.term,
        index: raft.membership_index,
        node: raft.id,
    }
}

fn late(node: NodeId, what: &str, after: Duration, statuses: &[NodeStatus]) -> ClientError {
    // The nodes may know better why there is no leader.
    let notice = statuses.iter().flat_map(|status| &status.notices).find(|notice| notice.about == node);
    let why =
        notice.filter(|_| what == NO_LEADER).map_or_else(|| what.to_owned(), |notice| notice.text.clone());
    ClientError::TimedOut {
        after,
        last: format!("{node} is not replaced yet: {why}; repeat the command to continue"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: NodeId = NodeId(2);
    const OLD: Incarnation = Incarnation([1; 16]);
    const NEW: Incarnation = Incarnation([2; 16]);

    fn step(membership: &Membership, disk: Option<Incarnation>) -> Option<ReplaceStep> {
        let newcomer = Newcomer { disk, address: Some("here:1".to_owned()) };
        match next(TWO, membership, false, &newcomer) {
            NextReplaceStep::Change(step, _) => Some(step),
            NextReplaceStep::Done | NextReplaceStep::Wait(_) | NextReplaceStep::Refuse(_) => None,
        }
    }

    #[test]
    fn what_is_left_to_do_is_read_off_the_membership() {
        let voters = (1..=3).map(NodeId).collect();
        let mut membership = Membership::of(voters);
        membership.incarnations.insert(TWO, OLD);
        assert_eq!(step(&membership, None), None, "nobody has come back");
        assert_eq!(step(&membership, Some(OLD)), None, "it has its disk");
        let own = Newcomer { disk: Some(OLD), address: None };
        assert!(
            matches!(next(TWO, &membership, false, &own), NextReplaceStep::Done),
            "whether or not its leader hears it"
        );
        assert!(matches!(next(TWO, &membership, false, &Newcomer::default()), NextReplaceStep::Wait(_)));
        assert_eq!(step(&membership, Some(NEW)), Some(ReplaceStep::Removed));
        membership.voters.remove(&TWO);
        membership.incarnations.remove(&TWO);
        assert_eq!(step(&membership, Some(NEW)), Some(ReplaceStep::Added));
        assert_eq!(step(&membership, None), Some(ReplaceStep::Added), "it is identified when it is met");
        membership.learners.insert(TWO);
        assert_eq!(step(&membership, Some(NEW)), None, "it is to be identified first");
        membership.incarnations.insert(TWO, NEW);
        assert_eq!(step(&membership, Some(NEW)), Some(ReplaceStep::Promoted));
        membership.learners.remove(&TWO);
        membership.voters.insert(TWO);
        assert_eq!(step(&membership, Some(NEW)), None);
    }
}
