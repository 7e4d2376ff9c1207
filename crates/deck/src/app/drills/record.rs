//! What was passed before.

use raftdeck_drills::Verdict;

/// How a drill went so far, over all runs on a deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrillRecord {
    /// How often it was passed.
    pub passed: u32,
    /// The best score of a run that was passed.
    pub best: Option<u8>,
    /// How the last run ended.
    pub last: Verdict,
}

impl DrillRecord {
    /// The record after one more run.
    #[must_use]
    pub fn after(before: Option<Self>, verdict: Verdict, score: Option<u8>) -> Self {
        let (passed, best) = before.map_or((0, None), |before| (before.passed, before.best));
        if verdict != Verdict::Passed {
            return Self { passed, best, last: verdict };
        }
        Self { passed: passed.saturating_add(1), best: best.max(score), last: verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_that_were_passed_count_and_the_best_score_stays() {
        let first = DrillRecord::after(None, Verdict::Failed, Some(90));
        assert_eq!(first, DrillRecord { passed: 0, best: None, last: Verdict::Failed });
        let second = DrillRecord::after(Some(first), Verdict::Passed, Some(80));
        let third = DrillRecord::after(Some(second), Verdict::Passed, Some(60));
        assert_eq!(third, DrillRecord { passed: 2, best: Some(80), last: Verdict::Passed });
        let fourth = DrillRecord::after(Some(third), Verdict::Aborted, None);
        assert_eq!(fourth, DrillRecord { passed: 2, best: Some(80), last: Verdict::Aborted });
    }
}
