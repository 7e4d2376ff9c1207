//! A node's life: open the data directory, listen, serve, stop. Puts the parts together and does nothing itself; listens to no
//! signal and never ends the process.

use crate::belonging::{Belonging, first_membership};
use crate::book::Book;
use crate::changes::Ring;
use crate::clients::Reception;
use crate::clock::Clock;
use crate::disk::{Disk, DiskError};
use crate::driver::{CLIENT_QUEUE, Driver, Inputs, PEER_QUEUE, PeerInput, Syncs};
use crate::found::found;
use crate::founder_line::{self, FounderLines};
use crate::ledger::{Ledger, LedgerError, NodeIdentity};
use crate::listen::{AdmittedConnection, HandshakePort, Identity, accept};
use crate::meet::{PeersToMeet, meet};
use crate::memory::StartMemory;
use crate::meters::Meters;
use crate::peers::{Incoming, Outgoing, Sender};
use crate::ports::{Bounds, Rate};
use crate::requests::Requests;
use crate::settings::Settings;
use crate::snapshots::{Cabinet, read_back};
use crate::speech::Signpost;
use crate::telemetry::Publisher;
use crate::tls::Acceptors;
use crate::trust::Trust;
use crate::usage::UsageError;
use crate::{browsers, founders, http, http_port};
use raftdeck_client::{Access, Client, LocalUsers, Options as ClientOptions, TlsError};
use raftdeck_protocol::handshake::Standing;
use raftdeck_protocol::{Ports, Role};
use raftdeck_raft::{Boot, Config, HardState, Incarnation, RestoreError, Restored};
use raftdeck_replica::{ImageError, Replica};
use raftdeck_storage::fs::{DelayedFs, DiskFs, FileSystem, SyncDelay, private};
use raftdeck_storage::{Founders, Life, LogOptions, LogStore, OpenError, Recovered, Snapshots};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that one port serves. With those of HTTP they stay below the 1024 open files that a process has by
/// default, and a flood on one port leaves the others alone.
///
/// Each connection of a peer stirs the driver, so there are few a second. A script may connect for each thing that it asks.
const PEERS: Bounds = Bounds {
    strangers: 24,
    guests: 104,
    per_address: 64,
    rate: Some(Rate { per_address: 128, of_strangers: 512 }),
};
const CLIENTS: Bounds = Bounds {
    strangers: 64,
    guests: 448,
    per_address: 256,
    rate: Some(Rate { per_address: 1000, of_strangers: 2000 }),
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// A stopping node gives its connections this long to say their last.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The options are inconsistent. The sentence calls them by the names of the command line.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The data directory cannot be used: it is locked, another member's, damaged, or the system refuses it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What the log holds does not fit the cluster.
    #[error("the log does not fit the cluster: {0}")]
    Restore(#[from] RestoreError),
    /// The newest snapshot cannot be read.
    #[error(
        "the newest snapshot cannot be read, and the log before it is gone: {0}; start the release that wrote it"
    )]
    Image(#[from] ImageError),
    /// One of its ports is taken, or not this machine's.
    #[error(
        "cannot listen on {address} for {what}: {source}{}",
        if source.kind() == io::ErrorKind::AddrInUse { "; is another node running there? Choose another port" } else { "" }
    )]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// The clients that it would serve there.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody would take this node's certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What is kept beside the log cannot be used.
    #[error("{0}")]
    Papers(String),
    /// No thread, no timer, or the like.
    #[error("the system does not provide what a node needs: {0}")]
    System(#[from] io::Error),
    /// The disk failed while the node was starting.
    #[error("stopping, nothing more will be acknowledged: {0}")]
    Disk(#[from] DiskError),
    /// It panicked while it was starting, which is a defect.
    #[error("stopping: internal invariant violated")]
    Defect,
}

/// Options that are inconsistent: a sentence that says which, and what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OptionsError(#[from] pub(crate) UsageError);

/// Why a running node ended. Whatever it had acknowledged is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its disk failed.
    #[error("stopping, nothing more will be acknowledged: {0}")]
    Disk(#[from] DiskError),
    /// It panicked, or found one of its invariants broken, which is a defect.
    #[error("stopping: internal invariant violated")]
    Defect,
}

/// Where a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its peers. Clients are shown the way to their port from here.
    pub raft: SocketAddr,
    /// Clients.
    pub client: SocketAddr,
    /// HTTP.
    pub http: SocketAddr,
}

