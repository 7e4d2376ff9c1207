//! Changes of the membership and hand-overs, step by step. They take turns, as etcd takes only one change at a time. Any member is asked, and
//! passes it on to the leader. Processes and links are not touched here: what is to be done to them is handed to the owner of the nodes.

use crate::nodes::engine::JoinAs;
use crate::processes::ready::ready;
use raftdeck_etcd::{CallError, Endpoint, Etcd, MemberId, Refusal};
use raftdeck_links::{Outlet, Whereabouts};
use raftdeck_model::{ChangeStep, News};
use raftdeck_raft::NodeId;
use raftdeck_source::Receipt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

/// How long a change may take from the beginning of its turn.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a member may take to answer one request.
const ANSWER: Duration = Duration::from_secs(3);

/// The pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// The most changes in progress or waiting for their turn.
const MAX_UNDER_WAY: usize = 32;

/// The most events that wait for the owner of the nodes, which takes them at once.
const MAX_EVENTS: usize = 64;

/// What the owner of the nodes is to do.
pub(crate) enum Change {
    /// The node is this member from now on and is to be started, with empty data. Answered when its supervisor was told.
    Admitted(NodeId, MemberId, Receipt, oneshot::Sender<()>),
    /// The node is no member and will not become one: its process, if it has one, is to end.
    Left(NodeId, Receipt),
}

/// The entry point of this module.
#[derive(Clone)]
pub(super) struct Changes {
    etcd: Etcd,
    outlet: Outlet,
    turn: Arc<Mutex<()>>,
    room: Arc<Semaphore>,
    due: mpsc::Sender<Change>,
}

/// A node that becomes a member.
pub(super) struct Newcomer {
    pub(super) node: NodeId,
    /// Where its peers will dial it.
    pub(super) url: String,
    pub(super) place: watch::Receiver<Whereabouts>,
}

impl Changes {
    /// What there is to do for the owner of the nodes comes out of the receiver.
    pub(super) fn new(etcd: Etcd, outlet: Outlet) -> (Self, mpsc::Receiver<Change>) {
        let (due, receiver) = mpsc::channel(MAX_EVENTS);
        let room = Arc::new(Semaphore::new(MAX_UNDER_WAY));
        (Self { etcd, outlet, turn: Arc::default(), room, due }, receiver)
    }

    /// Makes a member of a node whose links are open and which was not started yet. If that fails, the node is given up.
    pub(super) fn add(&self, newcomer: Newcomer, joins_as: JoinAs, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let changes = self.clone();
        tokio::spawn(async move {
            let node = newcomer.node;
            changes.tell(node, ChangeStep::Starting);
            let done = changes.join(newcomer, joins_as, &receipt).await;
            changes.end(node, done, receipt);
            drop(permit);
        });
    }

    /// Makes a learner a voter.
    pub(super) fn promote(&self, node: NodeId, receipt: Receipt) {
        let changes = self.clone();
        self.begin(node, ChangeStep::Promoting, receipt, async move {
            let _turn = changes.turn.lock().await;
            changes.raise(node).await.map_err(|why| format!("{node} was not promoted: {why}"))
        });
    }

