//! A link's far end: carries what has arrived to the receiver.
//!
//! A message that a link took in does not depend on the connection that brought it: its sender may have died, or may have
//! reconnected, by the time it arrives. So connections to the receiver are kept here as long as they are useful.

use crate::lane::Signals;
use crate::pair::{Origin, Pair};
use crate::time::ClockReader;
use crate::traffic::{Outlook, Traffic};
use crate::whereabouts::{NodeLocation, Whereabouts};
use crate::wire::Session;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, SinkExt};
use raftdeck_raft::NodeId;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::codec::FramedWrite;

/// The most bytes that are gathered for one write.
const GATHERED: usize = 64 << 10;

/// A request of the carrier's own must be answered within this time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Where frames leave for a node.
pub(crate) type Writer<S> = FramedWrite<OwnedWriteHalf, <S as Session>::Encoder>;

/// What the accepting tasks tell the carrier. Connections are numbered in the order in which they were accepted.
pub(crate) enum CarrierInput<S: Session> {
    /// A new connection, on which the two nodes have agreed.
    Connection {
        number: u64,
        /// The receiver's life that the connection leads to.
        life: u64,
        /// Whose messages it may carry.
        origin: Origin,
        writer: Writer<S>,
    },
    /// The sender has closed its end: it is kept while something is on the link.
    Finished(u64),
    /// The receiver has closed its end, or the link has closed both.
    Broken(u64),
}

/// Where connections to a receiver are handed over. A connection is handed over once and ends once, so what waits here is bounded by
/// their number.
pub(crate) type HandOver<S> = mpsc::UnboundedSender<CarrierInput<S>>;

/// Tells the carrier how a connection ended, when it is dropped.
pub(crate) struct Ending<S: Session> {
    number: u64,
    /// The connection that it was handed to.
    carrier: Option<HandOver<S>>,
    /// The dialer, once the listener has accepted it.
    dialer: Arc<OnceLock<NodeId>>,
    /// By the receiver, or by the link.
    pub(crate) is_broken: bool,
}

impl<S: Session> Ending<S> {
    pub(crate) fn new(number: u64, dialer: Arc<OnceLock<NodeId>>) -> Self {
        Self { number, carrier: None, dialer, is_broken: false }
    }

    /// The two nodes have agreed on the connection that this one has dialed: from now on it carries messages.
    pub(crate) fn accepted(
        &mut self,
        dialer: NodeId,
        carrier: &HandOver<S>,
        life: u64,
        origin: Origin,
        writer: Writer<S>,
    ) {
        // It is accepted once only.
        let _ = self.dialer.set(dialer);
        // A carrier that is gone has nothing to carry.
        let _ = carrier.send(CarrierInput::Connection { number: self.number, life, origin, writer });
        self.carrier = Some(carrier.clone());
    }
}

impl<S: Session> Drop for Ending<S> {
    fn drop(&mut self) {
        if let Some(carrier) = &self.carrier {
            let ending = if self.is_broken { CarrierInput::Broken } else { CarrierInput::Finished };
            // As above.
            let _ = carrier.send(ending(self.number));
        }
    }
}

/// The task that writes.
pub(crate) struct Carrier<S: Session> {
    pair: Pair,
    target: watch::Receiver<Whereabouts>,
    traffic: Arc<Traffic>,
    signals: Arc<Signals>,
    clock: ClockReader,
    /// What begins a request of the carrier's own, for a message of this size.
    request: RequestHead,
    /// Such a request, while it is not answered.
    requesting: Option<BoxFuture<'static, ()>>,
    /// In the order in which they were made. Of several connections of one sender, the newest is used.
    connections: Vec<Connection<S>>,
}

struct Connection<S: Session> {
    number: u64,
    life: u64,
    origin: Origin,
    writer: Writer<S>,
    is_finished: bool,
    /// Whether nothing can be written to it.
    is_broken: bool,
    /// Whether something was written that may not have left yet.
    unflushed: bool,
}

