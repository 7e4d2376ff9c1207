//! The clients' sessions: which writes were applied already, and what was answered (thesis §6.3). Part of the
//! replicated state, so every decision depends on the log alone. Applies no write itself.

use imbl::{OrdMap, OrdSet};
use raftdeck_protocol::kv::{
    Answer, LoggedTime, MAX_SESSION_WRITES, MAX_SESSIONS, SESSION_LIFETIME, SessionId, SessionWrite,
};
use raftdeck_protocol::{Failure, frame};
use raftdeck_raft::LogId;
use raftdeck_raft::mutants::{Mutant, is_active};
use xxhash_rust::xxh3::xxh3_64;

const LIFETIME_MICROS: u64 = SESSION_LIFETIME.as_secs() * 1_000_000;

/// Over this much that is kept for one session its client must first acknowledge answers; only the write that it waits
/// for longest is still taken, so that it always gets on.
const MAX_SESSION_BYTES: usize = 4 << 20;

/// Over this much that is kept for all sessions together the one that was unused for the longest time is forgotten.
const MAX_BYTES: usize = 64 << 20;

/// What an answer takes besides the value in it.
const ANSWER_BYTES: usize = 64;

/// All open sessions. A clone shares everything with the original, in O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    open: OrdMap<SessionId, Session>,
    /// The same sessions in the order in which they are forgotten.
    by_last_use: OrdSet<(LoggedTime, SessionId)>,
    /// The latest time that the log has named so far.
    now: LoggedTime,
    /// What is kept, in bytes.
    bytes: usize,
    /// The sum of the hashes of all sessions and answers, kept up to date: equal tables have equal hashes.
    hash: u64,
}

/// One client's session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) last_used: LoggedTime,
    /// No write up to this number comes again.
    pub(crate) acknowledged: u64,
    /// By number, all above `acknowledged`.
    answers: OrdMap<u64, Kept>,
    bytes: usize,
}

/// The answer to a write that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) answer: Answer,
    /// The entry that applied it.
    pub(crate) at: LogId,
}

