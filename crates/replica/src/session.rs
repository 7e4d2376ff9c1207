//! One client's session: what it was answered, and what happens to its next write (thesis §6.3). Knows neither the other
//! sessions nor the time. Every write looks at it, so what is done here is counted in nanoseconds.

use raftdeck_protocol::kv::{Answer, LoggedTime, MAX_SESSION_WRITES, SessionId};
use raftdeck_protocol::{Failure, frame};
use raftdeck_raft::LogId;
use raftdeck_raft::mutants::{Mutant, is_active};
use std::collections::VecDeque;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Over this much that is kept for one session its client must first acknowledge answers; only the write that it waits
/// for longest is still taken, so that it always gets on.
const MAX_SESSION_BYTES: usize = 4 << 20;

/// What an answer takes besides the value in it.
const ANSWER_BYTES: usize = 64;

/// Room for this many answers is not given back.
const ROOM: usize = 16;

/// One client's session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) last_used: LoggedTime,
    /// No write up to this number comes again.
    pub(crate) acknowledged: u64,
    /// In order of their numbers, all above `acknowledged`. Nearly always one comes in at the end and leaves at the
    /// beginning.
    answers: VecDeque<KeptAnswer>,
    /// What is kept, in bytes.
    bytes: usize,
    /// The sum of the answers' hashes.
    hash: u64,
}

/// The answer to a write that was applied. Four words, as there are up to a million of them.
#[derive(Clone, Debug)]
pub(crate) struct KeptAnswer {
    pub(crate) sequence: u64,
    /// The entry that applied it.
    pub(crate) at: LogId,
    /// `None`: [`Answer::Stored`], which most are.
    other: Option<Box<Answer>>,
}

/// What happens to a session's write.
#[derive(Debug)]
pub(crate) enum WriteVerdict {
    /// It has to be applied, and its answer given to [`Session::keep`].
    Apply,
    /// It was applied before: this is its answer.
    Repeated(Answer, LogId),
    /// It is not applied.
    Refused(Failure),
}

impl Session {
    pub(crate) fn new(last_used: LoggedTime, acknowledged: u64) -> Self {
        Self { last_used, acknowledged, answers: VecDeque::new(), bytes: 0, hash: 0 }
    }

    /// The answers that are kept, in order of their numbers.
    pub(crate) fn answers(&self) -> impl ExactSizeIterator<Item = &KeptAnswer> {
        self.answers.iter()
    }

    /// What is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Equal sessions have equal hashes.
    pub(crate) fn hash(&self, id: SessionId) -> u64 {
        hash_of([id.0, self.last_used.0, self.acknowledged]).wrapping_add(self.hash)
    }

    /// It is used now, and its client acknowledges the answers up to this number: they are forgotten.
    pub(crate) fn touch(&mut self, id: SessionId, now: LoggedTime, acknowledged: u64) {
        self.last_used = now;
        // An attempt that was sent earlier may arrive later.
        self.acknowledged = self.acknowledged.max(acknowledged);
        while let Some(kept) = self.answers.front()
            && kept.sequence <= self.acknowledged
            && let Some(kept) = self.answers.pop_front()
        {
            self.forget(id, &kept);
        }
        if self.answers.capacity() > ROOM && self.answers.len() < self.answers.capacity() / 4 {
            self.answers.shrink_to(self.answers.capacity() / 2);
        }
    }

    /// A write arrived from the log: is it to be applied?
    pub(crate) fn judge(&self, sequence: u64) -> WriteVerdict {
        let acknowledged = self.acknowledged;
        if sequence == 0 {
            return refused("a session's writes are numbered from 1".to_owned());
        }
        if sequence <= acknowledged {
            let why = "was acknowledged by its client before: if it was applied, it will not be again";
            return refused(format!("write {sequence} of the session {why}, and its answer is gone"));
        }
        // trap 38: a repeated request applies once.
        if let Ok(place) = self.place(sequence)
            && !is_active(Mutant::RetryAppliesTwice)
        {
            let kept = &self.answers[place];
            return WriteVerdict::Repeated(kept.answer().clone(), kept.at);
        }
        if sequence - acknowledged > MAX_SESSION_WRITES as u64 {
            return refused(format!(
                "write {sequence} of the session came with {acknowledged} acknowledged: at most {MAX_SESSION_WRITES} may be under way"
            ));
        }
        let is_next = sequence == acknowledged + 1;
        if self.bytes > MAX_SESSION_BYTES && !is_next {
            return WriteVerdict::Refused(Failure::Busy);
        }
        WriteVerdict::Apply
    }

