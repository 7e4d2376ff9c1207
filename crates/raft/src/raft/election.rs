//! Elections: timeouts, votes, terms, and when a leader gives up (paper §5.2, §5.4.1; thesis §9.6, §6.2).

use super::lease::Lease;
use super::{Leadership, Raft, RoleState, quorum, read};
use crate::config::{ConfigError, Timing};
use crate::membership::Membership;
use crate::message::{Message, VoteReply, VoteRequest};
use crate::mutants::{Mutant, is_active};
use crate::progress::Progress;
use crate::trace::{StepDownReason, TraceEvent, VoteRefusal};
use crate::types::{NodeId, Term, Timestamp};
use rand_chacha::rand_core::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// After the loss of the leader's connection a member tries again after a tenth to a quarter of the least election timeout:
/// longer than an election takes, and shorter than anybody else waits.
const HURRIED_MIN: u32 = 10;
const HURRIED_MAX: u32 = 4;

/// A campaign under way, for votes or for pre-votes.
#[derive(Debug)]
pub(super) struct Campaign {
    /// Who answered, and how; an answer that comes twice counts once.
    answers: BTreeMap<NodeId, bool>,
    /// Answers that came again and were counted again.
    repeated: usize,
    /// The own vote counts when the disk write with this number is durable.
    own_vote_seq: u64,
}

impl Campaign {
    fn new(own_vote_seq: u64) -> Self {
        Self { answers: BTreeMap::new(), repeated: 0, own_vote_seq }
    }

    pub(super) fn answers(&self) -> Vec<(NodeId, bool)> {
        self.answers.iter().map(|(id, granted)| (*id, *granted)).collect()
    }

    fn granted(&self) -> BTreeSet<NodeId> {
        self.answers.iter().filter(|(_, granted)| **granted).map(|(id, _)| *id).collect()
    }
}

impl Raft {
    /// From now on every election timeout is this long instead of random. The timeout under way changes too: it still counts
    /// from when it began, and fires immediately if it has then expired. `None`: random again. Equal timeouts at several
    /// members split votes again and again; timeouts that are far apart never do. One below the least election timeout, which
    /// leases rest on, is refused; if [`tune`](Self::tune) raises the least one above it, that one holds.
    pub fn set_election_timeout(
        &mut self,
        timeout: Option<Duration>,
        now: Timestamp,
    ) -> Result<(), ConfigError> {
        let least = self.config.tuning.timing.election_min;
        if let Some(timeout) = timeout.filter(|timeout| *timeout < least) {
            return Err(ConfigError::ShortTimeout { timeout, least });
        }
        self.fixed_timeout = timeout;
        self.election_timeout = self.draw_election_timeout(now);
        self.handle_deadline(now);
        Ok(())
    }

    pub(super) fn restart_election_timer(&mut self, now: Timestamp) {
        self.election_timeout = self.draw_election_timeout(now);
        self.timer_started = now;
    }

    /// Random (paper §5.2), unless it is fixed. Short for a while after the leader's connection was lost.
    fn draw_election_timeout(&mut self, now: Timestamp) -> Duration {
        let Timing { election_min, election_max, .. } = self.config.tuning.timing;
        let (min, max) = if self.hurries(now) {
            (election_min / HURRIED_MIN, election_min / HURRIED_MAX)
        } else if let Some(fixed) = self.fixed_timeout {
            return fixed.max(election_min);
        } else {
            (election_min, election_max)
        };
        let range = max.checked_sub(min).expect("invariant: `validate` has checked the range");
        let micros = u64::try_from(range.as_micros()).unwrap_or(u64::MAX).max(1);
        min + Duration::from_micros(self.rng.next_u64() % micros)
    }

    /// The greatest value that a majority has reached, as a leader counts it. `own` is this member's, which counts only
    /// if it votes (thesis §4.2.2).
    pub(super) fn reached<T: Ord + Copy + Default>(
        &self,
        leadership: &Leadership,
        own: T,
        of: impl Fn(&Progress) -> T,
    ) -> Option<T> {
        let this = self.config.id;
        quorum::reached_by_majority(self.membership(), this, |id| {
            if id == this { own } else { leadership.peers.get(&id).map(&of).unwrap_or_default() }
        })
    }

