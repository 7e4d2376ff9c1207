//! An exhibit of the museum on the deck: a recording that is stepped forwards and back, two questions, and then the same schedule with the
//! guard in place, beside it.

use super::{lacks_answer, view_of};
use crate::app::notice::Notice;
use crate::app::tape::{self, Tape};
use crate::app::{App, Effect, View};
use raftdeck_drills::museum::{Exhibit, ExhibitQuestion, ExhibitRun, ExhibitStep, RecordingMarks};
use raftdeck_drills::{Choice, LessonAsk, LessonInput, Phrase, Question, QuestionEnd, Scene, ScenePart};
use raftdeck_model::{Ability, Capabilities, Update, World};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Why nothing can be changed.
const RECORDED: &str = "this is an exhibit of the museum: it is a recording, and cannot be changed";

/// An exhibit with its recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct ExhibitFiles {
    /// The exhibit.
    pub exhibit: Exhibit,
    /// Where the steps of the recordings end: without the guard, with it.
    pub marks: [RecordingMarks; 2],
    /// What the recordings tell: without the guard, with it.
    pub updates: [Vec<Update>; 2],
}

/// Where somebody is in an exhibit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExhibitStop {
    /// What it is about.
    Story,
    /// A step without the guard, counted from 0.
    Step(usize),
    /// Which rule was broken?
    Rule,
    /// Which event did it?
    Event,
    /// What happened, and the real bug.
    Explained,
    /// A step with the guard in place, beside the same without it.
    Beside(usize),
    /// It is over.
    End,
}

/// An exhibit that is looked at.
#[derive(Debug)]
pub struct PlayedExhibit {
    files: ExhibitFiles,
    stops: Vec<ExhibitStop>,
    at: usize,
    rule: Question,
    event: Question,
    /// Which recording is on the tape.
    loaded: Option<ExhibitRun>,
    /// The cluster without the guard, while both are shown.
    beside: Option<World>,
}

impl PlayedExhibit {
    /// An exhibit at its beginning.
    #[must_use]
    pub fn new(files: ExhibitFiles) -> Self {
        let count = files.exhibit.steps.len();
        let stops = std::iter::once(ExhibitStop::Story)
            .chain((0..count).map(ExhibitStop::Step))
            .chain([ExhibitStop::Rule, ExhibitStop::Event, ExhibitStop::Explained])
            .chain((0..count).map(ExhibitStop::Beside))
            .chain([ExhibitStop::End]);
        let (rule, event) = (asked(&files.exhibit.rule_question), asked(&files.exhibit.event_question));
        Self { stops: stops.collect(), at: 0, rule, event, loaded: None, beside: None, files }
    }

    /// The exhibit.
    #[must_use]
    pub fn exhibit(&self) -> &Exhibit {
        &self.files.exhibit
    }

    /// Where somebody is in it.
    #[must_use]
    pub fn stop(&self) -> ExhibitStop {
        self.stops.get(self.at).copied().unwrap_or(ExhibitStop::End)
    }

    /// The cluster without the guard, while it is shown beside the one with the guard.
    #[must_use]
    pub fn beside(&self) -> Option<&World> {
        self.beside.as_ref()
    }

    /// What was violated, if it has been by now.
    #[must_use]
    pub fn violation(&self) -> Option<(&str, &str)> {
        let violation = self.files.marks[0].violation.as_ref()?;
        let step = match self.stop() {
            ExhibitStop::Story => return None,
            ExhibitStop::Step(step) | ExhibitStop::Beside(step) => step,
            ExhibitStop::Rule | ExhibitStop::Event | ExhibitStop::Explained | ExhibitStop::End => usize::MAX,
        };
        (step >= self.files.marks[0].violation_step()?)
            .then_some((&*violation.property, &*violation.sentence))
    }

    /// The step that is shown, and of which run.
    fn step(&self) -> Option<(&ExhibitStep, ExhibitRun)> {
        let (at, run) = match self.stop() {
            ExhibitStop::Step(at) => (at, ExhibitRun::WithoutGuard),
            ExhibitStop::Beside(at) => (at, ExhibitRun::WithGuard),
            ExhibitStop::Story
            | ExhibitStop::Rule
            | ExhibitStop::Event
            | ExhibitStop::Explained
            | ExhibitStop::End => return None,
        };
        Some((self.files.exhibit.steps.get(at)?, run))
    }

    /// The nodes that are pointed at.
    pub(super) fn marks(&self) -> Vec<NodeId> {
        self.step().map(|(step, run)| step.marked(run)).unwrap_or_default()
    }

