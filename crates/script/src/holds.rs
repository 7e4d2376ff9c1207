//! Whether a condition holds, by what is known of the cluster.

use crate::condition::{Condition, Figure};
use raftdeck_model::{
    Matching, MessageReport, MessageState, Node, ProcessState, Scope, Standing, World, write,
};
use raftdeck_protocol::NoticeKind;
use raftdeck_raft::{NodeId, Status, TermRun};
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
                let is = figure.of(status(world, *node)?);
                if wanted.contains(&is) {
                    return Ok(());
                }
                figure.told(*node, is)
            }
            Condition::Terms(node, wanted) => return has_terms(world, *node, wanted),
            Condition::Voter(node) => match standing(world, *node)? {
                Standing::Voter => return Ok(()),
                other => stands(*node, other),
            },
            Condition::Learner(node) => match standing(world, *node)? {
                Standing::Learner => return Ok(()),
                other => stands(*node, other),
            },
            Condition::Member(node) => match standing(world, *node)? {
                Standing::Voter | Standing::Learner => return Ok(()),
                other @ Standing::Outside => stands(*node, other),
            },
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

fn status(world: &World, node: NodeId) -> Result<&Status, Unmet> {
    match world.node(node).and_then(Node::current) {
        Some(status) => Ok(status),
        None => Err(Unmet(format!("{node} has not told of itself; it {}", process(world, node)))),
    }
}

/// How a node stands to the committed membership, as the leader knows it.
fn standing(world: &World, node: NodeId) -> Result<Standing, Unmet> {
    let leader = leader_of(world).ok_or_else(|| Unmet("no node leads".to_owned()))?;
    let Status { membership, membership_index, committed, .. } = status(world, leader)?;
    if membership.is_joint() || membership_index > committed {
        return Err(Unmet("a change of the members is not committed yet".to_owned()));
    }
    Ok(if membership.voters.contains(&node) {
        Standing::Voter
    } else if membership.learners.contains(&node) {
        Standing::Learner
    } else {
        Standing::Outside
    })
}

fn stands(node: NodeId, standing: Standing) -> String {
    match standing {
        Standing::Voter => format!("{node} is a voter"),
        Standing::Learner => format!("{node} is a learner"),
        Standing::Outside => format!("{node} is not a member"),
    }
}

fn reports_empty_disk(world: &World, node: NodeId) -> bool {
    let others = world.nodes().filter(|other| other.id != node && other.current().is_some());
    others
        .filter_map(|other| other.status.as_ref())
        .flat_map(|status| &status.notices)
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
    let Status { term_runs, purged, durable, .. } = status(world, node)?;
    let from = term_runs.first().map_or(*purged, |run| run.first.previous());
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
    fn of(self, status: &Status) -> u64 {
        match self {
            Self::Term => status.term.0,
            Self::Log => status.last.index.min(status.durable).0,
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
