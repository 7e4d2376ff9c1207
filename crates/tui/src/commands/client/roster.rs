//! The nodes whose state is requested: those that were named, and the other members as far as any of them reports their addresses.
//! What was learned once in a session is remembered by its client, and is used when none of the named nodes answers. Prints nothing.

use raftdeck_client::{Client, ClientError};
use raftdeck_protocol::NodeStatus;
use raftdeck_protocol::address::{CLIENT_OFFSET, HTTP_OFFSET, RAFT_ABOVE_HTTP};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the search for the members' addresses may take.
const SEARCH: Duration = Duration::from_secs(1);

/// Each address with the answer from there: the given ones, then the found ones.
pub(super) type NodeAnswers = Vec<(String, Result<NodeStatus, ClientError>)>;

/// The nodes to ask.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    given: Vec<String>,
}

/// The answers of all of them.
#[derive(Debug)]
pub(super) struct RosterAnswers {
    pub(super) answers: NodeAnswers,
    /// This many of the answers are those of the named ones.
    pub(super) named: usize,
    /// Members that were not named, and whose addresses are unknown.
    pub(super) unplaced: Vec<NodeId>,
}

impl Roster {
    pub(super) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec() }
    }

    /// Asks all of them simultaneously, and then those that are found by their answers.
    pub(super) async fn ask(&self, client: &Client, deadline: Duration) -> RosterAnswers {
        let mut known = client.known_nodes();
        known.retain(|_, address| !self.was_given(address));
        let asked = self.given.iter().chain(known.values()).cloned().collect();
        let mut answers = states(client, asked, deadline).await;
        let mut unplaced = Vec::new();
        if let Some(newest) = newest(&answers) {
            let members = newest.raft.membership.members();
            // Removed members are not asked, unless they were named.
            let gone: Vec<String> = known
                .iter()
                .filter(|(id, _)| !members.contains(id))
                .map(|(_, address)| address.clone())
                .collect();
            let unasked = missing(client, newest, &answers);
            let places =
                if unasked.is_empty() { BTreeMap::new() } else { places(client, newest, deadline).await };
            let (reachable, nowhere): (Vec<NodeId>, Vec<NodeId>) =
                unasked.into_iter().partition(|id| places.contains_key(id));
            // It was asked there, and does not answer.
            let new =
                reachable.iter().map(|id| places[id].clone()).filter(|address| !self.was_given(address));
            let new = new.collect();
            unplaced = nowhere;
            let named = self.given.len();
            let mut nth = 0..;
            answers
                .retain(|(address, _)| nth.next().is_none_or(|nth| nth < named) || !gone.contains(address));
            answers.extend(states(client, new, deadline).await);
        }
        // A named node that does not answer may be any of them.
        if answers[..self.given.len()].iter().any(|(_, status)| status.is_err()) {
            unplaced.clear();
        }
        RosterAnswers { answers, named: self.given.len(), unplaced }
    }

    /// Whether this address of a node, for clients or peers, was named. Another address of the same node counts too, as far as the
    /// usual distances of ports show.
    fn was_given(&self, address: &str) -> bool {
        let Ok((host, port)) = raftdeck_client::split(address) else { return false };
        let client_or_raft = [0, CLIENT_OFFSET].into_iter().filter_map(|above| port.checked_sub(above));
        let all = client_or_raft.flat_map(|raft| {
            let above =
                [0, CLIENT_OFFSET, HTTP_OFFSET].into_iter().filter_map(move |above| raft.checked_add(above));
            above.chain(raft.checked_sub(RAFT_ABOVE_HTTP))
        });
        let mut all = all.map(|port| format!("{host}:{port}"));
        all.any(|same| self.given.contains(&same))
    }
}

/// The members whose state has not been requested yet.
fn missing(client: &Client, newest: &NodeStatus, answers: &NodeAnswers) -> Vec<NodeId> {
    let known = client.known_nodes();
    let answered = |id: &NodeId| {
        let mut answers = answers.iter();
        answers.any(|(address, status)| match status {
            Ok(status) => status.raft.id == *id,
            Err(_) => known.get(id) == Some(address),
        })
    };
    newest.raft.membership.members().into_iter().filter(|id| !answered(id)).collect()
}

/// The members' addresses, as the nodes report them; those in the log are always known.
async fn places(client: &Client, newest: &NodeStatus, deadline: Duration) -> BTreeMap<NodeId, String> {
    let mut places = newest.raft.membership.addresses.clone();
    places.extend(client.members(SEARCH.min(deadline)).await.unwrap_or_default());
    places
}

async fn states(client: &Client, addresses: Vec<String>, deadline: Duration) -> NodeAnswers {
    let asked = addresses.into_iter().map(|address| async move {
        let status = client.status(&address, deadline).await;
        (address, status)
    });
    futures::future::join_all(asked).await
}

/// The node with the newest membership: the leader, or else the newest of the others.
pub(super) fn newest(answers: &NodeAnswers) -> Option<&NodeStatus> {
    let known = answers.iter().filter_map(|(_, status)| status.as_ref().ok());
    known.max_by_key(|status| (leads(status), status.raft.term, status.raft.membership_index))
}

/// Whether it leads with a majority, so that its membership is the one in force.
pub(super) fn leads(status: &NodeStatus) -> bool {
    status.raft.role == Role::Leader && status.raft.has_quorum
}

/// Why a node has not answered, in words about this node alone.
pub(super) fn why(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { tried, .. } => tried.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_by_any_of_its_addresses() {
        let roster = Roster::new(&["a:8080", "b:9081", "c:11082", "d:8083"].map(str::to_owned));
        for client_or_raft in
            ["a:8080", "a:9080", "b:8081", "b:9081", "c:8082", "c:9082", "d:18083", "d:19083"]
        {
            assert!(roster.was_given(client_or_raft), "{client_or_raft}");
        }
        for other in ["a:8081", "b:65000", "b:80", "e:8080", "nonsense"] {
            assert!(!roster.was_given(other), "{other}");
        }
    }
}
