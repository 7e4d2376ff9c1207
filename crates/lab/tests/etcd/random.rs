//! Random commands on real members, and then all of it is undone: one leader, equal stores, and no member has panicked.
//!
//! ```sh
//! RAFTDECK_ETCD_SEQUENCES=30 RAFTDECK_ETCD_COMMANDS=200 cargo test -p raftdeck-lab --test etcd random
//! ```

use crate::{Deck, options, put};
use raftdeck_etcd::{Etcd, EtcdAccess, StoreHash};
use raftdeck_model::{
    ClientOp, Delay, Disturbance, Effect, Matching, MessageSelection, Order, Probability, Rule, Scope, write,
};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long the cluster may take until its members are equal again.
const EQUAL_WITHIN: Duration = Duration::from_secs(10);

/// The longest time between two commands, in which the members do something: less than an election takes, and more than a write.
const MOST_PAUSE_MILLIS: u64 = 60;

#[test]
fn whatever_is_done_to_members_they_agree_when_it_is_undone() {
    let Some(options) = options() else { return };
    for seed in 1..=number("RAFTDECK_ETCD_SEQUENCES", 1) {
        let mut deck = Deck::start(options.clone());
        deck.leader(|_| true);
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut done = Vec::new();
        for number in 0..number("RAFTDECK_ETCD_COMMANDS", 40) {
            let order = order(&mut random, number);
            done.push(format!("{order:?}"));
            let waits = !matches!(order, Order::Client(_) | Order::Transfer(_));
            let id = deck.send(order);
            if waits {
                // What cannot be done now is refused, which is an answer.
                let _ = deck.answer(id);
            }
            std::thread::sleep(Duration::from_millis(random.below(MOST_PAUSE_MILLIS)));
        }
        deck.order(Order::Heal).unwrap_or_else(|why| panic!("{why}, after {done:#?}"));
        for node in deck.world.down() {
            deck.order(Order::Restart(node)).unwrap();
        }
        let healed = Instant::now();
        deck.leader(|_| true);
        let hashes = equal_hashes(&deck);
        eprintln!("seed {seed}: {hashes:?} after {:?}", healed.elapsed());
        assert_eq!(deck.failed, Vec::<String>::new(), "seed {seed}, after {done:#?}");
        let panics = deck.output.iter().find(|line| line.contains("panic"));
        assert_eq!(panics, None, "seed {seed}, after {done:#?}");
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// The members' hashes, as soon as they are equal.
fn equal_hashes(deck: &Deck) -> StoreHash {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a client");
    let cluster = Etcd::new(EtcdAccess::default()).expect("a client");
    let endpoints: Vec<_> =
        deck.clients.values().map(|url| cluster.endpoint(url.parse().expect("a client"))).collect();
    let until = Instant::now() + EQUAL_WITHIN;
    runtime.block_on(async {
        loop {
            let mut hashes = Vec::new();
            for endpoint in &endpoints {
                hashes.push(endpoint.hash_kv(Duration::from_secs(2)).await);
            }
            let told: Vec<StoreHash> = hashes.iter().filter_map(|hash| hash.as_ref().ok().copied()).collect();
            let same = |one: &StoreHash| (one.hash, one.by.revision, one.compacted);
            if told.len() == endpoints.len() && told.iter().all(|one| same(one) == same(&told[0])) {
                return told[0];
            }
            assert!(Instant::now() < until, "the members differ: {hashes:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
}

fn order(random: &mut Random, number: u64) -> Order {
    let node = NodeId(random.below(3) + 1);
    let other = NodeId((node.0 + random.below(2)) % 3 + 1);
    match random.below(16) {
        0 => Order::Kill(node),
        1 | 2 => Order::Restart(node),
        3 => Order::Pause(node),
        4 => Order::Resume(node),
        5 => Order::Cut(vec![(node, other)]),
        6 => Order::Mend(vec![(node, other), (other, node)]),
        7 => rule(random, node, other),
        8 => Order::Undo(None),
        9 => Order::Heal,
        10 => Order::Release(MessageSelection::On(Scope::All, Matching::default())),
        11 => Order::Drop(MessageSelection::On(Scope::Of([node].into()), Matching::default())),
        12 => Order::Transfer(node),
        13 => Order::Campaign(node),
        _ => Order::Client(ClientOp::Write(put(&format!("key-{}", number % 7), &number.to_string())).into()),
    }
}

fn rule(random: &mut Random, node: NodeId, other: NodeId) -> Order {
    let millis = Duration::from_millis;
    let effect = match random.below(5) {
        0 => Effect::Delay(Delay::Uniform(millis(1), millis(80))),
        1 => Effect::Lose(Probability(300_000)),
        2 => Effect::Duplicate(Probability(300_000)),
        3 => Effect::Reorder(Probability(400_000), millis(30)),
        _ => Effect::Hold,
    };
    let scope = match random.below(3) {
        0 => Scope::All,
        1 => Scope::Of([node].into()),
        _ => Scope::Links(BTreeSet::from([(node, other)])),
    };
    let rules = vec![Rule { scope, matching: Matching::default(), effect }];
    Order::Disturb(Disturbance::Rules { words: write::rules(&rules), rules })
}

/// A generator of random numbers that a seed decides (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}