    /// Takes a node out of the cluster. The owner of the nodes then ends it and answers the command.
    pub(super) fn remove(&self, node: NodeId, receipt: Receipt) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        let changes = self.clone();
        tokio::spawn(async move {
            changes.tell(node, ChangeStep::Leaving);
            let turn = changes.turn.lock().await;
            match changes.expel(node).await {
                Ok(()) => drop(changes.due.send(Change::Left(node, receipt)).await),
                Err(why) => changes.end(node, Err(format!("{node} was not removed: {why}")), receipt),
            }
            drop((turn, permit));
        });
    }

    /// Replaces a member whose data was wiped: the node becomes a new member. `obeyed`: all earlier instructions to it are done.
    pub(super) fn replace(&self, newcomer: Newcomer, obeyed: oneshot::Receiver<()>, receipt: Receipt) {
        let (node, changes, start) = (newcomer.node, self.clone(), receipt.part());
        self.begin(node, ChangeStep::Replacing, receipt, async move {
            let not_replaced = |why: String| format!("{node} was not replaced: {why}");
            // An error means that the lab ends.
            obeyed.await.map_err(|_| not_replaced("its process has ended".to_owned()))?;
            let _turn = changes.turn.lock().await;
            changes.expel(node).await.map_err(not_replaced)?;
            changes.tell(node, ChangeStep::Joining);
            changes.take_in(newcomer, JoinAs::Voter, start).await.map_err(not_replaced)
        });
    }

    /// Transfers the leadership to a node.
    pub(super) fn transfer(&self, node: NodeId, receipt: Receipt) {
        let changes = self.clone();
        self.begin(node, ChangeStep::HandingOver, receipt, async move {
            let _turn = changes.turn.lock().await;
            let handed = changes.hand_over(node).await;
            handed.map_err(|why| format!("{node} was not handed the leadership: {why}"))?;
            changes.tell(node, ChangeStep::HandedOver);
            Ok(())
        });
    }

    fn begin(
        &self,
        node: NodeId,
        first: ChangeStep,
        receipt: Receipt,
        change: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let Some((permit, receipt)) = self.permit(receipt) else { return };
        self.tell(node, first);
        let changes = self.clone();
        tokio::spawn(async move {
            changes.end(node, change.await, receipt);
            drop(permit);
        });
    }

    fn end(&self, node: NodeId, done: Result<(), String>, receipt: Receipt) {
        match done {
            Ok(()) => receipt.done(),
            Err(why) => {
                self.tell(node, ChangeStep::GivenUp);
                receipt.refuse(why);
            }
        }
    }

    /// A place among the changes in progress, and the receipt; if there is none, the command is refused.
    fn permit(&self, receipt: Receipt) -> Option<(OwnedSemaphorePermit, Receipt)> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            return Some((permit, receipt));
        }
        receipt.refuse(format!("{MAX_UNDER_WAY} changes are under way already: wait a moment"));
        None
    }

    async fn join(&self, newcomer: Newcomer, joins_as: JoinAs, receipt: &Receipt) -> Result<(), String> {
        let node = newcomer.node;
        let _turn = self.turn.lock().await;
        self.tell(node, ChangeStep::Joining);
        match self.take_in(newcomer, joins_as, receipt.part()).await {
            Ok(()) => Ok(()),
            Err(why) => {
                if self.etcd.ids().member(node).is_none() {
                    // It was never added, so nothing is to be kept of it.
                    let _ = self.due.send(Change::Left(node, receipt.part())).await;
                }
                Err(format!("{node} was not added: {why}"))
            }
        }
    }

    /// Adds a member as a learner, has it started, and promotes it if it is to vote.
    async fn take_in(&self, newcomer: Newcomer, joins_as: JoinAs, start: Receipt) -> Result<(), String> {
        let Newcomer { node, url, place } = newcomer;
        let member = match self.admit(url).await {
            Ok(member) => member,
            Err(why) => {
                // Nothing is to be started, and the reason is told by another part of the command.
                start.done();
                return Err(why);
            }
        };
        let (told, started) = oneshot::channel();
        // Errors mean that the lab ends.
        let ends = |()| "the cluster is being stopped".to_owned();
        self.due.send(Change::Admitted(node, member, start, told)).await.map_err(|_| ends(()))?;
        started.await.map_err(|_| ends(()))?;
        ready(place).await?;
        if joins_as == JoinAs::Learner {
            self.tell(node, ChangeStep::Learning);
            return Ok(());
        }
        self.tell(node, ChangeStep::Promoting);
        self.raise(node).await
    }

    /// Adds a learner that its peers reach at this URL.
    async fn admit(&self, url: String) -> Result<MemberId, String> {
        let added = self.ask(&MemberRequest::Add(url)).await?;
        added.ok_or_else(|| "the cluster does not say which id it has".to_owned())
    }

    /// Makes a learner a voter as soon as it has caught up.
    async fn raise(&self, node: NodeId) -> Result<(), String> {
        self.ask(&MemberRequest::Promote(self.member(node)?)).await?;
        self.tell(node, ChangeStep::Joined);
        Ok(())
    }

    /// Removes a member.
    async fn expel(&self, node: NodeId) -> Result<(), String> {
        let Ok(member) = self.member(node) else { return Ok(()) };
        self.ask(&MemberRequest::Remove(member)).await.map(|_| ())
    }

    async fn hand_over(&self, node: NodeId) -> Result<(), String> {
        self.ask(&MemberRequest::Lead(self.member(node)?)).await.map(|_| ())
    }

    fn member(&self, node: NodeId) -> Result<MemberId, String> {
        self.etcd.ids().member(node).ok_or_else(|| format!("{node} is no member of the cluster"))
    }

    /// Asks one member after another, the leader first, until there is a final answer.
    async fn ask(&self, request: &MemberRequest) -> Result<Option<MemberId>, String> {
        let until = Instant::now() + PATIENCE;
        let (mut last, mut is_repeated) = ("no member is running".to_owned(), false);
        loop {
            for endpoint in self.endpoints() {
                match request.put_to(&endpoint, is_repeated).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) if passes(&error) => last = said(&error),
                    Err(error) => return Err(said(&error)),
                }
                is_repeated = true;
            }
            if Instant::now() + PAUSE >= until {
                return Err(last);
            }
            sleep(PAUSE).await;
        }
    }

    /// The members that can be asked, the leader first.
    fn endpoints(&self) -> Vec<Endpoint> {
        let leader = self.outlet.leader();
        let mut nodes: Vec<NodeId> = self.etcd.ids().iter().map(|(node, _)| node).collect();
        nodes.sort_by_key(|node| Some(*node) != leader);
        nodes.into_iter().filter_map(|node| self.etcd.node(node)).collect()
    }

    fn tell(&self, node: NodeId, step: ChangeStep) {
        self.outlet.tell(News::Change { node, step });
    }
}

