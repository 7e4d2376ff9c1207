//! Why a call has no answer, and whether it may have been carried out.
//!
//! etcd's errors are texts with a gRPC code, and the codes alone say too little: `Unavailable` is "no leader", before anything was done,
//! and "request timed out", after the proposal was made. So the texts are judged (`api/v3rpc/rpctypes/error.go`), and what is not known
//! counts as in doubt.

use raftdeck_model::RequestFate;
use raftdeck_protocol::printable;
use tonic::{Code, Status};

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The request was not sent.
    #[error("{url} is not reached: {why}")]
    Unreached {
        /// The member's client URL.
        url: String,
        /// In words.
        why: String,
    },
    /// The request was sent, and no answer came.
    #[error("{url} did not answer: {why}")]
    Lost {
        /// The member's client URL.
        url: String,
        /// In words.
        why: String,
    },
    /// The member answered with an error.
    #[error("{text}")]
    Refused {
        /// What that means.
        refusal: Refusal,
        /// The member's own words, in one line.
        text: String,
    },
}

/// What an error of an etcd member means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The member knows no leader, so it did nothing; or the leader dropped the proposal.
    NoLeader,
    /// Only the leader does this, and the member is not it.
    NotLeader,
    /// A learner does not do this.
    IsLearner,
    /// The member is not ready yet: it learns what its cluster can do.
    NotReady,
    /// Too much is under way.
    Busy,
    /// The database is full.
    NoSpace,
    /// The user may not do this.
    Denied,
    /// The token is missing or no longer valid, or the users have changed since it was made. A user authenticates anew.
    TokenExpired,
    /// The cluster has no authentication.
    NoAuthentication,
    /// No such member.
    NotMember,
    /// There is such a member already, or one with this peer URL.
    AlreadyMember,
    /// Only a learner is promoted, and the member is a voter.
    NotLearner,
    /// The learner has not caught up yet.
    LearnerNotReady,
    /// The change would leave too few connected or started members. With `--strict-reconfig-check`, the default, a member counts as
    /// connected after five seconds.
    Unhealthy,
    /// The cluster has as many learners as it may have.
    TooManyLearners,
    /// The leadership cannot be handed to this member.
    BadTransferee,
    /// The request is invalid; nothing was done.
    Invalid,
    /// The leader changed or time ran out while the request was under way.
    TimedOut,
    /// Anything else: it is not known whether something was done.
    Other,
}

/// The beginnings of etcd's errors that say more than their codes.
const TEXTS: &[(&str, Refusal)] = &[
    ("etcdserver: no leader", Refusal::NoLeader),
    ("raft proposal dropped", Refusal::NoLeader),
    ("etcdserver: not leader", Refusal::NotLeader),
    ("etcdserver: rpc not supported for learner", Refusal::IsLearner),
    ("etcdserver: not capable", Refusal::NotReady),
    ("etcdserver: too many requests", Refusal::Busy),
    ("etcdserver: mvcc: database space exceeded", Refusal::NoSpace),
    ("etcdserver: permission denied", Refusal::Denied),
    ("etcdserver: user name is empty", Refusal::TokenExpired),
    ("etcdserver: authentication failed", Refusal::Denied),
    ("etcdserver: invalid auth token", Refusal::TokenExpired),
    ("etcdserver: revision of auth store is old", Refusal::TokenExpired),
    ("etcdserver: authentication is not enabled", Refusal::NoAuthentication),
    ("etcdserver: member not found", Refusal::NotMember),
    ("etcdserver: member ID already exist", Refusal::AlreadyMember),
    ("etcdserver: Peer URLs already exists", Refusal::AlreadyMember),
    ("etcdserver: can only promote a learner member which is in sync", Refusal::LearnerNotReady),
    ("etcdserver: can only promote a learner member", Refusal::NotLearner),
    ("etcdserver: re-configuration failed due to not enough started members", Refusal::Unhealthy),
    ("etcdserver: unhealthy cluster", Refusal::Unhealthy),
    ("etcdserver: too many learner members", Refusal::TooManyLearners),
    ("etcdserver: bad leader transferee", Refusal::BadTransferee),
    ("etcdserver: leader changed", Refusal::TimedOut),
    ("etcdserver: request timed out", Refusal::TimedOut),
    ("etcdserver: server stopped", Refusal::TimedOut),
    ("context deadline exceeded", Refusal::TimedOut),
];

