//! Sessions over the wire: a write is applied once, however often it comes and whatever happens in between.

mod support;

use raftdeck_client::{Client, ClientError, Options};
use raftdeck_protocol::kv::{LimitError, SessionId, SessionWrite};
use raftdeck_protocol::{Answer, Failure, RequestBody, ResponseBody, Write};
use support::wire::{answer_of, ask_leader, status};
use support::{Cluster, PATIENCE, QUICK, block_on};

/// Gives another answer when it is applied again.
fn create(session: SessionId, sequence: u64) -> RequestBody {
    let write = Write::CompareAndSet { key: "color".into(), expected: None, value: "blue".into() };
    RequestBody::SessionWrite(SessionWrite { session, sequence, acknowledged: 0, write })
}

fn on_leader(cluster: &Cluster, body: &RequestBody) -> ResponseBody {
    ask_leader(|| cluster.running().collect(), body).1
}

fn open(cluster: &Cluster) -> SessionId {
    let Answer::SessionOpened(session) = answer_of(on_leader(cluster, &RequestBody::OpenSession)) else {
        panic!("a session")
    };
    session
}

#[test]
fn a_repeated_write_is_applied_once_also_after_everything_was_killed() {
    let mut args = QUICK.to_vec();
    args.extend(["--snapshot-entries", "5"]);
    let mut cluster = Cluster::start(3, &args);
    let session = open(&cluster);
    let first = on_leader(&cluster, &create(session, 1));
    assert_eq!(answer_of(first.clone()), Answer::Stored);
    assert_eq!(on_leader(&cluster, &create(session, 1)), first, "the same answer, of the same entry");
    // Enough for the session to be in a snapshot, and not in the log alone.
    for sequence in 2..20 {
        assert!(matches!(
            answer_of(on_leader(&cluster, &create(session, sequence))),
            Answer::Mismatch { .. }
        ));
    }
    cluster.kill_all();
    cluster.restart_all();
    assert_eq!(on_leader(&cluster, &create(session, 1)), first, "a restart forgets no session");
    for node in cluster.running() {
        assert_eq!(status(node).expect("the node answers").sessions, 1);
    }
}

#[test]
fn a_session_that_nobody_opened_is_refused() {
    let cluster = Cluster::start(1, &QUICK);
    let answer = on_leader(&cluster, &create(SessionId(4711), 1));
    assert_eq!(answer, ResponseBody::Failed(Failure::SessionExpired));
}

#[test]
fn a_named_write_is_applied_once_through_whichever_node_and_after_everything_was_killed() {
    let mut args = QUICK.to_vec();
    args.extend(["--snapshot-entries", "5"]);
    let mut cluster = Cluster::start(3, &args);
    let create = || Write::CompareAndSet { key: "color".into(), expected: None, value: "blue".into() };
    let through = |cluster: &Cluster, id: u64| {
        // Its first node only: a client that knows nothing yet.
        let address = cluster.node(id).addresses().client.clone();
        let client = Client::new(&[address], Options::default()).expect("an address");
        block_on(client.write_named("order 17".into(), create(), PATIENCE)).expect("it is done")
    };
    let first = through(&cluster, 1);
    assert_eq!(first.answer, Answer::Stored);
    for round in 0..2 {
        for id in 1..=3 {
            let again = through(&cluster, id);
            assert_eq!((again.answer, again.at), (Answer::Stored, first.at), "round {round}, n{id}");
        }
        // Enough for the name to be in a snapshot, and not in the log alone.
        for nth in 0..20 {
            let client = cluster.client();
            let name = format!("round {round}, {nth}").into();
            let done = block_on(client.write_named(name, create(), PATIENCE)).expect("it is done");
            assert!(matches!(done.answer, Answer::Mismatch { .. }));
        }
        cluster.kill_all();
        cluster.restart_all();
    }
    let client = cluster.client();
    let other = Write::Delete { key: "color".into() };
    let refused = block_on(client.write_named("order 17".into(), other.clone(), PATIENCE));
    assert_eq!(refused, Err(ClientError::NameInUse));
    for len in [0, 257] {
        let refused = block_on(client.write_named(vec![b'n'; len].into(), other.clone(), PATIENCE));
        assert_eq!(refused, Err(ClientError::Limit(LimitError::Name { len })));
    }
}