/// The threads that hold the data directory. They end by themselves when the driver is gone and their work is done.
pub(crate) type DiskThreads = [JoinHandle<()>; 2];

/// A node that serves and is to be driven.
pub(crate) struct Serving {
    pub(crate) addresses: Addresses,
    driver: Driver,
    inputs: Inputs,
    connections: TaskTracker,
    stop: CancellationToken,
}

/// Opens the data directory and the ports, and begins to serve on them; all is ready but the driver, which answers no requests
/// until [`Serving::drive`]. Ended by `stop`.
pub(crate) fn start(
    settings: &Settings,
    stop: &CancellationToken,
) -> Result<(Serving, DiskThreads), StartError> {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let delay = SyncDelay::new(settings.sync_delay.unwrap_or_default());
    let (store, Recovered { restored, snapshots, repaired }, life) = open_store(settings, &delay)?;
    if let Some(tail) = repaired {
        let (bytes, offset, file) = (tail.bytes, tail.offset, tail.file.display());
        tracing::warn!(
            "removed {bytes} bytes at offset {offset} of {file}: a write that a crash interrupted"
        );
    }
    let image = match &restored.snapshot {
        Some((meta, _)) => Some(read_back(&snapshots, meta).map_err(DiskError::from)??),
        None => None,
    };
    // A node that finds its ports taken has started nothing yet, so it records nothing.
    let listeners = Listeners::bind(settings)?;
    let taken = [&listeners.raft, &listeners.client].map(|(_, address)| address.port());
    if let Some(warning) = browsers::warning(listeners.http.1.port(), &taken) {
        tracing::warn!("{warning}");
    }
    let asked = settings.founders();
    let papers = store.papers();
    let origin = papers.origin(&asked, is_new(&restored))?;
    let founders = origin.founders.clone();
    let me = NodeIdentity {
        id: settings.id,
        incarnation: life.incarnation(),
        name: settings.cluster.clone(),
        address: settings.advertised(listeners.raft.1),
        has_peer_token: settings.tokens.peer.is_some(),
    };
    let trust = trust(settings, &life)?;
    trust.remember(life.met().clone());
    let ledger = Arc::new(Ledger::open(me, trust, papers, origin, StartMemory::new(life))?);
    let clock = Clock::start(settings.clock_rate);
    let config = Config {
        membership: first_membership(&ledger),
        incarnation: Some(ledger.me().incarnation),
        ..settings.config(&Founders::new())
    };
    let mut replica = Replica::new(config, settings.seed, restored, image, clock.now())?;
    if settings.forgo_leases {
        replica.forgo_leases();
    }
    let in_force = &replica.membership().voters;
    if let Some(warning) = founders::warning(&settings.data_dir, &founders, &asked, in_force) {
        tracing::warn!("{warning}");
    }
    let on_disk = OnDisk { store, snapshots, founders, ledger, sync_delay: delay };
    listeners.open(settings, clock, replica, on_disk, stop)
}

/// What this node shows in handshakes.
fn trust(settings: &Settings, life: &Life) -> Result<Trust, StartError> {
    let trust = Trust::new(settings.id, settings.cluster.clone(), settings.tokens.clone());
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    trust.set_standing(Standing {
        incarnation: life.incarnation(),
        boot: Boot { number: life.boot(), nonce: u64::from_le_bytes(nonce) },
        cluster: life.cluster(),
        named_at: None,
    });
    Ok(trust)
}

