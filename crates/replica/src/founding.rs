//! The founding of a cluster: it happens once, so that there are never two histories under one name, even if disks
//! are wiped meanwhile. Pure; the driver dials, makes each stage durable, and asks again and again.
//!
//! A cluster is founded by *all* its members, once. Each dials the configured address of every other one and learns its
//! [`Note`]. Only what was learnt by dialing is believed; a node that dials in learns this one's note and changes nothing here.
//!
//! 1. *Gathering*: until all others gather too. Then the ids and disks (incarnations) of all of them are the founding record.
//! 2. *Adopted*: the record is durable here, and no other one is ever adopted by this disk.
//! 3. *Founded*: all others have adopted the same record, or one of them is founded, which says the same. The member starts.
//!
//! **Why there is one founding.** A member is founded only when every disk in its record has adopted that record durably, and a
//! disk adopts one record in its life. So two different records that were both founded share no disk. A disk that was emptied
//! is another disk: the old record can no longer be completed by it, and members that were founded already say so in their notes,
//! with which no record is made.

use raftdeck_protocol::founding::{FoundingRecord, Note, NoteStage};
use raftdeck_protocol::frame;
use raftdeck_raft::{ClusterId, Incarnation, LogIndex, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use xxhash_rust::xxh3::xxh3_128;

/// How far a member has come. Each step is made durable before anybody else learns of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundingStage {
    /// It waits for all others.
    Gathering,
    /// It takes part in this founding, and never in another one.
    Adopted(FoundingRecord),
    /// All take part: the member can start.
    Founded(FoundingRecord),
}

/// What keeps a founding from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// These have not been reached, or have not adopted the record yet.
    Waiting(BTreeSet<NodeId>),
    /// This one was started with other members.
    OtherMembers {
        /// Which node.
        node: NodeId,
        /// Its members.
        with: BTreeSet<NodeId>,
    },
    /// This one was started to join a cluster.
    Joins(NodeId),
    /// This one belongs to a cluster already, and this disk does not.
    PartlyKnown {
        /// Which node.
        node: NodeId,
        /// Its cluster.
        cluster: Option<ClusterId>,
        /// Its members.
        members: BTreeMap<NodeId, Option<Incarnation>>,
    },
    /// This one takes part in a founding with other disks.
    OtherFounding(NodeId),
}

/// One member's part in a founding.
#[derive(Clone, Debug)]
pub struct Founding {
    me: NodeId,
    incarnation: Incarnation,
    /// The name of the cluster: part of its identity.
    name: String,
    /// All founding members.
    with: BTreeSet<NodeId>,
    stage: FoundingStage,
    /// What was heard last of each other one that could be reached.
    heard: BTreeMap<NodeId, NoteStage>,
    disks: BTreeMap<NodeId, Incarnation>,
}

/// The identity of the cluster of this name that these disks found. Not a secret; different for different disks, which are
/// random.
#[must_use]
pub fn cluster_id(record: &FoundingRecord, name: &str) -> ClusterId {
    ClusterId(xxh3_128(&frame::encode(&("raftdeck cluster", name, record))).to_be_bytes())
}

