//! Store requests of clients, and their outcomes.

use crate::known::Known;
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{LogId, LogIndex, NodeId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most clients with names that a source has at a time.
pub const MAX_CLIENTS: usize = 16;

/// Which client: each has a session of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientName {
    /// The deck's own.
    #[default]
    Own,
    /// One that a script named.
    Named(String),
}

impl ClientName {
    /// The longest name, in bytes.
    pub const LONGEST: usize = 32;

    /// The error of a source that has [`MAX_CLIENTS`] already.
    #[must_use]
    pub fn no_room(&self) -> String {
        format!(
            "there are {MAX_CLIENTS} named clients already, which is the maximum: use one of them instead of {self}"
        )
    }

    /// The error that no node serves, or that the client reaches none that does.
    #[must_use]
    pub fn nobody_to_ask(&self, some_node_serves: bool) -> String {
        if some_node_serves {
            format!("{self} reaches no node that is ready; nothing was changed")
        } else {
            "no node is ready; nothing was changed".to_owned()
        }
    }

    fn is_own(&self) -> bool {
        *self == Self::Own
    }

    /// Its name as a word and a blank; nothing for the deck's own.
    #[must_use]
    pub fn prefix(&self) -> String {
        match self {
            Self::Own => String::new(),
            Self::Named(name) => format!("{name} "),
        }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the deck's client"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// A store operation of the deck's user or a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOp {
    /// Changes something.
    Write(Write),
    /// Reads something.
    Read(Read),
}

/// A store request: its client, its operation, and its node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRequest {
    /// The client that asks.
    #[serde(default, skip_serializing_if = "ClientName::is_own")]
    pub client: ClientName,
    /// The operation.
    pub op: ClientOp,
    /// Only this node is asked, once; a write is sent to it outside any session. `None`: the client finds a node that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<NodeId>,
    /// The consistency of reads.
    #[serde(default, skip_serializing_if = "is_linearizable")]
    pub consistency: Consistency,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_linearizable(consistency: &Consistency) -> bool {
    *consistency == Consistency::Linearizable
}

/// The deck's own client asks any node; a read is linearizable.
impl From<ClientOp> for ClientRequest {
    fn from(op: ClientOp) -> Self {
        Self { client: ClientName::Own, op, at: None, consistency: Consistency::Linearizable }
    }
}

/// The outcome of a [`ClientRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOutcome {
    /// The cluster answered.
    Answered {
        /// The node that answered.
        node: NodeId,
        /// Its answer: `Done` or `Failed`.
        body: ResponseBody,
    },
    /// It did not answer: no leader was found in time, or the connection broke.
    Failed {
        /// A sentence that says so.
        reason: String,
        /// Whether it may have happened nevertheless.
        #[serde(default)]
        fate: RequestFate,
    },
}

/// The entry that an answer names (`at` of [`ResponseBody::Done`]). Of an engine that tells only the term, it is not known.
#[must_use]
pub fn answered_entry(at: LogId) -> Known<LogId> {
    if at.index == LogIndex::ZERO { Known::Unknown } else { Known::Is(at) }
}

/// Whether a request that has no answer may have changed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestFate {
    /// It certainly did not happen, and will not; or it was a read.
    NothingChanged,
    /// It may have happened, or may still happen.
    #[default]
    InDoubt,
}

/// What an outcome means for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOutcome<'a> {
    /// It was carried out: this is the answer.
    Done(&'a Answer),
    /// It certainly changed nothing; the reason, in words.
    Refused(String),
    /// It may have happened: what is known, in words.
    InDoubt(String),
}

impl ClientOutcome {
    /// What the outcome means for the store.
    #[must_use]
    pub fn judged(&self) -> StoreOutcome<'_> {
        match self {
            Self::Answered { body: ResponseBody::Done { answer, .. }, .. } => StoreOutcome::Done(answer),
            Self::Answered { node, body: ResponseBody::Failed(failure @ Failure::Unknown) } => {
                StoreOutcome::InDoubt(format!("{node} says: {failure}"))
            }
            Self::Answered { node, body: ResponseBody::Failed(failure) } => {
                StoreOutcome::Refused(format!("{node} says: {failure}"))
            }
            Self::Answered { node, .. } => {
                StoreOutcome::InDoubt(format!("{node} answered a different request"))
            }
            Self::Failed { reason, fate: RequestFate::NothingChanged } => {
                StoreOutcome::Refused(reason.clone())
            }
            Self::Failed { reason, fate: RequestFate::InDoubt } => StoreOutcome::InDoubt(reason.clone()),
        }
    }
}

/// A fault between a client and a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientLinkFault {
    /// Nothing passes. Connections break, and new ones fail.
    Cut,
    /// Requests are held on their way until this is undone. New connections still succeed.
    Hold,
    /// Requests arrive, and their answers are lost. New connections and sessions still succeed.
    LoseAnswers,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_doubt_is_a_doubt() {
        let failed =
            |failure| ClientOutcome::Answered { node: NodeId(1), body: ResponseBody::Failed(failure) };
        assert!(matches!(failed(Failure::Busy).judged(), StoreOutcome::Refused(_)));
        assert!(matches!(failed(Failure::Unknown).judged(), StoreOutcome::InDoubt(_)));
        let lost = |fate| ClientOutcome::Failed { reason: "no".to_owned(), fate };
        assert_eq!(lost(RequestFate::NothingChanged).judged(), StoreOutcome::Refused("no".to_owned()));
        assert_eq!(lost(RequestFate::InDoubt).judged(), StoreOutcome::InDoubt("no".to_owned()));
    }

    #[test]
    fn a_request_of_an_earlier_recording_is_the_decks_own() {
        let op = ClientOp::Read(Read::Get { key: "a".into() });
        let json = format!("{{\"op\":{}}}", serde_json::to_string(&op).expect("JSON"));
        assert_eq!(serde_json::from_str::<ClientRequest>(&json).expect("a request"), op.into());
        let failed = r#"{"failed":{"reason":"no"}}"#;
        let outcome: ClientOutcome = serde_json::from_str(failed).expect("an outcome");
        let expected = ClientOutcome::Failed { reason: "no".to_owned(), fate: RequestFate::InDoubt };
        assert_eq!(outcome, expected, "it does not say");
    }
}
