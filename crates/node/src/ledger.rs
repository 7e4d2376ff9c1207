//! This node's shared knowledge of its cluster: how far its founding is, the cluster's identity and secret, and its
//! members. Each step is on disk before it is visible elsewhere. Opens no connection.

use crate::memory::StartMemory;
use crate::trust::Trust;
use raftdeck_protocol::founding::{FoundingRecord, Note, NoteStage};
use raftdeck_protocol::{Secret, SecretError};
use raftdeck_raft::{ClusterId, Incarnation, LogIndex, Membership, NodeId};
use raftdeck_replica::founding::{Founding, FoundingStage, cluster_id};
use raftdeck_storage::{MemberFiles, OpenError, Origin, OriginStage};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The identity of this node.
#[derive(Clone, Debug)]
pub(crate) struct NodeIdentity {
    pub(crate) id: NodeId,
    pub(crate) incarnation: Incarnation,
    /// The name of its cluster.
    pub(crate) name: String,
    /// Where other nodes reach it.
    pub(crate) address: String,
    /// A token was given that peers prove: there is no need of a secret.
    pub(crate) has_peer_token: bool,
}

/// The ledger of one node.
#[derive(Debug)]
pub(crate) struct Ledger {
    me: NodeIdentity,
    trust: Trust,
    memory: StartMemory,
    papers: MemberFiles,
    /// Held while writing to the disk.
    writing: Mutex<()>,
    /// **Invariant:** says nothing that is not durable. Never held while the disk is waited for: the driver reads it.
    pages: Mutex<Pages>,
    /// Whether it has the cluster's secret.
    has_secret: watch::Sender<bool>,
}

#[derive(Debug)]
struct Pages {
    origin: Origin,
    cluster: Option<ClusterId>,
    secret: Option<Secret>,
    /// The members, as far as committed. Empty: this node belongs to no cluster yet.
    members: BTreeMap<NodeId, Option<Incarnation>>,
    index: LogIndex,
    /// What keeps it from being founded: a sentence.
    waits: Option<String>,
}

/// Why a node's papers cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the cluster's secret in the data directory is invalid: {0}; move the file `secret` away")]
    Secret(#[from] SecretError),
}

impl Ledger {
    /// Of a node that has started; what a crash has left half done is done.
    pub(crate) fn open(
        me: NodeIdentity,
        trust: Trust,
        papers: MemberFiles,
        origin: Origin,
        memory: StartMemory,
    ) -> Result<Self, LedgerError> {
        let secret = papers.secret()?.map(|secret| Secret::new(&secret)).transpose()?;
        let (stage, cluster) = (origin.stage.clone(), memory.cluster());
        let (members, index) = (BTreeMap::new(), LogIndex::ZERO);
        let pages = Pages { origin, cluster, secret, members, index, waits: None };
        if let Some(secret) = &pages.secret {
            trust.set_secret(secret.clone());
        }
        let has_secret = watch::Sender::new(pages.secret.is_some());
        let (writing, pages) = (Mutex::default(), Mutex::new(pages));
        let ledger = Self { me, trust, memory, papers, writing, pages, has_secret };
        match (stage, cluster) {
            (OriginStage::Founded(disks), None) => {
                ledger.found(&FoundingStage::Founded(FoundingRecord(disks)))?;
            }
            (OriginStage::Gathering, Some(cluster)) => ledger.join(cluster)?,
            _ => {}
        }
        Ok(ledger)
    }

    pub(crate) fn me(&self) -> &NodeIdentity {
        &self.me
    }

    /// What it shows in handshakes.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What it remembers of itself and of others.
    pub(crate) fn memory(&self) -> &StartMemory {
        &self.memory
    }

    /// Returns when it has the cluster's secret.
    pub(crate) async fn has_secret(&self) {
        // The sender lives as long as this does.
        let _ = self.has_secret.subscribe().wait_for(|has_secret| *has_secret).await;
    }

    pub(crate) fn origin(&self) -> Origin {
        self.pages().origin.clone()
    }

    pub(crate) fn cluster(&self) -> Option<ClusterId> {
        self.pages().cluster
    }

    pub(crate) fn secret(&self) -> Option<Secret> {
        self.pages().secret.clone()
    }

    /// Whether peers can prove to each other that they belong here.
    pub(crate) fn has_key(&self) -> bool {
        self.me.has_peer_token || self.pages().secret.is_some()
    }

