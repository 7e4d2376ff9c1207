//! The other nodes' addresses, from several sources, and which source takes precedence. Opens no connection.

use raftdeck_client::split;
use raftdeck_raft::{Membership, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// The most addresses that the process that started this node may set.
const MAX_OVERRIDES: usize = 1024;

/// The addresses of nodes as this one reaches them.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// From the command line of this node: takes precedence over all others.
    overrides: BTreeMap<NodeId, String>,
    /// The members besides this node, and what the membership in force says of them.
    members: BTreeSet<NodeId>,
    addresses: BTreeMap<NodeId, String>,
    /// From `--cluster`.
    cluster: BTreeMap<NodeId, String>,
    /// From nodes that have connected and reported it. Kept for members; for others while they are connected.
    guests: BTreeMap<NodeId, Introduction>,
    connected: BTreeSet<NodeId>,
    /// As recorded when this node started for the first time: used when there is nothing newer.
    founders: BTreeMap<NodeId, String>,
}

/// What a node says of itself when it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Introduction {
    /// Counts connections: a later one has a greater number.
    pub(crate) connection: u64,
    pub(crate) client_address: String,
    /// Empty if it does not know.
    pub(crate) raft_address: String,
}

impl Book {
    pub(crate) fn new(
        cluster: BTreeMap<NodeId, String>,
        overrides: BTreeMap<NodeId, String>,
        founders: BTreeMap<NodeId, String>,
    ) -> Self {
        Self { overrides, cluster, founders, ..Self::default() }
    }

    /// Another membership is in force at `me`.
    pub(crate) fn follow(&mut self, me: NodeId, membership: &Membership) {
        self.members = membership.members();
        self.members.remove(&me);
        self.addresses.clone_from(&membership.addresses);
        let Self { guests, members, connected, .. } = self;
        guests.retain(|node, _| members.contains(node) || connected.contains(node));
    }

    /// Reaches a node at this address from now on, whatever anybody else says. `false`: there are too many already.
    pub(crate) fn set(&mut self, node: NodeId, address: String) -> bool {
        let fits = self.overrides.len() < MAX_OVERRIDES || self.overrides.contains_key(&node);
        if fits {
            self.overrides.insert(node, address);
        }
        fits
    }

    /// It connected, and says this of itself.
    pub(crate) fn arrived(&mut self, node: NodeId, introduction: Introduction) {
        self.guests.insert(node, introduction);
        self.connected.insert(node);
    }

    /// This connection of it ended. `true`: it is a stranger, and nothing is now known of it except from the command line.
    pub(crate) fn left(&mut self, node: NodeId, connection: u64) -> bool {
        let is_newest = self.is_newest(node, connection);
        if is_newest {
            self.connected.remove(&node);
        }
        let forgotten = is_newest && !self.members.contains(&node);
        if forgotten {
            self.guests.remove(&node);
        }
        forgotten
    }

    /// Whether a node is connected.
    pub(crate) fn is_connected(&self, node: NodeId) -> bool {
        self.connected.contains(&node)
    }

    /// Whether this is the newest connection that a node made.
    pub(crate) fn is_newest(&self, node: NodeId, connection: u64) -> bool {
        self.guests.get(&node).is_some_and(|guest| guest.connection == connection)
    }

    pub(crate) fn members(&self) -> &BTreeSet<NodeId> {
        &self.members
    }

    /// Where to reach a node.
    pub(crate) fn address(&self, node: NodeId) -> Option<&str> {
        let said = || {
            let address = self.guests.get(&node)?.raft_address.as_str();
            split(address).is_ok().then_some(address)
        };
        let told = [&self.overrides, &self.addresses, &self.cluster];
        let told = told.into_iter().find_map(|source| source.get(&node)).map(String::as_str);
        told.or_else(said).or_else(|| self.founders.get(&node).map(String::as_str))
    }

    /// Where programs reach a node: the client port as it said itself, or else the Raft port. What its manager says is for this
    /// process alone.
    pub(crate) fn public_address(&self, node: NodeId) -> Option<&str> {
        let said = self.client_address(node).filter(|address| split(address).is_ok());
        let told = [&self.addresses, &self.cluster, &self.founders];
        said.or_else(|| told.into_iter().find_map(|source| source.get(&node)).map(String::as_str))
    }

