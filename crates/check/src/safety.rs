//! Follows all members together and reports violated properties.

use crate::alone::{durable, enter, has_on_disk, purged, replace_log, shown, survives, truncated, vote};
use crate::committed::{Committed, Difference, Incomplete};
use crate::log::{Log, LogMisfit, RunOrigin};
use crate::member::{Knowledge, Member};
use crate::observation::Observation;
use crate::property::{Broken, Property, Violation, broken};
use raftdeck_raft::{LogId, LogIndex, NodeId, Role, Status, Term, TermRun, TraceEvent};
use std::collections::{BTreeMap, BTreeSet};

/// The state hashes of this many newest applied indices are kept.
const STATES: usize = 16_384;

/// Reads the members' observations, in an order in which causes come before effects, and compares only what changed.
///
/// Its memory grows with the number of terms, not with the number of entries.
#[derive(Debug, Default)]
pub struct SafetyChecker {
    /// The first membership, if all disks are watched.
    voters: Option<BTreeSet<NodeId>>,
    members: BTreeMap<NodeId, Member>,
    /// The leader of a term, and whether its election was seen.
    leaders: BTreeMap<Term, (NodeId, bool)>,
    /// Where the entries of a term begin, and the entry before: by it, logs match (see [`Self::check_origin`]).
    origins: BTreeMap<Term, (LogIndex, LogId)>,
    committed: Committed,
    states: BTreeMap<LogIndex, (u64, NodeId)>,
    /// A member reported a membership other than the first.
    membership_changed: bool,
    /// Some trace is lost: not everything that was committed is known.
    has_gaps: bool,
}

impl SafetyChecker {
    /// A checker that receives every completed disk write ([`Observation::Durable`]) of every member, and so can
    /// also judge [`Property::DurableBeforeCounted`]. `voters`: the membership that the cluster starts with.
    #[must_use]
    pub fn watching_disks(voters: BTreeSet<NodeId>) -> Self {
        Self { voters: Some(voters), ..Self::default() }
    }

    /// Takes in what was seen at a member. After a violation the checker's view is no longer valid.
    pub fn observe(
        &mut self,
        at_micros: u64,
        node: NodeId,
        observation: &Observation,
    ) -> Result<(), Violation> {
        let mut member = self.members.remove(&node).unwrap_or_default();
        let result = self.take_in(node, &mut member, observation);
        self.members.insert(node, member);
        result.map_err(|(property, sentence)| Violation { property, node, at_micros, sentence })
    }

    fn take_in(&mut self, node: NodeId, member: &mut Member, seen: &Observation) -> Result<(), Broken> {
        match seen {
            Observation::Trace(event) => self.event(node, member, event),
            Observation::Durable { term, vote, through } => durable(node, member, *term, *vote, *through),
            Observation::State { applied, state_hash } => self.state(node, member, *applied, *state_hash),
            Observation::Status(status) => self.status(node, member, status),
            Observation::Stopped => {
                member.stop();
                Ok(())
            }
            Observation::DiskReplaced => {
                member.lose_disk();
                Ok(())
            }
            Observation::Missed => {
                self.has_gaps = true;
                member.miss();
                Ok(())
            }
        }
    }

    fn event(&mut self, node: NodeId, member: &mut Member, event: &TraceEvent) -> Result<(), Broken> {
        match event {
            TraceEvent::Started { term, last, vote, purged, runs } => {
                self.started(node, member, (*term, *vote), *last, *purged, runs)
            }
            TraceEvent::ElectionStarted { term, pre_vote: false } => {
                enter(node, member, *term)?;
                vote(node, member, *term, node)
            }
            TraceEvent::VoteGranted { candidate, term, pre_vote: false } => {
                enter(node, member, *term)?;
                vote(node, member, *term, *candidate)
            }
            TraceEvent::VoteReceived { from, granted: true, pre_vote: false, .. } => {
                self.vote_counted(node, member.term, *from)
            }
            TraceEvent::RoleChanged { to, term, .. } => {
                enter(node, member, *term)?;
                member.role = Some(*to);
                if *to == Role::Leader { self.elected(node, member, *term) } else { Ok(()) }
            }
            TraceEvent::SteppedDown { term, .. } | TraceEvent::LeaderChanged { term, .. } => {
                enter(node, member, *term)
            }
            TraceEvent::Appended { first, last, term } => {
                self.appended(node, member, TermRun { term: *term, first: *first, last: *last })
            }
            TraceEvent::Truncated { from, .. } => truncated(node, member, *from),
            TraceEvent::Committed { through } => self.commit(node, member, *through),
            TraceEvent::MembershipChanged { membership, .. } => {
                self.membership_changed = true;
                member.membership = Some(membership.clone());
                Ok(())
            }
            TraceEvent::SnapshotTaken { last, .. } => self.snapshot_taken(node, member, *last),
            TraceEvent::SnapshotInstalled { last, kept_log } => {
                self.snapshot_installed(node, member, *last, *kept_log)
            }
            TraceEvent::Purged { through } => purged(node, member, *through),
            _ => Ok(()),
        }
    }

