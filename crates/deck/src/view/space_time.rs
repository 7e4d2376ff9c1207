//! Where messages stand in the space-time diagram: rows are moments, downwards; columns are nodes.
//!
//! The diagram is not to scale. A row is a moment at which something was sent, arrived, was lost or is held. Simultaneous events
//! share a row, as far as they can be told apart there; a later event is never above an earlier one. So a heartbeat that takes a
//! tenth of a millisecond and a pause of a minute both have the space they need.

use raftdeck_model::{MessageId, MessageReport, MessageState};
use std::time::Duration;

/// A message that arrives within this time is drawn level.
const LEVEL: Duration = Duration::from_millis(1);

/// Moments this close to each other may share a row.
const TOGETHER: Duration = Duration::from_micros(500);

/// After a pause of this length there is an empty row.
const PAUSE: Duration = Duration::from_millis(10);

/// A slanted line descends by a row for each column on its way, but by at most this many. So lines that fan out from one node, or come
/// together at it, can be distinguished.
const STEEP: usize = 3;

/// How a message is drawn. Columns are counted from 0; rows too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrow {
    /// Which message.
    pub(crate) id: MessageId,
    /// From which column
    pub(crate) from: usize,
    /// to which.
    pub(crate) to: usize,
    /// From which row
    pub(crate) sent: usize,
    /// to which.
    pub(crate) ends: usize,
    /// How far it is drawn: 1 is the whole way.
    pub(crate) part: f64,
    /// How it ends.
    pub(crate) end: ArrowEnd,
}

/// How an arrow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrowEnd {
    /// It arrived.
    Arrived,
    /// It is still moving.
    Moving,
    /// It is held there.
    Held,
    /// It is lost.
    Lost,
}

/// The diagram.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Diagram {
    /// For each row its moment; `None`: an empty row.
    pub(crate) rows: Vec<Option<Duration>>,
    /// The messages, in the order given.
    pub(crate) arrows: Vec<Arrow>,
}

/// A beginning or an end of a message.
#[derive(Clone, Copy, Debug)]
struct DiagramEvent {
    at: Duration,
    place: usize,
    /// `None`: it begins and ends here.
    half: Option<Half>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Begins,
    Ends,
}

/// The part of a row that is occupied.
#[derive(Clone, Copy, Debug)]
struct RowSpace {
    /// The occupied columns, from and to, the lesser first.
    span: (f64, f64),
    /// The same, including the beginning of a slanted line, which obstructs level ones.
    reach: (f64, f64),
    level: bool,
    departs: Option<usize>,
    arrives: Option<usize>,
    place: usize,
}

impl RowSpace {
    fn bars(&self, other: &Self) -> bool {
        let (one, two) =
            if self.level == other.level { (self.span, other.span) } else { (self.reach, other.reach) };
        let overlaps = one.0.max(two.0) + 1e-9 < one.1.min(two.1);
        let within = |point: (f64, f64), span: (f64, f64)| {
            (point.1 - point.0).abs() < 1e-9 && span.0 + 1e-9 < point.0 && point.0 + 1e-9 < span.1
        };
        // What departs may be the reply to what arrives, so it comes after it.
        let follows = self.arrives.is_some() && self.arrives == other.departs;
        let itself = self.place == other.place;
        overlaps || within(one, two) || within(two, one) || follows || itself
    }
}

/// Places these messages, the oldest first, among nodes with the columns of `column`, as of `time`.
pub(crate) fn diagram<'a>(
    messages: impl Iterator<Item = &'a MessageReport>,
    column: impl Fn(&MessageReport) -> Option<(usize, usize)>,
    time: Duration,
) -> Diagram {
    let placed: Vec<(&MessageReport, (usize, usize))> =
        messages.filter_map(|message| Some((message, column(message)?))).collect();
    let mut events = Vec::with_capacity(placed.len() * 2);
    for (place, (message, _)) in placed.iter().enumerate() {
        let begins = |half| DiagramEvent { at: message.sent, place, half };
        match message.state {
            MessageState::Delivered { at } if at.saturating_sub(message.sent) >= LEVEL => {
                events
                    .extend([begins(Some(Half::Begins)), DiagramEvent { at, place, half: Some(Half::Ends) }]);
            }
            MessageState::UnderWay { .. } => events.push(begins(Some(Half::Begins))),
            _ => events.push(begins(None)),
        }
    }
    events.sort_by_key(|event| (event.at, event.place, event.half == Some(Half::Ends)));
    rows(&placed, &events, time)
}

