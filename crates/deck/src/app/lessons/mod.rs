//! The lessons: the one that is played, and where in it somebody is.
//!
//! Each chapter has a fresh cluster, for which [`Effect::StartChapter`](crate::app::Effect::StartChapter) asks. What its run rests at is
//! remembered as a stop, with the length of the tape at that moment, so that it can be gone back to.

mod audience;
mod contents;
mod exhibit;
mod hands;
mod played;
mod shelf;
mod steer;
mod trail;

pub use audience::AudienceLink;
pub(crate) use audience::hear_audience;
pub(crate) use contents::contents_key;
pub(crate) use exhibit::exhibit_came;
pub use exhibit::{ExhibitFiles, ExhibitStop, PlayedExhibit};
pub use hands::counts;
pub use played::{LessonStage, PlayedLesson};
pub use shelf::{Shelf, ShelfKind};
pub use steer::LessonStart;
pub(crate) use steer::{
    began, begin, begin_by_id, go_on, hands_entered, hear, is_of_lesson, perform, refused,
};
pub use trail::{Stop, Trail};

use crate::app::View;
use raftdeck_drills::{Lesson, Question, Scene, ViewName};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// The id of the lesson for somebody who knows nothing.
pub const TOUR: &str = "tour";

/// While a lesson waits for something that passes by itself, what is shown of it is drawn again this often.
const STEP: Duration = Duration::from_millis(250);

/// The view of this name; the Cluster view where a step names none.
fn view_of(name: Option<ViewName>) -> View {
    match name {
        None | Some(ViewName::Cluster) => View::Cluster,
        Some(ViewName::Logs) => View::Logs,
        Some(ViewName::Messages) => View::Messages,
        Some(ViewName::Charts) => View::Charts,
        Some(ViewName::Data) => View::Data,
    }
}

/// What is said to one person who goes on without an answer; `None`: nothing is waited for.
fn lacks_answer(question: &Question) -> Option<String> {
    let is_open = question.poll.is_none() && question.end.is_none();
    is_open.then(|| format!("choose an answer: 1 to {}", question.ask.options.len()))
}

/// Why no lesson can be started while the updates are recorded.
pub const ONE_CLUSTER_A_RECORDING: &str = "a lesson starts a cluster for each chapter, and --record records one cluster only: start raftdeck without it";

/// What a lesson lays over the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LessonCover {
    /// The way to the phones of the class.
    Code,
    /// Nothing at all, so that the class looks at the teacher.
    Blank,
    /// The table of contents, with this chapter selected, counted from 0.
    Contents(usize),
}

/// The lessons as the deck knows them.
#[derive(Debug, Default)]
pub struct Lessons {
    /// The lessons to choose from.
    pub shelf: Shelf,
    /// The lesson that is played.
    pub played: Option<Box<PlayedLesson>>,
    /// The exhibit of the museum that is looked at.
    pub exhibit: Option<Box<PlayedExhibit>>,
    /// The way to the phones of the class.
    pub audience: Option<AudienceLink>,
    /// What lies over the view.
    pub cover: Option<LessonCover>,
    /// Whether the teacher's notes are shown.
    pub has_notes: bool,
    /// Whether the tour is offered.
    pub is_tour_offered: bool,
    /// What the phones were told last.
    told: Option<crate::app::audience::AudiencePage>,
}

impl Lessons {
    /// These lessons to choose from.
    #[must_use]
    pub fn new(shelf: Shelf) -> Self {
        Self { shelf, ..Self::default() }
    }

    /// The same, and phones can join by this.
    #[must_use]
    pub fn with_audience(self, audience: AudienceLink) -> Self {
        Self { audience: Some(audience), cover: Some(LessonCover::Code), ..self }
    }

    /// The same, and the tour is offered: somebody starts the deck for the first time.
    #[must_use]
    pub fn offering_tour(self) -> Self {
        Self { is_tour_offered: self.find(TOUR).is_some(), ..self }
    }

    /// The lesson that is played.
    #[must_use]
    pub fn playing(&self) -> Option<&PlayedLesson> {
        self.played.as_deref()
    }

    /// Whether a lesson is played or an exhibit is looked at.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.played.is_some() || self.exhibit.is_some()
    }

    /// What is to be seen of the lesson or the exhibit; `None`: there is none, or its cluster is being started.
    #[must_use]
    pub fn scene(&self, now: Duration) -> Option<Scene> {
        match &self.exhibit {
            Some(exhibit) => Some(exhibit.scene()),
            None => self.playing()?.scene(now),
        }
    }

    /// The nodes that the lesson or the exhibit points at.
    #[must_use]
    pub fn marks(&self) -> Vec<NodeId> {
        match &self.exhibit {
            Some(exhibit) => exhibit.marks(),
            None => self.playing().map(|played| played.marks().to_vec()).unwrap_or_default(),
        }
    }

    /// The lesson of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Lesson> {
        self.shelf.lessons().iter().find(|lesson| lesson.id.text() == id)
    }

    /// When what is shown of the lesson next changes by itself.
    pub(crate) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.playing()?.has_countdown(now).then(|| now.saturating_add(STEP))
    }
}
