//! What those who left a cluster are still sent: a few heartbeats, so that they learn it (thesis §4.2.3).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{MembershipChange, NodeId};
use support::*;

fn is_told(cluster: &Cluster, id: NodeId) -> bool {
    cluster.status(N1).peers.iter().any(|peer| peer.id == id)
}

/// N1 leads, and n3 was removed and does not know it, as it was cut off.
fn removed_while_cut_off() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.partition(&[N3]);
    cluster.change(N1, &[MembershipChange::Remove { node: N3 }]).unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N1).membership.voters, [N1, N2].into());
    cluster
}

#[test]
fn who_left_gets_three_heartbeats_and_nothing_more() {
    let mut cluster = removed_while_cut_off();
    for _ in 0..3 {
        cluster.time_out(N1);
        assert!(cluster.wire.iter().any(|(_, to, _)| *to == N3));
        cluster.settle();
    }
    cluster.time_out(N1);
    assert!(!is_told(&cluster, N3));
    assert!(cluster.wire.iter().all(|(_, to, _)| *to != N3));
}

#[test]
fn a_further_change_does_not_cut_a_farewell_short() {
    let mut cluster = removed_while_cut_off();
    cluster.join(N4);
    let add = MembershipChange::AddLearner { node: N4, address: String::new(), incarnation: None };
    cluster.change(N1, &[add]).unwrap();
    cluster.settle();
    assert!(is_told(&cluster, N3) && is_told(&cluster, N4));
    cluster.heal();
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N3).membership.voters, [N1, N2].into());
}
