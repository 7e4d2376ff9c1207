//! One connection at an entrance: its handshake, and what it carries after it.

use super::{Link, PairTraffic, Reader, RelayEnd, Road};
use crate::carrier::{Ending, Writer};
use crate::pair::Origin;
use crate::whereabouts::{NodeLocation, Whereabouts, life_over};
use crate::wire::{ConnectionPurpose, HandshakeStep, Session, Side, Wire};
use bytes::Bytes;
use futures::future::select_all;
use futures::{SinkExt, StreamExt};
use raftdeck_model::LinkState;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// A connection must begin with a handshake within this time.
const HELLO_WITHIN: Duration = Duration::from_secs(2);

/// One connection at an entrance.
pub(super) struct Relay<W: Wire> {
    pub(super) link: Arc<Link<W>>,
    /// `None`: the dialer is unknown, so the connection carries no messages.
    pub(super) road: Option<Road<W::Session>>,
    /// Open, cut or refused: while one of these is cut, a handshake is held.
    gates: Vec<watch::Receiver<LinkState>>,
    pub(super) target: watch::Receiver<Whereabouts>,
}

/// A dialer, and its first frame.
pub(super) struct Greeting<S: Session> {
    pub(super) session: S,
    pub(super) hello: Bytes,
    pub(super) dialer: RelayEnd<S>,
    /// What follows the first frame.
    next: HandshakeStep,
}

/// The lives of both ends of a connection.
#[derive(Clone, Copy)]
struct Lives {
    dialer: u64,
    listener: u64,
}

impl<W: Wire> Relay<W> {
    /// Carries one connection for as long as both ends live the life they live now and no link on its way refuses it.
    pub(super) async fn run(link: Arc<Link<W>>, connection: TcpStream, ending: Ending<W::Session>) {
        let entrance = link.entrance;
        if let Err(error) = Self::greeted(link, connection, ending).await {
            tracing::debug!("a connection {entrance} ended: {error}");
        }
    }

    async fn greeted(
        link: Arc<Link<W>>,
        connection: TcpStream,
        mut ending: Ending<W::Session>,
    ) -> io::Result<()> {
        let live_road = |dialer| {
            let road = link.road(dialer)?;
            let life = road.source.borrow().life;
            Some((road, life))
        };
        // A dialer that is known before it speaks is in the life in which it has connected.
        let expected = link.entrance.dialer().and_then(live_road);
        let mut session = link.wire.session(link.entrance, connection.peer_addr()?);
        let mut dialer = RelayEnd::new(connection, &session, Side::Dialer)?;
        let Some(hello) = timeout(HELLO_WITHIN, dialer.reader.next()).await?.transpose()? else {
            return Ok(());
        };
        let next = session.heard(Side::Dialer, &hello);
        let traveler = expected.or_else(|| session.dialer().and_then(live_road));
        let gates = traveler.as_ref().map(|(road, _)| gates(road, session.purpose())).unwrap_or_default();
        let (road, life) = traveler.unzip();
        let source = road.as_ref().map(|road| road.source.clone());
        let is_refused = refused(gates.clone());
        let relay = Self { gates, target: link.target.clone(), road, link };
        let greeting = Greeting { session, hello, dialer, next };
        let carried = async {
            match source.zip(life) {
                Some((source, life)) => tokio::select! {
                    biased;
                    () = life_over(source, life) => Ok(()),
                    carried = relay.carry(life, greeting, &mut ending) => carried,
                },
                // Nothing depends on its life.
                None => relay.carry(0, greeting, &mut ending).await,
            }
        };
        tokio::select! {
            biased;
            () = is_refused => {
                ending.is_broken = true;
                Ok(())
            }
            carried = carried => carried,
        }
    }

