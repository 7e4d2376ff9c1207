//! A question to one person, and the answer to any.

use super::band::{goes_on, hints};
use super::poll;
use crate::actions::ActionId;
use crate::view::drills::text::Text;
use crate::view::paint::Paint;
use raftdeck_drills::{Choice, Question, QuestionEnd};
use ratatui::text::{Line, Span};

/// The question, its options, and what was answered so far.
pub(super) fn asked(paint: &Paint<'_>, text: &mut Text, question: &Question) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let (mark, plate) = match (question.end, question.wrong.last()) {
        (Some(QuestionEnd::Right), _) => (format!(" {} RIGHT: ", glyphs.yes), theme.leader_plate()),
        (Some(QuestionEnd::Shown), _) => (" THE ANSWER: ".to_owned(), theme.selected()),
        (None, Some(_)) => (format!(" {} NOT SO. ONCE MORE: ", glyphs.no), theme.trouble_band()),
        (None, None) => (" QUESTION: ".to_owned(), theme.trouble_band()),
    };
    text.plate(&format!("{mark}{} ", question.ask.question), plate);
    for (place, option) in question.ask.options.iter().enumerate() {
        one(paint, text, question, (place, option));
    }
    hints(paint, text, question.hints_taken());
    if question.end.is_some() {
        return goes_on(paint, text, "shows it on the cluster");
    }
    let left = question.ask.hints.get(question.hints);
    let hint = left.map(|hint| (ActionId::LessonHint, format!("gives a hint, which costs {} %", hint.cost)));
    let solve = (ActionId::LessonOtherwise, "shows the answer".to_owned());
    let mut spans = Vec::new();
    for (id, does) in hint.into_iter().chain([solve]) {
        if let Some(key) = paint.key(id) {
            spans.push(Span::styled(format!(" {key} "), theme.key()));
            spans.push(Span::styled(format!("{does}  "), theme.faint()));
        }
    }
    text.line(Line::from(spans));
}

fn one(paint: &Paint<'_>, text: &mut Text, question: &Question, (place, option): (usize, &Choice)) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let is_wrong = question.wrong.contains(&place);
    let is_shown = option.right && question.end.is_some();
    let (mark, style) = match (is_shown, is_wrong) {
        (true, _) => (glyphs.yes, theme.strong()),
        (false, true) => (glyphs.no, theme.faint()),
        (false, false) if question.end.is_some() => (" ", theme.faint()),
        (false, false) => (" ", theme.text()),
    };
    let number = if question.end.is_none() && !is_wrong { theme.key() } else { style };
    text.led(Span::styled(format!(" {mark} {} ", place + 1), number), &option.text, style);
    let is_last_wrong = question.end.is_none() && question.wrong.last() == Some(&place);
    if is_shown || is_last_wrong {
        text.wrapped("     ", &option.because, theme.text());
    }
}

/// The answer, after the cluster has shown it.
pub(super) fn revealed(paint: &Paint<'_>, text: &mut Text, question: &Question, explanation: &str) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let right = question.ask.options.get(question.ask.right());
    let answer = right.map(|right| right.text.as_str()).unwrap_or_default();
    text.plate(&format!(" {} {answer} ", glyphs.yes), theme.leader_plate());
    text.wrapped(" ", explanation, theme.strong());
    if let Some(poll) = question.poll.as_ref().filter(|poll| poll.answers() > 0) {
        poll::in_short(paint, text, question, poll);
    }
}
