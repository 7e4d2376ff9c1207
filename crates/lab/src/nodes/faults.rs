//! What can be undone: each thing is done and entered into the ledger here, and struck out and undone.

use super::Nodes;
use crate::in_force::MAX_IN_FORCE;
use crate::links::{LinkNews, Pair};
use crate::rule::{Disturbance, Effect, FaultId, Matching, Rule, Scope, Timers, Which};
use crate::supervisor::Order;
use crate::words::write;
use raftdeck_protocol::DiskPace;
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};

impl Nodes {
    /// Has something come into force.
    pub(super) fn disturb(&mut self, what: Disturbance) {
        if let Some(stranger) = named(&what).into_iter().find(|node| !self.kept.contains_key(node)) {
            return self.outlet.refuse(format!("there is no {stranger} in this cluster"));
        }
        // What is refused is not in force, and leaves what it would replace.
        if process(&what).is_some_and(|node| !self.has_room(node)) {
            return;
        }
        // Of these only one at a time can be in force.
        let replaces = |other: &Disturbance| match (&what, other) {
            (Disturbance::Paused(node), Disturbance::Paused(other))
            | (Disturbance::Slowed(node, _), Disturbance::Slowed(other, _))
            | (Disturbance::DiskFull(node, _), Disturbance::DiskFull(other, _))
            | (Disturbance::Disk(node, _), Disturbance::Disk(other, _)) => node == other,
            (Disturbance::Timers(_), Disturbance::Timers(_))
            | (Disturbance::ClientAt(_), Disturbance::ClientAt(_)) => true,
            _ => false,
        };
        self.in_force.strike_all(replaces);
        let restores = match &what {
            Disturbance::Slowed(_, percent) => *percent == 0,
            Disturbance::Disk(_, pace) => *pace == DiskPace::Free,
            Disturbance::Timers(timers) => *timers == Timers::Random,
            Disturbance::ClientAt(nodes) => nodes.is_empty(),
            _ => false,
        };
        if restores {
            self.in_force.tell();
            return self.put_right(&what);
        }
        let Some(id) = self.in_force.enter(what.clone()) else {
            return self
                .outlet
                .refuse(format!("{MAX_IN_FORCE} things are in force already: undo some of them, or heal"));
        };
        self.begin(id, what);
    }

    fn begin(&mut self, id: FaultId, what: Disturbance) {
        match what {
            Disturbance::Rules { rules, .. } => self.links.disturb(id, rules),
            Disturbance::Watch(watch) => self.links.watch(id, watch),
            Disturbance::Paused(node) => self.order(node, Order::Pause),
            Disturbance::Slowed(node, percent) => self.order(node, Order::Slow(percent)),
            Disturbance::DiskFull(node, bytes) => self.order(node, Order::FillDisk(Some(bytes))),
            Disturbance::Disk(node, pace) => self.stepper.tempo().set_disk(node, pace),
            Disturbance::Timers(_) => self.set_timers(),
            Disturbance::ClientAt(nodes) => self.clients.reach(Some(nodes)),
        }
    }

    /// Undoes what was struck out already, or never entered, but for rules and watches, which have names.
    fn put_right(&mut self, what: &Disturbance) {
        match *what {
            Disturbance::Rules { .. } | Disturbance::Watch(_) => {}
            Disturbance::Paused(node) => self.order_undoing(node, Order::ResumeIfPaused),
            Disturbance::Slowed(node, _) => self.order_undoing(node, Order::Slow(0)),
            Disturbance::DiskFull(node, _) => self.order_undoing(node, Order::FillDisk(None)),
            Disturbance::Disk(node, _) => self.stepper.tempo().set_disk(node, DiskPace::Free),
            Disturbance::Timers(_) => self.set_timers(),
            Disturbance::ClientAt(_) => self.clients.reach(None),
        }
    }

    /// Undoes what has this name, or what came into force last.
    pub(super) fn undo(&mut self, which: Option<FaultId>) {
        let Some(id) = which.or_else(|| self.in_force.newest()) else {
            return self.outlet.refuse("nothing is in force, so there is nothing to undo");
        };
        match self.in_force.strike(id) {
            Some(what) => {
                self.links.undo(id);
                self.put_right(&what);
            }
            None => self.outlet.refuse(format!("nothing named #{} is in force", id.0)),
        }
    }

    /// Undoes everything, newest first, and what somebody else has paused.
    pub(super) fn heal(&mut self) {
        for fault in self.in_force.all().into_iter().rev() {
            self.undo(Some(fault.id));
        }
        // Rules that were about so many messages are in force no more, but these may still be late.
        self.links.hurry();
        for &node in self.kept.keys() {
            for order in [Order::Slow(0), Order::FillDisk(None), Order::ResumeIfPaused] {
                self.order_undoing(node, order);
            }
        }
    }

    pub(super) fn resume(&mut self, node: NodeId) {
        if !self.has_room(node) {
            return;
        }
        self.in_force.is_paused(node, false);
        self.order(node, Order::Resume);
    }

