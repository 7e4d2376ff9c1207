//! Whatever a driven cluster is told, it does not panic, each command is answered once, and it is well again when all is healed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod deck;

use deck::{Deck, millis, seconds};
use proptest::prelude::*;
use proptest::sample::select;
use raftdeck_model::{
    ClientLinkFault, ClientName, ClientOp, ClientRequest, CommandId, Delay, Disturbance, Effect, FaultId,
    FrameKind, LinkState, Matching, MessageId, MessageSelection, News, Order, Probability, Rule, Scope, Step,
    Timers, Watch,
};
use raftdeck_protocol::{ClockFactor, ClockRate, Consistency, DiskPace, Read, Write};
use raftdeck_raft::{LogIndex, NodeId, Term};
use raftdeck_sim::LiveOptions;
use std::collections::BTreeMap;

fn node() -> impl Strategy<Value = NodeId> {
    (1_u64..6).prop_map(NodeId)
}

fn pairs() -> impl Strategy<Value = Vec<(NodeId, NodeId)>> {
    prop::collection::vec((node(), node()), 0..4)
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::All),
        prop::collection::btree_set(node(), 1..3).prop_map(Scope::Of),
        pairs().prop_map(|pairs| Scope::Links(pairs.into_iter().collect())),
        (prop::option::of(node()), prop::option::of(node())).prop_map(|(from, to)| {
            let side = |node: Option<NodeId>| node.map(|node| [node].into());
            Scope::Between { from: side(from), to: side(to) }
        }),
    ]
}

fn matching() -> impl Strategy<Value = Matching> {
    let kinds = prop::collection::btree_set(select(&FrameKind::ALL[..]), 0..3);
    let terms = prop::option::of((0_u64..9).prop_map(|term| Term(term)..=Term(term + 3)));
    let indices = prop::option::of((0_u64..9).prop_map(|index| LogIndex(index)..=LogIndex(index + 9)));
    (kinds, terms, indices, prop::option::of(1_u64..9)).prop_map(|(kinds, terms, indices, next)| Matching {
        kinds,
        terms,
        indices,
        next,
    })
}

