//! `kill -9` of everything, in the middle of writing, again and again: nothing that was acknowledged is ever missing.

mod support;

use bytes::Bytes;
use raftdeck_client::{Client, ClientError};
use raftdeck_protocol::{Answer, Read};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{Cluster, PATIENCE, block_on, eventually, put};

const ROUNDS: u64 = 20;
const WRITERS: u64 = 4;

/// A writer's patience with one write: short, as most of them find nobody there at the end of a round.
const DEADLINE: Duration = Duration::from_millis(500);

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

/// Writes one key after the other until the world ends, and gives back what was acknowledged.
async fn write_until(
    client: &Client,
    prefix: &str,
    acks: &AtomicU64,
    over: &AtomicBool,
) -> BTreeMap<Bytes, Bytes> {
    let mut acknowledged = BTreeMap::new();
    for nth in 0.. {
        let (key, value) = (format!("{prefix}-{nth:06}"), format!("value {nth}"));
        match client.write(put(&key, &value), DEADLINE).await {
            Ok(_) => {
                acks.fetch_add(1, SeqCst);
                acknowledged.insert(key.into(), value.into());
            }
            // Whether that one is there is nobody's promise.
            Err(error) => assert!(is_no_defect(&error), "{error}"),
        }
        if over.load(SeqCst) {
            break;
        }
        if acks.load(SeqCst) >= ENOUGH * 10 {
            // The killing takes its time on a busy machine; there is enough to lose by now.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    acknowledged
}

fn is_no_defect(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unknown { .. } | ClientError::NoLeader { .. } | ClientError::Unreachable { .. }
    )
}

async fn read_all(client: &Client) -> BTreeMap<Bytes, Bytes> {
    let mut found = BTreeMap::new();
    let mut after = None;
    loop {
        let read = Read::List { prefix: Bytes::new(), after, limit: 1000 };
        let done = client.read(read, PATIENCE).await.expect("the cluster answers again");
        let Answer::Page { pairs, more } = done.answer else { panic!("a page: {:?}", done.answer) };
        after = pairs.last().map(|(key, _)| key.clone());
        found.extend(pairs);
        if !more {
            return found;
        }
    }
}
