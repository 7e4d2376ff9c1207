//! One link: the only way from one node to another.
//!
//! A link accepts the sender's connections, relays each one's handshake to wherever the receiver listens now, and once the receiver
//! has accepted it, hands its frames to `traffic`, which decides what becomes of them, and to `carrier`, which carries those that
//! have arrived. A frame from a connection that the receiver has not accepted is never a message: any process on this machine
//! can connect to a link. It never changes a frame and never answers for a node. When the receiver does not read, the link stops
//! reading.

use crate::carrier::{Carrier, Ending};
use crate::lane::Signals;
use crate::links::Pair;
use crate::time::ClockReader;
use crate::traffic::Traffic;
use crate::whereabouts::{Place, Whereabouts, life_over};
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use raftdeck_client::codec;
use raftdeck_model::LinkState;
use raftdeck_protocol::frame::{self, MAX_FRAME, MAX_HANDSHAKE, MAX_HELLO_REPLY};
use raftdeck_protocol::handshake::decode_hello;
use raftdeck_protocol::{HelloReply, Role};
use raftdeck_raft::Incarnation;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// The most connections of one link that the receiver has accepted. A node needs one; one more may be dying. Over it the oldest
/// goes.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// The most connections of one link that the receiver has not accepted yet. Over it the oldest goes, so a crowd of strangers takes
/// no place from those that were accepted.
pub(crate) const MAX_STRANGERS: usize = 8;

/// A connection must begin with a handshake within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(2);

/// How long a link waits after a failed accept, which fails again at once when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Reader = FramedRead<OwnedReadHalf, LengthDelimitedCodec>;
/// Where frames leave for a node.
pub(crate) type Writer = FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>;

/// The sender's data directory, as its hello says: a message is carried on a connection of the data directory that sent it.
pub(crate) type Origin = Option<Incarnation>;

/// A connection that a link serves.
struct Relayed {
    task: AbortHandle,
    /// By the receiver.
    is_accepted: Arc<AtomicBool>,
}

/// Closes the oldest of these connections until there is room for one more.
fn make_room(oldest_first: &mut VecDeque<Relayed>, accepted: bool, most: usize) {
    let counts = |relayed: &Relayed| relayed.is_accepted.load(Relaxed) == accepted;
    while oldest_first.iter().filter(|relayed| counts(relayed)).count() >= most {
        let oldest = oldest_first.iter().position(counts).and_then(|at| oldest_first.remove(at));
        if let Some(oldest) = oldest {
            oldest.task.abort();
        }
    }
}

/// What a link is made of.
#[derive(Clone)]
pub(crate) struct Link {
    /// The sender and the receiver.
    pub(crate) pair: Pair,
    /// Open or cut.
    pub(crate) gate: watch::Receiver<LinkState>,
    /// The sender's lives.
    pub(crate) source: watch::Receiver<Whereabouts>,
    /// The receiver's lives, and where it listens.
    pub(crate) target: watch::Receiver<Whereabouts>,
    /// What is on the links.
    pub(crate) traffic: Arc<Traffic>,
    /// How it is woken.
    pub(crate) signals: Arc<Signals>,
    /// Cluster time.
    pub(crate) clock: ClockReader,
    /// The sender has shown itself as a member: its cluster is founded.
    pub(crate) is_founded: Arc<AtomicBool>,
}

