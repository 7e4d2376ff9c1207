//! The load: many clients on one thread and few connections.
//!
//! The measured cluster shares the machine with this, so an operation costs no task, no timer of its own and one or two reads of the
//! clock. A closed loop begins a client's next operation when its last was answered. An open loop begins operations when they are
//! due, and measures from then, even if all clients were busy. So a stall of the store is visible (no coordinated omission).

use crate::tally::Tally;
use bytes::Bytes;
use raftdeck_client::{Client, ClientError};
use raftdeck_protocol::{Consistency, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The shortest sleep of a pacer: operations that become due meanwhile begin together.
const LEAST_SLEEP: Duration = Duration::from_micros(50);

/// How long after its end an open loop may catch up with what was due before.
const CATCH_UP: Duration = Duration::from_secs(2);

/// The requested operations.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) clients: u64,
    /// Operations a second; `None`: as many as are answered.
    pub(crate) rate: Option<u64>,
    /// How many of a hundred operations are reads.
    pub(crate) reads: u8,
    pub(crate) consistency: Consistency,
    pub(crate) keys: u64,
    pub(crate) value: Bytes,
    /// An operation is given up after this.
    pub(crate) timeout: Duration,
}

/// The outcome of a load, and how long it took from its beginning to its last answer.
#[derive(Debug, Default)]
pub(crate) struct LoadOutcome {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

/// What the clients of one run share.
pub(crate) struct SharedLoad {
    load: Load,
    tally: Mutex<Tally>,
}

impl SharedLoad {
    /// Operations acknowledged so far.
    pub(crate) fn done(&self) -> u64 {
        self.tally().done()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Nothing that holds this lock can panic half-way through a change.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One operation; the caller provides its start time, and its end time is returned.
    async fn operate(&self, client: &Client, dice: &mut Dice, begun: Instant) -> Instant {
        let load = &self.load;
        let key = key(dice.below(load.keys));
        let is_read = load.reads > 0 && dice.below(100) < u64::from(load.reads);
        let outcome = if is_read {
            client.read_with(Read::Get { key }, load.consistency, load.timeout).await
        } else {
            client.write(Write::Put { key, value: load.value.clone() }, load.timeout).await
        };
        let ended = Instant::now();
        self.tally().note(is_read, ended - begun, &outcome);
        ended
    }
}

/// A load that can be run several times, with the same clients.
#[derive(Debug)]
pub(crate) struct Generator {
    load: Load,
    /// Each has connections and a session of its own.
    clients: Vec<Client>,
    /// Different in each run.
    seed: u64,
}

impl Generator {
    pub(crate) fn new(load: Load, clients: Vec<Client>) -> Self {
        Self { load, clients, seed: 0 }
    }

    /// Runs it for this long. `watch` is given the state that the clients share, to read while they work.
    pub(crate) async fn run(&mut self, span: Duration, watch: impl FnOnce(Arc<SharedLoad>)) -> LoadOutcome {
        let shared = Arc::new(SharedLoad { load: self.load.clone(), tally: Mutex::default() });
        watch(Arc::clone(&shared));
        let begun = Instant::now();
        let pace = self.load.rate.map(|rate| Arc::new(LoadSchedule::new(rate, begun, span)));
        let mut tasks = JoinSet::new();
        for number in 0..self.load.clients {
            self.seed += 1;
            let client = self.clients[number as usize % self.clients.len()].clone();
            let (shared, dice) = (Arc::clone(&shared), Dice::new(self.seed));
            match &pace {
                None => tasks.spawn(closed(client, shared, dice, begun + span)),
                Some(pace) => tasks.spawn(open(client, shared, dice, Arc::clone(pace))),
            };
        }
        let pacer = pace.clone().map(|pace| std::thread::spawn(move || pace.keep()));
        while tasks.join_next().await.is_some() {}
        let took = begun.elapsed();
        if let (Some(pace), Some(pacer)) = (pace, pacer) {
            let _ = pacer.join();
            shared.tally().left_out = pace.left_out();
        }
        let tally = std::mem::take(&mut *shared.tally());
        LoadOutcome { tally, took }
    }

