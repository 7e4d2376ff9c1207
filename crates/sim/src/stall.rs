//! A stalled disk: it finishes nothing for a while, then recovers. And what must hold meanwhile, without other
//! faults: a leader is there that commits, and it is not the member with that disk (trap 49).

use crate::event::Event;
use crate::options::{FaultKind, micros};
use crate::world::World;
use raftdeck_raft::{NodeId, Status};

/// After the disk counts as stalled, a leader that commits must be there within this many of the greatest election timeouts: one
/// for the hand-over, and the others for elections, should it fail.
const LEADER_WITHIN: u64 = 4;

const RULE: &str = "a leader with a stalled disk gives up the leadership";

/// How a member's disk is stalled.
#[derive(Debug, Default)]
pub(crate) struct Standstill {
    /// It finishes nothing before.
    until: u64,
    /// What it would have finished, by life: a write or a read, and work on snapshots.
    held: HeldUntil,
}

type HeldUntil = (Option<u32>, Option<u32>);

impl Standstill {
    /// Whether the disk is stalled at `at`. If so it remembers that this life has something to finish. What an earlier life
    /// began may come to its end after that, and must not take the place of what the later one waits for: that one would
    /// wait forever.
    fn holds(&mut self, at: u64, life: u32, of: fn(&mut HeldUntil) -> &mut Option<u32>) -> bool {
        let holds = at < self.until;
        if holds {
            let held = of(&mut self.held);
            *held = (*held).max(Some(life));
        }
        holds
    }
}

impl World<'_> {
    pub(crate) fn stall(&mut self, id: NodeId, lasts: u64) {
        let at = self.now;
        let until = (at + lasts).max(self.node(id).standstill.until);
        self.node(id).standstill.until = until;
        self.queue.at(until, Event::DiskGoesOn(id));
        let bound = micros(self.setup.config.disk_stall()) + LEADER_WITHIN * self.election_max();
        if self.is_all_that_goes_wrong(id, at, at + bound) && until >= at + bound {
            self.queue.at(at + bound, Event::LookAtStall(id));
        }
    }

    /// From now on the disk finishes nothing, until it is let go.
    pub(crate) fn stand_still(&mut self, id: NodeId) {
        self.node(id).standstill.until = u64::MAX;
    }

    /// Whether the disk holds a write or a read back that is done otherwise.
    pub(crate) fn holds_disk(&mut self, id: NodeId, life: u32) -> bool {
        let at = self.now;
        self.node(id).standstill.holds(at, life, |held| &mut held.0)
    }

    /// The same for work on snapshots.
    pub(crate) fn holds_files(&mut self, id: NodeId, life: u32) -> bool {
        let at = self.now;
        self.node(id).standstill.holds(at, life, |held| &mut held.1)
    }

    /// A disk continues, unless it was stalled again meanwhile.
    pub(crate) fn disk_goes_on(&mut self, id: NodeId) {
        let at = self.now;
        let standstill = &mut self.node(id).standstill;
        if at < standstill.until {
            return;
        }
        let (write, files) = std::mem::take(&mut standstill.held);
        if let Some(life) = write {
            self.queue.at(at + 5, Event::Disk { node: id, life });
        }
        if let Some(life) = files {
            self.queue.at(at + 5, Event::Files { node: id, life });
        }
    }

    /// From now on no disk is stalled.
    pub(crate) fn let_disks_go(&mut self, id: NodeId) {
        self.node(id).standstill.until = 0;
        self.disk_goes_on(id);
    }

    /// Whether the rest of the cluster is well from some time before `from` until `to`, as far as the schedule says.
    fn is_all_that_goes_wrong(&self, id: NodeId, from: u64, to: u64) -> bool {
        let others = |node: &&crate::node::Node| node.id != id && node.standstill.until > 0;
        let margin = LEADER_WITHIN * self.election_max();
        self.options.nodes >= 3
            && to < self.options.quiet_from()
            && self.schedule.iter().all(|planned| planned.fault.kind() == FaultKind::Stall)
            && self.nodes.iter().filter(others).all(|node| node.standstill.until + margin <= from)
            && !self.schedule.iter().any(|planned| from < planned.at && planned.at <= to)
    }

    pub(crate) fn look_at_stall(&mut self, stalled: NodeId) {
        let at = self.now;
        let limit = self.setup.config.disk_stall();
        let leader = self.leader().and_then(|id| {
            let node = self.nodes.iter().find(|node| node.id == id)?;
            Some(node.process.as_ref()?.replica.status(node.clock.now(at)))
        });
        let sentence = match leader {
            None => format!("the disk of {stalled} is stalled, and there is no leader"),
            Some(leader) if leader.id == stalled && leader.disk_wait.is_some_and(|wait| wait > limit) => {
                format!("{stalled} leads, and its disk has not finished a write for {:?}", leader.disk_wait)
            }
            Some(leader) if leader.id != stalled && !commits(&leader) => {
                format!(
                    "the disk of {stalled} is stalled, and {} has committed nothing in its term",
                    leader.id
                )
            }
            Some(_) => return,
        };
        self.judge.accuse(RULE, at, sentence);
    }
}

/// Whether it has committed in its own term. A snapshot may have taken the place of the whole log.
pub(crate) fn commits(leader: &Status) -> bool {
    let newest = leader.term_runs.last();
    leader.snapshot.term == leader.term
        || newest.is_some_and(|run| run.term == leader.term && run.first <= leader.committed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_life_began_does_not_take_the_place_of_what_a_later_one_waits_for() {
        let mut standstill = Standstill { until: 100, held: (None, None) };
        assert!(standstill.holds(10, 4, |held| &mut held.0), "the member restarts and writes");
        assert!(
            standstill.holds(20, 2, |held| &mut held.0),
            "a slow sync of the life before comes to its end"
        );
        assert!(standstill.holds(30, 2, |held| &mut held.1));
        assert_eq!(standstill.held, (Some(4), Some(2)));
        assert!(!standstill.holds(100, 6, |held| &mut held.0), "it goes on");
        assert_eq!(standstill.held.0, Some(4));
    }
}
