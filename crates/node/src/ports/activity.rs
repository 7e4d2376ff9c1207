//! Whether a connection is idle and could be closed. Updated by every request, so it is a few atomic numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// A connection without activity for this long is idle.
const IDLE_AFTER: Duration = Duration::from_millis(50);

/// A connection that reads no answers for this long may lose its slot to another one.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// One connection's activity. It begins as busy.
#[derive(Debug)]
pub(crate) struct Activity {
    began: Instant,
    /// Since when it has nothing under way, as the microseconds since it began, and one; 0: it has.
    rests_since: AtomicU64,
    /// Since when it has taken nothing of what is written to it; 0: nothing is being written.
    stalls_since: AtomicU64,
    /// It waits for what may come at any time.
    listens: AtomicBool,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            rests_since: AtomicU64::new(0),
            stalls_since: AtomicU64::new(0),
            listens: AtomicBool::new(false),
        }
    }
}

/// Something that is under way on a connection. The connection rests again when this is dropped.
#[derive(Debug)]
pub(crate) struct Working(Arc<Activity>);

impl Activity {
    /// Something is under way.
    pub(crate) fn work(&self) {
        self.rests_since.store(0, Relaxed);
    }

    /// The same, until it is dropped.
    pub(crate) fn working(self: &Arc<Self>) -> Working {
        self.work();
        Working(Arc::clone(self))
    }

    /// Nothing is under way any longer.
    pub(crate) fn rest(&self) {
        self.rests_since.store(self.now(), Relaxed);
    }

    /// It has subscribed to something, and is not idle from now on, even if nothing happens.
    pub(crate) fn listen(&self) {
        self.listens.store(true, Relaxed);
    }

    /// Something is being written, or a part of it was taken.
    pub(crate) fn write(&self) {
        self.stalls_since.store(self.now(), Relaxed);
    }

    /// All of it was taken.
    pub(crate) fn written(&self) {
        self.stalls_since.store(0, Relaxed);
    }

    /// How long the connection could have gone without being missed, if it could go now.
    pub(super) fn idle_for(&self) -> Option<Duration> {
        let stalls = self.since(&self.stalls_since).filter(|stalls| *stalls >= STALLED_AFTER);
        let rests = self.since(&self.rests_since).filter(|rests| *rests >= IDLE_AFTER);
        stalls.or_else(|| rests.filter(|_| !self.listens.load(Relaxed)))
    }

    fn since(&self, mark: &AtomicU64) -> Option<Duration> {
        let mark = mark.load(Relaxed);
        (mark > 0).then(|| Duration::from_micros(self.now().saturating_sub(mark)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.rest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_is_under_way_and_when_it_takes_nothing() {
        let activity = Arc::new(Activity::default());
        advance(10 * STALLED_AFTER).await;
        assert_eq!(activity.idle_for(), None, "it begins with work");
        activity.rest();
        assert_eq!(activity.idle_for(), None, "for a moment only");
        advance(2 * IDLE_AFTER).await;
        assert_eq!(activity.idle_for(), Some(2 * IDLE_AFTER));
        let working = activity.working();
        advance(STALLED_AFTER).await;
        assert_eq!(activity.idle_for(), None);
        activity.write();
        drop(working);
        activity.listen();
        advance(STALLED_AFTER / 2).await;
        assert_eq!(activity.idle_for(), None, "it listens, and takes what comes");
        activity.write();
        advance(STALLED_AFTER).await;
        assert_eq!(activity.idle_for(), Some(STALLED_AFTER), "it does not take it");
        activity.written();
        assert_eq!(activity.idle_for(), None);
    }
}
