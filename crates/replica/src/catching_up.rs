//! Whether a member knows the commit index. A restart loses it: the log on disk then holds entries that are not known
//! to be committed. Until a leader has confirmed them, the state may lack writes that were acknowledged long ago, and
//! that this member may even have served before. Such a state answers no read.

use raftdeck_raft::{AppendEntries, LogId, LogIndex, Message, Role, Term, TraceEvent};

/// What a member has heard since its start of what is committed.
///
/// A leader of term T that has committed an entry of term T has committed all that was ever committed before (Leader
/// Completeness, paper §5.4). A leader that has not yet done so knows no more than its followers (§8): its commit
/// index does not count here.
#[derive(Debug, Default)]
pub(crate) struct CatchingUp {
    /// Once it is done, it is done for this life.
    is_done: bool,
    /// The newest term whose leader was heard, or which this member led itself, and the commit index that was heard with it.
    leader: Option<(Term, LogIndex)>,
}

impl CatchingUp {
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// What a message says of what is committed. It counts when its sender was accepted as the leader of that term.
    pub(crate) fn said_in(&self, message: &Message) -> Option<(Term, LogIndex)> {
        match message {
            Message::AppendEntries(AppendEntries { term, commit, .. }) if !self.is_done => {
                Some((*term, *commit))
            }
            _ => None,
        }
    }

    /// Something happened to this member itself.
    pub(crate) fn observe(&mut self, event: &TraceEvent) {
        if let TraceEvent::RoleChanged { to: Role::Leader, term, .. } = event {
            self.learn(*term, LogIndex(0));
        }
    }

    /// The leader of this term says that it has committed all entries through `commit`.
    pub(crate) fn learn(&mut self, term: Term, commit: LogIndex) {
        if self.leader.is_none_or(|newest| (term, commit) > newest) {
            self.leader = Some((term, commit));
        }
    }

    /// The state includes all entries through this one.
    pub(crate) fn applied(&mut self, applied: LogId) {
        self.is_done |=
            self.leader.is_some_and(|(term, commit)| applied.term == term && applied.index >= commit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: LogIndex(index) }
    }

    fn hear(catching_up: &mut CatchingUp, term: u64, commit: u64) {
        let (term, commit) = (Term(term), LogIndex(commit));
        let append = AppendEntries { term, prev: id(1, 1), entries: Vec::new(), commit, round: 1 };
        if let Some((term, commit)) = catching_up.said_in(&Message::AppendEntries(append)) {
            catching_up.learn(term, commit);
        }
    }

    #[test]
    fn a_commit_index_counts_once_its_leader_has_committed_an_entry_of_its_own_term() {
        let mut catching_up = CatchingUp::default();
        catching_up.applied(id(3, 9));
        assert!(!catching_up.is_done(), "nobody was heard");
        hear(&mut catching_up, 4, 0);
        catching_up.applied(id(3, 9));
        assert!(!catching_up.is_done(), "a leader that has just been elected knows no more than this member");
        hear(&mut catching_up, 4, 12);
        catching_up.applied(id(4, 11));
        assert!(!catching_up.is_done(), "one more is committed");
        hear(&mut catching_up, 3, 5);
        catching_up.applied(id(4, 12));
        assert!(catching_up.is_done());
        hear(&mut catching_up, 7, 40);
        assert!(catching_up.is_done(), "it lags behind now, as any follower does");
    }

    #[test]
    fn a_leader_knows_what_is_committed_when_it_has_committed_its_first_entry() {
        let mut catching_up = CatchingUp::default();
        let (from, to) = (Role::Candidate, Role::Leader);
        catching_up.observe(&TraceEvent::RoleChanged { from, to, term: Term(5) });
        catching_up.applied(id(4, 9));
        assert!(!catching_up.is_done());
        catching_up.applied(id(5, 10));
        assert!(catching_up.is_done());
    }
}