impl Founding {
    /// The part of `me` with this disk, as far as it has come, in a founding by these members.
    #[must_use]
    pub fn new(
        me: NodeId,
        incarnation: Incarnation,
        name: &str,
        with: BTreeSet<NodeId>,
        stage: FoundingStage,
    ) -> Self {
        let (heard, disks) = Default::default();
        Self { me, incarnation, name: name.to_owned(), with, stage, heard, disks }
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> &FoundingStage {
        &self.stage
    }

    /// What a node that dials in is told. A founded member has more to say, which its driver knows.
    #[must_use]
    pub fn note(&self, has_secret: bool) -> Note {
        let stage = match &self.stage {
            FoundingStage::Gathering => NoteStage::Gathering { with: self.with.clone() },
            FoundingStage::Adopted(record) => NoteStage::Adopted(record.clone()),
            FoundingStage::Founded(record) => NoteStage::Member {
                cluster: Some(cluster_id(record, &self.name)),
                members: record.0.iter().map(|(id, disk)| (*id, Some(*disk))).collect(),
                index: LogIndex::ZERO,
            },
        };
        Note { id: self.me, incarnation: self.incarnation, stage, has_secret }
    }

    /// The members to dial.
    pub fn others(&self) -> impl Iterator<Item = NodeId> {
        self.with.iter().copied().filter(|id| *id != self.me)
    }

    /// A member that was dialed said this.
    pub fn hear(&mut self, note: Note) {
        if note.id != self.me && self.with.contains(&note.id) {
            self.disks.insert(note.id, note.incarnation);
            self.heard.insert(note.id, note.stage);
        }
    }

    /// A member that was dialed did not answer: what it said before may be out of date.
    pub fn lose(&mut self, node: NodeId) {
        self.heard.remove(&node);
        self.disks.remove(&node);
    }

    /// The stage that comes next, if its time has come. It must be durable before [`Founding::advance`].
    #[must_use]
    pub fn next(&self) -> Option<FoundingStage> {
        match &self.stage {
            FoundingStage::Gathering => self.record_to_adopt().map(FoundingStage::Adopted),
            FoundingStage::Adopted(record) => {
                self.is_complete(record).then(|| FoundingStage::Founded(record.clone()))
            }
            FoundingStage::Founded(_) => None,
        }
    }

    /// The stage that [`Founding::next`] gave is durable.
    pub fn advance(&mut self, stage: FoundingStage) {
        self.stage = stage;
    }

    fn record_to_adopt(&self) -> Option<FoundingRecord> {
        if !matches!(self.obstacle(), None | Some(Obstacle::Waiting(_))) {
            return None;
        }
        let adopted = self.heard.values().find_map(|stage| match stage {
            NoteStage::Adopted(record) => Some(record.clone()),
            _ => None,
        });
        let all_gather = || {
            let everyone = self.others().all(|id| self.heard.contains_key(&id));
            everyone.then(|| {
                let mut disks = self.disks.clone();
                disks.insert(self.me, self.incarnation);
                FoundingRecord(disks)
            })
        };
        adopted.or_else(all_gather)
    }

    /// Whether all others have adopted this record too. That one of them is founded says so of all.
    fn is_complete(&self, record: &FoundingRecord) -> bool {
        let is_founded =
            |said: &NoteStage| matches!(said, NoteStage::Member { .. }) && self.takes_part(said, record);
        let has_adopted = |id| self.heard.get(&id).is_some_and(|said| self.takes_part(said, record));
        self.heard.values().any(is_founded) || self.others().all(has_adopted)
    }

    fn takes_part(&self, stage: &NoteStage, record: &FoundingRecord) -> bool {
        match stage {
            NoteStage::Adopted(theirs) => theirs == record,
            NoteStage::Member { cluster, .. } => *cluster == Some(cluster_id(record, &self.name)),
            NoteStage::Gathering { .. } | NoteStage::Joining { .. } => false,
        }
    }

    /// Whether a record is of the same members, and of the disks that are there.
    fn fits(&self, record: &FoundingRecord) -> bool {
        record.0.keys().eq(&self.with)
            && record.0.get(&self.me) == Some(&self.incarnation)
            && self.disks.iter().all(|(id, disk)| record.0.get(id) == Some(disk))
    }

    /// What keeps it from going on. `None`: nothing does.
    #[must_use]
    pub fn obstacle(&self) -> Option<Obstacle> {
        if matches!(self.stage, FoundingStage::Founded(_)) {
            return None;
        }
        if let Some(obstacle) = self.heard.iter().find_map(|(id, stage)| self.obstacle_at(*id, stage)) {
            return Some(obstacle);
        }
        let waits_for = |id: &NodeId| match (&self.stage, self.heard.get(id)) {
            (_, None) => true,
            (FoundingStage::Adopted(record), Some(stage)) => !self.takes_part(stage, record),
            (FoundingStage::Gathering | FoundingStage::Founded(_), Some(_)) => false,
        };
        let waiting: BTreeSet<NodeId> = self.others().filter(waits_for).collect();
        (!waiting.is_empty()).then_some(Obstacle::Waiting(waiting))
    }

    /// What a member that was reached says against it.
    fn obstacle_at(&self, node: NodeId, said: &NoteStage) -> Option<Obstacle> {
        let mine = match &self.stage {
            FoundingStage::Gathering => None,
            FoundingStage::Adopted(record) | FoundingStage::Founded(record) => Some(record),
        };
        match said {
            NoteStage::Joining { .. } => Some(Obstacle::Joins(node)),
            NoteStage::Gathering { with } if *with != self.with => {
                Some(Obstacle::OtherMembers { node, with: with.clone() })
            }
            NoteStage::Gathering { .. } => {
                let is_other = mine.is_some_and(|record| record.0.get(&node) != self.disks.get(&node));
                is_other.then_some(Obstacle::OtherFounding(node))
            }
            NoteStage::Adopted(theirs) => {
                let fits = mine.map_or_else(|| self.fits(theirs), |record| record == theirs);
                (!fits).then_some(Obstacle::OtherFounding(node))
            }
            NoteStage::Member { .. } if mine.is_some_and(|record| self.takes_part(said, record)) => None,
            NoteStage::Member { cluster, members, .. } => {
                Some(Obstacle::PartlyKnown { node, cluster: *cluster, members: members.clone() })
            }
        }
    }

    /// A sentence for the person who started this node: what it waits for, and what to do.
    #[must_use]
    pub fn says(&self, addresses: &BTreeMap<NodeId, String>) -> Option<String> {
        let at = |id: NodeId| match addresses.get(&id) {
            Some(address) => format!("{id} at {address}"),
            None => id.to_string(),
        };
        Some(match self.obstacle()? {
            Obstacle::Waiting(on) => {
                format!("founding: waiting for {}", in_words(on.into_iter().map(at)))
            }
            Obstacle::OtherMembers { node, with } => format!(
                "founding refused: {} was started in a cluster of {}, this node in one of {}: give all of them the same --cluster",
                at(node),
                in_words(with),
                in_words(self.with.iter())
            ),
            Obstacle::Joins(node) => format!(
                "founding refused: {} was started with --join: start it with --cluster too, or leave it out of --cluster and add it later",
                at(node)
            ),
            Obstacle::OtherFounding(node) => format!(
                "founding refused: {} takes part in a founding with other disks, because a data directory was \
                 emptied or replaced during it; this directory holds no data: stop all of {}, empty their data \
                 directories, and start them again",
                at(node),
                in_words(self.with.iter())
            ),
            Obstacle::PartlyKnown { node, cluster, members } => {
                self.is_not_its_member(&at(node), cluster, &members)
            }
        })
    }

    fn is_not_its_member(
        &self,
        node: &str,
        cluster: Option<ClusterId>,
        members: &BTreeMap<NodeId, Option<Incarnation>>,
    ) -> String {
        let Self { me, incarnation, .. } = self;
        let mut said = format!("founding refused: {node} belongs to cluster {:?}", self.name);
        if let Some(id) = cluster {
            let _ = write!(said, " ({id})");
        }
        let remedy = match members.get(me) {
            None => {
                let members = in_words(members.keys());
                format!(
                    ", whose members are {members}: {me} is none of them; add it with `raftdeck client member add {me} HOST:PORT`"
                )
            }
            Some(Some(known)) if known == incarnation => {
                format!(
                    " and has added {me} with this disk: waiting until it hands over the cluster's identity"
                )
            }
            Some(known) => {
                let disk = known.map_or_else(String::new, |known| format!(" (disk {known})"));
                format!(
                    ", and this directory (disk {incarnation}) is not the one in the membership for {me}{disk}: \
                     {me} is back with an empty disk, and does not vote; put the old directory back, or run `raftdeck client member replace {me}`"
                )
            }
        };
        said + &remedy
    }
}

/// `n1`, `n1 and n2`, `n1, n2 and n3`.
fn in_words(words: impl IntoIterator<Item: ToString>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    match &words[..] {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}
