//! The ports that nodes were given, held for them between two of their lives.
//!
//! When a node is killed, its ports would be free for any user of this machine, whose program could then impersonate
//! the node. So each port has a second socket, bound by the lab and never listening. On Linux with `SO_REUSEPORT`,
//! which a managed node sets on its own socket as well, only sockets of the same user share a port: another user's
//! program cannot bind it, the node's next life can, and a connection to a dead node is refused immediately, as nothing
//! listens. The lab's socket has no `SO_REUSEADDR`, so a second deck that looks whether the port is free finds that
//! it is not. Elsewhere a port is only looked at.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// One port of this machine, held until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldPort {
    #[cfg(target_os = "linux")]
    _socket: socket2::Socket,
}

impl HeldPort {
    /// Takes a port that no other process has.
    pub(crate) fn take(port: u16) -> io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // With `SO_REUSEPORT` a deck of the same user would share its ports with this one.
        drop(TcpListener::bind(address)?);
        Self::bind(address)
    }

    #[cfg(target_os = "linux")]
    fn bind(address: SocketAddr) -> io::Result<Self> {
        use socket2::{Domain, Protocol, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_port(true)?;
        // Only while it is being bound: the system may still hold a connection of an earlier process.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.set_reuse_address(false)?;
        Ok(Self { _socket: socket })
    }

    #[cfg(not(target_os = "linux"))]
    fn bind(_: SocketAddr) -> io::Result<Self> {
        Ok(Self {})
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::io::ErrorKind;
    use std::net::TcpStream;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    /// The port that the other user's process tries, in its environment.
    const PORT: &str = "RAFTDECK_TEST_HELD_PORT";

    /// Below the system's ephemeral ports, so that no other process takes one in between.
    fn held() -> (u16, HeldPort) {
        let free = |port| Some((port, HeldPort::take(port).ok()?));
        (20_003..30_000).step_by(10).find_map(free).expect("some port is free")
    }

    /// As a managed node listens.
    fn node(port: u16) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        socket.listen(8)?;
        Ok(socket)
    }

    fn connect(port: u16) -> io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
    }

    #[test]
    fn a_held_port_is_the_nodes_in_each_of_its_lives_and_refuses_connections_in_between() {
        let (port, held) = held();
        for _ in 0..3 {
            assert_eq!(connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused, "nothing listens");
            let life = node(port).expect("the node binds its port");
            let client = connect(port).expect("it serves");
            // The node's side closes first, so its end of the connection lingers, as after a kill.
            drop(life.accept().unwrap());
            drop((life, client));
        }
        drop(held);
        HeldPort::take(port).expect("the next deck has it at once");
    }

    #[test]
    fn a_second_deck_on_a_held_port_fails_whether_the_node_lives_or_not() {
        let (port, _held) = held();
        assert_eq!(HeldPort::take(port).unwrap_err().kind(), ErrorKind::AddrInUse);
        let _life = node(port).unwrap();
        assert_eq!(HeldPort::take(port).unwrap_err().kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn another_user_cannot_bind_a_held_port() {
        if !rustix::process::getuid().is_root() {
            eprintln!("skipped: only root can act as another user");
            return;
        }
        let (port, held) = held();
        let is_bound = || {
            let mut other = Command::new("/bin/sh");
            // Copied to where every user may run it.
            let dir = tempfile::tempdir().unwrap();
            let program = dir.path().join("binds");
            std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(dir.path(), open).unwrap();
            let script =
                format!("exec {} --exact setup::held::tests::binds_the_port_it_is_told", program.display());
            let other = other.args(["-c", &script]).env(PORT, port.to_string()).uid(65534).gid(65534);
            // Captured, as a test that fails there is what this one is about.
            other.output().unwrap().status.success()
        };
        assert!(!is_bound(), "another user has the port of a node that is dead");
        drop(held);
        assert!(is_bound(), "it is free");
    }

    /// Run by another user's process, see above.
    #[test]
    fn binds_the_port_it_is_told() {
        let Some(port) = std::env::var(PORT).ok().and_then(|port| port.parse().ok()) else { return };
        node(port).unwrap();
    }
}
