//! Members that start, die, stop, are cut off, and keep their data.

use crate::{Deck, done, get, options, put};
use raftdeck_lab::EtcdOptions;
use raftdeck_model::{ClientOutcome, Order, ProcessState, RequestFate};
use raftdeck_protocol::{Answer, Consistency};
use raftdeck_raft::NodeId;

#[test]
fn a_cluster_elects_a_leader_stores_and_outlives_its_leader() {
    let Some(options) = options() else { return };
    let mut deck = Deck::start(options);
    let first = deck.leader(|_| true);
    assert_eq!(deck.stored(put("name", "luffy")), Answer::Stored);
    for consistency in [Consistency::Linearizable, Consistency::Stale] {
        let Answer::Value(value) = done(deck.ask(get("name", consistency))) else { panic!("a value") };
        assert_eq!(value.as_ref().map(|value| &value[..]), Some(&b"luffy"[..]));
    }
    deck.order(Order::Kill(first)).unwrap();
    let second = deck.leader(|leader| leader != first);
    assert_eq!(deck.stored(put("name", "zoro")), Answer::Stored);
    deck.order(Order::Restart(first)).unwrap();
    deck.wait("the first leader as a follower", |world, _| {
        let node = world.node(first)?;
        let raft = &node.status.as_ref()?.raft;
        (matches!(node.process, Some(ProcessState::Running { .. })) && raft.leader == Some(second))
            .then_some(())
    });
    let at_first =
        raftdeck_model::ClientRequest { at: Some(first), ..get("name", Consistency::Linearizable) };
    assert!(matches!(done(deck.ask(at_first)), Answer::Value(Some(value)) if value[..] == b"zoro"[..]));
    assert_eq!(deck.failed, Vec::<String>::new());
}

#[test]
fn a_leader_that_is_paused_or_cut_off_is_replaced_and_comes_back() {
    let Some(options) = options() else { return };
    let mut deck = Deck::start(options);
    let first = deck.leader(|_| true);
    deck.order(Order::Pause(first)).unwrap();
    let second = deck.wait("another leader", |world, _| {
        world.leader().map(|node| node.id).filter(|leader| *leader != first)
    });
    deck.order(Order::Resume(first)).unwrap();
    deck.leader(|_| true);
    let others: Vec<NodeId> = (1..=3).map(NodeId).filter(|node| *node != second).collect();
    let cut = others.iter().flat_map(|&other| [(second, other), (other, second)]).collect();
    deck.order(Order::Cut(cut)).unwrap();
    deck.wait("a third leader", |world, _| {
        world.leader().map(|node| node.id).filter(|leader| *leader != second)
    });
    let at_second = raftdeck_model::ClientRequest {
        at: Some(second),
        ..raftdeck_model::ClientOp::Write(put("k", "v")).into()
    };
    let outcome = deck.ask(at_second);
    assert!(
        !matches!(
            &outcome,
            ClientOutcome::Answered { body: raftdeck_protocol::ResponseBody::Done { .. }, .. }
        ),
        "{outcome:?}"
    );
    assert!(
        !matches!(&outcome, ClientOutcome::Failed { fate: RequestFate::NothingChanged, reason } if reason.is_empty())
    );
    deck.order(Order::Heal).unwrap();
    deck.leader(|_| true);
    assert_eq!(deck.failed, Vec::<String>::new());
}

#[test]
fn a_node_that_is_told_campaigns_and_leads_in_the_next_term() {
    let Some(options) = options() else { return };
    let mut deck = Deck::start(options);
    let first = deck.leader(|_| true);
    let other = NodeId(first.0 % 3 + 1);
    deck.order(Order::Campaign(other)).unwrap();
    deck.leader(|leader| leader == other);
    deck.order(Order::Transfer(first)).unwrap();
    deck.leader(|leader| leader == first);
    for order in [Order::TimeOut(other), Order::WipeUnsafe(other), Order::LoseTail(other, 9)] {
        let why = deck.order(order).unwrap_err();
        assert!(why.contains("etcd"), "{why}");
    }
}

#[test]
fn a_kept_directory_has_the_cluster_at_the_next_start() {
    let Some(options) = options() else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = || EtcdOptions { data_dir: Some(dir.path().join("data")), ..options.clone() };
    let mut deck = Deck::start(options());
    deck.leader(|_| true);
    assert_eq!(deck.stored(put("kept", "yes")), Answer::Stored);
    drop(deck);
    let mut deck = Deck::start(options());
    deck.leader(|_| true);
    let Answer::Value(value) = done(deck.ask(get("kept", Consistency::Linearizable))) else {
        panic!("a value")
    };
    assert_eq!(value.as_ref().map(|value| &value[..]), Some(&b"yes"[..]));
}
