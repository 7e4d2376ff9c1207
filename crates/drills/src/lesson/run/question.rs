//! A question: the tries of one person, or the polls of a class, and the way to the reveal.

use super::{ChapterRun, LessonInput, Purpose, Stage};
use crate::lesson::{Answered, LessonAsk};
use raftdeck_model::{Command, World};
use std::time::Duration;

/// How long a discussion takes that the lesson proposes, in real time.
pub const DISCUSSION: Duration = Duration::from_mins(2);

/// A discussion is proposed where this share of the class was right, in percent: neither most nor few of them (the method is that of
/// Crouch and Mazur, "Peer Instruction: Ten years of experience and results", 2001).
const WORTH_DISCUSSING: std::ops::RangeInclusive<u64> = 35..=70;

/// After this many wrong answers the model solution is shown.
const TRIES: usize = 2;

/// The points for a right answer at the first and at the second try.
const POINTS: [u32; TRIES] = [100, 50];

/// A question as it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The question and its options.
    pub ask: LessonAsk,
    /// The wrong options that one person has chosen, in order.
    pub wrong: Vec<usize>,
    /// How it came to its end for one person; `None`: an answer is waited for.
    pub end: Option<QuestionEnd>,
    /// How many hints were taken.
    pub hints: usize,
    /// The poll of the class; `None`: one person answers.
    pub poll: Option<Poll>,
}

impl Question {
    /// The hints that were taken.
    pub fn hints_taken(&self) -> impl Iterator<Item = &str> {
        self.ask.hints.iter().take(self.hints).map(|hint| hint.text.as_str())
    }

    /// One person chooses an option, counted from 0. One that was chosen before, or that does not exist, changes nothing.
    pub fn choose(&mut self, option: usize) {
        if option == self.ask.right() {
            self.end = Some(QuestionEnd::Right);
        } else if option < self.ask.options.len() && !self.wrong.contains(&option) {
            self.wrong.push(option);
            if self.wrong.len() >= TRIES {
                self.end = Some(QuestionEnd::Shown);
            }
        }
    }
}

/// How a question came to its end for one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionEnd {
    /// The last answer was right.
    Right,
    /// The model solution is shown.
    Shown,
}

/// A poll of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Its number: no other poll of the lesson has it.
    pub number: u64,
    /// How far it is.
    pub stage: PollStage,
    /// How many chose each option.
    pub counts: Vec<u32>,
    /// The same of the first poll, in the second one.
    pub first: Option<Vec<u32>>,
}

/// How far a poll is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollStage {
    /// Answers are taken.
    Open,
    /// It is closed, and the distribution is shown.
    Counted {
        /// Whether a discussion is proposed.
        is_discussion_proposed: bool,
    },
    /// The class discusses until this real time, and then answers again.
    Discussing {
        /// When the proposed time is over.
        until: Duration,
    },
}

impl Poll {
    fn new(number: u64, options: usize) -> Self {
        Self { number, stage: PollStage::Open, counts: vec![0; options], first: None }
    }

    /// How many have answered.
    #[must_use]
    pub fn answers(&self) -> u32 {
        answers_in(&self.counts)
    }

    /// Whether this is the poll after a discussion.
    #[must_use]
    pub fn is_second(&self) -> bool {
        self.first.is_some()
    }

    /// Whether a discussion would help: neither most nor few were right.
    fn is_worth_discussing(&self, right: usize) -> bool {
        let rights = self.counts.get(right).copied().unwrap_or_default();
        let share = (u64::from(rights) * 100).checked_div(u64::from(self.answers()));
        !self.is_second() && share.is_some_and(|share| WORTH_DISCUSSING.contains(&share))
    }
}

