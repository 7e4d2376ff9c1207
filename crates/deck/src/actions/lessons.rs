//! The actions of a lesson that is played. They share keys with others, and come first while they can be taken: a teacher presses the
//! keys of a remote without looking.

use super::conditions::{because, is_choosing};
use crate::actions::{Action, ActionId, Group, Reason};
use crate::app::lessons::{ONE_CLUSTER_A_RECORDING, ShelfKind};
use crate::app::{App, View};
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;
use raftdeck_drills::{PollStage, Question, ScenePart};
use std::time::Duration;

const fn all(key: Key) -> (Key, Scope) {
    (key, Scope::Everywhere)
}

pub(super) const NEXT: Action = Action {
    id: ActionId::LessonNext,
    group: Group::Lessons,
    keys: &[all(Key::Code(KeyCode::PageDown)), (Key::Code(KeyCode::Enter), Scope::Beside(View::Drills))],
    short: "on",
    long: "Lesson: go on; a remote's forward key",
    dangerous: false,
    footer: 1,
    enabled: takes_steps,
};

pub(super) const BACK: Action = Action {
    id: ActionId::LessonBack,
    group: Group::Lessons,
    keys: &[all(Key::Code(KeyCode::PageUp)), all(Key::Code(KeyCode::Backspace))],
    short: "back",
    long: "Lesson: go back; the cluster is shown as it was",
    dangerous: false,
    footer: 1,
    enabled: goes_back,
};

pub(super) const ANSWER: Action = Action {
    id: ActionId::LessonAnswer,
    group: Group::Lessons,
    keys: &[all(Key::Digit)],
    short: "answer",
    long: "Lesson: answer the question; for a class, type how many hands were raised for each answer",
    dangerous: false,
    footer: 1,
    enabled: takes_answers,
};

pub(super) const OTHERWISE: Action = Action {
    id: ActionId::LessonOtherwise,
    group: Group::Lessons,
    keys: &[all(Key::Char('S'))],
    short: "solve",
    long: "Lesson: show the solution, or do the task; for a class, skip or begin the discussion",
    dangerous: false,
    footer: 2,
    enabled: has_other_way,
};

pub(super) const HINT: Action = Action {
    id: ActionId::LessonHint,
    group: Group::Lessons,
    keys: &[all(Key::Char('H'))],
    short: "hint",
    long: "Lesson: the next hint; it costs points",
    dangerous: false,
    footer: 2,
    enabled: has_hint,
};

pub(super) const CONTENTS: Action = Action {
    id: ActionId::LessonContents,
    group: Group::Lessons,
    keys: &[all(Key::Char('C'))],
    short: "contents",
    long: "Lesson: the chapters; go to any of them",
    dangerous: false,
    footer: 3,
    enabled: has_chapters,
};

pub(super) const NOTES: Action = Action {
    id: ActionId::LessonNotes,
    group: Group::Lessons,
    keys: &[all(Key::Char('O'))],
    short: "notes",
    long: "Lesson: show or hide the teacher's notes",
    dangerous: false,
    footer: 0,
    enabled: is_played,
};

pub(super) const BLANK: Action = Action {
    id: ActionId::LessonBlank,
    group: Group::Lessons,
    keys: &[all(Key::Char('b'))],
    short: "blank",
    long: "Lesson: blank the screen; any key brings it back",
    dangerous: false,
    footer: 0,
    enabled: is_played,
};

pub(super) const CODE: Action = Action {
    id: ActionId::LessonCode,
    group: Group::Lessons,
    keys: &[all(Key::Char('Q'))],
    short: "join code",
    long: "Lesson: show or hide the code with which phones join",
    dangerous: false,
    footer: 4,
    enabled: has_audience,
};

pub(super) const STOP: Action = Action {
    id: ActionId::StopLesson,
    group: Group::Lessons,
    keys: &[all(Key::Code(KeyCode::Esc))],
    short: "leave",
    long: "Lesson: leave it; where you are is kept",
    dangerous: false,
    footer: 3,
    enabled: can_be_left,
};

pub(super) const START: Action = Action {
    id: ActionId::StartLesson,
    group: Group::Lessons,
    keys: &[(Key::Code(KeyCode::Enter), Scope::In(View::Drills))],
    short: "start",
    long: "Drills: start the selected lesson where you were, or show the selected exhibit",
    dangerous: false,
    footer: 1,
    enabled: can_start,
};

pub(super) const SHELF_PREVIOUS: Action = Action {
    id: ActionId::ShelfPrevious,
    group: Group::Lessons,
    keys: &[(Key::Code(KeyCode::Left), Scope::In(View::Drills))],
    short: "list before",
    long: "Drills: the list before: drills, lessons, the museum of bugs",
    dangerous: false,
    footer: 0,
    enabled: is_choosing,
};

