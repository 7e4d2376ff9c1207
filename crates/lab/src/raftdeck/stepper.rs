//! How cluster time passes: its rate, and the steps of a frozen world.
//!
//! It sets the one clock of the links and, through `tempo`, every node's clock. Tasks wait for the end of a step and only report it;
//! the owner of the stepper acts on it.

use crate::raftdeck::tempo::Tempo;
use futures::future::join_all;
use raftdeck_client::Access;
use raftdeck_links::{ClockReader, ClusterClock, NodeLocation, Outlet, Places, Whereabouts};
use raftdeck_model::News;
use raftdeck_protocol::{ClockRate, NodeStatus, RequestBody, ResponseBody, Role};
use raftdeck_raft::NodeId;
use raftdeck_source::{Milestones, ask};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How long a node may take to say when its timer goes off, or to have stopped its clock.
pub(crate) const ANSWER: Duration = Duration::from_millis(500);

/// The pause before nodes whose clocks still run are asked again.
const PAUSE: Duration = Duration::from_millis(2);

/// The event that a step runs until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepGoal {
    /// A node changes its role.
    Role,
    /// A node's commit index advances.
    Commit,
}

/// What a step was waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// The time, by the nodes' clocks, until the first node's timer goes off; `None`: no node could report it.
    Timer(Option<Duration>),
    /// The event that it was to run until has happened.
    Milestone,
    /// The time for which it was to run has passed, at the nodes too.
    End,
}

/// Sets the clocks.
pub(crate) struct Stepper {
    clock: ClusterClock,
    /// The credentials for the nodes.
    access: Access,
    reader: ClockReader,
    tempo: Tempo,
    milestones: watch::Receiver<Milestones>,
    outlet: Outlet,
    /// The rate before the world was frozen.
    last: ClockRate,
    /// The task that waits for the end of a step.
    waiting: Option<AbortHandle>,
    /// Counts steps, so that the end of an earlier step does not end a later one.
    number: u64,
    says: mpsc::Sender<(u64, StepEnd)>,
    said: mpsc::Receiver<(u64, StepEnd)>,
}

impl Stepper {
    pub(crate) fn new(
        clock: ClusterClock,
        access: Access,
        milestones: watch::Receiver<Milestones>,
        outlet: Outlet,
    ) -> Self {
        let reader = clock.reader();
        let tempo = Tempo::new(reader.clone(), access.clone());
        let (says, said) = mpsc::channel(1);
        let rate = reader.time().rate;
        let last = if rate.is_frozen() { ClockRate::REAL } else { rate };
        let (waiting, number) = (None, 0);
        Self { clock, access, reader, tempo, milestones, outlet, last, waiting, number, says, said }
    }

    /// Where nodes are added and removed.
    pub(crate) fn tempo(&mut self) -> &mut Tempo {
        &mut self.tempo
    }

    /// The rate at which time passes now.
    pub(crate) fn rate(&self) -> ClockRate {
        self.reader.time().rate
    }

    /// The cluster time.
    pub(crate) fn now(&self) -> Duration {
        self.reader.now()
    }

    /// Reports the cluster time and its rate.
    pub(crate) fn tell(&self) {
        self.outlet.tell(News::Time(self.reader.time()));
    }

    /// Time passes at this rate from now on. A step in progress ends.
    pub(crate) fn set_rate(&mut self, rate: ClockRate) {
        self.set(rate, None);
        self.tell();
    }

    /// Freezes time, unless it is frozen already. Nothing is reported.
    pub(crate) fn freeze(&mut self) {
        if self.waiting.is_some() || !self.rate().is_frozen() {
            self.set(ClockRate::FROZEN, None);
        }
    }

    /// This much time passes, at the last rate that was not frozen.
    pub(crate) fn run_for(&mut self, time: Duration, places: &Places, unasked: &BTreeSet<NodeId>) {
        // So that the start of the step is exactly known.
        self.clock.set(ClockRate::FROZEN, None);
        let end = self.now() + time;
        self.set(self.last, Some(time));
        self.tell();
        let mut reader = self.reader.clone();
        let (asked, access) = (asked(places, unasked), self.access.clone());
        self.wait_for(async move {
            reader.sleep_until(end).await;
            stand_still(&access, &asked).await;
            StepEnd::End
        });
    }

