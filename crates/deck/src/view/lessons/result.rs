//! The outcome of the lesson: how many answers were right, and the misconceptions by name.

use super::band::goes_on;
use crate::app::lessons::PlayedLesson;
use crate::sentences::counted;
use crate::view::drills::text::Text;
use crate::view::paint::Paint;
use raftdeck_drills::{LessonResult, MisconceptionCount};
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws it in place of the view.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let Some(played) = paint.app.lessons.playing() else { return };
    let text = words(paint, played, area.width);
    for (row, line) in (0..area.height).zip(text.lines()) {
        paint.row(area, row, line);
    }
}

fn words(paint: &Paint<'_>, played: &PlayedLesson, width: u16) -> Text {
    let theme = paint.theme;
    let result = played.result();
    let mut text = Text::new(width);
    text.plate(&format!(" THE END: {} ", played.lesson().title), theme.leader_plate());
    text.blank();
    for line in figures(&result, played.is_class()) {
        text.wrapped(" ", &line, theme.strong());
    }
    if !result.misconceptions.is_empty() {
        let heading = if played.is_class() { "What was believed" } else { "What to look at again" };
        text.heading(heading, theme.strong());
    }
    for MisconceptionCount { took, truth, count, .. } in &result.misconceptions {
        let times = match (played.is_class(), count) {
            (true, 1) => "1 answer".to_owned(),
            (true, count) => format!("{count} answers"),
            (false, 1) => "once".to_owned(),
            (false, 2) => "twice".to_owned(),
            (false, count) => format!("{count} times"),
        };
        let who = if played.is_class() { "Somebody" } else { "You" };
        text.led(Span::raw(" "), &format!("{who} {took} ({times})."), theme.text());
        text.wrapped("   ", truth, theme.faint());
    }
    if result.answered > 0 && result.misconceptions.is_empty() {
        text.wrapped(" ", "No answer was wrong.", theme.text());
    }
    text.blank();
    goes_on(paint, &mut text, "leaves the lesson; the cluster stays");
    text
}

fn figures(result: &LessonResult, is_class: bool) -> Vec<String> {
    let LessonResult { questions, answered, first, second, points, .. } = result;
    if *questions == 0 {
        return Vec::new();
    }
    let questions = counted(*questions as u64, "question");
    let mut lines = vec![format!("{answered} of {questions} answered.")];
    if first.0 > 0 {
        let (given, right) = first;
        let whose = if is_class { "answers" } else { "first answers" };
        lines.push(format!("{right} of {given} {whose} were right."));
    }
    if second.0 > 0 {
        let (given, right) = second;
        let when = if is_class { "After discussion" } else { "At the second try" };
        lines.push(format!("{when}: {right} of {given}."));
    }
    lines.extend(points.map(|points| format!("{points} of 100 points.")));
    lines
}
