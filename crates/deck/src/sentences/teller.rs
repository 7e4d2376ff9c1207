//! Sentences that need more than one update, such as a timeout and the campaign that follows it.

use super::concerns::Reported;
use super::memory::{CampaignCause, NodeMemory, VoteCount};
use super::time_and_faults::TimeAndFaults;
use super::{Sentence, Weight, counted, ids, sentence, traces, was_were};
use crate::times::span;
use raftdeck_model::{LinkState, News, ProcessState, Update, WorkloadFigures};
use raftdeck_raft::{LogIndex, Membership, NodeId, Role, StepDownReason, Term, TraceEvent};
use std::collections::{BTreeMap, BTreeSet};

/// Describes updates in order. It joins a timeout with the campaign that follows, and says with how many votes a leader was elected. It
/// distinguishes a leader that steps down from a candidate that gives up.
///
/// It says no more than was seen: when updates are lost, it says so, and forgets what rested on them.
#[derive(Clone, Debug, Default)]
pub struct Teller {
    numbers: Numbers,
    time_and_faults: TimeAndFaults,
    /// Whether the cluster was introduced.
    is_introduced: bool,
    /// The last configuration that was reported as committed.
    committed: Option<Membership>,
    /// Whether the workload is on.
    workload: bool,
    nodes: BTreeMap<NodeId, NodeMemory>,
    reported: Reported,
    /// The nodes whose processes have ended.
    down: BTreeSet<NodeId>,
    paused: BTreeSet<NodeId>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// The nodes whose membership is being changed.
    changing: BTreeSet<NodeId>,
}

/// The numbers of the updates, which show whether any were lost.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    last: u64,
    /// Lost updates whose loss was told already: events of nodes.
    told: u64,
}

impl Numbers {
    /// Returns how many updates before this one were lost, besides those whose loss was told.
    fn note(&mut self, update: &Update) -> u64 {
        match &update.what {
            // It has no number of its own: it was put in the place of the lost ones.
            News::Missed { count, .. } if update.seq <= self.last => {
                self.told = self.told.saturating_add(*count);
                0
            }
            // The program's own have no number.
            _ if update.seq <= self.last => 0,
            _ => {
                let lost = update.seq - self.last - 1;
                self.last = update.seq;
                lost.saturating_sub(std::mem::take(&mut self.told))
            }
        }
    }
}

impl Teller {
    /// Notes an update that is not told: its number shows whether any before it were lost, which is a sentence.
    /// [`Teller::tell`] does the same.
    pub fn hear(&mut self, update: &Update) -> Option<Sentence> {
        let is_first = self.numbers.last == 0;
        let lost = self.numbers.note(update);
        if lost == 0 {
            return None;
        }
        self.nodes.values_mut().for_each(NodeMemory::lose_track);
        self.paused.clear();
        let (updates, were) = (counted(lost, "update"), was_were(lost));
        let text = if is_first {
            format!("{updates} before this {were} not seen")
        } else {
            format!("{updates} {were} lost here")
        };
        Some(Sentence::new(Weight::Minor, None, text))
    }

    /// The sentences for an update, given all earlier updates.
    pub fn tell(&mut self, update: &Update) -> Vec<Sentence> {
        let lost = self.hear(update);
        let told = match &update.what {
            News::InForce { faults } => self.time_and_faults.in_force(faults),
            other => self.tell_news(other).into_iter().collect(),
        };
        lost.into_iter().chain(told).collect()
    }

    fn tell_news(&mut self, news: &News) -> Option<Sentence> {
        match news {
            News::Cluster { nodes, .. } => self.introduce(nodes).then(|| sentence(news)).flatten(),
            News::Process { node, state } => self.process(*node, state, news),
            News::Notice { .. }
            | News::NoticeOver { .. }
            | News::PeerRefused { .. }
            | News::PeerAdmitted { .. } => {
                let is_late = self.committed.is_some() || !self.down.is_empty();
                self.reported.tell(news, is_late, |node| self.changing.contains(&node))
            }
            News::Change { node, step } => {
                if step.is_last() {
                    self.changing.remove(node);
                } else {
                    self.changing.insert(*node);
                }
                sentence(news)
            }
            News::Trace { node, trace } => self.trace(*node, trace),
            News::Missed { node, .. } => {
                self.nodes.entry(*node).or_default().lose_track();
                sentence(news)
            }
            News::Link { from, to, state } => {
                let again = if self.link(*from, *to, *state) { " again" } else { "" };
                sentence(news).map(|told| Sentence { text: told.text + again, ..told })
            }
            News::Workload(figures) => self.workload(figures).or_else(|| sentence(news)),
            News::Time(time) => self.time_and_faults.time(*time),
            _ => sentence(news),
        }
    }

