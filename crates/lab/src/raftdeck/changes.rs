//! Changes of the cluster, step by step: a node is added, removed, replaced, handed the leadership, or told to campaign.
//!
//! Each change is a task of its own, and they take turns, as the leader takes only one at a time (thesis §4.1). The leader alone
//! decides what happens. This module asks it, waits, asks its successor if it fails, and reports the progress. Processes and links
//! are not touched here.

use crate::nodes::engine::JoinAs;
use crate::processes::ready::ready;
use crate::raftdeck::clients::Clients;
use futures::future::join_all;
use raftdeck_client::{Access, Client, ClientError, Options, ReplaceStep};
use raftdeck_links::{NodeLocation, Outlet, Whereabouts};
use raftdeck_model::{ChangeStep, News};
use raftdeck_protocol::{Failure, Manage, RequestBody, ResponseBody, Role};
use raftdeck_raft::{MembershipChange, NodeId};
use raftdeck_source::{Receipt, Unanswered, ask};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

/// How long a change may take from the beginning of its turn.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a node may take to answer one request. The promotion of a learner is answered when it has caught up.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a node may take to forgo leases. A paused one has lost its lease when it resumes.
const FORGONE_WITHIN: Duration = Duration::from_millis(500);

/// How long the nodes may take to learn the address of a new one, before it is added nevertheless. A paused node learns it when it resumes.
const INTRODUCED_WITHIN: Duration = Duration::from_secs(2);

/// How long one of them may take to answer.
const SHORT: Duration = Duration::from_secs(1);

/// How long a node that was told to campaign may take to belong to a cluster: a founding needs every member.
const FOUNDED_WITHIN: Duration = Duration::from_secs(10);

/// The pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// The most changes in progress or waiting for their turn.
const MAX_UNDER_WAY: usize = 32;

/// The entry point of this module.
#[derive(Clone)]
pub(crate) struct Changes {
    clients: Clients,
    /// The credentials of managers.
    access: Access,
    outlet: Outlet,
    turn: Arc<Mutex<()>>,
    room: Arc<Semaphore>,
    left: mpsc::Sender<(NodeId, Receipt)>,
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

/// A node that came back with an empty disk.
pub(crate) struct EmptiedNode {
    /// Its id.
    pub(crate) node: NodeId,
    /// Where it is.
    pub(crate) place: watch::Receiver<Whereabouts>,
    /// Completes when all earlier instructions to it are done: only then does its whereabouts show whether it runs.
    pub(crate) obeyed: oneshot::Receiver<()>,
}

impl Changes {
    /// Nodes that have left the cluster are named on `left`; the receiver ends them.
    pub(crate) fn new(
        clients: Clients,
        access: Access,
        outlet: Outlet,
        left: mpsc::Sender<(NodeId, Receipt)>,
    ) -> Self {
        let (turn, room) = (Arc::default(), Arc::new(Semaphore::new(MAX_UNDER_WAY)));
        Self { clients, access, outlet, turn, room, left }
    }

    /// Makes a member of a node whose process has been started.
    pub(crate) fn add(&self, newcomer: Newcomer, joins_as: JoinAs, receipt: Receipt) {
        let node = newcomer.node;
        self.begin(node, ChangeStep::Starting, receipt, self.clone().join(newcomer, joins_as), Receipt::done);
    }

    /// Makes a learner a voter.
    pub(crate) fn promote(&self, node: NodeId, receipt: Receipt) {
        self.begin(node, ChangeStep::Promoting, receipt, self.clone().raise(node), Receipt::done);
    }

    /// Takes a node out of the cluster. The receiver then ends the node and answers the command.
    pub(crate) fn remove(&self, node: NodeId, receipt: Receipt) {
        let left = self.left.clone();
        self.begin(node, ChangeStep::Leaving, receipt, self.clone().leave(node), move |receipt| {
            // There is room for every node. An error: the receiver is gone, as the lab ends, and every node with it.
            let _ = left.try_send((node, receipt));
        });
    }