    /// What is to be seen of it.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let exhibit = &self.files.exhibit;
        let (caption, view) = match (self.stop(), self.step()) {
            (ExhibitStop::Story, _) => (exhibit.story.trim(), None),
            (_, Some((step, run))) => (step.caption(run), step.view),
            (_, None) => ("", None),
        };
        let part = match self.stop() {
            ExhibitStop::Rule => ScenePart::Asking(Box::new(self.rule.clone())),
            ExhibitStop::Event => ScenePart::Asking(Box::new(self.event.clone())),
            ExhibitStop::Explained => {
                ScenePart::Revealed(Box::new(self.rule.clone()), exhibit.explain.trim().to_owned())
            }
            ExhibitStop::End => ScenePart::Over,
            ExhibitStop::Story | ExhibitStop::Step(_) | ExhibitStop::Beside(_) => ScenePart::Resting,
        };
        Scene {
            step: (self.at, self.stops.len()),
            caption: caption.to_owned(),
            notes: String::new(),
            view,
            marks: self.marks(),
            part,
        }
    }

    /// The question that is asked now.
    pub(super) fn question(&mut self) -> Option<&mut Question> {
        match self.stop() {
            ExhibitStop::Rule => Some(&mut self.rule),
            ExhibitStop::Event => Some(&mut self.event),
            _ => None,
        }
    }
}

fn asked(question: &ExhibitQuestion) -> Question {
    let options = question.options.iter().map(|option| Choice {
        text: option.text.clone(),
        right: option.right,
        misconception: None,
        because: option.because.clone(),
    });
    let question = Phrase::from(question.question.as_str());
    let ask = LessonAsk { question, options: options.collect(), hints: Vec::new() }.mixed();
    Question { ask, wrong: Vec::new(), end: None, hints: 0, poll: None }
}

/// The files of an exhibit are there: it is shown from its beginning.
pub(crate) fn exhibit_came(app: &mut App, files: Result<Box<ExhibitFiles>, String>, now: Duration) {
    let files = match files {
        Ok(files) => *files,
        Err(why) => {
            app.notice = Some(Notice::new(why, now));
            return app.mark_changed();
        }
    };
    app.lessons.played = None;
    app.lessons.is_tour_offered = false;
    app.lessons.exhibit = Some(Box::new(PlayedExhibit::new(files)));
    enter(app, false, now);
}

/// One stop on.
pub(super) fn next(app: &mut App, now: Duration) -> Vec<Effect> {
    let Some(exhibit) = &mut app.lessons.exhibit else { return Vec::new() };
    if app.tape.is_playing() {
        tape::jump(app);
        return Vec::new();
    }
    if let Some(told) = exhibit.question().and_then(|question| lacks_answer(question)) {
        app.notice = Some(Notice::new(told, now));
        return Vec::new();
    }
    if exhibit.at + 1 >= exhibit.stops.len() {
        app.lessons.exhibit = None;
        app.view = View::Drills;
        return Vec::new();
    }
    exhibit.at += 1;
    enter(app, true, now);
    Vec::new()
}

/// One stop back.
pub(super) fn back(app: &mut App, now: Duration) {
    let Some(exhibit) = &mut app.lessons.exhibit else { return };
    match exhibit.at.checked_sub(1) {
        Some(before) => {
            exhibit.at = before;
            enter(app, false, now);
        }
        None => app.notice = Some(Notice::new("this is the beginning of the exhibit", now)),
    }
}

/// Somebody answers, or wants the answer to be shown.
pub(super) fn say(app: &mut App, input: &LessonInput) {
    let question = app.lessons.exhibit.as_mut().and_then(|exhibit| exhibit.question());
    if let Some(question) = question {
        match (input, question.end) {
            (LessonInput::Otherwise, None) => question.end = Some(QuestionEnd::Shown),
            (LessonInput::Answer(option), None) => question.choose(*option),
            _ => {}
        }
    }
    app.mark_changed();
}

/// Shows what belongs to the present stop. `plays`: at the pace at which it happened.
fn enter(app: &mut App, plays: bool, now: Duration) {
    app.mark_changed();
    let Some(exhibit) = &mut app.lessons.exhibit else { return };
    let (run, step) = match exhibit.stop() {
        ExhibitStop::Story | ExhibitStop::Step(0) => (ExhibitRun::WithoutGuard, 0),
        ExhibitStop::Step(step) => (ExhibitRun::WithoutGuard, step),
        ExhibitStop::Beside(step) => (ExhibitRun::WithGuard, step),
        ExhibitStop::Rule | ExhibitStop::Event | ExhibitStop::Explained => {
            (ExhibitRun::WithoutGuard, usize::MAX)
        }
        ExhibitStop::End => (ExhibitRun::WithGuard, usize::MAX),
    };
    let place = |at: usize| {
        let steps = &exhibit.files.marks[at].steps;
        steps.get(step).or(steps.last()).copied().unwrap_or_default()
    };
    let number = usize::from(run == ExhibitRun::WithGuard);
    let to = place(number);
    exhibit.beside = (run == ExhibitRun::WithGuard).then(|| {
        let mut world = World::default();
        for update in exhibit.files.updates[0].iter().take(place(0)) {
            world.fold(update);
        }
        world
    });
    let is_loaded = exhibit.loaded == Some(run);
    exhibit.loaded = Some(run);
    let view = exhibit.scene().view;
    if !is_loaded {
        let tape = Tape::of(exhibit.files.updates[number].iter().cloned());
        let capabilities = Capabilities::only(&[Ability::Logs], RECORDED).recorded();
        app.load_tape(tape, capabilities, now);
    }
    if plays && is_loaded {
        tape::play(app, to, now);
    } else {
        tape::show(app, to);
    }
    app.view = view_of(view);
}
