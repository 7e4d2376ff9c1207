//! Ages and timers, in steps coarse enough to avoid needless repainting. All times here are cluster time.
//!
//! The screen shows steps, not running numbers. This module says which step applies, and when the next one begins.

use raftdeck_model::{Known, Node, Phase, RaftView};
use raftdeck_raft::Role;
use std::time::Duration;

/// How many steps a bar has.
pub const BAR_STEPS: u8 = 8;

/// Steps that begin within the same fifth of a second are painted together.
pub const TICK: Duration = Duration::from_millis(200);

/// A node's timers as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The age of the last heartbeat, rounded to the end of its step.
    pub heartbeat: Known<Option<Duration>>,
    /// What is left of the election timeout, in eighths.
    pub election: Known<Option<u8>>,
}

impl Timers {
    /// For a node that has none.
    pub const NONE: Self = Self { heartbeat: Known::Is(None), election: Known::Is(None) };
}

/// A node's timers as shown at `now`. Only a living node has any; a leader has no election timeout.
#[must_use]
pub fn timers(node: &Node, now: Duration) -> Timers {
    let Some(status) = node.live() else { return Timers::NONE };
    let since = now.saturating_sub(node.status_at);
    if node.phase() == Phase::Running(Role::Leader) {
        return Timers::NONE;
    }
    Timers {
        heartbeat: status.heartbeat_age.map(|age| age.map(|age| step_of(age.saturating_add(since)).1)),
        election: election(status, since).map(|(left, whole)| Some(eighths(*left, *whole))),
    }
}

/// When a node's timers next show another step, without a new status from it.
#[must_use]
pub fn next_step(node: &Node, now: Duration) -> Option<Duration> {
    let status = node.live()?;
    if status.role == Role::Leader {
        return None;
    }
    let since = now.saturating_sub(node.status_at);
    let heartbeat = status.heartbeat_age.some().map(|age| {
        let age = age.saturating_add(since);
        step_of(age).1.saturating_sub(age)
    });
    let election =
        election(status, since).copied().filter(|(left, _)| !left.is_zero()).map(|(left, whole)| {
            let below = u32::from(eighths(left, whole).saturating_sub(1));
            left.saturating_sub(whole * below / u32::from(BAR_STEPS))
        });
    let wait = heartbeat.into_iter().chain(election).min()?;
    Some(now.saturating_add(wait.max(Duration::from_millis(1))))
}

/// What is left of the election timeout this long after the status, and the whole timeout.
fn election(status: &RaftView, since: Duration) -> Known<(Duration, Duration)> {
    match (status.election_remaining, status.election_timeout) {
        (Known::Is(left), Known::Is(whole)) => Known::Is((left.saturating_sub(since), whole)),
        _ => Known::Unknown,
    }
}

/// The tick at or after `at`.
#[must_use]
pub fn on_tick(at: Duration) -> Duration {
    let ticks = at.as_nanos().div_ceil(TICK.as_nanos());
    u32::try_from(ticks).map_or(Duration::MAX, |ticks| TICK * ticks)
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

    #[test]
    fn ticks_gather_what_begins_close_together() {
        assert_eq!(on_tick(ms(0)), ms(0));
        assert_eq!(on_tick(ms(1)), ms(200));
        assert_eq!(on_tick(ms(200)), ms(200));
        assert_eq!(on_tick(ms(201)), ms(400));
    }
}
