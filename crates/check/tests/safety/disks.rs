//! What was on a disk and what was not: terms, votes, entries, and counting them.

use super::*;

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
