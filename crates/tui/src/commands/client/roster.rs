//! The nodes whose state is asked for: those that were named, and the other members as far as the ones that answer say where
//! they are. Shows nothing.

use raftdeck_client::{Client, ClientError};
use raftdeck_protocol::NodeStatus;
use raftdeck_protocol::address::CLIENT_OFFSET;
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long to search for a leader that a node names without its address.
const SEARCH: Duration = Duration::from_secs(1);

/// Each address with what was answered there: as given, then as found.
pub(super) type NodeAnswers = Vec<(String, Result<NodeStatus, ClientError>)>;

/// The nodes to ask.
#[derive(Clone, Debug)]
pub(super) struct Roster {
    given: Vec<String>,
    /// Members that were not named, by what the others know of them.
    found: Vec<(NodeId, String)>,
}

/// What all of them said.
#[derive(Debug)]
pub(super) struct RosterAnswers {
    pub(super) answers: NodeAnswers,
    /// So many of the answers are those of the named ones.
    pub(super) named: usize,
    /// Members that were not named, and whose addresses are unknown.
    pub(super) unplaced: Vec<NodeId>,
}

impl Roster {
    pub(super) fn new(given: &[String]) -> Self {
        Self { given: given.to_vec(), found: Vec::new() }
    }

    /// Asks all of them at the same time, and after them those that are found by their answers.
    pub(super) async fn ask(&mut self, client: &Client, deadline: Duration) -> RosterAnswers {
        let asked = self.given.iter().chain(self.found.iter().map(|(_, address)| address));
        let mut answers = states(client, asked.cloned().collect(), deadline).await;
        let (new, unplaced) = self.learn(client, &answers, deadline).await;
        let found: Vec<String> = new.iter().map(|(_, address)| address.clone()).collect();
        answers.extend(states(client, found, deadline).await);
        self.found.extend(new);
        RosterAnswers { answers, named: self.given.len(), unplaced }
    }

    /// The members not asked yet, with their addresses; and those without a known address.
    async fn learn(
        &mut self,
        client: &Client,
        answers: &NodeAnswers,
        deadline: Duration,
    ) -> (Vec<(NodeId, String)>, Vec<NodeId>) {
        let Some(newest) = newest(answers) else { return (Vec::new(), Vec::new()) };
        let membership = &newest.raft.membership;
        let members = membership.members();
        self.found.retain(|(id, _)| members.contains(id));
        let asked: BTreeSet<NodeId> = answers
            .iter()
            .filter_map(|(_, status)| Some(status.as_ref().ok()?.raft.id))
            .chain(self.found.iter().map(|(id, _)| *id))
            .collect();
        let (mut new, mut unplaced) = (Vec::new(), Vec::new());
        for id in members.into_iter().filter(|id| !asked.contains(id)) {
            match membership.addresses.get(&id) {
                // It was asked there, and says nothing.
                Some(address) if self.was_given(address) => {}
                Some(address) => new.push((id, address.clone())),
                None if Some(id) == newest.raft.leader => {
                    // The way to the leader is told to whoever wants something of it.
                    match client.find_leader(SEARCH.min(deadline)).await {
                        Ok(leader) if leader.node == id => new.push((id, leader.address)),
                        _ => unplaced.push(id),
                    }
                }
                None => unplaced.push(id),
            }
        }
        // Who was named and says nothing may be any of them.
        if answers.iter().any(|(_, status)| status.is_err()) {
            unplaced.clear();
        }
        (new, unplaced)
    }

    /// Whether this Raft address was named, be it by its client address.
    fn was_given(&self, raft: &str) -> bool {
        let client = raftdeck_client::split(raft).ok().and_then(|(host, port)| {
            let port = port.checked_add(CLIENT_OFFSET)?;
            Some(format!("{host}:{port}"))
        });
        self.given.iter().any(|given| given == raft || Some(given) == client.as_ref())
    }
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

/// Whether what it knows is what the cluster works with.
pub(super) fn leads(status: &NodeStatus) -> bool {
    status.raft.role == Role::Leader && status.raft.has_quorum
}

/// Why a node has not answered, said of it alone.
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
    fn a_node_is_named_by_either_of_its_addresses() {
        let roster = Roster::new(&["a:8080".to_owned(), "b:9081".to_owned()]);
        assert!(roster.was_given("a:8080") && roster.was_given("b:8081"));
        assert!(!roster.was_given("a:8081") && !roster.was_given("b:65000"));
    }
}
