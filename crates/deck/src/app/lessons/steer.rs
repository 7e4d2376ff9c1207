//! What keys and updates do to the lesson that is played.

use super::audience::page;
use super::played::{self, LessonStage, PlayedLesson};
use super::trail::TrailStep;
use super::{LessonCover, TOUR, exhibit, hands, lacks_answer, view_of};
use crate::actions::ActionId;
use crate::app::confirm::Confirm;
use crate::app::notice::Notice;
use crate::app::prompt::Purpose;
use crate::app::{App, Effect, View, drills, tape};
use raftdeck_drills::{Context, Lesson, LessonInput, LessonProgress, PollStage, Scene, ScenePart};
use raftdeck_model::{CommandId, Update};
use std::time::Duration;

/// Whether a command is one of a lesson: its answer is the lesson's affair.
pub(crate) fn is_of_lesson(id: CommandId) -> bool {
    played::is_own(id)
}

/// A lesson that is to be played.
#[derive(Clone, Debug, PartialEq)]
pub struct LessonStart {
    /// The lesson.
    pub lesson: Lesson,
    /// The chapter at which it begins, counted from 0; `None`: where somebody was, or the first.
    pub chapter: Option<usize>,
    /// Whether a class answers.
    pub is_class: bool,
    /// How far somebody was.
    pub progress: LessonProgress,
}

/// Begins a lesson.
pub(crate) fn begin(app: &mut App, start: LessonStart) -> Vec<Effect> {
    let LessonStart { lesson, chapter, is_class, progress } = start;
    let was = lesson.chapter(&progress.chapter).filter(|_| !progress.is_finished);
    let (chapter, step) = match (chapter, was) {
        (Some(chapter), _) => (chapter, 0),
        (None, Some(was)) => (was, progress.step),
        (None, None) => (0, 0),
    };
    let progress = if was.is_some() { progress } else { LessonProgress::default() };
    app.lessons.is_tour_offered = false;
    app.lessons.played = Some(Box::new(PlayedLesson::new(lesson, is_class, progress)));
    start_chapter(app, chapter, step)
}

/// Begins a lesson or shows an exhibit, by its id; first asks whether the present cluster may be stopped.
fn ask_to_start(app: &mut App, id: &str) -> Vec<Effect> {
    let is_nothing_lost = app.world.is_empty() || app.drills.owns_cluster || app.capabilities().is_recorded();
    if is_nothing_lost {
        return begin_by_id(app, id);
    }
    app.confirm = Some(Confirm::StartLesson(id.to_owned()));
    Vec::new()
}

/// Begins a lesson where somebody was, or shows an exhibit, by its id.
pub(crate) fn begin_by_id(app: &mut App, id: &str) -> Vec<Effect> {
    let Some(lesson) = app.lessons.find(id).cloned() else {
        return vec![Effect::ReadExhibit(id.to_owned())];
    };
    let progress = app.lessons.shelf.progress(id).cloned().unwrap_or_default();
    begin(app, LessonStart { lesson, chapter: None, is_class: false, progress })
}

/// Goes to a chapter of the lesson that is played, and to a step in it, on a fresh cluster.
pub(super) fn start_chapter(app: &mut App, chapter: usize, from: usize) -> Vec<Effect> {
    app.mark_changed();
    let Some(played) = &mut app.lessons.played else { return Vec::new() };
    played.go_to(chapter, from);
    let Some(chapter) = played.chapter().cloned() else { return Vec::new() };
    if let Some(drill) = chapter.drill {
        played.stage = LessonStage::Drill;
        return drills::start(app, drill.text());
    }
    app.view = View::Cluster;
    vec![Effect::StartChapter(Box::new(chapter.cluster))]
}

/// The cluster of a chapter has started.
pub(crate) fn began(app: &mut App, context: &Context, now: Duration) {
    if let Some(played) = &mut app.lessons.played
        && matches!(played.stage, LessonStage::Starting)
    {
        played.begin(context.t(), now);
        app.drills.owns_cluster = true;
        app.keep_tape();
        app.view = View::Cluster;
    }
}

/// The cluster of a chapter could not be started.
pub(crate) fn refused(app: &mut App, why: &str, now: Duration) {
    if app.lessons.played.take().is_some() {
        app.notice = Some(Notice::new(format!("the lesson's cluster could not be started: {why}"), now));
    }
}

/// Leaves the lesson. Its cluster stays.
fn stop(app: &mut App) {
    app.lessons.played = None;
    if app.lessons.exhibit.take().is_some() {
        app.view = View::Drills;
        return;
    }
    app.lessons.cover = None;
    if app.tape.is_behind() {
        let end = app.tape.len();
        tape::show(app, end);
    }
}

