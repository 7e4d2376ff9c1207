//! A slow node: when its process is to be stopped and continued, repeatedly. Sends no signal itself.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// One stop and one run together take this long, in real time: far less than an election timeout, so that the node is slow and not absent.
const PERIOD: Duration = Duration::from_millis(100);

/// The rhythm of a process that is to be stopped for a part of the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    percent: u8,
    halted: bool,
    next: Instant,
}

impl Slow {
    /// Begins with a halt, immediately. `None` if the percentage is not a part of the time.
    pub(crate) fn begin(percent: u8) -> Option<Self> {
        (1..100).contains(&percent).then(|| Self { percent, halted: false, next: Instant::now() })
    }

    /// Whether it is stopped at the moment.
    pub(crate) fn is_halted(self) -> bool {
        self.halted
    }

    /// Waits until that changes. Cancel-safe.
    pub(crate) async fn turn(self) {
        sleep_until(self.next).await;
    }

    /// It changes now. The next change is timed from now: lost time is not made up for.
    pub(crate) fn turned(&mut self) {
        self.halted = !self.halted;
        let percent = if self.halted { self.percent } else { 100 - self.percent };
        self.next = Instant::now() + PERIOD * u32::from(percent) / 100;
    }

    /// The process runs now, whichever signal it got last: the rhythm begins again.
    pub(crate) fn restart(&mut self) {
        (self.halted, self.next) = (false, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stands_still_for_the_part_of_the_time_that_was_asked_for() {
        for percent in [1, 30, 50, 99] {
            let mut slow = Slow::begin(percent).unwrap();
            let begun = Instant::now();
            let mut halted = Duration::ZERO;
            for _ in 0..50 {
                slow.turn().await;
                slow.turned();
                assert!(slow.is_halted());
                let since = Instant::now();
                slow.turn().await;
                slow.turned();
                assert!(!slow.is_halted());
                halted += since.elapsed();
            }
            slow.turn().await;
            let part = halted.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0;
            assert!((part - f64::from(percent)).abs() < 0.5, "{part} for {percent}");
        }
    }

    #[test]
    fn all_and_nothing_are_no_part_of_the_time() {
        for percent in [0, 100, 101, 255] {
            assert!(Slow::begin(percent).is_none(), "{percent}");
        }
    }
}