fn rows(placed: &[(&MessageReport, (usize, usize))], events: &[DiagramEvent], time: Duration) -> Diagram {
    let mut diagram = Diagram::default();
    let mut sent = vec![0; placed.len()];
    let mut ends = vec![None; placed.len()];
    let mut last: Vec<RowSpace> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let (message, columns) = placed[event.place];
        let taken = taken(event, message, columns);
        let row = match diagram.rows.last().copied().flatten() {
            Some(at)
                if event.at.saturating_sub(at) <= TOGETHER
                    && !last.iter().any(|other| other.bars(&taken)) =>
            {
                diagram.rows.len() - 1
            }
            before => {
                let ends_here = events[index..]
                    .iter()
                    .take_while(|other| other.at.saturating_sub(event.at) <= TOGETHER)
                    .filter(|other| other.half == Some(Half::Ends))
                    .map(|other| lowest(sent[other.place], placed[other.place].1));
                let pauses = before.is_some_and(|at| event.at.saturating_sub(at) >= PAUSE);
                make_room(
                    &mut diagram.rows,
                    ends_here.max().unwrap_or(0).saturating_sub(usize::from(pauses)),
                );
                if pauses {
                    diagram.rows.push(None);
                }
                diagram.rows.push(Some(event.at));
                last.clear();
                diagram.rows.len() - 1
            }
        };
        last.push(taken);
        if event.half != Some(Half::Ends) {
            sent[event.place] = row;
        }
        if event.half != Some(Half::Begins) {
            ends[event.place] = Some(row);
        }
    }
    let open = (0..placed.len()).filter(|place| ends[*place].is_none());
    if let Some(room) = open.map(|place| lowest(sent[place], placed[place].1)).max() {
        make_room(&mut diagram.rows, room);
        diagram.rows.push(Some(time));
    }
    let now = diagram.rows.len().saturating_sub(1);
    for (place, (message, (from, to))) in placed.iter().enumerate() {
        let (part, end) = progress(message, time);
        let (sent, ends) = (sent[place], ends[place].unwrap_or(now));
        diagram.arrows.push(Arrow { id: message.id, from: *from, to: *to, sent, ends, part, end });
    }
    diagram
}

/// The first row in which a line that begins in row `sent` and slants may end.
fn lowest(sent: usize, (from, to): (usize, usize)) -> usize {
    sent + from.abs_diff(to).min(STEEP)
}

/// Adds rows of the last moment until there are this many.
fn make_room(rows: &mut Vec<Option<Duration>>, count: usize) {
    let last = rows.last().copied().flatten();
    rows.resize(rows.len().max(count), last);
}

fn taken(event: &DiagramEvent, message: &MessageReport, (from, to): (usize, usize)) -> RowSpace {
    let column = |column: usize| f64::from(u32::try_from(column).unwrap_or(u32::MAX));
    let (start, target) = (column(from), column(to));
    // A message that does not arrive ends half-way.
    let stays = matches!(message.state, MessageState::Held | MessageState::Lost { .. });
    let aside = (target - start).signum() * 0.7;
    let (one, other, departs, arrives) = match event.half {
        None if stays => (start, f64::midpoint(start, target), Some(from), None),
        None => (start, target, Some(from), Some(to)),
        Some(Half::Begins) => (start, start, Some(from), None),
        Some(Half::Ends) => (target, target, None, Some(to)),
    };
    let (near, far) = match event.half {
        None => (one, other),
        Some(Half::Begins) => (start, start + aside),
        Some(Half::Ends) => (target - aside, target),
    };
    let ordered = |one: f64, other: f64| (one.min(other), one.max(other));
    RowSpace {
        span: ordered(one, other),
        reach: ordered(near, far),
        level: event.half.is_none(),
        departs,
        arrives,
        place: event.place,
    }
}

