//! What is seen of each member: its own account, asked for again and again, and the events in its log.
//!
//! A member that answers no client, because it has not found a leader yet, is known by its log alone.

use futures::future::join_all;
use raftdeck_etcd::{Beside, Endpoint, Etcd, Member, Metrics, node_view};
use raftdeck_links::{NodeLocation, Outlet, Whereabouts, life_over};
use raftdeck_model::{FrameFate, FrameKind, Known, News, NodeView, RaftView, Update};
use raftdeck_raft::{NodeId, Role, Term, TraceEvent, Tuning};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often a member is asked.
const EVERY: Duration = Duration::from_millis(100);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_millis(500);

/// How often it is asked for its figures and for the members.
const SELDOM: Duration = Duration::from_secs(1);

/// A member that has not answered for so long is known by its log.
const OUT_OF_DATE: Duration = Duration::from_millis(600);

/// The most events of one member that wait to be handled. They are told already: one that finds no room causes no earlier question.
const MAX_EVENTS: usize = 64;

/// Where the events of a member's log go.
#[derive(Clone)]
pub(super) struct MemberEvents {
    outlet: Outlet,
    observed: mpsc::Sender<TraceEvent>,
}

impl MemberEvents {
    /// Reports events, and has the member asked for its state.
    pub(super) fn take(&self, node: NodeId, events: Vec<TraceEvent>) {
        for trace in events {
            let _ = self.observed.try_send(trace.clone());
            self.outlet.tell(News::Trace { node, trace });
        }
    }
}

/// When each node last got a message of another one that counts as a sign of life of a leader.
#[derive(Clone, Default)]
pub(crate) struct SignsOfLife(Arc<Mutex<BTreeMap<(NodeId, NodeId), Instant>>>);

impl SignsOfLife {
    /// Notes what the links delivered.
    pub(crate) fn note(&self, update: &Update) {
        let News::Frames { frames } = &update.what else { return };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in frames {
            let is_leaders = matches!(
                frame.kind,
                FrameKind::Heartbeat | FrameKind::AppendEntries | FrameKind::InstallSnapshot
            );
            if is_leaders && frame.fate == FrameFate::Delivered {
                last.insert((frame.from, frame.to), Instant::now());
            }
        }
    }

    fn age(&self, from: NodeId, to: NodeId) -> Option<Duration> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(&(from, to)).map(Instant::elapsed)
    }
}

/// Observes members.
#[derive(Clone)]
pub(super) struct Observers(Arc<Shared>);

struct Shared {
    outlet: Outlet,
    etcd: Etcd,
    tuning: Tuning,
    signs: SignsOfLife,
    seen: Mutex<BTreeMap<NodeId, Seen>>,
}

/// What was seen of one member last.
#[derive(Default)]
struct Seen {
    view: Option<NodeView>,
    /// When it answered last.
    answered: Option<Instant>,
    metrics: Option<Metrics>,
    metrics_before: Option<Metrics>,
    members: Option<Vec<Member>>,
}

impl Observers {
    pub(super) fn new(outlet: Outlet, etcd: Etcd, tuning: Tuning, signs: SignsOfLife) -> Self {
        Self(Arc::new(Shared { outlet, etcd, tuning, signs, seen: Mutex::default() }))
    }

    /// Where the events of a member go, and what [`Observers::watch`] takes from there.
    pub(super) fn events(&self) -> (MemberEvents, mpsc::Receiver<TraceEvent>) {
        let (observed, events) = mpsc::channel(MAX_EVENTS);
        (MemberEvents { outlet: self.0.outlet.clone(), observed }, events)
    }

    /// Observes a member from now on, until it is removed.
    pub(super) fn watch(
        &self,
        node: NodeId,
        place: watch::Receiver<Whereabouts>,
        events: mpsc::Receiver<TraceEvent>,
    ) {
        tokio::spawn(self.clone().observe(node, place, events));
    }

    /// The highest term that a member was seen in.
    pub(super) fn term(&self) -> Option<Term> {
        self.0.seen().values().filter_map(|seen| Some(seen.view.as_ref()?.raft.term)).max()
    }

    /// Asks these members now, and reports what they say.
    pub(super) async fn look(&self, nodes: Vec<NodeId>) {
        join_all(nodes.into_iter().map(|node| self.ask(node))).await;
    }

    async fn observe(
        self,
        node: NodeId,
        mut place: watch::Receiver<Whereabouts>,
        mut events: mpsc::Receiver<TraceEvent>,
    ) {
        loop {
            let now = *place.borrow_and_update();
            match now.place {
                NodeLocation::Down => drop(self.0.seen().remove(&node)),
                NodeLocation::Starting => {}
                NodeLocation::Serving { .. } => {
                    tokio::select! {
                        biased;
                        () = life_over(place.clone(), now.life) => {}
                        () = self.follow(node, &mut events) => return,
                    }
                    continue;
                }
            }
            tokio::select! {
                changed = place.changed() => if changed.is_err() {
                    return;
                },
                Some(event) = events.recv() => self.hear(node, &event),
            }
        }
    }

