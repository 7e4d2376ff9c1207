//! What this node has learned from the other members: which of them came back with another disk, which disks the
//! membership does not list yet, and whether they still list this node. Sends nothing itself.

use raftdeck_protocol::founding::{Note, NoteStage};
use raftdeck_protocol::{Notice, NoticeKind};
use raftdeck_raft::{Incarnation, LogIndex, Membership, NodeId};
use std::collections::BTreeMap;

/// What was heard last of each member that could be asked.
#[derive(Debug, Default)]
pub(crate) struct Acquaintances(BTreeMap<NodeId, Note>);

impl Acquaintances {
    /// A member was asked, and has answered, or not.
    pub(crate) fn met(&mut self, member: NodeId, note: Option<Note>) {
        match note {
            Some(note) => drop(self.0.insert(member, note)),
            None => drop(self.0.remove(&member)),
        }
    }

    /// Another membership is in force.
    pub(crate) fn follow(&mut self, membership: &Membership) {
        self.0.retain(|node, _| membership.contains(*node));
    }

    /// Whether a member has to be asked. One that is connected to this node is authenticated.
    pub(crate) fn is_wanted(&self, member: NodeId, membership: &Membership, is_connected: bool) -> bool {
        let Some(note) = self.0.get(&member) else { return true };
        let is_settled = matches!(note.stage, NoteStage::Member { cluster: Some(_), .. }) && note.has_secret;
        let is_known = membership.incarnations.get(&member) == Some(&note.incarnation);
        !(is_connected && is_settled && is_known)
    }

    /// The members with another disk than the cluster knows them by: the disk that was seen. In a cluster without identities: voters
    /// that know nothing of it.
    pub(crate) fn strangers(&self, membership: &Membership) -> BTreeMap<NodeId, Incarnation> {
        let is_stranger = |(node, note): &(&NodeId, &Note)| match membership.incarnations.get(node) {
            Some(known) => *known != note.incarnation,
            None => membership.is_voter(**node) && !note.is_member(),
        };
        self.0.iter().filter(is_stranger).map(|(node, note)| (*node, note.incarnation)).collect()
    }

    /// The disks of members that the cluster does not know yet. A learner may know nothing of the cluster; a voter that does not
    /// has lost its disk.
    pub(crate) fn to_identify(&self, membership: &Membership) -> BTreeMap<NodeId, Incarnation> {
        let is_unknown = |(node, note): &(&NodeId, &Note)| {
            let is_ours = match note.stage {
                NoteStage::Member { cluster, .. } => cluster.is_none() || cluster == membership.cluster,
                NoteStage::Gathering { .. } | NoteStage::Joining { .. } => membership.learners.contains(node),
                NoteStage::Adopted(_) => false,
            };
            is_ours && membership.contains(**node) && !membership.incarnations.contains_key(node)
        };
        self.0.iter().filter(is_unknown).map(|(node, note)| (*node, note.incarnation)).collect()
    }

    /// Whether all these were heard to have no secret.
    pub(crate) fn none_has_secret<'a>(&self, mut nodes: impl Iterator<Item = &'a NodeId>) -> bool {
        nodes.all(|node| self.0.get(node).is_some_and(|note| !note.has_secret))
    }

    /// The members that came back with an empty disk. `place`: where they are reached.
    pub(crate) fn of_strangers(
        &self,
        membership: &Membership,
        place: impl Fn(NodeId) -> String,
    ) -> Vec<Notice> {
        let strangers = self.strangers(membership);
        let left = membership.voters.iter().filter(|voter| !strangers.contains_key(voter)).count();
        let is_lost = left <= membership.voters.len() / 2;
        let of = |(node, disk): (&NodeId, &Incarnation)| {
            let remedy = if is_lost {
                "too many disks are missing: the remaining members have no majority: put the old data directories back"
                    .to_owned()
            } else {
                format!(
                    "replace it with `raftdeck client member replace {node}`, or put the old directory back"
                )
            };
            let known = membership.incarnations.get(node);
            let known =
                known.map_or_else(String::new, |known| format!(", the membership lists disk {known}"));
            let text =
                format!("{node} is back with an empty disk ({disk}{known}), and does not vote: {remedy}");
            Notice { about: *node, kind: NoticeKind::EmptyDisk { disk: *disk, address: place(*node) }, text }
        };
        strangers.iter().map(of).collect()
    }

    /// Whether members of this node's own cluster know a newer membership without it.
    pub(crate) fn of_removal(
        &self,
        me: NodeId,
        own: Incarnation,
        membership: &Membership,
        index: LogIndex,
    ) -> Option<Notice> {
        if membership.members().is_empty() {
            return None;
        }
        if !membership.contains(me) {
            return Some(removed(me, "its log"));
        }
        self.0.iter().find_map(|(node, note)| match &note.stage {
            NoteStage::Member { cluster, members, index: theirs }
                if *cluster == membership.cluster && *theirs > index =>
            {
                match members.get(&me) {
                    None => Some(removed(me, &node.to_string())),
                    Some(Some(disk)) if *disk != own => Some(Notice {
                        about: me,
                        kind: NoticeKind::Removed,
                        text: format!(
                            "{me} was replaced in this cluster by a node with disk {disk}, as {node} says, and \
                             this directory (disk {own}) is no longer a member: stop this node"
                        ),
                    }),
                    Some(_) => None,
                }
            }
            _ => None,
        })
    }
}

fn removed(me: NodeId, says: &str) -> Notice {
    let text = format!(
        "{me} was removed from this cluster, as {says} says: stop it, or add it again with an empty data directory and \
         `raftdeck client member add {me} HOST:PORT`"
    );
    Notice { about: me, kind: NoticeKind::Removed, text }
}
