//! The line that the other views show of a drill: what it does, the countdown, that a question waits.

use super::now::{countdown, doing};
use super::result::look;
use crate::actions::ActionId;
use crate::app::drills::{DrillStage, Playing};
use crate::app::{App, View};
use crate::times::tenths;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use raftdeck_drills::{Millis, Outcome};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// How many rows it takes.
pub(crate) fn strip_rows(app: &App) -> u16 {
    let is_told = matches!(app.drills.stage, DrillStage::Playing(_) | DrillStage::Ended(_));
    u16::from(is_told && app.view != View::Drills)
}

/// Draws it. A click on it opens the Drills view.
pub(crate) fn strip(paint: &mut Paint<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    match &paint.app.drills.stage {
        DrillStage::Playing(playing) => running(paint, area, playing),
        DrillStage::Ended(outcome) => ended(paint, area, outcome),
        DrillStage::Choosing | DrillStage::Starting(_) => {}
    }
    paint.mark(area, Target::View(View::Drills));
}

fn running(paint: &mut Paint<'_>, area: Rect, playing: &Playing) {
    let status = playing.status(paint.real);
    let theme = paint.theme;
    let key = paint.app.key_of(ActionId::Drills);
    if let Some(ask) = &status.ask {
        let (word, does) =
            if ask.chosen.is_none() { (" QUESTION ", "answers") } else { (" ANSWER ", "reads it") };
        let hint = format!("{key} {does} ");
        return told(paint, area, (word, theme.trouble_band()), &ask.ask.question, &hint);
    }
    if let Some(act) = &status.act {
        // The time matters more than the last words of the task.
        let label = format!(" {} left ", tenths(act.left));
        let time = countdown(paint, act, &label, 40.min(usize::from(area.width) / 2));
        let width = u16::try_from(time.width()).unwrap_or(u16::MAX).min(area.width);
        let left = Rect { width: area.width - width, ..area };
        told(paint, left, (" TASK ", theme.trouble_band()), &act.act.task, "");
        paint.at(Rect { x: left.right(), width, ..area }, &time);
        return;
    }
    let (claim, details) = doing(paint, playing, &status);
    let takeover =
        status.moments.takeover().map(|takeover| format!("D {}  ", Millis(takeover))).unwrap_or_default();
    let words = std::iter::once(claim.to_lowercase()).chain(details).collect::<Vec<_>>().join(": ");
    told(paint, area, (" DRILL ", theme.selected()), &words, &format!("{takeover}{key} shows it "));
}

fn ended(paint: &mut Paint<'_>, area: Rect, outcome: &Outcome) {
    let (glyph, style) = look(paint, outcome.verdict);
    let word = format!(" {glyph} {} ", outcome.verdict.to_string().to_uppercase());
    let hint = format!("{} shows the result ", paint.app.key_of(ActionId::Drills));
    let score = outcome.score.total.map(|total| format!(", {total} of 100 points")).unwrap_or_default();
    told(paint, area, (&word, style), &format!("{}{score}", outcome.title), &hint);
}

/// A word on its ground, a text that is cut where there is no room, and a hint at the right.
fn told(paint: &mut Paint<'_>, area: Rect, (word, style): (&str, Style), text: &str, hint: &str) {
    let hint = if area.width >= 60 { hint } else { "" };
    let used = Span::raw(word).width() + hint.len() + 3;
    let text = paint.cut(text, usize::from(area.width).saturating_sub(used));
    let line = Line::from(vec![
        Span::styled(word.to_owned(), style),
        Span::raw(" "),
        Span::styled(text, paint.theme.strong()),
    ]);
    paint.at(area, &line);
    paint.right(area, 0, &Line::styled(hint.to_owned(), paint.theme.faint()));
}
