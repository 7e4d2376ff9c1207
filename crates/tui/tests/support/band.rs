//! The band of a lesson, read off the screen as a class reads it, and the stops at which a lesson rests.

use super::deck::Deck;
use super::table::rows;
use raftdeck_drills::{Chapter, Lesson, LessonStep};

/// The keys of a presenter remote.
pub(crate) const ON: &str = "\x1b[6~";
pub(crate) const BACK: &str = "\x1b[5~";

/// A moment at which a lesson rests and waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// What the rule above the band says.
    pub(crate) title: String,
    /// What can be read in the band.
    pub(crate) text: String,
    /// Whether cluster time is frozen.
    pub(crate) is_frozen: bool,
}

/// The stops of a chapter that a class plays, in order.
pub(crate) fn stops(lesson: &Lesson, number: usize) -> Vec<Stop> {
    let chapter = &lesson.chapters[number];
    let title = |step: usize| title(lesson, number, chapter, step);
    let of_step = |(step, it): (usize, &LessonStep)| {
        let stop = |text: &str, is_frozen| Stop { title: title(step), text: spaced(text), is_frozen };
        match (&it.ask, &it.reveal) {
            (Some(ask), Some(reveal)) => vec![stop(ask.question.text(), true), stop(&reveal.explain, true)],
            _ => vec![stop(it.in_words(), it.freeze)],
        }
    };
    chapter.steps.iter().enumerate().flat_map(of_step).collect()
}

fn title(lesson: &Lesson, number: usize, chapter: &Chapter, step: usize) -> String {
    let (chapters, steps) = (lesson.chapters.len(), chapter.steps.len());
    let number = if chapters > 1 { format!("{}/{chapters} ", number + 1) } else { String::new() };
    format!("{} · {number}{} · step {} of {steps}", lesson.title, chapter.title, step + 1)
}

/// The band's rule and what stands below it, each as one line of words; `None`: there is no band.
pub(crate) fn band(screen: &vt100::Screen, lesson: &str) -> Option<(String, String)> {
    let mut lines = lines(screen).skip_while(|line| !line.contains(&format!("── {lesson} · ")));
    let title = spaced(lines.next()?.trim_matches('─'));
    // The last two lines are the keys.
    let below: Vec<String> = lines.collect();
    let text = &below[..below.len().saturating_sub(2)];
    Some((title, spaced(&text.join(" "))))
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is seen of a chapter while it does not rest.
const AT_IT: [&str; 3] =
    ["now: ", "The cluster is brought to where you were.", "The cluster of this chapter is starting."];

/// Whether the lesson rests at this stop, in the present or in the past.
pub(crate) fn is_at(screen: &vt100::Screen, lesson: &str, stop: &Stop) -> bool {
    let Some((title, text)) = band(screen, lesson) else { return false };
    title == stop.title && text.contains(&stop.text) && rests(&text) && !is_played(screen)
}

fn rests(band: &str) -> bool {
    !AT_IT.iter().any(|word| band.contains(word))
}

/// Whether the deck shows the past.
fn is_past(screen: &vt100::Screen) -> bool {
    header(screen).contains(" PAST ")
}

/// Whether what is shown moves at the pace at which it happened.
pub(crate) fn is_played(screen: &vt100::Screen) -> bool {
    [" PAST ▶ ", " RECORDING  ▶ "].iter().any(|mark| header(screen).contains(mark))
}

/// Whether cluster time is frozen.
fn is_frozen(screen: &vt100::Screen) -> bool {
    header(screen).contains(" FROZEN ")
}

fn header(screen: &vt100::Screen) -> String {
    lines(screen).next().unwrap_or_default()
}

fn lines(screen: &vt100::Screen) -> impl Iterator<Item = String> {
    let (_, columns) = screen.size();
    screen.rows(0, columns.get())
}

/// Waits until the lesson rests at this stop in the present.
pub(crate) fn wait_present(deck: &Deck, lesson: &str, stop: &Stop) {
    deck.wait_for(&format!("{stop:?}"), |screen| {
        let is_there = is_at(screen, lesson, stop) && !is_past(screen);
        is_there && (!stop.is_frozen || is_frozen(screen))
    });
}

/// Waits until the lesson rests with this in its band.
pub(crate) fn wait_band(deck: &Deck, lesson: &str, wanted: &str) {
    deck.wait_for(&format!("in the band: {wanted}"), |screen| {
        band(screen, lesson)
            .is_some_and(|(title, text)| rests(&text) && format!("{title} {text}").contains(wanted))
    });
}

/// Waits until this stop is shown as it was. What the deck shows then.
pub(crate) fn wait_past(deck: &Deck, lesson: &str, stop: &Stop) -> Vec<String> {
    let mut shown = Vec::new();
    deck.wait_for(&format!("the past: {stop:?}"), |screen| {
        shown = picture(screen, lesson);
        is_at(screen, lesson, stop) && is_past(screen)
    });
    shown
}

/// What the deck shows above the band.
pub(crate) fn picture(screen: &vt100::Screen, lesson: &str) -> Vec<String> {
    let above = lines(screen).take_while(|line| !line.contains(&format!("── {lesson} · ")));
    // Whether a blank at the end was written or erased is not to be seen.
    above.map(|line| line.trim_end().to_owned()).collect()
}

/// What the deck tells of the cluster, without what changes although cluster time is frozen: who leads, and of each node its role, term,
/// vote and log.
pub(crate) fn facts(screen: &vt100::Screen) -> Vec<String> {
    let claim = lines(screen).nth(1).filter(|line| !line.trim().is_empty()).or(lines(screen).nth(2));
    let claim = claim.iter().flat_map(|line| line.split("  ")).next().unwrap_or_default().to_owned();
    let of_logs = lines(screen).skip_while(|line| !line.starts_with("── logs"));
    let logs = of_logs.skip(1).take_while(|line| !line.starts_with("──")).map(|line| spaced(&line));
    // What the entries contain is asked for, and comes later.
    let logs = logs.filter(|line| line.trim_start_matches("▶ ").starts_with('n'));
    let table = rows(screen)
        .into_iter()
        .map(|row| format!("{:?}", (row.node, row.role, row.term, row.vote, row.last, row.commit)));
    [claim].into_iter().chain(table).chain(logs).collect()
}
