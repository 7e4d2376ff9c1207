//! Ages and timers, in steps coarse enough to avoid needless repainting. All times here are cluster time, unless they say otherwise.
//!
//! A node reports its timers many times a second, and the deck has no news between two reports. So a gauge shows what the last
//! report said, not what would be true if the node had heard nothing since. Where heartbeats come faster than eyes follow, it shows
//! the worst of the last second. Only a node that is late with its report is assumed to have heard nothing more.

use raftdeck_model::{Known, MemberStanding, Node, Phase, RaftView, World};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many steps a bar has.
pub const BAR_STEPS: u8 = 8;

/// Steps that begin within the same fifth of a second are painted together.
pub const TICK: Duration = Duration::from_millis(200);

/// A node that runs reports at least this often, in real time; with some allowance for the way.
const REPORTS_WITHIN: Duration = Duration::from_millis(200);

/// How long the worst reading is shown, in the deck's time.
const HOLD: Duration = Duration::from_secs(1);

/// Heartbeats that come more slowly than this in real time can be followed by eye: each is shown as it comes.
const FOLLOWED_BY_EYE: Duration = Duration::from_millis(300);

/// The most readings kept for a node.
const MAX_READINGS: usize = 64;

/// A node's timers as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The age of the last heartbeat, rounded to the end of its step.
    pub heartbeat: Known<Option<Duration>>,
    /// What is left of the election timeout.
    pub election: Known<Option<TimerBar>>,
}

/// What is left of a timeout, in eighths. A node that does not tell the timeout that it drew has a band: its timer goes off somewhere
/// between the least and the greatest timeout after the last heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerBar {
    /// At least this much is left.
    pub certain: u8,
    /// At most this much.
    pub possible: u8,
}

impl TimerBar {
    /// Nothing is left.
    pub const EMPTY: Self = Self { certain: 0, possible: 0 };

    fn worse(self, other: Self) -> Self {
        Self { certain: self.certain.min(other.certain), possible: self.possible.min(other.possible) }
    }
}

impl Timers {
    /// For a node that has none.
    pub const NONE: Self = Self { heartbeat: Known::Is(None), election: Known::Is(None) };

    /// The worse of each gauge. A node that knows no leader has no heartbeat that could be old.
    fn worse(self, other: Self) -> Self {
        let age = |timers: Self| timers.heartbeat.some();
        let left = |timers: Self| timers.election.some();
        let oldest = age(self).max(age(other)).filter(|_| self.heartbeat != Known::Is(None));
        Self {
            heartbeat: oldest.map_or(self.heartbeat, |age| Known::Is(Some(age))),
            election: left(self)
                .into_iter()
                .chain(left(other))
                .reduce(TimerBar::worse)
                .map_or(self.election, |left| Known::Is(Some(left))),
        }
    }
}

/// How time passes for who looks at the gauges.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The deck's time.
    pub now: Duration,
    /// Cluster time.
    pub time: Duration,
    /// The rate of cluster time.
    pub rate: ClockRate,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// When it was reported, in the deck's time.
    at: Duration,
    shown: Timers,
}

/// The readings of one node since it follows in this term.
#[derive(Clone, Debug, Default)]
struct Readings {
    term: Term,
    newest: VecDeque<Reading>,
}

/// What the nodes' timers showed within the last second.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    nodes: BTreeMap<NodeId, Readings>,
}

impl Gauges {
    /// Notes what a node has just reported.
    pub fn note(&mut self, world: &World, node: &Node, now: Duration) {
        let Some(status) = node.live().filter(|status| status.role != Role::Leader) else {
            self.nodes.remove(&node.id);
            return;
        };
        let readings = self.nodes.entry(node.id).or_default();
        if readings.term != status.term {
            *readings = Readings { term: status.term, newest: VecDeque::new() };
        }
        let newest = &mut readings.newest;
        while newest.len() >= MAX_READINGS
            || newest.front().is_some_and(|old| now.saturating_sub(old.at) >= HOLD)
        {
            newest.pop_front();
        }
        newest.push_back(Reading { at: now, shown: after(world, status, Duration::ZERO) });
    }

    /// Forgets nodes that are gone.
    pub fn keep(&mut self, world: &World) {
        self.nodes.retain(|id, _| world.node(*id).is_some());
    }

    /// A node's timers as shown. Only a living node has any; a leader has no election timeout.
    #[must_use]
    pub fn shown(&self, world: &World, node: &Node, moment: Moment) -> Timers {
        let Some(status) = node.live() else { return Timers::NONE };
        if node.phase() == Phase::Running(Role::Leader) {
            return Timers::NONE;
        }
        let present = after(world, status, unreported(node, moment));
        self.held(world, node, moment).fold(present, |worst, reading| worst.worse(reading.shown))
    }

