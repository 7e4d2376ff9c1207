//! The identities of a simulated cluster: drawn from the seed, the node's id, and which disk of that node it is. So a run says
//! the same of a disk however often it is started, and no two disks share an identity.

use crate::rng::Rng;
use raftdeck_raft::{ClusterId, Incarnation, Membership, NodeId};

/// The first of a node's disks.
pub(crate) const FIRST_DISK: u32 = 0;

/// The identity of one of a node's disks.
pub(crate) fn incarnation(seed: u64, node: NodeId, disk: u32) -> Incarnation {
    let mut rng = Rng::new(seed ^ node.0.rotate_left(32) ^ u64::from(disk), 6);
    Incarnation(bytes(&mut rng))
}

/// The identity of the cluster.
pub(crate) fn cluster(seed: u64) -> ClusterId {
    ClusterId(bytes(&mut Rng::new(seed, 7)))
}

/// What a cluster of nodes 1 to `founders` starts with.
pub(crate) fn founding(seed: u64, founders: u64) -> Membership {
    let voters = (1..=founders).map(NodeId);
    Membership {
        cluster: Some(cluster(seed)),
        incarnations: voters.clone().map(|node| (node, incarnation(seed, node, FIRST_DISK))).collect(),
        ..Membership::of(voters.collect())
    }
}

fn bytes(rng: &mut Rng) -> [u8; 16] {
    let [high, low] = [rng.next(), rng.next()];
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_disk_of_every_node_has_an_identity_of_its_own() {
        let disks = (1..=7).flat_map(|node| (0..50).map(move |disk| incarnation(1, NodeId(node), disk)));
        assert_eq!(disks.collect::<BTreeSet<_>>().len(), 350);
        assert_eq!(incarnation(1, NodeId(2), 3), incarnation(1, NodeId(2), 3));
        assert_ne!(incarnation(1, NodeId(2), 3), incarnation(2, NodeId(2), 3));
    }
}
