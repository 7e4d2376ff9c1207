//! The transitions of a follower's progress, one by one.

use super::*;
use crate::sending::{REPEATS, Refused};

const WINDOW: Window = Window { messages: 2, bytes: 100 };

fn replicating(next: u64) -> Progress {
    let mut progress = Progress::new(LogIndex(next));
    progress.matched(LogIndex(next - 1), LogIndex::ZERO);
    assert_eq!(progress.state, ReplicationState::Replicate);
    progress
}

#[test]
fn a_probe_waits_for_its_answer() {
    let mut progress = Progress::new(LogIndex(5));
    assert!(progress.may_send(WINDOW));
    progress.sent(LogIndex(9), 10);
    assert!(!progress.may_send(WINDOW));
    assert_eq!(progress.next, LogIndex(5));
    progress.matched(LogIndex(9), LogIndex::ZERO);
    assert_eq!((progress.matched, progress.next), (LogIndex(9), LogIndex(10)));
    assert!(progress.may_send(WINDOW));
}

#[test]
fn the_window_is_bounded_in_messages_and_in_bytes() {
    let mut progress = replicating(1);
    progress.sent(LogIndex(1), 10);
    assert!(progress.may_send(WINDOW));
    progress.sent(LogIndex(2), 10);
    assert!(!progress.may_send(WINDOW), "two messages are under way");
    progress.matched(LogIndex(2), LogIndex::ZERO);
    progress.sent(LogIndex(3), 100);
    assert!(!progress.may_send(WINDOW), "a hundred bytes are under way");
}

#[test]
fn a_heartbeats_answer_revives_a_full_window_and_its_bytes() {
    let mut progress = replicating(1);
    progress.sent(LogIndex(1), 60);
    progress.sent(LogIndex(2), 60);
    assert!(!progress.may_send(WINDOW));
    progress.matched(LogIndex(1), LogIndex::ZERO);
    assert_eq!(progress.inflight_bytes, 60);
    progress.matched(LogIndex(2), LogIndex::ZERO);
    assert!(progress.may_send(WINDOW));
    assert_eq!(progress.inflight_bytes, 0);
    assert!(!progress.matched(LogIndex(2), LogIndex::ZERO), "that is no news");
}

#[test]
fn a_conflict_resets_the_window_and_its_bytes() {
    let mut progress = replicating(1);
    progress.sent(LogIndex(1), 60);
    progress.sent(LogIndex(2), 60);
    let hint = ConflictHint { term: None, first: LogIndex(1) };
    assert!(progress.conflict(LogIndex(2), hint, LogIndex(1)));
    assert_eq!((progress.next, progress.inflight_bytes), (LogIndex(1), 0));
    assert!(progress.may_send(WINDOW));
}

#[test]
fn match_never_goes_back_and_late_refusals_are_ignored() {
    let mut progress = replicating(8);
    assert!(!progress.matched(LogIndex(3), LogIndex::ZERO));
    assert_eq!(progress.matched, LogIndex(7));
    let hint = ConflictHint { term: None, first: LogIndex(1) };
    assert!(!progress.conflict(LogIndex(7), hint, LogIndex(1)), "it matches there already");
    assert_eq!((progress.matched, progress.next), (LogIndex(7), LogIndex(8)));

    let mut probe = Progress::new(LogIndex(8));
    assert!(!probe.conflict(LogIndex(5), hint, LogIndex(1)), "not the one that was asked");
    assert_eq!(probe.next, LogIndex(8));
}

#[test]
fn a_late_answer_does_not_end_a_probe() {
    let mut probe = Progress::new(LogIndex(8));
    assert!(probe.matched(LogIndex(3), LogIndex::ZERO));
    assert_eq!((probe.matched, probe.next), (LogIndex(3), LogIndex(8)));
    assert_eq!(probe.state, ReplicationState::Probe);
}