    /// The newest time at which a majority, itself included, is known to have followed this leader.
    pub(super) fn quorum_contact(&self, leadership: &Leadership) -> Timestamp {
        let contact = self.reached(leadership, Timestamp(u64::MAX), |progress| {
            progress.last_heard.unwrap_or(leadership.since)
        });
        contact.unwrap_or(leadership.since)
    }

    /// Whether it may become leader: it votes, or did before a change that is not committed yet. Without it, that
    /// change might be stuck in its log forever (thesis §4.2.2). Learners wait until they are promoted, unless somebody
    /// counts on them ([`note_older_log`](Self::note_older_log)), and a member whose disk is stalled until that has
    /// finished a write: its own vote would wait for it.
    pub(super) fn may_campaign(&self) -> bool {
        if self.disk_is_stalled() {
            return false;
        }
        let current = self.membership();
        let learns = current.learners.contains(&self.config.id) && self.is_about_this(current);
        // A membership that names this id with another disk refers to a former life.
        let votes = self.memberships.since(self.committed).any(|(_, membership)| self.votes_by(membership));
        if learns { self.is_counted_on || is_active(Mutant::LearnerCampaigns) } else { votes }
    }

    /// A candidate whose log is older asks for the vote. Should it count this learner among the voters, by a membership that was
    /// never committed, it may need a vote that it cannot get, and no voter may have a log that is as new as this one. Then
    /// this member is the only one that can win (thesis §4.2.2, of members that are not in their own membership).
    fn note_older_log(&mut self) {
        self.is_counted_on = true;
    }

    /// The members that a candidate asks.
    pub(super) fn other_voters(&self) -> Vec<NodeId> {
        let Membership { voters, outgoing, .. } = self.membership();
        voters.union(outgoing).copied().filter(|id| *id != self.config.id).collect()
    }

    /// Whether there is a working leader as far as this member can tell: it leads and heard from a majority, or
    /// follows one that it heard from, less than the least election timeout ago.
    pub(super) fn has_quorum(&self, now: Timestamp) -> bool {
        let least = self.config.tuning.timing.election_min;
        if let RoleState::Leader(leadership) = &self.role {
            let heard = now.since(self.quorum_contact(leadership)) < least;
            return heard || is_active(Mutant::DeafLeaderSuppressesElections);
        }
        let recent = now.since(self.leader_heard) < least || is_active(Mutant::PreCandidateKeepsLeader);
        self.leader.is_some() && recent
    }

    /// Whether it refuses to help another member to the leadership (thesis §4.2.3).
    fn stands_by_leader(&self, now: Timestamp) -> bool {
        self.has_quorum(now) || self.has_promised(now)
    }

    /// Whether it still stands by a leader that it answered, even if it no longer knows that leader.
    fn has_promised(&self, now: Timestamp) -> bool {
        now < self.stands_by_until && !is_active(Mutant::PromiseForgotten)
    }

    /// No leader was heard from, or a campaign brought no result (paper §5.2).
    pub(super) fn time_out(&mut self, now: Timestamp) {
        self.trace(TraceEvent::TimedOut { waited: now.since(self.timer_started) });
        if self.config.tuning.pre_vote {
            self.become_pre_candidate(now);
        } else {
            self.become_candidate(now, false);
        }
    }

    /// Asks first whether a campaign could succeed; changes nothing durable (thesis §9.6).
    fn become_pre_candidate(&mut self, now: Timestamp) {
        self.restart_election_timer(now);
        let term = self.hard_state.term.next();
        self.set_role(RoleState::PreCandidate(Campaign::new(0)));
        // It must forget its leader: two members that each still stand by one could refuse each other forever.
        if !is_active(Mutant::PreCandidateKeepsLeader) {
            self.set_leader(None);
        }
        self.trace(TraceEvent::ElectionStarted { term, pre_vote: true });
        let request = VoteRequest { term, last: self.log.last(), transfer: false };
        for peer in self.other_voters() {
            self.send(peer, Message::PreVote(request));
        }
        self.record_answer(self.config.id, !self.has_promised(now), now);
    }

