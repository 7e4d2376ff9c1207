//! `kill -9` of everything, in the middle of writing, again and again: nothing that was acknowledged is ever missing.

mod support;

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use support::load::{read_all, write_until};
use support::{Cluster, block_on, eventually};

const ROUNDS: u64 = 20;
const WRITERS: u64 = 4;

/// Acknowledged writes of one round before everything is killed.
const ENOUGH: u64 = 40;

#[test]
fn no_acknowledged_write_is_missing_after_all_nodes_were_killed() {
    let mut cluster = Cluster::start(3, &["--heartbeat", "20", "--election", "60..120"]);
    let mut acknowledged: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for round in 0..ROUNDS {
        let acks = Arc::new(AtomicU64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, acks, over) = (cluster.client(), Arc::clone(&acks), Arc::clone(&over));
                thread::spawn(move || {
                    block_on(write_until(&client, &format!("r{round:02}-w{writer}"), &acks, &over))
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
    assert!(acknowledged.len() as u64 >= ROUNDS * ENOUGH);
    cluster.await_equal();
}