#[test]
fn a_conflict_never_leads_back_to_what_matches() {
    let mut progress = replicating(8);
    progress.sent(LogIndex(9), 10);
    let hint = ConflictHint { term: None, first: LogIndex(1) };
    assert!(progress.conflict(LogIndex(9), hint, LogIndex(1)));
    assert_eq!((progress.matched, progress.next), (LogIndex(7), LogIndex(8)));
}

#[test]
fn who_refuses_what_it_had_is_not_asked_again_and_again() {
    let mut progress = replicating(8);
    progress.sent(LogIndex(9), 10);
    let hint = ConflictHint { term: None, first: LogIndex(1) };
    assert!(progress.conflict(LogIndex(9), hint, LogIndex(0)));
    progress.sent(LogIndex(9), 10);
    assert!(!progress.conflict(LogIndex(7), hint, LogIndex(0)));
    assert!(!progress.may_send(WINDOW), "the next heartbeat asks again");
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta {
        last: LogId { term: crate::types::Term(1), index: LogIndex(index) },
        ..SnapshotMeta::default()
    }
}

const INTERVAL: Duration = Duration::from_millis(50);

fn at(ms: u64) -> Timestamp {
    Timestamp(ms * 1000)
}

/// Being sent a snapshot of ten bytes that ends with entry 20, by a leader whose log starts after 15.
fn installing() -> Progress {
    let mut progress = Progress::new(LogIndex(5));
    progress.send_snapshot(meta(20), 10);
    progress
}

fn offset_of(piece: Option<NextPiece>) -> Option<u64> {
    piece.map(|piece| piece.offset)
}

#[test]
fn one_piece_is_under_way_until_it_is_answered() {
    let mut progress = installing();
    assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(0))), Some(0));
    assert_eq!(progress.next_piece(1, INTERVAL, at(0)), None);
    progress.sending().unwrap().answered(meta(20).last, 4, 1);
    assert_eq!(progress.snapshot_progress(), Some((4, 10)));
    assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(1))), Some(4));
    progress.sending().unwrap().answered(meta(20).last, 4, 1);
    assert_eq!(progress.next_piece(1, INTERVAL, at(1)), None, "the same answer again is no news");
}

#[test]
fn a_piece_is_sent_again_after_an_interval_to_a_follower_that_answers_other_things() {
    let mut progress = installing();
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    assert_eq!(progress.next_piece(2, INTERVAL, at(60)), None, "nobody has answered anything");
    progress.heard(2, at(70));
    assert_eq!(offset_of(progress.next_piece(3, INTERVAL, at(70))), Some(0));
    progress.heard(3, at(75));
    progress.heard(4, at(75));
    assert_eq!(progress.next_piece(4, INTERVAL, at(75)), None, "the interval starts anew");
}

#[test]
fn what_was_not_begun_gives_way_to_a_newer_snapshot_and_what_is_under_way_does_not() {
    let patience = Duration::from_secs(999);
    let mut progress = installing();
    progress.heard(1, at(0));
    assert!(progress.should_send_instead(meta(21).last, patience, at(0)));
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    assert!(!progress.should_send_instead(meta(21).last, patience, at(0)));
}

#[test]
fn when_all_is_sent_it_asks_what_became_of_it_once_an_interval() {
    let mut progress = installing();
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    progress.sending().unwrap().answered(meta(20).last, 10, 1);
    assert_eq!(progress.next_piece(1, INTERVAL, at(10)), None, "it is being installed");
    progress.heard(2, at(60));
    assert_eq!(offset_of(progress.next_piece(2, INTERVAL, at(60))), Some(10));
}

#[test]
fn a_follower_that_lost_the_pieces_gets_them_from_the_start_and_a_late_answer_takes_nothing_back() {
    let mut progress = installing();
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    progress.sending().unwrap().answered(meta(20).last, 4, 1);
    progress.next_piece(2, INTERVAL, at(1)).unwrap();
    progress.sending().unwrap().answered(meta(20).last, 0, 1);
    assert_eq!(progress.snapshot_progress(), Some((4, 10)), "an answer to an earlier round");
    progress.sending().unwrap().answered(meta(19).last, 0, 2);
    progress.sending().unwrap().answered(meta(20).last, 11, 2);
    assert_eq!(progress.snapshot_progress(), Some((4, 10)), "of another snapshot, or past the end");
    progress.sending().unwrap().answered(meta(20).last, 0, 2);
    assert_eq!(offset_of(progress.next_piece(2, INTERVAL, at(2))), Some(0));
}

