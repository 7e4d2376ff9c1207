//! How long to wait before a retry: doubling, jittered, bounded. Reads no clock and does not sleep.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A growing pause between attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `least` and doubles up to `most`.
    #[must_use]
    pub fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, next: least }
    }

    /// The next pause: half of it is fixed, half is random, so that clients that failed together do not return
    /// together.
    pub fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.most);
        // Each RandomState has keys of its own, which is randomness enough for a jitter.
        let draw = u32::try_from(RandomState::new().hash_one(0) % 1024).unwrap_or(0);
        whole / 2 + whole * draw / 2048
    }

    /// An attempt succeeded: start again at the least pause.
    pub fn reset(&mut self) {
        self.next = self.least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_bound_and_start_again_after_a_reset() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(20), ms(200));
        for whole in [20, 40, 80, 160, 200, 200] {
            let pause = backoff.pause();
            assert!(pause >= ms(whole) / 2 && pause <= ms(whole), "{pause:?} of {whole} ms");
        }
        backoff.reset();
        assert!(backoff.pause() <= ms(20));
    }

    #[test]
    fn those_who_failed_together_do_not_return_together() {
        let whole = Duration::from_millis(1024);
        let mut pauses: Vec<Duration> = (0..400).map(|_| Backoff::new(whole, whole).pause()).collect();
        pauses.sort_unstable();
        assert!(pauses[0] >= whole / 2 && pauses[399] <= whole);
        let (early, late) = (pauses[40], pauses[360]);
        assert!(late > early + whole / 4, "eight of ten lie between {early:?} and {late:?}");
        pauses.dedup();
        assert!(pauses.len() > 200, "{} different pauses of 400", pauses.len());
    }
}