    fn started(
        &mut self,
        node: NodeId,
        member: &mut Member,
        (term, vote): (Term, Option<NodeId>),
        last: LogIndex,
        purged: LogId,
        runs: &[TermRun],
    ) -> Result<(), Broken> {
        if let Some((durable_term, durable_vote)) = member.disk {
            if term < durable_term {
                return broken(
                    Property::Durability,
                    format!("{node} starts in term {term}, but term {durable_term} was on its disk"),
                );
            }
            if term == durable_term && durable_vote.is_some() && vote != durable_vote {
                return broken(
                    Property::OneVoteATerm,
                    format!("{node} starts without the vote of term {term} that was on its disk"),
                );
            }
        }
        let Some(log) = Log::new(purged, runs).filter(|log| log.last().index == last) else {
            return broken(Property::CursorOrder, format!("{node} starts with a log that has gaps"));
        };
        let survived = member.known_log().map(|old| survives(node, old, member.durable, &log));
        self.has_gaps |= purged.index > self.committed.last();
        *member = Member {
            is_running: true,
            role: Some(Role::Follower),
            term,
            vote: vote.map(|vote| (term, vote)),
            durable: last,
            disk: member.disk.or(self.voters.as_ref().map(|_| (term, vote))),
            membership: None,
            former: member.former,
            former_disk: member.former_disk,
            log: Knowledge::Known(log.clone()),
            ..Member::default()
        };
        survived.unwrap_or(Ok(()))?;
        self.contradicts(node, purged)?;
        for origin in log.origins() {
            self.check_origin(node, &origin)?;
        }
        Ok(())
    }

    /// A member's vote counts: it must be on its disk.
    fn vote_counted(&self, candidate: NodeId, term: Term, from: NodeId) -> Result<(), Broken> {
        let (Some(_), Some(voter)) = (&self.voters, self.members.get(&from)) else { return Ok(()) };
        let Some((disk_term, disk_vote)) = voter.disk else { return Ok(()) };
        let shows =
            |disk_term, disk_vote| disk_term > term || (disk_term == term && disk_vote == Some(candidate));
        if shows(disk_term, disk_vote) || voter.former_disk.is_some_and(|(term, vote)| shows(term, vote)) {
            return Ok(());
        }
        broken(
            Property::DurableBeforeCounted,
            format!("{candidate} counts {from}'s vote in term {term}, which is not on {from}'s disk"),
        )
    }

    fn elected(&mut self, node: NodeId, member: &Member, term: Term) -> Result<(), Broken> {
        match self.leaders.insert(term, (node, true)) {
            Some((other, _)) if other != node => {
                return broken(
                    Property::ElectionSafety,
                    format!("{node} leads term {term}, which {other} led already"),
                );
            }
            Some((_, true)) => {
                return broken(
                    Property::ElectionSafety,
                    format!("{node} wins a second election in term {term}"),
                );
            }
            _ => {}
        }
        if self.voters.is_some() && member.disk.is_some_and(|disk| disk < (term, Some(node))) {
            return broken(
                Property::DurableBeforeCounted,
                format!("{node} counts its own vote in term {term}, which is not on its disk"),
            );
        }
        let Some(log) = member.known_log() else { return Ok(()) };
        self.committed.elected(node, term, log).or_else(|difference| lacking(node, term, difference))
    }

