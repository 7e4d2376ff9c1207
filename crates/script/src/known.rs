//! What words may refer to: the nodes, who leads, how fast time passes, what is in force.

use raftdeck_model::{ClusterTime, Fault, MessageId, MessageState, News, ProcessState};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::{BTreeMap, BTreeSet};

/// All of it, kept up to date by [`Known::note`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The nodes. Empty: not known yet.
    pub nodes: BTreeSet<NodeId>,
    /// Those without a process.
    pub down: BTreeSet<NodeId>,
    /// Those that say that they lead, and in which term.
    pub leaders: BTreeMap<NodeId, Term>,
    /// How fast cluster time passes.
    pub rate: ClockRate,
    /// How fast it last passed when it did not stand still.
    pub last_rate: ClockRate,
    /// What can be undone, oldest first.
    pub in_force: Vec<Fault>,
    /// The messages that are held or under way.
    pub messages: BTreeSet<MessageId>,
}

impl Known {
    /// Whoever leads: of several that say so the one with the highest term (paper §5.1).
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.leaders.iter().max_by_key(|(_, term)| **term).map(|(node, _)| *node)
    }

    /// Takes note of what the lab tells.
    pub fn note(&mut self, update: &News) {
        match update {
            News::Cluster { nodes, .. } => {
                self.nodes = nodes.iter().copied().collect();
                self.down.retain(|node| self.nodes.contains(node));
                self.leaders.retain(|node, _| self.nodes.contains(node));
            }
            News::Process { node, state } => {
                if state.is_down() {
                    self.down.insert(*node);
                } else {
                    self.down.remove(node);
                }
                // Who stands still leads nobody, whatever it said last.
                if !matches!(state, ProcessState::Running { .. }) {
                    self.leaders.remove(node);
                }
            }
            News::Status { node, status } => {
                if status.raft.role == Role::Leader {
                    self.leaders.insert(*node, status.raft.term);
                } else {
                    self.leaders.remove(node);
                }
            }
            News::Time(ClusterTime { rate, .. }) => {
                self.rate = *rate;
                if !rate.is_frozen() {
                    self.last_rate = *rate;
                }
            }
            News::Messages { messages, .. } => {
                for message in messages {
                    let there = matches!(message.state, MessageState::UnderWay { .. } | MessageState::Held);
                    if there {
                        self.messages.insert(message.id);
                    } else {
                        self.messages.remove(&message.id);
                    }
                }
            }
            News::InForce { faults } => self.in_force.clone_from(faults),
            _ => {}
        }
    }
}

/// The steps of `slower` and `faster`, in millionths of real time.
const STEPS: [u32; 11] =
    [0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// The next slower rate of 1, 1/2, 1/5, 1/10, … 1/1000, 0.
#[must_use]
pub fn slower(rate: ClockRate) -> ClockRate {
    let next = STEPS.into_iter().rev().find(|step| *step < rate.millionths());
    next.and_then(ClockRate::from_millionths).unwrap_or(ClockRate::FROZEN)
}

/// The next faster rate of 0, 1/1000, … 1/10, 1/5, 1/2, 1.
#[must_use]
pub fn faster(rate: ClockRate) -> ClockRate {
    let next = STEPS.into_iter().find(|step| *step > rate.millionths());
    next.and_then(ClockRate::from_millionths).unwrap_or(ClockRate::REAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_and_faster_go_the_same_steps() {
        let mut rate = ClockRate::REAL;
        let mut down = vec![rate];
        while rate != ClockRate::FROZEN {
            rate = slower(rate);
            down.push(rate);
        }
        assert_eq!(down.len(), STEPS.len());
        assert_eq!(slower(rate), ClockRate::FROZEN);
        for expected in down.into_iter().rev() {
            assert_eq!(rate, expected);
            rate = faster(rate);
        }
        assert_eq!(rate, ClockRate::REAL);
        let odd = ClockRate::from_millionths(30_000).unwrap();
        assert_eq!((slower(odd).to_string(), faster(odd).to_string()), ("1/50".into(), "1/20".into()));
    }

    #[test]
    fn a_leader_that_is_paused_or_has_ended_does_not_lead() {
        let n1 = NodeId(1);
        for state in
            [ProcessState::Paused { pid: 1 }, ProcessState::Killed, ProcessState::Starting { pid: 2 }]
        {
            let mut known = Known { nodes: [n1].into(), leaders: [(n1, Term(4))].into(), ..Known::default() };
            known.note(&News::Process { node: n1, state: ProcessState::Running { pid: 1 } });
            assert_eq!(known.leader(), Some(n1));
            known.note(&News::Process { node: n1, state });
            assert_eq!(known.leader(), None);
        }
    }

    #[test]
    fn of_several_leaders_the_newest_is_meant() {
        let leaders = [(NodeId(1), Term(4)), (NodeId(3), Term(3))].into();
        assert_eq!(Known { leaders, ..Known::default() }.leader(), Some(NodeId(1)));
    }
}
