//! Identities in the core: which answers count, who is given a founding membership, and what is filled in later. The stories
//! about members that lost their disk are scenarios, `identity_*.txt`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendOutcome, AppendReply, ChangeError, ClusterId, FoundError, LogIndex, Membership, MembershipChange,
    Message, NodeId, Payload, Restored, Role, Sender, SnapshotReply, Term, TimeoutNow, Timing, TraceEvent,
    VoteReply, VoteRequest,
};
use support::*;

/// Founders whose membership names their disks.
fn identified(voters: u64) -> Cluster {
    let configs = (1..=voters).map(|number| {
        let mut config = config(NodeId(number), voters);
        identify(&mut config);
        (config, disk(&[]))
    });
    Cluster::with(configs.collect(), 1)
}

fn led(voters: u64) -> Cluster {
    let mut cluster = identified(voters);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

/// A node with an identity that belongs to no cluster.
fn newcomer(cluster: &mut Cluster, id: NodeId) {
    let mut config = config(id, 0);
    identify(&mut config);
    cluster.join_as(id, config);
}

fn founding(voters: u64) -> Membership {
    let mut config = config(N1, voters);
    identify(&mut config);
    config.membership
}

#[test]
fn the_first_entry_of_a_cluster_is_its_membership_with_its_identity() {
    let cluster = led(3);
    let first = cluster.members[&N2].disk.entries[0].payload.clone();
    assert_eq!(first, Payload::Membership(Box::new(founding(3))));
    assert_eq!(cluster.status(N3).membership_index, LogIndex(1));
}

#[test]
fn a_later_leader_does_not_put_the_membership_into_the_log_again() {
    let mut cluster = led(3);
    cluster.elect(N2);
    assert_eq!(cluster.members[&N2].disk.entries[1].payload, Payload::Noop);
}

#[test]
fn a_member_without_a_membership_is_founded_once_and_leads_alone() {
    let mut cluster = Cluster::with(Vec::new(), 1);
    newcomer(&mut cluster, N1);
    let now = cluster.now;
    cluster.raft(N1).found(founding(1), now).unwrap();
    cluster.raft(N1).found(founding(1), now).unwrap();
    let again = cluster.raft(N1).found(founding(3), now);
    assert_eq!(again, Err(FoundError::AlreadyMember { id: N1 }));
    cluster.run(Timing::FAST.election_max * 3);
    let status = cluster.status(N1);
    assert_eq!(
        (status.role, status.committed, status.membership.cluster),
        (Role::Leader, LogIndex(1), Some(CLUSTER))
    );
}

#[test]
fn a_founding_membership_names_its_member_by_its_disk() {
    let mut cluster = Cluster::with(Vec::new(), 1);
    newcomer(&mut cluster, N1);
    let mut other = founding(3);
    other.incarnations.insert(N1, incarnation(N1, 2));
    let now = cluster.now;
    for membership in [other, Membership::default(), Membership::of([N2].into())] {
        let refused = cluster.raft(N1).found(membership, now);
        assert_eq!(refused, Err(FoundError::NotAFounder { id: N1 }));
    }
    assert_eq!(cluster.status(N1).membership, Membership::default());
}

#[test]
fn a_cluster_is_not_founded_in_the_middle_of_a_change_nor_with_a_member_that_votes_and_learns() {
    let mut cluster = Cluster::with(Vec::new(), 1);
    newcomer(&mut cluster, N1);
    let (mut joint, mut unsound) = (founding(3), founding(3));
    joint.outgoing.insert(N1);
    unsound.learners.insert(N1);
    let now = cluster.now;
    for membership in [joint, unsound] {
        let refused = cluster.raft(N1).found(membership, now);
        assert_eq!(refused, Err(FoundError::NotAFounder { id: N1 }));
    }
    cluster.raft(N1).found(founding(3), now).unwrap();
}

#[test]
fn a_member_with_entries_is_not_founded() {
    let mut cluster = led(1);
    newcomer(&mut cluster, N2);
    let append = cluster.members[&N1].disk.entries.clone();
    let message = raftdeck_raft::AppendEntries {
        term: Term(1),
        prev: id(0, 0),
        entries: append,
        commit: LogIndex(0),
        round: 1,
    };
    cluster.deliver(N1, N2, Message::AppendEntries(message));
    let now = cluster.now;
    assert_eq!(cluster.raft(N2).found(founding(2), now), Err(FoundError::AlreadyMember { id: N2 }));
}

#[test]
fn a_member_whose_disk_the_configuration_does_not_name_does_not_campaign() {
    let mut config = config(N1, 1);
    identify(&mut config);
    config.incarnation = Some(incarnation(N1, 2));
    let mut cluster = Cluster::with(vec![(config, Restored::default())], 1);
    cluster.run(Timing::FAST.election_max * 3);
    assert_eq!(cluster.status(N1).term, Term(0));
}

#[test]
fn identities_are_filled_in_once_and_never_changed() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let identify = |cluster: Option<ClusterId>, disks: &[(NodeId, u8)]| MembershipChange::Identify {
        cluster,
        incarnations: disks.iter().map(|(id, disk)| (*id, incarnation(*id, *disk))).collect(),
    };
    cluster.change(N1, &[identify(Some(CLUSTER), &[(N1, 1), (N2, 1)])]).unwrap();
    // The members of this cluster say nothing of their disks, so what they answer counts no more.
    for id in [N1, N2, N3] {
        cluster.reconfigure(id, |config| config.incarnation = Some(incarnation(config.id, 1)));
    }
    cluster.settle();
    let membership = cluster.status(N1).membership;
    assert_eq!(
        (membership.cluster, membership.incarnations.len(), membership.is_joint()),
        (Some(CLUSTER), 2, false)
    );
    let refused = |changes: MembershipChange| membership.enter(&[changes]).unwrap_err();
    assert_eq!(
        refused(identify(Some(ClusterId([9; 16])), &[])),
        ChangeError::AlreadyIdentified { node: None }
    );
    assert_eq!(refused(identify(None, &[(N2, 2)])), ChangeError::AlreadyIdentified { node: Some(N2) });
    assert_eq!(refused(identify(None, &[(N4, 1)])), ChangeError::NotMember { node: N4 });
    assert_eq!(refused(identify(Some(CLUSTER), &[(N2, 1)])), ChangeError::Empty);
    assert!(membership.enter(&[identify(None, &[(N3, 1)])]).is_ok());
}

