//! How a drill ended: the verdict first, then why, the score, the checks, what the person did, and what to learn from it.

use super::text::Text;
use super::{WIDE, checks};
use crate::actions::ActionId;
use crate::explain::drill;
use crate::view::paint::Paint;
use raftdeck_drills::{Millis, Outcome, PersonResult, Verdict};
use raftdeck_model::concepts::Concept;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect, outcome: &Outcome) {
    let title = paint.cut(&format!("drill: {}", outcome.title), usize::from(area.width).saturating_sub(6));
    paint.rule(area, 0, &title);
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let head = head(paint, outcome, area.width);
    super::show(paint, area, head.lines(), 0);
    let used = u16::try_from(head.len()).unwrap_or(u16::MAX).min(area.height);
    let area = Rect { y: area.y + used, height: area.height - used, ..area };
    let first = paint.app.drills.scroll;
    if area.width < WIDE {
        let mut text = judged(paint, outcome, area.width);
        text.append(learned(paint, outcome, area.width));
        super::note_scroll(paint, text.len(), area.height);
        return super::show(paint, area, text.lines(), first);
    }
    let left = Rect { width: area.width * 11 / 20, ..area };
    let right = Rect { x: left.right() + 2, width: area.width - left.width - 2, ..area };
    for (area, text) in
        [(left, judged(paint, outcome, left.width)), (right, learned(paint, outcome, right.width))]
    {
        super::note_scroll(paint, text.len(), area.height);
        super::show(paint, area, text.lines(), first);
    }
}

/// A verdict's glyph and ground; its word is always beside it.
pub(super) fn look(paint: &Paint<'_>, verdict: Verdict) -> (&'static str, Style) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    match verdict {
        Verdict::Passed => (glyphs.yes, theme.leader_plate()),
        Verdict::Failed => (glyphs.no, theme.trouble_band()),
        Verdict::Inconclusive => (glyphs.ask, theme.selected()),
        Verdict::Aborted => (glyphs.entries, theme.selected()),
    }
}

/// The verdict and the reason, which do not scroll.
fn head(paint: &Paint<'_>, outcome: &Outcome, width: u16) -> Text {
    let mut text = Text::new(width);
    let (glyph, style) = look(paint, outcome.verdict);
    let score = outcome.score.total.map(|total| format!(": {total} of 100 points")).unwrap_or_default();
    let verdict = outcome.verdict.to_string().to_uppercase();
    text.plate(&format!(" {glyph} {verdict}{score} "), style);
    text.wrapped(" ", &sentence(&outcome.reason), paint.theme.strong());
    if !outcome.left.is_empty() {
        let left = format!(" LEFT IN FORCE AT THE END: {} ", outcome.left.join("; "));
        text.plate(&left, paint.theme.trouble_band());
    }
    text
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    // A node's name stays as it is.
    let is_name = reason.starts_with('n') && reason.chars().nth(1).is_some_and(|c| c.is_ascii_digit());
    if is_name { format!("{reason}.") } else { format!("{}{}.", first.collect::<String>(), chars.as_str()) }
}

fn judged(paint: &Paint<'_>, outcome: &Outcome, width: u16) -> Text {
    let theme = paint.theme;
    let mut text = Text::new(width);
    if let Some(violation) = &outcome.violation {
        text.line(Line::default());
        text.plate(&format!(" {}: {} ", violation.property, violation.sentence), theme.trouble_band());
        let where_to_look = "The drill froze time at this moment; the Messages view shows what led to it.";
        text.wrapped(" ", where_to_look, theme.text());
    }
    if !outcome.score.parts.is_empty() {
        text.line(Line::default());
        text.line(Line::styled(" score", theme.strong()));
        let weights: u32 = outcome.score.parts.iter().map(|part| u32::from(part.weight)).sum();
        for part in &outcome.score.parts {
            let share = u32::from(part.weight) * 100 / weights.max(1);
            text.line(Line::from(vec![
                Span::raw(format!(" {:12}", part.name)),
                Span::styled(format!("{:>4}", part.points), theme.strong()),
                Span::styled(format!(" of 100, counts {share} %"), theme.faint()),
            ]));
        }
    }
    text.line(Line::default());
    text.append(checks::results(paint, &outcome.checks, outcome.context.t(), width));
    let since = checks::since_fault(paint, &outcome.moments, None, width);
    if since.len() > 0 {
        text.blank();
        text.append(since);
    }
    text
}

fn learned(paint: &Paint<'_>, outcome: &Outcome, width: u16) -> Text {
    let theme = paint.theme;
    let mut text = Text::new(width);
    if !outcome.person.is_empty() {
        text.line(Line::default());
        text.line(Line::styled(" what you did", theme.strong()));
        for result in &outcome.person {
            did(paint, &mut text, result);
        }
    }
    if !outcome.debrief.trim().is_empty() {
        text.line(Line::default());
        text.line(Line::styled(" what to take from it", theme.strong()));
        text.paragraphs(" ", &outcome.debrief, theme.text());
        let terms: Vec<&str> = drill::terms(&outcome.debrief).into_iter().map(Concept::name).collect();
        if let Some(key) = paint.key(ActionId::Explain) {
            text.line(Line::default());
            text.wrapped(&format!(" {key} explains: "), &terms.join(", "), theme.faint());
        }
    }
    text.line(Line::default());
    if !outcome.paper.is_empty() {
        text.wrapped(" read: ", &outcome.paper.join(", "), theme.text());
    }
    for link in &outcome.links {
        text.wrapped(" ", link, theme.text());
    }
    let left = if outcome.left.is_empty() { "Nothing of the drill was left in force. " } else { "" };
    text.wrapped(" ", &format!("{left}The cluster stays: look around."), theme.text());
    text.wrapped(" without a screen: ", &outcome.context.command, theme.faint());
    text
}

fn did(paint: &Paint<'_>, text: &mut Text, result: &PersonResult) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    match result {
        PersonResult::Answer { question, chosen, is_right, right, misconception } => {
            let (mark, style) = if *is_right {
                (glyphs.yes, theme.leader_line())
            } else {
                (glyphs.no, theme.trouble_plate())
            };
            text.led(Span::styled(format!(" {mark} "), style), question, theme.text());
            let chosen = chosen.as_deref().unwrap_or("no answer");
            if *is_right {
                text.wrapped("     right: ", chosen, theme.text());
            } else {
                text.wrapped("     yours: ", chosen, theme.text());
                text.wrapped("     right: ", right, theme.text());
                if !misconception.trim().is_empty() {
                    text.wrapped("     ", misconception.trim(), theme.text());
                }
            }
        }
        PersonResult::Task { task, took, first_key, wrong_keys, hints, points, .. } => {
            let (mark, style) = if took.is_some() {
                (glyphs.yes, theme.leader_line())
            } else {
                (glyphs.no, theme.trouble_plate())
            };
            text.led(Span::styled(format!(" {mark} "), style), task, theme.text());
            let took = match took {
                Some(took) => format!("done in {}", Millis(*took)),
                None => "not done in time".to_owned(),
            };
            let first =
                first_key.map(|first| format!(", first key after {}", Millis(first))).unwrap_or_default();
            let figures =
                format!("{took}{first}, wrong keys: {wrong_keys}, hints: {hints}, {points} of 100 points");
            text.wrapped("     ", &figures, theme.text());
        }
    }
}
