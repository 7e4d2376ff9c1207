//! The settings in force for the nodes' timing and switches, and the values that each node works with as a result: in one place for
//! the lab and the simulator.
//!
//! A newer setting takes precedence over an older one. `align`, `spread` and `random` end the timeouts that single nodes were given.
//! Timeouts that are given to a node after that are its own, until they are undone.

use crate::ledger::Ledger;
use crate::rule::{Disturbance, Fault, FaultId, Timers};
use crate::write::duration;
use raftdeck_protocol::ClockFactor;
use raftdeck_raft::{ConfigError, NodeId, Timing, Tuning};
use std::time::Duration;

/// The shortest heartbeat interval that a node can be given.
const LEAST_HEARTBEAT: Duration = Duration::from_millis(1);

/// The longest time that can be set.
const LONGEST: Duration = Duration::from_hours(24);

impl Ledger {
    /// Whether this only ends something, and is not in force itself.
    #[must_use]
    pub fn only_ends(&self, what: &Disturbance) -> bool {
        what.restores() && !self.all().iter().any(|fault| is_exception(what, &fault.what))
    }

    /// What this node works with; `usual`: what all work with if nothing is in force.
    #[must_use]
    pub fn tuning_of(&self, node: NodeId, usual: Tuning) -> Tuning {
        self.all().iter().fold(usual, |tuning, fault| tuned(tuning, &fault.what, node))
    }

    /// How fast this node's clock runs relative to cluster time.
    #[must_use]
    pub fn clock_of(&self, node: NodeId) -> ClockFactor {
        let factor = |fault: Fault| match fault.what {
            Disturbance::Clock(of, factor) if of == node => Some(factor),
            _ => None,
        };
        self.all().into_iter().find_map(factor).unwrap_or_default()
    }

    /// This node's election timeout, as one of all `nodes`; `None`: it is random.
    #[must_use]
    pub fn fixed_timeout_of(&self, node: NodeId, nodes: &[NodeId], usual: Timing) -> Option<Duration> {
        let all = self.all();
        if all.iter().any(|fault| matches!(fault.what, Disturbance::Timeouts(of, ..) if of == node)) {
            return None;
        }
        let timers = all.iter().find_map(|fault| match fault.what {
            Disturbance::Timers(timers) => Some(timers),
            _ => None,
        })?;
        let Timing { election_min: least, election_max: most, .. } = usual;
        let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX).max(1);
        let rank = u32::try_from(nodes.iter().position(|other| *other == node)? + 1).unwrap_or(u32::MAX);
        match timers {
            Timers::Random => None,
            Timers::Aligned => Some(least + most.saturating_sub(least) / 2),
            // The shortest is above the minimum: within that time, others still support the old leader.
            Timers::Spread => Some(least + most.saturating_sub(least) / count * rank),
        }
    }

    /// Whether a node can work with this in addition to what is in force; if not, the reason.
    pub fn fits(&self, what: &Disturbance, usual: Tuning) -> Result<(), String> {
        let Some(node) = of_timing(what) else { return Ok(()) };
        let tuning = tuned(self.tuning_of(node, usual), what, node);
        if tuning.timing.heartbeat < LEAST_HEARTBEAT {
            let (given, least) = (duration(tuning.timing.heartbeat), duration(LEAST_HEARTBEAT));
            return Err(format!("a heartbeat interval of {given} is too short: the minimum is {least}"));
        }
        tuning.validate().map_err(|error| unfit(node, what, &error))
    }

    /// Enters timeouts or a heartbeat interval under the name of the older ones, if the node's other setting is valid only with them.
    /// So what is in force can always be brought into force again, line by line. `None`: it is entered as anything else.
    pub fn renew_in_place(&mut self, what: &Disturbance, usual: Tuning) -> Option<FaultId> {
        let node = of_timing(what)?;
        let id = self.all().into_iter().find(|fault| what.replaces(&fault.what))?.id;
        let mut without = self.clone();
        without.strike(id);
        without.tuning_of(node, usual).validate().err()?;
        self.becomes(id, what.clone()).then_some(id)
    }

    /// Ends the heartbeat intervals and timeouts that were valid only together, once one of them has ended. Says whether there were any.
    pub fn end_unfit(&mut self, usual: Tuning) -> bool {
        let given = self.all().into_iter().filter_map(|fault| of_timing(&fault.what));
        let unfit: Vec<NodeId> =
            given.filter(|node| self.tuning_of(*node, usual).validate().is_err()).collect();
        self.strike_all(|what| of_timing(what).is_some_and(|node| unfit.contains(&node)))
    }
}