    /// Where a node serves clients, as it said itself.
    pub(crate) fn client_address(&self, node: NodeId) -> Option<&str> {
        self.guests.get(&node).map(|guest| guest.client_address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: NodeId = NodeId(1);
    const YOU: NodeId = NodeId(4);

    fn guest(connection: u64, raft_address: &str) -> Introduction {
        Introduction {
            connection,
            client_address: "clients:1".to_owned(),
            raft_address: raft_address.to_owned(),
        }
    }

    fn membership(address: Option<&str>) -> Membership {
        let mut membership = Membership::of([ME, YOU].into());
        membership.addresses.extend(address.map(|address| (YOU, address.to_owned())));
        membership
    }

    #[test]
    fn a_told_address_goes_before_the_membership_then_come_the_cluster_flag_the_node_itself_and_what_was_recorded()
     {
        let mut book = Book::default();
        assert_eq!(book.address(YOU), None);
        book.founders.insert(YOU, "recorded:1".to_owned());
        assert_eq!(book.address(YOU), Some("recorded:1"));
        book.arrived(YOU, guest(1, "said:1"));
        assert_eq!(book.address(YOU), Some("said:1"));
        book.cluster.insert(YOU, "listed:1".to_owned());
        assert_eq!(book.address(YOU), Some("listed:1"));
        book.follow(ME, &membership(Some("member:1")));
        assert_eq!(book.address(YOU), Some("member:1"));
        assert!(book.set(YOU, "told:1".to_owned()));
        assert_eq!(book.address(YOU), Some("told:1"));
        book.follow(ME, &membership(None));
        assert_eq!(book.address(YOU), Some("told:1"));
        assert_eq!(book.members(), &BTreeSet::from([YOU]));
    }

    #[test]
    fn programs_are_sent_to_the_client_port_and_never_to_what_the_manager_says() {
        let mut book = Book::default();
        assert!(book.set(YOU, "told:1".to_owned()));
        assert_eq!(book.public_address(YOU), None);
        book.founders.insert(YOU, "recorded:1".to_owned());
        assert_eq!(book.public_address(YOU), Some("recorded:1"));
        book.follow(ME, &membership(Some("member:1")));
        assert_eq!(book.public_address(YOU), Some("member:1"));
        book.arrived(YOU, guest(1, "said:1"));
        assert_eq!(book.public_address(YOU), Some("clients:1"));
    }

    #[test]
    fn a_node_that_says_no_sense_of_itself_has_no_address() {
        let mut book = Book::default();
        for nonsense in ["", "nowhere", "host:port", "a b:1"] {
            book.arrived(YOU, guest(1, nonsense));
            assert_eq!(book.address(YOU), None, "{nonsense}");
        }
    }

    #[test]
    fn strangers_are_forgotten_when_their_newest_connection_ends_and_members_are_not() {
        let mut book = Book::default();
        book.arrived(YOU, guest(1, "said:1"));
        book.arrived(YOU, guest(2, "said:2"));
        assert!(!book.left(YOU, 1), "the older of two ended");
        assert_eq!(book.address(YOU), Some("said:2"));
        assert!(book.left(YOU, 2));
        assert_eq!((book.address(YOU), book.client_address(YOU)), (None, None));
        book.follow(ME, &membership(None));
        book.arrived(YOU, guest(3, "said:3"));
        assert!(!book.left(YOU, 3));
        assert_eq!((book.address(YOU), book.client_address(YOU)), (Some("said:3"), Some("clients:1")));
        book.follow(ME, &Membership::of([ME].into()));
        assert_eq!(book.address(YOU), None, "a member that has left is a stranger");
    }

    #[test]
    fn the_addresses_that_can_be_set_are_bounded() {
        let mut book = Book::default();
        for id in 1..=MAX_OVERRIDES as u64 {
            assert!(book.set(NodeId(id), "a:1".to_owned()));
        }
        assert!(!book.set(NodeId(MAX_OVERRIDES as u64 + 1), "a:1".to_owned()));
        assert!(book.set(NodeId(1), "b:1".to_owned()), "one that is known can still change");
    }
}
