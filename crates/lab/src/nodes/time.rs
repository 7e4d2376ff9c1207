//! Steps of a frozen world: how each is run, and what is done at its end.

use super::Nodes;
use crate::receipt::Receipt;
use crate::time::stepper::{ANSWER, StepEnd, StepGoal};
use raftdeck_model::{Disturbance, News, Step};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// The shortest run. A timer that is due at this very moment fires only after some time has passed.
const LEAST_RUN: Duration = Duration::from_micros(1);

/// The reason given when another step, or another rate, replaces a step.
const OVERTAKEN: &str = "the step was interrupted: another command changed time";

impl Nodes {
    pub(super) fn set_rate(&mut self, rate: ClockRate, receipt: Receipt) {
        self.overtake();
        self.stepper.set_rate(rate);
        self.renew_launches();
        self.done_when_settled(receipt);
    }

    /// Answers when every node that can has confirmed its settings of time and of its disk.
    pub(super) fn done_when_settled(&mut self, receipt: Receipt) {
        let paused = self.paused();
        let settled = self.stepper.tempo().settled(ANSWER, &paused);
        tokio::spawn(async move {
            settled.await;
            receipt.done();
        });
    }

    /// Reports the present state of every node that can answer.
    pub(super) fn refresh(&self, receipt: Receipt) {
        self.links.traffic().tell_news();
        self.workload.refresh(receipt.part());
        let (statuses, outlet) = (self.stepper.look(&self.places, &self.paused()), self.outlet.clone());
        tokio::spawn(async move {
            for (node, status) in statuses.await {
                outlet.tell(News::Status { node, status: Box::new(status.into()) });
            }
            receipt.done();
        });
    }

    pub(super) fn step(&mut self, step: Step, receipt: Receipt) {
        self.overtake();
        let paused = self.paused();
        let mut is_over = false;
        match step {
            Step::Message => {
                self.stepper.freeze();
                if self.links.traffic().deliver_oldest().is_some() {
                    self.stepper.tell();
                    self.links.traffic().tell_news();
                    is_over = true;
                } else {
                    self.stepper.seek_timer(&self.places, &paused);
                }
            }
            Step::Timer => self.stepper.seek_timer(&self.places, &paused),
            Step::Role => self.stepper.run_until(StepGoal::Role),
            Step::Commit => self.stepper.run_until(StepGoal::Commit),
            Step::For(time) => self.stepper.run_for(time, &self.places, &paused),
        }
        self.renew_launches();
        if is_over {
            receipt.done();
        } else {
            self.stepping = Some(receipt);
        }
    }

    pub(super) fn reached(&mut self, reached: StepEnd) {
        match reached {
            StepEnd::Timer(timer) => {
                let now = self.stepper.now();
                let message = self.links.traffic().next_due().map(|due| due.saturating_sub(now));
                if let Some(left) = [timer, message].into_iter().flatten().min() {
                    let paused = self.paused();
                    self.stepper.run_for(left.max(LEAST_RUN), &self.places, &paused);
                } else {
                    self.stepper.tell();
                    if let Some(receipt) = self.stepping.take() {
                        receipt.refuse("no running node has a timer, and no message is under way");
                    }
                }
            }
            StepEnd::Milestone => {
                self.stepper.set_rate(ClockRate::FROZEN);
                self.end_step();
            }
            StepEnd::End => {
                self.stepper.tell();
                self.end_step();
            }
        }
        self.renew_launches();
    }

    fn end_step(&mut self) {
        self.links.traffic().tell_news();
        if let Some(receipt) = self.stepping.take() {
            receipt.done();
        }
    }

    /// A step in progress is abandoned.
    fn overtake(&mut self) {
        if let Some(receipt) = self.stepping.take() {
            receipt.refuse(OVERTAKEN);
        }
    }

    /// The paused nodes, which answer nothing.
    pub(super) fn paused(&self) -> BTreeSet<NodeId> {
        let paused = |what| match what {
            Disturbance::Paused(node) => Some(node),
            _ => None,
        };
        self.in_force.all().into_iter().filter_map(|fault| paused(fault.what)).collect()
    }
}
