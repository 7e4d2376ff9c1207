//! Writes down, on the disk, which starts of other data directories were met. Away from the thread that sends heartbeats; decides
//! nothing.

use raftdeck_raft::{Boot, ClusterId, Incarnation};
use raftdeck_storage::{Life, OpenError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The data directory's identity, shared by all that meet other nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Option<Arc<Mutex<Life>>>);

impl Memory {
    pub(crate) fn new(life: Life) -> Self {
        Self(Some(Arc::new(Mutex::new(life))))
    }

    /// The cluster that the data directory belongs to, if it knows that.
    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.0.as_ref().and_then(|life| life.lock().unwrap_or_else(PoisonError::into_inner).cluster())
    }

    /// Keeps the cluster that the data directory belongs to; durable when this returns. It blocks on the disk.
    pub(crate) fn keep_cluster(&self, cluster: ClusterId) -> Result<(), OpenError> {
        let Some(life) = &self.0 else { return Ok(()) };
        life.lock().unwrap_or_else(PoisonError::into_inner).keep_cluster(cluster)
    }

    /// Keeps these; durable when this returns. A start that could not be written down is met again later: that it is refused
    /// after a crash rests on this, and nothing that was acknowledged does.
    pub(crate) async fn keep(&self, met: BTreeMap<Incarnation, Boot>) {
        let Some(life) = self.0.clone() else { return };
        let written = tokio::task::spawn_blocking(move || {
            life.lock().unwrap_or_else(PoisonError::into_inner).keep_met(met)
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("which nodes were met cannot be written down: {error}"),
            Err(error) => tracing::warn!("which nodes were met was not written down: {error}"),
        }
    }
}
