//! The options of an embedded node. They are validated in the same place as a command line, by the same rules.

use crate::args::{MAX_APPEND_BYTES, NodeArgs};
use crate::node::OptionsError;
use crate::settings::Settings;
use crate::usage::UsageError;
use raftdeck_client::TlsFiles;
use raftdeck_protocol::Secret;
use raftdeck_raft::{NodeId, Timing};
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// How a node is started. [`new`](Self::new) and [`joining`](Self::joining) choose everything but what they ask for; all of it can be
/// changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one choice")]
pub struct NodeOptions {
    /// This node's id, from 1 on. Among the founders of a cluster it is the rank of its address in `cluster`.
    pub id: NodeId,
    /// The Raft addresses (`HOST:PORT`) of all nodes that the cluster starts with, this one included: the first is
    /// n1's, the second n2's, and so on. Empty: a cluster of this node alone, or one that it joins. The first start
    /// of a data directory fixes the founding members; later only the addresses are used.
    pub cluster: Vec<String>,
    /// Start without a cluster, and wait to be added to one with
    /// [`Client::change_membership`](raftdeck_client::Client::change_membership). Takes effect at the first start of
    /// a data directory, and may stay for later ones.
    pub join: bool,
    /// Where it listens for its peers; clients are served at the port + 1000. Port 0 takes free ports for all three. `None`: its
    /// address in `cluster`; without that, `127.0.0.1` at HTTP's port + 10000.
    pub bind: Option<String>,
    /// Where HTTP is served: `HOST:PORT`, or a port of `bind`'s host. `None`: the Raft port + 3000; without `bind` and `cluster`,
    /// 8080.
    pub http: Option<String>,
    /// Reach these nodes at these Raft addresses, whatever the cluster says.
    pub peer_addresses: BTreeMap<NodeId, String>,
    /// A name that all nodes of the cluster share; others are refused.
    pub cluster_name: String,
    /// Where the node keeps its log and its snapshots; made if need be, and locked while it runs. One node each.
    pub data_dir: PathBuf,
    /// The heartbeat interval and the range of the election timeouts.
    pub timing: Timing,
    /// Ask before campaigning whether a campaign could succeed.
    pub pre_vote: bool,
    /// A leader that no majority answers gives up.
    pub check_quorum: bool,
    /// Treat a closed leader connection as a crash, and campaign immediately.
    pub detect_crash: bool,
    /// Treat the disk as stalled when it has not finished a write for this long; `None`: the greatest election timeout, at least
    /// 500 ms.
    pub disk_stall: Option<Duration>,
    /// Take a snapshot after this many applied entries; `None`: only by bytes.
    pub snapshot_entries: Option<NonZeroU64>,
    /// Take a snapshot after this many bytes of applied entries; `None`: 256 MiB.
    pub snapshot_bytes: Option<NonZeroU64>,
    /// The most bytes of entries in one message to a follower, at most 4 MiB; `None`: 1 MiB.
    pub append_bytes: Option<NonZeroUsize>,
    /// The seed of the election timeouts, for repeatable experiments; `None`: another one each time.
    pub seed: Option<u64>,
    /// Speak TLS on all ports, with the node's certificate and the authority of all others; `None`: nothing is encrypted.
    pub tls: Option<TlsFiles>,
    /// Require this token from clients and over HTTP.
    pub client_token: Option<Secret>,
    /// Require this token for changing members and transferring the leadership, if there is a client token.
    pub manager_token: Option<Secret>,
    /// Require this token from peers; all nodes have the same.
    pub peer_token: Option<Secret>,
    /// Allow addresses that other machines can reach even without TLS or without a client token.
    pub insecure: bool,
}

impl NodeOptions {
    /// One of the nodes that a cluster starts with, at these Raft addresses in the order of their ids.
    ///
    /// ```
    /// use raftdeck_node::{NodeId, NodeOptions, Timing};
    ///
    /// let cluster = ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"];
    /// let options = NodeOptions {
    ///     timing: Timing::DEBUG,
    ///     ..NodeOptions::new(NodeId(2), &cluster, "./data/n2")
    /// };
    /// assert_eq!(options.cluster[1], "127.0.0.1:8081");
    /// ```
    #[must_use]
    pub fn new(id: NodeId, cluster: &[impl AsRef<str>], data_dir: impl Into<PathBuf>) -> Self {
        Self {
            id,
            cluster: cluster.iter().map(|address| address.as_ref().to_owned()).collect(),
            join: false,
            bind: None,
            http: None,
            peer_addresses: BTreeMap::new(),
            cluster_name: "raftdeck".to_owned(),
            data_dir: data_dir.into(),
            timing: Timing::FAST,
            pre_vote: true,
            check_quorum: true,
            detect_crash: false,
            disk_stall: None,
            snapshot_entries: None,
            snapshot_bytes: None,
            append_bytes: None,
            seed: None,
            tls: None,
            client_token: None,
            manager_token: None,
            peer_token: None,
            insecure: false,
        }
    }

    /// A node that waits at `bind` (its Raft address) to be added to a cluster that exists. No node there may ever have had its id.
    #[must_use]
    pub fn joining(id: NodeId, bind: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        Self { join: true, bind: Some(bind.into()), ..Self::new(id, &[""; 0], data_dir) }
    }

