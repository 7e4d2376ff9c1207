//! The pending requests: which connection waits for which answer.

use crate::outbox::{AnswerSlot, ConnectionId};
use raftdeck_client::split;
use raftdeck_protocol::{Failure, ResponseBody};
use raftdeck_raft::MembershipChange;
use raftdeck_replica::RequestToken;

/// A token's lowest bits say where its request stands; above them it counts.
const PLACE_BITS: u32 = 13;

/// Requests that wait for their answer; more are told "busy".
const MAX_WAITING: usize = 1 << PLACE_BITS;

/// The most steps of one change of the membership, and the longest address in it: both stay in the log.
const MAX_CHANGES: usize = 64;
const MAX_ADDRESS: usize = 256;

/// The most members. Each connects to each, and a port serves a limited number of them. A snapshot also limits the size of its
/// membership: above that limit no snapshot could be saved.
const MAX_MEMBERS: usize = 100;

impl AnswerSlot {
    pub(crate) fn fail(self, failure: Failure) {
        self.answer(ResponseBody::Failed(failure));
    }
}

/// A request under way.
#[derive(Debug)]
struct PendingRequest {
    token: RequestToken,
    place: AnswerSlot,
    is_write: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// Each where its token says.
    waiting: Vec<Option<PendingRequest>>,
    /// Unused places in `waiting`.
    free: Vec<usize>,
    newest: u64,
}

impl Requests {
    /// Gives a request its token; `None`: too many wait, and it was told so.
    pub(crate) fn enter(&mut self, place: AnswerSlot, is_write: bool) -> Option<RequestToken> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.waiting.len() < MAX_WAITING => {
                self.waiting.push(None);
                self.waiting.len() - 1
            }
            None => {
                place.fail(Failure::Busy);
                return None;
            }
        };
        self.newest += 1;
        let token = RequestToken(self.newest << PLACE_BITS | at as u64);
        self.waiting[at] = Some(PendingRequest { token, place, is_write });
        Some(token)
    }

    pub(crate) fn answer(&mut self, token: RequestToken, body: ResponseBody) {
        let at = usize::try_from(token.0).map_or(0, |token| token % MAX_WAITING);
        let Some(place) = self.waiting.get_mut(at) else { return };
        if let Some(waiting) = place.take_if(|waiting| waiting.token == token) {
            self.free.push(at);
            waiting.place.answer(body);
        }
    }

    /// This connection is closed: its answers are no longer awaited.
    pub(crate) fn forget(&mut self, connection: ConnectionId) -> Vec<RequestToken> {
        let theirs = |waiting: &mut PendingRequest| waiting.place.outbox().connection == connection;
        let mut tokens = Vec::new();
        for (at, place) in self.waiting.iter_mut().enumerate() {
            if let Some(waiting) = place.take_if(theirs) {
                self.free.push(at);
                tokens.push(waiting.token);
            }
        }
        tokens
    }

    /// The node stops: reads will not be answered, writes may still be carried out by the others.
    pub(crate) fn give_up(&mut self) {
        for PendingRequest { place, is_write, .. } in self.waiting.drain(..).flatten() {
            place.fail(if is_write { Failure::Unknown } else { Failure::Stopping });
        }
        self.free.clear();
    }
}

/// Whether a change of a membership of this size can go into the log as far as its form is concerned. The core checks its
/// sense.
pub(crate) fn check_changes(changes: &[MembershipChange], members: usize) -> Result<(), Failure> {
    let added = changes.iter().filter(|change| matches!(change, MembershipChange::AddLearner { .. })).count();
    if added > 0 && members + added > MAX_MEMBERS {
        let why = format!("{} members are too many: the maximum is {MAX_MEMBERS}", members + added);
        return Err(Failure::Invalid(why));
    }
    if changes.len() > MAX_CHANGES {
        let why =
            format!("{} steps are too many for one change: the maximum is {MAX_CHANGES}", changes.len());
        return Err(Failure::Invalid(why));
    }
    changes.iter().try_for_each(|change| match change {
        MembershipChange::AddLearner { address, .. } => check_address(address),
        MembershipChange::Promote { .. } | MembershipChange::Remove { .. } => Ok(()),
        MembershipChange::Identify { .. } => {
            Err(Failure::Invalid("identities are filled in by the members themselves".to_owned()))
        }
    })
}

/// Whether other nodes can reach a node at this address.
pub(crate) fn check_address(address: &str) -> Result<(), Failure> {
    if address.len() > MAX_ADDRESS {
        let why = format!("an address of {} bytes is too long: the maximum is {MAX_ADDRESS}", address.len());
        return Err(Failure::Invalid(why));
    }
    match split(address) {
        Ok((_, 0)) => {
            Err(Failure::Invalid(format!("{address} has port 0: give the port that the node listens on")))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Invalid(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Outbox;
    use raftdeck_raft::NodeId;
    use std::sync::Arc;

    #[test]
    fn a_token_names_one_request_for_ever_and_over_the_bound_there_is_none() {
        let outboxes = [(); 9].map(|()| Outbox::new(ConnectionId::next(), false, Arc::default()));
        let mut requests = Requests::default();
        let mut tokens = Vec::new();
        for (nth, outbox) in outboxes.iter().enumerate() {
            let places = std::iter::from_fn(|| outbox.place(7, false));
            tokens.push(places.map_while(|place| requests.enter(place, false)).collect::<Vec<_>>());
            assert_eq!(tokens[nth].len(), if nth < 8 { MAX_WAITING / 8 } else { 0 });
        }
        let first = tokens[0][0];
        requests.answer(first, ResponseBody::Managed);
        assert_eq!(outboxes[0].take().len(), 1);
        let next = requests.enter(outboxes[8].place(8, false).unwrap(), false).expect("there is room again");
        assert!(next > tokens[7][MAX_WAITING / 8 - 1], "later ones are greater");
        requests.answer(first, ResponseBody::Managed);
        assert!(outboxes[8].take().len() == 1, "busy, and nobody else's answer");
        assert_eq!(requests.forget(outboxes[1].connection), tokens[1]);
        assert!(outboxes[1].is_done());
    }

    fn add(address: &str) -> MembershipChange {
        MembershipChange::AddLearner { node: NodeId(4), address: address.to_owned(), incarnation: None }
    }

    #[test]
    fn a_change_that_has_no_place_in_the_log_is_refused_with_a_sentence() {
        let cases = [
            (vec![add("nowhere")], "write HOST:PORT"),
            (vec![add("127.0.0.1:0")], "port 0"),
            (vec![add(&format!("{}:1", "h".repeat(300)))], "too long"),
            (vec![add("127.0.0.1:8080"); 65], "the maximum is 64"),
        ];
        for (changes, part) in cases {
            let failure = check_changes(&changes, 3).expect_err("is refused").to_string();
            assert!(failure.contains(part), "{failure:?} does not say {part:?}");
        }
        let promote = MembershipChange::Promote { node: NodeId(4) };
        assert_eq!(check_changes(&[add("127.0.0.1:8080"), promote.clone()], 3), Ok(()));
        let failure =
            check_changes(&[add("127.0.0.1:8080")], MAX_MEMBERS).expect_err("is refused").to_string();
        assert!(failure.contains("the maximum is 100"), "{failure:?}");
        assert_eq!(check_changes(&[promote], MAX_MEMBERS), Ok(()));
    }
}
