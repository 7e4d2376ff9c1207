//! Each promise: a short story that breaks it, and what the checker says; and stories that break none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use raftdeck_check::{Observation, Property, SafetyChecker, Violation, observations_of};
use raftdeck_protocol::{ClockRate, NodeStatus};
use raftdeck_raft::{
    Config, Entry, HardState, LogId, LogIndex, Membership, NodeId, Payload, PeerStatus, Raft,
    ReplicationState, Restored, Role, StepDownReason, Term, TermRun, Timestamp, Timing, TraceEvent,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A checker with three new members, fed by short words.
struct Story {
    checker: SafetyChecker,
    at: u64,
    broken: Option<Violation>,
}

impl Story {
    fn new() -> Self {
        Self::with(SafetyChecker::default())
    }

    fn watching_disks() -> Self {
        Self::with(SafetyChecker::watching_disks([N1, N2, N3].into()))
    }

    fn with(checker: SafetyChecker) -> Self {
        let mut story = Self { checker, at: 0, broken: None };
        for node in [N1, N2, N3] {
            story.starts(node, 0, None, &[]);
        }
        story
    }

    fn see(&mut self, node: NodeId, observation: &Observation) {
        assert_eq!(self.broken, None, "a story ends with its violation");
        self.at += 1;
        self.broken = self.checker.observe(self.at, node, observation).err();
    }

    fn trace(&mut self, node: NodeId, event: TraceEvent) {
        self.see(node, &Observation::Trace(event));
    }

    fn starts(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, terms: &[u64]) {
        self.starts_after(node, term, vote, id(0, 0), terms);
    }

    fn starts_after(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, purged: LogId, terms: &[u64]) {
        let mut runs: Vec<TermRun> = Vec::new();
        for (term, index) in terms.iter().zip(purged.index.0 + 1..) {
            match runs.last_mut() {
                Some(run) if run.term == Term(*term) => run.last = LogIndex(index),
                _ => runs.push(TermRun { term: Term(*term), first: LogIndex(index), last: LogIndex(index) }),
            }
        }
        let last = LogIndex(purged.index.0 + terms.len() as u64);
        self.trace(node, TraceEvent::Started { term: Term(term), last, vote, purged, runs });
    }

    fn campaigns(&mut self, node: NodeId, term: u64) {
        self.trace(node, TraceEvent::ElectionStarted { term: Term(term), pre_vote: false });
    }

    fn leads(&mut self, node: NodeId, term: u64) {
        self.trace(
            node,
            TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term: Term(term) },
        );
    }

    fn steps_down(&mut self, node: NodeId, term: u64) {
        self.trace(
            node,
            TraceEvent::RoleChanged { from: Role::Leader, to: Role::Follower, term: Term(term) },
        );
        let reason = StepDownReason::HigherTerm;
        self.trace(node, TraceEvent::SteppedDown { reason, term: Term(term) });
    }

    fn votes(&mut self, node: NodeId, term: u64, candidate: NodeId) {
        self.trace(node, TraceEvent::VoteGranted { candidate, term: Term(term), pre_vote: false });
    }

    fn counts(&mut self, node: NodeId, from: NodeId) {
        let event = TraceEvent::VoteReceived { from, granted: true, pre_vote: false, votes: 2, needed: 2 };
        self.trace(node, event);
    }

    fn appends(&mut self, node: NodeId, term: u64, first: u64, last: u64) {
        let (first, last) = (LogIndex(first), LogIndex(last));
        self.trace(node, TraceEvent::Appended { first, last, term: Term(term) });
    }

    fn truncates(&mut self, node: NodeId, from: u64, to: u64) {
        self.trace(node, TraceEvent::Truncated { from: LogIndex(from), to: LogIndex(to) });
    }

    fn commits(&mut self, node: NodeId, through: u64) {
        self.trace(node, TraceEvent::Committed { through: LogIndex(through) });
    }

    fn durable(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, through: u64) {
        self.see(node, &Observation::Durable { term: Term(term), vote, through: LogIndex(through) });
    }

    fn state(&mut self, node: NodeId, applied: u64, state_hash: u64) {
        self.see(node, &Observation::State { applied: LogIndex(applied), state_hash });
    }

    fn breaks(self, property: Property, words: &str) {
        let violation = self.broken.unwrap_or_else(|| panic!("{property} was to be broken"));
        assert_eq!(violation.property, property, "{violation}");
        assert!(violation.sentence.contains(words), "'{words}' in: {violation}");
    }

    fn breaks_nothing(self) {
        assert_eq!(self.broken, None);
    }
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// n1 leads term 1 and commits entry 1 with n2.
fn first_commit(story: &mut Story) {
    story.campaigns(N1, 1);
    story.durable(N1, 1, Some(N1), 0);
    story.votes(N2, 1, N1);
    story.durable(N2, 1, Some(N1), 0);
    story.counts(N1, N2);
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 1);
    story.appends(N2, 1, 1, 1);
    story.durable(N2, 1, Some(N1), 1);
    story.durable(N1, 1, Some(N1), 1);
    story.commits(N1, 1);
}

