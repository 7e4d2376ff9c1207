//! What a member says of itself as a [`NodeView`]: what it does not say stays unknown.

use crate::calls::MemberStatus;
use crate::debug_vars::RaftStatus;
use crate::ids::MemberIds;
use crate::member::{Member, MemberId};
use crate::metrics::Metrics;
use raftdeck_model::{Known, NodeView, PeerView, RaftView};
use raftdeck_raft::{ClusterId, LogId, LogIndex, NodeId, Role};

/// What is known of a member besides its Raft state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// Its own state.
    pub status: Option<&'a MemberStatus>,
    /// Its figures.
    pub metrics: Option<&'a Metrics>,
    /// Its figures at an earlier time, for what was measured since.
    pub metrics_before: Option<&'a Metrics>,
    /// The members of the cluster.
    pub members: Option<&'a [Member]>,
}

/// The member's state, as far as it is known. `node` is the node that was asked.
///
/// **Invariant:** committed is not less than applied, although the two are not read at the same moment.
#[must_use]
pub fn node_view(node: NodeId, raft: &RaftStatus, ids: &MemberIds, beside: Beside<'_>) -> NodeView {
    let Beside { status, metrics, metrics_before, members } = beside;
    let mut view = NodeView::new(raft_view(node, raft, ids));
    if let Some(status) = status {
        // What is handed to the store is not applied yet; only the store's own index says what is.
        view.raft.applied = Known::Is(raft.applied.min(LogIndex(status.applied)));
        view.cluster = Known::Is(Some(cluster_id(status.by.cluster)));
    }
    if let Some(metrics) = metrics {
        view.keys = metrics.keys;
        view.fsyncs = metrics.fsyncs;
        // One fsync alone is not told: the mean of those since then.
        view.fsync_micros =
            metrics_before.map_or(Known::Unknown, |before| metrics.fsync_micros_since(before));
    }
    if let Some(members) = members {
        view.raft.membership = Known::Is(ids.membership(members));
        let own = members.iter().find(|member| member.id == raft.member);
        if let Some(url) = own.and_then(|own| own.peer_urls.first()) {
            view.address = Known::Is(url.clone());
        }
    }
    view
}

/// The member's state by its status alone, for where `/debug/vars` is not reached: a client port may serve gRPC only
/// (`--listen-client-http-urls`). `None`: it knows no leader, so its role is not told.
#[must_use]
pub fn node_view_by_status(node: NodeId, status: &MemberStatus, ids: &MemberIds) -> Option<NodeView> {
    let leader = status.leader?;
    let role = if status.by.member == Some(leader) { Role::Leader } else { Role::Follower };
    let mut view = RaftView::new(node, status.term, role);
    view.leader = known(Some(leader), ids);
    view.committed = Known::Is(LogIndex(status.commit.max(status.applied)));
    view.applied = Known::Is(LogIndex(status.applied));
    let mut view = NodeView::new(view);
    view.cluster = Known::Is(Some(cluster_id(status.by.cluster)));
    Some(view)
}

fn raft_view(node: NodeId, raft: &RaftStatus, ids: &MemberIds) -> RaftView {
    let mut view = RaftView::new(node, raft.term, raft.role);
    view.vote = known(raft.vote, ids);
    view.leader = known(raft.leader, ids);
    view.committed = Known::Is(raft.commit);
    view.applied = Known::Is(raft.applied);
    if raft.role == Role::Leader {
        view.transfer = known(raft.transferee, ids);
        // A leader begins its term with an entry of its own, so the last one is of its term.
        if let Some(own) = raft.progress.get(&raft.member) {
            view.last = Known::Is(LogId { term: raft.term, index: own.matched.max(raft.commit) });
        }
        view.peers = Known::Is(peers(raft, ids));
    }
    view
}

/// A leader's followers, in order of node. A member that is no node here is left out.
fn peers(raft: &RaftStatus, ids: &MemberIds) -> Vec<PeerView> {
    let others = raft.progress.iter().filter(|(member, _)| **member != raft.member);
    let mut peers: Vec<PeerView> = others
        .filter_map(|(member, progress)| {
            let mut peer = PeerView::new(ids.node(*member)?);
            peer.matched = Known::Is(progress.matched);
            peer.next = Known::Is(progress.next);
            peer.state = Known::Is(progress.state);
            Some(peer)
        })
        .collect();
    peers.sort_by_key(|peer| peer.id);
    peers
}