/// Whether nothing was ever written into the data directory by a member of a cluster.
fn is_new(restored: &Restored) -> bool {
    let Restored { hard_state, snapshot, on_disk, entries, .. } = restored;
    *hard_state == HardState::default() && snapshot.is_none() && on_disk.is_empty() && entries.is_empty()
}

/// What the data directory holds, open.
struct OnDisk {
    store: LogStore,
    snapshots: Snapshots,
    founders: Founders,
    ledger: Arc<Ledger>,
    sync_delay: SyncDelay,
}

impl From<LedgerError> for StartError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Open(error) => Self::Open(error),
            LedgerError::Secret(_) => Self::Papers(error.to_string()),
        }
    }
}

impl Serving {
    /// Drives the node until it is stopped or cannot continue.
    pub(crate) async fn drive(self) -> Result<(), NodeError> {
        let Self { driver, inputs, connections, stop, addresses: _ } = self;
        // A task of its own, so that a panic in it ends the node in order, with its reason in the log.
        let ended = tokio::spawn(driver.run(inputs, stop.clone())).await;
        stop.cancel();
        connections.close();
        if timeout(FAREWELL, connections.wait()).await.is_err() {
            tracing::debug!("some clients did not receive their last answers");
        }
        ended.map_err(|_| NodeError::Defect)?.map_err(NodeError::from)
    }
}

fn open_store(settings: &Settings, delay: &SyncDelay) -> Result<(LogStore, Recovered, Life), StartError> {
    let options = LogOptions { background: true, ..LogOptions::default() };
    // Used only if the directory has no identity yet.
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).map_err(io::Error::other)?;
    // Before its lock is looked at, so that no other user can take the lock.
    for exposed in private::tighten(&settings.data_dir) {
        tracing::warn!("{exposed}");
    }
    let open = |fs: &dyn FileSystem| {
        let Settings { id, cluster, data_dir, .. } = settings;
        LogStore::start_life(fs, data_dir, *id, cluster, &options, Incarnation(fresh))
    };
    if let Some(delay) = settings.sync_delay {
        tracing::warn!(
            "--sync-delay: every sync of the disk takes {} us longer than it does, which is for benchmarks and drills only",
            delay.as_micros()
        );
    }
    if settings.sync_delay.is_none() && !settings.managed {
        return Ok(open(&DiskFs)?);
    }
    // Whoever manages a node may hold its disk up while it runs.
    Ok(open(&DelayedFs::new(Box::new(DiskFs), delay.clone()))?)
}

/// The three ports, bound.
struct Listeners {
    raft: (TcpListener, SocketAddr),
    client: (TcpListener, SocketAddr),
    http: (TcpListener, SocketAddr),
}

impl Listeners {
    fn bind(settings: &Settings) -> Result<Self, StartError> {
        Ok(Self {
            raft: listen(settings.raft, "its peers", settings.managed)?,
            client: listen(settings.client, "clients", settings.managed)?,
            http: listen(settings.http, "HTTP", settings.managed)?,
        })
    }