#[test]
fn an_ordinary_life_breaks_nothing() {
    let mut story = Story::watching_disks();
    first_commit(&mut story);
    story.state(N1, 1, 7);
    story.commits(N2, 1);
    story.state(N2, 1, 7);
    story.appends(N1, 1, 2, 9);
    story.see(N1, &Observation::Stopped);
    // n2 leads on; n1 loses what nobody else has.
    story.campaigns(N2, 2);
    story.durable(N2, 2, Some(N2), 1);
    story.votes(N3, 2, N2);
    story.durable(N3, 2, Some(N2), 0);
    story.counts(N2, N3);
    story.leads(N2, 2);
    story.appends(N2, 2, 2, 2);
    story.starts(N1, 1, Some(N1), &[1, 1, 1]);
    story.trace(N1, TraceEvent::LeaderChanged { leader: Some(N2), term: Term(2) });
    story.truncates(N1, 2, 3);
    story.appends(N1, 2, 2, 2);
    story.durable(N1, 2, None, 2);
    story.durable(N2, 2, Some(N2), 2);
    story.commits(N2, 2);
    story.commits(N1, 2);
    story.state(N1, 2, 8);
    story.state(N2, 2, 8);
    story.breaks_nothing();
}

#[test]
fn two_leaders_in_a_term_break_election_safety() {
    let mut story = Story::new();
    story.leads(N1, 3);
    story.leads(N2, 3);
    story.breaks(Property::ElectionSafety, "n2 leads term 3, which n1 led already");
}

#[test]
fn leading_a_term_again_after_a_crash_breaks_election_safety() {
    let mut story = Story::new();
    story.leads(N1, 3);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 2, None, &[]);
    story.leads(N1, 3);
    story.breaks(Property::ElectionSafety, "second election");
}

#[test]
fn leaders_of_different_terms_may_live_side_by_side() {
    let mut story = Story::new();
    story.leads(N1, 3);
    story.leads(N2, 4);
    story.breaks_nothing();
}

#[test]
fn a_leader_that_removes_its_entries_breaks_leader_append_only() {
    let mut story = Story::new();
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 4);
    story.truncates(N1, 3, 4);
    story.breaks(Property::LeaderAppendOnly, "removes entry 3");
}

#[test]
fn a_follower_may_remove_what_is_not_committed() {
    let mut story = Story::new();
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 4);
    story.steps_down(N1, 2);
    story.truncates(N1, 3, 4);
    story.breaks_nothing();
}

#[test]
fn entries_of_a_term_behind_different_ones_break_log_matching() {
    let mut story = Story::new();
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 2);
    story.leads(N2, 2);
    story.appends(N2, 2, 1, 2);
    story.leads(N3, 3);
    story.appends(N3, 3, 1, 1);
    story.appends(N1, 3, 3, 3);
    story.breaks(Property::LogMatching, "term 3 begin at 3 behind an entry of term 1, elsewhere at 1");
}

#[test]
fn a_restored_log_that_matches_no_other_breaks_log_matching() {
    let mut story = Story::new();
    story.leads(N1, 2);
    story.appends(N1, 2, 1, 2);
    story.starts(N2, 2, None, &[1, 2]);
    story.breaks(Property::LogMatching, "n2's entries of term 2");
}

#[test]
fn falling_terms_break_log_matching() {
    let mut story = Story::new();
    story.appends(N1, 2, 1, 1);
    story.appends(N1, 1, 2, 2);
    story.breaks(Property::LogMatching, "after one of term 2");
}

#[test]
fn a_gap_breaks_the_order_of_the_cursors() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 2);
    story.appends(N1, 1, 4, 4);
    story.breaks(Property::CursorOrder, "appends 4 to a log that ends at 2");
}

#[test]
fn a_leader_without_a_committed_entry_breaks_leader_completeness() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.leads(N3, 2);
    story.breaks(Property::LeaderCompleteness, "n3 leads term 2 without the committed entry 1 of term 1");
}

