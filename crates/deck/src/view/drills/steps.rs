//! The parts of a running drill as a list: done, present, to come.

use super::text::Text;
use crate::times::tenths;
use crate::view::paint::Paint;
use raftdeck_drills::{RunStatus, StageName, StepResult};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Duration;

/// How far a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartState {
    Done,
    Present,
    ToCome,
    Failed,
}

/// A part of a drill.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    state: PartState,
    /// When it began, or when it was reached, since the beginning of the drill.
    at: Option<Duration>,
}

/// The parts, in at most this many lines if that is possible: those that are done are counted first.
pub(super) fn steps(paint: &Paint<'_>, status: &RunStatus<'_>, width: u16, most: usize) -> Text {
    let mut text = Text::new(width);
    text.heading("steps", paint.theme.strong());
    let parts = parts(status);
    let done = parts.iter().take_while(|part| part.state == PartState::Done).count();
    let room = most.saturating_sub(text.len());
    let skipped = if parts.len() > room { done.min(parts.len() + 1 - room) } else { 0 };
    if skipped > 1 {
        let line = format!(" {} {skipped} done", paint.glyphs().yes);
        text.line(Line::styled(line, paint.theme.faint()));
    }
    for part in parts.iter().skip(if skipped > 1 { skipped } else { 0 }) {
        let line = line(paint, part, text.width());
        text.line(line);
    }
    text
}

fn line(paint: &Paint<'_>, part: &Part, width: usize) -> Line<'static> {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let (mark, style): (&str, Style) = match part.state {
        PartState::Done => (glyphs.yes, theme.text()),
        PartState::Present => (glyphs.selected, theme.strong()),
        PartState::ToCome => (glyphs.starting, theme.faint()),
        PartState::Failed => (glyphs.no, theme.trouble_plate()),
    };
    let time = part.at.map(tenths).unwrap_or_default();
    let room = width.saturating_sub(5 + time.len());
    let words = paint.cut(&part.text, room);
    let gap = room.saturating_sub(Span::raw(words.as_str()).width()) + 1;
    Line::from(vec![
        Span::styled(format!(" {mark} "), style),
        Span::styled(words, style),
        Span::raw(" ".repeat(gap)),
        Span::styled(time, theme.faint()),
    ])
}

fn parts(status: &RunStatus<'_>) -> Vec<Part> {
    let moments = &status.moments;
    let since = |at: Duration| at.saturating_sub(moments.begun);
    let stage = |of: StageName, at: Option<Duration>| match (status.stage == of, status.stage > of) {
        (true, _) => (PartState::Present, None),
        (false, true) => (PartState::Done, at.map(since)),
        (false, false) => (PartState::ToCome, None),
    };
    let part =
        |text: &str, (state, at): (PartState, Option<Duration>)| Part { text: text.to_owned(), state, at };
    let mut parts = vec![part("steady state", stage(StageName::Steady, moments.steady))];
    parts.extend(status.steps.iter().enumerate().map(|(place, step)| of_step(status, place, step)));
    parts.push(part("heal", stage(StageName::Healing, moments.heal)));
    parts.push(part("steady state again", stage(StageName::SteadyAgain, moments.healed)));
    parts.push(part("verdict", stage(StageName::Judging, None)));
    parts
}

fn of_step(status: &RunStatus<'_>, place: usize, step: &StepResult) -> Part {
    let state = match (step.done, status.present == Some(place)) {
        _ if step.failure.is_some() => PartState::Failed,
        (Some(_), _) => PartState::Done,
        (None, true) => PartState::Present,
        (None, false) => PartState::ToCome,
    };
    let fault = if step.is_fault { "the fault: " } else { "" };
    let words = step.caption.as_ref().unwrap_or(&step.text);
    let at = step.done.or(step.begun).map(|at| at.saturating_sub(status.moments.begun));
    Part { text: format!("{fault}{words}"), state, at }
}
