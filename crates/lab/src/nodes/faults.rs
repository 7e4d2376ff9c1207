//! Disturbances: each is applied and entered into the ledger here, and removed from it and undone.

use super::Nodes;
use super::engine::Engine;
use crate::processes::supervisor::SupervisorTask;
use raftdeck_links::{LinkNews, Pair};
use raftdeck_model::{
    Disturbance, Effect, FaultId, MAX_IN_FORCE, Matching, MessageSelection, Rule, Scope, closing_others,
    write,
};
use raftdeck_raft::NodeId;
use raftdeck_source::Receipt;
use std::collections::BTreeSet;

impl<E: Engine> Nodes<E> {
    /// Brings something into force.
    pub(super) fn disturb(&mut self, what: Disturbance, receipt: Receipt) {
        if let Some(stranger) = what.nodes().into_iter().find(|node| !self.kept.contains_key(node)) {
            return receipt.refuse(format!("there is no {stranger} in this cluster"));
        }
        if let Some(Err(why)) = what.client().map(|client| self.engine.admits(client)) {
            return receipt.refuse(why);
        }
        // What is refused is not in force, and does not replace anything.
        let receipt = match process(&what) {
            Some(node) => self.has_room(node, receipt),
            None => Some(receipt),
        };
        let Some(receipt) = receipt else { return };
        if let Err(why) = self.in_force.now().fits(&what, self.engine.tuning()) {
            return receipt.refuse(why);
        }
        if let Some(id) = self.in_force.renew_in_place(&what, self.engine.tuning()) {
            return self.begin(id, what, receipt);
        }
        self.in_force.strike_all(|other| what.replaces(other));
        if self.in_force.now().only_ends(&what) {
            self.in_force.tell();
            return self.put_right(&what, receipt);
        }
        let Some(id) = self.in_force.enter(what.clone()) else {
            return receipt
                .refuse(format!("{MAX_IN_FORCE} faults are in force already: undo some of them, or heal"));
        };
        self.begin(id, what, receipt);
    }

    fn begin(&mut self, id: FaultId, what: Disturbance, receipt: Receipt) {
        match what {
            Disturbance::Rules { rules, .. } => {
                self.links.traffic().disturb(id, rules);
                receipt.done();
            }
            Disturbance::Watch(watch) => {
                self.links.traffic().watch(id, watch);
                receipt.done();
            }
            Disturbance::Paused(node) => self.instruct(node, SupervisorTask::Pause, receipt),
            Disturbance::Slowed(node, percent) => self.instruct(node, SupervisorTask::Slow(percent), receipt),
            Disturbance::DiskFull(node, bytes) => {
                self.instruct(node, SupervisorTask::FillDisk(Some(bytes)), receipt);
            }
            Disturbance::Disk(..)
            | Disturbance::Timers(_)
            | Disturbance::Clock(..)
            | Disturbance::PreVote(..)
            | Disturbance::CheckQuorum(..)
            | Disturbance::Timeouts(..)
            | Disturbance::Heartbeat(..)
            | Disturbance::ClientAt(..)
            | Disturbance::ClientLinks(..) => E::obey(self, &what, true, receipt),
        }
    }

    /// Undoes what was already removed from the ledger, or never entered. Rules and watches are not undone here, but by name.
    fn put_right(&mut self, what: &Disturbance, receipt: Receipt) {
        match *what {
            Disturbance::Rules { .. } | Disturbance::Watch(_) => receipt.done(),
            Disturbance::Paused(node) => self.instruct_undoing(node, SupervisorTask::ResumeIfPaused, receipt),
            Disturbance::Slowed(node, _) => self.instruct_undoing(node, SupervisorTask::Slow(0), receipt),
            Disturbance::DiskFull(node, _) => {
                self.instruct_undoing(node, SupervisorTask::FillDisk(None), receipt);
            }
            Disturbance::Disk(..)
            | Disturbance::Timers(_)
            | Disturbance::Clock(..)
            | Disturbance::PreVote(..)
            | Disturbance::CheckQuorum(..)
            | Disturbance::Timeouts(..)
            | Disturbance::Heartbeat(..)
            | Disturbance::ClientAt(..)
            | Disturbance::ClientLinks(..) => E::obey(self, what, false, receipt),
        }
    }

    /// Undoes the disturbance of this name, or the one that came into force last.
    pub(super) fn undo(&mut self, which: Option<FaultId>, receipt: Receipt) {
        let Some(id) = which.or_else(|| self.in_force.newest()) else {
            return receipt.refuse("nothing is in force, so there is nothing to undo");
        };
        match self.in_force.strike(id) {
            Some(what) => self.is_struck(id, &what, receipt),
            None => receipt.refuse(format!("nothing named #{} is in force", id.0)),
        }
    }