#[test]
fn a_leader_with_another_entry_in_place_of_a_committed_one_breaks_leader_completeness() {
    let mut story = Story::new();
    story.leads(N3, 1);
    story.appends(N3, 1, 1, 1);
    story.leads(N1, 2);
    story.appends(N1, 2, 1, 1);
    story.commits(N1, 1);
    story.leads(N3, 3);
    story.breaks(Property::LeaderCompleteness, "it has one of term 1");
}

#[test]
fn an_entry_committed_late_must_be_at_the_leaders_of_later_terms_already() {
    let mut story = Story::new();
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 1);
    story.leads(N3, 2);
    // Counting answers from before n3's election, n1 commits in term 1.
    story.commits(N1, 1);
    story.breaks(Property::LeaderCompleteness, "n3 leads term 2 without");
}

#[test]
fn a_late_winner_of_an_earlier_term_may_lack_what_a_later_term_committed() {
    let mut story = Story::new();
    story.leads(N1, 2);
    story.appends(N1, 2, 1, 1);
    story.commits(N1, 1);
    story.leads(N3, 1);
    story.breaks_nothing();
}

#[test]
fn different_entries_committed_at_an_index_break_state_machine_safety() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 3);
    story.appends(N2, 1, 1, 2);
    story.appends(N2, 2, 3, 3);
    story.commits(N1, 3);
    story.see(N1, &Observation::Stopped);
    story.commits(N2, 3);
    story.breaks(Property::StateMachineSafety, "n2 takes one of term 2 for the committed entry 3");
}

#[test]
fn applying_what_nobody_committed_breaks_state_machine_safety() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.state(N2, 2, 1);
    story.breaks(Property::StateMachineSafety, "applied 2, which nobody committed");
}

#[test]
fn removing_a_committed_entry_breaks_committed_for_ever() {
    let mut story = Story::new();
    story.appends(N2, 1, 1, 3);
    story.commits(N2, 2);
    story.truncates(N2, 2, 3);
    story.breaks(Property::CommittedForEver, "removes entry 2, though it committed 2");
}

#[test]
fn different_states_after_the_same_entry_are_told() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.state(N1, 1, 7);
    story.commits(N2, 1);
    story.state(N2, 1, 8);
    story.breaks(Property::EqualStates, "n2's state after entry 1 is not n1's");
}

#[test]
fn a_term_lost_in_a_crash_breaks_durability() {
    let mut story = Story::new();
    story.durable(N1, 3, Some(N2), 0);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 2, None, &[]);
    story.breaks(Property::Durability, "starts in term 2, but term 3 was on its disk");
}

#[test]
fn a_vote_lost_in_a_crash_breaks_one_vote_a_term() {
    let mut story = Story::new();
    story.durable(N1, 3, Some(N2), 0);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 3, None, &[]);
    story.breaks(Property::OneVoteATerm, "without the vote of term 3");
}

#[test]
fn durable_entries_lost_in_a_crash_break_durability() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 5);
    story.durable(N1, 1, None, 4);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 1, None, &[1, 1, 1]);
    story.breaks(Property::Durability, "without entries from 1 on that were on its disk through 4");
}

#[test]
fn what_was_not_durable_may_be_lost_or_kept() {
    for kept in [&[1, 1, 1, 1][..], &[1, 1, 1, 1, 1]] {
        let mut story = Story::new();
        story.appends(N1, 1, 1, 5);
        story.durable(N1, 1, None, 4);
        story.see(N1, &Observation::Stopped);
        story.starts(N1, 1, None, kept);
        story.breaks_nothing();
    }
}

#[test]
fn a_truncation_takes_back_what_was_durable() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 5);
    story.durable(N1, 1, None, 5);
    story.truncates(N1, 3, 5);
    story.appends(N1, 2, 3, 3);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 2, None, &[1, 1]);
    story.breaks_nothing();
}

#[test]
fn a_snapshot_that_was_finished_just_before_the_crash_may_replace_a_conflicting_log() {
    let mut story = with_snapshot_source(9);
    story.appends(N2, 2, 1, 7);
    story.durable(N2, 2, None, 7);
    story.see(N2, &Observation::Stopped);
    story.starts_after(N2, 2, None, id(1, 5), &[]);
    story.breaks_nothing();
}

