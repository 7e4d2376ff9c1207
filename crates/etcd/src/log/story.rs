//! What happens at a member, from Raft's lines in its log: as far as they say it.

use crate::ids::MemberIds;
use crate::log::raft_line::RaftLine;
use crate::member::MemberId;
use raftdeck_raft::{NodeId, Role, StepDownReason, Term, TraceEvent, VoteRefusal};
use std::collections::BTreeSet;

/// What is remembered of a member's lines, to say what one line alone does not.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Its role, once it has started.
    role: Option<Role>,
    term: Term,
    /// The voters of its configuration.
    voters: Option<usize>,
    /// In its campaign.
    granted: BTreeSet<MemberId>,
    rejections: usize,
    /// Why it becomes a follower next.
    why: Option<StepDownReason>,
}

impl Story {
    /// What a line says. Whoever is no node here is not spoken of.
    pub(crate) fn hear(&mut self, line: RaftLine, ids: &MemberIds) -> Vec<TraceEvent> {
        match line {
            RaftLine::Became { role, term } => self.became(role, term),
            RaftLine::HigherTerm => self.note(StepDownReason::HigherTerm),
            RaftLine::QuorumLost => self.note(StepDownReason::QuorumLost),
            RaftLine::Configuration { voters } => {
                self.voters = voters;
                Vec::new()
            }
            RaftLine::Poll { rejections } => {
                self.rejections = rejections;
                Vec::new()
            }
            RaftLine::Started { term, last } => {
                (self.role, self.term) = (Some(Role::Follower), term);
                // Of its log only the end is told: the rest counts as one that is gone, and its vote as none.
                vec![TraceEvent::Started {
                    term,
                    last: last.index,
                    vote: None,
                    purged: last,
                    runs: Vec::new(),
                }]
            }
            RaftLine::VoteReceived { from, granted, pre_vote } => self.received(from, granted, pre_vote, ids),
            told => told_of(told, |member| ids.node(member)).into_iter().collect(),
        }
    }

    fn note(&mut self, why: StepDownReason) -> Vec<TraceEvent> {
        self.why = Some(why);
        Vec::new()
    }

    fn became(&mut self, to: Role, term: Term) -> Vec<TraceEvent> {
        let why = self.why.take();
        let is_same_term = term == self.term;
        self.term = term;
        // Before its start it becomes a follower too.
        let Some(from) = self.role else { return Vec::new() };
        let mut events = Vec::new();
        // A candidate that stands again has become nothing else, but campaigns anew.
        if from != to {
            events.push(TraceEvent::RoleChanged { from, to, term });
        }
        match to {
            Role::PreCandidate => {
                events.push(TraceEvent::ElectionStarted { term: term.next(), pre_vote: true });
            }
            Role::Candidate => events.push(TraceEvent::ElectionStarted { term, pre_vote: false }),
            Role::Follower if from != Role::Follower => {
                let other_leader = is_same_term && from != Role::Leader && !self.has_lost_the_poll();
                let reason = why.or(other_leader.then_some(StepDownReason::OtherLeader));
                events.extend(reason.map(|reason| TraceEvent::SteppedDown { reason, term }));
            }
            Role::Follower | Role::Leader => {}
        }
        self.role = Some(to);
        self.granted.clear();
        self.rejections = 0;
        events
    }

    fn received(
        &mut self,
        from: MemberId,
        granted: bool,
        pre_vote: bool,
        ids: &MemberIds,
    ) -> Vec<TraceEvent> {
        if granted {
            self.granted.insert(from);
        }
        let (Some(from), Some(needed)) = (ids.node(from), self.needed()) else { return Vec::new() };
        vec![TraceEvent::VoteReceived { from, granted, pre_vote, votes: self.granted.len(), needed }]
    }

    fn needed(&self) -> Option<usize> {
        self.voters.map(|voters| voters / 2 + 1)
    }

    fn has_lost_the_poll(&self) -> bool {
        self.voters.is_none_or(|voters| 2 * self.rejections >= voters)
    }
}

