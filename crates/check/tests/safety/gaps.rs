//! Traces with gaps, statuses, long runs and replaced disks.

use super::*;

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
    story.breaks(Property::Monotony, "lowers the match index of n3");
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
