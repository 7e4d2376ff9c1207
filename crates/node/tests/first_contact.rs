//! What a newcomer meets: a node that was told nothing or a port alone, another one beside it, and the ways of older servers.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering::Relaxed;
use support::{Launch, Node, eventually, own_host};

/// HTTP ports of 127.0.0.1 that are free, together with those of Raft and clients above them. They lie below the ports that the
/// system gives out, and far from those of tests that run beside this one.
fn free_http_ports(count: usize) -> Vec<u16> {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let nth = u16::try_from(std::process::id() % 100).unwrap() * 2 + CALLS.fetch_add(1, Relaxed) % 2;
    let begin = 11_000 + nth * 50;
    let is_free = |port: u16| {
        [0, 10_000, 11_000].iter().all(|above| TcpListener::bind(("127.0.0.1", port + above)).is_ok())
    };
    let ports: Vec<u16> = (begin..begin + 50).filter(|port| is_free(*port)).take(count).collect();
    assert_eq!(ports.len(), count, "enough ports are free");
    ports
}

/// A node that is started in this directory with these variables alone.
fn with(dir: &Path, variables: &[(&str, &str)]) -> Launch {
    let launch = Launch::default().within(dir);
    variables.iter().fold(launch, |launch, (name, value)| launch.variable(name, value))
}

fn stores(node: &Node, value: &str) {
    let body = format!(r#"{{"key":"a","value":"{value}"}}"#);
    eventually("a write", || (node.http("PUT", "/set", &body).status == 200).then_some(()));
}

#[test]
fn nodes_with_a_port_alone_start_beside_each_other_and_keep_their_data_apart() {
    let dir = tempfile::tempdir().unwrap();
    let ports = free_http_ports(2);
    let launch = |port: u16| with(dir.path(), &[("KVSTORE_PORT", &port.to_string())]);
    let nodes: Vec<Node> = ports.iter().map(|port| launch(*port).ready()).collect();
    for (node, port) in nodes.iter().zip(&ports) {
        let at = node.addresses();
        let expected = [*port, port + 10_000, port + 11_000].map(|port| format!("127.0.0.1:{port}"));
        assert_eq!([&at.http, &at.raft, &at.client].map(String::from), expected);
        stores(node, &port.to_string());
        assert!(dir.path().join(format!("raftdeck-data/n1-{port}")).is_dir());
    }
    nodes.into_iter().for_each(Node::kill);
    for port in &ports {
        let node = launch(*port).ready();
        eventually("what was stored is there", || {
            let answered = node.http("GET", "/get?key=a", "");
            let stored = || answered.json()["value"].as_str()?.parse::<u16>().ok();
            (answered.status == 200 && stored() == Some(*port)).then_some(())
        });
    }
}

#[test]
fn two_nodes_alone_by_their_raft_ports_need_directories_of_their_own_and_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let launch = |port: u16| Launch::new(&["--bind", &format!("{host}:{port}")]).within(dir.path());
    let _first = launch(8080).ready();
    let (code, said) = launch(8090).fails();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("raftdeck-data/n1 is in use") && said.contains("--data-dir"), "{said}");
}

#[test]
fn three_nodes_by_node_id_port_and_peers_are_a_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let ports = free_http_ports(3);
    let launch = |own: usize| {
        let others: Vec<String> = ports
            .iter()
            .filter(|port| **port != ports[own])
            .map(|port| format!("http://localhost:{port}"))
            .collect();
        let (id, port, peers) = (format!("n{}", own + 1), ports[own].to_string(), others.join(","));
        with(dir.path(), &[("NODE_ID", &id), ("PORT", &port), ("PEERS", &peers)])
    };
    let mut nodes: Vec<Node> = (0..3).map(|own| launch(own).start()).collect();
    nodes.iter_mut().for_each(Node::await_ready);
    stores(&nodes[0], "b");
    for node in &nodes {
        assert_eq!(node.http("GET", "/get?key=a", "").json()["value"], "b");
    }
}

#[test]
fn a_port_that_browsers_refuse_is_told_once_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let warned = |launch: Launch| {
        let node = launch.ready();
        let log = node.log();
        log.lines().filter(|line| line.contains("browsers")).map(str::to_owned).collect::<Vec<_>>()
    };
    let launch = |args: &[&str]| Launch::new(args).data(dir.path());
    let by_raft_port = warned(launch(&["--bind", &format!("{host}:7080")]));
    assert!(by_raft_port.len() == 1 && by_raft_port[0].contains("10080"), "{by_raft_port:?}");
    assert!(
        by_raft_port[0].starts_with("WARN") && by_raft_port[0].ends_with("--http 11080"),
        "{by_raft_port:?}"
    );
    let by_http = warned(launch(&["--bind", &format!("{host}:8080"), "--http", "6000"]));
    assert_eq!(by_http.len(), 1, "{by_http:?}");
    assert_eq!(warned(launch(&["--bind", &format!("{host}:8080")])), [""; 0]);
}
