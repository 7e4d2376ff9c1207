//! The results of an operation's attempts so far, and the error that follows from them at its deadline.

use crate::asking::ClusterQuestion;
use crate::dial::DialError;
use crate::error::ClientError;
use raftdeck_raft::{ChangeError, NodeId, TransferError};
use std::fmt;
use std::io;
use std::time::Duration;

/// The results of an operation's attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    last: String,
    met: AttemptResult,
    /// An attempt was sent and not answered: what came in between.
    doubt: Option<String>,
    /// Where no connection came about, also in earlier rounds.
    tried: FailedAddresses,
    /// The newest refused handshake of this round.
    refused: Option<ClientError>,
    /// Attempts of this round that met anything else.
    others: usize,
}

/// The most relevant result of the newest attempts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum AttemptResult {
    #[default]
    Nobody,
    Answer,
    Busy,
    /// Its disk has not finished a write for this long.
    DiskStalled(Duration),
    /// This node does not know the commit index yet.
    NotCaughtUp(NodeId),
    /// It was sent and not answered; it changes nothing, so there is no doubt.
    Silence,
    Change(ChangeError),
    Transfer(TransferError),
}

impl Trail {
    pub(crate) fn begin_round(&mut self) {
        self.refused = None;
        self.others = 0;
    }

    /// No connection came about.
    pub(crate) fn unreached(&mut self, address: &str, error: DialError) {
        self.last = error.to_string();
        self.tried.add(address, &error);
        match ClientError::refused(error) {
            Ok(refused) => self.refused = Some(refused),
            Err(_) => self.others += 1,
        }
    }

    /// Nothing was sent.
    pub(crate) fn passed_over(&mut self, what: String) {
        self.others += 1;
        self.last = what;
    }

    /// A node rejected it. A leader's refusal says more than another node's answer that it does not lead.
    pub(crate) fn answered(&mut self, what: String, met: AttemptResult) {
        let refused_by_leader = matches!(self.met, AttemptResult::Change(_) | AttemptResult::Transfer(_));
        if !(refused_by_leader && met == AttemptResult::Answer) {
            self.met = met;
        }
        self.passed_over(what);
    }

    /// A read was sent, and no answer came.
    pub(crate) fn unanswered(&mut self, what: String) {
        self.met = AttemptResult::Silence;
        self.passed_over(what);
    }

    /// A write was sent, and no answer came.
    pub(crate) fn doubted(&mut self, why: String) {
        self.doubt = Some(why.clone());
        self.passed_over(why);
    }

    /// Why it may have happened, if it may.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.doubt.clone()
    }

    /// Whether this round met nothing but refused handshakes, which another round will not change.
    pub(crate) fn all_refused(&mut self) -> Option<ClientError> {
        if self.others == 0 && self.doubt.is_none() { self.refused.take() } else { None }
    }

    /// The operation's error when its time, `after`, is up.
    pub(crate) fn into_error(self, question: &ClusterQuestion, after: Duration) -> ClientError {
        if let Some(why) = self.doubt {
            return ClientError::Unknown { why };
        }
        let last = if self.last.is_empty() { "no node was tried in time".to_owned() } else { self.last };
        match self.met {
            AttemptResult::Busy => ClientError::Busy,
            AttemptResult::DiskStalled(waited) => ClientError::DiskStalled { waited },
            AttemptResult::NotCaughtUp(node) => ClientError::NotCaughtUp { node },
            AttemptResult::Change(error) => ClientError::Change(error),
            AttemptResult::Transfer(error) => ClientError::Transfer(error),
            AttemptResult::Silence if question.is_look() => ClientError::TimedOut { after, last },
            AttemptResult::Silence | AttemptResult::Answer => ClientError::NoLeader { after, last },
            AttemptResult::Nobody => ClientError::Unreachable { after, tried: self.tried.or(last) },
        }
    }
}

/// The addresses that failed, each with its last error; `None`: connection refused. Bounded by the known addresses.
#[derive(Debug, Default)]
pub(crate) struct FailedAddresses(Vec<(String, Option<String>)>);

impl FailedAddresses {
    pub(crate) fn add(&mut self, address: &str, error: &DialError) {
        let refuses = matches!(error, DialError::Connect { source, .. } if source.kind() == io::ErrorKind::ConnectionRefused);
        let met = (!refuses).then(|| error.to_string());
        match self.0.iter_mut().find(|(tried, _)| tried == address) {
            Some((_, last)) => *last = met,
            None => self.0.push((address.to_owned(), met)),
        }
    }

    /// All of it in words; if no address was tried, `otherwise`.
    fn or(self, otherwise: String) -> String {
        if self.0.is_empty() { otherwise } else { self.to_string() }
    }
}

impl fmt::Display for FailedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refuse = self.0.iter().filter(|(_, met)| met.is_none()).map(|(address, _)| address.as_str());
        let refuse = match &refuse.collect::<Vec<_>>()[..] {
            [] => None,
            [one] => Some(format!("{one} refuses connections (is a node running there?)")),
            [all @ .., last] => {
                let all = all.join(", ");
                Some(format!("{all} and {last} refuse connections (are nodes running there?)"))
            }
        };
        let others = self.0.iter().filter_map(|(_, met)| met.as_ref());
        let sentences: Vec<&str> = refuse.iter().chain(others).map(String::as_str).collect();
        f.write_str(&sentences.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::RequestBody;

    fn refused(address: &str) -> DialError {
        let source = io::ErrorKind::ConnectionRefused.into();
        DialError::Connect { address: address.to_owned(), source }
    }

    #[test]
    fn a_leaders_refusal_outlasts_that_the_others_do_not_lead() {
        let unknown = || ChangeError::NotIdentified { node: NodeId(4) };
        let mut trail = Trail::default();
        trail.answered("n2 does not lead".to_owned(), AttemptResult::Answer);
        trail.answered("n1 refuses".to_owned(), AttemptResult::Change(unknown()));
        trail.answered("n3 does not lead".to_owned(), AttemptResult::Answer);
        let question = ClusterQuestion::Once(RequestBody::ChangeMembership(Vec::new()));
        let error = trail.into_error(&question, Duration::from_secs(5));
        assert_eq!(error, ClientError::Change(unknown()));
    }

    #[test]
    fn what_was_tried_is_told_address_by_address() {
        let mut tried = FailedAddresses::default();
        tried.add("a:1", &refused("a:1"));
        assert_eq!(tried.to_string(), "a:1 refuses connections (is a node running there?)");
        tried.add("b:1", &DialError::Closed { address: "b:1".to_owned() });
        tried.add("c:1", &DialError::Closed { address: "c:1".to_owned() });
        tried.add("c:1", &refused("c:1"));
        assert_eq!(
            tried.to_string(),
            "a:1 and c:1 refuse connections (are nodes running there?); b:1 closed the connection during the handshake"
        );
    }
}
