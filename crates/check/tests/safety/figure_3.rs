//! The properties of the paper's Figure 3, and lives that break none of them.

use super::*;

#[test]
fn an_ordinary_life_breaks_nothing() {
    let mut story = Story::watching_disks();
    first_commit(&mut story);
    story.state(N1, 1, 7);
    story.commits(N2, 1);
    story.state(N2, 1, 7);
    story.appends(N1, 1, 2, 9);
    story.see(N1, &Observation::Stopped);
    // n2 stays leader; n1 loses what nobody else has.
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
    story.breaks(Property::StateMachineSafety, "applied 2, which no node committed");
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
