//! A simulated cluster of five nodes, quiet or under load.

use raftdeck_model::{Command, CommandId, Order, Update};
use raftdeck_raft::Timing;
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

/// What five nodes tell in this time.
pub(crate) fn busy(timing: Timing, load: bool, time: Duration, mut told: impl FnMut(Update)) {
    let mut live = Live::new(LiveOptions { timing, ..LiveOptions::new(5, 1) });
    if load {
        live.send(Command { id: CommandId(1), what: Order::Workload(true) });
    }
    while live.now() < time {
        live.run_until(live.now() + Duration::from_millis(33));
        live.take().into_iter().for_each(&mut told);
    }
}
