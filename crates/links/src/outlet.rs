//! The outlet of updates. Every part that reports something holds a clone of it.

use crate::time::ClockReader;
use raftdeck_model::{News, Update, World};
use raftdeck_raft::NodeId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The caller's sink, shared by all reporters. Called on their threads.
#[derive(Clone)]
pub struct Outlet(Arc<SharedOutlet<dyn Fn(Update) + Send + Sync>>);

struct SharedOutlet<S: ?Sized> {
    clock: ClockReader,
    /// How many updates were sent.
    told: AtomicU64,
    /// The state after all updates so far, as far as it determines the leader.
    world: Mutex<World>,
    sink: S,
}

impl Outlet {
    /// Updates go to `sink`, stamped with the time of this clock.
    pub fn new(clock: ClockReader, sink: impl Fn(Update) + Send + Sync + 'static) -> Self {
        Self(Arc::new(SharedOutlet { clock, told: AtomicU64::new(0), world: Mutex::default(), sink }))
    }

    /// Sends an update.
    pub fn tell(&self, what: News) {
        let SharedOutlet { clock, told, sink, .. } = &*self.0;
        let seq = told.fetch_add(1, Ordering::Relaxed) + 1;
        let update = Update { at: clock.now(), seq, what };
        if matches!(update.what, News::Cluster { .. } | News::Process { .. } | News::Status { .. }) {
            self.world().fold(&update);
        }
        sink(update);
    }

    /// The cluster time now.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// The leader according to all updates so far.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.world().leader().map(|node| node.id)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports an error that no command caused.
    pub fn complain(&self, reason: impl Into<String>) {
        self.tell(News::Trouble { reason: reason.into() });
    }
}
