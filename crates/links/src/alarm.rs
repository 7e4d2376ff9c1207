//! A sleep that ends on time. The runtime's timers are one to two milliseconds late, which is as long as many of the delays that
//! rules ask for.

use tokio::time::{Instant, sleep_until};

/// Waits until then, within some microseconds where the system can do that. Not for tests in virtual time.
pub(crate) async fn wake_at(at: Instant) {
    #[cfg(target_os = "linux")]
    {
        // Most of a long sleep is left to the runtime: usually another event cuts the sleep short before its end.
        if let Some(near) = at.checked_sub(linux::NEAR)
            && near > Instant::now()
        {
            sleep_until(near).await;
        }
        if linux::wait(at.saturating_duration_since(Instant::now())).await.is_ok() {
            return;
        }
    }
    sleep_until(at).await;
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// Longer than the runtime's timers are late.
    pub(super) const NEAR: Duration = Duration::from_millis(3);

    pub(super) async fn wait(left: Duration) -> io::Result<()> {
        if left.is_zero() {
            return Ok(());
        }
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let value = Timespec::try_from(left).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        #[expect(
            deprecated,
            reason = "an owned descriptor is what it says it is, and its successor is unsafe to call"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        timer.readable().await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn sleep_ends_when_it_should() {
        let mut late = Vec::new();
        for millis in [0, 1, 2, 5, 20] {
            let at = Instant::now() + Duration::from_millis(millis);
            wake_at(at).await;
            late.push(Instant::now().checked_duration_since(at).expect("never too early"));
        }
        // A busy machine is late at times.
        assert!(late.iter().min() < Some(&Duration::from_millis(1)), "{late:?}");
    }
}
