//! What is remembered of one node, and how much of it is still certain.
//!
//! A sentence may say why something happened only if all events between the cause and the effect were seen. So everything here that
//! rests on an unbroken row of events is forgotten as soon as one of them is lost.

use raftdeck_raft::{LogIndex, Membership, NodeId, Role, Term};
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a node campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CampaignCause {
    /// How long it heard no leader.
    Silence(Duration),
    /// Its leader hands over the leadership.
    HandOver,
    /// Neither an election timeout nor a leader: an order.
    Order,
}

/// A campaign of which every event was seen.
#[derive(Clone, Copy, Debug)]
struct Campaign {
    term: Term,
    /// The votes that it had when the last answer arrived, and how many it needed; `None`: no answer has arrived.
    counted: Option<(usize, usize)>,
}

/// The votes by which a leader was elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VoteCount {
    /// So many of the votes of a configuration.
    Of(usize, usize),
    /// So many votes, and as many as were needed; the configuration is not known.
    Needed(usize, usize),
}

/// The state that is remembered of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeMemory {
    /// Whether its newest event was seen, so that the next one follows it directly.
    is_unbroken: bool,
    /// The cause of the campaign that it is about to start, if that is certain.
    pub(super) cause: Option<CampaignCause>,
    /// The role that it has just left, if that was its newest event.
    left: Option<Role>,
    /// The term in which it last asked for pre-votes.
    asked: Option<Term>,
    /// The terms in which it last answered a request for pre-votes, and whether it granted it, by candidate.
    answered: BTreeMap<NodeId, (Term, bool)>,
    campaign: Option<Campaign>,
    /// Whether it is known to lead.
    leads: bool,
    /// The configuration in force at it, and where that stands in its log.
    membership: Option<(LogIndex, Membership)>,
}

impl NodeMemory {
    /// Some of its events were lost here.
    pub(super) fn lose_track(&mut self) {
        let Self { asked, answered, .. } = std::mem::take(self);
        // These only decide whether something is new.
        *self = Self { asked, answered, ..Self::default() };
    }

    /// Another event of the node is seen. Returns the role that it left with the event before.
    pub(super) fn note_event(&mut self) -> Option<Role> {
        self.left.take()
    }

    /// The event has been handled.
    pub(super) fn settle(&mut self) {
        self.is_unbroken = true;
    }

    /// Whether nothing is missing between its events. Of a node whose configuration is not told, as a member of etcd, election timeouts are
    /// not told either.
    fn is_told_whole(&self) -> bool {
        self.is_unbroken && self.membership.is_some()
    }

    pub(super) fn change_role(&mut self, from: Role, to: Role) {
        self.left = Some(from);
        self.leads = to == Role::Leader;
        match to {
            // After an election timeout the cause is known by now. A pre-candidate was promised votes, which is no news.
            Role::Candidate if from != Role::PreCandidate && self.is_told_whole() && self.cause.is_none() => {
                self.cause = Some(CampaignCause::Order);
            }
            Role::Follower => {
                (self.cause, self.campaign) = (None, None);
            }
            Role::PreCandidate | Role::Candidate | Role::Leader => {}
        }
    }

    /// It asks for pre-votes. Says whether it asked for the same ones before, in vain.
    pub(super) fn ask(&mut self, term: Term) -> bool {
        self.campaign = None;
        self.asked.replace(term) == Some(term)
    }

    pub(super) fn campaign(&mut self, term: Term) {
        self.campaign = Some(Campaign { term, counted: None });
    }

    /// It answers a candidate's request for a pre-vote. Says whether it gave the same answer before.
    pub(super) fn answer(&mut self, candidate: NodeId, term: Term, is_granted: bool) -> bool {
        self.answered.insert(candidate, (term, is_granted)) == Some((term, is_granted))
    }

    /// An answer to its campaign has arrived.
    pub(super) fn count(&mut self, votes: usize, needed: usize) {
        if let Some(campaign) = &mut self.campaign {
            campaign.counted = Some((votes, needed));
        }
    }

    pub(super) fn use_membership(&mut self, index: LogIndex, membership: &Membership) {
        self.membership = Some((index, membership.clone()));
    }

    /// The configuration at this index, if the node is known to lead and to use it.
    pub(super) fn leads_with(&self, at: LogIndex) -> Option<&Membership> {
        let (index, membership) = self.membership.as_ref().filter(|_| self.leads)?;
        (*index == at && !membership.voters.is_empty()).then_some(membership)
    }

    /// By how many votes it was elected in this term, if all of them were seen.
    ///
    /// Its own vote counts when it is on its disk, which is no event: if the answers alone did not suffice, it came last.
    pub(super) fn votes(&self, term: Term) -> Option<VoteCount> {
        let campaign = self.campaign.filter(|campaign| campaign.term == term)?;
        let membership = self.membership.as_ref().map(|(_, membership)| membership);
        match (membership, campaign.counted) {
            // The votes of a joint configuration are two counts, so that a single number would be wrong.
            (Some(membership), _) if membership.is_joint() => None,
            (Some(membership), counted) => {
                let of = membership.voters.len();
                let needed = of / 2 + 1;
                let votes = match counted {
                    Some((votes, _)) if votes >= needed => votes,
                    Some((votes, _)) => votes + 1,
                    None => 1,
                };
                (needed..=of).contains(&votes).then_some(VoteCount::Of(votes, of))
            }
            (None, Some((votes, needed))) if votes >= needed => Some(VoteCount::Needed(votes, needed)),
            (None, _) => None,
        }
    }
}
