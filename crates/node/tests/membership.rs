//! Real nodes that come and go: added, promoted, killed and removed while the cluster serves.

mod support;

use raftdeck_protocol::{Failure, RequestBody, ResponseBody};
use raftdeck_raft::{ChangeError, Membership, MembershipChange, NodeId};
use support::load::read_all;
use support::wire::{ask, ask_leader, status};
use support::{Cluster, Launch, Node, PATIENCE, QUICK, STEADY, block_on, eventually, own_host, put};

fn add(node: u64, address: &str) -> MembershipChange {
    MembershipChange::AddLearner { node: NodeId(node), address: address.to_owned(), incarnation: None }
}

fn promote(node: u64) -> MembershipChange {
    MembershipChange::Promote { node: NodeId(node) }
}

fn remove(node: u64) -> MembershipChange {
    MembershipChange::Remove { node: NodeId(node) }
}

/// Asks for a change until it is there, as a person would who repeats what nobody answered.
fn change(
    cluster: &Cluster,
    changes: &[MembershipChange],
    there: impl Fn(&Membership) -> bool,
) -> Membership {
    eventually("the change is committed", || {
        let body = RequestBody::ChangeMembership(changes.to_vec());
        match ask_leader(|| cluster.running().collect(), &body).1 {
            ResponseBody::MembershipChanged { membership, .. } => Some(membership),
            ResponseBody::Failed(Failure::Change(ChangeError::TooEarly | ChangeError::InProgress)) => None,
            // An attempt whose answer was lost had done it.
            ResponseBody::Failed(Failure::Change(_)) => {
                let found = cluster.running().find_map(|node| Some(status(node)?.raft.membership));
                found.filter(|membership| there(membership))
            }
            other => panic!("{other:?}"),
        }
    })
}

fn write(cluster: &Cluster, key: &str) {
    block_on(cluster.client().write(put(key, "1"), PATIENCE)).expect("the cluster takes writes");
}