/// The node whose timeouts or heartbeat interval this sets.
fn of_timing(what: &Disturbance) -> Option<NodeId> {
    match what {
        Disturbance::Timeouts(node, ..) | Disturbance::Heartbeat(node, _) => Some(*node),
        _ => None,
    }
}

/// Whether the first is an exception for one node from the second, which applies to all.
fn is_exception(what: &Disturbance, general: &Disturbance) -> bool {
    match (what, general) {
        (Disturbance::PreVote(Some(_), on), Disturbance::PreVote(None, all))
        | (Disturbance::CheckQuorum(Some(_), on), Disturbance::CheckQuorum(None, all)) => on != all,
        _ => false,
    }
}

/// What a node works with when this is applied on top.
fn tuned(mut tuning: Tuning, what: &Disturbance, node: NodeId) -> Tuning {
    let means = |of: &Option<NodeId>| of.is_none_or(|of| of == node);
    match what {
        Disturbance::PreVote(of, on) if means(of) => tuning.pre_vote = *on,
        Disturbance::CheckQuorum(of, on) if means(of) => tuning.check_quorum = *on,
        Disturbance::Timeouts(of, least, most) if *of == node => {
            (tuning.timing.election_min, tuning.timing.election_max) = (*least, *most);
        }
        Disturbance::Heartbeat(of, interval) if *of == node => tuning.timing.heartbeat = *interval,
        Disturbance::PreVote(..)
        | Disturbance::CheckQuorum(..)
        | Disturbance::Timeouts(..)
        | Disturbance::Heartbeat(..)
        | Disturbance::Clock(..)
        | Disturbance::Rules { .. }
        | Disturbance::Watch(_)
        | Disturbance::Paused(_)
        | Disturbance::Slowed(..)
        | Disturbance::DiskFull(..)
        | Disturbance::Disk(..)
        | Disturbance::Timers(_)
        | Disturbance::ClientAt(..)
        | Disturbance::ClientLinks(..) => {}
    }
    tuning
}

fn unfit(node: NodeId, what: &Disturbance, error: &ConfigError) -> String {
    match (error, what) {
        (ConfigError::Heartbeat { heartbeat, election_min }, Disturbance::Timeouts(..)) => format!(
            "the least election timeout of {node}, {}, is not longer than its heartbeat interval, {}: choose a longer one",
            duration(*election_min),
            duration(*heartbeat)
        ),
        (ConfigError::Heartbeat { heartbeat, election_min }, _) => format!(
            "{node} cannot send heartbeats every {}: its least election timeout is {}; {}",
            duration(*heartbeat),
            duration(*election_min),
            advice(node, *heartbeat)
        ),
        (error, _) => error.to_string(),
    }
}

