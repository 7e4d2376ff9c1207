//! How far somebody is in each lesson on this user's decks: a small JSON file. A file that cannot be read counts as empty, and never
//! keeps the deck from starting.

use crate::commands::paths;
use crate::drill::records::{objects, put};
use raftdeck_drills::LessonProgress;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Under this name it is kept that the tour was offered.
const OFFERED: &str = "tour offered";

/// How far somebody is, by the ids of lessons.
pub(crate) fn read() -> BTreeMap<String, LessonProgress> {
    paths::lesson_progress().map(|file| read_from(&file)).unwrap_or_default()
}

fn read_from(file: &Path) -> BTreeMap<String, LessonProgress> {
    let all = objects(file).unwrap_or_default();
    all.into_iter().filter_map(|(id, value)| Some((id, serde_json::from_value(value).ok()?))).collect()
}

/// Keeps how far somebody is in one lesson. Where there is no home directory, nothing is kept.
pub(crate) fn keep(id: &str, progress: &LessonProgress) -> io::Result<()> {
    let Some(file) = paths::lesson_progress() else { return Ok(()) };
    put(&file, id, serde_json::to_value(progress)?)
}

/// Whether this user starts the deck for the first time, as far as is known: the tour was never offered, and no lesson was begun. It is
/// offered now, and never again.
pub(crate) fn is_first_start() -> bool {
    paths::lesson_progress().is_some_and(|file| offer_in(&file))
}

fn offer_in(file: &Path) -> bool {
    match objects(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => put(file, OFFERED, json!(true)).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_drills::Answered;

    #[test]
    fn progress_is_kept_for_each_lesson() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/lessons.json");
        assert!(offer_in(&file), "the first start");
        assert!(!offer_in(&file), "it is offered once");
        let answered = Answered {
            chapter: "election".to_owned(),
            step: 2,
            first: vec![0, 1, 0],
            second: vec![1, 0, 0],
            hints: 1,
            points: Some(40),
        };
        let progress = LessonProgress {
            chapter: "election".to_owned(),
            step: 3,
            is_finished: false,
            answered: vec![answered],
        };
        put(&file, "mine", serde_json::to_value(&progress).unwrap()).unwrap();
        assert_eq!(read_from(&file), [("mine".to_owned(), progress)].into());
    }

    #[test]
    fn what_cannot_be_read_is_no_first_start_and_no_progress() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lessons.json");
        std::fs::write(&file, "{").unwrap();
        assert!(!offer_in(&file));
        assert_eq!(read_from(&file), BTreeMap::new());
    }
}
