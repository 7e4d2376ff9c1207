//! The score of a run, from 0 to 100.

use crate::file::{ScoreWeights, Severity};
use crate::outcome::{CheckResult, CheckState, PersonResult, Score, ScorePart, Verdict};

/// An assertion that must hold counts this much more than one that should.
const MUST: u32 = 3;

/// The score of a run with this verdict. Parts that the run did not have do not count. There is no score where nothing was judged.
pub(crate) fn score(
    verdict: Verdict,
    weights: ScoreWeights,
    checks: &[CheckResult],
    person: &[PersonResult],
) -> Score {
    if matches!(verdict, Verdict::Inconclusive | Verdict::Aborted) {
        return Score::default();
    }
    let parts = [
        ("assertions", weights.assertions, of_checks(checks)),
        ("questions", weights.questions, of_questions(person)),
        ("actions", weights.actions, of_tasks(person)),
    ];
    let parts: Vec<ScorePart> = parts
        .into_iter()
        .filter(|(_, weight, _)| *weight > 0)
        .filter_map(|(name, weight, points)| {
            Some(ScorePart { name: name.to_owned(), weight, points: points? })
        })
        .collect();
    let weight: u32 = parts.iter().map(|part| u32::from(part.weight)).sum();
    let points: u32 = parts.iter().map(|part| u32::from(part.weight) * u32::from(part.points)).sum();
    Score { total: points.checked_div(weight).map(clamped), parts }
}

fn of_checks(checks: &[CheckResult]) -> Option<u8> {
    let weight = |check: &CheckResult| if check.severity == Severity::Must { MUST } else { 1 };
    let all: u32 = checks.iter().map(weight).sum();
    let held: u32 = checks.iter().filter(|check| check.state == CheckState::Holds).map(weight).sum();
    (held * 100).checked_div(all).map(clamped)
}

fn of_questions(person: &[PersonResult]) -> Option<u8> {
    let right = person.iter().filter_map(|result| match result {
        PersonResult::Answer { is_right, .. } => Some(if *is_right { 100 } else { 0 }),
        PersonResult::Task { .. } => None,
    });
    mean(right)
}

fn of_tasks(person: &[PersonResult]) -> Option<u8> {
    mean(person.iter().filter_map(|result| match result {
        PersonResult::Task { points, .. } => Some(u32::from(*points)),
        PersonResult::Answer { .. } => None,
    }))
}

fn mean(points: impl Iterator<Item = u32>) -> Option<u8> {
    let (count, sum) = points.fold((0, 0), |(count, sum), points| (count + 1, sum + points));
    sum.checked_div(count).map(clamped)
}

fn clamped(points: u32) -> u8 {
    u8::try_from(points.min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::CheckKind;

    fn check(severity: Severity, state: CheckState) -> CheckResult {
        CheckResult {
            name: String::new(),
            kind: CheckKind::Assertion,
            expr: String::new(),
            bound: None,
            measured: None,
            severity,
            state,
        }
    }

    fn answer(is_right: bool) -> PersonResult {
        let text = String::new;
        PersonResult::Answer {
            question: text(),
            chosen: None,
            is_right,
            right: text(),
            misconception: text(),
        }
    }

    #[test]
    fn what_must_hold_counts_more_and_absent_parts_do_not_count() {
        let checks = [
            check(Severity::Must, CheckState::Holds),
            check(Severity::Should, CheckState::Broken(String::new())),
        ];
        let weights = ScoreWeights::default();
        assert_eq!(score(Verdict::Passed, weights, &checks, &[]).total, Some(75));
        let with_answers = score(Verdict::Passed, weights, &checks, &[answer(true), answer(false)]);
        assert_eq!(with_answers.total, Some(66), "40 parts of 75 and 20 of 50");
        assert_eq!(with_answers.parts.len(), 2);
    }

    #[test]
    fn a_run_that_was_not_judged_has_no_score_and_no_score_is_over_100() {
        let weights = ScoreWeights { assertions: 255, questions: 255, actions: 255 };
        let checks = [check(Severity::Must, CheckState::Holds)];
        assert_eq!(score(Verdict::Inconclusive, weights, &checks, &[]), Score::default());
        assert_eq!(score(Verdict::Passed, weights, &checks, &[answer(true)]).total, Some(100));
        assert_eq!(score(Verdict::Failed, weights, &[], &[]).total, None);
    }
}