    /// The connection to a peer was lost, as when its process ends. If that leads as far as this member knows, and
    /// [`Config::detect_crash`](crate::Config::detect_crash) is on, it campaigns immediately, and for the least election
    /// timeout tries again soon. May be called for any peer at any time.
    ///
    /// A promise to stand by a leader, given in an earlier life without this, is kept: leases may rest on it.
    pub fn handle_disconnected(&mut self, peer: NodeId, now: Timestamp) {
        if self.config.detect_crash && self.leader == Some(peer) && peer != self.config.id {
            self.set_leader(None);
            if self.may_campaign() {
                self.hurries_until = Some(now + self.config.tuning.timing.election_min);
                // Also with PreVote off: several members detect this simultaneously, and would split their votes.
                self.become_pre_candidate(now);
            }
        }
        self.assert_invariants();
    }

    fn hurries(&self, now: Timestamp) -> bool {
        self.hurries_until.is_some_and(|until| now < until)
    }

    /// Several members may lose their leader at the same moment, grant each other the pre-vote, and then split
    /// the votes. To avoid this, all but one wait: the one with the longer log goes first, or of equals the one with the least id.
    fn yield_to(&mut self, rival: NodeId, request: &VoteRequest, now: Timestamp) {
        let goes_first = request.last > self.log.last() || rival < self.config.id;
        if goes_first && self.hurries(now) && matches!(self.role, RoleState::PreCandidate(_)) {
            self.set_role(RoleState::Follower);
            self.restart_election_timer(now);
        }
    }

    /// `transfer`: its leader told it to.
    pub(super) fn become_candidate(&mut self, now: Timestamp, transfer: bool) {
        self.restart_election_timer(now);
        self.enter_term(self.hard_state.term.next());
        self.hard_state.vote = Some(self.config.id);
        let term = self.hard_state.term;
        self.set_role(RoleState::Candidate(Campaign::new(self.durability.next_seq())));
        self.set_leader(None);
        self.trace(TraceEvent::ElectionStarted { term, pre_vote: false });
        let request = VoteRequest { term, last: self.log.last(), transfer };
        for peer in self.other_voters() {
            // The own vote must be durable before anyone hears of it: after a crash it would be given again.
            self.send_when_durable(peer, Message::RequestVote(request));
        }
    }

    /// A candidate's vote for itself counts like any other: when it is durable, and not while it stands by a leader.
    pub(super) fn count_own_vote(&mut self, now: Timestamp) {
        if let RoleState::Candidate(campaign) = &self.role
            && !campaign.answers.contains_key(&self.config.id)
            && self.durability.is_completed(campaign.own_vote_seq)
            && !self.has_promised(now)
        {
            self.record_answer(self.config.id, true, now);
        }
    }

    fn record_answer(&mut self, from: NodeId, granted: bool, now: Timestamp) {
        let membership = self.memberships.latest().1;
        let needed = quorum::needed(membership);
        let (campaign, pre_vote) = match &mut self.role {
            RoleState::PreCandidate(campaign) => (campaign, true),
            RoleState::Candidate(campaign) => (campaign, false),
            _ => return,
        };
        if campaign.answers.insert(from, granted) == Some(granted) {
            if !is_active(Mutant::CountRepeatedVotes) {
                return;
            }
            campaign.repeated += 1;
        }
        let yes = campaign.granted();
        let votes = yes.iter().filter(|id| membership.is_voter(**id)).count();
        let old_half = is_active(Mutant::JointElectionByOldHalf) && membership.is_joint();
        let old_half = old_half.then(|| Membership::of(membership.outgoing.clone()));
        let won = quorum::is_majority(old_half.as_ref().unwrap_or(membership), self.config.id, &yes)
            || (is_active(Mutant::CountRepeatedVotes) && votes + campaign.repeated >= needed);
        if from != self.config.id {
            self.trace(TraceEvent::VoteReceived { from, granted, pre_vote, votes, needed });
        }
        match (won, pre_vote) {
            (false, _) => {}
            (true, true) if self.disk_is_stalled() => {}
            (true, true) => self.become_candidate(now, false),
            (true, false) => self.become_leader(now),
        }
    }