/// Trap 28.
#[test]
fn any_answer_that_reconnects_the_logs_ends_the_snapshot() {
    let mut progress = installing();
    assert!(progress.matched(LogIndex(14), LogIndex(15)));
    assert_eq!(progress.state, ReplicationState::Snapshot, "entry 15 is gone");
    assert!(progress.matched(LogIndex(15), LogIndex(15)));
    assert_eq!((progress.state, progress.next), (ReplicationState::Replicate, LogIndex(16)));
    assert_eq!((progress.snapshot(), progress.next_piece(9, INTERVAL, at(999))), (None, None));
}

#[test]
fn a_snapshot_that_connects_no_more_when_it_is_installed_is_followed_by_the_newest() {
    let mut progress = installing();
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    progress.sending().unwrap().answered(meta(20).last, 4, 1);
    progress.heard(1, at(0));
    let newest = meta(40).last;
    assert!(!progress.should_send_instead(newest, INTERVAL, at(10)), "most of the old one may be there");
    progress.matched(LogIndex(20), LogIndex(35));
    assert_eq!(progress.state, ReplicationState::Snapshot);
    assert!(progress.should_send_instead(newest, INTERVAL, at(10)));
    assert!(!progress.should_send_instead(meta(20).last, INTERVAL, at(10)), "it is being sent already");
}

#[test]
fn a_follower_out_of_reach_gets_the_newest_snapshot() {
    let mut progress = installing();
    progress.heard(1, at(0));
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    progress.sending().unwrap().answered(meta(20).last, 4, 1);
    let patience = Duration::from_millis(300);
    assert!(!progress.should_send_instead(meta(40).last, patience, at(299)));
    assert!(progress.should_send_instead(meta(40).last, patience, at(300)));
}

/// Trap 22.
#[test]
fn a_snapshot_empties_the_window_and_its_bytes() {
    let mut progress = replicating(1);
    progress.sent(LogIndex(1), 60);
    progress.send_snapshot(meta(20), 10);
    assert!(!progress.may_send(WINDOW), "entries come after the snapshot");
    progress.matched(LogIndex(20), LogIndex(15));
    assert_eq!(progress.inflight_bytes, 0);
    assert!(progress.may_send(WINDOW));
}

#[test]
fn refusals_do_not_end_a_snapshot() {
    let mut progress = installing();
    let hint = ConflictHint { term: None, first: LogIndex(1) };
    assert!(!progress.conflict(LogIndex(4), hint, LogIndex(1)));
    assert_eq!(progress.state, ReplicationState::Snapshot);
}

const SHORTER: ConflictHint = ConflictHint { term: None, first: LogIndex(3) };

/// Trap 47.
#[test]
fn only_an_answer_to_a_round_after_the_confirmation_proves_that_it_was_lost() {
    let mut progress = replicating(8);
    progress.confirmed(5);
    assert!(!progress.has_lost(LogIndex(7), SHORTER, 4));
    assert!(!progress.has_lost(LogIndex(7), SHORTER, 5), "it may have been sent before");
    assert!(progress.has_lost(LogIndex(7), SHORTER, 6), "it refuses what it had confirmed");
    assert!(progress.has_lost(LogIndex(9), SHORTER, 6), "its log ends before what it had confirmed");
    let other_term = ConflictHint { term: Some(crate::types::Term(1)), first: LogIndex(3) };
    assert!(!progress.has_lost(LogIndex(9), other_term, 6), "it may have what it confirmed");
    let fresh = Progress::new(LogIndex(8));
    assert!(!fresh.has_lost(LogIndex(7), SHORTER, 6), "it never confirmed anything");
    let empty = ConflictHint { term: None, first: LogIndex::ZERO };
    assert!(!fresh.has_lost(LogIndex::ZERO, empty, 6), "whatever it refuses");
}

