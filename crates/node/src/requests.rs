//! The requests under way: who waits for which answer. Carries nothing out.

use crate::clients::{ConnectionId, Place};
use raftdeck_client::split;
use raftdeck_protocol::{Failure, Response, ResponseBody};
use raftdeck_raft::MembershipChange;
use raftdeck_replica::RequestToken;
use std::collections::HashMap;

/// Requests that wait for their answer; more are told "busy".
const MAX_WAITING: usize = 8192;

/// The most steps of one change of the membership, and the longest address in it: both stay in the log.
const MAX_CHANGES: usize = 64;
const MAX_ADDRESS: usize = 256;

/// The most members. Each connects to each, a port serves only so many, and a snapshot has a bound on what it says of them:
/// over that none could be saved any more.
const MAX_MEMBERS: usize = 100;

/// Where an answer goes.
#[derive(Debug)]
pub(crate) struct Answerable {
    pub(crate) connection: ConnectionId,
    pub(crate) id: u64,
    pub(crate) place: Place,
}

impl Answerable {
    pub(crate) fn answer(self, body: ResponseBody) {
        self.place.send(Response { id: self.id, body });
    }

    pub(crate) fn fail(self, failure: Failure) {
        self.answer(ResponseBody::Failed(failure));
    }
}

/// A request under way.
#[derive(Debug)]
struct Waiting {
    asked: Answerable,
    is_write: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: HashMap<RequestToken, Waiting>,
    newest: u64,
}

impl Requests {
    /// Gives a request its token; `None`: too many wait, and it was told so.
    pub(crate) fn enter(&mut self, asked: Answerable, is_write: bool) -> Option<RequestToken> {
        if self.waiting.len() >= MAX_WAITING {
            asked.fail(Failure::Busy);
            return None;
        }
        self.newest += 1;
        let token = RequestToken(self.newest);
        self.waiting.insert(token, Waiting { asked, is_write });
        Some(token)
    }

    pub(crate) fn answer(&mut self, token: RequestToken, body: ResponseBody) {
        if let Some(waiting) = self.waiting.remove(&token) {
            waiting.asked.answer(body);
        }
    }

    /// Nobody is there any more to hear these answers.
    pub(crate) fn forget(&mut self, connection: ConnectionId) -> Vec<RequestToken> {
        let theirs = |waiting: &Waiting| waiting.asked.connection == connection;
        let tokens: Vec<RequestToken> =
            self.waiting.iter().filter(|(_, waiting)| theirs(waiting)).map(|(token, _)| *token).collect();
        for token in &tokens {
            self.waiting.remove(token);
        }
        tokens
    }

    /// The node stops: reads will not be answered, writes may still be carried out by the others.
    pub(crate) fn give_up(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            waiting.asked.fail(if waiting.is_write { Failure::Unknown } else { Failure::Stopping });
        }
    }
}

/// Whether a change of a membership of this size can go into the log as far as its form is concerned. The core checks its
/// sense.
pub(crate) fn check_changes(changes: &[MembershipChange], members: usize) -> Result<(), Failure> {
    let added = changes.iter().filter(|change| matches!(change, MembershipChange::AddLearner { .. })).count();
    if added > 0 && members + added > MAX_MEMBERS {
        let why = format!("{} members are too many: at most {MAX_MEMBERS}", members + added);
        return Err(Failure::Invalid(why));
    }
    if changes.len() > MAX_CHANGES {
        let why = format!("{} steps are too many for one change: at most {MAX_CHANGES}", changes.len());
        return Err(Failure::Invalid(why));
    }
    changes.iter().try_for_each(|change| match change {
        MembershipChange::AddLearner { address, .. } => check_address(address),
        MembershipChange::Promote { .. } | MembershipChange::Remove { .. } => Ok(()),
    })
}

/// Whether others can reach somebody at this address.
pub(crate) fn check_address(address: &str) -> Result<(), Failure> {
    if address.len() > MAX_ADDRESS {
        let why = format!("an address of {} bytes is too long: at most {MAX_ADDRESS}", address.len());
        return Err(Failure::Invalid(why));
    }
    match split(address) {
        Ok((_, 0)) => {
            Err(Failure::Invalid(format!("{address} has port 0: say which port the node listens on")))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Invalid(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::NodeId;

    fn add(address: &str) -> MembershipChange {
        MembershipChange::AddLearner { node: NodeId(4), address: address.to_owned() }
    }

    #[test]
    fn a_change_that_has_no_place_in_the_log_is_refused_with_a_sentence() {
        let cases = [
            (vec![add("nowhere")], "write HOST:PORT"),
            (vec![add("127.0.0.1:0")], "port 0"),
            (vec![add(&format!("{}:1", "h".repeat(300)))], "too long"),
            (vec![add("127.0.0.1:8080"); 65], "at most 64"),
        ];
        for (changes, part) in cases {
            let failure = check_changes(&changes, 3).expect_err("is refused").to_string();
            assert!(failure.contains(part), "{failure:?} does not say {part:?}");
        }
        let promote = MembershipChange::Promote { node: NodeId(4) };
        assert_eq!(check_changes(&[add("127.0.0.1:8080"), promote.clone()], 3), Ok(()));
        let failure =
            check_changes(&[add("127.0.0.1:8080")], MAX_MEMBERS).expect_err("is refused").to_string();
        assert!(failure.contains("at most 100"), "{failure:?}");
        assert_eq!(check_changes(&[promote], MAX_MEMBERS), Ok(()));
    }
}