/// The number of answers, of how many chose each option.
#[must_use]
pub fn answers_in(counts: &[u32]) -> u32 {
    counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// A question that is open or was answered.
#[derive(Debug)]
pub(super) struct QuestionState {
    pub(super) question: Question,
}

/// What follows from an input.
enum AfterInput {
    Stay,
    Reveal,
}

impl ChapterRun {
    pub(super) fn begin_question(
        &mut self,
        ask: LessonAsk,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        let poll = self.options.is_class.then(|| {
            self.polls += 1;
            Poll::new(self.polls - 1, ask.options.len())
        });
        let question = Question { ask, wrong: Vec::new(), end: None, hints: 0, poll };
        let state = Box::new(QuestionState { question });
        if self.is_passing() {
            return self.reveal(state, now, world, commands);
        }
        let step = self.present().unwrap_or_default();
        self.marks = step.mark.map(|mark| self.nodes_of(&mark, world)).unwrap_or_default();
        self.freeze(commands);
        self.go_to(Stage::Asking(state))
    }

    pub(super) fn ask(
        &mut self,
        mut state: Box<QuestionState>,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        for input in std::mem::take(&mut self.input) {
            let next = match state.question.poll {
                Some(_) => self.of_class(&mut state, &input, now),
                None => alone(&mut state.question, &input),
            };
            if matches!(next, AfterInput::Reveal) {
                self.note(&state.question);
                return self.reveal(state, now, world, commands);
            }
        }
        self.stay(Stage::Asking(state))
    }

    fn of_class(&mut self, state: &mut QuestionState, input: &LessonInput, now: Duration) -> AfterInput {
        let right = state.question.ask.right();
        let Some(poll) = &mut state.question.poll else { return AfterInput::Stay };
        match (input, poll.stage) {
            (LessonInput::Counts(counts), PollStage::Open) => {
                poll.counts =
                    counts.iter().copied().chain(std::iter::repeat(0)).take(poll.counts.len()).collect();
            }
            (LessonInput::Next, PollStage::Open) if poll.answers() == 0 => return AfterInput::Reveal,
            (LessonInput::Next, PollStage::Open) => {
                let is_discussion_proposed = poll.is_worth_discussing(right);
                poll.stage = PollStage::Counted { is_discussion_proposed };
            }
            (LessonInput::Next | LessonInput::Otherwise, PollStage::Counted { is_discussion_proposed }) => {
                let discusses = (*input == LessonInput::Next) == is_discussion_proposed && !poll.is_second();
                if !discusses {
                    return AfterInput::Reveal;
                }
                poll.stage = PollStage::Discussing { until: now + DISCUSSION };
            }
            (LessonInput::Next, PollStage::Discussing { .. }) => {
                let first = Some(std::mem::take(&mut poll.counts));
                *poll = Poll { first, ..Poll::new(self.polls, state.question.ask.options.len()) };
                self.polls += 1;
            }
            (LessonInput::Hint, _) => more_hints(&mut state.question),
            (LessonInput::Otherwise, PollStage::Open | PollStage::Discussing { .. }) => {
                return AfterInput::Reveal;
            }
            (LessonInput::Counts(_) | LessonInput::Answer(_), _) => {}
        }
        AfterInput::Stay
    }

    /// Keeps what was answered.
    fn note(&mut self, question: &Question) {
        let options = question.ask.options.len();
        let one = |option: Option<usize>| match option {
            Some(option) => (0..options).map(|at| u32::from(at == option)).collect(),
            None => Vec::new(),
        };
        let right = question.ask.right();
        let is_right = question.end == Some(QuestionEnd::Right);
        let tries: Vec<usize> = question.wrong.iter().copied().chain(is_right.then_some(right)).collect();
        let (first, second, points) = match &question.poll {
            Some(Poll { counts, first: Some(first), .. }) => (first.clone(), counts.clone(), None),
            Some(poll) => (poll.counts.clone(), Vec::new(), None),
            None => {
                (one(tries.first().copied()), one(tries.get(1).copied()), Some(points(question, is_right)))
            }
        };
        if first.iter().all(|count| *count == 0) {
            return;
        }
        self.answered.push(Answered {
            chapter: self.chapter.id.text().to_owned(),
            step: self.step,
            first,
            second,
            hints: question.hints,
            points,
        });
    }

    /// The cluster goes on, to the moment that decides.
    fn reveal(
        &mut self,
        state: Box<QuestionState>,
        now: Duration,
        world: &World,
        commands: &mut Vec<Command>,
    ) -> bool {
        self.thaw(commands);
        self.marks.clear();
        self.asked = Some(state);
        let lines = self.present().and_then(|step| step.reveal).and_then(|reveal| reveal.lines);
        self.begin_lines(lines.as_ref(), Purpose::Reveal, now, world, commands)
    }
}

fn alone(question: &mut Question, input: &LessonInput) -> AfterInput {
    match (input, question.end) {
        (LessonInput::Next, Some(_)) => return AfterInput::Reveal,
        (LessonInput::Otherwise, None) => question.end = Some(QuestionEnd::Shown),
        (LessonInput::Answer(option), None) => question.choose(*option),
        (LessonInput::Hint, None) => more_hints(question),
        _ => {}
    }
    AfterInput::Stay
}

fn more_hints(question: &mut Question) {
    question.hints = (question.hints + 1).min(question.ask.hints.len());
}

/// Hints cost a part of the points of the try at which the answer was right.
fn points(question: &Question, is_right: bool) -> u8 {
    let full = if is_right { POINTS.get(question.wrong.len()).copied().unwrap_or_default() } else { 0 };
    let cost: u32 = question.ask.hints.iter().take(question.hints).map(|hint| u32::from(hint.cost)).sum();
    u8::try_from(full.saturating_sub(full * cost / 100)).unwrap_or_default()
}
