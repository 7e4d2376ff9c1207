//! A command line, or an environment, that is invalid: sentences that say what to do.

use raftdeck_client::{AddressError, TlsError, TokenError};
use raftdeck_protocol::address::{CLIENT_OFFSET, PortError, RAFT_ABOVE_HTTP};
use raftdeck_raft::{ConfigError, NodeId};
use std::net::SocketAddr;

/// The longest cluster name: it travels in every handshake, and two of them in a refusal.
pub(crate) const MAX_CLUSTER_NAME: usize = 256;

/// The greatest HTTP port that leaves room for Raft and clients above it.
pub(crate) const MAX_HTTP: u16 = u16::MAX - RAFT_ABOVE_HTTP - CLIENT_OFFSET;

/// Looks a name up in the environment.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

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
    #[error(
        "a node that starts without others is n1, but --node-id is {id}: name all nodes with --cluster or PEERS, or add this one to a \
         cluster that exists with --join"
    )]
    NotAlone { id: NodeId },
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
        "HTTP port {port} leaves no room for Raft at PORT+10000 and clients at PORT+11000: choose a port of at most {MAX_HTTP}, or name \
         the Raft ports with --bind or --cluster"
    )]
    HttpPort { port: u16 },
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