#[test]
fn a_learner_whose_disk_is_not_known_is_not_promoted() {
    let mut cluster = led(1);
    newcomer(&mut cluster, N2);
    let add = MembershipChange::AddLearner { node: N2, address: String::new(), incarnation: None };
    cluster.change(N1, &[add]).unwrap();
    cluster.settle();
    let promote = MembershipChange::Promote { node: N2 };
    assert_eq!(
        cluster.change(N1, std::slice::from_ref(&promote)),
        Err(ChangeError::NotIdentified { node: N2 })
    );
    let incarnations = [(N2, incarnation(N2, 1))].into();
    cluster.change(N1, &[MembershipChange::Identify { cluster: None, incarnations }]).unwrap();
    cluster.settle();
    cluster.change(N1, &[promote]).unwrap();
    cluster.settle();
    assert!(cluster.status(N2).membership.voters.contains(&N2));
}

/// A lagging member knows n3 by its former disk. The present n3 leads, and is the one that can help it.
#[test]
fn a_member_that_lags_behind_follows_an_id_that_has_another_disk_by_now() {
    let mut cluster = led(3);
    cluster.partition(&[N2]);
    let remove = MembershipChange::Remove { node: N3 };
    // Without n2, n3 is needed for its own removal.
    cluster.change(N1, &[remove]).unwrap();
    cluster.settle();
    cluster.heal();
    cluster.cut(N2, N3);
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N1).membership.voters, [N1, N2].into());
    cluster.wipe(N3);
    let incarnation = cluster.incarnation(N3);
    let add = MembershipChange::AddLearner { node: N3, address: String::new(), incarnation };
    cluster.change(N1, &[add, MembershipChange::Promote { node: N3 }]).unwrap();
    cluster.run_until("n3 is a voter again", |cluster| {
        cluster.status(N3).membership.voters.contains(&N3) && !cluster.status(N3).membership.is_joint()
    });
    // n2 is set back to the founding membership, which names the former disk of n3.
    cluster.lose_after(N2, LogIndex(1));
    cluster.crash(N1);
    cluster.heal();
    assert_eq!(cluster.status(N2).membership, founding(3));
    cluster.run_until("n3 leads and n2 follows it", |cluster| cluster.status(N2).leader == Some(N3));
    cluster.heartbeat(N3);
    assert_eq!(cluster.status(N2).membership, cluster.status(N3).membership);
}

/// Every kind of answer, in this term.
fn answers(term: Term) -> Vec<Message> {
    let outcome = AppendOutcome::Matched { through: LogIndex(1) };
    let vote = VoteReply { term, granted: false };
    vec![
        Message::PreVoteReply(vote),
        Message::VoteReply(vote),
        Message::AppendReply(AppendReply { term, round: 1, outcome, stands_by: true }),
        Message::SnapshotReply(SnapshotReply {
            term,
            round: 1,
            last: id(1, 1),
            next_offset: 0,
            installed: true,
            refused: None,
        }),
        Message::TimeoutNow(TimeoutNow { term }),
    ]
}

