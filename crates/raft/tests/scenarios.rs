//! The paper's stories and the traps about the order of messages, as scripts that a person can read and change. The
//! language is described in `tests/scenarios/README.md`; each file there is a test here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod scenario;
mod support;

use std::collections::BTreeSet;

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                if let Err(problem) = scenario::play(stringify!($name), &scenario::text(stringify!($name))) {
                    panic!("{problem}");
                }
            }
        )*

        const ALL: &[&str] = &[$(stringify!($name)),*];
    };
}

scenarios! {
    disk_slow_is_not_stalled
    disk_stalled_follower_tells_its_leader
    disk_stalled_leader_hands_over
    disk_stalled_leader_leads_on_where_nobody_else_could
    disk_stalled_leader_steps_down_if_nobody_takes_over
    disk_stalled_member_neither_campaigns_nor_promises
    disk_stalled_single_member_refuses_writes
    disk_that_recovers_ends_the_hand_over
    election_candidate_yields
    election_deaf_leader_lets_go
    election_disruptive_member_is_refused
    election_leader_behind_a_bridge
    election_one_vote_a_term
    election_plain
    election_repeated_vote_counts_once
    election_restriction
    election_split_vote
    election_vote_waits_for_the_disk
    figure_7
    figure_8_d_overwritten
    figure_8_e_committed
    identity_former_life_does_not_answer
    identity_former_life_does_not_vote
    identity_joiner_does_not_vote
    identity_old_memberships_are_about_a_former_life
    learner_answers_candidates
    learner_neither_campaigns_nor_counts
    learner_that_is_counted_on_campaigns
    lease_counts_from_the_sending
    lease_ends_at_a_pause
    membership_joint_both_majorities
    membership_leader_removes_itself
    membership_leaves_the_joint_one_when_committed
    membership_member_that_lags
    membership_one_change_at_a_time
    membership_uncommitted_one_is_taken_back
    prevote_changes_nothing
    prevote_compares_logs
    prevote_late_reply_at_a_leader
    prevote_refusal_teaches_a_term
    prevote_spares_a_working_leader
    prevote_two_forget_their_leader
    read_is_answered_at_a_step_down
    read_needs_a_round_that_began_after_it
    read_waits_for_an_own_commit
    replication_answer_waits_for_the_disk
    replication_cap_survives_the_term
    replication_commits_what_the_message_covers
    replication_conflict_in_one_round_a_term
    replication_consistency_check
    replication_follower_went_back
    replication_heartbeat_revives_a_full_window
    replication_late_answers_change_nothing
    replication_late_message_does_not_shorten
    replication_lost_messages_are_sent_again
    replication_overwritten_write_completes
    replication_plain
    replication_single_member_waits_for_its_disk
    replication_slow_leader_disk
    replication_term_is_written_before_its_entries
    replication_window_is_emptied_by_a_reset
    replication_writes_completed_out_of_order
    snapshot_before_the_log_is_released
    snapshot_brings_the_membership
    snapshot_for_a_follower_that_is_behind
    snapshot_late_message_about_released_entries
    snapshot_over_a_conflicting_log
    snapshot_repeated_is_ignored
    snapshot_state_ends_with_any_answer
    snapshot_within_a_matching_log
    term_stale_leader_steps_down
    term_stale_request_is_refused
    transfer_ends_the_lease
    transfer_given_up
    transfer_late_word_is_ignored
    transfer_plain
}

#[test]
fn every_scenario_file_is_a_test() {
    let files: BTreeSet<String> = std::fs::read_dir(scenario::folder())
        .unwrap()
        .filter_map(|file| {
            file.unwrap().file_name().into_string().unwrap().strip_suffix(".txt").map(str::to_owned)
        })
        .collect();
    let listed: BTreeSet<String> = ALL.iter().map(ToString::to_string).collect();
    assert_eq!(files, listed, "left: the files; right: the list in tests/scenarios.rs");
}

#[test]
fn every_scenario_says_what_it_shows_and_where_that_is_written() {
    for name in ALL {
        let text = scenario::text(name);
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let head = head.join(" ");
        let cites = ["paper", "thesis", "trap"].iter().any(|word| head.contains(word));
        assert!(head.len() > 40 && cites, "{name}.txt begins with what it shows and cites it");
    }
}

/// Each file may name guards: `# without NAME: fails`. Without that guard it must not pass.
#[cfg(feature = "mutants")]
#[test]
fn a_scenario_fails_without_the_guard_that_it_is_about() {
    use raftdeck_raft::mutants::{Mutant, activate};

    let mut survivors = Vec::new();
    for name in ALL {
        let text = scenario::text(name);
        let named = text.lines().filter_map(|line| line.strip_prefix("# caught mutant: "));
        for guard in named.flat_map(|names| names.split(", ")) {
            let mutant = Mutant::ALL.iter().find(|mutant| format!("{mutant:?}") == guard);
            activate(Some(*mutant.unwrap_or_else(|| panic!("{name}.txt: there is no mutant {guard}"))));
            let played = scenario::play(name, &text);
            activate(None);
            if played.is_ok() {
                survivors.push(format!("{name}.txt passes under {guard}"));
            }
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

#[test]
fn a_problem_names_file_line_and_what_was_found() {
    let problem = |text| scenario::play("story", text).unwrap_err();
    assert_eq!(
        problem("start 3\nelect n1\n\nexpect n2 leader\n"),
        "tests/scenarios/story.txt:4: expect n2 leader\n  expected role leader, found follower"
    );
    assert!(problem("start 3\nfly n1\n").contains("story.txt:2: fly n1\n  this is not understood"));
    assert!(problem("elect n1\n").contains("nobody is there"));
    assert!(problem("start 3\nelect n9\n").contains("there is no n9"));
    assert!(problem("start 3\nexpect n1 color=red\n").contains("'color' is not known here"));
    assert!(problem("start 3\ndeliver n1>n2 PreVote\n").contains("no such message is on its way"));
    assert!(problem("start 3\npropose n1 x\n").contains("it is refused: not the leader"));
    assert!(problem("start n1 2,1\nelect n1\n").contains("it panics"));
}
