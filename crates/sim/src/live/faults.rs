//! What can be undone: each thing is done and entered into the ledger here, and struck out and undone. The texts are
//! those of the lab.

use super::Live;
use crate::options::micros;
use raftdeck_model::rulebook::Pair;
use raftdeck_model::{
    Disturbance, Effect, FaultId, MAX_IN_FORCE, Matching, MessageSelection, Rule, Scope, closing_others,
    write,
};
use raftdeck_protocol::DiskPace;
use raftdeck_protocol::request::MAX_SYNC_DELAY;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

impl Live {
    /// Has something come into force.
    pub(super) fn disturb(&mut self, what: Disturbance) -> Result<(), String> {
        if let Some(stranger) = what.nodes().into_iter().find(|node| !self.kept.contains_key(node)) {
            return Err(format!("there is no {stranger} in this cluster"));
        }
        if let Some(client) = what.client() {
            self.admit(client)?;
        }
        if let Disturbance::Disk(_, DiskPace::Delayed(delay)) = what
            && delay > MAX_SYNC_DELAY
        {
            let most = MAX_SYNC_DELAY.as_secs();
            return Err(format!(
                "a sync can be delayed by at most {most} s; to delay it longer, stall the disk"
            ));
        }
        let usual = self.usual();
        self.ledger.fits(&what, usual)?;
        if let Some(id) = self.ledger.renew_in_place(&what, usual) {
            self.tell_in_force();
            return self.begin(id, what);
        }
        self.ledger.strike_all(|other| what.replaces(other));
        if self.ledger.only_ends(&what) {
            self.ledger.renew();
            return self.put_right(&what);
        }
        let Some(id) = self.ledger.enter(what.clone()) else {
            return Err(format!("{MAX_IN_FORCE} faults are in force already: undo some of them, or heal"));
        };
        self.tell_in_force();
        self.begin(id, what)
    }

    fn begin(&mut self, id: FaultId, what: Disturbance) -> Result<(), String> {
        match what {
            Disturbance::Rules { rules, .. } => {
                let now = self.now();
                self.traffic.disturb(id, rules, now);
            }
            Disturbance::Watch(watch) => self.traffic.watch(id, watch),
            Disturbance::Paused(node) => return self.pause(node),
            Disturbance::Slowed(node, percent) => return self.slow(node, percent),
            Disturbance::DiskFull(node, bytes) => self.world.node(node).room = Some(bytes),
            Disturbance::Disk(node, pace) => self.set_disk(node, pace),
            Disturbance::Timers(_)
            | Disturbance::Clock(..)
            | Disturbance::PreVote(..)
            | Disturbance::CheckQuorum(..)
            | Disturbance::Timeouts(..)
            | Disturbance::Heartbeat(..) => self.set_timing(),
            Disturbance::ClientAt(..) | Disturbance::ClientLinks(..) => self.place_clients(),
        }
        Ok(())
    }

    /// Undoes what was struck out already, or never entered, but for rules and watches, which have names.
    fn put_right(&mut self, what: &Disturbance) -> Result<(), String> {
        match *what {
            Disturbance::Rules { .. } | Disturbance::Watch(_) => {}
            Disturbance::Paused(node) => self.resume_if_paused(node),
            Disturbance::Slowed(node, _) => return self.slow(node, 0),
            Disturbance::DiskFull(node, _) => self.world.node(node).room = None,
            Disturbance::Disk(node, _) => self.set_disk(node, DiskPace::Free),
            Disturbance::Timers(_)
            | Disturbance::Clock(..)
            | Disturbance::PreVote(..)
            | Disturbance::CheckQuorum(..)
            | Disturbance::Timeouts(..)
            | Disturbance::Heartbeat(..) => self.set_timing(),
            Disturbance::ClientAt(..) | Disturbance::ClientLinks(..) => self.place_clients(),
        }
        Ok(())
    }