    /// Keeps the answer to a write that [`Session::judge`] let through and the entry `at` applied.
    pub(crate) fn keep(&mut self, id: SessionId, sequence: u64, answer: &Answer, at: LogId) {
        let kept = KeptAnswer::new(sequence, answer, at);
        self.bytes += kept.size();
        self.hash = self.hash.wrapping_add(kept.hash(id));
        match self.place(sequence) {
            Err(place) if place == self.answers.len() => self.answers.push_back(kept),
            Err(place) => self.answers.insert(place, kept),
            Ok(place) => {
                let old = std::mem::replace(&mut self.answers[place], kept);
                self.forget(id, &old);
            }
        }
    }

    fn forget(&mut self, id: SessionId, kept: &KeptAnswer) {
        self.bytes -= kept.size();
        self.hash = self.hash.wrapping_sub(kept.hash(id));
    }

    /// Where the answer with this number stands, or would stand.
    fn place(&self, sequence: u64) -> Result<usize, usize> {
        match self.answers.back() {
            Some(last) if sequence <= last.sequence => {
                self.answers.binary_search_by_key(&sequence, |kept| kept.sequence)
            }
            _ => Err(self.answers.len()),
        }
    }
}

impl KeptAnswer {
    pub(crate) fn new(sequence: u64, answer: &Answer, at: LogId) -> Self {
        let other = (*answer != Answer::Stored).then(|| Box::new(answer.clone()));
        Self { sequence, at, other }
    }

    pub(crate) fn answer(&self) -> &Answer {
        static STORED: Answer = Answer::Stored;
        self.other.as_deref().unwrap_or(&STORED)
    }

    pub(crate) fn size(&self) -> usize {
        let value = match self.answer() {
            Answer::Mismatch { current: Some(value) } => value.len(),
            _ => 0,
        };
        ANSWER_BYTES + value
    }

    pub(crate) fn hash(&self, id: SessionId) -> u64 {
        let answer = match self.answer() {
            Answer::Stored => 0,
            Answer::Deleted { existed } => 1 + u64::from(*existed),
            Answer::Mismatch { current: None } => 3,
            Answer::Mismatch { current: Some(value) } => xxh3_64_with_seed(value, 4),
            other => xxh3_64_with_seed(&frame::encode(other), 5),
        };
        hash_of([id.0, self.sequence, self.at.term.0, self.at.index.0, answer])
    }
}

fn refused(why: String) -> WriteVerdict {
    WriteVerdict::Refused(Failure::Invalid(why))
}

fn hash_of<const N: usize>(numbers: [u64; N]) -> u64 {
    xxh3_64(numbers.map(u64::to_le_bytes).as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{LogIndex, Term};

    const ID: SessionId = SessionId(3);

    fn at(index: u64) -> LogId {
        LogId { term: Term(1), index: LogIndex(index) }
    }

    fn mismatch(bytes: usize) -> Answer {
        Answer::Mismatch { current: Some(vec![b'x'; bytes].into()) }
    }

    #[test]
    fn what_is_kept_is_counted_until_it_is_acknowledged() {
        let mut session = Session::new(LoggedTime(1), 0);
        let empty = session.hash(ID);
        for sequence in [1, 2, 3] {
            session.keep(ID, sequence, &mismatch(1000), at(sequence + 10));
        }
        session.keep(ID, 4, &Answer::Stored, at(20));
        assert_eq!(session.bytes(), 3 * 1000 + 4 * ANSWER_BYTES);
        session.touch(ID, LoggedTime(1), 2);
        assert_eq!((session.bytes(), session.answers().len()), (1000 + 2 * ANSWER_BYTES, 2));
        session.touch(ID, LoggedTime(1), 4);
        assert_eq!(session.bytes(), 0);
        session.acknowledged = 0;
        assert_eq!(session.hash(ID), empty, "nothing is left of them");
    }

    #[test]
    fn so_many_writes_may_be_under_way_and_no_more() {
        let session = Session::new(LoggedTime(1), 7);
        let most = 7 + MAX_SESSION_WRITES as u64;
        assert!(matches!(session.judge(most), WriteVerdict::Apply));
        assert!(matches!(session.judge(most + 1), WriteVerdict::Refused(Failure::Invalid(_))));
        assert!(matches!(session.judge(7), WriteVerdict::Refused(Failure::Invalid(_))));
        assert!(matches!(session.judge(8), WriteVerdict::Apply));
    }

    #[test]
    fn different_answers_have_different_hashes() {
        let answers = [
            Answer::Stored,
            Answer::Deleted { existed: false },
            Answer::Deleted { existed: true },
            Answer::Mismatch { current: None },
            mismatch(0),
            mismatch(1),
            Answer::Value(None),
        ];
        let mut hashes = answers.map(|answer| KeptAnswer::new(1, &answer, at(5)).hash(ID));
        hashes.sort_unstable();
        assert!(hashes.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