/// Hears an update, after it was folded.
pub(crate) fn hear(app: &mut App, update: &Update, now: Duration) {
    if let Some(played) = &mut app.lessons.played {
        played.hear(update, now);
    }
}

/// One key: on to the next stop.
fn next(app: &mut App, now: Duration) -> Vec<Effect> {
    if app.lessons.cover.take_if(|cover| *cover == LessonCover::Code).is_some() {
        return Vec::new();
    }
    if app.lessons.exhibit.is_some() {
        return exhibit::next(app, now);
    }
    let Some(played) = &mut app.lessons.played else { return Vec::new() };
    if app.tape.is_playing() {
        tape::jump(app);
        return Vec::new();
    }
    let rests = played.rests();
    if let Some(to) = played.trail.on(rests) {
        let to = match to {
            TrailStep::Stop(updates) => updates,
            TrailStep::Present => app.tape.len(),
        };
        tape::play(app, to, now);
        show_view_of_scene(app, now);
        return Vec::new();
    }
    match &played.stage {
        LessonStage::Drill if app.drills.playing().is_none() => go_past(app),
        LessonStage::Ended => {
            stop(app);
            Vec::new()
        }
        LessonStage::Chapter(_) => on_in_chapter(app, now),
        LessonStage::Starting | LessonStage::Drill => Vec::new(),
    }
}

fn on_in_chapter(app: &mut App, now: Duration) -> Vec<Effect> {
    let Some(played) = &mut app.lessons.played else { return Vec::new() };
    let told = match played.present_scene(now).map(|scene| scene.part) {
        Some(ScenePart::Failed(_)) => {
            let at = (played.chapter_number(), played.progress().step);
            return start_chapter(app, at.0, at.1);
        }
        Some(ScenePart::Asking(question)) => lacks_answer(&question),
        Some(ScenePart::Acting(_)) if !played.is_class() => {
            Some("the task is yours: do it on the deck".to_owned())
        }
        Some(ScenePart::Doing(what) | ScenePart::Revealing(_, what) | ScenePart::CatchingUp(what)) => {
            Some(format!("the cluster is still at it: {what}"))
        }
        Some(ScenePart::Starting) => Some("the cluster is starting".to_owned()),
        _ => None,
    };
    match told {
        Some(told) => app.notice = Some(Notice::new(told, now)),
        None => played.say(LessonInput::Next),
    }
    Vec::new()
}

/// On to the next chapter, or to the end.
fn go_past(app: &mut App) -> Vec<Effect> {
    let Some(played) = &mut app.lessons.played else { return Vec::new() };
    let next = played.chapter_number() + 1;
    if next < played.lesson().chapters.len() {
        drills::to_catalogue(app);
        return start_chapter(app, next, 0);
    }
    played.end();
    app.mark_changed();
    keep(app).into_iter().collect()
}

/// One key: back to the stop before.
fn back(app: &mut App, now: Duration) -> Vec<Effect> {
    if app.lessons.exhibit.is_some() {
        exhibit::back(app, now);
        return Vec::new();
    }
    let Some(played) = &mut app.lessons.played else { return Vec::new() };
    let rests = played.rests();
    let first_kept = app.tape.from();
    match played.trail.back(rests).map(|stop| stop.updates) {
        Some(updates) if updates >= first_kept => {
            tape::show(app, updates);
            show_view_of_scene(app, now);
            Vec::new()
        }
        _ => back_to_chapter(app, now),
    }
}

/// Back over the beginning of a chapter: to the last step of the one before.
fn back_to_chapter(app: &mut App, now: Duration) -> Vec<Effect> {
    let Some(played) = &app.lessons.played else { return Vec::new() };
    let Some(before) = played.chapter_number().checked_sub(1) else {
        app.notice = Some(Notice::new("this is the beginning of the lesson", now));
        return Vec::new();
    };
    let steps = played.lesson().chapters.get(before).map_or(0, |chapter| chapter.steps.len());
    start_chapter(app, before, steps.saturating_sub(1))
}

