//! What an engine decides about its nodes. All else is the same for every engine: processes and their supervisors, links and rules, the
//! ledger, the data directory, and which order means what.

use super::Nodes;
use crate::processes::process::Launch;
use crate::processes::supervisor::FirstStart;
use raftdeck_links::{Links, Listeners, Whereabouts, Wire};
use raftdeck_model::{ClientName, ClientRequest, Disturbance, Order, Step};
use raftdeck_protocol::{ClockRate, Write};
use raftdeck_raft::{LogIndex, NodeId, Tuning};
use raftdeck_source::Receipt;
use std::time::Duration;
use tokio::sync::watch;

/// What a new node becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinAs {
    /// A learner that is promoted when it has caught up.
    Voter,
    /// A learner that stays one.
    Learner,
}

/// An engine: raftdeck's own nodes, or etcd. Where a function is given a node, there is such a node.
pub(crate) trait Engine: Sized {
    /// How its nodes talk.
    type Wire: Wire;

    /// What happens to it without a command.
    type Happened;

    /// What its nodes work with by default.
    fn tuning(&self) -> Tuning;

    /// How a node is started the next time.
    fn launch(nodes: &Nodes<Self>, node: NodeId) -> Launch;

    /// Prepares links that were just opened.
    fn set_up(&self, links: &mut Links<Self::Wire>);

    /// Opens the links of a new node and takes its ports, or says why that fails.
    fn make_room(&mut self, node: NodeId, others: &[NodeId]) -> Result<Listeners, String>;

    /// There is this node from now on.
    fn keeps(&mut self, node: NodeId, place: watch::Receiver<Whereabouts>);

    /// There is no such node any more.
    fn forgets(nodes: &mut Nodes<Self>, node: NodeId);

    /// Why this order cannot be carried out now, or by this engine; `None`: it can.
    fn refuses(&self, order: &Order) -> Option<String>;

    /// When a node of the data directory is started.
    fn first_start(&self, node: NodeId) -> FirstStart;

    /// The order to wipe a node's data is being carried out.
    fn wipes(nodes: &mut Nodes<Self>, node: NodeId);

    /// Waits until something happens to it. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Self::Happened>;

    /// Handles it.
    fn hear(nodes: &mut Nodes<Self>, happened: Self::Happened);

    /// Applies the disturbances in force that no process and no link carries out: `changed` is one that was entered or struck. `in_force`:
    /// whether it was entered.
    fn obey(nodes: &mut Nodes<Self>, changed: &Disturbance, in_force: bool, receipt: Receipt);

    /// Why this client is one too many.
    fn admits(&self, client: &ClientName) -> Result<(), String>;

    /// [`Order::SetRate`](Order::SetRate)
    fn set_rate(nodes: &mut Nodes<Self>, rate: ClockRate, receipt: Receipt);

    /// [`Order::Step`](Order::Step)
    fn step(nodes: &mut Nodes<Self>, step: Step, receipt: Receipt);

    /// [`Order::Refresh`](Order::Refresh)
    fn refresh(nodes: &mut Nodes<Self>, receipt: Receipt);

    /// [`Order::Client`](Order::Client)
    fn ask(nodes: &mut Nodes<Self>, request: ClientRequest, receipt: Receipt);

    /// [`Order::OpenSession`](Order::OpenSession)
    fn open_session(nodes: &mut Nodes<Self>, receipt: Receipt);

    /// [`Order::Propose`](Order::Propose)
    fn propose(nodes: &mut Nodes<Self>, node: NodeId, write: Write, receipt: Receipt);

    /// [`Order::FetchLog`](Order::FetchLog)
    fn fetch_log(nodes: &mut Nodes<Self>, node: NodeId, first: LogIndex, limit: u32, receipt: Receipt);

    /// [`Order::Workload`](Order::Workload)
    fn workload(nodes: &mut Nodes<Self>, on: bool, receipt: Receipt);

    /// Starts a new node and makes it a member.
    fn add(nodes: &mut Nodes<Self>, joins_as: JoinAs, receipt: Receipt);

    /// [`Order::Promote`](Order::Promote)
    fn promote(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::RemoveNode`](Order::RemoveNode). When the node has left, it is handed to [`Nodes::dismiss`].
    fn remove(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::ReplaceNode`](Order::ReplaceNode)
    fn replace(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::Transfer`](Order::Transfer)
    fn transfer(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::Campaign`](Order::Campaign)
    fn campaign(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::TimeOut`](Order::TimeOut)
    fn time_out(nodes: &mut Nodes<Self>, node: NodeId, receipt: Receipt);

    /// [`Order::SkewClock`](Order::SkewClock)
    fn skew(nodes: &mut Nodes<Self>, node: NodeId, by: Duration, receipt: Receipt);
}