/// What a member is asked.
enum MemberRequest {
    /// To add a learner that its peers reach at this URL.
    Add(String),
    /// To make this learner a voter.
    Promote(MemberId),
    /// To remove this member.
    Remove(MemberId),
    /// To have this one lead.
    Lead(MemberId),
}

impl MemberRequest {
    /// Asks one member; the answer has the id of an added one. A repeated request may find that the one before was carried out, and only its
    /// answer was lost.
    async fn put_to(&self, endpoint: &Endpoint, is_repeated: bool) -> Result<Option<MemberId>, CallError> {
        match self {
            Self::Add(url) => match endpoint.add_member(vec![url.clone()], true, ANSWER).await {
                Ok((member, _)) => Ok(Some(member.id)),
                Err(error) if error.refusal() == Some(Refusal::AlreadyMember) && is_repeated => {
                    let (_, members) = endpoint.members(false, ANSWER).await?;
                    let added = members.into_iter().find(|member| member.peer_urls.contains(url));
                    added.map(|member| Some(member.id)).ok_or(error)
                }
                Err(error) => Err(error),
            },
            Self::Promote(member) => match endpoint.promote_member(*member, ANSWER).await {
                Err(error) if error.refusal() == Some(Refusal::NotLearner) && is_repeated => Ok(None),
                done => done.map(|_| None),
            },
            Self::Remove(member) => match endpoint.remove_member(*member, ANSWER).await {
                Err(error) if error.refusal() == Some(Refusal::NotMember) => Ok(None),
                done => done.map(|_| None),
            },
            Self::Lead(member) => {
                if endpoint.status(ANSWER).await?.leader != Some(*member) {
                    endpoint.move_leader(*member, ANSWER).await?;
                }
                Ok(None)
            }
        }
    }
}

/// Whether asking again may give another answer.
fn passes(error: &CallError) -> bool {
    let waits = matches!(error.refusal(), Some(Refusal::Unhealthy | Refusal::LearnerNotReady));
    waits || error.passes()
}

/// The error without the address of whichever member was asked.
fn said(error: &CallError) -> String {
    match error {
        CallError::Refused { text, .. } => text.clone(),
        CallError::Unreached { why, .. } | CallError::Lost { why, .. } => why.clone(),
    }
}
