//! A steady workload: small writes at a fixed rate, independent of their outcomes, as from many independent clients.
//! Shows what a fault costs: how many writes failed, and for how long none was acknowledged.

use crate::processes::launch::millis;
use crate::receipt::Receipt;
use crate::requests::clients::Clients;
use raftdeck_client::ClientError;
use raftdeck_links::Outlet;
use raftdeck_model::{ClientName, News, WorkloadFigures};
use raftdeck_protocol::Write;
use std::collections::VecDeque;
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

/// The switch.
pub(crate) struct Workload {
    clients: Clients,
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

impl Workload {
    pub(crate) fn new(clients: Clients, outlet: Outlet) -> Self {
        Self { clients, outlet, running: None }
    }

    /// Switches it on, with new figures, or off. Done when the first figures, or the last, have been reported.
    pub(crate) fn switch(&mut self, on: bool, receipt: Receipt) {
        match (on, self.running.take()) {
            (true, None) => {
                let (stop, stopped) = oneshot::channel();
                let (tell, asked) = mpsc::channel(MAX_ASKED);
                tokio::spawn(run(self.clients.clone(), self.outlet.clone(), receipt, stopped, asked));
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
    pub(crate) fn refresh(&self, receipt: Receipt) {
        let Some(running) = &self.running else { return receipt.done() };
        // With this many waiting requests the figures are reported now anyway.
        if let Err(error) = running.tell.try_send(receipt) {
            error.into_inner().done();
        }
    }
}

/// What happened to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteFate {
    Acknowledged,
    Failed,
    Unknown,
}

async fn run(
    clients: Clients,
    outlet: Outlet,
    begun: Receipt,
    mut stopped: oneshot::Receiver<Receipt>,
    mut asked: mpsc::Receiver<Receipt>,
) {
    let mut tally = Tally::new(Instant::now());
    outlet.tell(News::Workload(tally.figures(true, Instant::now())));
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
            Some(fate) = under_way.join_next() => tally.count(fate.unwrap_or(WriteFate::Unknown), Instant::now()),
            Some(receipt) = asked.recv() => {
                outlet.tell(News::Workload(tally.figures(true, Instant::now())));
                receipt.done();
            }
            _ = telling.tick() => outlet.tell(News::Workload(tally.figures(true, Instant::now()))),
            _ = writes.tick() => {
                number += 1;
                if under_way.len() < MAX_UNDER_WAY {
                    under_way.spawn(write(clients.clone(), number));
                } else {
                    tally.count(WriteFate::Failed, Instant::now());
                }
            }
        }
    };
    tally.end(Instant::now());
    // The last figures are reported soon.
    asked.close();
    while let Some(receipt) = asked.recv().await {
        receipt.done();
    }
    // Writes in progress have their deadline; no further ones are begun.
    while let Some(fate) = under_way.join_next().await {
        tally.count(fate.unwrap_or(WriteFate::Unknown), Instant::now());
    }
    outlet.tell(News::Workload(tally.figures(false, Instant::now())));
    // An error: the lab ends.
    if let Ok(receipt) = ended {
        receipt.done();
    }
}

async fn write(clients: Clients, number: u64) -> WriteFate {
    let Some(client) = clients.client(&ClientName::Own) else { return WriteFate::Failed };
    let key = format!("load-{:02}", number % KEYS).into();
    let write = Write::Put { key, value: number.to_string().into() };
    fate(client.write(write, DEADLINE).await.map(|_| ()))
}

fn fate(outcome: Result<(), ClientError>) -> WriteFate {
    match outcome {
        Ok(()) => WriteFate::Acknowledged,
        Err(error) if error.may_have_happened() => WriteFate::Unknown,
        Err(_) => WriteFate::Failed,
    }
}

/// The figures so far.
struct Tally {
    acknowledged: u64,
    failed: u64,
    unknown: u64,
    /// When the last write was acknowledged, or when the workload began.
    last: Instant,
    longest_gap: Duration,
    /// The acknowledgements of the last second.
    recent: VecDeque<Instant>,
}

impl Tally {
    fn new(now: Instant) -> Self {
        let recent = VecDeque::new();
        Self { acknowledged: 0, failed: 0, unknown: 0, last: now, longest_gap: Duration::ZERO, recent }
    }

    fn count(&mut self, fate: WriteFate, now: Instant) {
        match fate {
            WriteFate::Failed => self.failed += 1,
            WriteFate::Unknown => self.unknown += 1,
            WriteFate::Acknowledged => {
                self.acknowledged += 1;
                self.longest_gap = self.longest_gap.max(now - self.last);
                self.last = now;
                self.recent.push_back(now);
                self.forget(now);
            }
        }
    }

    /// It is switched off: up to here it was a gap, whatever is acknowledged later.
    fn end(&mut self, now: Instant) {
        self.longest_gap = self.longest_gap.max(now - self.last);
    }

    fn forget(&mut self, now: Instant) {
        while self.recent.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            self.recent.pop_front();
        }
    }

    fn figures(&mut self, running: bool, now: Instant) -> WorkloadFigures {
        self.forget(now);
        // When it has ended, the time that follows is not a gap.
        let gap = if running { now - self.last } else { Duration::ZERO };
        WorkloadFigures {
            running,
            per_second: self.recent.len() as u64,
            acknowledged: self.acknowledged,
            failed: self.failed,
            unknown: self.unknown,
            gap_ms: millis(gap),
            longest_gap_ms: millis(self.longest_gap.max(gap)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_gap_includes_the_present_one_and_ends_with_the_workload() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut tally = Tally::new(begun);
        tally.count(WriteFate::Acknowledged, at(100));
        tally.count(WriteFate::Acknowledged, at(400));
        tally.count(WriteFate::Failed, at(500));
        tally.count(WriteFate::Unknown, at(600));
        let figures = tally.figures(true, at(600));
        assert_eq!((figures.acknowledged, figures.failed, figures.unknown), (2, 1, 1));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (200, 300, 2));
        let figures = tally.figures(true, at(1_350));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (950, 950, 1));
        let figures = tally.figures(false, at(9_000));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (0, 300, 0));
        tally.end(at(1_350));
        let figures = tally.figures(false, at(9_000));
        assert_eq!(
            (figures.gap_ms, figures.longest_gap_ms),
            (0, 950),
            "the last gap counts until it was switched off"
        );
    }

    #[test]
    fn only_a_doubt_is_counted_as_a_doubt() {
        assert_eq!(fate(Ok(())), WriteFate::Acknowledged);
        assert_eq!(fate(Err(ClientError::Busy)), WriteFate::Failed);
        assert_eq!(fate(Err(ClientError::Unknown { why: String::new() })), WriteFate::Unknown);
    }
}
