//! Resolves and validates a command line and its environment. Binds nothing and creates nothing; only looks whether
//! the data directory was used before.

use crate::args::{NodeArgs, parse_node_id};
use crate::security;
use crate::tokens::Tokens;
use raftdeck_client::{AddressError, Tls, TlsError, TokenError, split};
use raftdeck_protocol::ClockRate;
use raftdeck_protocol::address::{self, PortError};
use raftdeck_raft::{Config, ConfigError, NodeId, Tuning};
use raftdeck_storage::Founders;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// With `PEERS`, Raft is served this far above HTTP.
const RAFT_ABOVE_HTTP: u16 = 10_000;

const DEFAULT_BIND: &str = "127.0.0.1:8080";

/// The longest cluster name: it travels in every handshake, and two of them in a refusal.
const MAX_CLUSTER_NAME: usize = 256;

/// Of the entries between two snapshots, this part stays in the log for followers that are a little behind.
const RETAINED_PART: u64 = 10;

/// Looks a name up in the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

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
    /// A snapshot after so many entries; `None`: as usual.
    pub(crate) snapshot_entries: Option<u64>,
    /// Or after so many bytes; `None`: as usual.
    pub(crate) snapshot_bytes: Option<usize>,
    /// The most bytes of entries in one message.
    pub(crate) append_bytes: Option<usize>,
    pub(crate) seed: u64,
    /// Every sync takes so much longer than the disk does.
    pub(crate) sync_delay: Option<Duration>,
    /// The end of the leader's connection is taken for its end.
    pub(crate) detect_crash: bool,
    /// The disk is stalled when it has not finished a write for so long; `None`: as the core has it.
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

/// A command line, or an environment, that is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("the timing is invalid: {0}")]
    Timing(ConfigError),
    #[error("{name}={value} is invalid: {why}")]
    Variable { name: &'static str, value: String, why: String },
    #[error(
        "--bind {bind} is {owner}'s address in --cluster, but --node-id is {id}: the first address is n1's, the second n2's, and so on"
    )]
    BindIsAnothers { bind: String, owner: NodeId, id: NodeId },
    #[error("--node-id {id} has no address: --cluster lists {count}, so ids go from 1 to {count}")]
    NoSuchMember { id: NodeId, count: usize },
    #[error("which of the {count} nodes is this? Give --node-id, or a --bind that is in --cluster")]
    WhoAmI { count: usize },
    #[error("{address} is in the list of nodes twice: each node needs its own address")]
    Twice { address: String },
    #[error(
        "--cluster gives {id} port 0: only this node's own port may be 0, because the others must be reachable"
    )]
    PeerPortZero { id: NodeId },
    #[error(
        "--join needs --node-id: the id that the cluster will know this node by. To bring back a member whose disk was lost, start it \
         on an empty data directory with its id, and run `raftdeck client member replace ID`"
    )]
    JoinWithoutId,
    #[error("--join needs --bind: the address where the cluster's nodes will reach this one")]
    JoinWithoutBind,
    #[error(
        "PEERS names the nodes of a cluster that starts together: to join one that exists, unset PEERS and give --node-id and --bind"
    )]
    JoinWithPeers,
    #[error("--peer-address {id} is this node itself: leave it out")]
    PeerIsMe { id: NodeId },
    #[error("PEERS is set but PORT is not: set PORT to this node's HTTP port, or use --cluster")]
    PeersWithoutPort,
    #[error("PEERS places Raft at PORT+10000: leave out --bind, or use --cluster instead of PEERS")]
    PeersWithBind,
    #[error(
        "PEERS names several hosts ({hosts}) but not the one of this node: use --cluster with the Raft addresses of all nodes in the order of their ids"
    )]
    PeersHosts { hosts: String },
    #[error(
        "PORT {port} leaves no room for Raft at PORT+10000 and clients at PORT+11000: choose a port of at most 54535, or use --cluster"
    )]
    PeersPort { port: u16 },
    #[error(
        "NODE_ID is {given}, but ids are the ranks of the HTTP ports ({ports}), which makes this node {rank}: set NODE_ID={rank}, or give the order yourself with --cluster"
    )]
    Rank { given: NodeId, rank: NodeId, ports: String },
    #[error("--cluster-name has {bytes} bytes: shorten it to at most {MAX_CLUSTER_NAME}")]
    ClusterName { bytes: usize },
    #[error("{host} is not an address of this machine: {why}")]
    Resolve { host: String, why: String },
    #[error(
        "{address} can be reached from other machines, and {missing}: bind 127.0.0.1, or accept that with --insecure"
    )]
    Open { address: SocketAddr, missing: String },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(
        "the {one} token and the {other} token are the same: choose different ones, because each would grant the other's rights"
    )]
    SameToken { one: &'static str, other: &'static str },
    #[error("0 is not a node id: ids start at 1")]
    IdZero,
    #[error(
        "{value} (--log-filter or RAFTDECK_LOG) is not a log filter: {why}; an example: info,raftdeck_node=debug"
    )]
    LogFilter { value: String, why: String },
}

