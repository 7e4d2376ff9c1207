//! One link: the only way on which one node dials another.
//!
//! A link accepts the dialer's connections, and relays each one's handshake to wherever the listener is now. Once its wire says that
//! the two have agreed, it hands the frames to `traffic`, which decides their fate, and the connection to `carrier`, which carries
//! those that have arrived. A frame from a connection on which the two have not agreed is never a message: any process on this machine
//! can connect to a link. A link never changes a frame, and answers for a node only where its wire says so. When the receiver does not
//! read, the link stops reading.

use crate::carrier::{Ending, HandOver, Writer};
use crate::lane::Signals;
use crate::pair::{Origin, Pair};
use crate::traffic::Traffic;
use crate::whereabouts::{NodeLocation, Whereabouts, life_over};
use crate::wire::{AnsweredBy, ConnectionPurpose, HandshakeStep, Session, Side, Wire};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use raftdeck_model::LinkState;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite};

/// The most connections of one link on which the two nodes have agreed. A node needs one for each kind that its wire has; one more
/// may be closing. Beyond this number the oldest is closed.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// The most connections of one link that the listener has not accepted yet. Beyond this number the oldest is closed, so strangers
/// take no place from accepted connections.
pub(crate) const MAX_STRANGERS: usize = 8;

/// A connection must begin with a handshake within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(2);

/// How long a link waits after a failed accept, which fails again immediately when the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Reader<S> = FramedRead<OwnedReadHalf, <S as Session>::Decoder>;

/// One node's end of a relayed connection.
struct RelayEnd<S: Session> {
    reader: Reader<S>,
    writer: Writer<S>,
}

impl<S: Session> RelayEnd<S> {
    fn new(connection: TcpStream, session: &S, side: Side) -> io::Result<Self> {
        connection.set_nodelay(true)?;
        let (reader, writer) = connection.into_split();
        Ok(Self {
            reader: FramedRead::new(reader, session.decoder(side)),
            writer: FramedWrite::new(writer, session.encoder(side)),
        })
    }

    /// The frames after the handshake may have another framing.
    fn reframe(&mut self, session: &S, side: Side) {
        *self.reader.decoder_mut() = session.decoder(side);
        *self.writer.encoder_mut() = session.encoder(side);
    }
}

/// A connection that a link serves.
struct Relayed {
    task: AbortHandle,
    /// By the listener.
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

/// The messages of one directed pair, regardless of the connection that brought them.
pub(crate) struct PairTraffic<S: Session> {
    /// The sender and the receiver.
    pub(crate) pair: Pair,
    /// Open or cut.
    pub(crate) gate: watch::Receiver<LinkState>,
    /// How their carriers are woken.
    pub(crate) signals: Arc<Signals>,
    /// The task that writes to the receiver.
    pub(crate) carrier: HandOver<S>,
}

/// What a link is made of.
pub(crate) struct Link<W: Wire> {
    pub(crate) wire: W,
    /// What the dialer sends.
    pub(crate) forth: Arc<PairTraffic<W::Session>>,
    /// What the listener sends, on a connection that was dialed for that.
    pub(crate) back: Arc<PairTraffic<W::Session>>,
    /// The dialer's lives.
    pub(crate) source: watch::Receiver<Whereabouts>,
    /// The listener's lives, and where it listens.
    pub(crate) target: watch::Receiver<Whereabouts>,
    /// What is on the links.
    pub(crate) traffic: Arc<Traffic>,
    /// How many connections were accepted by all links.
    pub(crate) accepted: Arc<AtomicU64>,
    /// The dialer has identified itself as a member: its cluster is founded.
    pub(crate) is_founded: AtomicBool,
}

/// One connection on a link.
struct Relay<W: Wire> {
    link: Arc<Link<W>>,
    /// Open or cut, for this connection.
    gate: watch::Receiver<LinkState>,
    target: watch::Receiver<Whereabouts>,
}

/// The lives of both ends of a connection.
#[derive(Clone, Copy)]
struct Lives {
    dialer: u64,
    listener: u64,
}

impl<W: Wire> Link<W> {
    /// Accepts and relays as long as the links are there.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let (link, mut relays) = (Arc::new(self), JoinSet::new());
        let mut oldest_first: VecDeque<Relayed> = VecDeque::new();
        loop {
            let connection = link.accept(&listener, &mut relays).await;
            oldest_first.retain(|relayed| !relayed.task.is_finished());
            make_room(&mut oldest_first, false, MAX_STRANGERS);
            make_room(&mut oldest_first, true, MAX_CONNECTIONS);
            let is_accepted = Arc::new(AtomicBool::new(false));
            let ending = Ending::new(link.accepted.fetch_add(1, Relaxed), Arc::clone(&is_accepted));
            let task = relays.spawn(Relay::new(&link).run(connection, ending));
            oldest_first.push_back(Relayed { task, is_accepted });
        }
    }

    async fn accept(&self, listener: &TcpListener, relays: &mut JoinSet<()>) -> TcpStream {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((connection, _)) => return connection,
                    Err(error) => {
                        let (from, to) = self.forth.pair;
                        tracing::warn!("the link from {from} to {to} accepts nothing: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = relays.join_next() => {}
            }
        }
    }
}

