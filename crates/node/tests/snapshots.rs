//! Snapshots of real nodes: taken while writes go on, sent to who was away, and the log behind them released.

mod support;

use raftdeck_client::Client;
use raftdeck_protocol::{NodeStatus, RequestBody, ResponseBody};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use support::load::{read_all, write_until};
use support::wire::{ask, status};
use support::{Cluster, PATIENCE, STEADY, block_on, eventually, put};

/// So large that a snapshot of a few hundred takes several pieces.
const VALUE: usize = 8 << 10;

fn snapshot_every(entries: u64) -> Vec<String> {
    let mut args: Vec<String> = STEADY.iter().map(ToString::to_string).collect();
    args.extend(["--snapshot-entries".to_owned(), entries.to_string()]);
    args
}

fn start(size: usize, args: &[String]) -> Cluster {
    Cluster::start(size, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

async fn fill(client: &Client, prefix: &str, count: usize) {
    let value = "v".repeat(VALUE);
    for chunk in (0..count).collect::<Vec<_>>().chunks(20) {
        let writes =
            chunk.iter().map(|nth| client.write(put(&format!("{prefix}-{nth:05}"), &value), PATIENCE));
        for done in futures::future::join_all(writes).await {
            done.expect("the cluster takes writes");
        }
    }
}

fn status_of(cluster: &Cluster, id: u64) -> NodeStatus {
    status(cluster.node(id)).expect("the node answers")
}

fn assert_equal_states(cluster: &Cluster) {
    cluster.await_equal();
    let hashes: Vec<u64> =
        cluster.running().map(|node| status(node).expect("the node answers").state_hash).collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}

#[test]
fn a_follower_that_was_away_catches_up_by_snapshot_and_tail_while_writes_go_on() {
    let mut cluster = start(3, &snapshot_every(50));
    let (leader, _) = cluster.leader();
    let away = (1..=3).find(|id| *id != leader).expect("another");
    block_on(fill(&cluster.client(), "before", 20));
    cluster.kill(away);
    block_on(fill(&cluster.client(), "while-away", 400));
    let needed = eventually("the leader releases what the follower lacks", || {
        let purged = status_of(&cluster, leader).raft.purged;
        (purged.0 > 300).then_some(purged)
    });
    cluster.restart(away);
    block_on(fill(&cluster.client(), "on-return", 100));
    let returned = eventually("it has the snapshot", || {
        let status = status_of(&cluster, away);
        (status.raft.snapshot.index >= needed).then_some(status)
    });
    assert!(returned.raft.purged.0 > 0, "its log starts behind the snapshot");
    for (node, words) in [
        (away, "installed the leader's snapshot".to_owned()),
        (leader, format!("sends n{away} the snapshot")),
    ] {
        eventually("the log says so", || cluster.node(node).log().contains(&words).then_some(()));
    }
    block_on(fill(&cluster.client(), "tail", 10));
    assert_equal_states(&cluster);
    assert_eq!(status_of(&cluster, away).keys, 530);
    // What it got is on its disk: alone with one other it still knows everything.
    cluster.kill_all();
    cluster.restart_all();
    assert_eq!(block_on(read_all(&cluster.client())).len(), 530);
    assert_equal_states(&cluster);
}

/// The files of a node's snapshots, also of those that are not whole.
fn snapshots_of(cluster: &Cluster, id: u64) -> Vec<OsString> {
    let files = fs::read_dir(cluster.data_dir(id)).expect("is there");
    let names = files.map(|file| file.expect("can be read").file_name());
    names.filter(|name| name.to_string_lossy().starts_with("snapshot")).collect()
}

#[test]
fn the_log_s_files_go_and_the_state_outlives_them() {
    let mut cluster = start(1, &snapshot_every(100));
    let node = cluster.node(1);
    eventually("it leads", || (status(node)?.raft.has_quorum).then_some(()));
    let client = cluster.client();
    // The same few keys over and over: the log would grow, the state does not.
    for _ in 0..20 {
        block_on(fill(&client, "same", 50));
    }
    let data = cluster.data_dir(1);
    eventually("of the log's files only the last ones are left", || {
        let files = fs::read_dir(&data).expect("is there").map(|file| file.expect("can be read").file_name());
        let segments: Vec<_> = files.filter(|name| name.to_string_lossy().starts_with("log-")).collect();
        (segments.len() <= 2 && !segments.contains(&"log-0000000001".into())).then_some(())
    });
    eventually("of the snapshots only the newest is left", || {
        (snapshots_of(&cluster, 1).len() == 1).then_some(())
    });
    let before = status_of(&cluster, 1);
    assert!(before.raft.purged.0 > 500, "{:?}", before.raft);
    // The log is shown from where it begins.
    let ResponseBody::Log(lines) = ask(cluster.node(1), RequestBody::Log { first: 1, limit: 5 }) else {
        panic!("a log")
    };
    assert!(lines[0].id.index > before.raft.purged, "{lines:?}");
    cluster.kill(1);
    cluster.restart(1);
    eventually("the state is as it was", || {
        (status(cluster.node(1))?.state_hash == before.state_hash).then_some(())
    });
    // It may be taking another one already, and the older one goes after that.
    eventually("what was half written goes", || (snapshots_of(&cluster, 1).len() == 1).then_some(()));
}

#[test]
fn sigkill_amid_snapshots_and_writes_loses_nothing_that_was_acknowledged() {
    const ROUNDS: usize = 8;
    const ENOUGH: u64 = 150;
    let args = ["--heartbeat", "20", "--election", "60..120", "--snapshot-entries", "10"];
    let mut cluster = Cluster::start(3, &args);
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let acks = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (client, acks, over) = (cluster.client(), Arc::clone(&acks), Arc::clone(&over));
                thread::spawn(move || {
                    block_on(write_until(&client, &format!("r{round}-w{writer}"), &acks, &over))
                })
            })
            .collect();
        eventually("enough writes are acknowledged", || (acks.load(SeqCst) >= ENOUGH).then_some(()));
        cluster.kill_all();
        over.store(true, SeqCst);
        for writer in writers {
            acknowledged.extend(writer.join().expect("the writer ends"));
        }
        cluster.restart_all();
        let found = block_on(read_all(&cluster.client()));
        for (key, value) in &acknowledged {
            assert_eq!(found.get(key), Some(value), "round {round}: {key:?} was acknowledged");
        }
    }
    for node in cluster.running() {
        assert!(status(node).expect("the node answers").raft.snapshot.index.0 > 0, "snapshots were taken");
    }
    assert_equal_states(&cluster);
}
