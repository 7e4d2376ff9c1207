//! Where updates leave the lab. Everything that has something to tell holds a clone of the one outlet.

use crate::model::Update;
use std::sync::Arc;

/// The caller's sink, shared by all rooms of the lab. Called on the lab's own thread only.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<dyn Fn(Update) + Send + Sync>);

impl Outlet {
    pub(crate) fn new(sink: impl Fn(Update) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    pub(crate) fn tell(&self, update: Update) {
        (self.0)(update);
    }

    /// Tells that a command could not be carried out.
    pub(crate) fn refuse(&self, reason: impl Into<String>) {
        self.tell(Update::Refused { reason: reason.into() });
    }
}