impl<W: Wire> Relay<W> {
    fn new(link: &Arc<Link<W>>) -> Self {
        Self { gate: link.forth.gate.clone(), target: link.target.clone(), link: Arc::clone(link) }
    }

    /// Carries one connection for as long as both ends live the life they live now.
    async fn run(self, connection: TcpStream, ending: Ending<W::Session>) {
        let source = self.link.source.clone();
        let dialer = source.borrow().life;
        let (from, to) = self.link.forth.pair;
        tokio::select! {
            biased;
            () = life_over(source, dialer) => {}
            carried = self.carry(connection, dialer, ending) => if let Err(error) = carried {
                tracing::debug!("a connection from {from} to {to} ended: {error}");
            }
        }
    }

    async fn carry(
        mut self,
        connection: TcpStream,
        dialer: u64,
        ending: Ending<W::Session>,
    ) -> io::Result<()> {
        let session = self.link.wire.session(self.link.forth.pair);
        let mut end = RelayEnd::new(connection, &session, Side::Dialer)?;
        let Some(hello) = timeout(HELLO_WITHIN, end.reader.next()).await?.transpose()? else {
            return Ok(());
        };
        let Some(listener) = self.awaited(&mut end.reader).await? else { return Ok(()) };
        tokio::select! {
            biased;
            () = life_over(self.target.clone(), listener) => Ok(()),
            carried = self.carry_to(Lives { dialer, listener }, session, hello, end, ending) => carried,
        }
    }

    /// Waits while the listener has no process, and returns its life when it has one. The connection stays open, so that a listener
    /// that comes back is reached immediately instead of after the dialer's next attempt. `None`: the dialer has gone.
    async fn awaited(&mut self, dialer: &mut Reader<W::Session>) -> io::Result<Option<u64>> {
        loop {
            let Whereabouts { life, place } = *self.target.borrow_and_update();
            if place != NodeLocation::Down {
                return Ok(Some(life));
            }
            tokio::select! {
                biased;
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                end = silence(dialer) => return end.map(|()| None),
            }
        }
    }

    async fn carry_to(
        mut self,
        lives: Lives,
        mut session: W::Session,
        hello: Bytes,
        mut dialer: RelayEnd<W::Session>,
        ending: Ending<W::Session>,
    ) -> io::Result<()> {
        let next = session.heard(Side::Dialer, &hello);
        match session.purpose() {
            ConnectionPurpose::Member => self.link.is_founded.store(true, Relaxed),
            // A script may cut links as soon as there are any, before there is a cluster whose links could be cut.
            ConnectionPurpose::Founding if !self.link.is_founded.load(Relaxed) => {
                self.gate = watch::channel(LinkState::Open).1;
            }
            ConnectionPurpose::Founding | ConnectionPurpose::Other => {}
        }
        let Some(address) = self.held(&mut dialer.reader).await? else { return Ok(()) };
        let mut listener = RelayEnd::new(TcpStream::connect(address).await?, &session, Side::Listener)?;
        listener.writer.send(hello).await?;
        let next = self.shake_hands(next, &mut session, &mut dialer, &mut listener).await?;
        dialer.reframe(&session, Side::Dialer);
        listener.reframe(&session, Side::Listener);
        match next {
            HandshakeStep::Messages { from: Side::Dialer, origin, answers } => {
                let sender = Sender { way: &self.link.forth, life: lives.listener, origin, answers };
                self.messages(sender, dialer, listener, ending).await
            }
            HandshakeStep::Messages { from: Side::Listener, origin, answers } => {
                let sender = Sender { way: &self.link.back, life: lives.dialer, origin, answers };
                self.messages(sender, listener, dialer, ending).await
            }
            HandshakeStep::Talk => {
                tokio::select! {
                    forth = self.pass_on(&mut dialer.reader, &mut listener.writer) => forth,
                    back = pass_back(&mut listener.reader, &mut dialer.writer) => back,
                }
            }
            // The listener says why, and closes the connection.
            HandshakeStep::Refused | HandshakeStep::Speaks(_) => {
                pass_back(&mut listener.reader, &mut dialer.writer).await
            }
            HandshakeStep::Closed => Ok(()),
        }
    }

    /// Relays what follows a hello until the wire reports the end of the handshake, or until one side has gone. Returns what follows.
    async fn shake_hands(
        &mut self,
        mut next: HandshakeStep,
        session: &mut W::Session,
        dialer: &mut RelayEnd<W::Session>,
        listener: &mut RelayEnd<W::Session>,
    ) -> io::Result<HandshakeStep> {
        loop {
            match next {
                HandshakeStep::Speaks(Side::Listener) => {
                    let answer = tokio::select! {
                        biased;
                        end = silence(&mut dialer.reader) => return end.map(|()| next),
                        answer = listener.reader.next() => answer.transpose()?,
                    };
                    let Some(answer) = answer else { return Ok(next) };
                    next = session.heard(Side::Listener, &answer);
                    dialer.writer.send(answer).await?;
                }
                HandshakeStep::Speaks(Side::Dialer) => {
                    let Some(said) = dialer.reader.next().await.transpose()? else { return Ok(next) };
                    if self.held(&mut dialer.reader).await?.is_none() {
                        return Ok(next);
                    }
                    next = session.heard(Side::Dialer, &said);
                    listener.writer.send(said).await?;
                }
                over => return Ok(over),
            }
        }
    }

