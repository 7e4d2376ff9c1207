//! Verifies that a node is the member it claims to be, by its data directory and its number of starts. Pure: a node's
//! handshake and the simulator's network use it, and store the result on disk.
//!
//! A data directory counts its starts, and draws a nonce at each. A copy of a directory, or one that was restored
//! from an older copy, lacks votes and entries that it acknowledged. It is detected by a smaller number than one seen
//! before, or by the same number with another nonce.
//!
//! This cannot detect a copy of a directory whose original was not started again after the copy was made, or not seen
//! since by the verifying node, nor a copy that was started more often than its original.

use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{Boot, ClusterId, Incarnation, LogId, Membership, NodeId, Standing};
use std::collections::BTreeMap;

/// This many starts are remembered of directories that belong to no member. Members are always remembered.
const STRANGERS: usize = 64;

/// Why a node is not listened to. Each sentence is for both sides, and names the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It belongs to another cluster of the same name.
    #[error(
        "{peer} belongs to cluster {theirs}, not to cluster {ours}: they have the same name and were founded separately. Start it with \
         the members of its own cluster, or with an empty data directory"
    )]
    OtherCluster {
        /// Which node.
        peer: NodeId,
        /// The cluster of the node that objects.
        ours: ClusterId,
        /// The one that was shown.
        theirs: ClusterId,
    },
    /// The cluster knows this id with another data directory.
    #[error(
        "{peer} runs on disk {shown}, but the membership lists disk {known}, which has its votes and its log. \
         Start it with that data directory; if it is lost, run `raftdeck client member replace {peer}`, which \
         adds the empty one as a new member"
    )]
    OtherDisk {
        /// Which node.
        peer: NodeId,
        /// The directory that the membership names.
        known: Incarnation,
        /// The one that was shown.
        shown: Incarnation,
    },
    /// A later start of this directory was met before.
    #[error(
        "{peer} presents start {} of its data directory, but start {} was seen before: the directory is a copy, \
         or was restored from a backup, and lacks what it acknowledged since. Stop it, empty its data directory, start it again, and \
         run `raftdeck client member replace {peer}`",
        shown.number,
        met.number
    )]
    OlderStart {
        /// Which node.
        peer: NodeId,
        /// The newest start that was met.
        met: Boot,
        /// The one that was shown.
        shown: Boot,
    },
}

/// What the node that judges knows of its cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterView<'a> {
    /// Its cluster, once it knows that.
    pub cluster: Option<ClusterId>,
    /// The membership in force.
    pub membership: &'a Membership,
    /// The place of that in its log.
    pub membership_at: LogId,
}

impl ClusterView<'_> {
    /// What speaks against listening to this node: another cluster, or another disk than the cluster knows. A node that is
    /// named with its disk by a membership later than ours is listened to: then we lag behind, and it may be the one that
    /// can help us (thesis §4.2.4).
    pub fn check(&self, peer: NodeId, standing: &Standing) -> Result<(), Objection> {
        if let (Some(ours), Some(theirs)) = (self.cluster.or(self.membership.cluster), standing.cluster)
            && ours != theirs
        {
            return Err(Objection::OtherCluster { peer, ours, theirs });
        }
        let is_ahead = standing.named_at.is_some_and(|at| at > self.membership_at);
        match self.membership.incarnations.get(&peer) {
            Some(known) if *known != standing.incarnation && !is_ahead => {
                Err(Objection::OtherDisk { peer, known: *known, shown: standing.incarnation })
            }
            _ => Ok(()),
        }
    }
}

/// The newest start that was met of each data directory. To be kept on the disk before anybody relies on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestStarts(BTreeMap<Incarnation, Boot>);

impl NewestStarts {
    /// As it was kept.
    #[must_use]
    pub fn new(kept: BTreeMap<Incarnation, Boot>) -> Self {
        Self(kept)
    }

    /// To be kept.
    #[must_use]
    pub fn to_keep(&self) -> &BTreeMap<Incarnation, Boot> {
        &self.0
    }

    /// Whether this start of its directory may be listened to; `true`: it is a new one, and what is [to be
    /// kept](Self::to_keep) has changed. Only for authenticated nodes: what an unauthenticated peer says of a member
    /// must not shut that member out.
    pub fn meet(&mut self, peer: NodeId, standing: &Standing) -> Result<bool, Objection> {
        self.check(peer, standing)?;
        Ok(self.0.insert(standing.incarnation, standing.boot) != Some(standing.boot))
    }

    /// What speaks against listening to this start of its directory: a later one was met, or another of the same number.
    pub fn check(&self, peer: NodeId, standing: &Standing) -> Result<(), Objection> {
        let shown = standing.boot;
        match self.0.get(&standing.incarnation).copied() {
            Some(met)
                if (shown.number < met.number || (shown.number == met.number && shown != met))
                    && !is_active(Mutant::OlderStartPasses) =>
            {
                Err(Objection::OlderStart { peer, met, shown })
            }
            _ => Ok(()),
        }
    }

