//! Sentences that need more than one update, such as a timeout and the campaign that follows it.

use super::concerns::Reported;
use super::{Sentence, Weight, ids, millis, sentence};
use raftdeck_model::{News, ProcessState};
use raftdeck_raft::{Membership, NodeId, Role, StepDownReason, Term, TraceEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Describes updates in order. It joins a timeout with the campaign that follows, and says with how many votes a leader was elected. It
/// distinguishes a leader that steps down from a candidate that gives up.
#[derive(Clone, Debug, Default)]
pub struct Teller {
    members: usize,
    /// The last configuration that was reported as committed.
    committed: Option<Membership>,
    /// Whether the workload is on.
    workload: bool,
    nodes: BTreeMap<NodeId, NodeMemory>,
    reported: Reported,
    /// The nodes whose processes have ended.
    down: BTreeSet<NodeId>,
    /// The nodes whose membership is being changed.
    changing: BTreeSet<NodeId>,
}

/// Why a node campaigns.
#[derive(Clone, Copy, Debug, Default)]
enum CampaignCause {
    /// The user ordered it at the deck.
    #[default]
    Order,
    /// How long it heard no leader.
    Silence(Duration),
    /// Already reported: its leader hands over, or it was promised votes.
    Told,
}

/// The state that is remembered of a node.
#[derive(Clone, Debug, Default)]
struct NodeMemory {
    /// The cause of the campaign that it is about to start.
    cause: CampaignCause,
    /// The term in which it last asked for pre-votes.
    asked: Option<Term>,
    /// The terms in which it last answered a request for pre-votes, and whether it granted it, by candidate.
    answered: BTreeMap<NodeId, (Term, bool)>,
    /// The other nodes whose votes it has received in its present campaign; `None`: some of its events are missing. Its own vote
    /// counts once it is durable, which may be after theirs and is no event.
    voted: Option<BTreeSet<NodeId>>,
    /// Whether it led before the last change of its role.
    led: bool,
    /// Whether it leads.
    leads: bool,
    /// The configuration in force at it.
    membership: Membership,
}

impl Teller {
    /// The sentence for an update, given all earlier updates.
    pub fn tell(&mut self, update: &News) -> Option<Sentence> {
        match update {
            News::Cluster { nodes, .. } => {
                self.nodes.retain(|node, _| nodes.contains(node));
                self.down.retain(|node| nodes.contains(node));
                self.changing.retain(|node| nodes.contains(node));
                // Sent again when nodes were added or removed, which has its own words.
                let again = std::mem::replace(&mut self.members, nodes.len()) > 0;
                if again { None } else { sentence(update) }
            }
            News::Process { node, state } => {
                if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
                    self.reported.forget(*node);
                }
                if state.is_down() {
                    self.down.insert(*node);
                } else {
                    self.down.remove(node);
                }
                sentence(update)
            }
            News::Notice { .. }
            | News::NoticeOver { .. }
            | News::PeerRefused { .. }
            | News::PeerAdmitted { .. } => {
                let is_late = self.committed.is_some() || !self.down.is_empty();
                self.reported.tell(update, is_late, |node| self.changing.contains(&node))
            }
            News::Change { node, step } => {
                if step.is_last() {
                    self.changing.remove(node);
                } else {
                    self.changing.insert(*node);
                }
                sentence(update)
            }
            News::Trace { node, trace } => self.tell_trace(*node, trace, update),
            News::Missed { node, .. } => {
                // The missing events may include the cause of its campaign and the votes for it.
                let memory = self.nodes.entry(*node).or_default();
                (memory.cause, memory.voted) = (CampaignCause::Told, None);
                sentence(update)
            }
            News::Workload(figures) => {
                let began = figures.running && !std::mem::replace(&mut self.workload, figures.running);
                let begins = "a steady workload of small writes begins";
                if began { Some(Sentence::new(Weight::Minor, None, begins)) } else { sentence(update) }
            }
            _ => sentence(update),
        }
    }

    fn tell_trace(&mut self, node: NodeId, trace: &TraceEvent, update: &News) -> Option<Sentence> {
        let members = self.members;
        let memory = self.nodes.entry(node).or_default();
        let (weight, text) = match trace {
            TraceEvent::Started { .. } => {
                *memory = NodeMemory::default();
                return sentence(update);
            }
            TraceEvent::TimedOut { waited } => {
                memory.cause = CampaignCause::Silence(*waited);
                return None;
            }
            TraceEvent::ToldToCampaign { .. } => {
                memory.cause = CampaignCause::Told;
                return sentence(update);
            }
            TraceEvent::ElectionStarted { term, pre_vote } => {
                memory.voted = Some(BTreeSet::new());
                // A node that is promised votes campaigns next; its cause was already reported.
                let next = if *pre_vote { CampaignCause::Told } else { CampaignCause::Order };
                // A node that is cut off asks repeatedly without effect.
                let again = *pre_vote && memory.asked.replace(*term) == Some(*term);
                let weight = if again { Weight::Detail } else { Weight::Minor };
                let asks = if *pre_vote { "asks for pre-votes" } else { "asks for votes" };
                let text = match std::mem::replace(&mut memory.cause, next) {
                    CampaignCause::Silence(waited) => {
                        format!("{node} heard no leader for {} and {asks} in term {term}", millis(waited))
                    }
                    CampaignCause::Order if !pre_vote => {
                        format!("{node} {asks} in term {term} at once, even if there is a leader")
                    }
                    CampaignCause::Order | CampaignCause::Told => return sentence(update),
                };
                (weight, text)
            }
            // Asked repeatedly, it gives the same answer, which has no effect either.
            TraceEvent::VoteGranted { candidate, term, pre_vote: true }
            | TraceEvent::VoteRefused { candidate, term, pre_vote: true, .. } => {
                let answer = (*term, matches!(trace, TraceEvent::VoteGranted { .. }));
                let again = memory.answered.insert(*candidate, answer) == Some(answer);
                let told = sentence(update)?;
                return Some(if again { Sentence { weight: Weight::Detail, ..told } } else { told });
            }
            TraceEvent::VoteReceived { from, granted: true, pre_vote: false, .. } => {
                if let Some(voted) = &mut memory.voted {
                    voted.insert(*from);
                }
                return sentence(update);
            }
            TraceEvent::RoleChanged { from, to, term } => {
                memory.led = *from == Role::Leader;
                memory.leads = *to == Role::Leader;
                if *to == Role::Follower {
                    memory.cause = CampaignCause::Order;
                }
                // The votes of a joint configuration are two counts, so a single number would be wrong.
                let plain = *to != Role::Leader || members == 0 || memory.membership.is_joint();
                let Some(others) = memory.voted.as_ref().filter(|_| !plain) else { return sentence(update) };
                let votes = others.len() + 1;
                let members = match memory.membership.voters.len() {
                    0 => members,
                    some => some,
                };
                (Weight::Major, format!("{node} leads term {term}, with {votes} of {members} votes"))
            }
            TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term } if !memory.led => {
                (Weight::Minor, format!("{node} gives up its campaign: it saw term {term}"))
            }
            TraceEvent::MembershipChanged { membership, .. } => {
                memory.membership = membership.clone();
                return sentence(update);
            }
            TraceEvent::MembershipCommitted { .. } if memory.leads => {
                let told = committed(node, &memory.membership);
                // A new leader that commits in its term finds the same configuration committed again.
                let again = self.committed.as_ref() == Some(&memory.membership);
                self.committed = Some(memory.membership.clone());
                if again { (Weight::Detail, told.1) } else { told }
            }
            _ => return sentence(update),
        };
        Some(Sentence::new(weight, Some(node), text))
    }
}

