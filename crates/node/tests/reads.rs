//! Reads of every consistency, at the leader and at who is not.

mod support;

use futures::StreamExt;
use raftdeck_client::ClientError;
use raftdeck_protocol::kv::Consistency;
use raftdeck_protocol::{Answer, Failure, RequestBody, ResponseBody};
use raftdeck_raft::NodeId;
use std::time::Duration;
use support::wire::{answer_of, ask, status};
use support::{Cluster, PATIENCE, QUICK, STEADY, block_on, eventually, get, put};
use tokio::time::timeout;

fn read(consistency: Consistency) -> RequestBody {
    RequestBody::ReadWith { read: get("color"), consistency }
}

fn blue() -> Answer {
    Answer::Value(Some("blue".into()))
}

#[test]
fn a_leader_answers_every_read_and_a_follower_only_stale_ones() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    block_on(cluster.client().write(put("color", "blue"), PATIENCE)).expect("is taken");
    cluster.await_equal();
    for consistency in [Consistency::Linearizable, Consistency::Lease, Consistency::Stale] {
        assert_eq!(answer_of(ask(cluster.node(leader), read(consistency))), blue(), "{consistency:?}");
    }
    let address = cluster.node(leader).addresses().client.clone();
    for follower in cluster.running().filter(|node| node.id() != leader) {
        assert_eq!(answer_of(ask(follower, read(Consistency::Stale))), blue());
        for consistency in [Consistency::Linearizable, Consistency::Lease] {
            match ask(follower, read(consistency)) {
                ResponseBody::Failed(Failure::NotLeader { address: Some(hint), .. }) => {
                    assert_eq!(hint, address, "it says who to ask");
                }
                other => panic!("{consistency:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_leader_that_is_followed_has_a_lease_and_one_without_a_majority_loses_it() {
    let mut cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    block_on(cluster.client().write(put("color", "blue"), PATIENCE)).expect("is taken");
    eventually("a lease", || (!status(cluster.node(leader))?.raft.lease.is_zero()).then_some(()));
    for other in (1..=3).filter(|id| *id != leader) {
        cluster.kill(other);
    }
    eventually("no lease", || status(cluster.node(leader))?.raft.lease.is_zero().then_some(()));
    // It is old from now on, and said to be.
    assert_eq!(answer_of(ask(cluster.node(leader), read(Consistency::Stale))), blue());
    match ask(cluster.node(leader), read(Consistency::Lease)) {
        ResponseBody::Failed(Failure::NotLeader { .. }) => {}
        other => panic!("nobody can know whether this is the newest: {other:?}"),
    }
}

#[test]
fn a_node_that_has_just_started_answers_no_read_before_it_knows_what_is_committed() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    block_on(cluster.client().write(put("color", "blue"), PATIENCE)).expect("is taken");
    cluster.await_equal();
    cluster.kill_all();
    cluster.restart(1);
    let stale = || ask(cluster.node(1), read(Consistency::Stale));
    assert_eq!(stale(), ResponseBody::Failed(Failure::NotCaughtUp));
    let client = cluster.client();
    let error = block_on(client.read_with(get("color"), Consistency::Stale, Duration::from_millis(500)));
    assert_eq!(error, Err(ClientError::NotCaughtUp { node: NodeId(1) }));
    let watched =
        block_on(async { timeout(Duration::from_millis(500), client.watch("".into(), None).next()).await });
    assert!(watched.is_err(), "from now on: but it does not know yet what is old: {watched:?}");
    cluster.restart(2);
    let node = cluster.node(1);
    eventually("the value", || match ask(node, read(Consistency::Stale)) {
        ResponseBody::Failed(Failure::NotCaughtUp) => None,
        answered => {
            assert_eq!(answer_of(answered), blue());
            Some(())
        }
    });
}
