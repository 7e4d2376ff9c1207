//! A lesson that is played: its chapter, the run of that, and what was answered.

use super::trail::Trail;
use raftdeck_drills::{
    Chapter, ChapterOptions, ChapterRun, Lesson, LessonInput, LessonProgress, LessonResult, Poll, PollStage,
    Question, Scene, ScenePart,
};
use raftdeck_model::{Command, CommandId, Update, World};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// The commands of lessons are numbered after this, those of drills before it.
const FIRST: u64 = 4 << 32;

/// So many numbers are there for the commands of one chapter.
const CHAPTER: u64 = 1 << 26;

/// What a played lesson does.
#[derive(Debug)]
pub enum LessonStage {
    /// The cluster of its chapter is being started.
    Starting,
    /// Its chapter runs.
    Chapter(Box<ChapterRun>),
    /// Its chapter is a drill, which runs or has ended.
    Drill,
    /// It is over.
    Ended,
}

/// A lesson that is played.
#[derive(Debug)]
pub struct PlayedLesson {
    lesson: Lesson,
    /// The present chapter, counted from 0.
    chapter: usize,
    /// The step at which the chapter begins.
    from: usize,
    is_class: bool,
    pub(super) stage: LessonStage,
    progress: LessonProgress,
    pub(super) trail: Trail,
    /// When the chapter's run was made: it counts real time from here.
    origin: Duration,
    /// How many chapters were started.
    started: u64,
    polls: u64,
    /// The step and the stop for which the view was set last.
    pub(super) viewed: Option<(usize, bool)>,
}

/// Whether a command is one of a lesson.
pub(super) fn is_own(id: CommandId) -> bool {
    id.0 > FIRST
}

impl PlayedLesson {
    /// A lesson before its first chapter. `progress`: what was answered before.
    #[must_use]
    pub fn new(lesson: Lesson, is_class: bool, progress: LessonProgress) -> Self {
        Self {
            lesson,
            chapter: 0,
            from: 0,
            is_class,
            stage: LessonStage::Starting,
            progress,
            trail: Trail::default(),
            origin: Duration::ZERO,
            started: 0,
            polls: 1,
            viewed: None,
        }
    }

    /// The lesson.
    #[must_use]
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// The present chapter, counted from 0.
    #[must_use]
    pub fn chapter_number(&self) -> usize {
        self.chapter
    }

    /// The present chapter.
    #[must_use]
    pub fn chapter(&self) -> Option<&Chapter> {
        self.lesson.chapters.get(self.chapter)
    }

    /// Whether a class answers.
    #[must_use]
    pub fn is_class(&self) -> bool {
        self.is_class
    }

    /// What it does.
    #[must_use]
    pub fn stage(&self) -> &LessonStage {
        &self.stage
    }

    /// How far it is and what was answered.
    #[must_use]
    pub fn progress(&self) -> &LessonProgress {
        &self.progress
    }

    /// The result so far.
    #[must_use]
    pub fn result(&self) -> LessonResult {
        self.progress.result(&self.lesson)
    }

    /// The moments that can be gone back to.
    #[must_use]
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// What is to be seen of the chapter: as it is, or as it was at the moment that is looked at.
    #[must_use]
    pub fn scene(&self, now: Duration) -> Option<Scene> {
        match self.trail.looked_at() {
            Some(stop) => Some(stop.scene.clone()),
            None => self.present_scene(now),
        }
    }

    /// What is to be seen of the chapter as it is.
    pub(super) fn present_scene(&self, now: Duration) -> Option<Scene> {
        match &self.stage {
            LessonStage::Chapter(run) => Some(run.scene(now.saturating_sub(self.origin))),
            LessonStage::Starting | LessonStage::Drill | LessonStage::Ended => None,
        }
    }

    /// The nodes that are pointed at, now or at the moment that is looked at.
    pub(super) fn marks(&self) -> &[NodeId] {
        match (self.trail.looked_at(), &self.stage) {
            (Some(stop), _) => &stop.scene.marks,
            (None, LessonStage::Chapter(run)) => run.marks(),
            (None, LessonStage::Starting | LessonStage::Drill | LessonStage::Ended) => &[],
        }
    }

    /// The question that is asked now.
    pub(super) fn question(&self, now: Duration) -> Option<Question> {
        match self.present_scene(now)?.part {
            ScenePart::Asking(question) => Some(*question),
            _ => None,
        }
    }

    /// Whether the chapter's run rests.
    pub(super) fn rests(&self) -> bool {
        matches!(&self.stage, LessonStage::Chapter(run) if run.rests())
    }

    /// Whether something of it changes by the mere passing of time.
    pub(super) fn has_countdown(&self, now: Duration) -> bool {
        match self.present_scene(now).map(|scene| scene.part) {
            Some(ScenePart::Acting(_)) => true,
            Some(ScenePart::Asking(question)) => {
                matches!(question.poll, Some(Poll { stage: PollStage::Discussing { .. }, .. }))
            }
            _ => false,
        }
    }

    /// How much of the discussion is left.
    #[must_use]
    pub fn discussion_left(&self, until: Duration, now: Duration) -> Duration {
        (until + self.origin).saturating_sub(now)
    }

    /// Goes to a chapter and a step of it; its cluster is being started.
    pub(super) fn go_to(&mut self, chapter: usize, from: usize) {
        if let LessonStage::Chapter(run) = &self.stage {
            self.polls = run.next_poll();
        }
        (self.chapter, self.from) = (chapter, from);
        self.stage = LessonStage::Starting;
        self.trail = Trail::default();
        self.viewed = None;
        self.note_place(from);
    }

    /// Notes where somebody is, to come back to it.
    pub(super) fn note_place(&mut self, step: usize) {
        self.progress.chapter =
            self.chapter().map(|chapter| chapter.id.text().to_owned()).unwrap_or_default();
        self.progress.step = step;
    }

    /// The chapter's cluster has started: its run begins when that reports.
    pub(super) fn begin(&mut self, t: Duration, now: Duration) {
        let Some(chapter) = self.chapter().cloned() else { return };
        self.started += 1;
        let options = ChapterOptions {
            first: CommandId(FIRST + self.started * CHAPTER),
            t,
            is_class: self.is_class,
            from: self.from,
            first_poll: self.polls,
        };
        self.origin = now;
        self.stage = LessonStage::Chapter(Box::new(ChapterRun::new(chapter, options)));
    }

    pub(super) fn end(&mut self) {
        self.stage = LessonStage::Ended;
        self.progress.is_finished = true;
    }

    pub(super) fn hear(&mut self, update: &Update, now: Duration) {
        let now = now.saturating_sub(self.origin);
        if let LessonStage::Chapter(run) = &mut self.stage {
            run.hear(update, now);
        }
    }

    pub(super) fn say(&mut self, input: LessonInput) {
        if let LessonStage::Chapter(run) = &mut self.stage {
            run.say(input);
        }
    }

    /// Goes on as far as possible: the commands to send.
    pub(super) fn go_on(&mut self, now: Duration, world: &World) -> Vec<Command> {
        let now = now.saturating_sub(self.origin);
        let LessonStage::Chapter(run) = &mut self.stage else { return Vec::new() };
        let commands = run.go_on(now, world);
        for answered in run.take_answered() {
            self.progress.note(answered);
        }
        commands
    }

    /// When it has something to do if nothing happens before.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        match &self.stage {
            LessonStage::Chapter(run) => run.next_due().map(|due| due.saturating_add(self.origin)),
            LessonStage::Starting | LessonStage::Drill | LessonStage::Ended => None,
        }
    }
}
