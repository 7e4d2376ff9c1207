//! What only the process that started a node may ask, and what others hear who ask it.

mod support;

use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{ClockFactor, ClockRate, Failure, Manage, RequestBody, ResponseBody};
use raftdeck_raft::{NodeId, Timing, Tuning};
use std::path::Path;
use std::time::Duration;
use support::wire::{ask_as, status};
use support::{Cluster, Launch, Node, QUICK, block_on, eventually, own_host, put};

fn all() -> Vec<Manage> {
    vec![
        Manage::SetPeerAddress { node: NodeId(2), address: "127.0.0.1:1".to_owned() },
        Manage::Campaign,
        Manage::Tune(Tuning { timing: Timing::DEBUG, pre_vote: false, check_quorum: false }),
        Manage::TakeSnapshot,
        Manage::SetClock { rate: ClockRate::FROZEN, run_for: Some(Duration::from_secs(1)) },
        Manage::SetClockFactor(ClockFactor::FASTEST),
        Manage::SkewClock(Duration::from_millis(10)),
        Manage::SetElectionTimeout(Some(Timing::DEBUG.election_max)),
    ]
}

fn manage(node: &Node, what: Manage) -> ResponseBody {
    ask_as(node, Role::Manager, RequestBody::Manage(what))
}

/// One node under a manager, which this test is.
fn managed(dir: &Path, args: &[&str]) -> Node {
    let host = own_host();
    Launch::new(&["--bind", &format!("{host}:8080"), "--managed"]).args(&QUICK).args(args).data(dir).ready()
}

#[test]
fn a_node_that_nobody_manages_is_told_nothing() {
    let cluster = Cluster::start(1, &QUICK);
    for what in all() {
        for role in [Role::Manager, Role::Client] {
            let answer = ask_as(cluster.node(1), role, RequestBody::Manage(what.clone()));
            assert_eq!(answer, ResponseBody::Failed(Failure::NotManaged), "{what:?}");
        }
    }
    assert!(status(cluster.node(1)).unwrap().raft.tuning.pre_vote, "nothing was changed");
}

#[test]
fn a_managed_node_listens_to_its_manager_alone() {
    let dir = tempfile::tempdir().unwrap();
    let node = managed(dir.path(), &[]);
    for what in all() {
        let answer = ask_as(&node, Role::Client, RequestBody::Manage(what.clone()));
        assert_eq!(answer, ResponseBody::Failed(Failure::NotManaged), "{what:?}");
    }
    eventually("it leads", || status(&node)?.raft.leader);
    for what in all() {
        assert_eq!(manage(&node, what.clone()), ResponseBody::Managed, "{what:?}");
    }
}

#[test]
fn nonsense_from_a_manager_is_refused_with_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let node = managed(dir.path(), &[]);
    let backwards = Timing { heartbeat: Duration::from_secs(9), ..Timing::FAST };
    let cases = [
        (Manage::SetPeerAddress { node: NodeId(2), address: "nowhere".to_owned() }, "HOST:PORT"),
        (Manage::Tune(Tuning { timing: backwards, pre_vote: true, check_quorum: true }), "heartbeat"),
    ];
    for (what, part) in cases {
        let ResponseBody::Failed(Failure::Invalid(why)) = manage(&node, what) else {
            panic!("it is refused")
        };
        assert!(why.contains(part), "{why:?} does not say {part:?}");
    }
}

#[test]
fn tuning_is_seen_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let node = managed(dir.path(), &["--pre-vote", "off"]);
    let started = status(&node).unwrap().raft.tuning;
    assert!(!started.pre_vote && started.check_quorum);
    let tuning = Tuning { timing: Timing::DEMO, pre_vote: true, check_quorum: false };
    assert_eq!(manage(&node, Manage::Tune(tuning)), ResponseBody::Managed);
    assert_eq!(status(&node).unwrap().raft.tuning, tuning);
}

#[test]
fn a_snapshot_that_was_asked_for_is_there_when_the_answer_is() {
    let dir = tempfile::tempdir().unwrap();
    let node = managed(dir.path(), &[]);
    let options = raftdeck_client::Options::default();
    let client = raftdeck_client::Client::new(&[node.addresses().client.clone()], options).unwrap();
    let done = block_on(client.write(put("color", "blue"), support::PATIENCE)).expect("it leads itself");
    assert_eq!(status(&node).unwrap().raft.snapshot.index.0, 0);
    assert_eq!(manage(&node, Manage::TakeSnapshot), ResponseBody::Managed);
    assert!(status(&node).unwrap().raft.snapshot.index >= done.at.index);
    assert_eq!(manage(&node, Manage::TakeSnapshot), ResponseBody::Managed, "there is nothing new to save");
}
