//! Requests to a real member.

mod etcd;

use crate::etcd::{Cluster, DEADLINE, answer, ask};
use bytes::Bytes;
use raftdeck_etcd::{EtcdVersion, member_id};
use raftdeck_model::{ClientOp, ClientRequest, Known};
use raftdeck_protocol::{Answer, Consistency, Read, Write};
use raftdeck_raft::{NodeId, Role};
use tokio::task::JoinSet;

fn put(key: &'static str, value: &'static str) -> ClientOp {
    ClientOp::Write(Write::Put { key: key.into(), value: value.into() })
}

fn cas(key: &'static str, expected: Option<&'static str>, value: &'static str) -> ClientOp {
    let expected = expected.map(Bytes::from);
    ClientOp::Write(Write::CompareAndSet { key: key.into(), expected, value: value.into() })
}

fn get(key: &'static str) -> ClientOp {
    ClientOp::Read(Read::Get { key: key.into() })
}

fn list(prefix: &'static str, after: Option<&'static str>, limit: u32) -> ClientOp {
    ClientOp::Read(Read::List { prefix: prefix.into(), after: after.map(Bytes::from), limit })
}

fn value(text: &'static str) -> Answer {
    Answer::Value(Some(text.into()))
}

#[tokio::test]
async fn the_store_is_used_as_raftdecks_own() {
    let cluster = Cluster::start(1).await;
    let etcd = &cluster.etcd;
    assert_eq!(ask(etcd, put("color", "blue")).await, Answer::Stored);
    assert_eq!(ask(etcd, get("color")).await, value("blue"));
    assert_eq!(ask(etcd, get("colour")).await, Answer::Value(None));

    assert_eq!(
        ask(etcd, cas("color", Some("red"), "green")).await,
        Answer::Mismatch { current: Some("blue".into()) }
    );
    assert_eq!(
        ask(etcd, cas("color", None, "green")).await,
        Answer::Mismatch { current: Some("blue".into()) }
    );
    assert_eq!(ask(etcd, cas("color", Some("blue"), "")).await, Answer::Stored);
    assert_eq!(ask(etcd, cas("color", Some(""), "green")).await, Answer::Stored);
    assert_eq!(ask(etcd, cas("new", Some(""), "x")).await, Answer::Mismatch { current: None });
    assert_eq!(ask(etcd, cas("new", None, "x")).await, Answer::Stored);

    let delete = || ClientOp::Write(Write::Delete { key: "new".into() });
    assert_eq!(ask(etcd, delete()).await, Answer::Deleted { existed: true });
    assert_eq!(ask(etcd, delete()).await, Answer::Deleted { existed: false });

    for key in ["p1", "p2", "p3", "q"] {
        ask(etcd, put(key, "v")).await;
    }
    let page = |keys: &[&'static str], more| Answer::Page {
        pairs: keys.iter().map(|key| ((*key).into(), "v".into())).collect(),
        more,
    };
    assert_eq!(ask(etcd, list("p", None, 2)).await, page(&["p1", "p2"], true));
    assert_eq!(ask(etcd, list("p", Some("p2"), 2)).await, page(&["p3"], false));
    assert_eq!(ask(etcd, list("", Some("p3"), 9)).await, page(&["q"], false));
    assert_eq!(ask(etcd, list("p", Some("x"), 9)).await, page(&[], false));

    for consistency in [Consistency::Lease, Consistency::Stale] {
        let request = ClientRequest { consistency, at: Some(NodeId(1)), ..get("color").into() };
        assert_eq!(answer(etcd.ask(&request, DEADLINE).await), value("green"), "{consistency:?}");
    }
}

#[tokio::test]
async fn a_member_tells_what_it_is() {
    let cluster = Cluster::start(1).await;
    let endpoint = cluster.etcd.node(NodeId(1)).expect("it is known");
    ask(&cluster.etcd, put("a", "1")).await;
    let raft = endpoint.raft_status(DEADLINE).await.expect("a state");
    assert_eq!((raft.role, raft.leader), (Role::Leader, Some(raft.member)));
    assert_eq!(raft.member, member_id(&[&cluster.members[0].peer_url], cluster.token()));

    let status = endpoint.status(DEADLINE).await.expect("a status");
    assert_eq!((status.by.member, status.leader), (Some(raft.member), Some(raft.member)));
    assert!(status.by.revision >= 2 && status.commit >= raft.commit.0 && status.db_size > 0, "{status:?}");

    let metrics = endpoint.metrics(DEADLINE).await.expect("figures");
    assert_eq!((metrics.has_leader, metrics.keys), (Known::Is(true), Known::Is(1)));
    assert!(metrics.fsyncs > 0 && metrics.proposals_pending == 0, "{metrics:?}");

    let version = endpoint.version(DEADLINE).await.expect("a version");
    assert_eq!(status.version.parse(), Ok::<EtcdVersion, _>(version));
    let (_, members) = endpoint.members(true, DEADLINE).await.expect("members");
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].peer_urls, [cluster.members[0].peer_url.clone()]);

    let hash = endpoint.hash_kv(DEADLINE).await.expect("a hash");
    ask(&cluster.etcd, put("a", "2")).await;
    let other = endpoint.hash_kv(DEADLINE).await.expect("a hash");
    assert!(hash.hash != other.hash && hash.by.revision < other.by.revision, "{hash:?} {other:?}");
    assert_eq!(endpoint.alarms(DEADLINE).await, Ok(Vec::new()));
}

#[tokio::test]
async fn requests_go_side_by_side_on_one_connection() {
    let cluster = Cluster::start(1).await;
    let mut asking = JoinSet::new();
    for n in 0..50 {
        let etcd = cluster.etcd.clone();
        let write = Write::Put { key: format!("k{n:02}").into(), value: vec![b'x'; 1000].into() };
        asking.spawn(async move { ask(&etcd, ClientOp::Write(write)).await });
    }
    assert!(asking.join_all().await.iter().all(|answer| *answer == Answer::Stored));
    let Answer::Page { pairs, more } = ask(&cluster.etcd, list("k", None, 1000)).await else {
        panic!("a page")
    };
    assert_eq!((pairs.len(), more), (50, false));
}
