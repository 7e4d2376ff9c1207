//! Steps of a frozen world: which comes next, and what is done when its end is reached.

use super::Nodes;
use crate::rule::{Disturbance, Step};
use crate::stepper::{Reached, Until};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// The shortest run: a timer may be due at this very moment, and still needs time to pass to go off.
const LEAST_RUN: Duration = Duration::from_micros(1);

impl Nodes {
    pub(super) fn set_rate(&mut self, rate: ClockRate) {
        self.stepper.set_rate(rate);
        self.renew_launches();
    }

    pub(super) fn step(&mut self, step: Step) {
        let paused = self.paused();
        match step {
            Step::Message => {
                self.stepper.freeze();
                if self.links.deliver_oldest().is_some() {
                    self.stepper.tell();
                } else {
                    self.stepper.seek_timer(&self.places, &paused);
                }
            }
            Step::Timer => self.stepper.seek_timer(&self.places, &paused),
            Step::Role => self.stepper.run_until(Until::Role),
            Step::Commit => self.stepper.run_until(Until::Commit),
            Step::For(time) => self.stepper.run_for(time, &self.places, &paused),
        }
        self.renew_launches();
    }

    pub(super) fn reached(&mut self, reached: Reached) {
        match reached {
            Reached::Timer(timer) => {
                let now = self.stepper.now();
                let message = self.links.next_due().map(|due| due.saturating_sub(now));
                if let Some(left) = [timer, message].into_iter().flatten().min() {
                    let paused = self.paused();
                    self.stepper.run_for(left.max(LEAST_RUN), &self.places, &paused);
                } else {
                    self.outlet.refuse("no node runs whose timer could go off, and no message is under way");
                    self.stepper.tell();
                }
            }
            Reached::Milestone => self.set_rate(ClockRate::FROZEN),
            Reached::End => self.stepper.tell(),
        }
        self.renew_launches();
    }

    /// They answer nothing.
    fn paused(&self) -> BTreeSet<NodeId> {
        let paused = |what| match what {
            Disturbance::Paused(node) => Some(node),
            _ => None,
        };
        self.in_force.all().into_iter().filter_map(|fault| paused(fault.what)).collect()
    }
}
