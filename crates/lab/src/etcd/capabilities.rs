//! What cannot be done with etcd, and why, in sentences for people.

use super::output::ONE_PIECE;
use raftdeck_model::{Ability, Capabilities, Order};

pub(super) const TIME: &str =
    "etcd's members run by the system's clock, which cannot be slowed or set for them alone";
pub(super) const TIMERS: &str = "etcd's timeouts, PreVote and CheckQuorum are set when a member starts, and cannot be changed while it runs";
pub(super) const TIME_OUT: &str =
    "an etcd member's election timer cannot be set off from outside (campaign: e)";
pub(super) const LOGS: &str = "etcd does not show its Raft log to anybody outside";
const DISK_PACE: &str =
    "etcd has no switch that holds up its disk (start etcd on a slow disk with --data-dir)";
const DISK_ROOM: &str =
    "etcd allocates its log files in advance, so a limit of their size does not fill its disk";

/// What a cluster of etcd members can do.
pub(super) fn of_etcd() -> Capabilities {
    Capabilities::all()
        .without(Ability::Time, TIME)
        .without(Ability::Timers, TIMERS)
        .without(Ability::Logs, LOGS)
        .without(Ability::DiskPace, DISK_PACE)
        .without(Ability::DiskRoom, DISK_ROOM)
}

/// Why etcd cannot carry out an order, although it has the ability for others of its kind.
pub(super) fn refuses(order: &Order) -> Option<&'static str> {
    match order {
        Order::WipeUnsafe(_) | Order::LoseTail(..) => Some(ONE_PIECE),
        Order::TimeOut(_) => Some(TIME_OUT),
        _ => None,
    }
}
