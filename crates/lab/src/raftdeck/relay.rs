//! The relay between one client of the lab and one node: it passes whole frames on, in both directions, and applies the rules in
//! force there.
//!
//! It takes part in no handshake: the first frames each way, which set a connection up, always pass unless the path is cut.

use futures::{SinkExt, StreamExt};
use raftdeck_client::{LocalUsers, codec, prepare};
use raftdeck_links::{NodeLocation, Whereabouts};
use raftdeck_protocol::frame::{self, MAX_FRAME};
use raftdeck_protocol::{Answer, Response, ResponseBody};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::codec::{FramedRead, FramedWrite};

/// A connection's handshake has this many frames each way.
const HANDSHAKE: usize = 2;

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

/// The path to one node. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    gate: watch::Sender<PathRules>,
    accepting: JoinHandle<()>,
}

impl Relay {
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
        let accepting = tokio::spawn(accept(listener, place, entries, users));
        Ok(Self { address, gate, accepting })
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

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
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
                    connections.spawn(serve(client, place.clone(), gate.clone()));
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
async fn serve(client: TcpStream, place: watch::Receiver<Whereabouts>, mut gate: watch::Receiver<PathRules>) {
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
        ended = pass_requests(from_client, to_node, gate.clone()) => ended,
        ended = pass_answers(from_node, to_client, gate.clone()) => ended,
        _ = gate.wait_for(|gate| gate.cut) => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!("a client's connection to {address} ended: {error}");
    }
}

async fn pass_requests(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    mut gate: watch::Receiver<PathRules>,
) -> io::Result<()> {
    let mut from = FramedRead::new(from, codec(MAX_FRAME));
    let mut to = FramedWrite::new(to, codec(MAX_FRAME));
    let mut passed = 0;
    while let Some(request) = from.next().await {
        let request = request?.freeze();
        if passed >= HANDSHAKE && gate.wait_for(|gate| !gate.holds).await.is_err() {
            return Ok(());
        }
        passed += 1;
        to.send(request).await?;
    }
    Ok(())
}

/// Passes answers back. A connection on which an answer was lost breaks when answers pass again: its client would otherwise wait for
/// that answer as long as the node is alive.
async fn pass_answers(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    mut gate: watch::Receiver<PathRules>,
) -> io::Result<()> {
    let mut from = FramedRead::new(from, codec(MAX_FRAME));
    let mut to = FramedWrite::new(to, codec(MAX_FRAME));
    let (mut passed, mut has_lost) = (0, false);
    loop {
        let answer = tokio::select! {
            answer = from.next() => answer,
            _ = gate.wait_for(|gate| !gate.loses_answers), if has_lost => return Ok(()),
        };
        let Some(answer) = answer else { return Ok(()) };
        let answer = answer?.freeze();
        let is_lost = passed >= HANDSHAKE && gate.borrow().loses_answers && !opens_session(&answer);
        passed += 1;
        has_lost |= is_lost;
        if !is_lost {
            to.send(answer).await?;
        }
    }
}

/// Opening a session counts as setting up a connection: without a session, no request could be sent whose answer is lost.
fn opens_session(answer: &[u8]) -> bool {
    let answer = frame::decode::<Response>("response", answer).map(|response| response.body);
    matches!(answer, Ok(ResponseBody::Done { answer: Answer::SessionOpened(_), .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_links::Presence;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(10);

    /// A node that is asked by hand, its relay, and a connection through it on which the handshake is done.
    async fn connected() -> (Presence, Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let presence = Presence::default();
        presence.starting();
        let address = listener.local_addr().unwrap();
        presence.serving(address, address);
        let relay =
            Relay::open(presence.watch(), PathRules::default(), LocalUsers::only_own().unwrap()).unwrap();
        let mut client = TcpStream::connect(relay.address()).await.unwrap();
        let (mut node, _) = listener.accept().await.unwrap();
        for text in ["hello", "proof"] {
            say(&mut client, text).await;
            assert_eq!(hear(&mut node).await, text);
            say(&mut node, text).await;
            assert_eq!(hear(&mut client).await, text);
        }
        (presence, relay, client, node)
    }

    async fn say(to: &mut TcpStream, text: &str) {
        to.write_u32(u32::try_from(text.len()).unwrap()).await.unwrap();
        to.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(from: &mut TcpStream) -> String {
        let heard = async {
            let mut text = vec![0; from.read_u32().await.unwrap() as usize];
            from.read_exact(&mut text).await.unwrap();
            String::from_utf8(text).unwrap()
        };
        timeout(SOON, heard).await.expect("something to hear")
    }

    #[tokio::test]
    async fn requests_are_kept_until_that_is_undone_and_answers_still_come() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { holds: true, ..PathRules::default() });
        say(&mut client, "first").await;
        say(&mut client, "second").await;
        say(&mut node, "an answer").await;
        assert_eq!(hear(&mut client).await, "an answer");
        let mut byte = [0];
        assert_eq!(node.try_read(&mut byte).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        relay.set(PathRules::default());
        assert_eq!(hear(&mut node).await, "first");
        assert_eq!(hear(&mut node).await, "second");
    }

    #[tokio::test]
    async fn answers_are_lost_and_then_the_connection_breaks() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { loses_answers: true, ..PathRules::default() });
        say(&mut node, "lost").await;
        let session = ResponseBody::Done {
            answer: Answer::SessionOpened(raftdeck_protocol::SessionId(7)),
            at: raftdeck_raft::LogId::default(),
        };
        let opened = frame::encode(&Response { id: 1, body: session });
        node.write_u32(u32::try_from(opened.len()).unwrap()).await.unwrap();
        node.write_all(&opened).await.unwrap();
        // What passes comes after what was lost.
        assert_eq!(hear(&mut client).await.as_bytes(), &opened[..]);
        say(&mut client, "a request").await;
        assert_eq!(hear(&mut node).await, "a request");
        relay.set(PathRules::default());
        let ended = async { (client.read_u8().await.is_err(), node.read_u8().await.is_err()) };
        assert_eq!(timeout(SOON, ended).await.expect("both ends"), (true, true));
    }

    #[tokio::test]
    async fn a_connection_on_which_no_answer_was_lost_stays() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { loses_answers: true, ..PathRules::default() });
        say(&mut client, "a request").await;
        assert_eq!(hear(&mut node).await, "a request");
        relay.set(PathRules::default());
        say(&mut node, "an answer").await;
        assert_eq!(hear(&mut client).await, "an answer");
    }

    #[tokio::test]
    async fn a_cut_breaks_connections_and_lets_none_come_about_until_it_is_mended() {
        let (_presence, relay, mut client, mut node) = connected().await;
        relay.set(PathRules { cut: true, ..PathRules::default() });
        let ended = async { (client.read_u8().await.is_err(), node.read_u8().await.is_err()) };
        assert_eq!(timeout(SOON, ended).await.expect("both ends"), (true, true));
        let mut again = TcpStream::connect(relay.address()).await.unwrap();
        say(&mut again, "hello").await;
        relay.set(PathRules::default());
        let closed = timeout(SOON, again.read_u8()).await.expect("an end");
        assert!(closed.is_err(), "it has to be tried again");
    }
}
