//! A steady workload: small writes at a fixed rate, independent of their outcomes, as from many independent clients.
//! Shows what a fault costs: how many writes failed, and for how long none was acknowledged.

use crate::receipt::Receipt;
use raftdeck_links::Outlet;
use raftdeck_model::{News, RequestFate, WorkloadTally};
use raftdeck_protocol::Write;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

/// The time between two writes: fifty a second.
const INTERVAL: Duration = Duration::from_millis(20);

/// The time between two reports of figures.
const TOLD_EVERY: Duration = Duration::from_millis(250);

/// How long a write may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// The most writes in progress. A further one fails immediately. It is the number that are begun within their deadline, and some more.
const MAX_UNDER_WAY: usize = 128;

/// The most commands that wait for its figures. Each is answered as soon as it is taken.
const MAX_ASKED: usize = 16;

/// How many keys are written, one after the other.
const KEYS: u64 = 100;

/// The deck's own client, as far as a workload needs it.
pub trait Writes: Clone + Send + 'static {
    /// Writes within a time, or says what has become of the write.
    fn write(&self, write: Write, within: Duration) -> impl Future<Output = Result<(), RequestFate>> + Send;
}

/// The switch.
pub struct Workload<C> {
    client: C,
    outlet: Outlet,
    running: Option<RunningWorkload>,
}

/// The channels to a running workload.
struct RunningWorkload {
    /// Takes the command that switches it off.
    stop: oneshot::Sender<Receipt>,
    /// Takes the commands that request its figures now.
    tell: mpsc::Sender<Receipt>,
}

impl<C: Writes> Workload<C> {
    /// Off at first. `client` writes, and what happens is told through `outlet`.
    pub fn new(client: C, outlet: Outlet) -> Self {
        Self { client, outlet, running: None }
    }

    /// Switches it on, with new figures, or off. Done when the first figures, or the last, have been reported.
    pub fn switch(&mut self, on: bool, receipt: Receipt) {
        match (on, self.running.take()) {
            (true, None) => {
                let (stop, stopped) = oneshot::channel();
                let (tell, asked) = mpsc::channel(MAX_ASKED);
                tokio::spawn(run(self.client.clone(), self.outlet.clone(), receipt, stopped, asked));
                self.running = Some(RunningWorkload { stop, tell });
            }
            (false, Some(RunningWorkload { stop, .. })) => {
                if let Err(receipt) = stop.send(receipt) {
                    receipt.done();
                }
            }
            (_, running) => {
                self.running = running;
                receipt.done();
            }
        }
    }

    /// Reports the figures as they are now, if it runs.
    pub fn refresh(&self, receipt: Receipt) {
        let Some(running) = &self.running else { return receipt.done() };
        // With this many waiting requests the figures are reported now anyway.
        if let Err(error) = running.tell.try_send(receipt) {
            error.into_inner().done();
        }
    }
}

/// What happened to a write. Times are cluster time, as everything on the screen: slow motion makes no gap longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteFate {
    Acknowledged {
        /// How long it took.
        took: Duration,
        /// When it was.
        at: Duration,
    },
    Failed,
    Unknown,
}

async fn run(
    client: impl Writes,
    outlet: Outlet,
    begun: Receipt,
    mut stopped: oneshot::Receiver<Receipt>,
    mut asked: mpsc::Receiver<Receipt>,
) {
    let mut tally = WorkloadTally::new(outlet.now());
    outlet.tell(News::Workload(tally.figures(true, outlet.now())));
    begun.done();
    let (mut writes, mut telling) =
        (interval(INTERVAL), interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY));
    writes.set_missed_tick_behavior(MissedTickBehavior::Skip);
    telling.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut under_way = JoinSet::new();
    let mut number = 0;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut stopped => break ended,
            Some(fate) = under_way.join_next() => count(&mut tally, fate.unwrap_or(WriteFate::Unknown)),
            Some(receipt) = asked.recv() => {
                outlet.tell(News::Workload(tally.figures(true, outlet.now())));
                receipt.done();
            }
            _ = telling.tick() => outlet.tell(News::Workload(tally.figures(true, outlet.now()))),
            _ = writes.tick() => {
                number += 1;
                if under_way.len() < MAX_UNDER_WAY {
                    under_way.spawn(write(client.clone(), outlet.clone(), number));
                } else {
                    tally.failed();
                }
            }
        }
    };
    tally.end(outlet.now());
    // The last figures are reported soon.
    asked.close();
    while let Some(receipt) = asked.recv().await {
        receipt.done();
    }
    // Writes in progress have their deadline; no further ones are begun.
    while let Some(fate) = under_way.join_next().await {
        count(&mut tally, fate.unwrap_or(WriteFate::Unknown));
    }
    outlet.tell(News::Workload(tally.figures(false, outlet.now())));
    // An error: the lab ends.
    if let Ok(receipt) = ended {
        receipt.done();
    }
}

fn count(tally: &mut WorkloadTally, fate: WriteFate) {
    match fate {
        WriteFate::Acknowledged { took, at } => tally.acknowledged(took, at),
        WriteFate::Failed => tally.failed(),
        WriteFate::Unknown => tally.unknown(),
    }
}

async fn write(client: impl Writes, outlet: Outlet, number: u64) -> WriteFate {
    let key = format!("load-{:02}", number % KEYS).into();
    let write = Write::Put { key, value: number.to_string().into() };
    let begun = outlet.now();
    let outcome = client.write(write, DEADLINE).await;
    let at = outlet.now();
    fate(outcome, at.saturating_sub(begun), at)
}

fn fate(outcome: Result<(), RequestFate>, took: Duration, at: Duration) -> WriteFate {
    match outcome {
        Ok(()) => WriteFate::Acknowledged { took, at },
        Err(RequestFate::InDoubt) => WriteFate::Unknown,
        Err(RequestFate::NothingChanged) => WriteFate::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_doubt_is_counted_as_a_doubt() {
        let (took, at) = (Duration::from_millis(3), Duration::from_secs(7));
        let fate = |outcome| fate(outcome, took, at);
        assert_eq!(fate(Ok(())), WriteFate::Acknowledged { took, at });
        assert_eq!(fate(Err(RequestFate::NothingChanged)), WriteFate::Failed);
        assert_eq!(fate(Err(RequestFate::InDoubt)), WriteFate::Unknown);
    }
}