fn with_snapshots(times: &[&'static str]) -> Vec<&'static str> {
    let mut args = times.to_vec();
    args.extend(["--snapshot-entries", "20"]);
    args
}

/// Waits until it has run for many election timeouts.
fn live_long(node: &Node) {
    eventually("it has run for a while", || (status(node)?.uptime_micros > 3_000_000).then_some(()));
}

#[test]
fn a_cluster_grows_loses_its_leader_for_good_and_keeps_all_that_was_acknowledged() {
    let args = with_snapshots(&STEADY);
    let mut cluster = Cluster::start(3, &args);
    cluster.leader();
    for nth in 0..60 {
        write(&cluster, &format!("before-{nth:03}"));
    }
    let (new, address) = cluster.join(&args);
    let learning =
        change(&cluster, &[add(new, &address)], |membership| membership.learners.contains(&NodeId(new)));
    assert!(learning.learners.contains(&NodeId(new)) && learning.voters.len() == 3, "{learning:?}");
    write(&cluster, "while-learning");
    let grown = change(&cluster, &[promote(new)], |membership| membership.voters.contains(&NodeId(new)));
    assert!(grown.voters.contains(&NodeId(new)) && !grown.is_joint(), "{grown:?}");
    cluster.await_equal();
    let joined = status(cluster.node(new)).expect("the node answers");
    assert!(joined.raft.snapshot.index.0 > 0 && joined.keys == 61, "it came by snapshot: {:?}", joined.raft);
    // The new one is needed for a majority of four when another is away.
    let (leader, _) = cluster.leader();
    let away = (1..=3).find(|id| *id != leader).expect("another");
    cluster.kill(away);
    write(&cluster, "one-away");
    cluster.restart(away);
    cluster.await_equal();

    let left = change(&cluster, &[remove(leader)], |membership| !membership.contains(NodeId(leader)));
    assert!(!left.contains(NodeId(leader)), "{left:?}");
    write(&cluster, "leader-gone");
    let (successor, _) = cluster.leader_without(Some(leader));
    assert_ne!(successor, leader);
    eventually("the removed one says so", || {
        cluster.node(leader).log().contains("this node is not a member").then_some(())
    });

    cluster.kill_all();
    cluster.restart_all();
    let found = block_on(read_all(&cluster.client()));
    assert_eq!(found.len(), 63, "{:?}", found.keys());
    let (successor, term) = cluster.leader_without(Some(leader));
    assert_ne!(successor, leader);
    live_long(cluster.node(leader));
    assert!(
        cluster.node(leader).log().contains("this node is not a member"),
        "it knows also after a restart"
    );
    assert_ne!(cluster.node(leader).health().expect("answers")["state"], "leader");
    assert_eq!(cluster.leader_without(Some(leader)), (successor, term), "the removed one disturbs nobody");
    for node in cluster.running().filter(|node| node.id() != leader) {
        assert_eq!(status(node).expect("the node answers").raft.membership, left);
    }
}

#[test]
fn a_node_that_joins_waits_to_be_added_and_forms_no_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let bind = format!("{}:8080", own_host());
    let launch = Launch::new(&["--join", "--node-id", "7", "--bind", &bind]).args(&QUICK).data(dir.path());
    let mut node = launch.ready();
    for _ in 0..2 {
        live_long(&node);
        let raft = status(&node).expect("the node answers").raft;
        assert_eq!((raft.term.0, raft.leader, raft.membership), (0, None, Membership::default()));
        assert!(node.log().contains("waits to be added"));
        assert_eq!(node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status, 503);
        node.kill();
        node = launch.ready();
    }
}

#[test]
fn the_founder_of_a_cluster_can_leave_it_and_founds_no_other_when_it_starts_again() {
    let mut cluster = Cluster::start(1, &QUICK);
    write(&cluster, "color");
    let (second, address) = cluster.join(&QUICK);
    change(&cluster, &[add(second, &address)], |membership| membership.learners.contains(&NodeId(second)));
    change(&cluster, &[promote(second)], |membership| membership.voters.contains(&NodeId(second)));
    cluster.await_equal();
    change(&cluster, &[remove(1)], |membership| !membership.contains(NodeId(1)));
    let (leader, _) = cluster.leader_without(Some(1));
    assert_eq!(leader, second);
    cluster.kill(1);
    cluster.restart(1);
    live_long(cluster.node(1));
    let raft = status(cluster.node(1)).expect("the node answers").raft;
    assert!(!raft.membership.contains(NodeId(1)), "{:?}", raft.membership);
    assert_ne!(raft.role, raftdeck_raft::Role::Leader);
    write(&cluster, "shape");
    assert_eq!(status(cluster.node(second)).expect("the node answers").keys, 2);
}

#[test]
fn changes_that_make_no_sense_are_refused_with_a_reason() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    write(&cluster, "warm");
    let node = |id: u64| cluster.node(id);
    let refused =
        |changes: Vec<MembershipChange>| match ask(node(leader), RequestBody::ChangeMembership(changes)) {
            ResponseBody::Failed(failure) => failure,
            other => panic!("{other:?}"),
        };
    assert!(matches!(refused(vec![add(4, "nowhere")]), Failure::Invalid(why) if why.contains("HOST:PORT")));
    assert_eq!(refused(vec![]), Failure::Change(ChangeError::Empty));
    assert_eq!(refused(vec![remove(9)]), Failure::Change(ChangeError::NotMember { node: NodeId(9) }));
    assert_eq!(
        refused(vec![add(2, "127.0.0.1:1")]),
        Failure::Change(ChangeError::AlreadyMember { node: NodeId(2) })
    );
    assert_eq!(refused(vec![promote(2)]), Failure::Change(ChangeError::AlreadyVoter { node: NodeId(2) }));
    let follower = (1..=3).find(|id| *id != leader).expect("another");
    match ask(node(follower), RequestBody::ChangeMembership(vec![remove(leader)])) {
        ResponseBody::Failed(Failure::NotLeader { leader: Some(hint), address: Some(_) }) => {
            assert_eq!(hint, NodeId(leader));
        }
        other => panic!("{other:?}"),
    }
    for node in cluster.running() {
        assert_eq!(status(node).expect("the node answers").raft.membership.voters.len(), 3);
    }
}

#[test]
fn a_learner_that_cannot_be_reached_holds_up_nobody() {
    let cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    // A port that nobody listens on, of a host that is this test's own.
    let address = format!("{}:1", own_host());
    change(&cluster, &[add(4, &address)], |membership| membership.learners.contains(&NodeId(4)));
    write(&cluster, "while-it-is-away");
    let body = RequestBody::ChangeMembership(vec![promote(4)]);
    let (_, answer) = ask_leader(|| cluster.running().collect(), &body);
    assert_eq!(answer, ResponseBody::Failed(Failure::Change(ChangeError::NotIdentified { node: NodeId(4) })));
    write(&cluster, "after-it-was-given-up");
    let left = change(&cluster, &[remove(4)], |membership| !membership.contains(NodeId(4)));
    assert!(!left.contains(NodeId(4)), "{left:?}");
}
