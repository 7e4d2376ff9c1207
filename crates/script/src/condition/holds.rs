//! Whether a condition holds, by what is known of the cluster.

use super::{Condition, Figure, Gap, Membership};
use raftdeck_model::{
    Known, Matching, MemberStanding, MessageReport, MessageState, Node, ProcessState, RaftView, Scope, World,
    write,
};
use raftdeck_protocol::NoticeKind;
use raftdeck_raft::{NodeId, Role, TermRun};
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A condition that does not hold: how things are instead, in a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    why: String,
    /// Whether it may hold nevertheless.
    is_unknown: bool,
    /// Whether that is so because the source does not report a value of a node that does report its state.
    is_untold: bool,
}

impl Unmet {
    /// It does not hold.
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_unknown: false, is_untold: false }
    }

    /// Whether it may hold nevertheless: something that it depends on is not known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.is_unknown
    }

    /// Whether it may hold nevertheless, and the source does not report what it depends on: to wait longer may not help.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.is_untold
    }

    /// It is unknown whether it holds.
    fn unknown(why: String) -> Self {
        Self { is_unknown: true, ..Self::new(why) }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Condition {
    /// Whether it holds by what is known; if not, how things are. `unanswered`: the number of store requests without an outcome; the
    /// caller counts them.
    pub fn holds(&self, world: &World, unanswered: usize) -> Result<(), Unmet> {
        let unmet = match self {
            Condition::Leader(wanted) => return leads(world, *wanted),
            Condition::NoLeader => return nobody_is_leader(world),
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
            Condition::Vote(node, candidate) => return has_voted(world, *node, *candidate),
            Condition::Votes(node, count) => return has_votes(world, *node, count),
            Condition::Membership(which, wanted) => return has_members(world, *which, wanted),
            Condition::Voter(node) => match standing(world, *node)? {
                MemberStanding::Voter => return Ok(()),
                other => stands(*node, other),
            },
            Condition::Learner(node) => match standing(world, *node)? {
                MemberStanding::Learner => return Ok(()),
                other => stands(*node, other),
            },
            Condition::Member(node) => match standing(world, *node)? {
                MemberStanding::Voter | MemberStanding::Learner => return Ok(()),
                other @ MemberStanding::Outside => stands(*node, other),
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
            Condition::Held { count, scope, matching } => {
                return are_open(world, OpenAs::Held, count, scope, matching);
            }
            Condition::UnderWay { count, scope, matching } => {
                return are_open(world, OpenAs::UnderWay, count, scope, matching);
            }
            Condition::Idle => {
                return are_open(world, OpenAs::UnderWay, &(0..=0), &Scope::All, &Matching::default());
            }
            Condition::InForce(count) => match world.in_force().len() as u64 {
                is if count.contains(&is) => return Ok(()),
                0 => "nothing is in force".to_owned(),
                1 => "1 thing is in force".to_owned(),
                is => format!("{is} things are in force"),
            },
            Condition::Gap(gap, wanted) => return has_gap(world, *gap, wanted),
            Condition::Answered => match unanswered {
                0 => return Ok(()),
                1 => "1 request to the store has no answer yet".to_owned(),
                some => format!("{some} requests to the store have no answer yet"),
            },
            Condition::Not(condition) => match condition.holds(world, unanswered) {
                Ok(()) => format!("{condition} holds"),
                Err(unmet) if unmet.is_unknown => return Err(unmet),
                Err(_) => return Ok(()),
            },
            Condition::Any(conditions) => return one_holds(conditions, world, unanswered),
            Condition::All(conditions) => return all_hold(conditions, world, unanswered),
        };
        Err(Unmet::new(unmet))
    }
}

fn status(world: &World, node: NodeId) -> Result<&RaftView, Unmet> {
    world
        .node(node)
        .and_then(Node::current)
        .ok_or_else(|| Unmet { is_unknown: !is_down(world, node), ..Unmet::new(has_not_told(world, node)) })
}

fn has_not_told(world: &World, node: NodeId) -> String {
    format!("{node} has not reported its state; it {}", process(world, node))
}

fn is_silent(world: &World, node: NodeId) -> bool {
    world.node(node).is_some_and(Node::is_silent)
}

fn leads(world: &World, wanted: Option<NodeId>) -> Result<(), Unmet> {
    match (leader_of(world), wanted) {
        (Some(leader), Some(wanted)) if leader != wanted => {
            let why = format!("{leader} leads");
            Err(Unmet { is_unknown: is_silent(world, wanted), ..Unmet::new(why) })
        }
        (Some(_), _) => Ok(()),
        (None, _) => Err(nobody_leads(world)),
    }
}

fn nobody_is_leader(world: &World) -> Result<(), Unmet> {
    if let Some(leader) = leader_of(world) {
        return Err(Unmet::new(format!("{leader} leads")));
    }
    match world.nodes().find(|node| node.is_silent()) {
        Some(node) => Err(Unmet::unknown(has_not_told(world, node.id))),
        None => Ok(()),
    }
}

fn one_holds(conditions: &[Condition], world: &World, unanswered: usize) -> Result<(), Unmet> {
    let mut all = Vec::new();
    for condition in conditions {
        match condition.holds(world, unanswered) {
            Ok(()) => return Ok(()),
            Err(unmet) => all.push(unmet),
        }
    }
    let is_unknown = all.iter().any(|unmet| unmet.is_unknown);
    let is_untold = all.iter().any(|unmet| unmet.is_untold);
    let why = all.iter().map(Unmet::to_string).collect::<Vec<_>>().join(", and ");
    Err(Unmet { why, is_unknown, is_untold })
}

/// A condition that does not hold is reported rather than one that is unknown.
fn all_hold(conditions: &[Condition], world: &World, unanswered: usize) -> Result<(), Unmet> {
    let unmet = conditions.iter().filter_map(|condition| condition.holds(world, unanswered).err());
    unmet.min_by_key(|unmet| unmet.is_unknown).map_or(Ok(()), Err)
}

/// No node says that it leads. One that has not reported may lead.
fn nobody_leads(world: &World) -> Unmet {
    Unmet { is_unknown: world.nodes().any(Node::is_silent), ..Unmet::new("no node leads") }
}

/// What is known of a node; `what`: `commit index`.
fn known<'a, T>(value: &'a Known<T>, what: &str, node: NodeId) -> Result<&'a T, Unmet> {
    let untold = || Unmet { is_untold: true, ..Unmet::unknown(format!("the {what} of {node} is unknown")) };
    value.get().ok_or_else(untold)
}

