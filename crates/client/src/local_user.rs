//! Which user of this machine opened a connection. A process that listens on loopback without a token, such as a node
//! or its relay, can be reached by every user of the machine; this module tells its own user from the others. It
//! decides nothing about connections from other machines.
//!
//! On Linux the kernel names the owner of a socket (`sock_diag(7)`). Other systems do not: there every local user is
//! served, and the node warns about it at its start.

use raftdeck_protocol::RefusalReason;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// A user id, as the kernel knows it.
type Uid = u32;

/// Root can read the node's memory anyway.
const ROOT: Uid = 0;

/// Whether connections from other users of this machine are refused.
#[derive(Clone, Debug)]
pub enum LocalUsers {
    /// Every local user is served: a token or a certificate decides, or the system cannot tell users apart.
    Any,
    /// Only this user, and root.
    Only(Uid, Arc<Mutex<Kernel>>),
}

impl LocalUsers {
    /// Only the user of this process. Where the system cannot tell users apart: any, with a line in the log.
    #[must_use]
    pub fn only_own_where_known() -> Self {
        Self::only_own().unwrap_or_else(|why| {
            tracing::warn!(
                "every user of this machine can read and write the keys of this node ({why}): start it with --client-token-file"
            );
            Self::Any
        })
    }

    /// Only the user of this process. An error says why this system cannot tell users apart.
    pub fn only_own() -> io::Result<Self> {
        let own = rustix::process::geteuid().as_raw();
        let mut kernel = Kernel::default();
        let found = probe(&mut kernel)?;
        if found == Some(own) {
            Ok(Self::Only(own, Arc::new(Mutex::new(kernel))))
        } else {
            Err(io::Error::other(format!("it names {found:?} as the owner of a socket of uid {own}")))
        }
    }

    /// Refuses a connection from `peer` to `local`, which is this process's end, if another user of this machine opened it.
    pub fn check(&self, peer: SocketAddr, local: SocketAddr) -> Result<(), RefusalReason> {
        let Self::Only(own, kernel) = self else { return Ok(()) };
        let (peer, local) = (canonical(peer), canonical(local));
        if !peer.ip().is_loopback() {
            return Ok(());
        }
        match kernel.lock().unwrap_or_else(PoisonError::into_inner).owner(peer, local) {
            Ok(Some(uid)) if uid == *own || uid == ROOT => Ok(()),
            // Also a socket that is closed already, and what the kernel does not answer: unknown is not permitted.
            Ok(_) | Err(_) => Err(RefusalReason::OtherUser { own: *own }),
        }
    }
}

/// IPv4 addresses as such, also where a socket for both families shows them as IPv6.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Asks for the owner of a socket of this process's own, which must be this process's user.
fn probe(kernel: &mut Kernel) -> io::Result<Option<Uid>> {
    let listener = std::net::TcpListener::bind((IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0))?;
    let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    kernel.owner(near.local_addr()?, near.peer_addr()?)
}

/// Asks the kernel which user opened a socket, over one socket of its own that is opened when it is needed first.
#[derive(Debug, Default)]
pub struct Kernel {
    /// **Invariant:** no answer waits here.
    #[cfg(target_os = "linux")]
    socket: Option<netlink_sys::Socket>,
    /// Counts the questions, so that no answer is taken for another one's.
    #[cfg(target_os = "linux")]
    asked: u32,
}

#[cfg(target_os = "linux")]
impl Kernel {
    /// The user who opened the socket at `near`, which is connected to `far`. `None`: there is no such socket.
    fn owner(&mut self, near: SocketAddr, far: SocketAddr) -> io::Result<Option<Uid>> {
        let socket = self.socket.take().map_or_else(open, Ok)?;
        self.asked = self.asked.wrapping_add(1);
        // After an error it is unknown what is still to come on that socket: it is closed.
        let owner = ask(&socket, self.asked, near, far)?;
        self.socket = Some(socket);
        Ok(owner)
    }
}

#[cfg(target_os = "linux")]
fn open() -> io::Result<netlink_sys::Socket> {
    let mut socket = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn ask(
    kernel: &netlink_sys::Socket,
    number: u32,
    near: SocketAddr,
    far: SocketAddr,
) -> io::Result<Option<Uid>> {
    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

    /// Asks for whichever socket has these addresses.
    const ANY_COOKIE: [u8; 8] = [0xff; 8];

    let request = InetRequest {
        family: if near.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: near.port(),
            destination_port: far.port(),
            source_address: near.ip(),
            destination_address: far.ip(),
            interface_id: 0,
            cookie: ANY_COOKIE,
        },
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    header.sequence_number = number;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    kernel.send(&bytes, 0)?;
    let (answer, _) = kernel.recv_from_full()?;
    let answer = NetlinkMessage::<SockDiagMessage>::deserialize(&answer).map_err(io::Error::other)?;
    if answer.header.sequence_number != number {
        return Err(io::ErrorKind::InvalidData.into());
    }
    match answer.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => Ok(Some(found.header.uid)),
        NetlinkPayload::Error(error) => match error.to_io() {
            error if error.kind() == io::ErrorKind::NotFound => Ok(None),
            error => Err(error),
        },
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(not(target_os = "linux"))]
impl Kernel {
    fn owner(&mut self, _near: SocketAddr, _far: SocketAddr) -> io::Result<Option<Uid>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not report the owner of a socket"))
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn accepted(listen_at: &str) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(listen_at).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn a_connection_of_the_own_user_is_let_in_over_both_families() {
        let own = LocalUsers::only_own().unwrap();
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let (_near, end) = accepted(at);
            assert_eq!(own.check(end.peer_addr().unwrap(), end.local_addr().unwrap()), Ok(()), "{at}");
        }
    }

    #[test]
    fn another_users_connection_and_one_that_is_not_there_are_refused_and_any_other_machines_is_not() {
        let (_near, end) = accepted("127.0.0.1:0");
        let (peer, local) = (end.peer_addr().unwrap(), end.local_addr().unwrap());
        let users = LocalUsers::only_own().unwrap();
        let LocalUsers::Only(own, kernel) = users.clone() else { panic!("Linux can tell") };
        if own != ROOT {
            // Whoever runs this test is another user to a node of uid 1.
            assert!(LocalUsers::Only(own + 1, Arc::clone(&kernel)).check(peer, local).is_err());
        }
        let nobody = SocketAddr::new(peer.ip(), 1);
        // One socket serves for all questions, and each gets its own answer.
        for _ in 0..10 {
            assert_eq!(users.check(nobody, local), Err(RefusalReason::OtherUser { own }));
            assert_eq!(users.check(peer, local), Ok(()));
            assert!(kernel.lock().unwrap().socket.is_some(), "it is kept");
        }
        assert_eq!(LocalUsers::Any.check(nobody, local), Ok(()));
        let elsewhere = "192.0.2.7:4000".parse().unwrap();
        assert_eq!(users.check(elsewhere, local), Ok(()));
    }
}
