//! Real nodes that are started again with other founding members: the first start counts, and the person is told.

mod support;

use std::fs;
use std::path::Path;
use support::wire::status;
use support::{Cluster, Launch, Node, QUICK, eventually, own_host};

/// What every warning about it says.
const WARNING: &str = "the recorded founding members";

fn voters(node: &Node) -> Vec<u64> {
    let raft = status(node).expect("the node answers").raft;
    raft.membership.voters.iter().map(|voter| voter.0).collect()
}

/// Waits until it has run for many election timeouts.
fn live_long(node: &Node) {
    eventually("it has run for a while", || (status(node)?.uptime_micros > 2_000_000).then_some(()));
}

fn warnings(node: &Node) -> usize {
    // What the node says of its cluster comes after.
    eventually("it says of which cluster it is", || {
        let log = node.log();
        (log.contains("the cluster at the start") || log.contains("waits to be added")).then_some(())
    });
    node.log().lines().filter(|line| line.starts_with("WARN") && line.contains(WARNING)).count()
}

/// Stops a node in order, so that its log is complete.
fn stop(mut node: Node) -> String {
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(node.wait().code(), Some(0), "{}", node.log());
    node.log()
}

#[test]
fn a_founder_that_is_started_with_another_cluster_stays_with_the_first_and_forms_no_majority_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let address = |id: u64| format!("{host}:{}", 8079 + id);
    let three = [1, 2, 3].map(address).join(",");
    let launch = |id: &str, args: &[&str]| {
        Launch::new(&["--node-id", id]).args(args).args(&QUICK).data(&dir.path().join(id))
    };
    let first = launch("1", &["--cluster", &three]).ready();
    assert_eq!(warnings(&first), 0);
    first.kill();
    // It is not founded, as nobody else was there.
    let own = address(1);
    let two = [1, 2].map(address).join(",");
    let others: [&[&str]; 3] = [&["--bind", &own], &["--cluster", &two], &["--join", "--bind", &own]];
    for other in others {
        let node = launch("1", other).ready();
        live_long(&node);
        assert_eq!(warnings(&node), 1, "{other:?}: {}", node.log());
        assert_eq!(voters(&node), [] as [u64; 0], "{other:?}");
        assert_ne!(status(&node).unwrap().raft.role, raftdeck_raft::Role::Leader, "{other:?}");
        let log = stop(node);
        assert!(log.contains("first started as a cluster of n1, n2 and n3"), "{log}");
        assert!(log.contains("raftdeck client member"), "{log}");
    }
    // With no address on the command line it finds the others by what was recorded.
    let found = launch("1", &["--bind", &own]).ready();
    let second = launch("2", &["--cluster", &three]).ready();
    let _third = launch("3", &["--cluster", &three]).ready();
    eventually("the three take writes", || {
        (found.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    assert_eq!(second.http("GET", "/get?key=a", "").json()["value"], "b");
}

#[test]
fn a_node_that_joins_founds_nothing_when_it_is_started_with_a_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let bind = format!("{}:8080", own_host());
    let launch = |args: &[&str]| Launch::new(&["--node-id", "1"]).args(args).args(&QUICK).data(dir.path());
    assert_eq!(warnings(&launch(&["--join", "--bind", &bind]).ready()), 0);
    for args in [["--cluster", &bind], ["--bind", &bind]] {
        let node = launch(&args).ready();
        live_long(&node);
        assert_eq!((warnings(&node), voters(&node)), (1, vec![]), "{}", node.log());
        let raft = status(&node).unwrap().raft;
        assert_eq!((raft.term.0, raft.leader), (0, None));
        let log = stop(node);
        assert!(log.contains("first started to join a cluster"), "{log}");
    }
    let node = launch(&["--join", "--bind", &bind]).ready();
    assert_eq!(warnings(&node), 0, "{}", node.log());
}

#[test]
fn a_founder_whose_host_moved_is_reached_where_the_command_line_says() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (own_host(), own_host());
    let launch = |id: u64, second: &str| {
        let cluster = format!("{old}:8080,{second}:8081");
        Launch::new(&["--node-id", &id.to_string(), "--cluster", &cluster])
            .args(&QUICK)
            .data(&dir.path().join(id.to_string()))
    };
    launch(1, &old).ready().kill();
    let (first, second) = (launch(1, &new).ready(), launch(2, &new).ready());
    eventually("the two take writes", || {
        (first.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    assert_eq!((warnings(&first), warnings(&second)), (0, 0), "{}", first.log());
}

#[test]
fn a_directory_of_an_earlier_release_records_what_it_is_started_with_now() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.assert_serves("before");
    cluster.kill_all();
    for id in 1..=3 {
        fs::remove_file(cluster.data_dir(id).join("founders")).expect("was recorded");
    }
    cluster.restart_all();
    cluster.assert_serves("after");
    for id in 1..=3 {
        assert!(cluster.data_dir(id).join("founders").exists());
        assert_eq!(warnings(cluster.node(id)), 0);
    }
    let own = cluster.node(1).addresses().raft.clone();
    cluster.kill(1);
    let again = Launch::new(&["--bind", &own]).args(&QUICK).data(&cluster.data_dir(1)).ready();
    assert_eq!((warnings(&again), voters(&again)), (1, vec![1, 2, 3]), "{}", again.log());
    eventually("it serves with the other two", || {
        (again.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    assert_eq!(cluster.node(2).http("GET", "/get?key=a", "").json()["value"], "b");
}

#[test]
fn a_damaged_record_is_refused_by_name_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let launch = Launch::new(&["--bind", "127.0.0.1:0"]).args(&QUICK).data(dir.path());
    launch.ready().kill();
    let path = dir.path().join("founders");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (code, log) = launch.fails();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains(&path.display().to_string()) && log.contains("ERROR"), "{log}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(names(dir.path()), ["LOCK", "founders", "identity", "log-0000000001", "log.end", "raft.log"]);
}

#[test]
fn a_start_that_finds_its_port_taken_records_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let taken = std::net::TcpListener::bind((host.as_str(), 8080)).unwrap();
    let (code, log) = Launch::new(&["--bind", &format!("{host}:8080")]).data(dir.path()).fails();
    assert_eq!(code, Some(1), "{log}");
    assert!(!dir.path().join("founders").exists());
    drop(taken);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("the directory is there")
        .map(|entry| entry.expect("can be read").file_name().into_string().expect("a plain name"))
        .collect();
    // Made a moment after the founding, perhaps before the kill.
    names.retain(|name| name != "secret");
    names.sort();
    names
}
