//! The driver's part in the membership: takes the founding membership, adds the disks of members that are not known
//! yet, keeps the cluster's identity and secret, and reports conditions that need an operator.

use crate::acquaintances::Acquaintances;
use crate::driver::{Driver, PeerInput};
use crate::ledger::{Ledger, NodeIdentity};
use crate::meet::PeersToMeet;
use crate::peers::Outgoing;
use data_encoding::HEXLOWER;
use raftdeck_protocol::founding::{FoundingRecord, Note};
use raftdeck_protocol::{NodeStatus, Notice, NoticeKind, Secret};
use raftdeck_raft::{ClusterId, LogIndex, Membership, MembershipChange, NodeId, Role, Status};
use raftdeck_replica::RequestToken;
use raftdeck_replica::founding::cluster_id;
use raftdeck_storage::{OpenError, OriginStage};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What this node asks of itself. No request of a client has this token.
const OWN: RequestToken = RequestToken(0);

/// What the driver knows of the membership in addition to the core.
#[derive(Debug)]
pub(crate) struct Belonging {
    ledger: Arc<Ledger>,
    acquaintances: Acquaintances,
    wanted: watch::Sender<PeersToMeet>,
    driver: mpsc::Sender<PeerInput>,
    notices: Vec<Notice>,
    /// The committed membership that the ledger knows.
    followed: Option<LogIndex>,
    /// Something is being written to the disk.
    keeps: bool,
    /// There is something to look at.
    stirred: bool,
}

impl Belonging {
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        wanted: watch::Sender<PeersToMeet>,
        driver: mpsc::Sender<PeerInput>,
    ) -> Self {
        Self {
            ledger,
            acquaintances: Acquaintances::default(),
            wanted,
            driver,
            notices: Vec::new(),
            followed: None,
            keeps: false,
            stirred: true,
        }
    }

    /// Something happened that may matter here.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    /// The problem of this node, if it is the reason why it knows no leader.
    pub(crate) fn why_no_leader(&self) -> Option<String> {
        let is_reason = |notice: &&Notice| matches!(notice.kind, NoticeKind::Founding | NoticeKind::Removed);
        self.notices.iter().find(is_reason).map(|notice| notice.text.clone())
    }

    /// What the status says of it.
    pub(crate) fn show(&self, status: NodeStatus) -> NodeStatus {
        let NodeIdentity { incarnation, address, .. } = self.ledger.me();
        NodeStatus {
            incarnation: Some(*incarnation),
            cluster: self.ledger.cluster(),
            address: address.clone(),
            notices: self.notices.clone(),
            ..status
        }
    }

    fn notices(&self, status: &Status, outgoing: &Outgoing) -> Vec<Notice> {
        let me = self.ledger.me();
        let founding = |text| Notice { about: me.id, kind: NoticeKind::Founding, text };
        let mut notices: Vec<Notice> = self.ledger.waits().map(founding).into_iter().collect();
        let Status { membership, membership_index, .. } = status;
        let place = |node| outgoing.address(node).unwrap_or_default().to_owned();
        notices.extend(self.acquaintances.of_strangers(membership, place));
        notices.extend(self.acquaintances.of_removal(me.id, me.incarnation, membership, *membership_index));
        notices.truncate(NodeStatus::MAX_NOTICES);
        notices
    }

    /// Writes something to the disk beside the driver, which is told when it is done.
    fn keep(&mut self, what: impl FnOnce(&Ledger) -> Result<(), OpenError> + Send + 'static) {
        self.keeps = true;
        let (ledger, driver) = (Arc::clone(&self.ledger), self.driver.clone());
        tokio::spawn(async move {
            let kept = tokio::task::spawn_blocking(move || what(&ledger)).await;
            let failed = match kept {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("internal error".to_owned()),
            };
            // An error only says that the node stops.
            let _ = driver.send(PeerInput::Kept(failed)).await;
        });
    }
}

impl Driver {
    /// The cluster is founded by these disks.
    pub(crate) fn founded(&mut self, record: &FoundingRecord) {
        let now = self.clock.now();
        let membership = founding_membership(record, &self.belonging.ledger.me().name);
        if let Err(error) = self.replica.found(membership, now) {
            tracing::error!("the founding does not fit the log: {error}");
        }
        self.belonging.stir();
    }

    /// A member was asked, and has answered, or not.
    pub(crate) fn met(&mut self, member: NodeId, note: Option<Note>) {
        self.belonging.acquaintances.met(member, note);
        self.belonging.stir();
    }

    /// What was being written to the disk is written, or why not.
    pub(crate) fn kept(&mut self, failed: Option<String>) {
        if let Some(why) = failed {
            tracing::error!("the cluster's identity cannot be stored: {why}");
        }
        self.belonging.keeps = false;
        self.belonging.stir();
    }

