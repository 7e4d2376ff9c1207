//! Memberships as logs up to version 3 and snapshots of version 1 hold them: from before clusters and data directories had
//! identities. They are still read, but no longer written.

use raftdeck_raft::{LogId, LogIndex, Membership, NodeId, SnapshotMeta};
use serde::Deserialize;
#[cfg(test)]
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A [`Membership`] without identities.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize, Clone))]
pub(crate) struct Unidentified {
    pub(crate) voters: BTreeSet<NodeId>,
    pub(crate) outgoing: BTreeSet<NodeId>,
    pub(crate) learners: BTreeSet<NodeId>,
    pub(crate) addresses: BTreeMap<NodeId, String>,
}

/// The [`SnapshotMeta`] of such a cluster.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
pub(crate) struct UnidentifiedMeta {
    pub(crate) last: LogId,
    pub(crate) membership: Unidentified,
    pub(crate) membership_index: LogIndex,
}

impl From<Unidentified> for Membership {
    fn from(old: Unidentified) -> Self {
        let Unidentified { voters, outgoing, learners, addresses } = old;
        Self { voters, outgoing, learners, addresses, ..Self::default() }
    }
}

impl From<UnidentifiedMeta> for SnapshotMeta {
    fn from(old: UnidentifiedMeta) -> Self {
        let UnidentifiedMeta { last, membership, membership_index } = old;
        Self { last, membership: membership.into(), membership_index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_keeps_all_that_it_had() {
        let of = |id| BTreeSet::from([NodeId(id)]);
        let addresses = BTreeMap::from([(NodeId(3), "h:3".to_owned())]);
        let old =
            Unidentified { voters: of(1), outgoing: of(2), learners: of(3), addresses: addresses.clone() };
        let now = Membership { outgoing: of(2), learners: of(3), addresses, ..Membership::of(of(1)) };
        assert_eq!(Membership::from(old), now);
    }
}
