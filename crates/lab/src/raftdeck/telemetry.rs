//! The nodes' telemetry, passed on as updates.
//!
//! One subscription for each node that serves. It is reopened for as long as the node's process lives, and dropped with it; that of a
//! paused node is merely silent. Nothing else is requested of a node.

use crate::raftdeck::causes::Causes;
use futures::StreamExt;
use raftdeck_client::{Access, Backoff, Options, Subscription};
use raftdeck_links::{NodeLocation, Outlet, Whereabouts, life_over};
use raftdeck_model::News;
use raftdeck_model::concerns::Concerns;
use raftdeck_protocol::Telemetry;
use raftdeck_raft::{NodeId, TraceEvent};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How long a node may take to answer the handshake. A paused one does when it runs again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses between attempts.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_secs(1);

/// How often the events happened that can end a step. Counts up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Milestones {
    /// A node changed its role.
    pub(crate) roles: u64,
    /// A node's commit index advanced.
    pub(crate) commits: u64,
}

impl Milestones {
    fn count(&mut self, event: &TraceEvent) -> bool {
        match event {
            TraceEvent::RoleChanged { .. } => self.roles += 1,
            TraceEvent::Committed { .. } => self.commits += 1,
            _ => return false,
        }
        true
    }
}

/// Watches nodes.
pub(crate) struct Watchers {
    outlet: Outlet,
    access: Access,
    milestones: Arc<watch::Sender<Milestones>>,
    story: EventOrder,
}

impl Watchers {
    pub(crate) fn start(outlet: &Outlet, access: Access) -> Self {
        let story = EventOrder { outlet: outlet.clone(), told: Arc::default() };
        tokio::spawn(story.clone().go_on());
        Self { outlet: outlet.clone(), access, milestones: Arc::default(), story }
    }

    /// Watches a node from now on, until it is removed.
    pub(crate) fn watch(&self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        let (outlet, story) = (self.outlet.clone(), self.story.clone());
        let (milestones, access) = (Arc::clone(&self.milestones), self.access.clone());
        tokio::spawn(Watcher { node, outlet, access, milestones, story }.watch(place));
    }

    /// What has happened so far, with every change. Known before it is reported.
    pub(crate) fn milestones(&self) -> watch::Receiver<Milestones> {
        self.milestones.subscribe()
    }
}

/// The events of all nodes, causes first.
#[derive(Clone)]
struct EventOrder {
    outlet: Outlet,
    told: Arc<(Mutex<Causes>, Notify)>,
}

impl EventOrder {
    fn tell(&self, node: NodeId, event: TraceEvent) {
        let (released, waits) = {
            let mut causes = self.lock();
            (causes.take(node, event, Instant::now()), causes.next().is_some())
        };
        self.pass_on(released);
        if waits {
            self.told.1.notify_one();
        }
    }

    /// Passes on events whose cause does not come in time.
    async fn go_on(self) {
        loop {
            let next = self.lock().next();
            match next {
                None => self.told.1.notified().await,
                Some(due) => {
                    tokio::time::sleep_until(due).await;
                    let released = self.lock().release(Instant::now());
                    self.pass_on(released);
                }
            }
        }
    }

    fn pass_on(&self, released: Vec<(NodeId, TraceEvent)>) {
        for (node, trace) in released {
            self.outlet.tell(News::Trace { node, trace });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Causes> {
        self.told.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was received of one life of a node.
#[derive(Default)]
struct LifeEvents {
    concerns: Concerns,
    /// The number of the last event; 0: none yet.
    events: u64,
}

impl LifeEvents {
    /// Notes an event's number; returns how many before it were never received.
    fn event(&mut self, seq: u64) -> u64 {
        let missed = seq.saturating_sub(self.events.saturating_add(1));
        self.events = seq;
        missed
    }
}

struct Watcher {
    node: NodeId,
    outlet: Outlet,
    access: Access,
    milestones: Arc<watch::Sender<Milestones>>,
    story: EventOrder,
}

impl Watcher {
    async fn watch(self, mut place: watch::Receiver<Whereabouts>) {
        loop {
            let now = *place.borrow_and_update();
            if let NodeLocation::Serving { client, .. } = now.place {
                let mut heard = LifeEvents::default();
                tokio::select! {
                    biased;
                    // First: nothing is reported of a life that has ended, though it may still be in the pipe.
                    () = life_over(place.clone(), now.life) => {}
                    () = self.listen(client, &mut heard) => {}
                }
                self.story.lock().forget(self.node);
            }
            if place.changed().await.is_err() {
                return;
            }
        }
    }

    /// Subscribes repeatedly.
    async fn listen(&self, address: SocketAddr, heard: &mut LifeEvents) {
        let access = self.access.clone();
        let (address, options) =
            (address.to_string(), Options { patience: PATIENCE, access, ..Options::default() });
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        loop {
            match Subscription::open(&address, &options).await {
                Ok(mut subscription) => {
                    while let Some(Ok(telemetry)) = subscription.next().await {
                        pauses.reset();
                        self.pass_on(telemetry, heard);
                    }
                }
                Err(error) => tracing::debug!("{} cannot be watched: {error}", self.node),
            }
            tokio::time::sleep(pauses.pause()).await;
        }
    }

    fn pass_on(&self, telemetry: Telemetry, heard: &mut LifeEvents) {
        let node = self.node;
        match telemetry {
            Telemetry::Status(status) => {
                let news = heard.concerns.news(node, &status);
                self.outlet.tell(News::Status { node, status: Box::new((*status).into()) });
                for news in news {
                    self.outlet.tell(news);
                }
            }
            Telemetry::Event { seq, event, .. } => {
                let missed = heard.event(seq);
                if missed > 0 {
                    self.outlet.tell(News::Missed { node, count: missed });
                }
                self.milestones.send_if_modified(|milestones| milestones.count(&event));
                self.story.tell(node, event);
            }
            Telemetry::Missed { count } => {
                heard.events = heard.events.saturating_add(count);
                self.outlet.tell(News::Missed { node, count });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_numbers_of_events_is_what_was_missed() {
        let mut heard = LifeEvents::default();
        assert_eq!([1, 2, 5, 6].map(|seq| heard.event(seq)), [0, 0, 2, 0]);
        assert_eq!(LifeEvents::default().event(4), 3, "from the start on");
    }
}