#[test]
fn answers_of_strangers_and_of_former_lives_are_ignored_and_told_of_once() {
    let mut cluster = led(3);
    let stranger = Sender::new(N5, incarnation(N5, 1));
    let former = Sender::new(N2, incarnation(N2, 7));
    let silent = Sender { id: N3, incarnation: None };
    for sender in [stranger, former, silent] {
        cluster.member(N1).trace.clear();
        let before = cluster.status(N1);
        for message in answers(Term(1000)).into_iter().chain(answers(before.term)) {
            cluster.deliver_from(sender, N1, message);
        }
        assert_eq!(cluster.status(N1), before, "{sender:?}");
        let Sender { id: from, incarnation: shown } = sender;
        let expected = (from != N5).then(|| incarnation(from, 1));
        let told = TraceEvent::StrangerIgnored { from, incarnation: shown, expected };
        assert_eq!(cluster.members[&N1].trace, [told]);
    }
}

#[test]
fn one_message_does_not_use_up_the_terms_whatever_it_says() {
    const MOST: Term = Term(1 << 62);
    for kind in 0..7 {
        let mut cluster = led(3);
        let last = id(9, 9);
        let message = match kind {
            5 => Message::RequestVote(VoteRequest { term: MOST, last, transfer: true }),
            6 => Message::AppendEntries(raftdeck_raft::AppendEntries {
                term: MOST,
                prev: id(0, 0),
                entries: Vec::new(),
                commit: LogIndex(0),
                round: 1,
            }),
            kind => answers(MOST).remove(kind),
        };
        for to in [N1, N3] {
            cluster.deliver(N2, to, message.clone());
            assert!(cluster.status(to).term <= Term(1 + (1 << 20)), "{message:?}");
        }
        for id in [N1, N2, N3] {
            cluster.crash(id);
            cluster.restart(id);
        }
        cluster.run_until("a leader is elected", |cluster| !cluster.leaders().is_empty());
        let leader = cluster.leaders()[0];
        cluster.propose(leader, "x").unwrap();
        cluster.settle();
        assert_eq!(cluster.status(leader).committed, cluster.status(leader).last.index, "{message:?}");
    }
}

#[test]
fn no_vote_is_given_on_the_way_to_a_term_that_is_far_ahead() {
    const STEP: u64 = 1 << 20;
    let mut cluster = Cluster::new(3);
    let request = VoteRequest { term: Term(2 * STEP), last: id(9, 9), transfer: false };
    for (term, vote) in [(STEP, None), (2 * STEP, Some(N2))] {
        cluster.deliver(N2, N1, Message::RequestVote(request));
        while cluster.finish_write(N1) {}
        assert_eq!((cluster.status(N1).term, cluster.status(N1).vote), (Term(term), vote));
        assert_eq!(cluster.wire.len(), usize::from(vote.is_some()), "only a vote is answered");
    }
}

#[test]
fn a_member_whose_term_is_far_ahead_is_reached_step_by_step() {
    let mut cluster = led(3);
    cluster.crash(N3);
    let far = Term(1 + (5 << 20));
    cluster.member(N3).disk.hard_state.term = far;
    cluster.restart(N3);
    cluster.run_until("all follow one leader", |cluster| {
        let terms: Vec<Term> = [N1, N2, N3].iter().map(|id| cluster.status(*id).term).collect();
        terms[0] >= far && terms.iter().all(|term| *term == terms[0]) && cluster.leaders().len() == 1
    });
}

/// Each of these guards is missed by a test here when it is missing.
#[cfg(feature = "mutants")]
#[test]
fn a_test_fails_without_the_guard_that_it_is_about() {
    use raftdeck_raft::mutants::{Mutant, activate};

    let about: [(Mutant, fn()); 3] = [
        (Mutant::StrangersAnswer, answers_of_strangers_and_of_former_lives_are_ignored_and_told_of_once),
        (Mutant::FormerLifeAnswers, answers_of_strangers_and_of_former_lives_are_ignored_and_told_of_once),
        (Mutant::FormerLifeCampaigns, a_member_whose_disk_the_configuration_does_not_name_does_not_campaign),
    ];
    for (mutant, test) in about {
        activate(Some(mutant));
        let passed = std::panic::catch_unwind(test).is_ok();
        activate(None);
        assert!(!passed, "{mutant:?} is noticed");
    }
}