    /// Says whether the nodes are introduced for the first time. Later they are those that remain after a change, which has its own
    /// words.
    fn introduce(&mut self, nodes: &[NodeId]) -> bool {
        self.nodes.retain(|node, _| nodes.contains(node));
        self.down.retain(|node| nodes.contains(node));
        self.paused.retain(|node| nodes.contains(node));
        self.changing.retain(|node| nodes.contains(node));
        self.cut.retain(|(from, to)| nodes.contains(from) && nodes.contains(to));
        !std::mem::replace(&mut self.is_introduced, true)
    }

    fn process(&mut self, node: NodeId, state: &ProcessState, news: &News) -> Option<Sentence> {
        if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
            self.reported.forget(node);
            // Its next life begins with events that may not be seen.
            self.nodes.remove(&node);
        }
        if state.is_down() {
            self.down.insert(node);
        } else {
            self.down.remove(&node);
        }
        let was_paused = self.paused.remove(&node);
        match state {
            ProcessState::Paused { .. } => {
                self.paused.insert(node);
            }
            ProcessState::Running { .. } if was_paused => {
                return Some(Sentence::new(Weight::Major, Some(node), format!("{node} was resumed")));
            }
            ProcessState::Starting { .. }
            | ProcessState::Running { .. }
            | ProcessState::Killed
            | ProcessState::Stopped
            | ProcessState::Failed { .. }
            | ProcessState::Unreachable { .. } => {}
        }
        sentence(news)
    }

    /// A link was cut, refused or opened. Says whether it is open again after it was seen closed.
    pub fn link(&mut self, from: NodeId, to: NodeId, state: LinkState) -> bool {
        match state {
            LinkState::Cut | LinkState::Refused => {
                self.cut.insert((from, to));
                false
            }
            LinkState::Open => self.cut.remove(&(from, to)),
        }
    }

    /// The beginning of the steady workload.
    fn workload(&mut self, figures: &WorkloadFigures) -> Option<Sentence> {
        let began = figures.running && !std::mem::replace(&mut self.workload, figures.running);
        let is_new = *figures == WorkloadFigures { running: true, ..WorkloadFigures::default() };
        let text = if is_new {
            "a steady workload of small writes begins"
        } else {
            "a steady workload of small writes is under way"
        };
        began.then(|| Sentence::new(Weight::Minor, None, text))
    }

    fn trace(&mut self, node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
        let memory = self.nodes.entry(node).or_default();
        let left = memory.note_event();
        let told = match trace {
            TraceEvent::Started { .. } => {
                *memory = NodeMemory::default();
                traces::sentence(node, trace)
            }
            TraceEvent::TimedOut { waited } => {
                memory.cause = Some(CampaignCause::Silence(*waited));
                None
            }
            TraceEvent::ToldToCampaign { .. } => {
                memory.cause = Some(CampaignCause::HandOver);
                traces::sentence(node, trace)
            }
            TraceEvent::ElectionStarted { term, pre_vote } => Some(election(memory, node, *term, *pre_vote)),
            // Asked repeatedly, it gives the same answer, which has no effect either.
            TraceEvent::VoteGranted { candidate, term, pre_vote: true }
            | TraceEvent::VoteRefused { candidate, term, pre_vote: true, .. } => {
                let is_granted = matches!(trace, TraceEvent::VoteGranted { .. });
                let again = memory.answer(*candidate, *term, is_granted);
                traces::sentence(node, trace).map(|told| told.unless_repeated(again))
            }
            TraceEvent::VoteReceived { pre_vote, votes, needed, .. } => {
                if !pre_vote {
                    memory.count(*votes, *needed);
                }
                traces::sentence(node, trace)
            }
            TraceEvent::RoleChanged { from, to, term } => {
                let votes = memory.votes(*term).filter(|_| *to == Role::Leader);
                memory.change_role(*from, *to);
                votes.map(|votes| elected(node, *term, votes)).or_else(|| traces::sentence(node, trace))
            }
            TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term } => {
                left.map_or_else(|| traces::sentence(node, trace), |left| Some(outdated(node, left, *term)))
            }
            TraceEvent::MembershipChanged { index, membership } => {
                memory.use_membership(*index, membership);
                traces::sentence(node, trace)
            }
            TraceEvent::MembershipCommitted { index } => self.committed(node, *index, trace),
            _ => traces::sentence(node, trace),
        };
        if let Some(memory) = self.nodes.get_mut(&node) {
            memory.settle();
        }
        told
    }

    /// The leader learns first that its configuration is committed (thesis §4.3).
    fn committed(&mut self, node: NodeId, index: LogIndex, trace: &TraceEvent) -> Option<Sentence> {
        let membership = self.nodes.get(&node).and_then(|memory| memory.leads_with(index));
        let Some(membership) = membership else { return traces::sentence(node, trace) };
        // A new leader that commits in its term finds the same configuration committed again.
        let again = self.committed.as_ref() == Some(membership);
        self.committed = Some(membership.clone());
        Some(configuration(node, membership).unless_repeated(again))
    }
}