    /// Replaces a member with the node that now has its id and an empty disk.
    pub(crate) fn replace(&self, returned: EmptiedNode, receipt: Receipt) {
        let node = returned.node;
        self.begin(node, ChangeStep::Replacing, receipt, self.clone().take_in_again(returned), Receipt::done);
    }

    /// Transfers the leadership to a node.
    pub(crate) fn transfer(&self, node: NodeId, receipt: Receipt) {
        self.begin(node, ChangeStep::HandingOver, receipt, self.clone().hand_over(node), Receipt::done);
    }

    /// Has a node campaign, even if there is a leader. First all nodes, `all`, forgo leases, because such an order breaks the
    /// assumptions that leases rest on. A node that cannot be reached serves no reads either, and is started without leases the next
    /// time.
    pub(crate) fn campaign(&self, node: NodeId, all: &[NodeId], receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let (changes, forgone) = (self.clone(), self.forgo(all));
        tokio::spawn(async move {
            // Held until it has campaigned, or cannot.
            let _permit = permit;
            forgone.await;
            changes.tell_to_campaign(node, &Manage::CampaignAgainstLeader, receipt).await;
        });
    }

    /// Why a node's clock cannot be set; `paused`: the nodes that answer nothing now.
    pub(crate) fn refuses_skew(&self, node: NodeId, paused: &BTreeSet<NodeId>) -> Option<String> {
        if self.clients.address(node).is_none() {
            return Some(no_clock(node));
        }
        paused.contains(&node).then(|| format!("the clock of {node} cannot be set: it does not answer"))
    }

    /// Has a node's clock jump ahead. First all nodes, `all`, forgo leases, which rest on clocks that run at the same rate.
    pub(crate) fn skew(&self, node: NodeId, by: Duration, all: &[NodeId], receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let (changes, forgone) = (self.clone(), self.forgo(all));
        tokio::spawn(async move {
            let _permit = permit;
            forgone.await;
            let Some(address) = changes.clients.address(node) else {
                return receipt.refuse(no_clock(node));
            };
            let skew = RequestBody::Manage(Manage::SkewClock(by));
            match ask(&changes.access, (node, &address), Role::Manager, skew, SHORT).await {
                Err(why) => receipt.refuse(format!("the clock of {node} cannot be set: {why}")),
                Ok(_) => receipt.done(),
            }
        });
    }

    /// Has all of these that can be reached forgo leases.
    fn forgo(&self, all: &[NodeId]) -> impl Future<Output = ()> + Send + use<> {
        let everybody: Vec<(NodeId, String)> =
            all.iter().filter_map(|&other| Some((other, self.clients.address(other)?))).collect();
        let access = self.access.clone();
        async move {
            let told = everybody.iter().map(|(other, address)| {
                let forgo = RequestBody::Manage(Manage::ForgoLeases);
                ask(&access, (*other, address), Role::Manager, forgo, FORGONE_WITHIN)
            });
            join_all(told).await;
        }
    }

    /// Has a node time out. This breaks no assumption: nodes that hear a leader grant nothing.
    pub(crate) fn time_out(&self, node: NodeId, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let changes = self.clone();
        tokio::spawn(async move {
            let _permit = permit;
            changes.tell_to_campaign(node, &Manage::Campaign, receipt).await;
        });
    }

    async fn tell_to_campaign(&self, node: NodeId, how: &Manage, receipt: Receipt) {
        let Some(address) = self.clients.address(node) else {
            return receipt.refuse(format!("{node} is not running and cannot campaign"));
        };
        let until = Instant::now() + FOUNDED_WITHIN;
        loop {
            let campaign = RequestBody::Manage(how.clone());
            match ask(&self.access, (node, &address), Role::Manager, campaign, SHORT).await {
                // The cluster is being founded, which takes a moment after the start.
                Err(Unanswered::Refused(Failure::NotInCluster(_))) if Instant::now() < until => {
                    sleep(PAUSE).await;
                }
                Err(why) => return receipt.refuse(format!("{node} cannot be told to campaign: {why}")),
                Ok(_) => return receipt.done(),
            }
        }
    }

