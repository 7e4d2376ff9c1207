//! Data directories of earlier versions, whose log is one file and which know no identities: a node takes its own over at its first
//! start and loses nothing, and a whole cluster of them comes up.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};
use raftdeck_protocol::frame;
use raftdeck_protocol::kv::{Action, Command, LoggedTime};
use raftdeck_raft::{Entry, HardState, LogId, LogIndex, NodeId, Payload, Term};
use std::fs;
use std::path::Path;
use support::wire::status;
use support::{Cluster, QUICK, eventually, put};

/// `raft.log` as version 2 wrote it: five keys that a leader of term 1 has stored. `storage/src/legacy.rs` has the format.
fn version_2(node: NodeId) -> Vec<u8> {
    let mut log = b"raftdeck".to_vec();
    log.extend(2u32.to_le_bytes());
    log.extend(crc32c(&log).to_le_bytes());
    let body = frame::encode(&(node, "raftdeck", 0u64));
    log.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    log.extend(crc32c(&body).to_le_bytes());
    log.extend(body);
    let salt = crc32c(&log);
    // One write holds all of it: entries are records of kind 1, term and vote one of kind 2.
    let entry = |index: u64| {
        let payload = match index {
            1 => Payload::Noop,
            _ => Payload::Command(stored(index - 1)),
        };
        frame::encode(&(1u8, Entry { id: LogId { term: Term(1), index: LogIndex(index) }, payload }))
    };
    let mut body: Vec<u8> = (1..=6).flat_map(entry).collect();
    body.extend(frame::encode(&(2u8, HardState { term: Term(1), vote: Some(NodeId(1)) })));
    put_frame(&mut log, salt, 1, &body);
    put_frame(&mut log, salt, 2, &[]);
    log
}

fn stored(nth: u64) -> Bytes {
    Command { at: LoggedTime(nth), action: Action::Write(put(&format!("old-{nth}"), "kept")) }.encode()
}

fn put_frame(log: &mut Vec<u8>, salt: u32, kind: u8, body: &[u8]) {
    let offset = log.len() as u64;
    let mut head = [b"rdf".as_slice(), &[kind]].concat();
    head.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    head.extend(crc32c(body).to_le_bytes());
    let crc = crc32c_append(crc32c_append(salt, &offset.to_le_bytes()), &head);
    head.extend(crc.to_le_bytes());
    log.extend(head);
    log.extend(body);
}

fn make_old(dir: &Path, id: u64) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("raft.log"), version_2(NodeId(id))).unwrap();
}

/// Every key of the old log, through every node; each knows all disks of its cluster.
fn has_all(cluster: &Cluster, size: usize) {
    for node in cluster.running() {
        let status = eventually("the cluster and its disks are known", || {
            let status = status(node)?;
            let is_known = status.cluster.is_some()
                && status.cluster == status.raft.membership.cluster
                && status.raft.membership.incarnations.len() == size
                && status.refused.is_empty();
            is_known.then_some(status)
        });
        assert_eq!(status.raft.membership.incarnations.get(&NodeId(node.id())), status.incarnation.as_ref());
        assert_eq!(status.notices, []);
        for nth in 1..=5 {
            let answered = node.http("GET", &format!("/get?key=old-{nth}"), "");
            assert_eq!(answered.json()["value"], "kept", "n{} and old-{nth}: {answered:?}", node.id());
        }
    }
}

#[test]
fn a_node_takes_an_old_directory_over_at_its_first_start_and_gives_it_an_identity() {
    let mut cluster = Cluster::prepared(1, &QUICK, make_old);
    has_all(&cluster, 1);
    let file = |name: &str| fs::read(cluster.data_dir(1).join(name)).unwrap();
    assert_eq!(file("raft.log")[8], 4, "an older program refuses it by its version");
    assert!(!file("identity").is_empty());
    cluster.assert_serves("new");
    let before = status(cluster.node(1)).unwrap();
    cluster.kill(1);
    cluster.restart(1);
    has_all(&cluster, 1);
    let after = status(cluster.node(1)).unwrap();
    assert_eq!((after.incarnation, after.cluster), (before.incarnation, before.cluster));
    assert_eq!(after.keys, before.keys);
}

#[test]
fn a_cluster_of_old_directories_comes_up_and_gets_one_identity() {
    let mut cluster = Cluster::prepared(3, &QUICK, make_old);
    cluster.leader();
    has_all(&cluster, 3);
    cluster.assert_serves("new");
    // They are founded already: with a majority, and with a secret of their own in the end.
    for id in 1..=3 {
        eventually("it has the secret", || fs::read(cluster.data_dir(id).join("secret")).ok());
    }
    cluster.kill(2);
    cluster.kill(3);
    cluster.restart(3);
    cluster.assert_serves("two");
    cluster.restart(2);
    has_all(&cluster, 3);
    let clusters: Vec<_> = cluster.running().map(|node| status(node).unwrap().cluster).collect();
    assert!(clusters.iter().all(|cluster| *cluster == clusters[0]), "{clusters:?}");
}
