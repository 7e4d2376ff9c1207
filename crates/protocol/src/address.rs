//! The ports of a node: `P` for Raft, `P + 1000` for clients, `P + 3000` for HTTP.

use std::fmt;
use std::net::SocketAddr;

/// The distance from a Raft port to its client port.
pub const CLIENT_OFFSET: u16 = 1000;

/// The distance from a Raft port to its HTTP port.
pub const HTTP_OFFSET: u16 = 3000;

/// The distance from an HTTP port to its Raft port where only HTTP's port was named.
pub const RAFT_ABOVE_HTTP: u16 = 10_000;

/// A port that has no room for the ports derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PortError {
    /// The Raft port.
    pub port: u16,
    /// What was to be added.
    pub offset: u16,
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "port {} leaves no room for port {} + {}: choose a Raft port of at most {}",
            self.port,
            self.port,
            self.offset,
            u16::MAX - HTTP_OFFSET
        )
    }
}

/// The client address that belongs to a Raft address. Port 0 ("any free port") stays 0.
pub fn client_of(raft: SocketAddr) -> Result<SocketAddr, PortError> {
    shifted(raft, CLIENT_OFFSET)
}

/// The HTTP address that belongs to a Raft address. Port 0 ("any free port") stays 0.
pub fn http_of(raft: SocketAddr) -> Result<SocketAddr, PortError> {
    shifted(raft, HTTP_OFFSET)
}

fn shifted(raft: SocketAddr, offset: u16) -> Result<SocketAddr, PortError> {
    let port = raft.port();
    let mut address = raft;
    if port != 0 {
        address.set_port(port.checked_add(offset).ok_or(PortError { port, offset })?);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_derive_from_the_raft_port() {
        let raft: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(client_of(raft).unwrap().to_string(), "127.0.0.1:9080");
        assert_eq!(http_of(raft).unwrap().to_string(), "127.0.0.1:11080");
    }

    #[test]
    fn port_zero_stays_zero_and_overflow_is_refused() {
        let any: SocketAddr = "[::1]:0".parse().unwrap();
        assert_eq!(client_of(any).unwrap().port(), 0);
        let high: SocketAddr = "127.0.0.1:64000".parse().unwrap();
        assert_eq!(http_of(high), Err(PortError { port: 64000, offset: HTTP_OFFSET }));
    }
}
