//! Stores the newest known start of each other data directory on disk, off the thread that sends heartbeats.

use crate::trust::Trust;
use raftdeck_raft::ClusterId;
use raftdeck_storage::{Life, OpenError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection waits for the disk. A disk that stalls must not keep its node from its peers: they hear of the stall on
/// that connection.
const PATIENCE: Duration = Duration::from_millis(200);

/// The data directory's identity, shared by all that meet other nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct StartMemory(Option<Arc<Mutex<Life>>>);

impl StartMemory {
    pub(crate) fn new(life: Life) -> Self {
        Self(Some(Arc::new(Mutex::new(life))))
    }

    /// The cluster that the data directory belongs to, if it knows that. It blocks while something is being written.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.0.as_ref().and_then(|life| life.lock().unwrap_or_else(PoisonError::into_inner).cluster())
    }

    /// Keeps the cluster that the data directory belongs to; durable when this returns. It blocks on the disk.
    pub(crate) fn keep_cluster(&self, cluster: ClusterId) -> Result<(), OpenError> {
        let Some(life) = &self.0 else { return Ok(()) };
        life.lock().unwrap_or_else(PoisonError::into_inner).keep_cluster(cluster)
    }

    /// Keeps the starts that were met; durable when this returns, unless the disk takes long or fails. A start that could not be
    /// written down is met again later: that it is refused after a crash rests on this, and nothing that was acknowledged does.
    pub(crate) async fn keep_met(&self, trust: &Trust) {
        let Some(life) = self.0.clone() else { return };
        let trust = trust.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let mut life = life.lock().unwrap_or_else(PoisonError::into_inner);
            // What was met by now, so that a task that waited longer writes nothing older.
            if let Err(error) = life.keep_met(trust.met()) {
                tracing::warn!("the starts of other nodes cannot be stored: {error}");
            }
        });
        if let Ok(Err(error)) = timeout(PATIENCE, writing).await {
            tracing::warn!("the starts of other nodes were not stored: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokens;
    use raftdeck_protocol::handshake::Standing;
    use raftdeck_raft::{Boot, Incarnation, NodeId};
    use raftdeck_storage::fs::{DelayedFs, MemoryFs, SyncDelay};
    use raftdeck_storage::{LogOptions, LogStore};
    use std::path::Path;
    use std::time::Instant;

    /// How long anything may take on a busy machine.
    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_peer_that_is_met_while_the_disk_stalls_does_not_wait_for_it_and_is_remembered_later() {
        let (me, you, delay) = (NodeId(1), NodeId(2), SyncDelay::default());
        let fs = DelayedFs::new(Box::new(MemoryFs::new()), delay.clone());
        let (dir, options, disk) = (Path::new("/data"), LogOptions::default(), Incarnation([1; 16]));
        let (_store, _, life) = LogStore::start_life(&fs, dir, me, "test", &options, disk).unwrap();
        let memory = StartMemory::new(life);

        let trust = Trust::new(me, "test".to_owned(), Tokens::default());
        let (incarnation, boot) = (Incarnation([2; 16]), Boot { number: 3, nonce: 30 });
        trust.judge(you, Some(&Standing { incarnation, boot, cluster: None, named_at: None }), true).unwrap();
        assert!(trust.welcomed(you));
        delay.set(None);
        timeout(LONG, memory.keep_met(&trust)).await.expect("it does not wait for the disk");

        delay.set(Some(Duration::ZERO));
        let until = Instant::now() + LONG;
        let met = || memory.0.as_ref().unwrap().lock().unwrap().met().clone();
        while met() != [(incarnation, boot)].into() {
            assert!(Instant::now() < until, "it was never written");
            tokio::task::yield_now().await;
        }
    }
}
