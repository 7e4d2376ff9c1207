//! Guards that can be disabled, one at a time, to check that the tests notice. Only in builds with the feature
//! `mutants`, which the simulator's own check uses; everywhere else every guard is in place.

/// A guard that a mutant takes out, named after what goes wrong without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// An entry of an earlier term commits by counting (trap 1: paper §5.4.2, Figure 8).
    CommitEarlierTermByCounting,
    /// A vote leaves before it is on disk (trap 2).
    VoteBeforeDurable,
    /// A step-down within a term frees the vote (trap 3).
    ForgetVoteOnStepDown,
    /// A vote that comes twice counts twice (trap 4).
    CountRepeatedVotes,
    /// A late pre-vote counts for the campaign (trap 5).
    PreVoteCountsAsVote,
    /// Entries are written before the term that they are of (trap 6).
    EntryBeforeTerm,
    /// A late pre-vote starts a new campaign at a leader (trap 7).
    LeaderObeysLatePreVote,
    /// A pre-candidate still stands by its old leader (trap 8).
    PreCandidateKeepsLeader,
    /// A pre-vote goes to a candidate whose log is behind (trap 9).
    PreVoteIgnoresLog,
    /// A leader that lost its majority continues to refuse votes (trap 10).
    DeafLeaderSuppressesElections,
    /// A learner campaigns (trap 11).
    LearnerCampaigns,
    /// A `TimeoutNow` of an earlier term is obeyed (trap 12).
    TimeoutNowOfAnyTerm,
    /// Entries are acknowledged before they are on disk (trap 14).
    AnswerBeforeDurable,
    /// A late message with fewer entries shortens the log (trap 15).
    TruncateWithoutConflict,
    /// A follower acknowledges its last index, whatever the message covered (trap 16).
    AcknowledgeLastIndex,
    /// A follower commits past what the message vouches for (trap 17).
    CommitPastMessage,
    /// A late answer takes the match index back (trap 18).
    MatchGoesBack,
    /// A completion for entries that were overwritten counts for those in their place (trap 19).
    CompletionIgnoresTruncation,
    /// The term of an entry that is gone is taken for 0 (trap 21).
    CompactedTermIsZero,
    /// A window that is reset keeps its bytes (trap 22).
    WindowKeepsBytes,
    /// A leader counts itself before its own disk has the entry (trap 23).
    LeaderCountsItselfEarly,
    /// The cap on uncommitted bytes starts anew with each term (trap 24).
    CapForgottenAtElection,
    /// A snapshot behind the commit index is installed (trap 25).
    InstallOldSnapshot,
    /// A snapshot keeps a log that conflicts with it (trap 25).
    SnapshotKeepsConflict,
    /// A snapshot leaves the membership as it was (trap 26).
    SnapshotKeepsMembership,
    /// A follower that needs a snapshot gets it only when there is something new to send (trap 27).
    IdleLeaderSendsNoSnapshot,
    /// Only the snapshot itself ends the state Snapshot (trap 28).
    StuckInSnapshot,
    /// The log is released before the snapshot is durable (trap 29).
    PurgeBeforeSnapshot,
    /// A second change starts while one is under way (trap 30).
    ChangesOverlap,
    /// A new leader changes the membership before it has committed in its term (trap 30).
    ChangeBeforeOwnCommit,
    /// The joint configuration is left before it is committed (trap 31).
    LeaveBeforeJointCommit,
    /// A joint decision needs the majority of the new half only (trap 32).
    JointNeedsOneMajority,
    /// Learners count toward majorities (trap 32).
    LearnersCount,
    /// A leader that is no longer a voter counts itself (trap 33).
    RemovedLeaderCountsItself,
    /// A new leader serves reads before it has committed in its term (trap 35).
    ReadBeforeOwnCommit,
    /// A step-down drops the reads that wait (trap 35).
    DropReadsOnStepDown,
    /// A read is served by a heartbeat round that began before it (trap 36).
    OldRoundServesRead,
    /// A lease counts from the answer's arrival (trap 37).
    LeaseFromAnswer,
    /// A lease outlives the hand-over of the leadership (trap 37).
    LeaseSurvivesTransfer,
    /// A lease rests on members that do not stand by their leader (trap 37).
    LeaseWithoutPromise,
    /// A read is served before the state machine has caught up with the commit index (trap 35).
    ReadBeforeApplied,
    /// A membership is forgotten when the next one is committed, though a snapshot may still need it.
    ForgetMembershipsAtCommit,
    /// A repeated request of a session is applied again (trap 38).
    RetryAppliesTwice,
    /// A write that comes again under its name is applied again (trap 38).
    NamedWriteAppliesTwice,
    /// A step-down leaves the writes that wait without an answer (trap 39).
    DropWritesOnStepDown,
    /// After a failed sync the member continues as if the sync had succeeded (trap 40).
    IgnoreFailedSync,
    /// A leader whose disk finishes no write stays leader (trap 49).
    LeaderIgnoresStall,
    /// A member that came back with an empty disk votes (trap 43).
    FormerLifeVotes,
    /// A membership about a former life lets a member campaign (trap 44).
    FormerLifeCampaigns,
    /// A node without any membership votes (trap 45).
    JoinerVotes,
    /// An answer of an id's former life counts for its present one (trap 46).
    FormerLifeAnswers,
    /// A follower that lost acknowledged entries still counts (trap 47).
    WentBackCounts,
    /// A start of a directory that is older than one that was met is listened to (trap 52).
    OlderStartPasses,
    /// An entry read back from the disk is taken for the one asked for by its index alone (trap 48).
    ReadBackByIndex,
    /// An answer of a node that is no member teaches a term (trap 51).
    StrangersAnswer,
    /// A restarted member does not stand by the leader that it may have answered before (trap 37).
    RestartForgetsPromise,
    /// A member that forgets its leader forgets that it stands by it (trap 37).
    PromiseForgotten,
    /// A member that has learnt of a higher term no longer stands by its leader (trap 37).
    PromiseEndsWithTerm,
    /// A leader that gave up a transfer has its lease again, though the word to campaign may still arrive (trap 37).
    LeaseAfterTransfer,
    /// A read is served by a round that was under way when it came (trap 36).
    ReadJoinsRound,
    /// In a joint configuration the old half alone elects (trap 32).
    JointElectionByOldHalf,
    /// A restarted member keeps a log that conflicts with its newest snapshot (trap 25).
    StartKeepsConflict,
}