    /// What it means.
    pub(crate) fn settings(self) -> Result<Settings, OptionsError> {
        if self.id == NodeId(0) || self.peer_addresses.contains_key(&NodeId(0)) {
            return Err(UsageError::IdZero.into());
        }
        let (ca, cert, key) = self
            .tls
            .map_or((None, None, None), |TlsFiles { ca, cert, key }| (Some(ca), Some(cert), Some(key)));
        let args = NodeArgs {
            tls_ca: ca,
            tls_cert: cert,
            tls_key: key,
            node_id: Some(self.id),
            bind: self.bind,
            cluster: (!self.cluster.is_empty()).then_some(self.cluster),
            join: self.join,
            peer_address: self.peer_addresses.into_iter().collect(),
            cluster_name: self.cluster_name,
            data_dir: Some(self.data_dir),
            heartbeat: Some(self.timing.heartbeat),
            election: Some((self.timing.election_min, self.timing.election_max)),
            pre_vote: Some(self.pre_vote),
            check_quorum: Some(self.check_quorum),
            snapshot_entries: self.snapshot_entries.map(NonZeroU64::get),
            snapshot_bytes: self.snapshot_bytes.map(NonZeroU64::get),
            append_bytes: self.append_bytes.map(|bytes| bytes.get().min(MAX_APPEND_BYTES)),
            detect_crash: self.detect_crash,
            disk_stall: self.disk_stall,
            http: self.http,
            insecure: self.insecure,
            seed: self.seed,
            ..NodeArgs::default()
        };
        // A program's environment is its own. A token has no other way in than a file or a variable.
        let token = |name: &str| match name {
            "RAFTDECK_CLIENT_TOKEN" => self.client_token.as_ref(),
            "RAFTDECK_MANAGER_TOKEN" => self.manager_token.as_ref(),
            "RAFTDECK_PEER_TOKEN" => self.peer_token.as_ref(),
            _ => None,
        };
        Ok(Settings::resolve(&args, &|name| token(name).map(|token| token.reveal().to_owned()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokens;

    fn refused(options: NodeOptions) -> String {
        options.settings().expect_err("is invalid").to_string()
    }

    #[test]
    fn options_mean_what_the_same_command_line_means() {
        let cluster = ["127.0.0.1:8080", "127.0.0.1:8081"];
        let options =
            NodeOptions { timing: Timing::DEMO, ..NodeOptions::new(NodeId(2), &cluster, "./data/n2") };
        let settings = options.settings().unwrap();
        assert_eq!((settings.raft.port(), settings.client.port(), settings.http.port()), (8081, 9081, 11081));
        assert_eq!(settings.tuning.timing, Timing::DEMO);
        assert_eq!((settings.members.len(), settings.join, settings.managed), (2, false, false));
        let joining = NodeOptions::joining(NodeId(4), "127.0.0.1:0", "./data/n4").settings().unwrap();
        assert!(joining.join && joining.founders().is_empty());
    }

    #[test]
    fn tokens_are_what_the_options_say_and_nothing_else() {
        let secret = |letter: &str| Some(Secret::new(&letter.repeat(16)).unwrap());
        let alone = || NodeOptions::new(NodeId(1), &["127.0.0.1:0"], "./data");
        assert_eq!(alone().settings().unwrap().tokens, Tokens::default());
        let options = NodeOptions {
            client_token: secret("c"),
            manager_token: secret("m"),
            peer_token: secret("p"),
            ..alone()
        };
        let tokens = Tokens { client: secret("c"), manager: secret("m"), peer: secret("p") };
        assert_eq!(options.settings().unwrap().tokens, tokens);
        let same = NodeOptions { client_token: secret("c"), peer_token: secret("c"), ..alone() };
        assert!(refused(same).contains("are the same"));
        let [ca, cert, key] = ["none/ca.pem", "none/n1.pem", "none/n1-key.pem"].map(PathBuf::from);
        let tls = NodeOptions { tls: Some(TlsFiles { ca, cert, key }), ..alone() };
        assert!(refused(tls).contains("none/"));
    }

    #[test]
    fn options_that_make_no_sense_are_refused_with_a_sentence() {
        let alone = || NodeOptions::new(NodeId(1), &["127.0.0.1:0"], "./data");
        let slow = Timing { heartbeat: Timing::DEMO.election_max, ..Timing::FAST };
        for (options, says) in [
            (NodeOptions { id: NodeId(0), ..alone() }, "ids start at 1"),
            (NodeOptions { id: NodeId(3), ..alone() }, "has no address"),
            (NodeOptions { cluster: vec!["nowhere".to_owned()], ..alone() }, "HOST:PORT"),
            (NodeOptions { bind: Some("0.0.0.0:0".to_owned()), ..alone() }, "reached from other machines"),
            (NodeOptions { timing: slow, ..alone() }, "the timing is invalid"),
            (NodeOptions { disk_stall: Some(Duration::ZERO), ..alone() }, "must be greater than zero"),
            (NodeOptions { cluster_name: "n".repeat(300), ..alone() }, "300 bytes"),
        ] {
            let said = refused(options);
            assert!(said.contains(says), "{said}");
        }
    }
}