    /// Starts a change. Its first step is reported immediately, as is its failure with the reason. If it succeeds, `then` gets the receipt.
    fn begin(
        &self,
        node: NodeId,
        first: ChangeStep,
        receipt: Receipt,
        change: impl Future<Output = Result<(), String>> + Send + 'static,
        then: impl FnOnce(Receipt) + Send + 'static,
    ) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        self.tell(node, first);
        let changes = self.clone();
        tokio::spawn(async move {
            match change.await {
                Ok(()) => then(receipt),
                Err(why) => {
                    changes.tell(node, ChangeStep::GivenUp);
                    receipt.refuse(why);
                }
            }
            drop(permit);
        });
    }

    /// A place among the changes in progress, and the receipt; if there is none, the command is refused.
    fn permit(&self, receipt: Receipt) -> Option<(OwnedSemaphorePermit, Receipt)> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Some((permit, receipt));
        }
        receipt.refuse(format!("{MAX_UNDER_WAY} changes are under way already: wait a moment"));
        None
    }

    async fn join(self, newcomer: Newcomer, joins_as: JoinAs) -> Result<(), String> {
        let Newcomer { node, place, others } = newcomer;
        let address = ready(place).await.map_err(|why| format!("{node} was not added: {why}"))?;
        introduce(node, others, &self.access).await;
        let _turn = self.turn.lock().await;
        self.tell(node, ChangeStep::Joining);
        self.change(MembershipChange::AddLearner { node, address: address.to_string(), incarnation: None })
            .await
            .map_err(|why| format!("{node} was not added: {why}"))?;
        if joins_as == JoinAs::Learner {
            self.tell(node, ChangeStep::Learning);
            return Ok(());
        }
        self.tell(node, ChangeStep::Promoting);
        self.change(MembershipChange::Promote { node })
            .await
            .map_err(|why| format!("{node} stays a learner: {why}"))?;
        self.tell(node, ChangeStep::Joined);
        Ok(())
    }

    /// Reads the membership first: that a node is a voter is a success of its promotion only if it was a learner before.
    async fn raise(self, node: NodeId) -> Result<(), String> {
        let not_promoted = |why: &str| format!("{node} was not promoted: {why}");
        let _turn = self.turn.lock().await;
        let membership = match self.ask_leader(RequestBody::Status).await {
            Ok(ResponseBody::Status(status)) => status.raft.membership,
            Ok(other) => {
                return Err(not_promoted(&format!("the leader gave an unexpected answer: {other:?}")));
            }
            Err(why) => return Err(not_promoted(&why.to_string())),
        };
        if !membership.learners.contains(&node) {
            let is = if membership.contains(node) { "it is a voter already" } else { "it is not a member" };
            return Err(not_promoted(is));
        }
        self.change(MembershipChange::Promote { node })
            .await
            .map_err(|why| format!("{node} stays a learner: {why}"))?;
        self.tell(node, ChangeStep::Joined);
        Ok(())
    }

    async fn leave(self, node: NodeId) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        self.change(MembershipChange::Remove { node })
            .await
            .map_err(|why| format!("{node} was not removed: {why}"))
    }

    async fn take_in_again(self, returned: EmptiedNode) -> Result<(), String> {
        let EmptiedNode { node, place, obeyed } = returned;
        let not_replaced = |why: &str| format!("{node} was not replaced: {why}");
        // An error means that the lab ends.
        obeyed.await.map_err(|_| not_replaced("its process has ended"))?;
        if place.borrow().place == NodeLocation::Down {
            return Err(not_replaced("it is not running; restart it, so that the cluster sees its new disk"));
        }
        let address = ready(place).await.map_err(|why| not_replaced(&why))?.to_string();
        let _turn = self.turn.lock().await;
        let until = Instant::now() + PATIENCE;
        let mut begun = false;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let told = |step: ReplaceStep, _: &_| {
                begun = true;
                match step {
                    ReplaceStep::Removed => self.tell(node, ChangeStep::Joining),
                    ReplaceStep::Added => self.tell(node, ChangeStep::Promoting),
                    ReplaceStep::Promoted => self.tell(node, ChangeStep::Joined),
                }
            };
            let Some(client) = self.client() else {
                return Err(not_replaced("no node is ready"));
            };
            match client.replace_member(node, Some(address.clone()), left, told).await {
                Ok(_) if begun => return Ok(()),
                Ok(_) => return Err(not_replaced("the membership lists the disk that it has")),
                Err(why) if !may_pass(&why) || Instant::now() + PAUSE >= until => {
                    return Err(not_replaced(&why.to_string()));
                }
                // The leader may have failed: the membership shows what is left to do.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// A client that may change the membership.
    fn client(&self) -> Option<Client> {
        let options = Options { access: self.access.clone(), ..Options::default() };
        Client::new(&self.clients.addresses(), options).ok()
    }

    async fn hand_over(self, node: NodeId) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        self.ask_leader(RequestBody::TransferLeadership { to: node })
            .await
            .map_err(|why| format!("{node} was not handed the leadership: {why}"))?;
        self.tell(node, ChangeStep::HandedOver);
        Ok(())
    }

    fn tell(&self, node: NodeId, step: ChangeStep) {
        self.outlet.tell(News::Change { node, step });
    }

    /// Changes the membership. If it is so already, that is a success: the attempt before may have done it, and its answer may have
    /// been lost with the leader.
    async fn change(&self, change: MembershipChange) -> Result<(), String> {
        match self.ask_leader(RequestBody::ChangeMembership(vec![change])).await {
            Ok(_) => Ok(()),
            Err(Unanswered::Refused(Failure::Change(error))) if error.is_so_already() => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Asks the leader repeatedly, until there is a final answer.
    async fn ask_leader(&self, body: RequestBody) -> Result<ResponseBody, Unanswered> {
        let until = Instant::now() + PATIENCE;
        let mut last = Unanswered::Lost("there is no leader".to_owned());
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

/// Why the clock of a node that is down cannot be set.
fn no_clock(node: NodeId) -> String {
    format!("{node} is not running, and neither is its clock")
}

/// Whether asking again, perhaps another node, may give another answer. All requests to a leader here can be repeated.
fn passes(why: &Unanswered) -> bool {
    match why {
        Unanswered::Unreached(_) | Unanswered::Lost(_) => true,
        Unanswered::Refused(failure) => failure.passes(),
    }
}

/// Whether a replacement that failed with this error may succeed when it is tried again.
fn may_pass(why: &ClientError) -> bool {
    match why {
        ClientError::NoLeader { .. }
        | ClientError::Unreachable { .. }
        | ClientError::MembershipUnknown { .. }
        | ClientError::Busy
        | ClientError::DiskStalled { .. } => true,
        ClientError::Change(why) => why.passes(),
        _ => false,
    }
}

/// Reports to the other nodes how they reach a new one. Those that do not listen now are informed when they do; those that start
/// later know it from their command line.
async fn introduce(node: NodeId, others: Vec<Other>, access: &Access) {
    let told = others.into_iter().map(|(other, place, link)| {
        let peer = Manage::SetPeerAddress { node, address: link.to_string() };
        tokio::spawn(tell_address(other, peer, place, access.clone()))
    });
    if timeout(INTRODUCED_WITHIN, join_all(told.collect::<Vec<_>>())).await.is_err() {
        tracing::debug!("{node} is added before every other node knows where it is");
    }
}

/// Ends when the node knows the address, or refuses it, or is gone.
async fn tell_address(other: NodeId, peer: Manage, mut place: watch::Receiver<Whereabouts>, access: Access) {
    loop {
        let serving = place
            .wait_for(|now| matches!(now.place, NodeLocation::Serving { .. }))
            .await
            .map(|now| now.place);
        let Ok(NodeLocation::Serving { client, .. }) = serving else { return };
        let manage = RequestBody::Manage(peer.clone());
        match ask(&access, (other, &client.to_string()), Role::Manager, manage, SHORT).await {
            Ok(_) => return,
            Err(Unanswered::Refused(failure)) => {
                return tracing::warn!("a node does not take another's address: {failure}");
            }
            Err(Unanswered::Unreached(_) | Unanswered::Lost(_)) => sleep(PAUSE).await,
        }
    }
}