    fn set_disk(&mut self, node: NodeId, pace: DiskPace) {
        let usual = self.options.sync_delay.map_or(0, micros);
        let delay = if let DiskPace::Delayed(delay) = pace { micros(delay) } else { usual };
        let before = std::mem::replace(&mut self.world.node(node).sync_delay, delay);
        if pace == DiskPace::Stalled {
            self.world.stand_still(node);
        } else {
            self.world.let_disks_go(node);
            if delay < before {
                self.world.sync_sooner(node, delay);
            }
        }
    }

    /// Undoes what has this name, or what came into force last.
    pub(super) fn undo(&mut self, which: Option<FaultId>) -> Result<(), String> {
        let Some(id) = which.or_else(|| self.ledger.newest()) else {
            return Err("nothing is in force, so there is nothing to undo".to_owned());
        };
        let what = self.ledger.strike(id).ok_or_else(|| format!("nothing named #{} is in force", id.0))?;
        self.tell_in_force();
        let moment = self.moment();
        self.traffic.undo(id, moment);
        self.put_right(&what)
    }

    /// Undoes everything, newest first.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        let mut refused = Vec::new();
        // One by one: what is undone may end others.
        while let Some(id) = self.ledger.newest() {
            refused.extend(self.undo(Some(id)).err());
        }
        // Rules for a limited number of messages are no longer in force, but those messages may still be late.
        let moment = self.moment();
        self.traffic.hurry_all(moment);
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            self.resume_if_paused(node);
        }
        joined(&refused)
    }

    /// Cuts these links, those that are there.
    pub(super) fn cut(&mut self, pairs: &[Pair]) -> Result<(), String> {
        let (links, mut refused) = self.there(pairs);
        if !links.is_empty() {
            refused.extend(self.disturb(cut(links)).err());
        }
        joined(&refused)
    }

    /// Whatever only cuts or refuses links, and some of these, leaves them be.
    pub(super) fn mend(&mut self, pairs: &[Pair]) -> Result<(), String> {
        let (mended, mut refused) = self.there(pairs);
        for fault in self.ledger.all() {
            let Disturbance::Rules { rules, .. } = &fault.what else { continue };
            let covered = |&(from, to): &Pair| rules.iter().any(|rule| rule.scope.covers(from, to));
            if !rules.iter().all(|rule| rule.closes().is_some()) || !mended.iter().any(covered) {
                continue;
            }
            let left = closing_others(rules, self.traffic.pairs(), &mended);
            // First what stays closed, so that it is never open in between.
            if !left.is_empty() {
                refused.extend(self.disturb(together(left)).err());
            }
            refused.extend(self.undo(Some(fault.id)).err());
        }
        joined(&refused)
    }

    /// Those of the links that there are, and what is said of the others.
    fn there(&self, pairs: &[Pair]) -> (BTreeSet<Pair>, Vec<String>) {
        let (there, not): (BTreeSet<Pair>, BTreeSet<Pair>) =
            pairs.iter().partition(|&&pair| self.traffic.has(pair));
        let missing = not.into_iter().map(|(from, to)| format!("there is no link from {from} to {to}"));
        (there, missing.collect())
    }

    pub(super) fn release(&mut self, which: &MessageSelection) -> Result<(), String> {
        let moment = self.moment();
        let moved = self.traffic.release(which, moment);
        self.told_of_messages(moved, "release", which)
    }

    pub(super) fn lose(&mut self, which: &MessageSelection) -> Result<(), String> {
        let now = self.now();
        let moved = self.traffic.discard(which, now);
        self.told_of_messages(moved, "drop", which)
    }

    fn told_of_messages(&mut self, moved: usize, verb: &str, which: &MessageSelection) -> Result<(), String> {
        if moved == 0 {
            return Err(write::nothing_to(verb, which));
        }
        self.drain();
        self.tell_reports();
        Ok(())
    }
}

/// The outcome of several parts of a command.
fn joined(refused: &[String]) -> Result<(), String> {
    if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
}

fn cut(links: BTreeSet<Pair>) -> Disturbance {
    together(vec![Rule { scope: Scope::Links(links), matching: Matching::default(), effect: Effect::Cut }])
}

fn together(rules: Vec<Rule>) -> Disturbance {
    Disturbance::Rules { words: write::rules(&rules), rules }
}
