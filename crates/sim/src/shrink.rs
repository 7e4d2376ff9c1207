//! From a schedule that breaks a promise to a short one that breaks the same: parts are left out as long as the promise
//! still breaks (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"), then what is left is
//! made shorter.

use crate::fault::Schedule;
use crate::judge::Violation;
use crate::options::Options;

/// The shortest schedule that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The faults that are left.
    pub schedule: Schedule,
    /// What they break.
    pub violation: Violation,
    /// How many runs it took to find.
    pub runs: u32,
}

struct Search<'a> {
    seed: u64,
    options: &'a Options,
    best: Shrunk,
    limit: u32,
}

/// Looks, in at most `limit` runs, for a short part of `schedule` that breaks the promise that `violation` says is
/// broken. `None` if the whole of it does not.
#[must_use]
pub fn shrink(seed: u64, options: &Options, schedule: &Schedule, limit: u32) -> Option<Shrunk> {
    let violation = crate::replay(seed, options, schedule).violation?;
    let best = Shrunk { schedule: schedule.clone(), violation, runs: 1 };
    let mut search = Search { seed, options, best, limit };
    // What comes after the end has no part in it.
    let end = search.best.violation.at;
    search.try_out(schedule.iter().filter(|planned| planned.at <= end).cloned().collect());
    search.leave_out();
    search.shorten();
    Some(search.best)
}

impl Search<'_> {
    /// Whether this one breaks the same promise; if so it is the best so far.
    fn try_out(&mut self, schedule: Schedule) -> bool {
        if self.best.runs >= self.limit || schedule == self.best.schedule {
            return false;
        }
        self.best.runs += 1;
        let found = crate::replay(self.seed, self.options, &schedule).violation;
        match found {
            Some(violation) if violation.property == self.best.violation.property => {
                (self.best.schedule, self.best.violation) = (schedule, violation);
                true
            }
            _ => false,
        }
    }

    /// Leaves out halves, quarters, and so on down to single faults.
    fn leave_out(&mut self) {
        let mut size = self.best.schedule.len().div_ceil(2);
        while size > 0 && self.best.runs < self.limit {
            let mut start = 0;
            let mut is_shorter = false;
            while start < self.best.schedule.len() {
                let mut schedule = self.best.schedule.clone();
                schedule.drain(start..(start + size).min(schedule.len()));
                if self.try_out(schedule) {
                    is_shorter = true;
                } else {
                    start += size;
                }
            }
            if size > 1 {
                size /= 2;
            } else if !is_shorter {
                return;
            }
        }
    }

    /// Halves what single faults last.
    fn shorten(&mut self) {
        for place in 0..self.best.schedule.len() {
            while let Some(fault) = self.best.schedule[place].fault.shorter() {
                let mut schedule = self.best.schedule.clone();
                schedule[place].fault = fault;
                if !self.try_out(schedule) {
                    break;
                }
            }
        }
    }
}
