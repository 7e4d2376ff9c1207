//! Where updates leave. Everything that has something to tell holds a clone of the one outlet.

use crate::time::ClockReader;
use raftdeck_model::{News, Update, World};
use raftdeck_raft::NodeId;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The caller's sink, shared by all who tell it something. Called on their thread.
#[derive(Clone)]
pub struct Outlet(Arc<SharedOutlet<dyn Fn(Update) + Send + Sync>>);

struct SharedOutlet<S: ?Sized> {
    clock: ClockReader,
    /// How many updates were told.
    told: AtomicU64,
    /// What whoever listens knows by now, as far as who leads depends on it.
    world: Mutex<World>,
    sink: S,
}

impl Outlet {
    /// Updates go to `sink`, stamped with the time of this clock.
    pub fn new(clock: ClockReader, sink: impl Fn(Update) + Send + Sync + 'static) -> Self {
        Self(Arc::new(SharedOutlet { clock, told: AtomicU64::new(0), world: Mutex::default(), sink }))
    }

    /// Tells something.
    pub fn tell(&self, what: News) {
        let SharedOutlet { clock, told, sink, .. } = &*self.0;
        let seq = told.fetch_add(1, Ordering::Relaxed) + 1;
        let update = Update { at: clock.now(), seq, what };
        if matches!(update.what, News::Cluster { .. } | News::Process { .. } | News::Status { .. }) {
            self.world().fold(&update);
        }
        sink(update);
    }

    /// Who leads by all that was told.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.world().leader().map(|node| node.id)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that something went wrong that no command asked for.
    pub fn complain(&self, reason: impl Into<String>) {
        self.tell(News::Trouble { reason: reason.into() });
    }
}
