//! A running node as a value: started, asked where it is, stopped. Everything that a process shares with the rest of a program
//! (signals, the panic hook, the logger, standard output) is left alone.

use crate::http;
use crate::node::{self, Addresses, DiskThreads, NodeError, StartError};
use crate::options::NodeOptions;
use crate::settings::Settings;
use raftdeck_client::{Access, Client, Options};
use raftdeck_raft::NodeId;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

/// A node that runs on threads of its own: one that drives it, one for its log, one for its snapshots. Dropped, it stops, and
/// the drop waits for that as [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    cluster_name: String,
    access: Access,
    addresses: Addresses,
    /// The Raft addresses of the other nodes, as far as the options told them.
    others: Vec<String>,
    stop: CancellationToken,
    ended: CancellationToken,
    /// `None` once it was waited for.
    thread: Option<JoinHandle<Option<NodeEnd>>>,
}

/// How a node ended, and what may still use its data directory.
type NodeEnd = (Result<(), NodeError>, DiskThreads);

impl Node {
    /// Starts a node, and waits until it serves: its log is read and its ports are open. Whether there is a leader yet is
    /// another matter, for which a client waits.
    ///
    /// Blocks the calling thread, for long only if the log is large; from asynchronous code `spawn_blocking` is the place for
    /// it. The node itself needs no runtime.
    pub fn start(options: NodeOptions) -> Result<Self, StartError> {
        Self::launch(options.settings()?)
    }

    pub(crate) fn launch(settings: Settings) -> Result<Self, StartError> {
        let id = settings.id;
        let cluster_name = settings.cluster.clone();
        let access = Access { token: settings.tokens.client.clone(), tls: settings.tls.clone() };
        let others = settings.members.iter().filter(|(member, _)| **member != id);
        let others = others.map(|(_, address)| address.clone()).collect();
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name(id.to_string()).spawn({
            let (stop, ended) = (stop.clone(), ended.clone());
            move || {
                // Also when this thread panics.
                let _ended = ended.drop_guard();
                live(&settings, &stop, tell)
            }
        })?;
        let addresses = told.recv().unwrap_or(Err(StartError::Defect))?;
        Ok(Self { id, cluster_name, access, addresses, others, stop, ended, thread: Some(thread) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Where it serves; ports that the options left open are known here.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where a client begins: this node first, then the others that the options name.
    #[must_use]
    pub fn client_addresses(&self) -> Vec<String> {
        let own = http::reachable(self.addresses.client).to_string();
        std::iter::once(own).chain(self.others.iter().cloned()).collect()
    }

    /// A client of this node's cluster, with [`client_options`](Self::client_options). It continues when this node stops, as
    /// long as other nodes run.
    ///
    /// # Panics
    ///
    /// Never: the addresses were checked when the node started.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.client_addresses(), self.client_options())
            .expect("invariant: the addresses of a started node are valid")
    }

    /// The options of a client that this node's cluster lets in: its name, the clients' token, and the node's own certificates. For
    /// others, such as a deadline: `Client::new(&node.client_addresses(), Options { deadline, ..node.client_options() })`.
    #[must_use]
    pub fn client_options(&self) -> Options {
        Options { cluster: self.cluster_name.clone(), access: self.access.clone(), ..Options::default() }
    }

    /// Stops the node in order, and waits for it: requests under way are answered, what was handed to the disk is written,
    /// and after this its ports and its data directory are free. About a second at most, unless the disk hangs.
    ///
    /// Blocks the calling thread. The error is why the node had ended before, if it had.
    pub fn stop(self) -> Result<(), NodeError> {
        self.stop.cancel();
        self.wait()
    }

    /// Waits until the node has ended on its own, which happens only when it cannot continue.
    ///
    /// Blocks the calling thread; see [`ended`](Self::ended) for asynchronous code.
    pub fn wait(mut self) -> Result<(), NodeError> {
        self.join()
    }

    /// Completes when the node has ended on its own; [`wait`](Self::wait) then returns the reason immediately. Dropping
    /// the future changes nothing.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Stops the node, and waits for all of it but the disk.
    pub(crate) fn end(mut self) -> Result<NodeEnd, NodeError> {
        self.stop.cancel();
        self.join_thread().unwrap_or(Err(NodeError::Defect))
    }

    fn join(&mut self) -> Result<(), NodeError> {
        let Some(ended) = self.join_thread() else { return Ok(()) };
        let (result, disk_threads) = ended?;
        for thread in disk_threads {
            // A panic there was the node's end, and is its result.
            let _ = thread.join();
        }
        result
    }

    /// `None`: that was done before.
    fn join_thread(&mut self) -> Option<Result<NodeEnd, NodeError>> {
        let joined = self.thread.take()?.join();
        Some(joined.ok().flatten().ok_or(NodeError::Defect))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Err(error) = self.join() {
            tracing::error!("{}: {error}", self.id);
        }
    }
}

/// A node's life, on this thread. `None`: it did not start, and why was told.
fn live(
    settings: &Settings,
    stop: &CancellationToken,
    tell: mpsc::Sender<Result<Addresses, StartError>>,
) -> Option<NodeEnd> {
    let started = runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::System);
    let started = started.and_then(|runtime| {
        let inside = runtime.enter();
        let serving = node::start(settings, stop)?;
        drop(inside);
        Ok((runtime, serving))
    });
    // The caller that starts a node waits for this.
    let (runtime, (serving, disk_threads)) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = tell.send(Err(error));
            return None;
        }
    };
    let _ = tell.send(Ok(serving.addresses));
    drop(tell);
    let result = runtime.block_on(serving.drive());
    // A name that is being resolved must not hold up the end.
    runtime.shutdown_background();
    Some((result, disk_threads))
}