    fn appended(&mut self, node: NodeId, member: &mut Member, run: TermRun) -> Result<(), Broken> {
        let (log, is_known) = match &mut member.log {
            Knowledge::Nothing => return Ok(()),
            Knowledge::Perhaps(log) => (log, false),
            Knowledge::Known(log) => (log, true),
        };
        let last = log.last();
        match log.append(run) {
            Ok(_) | Err(_) if !is_known => Ok(()),
            Ok(None) => Ok(()),
            Ok(Some(origin)) => self.check_origin(node, &origin),
            Err(LogMisfit::Gap) => broken(
                Property::CursorOrder,
                format!("{node} appends {} to a log that ends at {}", run.first, last.index),
            ),
            Err(LogMisfit::TermFalls) => broken(
                Property::LogMatching,
                format!("{node} appends an entry of term {} after one of term {}", run.term, last.term),
            ),
        }
    }

    /// A term has one leader, which appends the term's entries one after another. So in all logs they begin at the
    /// same index, behind the same entry, which is by the same argument behind the same entries as everywhere.
    fn check_origin(&mut self, node: NodeId, origin: &RunOrigin) -> Result<(), Broken> {
        let RunOrigin { term, first, before } = *origin;
        let (known_first, known_before) = *self.origins.entry(term).or_insert((first, before));
        if (known_first, known_before) == (first, before) {
            return Ok(());
        }
        broken(
            Property::LogMatching,
            format!(
                "{node}'s entries of term {term} begin at {first} behind an entry of term {}, elsewhere at {known_first} behind one of term {}",
                before.term, known_before.term
            ),
        )
    }

    fn commit(&mut self, node: NodeId, member: &mut Member, through: LogIndex) -> Result<(), Broken> {
        if member.committed.is_some_and(|committed| through <= committed) {
            return broken(
                Property::Monotony,
                format!("{node}'s commit index goes from {} to {through}", shown(member.committed)),
            );
        }
        let before = member.committed.replace(through);
        let Some(log) = member.known_log() else { return Ok(()) };
        if through > log.last().index {
            return broken(
                Property::CursorOrder,
                format!("{node} commits {through}, but its log ends at {}", log.last().index),
            );
        }
        let first = before.unwrap_or(LogIndex::ZERO).next();
        for run in log.runs_within(first.max(log.start().index.next()), through) {
            self.committed.add(run).or_else(|difference| differing(node, difference))?;
        }
        if member.role == Some(Role::Leader) {
            self.check_majority(node, member, through)?;
        }
        self.committed
            .mark(through, member.term)
            .or_else(|Incomplete { leader, term, difference }| lacking(leader, term, difference))
    }

    /// A leader commits what majorities have on their disks.
    fn check_majority(&self, node: NodeId, leader: &Member, through: LogIndex) -> Result<(), Broken> {
        let Some((membership, term)) =
            self.in_force(leader).zip(leader.known_log().and_then(|log| log.term(through)))
        else {
            return Ok(());
        };
        let has = |id: &NodeId| {
            let member = if *id == node { Some(leader) } else { self.members.get(id) };
            member.is_some_and(|member| has_on_disk(member, LogId { term, index: through }))
        };
        for half in membership.iter().filter(|half| !half.is_empty()) {
            let holders = half.iter().filter(|id| has(id)).count();
            if holders * 2 <= half.len() {
                return broken(
                    Property::DurableBeforeCounted,
                    format!(
                        "{node} commits {through} in term {}, which is on {holders} of {} disks only",
                        leader.term,
                        half.len()
                    ),
                );
            }
        }
        Ok(())
    }

    /// The voters of both halves, if all disks are watched and the leader's membership is known for certain.
    fn in_force(&self, leader: &Member) -> Option<[BTreeSet<NodeId>; 2]> {
        let voters = self.voters.as_ref()?;
        match &leader.membership {
            Some(membership) => Some([membership.voters.clone(), membership.outgoing.clone()]),
            None if !self.membership_changed => Some([voters.clone(), BTreeSet::new()]),
            None => None,
        }
    }