#[test]
fn an_entry_on_the_disk_before_its_term_breaks_durability() {
    let mut story = Story::new();
    story.appends(N1, 2, 1, 1);
    story.durable(N1, 1, None, 1);
    story.breaks(Property::Durability, "an entry of term 2, but only term 1");
}

#[test]
fn two_votes_in_a_term_are_told() {
    let mut story = Story::new();
    story.votes(N3, 1, N1);
    story.votes(N3, 1, N2);
    story.breaks(Property::OneVoteATerm, "votes for n2 in term 1, and voted for n1 before");
}

#[test]
fn a_candidate_has_given_its_vote_to_itself() {
    let mut story = Story::new();
    story.campaigns(N3, 1);
    story.votes(N3, 1, N2);
    story.breaks(Property::OneVoteATerm, "voted for n3 before");
}

#[test]
fn a_vote_that_never_reached_the_disk_may_be_given_again() {
    let mut story = Story::watching_disks();
    story.durable(N3, 1, None, 0);
    story.votes(N3, 1, N1);
    story.see(N3, &Observation::Stopped);
    story.starts(N3, 1, None, &[]);
    story.votes(N3, 1, N2);
    story.breaks_nothing();
}

#[test]
fn counting_a_vote_that_is_not_on_its_disk_is_told() {
    let mut story = Story::watching_disks();
    story.campaigns(N1, 1);
    story.durable(N1, 1, Some(N1), 0);
    story.votes(N2, 1, N1);
    story.counts(N1, N2);
    story.breaks(Property::DurableBeforeCounted, "counts n2's vote in term 1");
}

#[test]
fn counting_the_own_vote_before_it_is_on_the_disk_is_told() {
    let mut story = Story::watching_disks();
    story.campaigns(N1, 1);
    story.leads(N1, 1);
    story.breaks(Property::DurableBeforeCounted, "its own vote in term 1");
}

#[test]
fn committing_what_a_majority_has_not_on_disk_is_told() {
    let mut story = Story::watching_disks();
    first_commit(&mut story);
    story.appends(N1, 1, 2, 2);
    story.appends(N2, 1, 2, 2);
    story.durable(N2, 1, Some(N1), 2);
    story.commits(N1, 2);
    story.breaks(Property::DurableBeforeCounted, "commits 2 in term 1, which is on 1 of 3 disks only");
}

#[test]
fn a_joint_membership_needs_the_majority_of_both_halves() {
    let mut story = Story::watching_disks();
    first_commit(&mut story);
    let membership = Membership {
        voters: [N1, NodeId(4), NodeId(5)].into(),
        outgoing: [N1, N2, N3].into(),
        ..Membership::default()
    };
    story.appends(N1, 1, 2, 2);
    story.trace(N1, TraceEvent::MembershipChanged { index: LogIndex(2), membership });
    story.appends(N2, 1, 2, 2);
    story.durable(N2, 1, Some(N1), 2);
    story.durable(N1, 1, Some(N1), 2);
    story.commits(N1, 2);
    story.breaks(Property::DurableBeforeCounted, "on 1 of 3 disks");
}

#[test]
fn a_term_or_a_commit_index_that_falls_breaks_monotony() {
    let mut story = Story::new();
    story.votes(N1, 5, N2);
    story.trace(N1, TraceEvent::LeaderChanged { leader: None, term: Term(4) });
    story.breaks(Property::Monotony, "from term 5 to 4");

    let mut story = Story::new();
    story.appends(N1, 1, 1, 3);
    story.commits(N1, 3);
    story.commits(N1, 2);
    story.breaks(Property::Monotony, "commit index goes from 3 to 2");
}

#[test]
fn an_applied_index_that_falls_breaks_monotony() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 3);
    story.commits(N1, 3);
    story.state(N1, 3, 1);
    story.state(N1, 2, 1);
    story.breaks(Property::Monotony, "applied index goes from 3 to 2");
}

#[test]
fn a_crash_lets_commit_and_applied_index_start_anew() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 3);
    story.durable(N1, 1, None, 3);
    story.commits(N1, 3);
    story.state(N1, 3, 9);
    story.see(N1, &Observation::Stopped);
    story.starts(N1, 1, None, &[1, 1, 1]);
    story.state(N1, 0, 0);
    story.commits(N1, 2);
    story.commits(N1, 3);
    story.state(N1, 3, 9);
    story.breaks_nothing();
}

#[test]
fn committing_past_the_log_breaks_the_order_of_the_cursors() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 3);
    story.commits(N1, 4);
    story.breaks(Property::CursorOrder, "commits 4, but its log ends at 3");
}

