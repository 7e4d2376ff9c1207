//! Members that are added, removed and replaced.

use crate::{Deck, options, put};
use raftdeck_model::{ChangeStep, News, Order};
use raftdeck_protocol::Answer;
use raftdeck_raft::NodeId;

const N4: NodeId = NodeId(4);

#[test]
fn a_member_is_added_promoted_and_removed() {
    let Some(options) = options() else { return };
    let mut deck = Deck::start(options);
    deck.leader(|_| true);
    deck.order(Order::AddLearner).unwrap();
    deck.wait("the learner in the membership", |world, _| {
        let leader = world.leader()?.status.clone()?;
        leader.raft.membership.is(|membership| membership.learners.contains(&N4)).then_some(())
    });
    assert_eq!(deck.stored(put("k", "v")), Answer::Stored);
    deck.order(Order::Promote(N4)).unwrap();
    deck.wait("the voter in the membership", |world, _| {
        let leader = world.leader()?.status.clone()?;
        leader.raft.membership.is(|membership| membership.voters.contains(&N4)).then_some(())
    });
    deck.order(Order::RemoveNode(NodeId(1))).unwrap();
    deck.leader(|leader| leader != NodeId(1));
    assert_eq!(deck.world.ids(), [2, 3, 4].map(NodeId));
    assert_eq!(deck.stored(put("k", "w")), Answer::Stored);
}

#[test]
fn a_wiped_member_is_not_started_before_it_is_replaced() {
    let Some(options) = options() else { return };
    let mut deck = Deck::start(options);
    let leader = deck.leader(|_| true);
    let node = NodeId(leader.0 % 3 + 1);
    let why = deck.order(Order::ReplaceNode(node)).unwrap_err();
    assert!(why.contains("lists the disk that it has"), "{why}");
    deck.order(Order::Wipe(node)).unwrap();
    let why = deck.order(Order::Restart(node)).unwrap_err();
    assert!(why.contains("was wiped"), "{why}");
    let id = deck.send(Order::ReplaceNode(node));
    deck.wait("its return", |_, news| match news {
        News::Change { node: of, step: ChangeStep::Joined } if *of == node => Some(()),
        _ => None,
    });
    deck.answer(id).unwrap();
    deck.leader(|_| true);
    deck.order(Order::Restart(node)).unwrap();
    deck.leader(|_| true);
    deck.wait("a voter with all that is committed", |world, _| {
        let (raft, leader) = (&world.node(node)?.status.as_ref()?.raft, world.leader()?.status.clone()?);
        let votes = leader.raft.membership.is(|membership| membership.voters.contains(&node));
        (votes && raft.committed == leader.raft.committed).then_some(())
    });
}
