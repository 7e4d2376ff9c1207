//! The band below the view: where in the lesson the class is, and what it reads.

use super::{exhibit, poll, question};
use crate::actions::ActionId;
use crate::app::lessons::{LessonStage, PlayedLesson};
use crate::times::tenths;
use crate::view::drills::text::Text;
use crate::view::paint::Paint;
use raftdeck_drills::{Scene, ScenePart, Task};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// The least rows of a band, its rule included: it does not jump with each caption.
const LEAST: u16 = 4;

/// A screen with fewer rows than this has no room for it beside the nodes.
const LEAST_SCREEN: u16 = 14;

/// How many rows the band takes on a screen of this size.
pub(crate) fn rows(paint: &Paint<'_>, area: Rect) -> u16 {
    let is_hidden = area.height < LEAST_SCREEN || super::is_over(paint.app);
    if is_hidden || !paint.app.lessons.is_on() || paint.app.drills.playing().is_some() {
        return 0;
    }
    let lines = u16::try_from(words(paint, area.width).len()).unwrap_or(u16::MAX);
    lines.saturating_add(1).max(LEAST).min(area.height / 2)
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let text = words(paint, area.width);
    let title = paint.cut(&title(paint), usize::from(area.width).saturating_sub(6));
    paint.rule(area, 0, &title);
    for (row, line) in (1..area.height).zip(text.lines()) {
        paint.row(area, row, line);
    }
}

fn title(paint: &Paint<'_>) -> String {
    let dot = paint.glyphs().dot;
    let lessons = &paint.app.lessons;
    let mut title = match (&lessons.exhibit, lessons.playing()) {
        (Some(exhibit), _) => format!("The museum of bugs {dot} {}", exhibit.exhibit().title),
        (None, Some(played)) => {
            let chapters = played.lesson().chapters.len();
            let chapter = played.chapter().map(|chapter| chapter.title.text()).unwrap_or_default();
            let number = played.chapter_number() + 1;
            let number = if chapters > 1 { format!("{number}/{chapters} ") } else { String::new() };
            format!("{} {dot} {number}{chapter}", played.lesson().title)
        }
        (None, None) => String::new(),
    };
    if let Some(Scene { step: (step, steps), .. }) =
        lessons.scene(paint.now).filter(|scene| scene.step.0 < scene.step.1)
    {
        title = format!("{title} {dot} step {} of {steps}", step + 1);
    }
    title
}

/// What stands in the band.
fn words(paint: &Paint<'_>, width: u16) -> Text {
    let mut text = Text::new(width);
    let lessons = &paint.app.lessons;
    if let Some(exhibit) = &lessons.exhibit {
        exhibit::words(paint, &mut text, exhibit);
        return text;
    }
    match (lessons.playing(), lessons.scene(paint.now)) {
        (Some(played), Some(scene)) => of_scene(paint, &mut text, played, &scene),
        (Some(played), None) if matches!(played.stage(), LessonStage::Drill) => {
            text.wrapped(" ", "The drill is over.", paint.theme.strong());
            goes_on(paint, &mut text, "goes on with the lesson");
        }
        _ => text.wrapped(" ", "The cluster of this chapter is starting.", paint.theme.text()),
    }
    text
}

fn of_scene(paint: &Paint<'_>, text: &mut Text, played: &PlayedLesson, scene: &Scene) {
    let theme = paint.theme;
    match &scene.part {
        ScenePart::Starting => text.wrapped(" ", "The cluster of this chapter is starting.", theme.text()),
        ScenePart::CatchingUp(waits_for) => {
            text.wrapped(" ", "The cluster is brought to where you were.", theme.strong());
            text.wrapped(" ", waits_for, theme.faint());
        }
        ScenePart::Doing(waits_for) => {
            caption(text, scene, theme.strong());
            text.wrapped(" ", &format!("now: {waits_for}"), theme.faint());
        }
        ScenePart::Resting | ScenePart::Over => caption(text, scene, theme.strong()),
        ScenePart::Asking(asked) => {
            caption(text, scene, theme.text());
            match &asked.poll {
                Some(poll) => poll::asked(paint, text, played, asked, poll),
                None => question::asked(paint, text, asked),
            }
        }
        ScenePart::Revealing(asked, waits_for) => {
            text.plate(&format!(" WATCH: {} ", asked.ask.question), theme.selected());
            text.wrapped(" ", &format!("now: {waits_for}"), theme.faint());
        }
        ScenePart::Revealed(asked, explanation) => question::revealed(paint, text, asked, explanation),
        ScenePart::Acting(task) => acting(paint, text, scene, task),
        ScenePart::Playing(what) => {
            text.plate(" YOUR TURN ", theme.selected());
            text.wrapped(" ", what, theme.strong());
            goes_on(paint, text, "heals everything and goes on");
        }
        ScenePart::Failed(why) => {
            text.plate(" THIS DID NOT COME ABOUT ", theme.trouble_band());
            text.wrapped(" ", why, theme.text());
            goes_on(paint, text, "starts the chapter again and comes back to this step");
        }
    }
    if paint.app.lessons.has_notes && !scene.notes.is_empty() {
        text.wrapped(" notes: ", &scene.notes, theme.faint());
    }
}

fn caption(text: &mut Text, scene: &Scene, style: Style) {
    if !scene.caption.is_empty() {
        text.wrapped(" ", &scene.caption, style);
    }
}

fn acting(paint: &Paint<'_>, text: &mut Text, scene: &Scene, task: &Task) {
    let theme = paint.theme;
    caption(text, scene, theme.text());
    text.plate(&format!(" YOUR TASK: {} ", task.task), theme.trouble_band());
    hints(paint, text, task.hints.iter().map(String::as_str));
    let left = format!(" {} left of {}", tenths(task.left), tenths(task.allowed));
    let hint = (task.hints_left > 0).then_some((ActionId::LessonHint, "gives a hint"));
    let offers = hint.into_iter().chain([(ActionId::LessonOtherwise, "shows how")]);
    text.line(offered(paint, Span::styled(left, theme.text()), offers));
}

/// The hints that were taken.
pub(super) fn hints<'h>(paint: &Paint<'_>, text: &mut Text, hints: impl Iterator<Item = &'h str>) {
    let theme = paint.theme;
    for (number, hint) in (1..).zip(hints) {
        text.led(Span::styled(format!(" hint {number}  "), theme.strong()), hint, theme.text());
    }
}

/// A line that ends with what keys do, unless their names are hidden.
pub(super) fn offered<'o>(
    paint: &Paint<'_>,
    said: Span<'static>,
    offers: impl IntoIterator<Item = (ActionId, &'o str)>,
) -> Line<'static> {
    let mut spans = vec![said];
    for (id, does) in offers {
        if let Some(key) = paint.key(id) {
            spans.push(Span::styled(format!("   {key} "), paint.theme.key()));
            spans.push(Span::styled(does.to_owned(), paint.theme.faint()));
        }
    }
    Line::from(spans)
}

/// Says what the key does that goes on, unless the names of keys are hidden.
pub(super) fn goes_on(paint: &Paint<'_>, text: &mut Text, does: &str) {
    if let Some(key) = paint.key(ActionId::LessonNext) {
        text.led(Span::styled(format!(" {key} "), paint.theme.key()), does, paint.theme.faint());
    }
}
