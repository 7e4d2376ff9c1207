//! Which messages are accepted, by the identity of their senders and by their terms. Decides nothing about what
//! follows from them.

use super::{Raft, RoleState};
use crate::identity::{Incarnation, Sender};
use crate::membership::Membership;
use crate::message::Message;
use crate::mutants::{Mutant, is_active};
use crate::trace::TraceEvent;
use crate::types::{LogId, NodeId, Term};
use std::collections::BTreeSet;

/// One message raises the term by at most this much. A member that is alone without PreVote raises its term with every election
/// timeout, and gets so far ahead in two days and a half. One that is further ahead is reached in several steps. So no
/// single message uses up the terms: it would take 2^42 of them to get to the highest that a peer may name.
pub(super) const TERMS_AT_ONCE: u64 = 1 << 20;

/// Non-members that were reported already.
const STRANGERS: usize = 16;

/// Senders whose messages were ignored and reported. Each is reported once per membership, because such a sender
/// sends many messages.
pub(super) type Strangers = BTreeSet<Sender>;

impl Raft {
    /// Whether a message is taken in at all. Requests are accepted from any node: this member may be several changes of the
    /// membership behind, and its own is not the one that they are counted by (thesis §4.2.4). Answers are counted
    /// here, so they are accepted only from members, on the disk that the membership names: what an id's former life
    /// answered says nothing about its present one.
    pub(super) fn believes(&mut self, sender: Sender, message: &Message) -> bool {
        let is_request = match message {
            Message::PreVote(_)
            | Message::RequestVote(_)
            | Message::AppendEntries(_)
            | Message::InstallSnapshot(_) => true,
            Message::PreVoteReply(_)
            | Message::VoteReply(_)
            | Message::AppendReply(_)
            | Message::SnapshotReply(_)
            | Message::DiskStalled(_)
            | Message::TimeoutNow(_) => false,
        };
        if is_request {
            return true;
        }
        let known = self.known_as(sender.id);
        let is_believed = match known {
            KnownAs::Member(expected) => {
                let is_its_own = expected.is_none_or(|expected| sender.incarnation == Some(expected));
                is_its_own || is_active(Mutant::FormerLifeAnswers)
            }
            // It helps to tell it that it has left, and its term no longer matters.
            KnownAs::Leaving(expected) => {
                sender.incarnation == expected && message.term() <= self.hard_state.term
            }
            KnownAs::Stranger => is_active(Mutant::StrangersAnswer),
        };
        if !is_believed {
            self.ignore(sender, known);
        }
        is_believed
    }

    /// As what a node is known here, by the newest membership that may count.
    fn known_as(&self, id: NodeId) -> KnownAs {
        let mut newest_first = self.memberships.since(self.committed).rev();
        if let Some((_, membership)) = newest_first.find(|(_, membership)| membership.contains(id)) {
            return KnownAs::Member(membership.incarnations.get(&id).copied());
        }
        match &self.role {
            RoleState::Leader(leadership) => leadership
                .peers
                .get(&id)
                .map_or(KnownAs::Stranger, |progress| KnownAs::Leaving(progress.incarnation)),
            _ => KnownAs::Stranger,
        }
    }

    fn ignore(&mut self, sender: Sender, known: KnownAs) {
        if self.strangers.len() < STRANGERS && self.strangers.insert(sender) {
            let expected = match known {
                KnownAs::Member(expected) | KnownAs::Leaving(expected) => expected,
                KnownAs::Stranger => None,
            };
            let Sender { id: from, incarnation } = sender;
            self.trace(TraceEvent::StrangerIgnored { from, incarnation, expected });
        }
    }

    /// Whether this membership refers to this member, if it names its id: by its data directory, not one of a former life.
    pub(super) fn is_about_this(&self, membership: &Membership) -> bool {
        membership.knows_as(self.config.id, self.config.incarnation)
    }

    /// Whether this member votes by this membership.
    pub(super) fn votes_by(&self, membership: &Membership) -> bool {
        membership.is_voter(self.config.id)
            && (self.is_about_this(membership) || is_active(Mutant::FormerLifeCampaigns))
    }

    /// The place in the log of the membership in force; if a snapshot has taken the place of its entry, where the log begins. Of two
    /// logs, the one whose place is later in the order of terms, then indices, has the newer membership: one of a later leader may
    /// stand at a lower index than one that was never committed.
    #[must_use]
    pub fn membership_place(&self) -> LogId {
        let (index, _) = self.memberships.latest();
        self.log.term(index).map_or(self.log.base(), |term| LogId { term, index })
    }

    /// [`membership_place`](Self::membership_place), if this member belongs to the cluster by that membership.
    #[must_use]
    pub fn named_at(&self) -> Option<LogId> {
        let membership = self.membership();
        let is_named = membership.contains(self.config.id) && self.is_about_this(membership);
        is_named.then(|| self.membership_place())
    }

    /// The part of the way to this term that is taken immediately.
    pub(super) fn within_reach(&self, term: Term) -> Term {
        term.min(Term(self.hard_state.term.0.saturating_add(TERMS_AT_ONCE)))
    }
}

/// What a node is known as.
#[derive(Clone, Copy, Debug)]
enum KnownAs {
    /// A member, with this disk if that is known.
    Member(Option<Incarnation>),
    /// It left, and is still informed of that. It answered from this disk.
    Leaving(Option<Incarnation>),
    /// None of either.
    Stranger,
}
