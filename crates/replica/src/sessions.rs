//! The clients' sessions: which writes were applied already, and what was answered (thesis §6.3). Part of the
//! replicated state, so every decision depends on the log alone. Applies no write itself.

use crate::session::{Session, WriteVerdict};
use crate::state::CommandOutcome;
use imbl::{OrdMap, OrdSet};
use raftdeck_protocol::Failure;
use raftdeck_protocol::kv::{Answer, LoggedTime, MAX_SESSIONS, SESSION_LIFETIME, SessionId, SessionWriteOf};
use raftdeck_raft::LogId;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A session that is unused for this long is forgotten.
const LIFETIME_MICROS: u64 = SESSION_LIFETIME.as_secs() * 1_000_000;

/// Over this much that is kept for all sessions together the one that was unused for the longest time is forgotten.
const MAX_BYTES: usize = 64 << 20;

/// Whether what was last used at this time has been unused for too long.
pub(crate) fn is_lifetime_ago(now: LoggedTime, time: LoggedTime) -> bool {
    now.0 - time.0 >= LIFETIME_MICROS
}

/// All open sessions. A clone shares everything with the original, in O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: OrdMap<SessionId, Arc<Session>>,
    /// The same sessions by a time at which they were used, which is not always the last one: to move a session at
    /// each use would cost more than the use. The search for the session to expire puts those that it finds in their
    /// place.
    by_use: OrdSet<(LoggedTime, SessionId)>,
    /// No session was last used before.
    none_before: LoggedTime,
    /// The latest time that the log has named so far.
    now: LoggedTime,
    /// What is kept, in bytes.
    bytes: usize,
    /// The sum of the hashes of all sessions, kept up to date: equal tables have equal hashes.
    hash: u64,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn now(&self) -> LoggedTime {
        self.now
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.open.iter().map(|(id, session)| (*id, &**session))
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.wrapping_add(xxh3_64(&self.now.0.to_le_bytes()))
    }

    /// The log names a time. Clocks of leaders differ, so it may be an earlier one; time is frozen then. Forgets
    /// the sessions that were unused for too long.
    pub(crate) fn pass_time(&mut self, at: LoggedTime) {
        self.now = self.now.max(at);
        if !is_lifetime_ago(self.now, self.none_before) {
            return;
        }
        while let Some((last_used, id)) = self.longest_unused()
            && is_lifetime_ago(self.now, last_used)
        {
            self.forget(id);
        }
        self.none_before = self.by_use.get_min().map_or(self.now, |&(used, _)| used);
    }

    /// Opens a session. The id must be greater than all before.
    pub(crate) fn open(&mut self, id: SessionId) {
        self.insert(id, Session::new(self.now, 0));
        self.keep_bounds();
    }

    /// A write arrived from the log as the entry `at`: it is applied, unless it was before or is refused. The session counts
    /// as used, and forgets the answers that its client has.
    pub(crate) fn write<B>(
        &mut self,
        write: &SessionWriteOf<B>,
        at: LogId,
        apply: impl FnOnce() -> Answer,
    ) -> CommandOutcome {
        let &SessionWriteOf { session: id, sequence, acknowledged, .. } = write;
        let Some(session) = self.open.get_mut(&id) else { return Err(Failure::SessionExpired) };
        // An image may share it.
        let session = Arc::make_mut(session);
        let (hash, bytes) = (session.hash(id), session.bytes());
        session.touch(id, self.now, acknowledged);
        let outcome = match session.judge(sequence) {
            WriteVerdict::Apply => {
                let answer = apply();
                session.keep(id, sequence, &answer, at);
                Ok((answer, at))
            }
            WriteVerdict::Repeated(answer, at) => Ok((answer, at)),
            WriteVerdict::Refused(failure) => Err(failure),
        };
        self.hash = self.hash.wrapping_add(session.hash(id)).wrapping_sub(hash);
        self.bytes = self.bytes + session.bytes() - bytes;
        self.keep_bounds();
        outcome
    }

    /// Puts back a session as an image has it.
    pub(crate) fn restore(
        &mut self,
        id: SessionId,
        last_used: LoggedTime,
        acknowledged: u64,
        answers: Vec<(u64, Answer, LogId)>,
    ) {
        let mut session = Session::new(last_used, acknowledged);
        for (sequence, answer, at) in answers {
            session.keep(id, sequence, &answer, at);
        }
        self.insert(id, session);
        self.keep_bounds();
    }

    fn insert(&mut self, id: SessionId, session: Session) {
        self.hash = self.hash.wrapping_add(session.hash(id));
        self.bytes += session.bytes();
        self.none_before = self.none_before.min(session.last_used);
        self.by_use.insert((session.last_used, id));
        let earlier = self.open.insert(id, Arc::new(session));
        assert!(earlier.is_none(), "a session's id is the index of the entry that opened it");
    }

    fn keep_bounds(&mut self) {
        while self.open.len() > MAX_SESSIONS || self.bytes > MAX_BYTES {
            let Some((_, id)) = self.longest_unused() else { return };
            self.forget(id);
        }
    }

    /// The session that was unused for the longest time; of equally old ones the lowest id.
    fn longest_unused(&mut self) -> Option<(LoggedTime, SessionId)> {
        loop {
            let &(used, id) = self.by_use.get_min()?;
            let session = self.open.get(&id).expect("invariant: `by_use` names each open session once");
            let last_used = session.last_used;
            // All others were last used when `by_use` says or later, so none comes before this one.
            if last_used == used {
                return Some((used, id));
            }
            self.by_use.remove(&(used, id));
            self.by_use.insert((last_used, id));
        }
    }

    /// Forgets the session that [`Sessions::longest_unused`] has found.
    fn forget(&mut self, id: SessionId) {
        let Some(session) = self.open.remove(&id) else { return };
        self.by_use.remove(&(session.last_used, id));
        self.bytes -= session.bytes();
        self.hash = self.hash.wrapping_sub(session.hash(id));
    }
}