    /// Forgets directories that belong to no member, if there are very many. Says whether it did.
    pub fn forget_strangers(&mut self, membership: &Membership) -> bool {
        let is_member =
            |incarnation: &Incarnation| membership.incarnations.values().any(|i| i == incarnation);
        let strangers: Vec<_> =
            self.0.keys().copied().filter(|incarnation| !is_member(incarnation)).collect();
        let excess = strangers.len().saturating_sub(STRANGERS);
        for stranger in &strangers[..excess] {
            self.0.remove(stranger);
        }
        excess > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{LogIndex, Term};

    const N2: NodeId = NodeId(2);
    const OURS: ClusterId = ClusterId([1; 16]);

    fn disk(number: u8) -> Incarnation {
        Incarnation([number; 16])
    }

    fn at(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: LogIndex(index) }
    }

    fn standing(incarnation: Incarnation, number: u64, nonce: u64) -> Standing {
        Standing { incarnation, boot: Boot { number, nonce }, cluster: Some(OURS), named_at: None }
    }

    fn membership() -> Membership {
        Membership {
            cluster: Some(OURS),
            incarnations: [(N2, disk(2))].into(),
            ..Membership::of([NodeId(1), N2].into())
        }
    }

    fn check(standing: &Standing) -> Result<(), Objection> {
        let membership = membership();
        let view = ClusterView { cluster: None, membership: &membership, membership_at: at(2, 7) };
        view.check(N2, standing)
    }

    #[test]
    fn a_member_is_listened_to_on_its_own_disk_only() {
        assert_eq!(check(&standing(disk(2), 1, 1)), Ok(()));
        let objection = check(&standing(disk(9), 1, 1)).unwrap_err();
        assert_eq!(objection, Objection::OtherDisk { peer: N2, known: disk(2), shown: disk(9) });
        assert!(
            objection.to_string().ends_with(
                "run `raftdeck client member replace n2`, which adds the empty one as a new member"
            )
        );
    }

    #[test]
    fn a_node_that_a_later_membership_names_is_listened_to_by_who_lags_behind() {
        let named = |term, index| Standing { named_at: Some(at(term, index)), ..standing(disk(9), 1, 1) };
        assert_eq!(check(&named(2, 8)), Ok(()));
        assert!(check(&named(2, 7)).is_err(), "that membership is known here, and does not name it");
        assert!(check(&named(2, 3)).is_err(), "it names its former life");
        assert_eq!(
            check(&named(3, 5)),
            Ok(()),
            "a later leader's log has this one's membership only if it counts"
        );
        assert!(
            check(&named(1, 9)).is_err(),
            "an earlier leader's entry, which this one's log would have if it counted"
        );
    }

    #[test]
    fn a_member_of_another_cluster_of_the_same_name_is_not_listened_to() {
        let other = Standing { cluster: Some(ClusterId([3; 16])), ..standing(disk(2), 1, 1) };
        assert!(matches!(check(&other), Err(Objection::OtherCluster { .. })));
        assert_eq!(check(&Standing { cluster: None, ..other }), Ok(()), "it does not know yet");
    }

    #[test]
    fn an_older_copy_and_a_second_copy_of_a_directory_are_recognised() {
        let mut met = NewestStarts::default();
        assert_eq!(met.meet(N2, &standing(disk(2), 4, 40)), Ok(true));
        assert_eq!(
            met.meet(N2, &standing(disk(2), 4, 40)),
            Ok(false),
            "another connection of the same start"
        );
        let copy = met.meet(N2, &standing(disk(2), 4, 41)).unwrap_err();
        let older = met.meet(N2, &standing(disk(2), 3, 30)).unwrap_err();
        assert!(matches!(copy, Objection::OlderStart { .. }), "{copy}");
        assert!(
            older.to_string().contains("presents start 3 of its data directory, but start 4 was seen before")
        );
        assert_eq!(met.meet(N2, &standing(disk(2), 5, 50)), Ok(true));
        assert_eq!(met.meet(N2, &standing(disk(9), 1, 10)), Ok(true), "another disk counts for itself");
        assert_eq!(NewestStarts::new(met.to_keep().clone()), met);
    }

    /// The limit of what the number of starts can tell.
    #[test]
    fn a_copy_that_was_started_more_often_than_what_was_met_passes() {
        let mut met = NewestStarts::default();
        met.meet(N2, &standing(disk(2), 5, 50)).unwrap();
        let copy = |number| met.check(N2, &standing(disk(2), number, 90 + number));
        assert!((1..=5).all(|number| copy(number).is_err()));
        assert_eq!(copy(6), Ok(()));
    }

    #[test]
    fn strangers_are_forgotten_when_there_are_very_many_and_members_never() {
        let mut met = NewestStarts::default();
        for number in 0..=255 {
            met.meet(N2, &standing(disk(number), 1, 1)).unwrap();
        }
        assert!(met.forget_strangers(&membership()));
        assert_eq!(met.to_keep().len(), STRANGERS + 1);
        assert!(met.to_keep().contains_key(&disk(2)));
        assert!(!met.forget_strangers(&membership()));
    }
}