    /// Does what follows from what happened since the last call. `false`: nothing happened.
    pub(crate) fn tend_membership(&mut self) -> bool {
        if !std::mem::take(&mut self.belonging.stirred) {
            return false;
        }
        let now = self.clock.now();
        let status = self.replica.status(now);
        let is_committed = status.membership_index <= status.committed;
        self.belonging.acquaintances.follow(&status.membership);
        if is_committed && self.belonging.followed != Some(status.membership_index) {
            self.belonging.followed = Some(status.membership_index);
            self.belonging.ledger.follow(&status.membership, status.membership_index);
        }
        self.keep_identity(&status.membership, is_committed);
        if is_committed && status.role == Role::Leader && !status.membership.is_joint() {
            self.identify(&status.membership);
        }
        self.ask_members(&status.membership);
        let notices = self.belonging.notices(&status, &self.outgoing);
        if notices != self.belonging.notices {
            for notice in notices.iter().filter(|notice| notice.kind != NoticeKind::Founding) {
                if !self.belonging.notices.contains(notice) {
                    tracing::warn!("{}", notice.text);
                }
            }
            self.belonging.notices = notices;
        }
        self.publisher.stir();
        true
    }

    /// Keeps the cluster's identity, once it has one, and makes its secret, once all are known to have none.
    fn keep_identity(&mut self, membership: &Membership, is_committed: bool) {
        let Belonging { ledger, acquaintances, keeps, .. } = &self.belonging;
        let Some(cluster) = membership.cluster.filter(|_| is_committed && !keeps) else { return };
        if ledger.cluster().is_none() {
            return self.belonging.keep(move |ledger| ledger.join(cluster));
        }
        // The member with the lowest id makes it, and only if no other has one.
        let me = ledger.me().id;
        let is_first = membership.voters.first() == Some(&me);
        let others = membership.voters.iter().filter(|voter| **voter != me);
        if !ledger.has_key() && is_first && acquaintances.none_has_secret(others) {
            self.belonging.keep(|ledger| match new_secret() {
                Some(secret) => ledger.keep_secret(&secret),
                None => Ok(()),
            });
        }
    }

    /// As the leader: fills in what the cluster does not know of its members.
    fn identify(&mut self, membership: &Membership) {
        let me = self.belonging.ledger.me();
        let mut incarnations = self.belonging.acquaintances.to_identify(membership);
        if !membership.incarnations.contains_key(&me.id) && membership.contains(me.id) {
            incarnations.insert(me.id, me.incarnation);
        }
        let cluster = if membership.cluster.is_none() { random().map(ClusterId) } else { None };
        if cluster.is_none() && incarnations.is_empty() {
            return;
        }
        let now = self.clock.now();
        let change = MembershipChange::Identify { cluster, incarnations };
        // A change that is accepted is in force immediately. A leader that has committed nothing yet, or is in the middle of another one,
        // accepts none.
        self.replica.change_membership(OWN, &[change], now);
        if *self.replica.membership() == *membership {
            self.belonging.stir();
        }
    }

    /// Requests the missing information from members.
    fn ask_members(&mut self, membership: &Membership) {
        let me = self.belonging.ledger.me().id;
        let members = membership.members();
        let is_wanted = |node: &NodeId| {
            let is_connected = self.outgoing.is_connected(*node);
            *node != me && self.belonging.acquaintances.is_wanted(*node, membership, is_connected)
        };
        let place = |node: NodeId| {
            let address = self.outgoing.address(node)?.to_owned();
            Some((node, (address, membership.incarnations.get(&node).copied())))
        };
        let wanted: BTreeMap<_, _> = members.into_iter().filter(is_wanted).filter_map(place).collect();
        self.belonging.wanted.send_if_modified(|before| {
            let is_new = before.0 != wanted;
            before.0 = wanted;
            is_new
        });
    }
}

/// The membership that a cluster starts with. The addresses are known to each member's driver.
pub(crate) fn founding_membership(record: &FoundingRecord, name: &str) -> Membership {
    Membership {
        cluster: Some(cluster_id(record, name)),
        incarnations: record.0.clone(),
        ..Membership::of(record.0.keys().copied().collect())
    }
}

/// The membership that a member starts with as long as its log and its snapshot say nothing.
pub(crate) fn first_membership(ledger: &Ledger) -> Membership {
    let origin = ledger.origin();
    match origin.stage {
        OriginStage::Former => Membership::of(origin.founders.into_keys().collect()),
        OriginStage::Founded(disks) => founding_membership(&FoundingRecord(disks), &ledger.me().name),
        OriginStage::Gathering | OriginStage::Adopted(_) | OriginStage::Joined => Membership::default(),
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Some(bytes),
        Err(error) => {
            tracing::error!("the system has no random numbers: {error}");
            None
        }
    }
}

fn new_secret() -> Option<Secret> {
    let bytes: [u8; 32] = random()?;
    Secret::new(&HEXLOWER.encode(&bytes)).ok()
}