    /// Time passes at the last rate that was not frozen, until this event.
    pub(crate) fn run_until(&mut self, what: StepGoal) {
        let count = move |milestones: &Milestones| match what {
            StepGoal::Role => milestones.roles,
            StepGoal::Commit => milestones.commits,
        };
        let mut milestones = self.milestones.clone();
        let before = count(&milestones.borrow());
        self.set(self.last, None);
        self.tell();
        self.wait_for(async move {
            if milestones.wait_for(|now| count(now) > before).await.is_err() {
                std::future::pending::<()>().await;
            }
            StepEnd::Milestone
        });
    }

    /// Freezes the world and asks when the next timer goes off. The freeze is not reported before the step ends.
    pub(crate) fn seek_timer(&mut self, places: &Places, unasked: &BTreeSet<NodeId>) {
        self.freeze();
        let (asked, access) = (asked(places, unasked), self.access.clone());
        let settled = self.tempo.settled(ANSWER, unasked);
        self.wait_for(async move {
            settled.await;
            let left = |status: NodeStatus| Duration::from_micros(status.next_timer_micros);
            StepEnd::Timer(statuses(&access, &asked).await.into_values().map(left).min())
        });
    }

    /// The nodes' own statuses, if they answer in time.
    pub(crate) fn look(
        &self,
        places: &Places,
        unasked: &BTreeSet<NodeId>,
    ) -> impl Future<Output = BTreeMap<NodeId, NodeStatus>> + Send + use<> {
        let (asked, access) = (asked(places, unasked), self.access.clone());
        async move { statuses(&access, &asked).await }
    }

    /// How a step in progress ended. Cancel-safe.
    pub(crate) async fn reached(&mut self) -> StepEnd {
        loop {
            match self.said.recv().await {
                Some((number, reached)) if number == self.number => {
                    self.waiting = None;
                    return reached;
                }
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    fn set(&mut self, rate: ClockRate, run_for: Option<Duration>) {
        if let Some(waiting) = self.waiting.take() {
            waiting.abort();
        }
        self.number += 1;
        if !rate.is_frozen() {
            self.last = rate;
        }
        self.clock.set(rate, run_for);
        self.tempo.set_clock(rate, run_for);
    }

    fn wait_for(&mut self, reached: impl Future<Output = StepEnd> + Send + 'static) {
        let (sender, number) = (self.says.clone(), self.number);
        let waiting = tokio::spawn(async move {
            let reached = reached.await;
            // An error: the lab ends.
            let _ = sender.send((number, reached)).await;
        });
        self.waiting = Some(waiting.abort_handle());
    }
}

/// The addresses of the nodes that can answer.
fn asked(places: &Places, unasked: &BTreeSet<NodeId>) -> BTreeMap<NodeId, String> {
    let address = |(node, place): (&NodeId, &watch::Receiver<Whereabouts>)| match place.borrow().place {
        NodeLocation::Serving { client, .. } if !unasked.contains(node) => Some((*node, client.to_string())),
        _ => None,
    };
    places.iter().filter_map(address).collect()
}

/// The nodes' own statuses, if they answer in time.
async fn statuses(access: &Access, asked: &BTreeMap<NodeId, String>) -> BTreeMap<NodeId, NodeStatus> {
    let one = async |(node, address): (&NodeId, &String)| match ask(
        access,
        (*node, address),
        Role::Client,
        RequestBody::Status,
        ANSWER,
    )
    .await
    {
        Ok(ResponseBody::Status(status)) => Some((*node, *status)),
        _ => None,
    };
    join_all(asked.iter().map(one)).await.into_iter().flatten().collect()
}

/// Waits until the clocks of all nodes that answer are frozen: they started a moment later than the clock of the
/// links.
async fn stand_still(access: &Access, asked: &BTreeMap<NodeId, String>) {
    let until = Instant::now() + ANSWER;
    let mut left = asked.clone();
    while !left.is_empty() && Instant::now() < until {
        let statuses = statuses(access, &left).await;
        left.retain(|node, _| statuses.get(node).is_some_and(|status| !status.clock_rate.is_frozen()));
        if !left.is_empty() {
            sleep(PAUSE).await;
        }
    }
}
