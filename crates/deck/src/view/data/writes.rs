//! The last writes and their fate, newest first.

use super::cell;
use crate::actions::ActionId;
use crate::app::data::VersionKind;
use crate::app::writes::{WriteFate, WriteRecord};
use crate::times::{span, stamp};
use crate::view::paint::Paint;
use raftdeck_model::{Known, answered_entry};
use raftdeck_protocol::printable::line as printable;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Columns of the time and of the fate.
const WHEN: usize = 12;
const FATE: usize = 15;

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let writes = paint.app.operations.writes();
    paint.rule(area, 0, "last writes");
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let mut any = false;
    for (row, write) in (0..body.height).zip(writes.newest_first()) {
        any = true;
        let line = line(paint, write, usize::from(body.width));
        paint.row(body, row, &line);
    }
    if !any {
        let key = paint.app.key_of(ActionId::Write);
        let text = format!(
            " None from this deck yet: {key} writes. Writes from outside are in the history of their keys."
        );
        let text = paint.cut(&text, usize::from(body.width));
        paint.row(body, 0, &Line::styled(text, paint.theme.faint()));
    }
}

fn line(paint: &Paint<'_>, write: &WriteRecord, width: usize) -> Line<'static> {
    let theme = paint.theme;
    let (word, style, detail) = fate(paint, write);
    let room = width.saturating_sub(WHEN + FATE);
    // A reason needs more room than a place in the log.
    let words = if width < 60 { room } else { (room * 9 / 20).min(60) };
    Line::from(vec![
        Span::styled(format!("{:>10}  ", stamp(write.when)), theme.faint()),
        Span::styled(cell(paint, &write.words, words), theme.text()),
        Span::styled(word.to_owned(), style),
        Span::raw(" ".repeat(FATE.saturating_sub(Span::raw(word).width()))),
        Span::styled(paint.cut(&printable(&detail), room.saturating_sub(words)), theme.faint()),
    ])
}

/// A word for it, and the rest.
fn fate(paint: &Paint<'_>, write: &WriteRecord) -> (&'static str, Style, String) {
    let theme = paint.theme;
    match &write.fate {
        WriteFate::Waiting(since) => {
            let seconds = paint.now.saturating_sub(*since).as_secs();
            let waited = if seconds == 0 { String::new() } else { format!("for {seconds} s") };
            ("waiting", theme.strong(), waited)
        }
        WriteFate::Acknowledged { at, node, took, kind } => {
            let mismatch = if *kind == VersionKind::Mismatch { "no match, not stored: " } else { "" };
            let entry = match answered_entry(*at) {
                Known::Is(at) => format!("entry {}, ", at.index),
                Known::Unknown => String::new(),
            };
            let place = format!("{mismatch}{entry}term {}, {node}, {}", at.term, span(*took));
            ("acknowledged", theme.leader_line(), place)
        }
        WriteFate::InDoubt(why, took) => ("in doubt", theme.trouble_plate(), reason(why, *took)),
        WriteFate::Refused(why, took) => ("refused", theme.trouble_line(), reason(why, *took)),
    }
}

fn reason(why: &str, took: std::time::Duration) -> String {
    if took.is_zero() { why.to_owned() } else { format!("{why} ({})", span(took)) }
}
