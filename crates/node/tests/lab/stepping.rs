//! An election among real nodes, message by message, in a world that stands still: what a node is changes when a message
//! reaches it, and at no other time.

use crate::deck::{Deck, asked};
use raftdeck_model::{
    Disturbance, Effect, FrameKind, Matching, MessageReport, MessageState, Order, Rule, Scope, Step,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, NodeId, Role, Term};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const ALL: [NodeId; 3] = [N1, N2, N3];

/// What may change at a node in an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    role: Role,
    term: Term,
    vote: Option<NodeId>,
    leader: Option<NodeId>,
    last: LogIndex,
    committed: LogIndex,
}

/// What each node says of itself when it is asked now. Whatever reached it before has had its effect then.
fn members(deck: &Deck) -> [Member; 3] {
    ALL.map(|node| {
        let raft = asked(&deck.world, node).raft;
        Member {
            role: raft.role,
            term: raft.term,
            vote: raft.vote,
            leader: raft.leader,
            last: raft.last.index,
            committed: raft.committed,
        }
    })
}

/// n1 leads, time is frozen at every node, and whatever is sent stays on its link.
fn held_and_frozen() -> Deck {
    let (mut deck, leader) = Deck::settled(3);
    if leader != N1 {
        deck.send(Order::Transfer(N1));
        deck.wait("n1 as the leader", |world| (world.agreed(3)? == N1).then_some(()));
    }
    deck.send(Order::SetRate(ClockRate::FROZEN));
    let hold = Rule { scope: Scope::All, matching: Matching::default(), effect: Effect::Hold };
    deck.send(Order::Disturb(Disturbance::Rules { words: "hold *".to_owned(), rules: vec![hold] }));
    deck.wait("clocks that stand still", |world| {
        ALL.iter().all(|node| world.statuses[node].clock_rate.is_frozen()).then_some(())
    });
    deck
}

/// Waits until this message is held.
fn held(deck: &mut Deck, kind: FrameKind, from: NodeId, to: NodeId) -> MessageReport {
    deck.wait(&format!("a {kind:?} from {from} to {to}, held"), |world| {
        let is = |message: &&MessageReport| (message.kind, message.from, message.to) == (kind, from, to);
        world.held.values().find(is).cloned()
    })
}

/// One step: the oldest message is delivered, and that one only.
fn step(deck: &mut Deck) -> MessageReport {
    deck.sync();
    let oldest = deck.world.held.values().next().expect("a held message").clone();
    deck.send(Order::Step(Step::Message));
    deck.wait("a delivery", |world| match world.over.get(&oldest.id)? {
        MessageState::Delivered { .. } => Some(()),
        other => panic!("{oldest:?} is {other:?}"),
    });
    oldest
}

/// Steps until this message is delivered. What is older is from before the election and changes nothing.
fn step_to(deck: &mut Deck, kind: FrameKind, from: NodeId, to: NodeId) {
    let wanted = held(deck, kind, from, to);
    let before = members(deck);
    while step(deck).id != wanted.id {
        assert_eq!(members(deck), before, "by a message that is older than {wanted:?}");
    }
}

#[test]
fn in_an_election_each_state_changes_only_when_its_message_is_delivered() {
    let mut deck = held_and_frozen();
    let [mut n1, mut n2, mut n3] = members(&deck);
    let (old, new) = (n1.term, Term(n1.term.0 + 1));
    assert_eq!((n1.role, n2.role, n3.role), (Role::Leader, Role::Follower, Role::Follower));

    deck.send(Order::Campaign(N2));
    held(&mut deck, FrameKind::RequestVote, N2, N1);
    held(&mut deck, FrameKind::RequestVote, N2, N3);
    n2 = Member { role: Role::Candidate, term: new, vote: Some(N2), leader: None, ..n2 };
    assert_eq!(members(&deck), [n1, n2, n3], "nobody has heard of it: n1 leads in {old}, n3 follows");

    step_to(&mut deck, FrameKind::RequestVote, N2, N1);
    held(&mut deck, FrameKind::VoteReply, N1, N2);
    n1 = Member { role: Role::Follower, term: new, vote: Some(N2), leader: None, ..n1 };
    assert_eq!(members(&deck), [n1, n2, n3], "n1 hears of the new term and votes; n3 still follows it");

    step_to(&mut deck, FrameKind::RequestVote, N2, N3);
    held(&mut deck, FrameKind::VoteReply, N3, N2);
    n3 = Member { role: Role::Follower, term: new, vote: Some(N2), leader: None, ..n3 };
    assert_eq!(members(&deck), [n1, n2, n3], "everybody has voted, and n2 knows nothing of it");

    step_to(&mut deck, FrameKind::VoteReply, N1, N2);
    held(&mut deck, FrameKind::AppendEntries, N2, N1);
    held(&mut deck, FrameKind::AppendEntries, N2, N3);
    let noop = n2.last.next();
    n2 = Member { role: Role::Leader, leader: Some(N2), last: noop, ..n2 };
    assert_eq!(members(&deck), [n1, n2, n3], "n2 has a majority and leads; nobody has heard of it");

    step_to(&mut deck, FrameKind::VoteReply, N3, N2);
    assert_eq!(members(&deck), [n1, n2, n3], "one more vote changes nothing");

    step_to(&mut deck, FrameKind::AppendEntries, N2, N1);
    held(&mut deck, FrameKind::AppendReply, N1, N2);
    n1 = Member { leader: Some(N2), last: noop, ..n1 };
    assert_eq!(members(&deck), [n1, n2, n3], "n1 follows n2, which does not know that n1 has its entry");

    step_to(&mut deck, FrameKind::AppendEntries, N2, N3);
    held(&mut deck, FrameKind::AppendReply, N3, N2);
    n3 = Member { leader: Some(N2), last: noop, ..n3 };
    assert_eq!(members(&deck), [n1, n2, n3], "n3 follows n2, which does not know that n3 has its entry");

    step_to(&mut deck, FrameKind::AppendReply, N1, N2);
    deck.wait("a commit", |world| (world.statuses[&N2].raft.committed == noop).then_some(()));
    n2 = Member { committed: noop, ..n2 };
    assert_eq!(members(&deck), [n1, n2, n3], "a majority has the entry: n2 commits it, and n2 only");

    deck.send(Order::Heal);
    deck.send(Order::SetRate(ClockRate::REAL));
    let leader = deck.wait("peace", |world| world.agreed(3));
    assert_eq!((leader, deck.world.term(N3)), (N2, new));
    deck.equal_logs(&ALL);
}