    /// The readings that still count.
    fn held(&self, world: &World, node: &Node, moment: Moment) -> impl Iterator<Item = &Reading> {
        let is_quick = moment.rate.takes(world.heartbeat).is_some_and(|real| real < FOLLOWED_BY_EYE);
        let readings = self.nodes.get(&node.id).filter(|_| is_quick && !node.is_silent());
        let is_new = move |reading: &&Reading| moment.now.saturating_sub(reading.at) < HOLD;
        readings.into_iter().flat_map(|readings| &readings.newest).filter(is_new)
    }

    /// When a reading that is shown no longer counts.
    fn next_release(&self, world: &World, node: &Node, moment: Moment) -> Option<Duration> {
        let shown = self.shown(world, node, moment);
        let mut worst = after(world, node.live()?, unreported(node, moment));
        let held: Vec<&Reading> = self.held(world, node, moment).collect();
        let mut newest_first = held.iter().rev().take_while(|reading| {
            let is_missing = worst != shown;
            worst = worst.worse(reading.shown);
            is_missing
        });
        newest_first.by_ref().last().map(|reading| reading.at.saturating_add(HOLD))
    }

    /// When a node's timers next show another step without a new report from it, in the deck's time.
    #[must_use]
    pub fn next_change(&self, world: &World, node: &Node, moment: Moment) -> Option<Duration> {
        let released = self.next_release(world, node, moment);
        let step = next_step(world, node, moment).and_then(|wait| moment.rate.takes(wait));
        released.into_iter().chain(step.map(|wait| moment.now.saturating_add(wait))).min()
    }
}

/// How long a node has been late with its report.
fn unreported(node: &Node, moment: Moment) -> Duration {
    let expected = moment.rate.passes_in(REPORTS_WITHIN);
    moment.time.saturating_sub(node.status_at).saturating_sub(expected)
}

/// What the timers of a follower show this long after its report, if it has heard nothing more.
fn after(world: &World, status: &RaftView, since: Duration) -> Timers {
    Timers {
        heartbeat: status.heartbeat_age.map(|age| age.map(|age| step_of(age.saturating_add(since)).1)),
        election: election(world, status, since).map(|left| left.map(TimeLeft::bar)),
    }
}

/// The cluster time until a node's timers show another step, without a new report from it.
fn next_step(world: &World, node: &Node, moment: Moment) -> Option<Duration> {
    let status = node.live()?;
    if status.role == Role::Leader {
        return None;
    }
    let reported = moment.time.saturating_sub(node.status_at);
    let in_time = moment.rate.passes_in(REPORTS_WITHIN).saturating_sub(reported);
    let since = unreported(node, moment);
    let heartbeat = status.heartbeat_age.some().map(|age| {
        let age = age.saturating_add(since);
        step_of(age).1.saturating_sub(age)
    });
    let election = election(world, status, since).some().and_then(TimeLeft::next_step);
    let wait = heartbeat.into_iter().chain(election).min()?;
    Some(in_time.saturating_add(wait).max(Duration::from_millis(1)))
}

/// What is left of an election timeout.
#[derive(Clone, Copy)]
struct TimeLeft {
    /// At least and at most.
    bounds: (Duration, Duration),
    /// The whole timeout, or the greatest that it can be.
    whole: Duration,
}

impl TimeLeft {
    fn bar(self) -> TimerBar {
        let (least, most) = self.bounds;
        TimerBar { certain: eighths(least, self.whole), possible: eighths(most, self.whole) }
    }

    /// How long until the bar takes a step. `None`: it is empty.
    fn next_step(self) -> Option<Duration> {
        let of = |left: Duration| {
            let below = u32::from(eighths(left, self.whole).saturating_sub(1));
            (!left.is_zero()).then(|| left.saturating_sub(self.whole * below / u32::from(BAR_STEPS)))
        };
        let (least, most) = self.bounds;
        of(least).into_iter().chain(of(most)).min()
    }
}

/// What is left of the election timeout this long after the report.
fn election(world: &World, status: &RaftView, since: Duration) -> Known<Option<TimeLeft>> {
    match (status.election_remaining, status.election_timeout) {
        (Known::Is(left), Known::Is(whole)) => {
            let left = left.saturating_sub(since);
            Known::Is(Some(TimeLeft { bounds: (left, left), whole }))
        }
        _ => band(world, status, since),
    }
}

