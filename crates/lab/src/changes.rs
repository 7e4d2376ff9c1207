//! Changes of the cluster, step by step: a node is added, removed, handed the leadership, or told to campaign.
//!
//! Each change is a task of its own, and they take turns, as the leader takes only one at a time (thesis §4.1). The
//! leader alone decides what happens; this room asks it, waits, asks its successor if it falls, and tells how it goes.
//! Processes and links are not touched here.

use crate::ask::{Unanswered, ask};
use crate::clients::Clients;
use crate::model::{ChangeStep, Update};
use crate::outlet::Outlet;
use crate::whereabouts::{Place, Whereabouts};
use futures::future::join_all;
use raftdeck_client::Access;
use raftdeck_protocol::{Failure, Manage, RequestBody, ResponseBody, Role};
use raftdeck_raft::{ChangeError, MembershipChange, NodeId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long a change may take, from its turn on.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a node may take to answer one question. The promotion of a learner is answered when it has caught up.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a node may take to forgo leases. A paused one has lost its lease when it goes on.
const FORGONE_WITHIN: Duration = Duration::from_millis(500);

/// How long a new process may take until it serves.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long the nodes may take to learn where a new one is reached, before it is added all the same. A paused node
/// learns it when it goes on.
const INTRODUCED_WITHIN: Duration = Duration::from_secs(2);

/// How long one of them may take to answer.
const SHORT: Duration = Duration::from_secs(1);

/// A node that was told to campaign may take so long to be one of a cluster: a founding needs every member.
const FOUNDED_WITHIN: Duration = Duration::from_secs(10);

/// The pause before something is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// Changes under way or waiting for their turn.
const MAX_UNDER_WAY: usize = 32;

/// The room's door.
#[derive(Clone)]
pub(crate) struct Changes {
    clients: Clients,
    /// What managers show.
    access: Access,
    outlet: Outlet,
    turn: Arc<Mutex<()>>,
    room: Arc<Semaphore>,
    left: mpsc::Sender<NodeId>,
}

/// A node that a new one joins: where it is, and the link by which it reaches the new one.
pub(crate) type Other = (NodeId, watch::Receiver<Whereabouts>, SocketAddr);

/// A node to be added.
pub(crate) struct Newcomer {
    /// Its id.
    pub(crate) node: NodeId,
    /// Where it is.
    pub(crate) place: watch::Receiver<Whereabouts>,
    /// Every other node.
    pub(crate) others: Vec<Other>,
}

impl Changes {
    /// Nodes that have left the cluster are named on `left`; whoever listens ends them.
    pub(crate) fn new(clients: Clients, access: Access, outlet: Outlet, left: mpsc::Sender<NodeId>) -> Self {
        let (turn, room) = (Arc::default(), Arc::new(Semaphore::new(MAX_UNDER_WAY)));
        Self { clients, access, outlet, turn, room, left }
    }

    /// Makes a node whose process has been started a voter.
    pub(crate) fn add(&self, newcomer: Newcomer) {
        self.begin(newcomer.node, self.clone().join(newcomer));
    }

    /// Takes a node out of the cluster. Its end is the listener's.
    pub(crate) fn remove(&self, node: NodeId) {
        self.begin(node, self.clone().leave(node));
    }

    /// Hands the leadership over.
    pub(crate) fn transfer(&self, node: NodeId) {
        self.begin(node, self.clone().hand_over(node));
    }

    /// Has a node campaign, whoever leads. First everybody, `all`, forgoes leases: such an order breaks the promises that leases
    /// rest on. Who cannot be told that serves no reads either, and is started so the next time.
    pub(crate) fn campaign(&self, node: NodeId, all: &[NodeId]) {
        let changes = self.clone();
        let everybody: Vec<(NodeId, String)> =
            all.iter().filter_map(|&other| Some((other, self.clients.address(other)?))).collect();
        self.spawn(async move {
            let Some(address) = changes.clients.address(node) else {
                return changes.outlet.refuse(format!("{node} does not run and cannot campaign"));
            };
            let access = &changes.access;
            let told = everybody.iter().map(|(other, address)| {
                let forgo = RequestBody::Manage(Manage::ForgoLeases);
                ask(access, (*other, address), Role::Manager, forgo, FORGONE_WITHIN)
            });
            join_all(told).await;
            let until = Instant::now() + FOUNDED_WITHIN;
            loop {
                let campaign = RequestBody::Manage(Manage::CampaignAgainstLeader);
                match ask(access, (node, &address), Role::Manager, campaign, SHORT).await {
                    // The cluster is being founded, which takes a moment after the start.
                    Err(Unanswered::Refused(Failure::NotInCluster(_))) if Instant::now() < until => {
                        sleep(PAUSE).await;
                    }
                    Err(why) => {
                        return changes.outlet.refuse(format!("{node} cannot be told to campaign: {why}"));
                    }
                    Ok(_) => return,
                }
            }
        });
    }

    /// Starts a change; that it was given up, and why, is told.
    fn begin(&self, node: NodeId, change: impl Future<Output = Result<(), String>> + Send + 'static) {
        let changes = self.clone();
        self.spawn(async move {
            if let Err(why) = change.await {
                changes.tell(node, ChangeStep::GivenUp);
                changes.outlet.refuse(why);
            }
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(async move {
                    task.await;
                    drop(permit);
                });
            }
            Err(_) => {
                self.outlet.refuse(format!("{MAX_UNDER_WAY} changes are under way already: wait a moment"));
            }
        }
    }

    async fn join(self, newcomer: Newcomer) -> Result<(), String> {
        let Newcomer { node, place, others } = newcomer;
        self.tell(node, ChangeStep::Starting);
        let address = ready(node, place).await?;
        introduce(node, others, &self.access).await;
        let _turn = self.turn.lock().await;
        self.tell(node, ChangeStep::Joining);
        self.change(MembershipChange::AddLearner { node, address: address.to_string(), incarnation: None })
            .await
            .map_err(|why| format!("{node} was not added: {why}"))?;
        self.tell(node, ChangeStep::Promoting);
        self.change(MembershipChange::Promote { node })
            .await
            .map_err(|why| format!("{node} stays a learner: {why}"))?;
        self.tell(node, ChangeStep::Joined);
        Ok(())
    }

    async fn leave(self, node: NodeId) -> Result<(), String> {
        self.tell(node, ChangeStep::Leaving);
        let _turn = self.turn.lock().await;
        self.change(MembershipChange::Remove { node })
            .await
            .map_err(|why| format!("{node} was not removed: {why}"))?;
        // An error: nobody listens any more, as the lab ends, and every node with it.
        let _ = self.left.send(node).await;
        Ok(())
    }

    async fn hand_over(self, node: NodeId) -> Result<(), String> {
        self.tell(node, ChangeStep::HandingOver);
        let _turn = self.turn.lock().await;
        self.ask_leader(RequestBody::TransferLeadership { to: node })
            .await
            .map_err(|why| format!("{node} was not handed the leadership: {why}"))?;
        self.tell(node, ChangeStep::HandedOver);
        Ok(())
    }

    fn tell(&self, node: NodeId, step: ChangeStep) {
        self.outlet.tell(Update::Change { node, step });
    }

    /// Changes the membership. That it is so already is as good: the attempt before may have done it, and its answer
    /// been lost with the leader.
    async fn change(&self, change: MembershipChange) -> Result<(), String> {
        match self.ask_leader(RequestBody::ChangeMembership(vec![change])).await {
            Ok(_)
            | Err(Unanswered::Refused(Failure::Change(
                ChangeError::AlreadyMember { .. }
                | ChangeError::AlreadyVoter { .. }
                | ChangeError::NotMember { .. },
            ))) => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Asks whoever leads, again and again, until there is an answer that would not be another one later.
    async fn ask_leader(&self, body: RequestBody) -> Result<ResponseBody, Unanswered> {
        let until = Instant::now() + PATIENCE;
        let mut last = Unanswered::Lost("nobody leads".to_owned());
        loop {
            if let Some((leader, address)) = self.clients.leader() {
                match ask(&self.access, (leader, &address), Role::Client, body.clone(), ANSWER).await {
                    Err(why) if passes(&why) => last = why,
                    end => return end,
                }
            }
            if Instant::now() + PAUSE >= until {
                return Err(last);
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether asking again, perhaps somebody else, may give another answer. All that is asked of a leader here can be
/// asked twice.
fn passes(why: &Unanswered) -> bool {
    match why {
        Unanswered::Lost(_) => true,
        Unanswered::Refused(failure) => matches!(
            failure,
            Failure::NotLeader { .. }
                | Failure::Unknown
                | Failure::Busy
                | Failure::DiskStalled { .. }
                | Failure::Stopping
                | Failure::NotInCluster(_)
                | Failure::Change(
                    ChangeError::NotLeader { .. }
                        | ChangeError::InProgress
                        | ChangeError::TooEarly
                        | ChangeError::NotIdentified { .. }
                        | ChangeError::Busy
                )
        ),
    }
}

/// Waits until a process serves; its Raft address.
async fn ready(node: NodeId, mut place: watch::Receiver<Whereabouts>) -> Result<SocketAddr, String> {
    let not_up = |why: &str| format!("{node} was not added: {why}");
    // Its first life is the second place that it is in.
    let settled = |now: &Whereabouts| {
        matches!(now.place, Place::Serving { .. }) || now.place == Place::Down && now.life > 0
    };
    match timeout(READY_WITHIN, place.wait_for(settled)).await {
        Ok(Ok(now)) => match now.place {
            Place::Serving { raft, .. } => Ok(raft),
            Place::Down | Place::Starting => Err(not_up("its process has ended")),
        },
        Ok(Err(_)) => Err(not_up("its process has ended")),
        Err(_) => Err(not_up("its process does not get ready")),
    }
}

/// Tells the other nodes how they reach a new one. Those that do not listen now are told when they do; those that
/// start anew know it from their command line.
async fn introduce(node: NodeId, others: Vec<Other>, access: &Access) {
    let told = others.into_iter().map(|(other, place, link)| {
        let peer = Manage::SetPeerAddress { node, address: link.to_string() };
        tokio::spawn(tell_address(other, peer, place, access.clone()))
    });
    if timeout(INTRODUCED_WITHIN, join_all(told.collect::<Vec<_>>())).await.is_err() {
        tracing::debug!("{node} is added before every other node knows where it is");
    }
}

/// Ends when the node knows, or has said that it never will, or is gone.
async fn tell_address(other: NodeId, peer: Manage, mut place: watch::Receiver<Whereabouts>, access: Access) {
    loop {
        let serving =
            place.wait_for(|now| matches!(now.place, Place::Serving { .. })).await.map(|now| now.place);
        let Ok(Place::Serving { client, .. }) = serving else { return };
        let manage = RequestBody::Manage(peer.clone());
        match ask(&access, (other, &client.to_string()), Role::Manager, manage, SHORT).await {
            Ok(_) => return,
            Err(Unanswered::Refused(failure)) => {
                return tracing::warn!("a node does not take another's address: {failure}");
            }
            Err(Unanswered::Lost(_)) => sleep(PAUSE).await,
        }
    }
}
