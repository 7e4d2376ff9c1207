//! The paths from each of the lab's clients to each node: a relay of its own for each, which nodes a client reaches, and the rules in force
//! on the way.

use crate::requests::relay::{Passage, PathRules, Relay};
use raftdeck_client::LocalUsers;
use raftdeck_links::{NodeLocation, Places, Whereabouts};
use raftdeck_model::{ClientLinkFault, ClientName, Disturbance, Fault, MAX_CLIENTS};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// The paths of all clients.
pub(crate) struct Paths<P> {
    places: Places,
    /// The users whose connections the relays take.
    users: LocalUsers,
    clients: BTreeMap<ClientName, ClientPaths<P>>,
}

/// What belongs to one client.
struct ClientPaths<P> {
    /// Only these nodes are reachable; `None`: all.
    reach: Option<BTreeSet<NodeId>>,
    /// The rules in force on its paths, where there are any.
    gates: BTreeMap<NodeId, PathRules>,
    /// Its relays to the nodes, created on first use.
    relays: BTreeMap<NodeId, Relay<P>>,
}

impl<P> Default for ClientPaths<P> {
    fn default() -> Self {
        Self { reach: None, gates: BTreeMap::new(), relays: BTreeMap::new() }
    }
}

impl<P: Passage> Paths<P> {
    pub(crate) fn new(users: LocalUsers) -> Self {
        Self { places: Places::default(), users, clients: BTreeMap::new() }
    }

    /// Adds a node.
    pub(crate) fn add(&mut self, node: NodeId, place: watch::Receiver<Whereabouts>) {
        self.places.insert(node, place);
    }

    /// Removes a node.
    pub(crate) fn remove(&mut self, node: NodeId) {
        self.places.remove(&node);
        for kept in self.clients.values_mut() {
            kept.relays.remove(&node);
        }
    }

    /// Whether there is such a client, or room for one more.
    pub(crate) fn admit(&mut self, client: &ClientName) -> Result<(), String> {
        let is_new = !self.clients.contains_key(client);
        let named = self.clients.keys().filter(|client| **client != ClientName::Own).count();
        if is_new && *client != ClientName::Own && named >= MAX_CLIENTS {
            return Err(client.no_room());
        }
        self.clients.entry(client.clone()).or_default();
        Ok(())
    }

    /// Applies what is in force to the clients, and nothing else.
    pub(crate) fn obey(&mut self, faults: &[Fault]) {
        for (name, kept) in &mut self.clients {
            let of_client = faults.iter().filter(|fault| fault.what.client() == Some(name));
            kept.obey(of_client.map(|fault| &fault.what));
        }
    }

    /// The addresses at which the serving nodes of these take requests.
    pub(crate) fn addresses(&self, wanted: impl Fn(&NodeId) -> bool) -> Vec<String> {
        self.places.keys().filter(|node| wanted(node)).filter_map(|&node| self.address(node)).collect()
    }

    /// The address at which a node takes requests, if it serves.
    pub(crate) fn address(&self, node: NodeId) -> Option<String> {
        match self.places.get(&node)?.borrow().place {
            NodeLocation::Serving { client, .. } => Some(client.to_string()),
            NodeLocation::Down | NodeLocation::Starting => None,
        }
    }

    /// A client's paths to the nodes that it reaches, if one of them serves. Those that do not serve yet are among them: one may be
    /// elected while a request is in progress, and a client learns of no other paths then.
    pub(crate) fn ways(&mut self, client: &ClientName) -> BTreeMap<NodeId, String> {
        let nodes: Vec<NodeId> = self.places.keys().copied().collect();
        let kept = self.clients.entry(client.clone()).or_default();
        let reached: Vec<NodeId> = nodes.into_iter().filter(|node| kept.reaches(*node)).collect();
        if reached.iter().all(|node| self.address(*node).is_none()) {
            return BTreeMap::new();
        }
        reached.into_iter().filter_map(|node| Some((node, self.relay(client, node)?))).collect()
    }

    /// A client's path to one node, or why it has none.
    pub(crate) fn way(&mut self, client: &ClientName, node: NodeId) -> Result<String, String> {
        if self.address(node).is_none() {
            return Err(format!("{node} is not running"));
        }
        let kept = self.clients.entry(client.clone()).or_default();
        if !kept.reaches(node) {
            return Err(format!("{client} does not reach {node}"));
        }
        self.relay(client, node).ok_or_else(|| format!("there is no relay from {client} to {node}"))
    }

    fn relay(&mut self, client: &ClientName, node: NodeId) -> Option<String> {
        let place = self.places.get(&node)?;
        let kept = self.clients.entry(client.clone()).or_default();
        if let Some(relay) = kept.relays.get(&node) {
            return Some(relay.address().to_string());
        }
        let gate = kept.gates.get(&node).copied().unwrap_or_default();
        match Relay::open(place.clone(), gate, self.users.clone()) {
            Ok(relay) => {
                let address = relay.address().to_string();
                kept.relays.insert(node, relay);
                Some(address)
            }
            Err(error) => {
                tracing::warn!("there is no relay from {client} to {node}: {error}");
                None
            }
        }
    }

    /// Replaces the addresses of a client's relays, which mean nothing to a user, with the names of the nodes.
    pub(crate) fn with_nodes(&self, client: &ClientName, mut text: String) -> String {
        let relays = self.clients.get(client).into_iter().flat_map(|kept| &kept.relays);
        let mut named: Vec<_> = relays.map(|(node, relay)| (relay.address().to_string(), node)).collect();
        // One address may be a prefix of another.
        named.sort_by_key(|(address, _)| std::cmp::Reverse(address.len()));
        for (address, node) in named {
            text = text.replace(&address, &node.to_string());
        }
        text
    }
}

impl<P: Passage> ClientPaths<P> {
    fn obey<'a>(&mut self, faults: impl Iterator<Item = &'a Disturbance>) {
        self.reach = None;
        self.gates.clear();
        for fault in faults {
            match fault {
                Disturbance::ClientAt(_, nodes) => self.reach = Some(nodes.clone()),
                Disturbance::ClientLinks(_, nodes, fault) => {
                    for &node in nodes {
                        let gate = self.gates.entry(node).or_default();
                        match fault {
                            ClientLinkFault::Cut => gate.cut = true,
                            ClientLinkFault::Hold => gate.holds = true,
                            ClientLinkFault::LoseAnswers => gate.loses_answers = true,
                        }
                    }
                }
                _ => {}
            }
        }
        for (node, relay) in &self.relays {
            relay.set(self.gates.get(node).copied().unwrap_or_default());
        }
    }

    /// Whether the client may reach the node. Where its path is cut it does not even try, as its relay may not have been updated yet.
    fn reaches(&self, node: NodeId) -> bool {
        let is_cut = self.gates.get(&node).is_some_and(|gate| gate.cut);
        !is_cut && self.reach.as_ref().is_none_or(|reach| reach.contains(&node))
    }
}
