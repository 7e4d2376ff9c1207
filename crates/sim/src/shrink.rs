//! Shrinks a schedule that violates a property: parts are left out as long as the same property is still violated
//! (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"), then what is left is made shorter.

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

/// Plays a schedule and says what it breaks.
type Play<'a> = &'a mut dyn FnMut(&Schedule) -> Option<Violation>;

struct Search<'a> {
    play: Play<'a>,
    best: Shrunk,
    limit: u32,
}

/// Looks, in at most `limit` runs, for a short part of `schedule` that breaks the promise that `violation` says is
/// broken. `None` if the whole of it does not.
#[must_use]
pub fn shrink(seed: u64, options: &Options, schedule: &Schedule, limit: u32) -> Option<Shrunk> {
    search(schedule, limit, &mut |schedule| crate::replay(seed, options, schedule).violation)
}

fn search(schedule: &Schedule, limit: u32, play: Play<'_>) -> Option<Shrunk> {
    let violation = play(schedule)?;
    let best = Shrunk { schedule: schedule.clone(), violation, runs: 1 };
    let mut search = Search { play, best, limit };
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
        match (self.play)(&schedule) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, Planned};

    fn rush(at: u64, count: u64) -> Planned {
        Planned { at, fault: Fault::Rush { count, readers: true } }
    }

    /// Breaks if there is a rush of 3 or more before one of 5 or more.
    fn play(schedule: &Schedule) -> Option<Violation> {
        let counts: Vec<_> = schedule
            .iter()
            .map(|planned| match planned.fault {
                Fault::Rush { count, .. } => count,
                _ => 0,
            })
            .collect();
        let first = counts.iter().position(|count| *count >= 3)?;
        let second = first + 1 + counts[first + 1..].iter().position(|count| *count >= 5)?;
        let at = schedule[second].at;
        Some(Violation { property: "order".to_owned(), at, sentence: String::new() })
    }

    #[test]
    fn only_what_breaks_the_promise_is_left_and_made_short() {
        let schedule: Schedule = (1..100).map(|n| rush(n, n % 47)).collect();
        let shrunk = search(&schedule, 1000, &mut |schedule| play(schedule)).expect("it breaks");
        let counts: Vec<_> = shrunk.schedule.iter().map(|planned| planned.fault.clone()).collect();
        assert_eq!(counts.len(), 2, "{counts:?}");
        assert!(play(&shrunk.schedule).is_some());
        for (place, planned) in shrunk.schedule.iter().enumerate() {
            let mut shorter = shrunk.schedule.clone();
            if let Some(fault) = planned.fault.shorter() {
                shorter[place].fault = fault;
                assert!(play(&shorter).is_none(), "half of it would do");
            }
        }
    }

    #[test]
    fn the_search_ends_when_its_runs_are_used_up() {
        let schedule: Schedule = (1..100).map(|n| rush(n, n % 47)).collect();
        let mut runs = 0;
        let shrunk = search(&schedule, 7, &mut |schedule| {
            runs += 1;
            play(schedule)
        });
        assert_eq!((shrunk.expect("it breaks").runs, runs), (7, 7));
    }

    #[test]
    fn what_breaks_nothing_cannot_be_shrunk() {
        assert_eq!(search(&vec![rush(1, 1)], 10, &mut |schedule| play(schedule)), None);
    }
}
