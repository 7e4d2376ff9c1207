//! Resolves and validates a command line and its environment. Binds nothing and creates nothing; only looks whether
//! the data directory was used before.

use crate::args::NodeArgs;
use crate::data_dir::{self, DataDir};
use crate::node_position::{NodePosition, bare_port};
use crate::security;
use crate::tokens::Tokens;
use crate::usage::{Environment, MAX_CLUSTER_NAME, UsageError};
use raftdeck_client::{Tls, split};
use raftdeck_protocol::ClockRate;
use raftdeck_protocol::address;
use raftdeck_raft::{Config, NodeId, Tuning};
use raftdeck_storage::Founders;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Of the entries between two snapshots, this part stays in the log for followers that are a little behind.
const RETAINED_PART: u64 = 10;

/// All that a node needs to know to start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Settings {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    /// Where it listens for its peers, its clients and HTTP.
    pub(crate) raft: SocketAddr,
    pub(crate) client: SocketAddr,
    pub(crate) http: SocketAddr,
    /// The Raft addresses of the nodes in `--cluster` as this node reaches them. Unless it joins, they are the founding members
    /// of its cluster, if its data directory has recorded none yet.
    pub(crate) members: BTreeMap<NodeId, String>,
    /// It starts without a cluster and is added to one.
    pub(crate) join: bool,
    /// Where to reach nodes, before anything else that says so.
    pub(crate) peer_addresses: BTreeMap<NodeId, String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) tuning: Tuning,
    /// A snapshot after this many entries; `None`: as usual.
    pub(crate) snapshot_entries: Option<u64>,
    /// Or after this many bytes; `None`: as usual.
    pub(crate) snapshot_bytes: Option<usize>,
    /// The most bytes of entries in one message.
    pub(crate) append_bytes: Option<usize>,
    pub(crate) seed: u64,
    /// Every sync takes this much longer than the disk itself.
    pub(crate) sync_delay: Option<Duration>,
    /// A closed leader connection is treated as a crash.
    pub(crate) detect_crash: bool,
    /// The disk is stalled when it has not finished a write for this long; `None`: the core's default.
    pub(crate) disk_stall: Option<Duration>,
    /// The process that started it may tell it more than others may.
    pub(crate) managed: bool,
    /// The rate of its clock at its start.
    pub(crate) clock_rate: ClockRate,
    /// Whether every read takes a round.
    pub(crate) forgo_leases: bool,
    /// Whether, of the users of this machine, only this process's own is served.
    pub(crate) only_own_user: bool,
    pub(crate) tokens: Tokens,
    pub(crate) tls: Option<Tls>,
    /// What the log begins with: sentences.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Puts the command line and the environment together; the command line goes first.
    pub(crate) fn resolve(args: &NodeArgs, environment: Environment<'_>) -> Result<Self, UsageError> {
        let (tokens, mut warnings) = security::tokens(args, environment)?;
        let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        // A managed node is told everything by its manager; variables meant for another program are not for it.
        let environment = |name: &str| if args.managed { None } else { set(name) };
        let bytes = args.cluster_name.len();
        if bytes > MAX_CLUSTER_NAME {
            return Err(UsageError::ClusterName { bytes });
        }
        let mut join = args.join;
        let place = match NodePosition::find(args, &environment) {
            // Its directory knows its cluster, whatever is in the list.
            Err(UsageError::NoSuchMember { id, .. } | UsageError::NotAlone { id })
                if data_dir::was_started(args.data_dir.as_deref(), id) =>
            {
                join = true;
                NodePosition::find(&NodeArgs { join, ..args.clone() }, &environment)?
            }
            found => found?,
        };
        let raft = resolve(&place.bind)?;
        let client = address::client_of(raft)?;
        let http = http_address(args, &place, raft)?;
        let tls = security::tls(args, place.id, &mut warnings)?;
        if let Some(address) = [raft, client, http].into_iter().find(|address| !address.ip().is_loopback())
            && let Some(missing) = security::missing(tls.as_ref(), &tokens)
        {
            if !args.insecure {
                return Err(UsageError::Open { address, missing });
            }
            warnings.push(format!("--insecure: {address} can be reached from other machines, and {missing}"));
        }
        warnings.extend(security::open_to_peers(tls.as_ref(), &tokens));
        let DataDir { path: data_dir, warning } =
            data_dir::find(args.data_dir.as_deref(), place.id, place.alone_at);
        warnings.extend(warning);
        let members = (1..).map(NodeId).zip(place.members).collect();
        let peer_addresses = peer_addresses(args, place.id)?;
        let settings = Self {
            id: place.id,
            cluster: args.cluster_name.clone(),
            raft,
            client,
            http,
            members,
            join,
            peer_addresses,
            data_dir,
            tuning: Tuning {
                timing: args.timing(),
                pre_vote: args.pre_vote.unwrap_or(true),
                check_quorum: args.check_quorum.unwrap_or(true),
            },
            snapshot_entries: args.snapshot_entries,
            snapshot_bytes: args.snapshot_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            append_bytes: args.append_bytes,
            // Each RandomState has keys of its own: nodes must not draw the same election timeouts.
            seed: args.seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
            sync_delay: args.sync_delay.filter(|delay| !delay.is_zero()),
            detect_crash: args.detect_crash,
            disk_stall: args.disk_stall,
            managed: args.managed,
            clock_rate: args.clock_rate.unwrap_or_default(),
            forgo_leases: args.forgo_leases || args.clock_rate.is_some(),
            // Where a token or a certificate is asked for, that decides; --insecure asks for neither.
            only_own_user: tokens.client.is_none() && tls.is_none() && !args.insecure,
            tokens,
            tls,
            warnings,
        };
        settings.config(&settings.founders()).validate().map_err(UsageError::Timing)?;
        Ok(settings)
    }

    /// The founding members that this start asks for.
    pub(crate) fn founders(&self) -> Founders {
        if self.join { Founders::new() } else { self.members.clone() }
    }

    /// Where other nodes are, as the command line says, or else as was recorded at the first start.
    pub(crate) fn configured(&self, recorded: &Founders) -> BTreeMap<NodeId, String> {
        let mut all = recorded.clone();
        all.extend(self.members.clone());
        all.extend(self.peer_addresses.clone());
        all.remove(&self.id);
        all
    }

    /// The core's configuration of a node that started with these founding members.
    pub(crate) fn config(&self, founders: &Founders) -> Config {
        let voters = founders.keys().copied().collect();
        let mut config = Config::new(self.id, voters, self.tuning.timing);
        config.tuning = self.tuning;
        if let Some(entries) = self.snapshot_entries {
            config.snapshot_entries = Some(entries);
            config.retained_entries = entries / RETAINED_PART;
        }
        config.snapshot_bytes = self.snapshot_bytes.unwrap_or(config.snapshot_bytes);
        config.detect_crash = self.detect_crash;
        config.disk_stall = self.disk_stall;
        config.max_append_bytes = self.append_bytes.unwrap_or(config.max_append_bytes);
        config
    }

    /// Where others connect to this node, given where it really listens. A node that listens on all interfaces is
    /// known to the others by its name in `--cluster`; without one, they use the address that it connects from.
    pub(crate) fn advertised(&self, address: SocketAddr) -> String {
        if !address.ip().is_unspecified() {
            return address.to_string();
        }
        let own = self.members.get(&self.id).and_then(|address| split(address).ok());
        own.map_or_else(|| address.to_string(), |(host, _)| format!("{host}:{}", address.port()))
    }
}

