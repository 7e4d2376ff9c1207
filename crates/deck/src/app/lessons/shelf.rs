//! The lessons to choose from, and how far somebody is in them.

use raftdeck_drills::{Lesson, LessonProgress};
use std::collections::BTreeMap;

/// The lessons to choose from.
#[derive(Debug, Default)]
pub struct Shelf {
    lessons: Vec<Lesson>,
    progress: BTreeMap<String, LessonProgress>,
}

impl Shelf {
    /// These lessons, in the order in which they are best taken, and how far somebody is in them.
    #[must_use]
    pub fn new(lessons: Vec<Lesson>, progress: BTreeMap<String, LessonProgress>) -> Self {
        Self { lessons, progress }
    }

    /// The lessons.
    #[must_use]
    pub fn lessons(&self) -> &[Lesson] {
        &self.lessons
    }

    /// How far somebody is in the lesson of this id.
    #[must_use]
    pub fn progress(&self, id: &str) -> Option<&LessonProgress> {
        self.progress.get(id)
    }

    /// Keeps how far somebody is.
    pub(super) fn keep(&mut self, id: &str, progress: LessonProgress) {
        self.progress.insert(id.to_owned(), progress);
    }
}
