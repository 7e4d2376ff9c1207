//! What happened in a run, as it is needed for measures and reports.

use crate::measure::Phase;
use crate::outcome::{Band, BandState, Happening, NodeBands};
use raftdeck_model::{MessageId, MessageReport, News, ProcessState, Update};
use raftdeck_raft::{NodeId, Role, Term, TraceEvent};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The most happenings that are kept. A drill has some hundreds.
const MAX_OBSERVED: usize = 5_000;

/// The most messages that are kept; the oldest go first.
const MAX_MESSAGES: usize = 5_000;

/// Something that measures count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// A node asks for pre-votes or votes.
    Campaign { pre_vote: bool },
    /// A node became leader.
    Leads { term: Term },
    /// A follower received the first heartbeat of this leader.
    Follows { leader: NodeId, term: Term },
    /// A follower installed a snapshot.
    SnapshotInstalled,
    /// A node is in this term.
    Term(Term),
}

/// A fact, when and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FactAt {
    pub(super) at: Duration,
    pub(super) node: NodeId,
    pub(super) fact: Fact,
}

#[derive(Clone, Debug)]
struct NodeStory {
    role: Option<Role>,
    term: Option<Term>,
    is_down: bool,
    is_paused: bool,
    bands: Vec<Band>,
}

impl NodeStory {
    fn state(&self) -> BandState {
        match (self.is_down, self.is_paused, self.role) {
            (true, ..) => BandState::Down,
            (_, true, _) => BandState::Paused,
            (.., Some(role)) => BandState::Role(role),
            (.., None) => BandState::Unknown,
        }
    }

    /// Begins a new band if anything changed.
    fn change(&mut self, at: Duration) {
        let (state, term) = (self.state(), self.term);
        match self.bands.last_mut() {
            Some(last) if last.state == state && last.term == term => last.until = at,
            last => {
                if let Some(last) = last {
                    last.until = at;
                }
                self.bands.push(Band { from: at, until: at, state, term });
            }
        }
    }
}

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) facts: Vec<FactAt>,
    nodes: BTreeMap<NodeId, NodeStory>,
    pub(super) injected: Vec<Happening>,
    pub(super) observed: Vec<Happening>,
    messages: BTreeMap<MessageId, MessageReport>,
    pub(super) messages_skipped: u64,
    /// How many facts there were at the steady state, the fault and the heal: in a frozen world, time does not tell what came first.
    pub(super) at_steady: Option<usize>,
    pub(super) at_fault: Option<usize>,
    pub(super) at_heal: Option<usize>,
}

impl Record {
    /// Takes in what a source reported.
    pub(super) fn hear(&mut self, update: &Update) {
        match &update.what {
            News::Cluster { nodes, .. } => {
                for node in nodes {
                    self.story(*node, update.at);
                }
            }
            News::Process { node, state } => self.process(update.at, *node, state),
            News::Trace { node, trace } => self.trace(update.at, *node, trace),
            News::Messages { messages, skipped } => {
                self.messages_skipped = self.messages_skipped.saturating_add(*skipped);
                for message in messages {
                    self.messages.insert(message.id, message.clone());
                }
                while self.messages.len() > MAX_MESSAGES {
                    self.messages.pop_first();
                }
            }
            _ => {}
        }
    }

    /// A line of the drill or a command of a person was carried out.
    pub(super) fn inject(&mut self, at: Duration, text: String) {
        self.injected.push(Happening { at, node: None, text });
    }

    fn story(&mut self, node: NodeId, at: Duration) -> &mut NodeStory {
        self.nodes.entry(node).or_insert_with(|| {
            let mut story =
                NodeStory { role: None, term: None, is_down: false, is_paused: false, bands: Vec::new() };
            story.change(at);
            story
        })
    }

