//! The leadership handed over between real nodes, while writes go on.

mod support;

use raftdeck_protocol::{Failure, RequestBody, ResponseBody};
use raftdeck_raft::{NodeId, TransferError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::load::{read_all, write_until};
use support::wire::{ask, ask_leader};
use support::{Cluster, PATIENCE, STEADY, block_on, eventually, put};

fn transfer(to: u64) -> RequestBody {
    RequestBody::TransferLeadership { to: NodeId(to) }
}

#[test]
fn the_leadership_goes_where_it_is_told_and_writes_go_on() {
    // Nobody campaigns unasked for a long while, also on a busy machine.
    let cluster = Cluster::start(3, &["--heartbeat", "100", "--election", "8000..9000"]);
    let (first, first_term) = cluster.leader();
    let client = cluster.client();
    block_on(client.write(put("before", "1"), PATIENCE)).expect("is taken");
    // Somebody who writes all the while.
    let (acks, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = {
        let (client, acks, over) = (cluster.client(), Arc::clone(&acks), Arc::clone(&over));
        thread::spawn(move || block_on(write_until(&client, "steady", &acks, &over)))
    };
    let mut term = first_term;
    for to in (1..=3).filter(|id| *id != first).chain([first]) {
        let started = Instant::now();
        let (_, answer) = ask_leader(|| cluster.running().collect(), &transfer(to));
        let ResponseBody::Transferred { leader, term: new } = answer else { panic!("{answer:?}") };
        assert_eq!(leader, NodeId(to));
        assert!(new.0 > term, "a new leadership is a new term");
        term = new.0;
        block_on(client.write(put(&format!("under-{to}"), "1"), PATIENCE)).expect("writes go on");
        // The least time after which anybody would campaign unasked.
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        assert_eq!(cluster.leader(), (to, term));
        let before = acks.load(SeqCst);
        eventually("the writer is served on", || (acks.load(SeqCst) > before).then_some(()));
    }
    over.store(true, SeqCst);
    let acknowledged = writer.join().expect("the writer ends");
    let found = block_on(read_all(&cluster.client()));
    for (key, value) in &acknowledged {
        assert_eq!(found.get(key), Some(value), "{key:?} was acknowledged");
    }
    cluster.await_equal();
}

#[test]
fn a_transfer_to_nobody_or_by_nobody_is_refused() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    let refused = ask(cluster.node(leader), transfer(9));
    let not_a_voter = TransferError::NotAVoter { node: NodeId(9) };
    assert_eq!(refused, ResponseBody::Failed(Failure::Transfer(not_a_voter)));
    let follower = (1..=3).find(|id| *id != leader).expect("another");
    match ask(cluster.node(follower), transfer(follower)) {
        ResponseBody::Failed(Failure::NotLeader { leader: Some(hint), address: Some(_) }) => {
            assert_eq!(hint, NodeId(leader));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_that_does_not_answer_leaves_the_leader_where_it_is() {
    let mut cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let dead = (1..=3).find(|id| *id != leader).expect("another");
    cluster.kill(dead);
    let answer = ask(cluster.node(leader), transfer(dead));
    assert_eq!(answer, ResponseBody::Failed(Failure::TransferGivenUp));
    block_on(cluster.client().write(put("after", "1"), PATIENCE)).expect("it leads on");
    assert_eq!(cluster.leader(), (leader, term));
}