/// A node's standing in the committed membership, as the leader knows it.
fn standing(world: &World, node: NodeId) -> Result<MemberStanding, Unmet> {
    let membership = committed_membership(world)?;
    Ok(if membership.voters.contains(&node) {
        MemberStanding::Voter
    } else if membership.learners.contains(&node) {
        MemberStanding::Learner
    } else {
        MemberStanding::Outside
    })
}

fn stands(node: NodeId, standing: MemberStanding) -> String {
    match standing {
        MemberStanding::Voter => format!("{node} is a voter"),
        MemberStanding::Learner => format!("{node} is a learner"),
        MemberStanding::Outside => format!("{node} is not a member"),
    }
}

fn has_members(world: &World, which: Membership, wanted: &BTreeSet<NodeId>) -> Result<(), Unmet> {
    let membership = committed_membership(world)?;
    let are = match which {
        Membership::Members => membership.voters.union(&membership.learners).copied().collect(),
        Membership::Voters => membership.voters.clone(),
        Membership::Learners => membership.learners.clone(),
    };
    if are == *wanted {
        return Ok(());
    }
    let named = if are.is_empty() { "none".to_owned() } else { write::nodes(&are) };
    Err(Unmet::new(format!("the {} are {named}", which.name())))
}

/// The membership as the leader knows it, if no change of it is in progress.
fn committed_membership(world: &World) -> Result<&raftdeck_raft::Membership, Unmet> {
    let leader = leader_of(world).ok_or_else(|| Unmet::unknown("no node leads".to_owned()))?;
    let RaftView { membership, membership_index, committed, .. } = status(world, leader)?;
    let membership = known(membership, "membership", leader)?;
    let in_force_from = known(membership_index, "membership's index", leader)?;
    if membership.is_joint() || in_force_from > known(committed, "commit index", leader)? {
        return Err(Unmet::unknown("a change of the members is not committed yet".to_owned()));
    }
    Ok(membership)
}

fn has_voted(world: &World, node: NodeId, wanted: Option<NodeId>) -> Result<(), Unmet> {
    let RaftView { vote, term, .. } = status(world, node)?;
    match known(vote, "vote", node)? {
        vote if *vote == wanted => Ok(()),
        None => Err(Unmet::new(format!("{node} has not voted in term {term}"))),
        Some(vote) => Err(Unmet::new(format!("{node} voted for {vote} in term {term}"))),
    }
}

