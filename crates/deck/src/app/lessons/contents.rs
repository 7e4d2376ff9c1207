//! The table of contents of the lesson that is played.

use super::LessonCover;
use super::steer::start_chapter;
use crate::app::{App, Effect};
use crossterm::event::{KeyCode, KeyEvent};

/// Takes a key while the table of contents is open, with this chapter selected.
pub(crate) fn contents_key(app: &mut App, event: KeyEvent, at: usize) -> Vec<Effect> {
    app.lessons.cover = None;
    let last = app.lessons.playing().map_or(0, |played| played.lesson().chapters.len().saturating_sub(1));
    let to = match event.code {
        _ if crate::app::reduce::closes(event) => return Vec::new(),
        KeyCode::Enter | KeyCode::PageDown => return start_chapter(app, at, 0),
        KeyCode::Up => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        KeyCode::Char(digit @ '1'..='9') => {
            let number = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or(1);
            (number - 1).min(last)
        }
        _ => at,
    };
    app.lessons.cover = Some(LessonCover::Contents(to));
    Vec::new()
}