/// The nodes in the list and this node's place among them.
struct NodePosition {
    id: NodeId,
    bind: String,
    /// The nodes of `--cluster` by id, which may lack this one if it joins.
    members: Vec<String>,
    /// The HTTP port that the environment asks for.
    http_port: Option<u16>,
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
            Err(UsageError::NoSuchMember { id, .. }) if was_started(args, id) => {
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
            data_dir: data_dir(args, place.id),
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

impl NodePosition {
    fn find(args: &NodeArgs, environment: Environment<'_>) -> Result<Self, UsageError> {
        let id = match (args.node_id, environment("NODE_ID")) {
            (None, Some(value)) => Some(parse_node_id(&value).map_err(|why| UsageError::Variable {
                name: "NODE_ID",
                value,
                why,
            })?),
            (given, _) => given,
        };
        let http_port = http_port(environment)?;
        match (&args.cluster, environment("PEERS")) {
            (None, Some(_)) if args.join => Err(UsageError::JoinWithPeers),
            (cluster, _) if args.join => {
                Self::joining(id, args.bind.as_deref(), cluster.as_deref().unwrap_or_default(), http_port)
            }
            (Some(cluster), _) => Self::in_cluster(id, args.bind.as_deref(), cluster, http_port),
            (None, Some(peers)) if args.bind.is_none() => Self::among_peers(id, &peers, http_port),
            (None, Some(_)) => Err(UsageError::PeersWithBind),
            (None, None) => Self::alone(id, args.bind.as_deref(), http_port),
        }
    }

    fn alone(id: Option<NodeId>, bind: Option<&str>, http_port: Option<u16>) -> Result<Self, UsageError> {
        let bind = bind.unwrap_or(DEFAULT_BIND).to_owned();
        split(&bind)?;
        match id {
            None | Some(NodeId(1)) => {
                Ok(Self { id: NodeId(1), members: vec![bind.clone()], bind, http_port })
            }
            Some(id) => Err(UsageError::NoSuchMember { id, count: 1 }),
        }
    }

    /// `cluster` only says where its nodes are, as far as anybody knows beforehand.
    fn joining(
        id: Option<NodeId>,
        bind: Option<&str>,
        cluster: &[String],
        http_port: Option<u16>,
    ) -> Result<Self, UsageError> {
        let id = id.ok_or(UsageError::JoinWithoutId)?;
        let members = listed(cluster)?;
        let own = usize::try_from(id.0 - 1).ok().and_then(|rank| members.get(rank));
        let bind = bind.or(own.map(String::as_str)).ok_or(UsageError::JoinWithoutBind)?.to_owned();
        if let Some(owner) = owner_of(&bind, &members).filter(|owner| *owner != id && !bind.ends_with(":0")) {
            return Err(UsageError::BindIsAnothers { bind, owner, id });
        }
        others_have_ports(id, &members)?;
        Ok(Self { id, bind, members, http_port })
    }

    fn in_cluster(
        id: Option<NodeId>,
        bind: Option<&str>,
        cluster: &[String],
        http_port: Option<u16>,
    ) -> Result<Self, UsageError> {
        let members = listed(cluster)?;
        let owner = bind.and_then(|bind| owner_of(bind, &members));
        let id = match (id, owner) {
            (Some(id), Some(owner)) if owner != id && bind.is_none_or(|bind| !bind.ends_with(":0")) => {
                let bind = bind.unwrap_or_default().to_owned();
                return Err(UsageError::BindIsAnothers { bind, owner, id });
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) if members.len() == 1 => NodeId(1),
            (None, None) => return Err(UsageError::WhoAmI { count: members.len() }),
        };
        let own = usize::try_from(id.0 - 1)
            .ok()
            .and_then(|rank| members.get(rank))
            .ok_or(UsageError::NoSuchMember { id, count: members.len() })?;
        let bind = bind.unwrap_or(own).to_owned();
        others_have_ports(id, &members)?;
        Ok(Self { id, bind, members, http_port })
    }

    /// `PEERS` holds the HTTP addresses of the others; ids are the ranks of the HTTP ports.
    fn among_peers(id: Option<NodeId>, peers: &str, http_port: Option<u16>) -> Result<Self, UsageError> {
        let port = http_port.ok_or(UsageError::PeersWithoutPort)?;
        let mut ports = BTreeSet::from([port]);
        let mut hosts = BTreeSet::new();
        for peer in peers.split(',').map(str::trim).filter(|peer| !peer.is_empty()) {
            let address = peer.strip_prefix("http://").unwrap_or(peer).trim_end_matches('/');
            let (host, peer_port) = split(address)?;
            hosts.insert(if host == "127.0.0.1" { "localhost" } else { host });
            if !ports.insert(peer_port) && peer_port != port {
                return Err(UsageError::Twice { address: address.to_owned() });
            }
        }
        if hosts.len() > 1 {
            return Err(UsageError::PeersHosts { hosts: hosts.into_iter().collect::<Vec<_>>().join(", ") });
        }
        let host = hosts.pop_first().unwrap_or("localhost");
        let mut members = Vec::new();
        let mut rank = NodeId(0);
        for (at, &http) in (1..).map(NodeId).zip(&ports) {
            let raft = http
                .checked_add(RAFT_ABOVE_HTTP)
                .filter(|raft| raft.checked_add(address::CLIENT_OFFSET).is_some())
                .ok_or(UsageError::PeersPort { port: http })?;
            members.push(format!("{host}:{raft}"));
            if http == port {
                rank = at;
            }
        }
        if let Some(given) = id.filter(|&given| given != rank) {
            let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            return Err(UsageError::Rank { given, rank, ports });
        }
        Ok(Self { id: rank, bind: format!("{host}:{}", port + RAFT_ABOVE_HTTP), members, http_port })
    }
}

/// The addresses of `--cluster`, each once.
fn listed(cluster: &[String]) -> Result<Vec<String>, UsageError> {
    let members: Vec<String> = cluster.iter().map(|address| address.trim().to_owned()).collect();
    for (at, address) in members.iter().enumerate() {
        let (_, port) = split(address)?;
        if port != 0 && members[..at].iter().any(|earlier| same(earlier, address)) {
            return Err(UsageError::Twice { address: address.clone() });
        }
    }
    Ok(members)
}

fn data_dir(args: &NodeArgs, id: NodeId) -> PathBuf {
    args.data_dir.clone().unwrap_or_else(|| PathBuf::from(format!("./raftdeck-data/{id}")))
}

/// Whether a member's data directory is there. Whose it is, is found when it is opened.
fn was_started(args: &NodeArgs, id: NodeId) -> bool {
    data_dir(args, id).join("raft.log").exists()
}

fn owner_of(bind: &str, members: &[String]) -> Option<NodeId> {
    (1..).map(NodeId).zip(members).find(|(_, member)| same(member, bind)).map(|(id, _)| id)
}

fn others_have_ports(id: NodeId, members: &[String]) -> Result<(), UsageError> {
    for (peer, address) in (1..).map(NodeId).zip(members) {
        if peer != id && split(address)?.1 == 0 {
            return Err(UsageError::PeerPortZero { id: peer });
        }
    }
    Ok(())
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

fn http_port(environment: Environment<'_>) -> Result<Option<u16>, UsageError> {
    for name in ["KVSTORE_PORT", "PORT"] {
        if let Some(value) = environment(name) {
            return match value.trim().parse() {
                Ok(port) => Ok(Some(port)),
                Err(_) => Err(UsageError::Variable {
                    name,
                    value,
                    why: "a port is a number from 0 to 65535".to_owned(),
                }),
            };
        }
    }
    Ok(None)
}

fn http_address(args: &NodeArgs, place: &NodePosition, raft: SocketAddr) -> Result<SocketAddr, UsageError> {
    let at_port = |port| {
        let mut address = raft;
        address.set_port(port);
        address
    };
    match (&args.http, place.http_port) {
        (Some(http), _) => match http.trim_start_matches(':').parse::<u16>() {
            Ok(port) => Ok(at_port(port)),
            Err(_) => resolve(http),
        },
        (None, Some(port)) => Ok(at_port(port)),
        (None, None) => Ok(address::http_of(raft)?),
    }
}

/// Whether two ways of writing an address mean the same, as far as can be told without asking anybody.
fn same(one: &str, other: &str) -> bool {
    let plain = |address: &str| address.trim().to_ascii_lowercase().replace("localhost:", "127.0.0.1:");
    plain(one) == plain(other)
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
