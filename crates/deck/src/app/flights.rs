//! Messages on their way, as the ring shows them: a few dots, not a record.
//!
//! Real messages take a fraction of a millisecond and heartbeats come by the dozen. What is drawn is a sample, slow enough for the
//! eye. A directed link shows one message at a time and remembers at most one to follow. A vote has priority over an entry, an entry
//! over a heartbeat. A reply starts when its request has arrived. Of frequent heartbeats a round is shown every two seconds.

use super::timers::on_multiple;
use raftdeck_model::{FrameFate, FrameKind, FrameReport};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::time::Duration;

/// While something moves, the screen changes this often. A whole number of them is a [`TICK`](super::timers::TICK), so that what moves
/// and what runs down is painted together.
const STEP: Duration = Duration::from_millis(100);

/// A lost message's burst is shown this long.
const BURST: Duration = Duration::from_millis(350);

/// Heartbeats less far apart than this are sampled.
const FREQUENT: Duration = Duration::from_millis(400);

/// A sampled round of heartbeats starts this often.
const ROUND: Duration = Duration::from_secs(2);

/// Heartbeats this close to the start of a sampled round belong to it.
const SAME_ROUND: Duration = Duration::from_millis(100);

/// One message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// What it is.
    pub kind: FrameKind,
    /// For an answer: yes or no.
    pub granted: Option<bool>,
    /// Whether it is lost half-way.
    pub lost: bool,
    start: Duration,
    life: Duration,
}

/// Where a flight is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlightPosition {
    /// On its way, at this fraction of the way, 0 to 1.
    OnTheWay(f64),
    /// It burst here.
    Burst(f64),
}

impl Flight {
    /// Where it is at `now`; `None` before its start and after its end.
    #[must_use]
    pub fn place(&self, now: Duration) -> Option<FlightPosition> {
        let since = now.checked_sub(self.start)?;
        if now >= self.end() {
            return None;
        }
        let way = since.as_secs_f64() / self.life.as_secs_f64();
        Some(if self.lost && way >= 0.5 {
            FlightPosition::Burst(0.5)
        } else {
            FlightPosition::OnTheWay(way.min(1.0))
        })
    }

    fn end(&self) -> Duration {
        if self.lost { self.start + self.life / 2 + BURST } else { self.start + self.life }
    }