    /// It was removed from the ledger, and is undone now.
    fn is_struck(&mut self, id: FaultId, what: &Disturbance, receipt: Receipt) {
        self.links.traffic().undo(id);
        self.put_right(what, receipt);
    }

    /// Undoes everything, newest first, and resumes nodes that another process paused.
    pub(super) fn heal(&mut self, receipt: Receipt) {
        // One by one: undoing one may end others.
        while let Some(id) = self.in_force.newest() {
            // A node's supervisor may have removed it already.
            if let Some(what) = self.in_force.strike(id) {
                self.is_struck(id, &what, receipt.part());
            }
        }
        // Rules that applied to a limited number of messages are no longer in force, but their messages may still be delayed.
        self.links.traffic().hurry();
        for &node in self.kept.keys() {
            for task in
                [SupervisorTask::Slow(0), SupervisorTask::FillDisk(None), SupervisorTask::ResumeIfPaused]
            {
                self.instruct_undoing(node, task, receipt.part());
            }
        }
        receipt.done();
    }

    pub(super) fn resume(&mut self, node: NodeId, receipt: Receipt) {
        let Some(receipt) = self.can_instruct(node, receipt) else { return };
        self.in_force.is_paused(node, false);
        self.instruct(node, SupervisorTask::Resume, receipt);
    }

    /// Cuts those of these links that exist.
    pub(super) fn cut(&mut self, pairs: &[Pair], receipt: Receipt) {
        let links = self.there(pairs, &receipt);
        if links.is_empty() {
            return receipt.done();
        }
        self.disturb(cut(links), receipt);
    }

    /// Ends all rules that only cut or refuse links and cover some of these links; the other links of those rules stay as they are.
    pub(super) fn mend(&mut self, pairs: &[Pair], receipt: Receipt) {
        let mended = self.there(pairs, &receipt);
        for fault in self.in_force.all() {
            let Disturbance::Rules { rules, .. } = &fault.what else { continue };
            if !rules.iter().all(|rule| rule.closes().is_some()) {
                continue;
            }
            let covered = |&(from, to): &Pair| rules.iter().any(|rule| rule.scope.covers(from, to));
            if !mended.iter().any(covered) {
                continue;
            }
            let left = closing_others(rules, self.pairs(), &mended);
            // First closes what stays closed, so that it is never open in between.
            if !left.is_empty() {
                self.disturb(together(left), receipt.part());
            }
            self.undo(Some(fault.id), receipt.part());
        }
        receipt.done();
    }

    /// Those of the links that exist. Links that do not exist are noted on the receipt.
    fn there(&self, pairs: &[Pair], receipt: &Receipt) -> BTreeSet<Pair> {
        let (there, not): (BTreeSet<Pair>, BTreeSet<Pair>) =
            pairs.iter().partition(|&&pair| self.links.has(pair));
        for (from, to) in not {
            receipt.part().refuse(format!("there is no link from {from} to {to}"));
        }
        there
    }

    fn pairs(&self) -> Vec<Pair> {
        let to_all = |&from: &NodeId| self.kept.keys().map(move |&to| (from, to));
        self.kept.keys().flat_map(to_all).filter(|&pair| self.links.has(pair)).collect()
    }

    pub(super) fn release(&self, which: &MessageSelection, receipt: Receipt) {
        let moved = self.links.traffic().release(which);
        self.told_of_messages(moved, "release", which, receipt);
    }

    pub(super) fn lose(&self, which: &MessageSelection, receipt: Receipt) {
        let moved = self.links.traffic().discard(which);
        self.told_of_messages(moved, "drop", which, receipt);
    }

    fn told_of_messages(&self, moved: usize, verb: &str, which: &MessageSelection, receipt: Receipt) {
        if moved == 0 {
            return receipt.refuse(write::nothing_to(verb, which));
        }
        self.links.traffic().tell_news();
        receipt.done();
    }

    /// Handles changes of rules that no command caused.
    pub(super) fn hear_of_links(&mut self, news: LinkNews) {
        match news {
            LinkNews::Fired(id, rules) => {
                let words = write::rules(&rules);
                self.in_force.becomes(id, Disturbance::Rules { words, rules });
            }
            LinkNews::Over(id) => drop(self.in_force.strike(id)),
        }
    }
}

fn cut(links: BTreeSet<Pair>) -> Disturbance {
    together(vec![Rule { scope: Scope::Links(links), matching: Matching::default(), effect: Effect::Cut }])
}

fn together(rules: Vec<Rule>) -> Disturbance {
    Disturbance::Rules { words: write::rules(&rules), rules }
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
