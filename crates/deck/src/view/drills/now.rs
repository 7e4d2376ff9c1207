//! What matters now in a running drill: a question, a task, or what the drill is doing by itself. It stands at the top.

use super::text::Text;
use crate::actions::ActionId;
use crate::app::View;
use crate::app::drills::Playing;
use crate::times::tenths;
use crate::view::paint::Paint;
use raftdeck_drills::{ActStatus, AskOption, AskStatus, Hint, Millis, RunStatus, StageName};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Duration;

/// The widest that a countdown is, in cells.
const BAR: usize = 30;

/// What matters now.
pub(super) fn now(paint: &Paint<'_>, playing: &Playing, status: &RunStatus<'_>, width: u16) -> Text {
    let mut text = Text::new(width);
    if let Some(ask) = &status.ask {
        question(paint, &mut text, ask);
    } else if let Some(act) = &status.act {
        task(paint, &mut text, act);
    } else {
        by_itself(paint, &mut text, playing, status);
    }
    text
}

fn question(paint: &Paint<'_>, text: &mut Text, status: &AskStatus<'_>) {
    let theme = paint.theme;
    let (ask, chosen) = (status.ask, status.chosen);
    let is_right = chosen.and_then(|chosen| ask.options.get(chosen)).map(|option| option.right);
    match is_right {
        None => text.plate(&format!(" QUESTION: {} ", ask.question), theme.trouble_band()),
        Some(true) => {
            text.plate(&format!(" {} RIGHT: {} ", paint.glyphs().yes, ask.question), theme.leader_plate());
        }
        Some(false) => {
            text.plate(&format!(" {} WRONG: {} ", paint.glyphs().no, ask.question), theme.trouble_band());
        }
    }
    text.blank();
    for (place, option) in ask.options.iter().enumerate() {
        match chosen {
            None => {
                text.led(Span::styled(format!("  {} ", place + 1), theme.key()), &option.text, theme.text());
            }
            Some(chosen) => answered(paint, text, (place, option), chosen),
        }
    }
    text.blank();
    if chosen.is_none() {
        let range = format!("  1-{} ", ask.options.len());
        text.led(
            Span::styled(range, theme.key()),
            "chooses an answer; the drill waits for it",
            theme.faint(),
        );
        return;
    }
    text.paragraphs("  ", &ask.reveal, theme.text());
    if !ask.reveal.trim().is_empty() {
        text.blank();
    }
    let key = format!("  {} ", paint.app.key_in(View::Drills, ActionId::Continue));
    text.led(Span::styled(key, theme.key()), "goes on", theme.text());
}

/// An option after the answer: whether it is right, and what is wrong about the chosen one.
fn answered(paint: &Paint<'_>, text: &mut Text, (place, option): (usize, &AskOption), chosen: usize) {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let is_chosen = place == chosen;
    let (mark, style) = match (option.right, is_chosen) {
        (true, _) => (glyphs.yes, theme.strong()),
        (false, true) => (glyphs.no, theme.text()),
        (false, false) => (" ", theme.faint()),
    };
    let said = match (option.right, is_chosen) {
        (true, true) => " (your answer)",
        (true, false) => " (the right answer)",
        (false, true) => " (your answer: wrong)",
        (false, false) => "",
    };
    text.led(
        Span::styled(format!("  {mark} {} ", place + 1), style),
        &format!("{}{said}", option.text),
        style,
    );
    if is_chosen && !option.right && !option.misconception.trim().is_empty() {
        text.wrapped("      ", option.misconception.trim(), theme.strong());
    }
}

fn task(paint: &Paint<'_>, text: &mut Text, status: &ActStatus<'_>) {
    let theme = paint.theme;
    text.plate(&format!(" YOUR TASK: {} ", status.act.task), theme.trouble_band());
    text.blank();
    let label = format!(" {} left of {} ", tenths(status.left), tenths(status.allowed));
    text.line(countdown(paint, status, &label, text.width()));
    for (number, hint) in (1..).zip(status.hints) {
        text.blank();
        text.led(Span::styled(format!(" hint {number}  "), theme.strong()), &hint.text, theme.text());
    }
    text.blank();
    let key = |id| format!(" {} ", paint.app.key_in(View::Drills, id));
    let tab = paint.app.key_of(ActionId::NextView);
    text.wrapped(" ", &format!("Use the keys of the deck, here or in another view ({tab})."), theme.text());
    let next = status.act.hints.get(status.hints.len());
    if let Some(Hint { cost, .. }) = next {
        let cost = if *cost == 0 {
            "it costs nothing".to_owned()
        } else {
            format!("it costs {cost} points of the task's 100")
        };
        text.led(
            Span::styled(key(ActionId::Hint), theme.key()),
            &format!("the next hint; {cost}"),
            theme.text(),
        );
    }
    let give_up = "gives the task up: the drill does it, and you get no points for it";
    text.led(Span::styled(key(ActionId::GiveUp), theme.key()), give_up, theme.text());
}