/// What to do about timeouts that are too short for such a heartbeat interval.
fn advice(node: NodeId, heartbeat: Duration) -> String {
    let times = |factor| heartbeat.saturating_mul(factor).min(LONGEST);
    let (least, most) = (times(2), times(4));
    if least >= most {
        return "choose a shorter interval".to_owned();
    }
    format!("give it longer ones first (timeouts {} {}..{})", node.0, duration(least), duration(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);
    const USUAL: Tuning = Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: true };

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn timeouts(node: NodeId, least: u64, most: u64) -> Disturbance {
        Disturbance::Timeouts(node, millis(least), millis(most))
    }

    /// What a source does when it gets this.
    fn begin(ledger: &mut Ledger, what: Disturbance) {
        assert_eq!(ledger.fits(&what, USUAL), Ok(()));
        if ledger.renew_in_place(&what, USUAL).is_some() {
            return;
        }
        ledger.strike_all(|other| what.replaces(other));
        if !ledger.only_ends(&what) {
            ledger.enter(what).unwrap();
        }
        ledger.end_unfit(USUAL);
    }

    fn in_force(ledger: &Ledger) -> Vec<String> {
        ledger.all().iter().map(|fault| crate::write::disturbance(&fault.what)).collect()
    }

    fn has_pre_vote(ledger: &Ledger, node: NodeId) -> bool {
        ledger.tuning_of(node, USUAL).pre_vote
    }

    #[test]
    fn a_switch_of_one_node_is_an_exception_from_that_of_all_and_a_later_one_of_all_ends_it() {
        let mut ledger = Ledger::default();
        begin(&mut ledger, Disturbance::PreVote(Some(N2), false));
        assert!(has_pre_vote(&ledger, N1) && !has_pre_vote(&ledger, N2));
        begin(&mut ledger, Disturbance::PreVote(Some(N2), true));
        assert_eq!(in_force(&ledger), Vec::<String>::new(), "as usual");
        begin(&mut ledger, Disturbance::PreVote(None, false));
        begin(&mut ledger, Disturbance::PreVote(Some(N2), true));
        assert!(!has_pre_vote(&ledger, N1) && has_pre_vote(&ledger, N2));
        assert_eq!(in_force(&ledger), ["prevote off", "prevote on 2"]);
        begin(&mut ledger, Disturbance::CheckQuorum(None, false));
        begin(&mut ledger, Disturbance::PreVote(None, true));
        assert_eq!(in_force(&ledger), ["check-quorum off"]);
        assert_eq!(ledger.tuning_of(N1, USUAL), Tuning { check_quorum: false, ..USUAL });
    }

    #[test]
    fn timeouts_of_one_node_go_before_those_of_all_that_are_older_and_end_with_newer_ones() {
        let (mut ledger, nodes) = (Ledger::default(), [N1, N2]);
        let fixed = |ledger: &Ledger, node| ledger.fixed_timeout_of(node, &nodes, Timing::FAST);
        begin(&mut ledger, Disturbance::Timers(Timers::Aligned));
        begin(&mut ledger, timeouts(N2, 400, 500));
        assert_eq!((fixed(&ledger, N1), fixed(&ledger, N2)), (Some(millis(225)), None));
        assert_eq!(ledger.tuning_of(N2, USUAL).timing.election_min, millis(400));
        let own = ledger.newest().unwrap();
        ledger.strike(own);
        assert_eq!(fixed(&ledger, N2), Some(millis(225)));
        assert_eq!(ledger.tuning_of(N2, USUAL), USUAL);
        begin(&mut ledger, timeouts(N2, 400, 500));
        begin(&mut ledger, Disturbance::Timers(Timers::Spread));
        assert_eq!(in_force(&ledger), ["spread"]);
        assert_eq!((fixed(&ledger, N1), fixed(&ledger, N2)), (Some(millis(225)), Some(millis(300))));
        begin(&mut ledger, timeouts(N2, 400, 500));
        begin(&mut ledger, Disturbance::Timers(Timers::Random));
        assert_eq!(in_force(&ledger), Vec::<String>::new());
    }

    #[test]
    fn a_heartbeat_needs_longer_timeouts_and_ends_with_those_that_it_needs() {
        let mut ledger = Ledger::default();
        let slow = Disturbance::Heartbeat(N2, millis(200));
        assert_eq!(
            ledger.fits(&slow, USUAL).unwrap_err(),
            "n2 cannot send heartbeats every 200ms: its least election timeout is 150ms; give it longer ones first \
             (timeouts 2 400ms..800ms)"
        );
        begin(&mut ledger, timeouts(N2, 400, 800));
        begin(&mut ledger, slow.clone());
        begin(&mut ledger, Disturbance::Heartbeat(N1, millis(20)));
        assert_eq!(
            ledger.fits(&timeouts(N2, 150, 300), USUAL).unwrap_err(),
            "the least election timeout of n2, 150ms, is not longer than its heartbeat interval, 200ms: choose a longer one"
        );
        begin(&mut ledger, timeouts(N2, 300, 600));
        assert_eq!(in_force(&ledger), ["timeouts 2 300ms..600ms", "heartbeat 2 200ms", "heartbeat 1 20ms"]);
        begin(&mut ledger, Disturbance::Timers(Timers::Random));
        assert_eq!(in_force(&ledger), ["heartbeat 1 20ms"]);
        for (what, why) in [
            (Disturbance::Heartbeat(N1, Duration::from_micros(900)), "the minimum is 1ms"),
            (timeouts(N1, 400, 400), "is empty: the second must be greater"),
        ] {
            let said = ledger.fits(&what, USUAL).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn no_timeouts_are_advised_that_are_longer_than_can_be_said() {
        let ledger = Ledger::default();
        for (hours, advice) in [
            (6, "give it longer ones first (timeouts 2 43200s..86400s)"),
            (10, "give it longer ones first (timeouts 2 72000s..86400s)"),
            (12, "choose a shorter interval"),
            (24, "choose a shorter interval"),
        ] {
            let said =
                ledger.fits(&Disturbance::Heartbeat(N2, Duration::from_hours(hours)), USUAL).unwrap_err();
            assert!(said.ends_with(advice), "{said}");
        }
    }
}
