//! Whether a condition holds, by what is known of the cluster.

use crate::condition::{Condition, Figure};
use raftdeck_model::{
    Known, Matching, MessageReport, MessageState, Node, ProcessState, RaftView, Scope, World, write,
};
use raftdeck_protocol::NoticeKind;
use raftdeck_raft::{NodeId, TermRun};
use std::fmt;
use std::ops::RangeInclusive;

/// That a condition does not hold: how it is instead, in a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet(String);

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Condition {
    /// Whether it is so by what is known; if not, how it is. `unanswered`: how much was asked of the store and has no outcome yet;
    /// whoever asks keeps account.
    pub fn holds(&self, world: &World, unanswered: usize) -> Result<(), Unmet> {
        let unmet = match self {
            Condition::Leader(wanted) => match (leader_of(world), wanted) {
                (Some(leader), Some(wanted)) if leader != *wanted => format!("{leader} leads"),
                (Some(_), _) => return Ok(()),
                (None, _) => "no node leads".to_owned(),
            },
            Condition::NoLeader => match leader_of(world) {
                Some(leader) => format!("{leader} leads"),
                None => return Ok(()),
            },
            Condition::Role(node, role) => {
                let status = status(world, *node)?;
                if status.role == *role {
                    return Ok(());
                }
                format!("{node} is a {} in term {}", status.role, status.term)
            }
            Condition::Figure(node, figure, wanted) => {
                let is = figure.of(*node, status(world, *node)?)?;
                if wanted.contains(&is) {
                    return Ok(());
                }
                figure.told(*node, is)
            }
            Condition::Terms(node, wanted) => return has_terms(world, *node, wanted),
            Condition::Voter(node) => return votes(world, *node),
            Condition::Wiped(node) if reports_empty_disk(world, *node) => return Ok(()),
            Condition::Wiped(node) => format!("no other node reports an empty disk of {node}"),
            Condition::Up(nodes) => match nodes.iter().find(|node| !is_up(world, **node)) {
                Some(node) => format!("{node} {}", process(world, *node)),
                None => return Ok(()),
            },
            Condition::Down(nodes) => match nodes.iter().find(|node| !is_down(world, **node)) {
                Some(node) => format!("{node} {}", process(world, *node)),
                None => return Ok(()),
            },
            Condition::Held { count, scope, matching } => return holds_back(world, count, scope, matching),
            Condition::Idle => match under_way(world) {
                0 => return Ok(()),
                1 => "1 message is under way".to_owned(),
                some => format!("{some} messages are under way"),
            },
            Condition::Answered => match unanswered {
                0 => return Ok(()),
                1 => "1 request to the store has no answer yet".to_owned(),
                some => format!("{some} requests to the store have no answer yet"),
            },
        };
        Err(Unmet(unmet))
    }
}

fn status(world: &World, node: NodeId) -> Result<&RaftView, Unmet> {
    match world.node(node).and_then(Node::current) {
        Some(status) => Ok(status),
        None => Err(Unmet(format!("{node} has not told of itself; it {}", process(world, node)))),
    }
}

/// What is known of a node; `what`: `commit index`.
fn known<'a, T>(value: &'a Known<T>, what: &str, node: NodeId) -> Result<&'a T, Unmet> {
    value.get().ok_or_else(|| Unmet(format!("the {what} of {node} is unknown")))
}

fn votes(world: &World, node: NodeId) -> Result<(), Unmet> {
    let leader = leader_of(world).ok_or_else(|| Unmet("no node leads".to_owned()))?;
    let RaftView { membership, membership_index, committed, .. } = status(world, leader)?;
    let membership = known(membership, "membership", leader)?;
    let in_force_from = known(membership_index, "membership's index", leader)?;
    Err(Unmet(if membership.is_joint() || in_force_from > known(committed, "commit index", leader)? {
        "a change of the members is not committed yet".to_owned()
    } else if membership.voters.contains(&node) {
        return Ok(());
    } else if membership.learners.contains(&node) {
        format!("{node} is a learner")
    } else {
        format!("{node} is not a member")
    }))
}

