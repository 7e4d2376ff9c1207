//! Changes of the cluster that a manager may ask for: the leadership is handed over, members are promoted, removed, replaced. The leader
//! decides; this module asks it, and reports the progress. Changes take turns, as the leader takes only one at a time (thesis §4.1).

use raftdeck_client::{Access, Client, ReplaceStep};
use raftdeck_links::Outlet;
use raftdeck_model::{ChangeStep, News};
use raftdeck_protocol::{Manage, RequestBody, Role};
use raftdeck_raft::{MembershipChange, NodeId};
use raftdeck_source::{Receipt, ask};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a change may take from the beginning of its turn.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a node may take to answer its manager.
const ANSWER: Duration = Duration::from_secs(5);

/// Changes of a cluster elsewhere.
pub(crate) struct Changes {
    client: Client,
    /// The credentials of a manager.
    manager: Option<Access>,
    outlet: Outlet,
    addresses: BTreeMap<NodeId, String>,
    turn: Arc<Mutex<()>>,
}

impl Changes {
    pub(crate) fn new(client: Client, manager: Option<Access>, outlet: Outlet) -> Self {
        Self { client, manager, outlet, addresses: BTreeMap::new(), turn: Arc::default() }
    }

    /// The members are at these addresses from now on.
    pub(crate) fn know(&mut self, addresses: BTreeMap<NodeId, String>) {
        self.addresses = addresses;
    }

    /// Hands the leadership to a node.
    pub(crate) fn transfer(&self, node: NodeId, receipt: Receipt) {
        let client = self.client.clone();
        self.begin(node, [ChangeStep::HandingOver, ChangeStep::HandedOver], receipt, async move {
            let done = client.transfer(node, PATIENCE).await;
            done.map(|_| ()).map_err(|why| format!("{node} was not handed the leadership: {why}"))
        });
    }

    /// Makes a learner a voter.
    pub(crate) fn promote(&self, node: NodeId, receipt: Receipt) {
        let client = self.client.clone();
        self.begin(node, [ChangeStep::Promoting, ChangeStep::Joined], receipt, async move {
            let done = client.change_membership(vec![MembershipChange::Promote { node }], PATIENCE).await;
            done.map(|_| ()).map_err(|why| format!("{node} was not promoted: {why}"))
        });
    }

    /// Takes a node out of the cluster. Its process goes on.
    pub(crate) fn remove(&self, node: NodeId, receipt: Receipt) {
        let client = self.client.clone();
        self.begin(node, [ChangeStep::Leaving, ChangeStep::Left], receipt, async move {
            let done = client.change_membership(vec![MembershipChange::Remove { node }], PATIENCE).await;
            done.map(|_| ()).map_err(|why| format!("{node} was not removed: {why}"))
        });
    }

    /// Replaces a member that lost its disk with the node that now has its id and an empty disk.
    pub(crate) fn replace(&self, node: NodeId, receipt: Receipt) {
        let (client, outlet) = (self.client.clone(), self.outlet.clone());
        self.begin(node, [ChangeStep::Replacing, ChangeStep::Joined], receipt, async move {
            let told = |step: ReplaceStep, _: &_| match step {
                ReplaceStep::Removed => outlet.tell(News::Change { node, step: ChangeStep::Joining }),
                ReplaceStep::Added => outlet.tell(News::Change { node, step: ChangeStep::Promoting }),
                ReplaceStep::Promoted => {}
            };
            let done = client.replace_member(node, None, PATIENCE, told).await;
            done.map(|_| ()).map_err(|why| format!("{node} was not replaced: {why}"))
        });
    }

    /// Has a node time out. Nodes that hear a leader grant it nothing.
    pub(crate) fn time_out(&self, node: NodeId, receipt: Receipt) {
        let (Some(manager), Some(address)) = (self.manager.clone(), self.addresses.get(&node).cloned())
        else {
            return receipt.refuse(format!("{node} cannot be told to campaign: its address is not known"));
        };
        tokio::spawn(async move {
            let campaign = RequestBody::Manage(Manage::Campaign);
            match ask(&manager.to_node(node), (node, &address), Role::Manager, campaign, ANSWER).await {
                Err(why) => receipt.refuse(format!("{node} cannot be told to campaign: {why}")),
                Ok(_) => receipt.done(),
            }
        });
    }

    /// Carries out a change in its turn: its first step is reported now, its last one, or its failure, at the end.
    fn begin(
        &self,
        node: NodeId,
        [first, last]: [ChangeStep; 2],
        receipt: Receipt,
        change: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        let (outlet, turn) = (self.outlet.clone(), Arc::clone(&self.turn));
        outlet.tell(News::Change { node, step: first });
        tokio::spawn(async move {
            let _turn = turn.lock().await;
            match change.await {
                Ok(()) => {
                    outlet.tell(News::Change { node, step: last });
                    receipt.done();
                }
                Err(why) => {
                    outlet.tell(News::Change { node, step: ChangeStep::GivenUp });
                    receipt.refuse(why);
                }
            }
        });
    }
}