impl Link {
    /// Accepts and relays as long as the lab runs.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let mut relays = JoinSet::new();
        // A connection is handed over once and ends once, so what waits here is bounded by their number.
        let (hand_over, handed) = mpsc::unbounded_channel();
        relays.spawn(Carrier::new(&self).run(handed));
        let mut oldest_first: VecDeque<Relayed> = VecDeque::new();
        for number in 0.. {
            let connection = self.accept(&listener, &mut relays).await;
            oldest_first.retain(|relayed| !relayed.task.is_finished());
            make_room(&mut oldest_first, false, MAX_STRANGERS);
            make_room(&mut oldest_first, true, MAX_CONNECTIONS);
            let is_accepted = Arc::new(AtomicBool::new(false));
            let ending = Ending::new(number, hand_over.clone(), Arc::clone(&is_accepted));
            let task = relays.spawn(self.clone().relay(connection, ending));
            oldest_first.push_back(Relayed { task, is_accepted });
        }
    }

    async fn accept(&self, listener: &TcpListener, relays: &mut JoinSet<()>) -> TcpStream {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((connection, _)) => return connection,
                    Err(error) => {
                        let (from, to) = self.pair;
                        tracing::warn!("the link from {from} to {to} accepts nothing: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = relays.join_next() => {}
            }
        }
    }

    /// Carries one connection for as long as both ends live the life they live now.
    async fn relay(self, connection: TcpStream, ending: Ending) {
        let source = self.source.borrow().life;
        let (from, to) = self.pair;
        tokio::select! {
            biased;
            () = life_over(self.source.clone(), source) => {}
            carried = self.carry(connection, ending) => if let Err(error) = carried {
                tracing::debug!("a connection from {from} to {to} ended: {error}");
            }
        }
    }

    async fn carry(mut self, connection: TcpStream, ending: Ending) -> io::Result<()> {
        let (mut incoming, answers) = framed(connection, MAX_HANDSHAKE, MAX_HELLO_REPLY)?;
        let Some(hello) = timeout(HELLO_WITHIN, incoming.next()).await?.transpose()? else { return Ok(()) };
        let Some(life) = self.awaited(&mut incoming).await? else { return Ok(()) };
        tokio::select! {
            biased;
            () = life_over(self.target.clone(), life) => Ok(()),
            carried = self.carry_to(life, hello, incoming, answers, ending) => carried,
        }
    }

    /// Waits while the receiver has no process, and says in which life it is then. The connection stays, so that a receiver
    /// that comes back is reached at once instead of after the sender's next attempt. `None`: the sender has gone.
    async fn awaited(&mut self, incoming: &mut Reader) -> io::Result<Option<u64>> {
        loop {
            let Whereabouts { life, place } = *self.target.borrow_and_update();
            if place != Place::Down {
                return Ok(Some(life));
            }
            tokio::select! {
                biased;
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                end = silence(incoming) => return end.map(|()| None),
            }
        }
    }

    async fn carry_to(
        mut self,
        life: u64,
        hello: BytesMut,
        mut incoming: Reader,
        mut answers: Writer,
        mut ending: Ending,
    ) -> io::Result<()> {
        let role = decode_hello(&hello).ok().map(|hello| (hello.role, hello.standing));
        match &role {
            Some((Role::Peer { .. }, _)) => self.is_founded.store(true, Relaxed),
            // A script may cut links as soon as there are any. There is no cluster yet that could be cut.
            Some((Role::Founder { .. }, _)) if !self.is_founded.load(Relaxed) => {
                self.gate = watch::channel(LinkState::Open).1;
            }
            _ => {}
        }
        let Some(address) = self.held(&mut incoming).await? else { return Ok(()) };
        let (mut back, mut outgoing) =
            framed(TcpStream::connect(address).await?, MAX_HELLO_REPLY, MAX_FRAME)?;
        outgoing.send(hello.freeze()).await?;
        let is_accepted = self.shake_hands((&mut incoming, &mut answers), (&mut back, &mut outgoing)).await?;
        if !is_accepted {
            // It says why, and closes the connection.
            return pass_back(&mut back, &mut answers).await;
        }
        match role {
            Some((Role::Peer { id, to, .. }, standing)) if (id, to) == self.pair => {
                let origin = standing.map(|standing| standing.incarnation);
                ending.accepted(life, origin, outgoing);
                incoming.decoder_mut().set_max_frame_length(MAX_FRAME);
                tokio::select! {
                    forth = self.forth(&mut incoming, life, origin) => forth,
                    back = pass_back(&mut back, &mut answers) => {
                        ending.is_broken = true;
                        back
                    }
                }
            }
            Some((Role::Founder { id, to }, _)) if (id, to) == self.pair => {
                incoming.decoder_mut().set_max_frame_length(MAX_HELLO_REPLY);
                tokio::select! {
                    forth = self.pass_on(&mut incoming, &mut outgoing) => forth,
                    back = pass_back(&mut back, &mut answers) => back,
                }
            }
            // Another node than the one that this link is for: its messages would be shown as that one's.
            _ => Ok(()),
        }
    }

    /// Relays what follows a hello until the receiver accepts the sender or refuses it. Says whether it was accepted.
    async fn shake_hands(
        &mut self,
        (incoming, answers): (&mut Reader, &mut Writer),
        (back, outgoing): (&mut Reader, &mut Writer),
    ) -> io::Result<bool> {
        let mut is_confirmed = false;
        loop {
            let answer = tokio::select! {
                biased;
                end = silence(incoming) => return end.map(|()| false),
                answer = back.next() => match answer.transpose()? {
                    Some(answer) => answer,
                    None => return Ok(false),
                },
            };
            let reply = frame::decode::<HelloReply>("handshake reply", &answer);
            answers.send(answer.freeze()).await?;
            match reply {
                Ok(HelloReply::Accepted { .. }) => return Ok(is_confirmed),
                Ok(HelloReply::Challenge(_)) if !is_confirmed => {}
                _ => return Ok(false),
            }
            let Some(confirmation) = incoming.next().await.transpose()? else { return Ok(false) };
            if self.held(incoming).await?.is_none() {
                return Ok(false);
            }
            outgoing.send(confirmation.freeze()).await?;
            is_confirmed = true;
        }
    }

    /// Holds a part of a handshake that has arrived until the link is open and the receiver serves, then says where. A
    /// handshake is not lost on a cut link: kept until the link is mended, it makes the mended link work at once instead of after
    /// the sender's next attempt. `None`: the sender has gone.
    async fn held(&mut self, incoming: &mut Reader) -> io::Result<Option<SocketAddr>> {
        loop {
            let state = *self.gate.borrow_and_update();
            let place = self.target.borrow_and_update().place;
            if let (LinkState::Open, Place::Serving { raft, .. }) = (state, place) {
                return Ok(Some(raft));
            }
            let gate_changed = async {
                // The gate of a founding stands open for good.
                if self.gate.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = gate_changed => {}
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                end = silence(incoming) => return end.map(|()| None),
            }
        }
    }

    /// Passes on what a founder says, which is no message: as with a handshake, a cut holds it and loses nothing.
    async fn pass_on(&mut self, incoming: &mut Reader, outgoing: &mut Writer) -> io::Result<()> {
        while let Some(said) = incoming.next().await.transpose()? {
            if self.held(incoming).await?.is_none() {
                break;
            }
            outgoing.send(said.freeze()).await?;
        }
        Ok(())
    }

    /// Takes the sender's frames in until it closes.
    async fn forth(&self, incoming: &mut Reader, life: u64, origin: Origin) -> io::Result<()> {
        loop {
            let room = self.signals.room.notified();
            if self.traffic.is_crowded(self.pair) {
                room.await;
                continue;
            }
            match incoming.next().await.transpose()? {
                Some(frame) => self.traffic.take_in(self.pair, (life, origin), frame),
                None => return Ok(()),
            }
        }
    }
}

/// Waits for the sender's end. It must not speak now: a frame that comes out of turn is an error.
async fn silence(incoming: &mut Reader) -> io::Result<()> {
    match incoming.next().await.transpose()? {
        Some(_) => Err(io::Error::other("it did not wait for the answer to its handshake")),
        None => Ok(()),
    }
}

/// The receiver's side of a connection carries the answers to a handshake and no message, so it is passed back
/// whether the link is cut or not.
async fn pass_back(back: &mut Reader, answers: &mut Writer) -> io::Result<()> {
    while let Some(answer) = back.next().await.transpose()? {
        answers.send(answer.freeze()).await?;
    }
    Ok(())
}

/// Frames of at most so many bytes in, and out.
fn framed(connection: TcpStream, most_in: usize, most_out: usize) -> io::Result<(Reader, Writer)> {
    connection.set_nodelay(true)?;
    let (reader, writer) = connection.into_split();
    Ok((FramedRead::new(reader, codec(most_in)), FramedWrite::new(writer, codec(most_out))))
}
