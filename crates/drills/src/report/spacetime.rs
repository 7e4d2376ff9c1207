//! The messages of the decisive moment: a column for each node, time downwards, an arrow for each message.

use super::axis::{Px, count};
use super::words::{Origin, counted, told_finely};
use crate::outcome::Outcome;
use maud::{Markup, html};
use raftdeck_model::{FrameKind, MessageReport, MessageState};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most messages that a person can follow.
const MOST: usize = 40;
const LEFT: f64 = 100.0;
const TOP: f64 = 40.0;
const LEAST_ROW: f64 = 20.0;
const MOST_ROW: f64 = 52.0;
const LEAST_FALL: f64 = 9.0;
/// From the end of an arrow to the next label of the same node.
const BELOW_END: f64 = 21.0;
/// Pixels for each T, between the least and the most.
const PER_T: f64 = 60.0;

/// The section with the diagram. Nothing at all if no message was kept.
pub(super) fn spacetime(outcome: &Outcome) -> Markup {
    let messages = chosen(&outcome.timeline.messages, outcome.violation.is_some());
    if messages.is_empty() {
        return html! {};
    }
    let kept_out = u64::try_from(outcome.timeline.messages.len() - messages.len()).unwrap_or(u64::MAX);
    let left_out = outcome.timeline.messages_skipped.saturating_add(kept_out);
    html! {
        section id="messages" {
            h2 { "Messages of the decisive moment" }
            p class="hint" {
                "Time runs downwards, and long waits are shortened. "
                "Messages of replication are grey, others blue, and lost ones orange with × at their end. "
                (counted(messages.len(), "message"))
                @match left_out {
                    0 => ".",
                    left_out => { "; " (left_out) " more are left out." }
                }
            }
            div class="scroll" { (diagram(outcome, &messages)) }
        }
    }
}

/// At most [`MOST`] messages, in order of time: first those that are not of replication, then the earliest others, or the latest ones
/// where a violation is at the end.
fn chosen(messages: &[MessageReport], ends_in_violation: bool) -> Vec<&MessageReport> {
    let mut sorted: Vec<&MessageReport> = messages.iter().collect();
    sorted.sort_by_key(|message| (message.sent, message.id));
    let (mut routine, mut kept): (Vec<_>, Vec<_>) =
        sorted.into_iter().partition(|message| is_routine(message.kind));
    if ends_in_violation {
        routine.reverse();
    }
    kept.extend(routine);
    kept.truncate(MOST);
    kept.sort_by_key(|message| (message.sent, message.id));
    kept
}

fn is_routine(kind: FrameKind) -> bool {
    matches!(kind, FrameKind::Heartbeat | FrameKind::AppendReply | FrameKind::AppendEntries)
}

/// When a message ended, if it did or is known to.
fn end_of(message: &MessageReport) -> Option<Duration> {
    match message.state {
        MessageState::Delivered { at } | MessageState::Lost { at } | MessageState::UnderWay { due: at } => {
            Some(at)
        }
        MessageState::Held => None,
    }
}

/// Where each message begins and ends, from top to bottom, and the times beside them.
struct Layout {
    starts: Vec<f64>,
    ends: Vec<f64>,
    times: Vec<(f64, Duration)>,
    height: f64,
}

/// The beginnings and ends of messages by time, ends first: when, whether it is a beginning, and of which message. A message that took no
/// time has no end of its own.
fn events(messages: &[&MessageReport]) -> Vec<(Duration, bool, usize)> {
    let mut events: Vec<(Duration, bool, usize)> = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        events.push((message.sent, true, i));
        events.extend(end_of(message).filter(|at| *at > message.sent).map(|at| (at, false, i)));
    }
    events.sort_unstable();
    events
}

/// Beginnings get a row each, as each has a label, and stand below all arrows that point at their node by then. Ends at the same time share
/// a row. Between them more time takes more space, up to a limit. So what is lower is never earlier.
fn layout(messages: &[&MessageReport], t: Duration) -> Layout {
    let none = vec![0.0; messages.len()];
    let mut layout = Layout { starts: none.clone(), ends: none, times: Vec::new(), height: 0.0 };
    let mut lowest_end: BTreeMap<NodeId, f64> = BTreeMap::new();
    let (mut y, mut before): (f64, Option<(Duration, bool)>) = (TOP, None);
    for (at, is_start, i) in events(messages) {
        let since = before.map(|(before, _)| at.saturating_sub(before));
        let is_shared = !is_start && since == Some(Duration::ZERO) && matches!(before, Some((_, false)));
        if !is_shared && before.is_some() {
            y += step(since.unwrap_or_default(), t, if is_start { LEAST_ROW } else { LEAST_FALL });
        }
        if is_start {
            let least = lowest_end.get(&messages[i].from).map_or(y, |end| end + BELOW_END);
            y = y.max(least);
            (layout.starts[i], layout.ends[i]) = (y, y + LEAST_FALL);
        } else {
            layout.ends[i] = layout.ends[i].max(y);
        }
        let lowest = lowest_end.entry(messages[i].to).or_default();
        *lowest = lowest.max(layout.ends[i]);
        let is_apart = layout.times.last().is_none_or(|(last, _)| y - last >= 13.0);
        if since != Some(Duration::ZERO) && is_apart {
            layout.times.push((y, at));
        }
        before = Some((at, is_start));
    }
    layout.height = layout.ends.iter().copied().fold(y, f64::max) + 24.0;
    layout
}