    /// Follows one life of a member.
    async fn follow(&self, node: NodeId, events: &mut mpsc::Receiver<TraceEvent>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seldom = interval(SELDOM);
        seldom.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.hear(node, &event),
                    None => return,
                },
                _ = ticks.tick() => {}
                _ = seldom.tick() => self.ask_seldom(node).await,
            }
            while let Ok(event) = events.try_recv() {
                self.hear(node, &event);
            }
            self.ask(node).await;
        }
    }

    /// Asks a member for its state, and reports it.
    async fn ask(&self, node: NodeId) {
        let Some(endpoint) = self.0.etcd.node(node) else { return };
        let Ok(Ok(raft)) = timeout(ANSWER, endpoint.raft_status(ANSWER)).await else { return };
        let status = endpoint.status(ANSWER).await.ok();
        let view = {
            let mut all = self.0.seen();
            let seen = all.entry(node).or_default();
            let beside = Beside {
                status: status.as_ref(),
                metrics: seen.metrics.as_ref(),
                metrics_before: seen.metrics_before.as_ref(),
                members: seen.members.as_deref(),
            };
            let mut view = node_view(node, &raft, &self.0.etcd.ids(), beside);
            // It was started with this, and nothing can change it.
            view.raft.tuning = Known::Is(self.0.tuning);
            view.raft.heartbeat_age = self.heartbeat_age(&view.raft);
            seen.answered = Some(Instant::now());
            seen.view = Some(view.clone());
            view
        };
        self.0.outlet.tell(News::Status { node, status: Box::new(view) });
    }

    async fn ask_seldom(&self, node: NodeId) {
        let Some(endpoint) = self.0.etcd.node(node) else { return };
        let (metrics, members) = tokio::join!(endpoint.metrics(ANSWER), members(&endpoint));
        let mut all = self.0.seen();
        let seen = all.entry(node).or_default();
        if let Ok(metrics) = metrics {
            seen.metrics_before = seen.metrics.replace(metrics);
        }
        seen.members = members.or(seen.members.take());
    }

    /// How long ago the links brought it the last message of its leader.
    fn heartbeat_age(&self, raft: &RaftView) -> Known<Option<Duration>> {
        match raft.leader {
            _ if raft.role == Role::Leader => Known::Is(Some(Duration::ZERO)),
            Known::Is(None) => Known::Is(None),
            Known::Is(Some(leader)) => match self.0.signs.age(leader, raft.id) {
                Some(age) => Known::Is(Some(age)),
                None => Known::Unknown,
            },
            Known::Unknown => Known::Unknown,
        }
    }

    /// Handles what a member's log said.
    fn hear(&self, node: NodeId, event: &TraceEvent) {
        let view = {
            let mut all = self.0.seen();
            let seen = all.entry(node).or_default();
            if seen.answered.is_some_and(|at| at.elapsed() < OUT_OF_DATE) {
                return;
            }
            let Some(view) = after(node, seen.view.take(), event) else { return };
            seen.view = Some(view.clone());
            view
        };
        self.0.outlet.tell(News::Status { node, status: Box::new(view) });
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, BTreeMap<NodeId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The members as this one knows them.
async fn members(endpoint: &Endpoint) -> Option<Vec<Member>> {
    endpoint.members(false, ANSWER).await.ok().map(|(_, members)| members)
}

/// What is known of a member after an event of its log; `None`: neither its role nor its term.
fn after(node: NodeId, before: Option<NodeView>, event: &TraceEvent) -> Option<NodeView> {
    match *event {
        TraceEvent::RoleChanged { to, term, .. } => {
            let mut view = NodeView::new(RaftView::new(node, term, to));
            if to == Role::Leader {
                view.raft.leader = Known::Is(Some(node));
            }
            Some(view)
        }
        TraceEvent::LeaderChanged { leader, term } => {
            let mut view = before.filter(|view| view.raft.term == term)?;
            view.raft.leader = Known::Is(leader);
            Some(view)
        }
        _ => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_role_term_and_leader_and_nothing_else() {
        let n1 = NodeId(1);
        let changed = |to, term| TraceEvent::RoleChanged { from: Role::Follower, to, term: Term(term) };
        let candidate = after(n1, None, &changed(Role::Candidate, 3)).unwrap();
        assert_eq!((candidate.raft.role, candidate.raft.term), (Role::Candidate, Term(3)));
        assert!(candidate.raft.committed.is_unknown() && candidate.raft.leader.is_unknown());
        let follows = TraceEvent::LeaderChanged { leader: Some(NodeId(2)), term: Term(3) };
        let view = after(n1, Some(candidate), &follows).unwrap();
        assert_eq!(view.raft.leader, Known::Is(Some(NodeId(2))));
        assert_eq!(after(n1, None, &follows), None, "its role is not known");
    }
}
