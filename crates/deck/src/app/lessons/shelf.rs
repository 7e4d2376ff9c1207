//! What the Drills view has besides drills: the lessons and the exhibits of the museum, and how far somebody is in the lessons.

use raftdeck_drills::museum::Exhibit;
use raftdeck_drills::{Lesson, LessonProgress};
use std::collections::BTreeMap;

/// Which list the Drills view shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShelfKind {
    /// The drills.
    #[default]
    Drills,
    /// The lessons.
    Lessons,
    /// The museum of bugs.
    Museum,
}

impl ShelfKind {
    /// All lists, in order.
    pub const ALL: [Self; 3] = [Self::Drills, Self::Lessons, Self::Museum];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drills => "Drills",
            Self::Lessons => "Lessons",
            Self::Museum => "Museum of bugs",
        }
    }

    /// The one after or before it; the last is followed by the first.
    fn turned(self, forward: bool) -> Self {
        match (self, forward) {
            (Self::Drills, true) | (Self::Museum, false) => Self::Lessons,
            (Self::Lessons, true) | (Self::Drills, false) => Self::Museum,
            (Self::Museum, true) | (Self::Lessons, false) => Self::Drills,
        }
    }
}

/// The lessons and the exhibits to choose from.
#[derive(Debug, Default)]
pub struct Shelf {
    kind: ShelfKind,
    /// Which lesson or exhibit is selected, counted from 0.
    at: usize,
    lessons: Vec<Lesson>,
    exhibits: Vec<Exhibit>,
    progress: BTreeMap<String, LessonProgress>,
}

impl Shelf {
    /// These, in the order in which they are best taken, and how far somebody is in the lessons.
    #[must_use]
    pub fn new(
        lessons: Vec<Lesson>,
        exhibits: Vec<Exhibit>,
        progress: BTreeMap<String, LessonProgress>,
    ) -> Self {
        Self { lessons, exhibits, progress, ..Self::default() }
    }

    /// Which list is shown.
    #[must_use]
    pub fn kind(&self) -> ShelfKind {
        self.kind
    }

    /// Which row of it is selected, counted from 0.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The lessons.
    #[must_use]
    pub fn lessons(&self) -> &[Lesson] {
        &self.lessons
    }

    /// The exhibits.
    #[must_use]
    pub fn exhibits(&self) -> &[Exhibit] {
        &self.exhibits
    }

    /// The selected lesson, while lessons are shown.
    #[must_use]
    pub fn lesson(&self) -> Option<&Lesson> {
        self.lessons.get(self.at).filter(|_| self.kind == ShelfKind::Lessons)
    }

    /// The selected exhibit, while the museum is shown.
    #[must_use]
    pub fn exhibit(&self) -> Option<&Exhibit> {
        self.exhibits.get(self.at).filter(|_| self.kind == ShelfKind::Museum)
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

    /// Shows the next list, or the one before.
    pub(crate) fn turn(&mut self, forward: bool) {
        (self.kind, self.at) = (self.kind.turned(forward), 0);
    }

    /// Selects a row.
    pub(crate) fn select(&mut self, at: usize) {
        let rows = match self.kind {
            ShelfKind::Drills => 0,
            ShelfKind::Lessons => self.lessons.len(),
            ShelfKind::Museum => self.exhibits.len(),
        };
        self.at = at.min(rows.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_turned_in_a_circle_both_ways() {
        for kind in ShelfKind::ALL {
            assert_eq!(kind.turned(true).turned(false), kind);
            assert_eq!(kind.turned(true).turned(true).turned(true), kind);
        }
    }
}