    fn become_leader(&mut self, now: Timestamp) {
        let next = self.log.last().index.next();
        let peers = self.receivers().into_iter().map(|peer| (peer, Progress::new(next))).collect();
        let timing = self.config.tuning.timing;
        if is_active(Mutant::CapForgottenAtElection) {
            self.uncommitted_bytes = 0;
        }
        self.set_role(RoleState::Leader(Box::new(Leadership {
            peers,
            since: now,
            heartbeat_due: now + timing.heartbeat,
            round: 1,
            reads: read::PendingReads::default(),
            lease: Lease::new(1, now, timing.election_min),
            change: None,
            farewells: BTreeMap::new(),
            transfer: None,
        })));
        self.set_leader(Some(self.config.id));
        // Only an entry of its own term lets it commit what came before (paper §5.4.2, §8). Its AppendEntries
        // is the heartbeat that keeps the others from campaigning.
        self.append(self.first_payload());
    }

    /// Becomes a follower without a known leader, in `term` or, if that is not higher, in its own. Within the same term
    /// the vote stays: forgetting it would allow a second one.
    pub(super) fn step_down(&mut self, term: Term, reason: StepDownReason, now: Timestamp) {
        if term > self.hard_state.term {
            self.enter_term(term);
            self.set_leader(None);
        }
        if self.leader == Some(self.config.id) {
            self.set_leader(None);
        }
        if is_active(Mutant::ForgetVoteOnStepDown) && !matches!(self.role, RoleState::Follower) {
            self.hard_state.vote = None;
            self.durability.hard_state_changed();
        }
        if !matches!(self.role, RoleState::Follower) {
            self.set_role(RoleState::Follower);
            self.restart_election_timer(now);
            self.trace(TraceEvent::SteppedDown { reason, term: self.hard_state.term });
        }
    }

    pub(super) fn handle_pre_vote(&mut self, from: NodeId, request: VoteRequest, now: Timestamp) {
        let refusal = if request.term <= self.hard_state.term {
            Some(VoteRefusal::OldTerm)
        } else if let Some(reason) = self.has_no_vote() {
            Some(reason)
        } else if self.stands_by_leader(now) {
            Some(VoteRefusal::LeaderAlive)
        } else if request.last < self.log.last() && !is_active(Mutant::PreVoteIgnoresLog) {
            self.note_older_log();
            Some(VoteRefusal::StaleLog)
        } else if self.disk_is_stalled() {
            // The vote itself would wait for the disk.
            Some(VoteRefusal::DiskStalled)
        } else {
            None
        };
        self.trace_vote(from, request.term, true, refusal);
        if refusal.is_none() {
            self.yield_to(from, &request, now);
        }
        let term = if refusal.is_none() { request.term } else { self.hard_state.term };
        self.send(from, Message::PreVoteReply(VoteReply { term, granted: refusal.is_none() }));
    }

    pub(super) fn handle_pre_vote_reply(&mut self, from: NodeId, reply: VoteReply, now: Timestamp) {
        // A refusal teaches a higher term; a grant carries the term asked for, which no member has entered.
        if !reply.granted && reply.term > self.hard_state.term {
            self.step_down(self.within_reach(reply.term), StepDownReason::HigherTerm, now);
            return;
        }
        let current = !reply.granted || reply.term == self.hard_state.term.next();
        if reply.granted
            && matches!(self.role, RoleState::Leader(_))
            && is_active(Mutant::LeaderObeysLatePreVote)
        {
            self.become_candidate(now, false);
        }
        let late = matches!(self.role, RoleState::Candidate(_)) && reply.term == self.hard_state.term;
        let counts_late = late && is_active(Mutant::PreVoteCountsAsVote);
        if matches!(self.role, RoleState::PreCandidate(_)) && current || counts_late {
            self.record_answer(from, reply.granted, now);
        }
    }