#[test]
fn releasing_the_log_past_the_snapshot_breaks_the_order_of_the_cursors() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 9);
    story.commits(N1, 8);
    story.trace(N1, TraceEvent::SnapshotTaken { last: id(1, 5), size: 1 });
    story.trace(N1, TraceEvent::Purged { through: id(1, 6) });
    story.breaks(Property::CursorOrder, "releases its log through 6, but its snapshot ends at 5");
}

#[test]
fn a_snapshot_of_what_nobody_committed_breaks_the_order_of_the_cursors() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 9);
    story.commits(N1, 4);
    story.trace(N1, TraceEvent::SnapshotTaken { last: id(1, 5), size: 1 });
    story.breaks(Property::CursorOrder, "which nobody committed");
}

/// n1 has committed `committed` of 9 entries of term 1.
fn with_snapshot_source(committed: u64) -> Story {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 9);
    story.commits(N1, committed);
    story.trace(N1, TraceEvent::SnapshotTaken { last: id(1, 5), size: 1 });
    story.trace(N1, TraceEvent::Purged { through: id(1, 5) });
    story
}

#[test]
fn a_snapshot_takes_a_conflicting_logs_place_and_the_log_goes_on_behind_it() {
    let mut story = with_snapshot_source(9);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(1, 5), kept_log: false });
    story.appends(N2, 1, 6, 9);
    story.commits(N2, 9);
    story.see(N1, &Observation::Stopped);
    story.starts_after(N1, 1, None, id(1, 5), &[1, 1, 1, 1]);
    story.breaks_nothing();
}

#[test]
fn a_snapshot_behind_the_commit_index_breaks_monotony() {
    let mut story = with_snapshot_source(9);
    story.appends(N2, 1, 1, 9);
    story.commits(N2, 7);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(1, 5), kept_log: true });
    story.breaks(Property::Monotony, "goes back to a snapshot of 5");
}

#[test]
fn keeping_a_conflicting_log_behind_a_snapshot_breaks_log_matching() {
    let mut story = Story::new();
    story.appends(N1, 2, 1, 6);
    story.commits(N1, 6);
    story.appends(N2, 1, 1, 6);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(2, 5), kept_log: true });
    story.breaks(Property::LogMatching, "keeps its log behind a snapshot of 5");
}

#[test]
fn throwing_away_a_matching_log_behind_a_snapshot_breaks_durability() {
    let mut story = with_snapshot_source(9);
    story.appends(N2, 1, 1, 7);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(1, 5), kept_log: false });
    story.breaks(Property::Durability, "throws away entries");
}

#[test]
fn a_snapshot_of_another_entry_than_the_committed_one_breaks_state_machine_safety() {
    let mut story = with_snapshot_source(9);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(2, 5), kept_log: false });
    story.breaks(Property::StateMachineSafety, "for the committed entry 5");
}

#[test]
fn a_leader_that_installs_a_snapshot_breaks_leader_append_only() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.leads(N2, 2);
    story.trace(N2, TraceEvent::SnapshotInstalled { last: id(1, 1), kept_log: true });
    story.breaks(Property::LeaderAppendOnly, "lets a snapshot take its log's place");
}

#[test]
fn after_a_gap_in_the_trace_nothing_is_said_of_the_log() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.see(N2, &Observation::Missed);
    story.appends(N2, 1, 40, 50);
    story.commits(N2, 45);
    story.state(N2, 45, 1);
    story.leads(N2, 2);
    story.breaks_nothing();
}

#[test]
fn a_start_after_a_gap_makes_the_log_known_again() {
    let mut story = Story::new();
    first_commit(&mut story);
    story.see(N2, &Observation::Missed);
    story.see(N2, &Observation::Stopped);
    story.starts(N2, 1, Some(N1), &[1]);
    story.appends(N2, 1, 3, 3);
    story.breaks(Property::CursorOrder, "appends 3 to a log that ends at 1");
}

/// A status of n2 as telemetry brings it: a follower with a log of these terms.
fn status(terms: &[u64]) -> NodeStatus {
    let entries =
        terms.iter().zip(1..).map(|(term, index)| Entry { id: id(*term, index), payload: Payload::Noop });
    let term = Term(terms.last().copied().unwrap_or_default());
    let hard_state = HardState { term, vote: None };
    let restored = Restored { hard_state, entries: entries.collect(), ..Restored::default() };
    let config = Config::new(N2, [N1, N2, N3].into(), Timing::FAST);
    let raft = Raft::new(config, 1, restored, Timestamp(0)).unwrap().status(Timestamp(0));
    NodeStatus {
        raft,
        keys: 0,
        state_hash: 5,
        uptime_micros: 0,
        fsync_micros: 0,
        sessions: 0,
        clock_rate: ClockRate::REAL,
        next_timer_micros: 0,
        fsyncs: 0,
        refused: Vec::new(),
        incarnation: None,
        cluster: None,
        address: String::new(),
        notices: Vec::new(),
    }
}