    /// Its part in the founding of a cluster, if it takes part in one that is not done.
    pub(crate) fn founding(&self) -> Option<Founding> {
        let Origin { founders, stage } = self.origin();
        let stage = match stage {
            OriginStage::Gathering if !founders.is_empty() => FoundingStage::Gathering,
            OriginStage::Adopted(disks) => FoundingStage::Adopted(FoundingRecord(disks)),
            _ => return None,
        };
        let with = founders.into_keys().collect();
        Some(Founding::new(self.me.id, self.me.incarnation, &self.me.name, with, stage))
    }

    /// What this node tells a node that dials it as a founder.
    pub(crate) fn note(&self) -> Note {
        let pages = self.pages();
        let Origin { founders, stage } = &pages.origin;
        let cluster = pages.cluster;
        let stage = match stage {
            _ if !pages.members.is_empty() => {
                NoteStage::Member { cluster, members: pages.members.clone(), index: pages.index }
            }
            OriginStage::Gathering if !founders.is_empty() => {
                NoteStage::Gathering { with: founders.keys().copied().collect() }
            }
            OriginStage::Adopted(disks) => NoteStage::Adopted(FoundingRecord(disks.clone())),
            OriginStage::Founded(disks) => NoteStage::Member {
                cluster,
                members: disks.iter().map(|(id, disk)| (*id, Some(*disk))).collect(),
                index: LogIndex::ZERO,
            },
            OriginStage::Gathering | OriginStage::Joined | OriginStage::Former => {
                NoteStage::Joining { cluster }
            }
        };
        let has_secret = self.me.has_peer_token || pages.secret.is_some();
        Note { id: self.me.id, incarnation: self.me.incarnation, stage, has_secret }
    }

    /// The next stage of the founding; durable when this returns. It blocks on the disk.
    pub(crate) fn found(&self, stage: &FoundingStage) -> Result<(), OpenError> {
        let _writing = self.writing();
        let stage = match stage {
            FoundingStage::Gathering => return Ok(()),
            FoundingStage::Adopted(record) => OriginStage::Adopted(record.0.clone()),
            FoundingStage::Founded(record) => {
                self.keep_cluster(cluster_id(record, &self.me.name))?;
                OriginStage::Founded(record.0.clone())
            }
        };
        self.keep_stage(stage)
    }

    /// A cluster has taken this node in, or its cluster has got an identity; durable when this returns. It blocks on the disk.
    pub(crate) fn join(&self, cluster: ClusterId) -> Result<(), OpenError> {
        let _writing = self.writing();
        self.keep_cluster(cluster)?;
        // One that is founded, or was started by an earlier release, still starts from its founding members.
        if self.pages().origin.stage == OriginStage::Gathering {
            self.keep_stage(OriginStage::Joined)?;
        }
        Ok(())
    }

    /// To be called by the writer.
    fn keep_cluster(&self, cluster: ClusterId) -> Result<(), OpenError> {
        self.memory.keep_cluster(cluster)?;
        self.pages().cluster = Some(cluster);
        self.trust.set_cluster(cluster);
        Ok(())
    }

    /// To be called by the writer.
    fn keep_stage(&self, stage: OriginStage) -> Result<(), OpenError> {
        let origin = self.origin();
        let next = Origin { stage, ..origin.clone() };
        if next != origin {
            self.papers.keep_origin(&next)?;
            self.pages().origin = next;
        }
        Ok(())
    }

    /// Keeps the cluster's secret, unless it has one; durable when this returns. It blocks on the disk.
    pub(crate) fn keep_secret(&self, secret: &Secret) -> Result<(), OpenError> {
        let _writing = self.writing();
        if self.secret().is_none() {
            self.papers.keep_secret(secret.reveal())?;
            self.pages().secret = Some(secret.clone());
            self.trust.set_secret(secret.clone());
            self.has_secret.send_replace(true);
        }
        Ok(())
    }

    /// This membership is committed.
    pub(crate) fn follow(&self, membership: &Membership, index: LogIndex) {
        let mut pages = self.pages();
        pages.members = disks(membership);
        pages.index = index;
    }

    /// What keeps it from being founded; `None`: nothing does. Says whether that is news.
    pub(crate) fn set_waits(&self, waits: Option<String>) -> bool {
        let mut pages = self.pages();
        let is_new = pages.waits != waits;
        pages.waits = waits;
        is_new
    }

    pub(crate) fn waits(&self) -> Option<String> {
        self.pages().waits.clone()
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Nothing that holds this lock can panic half-way through a change.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The members of a membership, each with its disk where that is known.
pub(crate) fn disks(membership: &Membership) -> BTreeMap<NodeId, Option<Incarnation>> {
    let disk = |id| (id, membership.incarnations.get(&id).copied());
    membership.members().into_iter().map(disk).collect()
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