/// The same of a node that tells no timer, by the last heartbeat that it got.
fn band(world: &World, status: &RaftView, since: Duration) -> Known<Option<TimeLeft>> {
    let (least, greatest) = world.election;
    match status.heartbeat_age {
        Known::Is(_) if world.standing(status.id) == MemberStanding::Learner => Known::Is(None),
        Known::Is(Some(age)) if !greatest.is_zero() => {
            let age = age.saturating_add(since);
            let bounds = (least.saturating_sub(age), greatest.saturating_sub(age));
            Known::Is(Some(TimeLeft { bounds, whole: greatest }))
        }
        _ => Known::Unknown,
    }
}

/// The tick at or after `at`.
#[must_use]
pub fn on_tick(at: Duration) -> Duration {
    on_multiple(at, TICK)
}

/// The first multiple of `step` at or after `at`.
pub(super) fn on_multiple(at: Duration, step: Duration) -> Duration {
    let steps = at.as_nanos().div_ceil(step.as_nanos());
    u32::try_from(steps).map_or(Duration::MAX, |steps| step * steps)
}

fn eighths(left: Duration, whole: Duration) -> u8 {
    if whole.is_zero() || left.is_zero() {
        return 0;
    }
    let steps = (left.as_nanos() * u128::from(BAR_STEPS)).div_ceil(whole.as_nanos());
    u8::try_from(steps).unwrap_or(BAR_STEPS).min(BAR_STEPS)
}

/// The step that an age is in: from (included) and to (excluded).
fn step_of(age: Duration) -> (Duration, Duration) {
    const FINE: [u64; 7] = [0, 50, 100, 150, 200, 300, 500];
    let ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    if let Some(pair) = FINE.windows(2).find(|pair| ms < pair[1]) {
        return (Duration::from_millis(pair[0]), Duration::from_millis(pair[1]));
    }
    let width = match ms {
        0..10_000 => 500,
        10_000..60_000 => 1000,
        _ => 60_000,
    };
    let from = ms / width * width;
    (Duration::from_millis(from), Duration::from_millis(from.saturating_add(width)))
}

