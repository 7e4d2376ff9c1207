//! Which node a command line and an environment name: its id, where it listens, and the nodes it starts with. Sends no request
//! and resolves no name.

use crate::args::{NodeArgs, parse_node_id};
use crate::usage::{Environment, MAX_HTTP, UsageError};
use raftdeck_client::split;
use raftdeck_protocol::address::RAFT_ABOVE_HTTP;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// The HTTP port of a node that was told nothing.
const DEFAULT_HTTP: u16 = 8080;

/// The nodes in the list and this node's place among them.
#[derive(Debug)]
pub(crate) struct NodePosition {
    pub(crate) id: NodeId,
    pub(crate) bind: String,
    /// The nodes of `--cluster` by id, which may lack this one if it joins.
    pub(crate) members: Vec<String>,
    /// The HTTP port that the environment asks for.
    pub(crate) http_port: Option<u16>,
    /// Of a node that is alone and was named no Raft port: its HTTP port, unless any free one will do.
    pub(crate) alone_at: Option<u16>,
}

impl NodePosition {
    pub(crate) fn find(args: &NodeArgs, environment: Environment<'_>) -> Result<Self, UsageError> {
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
            (None, None) => match &args.bind {
                Some(bind) => Self::alone(id, bind, http_port),
                None => Self::alone_by_http(id, args.http.as_deref(), http_port),
            },
        }
    }

    /// Without a cluster and without a Raft address, the port that is named is HTTP's, as with `PEERS`.
    fn alone_by_http(id: Option<NodeId>, http: Option<&str>, port: Option<u16>) -> Result<Self, UsageError> {
        let port = match http.map(|http| (http, bare_port(http))) {
            Some((_, Some(port))) => port,
            Some((http, None)) => split(http)?.1,
            None => port.unwrap_or(DEFAULT_HTTP),
        };
        let raft = if port == 0 { 0 } else { raft_of_http(port)? };
        let alone = Self::alone(id, &format!("127.0.0.1:{raft}"), Some(port))?;
        Ok(Self { alone_at: Some(port).filter(|port| *port != 0), ..alone })
    }

    fn alone(id: Option<NodeId>, bind: &str, http_port: Option<u16>) -> Result<Self, UsageError> {
        split(bind)?;
        let bind = bind.to_owned();
        match id {
            None | Some(NodeId(1)) => {
                Ok(Self { id: NodeId(1), members: vec![bind.clone()], bind, http_port, alone_at: None })
            }
            Some(id) => Err(UsageError::NotAlone { id }),
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
        let bind = bind.or(address_of(id, &members)).ok_or(UsageError::JoinWithoutBind)?.to_owned();
        if let Some(owner) = owner_of(&bind, &members).filter(|owner| *owner != id && !bind.ends_with(":0")) {
            return Err(UsageError::BindIsAnothers { bind, owner, id });
        }
        others_have_ports(id, &members)?;
        Ok(Self { id, bind, members, http_port, alone_at: None })
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
        let own = address_of(id, &members).ok_or(UsageError::NoSuchMember { id, count: members.len() })?;
        let bind = bind.unwrap_or(own).to_owned();
        others_have_ports(id, &members)?;
        Ok(Self { id, bind, members, http_port, alone_at: None })
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
            let raft = raft_of_http(http)?;
            members.push(format!("{host}:{raft}"));
            if http == port {
                rank = at;
            }
        }
        if let Some(given) = id.filter(|&given| given != rank) {
            let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
            return Err(UsageError::Rank { given, rank, ports });
        }
        let bind = format!("{host}:{}", raft_of_http(port)?);
        Ok(Self { id: rank, bind, members, http_port, alone_at: None })
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

fn owner_of(bind: &str, members: &[String]) -> Option<NodeId> {
    (1..).map(NodeId).zip(members).find(|(_, member)| same(member, bind)).map(|(id, _)| id)
}

/// The address of a node in the list, whose ids are the ranks.
fn address_of(id: NodeId, members: &[String]) -> Option<&str> {
    let rank = usize::try_from(id.0 - 1).ok()?;
    members.get(rank).map(String::as_str)
}

fn others_have_ports(id: NodeId, members: &[String]) -> Result<(), UsageError> {
    for (peer, address) in (1..).map(NodeId).zip(members) {
        if peer != id && split(address)?.1 == 0 {
            return Err(UsageError::PeerPortZero { id: peer });
        }
    }
    Ok(())
}

/// Where Raft is served by a node of which only HTTP's port is known.
fn raft_of_http(http: u16) -> Result<u16, UsageError> {
    if http > MAX_HTTP {
        return Err(UsageError::HttpPort { port: http });
    }
    Ok(http + RAFT_ABOVE_HTTP)
}

/// `8080` or `:8080`, if that is how an address is written.
pub(crate) fn bare_port(http: &str) -> Option<u16> {
    http.trim_start_matches(':').parse().ok()
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

/// Whether two ways of writing an address mean the same, as far as can be told without asking anybody.
fn same(one: &str, other: &str) -> bool {
    let plain = |address: &str| address.trim().to_ascii_lowercase().replace("localhost:", "127.0.0.1:");
    plain(one) == plain(other)
}