    pub(super) fn handle_request_vote(&mut self, from: NodeId, request: VoteRequest, now: Timestamp) {
        // Before the term is looked at: a member that was removed or cut off must not be able to depose a leader
        // that works (thesis §4.2.3). A leader without a majority no longer stands in the way.
        // Unless the leader itself wants it.
        let checks = self.config.tuning.check_quorum;
        // What it has promised holds also if the check was switched off since.
        let stands_by = (checks && self.has_quorum(now)) || self.has_promised(now);
        if request.term > self.hard_state.term && stands_by && !request.transfer {
            self.refuse_vote(from, request.term, VoteRefusal::LeaderAlive);
            return;
        }
        if request.term > self.hard_state.term {
            let term = self.within_reach(request.term);
            self.step_down(term, StepDownReason::HigherTerm, now);
            if term < request.term {
                return;
            }
        }
        let vote_is_free = match self.hard_state.vote {
            Some(candidate) => candidate == from,
            None => self.leader.is_none(),
        };
        // The term may have come here before the request, by way of an answer: that changes nothing about a promise.
        let is_promised =
            self.has_promised(now) && !request.transfer && !is_active(Mutant::PromiseEndsWithTerm);
        if request.term < self.hard_state.term {
            self.refuse_vote(from, request.term, VoteRefusal::OldTerm);
        } else if let Some(reason) = self.has_no_vote() {
            self.refuse_vote(from, request.term, reason);
        } else if !vote_is_free {
            self.refuse_vote(from, request.term, VoteRefusal::AlreadyVoted);
        } else if is_promised && self.hard_state.vote.is_none() {
            self.refuse_vote(from, request.term, VoteRefusal::LeaderAlive);
        } else if request.last < self.log.last() {
            // paper §5.4.1: only a log that is at least as up to date can hold all committed entries.
            self.note_older_log();
            self.refuse_vote(from, request.term, VoteRefusal::StaleLog);
        } else {
            self.grant_vote(from, now);
        }
    }

    /// Why this member may not vote at all. One without any membership belongs to no cluster yet. One that is known
    /// on another disk has voted there, and does not know for which candidate. A removed member may vote: the candidate
    /// may be behind, and still count it.
    fn has_no_vote(&self) -> Option<VoteRefusal> {
        let membership = self.membership();
        if membership.voters.is_empty() && !is_active(Mutant::JoinerVotes) {
            Some(VoteRefusal::NoMembership)
        } else if !self.is_about_this(membership) && !is_active(Mutant::FormerLifeVotes) {
            Some(VoteRefusal::OtherDisk)
        } else {
            None
        }
    }

    fn grant_vote(&mut self, candidate: NodeId, now: Timestamp) {
        if self.hard_state.vote != Some(candidate) {
            self.hard_state.vote = Some(candidate);
            self.durability.hard_state_changed();
        }
        self.restart_election_timer(now);
        let term = self.hard_state.term;
        self.trace_vote(candidate, term, false, None);
        let reply = Message::VoteReply(VoteReply { term, granted: true });
        if is_active(Mutant::VoteBeforeDurable) {
            self.send(candidate, reply);
        } else {
            self.send_when_durable(candidate, reply);
        }
    }

    fn refuse_vote(&mut self, candidate: NodeId, asked: Term, reason: VoteRefusal) {
        self.trace_vote(candidate, asked, false, Some(reason));
        let reply = VoteReply { term: self.hard_state.term, granted: false };
        self.send_when_durable(candidate, Message::VoteReply(reply));
    }

    fn trace_vote(&mut self, candidate: NodeId, term: Term, pre_vote: bool, refusal: Option<VoteRefusal>) {
        self.trace(match refusal {
            None => TraceEvent::VoteGranted { candidate, term, pre_vote },
            Some(reason) => TraceEvent::VoteRefused { candidate, term, pre_vote, reason },
        });
    }

    pub(super) fn handle_vote_reply(&mut self, from: NodeId, reply: VoteReply, now: Timestamp) {
        if reply.term > self.hard_state.term {
            self.step_down(self.within_reach(reply.term), StepDownReason::HigherTerm, now);
            return;
        }
        if matches!(self.role, RoleState::Candidate(_)) && reply.term == self.hard_state.term {
            self.record_answer(from, reply.granted, now);
            // It may have stood by its leader until now.
            self.count_own_vote(now);
        }
    }
}
