//! Steps of a frozen world: how each is run, and what is done at its end.

use super::Raftdeck;
use crate::nodes::Nodes;
use crate::raftdeck::stepper::{ANSWER, StepEnd, StepGoal};
use raftdeck_model::{News, Step};
use raftdeck_protocol::ClockRate;
use raftdeck_source::Receipt;
use std::time::Duration;

/// The shortest run. A timer that is due at this very moment fires only after some time has passed.
const LEAST_RUN: Duration = Duration::from_micros(1);

/// The reason given when another step, or another rate, replaces a step.
const OVERTAKEN: &str = "the step was interrupted: another command changed time";

impl Nodes<Raftdeck> {
    pub(super) fn set_rate(&mut self, rate: ClockRate, receipt: Receipt) {
        self.overtake();
        self.engine.stepper.set_rate(rate);
        self.renew_launches();
        self.done_when_settled(receipt);
    }

    /// Answers when every node that can has confirmed its settings of time and of its disk.
    pub(super) fn done_when_settled(&mut self, receipt: Receipt) {
        let paused = self.paused();
        let settled = self.engine.stepper.tempo().settled(ANSWER, &paused);
        tokio::spawn(async move {
            settled.await;
            receipt.done();
        });
    }

    /// Reports the present state of every node that can answer.
    pub(super) fn refresh(&self, receipt: Receipt) {
        self.engine.workload.refresh(receipt.part());
        let (statuses, outlet) =
            (self.engine.stepper.look(&self.places, &self.paused()), self.outlet.clone());
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
                self.engine.stepper.freeze();
                if self.links.traffic().deliver_oldest().is_some() {
                    self.engine.stepper.tell();
                    self.links.traffic().tell_news();
                    is_over = true;
                } else {
                    self.engine.stepper.seek_timer(&self.places, &paused);
                }
            }
            Step::Timer => self.engine.stepper.seek_timer(&self.places, &paused),
            Step::Role => self.engine.stepper.run_until(StepGoal::Role),
            Step::Commit => self.engine.stepper.run_until(StepGoal::Commit),
            Step::For(time) => self.engine.stepper.run_for(time, &self.places, &paused),
        }
        self.renew_launches();
        if is_over {
            receipt.done();
        } else {
            self.engine.stepping = Some(receipt);
        }
    }

    pub(super) fn reached(&mut self, reached: StepEnd) {
        match reached {
            StepEnd::Timer(timer) => {
                let now = self.engine.stepper.now();
                let message = self.links.traffic().next_due().map(|due| due.saturating_sub(now));
                if let Some(left) = [timer, message].into_iter().flatten().min() {
                    let paused = self.paused();
                    self.engine.stepper.run_for(left.max(LEAST_RUN), &self.places, &paused);
                } else {
                    self.engine.stepper.tell();
                    if let Some(receipt) = self.engine.stepping.take() {
                        receipt.refuse("no running node has a timer, and no message is under way");
                    }
                }
            }
            StepEnd::Milestone => {
                self.engine.stepper.set_rate(ClockRate::FROZEN);
                self.end_step();
            }
            StepEnd::End => {
                self.engine.stepper.tell();
                self.end_step();
            }
        }
        self.renew_launches();
    }

    fn end_step(&mut self) {
        self.links.traffic().tell_news();
        if let Some(receipt) = self.engine.stepping.take() {
            receipt.done();
        }
    }

    /// A step in progress is abandoned.
    fn overtake(&mut self) {
        if let Some(receipt) = self.engine.stepping.take() {
            receipt.refuse(OVERTAKEN);
        }
    }
}
