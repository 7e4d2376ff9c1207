//! A client's session: what lets a write be asked again without harm (thesis §6.3). Numbers the writes and knows which
//! of them are done with. Asks nobody.

use raftdeck_protocol::Write;
use raftdeck_protocol::kv::{MAX_SESSION_WRITES, SessionId, SessionWrite};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    numbers: Mutex<Numbers>,
    /// **Invariant:** as many permits as numbers may be given out before one more must be acknowledged.
    room: Semaphore,
}

#[derive(Debug)]
struct Numbers {
    next: u64,
    under_way: BTreeSet<u64>,
}

impl Numbers {
    /// The greatest number below which nothing is under way.
    fn acknowledged(&self) -> u64 {
        self.under_way.first().unwrap_or(&self.next) - 1
    }
}

impl Session {
    pub(crate) fn new(id: SessionId) -> Self {
        Self {
            id,
            numbers: Mutex::new(Numbers { next: 1, under_way: BTreeSet::new() }),
            room: Semaphore::new(MAX_SESSION_WRITES),
        }
    }

    /// A number for a write. Waits while too many are under way; in the order of the calls.
    pub(crate) async fn slot(self: &Arc<Self>) -> Slot {
        if let Ok(permit) = self.room.acquire().await {
            // It comes back when its number is acknowledged.
            permit.forget();
        }
        let mut numbers = self.numbers();
        let sequence = numbers.next;
        numbers.next += 1;
        numbers.under_way.insert(sequence);
        Slot { session: Arc::clone(self), sequence }
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
        let acknowledged = self.session.numbers().acknowledged();
        SessionWrite { session: self.session.id, sequence: self.sequence, acknowledged, write }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut numbers = self.session.numbers();
        let before = numbers.acknowledged();
        numbers.under_way.remove(&self.sequence);
        let gained = numbers.acknowledged() - before;
        drop(numbers);
        // At most `MAX_SESSION_WRITES` are given out, so it always fits.
        self.session.room.add_permits(usize::try_from(gained).unwrap_or(MAX_SESSION_WRITES));
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