fn reports_empty_disk(world: &World, node: NodeId) -> bool {
    let others = world.nodes().filter(|other| other.id != node && other.current().is_some());
    others
        .filter_map(|other| other.status.as_ref())
        .flat_map(|status| status.notices.items())
        .any(|notice| notice.about == node && matches!(notice.kind, NoticeKind::EmptyDisk { .. }))
}

fn is_up(world: &World, node: NodeId) -> bool {
    world.node(node).is_some_and(Node::is_running)
}

fn process(world: &World, node: NodeId) -> &'static str {
    match world.node(node).and_then(|node| node.process.as_ref()) {
        Some(ProcessState::Running { .. }) => "runs",
        Some(ProcessState::Starting { .. }) => "is starting",
        Some(ProcessState::Paused { .. }) => "is paused",
        Some(ProcessState::Killed) => "is killed",
        Some(ProcessState::Stopped) => "has stopped",
        Some(ProcessState::Failed { .. }) => "has failed",
        None => "is not there",
    }
}

fn has_terms(world: &World, node: NodeId, wanted: &[u64]) -> Result<(), Unmet> {
    let RaftView { term_runs, purged, durable, .. } = status(world, node)?;
    let (term_runs, durable) = (known(term_runs, "log", node)?, known(durable, "durable index", node)?);
    let from = match term_runs.first() {
        Some(run) => run.first.previous(),
        None => *known(purged, "purged index", node)?,
    };
    if from.0 > 0 {
        return Err(Unmet(format!("{node} has no entries through {from} any more")));
    }
    // What is not on its disk yet a crash would take from it.
    let count = |run: &TermRun| run.last.min(*durable).0.saturating_sub(run.first.previous().0);
    let terms = |run| std::iter::repeat_n(run_term(run), usize::try_from(count(run)).unwrap_or(usize::MAX));
    let mut is = term_runs.iter().flat_map(terms);
    if is.by_ref().take(wanted.len() + 1).eq(wanted.iter().copied()) {
        return Ok(());
    }
    let on_disk = term_runs.iter().filter(|run| count(run) > 0);
    let runs: Vec<String> = on_disk.map(|run| format!("{} of term {}", count(run), run.term)).collect();
    let log = if runs.is_empty() { "is empty".to_owned() } else { format!("holds {}", runs.join(", ")) };
    Err(Unmet(format!("the log of {node} {log}")))
}

fn holds_back(
    world: &World,
    wanted: &RangeInclusive<u64>,
    scope: &Scope,
    matching: &Matching,
) -> Result<(), Unmet> {
    let held = |message: &&MessageReport| {
        message.state == MessageState::Held
            && scope.covers(message.from, message.to)
            && is_about(matching, message)
    };
    let held = world.open_messages().filter(held).count() as u64;
    if wanted.contains(&held) {
        return Ok(());
    }
    let which = write::matching(matching);
    let are = if held == 1 { "message is" } else { "messages are" };
    Err(Unmet(format!("{held} {are} held on {}{which}", write::scope(scope))))
}

fn under_way(world: &World) -> usize {
    let under_way = |message: &&MessageReport| matches!(message.state, MessageState::UnderWay { .. });
    world.open_messages().filter(under_way).count()
}

fn leader_of(world: &World) -> Option<NodeId> {
    world.leader().map(|node| node.id)
}

fn is_down(world: &World, node: NodeId) -> bool {
    world.node(node).is_some_and(Node::is_down)
}

fn run_term(run: &TermRun) -> u64 {
    run.term.0
}

fn is_about(matching: &Matching, message: &MessageReport) -> bool {
    let Matching { kinds, terms, indices, next: _ } = matching;
    (kinds.is_empty() || kinds.contains(&message.kind))
        && terms.as_ref().is_none_or(|terms| terms.contains(&message.term))
        && indices.as_ref().is_none_or(|of| message.index.is_some_and(|index| of.contains(&index)))
}

impl Figure {
    fn of(self, node: NodeId, status: &RaftView) -> Result<u64, Unmet> {
        Ok(match self {
            Self::Term => status.term.0,
            Self::Log => {
                let last = known(&status.last, "log's end", node)?.index;
                last.min(*known(&status.durable, "durable index", node)?).0
            }
            Self::Commit => known(&status.committed, "commit index", node)?.0,
            Self::Applied => known(&status.applied, "applied index", node)?.0,
        })
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
