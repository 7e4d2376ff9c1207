//! After the faults: within a stated time a leader is there, every request is answered, and all members are the same.

use crate::event::Event;
use crate::node::MemberFate;
use crate::world::World;
use raftdeck_raft::{NodeId, Role, Status};

/// A leader must be there within this many of the greatest election timeouts.
const LEADER_WITHIN: u64 = 10;

/// Everything must have come to rest within this many.
const REST_WITHIN: u64 = 40;

/// How often is looked.
const EVERY: u64 = 50_000;

impl World<'_> {
    pub(crate) fn look(&mut self) {
        let passed = self.now - self.options.quiet_from();
        let leader = self.leader();
        self.led_again |= leader.is_some();
        if !self.led_again && passed > LEADER_WITHIN * self.election_max() {
            let sentence = format!("no leader within {LEADER_WITHIN} election timeouts of the last fault");
            self.judge.accuse("liveness", self.now, sentence);
            return;
        }
        match self.what_is_missing(leader) {
            None => self.at_rest = true,
            Some(missing) if passed > REST_WITHIN * self.election_max() => {
                let sentence = format!("{REST_WITHIN} election timeouts after the last fault, {missing}");
                self.judge.accuse("liveness", self.now, sentence);
            }
            Some(_) => self.queue.at(self.now + EVERY, Event::Look),
        }
    }

    fn what_is_missing(&self, leader: Option<NodeId>) -> Option<String> {
        let busy = self.clients.iter().position(|client| !client.is_content());
        if let Some(number) = busy {
            return Some(format!("client {number} still waits for {}", self.clients[number].waits_for()));
        }
        let Some(leader) = leader.and_then(|id| self.standing(id)) else {
            return Some("there is no leader".to_owned());
        };
        for node in &self.nodes {
            let Some(process) = &node.process else { continue };
            if let Some((token, _)) = process.waiting.iter().next() {
                return Some(format!("{} has not answered its request {}", node.id, token.0));
            }
        }
        let (status, hash) = leader;
        if status.role != Role::Leader || status.applied != status.last.index {
            return Some(format!("{} has not applied its whole log", status.id));
        }
        if status.membership.is_joint() {
            return Some("the joint configuration has not been left".to_owned());
        }
        for member in status.membership.members() {
            let known = status.membership.incarnations.get(&member);
            let is_lost = self.nodes.iter().any(|node| {
                let is_another = known.is_some_and(|known| *known != node.incarnation);
                node.id == member
                    && (node.fate == MemberFate::Lost || is_another || node.newer_start.is_some())
            });
            match self.standing(member) {
                _ if is_lost => {}
                None => return Some(format!("{member} does not run")),
                Some((other, _)) if other.applied != status.applied => {
                    let (theirs, ours) = (other.applied, status.applied);
                    return Some(format!("{member} has applied {theirs} entries of {ours}"));
                }
                Some((other, _)) if other.membership != status.membership => {
                    return Some(format!("the membership of {member} differs from the leader's"));
                }
                Some((_, other)) if other != hash => {
                    return Some(format!("the state of {member} differs from the leader's"));
                }
                Some(_) => {}
            }
        }
        None
    }

    fn standing(&self, id: NodeId) -> Option<(Status, u64)> {
        let node = self.nodes.iter().find(|node| node.id == id)?;
        let process = node.process.as_ref()?;
        let status = process.replica.status(node.clock.now(self.now));
        Some((status, process.replica.state_hash()))
    }
}
