//! Writers who remember what was acknowledged, and a look at all that is there.

use super::{PATIENCE, put};
use bytes::Bytes;
use raftdeck_client::{Client, ClientError};
use raftdeck_protocol::{Answer, Read};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// A writer's patience with one write: short, as most of them find nobody there at the end of a round.
const DEADLINE: Duration = Duration::from_millis(500);

/// Acknowledged writes from which on a writer takes its time.
const PLENTY: u64 = 400;

/// Writes one key after the other until the world ends, and gives back what was acknowledged.
pub(crate) async fn write_until(
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
        if acks.load(SeqCst) >= PLENTY {
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

pub(crate) async fn read_all(client: &Client) -> BTreeMap<Bytes, Bytes> {
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