/// A member's node. "None" is known; a member that is no node here is not.
fn known(member: Option<MemberId>, ids: &MemberIds) -> Known<Option<NodeId>> {
    match member {
        None => Known::Is(None),
        Some(member) => ids.node(member).map_or(Known::Unknown, |node| Known::Is(Some(node))),
    }
}

/// etcd's 64 bits, after as many that are 0.
#[must_use]
pub fn cluster_id(cluster: u64) -> ClusterId {
    ClusterId(u128::from(cluster).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::Answerer;
    use crate::debug_vars::MemberProgress;
    use raftdeck_raft::{ReplicationState, Term};

    fn leader() -> RaftStatus {
        let progress = |matched: u64| MemberProgress {
            matched: LogIndex(matched),
            next: LogIndex(matched + 1),
            state: ReplicationState::Replicate,
        };
        RaftStatus {
            member: MemberId(10),
            term: Term(4),
            role: Role::Leader,
            vote: Some(MemberId(10)),
            leader: Some(MemberId(10)),
            commit: LogIndex(7),
            applied: LogIndex(7),
            progress: [(MemberId(10), progress(9)), (MemberId(20), progress(7)), (MemberId(30), progress(1))]
                .into(),
            transferee: None,
        }
    }

    fn ids() -> MemberIds {
        let mut ids = MemberIds::default();
        ids.learn(NodeId(1), MemberId(10));
        ids.learn(NodeId(2), MemberId(20));
        ids
    }

    #[test]
    fn a_leader_tells_its_last_entry_and_its_followers() {
        let view = node_view(NodeId(1), &leader(), &ids(), Beside::default()).raft;
        assert_eq!(view.last, LogId { term: Term(4), index: LogIndex(9) });
        assert_eq!((view.vote, view.transfer), (Known::Is(Some(NodeId(1))), Known::Is(None)));
        let peers = view.peers.items();
        assert_eq!(
            peers.iter().map(|peer| (peer.id, peer.matched)).collect::<Vec<_>>(),
            [(NodeId(2), LogIndex(7).into())]
        );
    }

    #[test]
    fn what_a_follower_does_not_tell_is_unknown() {
        let follower = RaftStatus {
            role: Role::Follower,
            vote: None,
            leader: Some(MemberId(30)),
            progress: [].into(),
            ..leader()
        };
        let view = node_view(NodeId(1), &follower, &ids(), Beside::default());
        assert_eq!((view.raft.last, view.raft.peers.is_unknown()), (Known::Unknown, true));
        assert_eq!(view.raft.vote, Known::Is(None));
        assert_eq!(view.raft.leader, Known::Unknown, "a leader that is no node here");
        assert!(view.raft.election_remaining.is_unknown() && view.raft.heartbeat_age.is_unknown());
    }

    #[test]
    fn a_status_alone_tells_the_role_of_a_member_that_knows_a_leader() {
        let status = |leader| MemberStatus {
            by: Answerer { member: Some(MemberId(10)), cluster: 7, ..Answerer::default() },
            version: "3.6.5".to_owned(),
            db_size: 0,
            db_size_in_use: 0,
            leader,
            commit: 8,
            applied: 9,
            term: Term(4),
            is_learner: false,
            errors: Vec::new(),
        };
        let role = |leader| {
            node_view_by_status(NodeId(1), &status(leader), &ids())
                .map(|view| (view.raft.role, view.raft.leader))
        };
        assert_eq!(role(Some(MemberId(10))), Some((Role::Leader, Known::Is(Some(NodeId(1))))));
        assert_eq!(role(Some(MemberId(20))), Some((Role::Follower, Known::Is(Some(NodeId(2))))));
        assert_eq!(role(None), None, "it may be a candidate");
        let view = node_view_by_status(NodeId(1), &status(Some(MemberId(10))), &ids()).expect("a view");
        assert_eq!((view.raft.committed, view.raft.vote), (LogIndex(9).into(), Known::Unknown));
    }
}