/// The leader learns it first, and continues from there (thesis §4.3).
fn committed(node: NodeId, membership: &Membership) -> (Weight, String) {
    if membership.is_joint() {
        let text = format!("the joint configuration is committed: {node} leaves it");
        (Weight::Minor, text)
    } else {
        let learners = match membership.learners.len() {
            0 => String::new(),
            _ => format!(", learning {}", ids(&membership.learners)),
        };
        (
            Weight::Major,
            format!("the cluster is now {}{learners}: that is committed", ids(&membership.voters)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::ChangeStep;
    use raftdeck_protocol::{Notice, NoticeKind, RefusalReason};
    use raftdeck_raft::Incarnation;

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn told(traces: &[TraceEvent]) -> Vec<String> {
        let mut teller = Teller::default();
        let nodes = (1..=3).map(NodeId).collect();
        teller.tell(&News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
        let told =
            traces.iter().filter_map(|trace| teller.tell(&News::Trace { node: N1, trace: trace.clone() }));
        told.filter(|sentence| sentence.weight > Weight::Detail).map(|sentence| sentence.text).collect()
    }

    #[test]
    fn a_campaign_is_told_with_its_cause_and_its_votes() {
        let term = Term(7);
        let received = |pre_vote, votes| TraceEvent::VoteReceived {
            from: N2,
            granted: true,
            pre_vote,
            votes,
            needed: 2,
        };
        let traces = [
            TraceEvent::TimedOut { waited: Duration::from_millis(214) },
            TraceEvent::RoleChanged { from: Role::Follower, to: Role::PreCandidate, term: Term(6) },
            TraceEvent::ElectionStarted { term, pre_vote: true },
            received(true, 2),
            TraceEvent::RoleChanged { from: Role::PreCandidate, to: Role::Candidate, term },
            TraceEvent::ElectionStarted { term, pre_vote: false },
            received(false, 2),
            TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term },
        ];
        assert_eq!(
            told(&traces),
            [
                "n1 heard no leader for 214 ms and asks for pre-votes in term 7",
                "n1 asks for votes in term 7",
                "n1 leads term 7, with 2 of 3 votes",
            ]
        );
    }

    #[test]
    fn a_leader_is_not_said_to_have_fewer_votes_than_it_needed_nor_a_number_that_is_not_known() {
        let term = Term(7);
        let leads = TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term };
        // The others' votes came before its own was on its disk.
        let received =
            TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: false, votes: 1, needed: 2 };
        let begins = TraceEvent::ElectionStarted { term, pre_vote: false };
        let told = told(&[begins.clone(), received.clone(), leads.clone()]);
        assert_eq!(told.last().map(String::as_str), Some("n1 leads term 7, with 2 of 3 votes"));
        let mut teller = Teller::default();
        let trace = |trace| News::Trace { node: N1, trace };
        let nodes = (1..=3).map(NodeId).collect();
        teller.tell(&News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
        teller.tell(&trace(begins));
        teller.tell(&News::Missed { node: N1, count: 3 });
        teller.tell(&trace(received));
        assert_eq!(teller.tell(&trace(leads)).map(|told| told.text).as_deref(), Some("n1 leads term 7"));
    }

    #[test]
    fn a_campaign_that_was_asked_for_is_not_blamed_on_a_silent_leader() {
        let term = Term(7);
        let campaign = [
            TraceEvent::RoleChanged { from: Role::Follower, to: Role::Candidate, term },
            TraceEvent::ElectionStarted { term, pre_vote: false },
        ];
        assert_eq!(told(&campaign), ["n1 asks for votes in term 7 at once, even if there is a leader"]);
        let handed_over = [&[TraceEvent::ToldToCampaign { leader: N2 }][..], &campaign].concat();
        assert_eq!(told(&handed_over).last().map(String::as_str), Some("n1 asks for votes in term 7"));
    }

    #[test]
    fn a_leader_steps_down_and_a_candidate_gives_up() {
        let term = Term(8);
        let reason = StepDownReason::HigherTerm;
        let from = |from| {
            told(&[
                TraceEvent::RoleChanged { from, to: Role::Follower, term },
                TraceEvent::SteppedDown { reason, term },
            ])
        };
        assert_eq!(from(Role::Leader), ["n1 steps down: it saw term 8"]);
        assert_eq!(from(Role::Candidate), ["n1 gives up its campaign: it saw term 8"]);
    }

    #[test]
    fn a_node_that_asks_in_vain_is_told_of_once() {
        let term = Term(7);
        let again = [
            TraceEvent::TimedOut { waited: Duration::from_millis(214) },
            TraceEvent::ElectionStarted { term, pre_vote: true },
        ];
        assert_eq!(
            told(&[again.clone(), again.clone(), again].concat()),
            ["n1 heard no leader for 214 ms and asks for pre-votes in term 7"]
        );
    }

    #[test]
    fn an_answer_that_is_given_again_is_told_of_once() {
        let (candidate, term, pre_vote) = (N2, Term(7), true);
        let yes = TraceEvent::VoteGranted { candidate, term, pre_vote };
        let reason = raftdeck_raft::VoteRefusal::LeaderAlive;
        let no = TraceEvent::VoteRefused { candidate, term, pre_vote, reason };
        let told = told(&[yes.clone(), yes.clone(), yes.clone(), no.clone(), no, yes]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[1].contains("would not vote for n2"), "{told:?}");
        assert_eq!(told[0], told[2], "it changed its mind");
    }

    #[test]
    fn what_several_nodes_report_alike_is_told_once_and_again_after_it_was_over() {
        let notice = |text: &str| Notice { about: N2, kind: NoticeKind::Removed, text: text.to_owned() };
        let reports = |id, text| News::Notice { node: NodeId(id), notice: notice(text) };
        let refuses = |id, peer| News::PeerRefused {
            node: NodeId(id),
            peer: NodeId(peer),
            reason: RefusalReason::Token,
        };
        let over = |id| News::NoticeOver { node: NodeId(id), notice: notice("n2 was removed") };
        let dies = |id| News::Process { node: NodeId(id), state: ProcessState::Killed };
        let mut teller = Teller::default();
        let mut told = |update: &News| teller.tell(update).map_or(Weight::Detail, |told| told.weight);
        assert_eq!(told(&reports(1, "n2 was removed")), Weight::Major);
        assert_eq!(told(&reports(3, "n2 was removed")), Weight::Detail, "n1 says the same");
        assert_eq!(told(&reports(3, "n2 was replaced")), Weight::Major, "something else");
        told(&dies(3));
        told(&over(1));
        assert_eq!(told(&reports(1, "n2 was removed")), Weight::Major, "nobody said so any more");
        assert_eq!(told(&refuses(1, 2)), Weight::Minor);
        assert_eq!(told(&refuses(2, 1)), Weight::Detail, "the other side of it");
        assert_eq!(told(&refuses(3, 1)), Weight::Detail, "for the same reason");
        let waits = |id, text: &str| {
            let notice =
                Notice { about: NodeId(id), kind: NoticeKind::Founding, text: format!("founding: {text}") };
            News::Notice { node: NodeId(id), notice }
        };
        told(&News::Process { node: NodeId(3), state: ProcessState::Running { pid: Some(7) } });
        assert_eq!(told(&waits(1, "waiting for n2 and n3")), Weight::Detail);
        assert_eq!(told(&waits(1, "waiting for n2")), Weight::Detail, "each founding waits for a moment");
        told(&dies(2));
        assert_eq!(told(&waits(3, "waiting for n1 and n2")), Weight::Detail, "each node, when it starts");
        assert_eq!(told(&waits(3, "waiting for n2 still")), Weight::Minor, "for one that is not there");
        told(&News::Change { node: NodeId(3), step: ChangeStep::Replacing });
        assert_eq!(told(&waits(3, "it is no member")), Weight::Detail, "it is being taken in");
        told(&News::Change { node: NodeId(3), step: ChangeStep::GivenUp });
        assert_eq!(told(&waits(3, "it is no member yet")), Weight::Minor);
        let (known, shown) = (Incarnation([1; 16]), Incarnation([7; 16]));
        let reason = RefusalReason::Incarnation { id: NodeId(3), known, shown };
        told(&News::PeerRefused { node: NodeId(3), peer: N1, reason });
        assert_eq!(told(&waits(3, "refused, as it has another disk")), Weight::Detail, "as was said");
        told(&News::PeerAdmitted { node: NodeId(3), peer: N1 });
        assert_eq!(told(&waits(3, "refused still")), Weight::Minor);
        let kind = NoticeKind::EmptyDisk { disk: shown, address: String::new() };
        let empty = Notice { about: NodeId(3), kind, text: "n3 is back".to_owned() };
        assert_eq!(told(&News::Notice { node: N1, notice: empty }), Weight::Major);
        assert_eq!(told(&waits(3, "refused")), Weight::Detail, "it has an empty disk, as was said");
    }

    #[test]
    fn a_restart_forgets_the_campaign_before_it() {
        let traces = [
            TraceEvent::TimedOut { waited: Duration::from_millis(214) },
            TraceEvent::Started {
                term: Term(3),
                last: raftdeck_raft::LogIndex(4),
                vote: None,
                purged: raftdeck_raft::LogId::default(),
                runs: Vec::new(),
            },
            TraceEvent::ElectionStarted { term: Term(4), pre_vote: false },
        ];
        assert_eq!(
            told(&traces),
            [
                "n1 starts in term 3 with a log through entry 4",
                "n1 asks for votes in term 4 at once, even if there is a leader"
            ]
        );
    }

    #[test]
    fn a_configuration_is_committed_once_and_by_the_leader() {
        let voters = |ids: &[u64]| Membership::of(ids.iter().copied().map(NodeId).collect());
        let index = raftdeck_raft::LogIndex(9);
        let term = Term(2);
        let (joint, plain) =
            (Membership { outgoing: voters(&[1, 2]).voters, ..voters(&[1, 2, 3]) }, voters(&[1, 2, 3]));
        let committed = TraceEvent::MembershipCommitted { index };
        let traces = [
            committed.clone(),
            TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term },
            TraceEvent::MembershipChanged { index, membership: joint },
            committed.clone(),
            TraceEvent::MembershipChanged { index, membership: plain },
            committed.clone(),
            committed,
        ];
        assert_eq!(
            told(&traces),
            [
                "n1 leads term 2",
                "n1 uses a joint configuration: it needs a majority of n1 n2 and one of n1 n2 n3",
                "the joint configuration is committed: n1 leaves it",
                "n1 uses the configuration with voters n1 n2 n3",
                "the cluster is now n1 n2 n3: that is committed",
            ]
        );
    }
}
