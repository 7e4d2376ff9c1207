//! Nodes inside a program that is not theirs: they serve, stop and start again, and touch nothing that is the program's.

mod support;

use raftdeck_client::Client;
use raftdeck_node::{Node, NodeError, NodeId, NodeOptions, Secret, StartError, Timing};
use std::fs;
use std::net::TcpListener;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::pki::Pki;
use support::{PATIENCE, block_on, own_host};

/// Times that keep a leader where it is, also on a busy machine.
const STEADY: Timing = Timing {
    heartbeat: Duration::from_millis(50),
    election_min: Duration::from_millis(500),
    election_max: Duration::from_millis(800),
};

/// A node alone on free ports.
fn alone(dir: &Path) -> NodeOptions {
    NodeOptions { timing: STEADY, ..NodeOptions::new(NodeId(1), &["127.0.0.1:0"], dir) }
}

fn three(dir: &Path) -> Vec<NodeOptions> {
    let host = own_host();
    let addresses: Vec<String> = (8080..8083).map(|port| format!("{host}:{port}")).collect();
    let node = |id: u64| NodeOptions {
        timing: STEADY,
        ..NodeOptions::new(NodeId(id), &addresses, dir.join(id.to_string()))
    };
    (1..=3).map(node).collect()
}

async fn value(client: &Client, key: &'static str) -> Option<String> {
    let value = client.get(key).await.expect("is answered")?;
    Some(String::from_utf8(value.to_vec()).expect("is text"))
}

#[test]
fn three_in_one_process_survive_the_stop_of_their_leader_and_its_return() {
    let dir = tempfile::tempdir().unwrap();
    let options = three(dir.path());
    let mut nodes: Vec<Node> = options.iter().cloned().map(|options| Node::start(options).unwrap()).collect();
    let client = Client::new(&nodes[0].client_addresses(), with_patience()).unwrap();
    let leader = block_on(async {
        client.put("color", "blue").await.expect("is taken");
        client.find_leader(PATIENCE).await.expect("is found").node
    });
    let at = nodes.iter().position(|node| node.id() == leader).expect("is one of them");
    nodes.remove(at).stop().expect("ends in order");
    block_on(async {
        client.put("color", "green").await.expect("two are a majority");
        assert_ne!(client.find_leader(PATIENCE).await.expect("is found").node, leader);
    });
    let again = Node::start(options[at].clone()).expect("its ports and its directory are free");
    let address = again.addresses().client.to_string();
    support::eventually("it has caught up", || {
        let read = raftdeck_client::Read::Get { key: "color".into() };
        let done = block_on(client.stale_at(&address, read, PATIENCE)).ok()?;
        (done.answer == raftdeck_client::Answer::Value(Some("green".into()))).then_some(())
    });
}

fn with_patience() -> raftdeck_client::Options {
    raftdeck_client::Options { deadline: PATIENCE, ..raftdeck_client::Options::default() }
}

#[test]
fn a_node_starts_and_stops_again_and_again_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let node = Node::start(alone(dir.path())).expect("the directory is free again");
        let client = Client::new(&node.client_addresses(), with_patience()).unwrap();
        block_on(async {
            let before = value(&client, "round").await;
            assert_eq!(before, (round > 0).then(|| (round - 1).to_string()));
            client.put("round", round.to_string()).await.expect("is taken");
        });
        if round % 2 == 0 { drop(node) } else { node.stop().expect("ends in order") }
    }
}

#[test]
fn a_stopped_node_leaves_its_ports_and_its_clients_know() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(alone(dir.path())).unwrap();
    let addresses = node.addresses();
    let options = raftdeck_client::Options { deadline: Duration::from_millis(500), ..with_patience() };
    let client = Client::new(&node.client_addresses(), options).unwrap();
    block_on(async {
        client.write(support::put("color", "blue"), PATIENCE).await.expect("is taken");
        let stopped = tokio::task::spawn_blocking(|| node.stop());
        stopped.await.expect("no panic").expect("ends in order");
        let error = client.put("color", "green").await.expect_err("nobody is there");
        assert!(!error.may_have_happened(), "{error}");
        assert!(error.to_string().contains("refuses connections"), "{error}");
    });
    for address in [addresses.raft, addresses.client, addresses.http] {
        assert!(std::net::TcpStream::connect(address).is_err(), "{address} serves no more");
    }
}

