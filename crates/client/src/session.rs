//! A client's session, which makes retries of writes idempotent (thesis §6.3). Numbers the writes and knows which of
//! them are done. Sends nothing.

use raftdeck_protocol::Write;
use raftdeck_protocol::kv::{MAX_SESSION_WRITES, SessionId, SessionWrite};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    numbers: Mutex<Numbers>,
    /// There may be room for another number.
    room: Notify,
}

/// **Invariant:** at most [`MAX_SESSION_WRITES`] numbers are given out and not acknowledged.
#[derive(Debug)]
struct Numbers {
    /// All up to this one are done.
    acknowledged: u64,
    /// Of each that was given out after that, whether it is done with; the first is not.
    done: VecDeque<bool>,
}

impl Numbers {
    fn next(&mut self) -> Option<u64> {
        if self.done.len() >= MAX_SESSION_WRITES {
            return None;
        }
        self.done.push_back(false);
        Some(self.acknowledged + self.done.len() as u64)
    }

    /// Whether this acknowledges anything.
    fn done_with(&mut self, number: u64) -> bool {
        let nth = usize::try_from(number - self.acknowledged - 1).unwrap_or(usize::MAX);
        if let Some(done) = self.done.get_mut(nth) {
            *done = true;
        }
        let before = self.acknowledged;
        while self.done.front() == Some(&true) {
            self.done.pop_front();
            self.acknowledged += 1;
        }
        self.acknowledged > before
    }
}

impl Session {
    pub(crate) fn new(id: SessionId) -> Self {
        let numbers = Numbers { acknowledged: 0, done: VecDeque::new() };
        Self { id, numbers: Mutex::new(numbers), room: Notify::new() }
    }

    /// A number for a write, unless too many are under way.
    pub(crate) fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let sequence = self.numbers().next()?;
        Some(Slot { session: Arc::clone(self), sequence })
    }

    /// A number for a write. Waits while too many are under way; about in the order of the calls.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        loop {
            let room = self.room.notified();
            if let Some(slot) = self.try_slot() {
                // Where there is room for one there may be room for another.
                self.room.notify_one();
                return slot;
            }
            room.await;
        }
    }

    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        // Nothing that holds this lock can panic half-way through a change.
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One write's number, for as long as the write may be sent. When it is dropped the write is never sent again, whether
/// or not it was answered.
#[derive(Debug)]
pub(crate) struct Slot {
    session: Arc<Session>,
    sequence: u64,
}

impl Slot {
    /// The write as it is sent now.
    pub(crate) fn number(&self, write: Write) -> SessionWrite {
        let acknowledged = self.session.numbers().acknowledged;
        SessionWrite { session: self.session.id, sequence: self.sequence, acknowledged, write }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut numbers = self.session.numbers();
        let was_full = numbers.done.len() >= MAX_SESSION_WRITES;
        let gained = numbers.done_with(self.sequence);
        drop(numbers);
        if was_full && gained {
            self.session.room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn take(session: &Arc<Session>) -> Option<Slot> {
        session.slot().now_or_never()
    }

    fn numbers(slot: &Slot) -> (u64, u64) {
        let write = slot.number(Write::Delete { key: "k".into() });
        (write.sequence, write.acknowledged)
    }

    #[test]
    fn what_is_acknowledged_is_done_with_and_so_is_all_before_it() {
        let session = Arc::new(Session::new(SessionId(1)));
        let mut slots: Vec<Slot> = (0..4).map(|_| take(&session).unwrap()).collect();
        assert_eq!(slots.iter().map(numbers).collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 0), (4, 0)]);
        drop(slots.remove(1));
        assert_eq!(numbers(&slots[2]), (4, 0), "the first is still under way");
        drop(slots.remove(0));
        assert_eq!(numbers(&slots[1]), (4, 2));
        slots.clear();
        assert_eq!(numbers(&take(&session).unwrap()), (5, 4));
    }

    #[test]
    fn numbers_run_ahead_of_what_is_acknowledged_only_so_far() {
        let session = Arc::new(Session::new(SessionId(1)));
        let first = take(&session).unwrap();
        for _ in 1..MAX_SESSION_WRITES {
            take(&session).unwrap();
        }
        assert!(take(&session).is_none(), "the first is under way, so nothing is acknowledged");
        drop(first);
        let all: Vec<Slot> = std::iter::from_fn(|| take(&session)).collect();
        assert_eq!(all.len(), MAX_SESSION_WRITES);
    }
}