impl Refusal {
    fn of(code: Code, text: &str) -> Self {
        if let Some((_, refusal)) = TEXTS.iter().find(|(begin, _)| text.starts_with(begin)) {
            return *refusal;
        }
        match code {
            Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unimplemented => {
                Self::Invalid
            }
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied,
            _ => Self::Other,
        }
    }

    /// Whether a request with this answer may have been carried out.
    #[must_use]
    pub fn fate(self) -> RequestFate {
        match self {
            Self::TimedOut | Self::Other => RequestFate::InDoubt,
            _ => RequestFate::NothingChanged,
        }
    }

    /// Whether another member, or the same one a little later, may answer otherwise.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::NoLeader
                | Self::NotLeader
                | Self::IsLearner
                | Self::NotReady
                | Self::Busy
                | Self::TimedOut
                | Self::Other
        )
    }
}

impl CallError {
    pub(crate) fn refused(status: &Status) -> Self {
        let text = status.message();
        let refusal = Refusal::of(status.code(), text);
        let text = if text.is_empty() { status.code().description() } else { text };
        Self::Refused { refusal, text: printable::line(text).into_owned() }
    }

    /// Whether the request may have been carried out, if it changes something.
    #[must_use]
    pub fn fate(&self) -> RequestFate {
        match self {
            Self::Unreached { .. } => RequestFate::NothingChanged,
            Self::Lost { .. } => RequestFate::InDoubt,
            Self::Refused { refusal, .. } => refusal.fate(),
        }
    }

    /// What the member said, if it said something.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Unreached { .. } | Self::Lost { .. } => None,
        }
    }

    /// Whether another member, or the same one a little later, may answer otherwise.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.refusal().is_none_or(Refusal::passes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(code: Code, text: &str) -> RequestFate {
        CallError::refused(&Status::new(code, text)).fate()
    }

    #[test]
    fn one_code_means_both_nothing_done_and_in_doubt() {
        for text in ["etcdserver: no leader", "etcdserver: not capable", "etcdserver: unhealthy cluster"] {
            assert_eq!(fate(Code::Unavailable, text), RequestFate::NothingChanged, "{text}");
        }
        for text in [
            "etcdserver: request timed out",
            "etcdserver: request timed out, possibly due to previous leader failure",
            "etcdserver: request timed out, possibly due to connection lost",
            "etcdserver: leader changed",
            "etcdserver: server stopped",
            "transport is closing",
        ] {
            assert_eq!(fate(Code::Unavailable, text), RequestFate::InDoubt, "{text}");
        }
        assert_eq!(fate(Code::Unknown, "raft proposal dropped"), RequestFate::NothingChanged);
        assert_eq!(fate(Code::Unknown, "something new"), RequestFate::InDoubt);
        assert_eq!(fate(Code::DeadlineExceeded, "context deadline exceeded"), RequestFate::InDoubt);
        assert_eq!(
            fate(Code::InvalidArgument, "etcdserver: key is not provided"),
            RequestFate::NothingChanged
        );
    }

    #[test]
    fn of_two_texts_with_the_same_beginning_the_longer_one_counts() {
        let refusal = |text| CallError::refused(&Status::new(Code::FailedPrecondition, text)).refusal();
        assert_eq!(refusal("etcdserver: can only promote a learner member"), Some(Refusal::NotLearner));
        assert_eq!(
            refusal("etcdserver: can only promote a learner member which is in sync with leader"),
            Some(Refusal::LearnerNotReady)
        );
    }
}