#[test]
fn who_went_back_counts_for_nothing_until_it_has_again_what_it_had_confirmed() {
    let mut progress = replicating(8);
    progress.confirmed(1);
    progress.went_back(LogIndex(7), SHORTER, LogIndex::ZERO);
    assert_eq!(
        (progress.matched, progress.next, progress.owes()),
        (LogIndex(0), LogIndex(3), Some(LogIndex(7)))
    );
    assert!(progress.matched(LogIndex(6), LogIndex::ZERO));
    assert!(!progress.confirmed(2));
    assert_eq!((progress.counted(progress.matched), progress.matched), (LogIndex::ZERO, LogIndex(6)));
    assert!(progress.matched(LogIndex(7), LogIndex::ZERO));
    assert!(progress.confirmed(2));
    assert_eq!((progress.counted(progress.matched), progress.owes()), (LogIndex(7), None));
}

#[test]
fn what_was_confirmed_on_another_disk_does_not_count() {
    let disk = |number| Some(Incarnation([number; 16]));
    let mut progress = replicating(8);
    assert_eq!(progress.answers_from(disk(1)), None);
    progress.heard(1, at(0));
    assert_eq!(progress.answers_from(disk(1)), None);
    assert_eq!(progress.answers_from(disk(2)), Some(LogIndex(7)));
    assert_eq!((progress.matched, progress.owes()), (LogIndex::ZERO, Some(LogIndex(7))));
    // From now on that is the one it answers from.
    progress.heard(2, at(1));
    progress.matched(LogIndex(5), LogIndex::ZERO);
    assert_eq!((progress.answers_from(disk(2)), progress.matched), (None, LogIndex(5)));
    assert_eq!(progress.owes(), Some(LogIndex(7)));
    // One that confirmed nothing has lost nothing.
    let mut fresh = Progress::new(LogIndex(8));
    fresh.answers_from(disk(1));
    fresh.heard(1, at(0));
    assert_eq!((fresh.answers_from(disk(2)), fresh.owes()), (None, None));
}

/// Trap 53.
#[test]
fn a_snapshot_that_cannot_be_decoded_is_not_sent_again_and_a_newer_one_is() {
    let mut progress = installing();
    progress.next_piece(1, INTERVAL, at(0)).unwrap();
    let undecodable = SnapshotRefusal::Undecodable;
    assert_eq!(progress.sending().unwrap().refuse(meta(20).last, undecodable, 0, at(100)), Refused::Late);
    assert_eq!(progress.sending().unwrap().refuse(meta(20).last, undecodable, 1, at(100)), Refused::Finally);
    progress.heard(99, at(100));
    assert_eq!(progress.next_piece(100, INTERVAL, at(99_999)), None);
    assert_eq!((progress.refused_snapshot(), progress.snapshot()), (Some(undecodable), None));
    let patience = Duration::from_secs(999);
    assert!(!progress.should_send_instead(meta(20).last, patience, at(100)));
    assert!(progress.should_send_instead(meta(21).last, patience, at(100)));
    progress.send_snapshot(meta(21), 10);
    assert_eq!(offset_of(progress.next_piece(100, INTERVAL, at(100))), Some(0));
}

#[test]
fn a_damaged_snapshot_is_sent_again_after_a_pause_and_not_for_ever() {
    let mut progress = installing();
    for time in 0..u64::from(REPEATS) {
        assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(100 * time))), Some(0));
        let again_at = at(100 * (time + 1));
        let refused =
            progress.sending().unwrap().refuse(meta(20).last, SnapshotRefusal::Damaged, 1, again_at);
        assert_eq!(refused, Refused::Repeated);
        assert_eq!(progress.next_piece(1, INTERVAL, at(100 * time + 99)), None);
    }
    assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(9000))), Some(0));
    let refused = progress.sending().unwrap().refuse(meta(20).last, SnapshotRefusal::Damaged, 1, at(9001));
    assert_eq!(refused, Refused::Finally);
}