/// What becomes of a session's write.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It has to be applied, and its answer given to [`Sessions::keep`].
    Apply,
    /// It was applied before: this is its answer.
    Repeated(Kept),
    /// It is not applied.
    Refused(Failure),
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn now(&self) -> LoggedTime {
        self.now
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.open.iter().map(|(id, session)| (*id, session))
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.wrapping_add(hash_of(&self.now))
    }

    /// The log names a time. Clocks of leaders differ, so it may be an earlier one; time stands still then. Forgets
    /// the sessions that were unused for too long.
    pub(crate) fn pass_time(&mut self, at: LoggedTime) {
        self.now = self.now.max(at);
        while let Some(&(last_used, id)) = self.by_last_use.get_min()
            && self.now.0 - last_used.0 >= LIFETIME_MICROS
        {
            self.forget(id);
        }
    }

    /// Opens a session. The id must be greater than all before.
    pub(crate) fn open(&mut self, id: SessionId) {
        let session = Session { last_used: self.now, acknowledged: 0, answers: OrdMap::new(), bytes: 0 };
        self.insert(id, session);
        self.keep_bounds();
    }

    /// A write arrived from the log: is it to be applied? The session counts as used, and forgets the answers that its
    /// client has.
    pub(crate) fn judge(&mut self, write: &SessionWrite) -> Verdict {
        let &SessionWrite { session: id, sequence, acknowledged, .. } = write;
        let Some(acknowledged) = self.touch(id, acknowledged) else {
            return Verdict::Refused(Failure::SessionExpired);
        };
        if sequence == 0 {
            return refused("a session's writes are numbered from 1".to_owned());
        }
        if sequence <= acknowledged {
            let why = "was acknowledged by its client before: if it was applied, it will not be again";
            return refused(format!("write {sequence} of the session {why}, and its answer is gone"));
        }
        // trap 38: a repeated request applies once.
        if let Some(kept) = self.open.get(&id).and_then(|session| session.answers.get(&sequence))
            && !is_active(Mutant::RetryAppliesTwice)
        {
            return Verdict::Repeated(kept.clone());
        }
        if sequence - acknowledged > MAX_SESSION_WRITES as u64 {
            return refused(format!(
                "write {sequence} of the session came with {acknowledged} acknowledged: at most {MAX_SESSION_WRITES} may be under way"
            ));
        }
        let is_next = sequence == acknowledged + 1;
        let is_full = self.open.get(&id).is_some_and(|session| session.bytes > MAX_SESSION_BYTES);
        if is_full && !is_next {
            return Verdict::Refused(Failure::Busy);
        }
        Verdict::Apply
    }

    /// Keeps the answer to a write that [`Sessions::judge`] let through.
    pub(crate) fn keep(&mut self, id: SessionId, sequence: u64, kept: Kept) {
        let Some(session) = self.open.get_mut(&id) else { return };
        let size = kept.size();
        self.hash = self.hash.wrapping_add(hash_of_kept(id, sequence, &kept));
        self.bytes += size;
        session.bytes += size;
        if let Some(old) = session.answers.insert(sequence, kept) {
            self.hash = self.hash.wrapping_sub(hash_of_kept(id, sequence, &old));
            self.bytes -= old.size();
            session.bytes -= old.size();
        }
        self.keep_bounds();
    }

    /// Puts back a session as an image has it.
    pub(crate) fn restore(
        &mut self,
        id: SessionId,
        last_used: LoggedTime,
        acknowledged: u64,
        answers: Vec<(u64, Kept)>,
    ) {
        self.insert(id, Session { last_used, acknowledged, answers: OrdMap::new(), bytes: 0 });
        for (sequence, kept) in answers {
            self.keep(id, sequence, kept);
        }
    }

    /// Marks a session as used and takes note of what its client acknowledges; gives what it has acknowledged by now.
    fn touch(&mut self, id: SessionId, acknowledged: u64) -> Option<u64> {
        let session = self.open.get_mut(&id)?;
        self.by_last_use.remove(&(session.last_used, id));
        self.by_last_use.insert((self.now, id));
        self.hash = self.hash.wrapping_sub(session.hash(id));
        session.last_used = self.now;
        // An attempt that was sent earlier may arrive later.
        session.acknowledged = session.acknowledged.max(acknowledged);
        self.hash = self.hash.wrapping_add(session.hash(id));
        while let Some(&(sequence, _)) = session.answers.get_min().as_ref()
            && *sequence <= session.acknowledged
        {
            let sequence = *sequence;
            let Some(kept) = session.answers.remove(&sequence) else { break };
            self.hash = self.hash.wrapping_sub(hash_of_kept(id, sequence, &kept));
            self.bytes -= kept.size();
            session.bytes -= kept.size();
        }
        Some(session.acknowledged)
    }

    fn insert(&mut self, id: SessionId, session: Session) {
        self.hash = self.hash.wrapping_add(session.hash(id));
        self.by_last_use.insert((session.last_used, id));
        let earlier = self.open.insert(id, session);
        assert!(earlier.is_none(), "a session's id is the index of the entry that opened it");
    }

    fn keep_bounds(&mut self) {
        while self.open.len() > MAX_SESSIONS || self.bytes > MAX_BYTES {
            let Some(&(_, id)) = self.by_last_use.get_min() else { return };
            self.forget(id);
        }
    }

    fn forget(&mut self, id: SessionId) {
        let Some(session) = self.open.remove(&id) else { return };
        self.by_last_use.remove(&(session.last_used, id));
        self.bytes -= session.bytes;
        let answers = session.answers.iter().map(|(sequence, kept)| hash_of_kept(id, *sequence, kept));
        self.hash = answers.fold(self.hash.wrapping_sub(session.hash(id)), u64::wrapping_sub);
    }
}

impl Session {
    /// The answers that are kept, in order of their numbers.
    pub(crate) fn answers(&self) -> impl ExactSizeIterator<Item = (u64, &Kept)> {
        self.answers.iter().map(|(sequence, kept)| (*sequence, kept))
    }

    /// Without its answers, whose hashes are summed up on their own.
    fn hash(&self, id: SessionId) -> u64 {
        hash_of(&(id, self.last_used, self.acknowledged))
    }
}

impl Kept {
    fn size(&self) -> usize {
        let value = match &self.answer {
            Answer::Mismatch { current: Some(value) } => value.len(),
            _ => 0,
        };
        ANSWER_BYTES + value
    }
}

fn refused(why: String) -> Verdict {
    Verdict::Refused(Failure::Invalid(why))
}

fn hash_of_kept(id: SessionId, sequence: u64, kept: &Kept) -> u64 {
    hash_of(&(id, sequence, &kept.answer, kept.at))
}

fn hash_of<T: serde::Serialize>(value: &T) -> u64 {
    xxh3_64(&frame::encode(value))
}
