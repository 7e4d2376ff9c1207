//! Indices that fall or stand in the wrong order, and snapshots.

use super::*;

#[test]
fn a_term_or_a_commit_index_that_falls_breaks_monotony() {
    let mut story = Story::new();
    story.votes(N1, 5, N2);
    story.trace(N1, TraceEvent::LeaderChanged { leader: None, term: Term(4) });
    story.breaks(Property::Monotony, "from 5 to 4");

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
    story.breaks(Property::CursorOrder, "compacts its log through 6, but its snapshot ends at 5");
}

#[test]
fn a_snapshot_of_what_nobody_committed_breaks_the_order_of_the_cursors() {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 9);
    story.commits(N1, 4);
    story.trace(N1, TraceEvent::SnapshotTaken { last: id(1, 5), size: 1 });
    story.breaks(Property::CursorOrder, "which no node committed");
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
    story.breaks(Property::LogMatching, "keeps its log after a snapshot of 5");
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
    story.breaks(Property::LeaderAppendOnly, "replaces its log by a snapshot");
}