/// An age's step in a few characters, given the step's end: `<50 ms`, `<1.5 s`, `<3 min`.
#[must_use]
pub fn age_words(end: Duration) -> String {
    let ms = end.as_millis();
    match ms {
        0..500 => format!("<{ms} ms"),
        500..=10_000 => format!("<{}.{} s", ms / 1000, ms % 1000 / 100),
        10_001..=60_000 => format!("<{} s", ms / 1000),
        _ => format!("<{} min", ms / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{News, NodeView, ProcessState, Update};

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_age_is_shown_by_the_end_of_its_step() {
        let shown = |age: u64| age_words(step_of(ms(age)).1);
        assert_eq!(shown(0), "<50 ms");
        assert_eq!(shown(49), "<50 ms");
        assert_eq!(shown(50), "<100 ms");
        assert_eq!(shown(320), "<0.5 s");
        assert_eq!(shown(500), "<1.0 s");
        assert_eq!(shown(2700), "<3.0 s");
        assert_eq!(shown(12_300), "<13 s");
        assert_eq!(shown(150_000), "<3 min");
        assert!(!age_words(step_of(Duration::MAX).1).is_empty());
    }

    #[test]
    fn a_bar_is_full_at_the_start_and_empty_only_when_time_is_up() {
        assert_eq!(eighths(ms(200), ms(200)), 8);
        assert_eq!(eighths(ms(176), ms(200)), 8);
        assert_eq!(eighths(ms(175), ms(200)), 7);
        assert_eq!(eighths(ms(1), ms(200)), 1);
        assert_eq!(eighths(ms(0), ms(200)), 0);
        assert_eq!(eighths(ms(500), ms(200)), 8, "more than the whole is full");
        assert_eq!(eighths(ms(500), ms(0)), 0);
    }

    fn follower(age: u64, left: u64) -> NodeView {
        let mut raft = RaftView::new(NodeId(2), Term(1), Role::Follower);
        raft.heartbeat_age = Known::Is(Some(ms(age)));
        raft.election_remaining = Known::Is(ms(left));
        raft.election_timeout = Known::Is(ms(200));
        NodeView::new(raft)
    }

    /// A world with one follower, told these reports: when, the age of the last heartbeat, what is left of its timeout.
    fn watched(heartbeat: u64, reports: &[(u64, u64, u64)]) -> (World, Gauges) {
        let reports: Vec<_> = reports.iter().map(|(at, age, left)| (*at, follower(*age, *left))).collect();
        watched_views(heartbeat, reports)
    }

    fn watched_views(heartbeat_ms: u64, reports: Vec<(u64, NodeView)>) -> (World, Gauges) {
        let (mut world, mut gauges) = (World::default(), Gauges::default());
        let mut tell = |at, what| world.fold(&Update { at: ms(at), seq: 0, what });
        tell(
            0,
            News::Cluster {
                nodes: vec![NodeId(2)],
                heartbeat_ms,
                election_ms: (150, 300),
                data_dir: None.into(),
            },
        );
        tell(0, News::Process { node: NodeId(2), state: ProcessState::Running { pid: None } });
        for (at, view) in reports {
            let status = Box::new(view);
            let what = News::Status { node: NodeId(2), status };
            world.fold(&Update { at: ms(at), seq: 0, what });
            gauges.note(&world, world.node(NodeId(2)).unwrap(), ms(at));
        }
        (world, gauges)
    }

    fn timers((world, gauges): &(World, Gauges), at: u64) -> Timers {
        let moment = Moment { now: ms(at), time: ms(at), rate: ClockRate::REAL };
        gauges.shown(world, world.node(NodeId(2)).unwrap(), moment)
    }

    fn shown(watched: &(World, Gauges), at: u64) -> (u64, u8) {
        let timers = timers(watched, at);
        let age = timers.heartbeat.some().unwrap().as_millis();
        let TimerBar { certain, possible } = timers.election.some().unwrap();
        assert_eq!(certain, possible, "the timeout is known");
        (u64::try_from(age).unwrap(), certain)
    }

    #[test]
    fn a_gauge_does_not_run_down_between_two_reports() {
        let watched = watched(50, &[(1_000, 10, 200)]);
        assert_eq!(shown(&watched, 1_000), (50, 8));
        assert_eq!(shown(&watched, 1_199), (50, 8), "the next report is not late yet");
        assert_eq!(shown(&watched, 1_400), (300, 0), "a node that reports nothing has heard nothing");
    }

    #[test]
    fn quick_heartbeats_show_the_worst_of_the_last_second_and_slow_ones_the_present() {
        let reports = [(1_000, 10, 200), (1_100, 120, 80), (1_200, 20, 190)];
        let (quick, slow) = (watched(50, &reports), watched(3_000, &reports));
        assert_eq!(shown(&quick, 1_250), (150, 4));
        assert_eq!(shown(&slow, 1_250), (50, 8));
        let (world, gauges) = &quick;
        let moment = Moment { now: ms(1_250), time: ms(1_250), rate: ClockRate::REAL };
        let next = gauges.next_change(world, world.node(NodeId(2)).unwrap(), moment);
        assert_eq!(next, Some(ms(1_415)), "15 ms after the next report was due, the bar takes a step");
    }

    #[test]
    fn a_timer_that_is_not_told_is_a_band_between_the_least_and_the_greatest_timeout() {
        let heard = |age: Option<u64>| {
            let mut raft = RaftView::new(NodeId(2), Term(1), Role::Follower);
            raft.heartbeat_age = Known::Is(age.map(ms));
            NodeView::new(raft)
        };
        let band = |certain, possible| Known::Is(Some(TimerBar { certain, possible }));
        let watched = watched_views(3_000, vec![(1_000, heard(Some(0)))]);
        assert_eq!(timers(&watched, 1_000).election, band(4, 8));
        assert_eq!(timers(&watched, 1_200 + 75).election, band(2, 6));
        assert_eq!(timers(&watched, 1_200 + 150).election, band(0, 4), "it may campaign at any moment");
        assert_eq!(timers(&watched, 1_200 + 300).election, band(0, 0));
        let (world, gauges) = &watched;
        let moment = Moment { now: ms(1_275), time: ms(1_275), rate: ClockRate::REAL };
        let next = gauges.next_change(world, world.node(NodeId(2)).unwrap(), moment);
        assert_eq!(next, Some(ms(1_300)), "when the age takes a step, before the band does");
        let silent = watched_views(3_000, vec![(1_000, heard(None))]);
        assert_eq!(timers(&silent, 1_000).election, Known::Unknown, "nobody knows when it began to wait");
    }

    #[test]
    fn ticks_gather_what_begins_close_together() {
        assert_eq!(on_tick(ms(0)), ms(0));
        assert_eq!(on_tick(ms(1)), ms(200));
        assert_eq!(on_tick(ms(200)), ms(200));
        assert_eq!(on_tick(ms(201)), ms(400));
    }
}