    async fn carry(
        mut self,
        dialer: u64,
        mut greeting: Greeting<W::Session>,
        ending: &mut Ending<W::Session>,
    ) -> io::Result<()> {
        match greeting.next {
            HandshakeStep::Closed => return Ok(()),
            HandshakeStep::OneMessage(ref answer) => {
                let answer = answer.clone();
                return self.one_message(greeting, answer).await;
            }
            HandshakeStep::MessageWithBody(ref answer) => {
                let answer = answer.clone();
                return self.message_with_body(greeting, answer).await;
            }
            HandshakeStep::Speaks(_)
            | HandshakeStep::Messages { .. }
            | HandshakeStep::Talk
            | HandshakeStep::Refused => {}
        }
        let Some(listener) = self.awaited(&mut greeting.dialer.reader).await? else { return Ok(()) };
        tokio::select! {
            biased;
            () = life_over(self.target.clone(), listener) => Ok(()),
            carried = self.carry_to(Lives { dialer, listener }, greeting, ending) => carried,
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
        greeting: Greeting<W::Session>,
        ending: &mut Ending<W::Session>,
    ) -> io::Result<()> {
        let Greeting { mut session, hello, mut dialer, next } = greeting;
        let Some(address) = self.held(&mut dialer.reader).await? else { return Ok(()) };
        let mut listener = RelayEnd::new(TcpStream::connect(address).await?, &session, Side::Listener)?;
        listener.writer.send(hello).await?;
        let next = self.shake_hands(next, &mut session, &mut dialer, &mut listener).await?;
        dialer.reframe(&session, Side::Dialer);
        listener.reframe(&session, Side::Listener);
        match (next, self.road.clone()) {
            (HandshakeStep::Messages { from: Side::Dialer, origin }, Some(road)) => {
                let sender = Sender { way: &road.forth, life: lives.listener, origin };
                self.messages(sender, dialer, listener, ending).await
            }
            (HandshakeStep::Messages { from: Side::Listener, origin }, Some(road)) => {
                let sender = Sender { way: &road.back, life: lives.dialer, origin };
                self.messages(sender, listener, dialer, ending).await
            }
            (HandshakeStep::Talk, _) => {
                tokio::select! {
                    forth = self.pass_on(&mut dialer.reader, &mut listener.writer) => forth,
                    back = pass_back(&mut listener.reader, &mut dialer.writer) => back,
                }
            }
            // The listener says why, and closes the connection.
            (HandshakeStep::Refused | HandshakeStep::Speaks(_), _) => {
                pass_back(&mut listener.reader, &mut dialer.writer).await
            }
            (HandshakeStep::Messages { .. }, None)
            | (HandshakeStep::Closed | HandshakeStep::OneMessage(_) | HandshakeStep::MessageWithBody(_), _) => {
                Ok(())
            }
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
            let is_open = self.gates.iter_mut().all(|gate| *gate.borrow_and_update() == LinkState::Open);
            let place = self.target.borrow_and_update().place;
            if let (true, NodeLocation::Serving { raft, .. }) = (is_open, place) {
                return Ok(Some(raft));
            }
            tokio::select! {
                biased;
                () = changed(&mut self.gates) => {}
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
        ending: &mut Ending<W::Session>,
    ) -> io::Result<()> {
        let RelayEnd { reader: mut answers, writer } = to;
        if let Some(road) = &self.road {
            ending.accepted(road.forth.pair.0, &sender.way.carrier, sender.life, sender.origin, writer);
        }
        tokio::select! {
            taken = self.take_in(&sender, &mut from.reader) => taken,
            passed = pass_back(&mut answers, &mut from.writer) => {
                ending.is_broken = true;
                passed
            }
        }
    }

    /// Takes in the sender's frames until it closes.
    async fn take_in(
        &self,
        sender: &Sender<'_, W::Session>,
        frames: &mut Reader<W::Session>,
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
            self.link.traffic.take_in(way.pair, (*life, *origin), frame, glance, None);
        }
    }
}

/// The end of a connection that messages come from.
struct Sender<'a, S: Session> {
    way: &'a PairTraffic<S>,
    /// The receiver's life.
    life: u64,
    origin: Origin,
}

/// What a handshake waits for.
fn gates<S: Session>(road: &Road<S>, purpose: ConnectionPurpose) -> Vec<watch::Receiver<LinkState>> {
    let (forth, back) = (|| road.forth.gate.clone(), || road.back.gate.clone());
    match purpose {
        ConnectionPurpose::Member => {
            road.is_founded.store(true, Relaxed);
            vec![forth()]
        }
        ConnectionPurpose::Stream => vec![back()],
        ConnectionPurpose::Exchange => vec![forth(), back()],
        // A script may cut links as soon as there are any, before there is a cluster whose links could be cut.
        ConnectionPurpose::Founding if !road.is_founded.load(Relaxed) => Vec::new(),
        ConnectionPurpose::Founding | ConnectionPurpose::Other => vec![forth()],
    }
}

/// Waits until one of these links refuses connections.
async fn refused(mut gates: Vec<watch::Receiver<LinkState>>) {
    while !gates.iter_mut().any(|gate| *gate.borrow_and_update() == LinkState::Refused) {
        changed(&mut gates).await;
    }
}

/// Waits until one of these gates has changed. The gate of a link that is gone stays as it is.
async fn changed(gates: &mut [watch::Receiver<LinkState>]) {
    let mut changes: Vec<_> = gates
        .iter_mut()
        .map(|gate| {
            Box::pin(async {
                if gate.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            })
        })
        .collect();
    if changes.is_empty() {
        std::future::pending::<()>().await;
    }
    pin!(select_all(changes.drain(..))).await;
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
pub(super) async fn pass_back<S, T>(from: &mut S, to: &mut T) -> io::Result<()>
where
    S: StreamExt<Item = io::Result<Bytes>> + Unpin,
    T: SinkExt<Bytes, Error = io::Error> + Unpin,
{
    while let Some(answer) = from.next().await.transpose()? {
        to.send(answer).await?;
    }
    Ok(())
}
