//! Which address the class is told: the one that is listened on, or, of a server that listens on every address, one of this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses for documentation (RFC 5737, RFC 3849): nobody has them, and nothing is sent to them.
const SOMEWHERE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9),
];

/// Where phones reach a server that listens here, and what is worth saying about that.
pub(super) fn reachable(listens: SocketAddr) -> (SocketAddr, Option<String>) {
    if listens.ip().is_loopback() {
        let note = "Only this machine can join: to serve others, name an address with --audience.".to_owned();
        return (listens, Some(note));
    }
    if !listens.ip().is_unspecified() {
        return (listens, None);
    }
    if let Some(ip) = outward(listens.is_ipv6()) {
        let note = format!(
            "The server listens on every address of this machine; {ip} is the one towards the network."
        );
        return (SocketAddr::new(ip, listens.port()), Some(note));
    }
    let loopback =
        if listens.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { IpAddr::from(Ipv6Addr::LOCALHOST) };
    let note = "This machine has no address in a network: only it can join.".to_owned();
    (SocketAddr::new(loopback, listens.port()), Some(note))
}

/// The address from which this machine would send elsewhere. Connecting a datagram socket sends nothing: it asks the routing table.
fn outward(also_v6: bool) -> Option<IpAddr> {
    let of_route = |to: &SocketAddr| {
        let from: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    };
    let kinds = if also_v6 { &SOMEWHERE[..] } else { &SOMEWHERE[..1] };
    kinds.iter().find_map(of_route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_named_is_shown_as_it_is() {
        let named: SocketAddr = "192.168.1.5:8000".parse().unwrap();
        assert_eq!(reachable(named), (named, None));
        let (shown, note) = reachable("127.0.0.1:8000".parse().unwrap());
        assert_eq!(shown.to_string(), "127.0.0.1:8000");
        assert!(note.is_some_and(|note| note.contains("Only this machine")));
    }

    #[test]
    fn of_every_address_one_is_shown_that_can_be_reached_and_it_is_said() {
        for listens in ["0.0.0.0:8000", "[::]:8000"] {
            let (shown, note) = reachable(listens.parse().unwrap());
            assert!(!shown.ip().is_unspecified() && shown.port() == 8000, "{shown}");
            assert_eq!(shown.ip().is_loopback(), note.unwrap().contains("only it can join"));
        }
    }
}
