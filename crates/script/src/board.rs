//! What is known of the cluster, and whether a condition holds by it.

use crate::condition::{Condition, Figure};
use crate::known::Known;
use raftdeck_model::{Matching, MessageId, MessageReport, MessageState, News, ProcessState, Scope, write};
use raftdeck_protocol::{NodeStatus, NoticeKind};
use raftdeck_raft::{NodeId, Status};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

/// All that the lab told, as far as conditions ask for it.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// What words may refer to.
    pub known: Known,
    /// The newest account of every node that has a process.
    pub statuses: BTreeMap<NodeId, Box<NodeStatus>>,
    /// The nodes' processes.
    pub processes: BTreeMap<NodeId, ProcessState>,
    /// How much was asked of the store and has no outcome yet. Whoever asks keeps account.
    pub unanswered: usize,
    /// The messages that are held or under way.
    pub messages: BTreeMap<MessageId, MessageReport>,
}

/// That a condition does not hold: how it is instead, in a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet(String);

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Board {
    /// Takes note of what the lab tells.
    pub fn note(&mut self, update: &News) {
        self.known.note(update);
        match update {
            News::Cluster { nodes, .. } => {
                self.statuses.retain(|node, _| nodes.contains(node));
                self.processes.retain(|node, _| nodes.contains(node));
            }
            News::Process { node, state } => {
                if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
                    self.statuses.remove(node);
                }
                self.processes.insert(*node, state.clone());
            }
            News::Status { node, status } => {
                self.statuses.insert(*node, status.clone());
            }
            News::Messages { messages, .. } => {
                for message in messages {
                    if message.state.is_over() {
                        self.messages.remove(&message.id);
                    } else {
                        self.messages.insert(message.id, message.clone());
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether it is so; if not, how it is.
    pub fn holds(&self, condition: &Condition) -> Result<(), Unmet> {
        let unmet = match condition {
            Condition::Leader(wanted) => match (self.known.leader(), wanted) {
                (Some(leader), Some(wanted)) if leader != *wanted => format!("{leader} leads"),
                (Some(_), _) => return Ok(()),
                (None, _) => "no node leads".to_owned(),
            },
            Condition::NoLeader => match self.known.leader() {
                Some(leader) => format!("{leader} leads"),
                None => return Ok(()),
            },
            Condition::Role(node, role) => {
                let status = self.status(*node)?;
                if status.role == *role {
                    return Ok(());
                }
                format!("{node} is a {} in term {}", status.role, status.term)
            }
            Condition::Figure(node, figure, wanted) => {
                let is = figure.of(self.status(*node)?);
                if wanted.contains(&is) {
                    return Ok(());
                }
                figure.told(*node, is)
            }
            Condition::Terms(node, wanted) => return self.has_terms(*node, wanted),
            Condition::Voter(node) => return self.votes(*node),
            Condition::Wiped(node) if self.reports_empty_disk(*node) => return Ok(()),
            Condition::Wiped(node) => format!("no other node reports an empty disk of {node}"),
            Condition::Up(nodes) => match nodes.iter().find(|node| !self.is_up(**node)) {
                Some(node) => format!("{node} {}", self.process(*node)),
                None => return Ok(()),
            },
            Condition::Down(nodes) => match nodes.iter().find(|node| !self.known.down.contains(node)) {
                Some(node) => format!("{node} {}", self.process(*node)),
                None => return Ok(()),
            },
            Condition::Held { count, scope, matching } => return self.holds_back(count, scope, matching),
            Condition::Idle => match self.under_way() {
                0 => return Ok(()),
                1 => "1 message is under way".to_owned(),
                some => format!("{some} messages are under way"),
            },
            Condition::Answered => match self.unanswered {
                0 => return Ok(()),
                1 => "1 request to the store has no answer yet".to_owned(),
                some => format!("{some} requests to the store have no answer yet"),
            },
        };
        Err(Unmet(unmet))
    }

    fn status(&self, node: NodeId) -> Result<&Status, Unmet> {
        match self.statuses.get(&node) {
            Some(status) => Ok(&status.raft),
            None => Err(Unmet(format!("{node} has not told of itself; it {}", self.process(node)))),
        }
    }

    fn votes(&self, node: NodeId) -> Result<(), Unmet> {
        let leader = self.known.leader().ok_or_else(|| Unmet("no node leads".to_owned()))?;
        let Status { membership, membership_index, committed, .. } = self.status(leader)?;
        Err(Unmet(if membership.is_joint() || membership_index > committed {
            "a change of the members is not committed yet".to_owned()
        } else if membership.voters.contains(&node) {
            return Ok(());
        } else if membership.learners.contains(&node) {
            format!("{node} is a learner")
        } else {
            format!("{node} is not a member")
        }))
    }

    fn reports_empty_disk(&self, node: NodeId) -> bool {
        let others = self.statuses.iter().filter(|(other, _)| **other != node);
        others
            .flat_map(|(_, status)| &status.notices)
            .any(|notice| notice.about == node && matches!(notice.kind, NoticeKind::EmptyDisk { .. }))
    }

    fn is_up(&self, node: NodeId) -> bool {
        matches!(self.processes.get(&node), Some(ProcessState::Running { .. }))
    }

    fn process(&self, node: NodeId) -> &'static str {
        match self.processes.get(&node) {
            Some(ProcessState::Running { .. }) => "runs",
            Some(ProcessState::Starting { .. }) => "is starting",
            Some(ProcessState::Paused { .. }) => "is paused",
            Some(ProcessState::Killed) => "is killed",
            Some(ProcessState::Stopped) => "has stopped",
            Some(ProcessState::Failed { .. }) => "has failed",
            None => "is not there",
        }
    }

    fn has_terms(&self, node: NodeId, wanted: &[u64]) -> Result<(), Unmet> {
        let Status { term_runs, purged, .. } = self.status(node)?;
        let from = term_runs.first().map_or(*purged, |run| run.first.previous());
        if from.0 > 0 {
            return Err(Unmet(format!("{node} has no entries through {from} any more")));
        }
        let count = |run: &raftdeck_raft::TermRun| run.last.0.saturating_sub(run.first.previous().0);
        let terms =
            |run| std::iter::repeat_n(run_term(run), usize::try_from(count(run)).unwrap_or(usize::MAX));
        let mut is = term_runs.iter().flat_map(terms);
        if is.by_ref().take(wanted.len() + 1).eq(wanted.iter().copied()) {
            return Ok(());
        }
        let runs: Vec<String> =
            term_runs.iter().map(|run| format!("{} of term {}", count(run), run.term)).collect();
        let log = if runs.is_empty() { "is empty".to_owned() } else { format!("holds {}", runs.join(", ")) };
        Err(Unmet(format!("the log of {node} {log}")))
    }

    fn holds_back(
        &self,
        wanted: &RangeInclusive<u64>,
        scope: &Scope,
        matching: &Matching,
    ) -> Result<(), Unmet> {
        let held = |message: &&MessageReport| {
            message.state == MessageState::Held
                && scope.covers(message.from, message.to)
                && is_about(matching, message)
        };
        let held = self.messages.values().filter(held).count() as u64;
        if wanted.contains(&held) {
            return Ok(());
        }
        let which = write::matching(matching);
        let are = if held == 1 { "message is" } else { "messages are" };
        Err(Unmet(format!("{held} {are} held on {}{which}", write::scope(scope))))
    }

    fn under_way(&self) -> usize {
        let under_way = |message: &&MessageReport| matches!(message.state, MessageState::UnderWay { .. });
        self.messages.values().filter(under_way).count()
    }
}

fn run_term(run: &raftdeck_raft::TermRun) -> u64 {
    run.term.0
}

fn is_about(matching: &Matching, message: &MessageReport) -> bool {
    let Matching { kinds, terms, indices, next: _ } = matching;
    (kinds.is_empty() || kinds.contains(&message.kind))
        && terms.as_ref().is_none_or(|terms| terms.contains(&message.term))
        && indices.as_ref().is_none_or(|of| message.index.is_some_and(|index| of.contains(&index)))
}

impl Figure {
    fn of(self, status: &Status) -> u64 {
        match self {
            Self::Term => status.term.0,
            Self::Log => status.last.index.0,
            Self::Commit => status.committed.0,
            Self::Applied => status.applied.0,
        }
    }

    fn told(self, node: NodeId, is: u64) -> String {
        match self {
            Self::Term => format!("{node} is in term {is}"),
            Self::Log if is == 0 => format!("the log of {node} is empty"),
            Self::Log => format!("the log of {node} ends with entry {is}"),
            Self::Commit => format!("{node} has committed through {is}"),
            Self::Applied => format!("{node} has applied through {is}"),
        }
    }
}