fn effect() -> impl Strategy<Value = Effect> {
    let chance = || (0_u32..1_000_001).prop_map(Probability);
    let time = || (0_u64..400).prop_map(millis);
    prop_oneof![
        Just(Effect::Cut),
        Just(Effect::Refuse),
        Just(Effect::Hold),
        time().prop_map(|time| Effect::Delay(Delay::Fixed(time))),
        (time(), time()).prop_map(|(one, other)| Effect::Delay(Delay::Normal(one, other))),
        chance().prop_map(Effect::Lose),
        chance().prop_map(Effect::Duplicate),
        (chance(), time()).prop_map(|(chance, time)| Effect::Reorder(chance, time)),
        (0_u64..100_000).prop_map(Effect::Limit),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    (scope(), matching(), effect()).prop_map(|(scope, matching, effect)| Rule { scope, matching, effect })
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    let rules = || prop::collection::vec(rule(), 0..3);
    let pace = prop_oneof![
        Just(DiskPace::Free),
        Just(DiskPace::Stalled),
        (0_u64..12_000).prop_map(|delay| DiskPace::Delayed(millis(delay))),
    ];
    prop_oneof![
        rules().prop_map(|rules| Disturbance::Rules { words: "some".to_owned(), rules }),
        (scope(), matching(), rules()).prop_map(|(scope, matching, then)| Disturbance::Watch(Watch {
            scope,
            matching,
            then
        })),
        (node(), pace).prop_map(|(node, pace)| Disturbance::Disk(node, pace)),
        select(&[Timers::Random, Timers::Aligned, Timers::Spread][..]).prop_map(Disturbance::Timers),
        (prop::option::of(node()), any::<bool>()).prop_map(|(of, on)| Disturbance::PreVote(of, on)),
        (prop::option::of(node()), any::<bool>()).prop_map(|(of, on)| Disturbance::CheckQuorum(of, on)),
        (node(), 40_u64..900, 0_u64..900).prop_map(|(node, least, more)| {
            Disturbance::Timeouts(node, millis(least), millis(least + more))
        }),
        (node(), select(&[10_000, 300_000, 1_000_000, 1_500_000, 10_000_000][..])).prop_map(
            |(node, rate)| {
                Disturbance::Clock(node, ClockFactor::from_millionths(rate).unwrap_or_default())
            }
        ),
        (node(), 0_u64..400).prop_map(|(node, time)| Disturbance::Heartbeat(node, millis(time))),
        (client(), prop::collection::btree_set(node(), 0..3))
            .prop_map(|(client, nodes)| Disturbance::ClientAt(client, nodes)),
        (client(), prop::collection::btree_set(node(), 1..3), select(&CLIENT_LINK_FAULTS[..]))
            .prop_map(|(client, nodes, fault)| Disturbance::ClientLinks(client, nodes, fault)),
        (node(), 0_u8..120).prop_map(|(node, percent)| Disturbance::Slowed(node, percent)),
    ]
}

fn which() -> impl Strategy<Value = MessageSelection> {
    prop_oneof![
        (0_u64..200).prop_map(|id| MessageSelection::Message(MessageId(id))),
        (scope(), matching()).prop_map(|(scope, matching)| MessageSelection::On(scope, matching)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Message),
        Just(Step::Timer),
        Just(Step::Role),
        Just(Step::Commit),
        (0_u64..400).prop_map(|time| Step::For(millis(time))),
    ]
}

const CLIENT_LINK_FAULTS: [ClientLinkFault; 3] =
    [ClientLinkFault::Cut, ClientLinkFault::Hold, ClientLinkFault::LoseAnswers];

fn client() -> impl Strategy<Value = ClientName> {
    let named = |name: &str| ClientName::Named(name.to_owned());
    select(vec![ClientName::Own, ClientName::Own, named("alice"), named("bob")])
}

fn request() -> impl Strategy<Value = ClientRequest> {
    let consistency = select(&[Consistency::Linearizable, Consistency::Lease, Consistency::Stale][..]);
    (client(), op(), prop::option::weighted(0.3, node()), consistency)
        .prop_map(|(client, op, at, consistency)| ClientRequest { client, op, at, consistency })
}

fn op() -> impl Strategy<Value = ClientOp> {
    let key = select(&["a", "b"][..]).prop_map(Into::into);
    prop_oneof![
        (key.clone(), 0_u8..9).prop_map(|(key, value): (bytes::Bytes, u8)| {
            ClientOp::Write(Write::Put { key, value: value.to_string().into() })
        }),
        key.prop_map(|key| ClientOp::Read(Read::Get { key })),
    ]
}

/// Orders that keep every promise of the cluster.
fn honest() -> impl Strategy<Value = Order> {
    prop_oneof![
        3 => node().prop_map(Order::Kill),
        4 => node().prop_map(Order::Restart),
        2 => node().prop_map(Order::Stop),
        2 => node().prop_map(Order::Pause),
        2 => node().prop_map(Order::Resume),
        1 => pairs().prop_map(Order::Cut),
        1 => pairs().prop_map(Order::Mend),
        1 => Just(Order::Heal),
        6 => request().prop_map(Order::Client),
        2 => (node(), 0_u8..9).prop_map(|(node, value)| {
            Order::Propose(node, Write::Put { key: "p".into(), value: value.to_string().into() })
        }),
        1 => (node(), 0_u64..9).prop_map(|(node, first)| {
            Order::FetchLog { node, first: LogIndex(first), limit: 9 }
        }),
        1 => Just(Order::Refresh),
        1 => Just(Order::AddNode),
        1 => Just(Order::AddLearner),
        1 => node().prop_map(Order::Promote),
        1 => node().prop_map(Order::ReplaceNode),
        2 => node().prop_map(Order::Transfer),
        3 => node().prop_map(Order::Campaign),
        2 => node().prop_map(Order::TimeOut),
        1 => (node(), 0_u64..2000).prop_map(|(node, by)| Order::SkewClock(node, millis(by))),
        1 => any::<bool>().prop_map(Order::Workload),
        1 => (node(), 0_u64..300).prop_map(|(node, bytes)| Order::FillDisk(node, bytes)),
        6 => disturbance().prop_map(Order::Disturb),
        2 => prop::option::of((0_u64..9).prop_map(FaultId)).prop_map(Order::Undo),
        2 => which().prop_map(Order::Release),
        2 => which().prop_map(Order::Drop),
        1 => select(&[0, 1_000, 100_000, 1_000_000][..])
            .prop_map(|rate| Order::SetRate(ClockRate::from_millionths(rate).unwrap_or_default())),
        3 => step().prop_map(Order::Step),
        1 => any::<u64>().prop_map(Order::Seed),
        1 => (node(), 0_u8..120).prop_map(|(node, percent)| Order::Slow(node, percent)),
    ]
}

/// Orders that may lose what was acknowledged, or members for good.
fn harmful() -> impl Strategy<Value = Order> {
    prop_oneof![
        8 => honest(),
        1 => node().prop_map(Order::RemoveNode),
        1 => node().prop_map(Order::Wipe),
        1 => node().prop_map(Order::WipeUnsafe),
        2 => (node(), 0_u64..3000).prop_map(|(node, bytes)| Order::LoseTail(node, bytes)),
    ]
}

type Plan = Vec<(Order, u64)>;

fn plan(order: impl Strategy<Value = Order>) -> impl Strategy<Value = Plan> {
    prop::collection::vec((order, 0_u64..300), 1..40)
}

/// Carries out a plan, heals all, and lets a minute and more pass.
fn play(seed: u64, plan: &Plan) -> Deck {
    let mut deck = Deck::new(LiveOptions { snapshot_entries: Some(20), ..LiveOptions::new(3, seed) });
    for (order, pause) in plan {
        deck.send(order.clone());
        deck.run(millis(*pause));
    }
    deck.send(Order::SetRate(ClockRate::REAL));
    deck.send(Order::Heal);
    deck.send(Order::Workload(false));
    for node in deck.world.ids() {
        if deck.world.down().contains(&node) {
            deck.send(Order::Restart(node));
        }
    }
    // Each change has a minute, and they take turns.
    let is_change = |(order, _): &&(Order, u64)| {
        matches!(
            order,
            Order::AddNode
                | Order::AddLearner
                | Order::Promote(_)
                | Order::RemoveNode(_)
                | Order::ReplaceNode(_)
                | Order::Transfer(_)
        )
    };
    let minutes = plan.iter().filter(is_change).count() as u64 + 1;
    let until = deck.live.now() + seconds(62 * minutes);
    deck.run(seconds(10));
    while !deck.is_all_answered() && deck.live.now() < until {
        deck.run(seconds(2));
    }
    deck
}

fn assert_answered_once(deck: &Deck) {
    let mut answers: BTreeMap<CommandId, u32> = BTreeMap::new();
    for update in &deck.told {
        if let News::Done { id } | News::Refused { id, .. } = &update.what {
            *answers.entry(*id).or_default() += 1;
        }
    }
    for id in (1..=deck.sent).map(CommandId) {
        assert_eq!(answers.get(&id), Some(&1), "{id:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_honest_orders_are_given_all_promises_hold_and_a_leader_is_there_in_the_end(
        seed in 0_u64..1000, plan in plan(honest())
    ) {
        let mut deck = play(seed, &plan);
        deck.obey(Order::Refresh).unwrap();
        assert_answered_once(&deck);
        prop_assert_eq!(deck.troubles(), Vec::<&str>::new());
        prop_assert!(deck.holds("leader"), "{:?}", deck.world);
        let gates = deck.told.iter().filter_map(|update| match update.what {
            News::Link { from, to, state } => Some(((from, to), state)),
            _ => None,
        });
        let gates: BTreeMap<_, _> = gates.collect();
        prop_assert!(gates.values().all(|state| *state == LinkState::Open));
    }

    #[test]
    fn whatever_is_done_to_disks_nothing_panics_and_every_command_is_answered_once(
        seed in 0_u64..1000, plan in plan(harmful())
    ) {
        let mut deck = play(seed, &plan);
        deck.obey(Order::Refresh).unwrap();
        assert_answered_once(&deck);
        prop_assert_eq!(&deck.told, &{
            let mut again = play(seed, &plan);
            again.obey(Order::Refresh).unwrap();
            again.told
        });
    }
}