fn has_votes(world: &World, node: NodeId, wanted: &RangeInclusive<u64>) -> Result<(), Unmet> {
    let RaftView { votes, role, term, .. } = status(world, node)?;
    if !matches!(role, Role::Candidate | Role::PreCandidate) {
        return Err(Unmet::new(format!("{node} is a {role} in term {term} and gathers no votes")));
    }
    let granted = known(votes, "votes", node)?.iter().filter(|(_, granted)| *granted).count() as u64;
    if wanted.contains(&granted) {
        return Ok(());
    }
    Err(Unmet::new(format!("{node} has {granted} votes in term {term}")))
}

fn has_gap(world: &World, gap: Gap, wanted: &RangeInclusive<Duration>) -> Result<(), Unmet> {
    let Some(figures) = world.workload() else {
        return Err(Unmet::new("the steady workload has not been on: workload on"));
    };
    if gap == Gap::Present && !figures.running {
        return Err(Unmet::unknown("the steady workload is off: workload on".to_owned()));
    }
    let (millis, name) = match gap {
        Gap::Present => (figures.gap_ms, "the last acknowledged write was"),
        Gap::Longest => (figures.longest_gap_ms, "the longest time without an acknowledged write is"),
    };
    if wanted.contains(&Duration::from_millis(millis)) {
        return Ok(());
    }
    let end = if gap == Gap::Present { " ago" } else { "" };
    Err(Unmet::new(format!("{name} {millis} ms{end}")))
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
        Some(ProcessState::Unreachable { .. }) => "does not answer",
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
        return Err(Unmet::new(format!("{node} no longer has the entries through {from}")));
    }
    // A crash would lose what is not on its disk yet.
    let count = |run: &TermRun| run.last.min(*durable).0.saturating_sub(run.first.previous().0);
    let terms = |run| std::iter::repeat_n(run_term(run), usize::try_from(count(run)).unwrap_or(usize::MAX));
    let mut is = term_runs.iter().flat_map(terms);
    if is.by_ref().take(wanted.len() + 1).eq(wanted.iter().copied()) {
        return Ok(());
    }
    let on_disk = term_runs.iter().filter(|run| count(run) > 0);
    let runs: Vec<String> = on_disk.map(|run| format!("{} of term {}", count(run), run.term)).collect();
    let log = if runs.is_empty() { "is empty".to_owned() } else { format!("holds {}", runs.join(", ")) };
    Err(Unmet::new(format!("the log of {node} {log}")))
}

/// The state of a message on the links.
#[derive(Clone, Copy)]
enum OpenAs {
    Held,
    UnderWay,
}

fn are_open(
    world: &World,
    open_as: OpenAs,
    wanted: &RangeInclusive<u64>,
    scope: &Scope,
    matching: &Matching,
) -> Result<(), Unmet> {
    let counts = |message: &&MessageReport| {
        (message.state == MessageState::Held) == matches!(open_as, OpenAs::Held)
            && scope.covers(message.from, message.to)
            && is_about(matching, message)
    };
    let is = world.open_messages().filter(counts).count() as u64;
    if wanted.contains(&is) {
        return Ok(());
    }
    let are = if is == 1 { "message is" } else { "messages are" };
    let state = match open_as {
        OpenAs::Held => "held",
        OpenAs::UnderWay => "under way",
    };
    let which = write::matching(matching);
    let on = if *scope == Scope::All && which.is_empty() {
        String::new()
    } else {
        format!(" on {}{which}", write::scope(scope))
    };
    Err(Unmet::new(format!("{is} {are} {state}{on}")))
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
    /// The present value of this figure of the node.
    pub(crate) fn now(self, world: &World, node: NodeId) -> Result<u64, Unmet> {
        self.of(node, status(world, node)?)
    }

    fn of(self, node: NodeId, status: &RaftView) -> Result<u64, Unmet> {
        Ok(match self {
            Self::Term => status.term.0,
            Self::Log => {
                let last = known(&status.last, "log's end", node)?.index;
                last.min(*known(&status.durable, "durable index", node)?).0
            }
            Self::Commit => known(&status.committed, "commit index", node)?.0,
            Self::Applied => known(&status.applied, "applied index", node)?.0,
            Self::Snapshot => known(&status.snapshot, "snapshot", node)?.index.0,
        })
    }

    fn told(self, node: NodeId, is: u64) -> String {
        match self {
            Self::Term => format!("{node} is in term {is}"),
            Self::Log if is == 0 => format!("the log of {node} is empty"),
            Self::Log => format!("the log of {node} ends with entry {is}"),
            Self::Commit => format!("{node} has committed through {is}"),
            Self::Applied => format!("{node} has applied through {is}"),
            Self::Snapshot if is == 0 => format!("{node} has no snapshot"),
            Self::Snapshot => format!("the newest snapshot of {node} is of {is}"),
        }
    }
}
