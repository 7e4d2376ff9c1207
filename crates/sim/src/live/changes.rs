//! Changes of the cluster, step by step: a node is added, removed, replaced, or handed the leadership. They take turns, as the
//! leader takes only one at a time (thesis §4.1). The leader alone decides what happens; it is asked, and its successor if it falls.

use super::Live;
use super::agenda::AgendaItem;
use super::client::Asker;
use super::orders::Answer;
use super::processes::address;
use crate::client::{MemberAnswer, MemberRequest};
use crate::options::{SECOND, micros};
use raftdeck_model::{ChangeStep, CommandId, MAX_NODES, News};
use raftdeck_protocol::{Failure, ResponseBody};
use raftdeck_raft::{Membership, MembershipChange, NodeId, Timestamp};
use raftdeck_replica::Replica;
use std::collections::VecDeque;

/// How long a change may take, from its turn on.
const PATIENCE: u64 = 60 * SECOND;

/// How long a node may take to answer one question.
const ANSWER: u64 = 30 * SECOND;

/// The pause before something is asked again.
const PAUSE: u64 = 50_000;

/// Changes under way or waiting for their turn.
const MAX_UNDER_WAY: usize = 32;

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeKind {
    /// Whether it is a learner already, and whether it is to be a voter.
    Add {
        learns: bool,
        votes: bool,
    },
    /// Whether it has begun: a voter cannot be promoted.
    Promote {
        begun: bool,
    },
    Remove,
    /// Whether it has begun: a member that is known by its disk needs none.
    Replace {
        begun: bool,
    },
    Transfer,
}

#[derive(Debug)]
struct Change {
    command: CommandId,
    number: u64,
    node: NodeId,
    kind: ChangeKind,
    /// Set when it has its turn.
    until: Option<u64>,
    /// What stood in the way last.
    last: String,
}

