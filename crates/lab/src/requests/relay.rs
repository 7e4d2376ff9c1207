//! The relay between one client of the lab and one node, and the rules in force there. How bytes pass is the engine's to say.

use raftdeck_client::{LocalUsers, prepare};
use raftdeck_links::{NodeLocation, Whereabouts};
use std::io;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A client has at most this many connections on one way.
const MAX_CONNECTIONS: usize = 64;

/// The rules in force on a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathRules {
    /// Connections break, and none can be established.
    pub(crate) cut: bool,
    /// Requests are held.
    pub(crate) holds: bool,
    /// Answers are lost.
    pub(crate) loses_answers: bool,
}

/// How the bytes of a connection pass, in both directions, until the connection ends. A cut is not its concern.
pub(crate) trait Passage: Send + 'static {
    /// From the client to the node.
    fn requests(
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        gate: watch::Receiver<PathRules>,
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// From the node to the client. A connection on which an answer was lost breaks when answers pass again: its client would otherwise
    /// wait for that answer as long as the node is alive.
    fn answers(
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        gate: watch::Receiver<PathRules>,
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// The path to one node. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Relay<P> {
    address: SocketAddr,
    gate: watch::Sender<PathRules>,
    accepting: JoinHandle<()>,
    passage: PhantomData<P>,
}

impl<P: Passage> Relay<P> {
    /// Opens the path to the node that is at `place` at any moment, whichever life it is in. Only connections of these users pass,
    /// because the node sees only the lab's user at the other end.
    pub(crate) fn open(
        place: watch::Receiver<Whereabouts>,
        gate: PathRules,
        users: LocalUsers,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let (gate, entries) = watch::channel(gate);
        let accepting = tokio::spawn(accept::<P>(listener, place, entries, users));
        Ok(Self { address, gate, accepting, passage: PhantomData })
    }

    /// Where the client finds the node.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on these rules are in force.
    pub(crate) fn set(&self, gate: PathRules) {
        self.gate.send_if_modified(|now| std::mem::replace(now, gate) != gate);
    }
}

impl<P> Drop for Relay<P> {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<P: Passage>(
    listener: TcpListener,
    place: watch::Receiver<Whereabouts>,
    gate: watch::Receiver<PathRules>,
    users: LocalUsers,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) if connections.len() < MAX_CONNECTIONS && is_let_in(&client, &users) => {
                    connections.spawn(serve::<P>(client, place.clone(), gate.clone()));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("a client's relay cannot accept connections: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Whether a connection is from the lab's own user, as far as this system can tell. Any other user of this machine can find the port.
fn is_let_in(client: &TcpStream, users: &LocalUsers) -> bool {
    let ends = client.peer_addr().and_then(|peer| Ok((peer, client.local_addr()?)));
    ends.is_ok_and(|(peer, local)| users.check(peer, local).is_ok())
}

/// One connection of the client, to its end.
async fn serve<P: Passage>(
    client: TcpStream,
    place: watch::Receiver<Whereabouts>,
    mut gate: watch::Receiver<PathRules>,
) {
    if gate.borrow().cut {
        // As on a cut network, the client hears nothing until the path is mended, and then it has to try again.
        let _ = gate.wait_for(|gate| !gate.cut).await;
        return;
    }
    let NodeLocation::Serving { client: address, .. } = place.borrow().place else { return };
    let Ok(node) = TcpStream::connect(address).await else { return };
    if let Err(error) = prepare(&client).and_then(|()| prepare(&node)) {
        return tracing::debug!("a connection to {address} cannot be set up: {error}");
    }
    let (from_client, to_client) = client.into_split();
    let (from_node, to_node) = node.into_split();
    let ended = tokio::select! {
        ended = P::requests(from_client, to_node, gate.clone()) => ended,
        ended = P::answers(from_node, to_client, gate.clone()) => ended,
        _ = gate.wait_for(|gate| gate.cut) => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!("a client's connection to {address} ended: {error}");
    }
}
