//! Named ways in which a network is broken, as rules.
//!
//! The grammar defines how people write a shape down.

use crate::rule::{Delay, Effect, Matching, Probability, Rule, Scope};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A shape by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No node reaches this node, and it reaches none.
    Isolate(NodeId),
    /// Two parts that do not reach each other. Both empty: the lower and the upper half of the nodes, the greater part last.
    Halves(BTreeSet<NodeId>, BTreeSet<NodeId>),
    /// Messages pass from the first to the second, and not back.
    OneWay(NodeId, NodeId),
    /// Two halves that do not reach each other, and this node, which both of them reach.
    Bridge(NodeId),
    /// Every node reaches a majority, and no two reach the same one.
    Ring,
    /// The node can hear but not send.
    Mute(NodeId),
    /// The node can send but not hear.
    Deaf(NodeId),
    /// Some messages are lost, some late, some come twice.
    Flaky(Scope),
    /// High latency and low bandwidth.
    SlowLink(Scope),
    /// Nodes far from each other, by region ([`REGIONS`]).
    Wan(BTreeMap<NodeId, String>),
}

/// The regions of a wide-area network: Europe, North America, Asia and the Pacific, South America, Australia.
pub const REGIONS: &[&str] = &["eu", "us", "ap", "sa", "au"];

/// The one-way delay between two regions, in milliseconds, in the order of [`REGIONS`]. Round figures, about half of the round-trip
/// time between big data centres.
const ONE_WAY: [[u64; 5]; 5] = [
    [1, 45, 110, 100, 130],
    [45, 1, 80, 60, 100],
    [110, 80, 1, 140, 55],
    [100, 60, 140, 1, 160],
    [130, 100, 55, 160, 1],
];

/// The standard deviation of such a delay: the delay divided by this.
const STEADINESS: u32 = 20;

impl Shape {
    /// The rules that give a cluster of these nodes this shape, or a sentence that says why it cannot have it.
    pub fn rules(&self, nodes: &BTreeSet<NodeId>) -> Result<Vec<Rule>, String> {
        self.check(nodes)?;
        let only = |node: NodeId| Some(BTreeSet::from([node]));
        Ok(match self {
            Self::Isolate(node) => vec![cut(Scope::Of(BTreeSet::from([*node])))],
            Self::Mute(node) => vec![cut(Scope::Between { from: only(*node), to: None })],
            Self::Deaf(node) => vec![cut(Scope::Between { from: None, to: only(*node) })],
            Self::OneWay(from, to) => vec![cut(Scope::Links(BTreeSet::from([(*to, *from)])))],
            Self::Halves(left, right) if left.is_empty() && right.is_empty() => {
                let (left, right) = halves(nodes.iter().copied());
                apart(&left, &right)
            }
            Self::Halves(left, right) => apart(left, right),
            Self::Bridge(bridge) => {
                let (left, right) = halves(nodes.iter().copied().filter(|node| node != bridge));
                apart(&left, &right)
            }
            Self::Ring => vec![cut(Scope::Links(far_on_the_ring(nodes)))],
            Self::Flaky(scope) => flaky(scope),
            Self::SlowLink(scope) => slow(scope),
            Self::Wan(placed) => wan(placed),
        })
    }