impl<S: Session> Carrier<S> {
    /// For the link of this pair, whose receiver is there.
    pub(crate) fn new(
        pair: Pair,
        target: watch::Receiver<Whereabouts>,
        traffic: Arc<Traffic>,
        signals: Arc<Signals>,
        clock: ClockReader,
        request: RequestHead,
    ) -> Self {
        Self { pair, target, traffic, signals, clock, request, requesting: None, connections: Vec::new() }
    }

    /// Carries as long as its link is there.
    pub(crate) async fn run(mut self, mut handed: mpsc::UnboundedReceiver<CarrierInput<S>>) {
        self.traffic.bury(self.pair, self.target.borrow_and_update().life);
        let mut signs_of_life = S::SIGN_OF_LIFE.map(|every| {
            let mut ticks = interval_at(Instant::now() + every, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        loop {
            let outlook = self.traffic.outlook(self.pair);
            self.tidy(outlook);
            let chosen = self.choose(outlook);
            if let (Some(origin), None, None) = (outlook.ready, chosen, &self.requesting) {
                self.request_next(origin, outlook.bytes);
                continue;
            }
            let is_ready = outlook.ready.is_some();
            let signals = Arc::clone(&self.signals);
            let Self { target, clock, connections, requesting, .. } = &mut self;
            tokio::select! {
                biased;
                news = handed.recv() => match news {
                    Some(news) => self.learn(news),
                    None => return,
                },
                changed = target.changed() => match changed {
                    Ok(()) => self.follow(),
                    // Its supervisor is gone.
                    Err(_) => return,
                },
                () = tick(&mut signs_of_life) => self.give_signs_of_life(),
                pushed = push(connections, chosen, is_ready) => self.pushed(pushed, chosen, outlook.ready),
                () = answered(requesting) => self.requesting = None,
                () = signals.work.notified() => {}
                () = async {
                    match outlook.next_due {
                        Some(due) => clock.wake_at(due).await,
                        None => pending().await,
                    }
                } => {}
            }
        }
    }

    fn learn(&mut self, news: CarrierInput<S>) {
        match news {
            CarrierInput::Connection { number, life, origin, writer } => {
                let connection = Connection {
                    number,
                    life,
                    origin,
                    writer,
                    is_finished: false,
                    is_broken: false,
                    unflushed: false,
                };
                let at = self.connections.partition_point(|other| other.number < number);
                self.connections.insert(at, connection);
            }
            CarrierInput::Finished(number) => {
                let mut all = self.connections.iter_mut();
                if let Some(connection) = all.find(|connection| connection.number == number) {
                    connection.is_finished = true;
                }
            }
            CarrierInput::Broken(number) => self.connections.retain(|connection| connection.number != number),
        }
    }

    /// The receiver began another life, or reported its address.
    fn follow(&mut self) {
        let life = self.target.borrow_and_update().life;
        self.connections.retain(|connection| connection.life == life);
        self.traffic.bury(self.pair, life);
    }

    /// Closes connections that a newer one has replaced.
    fn tidy(&mut self, outlook: Outlook) {
        self.connections.retain(|connection| !connection.is_broken);
        let newest: Vec<(u64, Origin)> =
            self.connections.iter().map(|one| (one.number, one.origin)).collect();
        self.connections.retain(|connection| {
            let is_newest = |(number, origin): &(u64, Origin)| {
                *number <= connection.number || *origin != connection.origin
            };
            let is_of_use = !outlook.is_empty && newest.iter().all(is_newest);
            !connection.is_finished || connection.unflushed || is_of_use
        });
    }

    /// The connection to write to: the newest one of the sender of the frame that has arrived. If none has arrived, one with
    /// something left to write.
    fn choose(&self, outlook: Outlook) -> Option<usize> {
        match outlook.ready {
            Some(origin) => self.connections.iter().rposition(|connection| connection.origin == origin),
            None => self.connections.iter().rposition(|connection| connection.unflushed),
        }
    }

    /// Brings what has arrived in a request of its own if the wire has such, else loses it: no connection leads to the receiver.
    fn request_next(&mut self, origin: Origin, bytes: usize) {
        let NodeLocation::Serving { raft, .. } = self.target.borrow().place else {
            return self.traffic.lose_next(self.pair);
        };
        match (self.request)(bytes) {
            Some(head) => {
                let frame = self.traffic.next_frame(self.pair, origin);
                self.requesting = frame.map(|frame| ask(raft, head, frame).boxed());
            }
            None => self.traffic.lose_next(self.pair),
        }
    }

    /// So that no receiver takes a connection for dead on which nothing arrives.
    fn give_signs_of_life(&mut self) {
        for connection in self.connections.iter_mut().filter(|connection| !connection.is_finished) {
            // A receiver that does not read hears nothing anyway.
            if connection.writer.write_buffer().len() < GATHERED {
                connection.is_broken = connection.writer.start_send_unpin(Bytes::new()).is_err();
                connection.unflushed = true;
            }
        }
    }

    fn pushed(&mut self, pushed: io::Result<()>, chosen: Option<usize>, queueing: Option<Origin>) {
        let Some(at) = chosen else { return };
        let written = pushed.and_then(|()| {
            let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
            connection.unflushed = queueing.is_some();
            while let Some(origin) = queueing
                && connection.writer.write_buffer().len() < GATHERED
                && let Some(frame) = self.traffic.next_frame(self.pair, origin)
            {
                connection.writer.start_send_unpin(frame)?;
            }
            Ok(())
        });
        if written.is_err() {
            self.connections.remove(at);
        }
    }
}

/// What begins a request of the carrier's own, for a message of this size.
pub(crate) type RequestHead = Box<dyn Fn(usize) -> Option<Bytes> + Send>;

/// Sends a message in a request of its own. Its sender has been answered already, so the answer is dropped.
async fn ask(address: SocketAddr, head: Bytes, message: Bytes) {
    let exchange = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(&head).await?;
        connection.write_all(&message).await?;
        // The beginning of the answer is enough: the receiver has read the message.
        connection.read(&mut [0; 1024]).await.map(|_| ())
    };
    let ended: io::Result<()> =
        timeout(ANSWERED_WITHIN, exchange).await.unwrap_or_else(|late| Err(late.into()));
    if let Err(error) = ended {
        tracing::debug!("a message in a request of its own may be lost: {error}");
    }
}

/// Waits until the request is answered. Waits forever if there is none.
async fn answered(requesting: &mut Option<BoxFuture<'static, ()>>) {
    match requesting {
        Some(request) => request.await,
        None => pending().await,
    }
}

/// Waits for the next tick. Waits forever if there are none.
async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => drop(ticks.tick().await),
        None => pending().await,
    }
}

/// Writes to the chosen connection until there is room for more, or, if nothing is to follow, until everything is written; and meanwhile
/// to all others what they have left. Waits forever when there is nothing to do.
async fn push<S: Session>(
    connections: &mut [Connection<S>],
    chosen: Option<usize>,
    queueing: bool,
) -> io::Result<()> {
    let Some(chosen) = chosen else { return pending().await };
    poll_fn(|cx| {
        let mut pushed = Poll::Pending;
        for (at, connection) in connections.iter_mut().enumerate() {
            let writer = Pin::new(&mut connection.writer);
            if at == chosen {
                pushed = if queueing {
                    Sink::<Bytes>::poll_ready(writer, cx)
                } else {
                    Sink::<Bytes>::poll_flush(writer, cx)
                };
            } else if connection.unflushed
                && let Poll::Ready(flushed) = Sink::<Bytes>::poll_flush(writer, cx)
            {
                connection.unflushed = false;
                connection.is_broken = flushed.is_err();
            }
        }
        pushed
    })
    .await
}