fn step(since: Duration, t: Duration, least: f64) -> f64 {
    let share = if t.is_zero() { 0.0 } else { since.as_secs_f64() / t.as_secs_f64() };
    (share * PER_T).clamp(least, MOST_ROW)
}

/// The columns: all nodes of the run and all ends of messages, by id.
fn columns(outcome: &Outcome, messages: &[&MessageReport]) -> Vec<NodeId> {
    let known = outcome.timeline.nodes.iter().map(|node| node.node);
    let ends = messages.iter().flat_map(|message| [message.from, message.to]);
    known.chain(ends).collect::<BTreeSet<_>>().into_iter().collect()
}

fn diagram(outcome: &Outcome, messages: &[&MessageReport]) -> Markup {
    let nodes = columns(outcome, messages);
    let between = (960.0 / count(nodes.len().saturating_sub(1).max(1))).clamp(150.0, 340.0);
    let place = |node: NodeId| LEFT + between * (count(nodes.partition_point(|other| *other < node)) + 0.4);
    let layout = layout(messages, outcome.context.t());
    let origin = Origin::of(outcome);
    let width = LEFT + between * (count(nodes.len().saturating_sub(1)) + 0.8);
    html! {
        svg class="picture spacetime" role="img" aria-label="Messages between the nodes" width=(Px(width)) height=(Px(layout.height))
            viewBox={ "0 0 " (Px(width)) " " (Px(layout.height)) } {
            @for (y, at) in &layout.times {
                line class="moment" x1=(Px(LEFT - 20.0)) x2=(Px(width)) y1=(Px(*y)) y2=(Px(*y)) {}
                text class="row" x=(Px(LEFT - 26.0)) y=(Px(y + 4.0)) { (told_finely(origin, *at)) }
            }
            @for node in &nodes {
                @let x = place(*node);
                line class="node" x1=(Px(x)) x2=(Px(x)) y1="24" y2=(Px(layout.height - 8.0)) {}
                text class="strong" x=(Px(x)) y="16" { "n" (node.0) }
            }
            @for (i, message) in messages.iter().enumerate() {
                (arrow(message, (place(message.from), layout.starts[i]), (place(message.to), layout.ends[i]), origin))
            }
        }
    }
}

/// An arrow from where it was sent towards where it was to arrive.
fn arrow(message: &MessageReport, from: (f64, f64), to: (f64, f64), origin: Origin) -> Markup {
    let (class, share, fate) = match message.state {
        MessageState::Delivered { .. } => ("delivered", 1.0, "delivered"),
        MessageState::Lost { .. } => ("lost", 0.62, "lost"),
        MessageState::UnderWay { .. } => ("under-way", 0.8, "still under way"),
        MessageState::Held => ("held", 0.45, "held"),
    };
    let kind = if is_routine(message.kind) { "routine" } else { "election" };
    let end = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
    let side = if to.0 < from.0 { -1.0 } else { 1.0 };
    let anchor = if side < 0.0 { "end" } else { "start" };
    html! {
        g class={ "arrow " (class) " " (kind) } {
            title {
                (label(message)) " from n" (message.from.0) " to n" (message.to.0)
                ", sent at " (told_finely(origin, message.sent)) ", " (fate)
                @if !message.fields.is_empty() { ": " (message.fields) }
            }
            line x1=(Px(from.0)) y1=(Px(from.1)) x2=(Px(end.0)) y2=(Px(end.1)) {}
            circle cx=(Px(from.0)) cy=(Px(from.1)) r="2.5" {}
            (tip(message.state, end, from))
            text text-anchor=(anchor) x=(Px(from.0 + side * 9.0)) y=(Px(from.1 - 5.0)) {
                (label(message))
                @if class != "delivered" { " (" (fate) ")" }
            }
        }
    }
}