    /// Starts to serve on all three. The driver is left to be run.
    fn open(
        self,
        settings: &Settings,
        clock: Clock,
        replica: Replica,
        OnDisk { store, snapshots, founders, ledger, sync_delay }: OnDisk,
        stop: &CancellationToken,
    ) -> Result<(Serving, DiskThreads), StartError> {
        let Self { raft, client, http } = self;
        let addresses = Addresses { raft: raft.1, client: client.1, http: http.1 };
        let connections = TaskTracker::new();
        let client_address = settings.advertised(client.1);
        let Settings { tokens, tls, .. } = settings;
        let acceptors = tls.as_ref().map(|tls| Acceptors::new(tls, tokens.client.is_some())).transpose()?;
        let trust = ledger.trust().clone();
        let local_users =
            if settings.only_own_user { LocalUsers::only_own_where_known() } else { LocalUsers::Any };
        let memory = ledger.memory().clone();
        let ports = Ports {
            raft: settings.advertised(raft.1),
            client: client_address.clone(),
            http: settings.advertised(http.1),
        };
        let signpost = Signpost { id: settings.id, ports, encrypted: tls.is_some() };
        let identity = Arc::new(Identity {
            id: settings.id,
            trust: trust.clone(),
            memory: memory.clone(),
            local_users: local_users.clone(),
            tls: acceptors.as_ref().map(|acceptors| acceptors.raftdeck.clone()),
            signpost: signpost.clone(),
        });
        let (to_driver, peers) = mpsc::channel(PEER_QUEUE);
        let raft_address = settings.advertised(raft.1);
        let lines = FounderLines {
            me: settings.id,
            trust: trust.clone(),
            tls: tls.clone(),
            configured: settings.configured(&founders),
        };
        serve_peers(raft.0, Arc::clone(&identity), &ledger, &lines, &to_driver);
        let belonging = found_and_meet((&ledger, &lines), &raft_address, &to_driver, (&connections, stop));

        let own = http::reachable(client.1).to_string();
        let cluster = own_client(settings, &own)?;
        let publisher = Publisher::new();
        let (to_driver, clients) = mpsc::channel(CLIENT_QUEUE);
        let changes = Ring::new(replica.applied().index.0);
        let reception = Reception {
            driver: to_driver,
            hub: publisher.hub(),
            changes: Arc::clone(&changes),
            arrivals: Arc::default(),
            cluster: cluster.clone(),
            stop: stop.clone(),
        };
        serve_clients(client.0, identity, reception, &connections);

        let meters = serve_http(
            settings,
            (http.0, signpost),
            acceptors,
            local_users,
            (cluster, own),
            (&connections, stop),
        );

        let outgoing = outgoing(settings, &ledger, (client_address, raft_address), founders);
        let (disk, disk_thread) = Disk::start(store, outgoing.post())?;
        let (cabinet, cabinet_thread) = Cabinet::start(snapshots)?;
        let driver = Driver {
            replica,
            awake: clock.now(),
            clock,
            disk,
            cabinet,
            outgoing,
            publisher,
            changes,
            meters,
            requests: Requests::default(),
            syncs: Syncs::default(),
            pause: settings.tuning.timing.election_min,
            managed: settings.managed,
            sync_delay,
            snapshot_asked: Vec::new(),
            snapshot_awaited: Vec::new(),
            belonging,
        };
        let disk_threads = [disk_thread, cabinet_thread];
        let inputs = Inputs { peers, clients };
        Ok((Serving { addresses, driver, inputs, connections, stop: stop.clone() }, disk_threads))
    }
}

/// The connections to peers, none of which is dialed yet.
fn outgoing(
    settings: &Settings,
    ledger: &Ledger,
    (client_address, raft_address): (String, String),
    founders: Founders,
) -> Outgoing {
    let sender = Sender {
        id: settings.id,
        incarnation: ledger.me().incarnation,
        client_address,
        raft_address,
        trust: ledger.trust().clone(),
        memory: ledger.memory().clone(),
        tls: settings.tls.clone(),
    };
    let book = Book::new(settings.members.clone(), settings.peer_addresses.clone(), founders);
    Outgoing::new(sender, book)
}

/// Lets peers in and hands what they say to the driver, until the listener ends.
fn serve_peers(
    listener: TcpListener,
    identity: Arc<Identity>,
    ledger: &Arc<Ledger>,
    lines: &FounderLines,
    to_driver: &mpsc::Sender<PeerInput>,
) {
    let incoming = Arc::new(Incoming::default());
    let (ledger, lines, to_driver) = (Arc::clone(ledger), lines.clone(), to_driver.clone());
    let admit_peer = move |guest: AdmittedConnection| {
        admit(Arc::clone(&incoming), Arc::clone(&ledger), lines.clone(), guest, to_driver.clone())
    };
    tokio::spawn(accept(listener, HandshakePort::Raft, identity, PEERS, admit_peer));
}