    fn snapshot_taken(&mut self, node: NodeId, member: &mut Member, last: LogId) -> Result<(), Broken> {
        member.snapshot = Some(last.index);
        if last.index > self.committed.last() && !self.has_gaps {
            return broken(
                Property::CursorOrder,
                format!("{node} takes a snapshot through {}, which no node committed", last.index),
            );
        }
        self.contradicts(node, last)
    }

    fn snapshot_installed(
        &mut self,
        node: NodeId,
        member: &mut Member,
        last: LogId,
        kept_log: bool,
    ) -> Result<(), Broken> {
        if member.role == Some(Role::Leader) {
            return broken(
                Property::LeaderAppendOnly,
                format!("{node} leads term {} and replaces its log by a snapshot", member.term),
            );
        }
        if member.committed.is_some_and(|committed| last.index <= committed) {
            return broken(
                Property::Monotony,
                format!(
                    "{node} goes back to a snapshot of {}, though it committed {}",
                    last.index,
                    shown(member.committed)
                ),
            );
        }
        if last.index > self.committed.last() && !self.has_gaps {
            return broken(
                Property::CursorOrder,
                format!("{node} installs a snapshot through {}, which no node committed", last.index),
            );
        }
        self.contradicts(node, last)?;
        member.committed = Some(last.index);
        member.snapshot = Some(last.index);
        replace_log(node, member, last, kept_log)
    }

    fn state(
        &mut self,
        node: NodeId,
        member: &mut Member,
        applied: LogIndex,
        hash: u64,
    ) -> Result<(), Broken> {
        if applied < member.applied {
            return broken(
                Property::Monotony,
                format!("{node}'s applied index goes from {} to {applied}", member.applied),
            );
        }
        member.applied = applied;
        if applied > self.committed.last() && !self.has_gaps {
            return broken(
                Property::StateMachineSafety,
                format!("{node} applied {applied}, which no node committed"),
            );
        }
        let (first_hash, first) = *self.states.entry(applied).or_insert((hash, node));
        if self.states.len() > STATES {
            self.states.pop_first();
        }
        if first_hash == hash {
            return Ok(());
        }
        broken(
            Property::EqualStates,
            format!(
                "{node}'s state after entry {applied} is not {first}'s: {hash:016x} and {first_hash:016x}"
            ),
        )
    }

    /// Statuses come by another way than the trace and may be a little behind or ahead of it, so that only what can
    /// be said all the same is judged.
    fn status(&mut self, node: NodeId, member: &mut Member, status: &Status) -> Result<(), Broken> {
        if !member.is_running {
            member.is_running = true;
            self.has_gaps = true;
        }
        member.learn_log(status);
        if status.role != Role::Leader {
            return Ok(());
        }
        if let Some(follower) = member.note_reached(status) {
            return broken(
                Property::Monotony,
                format!("{node}, the leader of term {}, lowers the match index of {follower}", status.term),
            );
        }
        match *self.leaders.entry(status.term).or_insert((node, false)) {
            (leader, _) if leader != node => broken(
                Property::ElectionSafety,
                format!("{node} leads term {}, which {leader} led already", status.term),
            ),
            _ => Ok(()),
        }
    }

    fn contradicts(&self, node: NodeId, id: LogId) -> Result<(), Broken> {
        self.committed.contradicts(id).map_or(Ok(()), |difference| differing(node, difference))
    }
}

fn lacking(leader: NodeId, term: Term, difference: Difference) -> Result<(), Broken> {
    let Difference { index, committed, found } = difference;
    let instead = found.map_or("nothing".to_owned(), |term| format!("one of term {term}"));
    broken(
        Property::LeaderCompleteness,
        format!(
            "{leader} leads term {term} without the committed entry {index} of term {committed}: it has {instead}"
        ),
    )
}

fn differing(node: NodeId, difference: Difference) -> Result<(), Broken> {
    let Difference { index, committed, found } = difference;
    let found = found.map_or("nothing".to_owned(), |term| format!("one of term {term}"));
    broken(
        Property::StateMachineSafety,
        format!(
            "{node} takes {found} for the committed entry {index}, elsewhere it is one of term {committed}"
        ),
    )
}