/// What a line says by itself.
fn told_of(line: RaftLine, node: impl Fn(MemberId) -> Option<NodeId>) -> Option<TraceEvent> {
    Some(match line {
        RaftLine::VoteGranted { candidate, term } => {
            TraceEvent::VoteGranted { candidate: node(candidate)?, term, pre_vote: false }
        }
        RaftLine::VoteRefused { candidate, term, own, theirs, vote } => {
            let reason = match vote {
                Some(vote) if vote != candidate => VoteRefusal::AlreadyVoted,
                _ if theirs < own => VoteRefusal::StaleLog,
                _ => return None,
            };
            TraceEvent::VoteRefused { candidate: node(candidate)?, term, pre_vote: false, reason }
        }
        RaftLine::Leader { leader: None, term } => TraceEvent::LeaderChanged { leader: None, term },
        RaftLine::Leader { leader: Some(leader), term } => {
            TraceEvent::LeaderChanged { leader: Some(node(leader)?), term }
        }
        RaftLine::TransferStarted { to } => TraceEvent::TransferStarted { to: node(to)? },
        RaftLine::TransferGivenUp { to } => TraceEvent::TransferGivenUp { to: node(to)? },
        RaftLine::TimeoutNow { leader } => TraceEvent::ToldToCampaign { leader: node(leader)? },
        RaftLine::SnapshotInstalled { last } => TraceEvent::SnapshotInstalled { last, kept_log: false },
        RaftLine::Started { .. }
        | RaftLine::Became { .. }
        | RaftLine::HigherTerm
        | RaftLine::QuorumLost
        | RaftLine::Configuration { .. }
        | RaftLine::VoteReceived { .. }
        | RaftLine::Poll { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::raft_line::parse;

    /// The events of these lines, for a member that has started as one of three.
    fn events(lines: &[&str]) -> Vec<TraceEvent> {
        let (mut story, mut ids) = (Story::default(), MemberIds::default());
        for (node, member) in [(1, 0xa1), (2, 0xb1), (3, 0xc1)] {
            ids.learn(NodeId(node), MemberId(member));
        }
        let start = [
            "a1 switched to configuration voters=(161 177 193)",
            "newRaft a1 [peers: [], term: 1, commit: 0, applied: 0, lastindex: 3, lastterm: 1]",
        ];
        let mut hear = |line: &&str| story.hear(parse(line).expect("a line of Raft"), &ids);
        assert_eq!(start.iter().flat_map(&mut hear).count(), 1);
        lines.iter().flat_map(hear).collect()
    }

    #[test]
    fn an_election_is_told_in_full() {
        let told = events(&[
            "a1 became pre-candidate at term 1",
            "a1 received MsgPreVoteResp from a1 at term 1",
            "a1 received MsgPreVoteResp from b1 at term 1",
            "a1 became candidate at term 2",
            "a1 received MsgVoteResp from a1 at term 2",
            "a1 received MsgVoteResp rejection from c1 at term 2",
            "a1 received MsgVoteResp from b1 at term 2",
            "a1 became leader at term 2",
            "raft.node: a1 elected leader a1 at term 2",
        ]);
        let changed = |from, to, term| TraceEvent::RoleChanged { from, to, term: Term(term) };
        let vote = |from, granted, pre_vote, votes| TraceEvent::VoteReceived {
            from: NodeId(from),
            granted,
            pre_vote,
            votes,
            needed: 2,
        };
        assert_eq!(
            told,
            [
                changed(Role::Follower, Role::PreCandidate, 1),
                TraceEvent::ElectionStarted { term: Term(2), pre_vote: true },
                vote(1, true, true, 1),
                vote(2, true, true, 2),
                changed(Role::PreCandidate, Role::Candidate, 2),
                TraceEvent::ElectionStarted { term: Term(2), pre_vote: false },
                vote(1, true, false, 1),
                vote(3, false, false, 1),
                vote(2, true, false, 2),
                changed(Role::Candidate, Role::Leader, 2),
                TraceEvent::LeaderChanged { leader: Some(NodeId(1)), term: Term(2) },
            ]
        );
    }

    #[test]
    fn why_it_became_a_follower_is_told_where_it_is_known() {
        let reason = |lines: &[&str]| match events(lines).last().cloned() {
            Some(TraceEvent::SteppedDown { reason, .. }) => Some(reason),
            _ => None,
        };
        let candidate = "a1 became candidate at term 2";
        let leader = "a1 became leader at term 2";
        let higher = "a1 [term: 2] received a MsgApp message with higher term from b1 [term: 3]";
        let lost = "a1 has received 1 MsgVoteResp votes and 2 vote rejections";
        let quorum = "a1 stepped down to follower since quorum is not active";
        let (same, next) = ("a1 became follower at term 2", "a1 became follower at term 3");
        assert_eq!(reason(&[candidate, leader, higher, next]), Some(StepDownReason::HigherTerm));
        assert_eq!(reason(&[candidate, leader, quorum, same]), Some(StepDownReason::QuorumLost));
        assert_eq!(reason(&[candidate, same]), Some(StepDownReason::OtherLeader));
        assert_eq!(reason(&[candidate, lost, same]), None, "it lost the election, which nobody has won yet");
        assert_eq!(events(&[next]), [], "a follower stays one");
    }

    #[test]
    fn of_a_refused_vote_the_reason_is_told() {
        let reason = |vote: &str, own: &str, theirs: &str| {
            let line = format!("a1 [{own}, vote: {vote}] rejected MsgVote from b1 [{theirs}] at term 3");
            match &events(&[line.as_str()])[..] {
                [TraceEvent::VoteRefused { reason, .. }] => Some(*reason),
                _ => None,
            }
        };
        let (short, long) = ("logterm: 1, index: 3", "logterm: 1, index: 4");
        assert_eq!(reason("0", long, short), Some(VoteRefusal::StaleLog));
        assert_eq!(reason("c1", short, short), Some(VoteRefusal::AlreadyVoted));
        assert_eq!(reason("0", short, short), None);
    }

    #[test]
    fn strangers_are_not_spoken_of() {
        assert_eq!(events(&["raft.node: a1 elected leader d1 at term 2"]), []);
    }
}
