//! Which answers are heard, of those who left above all, and as what a member knows itself. The stories about members that lost
//! their disk are scenarios, `identity_*.txt`; what founders and members make of identities is in `identity.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, LogId, LogIndex, MembershipChange, Message, NodeId, Sender,
    Term, TraceEvent, VoteReply,
};
use support::*;

/// Founders whose membership names their disks. N1 leads.
fn led(voters: u64) -> Cluster {
    let configs = (1..=voters).map(|number| {
        let mut config = config(NodeId(number), voters);
        identify(&mut config);
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(configs.collect(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

/// N3 was cut off and is removed. Nobody has told it yet.
fn removed_while_cut_off() -> Cluster {
    let mut cluster = led(3);
    cluster.partition(&[N3]);
    cluster.change(N1, &[MembershipChange::Remove { node: N3 }]).unwrap();
    cluster.settle();
    cluster.heal();
    assert_eq!(cluster.status(N1).membership.voters, [N1, N2].into());
    assert_eq!(cluster.status(N3).membership.voters, [N1, N2, N3].into());
    cluster.member(N1).trace.clear();
    cluster
}

/// Without its answer the leader would not know which entries it lacks.
#[test]
fn a_member_that_was_removed_while_it_was_cut_off_is_heard_and_learns_that_it_left() {
    let mut cluster = removed_while_cut_off();
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N3).membership.voters, [N1, N2].into());
    let strangers = |event: &TraceEvent| matches!(event, TraceEvent::StrangerIgnored { .. });
    assert!(!cluster.members[&N1].trace.iter().any(strangers));
}

#[test]
fn a_member_that_left_is_heard_from_no_other_disk_and_in_no_higher_term() {
    let term = removed_while_cut_off().status(N1).term;
    let outcome = AppendOutcome::Matched { through: LogIndex(1) };
    let reply = AppendReply { term, round: 1, outcome, stands_by: true };
    let later = VoteReply { term: term.next(), granted: false };
    for (disk, message) in [(7, Message::AppendReply(reply)), (1, Message::VoteReply(later))] {
        let mut cluster = removed_while_cut_off();
        let before = cluster.status(N1);
        let shown = incarnation(N3, disk);
        cluster.deliver_from(Sender::new(N3, shown), N1, message);
        assert_eq!(cluster.status(N1), before, "disk {disk}");
        let expected = Some(incarnation(N3, 1));
        let told = TraceEvent::StrangerIgnored { from: N3, incarnation: Some(shown), expected };
        assert_eq!(cluster.members[&N1].trace, [told]);
    }
}

/// Else who can connect could fill the feed and the memory.
#[test]
fn sixteen_strangers_are_told_of_under_one_membership_and_no_more() {
    let mut cluster = led(3);
    let told_of = |cluster: &mut Cluster, strangers: std::ops::Range<u64>| {
        cluster.member(N1).trace.clear();
        for stranger in strangers {
            let answer = VoteReply { term: Term(1), granted: true };
            cluster.deliver(NodeId(stranger), N1, Message::VoteReply(answer));
        }
        let strangers = |event: &&TraceEvent| matches!(event, TraceEvent::StrangerIgnored { .. });
        cluster.members[&N1].trace.iter().filter(strangers).count()
    };
    assert_eq!(told_of(&mut cluster, 100..115), 15);
    assert_eq!(told_of(&mut cluster, 100..200), 1);
    let add = MembershipChange::AddLearner { node: N4, address: String::new(), incarnation: None };
    cluster.change(N1, &[add]).unwrap();
    cluster.settle();
    assert_eq!(told_of(&mut cluster, 100..200), 16, "under another membership");
}

#[test]
fn what_a_follower_confirmed_counts_while_the_membership_names_the_disk_that_it_answered_from() {
    for (disk_named, matched) in [(1, LogIndex(1)), (2, LogIndex(0))] {
        let configs = [N1, N2, N3].map(|id| {
            let mut config = config(id, 3);
            config.incarnation = Some(incarnation(id, 1));
            (config, disk(&[]))
        });
        let mut cluster = Cluster::with(configs.into(), 1);
        cluster.elect(N1);
        cluster.heartbeat(N1);
        assert_eq!(cluster.status(N1).peers[0].matched, LogIndex(1));
        let incarnations = [(N2, incarnation(N2, disk_named))].into();
        cluster.change(N1, &[MembershipChange::Identify { cluster: Some(CLUSTER), incarnations }]).unwrap();
        assert_eq!(cluster.status(N1).peers[0].matched, matched, "disk {disk_named}");
    }
}

/// Where the membership in force stands, for those who compare, and only if it names this member by its disk.
#[test]
fn a_member_is_named_at_the_place_of_the_membership_that_names_its_disk() {
    let mut cluster = led(3);
    for member in [N1, N2, N3] {
        assert_eq!(cluster.raft(member).named_at(), Some(id(1, 1)));
    }
    cluster.change(N1, &[MembershipChange::Remove { node: N3 }]).unwrap();
    cluster.settle();
    cluster.heartbeat(N1);
    assert_eq!(cluster.raft(N2).named_at(), Some(id(1, 3)));
    assert_eq!(
        (cluster.raft(N3).named_at(), cluster.raft(N3).membership_place()),
        (None, id(1, 3)),
        "removed"
    );
    cluster.wipe(N2);
    assert_eq!((cluster.raft(N2).named_at(), cluster.raft(N2).membership_place()), (None, LogId::default()));
    let entries = cluster.members[&N1].disk.entries.clone();
    let append = AppendEntries { term: Term(1), prev: id(0, 0), entries, commit: LogIndex(0), round: 1 };
    cluster.deliver(N1, N2, Message::AppendEntries(append));
    assert_eq!(cluster.raft(N2).membership_place(), id(1, 3), "it follows");
    assert_eq!(cluster.raft(N2).named_at(), None, "that is about its former disk");
}