#[test]
fn what_keeps_a_node_from_starting_is_told_by_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(alone(dir.path())).unwrap();
    let locked = Node::start(alone(dir.path())).expect_err("one node each");
    assert!(matches!(locked, StartError::Open(_)), "{locked:?}");
    assert!(locked.to_string().contains(&dir.path().display().to_string()), "{locked}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = Some(taken.local_addr().unwrap().to_string());
    let other = tempfile::tempdir().unwrap();
    let listen = Node::start(NodeOptions { bind, ..alone(other.path()) }).expect_err("the port is taken");
    assert!(matches!(listen, StartError::Listen { .. } | StartError::Options(_)), "{listen:?}");

    let options = Node::start(NodeOptions { id: NodeId(0), ..alone(other.path()) }).expect_err("is no id");
    assert!(matches!(options, StartError::Options(_)), "{options:?}");
    node.stop().expect("none of this was its business");
}

#[test]
fn a_node_whose_disk_fails_ends_by_itself_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let options = NodeOptions { snapshot_entries: NonZeroU64::new(10), ..alone(&data) };
    let node = Node::start(options).unwrap();
    let client = Client::new(&node.client_addresses(), with_patience()).unwrap();
    block_on(async {
        client.put("color", "blue").await.expect("is taken");
        // The next snapshot has no place to go.
        fs::remove_dir_all(&data).unwrap();
        let writes = async {
            for n in 0.. {
                if client.put(format!("key{n}"), "value").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            () = node.ended() => {}
            () = writes => {}
            () = tokio::time::sleep(PATIENCE) => panic!("it goes on"),
        }
    });
    let error = node.wait().expect_err("did not end in order");
    assert!(matches!(error, NodeError::Disk(_)), "{error:?}");
    assert!(error.to_string().contains("nothing more will be acknowledged"), "{error}");
}

/// Signals that this process catches, as a set of bits.
#[cfg(target_os = "linux")]
fn caught() -> String {
    let status = fs::read_to_string("/proc/self/status").expect("is readable");
    status.lines().find(|line| line.starts_with("SigCgt:")).expect("is there").to_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn signals_panics_and_the_log_stay_the_programs() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| _ = PANICS.fetch_add(1, Ordering::SeqCst)));
    let before = caught();
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(alone(dir.path())).unwrap();
    block_on(async { node.client().put("color", "blue").await.expect("is taken") });
    assert_eq!(caught(), before, "no signal is caught that was not before");
    assert!(!tracing::dispatcher::has_been_set(), "nobody set a logger");
    let panicked = std::thread::spawn(|| panic!("on purpose")).join();
    assert!(panicked.is_err() && PANICS.load(Ordering::SeqCst) == 1, "the hook is the program's");
    node.stop().expect("ends in order");
    assert_eq!(caught(), before);
    std::panic::set_hook(usual);
}

#[test]
fn certificates_and_tokens_are_options_like_others() {
    let (pki, host) = (Pki::new(), own_host());
    let addresses: Vec<String> = (8080..8083).map(|port| format!("{host}:{port}")).collect();
    let token = |letter: &str| Some(Secret::new(&letter.repeat(16)).unwrap());
    let start = |id: u64| {
        Node::start(NodeOptions {
            timing: STEADY,
            tls: Some(pki.node(id, &host)),
            client_token: token("c"),
            manager_token: token("m"),
            peer_token: token("p"),
            ..NodeOptions::new(NodeId(id), &addresses, pki.path(&format!("data{id}")))
        })
    };
    let nodes: Vec<Node> = (1..=3).map(|id| start(id).unwrap()).collect();
    block_on(async {
        // The node's own certificate and the clients' token let it in, and those of nobody do not.
        let options = raftdeck_client::Options { deadline: PATIENCE, ..nodes[0].client_options() };
        let client = Client::new(&nodes[0].client_addresses(), options).unwrap();
        client.put("color", "blue").await.expect("is taken");
        assert_eq!(value(&client, "color").await.as_deref(), Some("blue"));
        let stranger = Client::connect(&nodes[0].client_addresses(), with_patience()).await;
        stranger.expect_err("is let in nowhere");
    });
}

#[test]
fn stopping_takes_about_a_second_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let mut nodes: Vec<Node> =
        three(dir.path()).into_iter().map(|options| Node::start(options).unwrap()).collect();
    block_on(async { nodes[0].client().put("color", "blue").await }).expect("is taken");
    let start = Instant::now();
    // One that is alone then, and one that others still talk to.
    while let Some(node) = nodes.pop() {
        node.stop().expect("ends in order");
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}
