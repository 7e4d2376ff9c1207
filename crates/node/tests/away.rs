//! Members that were away while another one lost its disk and was replaced: when they come back, they know it by its old disk, and
//! the cluster may depend on the two.

mod support;

use futures::SinkExt;
use raftdeck_client::dial;
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, NodeStatus, Request, RequestBody, frame};
use raftdeck_raft::Role::Leader;
use raftdeck_raft::{Incarnation, MembershipChange, NodeId};
use std::fs;
use std::time::Duration;
use support::wire::status;
use support::{Cluster, PATIENCE, QUICK, STEADY, block_on, block_on_for, eventually, put};

const LONG: Duration = Duration::from_mins(1);

fn write(cluster: &Cluster, key: &str) {
    block_on(cluster.client().write(put(key, "1"), PATIENCE)).expect("the cluster takes writes");
}

fn of(cluster: &Cluster, id: u64) -> NodeStatus {
    eventually("the node says how it is", || status(cluster.node(id)))
}

/// Empties a running member's disk and replaces it: its new disk.
fn replace(cluster: &mut Cluster, id: u64) -> Incarnation {
    cluster.kill(id);
    fs::remove_dir_all(cluster.data_dir(id)).expect("it was there");
    cluster.restart(id);
    eventually("a leader knows of it", || {
        let mut statuses = cluster.running().filter_map(status);
        let leader = statuses.find(|status| status.raft.role == Leader)?;
        leader.notices.iter().any(|notice| notice.about == NodeId(id)).then_some(())
    });
    let client = cluster.client();
    let replaced = block_on_for(LONG, client.replace_member(NodeId(id), None, PATIENCE, |_, _| {}));
    replaced.expect("it is replaced").membership.incarnations[&NodeId(id)]
}

/// `away` is down. Another one is replaced, and then the two are a majority only together: the replaced one has the newest entry,
/// so nobody else can lead, and it needs the other's vote.
fn comes_back_to_a_replaced_leader(mut cluster: Cluster, away: u64) {
    let mut present = (1..=5).filter(|id| *id != away);
    let mut next = || present.next().expect("four others");
    let (emptied, third, gone) = (next(), next(), [next(), next()]);
    let disk = replace(&mut cluster, emptied);
    cluster.await_equal();
    cluster.kill(third);
    write(&cluster, "newest");
    for id in gone {
        cluster.kill(id);
    }
    cluster.restart(away);
    cluster.restart(third);

    assert_eq!(cluster.leader_of(&[away, third, emptied]).0, emptied);
    write(&cluster, "after");
    cluster.await_equal();
    for id in [away, third, emptied] {
        let membership = of(&cluster, id).raft.membership;
        assert_eq!(membership.incarnations.get(&NodeId(emptied)), Some(&disk), "n{id}");
    }
    assert_eq!(of(&cluster, away).refused, [], "nobody is refused");
    for id in gone {
        cluster.restart(id);
    }
    cluster.await_equal();
}

#[test]
fn a_member_that_was_away_lets_a_replaced_one_in_and_votes_for_it() {
    let mut cluster = Cluster::start(5, &QUICK);
    write(&cluster, "a");
    cluster.await_equal();
    cluster.kill(2);
    comes_back_to_a_replaced_leader(cluster, 2);
}

#[test]
fn so_does_a_leader_with_a_membership_that_never_came_to_count() {
    let mut cluster = Cluster::start(5, &STEADY);
    write(&cluster, "a");
    cluster.await_equal();
    let (leader, _) = cluster.leader();
    let committed = of(&cluster, leader).raft.committed;
    for id in (1..=5).filter(|id| *id != leader) {
        cluster.kill(id);
    }
    // It appends all of this, and nobody else has it: its last membership is further on than all that the others will have for long.
    let added = NodeId(9);
    let add =
        MembershipChange::AddLearner { node: added, address: "localhost:9".to_owned(), incarnation: None };
    let mut bodies: Vec<_> =
        (0..40).map(|nth| RequestBody::Write(put(&format!("lost-{nth}"), "1"))).collect();
    bodies.push(RequestBody::ChangeMembership(vec![add]));
    let address = cluster.node(leader).addresses().client.clone();
    let asked = block_on(async {
        let hello = Hello::new("raftdeck", Role::Client);
        let mut dialed = dial(&address, &hello, PATIENCE).await.expect("the node answers");
        for (id, body) in (1..).zip(bodies) {
            dialed.frames.send(frame::encode(&Request { id, body })).await.expect("the node listens");
        }
        dialed
    });
    // Nobody answers on that connection, and nobody has to.
    let raft = eventually("the change is on its disk", || {
        let raft = status(cluster.node(leader))?.raft;
        (raft.membership.contains(added) && raft.durable >= raft.membership_index).then_some(raft)
    });
    drop(asked);
    assert!(raft.membership_index.0 > committed.0 + 40, "{raft:?}");
    cluster.kill(leader);
    for id in (1..=5).filter(|id| *id != leader) {
        cluster.restart(id);
    }
    comes_back_to_a_replaced_leader(cluster, leader);
}
