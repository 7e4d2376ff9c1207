//! The outcome of a run.

use crate::judge::Violation;
use crate::options::FaultKind;
use crate::rare::Coverage;

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// The seed.
    pub seed: u64,
    /// The promise that was broken, if one was.
    pub violation: Option<Violation>,
    /// A hash over every event in order.
    pub trace_hash: u64,
    /// What was counted.
    pub stats: Stats,
}

/// What was counted, in one run or in many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Virtual time in microseconds.
    pub virtual_micros: u64,
    /// Events.
    pub events: u64,
    /// Messages delivered.
    pub messages: u64,
    /// Faults that happened, by their kind's place in [`FaultKind::ALL`].
    pub faults: [u64; FaultKind::ALL.len()],
    /// Elections won.
    pub elections: u64,
    /// Entries committed.
    pub commits: u64,
    /// Snapshots taken.
    pub snapshots_taken: u64,
    /// Snapshots received that replaced a state machine.
    pub snapshots_installed: u64,
    /// Memberships committed.
    pub memberships: u64,
    /// Members that refused to start from a damaged disk.
    pub refusals: u64,
    /// Times that entries were read back from the disk.
    pub reads_back: u64,
    /// Restarts.
    pub restarts: u64,
    /// Client operations that were judged.
    pub operations: u64,
    /// Runs in which the search for an order of the operations was given up.
    pub undecided: u64,
    /// How often rare states were reached.
    pub rare: Coverage,
}

impl Stats {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.virtual_micros += other.virtual_micros;
        self.events += other.events;
        self.messages += other.messages;
        for (sum, more) in self.faults.iter_mut().zip(other.faults) {
            *sum += more;
        }
        self.elections += other.elections;
        self.commits += other.commits;
        self.snapshots_taken += other.snapshots_taken;
        self.snapshots_installed += other.snapshots_installed;
        self.memberships += other.memberships;
        self.refusals += other.refusals;
        self.restarts += other.restarts;
        self.reads_back += other.reads_back;
        self.operations += other.operations;
        self.undecided += other.undecided;
        self.rare += &other.rare;
    }
}