    fn process(&mut self, at: Duration, node: NodeId, state: &ProcessState) {
        let story = self.story(node, at);
        story.is_down = state.is_down();
        story.is_paused = matches!(state, ProcessState::Paused { .. });
        if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
            story.role = None;
        }
        story.change(at);
        let text = match state {
            ProcessState::Starting { .. } => "its process is started".to_owned(),
            ProcessState::Running { .. } => "its process runs".to_owned(),
            ProcessState::Paused { .. } => "its process is paused".to_owned(),
            ProcessState::Killed => "its process was killed".to_owned(),
            ProcessState::Stopped => "its process was stopped".to_owned(),
            ProcessState::Failed { how, .. } => format!("its process ended by itself: {how}"),
            ProcessState::Unreachable { why } => format!("it does not answer: {why}"),
        };
        self.observe(at, node, text);
    }

    fn trace(&mut self, at: Duration, node: NodeId, trace: &TraceEvent) {
        let (role, term) = consequences(trace);
        let story = self.story(node, at);
        if let Some(role) = role {
            story.role = Some(role);
        }
        if let Some(term) = term {
            story.term = Some(term);
        }
        story.change(at);
        if let Some(term) = term {
            self.note(at, node, Fact::Term(term));
        }
        match trace {
            TraceEvent::ElectionStarted { pre_vote, .. } => {
                self.note(at, node, Fact::Campaign { pre_vote: *pre_vote });
            }
            TraceEvent::RoleChanged { to: Role::Leader, term, .. } => {
                self.note(at, node, Fact::Leads { term: *term });
            }
            TraceEvent::LeaderChanged { leader: Some(leader), term } if *leader != node => {
                self.note(at, node, Fact::Follows { leader: *leader, term: *term });
            }
            TraceEvent::SnapshotInstalled { .. } => self.note(at, node, Fact::SnapshotInstalled),
            _ => {}
        }
        if let Some(text) = clause(trace) {
            self.observe(at, node, text);
        }
    }

    fn note(&mut self, at: Duration, node: NodeId, fact: Fact) {
        self.facts.push(FactAt { at, node, fact });
    }

    fn observe(&mut self, at: Duration, node: NodeId, text: String) {
        if self.observed.len() < MAX_OBSERVED {
            self.observed.push(Happening { at, node: Some(node), text });
        }
    }

    /// Which facts belong to a part of the run.
    pub(super) fn range_of(&self, phase: Phase) -> Range<usize> {
        let all = self.facts.len();
        let (fault, heal) = (self.at_fault.unwrap_or(all), self.at_heal.unwrap_or(all));
        match phase {
            // The founding of the cluster is not counted.
            Phase::Before => self.at_steady.unwrap_or(all).min(fault)..fault.min(heal),
            Phase::During => fault..heal.max(fault),
            Phase::After => heal..all,
            Phase::Since => fault..all,
        }
    }

    /// The facts of a part of the run.
    pub(super) fn facts_of(&self, phase: Phase) -> &[FactAt] {
        self.facts.get(self.range_of(phase)).unwrap_or_default()
    }

    /// The highest term of these facts, and of those before them.
    pub(super) fn term_at_end_of(&self, facts: usize) -> Term {
        let terms = self.facts.iter().take(facts);
        terms
            .filter_map(|fact| if let Fact::Term(term) = fact.fact { Some(term) } else { None })
            .max()
            .unwrap_or_default()
    }

    /// What each node was, until this time.
    pub(super) fn bands(&self, until: Duration) -> Vec<NodeBands> {
        let bands = |(node, story): (&NodeId, &NodeStory)| {
            let mut bands = story.bands.clone();
            if let Some(last) = bands.last_mut() {
                last.until = last.until.max(until);
            }
            NodeBands { node: *node, bands }
        };
        self.nodes.iter().map(bands).collect()
    }

    /// The messages that were sent in this time, in the order of their ids.
    pub(super) fn messages(&self, from: Duration, until: Duration) -> Vec<MessageReport> {
        self.messages.values().filter(|message| (from..=until).contains(&message.sent)).cloned().collect()
    }
}

