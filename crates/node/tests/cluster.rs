//! Three nodes started by hand, without anything in between: they form a cluster, serve through any of them, and
//! survive the loss of one.

mod support;

use raftdeck_protocol::Answer;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use support::{Cluster, Launch, PATIENCE, QUICK, STEADY, block_on, eventually, get, put};

fn value(text: &str) -> Answer {
    Answer::Value(Some(text.to_owned().into()))
}

#[test]
fn three_nodes_form_a_cluster_and_take_writes_through_any_of_them() {
    let cluster = Cluster::start(3, &["--fast-mode"]);
    let (leader, term) = cluster.leader();
    assert!((1..=3).contains(&leader) && term >= 1);
    cluster.assert_serves("http");
    for node in cluster.running() {
        // Each of the addresses, also the Raft address, leads to the cluster.
        let given = [node.addresses().client.clone(), node.addresses().raft.clone()];
        for address in given {
            let client =
                raftdeck_client::Client::new(&[address], raftdeck_client::Options::default()).unwrap();
            block_on(async {
                let done = client.write(put("color", "blue"), PATIENCE).await.unwrap();
                assert_eq!(done.answer, Answer::Stored);
                let read = client.read(get("color"), PATIENCE).await.unwrap();
                assert_eq!(read.answer, value("blue"));
                assert!(read.at >= done.at);
            });
        }
    }
    cluster.await_equal();
    for node in cluster.running() {
        assert_eq!(node.more_output(), None, "the ready line is all that stands on standard output");
    }
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back_with_the_same_log() {
    let mut cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let client = cluster.client();
    block_on(async { client.write(put("color", "blue"), PATIENCE).await.unwrap() });
    cluster.kill(leader);
    let (next, next_term) = cluster.leader_without(Some(leader));
    assert!(next != leader && next_term > term);
    block_on(async {
        assert_eq!(client.read(get("color"), PATIENCE).await.unwrap().answer, value("blue"));
        client.write(put("color", "green"), PATIENCE).await.unwrap();
    });
    cluster.restart(leader);
    cluster.await_equal();
    assert_eq!(cluster.leader().0, next, "the one that comes back disturbs nobody");
    assert_eq!(cluster.node(leader).http("GET", "/get?key=color", "").json()["value"], "green");
}

#[test]
fn a_paused_leader_costs_neither_reads_nor_writes_their_deadline() {
    let cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    let client = cluster.client();
    block_on(async {
        client.write(put("color", "blue"), PATIENCE).await.unwrap();
        // Long enough for the client to have heard nothing for a while.
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.node(leader).pause();
        let start = Instant::now();
        let done = client.write(put("color", "green"), PATIENCE).await.unwrap();
        assert_ne!(done.node.0, leader);
        let read = client.read(get("color"), PATIENCE).await.unwrap();
        assert_eq!(read.answer, value("green"));
        assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    });
    cluster.node(leader).signal(Signal::CONT);
    eventually("it noticed", || cluster.node(leader).log().contains("was stopped").then_some(()));
    cluster.await_equal();
}

#[test]
fn a_leader_without_a_majority_acknowledges_nothing() {
    let mut cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    for other in (1..=3).filter(|id| *id != leader) {
        cluster.kill(other);
    }
    let body = r#"{"key":"color","value":"red"}"#;
    let answered = cluster.node(leader).http("PUT", "/set", body);
    assert!(answered.status >= 500, "{answered:?}");
    eventually("it steps down", || (cluster.node(leader).health()?["state"] != "leader").then_some(()));
    let answered = cluster.node(leader).http("PUT", "/set", body);
    assert_eq!(answered.status, 503, "{answered:?}");
    assert!(answered.head.contains("retry-after"), "{answered:?}");
    assert_eq!(answered.json()["ok"], false);
}

#[test]
fn a_single_node_is_a_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let launch = Launch::new(&["--bind", "127.0.0.1:0"]).args(&QUICK).data(dir.path());
    let node = launch.ready();
    let body = r#"{"key":"color","value":"blue"}"#;
    eventually("it leads itself", || (node.http("PUT", "/set", body).status == 200).then_some(()));
    node.kill();
    let node = launch.ready();
    let answered = node.http("GET", "/get?key=color", "");
    assert_eq!(answered.json()["value"], "blue", "{answered:?}");
}

#[test]
fn three_variables_are_enough_to_start_a_cluster() {
    // `localhost` is part of the promise, so these ports are everybody's: find three that are free with all that
    // follows from them, and look again if somebody else was quicker.
    let dir = tempfile::tempdir().unwrap();
    let nodes = eventually("free ports", || {
        let ports = free_http_ports();
        let mut nodes: Vec<_> = ports
            .iter()
            .enumerate()
            .map(|(nth, port)| {
                let peers = ports.iter().filter(|peer| *peer != port);
                let peers: Vec<String> = peers.map(|peer| format!("http://localhost:{peer}")).collect();
                Launch::default()
                    .data(&dir.path().join(format!("{port}")))
                    .variable("NODE_ID", &format!("n{}", nth + 1))
                    .variable("PORT", &port.to_string())
                    .variable("PEERS", &peers.join(","))
                    .start()
            })
            .collect();
        let in_use = nodes.iter_mut().any(|node| {
            eventually("it is ready or in vain", || {
                if node.is_running() { node.try_ready().then_some(false) } else { Some(true) }
            })
        });
        (!in_use).then_some(nodes)
    });
    let body = r#"{"key":"name","value":"luffy"}"#;
    eventually("a write", || (nodes[0].http("PUT", "/set", body).status == 200).then_some(()));
    for (nth, node) in nodes.iter().enumerate() {
        assert_eq!(node.http("GET", "/get?key=name", "").json()["value"], "luffy");
        assert_eq!(node.health().unwrap()["id"], format!("n{}", nth + 1));
    }
}

fn free_http_ports() -> [u16; 3] {
    let free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
    let start = u16::try_from(std::process::id() % 9_000).expect("is below 9000");
    let mut candidates = (0..9_000)
        .map(|nth| 10_000 + (start + nth) % 9_000)
        .filter(|port| [0, 10_000, 11_000].iter().all(|offset| free(port + offset)));
    let mut ports = [(); 3].map(|()| candidates.next().expect("three ports are free"));
    ports.sort_unstable();
    ports
}