fn peer_addresses(args: &NodeArgs, id: NodeId) -> Result<BTreeMap<NodeId, String>, UsageError> {
    for (peer, address) in &args.peer_address {
        split(address)?;
        if *peer == id {
            return Err(UsageError::PeerIsMe { id });
        }
    }
    Ok(args.peer_address.iter().cloned().collect())
}

fn http_address(args: &NodeArgs, place: &NodePosition, raft: SocketAddr) -> Result<SocketAddr, UsageError> {
    let at_port = |port| {
        let mut address = raft;
        address.set_port(port);
        address
    };
    match (&args.http, place.http_port) {
        (Some(http), _) => match bare_port(http) {
            Some(port) => Ok(at_port(port)),
            None => resolve(http),
        },
        (None, Some(port)) => Ok(at_port(port)),
        (None, None) => Ok(address::http_of(raft)?),
    }
}

/// The address to listen on. An IPv4 address is preferred: `localhost` has both, and its users mean that one.
fn resolve(address: &str) -> Result<SocketAddr, UsageError> {
    let (host, _) = split(address)?;
    let failed = |why: String| UsageError::Resolve { host: host.to_owned(), why };
    let all: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|error| failed(error.to_string()))?.collect();
    all.iter()
        .find(|address| address.is_ipv4())
        .or(all.first())
        .copied()
        .ok_or_else(|| failed("the name has no address".to_owned()))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