/// What an event says about its node's role and term.
fn consequences(trace: &TraceEvent) -> (Option<Role>, Option<Term>) {
    match trace {
        TraceEvent::Started { term, .. } => (Some(Role::Follower), Some(*term)),
        TraceEvent::RoleChanged { to, term, .. } => (Some(*to), Some(*term)),
        TraceEvent::ElectionStarted { term, pre_vote: false }
        | TraceEvent::SteppedDown { term, .. }
        | TraceEvent::LeaderChanged { term, .. }
        | TraceEvent::VoteGranted { term, pre_vote: false, .. } => (None, Some(*term)),
        _ => (None, None),
    }
}

/// An event in one clause, if it belongs to the story of a drill.
fn clause(trace: &TraceEvent) -> Option<String> {
    Some(match trace {
        TraceEvent::ElectionStarted { term, pre_vote: true } => format!("asks for pre-votes for term {term}"),
        TraceEvent::ElectionStarted { term, pre_vote: false } => format!("asks for votes in term {term}"),
        TraceEvent::VoteGranted { candidate, term, pre_vote: false } => {
            format!("votes for {candidate} in term {term}")
        }
        TraceEvent::RoleChanged { to: Role::Leader, term, .. } => format!("becomes leader of term {term}"),
        TraceEvent::SteppedDown { reason, term } => {
            format!("steps down to follower in term {term} ({})", reason_in_words(*reason))
        }
        TraceEvent::LeaderChanged { leader: Some(leader), term } => {
            format!("follows {leader} in term {term}")
        }
        TraceEvent::Truncated { from, to } => {
            format!("removes entries {from} to {to}, which conflict with the leader's")
        }
        TraceEvent::SnapshotInstalled { last, .. } => {
            format!("installs a snapshot through entry {}", last.index)
        }
        TraceEvent::MembershipChanged { .. } => "uses another membership".to_owned(),
        TraceEvent::TransferStarted { to } => format!("hands the leadership to {to}"),
        TraceEvent::TransferGivenUp { to } => format!("gives up the transfer to {to}"),
        TraceEvent::DiskStalled { .. } => "reports that its disk is stalled".to_owned(),
        TraceEvent::DiskRecovered { .. } => "reports that its disk works again".to_owned(),
        _ => return None,
    })
}

fn reason_in_words(reason: raftdeck_raft::StepDownReason) -> &'static str {
    use raftdeck_raft::StepDownReason as Reason;
    match reason {
        Reason::HigherTerm => "a message had a higher term",
        Reason::OtherLeader => "there is another leader",
        Reason::QuorumLost => "no majority answered",
        Reason::Removed => "it was removed",
        Reason::DiskStalled => "its disk is stalled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(record: &mut Record, at: u64, what: News) {
        record.hear(&Update { at: Duration::from_millis(at), seq: 0, what });
    }

    #[test]
    fn a_node_has_one_band_for_each_role_and_term_without_gaps() {
        let mut record = Record::default();
        let node = NodeId(1);
        let trace = |to, term| News::Trace {
            node,
            trace: TraceEvent::RoleChanged { from: Role::Follower, to, term: Term(term) },
        };
        hear(&mut record, 0, News::Process { node, state: ProcessState::Running { pid: None } });
        hear(&mut record, 5, trace(Role::Candidate, 2));
        hear(&mut record, 7, trace(Role::Leader, 2));
        hear(&mut record, 9, News::Process { node, state: ProcessState::Killed });
        let bands = &record.bands(Duration::from_millis(20))[0].bands;
        let states: Vec<BandState> = bands.iter().map(|band| band.state).collect();
        assert_eq!(
            states,
            [
                BandState::Unknown,
                BandState::Role(Role::Candidate),
                BandState::Role(Role::Leader),
                BandState::Down
            ]
        );
        assert!(bands.windows(2).all(|pair| pair[0].until == pair[1].from));
        assert_eq!(bands[3].until, Duration::from_millis(20));
        assert_eq!((record.term_at_end_of(0), record.term_at_end_of(record.facts.len())), (Term(0), Term(2)));
    }
}
