//! The rules that shapes are made of.

use super::links::pairs;
use crate::rule::{Delay, Effect, Matching, Probability, Rule, Scope};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A part of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Region {
    Eu,
    Us,
    Ap,
}

pub(super) const REGIONS: [Region; 3] = [Region::Eu, Region::Us, Region::Ap];

impl Region {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Us => "us",
            Self::Ap => "ap",
        }
    }

    /// One way, in round figures.
    fn delay(self, other: Self) -> Duration {
        Duration::from_millis(match (self, other) {
            (a, b) if a == b => 1,
            (Self::Eu, Self::Us) | (Self::Us, Self::Eu) => 45,
            (Self::Us, Self::Ap) | (Self::Ap, Self::Us) => 75,
            _ => 90,
        })
    }
}

fn rule(scope: Scope, effect: Effect) -> Rule {
    Rule { scope, matching: Matching::default(), effect }
}

fn cut(links: BTreeSet<(NodeId, NodeId)>) -> Vec<Rule> {
    vec![rule(Scope::Links(links), Effect::Cut)]
}

pub(super) fn isolate(node: NodeId) -> Vec<Rule> {
    vec![rule(Scope::Of([node].into()), Effect::Cut)]
}

pub(super) fn mute(node: NodeId) -> Vec<Rule> {
    vec![rule(Scope::Between { from: Some([node].into()), to: None }, Effect::Cut)]
}

pub(super) fn deaf(node: NodeId) -> Vec<Rule> {
    vec![rule(Scope::Between { from: None, to: Some([node].into()) }, Effect::Cut)]
}

pub(super) fn halves(left: &BTreeSet<NodeId>, right: &BTreeSet<NodeId>) -> Vec<Rule> {
    cut(pairs(left, right).into_iter().chain(pairs(right, left)).collect())
}

pub(super) fn one_way(from: &BTreeSet<NodeId>, to: &BTreeSet<NodeId>) -> Vec<Rule> {
    cut(pairs(to, from))
}

pub(super) fn bridge(node: NodeId, all: &BTreeSet<NodeId>) -> Vec<Rule> {
    let others: Vec<NodeId> = all.iter().copied().filter(|other| *other != node).collect();
    let (left, right) = others.split_at(others.len() / 2);
    halves(&left.iter().copied().collect(), &right.iter().copied().collect())
}

pub(super) fn ring(all: &BTreeSet<NodeId>) -> Vec<Rule> {
    let nodes: Vec<NodeId> = all.iter().copied().collect();
    let reach = nodes.len() / 4 + usize::from(nodes.len() % 4 > 1);
    let apart = |a: usize, b: usize| (a.abs_diff(b)).min(nodes.len() - a.abs_diff(b)) > reach;
    let far = |a: usize| (0..nodes.len()).filter(move |&b| apart(a, b)).map(move |b| (a, b));
    cut((0..nodes.len()).flat_map(far).map(|(a, b)| (nodes[a], nodes[b])).collect())
}

pub(super) fn flaky(scope: &Scope) -> Vec<Rule> {
    let of = |effect| rule(scope.clone(), effect);
    let few = Probability(100_000);
    vec![of(Effect::Lose(few)), of(Effect::Reorder(few, Duration::from_millis(20)))]
}

pub(super) fn slow_link(scope: &Scope) -> Vec<Rule> {
    let delay = Delay::Normal(Duration::from_millis(50), Duration::from_millis(10));
    vec![rule(scope.clone(), Effect::Delay(delay))]
}

pub(super) fn wan(placed: &BTreeMap<NodeId, Region>) -> Vec<Rule> {
    let nodes = placed.keys().copied().collect();
    let delay = |(from, to)| {
        let links = Scope::Links([(from, to)].into());
        rule(links, Effect::Delay(Delay::Fixed(placed[&from].delay(placed[&to]))))
    };
    pairs(&nodes, &nodes).into_iter().map(delay).collect()
}