impl Mutant {
    /// Every guard that can be taken out.
    pub const ALL: &[Self] = &[
        Self::CommitEarlierTermByCounting,
        Self::VoteBeforeDurable,
        Self::ForgetVoteOnStepDown,
        Self::CountRepeatedVotes,
        Self::PreVoteCountsAsVote,
        Self::EntryBeforeTerm,
        Self::LeaderObeysLatePreVote,
        Self::PreCandidateKeepsLeader,
        Self::PreVoteIgnoresLog,
        Self::DeafLeaderSuppressesElections,
        Self::LearnerCampaigns,
        Self::TimeoutNowOfAnyTerm,
        Self::AnswerBeforeDurable,
        Self::TruncateWithoutConflict,
        Self::AcknowledgeLastIndex,
        Self::CommitPastMessage,
        Self::MatchGoesBack,
        Self::CompletionIgnoresTruncation,
        Self::CompactedTermIsZero,
        Self::WindowKeepsBytes,
        Self::LeaderCountsItselfEarly,
        Self::CapForgottenAtElection,
        Self::InstallOldSnapshot,
        Self::SnapshotKeepsConflict,
        Self::SnapshotKeepsMembership,
        Self::IdleLeaderSendsNoSnapshot,
        Self::StuckInSnapshot,
        Self::PurgeBeforeSnapshot,
        Self::ChangesOverlap,
        Self::ChangeBeforeOwnCommit,
        Self::LeaveBeforeJointCommit,
        Self::JointNeedsOneMajority,
        Self::LearnersCount,
        Self::RemovedLeaderCountsItself,
        Self::ReadBeforeOwnCommit,
        Self::DropReadsOnStepDown,
        Self::OldRoundServesRead,
        Self::LeaseFromAnswer,
        Self::LeaseSurvivesTransfer,
        Self::LeaseWithoutPromise,
        Self::ReadBeforeApplied,
        Self::ForgetMembershipsAtCommit,
        Self::RetryAppliesTwice,
        Self::NamedWriteAppliesTwice,
        Self::DropWritesOnStepDown,
        Self::IgnoreFailedSync,
        Self::LeaderIgnoresStall,
        Self::FormerLifeVotes,
        Self::FormerLifeCampaigns,
        Self::JoinerVotes,
        Self::FormerLifeAnswers,
        Self::WentBackCounts,
        Self::OlderStartPasses,
        Self::ReadBackByIndex,
        Self::StrangersAnswer,
        Self::RestartForgetsPromise,
        Self::PromiseForgotten,
        Self::PromiseEndsWithTerm,
        Self::LeaseAfterTransfer,
        Self::ReadJoinsRound,
        Self::JointElectionByOldHalf,
        Self::StartKeepsConflict,
    ];
}

#[cfg(feature = "mutants")]
mod active {
    use super::Mutant;
    use std::cell::Cell;

    thread_local!(static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) });

    /// From now on this thread runs without this guard, or with all of them.
    pub fn activate(mutant: Option<Mutant>) {
        ACTIVE.set(mutant);
    }

    /// Whether this guard is out.
    #[must_use]
    pub fn is_active(mutant: Mutant) -> bool {
        ACTIVE.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
pub use active::{activate, is_active};

/// Whether this guard is out: never, in this build.
#[cfg(not(feature = "mutants"))]
#[must_use]
pub const fn is_active(_: Mutant) -> bool {
    false
}
