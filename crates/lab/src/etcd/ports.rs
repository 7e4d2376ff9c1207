//! The ports of members. Each member listens at two of its own, and its links at one. They are chosen before it starts, below those that
//! systems give out by themselves: a member's addresses are a part of the membership, and must be free again after a restart.

use super::options::{CLIENT_OFFSET, LINK_OFFSET};
use raftdeck_raft::NodeId;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports that are tried if none were named.
const FREE: std::ops::Range<u16> = 11_000..17_900;

/// Where the next search of this process begins: several labs may choose at the same time.
static CURSOR: AtomicU16 = AtomicU16::new(0);

/// The ports of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberPorts {
    /// For its peers.
    pub(super) peers: u16,
    /// For clients.
    pub(super) clients: u16,
    /// Where its peers dial its links.
    pub(super) link: u16,
}

impl MemberPorts {
    /// The ports of a member, or which one is not available. `link`: the one that its membership has.
    pub(super) fn choose(node: NodeId, base: Option<u16>, link: Option<u16>) -> Result<Self, String> {
        let Some(base) = base else {
            let free = || free().map_err(|error| format!("there is no free port for {node}: {error}"));
            let link =
                link.map_or_else(free, |link| is_free(link).map(|()| link).map_err(taken(node, link)))?;
            return Ok(Self { peers: free()?, clients: free()?, link });
        };
        let above = || format!("the ports of {node} would be above 65535: choose a lower base port");
        let nth = u16::try_from(node.0.saturating_sub(1)).map_err(|_| above())?;
        let peers = base.checked_add(nth).ok_or_else(above)?;
        let clients = peers.checked_add(CLIENT_OFFSET).ok_or_else(above)?;
        let usual = peers.checked_add(LINK_OFFSET).ok_or_else(above)?;
        let ports = Self { peers, clients, link: link.unwrap_or(usual) };
        for port in [ports.peers, ports.clients, ports.link] {
            is_free(port).map_err(taken(node, port))?;
        }
        Ok(ports)
    }
}

fn taken(node: NodeId, port: u16) -> impl Fn(io::Error) -> String {
    move |error| format!("port {port}, which {node} needs, cannot be used: {error}")
}

fn is_free(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(|_| ())
}

fn free() -> io::Result<u16> {
    let count = FREE.end - FREE.start;
    // Other labs on this machine choose ports as well: each begins elsewhere.
    let begin = u16::try_from(std::process::id() % u32::from(count)).unwrap_or_default();
    let mut refused = io::Error::other("none was tried");
    for _ in 0..count {
        let step = CURSOR.fetch_add(1, Ordering::Relaxed) % count;
        // Processes that were started one after the other have ids one after the other, so a step is long.
        let offset = (u32::from(begin) * 97 + u32::from(step)) % u32::from(count);
        let port = FREE.start + u16::try_from(offset).unwrap_or_default();
        match is_free(port) {
            Ok(()) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_were_not_named_are_free_and_differ() {
        let ports: Vec<MemberPorts> =
            (1..=5).map(|node| MemberPorts::choose(NodeId(node), None, None).unwrap()).collect();
        let all: std::collections::BTreeSet<u16> =
            ports.iter().flat_map(|ports| [ports.peers, ports.clients, ports.link]).collect();
        assert_eq!(all.len(), 15);
    }

    #[test]
    fn a_port_that_is_taken_is_named() {
        let port = free().unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let error = MemberPorts::choose(NodeId(1), None, Some(port)).unwrap_err();
        assert!(error.starts_with(&format!("port {port}, which n1 needs, cannot be used")), "{error}");
        let error = MemberPorts::choose(NodeId(5), Some(port - 4), None).unwrap_err();
        assert!(error.contains("which n5 needs"), "{error}");
        assert!(MemberPorts::choose(NodeId(1), Some(65_000), None).unwrap_err().contains("above 65535"));
    }
}
