//! Which node id stands for which of etcd's 64-bit member ids.

use crate::member::{Member, MemberId};
use raftdeck_raft::{Membership, NodeId};
use std::collections::BTreeMap;

/// Which node id stands for which member.
///
/// **Invariant:** one to one, at any time. A node that was wiped and added again has a new member id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberIds {
    nodes: BTreeMap<MemberId, NodeId>,
    members: BTreeMap<NodeId, MemberId>,
}

impl MemberIds {
    /// From now on this node is this member.
    pub fn learn(&mut self, node: NodeId, member: MemberId) {
        self.forget(node);
        if let Some(other) = self.nodes.insert(member, node) {
            self.members.remove(&other);
        }
        self.members.insert(node, member);
    }

    /// The node is no member any more.
    pub fn forget(&mut self, node: NodeId) {
        if let Some(member) = self.members.remove(&node) {
            self.nodes.remove(&member);
        }
    }

    /// The node that is this member.
    #[must_use]
    pub fn node(&self, member: MemberId) -> Option<NodeId> {
        self.nodes.get(&member).copied()
    }

    /// The member that is this node.
    #[must_use]
    pub fn member(&self, node: NodeId) -> Option<MemberId> {
        self.members.get(&node).copied()
    }

    /// All of them, in order of node.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, MemberId)> {
        self.members.iter().map(|(node, member)| (*node, *member))
    }

    /// Gives each member that has none a node id: the next ones after all that were ever given by this map, in the order of the
    /// members' names. Members that are gone keep theirs, so that an id never means two members.
    pub fn number(&mut self, members: &[Member]) {
        let mut new: Vec<&Member> = members.iter().filter(|member| self.node(member.id).is_none()).collect();
        new.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        for member in new {
            let last = self.members.last_key_value().map_or(0, |(node, _)| node.0);
            self.learn(NodeId(last + 1), member.id);
        }
    }

    /// The members as Raft's membership. A member without a node id is left out.
    #[must_use]
    pub fn membership(&self, members: &[Member]) -> Membership {
        let mut membership = Membership::default();
        for member in members {
            let Some(node) = self.node(member.id) else { continue };
            let side = if member.is_learner { &mut membership.learners } else { &mut membership.voters };
            side.insert(node);
            if let Some(url) = member.peer_urls.first() {
                membership.addresses.insert(node, url.clone());
            }
        }
        membership
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, name: &str) -> Member {
        let (peer_urls, client_urls) = (vec![format!("http://{name}")], Vec::new());
        Member { id: MemberId(id), name: name.to_owned(), peer_urls, client_urls, is_learner: name == "z" }
    }

    #[test]
    fn members_are_numbered_by_name_and_keep_their_numbers() {
        let mut ids = MemberIds::default();
        ids.number(&[member(9, "b"), member(8, "a")]);
        assert_eq!((ids.node(MemberId(8)), ids.node(MemberId(9))), (Some(NodeId(1)), Some(NodeId(2))));
        ids.number(&[member(9, "b"), member(1, "0"), member(7, "z")]);
        assert_eq!((ids.node(MemberId(1)), ids.node(MemberId(9))), (Some(NodeId(3)), Some(NodeId(2))));
        let membership = ids.membership(&[member(9, "b"), member(7, "z"), member(5, "unknown")]);
        assert_eq!((membership.voters, membership.learners), ([NodeId(2)].into(), [NodeId(4)].into()));
        assert_eq!(membership.addresses[&NodeId(2)], "http://b");
    }

    #[test]
    fn a_node_is_one_member_at_a_time() {
        let mut ids = MemberIds::default();
        ids.learn(NodeId(1), MemberId(5));
        ids.learn(NodeId(1), MemberId(6));
        assert_eq!((ids.node(MemberId(5)), ids.member(NodeId(1))), (None, Some(MemberId(6))));
        ids.learn(NodeId(2), MemberId(6));
        assert_eq!((ids.member(NodeId(1)), ids.node(MemberId(6))), (None, Some(NodeId(2))));
    }
}
