//! A question to a class: who has answered, then how, and the discussion between two polls.

use super::band::{hints, offered};
use crate::actions::ActionId;
use crate::app::lessons::PlayedLesson;
use crate::view::drills::text::Text;
use crate::view::paint::Paint;
use raftdeck_drills::{Poll, PollStage, Question, answers_in};
use ratatui::text::{Line, Span};

/// The widest bar, in cells.
const BAR: usize = 20;

/// The question, its options, and how far the poll is.
pub(super) fn asked(
    paint: &Paint<'_>,
    text: &mut Text,
    played: &PlayedLesson,
    question: &Question,
    poll: &Poll,
) {
    let theme = paint.theme;
    let word = match poll.stage {
        PollStage::Discussing { .. } => "DISCUSS WITH YOUR NEIGHBOUR",
        _ if poll.is_second() => "ONCE MORE",
        _ => "QUESTION",
    };
    text.plate(&format!(" {word}: {} ", question.ask.question), theme.trouble_band());
    let shows_counts = poll.stage != PollStage::Open;
    for (place, option) in question.ask.options.iter().enumerate() {
        text.led(Span::styled(format!("  {} ", place + 1), theme.key()), &option.text, theme.text());
        if shows_counts {
            text.line(bar(paint, poll, place, text.width()));
        }
    }
    hints(paint, text, question.hints_taken());
    text.line(status(paint, played, poll));
}

/// How far the poll is, and what the keys do.
fn status(paint: &Paint<'_>, played: &PlayedLesson, poll: &Poll) -> Line<'static> {
    let theme = paint.theme;
    let (said, offers): (String, Vec<(ActionId, &str)>) = match poll.stage {
        PollStage::Open => match &paint.app.lessons.audience {
            Some(link) => {
                let said = format!(
                    " {} of {} phones have answered",
                    poll.answers(),
                    link.joined.max(poll.answers())
                );
                (said, vec![(ActionId::LessonNext, "closes the poll")])
            }
            None if poll.answers() > 0 => (
                format!(" {} hands", poll.answers()),
                vec![(ActionId::LessonNext, "shows how they are divided")],
            ),
            None => (
                " Raise your hands.".to_owned(),
                vec![
                    (ActionId::LessonAnswer, "counts them: 3 12 1"),
                    (ActionId::LessonNext, "shows the answer"),
                ],
            ),
        },
        PollStage::Counted { is_discussion_proposed: true } => (
            " Worth two minutes with your neighbour.".to_owned(),
            vec![(ActionId::LessonNext, "begins them"), (ActionId::LessonOtherwise, "shows the answer")],
        ),
        PollStage::Counted { .. } => {
            let mut offers = vec![(ActionId::LessonNext, "shows the answer on the cluster")];
            if !poll.is_second() {
                offers.push((ActionId::LessonOtherwise, "begins a discussion"));
            }
            (format!(" {} answers", poll.answers()), offers)
        }
        PollStage::Discussing { until } => {
            let left = played.discussion_left(until, paint.now);
            let said = if left.is_zero() {
                " The two minutes are over.".to_owned()
            } else {
                format!(" {}:{:02} left", left.as_secs() / 60, left.as_secs() % 60)
            };
            (
                said,
                vec![
                    (ActionId::LessonNext, "asks once more"),
                    (ActionId::LessonOtherwise, "shows the answer"),
                ],
            )
        }
    };
    offered(paint, Span::styled(said, theme.strong()), offers)
}

/// The share of one option; in the second poll, that of the first too.
fn bar(paint: &Paint<'_>, poll: &Poll, place: usize, width: usize) -> Line<'static> {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let count = poll.counts.get(place).copied().unwrap_or_default();
    let share = share(count, poll.answers());
    let room = width.saturating_sub(30).min(BAR);
    let full = (usize::try_from(share).unwrap_or_default() * room).div_ceil(100);
    let mut spans = vec![
        Span::raw("    "),
        Span::styled(glyphs.bar_full.repeat(full), theme.leader_line()),
        Span::styled(glyphs.bar_empty.repeat(room - full), theme.faint()),
        Span::styled(format!(" {share} % ({count})"), theme.strong()),
    ];
    if let Some(first) = &poll.first {
        let before = first.get(place).copied().unwrap_or_default();
        let share = self::share(before, answers_in(first));
        spans.push(Span::styled(format!("  before: {share} %"), theme.faint()));
    }
    Line::from(spans)
}

/// In percent, to the nearest.
fn share(count: u32, all: u32) -> u32 {
    (u64::from(count) * 100 + u64::from(all) / 2)
        .checked_div(u64::from(all))
        .and_then(|share| u32::try_from(share).ok())
        .unwrap_or_default()
}

/// How many were right, and how many before the discussion.
pub(super) fn in_short(paint: &Paint<'_>, text: &mut Text, question: &Question, poll: &Poll) {
    let right = question.ask.right();
    let of = |counts: &[u32]| share(counts.get(right).copied().unwrap_or_default(), answers_in(counts));
    let now = of(&poll.counts);
    let said = match &poll.first {
        Some(first) => {
            format!("{} % of the class were right at first, {now} % after the discussion.", of(first))
        }
        None => format!("{now} % of the class were right."),
    };
    text.wrapped(" ", &said, paint.theme.faint());
}