/// The next action.
enum NextChangeStep {
    Ask(MemberRequest),
    Wait(&'static str),
    Done,
    Refuse(&'static str),
}

#[derive(Debug, Default)]
pub(super) struct Changes(VecDeque<Change>);

impl Live {
    pub(super) fn add_node(&mut self, command: CommandId, votes: bool) -> Answer {
        if self.kept.len() >= usize::from(MAX_NODES) {
            return Some(Err(format!("there are {MAX_NODES} nodes already, which is the maximum")));
        }
        if let Err(why) = self.changes.has_room() {
            return Some(Err(why));
        }
        let node = self.world.add_node(self.options.sync_delay.map_or(0, micros));
        self.keep(node);
        self.introduce();
        self.set_timing();
        self.tell(News::Change { node, step: ChangeStep::Starting });
        if let Err(why) = self.start(node) {
            self.tell(News::Change { node, step: ChangeStep::GivenUp });
            return Some(Err(format!("{node} was not added: {why}")));
        }
        self.enqueue(command, node, ChangeKind::Add { learns: false, votes });
        None
    }

    pub(super) fn promote(&mut self, command: CommandId, node: NodeId) -> Answer {
        self.begin_change(command, node, ChangeKind::Promote { begun: false }, ChangeStep::Promoting)
    }

    pub(super) fn remove_node(&mut self, command: CommandId, node: NodeId) -> Answer {
        self.begin_change(command, node, ChangeKind::Remove, ChangeStep::Leaving)
    }

    pub(super) fn transfer(&mut self, command: CommandId, node: NodeId) -> Answer {
        self.begin_change(command, node, ChangeKind::Transfer, ChangeStep::HandingOver)
    }

    pub(super) fn replace_node(&mut self, command: CommandId, node: NodeId) -> Answer {
        if !self.world.serves(node) {
            self.tell(News::Change { node, step: ChangeStep::Replacing });
            self.tell(News::Change { node, step: ChangeStep::GivenUp });
            return Some(Err(format!(
                "{node} was not replaced: it is not running; restart it, so that the cluster sees its new disk"
            )));
        }
        self.begin_change(command, node, ChangeKind::Replace { begun: false }, ChangeStep::Replacing)
    }

    fn begin_change(
        &mut self,
        command: CommandId,
        node: NodeId,
        kind: ChangeKind,
        first: ChangeStep,
    ) -> Answer {
        if let Err(why) = self.changes.has_room() {
            return Some(Err(why));
        }
        self.tell(News::Change { node, step: first });
        self.enqueue(command, node, kind);
        None
    }

    fn enqueue(&mut self, command: CommandId, node: NodeId, kind: ChangeKind) {
        let number = self.number();
        self.changes.0.push_back(Change {
            command,
            number,
            node,
            kind,
            until: None,
            last: "there is no leader".to_owned(),
        });
        self.next_change();
    }

    /// The first change has its turn, if it has not had it yet.
    fn next_change(&mut self) {
        let now = self.world.now;
        let Some(change) = self.changes.0.front_mut().filter(|change| change.until.is_none()) else { return };
        change.until = Some(now + PATIENCE);
        let (node, number) = (change.node, change.number);
        if matches!(change.kind, ChangeKind::Add { .. }) {
            self.tell(News::Change { node, step: ChangeStep::Joining });
        }
        self.change_goes_on(number);
    }

    /// Asks the leader for what is to be done next.
    pub(super) fn change_goes_on(&mut self, number: u64) {
        let leader = self.leader();
        let now = self.world.now;
        let Some(change) = self.changes.0.front().filter(|change| change.number == number) else { return };
        let (node, kind) = (change.node, change.kind);
        if change.until.is_some_and(|until| now >= until) {
            let why = change.last.clone();
            return self.give_up(&why);
        }
        let Some(leader) = leader else {
            return self.wait_for_change(number, "there is no leader".to_owned());
        };
        match self.next_of(node, kind, leader) {
            NextChangeStep::Ask(ask) => {
                if let Some(Change { kind: ChangeKind::Promote { begun }, .. }) = self.changes.0.front_mut() {
                    *begun = true;
                }
                let question = self.question(leader, Asker::Change(number), ask);
                self.agenda.at(now + ANSWER, AgendaItem::ChangeLate(number, question));
            }
            NextChangeStep::Wait(why) => self.wait_for_change(number, why.to_owned()),
            NextChangeStep::Done => self.end_change(),
            NextChangeStep::Refuse(why) => self.give_up(why),
        }
    }

    fn next_of(&mut self, node: NodeId, kind: ChangeKind, leader: NodeId) -> NextChangeStep {
        let change = |change| NextChangeStep::Ask(MemberRequest::Change(vec![change]));
        match kind {
            ChangeKind::Transfer => NextChangeStep::Ask(MemberRequest::Transfer(node)),
            ChangeKind::Remove => change(MembershipChange::Remove { node }),
            ChangeKind::Add { learns: true, .. } | ChangeKind::Promote { begun: true } => {
                change(MembershipChange::Promote { node })
            }
            ChangeKind::Add { learns: false, .. } => change(self.learner(node)),
            ChangeKind::Promote { begun: false } => self.next_of_promotion(node, leader),
            ChangeKind::Replace { begun } => self.next_of_replacement(node, begun, leader),
        }
    }

    fn learner(&mut self, node: NodeId) -> MembershipChange {
        let incarnation = Some(self.world.node(node).incarnation);
        MembershipChange::AddLearner { node, address: address(node), incarnation }
    }

    /// The membership is looked at first: that a node is a voter is an answer to its promotion only if it was a learner before.
    fn next_of_promotion(&mut self, node: NodeId, leader: NodeId) -> NextChangeStep {
        let leading = self.world.node(leader);
        let Some(process) = &leading.process else { return NextChangeStep::Wait("there is no leader") };
        let membership = process.replica.membership();
        if membership.learners.contains(&node) {
            NextChangeStep::Ask(MemberRequest::Change(vec![MembershipChange::Promote { node }]))
        } else if membership.contains(node) {
            NextChangeStep::Refuse("it is a voter already")
        } else {
            NextChangeStep::Refuse("it is not a member")
        }
    }

    /// Out, in as a learner with its new disk, promoted: what is left to do is read off the membership.
    fn next_of_replacement(&mut self, node: NodeId, begun: bool, leader: NodeId) -> NextChangeStep {
        let disk = self.world.node(node).incarnation;
        let at = self.world.now;
        let leading = self.world.node(leader);
        let now = leading.clock.now(at);
        let Some(status) = leading.process.as_ref().map(|process| process.replica.status(now)) else {
            return NextChangeStep::Wait("there is no leader");
        };
        let Membership { voters, incarnations, .. } = &status.membership;
        let change = |change| NextChangeStep::Ask(MemberRequest::Change(vec![change]));
        if status.membership.is_joint() || status.membership_index > status.committed {
            NextChangeStep::Wait("another membership change is under way")
        } else if !status.membership.contains(node) {
            change(self.learner(node))
        } else if incarnations.get(&node) != Some(&disk) {
            change(MembershipChange::Remove { node })
        } else if !voters.contains(&node) {
            change(MembershipChange::Promote { node })
        } else if begun {
            NextChangeStep::Done
        } else {
            NextChangeStep::Refuse("the membership lists the disk that it has")
        }
    }

    fn wait_for_change(&mut self, number: u64, why: String) {
        if let Some(change) = self.changes.0.front_mut().filter(|change| change.number == number) {
            change.last = why;
            self.agenda.at(self.world.now + PAUSE, AgendaItem::Change(number));
        }
    }

    pub(super) fn change_is_late(&mut self, number: u64, question: u64) {
        if self.clients.asked.remove(&question).is_some() {
            self.wait_for_change(number, "the leader does not answer".to_owned());
        }
    }

    pub(super) fn change_answered(&mut self, number: u64, node: NodeId, answer: MemberAnswer) {
        if self.changes.0.front().is_none_or(|change| change.number != number) {
            return;
        }
        match answer {
            MemberAnswer::Refused | MemberAnswer::Lost => {
                self.wait_for_change(number, format!("{node} closed the connection before it answered"));
            }
            MemberAnswer::Body(ResponseBody::Failed(failure)) if is_so_already(&failure) => {
                self.step_is_done();
            }
            MemberAnswer::Body(ResponseBody::Failed(failure)) if failure.passes() => {
                self.wait_for_change(number, failure.to_string());
            }
            MemberAnswer::Body(ResponseBody::Failed(failure)) => self.give_up(&failure.to_string()),
            MemberAnswer::Body(_) => self.step_is_done(),
        }
    }

    /// What the leader was asked for is so.
    fn step_is_done(&mut self) {
        let Some(change) = self.changes.0.front() else { return };
        let (node, number, kind) = (change.node, change.number, change.kind);
        let leader = self.leader();
        let step = match kind {
            ChangeKind::Remove
            | ChangeKind::Transfer
            | ChangeKind::Promote { .. }
            | ChangeKind::Add { learns: true, .. }
            | ChangeKind::Add { votes: false, .. } => return self.end_change(),
            ChangeKind::Add { learns: false, votes: true } => ChangeStep::Promoting,
            // The membership says how far it is.
            ChangeKind::Replace { .. } => {
                match leader.map(|leader| self.next_of_replacement(node, true, leader)) {
                    Some(NextChangeStep::Done) => return self.end_change(),
                    Some(NextChangeStep::Ask(MemberRequest::Change(changes)))
                        if matches!(changes[..], [MembershipChange::Promote { .. }]) =>
                    {
                        ChangeStep::Promoting
                    }
                    _ => ChangeStep::Joining,
                }
            }
        };
        if let Some(change) = self.changes.0.front_mut() {
            change.kind = match kind {
                ChangeKind::Add { votes, .. } => ChangeKind::Add { learns: true, votes },
                ChangeKind::Replace { .. } => ChangeKind::Replace { begun: true },
                other => other,
            };
        }
        self.tell(News::Change { node, step });
        self.change_goes_on(number);
    }

    fn end_change(&mut self) {
        let Some(Change { command, node, kind, .. }) = self.changes.0.pop_front() else { return };
        match kind {
            ChangeKind::Remove => self.dismiss(node),
            ChangeKind::Transfer => self.tell(News::Change { node, step: ChangeStep::HandedOver }),
            ChangeKind::Add { votes: false, .. } => {
                self.tell(News::Change { node, step: ChangeStep::Learning });
            }
            ChangeKind::Add { votes: true, .. } | ChangeKind::Promote { .. } | ChangeKind::Replace { .. } => {
                self.tell(News::Change { node, step: ChangeStep::Joined });
            }
        }
        self.answer(command, Ok(()));
        self.next_change();
    }

    fn give_up(&mut self, why: &str) {
        let Some(Change { command, node, kind, .. }) = self.changes.0.pop_front() else { return };
        self.tell(News::Change { node, step: ChangeStep::GivenUp });
        let reason = match kind {
            ChangeKind::Add { learns: false, .. } => format!("{node} was not added: {why}"),
            ChangeKind::Add { learns: true, .. } | ChangeKind::Promote { begun: true } => {
                format!("{node} stays a learner: {why}")
            }
            ChangeKind::Promote { begun: false } => format!("{node} was not promoted: {why}"),
            ChangeKind::Remove => format!("{node} was not removed: {why}"),
            ChangeKind::Replace { .. } => format!("{node} was not replaced: {why}"),
            ChangeKind::Transfer => format!("{node} was not handed the leadership: {why}"),
        };
        self.answer(command, Err(reason));
        self.next_change();
    }

    /// Has a node campaign immediately, even if there is a leader. First all nodes forgo leases: such an order breaks the
    /// promises that they rest on.
    pub(super) fn campaign(&mut self, node: NodeId) -> Result<(), String> {
        self.let_all_forgo_leases();
        self.tell_to_campaign(node, Replica::campaign_against_leader)
    }

    /// Has a node time out. That breaks no assumption: nodes that hear a leader grant nothing.
    pub(super) fn time_out(&mut self, node: NodeId) -> Result<(), String> {
        self.tell_to_campaign(node, Replica::campaign)
    }

    fn tell_to_campaign(
        &mut self,
        node: NodeId,
        campaign: impl FnOnce(&mut Replica, Timestamp),
    ) -> Result<(), String> {
        let campaigner = self.world.node(node);
        let Some(process) = &campaigner.process else {
            return Err(format!("{node} is not running and cannot campaign"));
        };
        if campaigner.paused {
            return Err(format!("{node} cannot be told to campaign: it does not answer"));
        }
        if process.replica.membership().voters.is_empty() {
            return Err(format!("{node} cannot be told to campaign: this node is not in a cluster yet"));
        }
        self.act(node, campaign);
        Ok(())
    }
}

impl Changes {
    fn has_room(&self) -> Result<(), String> {
        if self.0.len() < MAX_UNDER_WAY {
            return Ok(());
        }
        Err(format!("{MAX_UNDER_WAY} changes are under way already: wait a moment"))
    }
}

/// Whether it is so already: the attempt before may have done it, and its answer been lost with the leader.
fn is_so_already(failure: &Failure) -> bool {
    matches!(failure, Failure::Change(error) if error.is_so_already())
}