/// The time that is left, as a bar and in the figures of the label.
pub(super) fn countdown(
    paint: &Paint<'_>,
    status: &ActStatus<'_>,
    label: &str,
    width: usize,
) -> Line<'static> {
    let room = width.saturating_sub(label.len() + 2).min(BAR);
    let mut spans = bar(paint, status.left, status.allowed, room);
    spans.insert(0, Span::raw(" "));
    spans.push(Span::styled(label.to_owned(), paint.theme.strong()));
    if paint.app.clock.is_frozen() {
        spans.push(Span::styled("frozen", paint.theme.trouble_plate()));
    }
    Line::from(spans)
}

fn bar(paint: &Paint<'_>, left: Duration, allowed: Duration, width: usize) -> Vec<Span<'static>> {
    let (glyphs, theme) = (paint.glyphs(), paint.theme);
    let whole = allowed.as_millis().max(1);
    let cells = left.as_millis().min(whole) * width as u128;
    // What is left is never shown as nothing.
    let full = usize::try_from(cells.div_ceil(whole)).unwrap_or(width).min(width);
    let is_short = left < allowed / 4;
    let style: Style = if is_short { theme.trouble_line() } else { theme.leader_line() };
    vec![
        Span::styled(glyphs.bar_full.repeat(full), style),
        Span::styled(glyphs.bar_empty.repeat(width - full), theme.faint()),
    ]
}

fn by_itself(paint: &Paint<'_>, text: &mut Text, playing: &Playing, status: &RunStatus<'_>) {
    let theme = paint.theme;
    let (claim, detail) = doing(paint, playing, status);
    text.plate(&format!(" {claim} "), theme.selected());
    for detail in detail {
        text.wrapped(" ", &detail, theme.text());
    }
}

/// What the drill is doing: a claim, and details.
pub(super) fn doing(paint: &Paint<'_>, playing: &Playing, status: &RunStatus<'_>) -> (String, Vec<String>) {
    let waits = || {
        if status.waits_for.is_empty() {
            Vec::new()
        } else {
            vec![format!("waits for: {}", status.waits_for)]
        }
    };
    match status.stage {
        _ if paint.app.world.is_empty() => ("THE CLUSTER STARTS".to_owned(), Vec::new()),
        StageName::Steady => ("WAITING FOR THE STEADY STATE".to_owned(), waits()),
        StageName::Steps => step(status, waits()),
        StageName::Healing => ("HEALING".to_owned(), vec!["what the drill broke is undone".to_owned()]),
        StageName::SteadyAgain => ("WAITING FOR THE STEADY STATE AGAIN".to_owned(), waits()),
        StageName::Judging => {
            ("OBSERVING AND JUDGING".to_owned(), vec!["the last requests are answered".to_owned()])
        }
        StageName::Over => (format!("{} IS OVER", playing.run().drill().title), Vec::new()),
    }
}

fn step(status: &RunStatus<'_>, waits: Vec<String>) -> (String, Vec<String>) {
    let count = status.steps.len();
    let Some((place, step)) = status.present.and_then(|place| Some((place, status.steps.get(place)?))) else {
        return ("THE STEPS ARE DONE".to_owned(), waits);
    };
    let claim = format!("STEP {} OF {count}", place + 1);
    let caption = step.caption.as_ref().filter(|caption| **caption != step.text);
    match step.begun {
        None => (format!("{claim} COMES NEXT"), vec![step.text.clone()]),
        Some(begun) => {
            let since = Millis(status.now.saturating_sub(begun)).to_string();
            let mut lines: Vec<String> = caption.into_iter().cloned().collect();
            lines.push(format!("{} ({since})", step.text));
            let is_same = |wait: &String| {
                let wait = wait.trim_start_matches("waits for: ");
                step.text.contains(wait) || wait.ends_with(&step.text)
            };
            lines.extend(waits.into_iter().filter(|wait| !is_same(wait)));
            (claim, lines)
        }
    }
}
