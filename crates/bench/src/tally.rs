//! The outcome of the operations of one measurement: how many, how long each took, and what went wrong.

use hdrhistogram::Histogram;
use raftdeck_client::{ClientError, Completed};
use std::time::Duration;

/// The significant digits of a latency: a precision of one thousandth.
const DIGITS: u8 = 3;

/// One kind of operation's latencies, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let most = 600 * 1_000_000_000;
        let histogram = Histogram::new_with_bounds(1, most, DIGITS);
        Self(histogram.expect("invariant: these bounds and digits are allowed"))
    }
}

impl Latencies {
    /// This many operations took this long each.
    pub(crate) fn note(&mut self, took: Duration, count: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(nanos, count);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // The bounds are equal, so everything fits.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all operations did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    pub(crate) fn mean(&self) -> Duration {
        Duration::from_nanos(if self.0.is_empty() { 0.0 } else { self.0.mean() } as u64)
    }

    /// Every value that occurred and how often, for another process.
    pub(crate) fn parts(&self) -> Vec<(u64, u64)> {
        self.0.iter_recorded().map(|part| (part.value_iterated_to(), part.count_at_value())).collect()
    }
}

/// The outcome of the operations of one measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) writes: Latencies,
    pub(crate) reads: Latencies,
    /// Certainly not carried out.
    pub(crate) failed: u64,
    /// Operations with an unknown outcome.
    pub(crate) unknown: u64,
    /// One of the errors.
    pub(crate) error: Option<String>,
    /// Due, and never begun: the store fell behind.
    pub(crate) left_out: u64,
    /// The node that answered last.
    pub(crate) leader: Option<u64>,
}

impl Tally {
    pub(crate) fn note(&mut self, is_read: bool, took: Duration, outcome: &Result<Completed, ClientError>) {
        match outcome {
            Ok(done) => {
                self.leader = Some(done.node.0);
                if is_read { &mut self.reads } else { &mut self.writes }.note(took, 1);
            }
            Err(error) => {
                if error.may_have_happened() {
                    self.unknown += 1;
                } else {
                    self.failed += 1;
                }
                self.error.get_or_insert_with(|| error.to_string());
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.writes.add(&other.writes);
        self.reads.add(&other.reads);
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.left_out += other.left_out;
        if self.error.is_none() {
            self.error.clone_from(&other.error);
        }
        self.leader = other.leader.or(self.leader);
    }

    /// Operations that were acknowledged.
    pub(crate) fn done(&self) -> u64 {
        self.writes.count() + self.reads.count()
    }
}
