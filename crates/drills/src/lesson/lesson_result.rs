//! The outcome of a lesson: answers, points, misconceptions.

use super::Lesson;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far somebody is in a lesson, and what was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonProgress {
    /// The id of the chapter.
    pub chapter: String,
    /// The step in it, counted from 0.
    pub step: usize,
    /// Whether the end was reached.
    pub is_finished: bool,
    /// The questions that were answered, in order.
    pub answered: Vec<Answered>,
}

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The id of the chapter.
    pub chapter: String,
    /// The step in it, counted from 0.
    pub step: usize,
    /// How many chose each option at first: the class, or one person.
    pub first: Vec<u32>,
    /// The same after the discussion, or at the second try; empty: there was none.
    pub second: Vec<u32>,
    /// How many hints were taken.
    pub hints: usize,
    /// The points of one person, 0 to 100; `None`: a class has none.
    pub points: Option<u8>,
}

/// The result of a lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonResult {
    /// How many questions the lesson has.
    pub questions: usize,
    /// How many were answered.
    pub answered: usize,
    /// Of all first answers, how many were given, and how many were right.
    pub first: (u32, u32),
    /// The same after discussions, or at second tries.
    pub second: (u32, u32),
    /// The mean of a person's points, over the questions that were answered.
    pub points: Option<u8>,
    /// The misconceptions that were chosen, most frequent first.
    pub misconceptions: Vec<MisconceptionCount>,
}

/// How often a misconception was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisconceptionCount {
    /// Its id.
    pub id: String,
    /// What was done, as it continues "You".
    pub took: String,
    /// What is true instead.
    pub truth: String,
    /// How often.
    pub count: u32,
}

impl LessonProgress {
    /// Adds an answer, in place of an earlier one to the same question.
    pub fn note(&mut self, answered: Answered) {
        self.answered.retain(|known| (&known.chapter, known.step) != (&answered.chapter, answered.step));
        self.answered.push(answered);
    }

    /// The result of this lesson so far. Answers to questions that the lesson no longer has do not count.
    #[must_use]
    pub fn result(&self, lesson: &Lesson) -> LessonResult {
        let mut result = LessonResult { questions: lesson.questions(), ..LessonResult::default() };
        let mut chosen: BTreeMap<&str, u32> = BTreeMap::new();
        let mut points: Vec<u32> = Vec::new();
        for answered in &self.answered {
            let chapter = lesson.chapter(&answered.chapter).and_then(|at| lesson.chapters.get(at));
            let step = chapter.and_then(|chapter| chapter.steps.get(answered.step));
            let Some(ask) = step.and_then(|step| step.ask.as_ref()) else { continue };
            result.answered += 1;
            points.extend(answered.points.map(u32::from));
            let rounds = [(&answered.first, &mut result.first), (&answered.second, &mut result.second)];
            for (counts, (given, right)) in rounds {
                for (option, count) in ask.options.iter().zip(counts) {
                    *given = given.saturating_add(*count);
                    if option.right {
                        *right = right.saturating_add(*count);
                    }
                    if let Some(id) = option.misconception.as_ref().filter(|_| *count > 0) {
                        let so_far = chosen.entry(id.text()).or_default();
                        *so_far = so_far.saturating_add(*count);
                    }
                }
            }
        }
        let mean =
            u32::try_from(points.len()).ok().and_then(|all| points.iter().sum::<u32>().checked_div(all));
        result.points = mean.and_then(|mean| u8::try_from(mean).ok());
        let known = chosen.into_iter().filter_map(|(id, count)| {
            let known = lesson.misconception(id)?;
            let (took, truth) = (known.took.clone(), known.truth.clone());
            Some(MisconceptionCount { id: id.to_owned(), took, truth, count })
        });
        result.misconceptions = known.collect();
        result.misconceptions.sort_by_key(|known| std::cmp::Reverse(known.count));
        result
    }
}
