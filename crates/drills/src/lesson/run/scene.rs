//! What is to be seen of a chapter at a moment: a value, so that a past moment can be shown as it was.

use super::question::Question;
use super::{ChapterRun, Purpose, Stage};
use crate::lesson::ViewName;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// What is to be seen of a chapter at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// The step, counted from 0, and how many there are.
    pub step: (usize, usize),
    /// What the class reads.
    pub caption: String,
    /// What only the teacher reads.
    pub notes: String,
    /// The view that is to be shown.
    pub view: Option<ViewName>,
    /// The nodes that are pointed at.
    pub marks: Vec<NodeId>,
    /// What goes on.
    pub part: ScenePart,
}

/// What goes on in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum ScenePart {
    /// The cluster is starting.
    Starting,
    /// It goes by itself to the step that was asked for; what it waits for.
    CatchingUp(String),
    /// The cluster does what the step says; what is waited for.
    Doing(String),
    /// It is done, and waits for somebody to go on.
    Resting,
    /// A question is asked.
    Asking(Box<Question>),
    /// The cluster goes on to the moment that decides; what is waited for.
    Revealing(Box<Question>, String),
    /// The answer is revealed; what was seen, and why.
    Revealed(Box<Question>, String),
    /// Somebody works on a task.
    Acting(Task),
    /// People play; what they may try.
    Playing(String),
    /// Something did not come about; why.
    Failed(String),
    /// The last step was left.
    Over,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What is to be achieved.
    pub task: String,
    /// The hints that were taken.
    pub hints: Vec<String>,
    /// How many hints are left.
    pub hints_left: usize,
    /// The cluster time that is left.
    pub left: Duration,
    /// The whole cluster time.
    pub allowed: Duration,
}

impl ChapterRun {
    /// What is to be seen at this real time.
    #[must_use]
    pub fn scene(&self, now: Duration) -> Scene {
        let step = self.present().unwrap_or_default();
        let is_reveal = matches!(
            &self.stage,
            Stage::Revealed(_)
                | Stage::Lines(Purpose::Reveal)
                | Stage::Condition { purpose: Purpose::Reveal, .. }
        );
        let of_reveal = step.reveal.as_ref().filter(|_| is_reveal).and_then(|reveal| reveal.view);
        Scene {
            step: (self.step, self.chapter.steps.len()),
            view: of_reveal.or(step.view),
            marks: self.marks.clone(),
            part: self.part(now),
            caption: step.caption.unwrap_or_default(),
            notes: step.notes.unwrap_or_default(),
        }
    }

    fn part(&self, now: Duration) -> ScenePart {
        if !self.has_begun {
            return ScenePart::Starting;
        }
        match &self.stage {
            Stage::Lines(purpose) => self.doing(*purpose, self.line()),
            Stage::Condition { purpose: Purpose::Begin, .. } => ScenePart::Starting,
            Stage::Condition { condition, purpose, .. } => self.doing(*purpose, condition.text().to_owned()),
            Stage::Resting => ScenePart::Resting,
            Stage::Asking(state) => ScenePart::Asking(Box::new(state.question.clone())),
            Stage::Revealed(state) => {
                ScenePart::Revealed(Box::new(state.question.clone()), self.explanation())
            }
            Stage::Acting { set, until, hints, .. } => self.task((*set, *until), *hints, now),
            Stage::Playing => {
                ScenePart::Playing(self.present().and_then(|step| step.free).unwrap_or_default())
            }
            Stage::Failed(why) => ScenePart::Failed(why.clone()),
            Stage::Over => ScenePart::Over,
        }
    }

    fn doing(&self, purpose: Purpose, waits_for: String) -> ScenePart {
        match (&self.asked, purpose) {
            _ if self.is_passing() => ScenePart::CatchingUp(waits_for),
            (Some(asked), Purpose::Reveal) => {
                ScenePart::Revealing(Box::new(asked.question.clone()), waits_for)
            }
            _ => ScenePart::Doing(waits_for),
        }
    }

    /// The line that is being carried out, without its place.
    fn line(&self) -> String {
        let line = self.script.line().unwrap_or_default();
        line.split_once(": ").map(|(_, line)| line.to_owned()).unwrap_or(line)
    }

    fn explanation(&self) -> String {
        self.present().and_then(|step| step.reveal).map(|reveal| reveal.explain).unwrap_or_default()
    }

    fn task(&self, (set, until): (Duration, Duration), hints: usize, now: Duration) -> ScenePart {
        let Some(act) = self.present().and_then(|step| step.act) else { return ScenePart::Resting };
        ScenePart::Acting(Task {
            hints: act.hints.iter().take(hints).map(|hint| hint.text.clone()).collect(),
            hints_left: act.hints.len().saturating_sub(hints),
            left: until.saturating_sub(self.clock.at(now)),
            allowed: until.saturating_sub(set),
            task: act.task,
        })
    }
}
