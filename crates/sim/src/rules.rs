//! Rules of the paper and the thesis that a single member's trace can violate, even if data would be lost only after
//! many coincidences. Follows the trace event by event.

use raftdeck_raft::{
    LogId, LogIndex, Membership, Message, NodeId, Role, Sender, Status, Term, Timestamp, TraceEvent,
    VoteRefusal, VoteRequest,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A rule, and how it was broken.
pub(crate) type Broken = (&'static str, String);

pub(crate) const ROLES: &str = "roles change as in the paper's Figure 4";
pub(crate) const LOGS: &str = "votes go to logs that are up to date";
pub(crate) const DEAF: &str = "a leader without a majority does not suppress elections";
pub(crate) const LEARNERS: &str = "learners campaign only if a candidate with an older log has asked them";
pub(crate) const LATE: &str = "only the leader of the term sends TimeoutNow";
pub(crate) const COUNTING: &str = "a leader commits only entries of its own term by counting";
pub(crate) const ONE_CHANGE: &str = "one change of the membership at a time";
pub(crate) const OWN_COMMIT: &str = "no membership change before a commit in the leader's own term";

pub(crate) const DISK: &str = "only members on their own disks vote and campaign";
pub(crate) const FOREIGN: &str = "answers count only from members on their own disks";
pub(crate) const READ_BACK: &str = "a leader sends only what its log holds";
pub(crate) const MATCH: &str = "a match index never goes back";
pub(crate) const LEASE: &str = "no other leader while a lease holds";
pub(crate) const CAP: &str = "the cap on uncommitted bytes holds";

/// All of them.
pub(crate) const ALL: [&str; 14] = [
    ROLES, LOGS, DEAF, LEARNERS, LATE, COUNTING, ONE_CHANGE, OWN_COMMIT, DISK, FOREIGN, READ_BACK, MATCH,
    LEASE, CAP,
];

/// A member as its story tells of it.
#[derive(Debug)]
pub(crate) struct Story {
    /// The member, on its disk.
    own: Sender,
    pub(crate) role: Role,
    pub(crate) term: Term,
    last: LogId,
    commit: LogIndex,
    pub(crate) learns: bool,
    /// It has refused a candidate whose log is older since it last knew a leader.
    is_counted_on: bool,
    /// The membership in force, as far as it has told.
    membership: Membership,
    /// Where the membership in force stands.
    membership_at: LogIndex,
    /// It is joint.
    pub(crate) is_joint: bool,
    /// As a leader: its first entry.
    first_own: LogIndex,
    leads_since: Timestamp,
    /// As a leader: when it heard from each member in its term.
    heard: BTreeMap<Sender, Timestamp>,
    /// What came in this turn.
    requests: Vec<(NodeId, bool, VoteRequest)>,
    /// When a candidate's first request came in, which is when it was judged: a pause may come before that is told.
    asked_at: BTreeMap<NodeId, Timestamp>,
    told: Vec<(NodeId, Term)>,
}

impl Story {
    pub(crate) fn new(own: Sender, status: &Status) -> Self {
        let Status { term, membership, membership_index, snapshot, .. } = status;
        Self {
            own,
            role: Role::Follower,
            term: *term,
            last: LogId::default(),
            commit: snapshot.index,
            learns: learns(own, membership),
            is_counted_on: false,
            membership: membership.clone(),
            membership_at: *membership_index,
            is_joint: membership.is_joint(),
            first_own: LogIndex::ZERO,
            leads_since: Timestamp::default(),
            heard: BTreeMap::new(),
            requests: Vec::new(),
            asked_at: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// A message is about to be taken in.
    pub(crate) fn hears(&mut self, sender: Sender, message: &Message, now: Timestamp) {
        let from = sender.id;
        if matches!(message, Message::PreVote(_) | Message::RequestVote(_)) {
            self.asked_at.entry(from).or_insert(now);
        }
        match message {
            Message::PreVote(request) => self.requests.push((from, true, *request)),
            Message::RequestVote(request) => self.requests.push((from, false, *request)),
            Message::TimeoutNow(request) => self.told.push((from, request.term)),
            Message::AppendReply(_) | Message::SnapshotReply(_) if self.role == Role::Leader => {
                self.heard.insert(sender, now);
            }
            _ => {}
        }
    }

    /// Its commit index.
    pub(crate) fn commit(&self) -> LogIndex {
        self.commit
    }

    /// The end of its log.
    pub(crate) fn last(&self) -> LogIndex {
        self.last.index
    }

    /// A turn has ended.
    pub(crate) fn rests(&mut self) {
        self.requests.clear();
        self.asked_at.clear();
        self.told.clear();
    }

    /// It reported this event. `patience` is the least election timeout.
    pub(crate) fn tells(&mut self, event: &TraceEvent, now: Timestamp, patience: Duration) -> Option<Broken> {
        let id = self.own.id;
        match event {
            TraceEvent::Started { runs, purged, term, .. } => {
                self.term = *term;
                self.last = runs.last().map_or(*purged, |run| LogId { term: run.term, index: run.last });
            }
            TraceEvent::Appended { last, term, .. } => self.last = LogId { term: *term, index: *last },
            TraceEvent::SnapshotInstalled { last, kept_log } => {
                self.commit = last.index;
                if !kept_log {
                    self.last = *last;
                }
            }
            TraceEvent::LeaderChanged { term, leader } => {
                self.enter(*term);
                self.is_counted_on &= leader.is_none();
            }
            TraceEvent::SteppedDown { term, .. } => self.enter(*term),
            TraceEvent::RoleChanged { from, to, term } => return self.changes_role(*from, *to, *term, now),
            TraceEvent::ElectionStarted { .. } if self.learns && !self.is_counted_on => {
                return Some((LEARNERS, format!("{id} campaigns, and is a learner")));
            }
            TraceEvent::VoteGranted { candidate, pre_vote, term } => {
                if !pre_vote {
                    self.enter(*term);
                }
                let asked = self
                    .requests
                    .iter()
                    .filter(|(from, pre, request)| (from, pre, request.term) == (candidate, pre_vote, *term));
                if let Some(last) = asked.map(|(_, _, request)| request.last).max()
                    && last < self.last
                {
                    let (theirs, own) = (last.index, self.last.index);
                    return Some((LOGS, format!("{id}, at {own}, votes for {candidate}, at {theirs}")));
                }
            }
            TraceEvent::VoteRefused { reason: VoteRefusal::StaleLog, .. } => self.is_counted_on = true,
            TraceEvent::VoteRefused { reason: VoteRefusal::LeaderAlive, candidate, .. }
                if self.role == Role::Leader
                    && self.is_deaf(self.asked_at.get(candidate).copied().unwrap_or(now), patience) =>
            {
                let sentence =
                    format!("{id} lost its majority, stays leader, and refuses {candidate} its vote");
                return Some((DEAF, sentence));
            }
            TraceEvent::ToldToCampaign { leader } => {
                let told = self.told.iter().filter(|(from, _)| from == leader);
                if let Some((_, term)) = told.max_by_key(|(_, term)| *term)
                    && *term < self.term
                {
                    let own = self.term;
                    let sentence =
                        format!("{id} is in term {own} and follows {leader}, which led term {term}");
                    return Some((LATE, sentence));
                }
            }
            TraceEvent::Committed { through } => {
                self.commit = *through;
                if self.role == Role::Leader && *through < self.first_own {
                    let first = self.first_own;
                    return Some((COUNTING, format!("{id} commits {through}; its term begins at {first}")));
                }
            }
            TraceEvent::MembershipChanged { index, membership } => {
                return self.changes_members(*index, membership);
            }
            _ => {}
        }
        None
    }

    fn enter(&mut self, term: Term) {
        self.term = self.term.max(term);
    }

    fn changes_role(&mut self, from: Role, to: Role, term: Term, now: Timestamp) -> Option<Broken> {
        self.enter(term);
        self.role = to;
        if to == Role::Leader {
            self.first_own = self.last.index.next();
            self.leads_since = now;
            self.heard.clear();
        }
        let is_allowed = match from {
            Role::Follower | Role::PreCandidate => to != Role::Leader,
            Role::Candidate => true,
            Role::Leader => to == Role::Follower,
        };
        (!is_allowed).then(|| (ROLES, format!("{} goes from {from} to {to}", self.own.id)))
    }

    fn changes_members(&mut self, index: LogIndex, membership: &Membership) -> Option<Broken> {
        let before = std::mem::replace(&mut self.membership_at, index);
        self.learns = learns(self.own, membership);
        let founds = before == LogIndex::ZERO
            && index == self.first_own
            && self.membership.voters == membership.voters;
        self.membership.clone_from(membership);
        let leaves_joint = std::mem::replace(&mut self.is_joint, membership.is_joint());
        if self.role != Role::Leader || index <= before {
            return None;
        }
        if before > self.commit {
            let sentence = format!(
                "{} appends a membership at {index} before that at {before} is committed",
                self.own.id
            );
            return Some((ONE_CHANGE, sentence));
        }
        // To leave a joint configuration that is committed is always safe, and a new leader does so at once. The first
        // leader of a cluster puts the founding membership into the log, which changes nothing.
        if self.commit < self.first_own && !leaves_joint && !founds {
            let (id, commit) = (self.own.id, self.commit);
            return Some((
                OWN_COMMIT,
                format!("{id} appends a membership at {index}, and has committed {commit}"),
            ));
        }
        None
    }

    /// Whether it cannot have heard from a majority within its patience; what is close is not counted.
    fn is_deaf(&self, now: Timestamp, patience: Duration) -> bool {
        let long = patience + patience / 5;
        if now.since(self.leads_since) < long {
            return false;
        }
        let Membership { voters, incarnations, .. } = &self.membership;
        let recent = |id: &&NodeId| {
            let sender = Sender { id: **id, incarnation: incarnations.get(id).copied() };
            sender == self.own || self.heard.get(&sender).is_some_and(|heard| now.since(*heard) < long)
        };
        voters.iter().filter(recent).count() * 2 <= voters.len()
    }

    /// Whether this is an answer that must not count: the membership in force names its sender's id with another disk,
    /// or that membership is committed and does not name it at all. A leader still listens to those that are about to leave.
    pub(crate) fn is_foreign(&self, sender: Sender, message: &Message) -> bool {
        let is_answer = match message {
            Message::PreVote(_)
            | Message::RequestVote(_)
            | Message::AppendEntries(_)
            | Message::InstallSnapshot(_) => false,
            Message::PreVoteReply(_)
            | Message::VoteReply(_)
            | Message::AppendReply(_)
            | Message::SnapshotReply(_)
            | Message::DiskStalled(_)
            | Message::TimeoutNow(_) => true,
        };
        let is_stranger = match self.membership.incarnations.get(&sender.id) {
            Some(known) => sender.incarnation != Some(*known),
            None => {
                self.role != Role::Leader
                    && self.membership_at <= self.commit
                    && !self.membership.contains(sender.id)
            }
        };
        is_answer && is_stranger
    }
}

/// Whether this membership takes the member for a learner, on this disk.
fn learns(own: Sender, membership: &Membership) -> bool {
    membership.learners.contains(&own.id) && membership.knows_as(own.id, own.incarnation)
}

/// What an answer that counts can change at a member.
pub(crate) fn counted(status: &Status) -> impl PartialEq + use<> {
    let matches: Vec<_> = status.peers.iter().map(|peer| (peer.id, peer.matched, peer.owes)).collect();
    (status.term, status.role, status.votes.clone(), matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(150);

    fn members() -> Membership {
        Membership::of((1..=3).map(NodeId).collect())
    }

    /// A member that starts from a snapshot of five entries.
    fn story() -> Story {
        Story {
            own: NodeId(1).into(),
            role: Role::Follower,
            term: Term(1),
            last: LogId::default(),
            commit: LogIndex(5),
            learns: false,
            is_counted_on: false,
            membership: members(),
            membership_at: LogIndex::ZERO,
            is_joint: false,
            first_own: LogIndex::ZERO,
            leads_since: Timestamp::default(),
            heard: BTreeMap::new(),
            requests: Vec::new(),
            asked_at: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    fn broken(story: &mut Story, events: &[TraceEvent]) -> Option<&'static str> {
        let told = |event| story.tells(event, Timestamp(1_000_000), PATIENCE);
        events.iter().find_map(told).map(|(rule, _)| rule)
    }

    fn role(from: Role, to: Role) -> TraceEvent {
        TraceEvent::RoleChanged { from, to, term: Term(2) }
    }

    fn appended(index: u64) -> TraceEvent {
        TraceEvent::Appended { first: LogIndex(index), last: LogIndex(index), term: Term(2) }
    }

    fn membership(index: u64) -> TraceEvent {
        TraceEvent::MembershipChanged { index: LogIndex(index), membership: members() }
    }

    fn committed(through: u64) -> TraceEvent {
        TraceEvent::Committed { through: LogIndex(through) }
    }

    #[test]
    fn a_leader_becomes_nothing_but_a_follower() {
        assert_eq!(broken(&mut story(), &[role(Role::Candidate, Role::Leader)]), None);
        assert_eq!(broken(&mut story(), &[role(Role::Leader, Role::Candidate)]), Some(ROLES));
        assert_eq!(broken(&mut story(), &[role(Role::Follower, Role::Leader)]), Some(ROLES));
    }

    #[test]
    fn a_vote_for_a_shorter_log_breaks_a_rule() {
        let last = |index| LogId { term: Term(2), index: LogIndex(index) };
        for (index, expected) in [(7, None), (6, Some(LOGS))] {
            let mut story = story();
            let request = VoteRequest { term: Term(3), last: last(index), transfer: false };
            story.hears(NodeId(2).into(), &Message::PreVote(request), Timestamp(0));
            let granted = TraceEvent::VoteGranted { candidate: NodeId(2), term: Term(3), pre_vote: true };
            assert_eq!(broken(&mut story, &[appended(7), granted]), expected);
        }
    }

    #[test]
    fn a_leader_commits_and_changes_members_only_after_an_entry_of_its_own() {
        let lead = [appended(8), role(Role::Candidate, Role::Leader), appended(9)];
        let with = |event| [&lead[..], &[event]].concat();
        assert_eq!(broken(&mut story(), &with(committed(8))), Some(COUNTING));
        assert_eq!(broken(&mut story(), &with(committed(9))), None);
        assert_eq!(broken(&mut story(), &with(membership(10))), Some(OWN_COMMIT));
        let mut twice = with(committed(9));
        twice.extend([membership(10), membership(11)]);
        assert_eq!(broken(&mut story(), &twice), Some(ONE_CHANGE));
    }

    #[test]
    fn a_learner_that_campaigns_unasked_breaks_a_rule() {
        let learners = Membership { learners: [NodeId(1)].into(), ..Membership::of([NodeId(2)].into()) };
        let learns = TraceEvent::MembershipChanged { index: LogIndex(6), membership: learners };
        let campaigns = TraceEvent::ElectionStarted { term: Term(2), pre_vote: true };
        let reason = VoteRefusal::StaleLog;
        let refuses = TraceEvent::VoteRefused { candidate: NodeId(2), term: Term(2), pre_vote: true, reason };
        let knows = TraceEvent::LeaderChanged { leader: Some(NodeId(2)), term: Term(2) };
        let unasked = [learns.clone(), campaigns.clone()];
        assert_eq!(broken(&mut story(), &unasked), Some(LEARNERS));
        let asked = [learns.clone(), refuses.clone(), campaigns.clone()];
        assert_eq!(broken(&mut story(), &asked), None);
        assert_eq!(broken(&mut story(), &[learns, refuses, knows, campaigns]), Some(LEARNERS));
    }

    #[test]
    fn only_a_leader_without_a_majority_must_not_refuse_for_its_own_sake() {
        let reason = VoteRefusal::LeaderAlive;
        let refused = TraceEvent::VoteRefused { candidate: NodeId(2), term: Term(3), pre_vote: true, reason };
        for (heard, expected) in [(900_000, None), (100_000, Some(DEAF))] {
            let mut story = story();
            story.tells(&role(Role::Candidate, Role::Leader), Timestamp(0), PATIENCE);
            let reply = raftdeck_raft::SnapshotReply {
                term: Term(2),
                round: 1,
                last: LogId::default(),
                next_offset: 0,
                installed: false,
                refused: None,
            };
            story.hears(NodeId(3).into(), &Message::SnapshotReply(reply), Timestamp(heard));
            assert_eq!(broken(&mut story, std::slice::from_ref(&refused)), expected);
        }
    }

    #[test]
    fn a_refusal_is_judged_by_when_the_request_came_in_also_if_a_pause_came_before_it_was_told() {
        let reason = VoteRefusal::LeaderAlive;
        let refused =
            TraceEvent::VoteRefused { candidate: NodeId(2), term: Term(3), pre_vote: false, reason };
        let mut story = story();
        story.tells(&role(Role::Candidate, Role::Leader), Timestamp(0), PATIENCE);
        let request = VoteRequest { term: Term(3), last: LogId::default(), transfer: false };
        story.hears(NodeId(2).into(), &Message::RequestVote(request), Timestamp(100_000));
        assert_eq!(broken(&mut story, std::slice::from_ref(&refused)), None);
        story.rests();
        assert_eq!(broken(&mut story, std::slice::from_ref(&refused)), Some(DEAF));
    }

    #[test]
    fn an_answer_counts_by_the_disk_that_it_comes_from() {
        let disk = |number| raftdeck_raft::Incarnation([number; 16]);
        let reply = Message::TimeoutNow(raftdeck_raft::TimeoutNow { term: Term(9) });
        let mut story = story();
        story.membership.incarnations.insert(NodeId(2), disk(2));
        assert!(!story.is_foreign(Sender::new(NodeId(2), disk(2)), &reply));
        assert!(story.is_foreign(Sender::new(NodeId(2), disk(7)), &reply), "it was another disk's");
        assert!(story.is_foreign(Sender::new(NodeId(9), disk(9)), &reply), "nobody knows it");
        story.membership_at = LogIndex(6);
        assert!(!story.is_foreign(Sender::new(NodeId(9), disk(9)), &reply), "it may be a member still");
    }

    #[test]
    fn a_leader_hears_its_majority_only_from_the_disks_that_the_membership_names() {
        let disk = |number| raftdeck_raft::Incarnation([number; 16]);
        let reason = VoteRefusal::LeaderAlive;
        let refused = TraceEvent::VoteRefused { candidate: NodeId(2), term: Term(3), pre_vote: true, reason };
        let reply = Message::SnapshotReply(raftdeck_raft::SnapshotReply {
            term: Term(2),
            round: 1,
            last: LogId::default(),
            next_offset: 0,
            installed: false,
            refused: None,
        });
        for (heard, expected) in [(disk(3), None), (disk(7), Some(DEAF))] {
            let mut story = story();
            story.membership.incarnations.insert(NodeId(3), disk(3));
            story.tells(&role(Role::Candidate, Role::Leader), Timestamp(0), PATIENCE);
            story.hears(Sender::new(NodeId(3), heard), &reply, Timestamp(900_000));
            assert_eq!(broken(&mut story, std::slice::from_ref(&refused)), expected);
        }
    }
}