/// A story whose checker has lost some of n2's trace.
fn with_gap() -> Story {
    let mut story = Story::new();
    first_commit(&mut story);
    story.see(N2, &Observation::Missed);
    story
}

#[test]
fn two_statuses_that_agree_make_the_log_known_again() {
    let mut story = with_gap();
    for observation in [observations_of(&status(&[1, 1])), observations_of(&status(&[1, 1]))].concat() {
        story.see(N2, &observation);
    }
    story.appends(N2, 1, 4, 4);
    story.breaks(Property::CursorOrder, "appends 4 to a log that ends at 2");
}

#[test]
fn a_status_alone_may_be_ahead_of_the_trace_or_behind_it() {
    let mut story = with_gap();
    for observation in observations_of(&status(&[1, 1, 1])) {
        story.see(N2, &observation);
    }
    story.appends(N2, 1, 2, 2);
    story.appends(N2, 1, 3, 3);
    story.breaks_nothing();
}

#[test]
fn a_status_of_a_second_leader_breaks_election_safety() {
    let mut story = Story::new();
    story.leads(N1, 3);
    let mut seen = status(&[3]).raft;
    seen.role = Role::Leader;
    story.see(N2, &Observation::Status(Box::new(seen)));
    story.breaks(Property::ElectionSafety, "n2 leads term 3, which n1 led already");
}

#[test]
fn a_match_index_that_falls_breaks_monotony() {
    let knows = |matched| {
        let mut seen = status(&[3]).raft;
        seen.role = Role::Leader;
        let next = LogIndex(matched + 1);
        let (state, last_heard, snapshot) = (ReplicationState::Replicate, None, None);
        seen.peers = vec![PeerStatus {
            id: N3,
            matched: LogIndex(matched),
            next,
            state,
            last_heard,
            snapshot,
            disk_stalled: None,
            incarnation: None,
            owes: None,
            refused_snapshot: None,
        }];
        Observation::Status(Box::new(seen))
    };
    let mut story = Story::new();
    story.see(N2, &knows(4));
    story.see(N2, &knows(5));
    story.see(N2, &knows(4));
    story.breaks(Property::Monotony, "knows n3 to have gets less");
}

#[test]
fn a_long_run_costs_milliseconds_and_little_memory() {
    let mut story = Story::new();
    let rounds = 20_000;
    for round in 0..rounds {
        let index = round + 1;
        let term = round / 1000 + 1;
        if round % 1000 == 0 {
            story.leads(N1, term);
        }
        for node in [N1, N2, N3] {
            story.appends(node, term, index, index);
        }
        for node in [N1, N2, N3] {
            story.commits(node, index);
            story.state(node, index, index);
        }
    }
    let size = format!("{:?}", story.checker).len();
    story.breaks_nothing();
    // Sixteen thousand state hashes and a few dozen runs; were entries kept, it would be several megabytes.
    assert!(size < 1_500_000, "{size} bytes when printed");
}

/// A vote and an entry of the former disk may still be counted; a new vote must be on the new one.
#[test]
fn a_replaced_disk_has_forgotten_and_what_it_said_before_still_counts() {
    let mut story = Story::watching_disks();
    story.durable(N2, 1, Some(N1), 0);
    story.see(N2, &Observation::Stopped);
    story.see(N2, &Observation::DiskReplaced);
    story.starts(N2, 0, None, &[]);
    story.trace(N1, TraceEvent::ElectionStarted { term: Term(1), pre_vote: false });
    story.durable(N1, 1, Some(N1), 0);
    let counted =
        |term| TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: term == 0, votes: 2, needed: 2 };
    story.trace(N1, counted(1));
    assert_eq!(story.broken, None);
    story.trace(N1, TraceEvent::ElectionStarted { term: Term(2), pre_vote: false });
    story.durable(N1, 2, Some(N1), 0);
    story.trace(N1, counted(2));
    assert_eq!(story.broken.unwrap().property, Property::DurableBeforeCounted);
}
