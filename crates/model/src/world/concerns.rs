//! Conditions that need an operator, as the running nodes report them.

use super::{Node, World};
use crate::view::NodeView;
use raftdeck_protocol::{NoticeKind, RefusalReason, RefusedPeer};
use raftdeck_raft::{Membership, NodeId};
use std::collections::BTreeSet;
use std::time::Duration;

/// A founding normally takes less; one that takes longer waits for an operator.
const FOUNDED_BY_THEN: Duration = Duration::from_secs(2);

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// It came back with another disk than the cluster knows, and does not vote.
    EmptyDisk {
        /// Too many disks are lost: the members that are left cannot decide anything.
        too_many: bool,
    },
    /// It no longer belongs to the cluster.
    Removed,
    /// It refuses another node, or another one refuses it.
    Refused {
        /// Which node reports it.
        by: NodeId,
        /// The other one.
        peer: NodeId,
        /// Why.
        reason: RefusalReason,
    },
    /// It belongs to no cluster yet, for this reason, and by now it should.
    Founding(String),
}

impl World {
    /// What is wrong with a node: the worst condition that is reported, and of several refusals the newest.
    #[must_use]
    pub fn concern(&self, id: NodeId) -> Option<Concern> {
        let own = self.node(id).filter(|node| node.live().is_some()).and_then(|node| node.status.as_ref());
        let own_notice = |wanted: fn(&NoticeKind) -> bool| {
            own.and_then(|status| status.notices.items().iter().find(|notice| wanted(&notice.kind)))
        };
        if let Some(too_many) = self.reports().find_map(|(_, status)| empty_disk(status, id)) {
            return Some(Concern::EmptyDisk { too_many });
        }
        if own_notice(|kind| matches!(kind, NoticeKind::Removed)).is_some() {
            return Some(Concern::Removed);
        }
        if let Some((by, RefusedPeer { id: peer, reason, .. })) = self.newest_refusal(id) {
            return Some(Concern::Refused { by, peer: *peer, reason: reason.clone() });
        }
        let is_late = own.is_some_and(|status| {
            status.uptime_micros.is(|micros| Duration::from_micros(*micros) > FOUNDED_BY_THEN)
        });
        let founding = own_notice(|kind| matches!(kind, NoticeKind::Founding)).filter(|_| is_late)?;
        Some(Concern::Founding(founding.text.clone()))
    }

    /// The newest refusal that this node causes.
    fn newest_refusal(&self, id: NodeId) -> Option<(NodeId, &RefusedPeer)> {
        let refusals =
            self.reports().flat_map(|(by, status)| status.refused.items().iter().map(move |r| (by, r)));
        let its = refusals.filter(|(by, refused)| named(&refused.reason).unwrap_or(*by) == id);
        its.max_by_key(|(_, refused)| refused.since_unix_ms)
    }

    /// What the running nodes report, the leader first.
    fn reports(&self) -> impl Iterator<Item = (NodeId, &NodeView)> {
        let leader = self.leader();
        let others = self.nodes().filter(move |node| leader.is_none_or(|leader| leader.id != node.id));
        let all = leader.into_iter().chain(others).filter(|node| node.live().is_some());
        all.filter_map(|node: &Node| Some((node.id, &**node.status.as_ref()?)))
    }
}

/// Whether this status reports that a node has an empty disk, and whether too few members are left.
fn empty_disk(status: &NodeView, id: NodeId) -> Option<bool> {
    let is_empty = |kind: &NoticeKind| matches!(kind, NoticeKind::EmptyDisk { .. });
    let empty: BTreeSet<NodeId> = status
        .notices
        .items()
        .iter()
        .filter(|notice| is_empty(&notice.kind))
        .map(|notice| notice.about)
        .collect();
    let too_many =
        |membership: &Membership| 2 * membership.voters.difference(&empty).count() <= membership.voters.len();
    empty.contains(&id).then(|| status.raft.membership.is(too_many))
}

/// The node that a reason for a refusal is about, if it says so.
fn named(reason: &RefusalReason) -> Option<NodeId> {
    match reason {
        RefusalReason::UnknownPeer { id }
        | RefusalReason::Certificate { id }
        | RefusalReason::Secret { id }
        | RefusalReason::Incarnation { id, .. }
        | RefusalReason::OldBoot { id, .. } => Some(*id),
        RefusalReason::NotRaftdeck
        | RefusalReason::Version { .. }
        | RefusalReason::Cluster { .. }
        | RefusalReason::WrongNode { .. }
        | RefusalReason::WrongPort
        | RefusalReason::Token
        | RefusalReason::TlsNeeded
        | RefusalReason::Unproven
        | RefusalReason::OtherCluster { .. }
        | RefusalReason::OtherUser { .. } => None,
    }
}