/// Performs an action of a lesson. `number`: the digit that was pressed.
pub(crate) fn perform(app: &mut App, id: ActionId, number: Option<u32>, now: Duration) -> Vec<Effect> {
    let lessons = &mut app.lessons;
    match id {
        ActionId::LessonNext => return next(app, now),
        ActionId::LessonBack => return back(app, now),
        ActionId::LessonAnswer => {
            answer(app, number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default(), now);
        }
        ActionId::LessonHint => say(app, LessonInput::Hint),
        ActionId::LessonOtherwise => say(app, LessonInput::Otherwise),
        ActionId::LessonContents => {
            let at = lessons.playing().map_or(0, PlayedLesson::chapter_number);
            lessons.cover = Some(LessonCover::Contents(at));
        }
        ActionId::LessonNotes => lessons.has_notes = !lessons.has_notes,
        ActionId::LessonBlank => lessons.cover = Some(LessonCover::Blank),
        ActionId::LessonCode => {
            let is_shown = lessons.cover == Some(LessonCover::Code);
            lessons.cover = (!is_shown).then_some(LessonCover::Code);
        }
        ActionId::StopLesson => stop(app),
        ActionId::StartLesson => {
            let shelf = &lessons.shelf;
            let lesson = shelf.lesson().map(|lesson| lesson.id.text().to_owned());
            let id = lesson.or(shelf.exhibit().map(|exhibit| exhibit.id.clone()));
            return id.map(|id| ask_to_start(app, &id)).unwrap_or_default();
        }
        ActionId::ShelfPrevious => lessons.shelf.turn(false),
        ActionId::ShelfNext => lessons.shelf.turn(true),
        ActionId::Tour => return ask_to_start(app, TOUR),
        ActionId::DismissTour => lessons.is_tour_offered = false,
        _ => {}
    }
    Vec::new()
}

/// Says something to the chapter.
fn say(app: &mut App, input: LessonInput) {
    app.mark_changed();
    if app.lessons.exhibit.is_some() {
        exhibit::say(app, &input);
    } else if let Some(played) = &mut app.lessons.played {
        played.say(input);
    }
}

/// A digit: the answer of one person, or the beginning of a show of hands.
fn answer(app: &mut App, number: usize, now: Duration) {
    let Some(ScenePart::Asking(question)) = app.lessons.scene(now).map(|scene| scene.part) else { return };
    if let Some(poll) = &question.poll {
        if poll.stage == PollStage::Open {
            app.prompt.open(Purpose::Hands, &number.to_string());
        }
        return;
    }
    if let Some(option) = number.checked_sub(1).filter(|option| *option < question.ask.options.len()) {
        say(app, LessonInput::Answer(option));
    } else {
        let range = format!("the answers are 1 to {}", question.ask.options.len());
        app.notice = Some(Notice::new(range, now));
    }
}

/// A show of hands was typed.
pub(crate) fn hands_entered(app: &mut App, line: &str, now: Duration) -> Result<(), String> {
    let question = app.lessons.playing().and_then(|played| played.question(now));
    let question = question.ok_or("no question is open")?;
    let counts = hands::counts(line, question.ask.options.len())?;
    say(app, LessonInput::Counts(counts));
    Ok(())
}

/// Goes on with the lesson as far as possible. While the past is shown, it is not called: the deck does not know the present then.
pub(crate) fn go_on(app: &mut App, now: Duration) -> Vec<Effect> {
    let App { lessons, world, tape, .. } = app;
    let Some(played) = &mut lessons.played else { return Vec::new() };
    let before = played.present_scene(now);
    let mut effects: Vec<Effect> = played.go_on(now, world).into_iter().map(Effect::Send).collect();
    let scene = played.present_scene(now);
    if let Some(scene) = &scene {
        let looks_back = played.trail.looked_at().is_some();
        if played.trail.note(scene, tape.len()) {
            played.note_place(scene.step.0);
            effects.extend(keep(app));
        }
        if before.as_ref() != Some(scene) {
            app.mark_changed();
        }
        if !looks_back {
            show_view(app, scene);
        }
    }
    let is_over = scene.as_ref().is_some_and(|scene| scene.part == ScenePart::Over);
    if is_over {
        effects.extend(go_past(app));
    }
    effects.extend(page(app, scene.filter(|_| !is_over).as_ref()).map(Effect::Audience));
    effects
}

/// Shows the view of what is looked at now.
fn show_view_of_scene(app: &mut App, now: Duration) {
    if let Some(scene) = app.lessons.scene(now) {
        show_view(app, &scene);
    }
}

/// Shows the view that the step names, once.
fn show_view(app: &mut App, scene: &Scene) {
    let Some(played) = &mut app.lessons.played else { return };
    let is_reveal = matches!(scene.part, ScenePart::Revealed(..) | ScenePart::Revealing(..));
    let at = (scene.step.0, is_reveal);
    if played.viewed != Some(at) {
        played.viewed = Some(at);
        app.view = view_of(scene.view);
        app.mark_changed();
    }
}

/// Keeps how far somebody is.
fn keep(app: &mut App) -> Option<Effect> {
    let played = app.lessons.played.as_ref()?;
    let (id, progress) = (played.lesson().id.text().to_owned(), played.progress().clone());
    app.lessons.shelf.keep(&id, progress.clone());
    Some(Effect::KeepProgress { id, progress: Box::new(progress) })
}