fn progress(message: &MessageReport, time: Duration) -> (f64, ArrowEnd) {
    match message.state {
        MessageState::Delivered { .. } => (1.0, ArrowEnd::Arrived),
        MessageState::Held => (0.5, ArrowEnd::Held),
        MessageState::Lost { .. } => (0.5, ArrowEnd::Lost),
        MessageState::UnderWay { due } => {
            let whole = due.saturating_sub(message.sent).as_secs_f64();
            let gone = time.saturating_sub(message.sent).as_secs_f64();
            (if whole > 0.0 { (gone / whole).clamp(0.05, 0.95) } else { 0.95 }, ArrowEnd::Moving)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::FrameKind;
    use raftdeck_raft::{NodeId, Term};

    fn message(id: u64, from: u64, to: u64, sent: u64, state: MessageState) -> MessageReport {
        MessageReport {
            id: MessageId(id),
            from: NodeId(from),
            to: NodeId(to),
            kind: FrameKind::Heartbeat,
            term: Term(1),
            index: None,
            granted: None,
            entries: 0,
            fields: String::new(),
            sent: Duration::from_micros(sent),
            state,
        }
    }

    fn arrived(id: u64, from: u64, to: u64, sent: u64, took: u64) -> MessageReport {
        message(id, from, to, sent, MessageState::Delivered { at: Duration::from_micros(sent + took) })
    }

    fn drawn(messages: &[MessageReport]) -> (Vec<(usize, usize)>, usize) {
        let column = |m: &MessageReport| {
            Some((usize::try_from(m.from.0).ok()? - 1, usize::try_from(m.to.0).ok()? - 1))
        };
        let diagram = diagram(messages.iter(), column, Duration::from_secs(9));
        (diagram.arrows.iter().map(|arrow| (arrow.sent, arrow.ends)).collect(), diagram.rows.len())
    }

    #[test]
    fn a_round_of_heartbeats_takes_two_rows() {
        let round = [
            arrived(1, 2, 1, 0, 90),
            arrived(2, 2, 3, 10, 90),
            arrived(3, 1, 2, 200, 90),
            arrived(4, 3, 2, 210, 90),
        ];
        assert_eq!(drawn(&round), (vec![(0, 0), (0, 0), (1, 1), (1, 1)], 2));
    }

    #[test]
    fn an_answer_is_below_its_question_and_lines_do_not_lie_on_each_other() {
        let relay = [arrived(1, 1, 2, 0, 50), arrived(2, 2, 3, 100, 50)];
        assert_eq!(drawn(&relay).0, [(0, 0), (1, 1)]);
        let past = [arrived(1, 1, 3, 0, 50), arrived(2, 1, 2, 0, 50)];
        assert_eq!(drawn(&past).0, [(0, 0), (1, 1)]);
    }

    #[test]
    fn a_message_that_takes_long_slants_and_a_pause_leaves_a_row_out() {
        let slow = [arrived(1, 1, 2, 0, 30_000), arrived(2, 2, 1, 5_000, 2_000)];
        assert_eq!(drawn(&slow), (vec![(0, 4), (1, 2)], 5));
    }

    #[test]
    fn slanted_lines_from_one_node_have_room_to_fan_out() {
        let round = [
            arrived(1, 1, 2, 0, 2_000),
            arrived(2, 1, 3, 0, 2_000),
            arrived(3, 1, 4, 0, 2_000),
            arrived(4, 1, 5, 0, 2_000),
        ];
        assert_eq!(drawn(&round), (vec![(0, 3); 4], 4));
        let state = MessageState::UnderWay { due: Duration::from_secs(10) };
        assert_eq!(
            drawn(&[message(1, 1, 3, 8_000_000, state)]),
            (vec![(0, 2)], 3),
            "as they do on their way"
        );
    }

    #[test]
    fn what_is_under_way_ends_in_the_present_and_what_stands_does_not_slant() {
        let state = MessageState::UnderWay { due: Duration::from_secs(10) };
        let open = [message(1, 1, 2, 8_000_000, state), message(2, 2, 1, 8_000_100, MessageState::Held)];
        assert_eq!(drawn(&open), (vec![(0, 2), (1, 1)], 3));
    }

    #[test]
    fn nothing_is_an_empty_diagram() {
        assert_eq!(drawn(&[]), (vec![], 0));
    }
}
