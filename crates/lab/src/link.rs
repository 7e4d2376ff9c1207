//! One link: the only way from one node to another.
//!
//! A link accepts the sender's connections, hands whole frames to `traffic`, which decides what becomes of them, and carries
//! those that have arrived to wherever the receiver listens now (`carrier`). It never changes a frame and never answers
//! for a node. When the receiver does not read, the link stops reading.

use crate::carrier::{Carrier, Ending, Handed};
use crate::lane::Signals;
use crate::links::Pair;
use crate::model::LinkState;
use crate::time::ClockReader;
use crate::traffic::Traffic;
use crate::whereabouts::{Place, Whereabouts, life_over};
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use raftdeck_client::codec;
use raftdeck_protocol::frame::MAX_FRAME;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// The most connections of one link at a time. A node needs one; one more may be dying. Over it the oldest goes.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// How long a link waits after a failed accept, which fails again at once when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Reader = FramedRead<OwnedReadHalf, LengthDelimitedCodec>;
/// Where frames leave for a node.
pub(crate) type Writer = FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>;

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
}

impl Link {
    /// Accepts and relays as long as the lab runs.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let mut relays = JoinSet::new();
        // A connection is handed over once and ends once, so what waits here is bounded by their number.
        let (hand_over, handed) = mpsc::unbounded_channel();
        relays.spawn(Carrier::new(&self).run(handed));
        let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
        for number in 0.. {
            let connection = self.accept(&listener, &mut relays).await;
            oldest_first.retain(|relay| !relay.is_finished());
            if oldest_first.len() >= MAX_CONNECTIONS
                && let Some(oldest) = oldest_first.pop_front()
            {
                oldest.abort();
            }
            let ending = Ending::new(number, hand_over.clone());
            oldest_first.push_back(relays.spawn(self.clone().relay(connection, ending)));
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
        let (mut incoming, answers) = framed(connection)?;
        let Some(hello) = incoming.next().await.transpose()? else { return Ok(()) };
        let Some(life) = self.awaited(&mut incoming).await? else { return Ok(()) };
        tokio::select! {
            biased;
            () = life_over(self.target.clone(), life) => Ok(()),
            carried = self.carry_to(life, hello, incoming, answers, ending) => carried,
        }
    }

    /// Waits while the receiver has no process, and says in which life it is then. The connection stays, so that a receiver
    /// that comes back is reached at once instead of after the sender's next attempt; what is sent until then is lost.
    /// `None`: the sender has gone.
    async fn awaited(&mut self, incoming: &mut Reader) -> io::Result<Option<u64>> {
        loop {
            let Whereabouts { life, place } = *self.target.borrow_and_update();
            if place != Place::Down {
                return Ok(Some(life));
            }
            tokio::select! {
                biased;
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                frame = incoming.next() => match frame.transpose()? {
                    Some(frame) => self.traffic.take_in_vain(self.pair, life, frame),
                    None => return Ok(None),
                },
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
        let mut waiting = None;
        let held = self.held(&mut incoming, &mut waiting, life).await?;
        let Some(address) = held else { return Ok(()) };
        let (mut back, mut outgoing) = framed(TcpStream::connect(address).await?)?;
        outgoing.send(hello.freeze()).await?;
        ending.hand_over(|number| Handed::Connection { number, life, writer: outgoing });
        if let Some(frame) = waiting {
            self.traffic.take_in(self.pair, life, frame);
        }
        tokio::select! {
            forth = self.forth(&mut incoming, life) => forth,
            back = pass_back(&mut back, &mut answers) => {
                ending.is_broken = true;
                back
            }
        }
    }

    /// Holds a connection whose handshake has arrived until the link is open and the receiver serves, then says
    /// where. A handshake is not lost on a cut link: kept until the link is mended, it makes the mended link work
    /// at once instead of after the sender's next attempt. `None`: the sender has gone.
    async fn held(
        &mut self,
        incoming: &mut Reader,
        waiting: &mut Option<BytesMut>,
        life: u64,
    ) -> io::Result<Option<SocketAddr>> {
        loop {
            let state = *self.gate.borrow_and_update();
            let place = self.target.borrow_and_update().place;
            if state == LinkState::Cut {
                if let Some(frame) = waiting.take() {
                    self.traffic.take_in(self.pair, life, frame);
                }
            } else if let Place::Serving { raft, .. } = place {
                return Ok(Some(raft));
            }
            tokio::select! {
                biased;
                changed = self.gate.changed() => changed.map_err(io::Error::other)?,
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                frame = incoming.next(), if waiting.is_none() => match frame.transpose()? {
                    Some(frame) => *waiting = Some(frame),
                    None => return Ok(None),
                },
            }
        }
    }

    /// Takes the sender's frames in until it closes.
    async fn forth(&self, incoming: &mut Reader, life: u64) -> io::Result<()> {
        loop {
            let room = self.signals.room.notified();
            if self.traffic.is_crowded(self.pair) {
                room.await;
                continue;
            }
            match incoming.next().await.transpose()? {
                Some(frame) => self.traffic.take_in(self.pair, life, frame),
                None => return Ok(()),
            }
        }
    }
}

/// The receiver's side of a connection carries the answer to the handshake and no message, so it is passed back
/// whether the link is cut or not.
async fn pass_back(back: &mut Reader, answers: &mut Writer) -> io::Result<()> {
    while let Some(answer) = back.next().await.transpose()? {
        answers.send(answer.freeze()).await?;
    }
    Ok(())
}

fn framed(connection: TcpStream) -> io::Result<(Reader, Writer)> {
    connection.set_nodelay(true)?;
    let (reader, writer) = connection.into_split();
    Ok((FramedRead::new(reader, codec(MAX_FRAME)), FramedWrite::new(writer, codec(MAX_FRAME))))
}