    /// Holds a part of a handshake that has arrived until the link is open and the listener serves, then returns its address. A cut
    /// link loses no handshake: the handshake is kept until the link is mended, so that the link works immediately instead of after
    /// the dialer's next attempt. `None`: the dialer has gone.
    async fn held(&mut self, dialer: &mut Reader<W::Session>) -> io::Result<Option<SocketAddr>> {
        loop {
            let state = *self.gate.borrow_and_update();
            let place = self.target.borrow_and_update().place;
            if let (LinkState::Open, NodeLocation::Serving { raft, .. }) = (state, place) {
                return Ok(Some(raft));
            }
            let gate_changed = async {
                // The gate of a founding stays open permanently.
                if self.gate.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = gate_changed => {}
                changed = self.target.changed() => changed.map_err(io::Error::other)?,
                end = silence(dialer) => return end.map(|()| None),
            }
        }
    }

    /// Passes on what the dialer sends, which is no message: as with a handshake, a cut holds it and loses nothing.
    async fn pass_on(
        &mut self,
        dialer: &mut Reader<W::Session>,
        listener: &mut Writer<W::Session>,
    ) -> io::Result<()> {
        while let Some(said) = dialer.next().await.transpose()? {
            if self.held(dialer).await?.is_none() {
                break;
            }
            listener.send(said).await?;
        }
        Ok(())
    }

    /// Carries messages from one end to the other until one of them closes.
    async fn messages(
        &self,
        sender: Sender<'_, W::Session>,
        mut from: RelayEnd<W::Session>,
        to: RelayEnd<W::Session>,
        mut ending: Ending<W::Session>,
    ) -> io::Result<()> {
        let RelayEnd { reader: mut answers, writer } = to;
        ending.accepted(&sender.way.carrier, sender.life, sender.origin, writer);
        let (forth, back) = (&mut from.reader, &mut from.writer);
        match &sender.answers {
            AnsweredBy::Receiver => tokio::select! {
                taken = self.take_in(&sender, forth, None) => taken,
                passed = pass_back(&mut answers, back) => {
                    ending.is_broken = true;
                    passed
                }
            },
            AnsweredBy::Link(answer) => tokio::select! {
                taken = self.take_in(&sender, forth, Some((answer, back))) => taken,
                dropped = drop_all(&mut answers) => {
                    ending.is_broken = true;
                    dropped
                }
            },
        }
    }

    /// Takes in the sender's frames until it closes, and answers each if the wire has the link answer.
    async fn take_in(
        &self,
        sender: &Sender<'_, W::Session>,
        frames: &mut Reader<W::Session>,
        mut answer: Option<(&Bytes, &mut Writer<W::Session>)>,
    ) -> io::Result<()> {
        let Sender { way, life, origin, .. } = sender;
        loop {
            let room = way.signals.room.notified();
            if self.link.traffic.is_crowded(way.pair) {
                room.await;
                continue;
            }
            let Some(frame) = frames.next().await.transpose()? else { return Ok(()) };
            let glance = self.link.wire.glance(&frame);
            self.link.traffic.take_in(way.pair, (*life, *origin), frame, glance);
            if let Some((answer, writer)) = &mut answer {
                writer.send(Bytes::clone(answer)).await?;
            }
        }
    }
}

/// The end of a connection that messages come from.
struct Sender<'a, S: Session> {
    way: &'a PairTraffic<S>,
    /// The receiver's life.
    life: u64,
    origin: Origin,
    answers: AnsweredBy,
}

/// Waits for the dialer's end. The dialer must not speak now: a frame out of turn is an error.
async fn silence<S>(dialer: &mut S) -> io::Result<()>
where
    S: StreamExt<Item = io::Result<Bytes>> + Unpin,
{
    match dialer.next().await.transpose()? {
        Some(_) => Err(io::Error::other("it sent messages before its handshake was answered")),
        None => Ok(()),
    }
}

/// Frames that come back on a connection are not messages, so they are passed back whether the link is cut or not.
async fn pass_back<S, T>(from: &mut S, to: &mut T) -> io::Result<()>
where
    S: StreamExt<Item = io::Result<Bytes>> + Unpin,
    T: SinkExt<Bytes, Error = io::Error> + Unpin,
{
    while let Some(answer) = from.next().await.transpose()? {
        to.send(answer).await?;
    }
    Ok(())
}

/// Reads until the other side closes.
async fn drop_all<S>(from: &mut S) -> io::Result<()>
where
    S: StreamExt<Item = io::Result<Bytes>> + Unpin,
{
    while from.next().await.transpose()?.is_some() {}
    Ok(())
}