    fn rank(&self) -> u8 {
        match self.kind {
            _ if is_routine(self.kind, self.granted) => 1,
            FrameKind::PreVote
            | FrameKind::PreVoteReply
            | FrameKind::RequestVote
            | FrameKind::VoteReply
            | FrameKind::TimeoutNow
            | FrameKind::TransferLeader => 3,
            FrameKind::AppendEntries
            | FrameKind::InstallSnapshot
            | FrameKind::SnapshotReply
            | FrameKind::DiskStalled
            | FrameKind::AppendReply
            | FrameKind::Heartbeat
            | FrameKind::HeartbeatReply
            | FrameKind::Propose
            | FrameKind::ReadIndex
            | FrameKind::ReadIndexReply => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct FlightLane {
    now: Option<Flight>,
    next: Option<Flight>,
}

/// The messages on their way, at most two for each directed link.
#[derive(Clone, Debug, Default)]
pub struct Flights {
    lanes: BTreeMap<(NodeId, NodeId), FlightLane>,
    round: Option<Duration>,
}

impl Flights {
    /// Takes messages that passed. `heartbeat` is the interval between heartbeats; `known` says which links exist. What
    /// is new is shown from [`next_change`](Self::next_change) on.
    pub fn tell(
        &mut self,
        frames: &[FrameReport],
        heartbeat: Duration,
        known: impl Fn(NodeId) -> bool,
        now: Duration,
    ) {
        self.tidy(now);
        let mut frames: Vec<&FrameReport> =
            frames.iter().filter(|f| f.from != f.to && known(f.from) && known(f.to)).collect();
        // Requests before replies, so that a reply finds its request under way.
        frames.sort_by_key(|f| is_answer(f.kind));
        for frame in frames {
            self.launch(frame, heartbeat, now);
        }
    }

    fn launch(&mut self, frame: &FrameReport, heartbeat: Duration, now: Duration) {
        let shortest = Duration::from_millis(if is_routine(frame.kind, frame.granted) { 600 } else { 400 });
        let life = (heartbeat * 4 / 5).clamp(shortest, Duration::from_millis(800));
        let back = self.lanes.get(&(frame.to, frame.from)).copied().unwrap_or_default();
        let asked =
            back.next.or(back.now).filter(|asked| is_answer(frame.kind) && answers(frame.kind, asked.kind));
        let mut flight = Flight {
            kind: frame.kind,
            granted: frame.granted,
            lost: frame.fate == FrameFate::Lost,
            start: asked.map_or(now, |asked| asked.end().max(now)),
            life,
        };
        if flight.rank() == 1 && asked.is_none() && !self.joins_round(heartbeat, now) {
            return;
        }
        let lane = self.lanes.entry((frame.from, frame.to)).or_default();
        let Some(current) = lane.now else {
            lane.now = Some(flight);
            return;
        };
        let outranks = flight.rank() > current.rank();
        if outranks && current.rank() == 1 {
            *lane = FlightLane { now: Some(flight), next: None };
            return;
        }
        if flight.rank() == 1 && asked.is_none() {
            return;
        }
        if lane.next.is_none_or(|next| flight.rank() >= next.rank()) {
            flight.start = flight.start.max(current.end());
            lane.next = Some(flight);
        }
    }

    fn joins_round(&mut self, heartbeat: Duration, now: Duration) -> bool {
        if heartbeat >= FREQUENT {
            return true;
        }
        match self.round {
            Some(start) if now.saturating_sub(start) < SAME_ROUND => true,
            Some(start) if now.saturating_sub(start) < ROUND => false,
            _ => {
                self.round = Some(now);
                true
            }
        }
    }

    /// Forgets what was lost on a link: it is open again.
    pub fn forget_lost(&mut self, from: NodeId, to: NodeId) {
        let is_lost = |lane: &FlightLane| lane.now.is_some_and(|flight| flight.lost);
        self.lanes.retain(|link, lane| *link != (from, to) || !is_lost(lane));
    }

    /// Forgets all messages.
    pub fn clear(&mut self) {
        self.lanes.clear();
    }

    /// Forgets messages that have arrived.
    pub fn tidy(&mut self, now: Duration) {
        self.lanes.retain(|_, lane| {
            if lane.now.is_none_or(|flight| now >= flight.end()) {
                *lane = FlightLane { now: lane.next.filter(|flight| now < flight.end()), next: None };
            }
            lane.now.is_some()
        });
    }

    /// The messages on their way now: from, to, what, and where.
    pub fn at(&self, now: Duration) -> impl Iterator<Item = (NodeId, NodeId, Flight, FlightPosition)> {
        self.lanes.iter().filter_map(move |((from, to), lane)| {
            let shown = |flight: Flight| Some((*from, *to, flight, flight.place(now)?));
            [lane.now, lane.next].into_iter().flatten().find_map(shown)
        })
    }

    /// When the picture next changes without any input.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let changes =
            self.lanes.values().flat_map(|lane| [lane.now, lane.next]).flatten().filter_map(|flight| {
                let next = flight.start.max(now.saturating_add(Duration::from_millis(1)));
                (now < flight.end()).then(|| on_multiple(next, STEP))
            });
        changes.min()
    }
}

/// A heartbeat, or an answer that says that all is well.
fn is_routine(kind: FrameKind, granted: Option<bool>) -> bool {
    matches!(kind, FrameKind::Heartbeat | FrameKind::HeartbeatReply)
        || (kind == FrameKind::AppendReply && granted != Some(false))
}

/// Whether a message answers another.
pub(crate) fn is_answer(kind: FrameKind) -> bool {
    matches!(
        kind,
        FrameKind::PreVoteReply
            | FrameKind::VoteReply
            | FrameKind::AppendReply
            | FrameKind::SnapshotReply
            | FrameKind::DiskStalled
            | FrameKind::HeartbeatReply
            | FrameKind::ReadIndexReply
    )
}

fn answers(answer: FrameKind, question: FrameKind) -> bool {
    match answer {
        FrameKind::PreVoteReply => question == FrameKind::PreVote,
        FrameKind::VoteReply => question == FrameKind::RequestVote,
        FrameKind::AppendReply => matches!(question, FrameKind::Heartbeat | FrameKind::AppendEntries),
        FrameKind::SnapshotReply => question == FrameKind::InstallSnapshot,
        FrameKind::DiskStalled | FrameKind::HeartbeatReply => question == FrameKind::Heartbeat,
        FrameKind::ReadIndexReply => question == FrameKind::ReadIndex,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::Known;
    use raftdeck_raft::Term;

    const FAST: Duration = Duration::from_millis(50);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn frame(from: u64, to: u64, kind: FrameKind) -> FrameReport {
        FrameReport {
            from: NodeId(from),
            to: NodeId(to),
            kind,
            term: Term(1),
            index: None,
            granted: None,
            fate: FrameFate::Delivered,
            count: 1,
            entries: 0,
            bytes: Known::Unknown,
        }
    }

    fn kinds(flights: &Flights, now: Duration) -> Vec<(u64, FrameKind)> {
        flights.at(now).map(|(from, _, flight, _)| (from.0, flight.kind)).collect()
    }

    #[test]
    fn an_answer_sets_out_when_its_question_has_arrived() {
        let mut flights = Flights::default();
        let frames = [frame(2, 1, FrameKind::VoteReply), frame(1, 2, FrameKind::RequestVote)];
        flights.tell(&frames, FAST, |_| true, ms(0));
        assert_eq!(kinds(&flights, ms(100)), [(1, FrameKind::RequestVote)]);
        assert_eq!(kinds(&flights, ms(450)), [(2, FrameKind::VoteReply)]);
        assert_eq!(kinds(&flights, ms(900)), []);
        assert_eq!(flights.next_change(ms(900)), None);
    }

    #[test]
    fn frequent_heartbeats_are_sampled_and_slow_ones_all_shown() {
        let shown = |heartbeat: Duration, count: u32| {
            let mut flights = Flights::default();
            let is_shown = |n: &u32| {
                let now = heartbeat * *n;
                flights.tell(&[frame(1, 2, FrameKind::Heartbeat)], heartbeat, |_| true, now);
                flights.at(now).any(|(_, _, _, place)| place == FlightPosition::OnTheWay(0.0))
            };
            (0..count).filter(is_shown).count()
        };
        assert_eq!(shown(FAST, 100), 3, "five seconds of heartbeats");
        assert_eq!(shown(ms(3000), 5), 5);
    }

    #[test]
    fn a_vote_takes_the_place_of_a_heartbeat_and_not_the_reverse() {
        let mut flights = Flights::default();
        flights.tell(&[frame(1, 2, FrameKind::Heartbeat)], FAST, |_| true, ms(0));
        flights.tell(&[frame(1, 2, FrameKind::RequestVote)], FAST, |_| true, ms(50));
        flights.tell(&[frame(1, 2, FrameKind::Heartbeat)], FAST, |_| true, ms(100));
        assert_eq!(kinds(&flights, ms(150)), [(1, FrameKind::RequestVote)]);
    }

    #[test]
    fn a_lost_message_stops_in_the_middle_and_bursts() {
        let mut flights = Flights::default();
        let lost = FrameReport { fate: FrameFate::Lost, ..frame(1, 2, FrameKind::AppendEntries) };
        flights.tell(&[lost], FAST, |_| true, ms(0));
        let place = |now| flights.at(now).next().map(|(_, _, _, place)| place);
        assert!(matches!(place(ms(100)), Some(FlightPosition::OnTheWay(_))));
        assert_eq!(place(ms(250)), Some(FlightPosition::Burst(0.5)));
        assert_eq!(place(ms(600)), None);
    }

    #[test]
    fn a_flood_of_messages_leaves_two_a_link() {
        let mut flights = Flights::default();
        for n in 0..10_000 {
            flights.tell(&[frame(1, 2, FrameKind::AppendEntries)], FAST, |_| true, ms(n));
        }
        assert_eq!(flights.lanes.len(), 1);
        flights.tell(&[frame(7, 8, FrameKind::AppendEntries)], FAST, |id| id.0 < 3, ms(0));
        assert_eq!(flights.lanes.len(), 1, "unknown nodes have no links");
    }
}