    /// Cuts these links, those that are there.
    pub(super) fn cut(&mut self, pairs: &[Pair]) {
        let links = self.there(pairs);
        if !links.is_empty() {
            self.disturb(cut(links));
        }
    }

    /// Whatever cuts nothing but links, and some of these, leaves them be.
    pub(super) fn mend(&mut self, pairs: &[Pair]) {
        let mended = self.there(pairs);
        for fault in self.in_force.all() {
            let Disturbance::Rules { rules, .. } = &fault.what else { continue };
            let cuts = |rule: &Rule| rule.effect == Effect::Cut && rule.matching == Matching::default();
            if !rules.iter().all(cuts) {
                continue;
            }
            let covered = |&(from, to): &Pair| rules.iter().any(|rule| rule.scope.covers(from, to));
            if !mended.iter().any(covered) {
                continue;
            }
            let left: BTreeSet<Pair> =
                self.pairs().into_iter().filter(|pair| covered(pair) && !mended.contains(pair)).collect();
            // First what stays cut, so that it is never open in between.
            if !left.is_empty() {
                self.disturb(cut(left));
            }
            self.undo(Some(fault.id));
        }
    }

    fn there(&self, pairs: &[Pair]) -> BTreeSet<Pair> {
        let (there, not): (BTreeSet<Pair>, BTreeSet<Pair>) =
            pairs.iter().partition(|&&pair| self.links.has(pair));
        for (from, to) in not {
            self.outlet.refuse(format!("there is no link from {from} to {to}"));
        }
        there
    }

    fn pairs(&self) -> Vec<Pair> {
        let to_all = |&from: &NodeId| self.kept.keys().map(move |&to| (from, to));
        self.kept.keys().flat_map(to_all).filter(|&pair| self.links.has(pair)).collect()
    }

    pub(super) fn release(&self, which: &Which) {
        if self.links.release(which) == 0 {
            self.outlet.refuse(nothing_to("release", which));
        }
    }

    pub(super) fn lose(&self, which: &Which) {
        if self.links.drop(which) == 0 {
            self.outlet.refuse(nothing_to("drop", which));
        }
    }

    /// What became of rules by themselves.
    pub(super) fn hear_of_links(&mut self, news: LinkNews) {
        match news {
            LinkNews::Fired(id, rules) => {
                let words = write::rules(&rules);
                self.in_force.becomes(id, Disturbance::Rules { words, rules });
            }
            LinkNews::Over(id) => drop(self.in_force.strike(id)),
        }
    }

    /// Gives every node the election timeout that is in force.
    pub(super) fn set_timers(&mut self) {
        let timers = self.in_force.all().into_iter().find_map(|fault| match fault.what {
            Disturbance::Timers(timers) => Some(timers),
            _ => None,
        });
        let (least, most) = (self.options.timing.election_min, self.options.timing.election_max);
        let count = u32::try_from(self.kept.len()).unwrap_or(u32::MAX).max(1);
        let middle = least + most.saturating_sub(least) / 2;
        let apart = most.saturating_sub(least) / count;
        let timeouts = match timers {
            None | Some(Timers::Random) => BTreeMap::new(),
            Some(Timers::Aligned) => self.kept.keys().map(|&node| (node, middle)).collect(),
            // The shortest is not the least possible one, for which others still stand by the old leader.
            Some(Timers::Spread) => {
                (1..).map(|rank| least + apart * rank).zip(self.kept.keys()).map(|(t, &n)| (n, t)).collect()
            }
        };
        self.stepper.tempo().set_timeouts(timeouts);
    }
}

fn cut(links: BTreeSet<Pair>) -> Disturbance {
    let rule = Rule { scope: Scope::Links(links), matching: Matching::default(), effect: Effect::Cut };
    Disturbance::Rules { words: write::rule(&rule), rules: vec![rule] }
}

/// The nodes whose process or disk it concerns, or which the client is to reach.
fn named(what: &Disturbance) -> Vec<NodeId> {
    match what {
        Disturbance::ClientAt(nodes) => nodes.iter().copied().collect(),
        Disturbance::Disk(node, _) => vec![*node],
        _ => process(what).into_iter().collect(),
    }
}

/// The node whose process it concerns.
fn process(what: &Disturbance) -> Option<NodeId> {
    match what {
        Disturbance::Paused(node) | Disturbance::Slowed(node, _) | Disturbance::DiskFull(node, _) => {
            Some(*node)
        }
        _ => None,
    }
}

fn nothing_to(verb: &str, which: &Which) -> String {
    match which {
        Which::Message(id) => format!("message #{} is neither held nor under way: nothing to {verb}", id.0),
        Which::On(scope, matching) => {
            let (links, filters) = (write::scope(scope), write::matching(matching));
            format!("no such message is held or under way on {links}{filters}: nothing to {verb}")
        }
    }
}