/// The end of an arrow: a point, a cross, or a bar.
fn tip(state: MessageState, (x, y): (f64, f64), from: (f64, f64)) -> Markup {
    match state {
        MessageState::Delivered { .. } | MessageState::UnderWay { .. } => {
            let (dx, dy) = (x - from.0, y - from.1);
            let length = dx.hypot(dy).max(1.0);
            let (dx, dy) = (dx / length, dy / length);
            let corner = |side: f64| (x - 8.0 * dx - side * 4.0 * dy, y - 8.0 * dy + side * 4.0 * dx);
            let ((ax, ay), (bx, by)) = (corner(1.0), corner(-1.0));
            html! { path class="tip" d={ "M" (Px(x)) " " (Px(y)) "L" (Px(ax)) " " (Px(ay)) "L" (Px(bx)) " " (Px(by)) "z" } {} }
        }
        MessageState::Lost { .. } => html! {
            path class="cross" d={ "M" (Px(x - 5.0)) " " (Px(y - 5.0)) "l10 10m0 -10l-10 10" } {}
        },
        MessageState::Held => html! {
            path class="cross" d={ "M" (Px(x - 2.0)) " " (Px(y - 6.0)) "v12m5 -12v12" } {}
        },
    }
}

/// What a message is: its kind, its term, how many entries it has, or what it answers.
fn label(message: &MessageReport) -> String {
    let answer = match message.granted {
        Some(true) => " yes",
        Some(false) => " no",
        None => "",
    };
    let entries = if message.entries > 0 { format!(" ×{}", message.entries) } else { String::new() };
    format!("{}{answer}{entries} t{}", message.kind.name(), message.term.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn elections_are_kept_when_not_all_messages_fit() {
        let outcome = sample::passed();
        let election = outcome.timeline.messages.iter().filter(|m| !is_routine(m.kind)).count();
        assert!(election > 0);
        let mut many = outcome.timeline.messages.clone();
        let heartbeat = many.iter().find(|m| m.kind == FrameKind::Heartbeat).unwrap().clone();
        many.splice(0..0, vec![heartbeat; 200]);
        let last = many.iter().map(|m| m.id).max().unwrap();
        let has_last = |chosen: &[&MessageReport]| chosen.iter().any(|m| m.id == last);
        let (early, late) = (chosen(&many, false), chosen(&many, true));
        assert!(!has_last(&early) && has_last(&late), "before a violation the last messages matter");
        let chosen = early;
        assert_eq!(chosen.len(), MOST);
        assert_eq!(chosen.iter().filter(|m| !is_routine(m.kind)).count(), election);
        assert!(chosen.is_sorted_by_key(|m| m.sent));
    }

    #[test]
    fn it_says_how_many_messages_are_left_out() {
        let mut outcome = sample::passed();
        outcome.timeline.messages_skipped = 7;
        assert!(spacetime(&outcome).into_string().contains("7 more are left out"));
        outcome.timeline.messages_skipped = 0;
        assert!(!spacetime(&outcome).into_string().contains("left out"));
    }

    #[test]
    fn what_is_lower_is_never_earlier_and_labels_have_a_row_each() {
        let outcome = sample::passed();
        let messages = chosen(&outcome.timeline.messages, false);
        let layout = layout(&messages, outcome.context.t());
        for (i, pair) in messages.windows(2).enumerate() {
            assert!(pair[0].sent <= pair[1].sent);
            assert!(layout.starts[i + 1] - layout.starts[i] >= LEAST_ROW);
        }
        for (i, message) in messages.iter().enumerate() {
            assert!(layout.ends[i] - layout.starts[i] >= LEAST_FALL);
            let arrived = messages.iter().zip(&layout.ends).take(i).filter(|(other, _)| {
                other.to == message.from && end_of(other).is_some_and(|at| at <= message.sent)
            });
            for (_, end) in arrived {
                assert!(layout.starts[i] - end >= BELOW_END, "a label is on the end of an arrow");
            }
        }
    }

    #[test]
    fn a_lost_message_ends_in_a_cross_before_it_arrives() {
        let outcome = sample::passed();
        let lost =
            outcome.timeline.messages.iter().filter(|m| matches!(m.state, MessageState::Lost { .. })).count();
        assert!(lost > 0);
        let drawn = spacetime(&outcome).into_string();
        assert_eq!(drawn.matches("class=\"cross\"").count(), lost);
    }

    #[test]
    fn a_held_message_and_a_node_of_no_band_are_drawn() {
        let mut outcome = sample::passed();
        outcome.timeline.nodes.clear();
        outcome.timeline.messages.truncate(1);
        outcome.timeline.messages[0].state = MessageState::Held;
        assert!(spacetime(&outcome).into_string().contains("(held)"));
    }
}
