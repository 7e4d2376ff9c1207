//! The nodes' telemetry, passed on as updates.
//!
//! One subscription for each node that serves. It is reopened for as long as the node's process lives, or for as long as it may be there,
//! and dropped with it; that of a paused node is merely silent. Nothing else is requested of a node.

use crate::causes::Causes;
use futures::StreamExt;
use raftdeck_client::{Access, Backoff, Options, Subscription};
use raftdeck_links::{NodeLocation, Outlet, Whereabouts, life_over};
use raftdeck_model::News;
use raftdeck_model::concerns::Concerns;
use raftdeck_protocol::{NodeStatus, Telemetry};
use raftdeck_raft::{NodeId, TraceEvent};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// How long a node may take to answer the handshake. A paused one does when it runs again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pauses between attempts.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_secs(1);

/// How often the events happened that can end a step. Counts up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// A node changed its role.
    pub roles: u64,
    /// A node's commit index advanced.
    pub commits: u64,
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

/// Watches nodes. Clones share what they have heard.
#[derive(Clone)]
pub struct Watchers {
    outlet: Outlet,
    access: Access,
    milestones: Arc<watch::Sender<Milestones>>,
    story: EventOrder,
}

impl Watchers {
    /// With these credentials. Must be called on the runtime that it is used on.
    #[must_use]
    pub fn start(outlet: &Outlet, access: Access) -> Self {
        let story = EventOrder { outlet: outlet.clone(), told: Arc::default() };
        tokio::spawn(story.clone().go_on());
        Self { outlet: outlet.clone(), access, milestones: Arc::default(), story }
    }

    /// Watches a node from now on, until it is removed.
    pub fn watch(&self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        tokio::spawn(watch(self.clone(), node, place));
    }

    /// What has happened so far, with every change. Known before it is reported.
    #[must_use]
    pub fn milestones(&self) -> watch::Receiver<Milestones> {
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

/// Whether a node can be heard, for whoever wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// It accepted a subscription.
    Heard,
    /// It accepts none, or the subscription broke: why.
    Lost(String),
}

/// What was received of one life of a node.
#[derive(Default)]
pub struct LifeEvents {
    concerns: Concerns,
    /// The number of the last event; 0: none yet.
    events: u64,
    /// It began before it was watched: what came before the first event is not missed.
    is_joined: bool,
}

impl LifeEvents {
    /// Of a node that may have lived long before it is watched.
    #[must_use]
    pub fn joined() -> Self {
        Self { is_joined: true, ..Self::default() }
    }

    /// Notes an event's number; returns how many before it were never received.
    fn event(&mut self, seq: u64) -> u64 {
        let is_first = std::mem::take(&mut self.is_joined);
        let missed = if is_first { 0 } else { seq.saturating_sub(self.events.saturating_add(1)) };
        self.events = seq;
        missed
    }
}

impl Watchers {
    /// Subscribes to a node repeatedly, at any of its addresses. What it tells is reported; `contact` hears each time that this begins and
    /// ends, and `status` each state. Another node that listens there is not watched. Never returns.
    ///
    /// `silence`: a node that says nothing for so long counts as gone, since a connection to a host that vanished does not end.
    pub async fn listen(
        &self,
        (node, address): (NodeId, &str),
        heard: &mut LifeEvents,
        silence: Option<Duration>,
        mut contact: impl FnMut(Contact),
        mut status: impl FnMut(&NodeStatus),
    ) {
        let options = Options { patience: PATIENCE, access: self.access.to_node(node), ..Options::default() };
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        loop {
            let lost = match Subscription::open(address, &options).await {
                Ok(subscription) if subscription.node() != node => {
                    format!("{} is at {address}", subscription.node())
                }
                Ok(mut subscription) => {
                    contact(Contact::Heard);
                    loop {
                        match next(&mut subscription, silence).await {
                            Ok(telemetry) => {
                                pauses.reset();
                                if let Telemetry::Status(told) = &telemetry {
                                    status(told);
                                }
                                self.pass_on(node, telemetry, heard);
                            }
                            Err(why) => break why,
                        }
                    }
                }
                Err(error) => error.to_string(),
            };
            tracing::debug!("{node} cannot be watched: {lost}");
            contact(Contact::Lost(lost));
            tokio::time::sleep(pauses.pause()).await;
        }
    }

    /// A node is in another life, or gone: what waits for its events waits no longer.
    pub fn forget(&self, node: NodeId) {
        self.story.lock().forget(node);
    }

    fn pass_on(&self, node: NodeId, telemetry: Telemetry, heard: &mut LifeEvents) {
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

async fn next(subscription: &mut Subscription, silence: Option<Duration>) -> Result<Telemetry, String> {
    let told = match silence {
        None => subscription.next().await,
        Some(silence) => timeout(silence, subscription.next())
            .await
            .map_err(|_| format!("it has said nothing for {} s", silence.as_secs()))?,
    };
    match told {
        Some(Ok(telemetry)) => Ok(telemetry),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("the connection has ended".to_owned()),
    }
}

/// Watches a node wherever it is, until it is removed.
async fn watch(watchers: Watchers, node: NodeId, mut place: watch::Receiver<Whereabouts>) {
    loop {
        let now = *place.borrow_and_update();
        if let NodeLocation::Serving { client, .. } = now.place {
            let (address, mut heard) = (client.to_string(), LifeEvents::default());
            tokio::select! {
                biased;
                // First: nothing is reported of a life that has ended, though it may still be in the pipe.
                () = life_over(place.clone(), now.life) => {}
                () = watchers.listen((node, &address), &mut heard, None, |_| {}, |_| {}) => {}
            }
            watchers.forget(node);
        }
        if place.changed().await.is_err() {
            return;
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
        let mut joined = LifeEvents::joined();
        assert_eq!([4, 5, 7].map(|seq| joined.event(seq)), [0, 0, 1], "from when it was watched on");
    }
}