    fn check(&self, nodes: &BTreeSet<NodeId>) -> Result<(), String> {
        let named: BTreeSet<NodeId> = match self {
            Self::Isolate(node) | Self::Mute(node) | Self::Deaf(node) | Self::Bridge(node) => [*node].into(),
            Self::OneWay(from, to) => [*from, *to].into(),
            Self::Halves(left, right) => left | right,
            Self::Wan(placed) => placed.keys().copied().collect(),
            Self::Ring | Self::Flaky(_) | Self::SlowLink(_) => BTreeSet::new(),
        };
        if let Some(stranger) = named.difference(nodes).next() {
            return Err(format!("there is no {stranger} in this cluster"));
        }
        match self {
            Self::OneWay(from, to) if from == to => Err(format!("{from} has no link to itself")),
            Self::Halves(left, right) if left.is_empty() != right.is_empty() => {
                Err("one of the two parts is empty: halves 1,2|3,4,5".to_owned())
            }
            Self::Halves(left, right) if !left.is_disjoint(right) => {
                Err("a node can be in one of the two parts only: halves 1,2|3,4,5".to_owned())
            }
            Self::Halves(..) if nodes.len() < 2 => Err("a partition needs at least two nodes".to_owned()),
            Self::Bridge(_) if nodes.len() < 3 => Err("a bridge needs a node on each side".to_owned()),
            Self::Ring if nodes.len() < 4 => {
                Err("a ring of majorities needs at least four nodes: with three, each reaches all".to_owned())
            }
            Self::Wan(placed) => match placed.values().find(|region| at(region).is_none()) {
                Some(region) => {
                    Err(format!("there is no region \"{region}\", there are {}", REGIONS.join(", ")))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn rule(scope: Scope, effect: Effect) -> Rule {
    Rule { scope, matching: Matching::default(), effect }
}

fn cut(scope: Scope) -> Rule {
    rule(scope, Effect::Cut)
}

/// The greater part last.
fn halves(nodes: impl Iterator<Item = NodeId>) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
    let mut left: BTreeSet<NodeId> = nodes.collect();
    let middle = left.iter().nth(left.len() / 2).copied();
    let right = middle.map(|middle| left.split_off(&middle)).unwrap_or_default();
    (left, right)
}

/// No message passes between the two, either way.
fn apart(left: &BTreeSet<NodeId>, right: &BTreeSet<NodeId>) -> Vec<Rule> {
    let between = |from: &BTreeSet<NodeId>, to: &BTreeSet<NodeId>| {
        cut(Scope::Between { from: Some(from.clone()), to: Some(to.clone()) })
    };
    vec![between(left, right), between(right, left)]
}

/// The links to cut between nodes that are far from each other on a ring, so that each node still reaches a majority, itself included.
fn far_on_the_ring(nodes: &BTreeSet<NodeId>) -> BTreeSet<(NodeId, NodeId)> {
    // Each reaches this many on either side: half of the others it needs for a majority, rounded up.
    let reach = (nodes.len() / 2).div_ceil(2);
    let far = |left: usize, right: usize| {
        let apart = left.abs_diff(right);
        apart.min(nodes.len() - apart) > reach
    };
    let places = || nodes.iter().copied().enumerate();
    places()
        .flat_map(|(left, from)| {
            places().filter(move |(right, _)| far(left, *right)).map(move |(_, to)| (from, to))
        })
        .collect()
}

fn flaky(scope: &Scope) -> Vec<Rule> {
    vec![
        rule(scope.clone(), Effect::Lose(Probability(100_000))),
        rule(scope.clone(), Effect::Duplicate(Probability(20_000))),
        rule(scope.clone(), Effect::Reorder(Probability(100_000), Duration::from_millis(20))),
    ]
}

fn slow(scope: &Scope) -> Vec<Rule> {
    let delay = Delay::Normal(Duration::from_millis(50), Duration::from_millis(10));
    vec![rule(scope.clone(), Effect::Delay(delay)), rule(scope.clone(), Effect::Limit(100 * 1024))]
}

fn at(region: &str) -> Option<usize> {
    REGIONS.iter().position(|known| *known == region)
}

/// One rule for each pair of regions, either way.
fn wan(placed: &BTreeMap<NodeId, String>) -> Vec<Rule> {
    let mut links: BTreeMap<(usize, usize), BTreeSet<(NodeId, NodeId)>> = BTreeMap::new();
    let sites = || placed.iter().filter_map(|(node, region)| Some((*node, at(region)?)));
    for (from, here) in sites() {
        for (to, there) in sites().filter(|(to, _)| *to != from) {
            links.entry((here.min(there), here.max(there))).or_default().insert((from, to));
        }
    }
    let delay = |here: usize, there: usize| {
        let mean = Duration::from_millis(ONE_WAY[here][there]);
        Effect::Delay(Delay::Normal(mean, mean / STEADINESS))
    };
    links.into_iter().map(|((here, there), links)| rule(Scope::Links(links), delay(here, there))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids<const N: usize>(nodes: [u64; N]) -> BTreeSet<NodeId> {
        nodes.map(NodeId).into()
    }

    /// The links that are left.
    fn open(shape: &Shape, nodes: u64) -> BTreeSet<(u64, u64)> {
        let nodes: BTreeSet<NodeId> = (1..=nodes).map(NodeId).collect();
        let rules = shape.rules(&nodes).unwrap();
        assert!(rules.iter().all(|rule| rule.effect == Effect::Cut && rule.matching == Matching::default()));
        let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
        pairs
            .filter(|(from, to)| from != to && !rules.iter().any(|rule| rule.scope.covers(*from, *to)))
            .map(|(from, to)| (from.0, to.0))
            .collect()
    }

    #[test]
    fn shapes_leave_the_links_that_their_names_promise() {
        let only = |pairs: &[(u64, u64)]| pairs.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(open(&Shape::Isolate(NodeId(2)), 3), only(&[(1, 3), (3, 1)]));
        assert_eq!(open(&Shape::Mute(NodeId(2)), 3), only(&[(1, 2), (1, 3), (3, 1), (3, 2)]));
        assert_eq!(open(&Shape::Deaf(NodeId(2)), 3), only(&[(1, 3), (2, 1), (2, 3), (3, 1)]));
        assert_eq!(open(&Shape::OneWay(NodeId(1), NodeId(2)), 2), only(&[(1, 2)]));
        let split = open(&Shape::Halves(BTreeSet::new(), BTreeSet::new()), 5);
        assert_eq!(split, only(&[(1, 2), (2, 1), (3, 4), (3, 5), (4, 3), (4, 5), (5, 3), (5, 4)]));
        assert_eq!(split, open(&Shape::Halves(ids([1, 2]), ids([3, 4, 5])), 5));
        let bridge = open(&Shape::Bridge(NodeId(3)), 5);
        let across = |node: u64| [1, 2, 4, 5].into_iter().all(|other| bridge.contains(&(node, other)));
        assert!(across(3) && !bridge.contains(&(1, 4)) && bridge.contains(&(1, 2)), "{bridge:?}");
    }

    #[test]
    fn on_a_ring_every_node_reaches_a_majority_and_no_two_the_same() {
        for nodes in 4..=15_u64 {
            let open = open(&Shape::Ring, nodes);
            let reached = |node: u64| -> BTreeSet<u64> {
                (1..=nodes).filter(|other| *other == node || open.contains(&(node, *other))).collect()
            };
            let all: BTreeSet<BTreeSet<u64>> = (1..=nodes).map(reached).collect();
            assert_eq!(all.len() as u64, nodes, "{nodes} nodes");
            assert!(all.iter().all(|reached| reached.len() as u64 > nodes / 2), "{all:?}");
            assert!(all.iter().all(|reached| (reached.len() as u64) < nodes), "{all:?}");
        }
    }

    #[test]
    fn a_wide_area_is_slow_between_regions_alike_both_ways() {
        let placed =
            [(1, "eu"), (2, "us"), (3, "eu")].map(|(node, region)| (NodeId(node), region.to_owned()));
        let rules = Shape::Wan(placed.into()).rules(&ids([1, 2, 3])).unwrap();
        let mean = |from, to| {
            let of_link = rules.iter().filter(|rule| rule.scope.covers(NodeId(from), NodeId(to)));
            let delays = of_link.map(|rule| match rule.effect {
                Effect::Delay(Delay::Normal(mean, _)) => mean.as_millis(),
                _ => panic!("{rule:?}"),
            });
            delays.collect::<Vec<_>>()
        };
        assert_eq!([mean(1, 2), mean(2, 1), mean(2, 3), mean(1, 3)], [[45], [45], [45], [1]]);
        for (here, row) in ONE_WAY.iter().enumerate() {
            assert!((0..5).all(|there| row[there] == ONE_WAY[there][here]));
        }
    }

    #[test]
    fn what_cannot_have_a_shape_is_told_why() {
        let why = |shape: Shape| shape.rules(&ids([1, 2, 3])).unwrap_err();
        assert_eq!(why(Shape::Isolate(NodeId(4))), "there is no n4 in this cluster");
        assert!(why(Shape::Ring).contains("at least four nodes"));
        assert!(why(Shape::Halves(ids([1]), ids([1, 2]))).contains("one of the two parts only"));
        assert!(why(Shape::Halves(ids([1]), ids([]))).contains("empty"));
        assert!(why(Shape::OneWay(NodeId(1), NodeId(1))).contains("itself"));
        assert!(why(Shape::Wan([(NodeId(1), "mars".to_owned())].into())).contains("there are eu, us"));
    }
}
