//! One entrance: the only way on which one node, or all others, dial another.
//!
//! It accepts the dialers' connections, and relays each one's handshake to wherever the listener is now. Once its wire says that
//! the two have agreed, it hands the frames to `traffic`, which decides their fate, and the connection to `carrier`, which carries
//! those that have arrived. A frame from a connection on which the two have not agreed is never a message: any process on this machine
//! can connect to a link. A link never changes a frame, and answers for a node only where its wire says so. When the receiver does not
//! read, the link stops reading.

use crate::carrier::{Ending, HandOver, Writer};
use crate::lane::Signals;
use crate::pair::{Entrance, Pair};
use crate::traffic::Traffic;
use crate::whereabouts::Whereabouts;
use crate::wire::{Session, Side, Wire};
use raftdeck_model::LinkState;
use raftdeck_raft::NodeId;
use relay::Relay;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::codec::{FramedRead, FramedWrite};

mod posted;
mod relay;

/// The most connections of one dialer on which the two nodes have agreed. A node needs one for each kind that its wire has; one more
/// may be closing. Beyond this number the oldest is closed.
pub(crate) const MAX_CONNECTIONS: usize = 8;

/// The most connections that the listener has not accepted yet, for each dialer that may be there. Beyond this number the oldest is
/// closed, so strangers take no place from accepted connections.
pub(crate) const MAX_STRANGERS: usize = 8;

/// The most dialers of one entrance that are counted for that.
const MAX_DIALERS: usize = 16;

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
    /// The dialer, once the listener has accepted it.
    accepted: Arc<OnceLock<NodeId>>,
}

/// Closes the oldest of these connections until there is room for one more, from whomever it comes.
fn make_room(oldest_first: &mut VecDeque<Relayed>, max_strangers: usize) {
    let mut counts: BTreeMap<Option<NodeId>, usize> = BTreeMap::new();
    for relayed in &*oldest_first {
        *counts.entry(relayed.accepted.get().copied()).or_default() += 1;
    }
    oldest_first.retain(|relayed| {
        let dialer = relayed.accepted.get().copied();
        let most = if dialer.is_some() { MAX_CONNECTIONS } else { max_strangers };
        let Some(count) = counts.get_mut(&dialer).filter(|count| **count >= most) else { return true };
        *count -= 1;
        relayed.task.abort();
        false
    });
}

/// The messages of one directed pair, regardless of the connection that brought them.
pub(crate) struct PairTraffic<S: Session> {
    /// The sender and the receiver.
    pub(crate) pair: Pair,
    /// Open, cut or refused.
    pub(crate) gate: watch::Receiver<LinkState>,
    /// How their carriers are woken.
    pub(crate) signals: Arc<Signals>,
    /// The task that writes to the receiver.
    pub(crate) carrier: HandOver<S>,
}

/// What a connection needs to know of the two nodes that it connects.
pub(crate) struct Road<S: Session> {
    /// What the dialer sends.
    pub(crate) forth: Arc<PairTraffic<S>>,
    /// What the listener sends, on a connection that was dialed for that.
    pub(crate) back: Arc<PairTraffic<S>>,
    /// The dialer's lives.
    pub(crate) source: watch::Receiver<Whereabouts>,
    /// The dialer has identified itself as a member: its cluster is founded.
    pub(crate) is_founded: Arc<AtomicBool>,
}

/// The roads by dialer and listener. There is one for each directed pair that has a link.
pub(crate) type Roads<S> = Arc<Mutex<BTreeMap<Pair, Road<S>>>>;

/// What an entrance is made of.
pub(crate) struct Link<W: Wire> {
    pub(crate) wire: W,
    pub(crate) entrance: Entrance,
    pub(crate) roads: Roads<W::Session>,
    /// The listener's lives, and where it listens.
    pub(crate) target: watch::Receiver<Whereabouts>,
    /// What is on the links.
    pub(crate) traffic: Arc<Traffic>,
    /// How many connections were accepted by all links.
    pub(crate) accepted: Arc<AtomicU64>,
}

impl<W: Wire> Link<W> {
    /// Accepts and relays as long as the links are there.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let (link, mut relays) = (Arc::new(self), JoinSet::new());
        let mut oldest_first: VecDeque<Relayed> = VecDeque::new();
        let max_strangers = match link.entrance {
            Entrance::Pair(_) => MAX_STRANGERS,
            Entrance::Member(_) => MAX_STRANGERS * MAX_DIALERS,
        };
        loop {
            let connection = link.accept(&listener, &mut relays).await;
            oldest_first.retain(|relayed| !relayed.task.is_finished());
            make_room(&mut oldest_first, max_strangers);
            let accepted = Arc::new(OnceLock::new());
            let ending = Ending::new(link.accepted.fetch_add(1, Relaxed), Arc::clone(&accepted));
            let task = relays.spawn(Relay::run(Arc::clone(&link), connection, ending));
            oldest_first.push_back(Relayed { task, accepted });
        }
    }

    async fn accept(&self, listener: &TcpListener, relays: &mut JoinSet<()>) -> TcpStream {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((connection, _)) => return connection,
                    Err(error) => {
                        tracing::warn!("the link {} accepts nothing: {error}", self.entrance);
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = relays.join_next() => {}
            }
        }
    }

    /// The road of this dialer to the listener. `None`: there is no link between them.
    fn road(&self, dialer: NodeId) -> Option<Road<W::Session>> {
        let roads = self.roads.lock().unwrap_or_else(PoisonError::into_inner);
        roads.get(&(dialer, self.entrance.listener())).cloned()
    }
}

impl<S: Session> Clone for Road<S> {
    fn clone(&self) -> Self {
        Self {
            forth: Arc::clone(&self.forth),
            back: Arc::clone(&self.back),
            source: self.source.clone(),
            is_founded: Arc::clone(&self.is_founded),
        }
    }
}
