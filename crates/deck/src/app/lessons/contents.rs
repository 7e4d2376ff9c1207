//! The table of contents of the lesson that is played.

use super::steer::start_chapter;
use crate::app::{App, Effect};
use crossterm::event::{KeyCode, KeyEvent};

/// The table of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Which chapter is selected, counted from 0.
    pub at: usize,
}

/// Takes a key while the table of contents is open.
pub(crate) fn contents_key(app: &mut App, event: KeyEvent) -> Vec<Effect> {
    let Some(Contents { at }) = app.lessons.contents.take() else { return Vec::new() };
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
    app.lessons.contents = Some(Contents { at: to });
    Vec::new()
}
