//! Why somebody else leads: what was seen to end the time of the leader before.

use crate::times::stamp;
use raftdeck_model::{LinkState, News, ProcessState, Update, World};
use raftdeck_raft::{NodeId, Role, StepDownReason, Term, TraceEvent};
use std::collections::VecDeque;
use std::time::Duration;

/// So many of the newest campaigns are remembered.
const CAMPAIGNS: usize = 16;

/// The newest leader, the one before, and what ended its time. Only what was seen: of a leader whose end was not, it is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Succession {
    present: Option<Reign>,
    before: Option<Reign>,
    /// Who asked for votes in which term, newest last.
    campaigns: VecDeque<(NodeId, Term)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reign {
    leader: NodeId,
    term: Term,
    since: Duration,
    /// What ended it first, and when.
    end: Option<(Duration, ReignEnd)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReignEnd {
    Killed,
    Stopped,
    Failed,
    Paused,
    CutOff,
    CutFromMajority,
    HandedOver(NodeId),
    /// It saw a higher term, in which this node had asked for votes, if that was seen.
    HigherTerm(Term, Option<NodeId>),
    QuorumLost,
    Removed,
    DiskStalled,
}

impl Succession {
    /// Notes an update, given what is known with it.
    pub fn hear(&mut self, update: &Update, world: &World) {
        match &update.what {
            News::Trace { node, trace } => self.trace(update.at, *node, trace),
            News::Process { node, state } => self.process(update.at, *node, state),
            News::Link { state, .. } => self.link(update.at, *state, world),
            News::Status { status, .. } if status.raft.role == Role::Leader => {
                if let Some((leader, term)) = world.leader().and_then(|node| Some((node.id, node.leads()?))) {
                    self.begin(update.at, leader, term);
                }
            }
            _ => {}
        }
    }

    /// Since when the present leader leads, in cluster time, if another leader was seen before.
    #[must_use]
    pub fn since(&self) -> Option<Duration> {
        self.before.as_ref()?;
        self.present.as_ref().map(|reign| reign.since)
    }

    /// Why this node leads and not the one before, in a sentence with its full stop; `None`: it is the first that was seen.
    #[must_use]
    pub fn sentence(&self, leader: NodeId) -> Option<String> {
        let present = self.present.as_ref().filter(|reign| reign.leader == leader)?;
        let before = self.before.as_ref()?;
        let since = stamp(present.since);
        let Some((at, end)) = before.end else {
            return Some(format!(
                "{leader} leads since {since}; {} led term {} before.",
                before.leader, before.term
            ));
        };
        let end = phrase(end, &format!(" at {}", stamp(at)));
        Some(if before.leader == leader {
            format!("{leader} leads again since {since}: as the leader of term {} it {end}.", before.term)
        } else {
            format!(
                "{leader} leads since {since}: {}, the leader of term {}, {end}.",
                before.leader, before.term
            )
        })
    }

    /// The same in a few words, without a full stop.
    #[must_use]
    pub fn brief(&self, leader: NodeId) -> Option<String> {
        self.present.as_ref().filter(|reign| reign.leader == leader)?;
        let before = self.before.as_ref()?;
        let again = before.leader == leader;
        Some(match before.end.map(|(_, end)| phrase(end, "")) {
            Some(end) if again => format!("{leader} again, after it {end}"),
            Some(end) => format!("{leader}, after {} {end}", before.leader),
            None => format!("{leader}; {} led before", before.leader),
        })
    }

    fn trace(&mut self, at: Duration, node: NodeId, trace: &TraceEvent) {
        match trace {
            TraceEvent::RoleChanged { to: Role::Leader, term, .. } => self.begin(at, node, *term),
            TraceEvent::ElectionStarted { term, pre_vote: false } => {
                if self.campaigns.len() == CAMPAIGNS {
                    self.campaigns.pop_front();
                }
                self.campaigns.push_back((node, *term));
            }
            TraceEvent::SteppedDown { reason, term } => {
                let end = match reason {
                    StepDownReason::HigherTerm => {
                        let asked =
                            self.campaigns.iter().rev().find(|(other, of)| of == term && *other != node);
                        ReignEnd::HigherTerm(*term, asked.map(|(other, _)| *other))
                    }
                    StepDownReason::QuorumLost => ReignEnd::QuorumLost,
                    StepDownReason::Removed => ReignEnd::Removed,
                    StepDownReason::DiskStalled => ReignEnd::DiskStalled,
                    StepDownReason::OtherLeader => return,
                };
                self.end(at, node, end);
            }
            TraceEvent::TransferStarted { to } => self.end(at, node, ReignEnd::HandedOver(*to)),
            TraceEvent::TransferGivenUp { .. } => {
                self.goes_on(node, |end| matches!(end, ReignEnd::HandedOver(_)));
            }
            _ => {}
        }
    }

    fn process(&mut self, at: Duration, node: NodeId, state: &ProcessState) {
        match state {
            ProcessState::Killed => self.end(at, node, ReignEnd::Killed),
            ProcessState::Stopped => self.end(at, node, ReignEnd::Stopped),
            ProcessState::Failed { .. } => self.end(at, node, ReignEnd::Failed),
            ProcessState::Paused { .. } => self.end(at, node, ReignEnd::Paused),
            ProcessState::Running { .. } => self.goes_on(node, |end| end == ReignEnd::Paused),
            ProcessState::Starting { .. } | ProcessState::Unreachable { .. } => {}
        }
    }

    fn link(&mut self, at: Duration, state: LinkState, world: &World) {
        let Some((leader, term)) = self.present.as_ref().map(|reign| (reign.leader, reign.term)) else {
            return;
        };
        let is_cut = |end| matches!(end, ReignEnd::CutOff | ReignEnd::CutFromMajority);
        match state {
            LinkState::Open if world.reach(leader, term).is_enough => self.goes_on(leader, is_cut),
            LinkState::Cut | LinkState::Refused if world.is_isolated(leader) => {
                self.goes_on(leader, is_cut);
                self.end(at, leader, ReignEnd::CutOff);
            }
            LinkState::Cut | LinkState::Refused if !world.reach(leader, term).is_enough => {
                self.end(at, leader, ReignEnd::CutFromMajority);
            }
            LinkState::Open | LinkState::Cut | LinkState::Refused => {}
        }
    }

    fn begin(&mut self, at: Duration, leader: NodeId, term: Term) {
        if self.present.as_ref().is_none_or(|present| present.term < term) {
            let new = Reign { leader, term, since: at, end: None };
            self.before = self.present.replace(new);
        }
    }

    /// What ends a leader's time first counts; what follows from that does not.
    fn end(&mut self, at: Duration, node: NodeId, end: ReignEnd) {
        if let Some(reign) = self.present.as_mut().filter(|reign| reign.leader == node) {
            reign.end.get_or_insert((at, end));
        }
    }

    /// What seemed to end a leader's time is over, and it leads still.
    fn goes_on(&mut self, node: NodeId, is_over: impl Fn(ReignEnd) -> bool) {
        if let Some(reign) = self.present.as_mut().filter(|reign| reign.leader == node) {
            reign.end.take_if(|(_, end)| is_over(*end));
        }
    }
}

/// What ended it, with ` at TIME` or nothing.
fn phrase(end: ReignEnd, at: &str) -> String {
    match end {
        ReignEnd::Killed => format!("was killed{at}"),
        ReignEnd::Stopped => format!("was stopped{at}"),
        ReignEnd::Failed => format!("failed{at}"),
        ReignEnd::Paused => format!("was paused{at}"),
        ReignEnd::CutOff => format!("was cut off{at}"),
        ReignEnd::CutFromMajority => format!("was cut off from a majority{at}"),
        ReignEnd::HandedOver(to) => format!("began to hand over to {to}{at}"),
        ReignEnd::HigherTerm(term, Some(node)) => {
            format!("saw term {term}{at}, in which {node} had asked for votes")
        }
        ReignEnd::HigherTerm(term, None) => format!("saw term {term}{at}"),
        ReignEnd::QuorumLost => format!("stepped down{at} without answers from a majority"),
        ReignEnd::Removed => format!("was removed from the cluster{at}"),
        ReignEnd::DiskStalled => format!("stepped down{at} with a stalled disk"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: [NodeId; 4] = [NodeId(0), NodeId(1), NodeId(2), NodeId(3)];

    /// Three nodes of which n1 leads term 1, seen for a while.
    struct Seen {
        world: World,
        succession: Succession,
        seconds: u64,
    }

    impl Seen {
        fn new() -> Self {
            let mut seen = Self { world: World::default(), succession: Succession::default(), seconds: 0 };
            let nodes = N[1..].to_vec();
            seen.tell(News::Cluster {
                nodes,
                heartbeat_ms: 50,
                election_ms: (150, 300),
                data_dir: None.into(),
            });
            seen.leads(1, 1);
            seen
        }

        fn tell(&mut self, what: News) {
            self.seconds += 1;
            let update = Update { at: Duration::from_secs(self.seconds), seq: self.seconds, what };
            self.world.fold(&update);
            self.succession.hear(&update, &self.world);
        }

        fn trace(&mut self, node: usize, trace: TraceEvent) {
            self.tell(News::Trace { node: N[node], trace });
        }

        fn leads(&mut self, node: usize, term: u64) {
            let (from, to, term) = (Role::Candidate, Role::Leader, Term(term));
            self.trace(node, TraceEvent::RoleChanged { from, to, term });
        }

        fn process(&mut self, node: usize, state: ProcessState) {
            self.tell(News::Process { node: N[node], state });
        }

        fn links(&mut self, node: usize, state: LinkState) {
            for other in (1..=3).filter(|other| *other != node) {
                self.tell(News::Link { from: N[node], to: N[other], state });
                self.tell(News::Link { from: N[other], to: N[node], state });
            }
        }

        fn said(&self, leader: usize) -> Option<String> {
            self.succession.sentence(N[leader])
        }
    }

    #[test]
    fn the_first_leader_has_no_one_before() {
        let seen = Seen::new();
        assert_eq!((seen.said(1), seen.succession.since()), (None, None));
    }

    #[test]
    fn what_ended_the_time_of_the_leader_before_is_said() {
        let mut seen = Seen::new();
        seen.process(1, ProcessState::Killed);
        seen.process(1, ProcessState::Running { pid: None });
        seen.leads(2, 2);
        assert_eq!(
            seen.said(2).as_deref(),
            Some("n2 leads since 0:05.000: n1, the leader of term 1, was killed at 0:03.000.")
        );
        assert_eq!(seen.succession.brief(N[2]).as_deref(), Some("n2, after n1 was killed"));
        assert_eq!(seen.said(1), None, "it does not lead");
    }

    #[test]
    fn what_follows_from_a_cut_is_not_the_cause_and_a_cut_that_ended_in_time_is_none() {
        let mut seen = Seen::new();
        seen.links(1, LinkState::Cut);
        seen.trace(1, TraceEvent::SteppedDown { reason: StepDownReason::QuorumLost, term: Term(1) });
        seen.leads(3, 2);
        assert!(
            seen.said(3).unwrap().contains(": n1, the leader of term 1, was cut off"),
            "{:?}",
            seen.said(3)
        );
        let mut seen = Seen::new();
        seen.process(1, ProcessState::Paused { pid: None });
        seen.process(1, ProcessState::Running { pid: None });
        seen.leads(3, 2);
        assert_eq!(seen.said(3).as_deref(), Some("n3 leads since 0:05.000; n1 led term 1 before."));
    }

    #[test]
    fn a_leader_that_leads_again_says_why_it_had_to_be_elected_again() {
        let mut seen = Seen::new();
        seen.trace(2, TraceEvent::ElectionStarted { term: Term(18), pre_vote: false });
        seen.trace(1, TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term: Term(18) });
        seen.leads(1, 19);
        assert_eq!(
            seen.said(1).as_deref(),
            Some(
                "n1 leads again since 0:05.000: as the leader of term 1 it saw term 18 at 0:04.000, in which n2 had asked for votes."
            )
        );
    }
}
