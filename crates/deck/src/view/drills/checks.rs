//! What is asserted against what is measured, and the times since the fault.

use super::text::Text;
use crate::app::drills::Playing;
use crate::times::tenths;
use crate::view::paint::Paint;
use raftdeck_drills::report::bound_told;
use raftdeck_drills::{CheckKind, CheckResult, CheckState, LiveCheck, Millis, Moments, Severity};
use ratatui::style::Style;
use ratatui::text::Span;
use std::time::Duration;

/// The assertions of a running drill.
pub(super) fn live(paint: &Paint<'_>, playing: &Playing, t: Duration, width: u16) -> Text {
    let mut text = Text::new(width);
    let checks = playing.checks(paint.real);
    if checks.is_empty() {
        return text;
    }
    text.heading("checks so far", paint.theme.strong());
    for check in &checks {
        one_live(paint, &mut text, check, t);
    }
    text
}

fn one_live(paint: &Paint<'_>, text: &mut Text, check: &LiveCheck, t: Duration) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let (mark, style) = match check.holds {
        Some(true) => (glyphs.yes, theme.leader_line()),
        Some(false) => (glyphs.no, theme.trouble_plate()),
        None => (glyphs.starting, theme.faint()),
    };
    let words = match (&check.measured, &check.bound) {
        (Some(measured), Some(bound)) => {
            let word = if check.holds == Some(false) { "TOO FAR: " } else { "" };
            format!("{}: {word}{} {measured}, {}", check.name, check.expr, bound_told(bound, t))
        }
        (None, Some(bound)) => {
            format!("{}: {} not measured yet, {}", check.name, check.expr, bound_told(bound, t))
        }
        _ => format!("{}: judged at the end", check.name),
    };
    let words_style: Style = if check.holds.is_none() { theme.faint() } else { theme.text() };
    text.led(Span::styled(format!(" {mark} "), style), &words, words_style);
}

/// What happened since the fault, each with its time after it.
pub(super) fn since_fault(paint: &Paint<'_>, moments: &Moments, now: Option<Duration>, width: u16) -> Text {
    let mut text = Text::new(width);
    let Some(fault) = moments.fault else { return text };
    let theme = paint.theme;
    let heading = match now.filter(|_| moments.heal.is_none()) {
        Some(now) => format!("since the fault: {}", tenths(now.saturating_sub(fault))),
        None => "after the fault".to_owned(),
    };
    text.heading(&heading, theme.strong());
    let rows = [
        ("first vote request", moments.detect),
        ("next leader's first heartbeat", moments.lead),
        ("first write acknowledged", moments.write),
        ("heal begun", moments.heal),
        ("steady again", moments.healed),
    ];
    for (name, at) in rows.into_iter().filter_map(|(name, at)| Some((name, at?))) {
        let after = Millis(at.saturating_sub(fault)).to_string();
        text.led(Span::styled(format!(" {after:>9}  "), theme.strong()), name, theme.text());
    }
    if moments.detect.or(moments.lead).is_none() {
        text.wrapped(" ", "no vote request was seen yet", theme.faint());
    }
    text
}

/// The checks of a drill that is over.
pub(super) fn results(paint: &Paint<'_>, checks: &[CheckResult], t: Duration, width: u16) -> Text {
    let mut text = Text::new(width);
    text.heading("checks", paint.theme.strong());
    // First what the drill is about, then what is judged in every one; what does not hold comes first.
    let rank = |check: &&CheckResult| (check.state == CheckState::Holds, check.kind == CheckKind::Always);
    let mut sorted: Vec<&CheckResult> = checks.iter().collect();
    sorted.sort_by_key(rank);
    for check in sorted {
        one_result(paint, &mut text, check, t);
    }
    text
}

fn one_result(paint: &Paint<'_>, text: &mut Text, check: &CheckResult, t: Duration) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let (mark, word, why, style) = match &check.state {
        CheckState::Holds => (glyphs.yes, "", "", theme.leader_line()),
        CheckState::Broken(why) => (glyphs.no, "BROKEN", why.as_str(), theme.trouble_plate()),
        CheckState::Unknown(why) => (glyphs.ask, "NOT KNOWN", why.as_str(), theme.strong()),
    };
    let measured = check.measured.map(|measured| format!(": {} {measured}", check.expr)).unwrap_or_default();
    let bound = check.bound.as_ref().map(|bound| format!(", {}", bound_told(bound, t))).unwrap_or_default();
    let should = if check.severity == Severity::Should { " (should)" } else { "" };
    let word = if word.is_empty() { String::new() } else { format!(" {} {word}: {why}", glyphs.dot) };
    let words = format!("{}{measured}{bound}{should}{word}", check.name);
    text.led(Span::styled(format!(" {mark} "), style), &words, theme.text());
}