pub(super) const SHELF_NEXT: Action = Action {
    id: ActionId::ShelfNext,
    group: Group::Lessons,
    keys: &[(Key::Code(KeyCode::Right), Scope::In(View::Drills))],
    short: "next list",
    long: "Drills: the next list: drills, lessons, the museum of bugs",
    dangerous: false,
    footer: 2,
    enabled: is_choosing,
};

pub(super) const TOUR: Action = Action {
    id: ActionId::Tour,
    group: Group::Lessons,
    keys: &[all(Key::Char('L'))],
    short: "tour",
    long: "take the tour: what the screen shows, in five minutes",
    dangerous: false,
    footer: 0,
    enabled: takes_tour,
};

pub(super) const DISMISS_TOUR: Action = Action {
    id: ActionId::DismissTour,
    group: Group::Lessons,
    keys: &[all(Key::Code(KeyCode::Esc))],
    short: "no tour",
    long: "the tour is not wanted: its line goes",
    dangerous: false,
    footer: 0,
    enabled: is_tour_offered,
};

const NOT_PLAYED: &str = "no lesson is played: raftdeck lesson list names them";

fn is_played(app: &App) -> Result<(), Reason> {
    if app.lessons().is_on() { Ok(()) } else { because(NOT_PLAYED) }
}

fn can_start(app: &App) -> Result<(), Reason> {
    is_choosing(app)?;
    if app.lessons().shelf.kind() == ShelfKind::Drills {
        return because("a drill is selected");
    }
    if app.lessons().is_on() {
        return because("a lesson is played already: leave it first");
    }
    if app.drills.is_recording { because(ONE_CLUSTER_A_RECORDING) } else { Ok(()) }
}

fn is_tour_offered(app: &App) -> Result<(), Reason> {
    if app.lessons().is_tour_offered { Ok(()) } else { because("the tour is not offered now") }
}

fn takes_tour(app: &App) -> Result<(), Reason> {
    match app.lessons().playing() {
        Some(_) => because("a lesson is played already"),
        None if app.capabilities().is_recorded() => {
            because("this is a recording: raftdeck learn takes the tour")
        }
        None if app.drills.playing().is_some() => because("a drill is running"),
        None if app.drills.is_recording => because(ONE_CLUSTER_A_RECORDING),
        None => Ok(()),
    }
}

fn has_chapters(app: &App) -> Result<(), Reason> {
    match app.lessons().playing() {
        Some(played) if played.lesson().chapters.len() > 1 => Ok(()),
        Some(_) => because("this lesson has one chapter"),
        None => because(NOT_PLAYED),
    }
}

/// While a chapter that is a drill runs, the drill's own keys count.
fn takes_steps(app: &App) -> Result<(), Reason> {
    is_played(app)?;
    if app.drills.playing().is_some() { because("the drill is still running") } else { Ok(()) }
}

fn goes_back(app: &App) -> Result<(), Reason> {
    takes_steps(app)
}

fn can_be_left(app: &App) -> Result<(), Reason> {
    takes_steps(app)
}

fn has_audience(app: &App) -> Result<(), Reason> {
    is_played(app)?;
    match app.lessons().audience {
        Some(_) => Ok(()),
        None => because("no phones take part: raftdeck teach LESSON --audience lets them"),
    }
}

fn part(app: &App) -> Option<ScenePart> {
    // What is asked does not depend on the time.
    app.lessons().scene(Duration::ZERO).map(|scene| scene.part)
}

/// Whether an earlier moment of a lesson is looked at. An exhibit is nothing but the past.
fn is_past(app: &App) -> bool {
    app.lessons().exhibit.is_none() && app.tape().is_behind()
}

fn question(app: &App) -> Result<Question, Reason> {
    match part(app) {
        Some(ScenePart::Asking(question)) if !is_past(app) => Ok(*question),
        _ => Err(Reason("no question waits for an answer".into())),
    }
}

fn takes_answers(app: &App) -> Result<(), Reason> {
    let question = question(app)?;
    match (question.poll, question.end) {
        (Some(poll), _) if poll.stage != PollStage::Open => because("the poll is closed"),
        (None, Some(_)) => because("the question was answered"),
        _ => Ok(()),
    }
}

fn has_other_way(app: &App) -> Result<(), Reason> {
    match part(app) {
        _ if is_past(app) => because("this is the past"),
        Some(ScenePart::Acting(_)) => Ok(()),
        Some(ScenePart::Asking(question)) if question.poll.is_some() || question.end.is_none() => Ok(()),
        _ => because("there is nothing to solve"),
    }
}

fn has_hint(app: &App) -> Result<(), Reason> {
    let left = match part(app) {
        _ if is_past(app) => 0,
        Some(ScenePart::Acting(task)) => task.hints_left,
        Some(ScenePart::Asking(question)) if question.end.is_none() => {
            question.ask.hints.len().saturating_sub(question.hints)
        }
        _ => 0,
    };
    if left > 0 { Ok(()) } else { because("there is no further hint") }
}