impl Sentence {
    /// The same, as a detail if it was said before.
    fn unless_repeated(self, again: bool) -> Self {
        Self { weight: if again { Weight::Detail } else { self.weight }, ..self }
    }
}

fn election(memory: &mut NodeMemory, node: NodeId, term: Term, pre_vote: bool) -> Sentence {
    let asks = if pre_vote { "asks for pre-votes" } else { "asks for votes" };
    let text = match memory.cause.take() {
        Some(CampaignCause::Silence(waited)) => {
            format!("{node} heard no leader for {} and {asks} in term {term}", span(waited))
        }
        Some(CampaignCause::Order) => {
            format!("{node} {asks} in term {term} without waiting for an election timeout")
        }
        Some(CampaignCause::HandOver) | None => format!("{node} {asks} in term {term}"),
    };
    // A node that is cut off asks repeatedly without effect.
    let again = pre_vote && memory.ask(term);
    if !pre_vote {
        memory.campaign(term);
    }
    Sentence::new(Weight::Minor, Some(node), text).unless_repeated(again)
}

fn elected(node: NodeId, term: Term, votes: VoteCount) -> Sentence {
    let votes = match votes {
        VoteCount::Of(votes, of) => format!("{votes} of {of} votes"),
        VoteCount::Needed(votes, needed) => format!("{}, {needed} needed", counted(votes as u64, "vote")),
    };
    Sentence::new(Weight::Major, Some(node), format!("{node} leads term {term} with {votes}"))
}

/// It left this role when it saw a higher term.
fn outdated(node: NodeId, left: Role, term: Term) -> Sentence {
    let (weight, does) = match left {
        Role::Leader => (Weight::Major, "steps down"),
        Role::Candidate | Role::PreCandidate => (Weight::Minor, "gives up its campaign"),
        Role::Follower => (Weight::Minor, "stays a follower"),
    };
    Sentence::new(weight, Some(node), format!("{node} {does}: it saw term {term}"))
}

fn configuration(node: NodeId, membership: &Membership) -> Sentence {
    if membership.is_joint() {
        let text = format!("the joint configuration is committed: {node} may leave it");
        return Sentence::new(Weight::Minor, Some(node), text);
    }
    let learners = match membership.learners.len() {
        0 => String::new(),
        1 => format!(", and {} learns", ids(&membership.learners)),
        _ => format!(", and {} learn", ids(&membership.learners)),
    };
    let vote = if membership.voters.len() == 1 { "votes" } else { "vote" };
    let text = format!("the configuration is committed: {} {vote}{learners}", ids(&membership.voters));
    Sentence::new(Weight::Major, Some(node), text)
}

#[cfg(test)]
mod tests;
