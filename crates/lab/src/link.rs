//! One link: the only way from one node to another.
//!
//! A link accepts the sender's connections and relays whole frames to wherever the receiver listens now. It can be
//! cut, and then frames are lost while connections stay. It never changes a frame, never answers for a node, and
//! never holds more of them than fit one buffer: when the receiver does not read, the link stops reading.

use crate::model::{FrameFate, LinkState};
use crate::reports::Reports;
use crate::whereabouts::{Place, Whereabouts, life_over};
use bytes::{Bytes, BytesMut};
use futures::{Sink, SinkExt, StreamExt};
use raftdeck_client::codec;
use raftdeck_protocol::frame::MAX_FRAME;
use raftdeck_raft::NodeId;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// The most connections of one link at a time. A node needs one; one more may be dying. Over it the oldest goes.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// How long a link waits after a failed accept, which fails again at once when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Reader = FramedRead<OwnedReadHalf, LengthDelimitedCodec>;
type Writer = FramedWrite<OwnedWriteHalf, LengthDelimitedCodec>;

/// What a link is made of.
#[derive(Clone)]
pub(crate) struct Link {
    /// The sender.
    pub(crate) from: NodeId,
    /// The receiver.
    pub(crate) to: NodeId,
    /// Open or cut.
    pub(crate) gate: watch::Receiver<LinkState>,
    /// The sender's lives.
    pub(crate) source: watch::Receiver<Whereabouts>,
    /// The receiver's lives, and where it listens.
    pub(crate) target: watch::Receiver<Whereabouts>,
    /// Where frames are counted.
    pub(crate) reports: Arc<Reports>,
}

impl Link {
    /// Accepts and relays as long as the lab runs.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let mut relays = JoinSet::new();
        let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((connection, _)) => {
                        oldest_first.retain(|relay| !relay.is_finished());
                        if oldest_first.len() >= MAX_CONNECTIONS && let Some(oldest) = oldest_first.pop_front() {
                            oldest.abort();
                        }
                        oldest_first.push_back(relays.spawn(self.clone().relay(connection)));
                    }
                    Err(error) => {
                        tracing::warn!("the link from {} to {} accepts nothing: {error}", self.from, self.to);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = relays.join_next() => {}
            }
        }
    }

    /// Carries one connection for as long as both ends live the life they live now.
    async fn relay(self, connection: TcpStream) {
        let source = self.source.borrow().life;
        let Whereabouts { life: target, place } = *self.target.borrow();
        if place == Place::Down {
            // Closed at once, as by a machine on which nothing listens: the sender dials again.
            return;
        }
        let (from, to) = (self.from, self.to);
        tokio::select! {
            biased;
            () = life_over(self.source.clone(), source) => {}
            () = life_over(self.target.clone(), target) => {}
            carried = self.carry(connection) => if let Err(error) = carried {
                tracing::debug!("a connection from {from} to {to} ended: {error}");
            }
        }
    }

    async fn carry(mut self, connection: TcpStream) -> io::Result<()> {
        let (mut incoming, mut answers) = framed(connection)?;
        let Some(hello) = incoming.next().await.transpose()? else { return Ok(()) };
        let mut waiting = None;
        let Some(address) = self.held(&mut incoming, &mut waiting).await? else { return Ok(()) };
        let (mut back, mut outgoing) = framed(TcpStream::connect(address).await?)?;
        outgoing.send(hello.freeze()).await?;
        tokio::select! {
            forth = self.forth(&mut incoming, &mut outgoing, waiting) => forth,
            back = pass_back(&mut back, &mut answers) => back,
        }
    }

    /// Holds a connection whose handshake has arrived until the link is open and the receiver serves, then says
    /// where. A handshake is not lost on a cut link: kept until the link is mended, it makes the mended link work
    /// at once instead of after the sender's next attempt. `None`: the sender has gone.
    async fn held(
        &mut self,
        incoming: &mut Reader,
        waiting: &mut Option<BytesMut>,
    ) -> io::Result<Option<SocketAddr>> {
        loop {
            let state = *self.gate.borrow_and_update();
            let place = self.target.borrow_and_update().place;
            if state == LinkState::Cut {
                self.lose(waiting);
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

    /// Relays the sender's frames until it closes. While frames keep arriving they are only queued; they are
    /// flushed when the sender pauses or the buffer is full.
    async fn forth(
        &mut self,
        incoming: &mut Reader,
        outgoing: &mut Writer,
        mut waiting: Option<BytesMut>,
    ) -> io::Result<()> {
        let (mut more, mut unflushed) = (true, false);
        while more || waiting.is_some() || unflushed {
            let state = *self.gate.borrow_and_update();
            if state == LinkState::Cut {
                self.lose(&mut waiting);
            }
            let queueing = waiting.is_some();
            tokio::select! {
                biased;
                changed = self.gate.changed() => changed.map_err(io::Error::other)?,
                frame = incoming.next(), if more && !queueing => match frame.transpose()? {
                    Some(frame) => waiting = Some(frame),
                    None => more = false,
                },
                pushed = push(outgoing, queueing), if queueing || unflushed => {
                    pushed?;
                    unflushed = queueing;
                    if let Some(frame) = waiting.take() {
                        let frame = frame.freeze();
                        self.reports.count(self.from, self.to, &frame, FrameFate::Delivered);
                        outgoing.start_send_unpin(frame)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn lose(&self, waiting: &mut Option<BytesMut>) {
        if let Some(frame) = waiting.take() {
            self.reports.count(self.from, self.to, &frame, FrameFate::Lost);
        }
    }
}

/// Writes until there is room for one more frame, or, if none is to follow, until all is written.
async fn push(
    outgoing: &mut (impl Sink<Bytes, Error = io::Error> + Unpin),
    queueing: bool,
) -> io::Result<()> {
    poll_fn(|cx| if queueing { outgoing.poll_ready_unpin(cx) } else { outgoing.poll_flush_unpin(cx) }).await
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