/// Lets clients in and serves them, until the listener ends.
fn serve_clients(
    listener: TcpListener,
    identity: Arc<Identity>,
    reception: Reception,
    connections: &TaskTracker,
) {
    let tracker = connections.clone();
    let admit_client = move |guest: AdmittedConnection| tracker.track_future(reception.clone().serve(guest));
    tokio::spawn(accept(listener, HandshakePort::Client, identity, CLIENTS, admit_client));
}

/// Serves HTTP until the node stops. Gives the meters that count for it.
fn serve_http(
    settings: &Settings,
    (listener, signpost): (TcpListener, Signpost),
    acceptors: Option<Acceptors>,
    local_users: LocalUsers,
    (cluster, own): (Client, String),
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Meters {
    let meters = Meters::new();
    tasks.spawn(meters.clone().add_up(stop.clone()));
    let door = http::door(http::HttpParts {
        cluster,
        own,
        tokens: settings.tokens.clone(),
        encrypted: settings.tls.is_some(),
        meters: meters.clone(),
        stop: stop.clone(),
    });
    let tls = acceptors.map(|acceptors| acceptors.http);
    tasks.spawn(http_port::serve(listener, door, tls, local_users, signpost, stop.clone()));
    meters
}

/// A client of this node's, wherever it listens, and of the nodes that it names.
fn own_client(settings: &Settings, own: &str) -> Result<Client, StartError> {
    let tls = settings.tls.as_ref().map(|tls| tls.to_node(settings.id));
    let options = ClientOptions {
        cluster: settings.cluster.clone(),
        access: Access { token: settings.tokens.client.clone(), tls },
        ..ClientOptions::default()
    };
    Ok(Client::new(&[own], options).map_err(io::Error::other)?)
}

/// Founds the cluster if that has not been done, and asks members that the cluster does not know yet; both until the node stops.
fn found_and_meet(
    (ledger, lines): (&Arc<Ledger>, &FounderLines),
    raft_address: &str,
    to_driver: &mpsc::Sender<PeerInput>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Belonging {
    let (wanted, asked) = watch::channel(PeersToMeet::default());
    let meeting = meet(Arc::clone(ledger), lines.clone(), raft_address.to_owned(), asked, to_driver.clone());
    let stopped = stop.clone();
    tasks.spawn(async move { stopped.run_until_cancelled(meeting).await });
    let founding = found(Arc::clone(ledger), lines.clone(), to_driver.clone());
    let stopped = stop.clone();
    tasks.spawn(async move {
        if let Some(Err(error)) = stopped.run_until_cancelled(founding).await {
            tracing::error!("the founding cannot continue: {error}");
            stopped.cancel();
        }
    });
    Belonging::new(Arc::clone(ledger), wanted, to_driver.clone())
}

/// Serves what came to the Raft port: a peer, or a node that asks how far this one has come.
async fn admit(
    incoming: Arc<Incoming>,
    ledger: Arc<Ledger>,
    lines: FounderLines,
    guest: AdmittedConnection,
    driver: mpsc::Sender<PeerInput>,
) {
    if matches!(guest.role, Role::Founder { .. }) {
        return founder_line::serve(guest, ledger, lines).await;
    }
    let is_proved = guest.proved.is_proved;
    // What was let in before there was a secret comes again, and proves that it knows it.
    let expelled = async { if is_proved { std::future::pending().await } else { ledger.has_secret().await } };
    incoming.serve(guest, driver, expelled).await;
}

fn listen(
    address: SocketAddr,
    what: &'static str,
    managed: bool,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, what, source };
    let listener = bind(address, managed).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The manager of a node holds its ports between its lives, with a socket of the same user that never listens: the node shares
/// them with it. A port that the system chooses is not shared.
fn bind(address: SocketAddr, managed: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if cfg!(unix) {
        // The connections of an earlier life may still be known to the system.
        socket.set_reuseaddr(true)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_reuseport(managed && address.port() != 0)?;
    #[cfg(not(target_os = "linux"))]
    let _ = managed;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
