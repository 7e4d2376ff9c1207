//! Whole raftdeck clusters in one thread and in virtual time, with every kind of fault.
//!
//! Each member is the real [`Replica`](raftdeck_replica::Replica) over the real
//! [`LogStore`](raftdeck_storage::LogStore) on a virtual disk; the network, the clocks, the disks' manners and the clients
//! are simulated. This crate reads no wall clock, starts no thread, touches no file and knows no chance but the seed:
//! the same seed and options give the same events in the same order on every machine, told by
//! [`RunOutcome::trace_hash`].
//!
//! [`Live`] is the same cluster driven from outside: a source of updates, as the lab is one over real processes.
//!
//! [`run`] plays one seed: first the faults of its [`schedule`], then quiet, in which the cluster must come to rest.
//! What the members and the clients tell is judged by `raftdeck-check`. A schedule is a list of values, so a failing
//! run can be [`replay`]ed with some of them left out, and [`shrink`] finds a short one.

mod blow;
mod client;
mod clock;
mod disk;
mod drive;
mod event;
mod fault;
mod hash;
mod identity;
mod judge;
mod live;
mod liveness;
mod message;
mod nemesis;
mod network;
mod node;
mod options;
mod outcome;
mod outside;
mod panics;
mod platter;
mod rare;
mod record;
mod restore;
mod rng;
mod rules;
mod shrink;
mod stall;
mod talk;
mod world;
mod wreck;

pub use fault::{Cut, Fault, MembershipStep, Planned, Schedule, Weather, Who};
pub use judge::{Violation, properties};
pub use live::{Live, LiveOptions};
pub use message::{LogPosition, MessageRecord};
pub use options::{FaultKind, FaultKinds, MAX_NODES, Options, UnknownFault};
pub use outcome::{RunOutcome, Stats};
pub use rare::{Coverage, RareState};
pub use record::{MemberState, TraceRecord, What};
pub use shrink::{Shrunk, shrink};

use world::{Sink, World};

/// Plays one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> RunOutcome {
    replay(seed, options, &schedule(seed, options))
}

/// Everything that goes wrong in a run of this seed.
#[must_use]
pub fn schedule(seed: u64, options: &Options) -> Schedule {
    nemesis::schedule(seed, options)
}

/// Plays one seed with this schedule instead of its own.
#[must_use]
pub fn replay(seed: u64, options: &Options, schedule: &[Planned]) -> RunOutcome {
    play(seed, options, schedule, None)
}

/// Plays one seed and shows every event.
pub fn watch(
    seed: u64,
    options: &Options,
    schedule: &[Planned],
    sink: &mut dyn FnMut(&TraceRecord),
) -> RunOutcome {
    play(seed, options, schedule, Some(sink))
}

fn play<'a>(seed: u64, options: &Options, schedule: &'a [Planned], sink: Option<Sink<'a>>) -> RunOutcome {
    assert!((1..=MAX_NODES).contains(&options.nodes), "a cluster starts with 1 to {MAX_NODES} nodes");
    let mut world = World::new(seed, options, schedule, sink);
    if let Err(words) = panics::caught(|| world.run()) {
        let whose = world.in_turn.map_or_else(|| "the simulator".to_owned(), |id| id.to_string());
        world.judge.accuse("no member panics", world.now, format!("{whose}: {words}"));
    }
    world.outcome()
}