    /// Writes the keys one after the other, repeatedly, this many writes in all; `told` is called with how many are done.
    pub(crate) async fn fill(&self, total: u64, told: impl Fn(u64)) -> Result<(), ClientError> {
        let next = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for client in &self.clients {
            for _ in 0..512.min(total) {
                let (client, load, next) = (client.clone(), self.load.clone(), Arc::clone(&next));
                tasks.spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= total {
                            return Ok(());
                        }
                        let write = Write::Put { key: key(number % load.keys), value: load.value.clone() };
                        client.write(write, load.timeout).await?;
                    }
                });
            }
        }
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                ended = tasks.join_next() => match ended {
                    None => return Ok(()),
                    Some(ended) => ended.unwrap_or(Ok(()))?,
                },
                _ = ticks.tick() => told(next.load(Ordering::Relaxed).min(total)),
            }
        }
    }
}

/// One client of a closed loop. Between two operations it does nothing that takes time, so the end of one is the beginning of the next.
async fn closed(client: Client, shared: Arc<SharedLoad>, mut dice: Dice, until: Instant) {
    let mut now = Instant::now();
    while now < until {
        now = shared.operate(&client, &mut dice, now).await;
    }
}

/// One client of an open loop: takes the next due operation whenever it is free.
async fn open(client: Client, shared: Arc<SharedLoad>, mut dice: Dice, pace: Arc<LoadSchedule>) {
    while let Some(due) = pace.next().await {
        shared.operate(&client, &mut dice, due).await;
    }
}

/// When the operations of an open loop are due.
#[derive(Debug)]
struct LoadSchedule {
    begun: Instant,
    /// The time between two operations.
    step: Duration,
    total: u64,
    /// The permits are the operations that are due and not begun.
    due: Semaphore,
    begun_count: AtomicU64,
    give_up: Instant,
}

impl LoadSchedule {
    fn new(rate: u64, begun: Instant, span: Duration) -> Self {
        let step = Duration::from_secs(1).div_f64(rate as f64);
        let total = (span.as_secs_f64() * rate as f64).ceil() as u64;
        let give_up = begun + span + CATCH_UP;
        Self { begun, step, total, due: Semaphore::new(0), begun_count: AtomicU64::new(0), give_up }
    }

    fn at(&self, number: u64) -> Instant {
        self.begun + Duration::from_nanos((self.step.as_secs_f64() * number as f64 * 1e9) as u64)
    }

    /// Releases the operations when they are due, on a thread of its own: the runtime's timers are too coarse.
    fn keep(&self) {
        let mut released = 0;
        while released < self.total {
            let next = self.at(released);
            let now = Instant::now();
            if next > now {
                std::thread::sleep((next - now).max(LEAST_SLEEP));
                continue;
            }
            let due = (now - self.begun).as_secs_f64() / self.step.as_secs_f64();
            let due = (due as u64 + 1).clamp(released + 1, self.total);
            self.due.add_permits((due - released) as usize);
            released = due;
        }
        // A client that still waits learns that there are no more.
        self.due.add_permits(1);
    }

    /// When the next operation should begin; `None`: there is none, or it is too late for it.
    async fn next(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let number = self.begun_count.fetch_add(1, Ordering::Relaxed);
        if number >= self.total || Instant::now() > self.give_up {
            self.begun_count.fetch_sub(1, Ordering::Relaxed);
            self.due.add_permits(1);
            return None;
        }
        Some(self.at(number))
    }

    fn left_out(&self) -> u64 {
        self.total.saturating_sub(self.begun_count.load(Ordering::Relaxed))
    }
}

/// `key-000000042`: of fixed length, so that all operations have the same size.
fn key(number: u64) -> Bytes {
    let mut key = *b"key-000000000";
    let mut left = number;
    for digit in key[4..].iter_mut().rev() {
        *digit += (left % 10) as u8;
        left /= 10;
    }
    Bytes::copy_from_slice(&key)
}

/// A cheap random generator (xorshift64*), good enough to choose keys.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.roll();
        dice
    }

    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.roll()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_length_and_their_number() {
        assert_eq!(key(0), "key-000000000");
        assert_eq!(key(123_456_789), "key-123456789");
    }

    #[test]
    fn chance_reaches_every_key() {
        let mut dice = Dice::new(7);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[dice.below(10) as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
    }

    #[test]
    fn what_is_due_is_spread_evenly() {
        let begun = Instant::now();
        let pace = LoadSchedule::new(200, begun, Duration::from_secs(2));
        assert_eq!(pace.total, 400);
        assert_eq!(pace.at(0), begun);
        assert_eq!((pace.at(399) - begun).as_millis(), 1995);
    }
}
