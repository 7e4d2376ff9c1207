//! A steady workload: small writes at a fixed rate, independent of their outcomes. Shows what a fault costs: how many
//! writes failed, and for how long none was acknowledged.

use super::Live;
use super::agenda::AgendaItem;
use super::client::{RequestOutcome, RequestPurpose};
use super::orders::Answer;
use raftdeck_model::{ClientOp, CommandId, News, WorkloadTally};
use raftdeck_protocol::Write;
use std::collections::BTreeMap;
use std::time::Duration;

/// The time between two writes: fifty a second.
const EVERY: u64 = 20_000;

/// The time between two figures.
const TOLD_EVERY: u64 = 250_000;

/// How long a write may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// Writes under way. One more fails immediately.
const MAX_UNDER_WAY: usize = 128;

/// How many keys are written, one after the other.
const KEYS: u64 = 100;

/// The runs of the workload: the present one, and those whose last writes are under way.
#[derive(Debug, Default)]
pub(super) struct Workload {
    runs: BTreeMap<u64, WorkloadRun>,
    present: Option<u64>,
}

#[derive(Debug)]
struct WorkloadRun {
    written: u64,
    under_way: usize,
    tally: WorkloadTally,
    /// The command that switched it off.
    ended_by: Option<CommandId>,
}

impl Live {
    /// Switches it on, with new figures, or off. Done when the first figures, or the last, have been told.
    pub(super) fn switch_workload(&mut self, command: CommandId, on: bool) -> Answer {
        let now = self.world.now;
        match (on, self.workload.present) {
            (true, None) => {
                let number = self.number();
                let tally = WorkloadTally::new(Duration::from_micros(now));
                let run = WorkloadRun { written: 0, under_way: 0, tally, ended_by: None };
                self.workload.runs.insert(number, run);
                self.workload.present = Some(number);
                self.tell_run(number);
                self.agenda.at(now, AgendaItem::Load(number));
                self.agenda.at(now + TOLD_EVERY, AgendaItem::Figures(number));
                Some(Ok(()))
            }
            (false, Some(number)) => {
                self.workload.present = None;
                if let Some(run) = self.workload.runs.get_mut(&number) {
                    // Up to here it was a gap, whatever is acknowledged later.
                    run.tally.end(Duration::from_micros(now));
                    run.ended_by = Some(command);
                }
                self.end_run(number);
                None
            }
            _ => Some(Ok(())),
        }
    }

    pub(super) fn write_load(&mut self, number: u64) {
        let now = self.world.now;
        let Some(run) = self.workload.runs.get_mut(&number).filter(|run| run.ended_by.is_none()) else {
            return;
        };
        run.written += 1;
        let written = run.written;
        self.agenda.at(now + EVERY, AgendaItem::Load(number));
        if run.under_way >= MAX_UNDER_WAY {
            run.tally.failed();
            return;
        }
        run.under_way += 1;
        let key = format!("load-{:02}", written % KEYS).into();
        let write = Write::Put { key, value: written.to_string().into() };
        self.request(ClientOp::Write(write).into(), RequestPurpose::Load(number), DEADLINE);
    }

    /// A write of this run that was begun then has ended.
    pub(super) fn load_ended(&mut self, number: u64, begun: u64, outcome: &RequestOutcome) {
        let now = Duration::from_micros(self.world.now);
        let Some(run) = self.workload.runs.get_mut(&number) else { return };
        run.under_way -= 1;
        match outcome {
            RequestOutcome::Done(..) => {
                run.tally.acknowledged(now.saturating_sub(Duration::from_micros(begun)), now);
            }
            RequestOutcome::Failed(_, true) => run.tally.unknown(),
            RequestOutcome::Failed(_, false) => run.tally.failed(),
        }
        self.end_run(number);
    }

    /// What is under way has its deadline; nothing more is begun.
    fn end_run(&mut self, number: u64) {
        let is_over = |run: &WorkloadRun| run.ended_by.is_some() && run.under_way == 0;
        if !self.workload.runs.get(&number).is_some_and(is_over) {
            return;
        }
        self.tell_run(number);
        if let Some(command) = self.workload.runs.remove(&number).and_then(|run| run.ended_by) {
            self.answer(command, Ok(()));
        }
    }

    pub(super) fn tell_figures(&mut self, number: u64) {
        if self.workload.present == Some(number) {
            self.tell_run(number);
            self.agenda.at(self.world.now + TOLD_EVERY, AgendaItem::Figures(number));
        }
    }

    /// The figures as they are now, if it runs.
    pub(super) fn tell_present_run(&mut self) {
        if let Some(number) = self.workload.present {
            self.tell_run(number);
        }
    }

    fn tell_run(&mut self, number: u64) {
        let now = self.world.now;
        if let Some(run) = self.workload.runs.get_mut(&number) {
            let figures = run.tally.figures(run.ended_by.is_none(), Duration::from_micros(now));
            self.tell(News::Workload(figures));
        }
    }
}
