//! What a cluster of etcd members must remember: its token, and for each member its id and where its peers dial it. That address is a
//! part of the membership, so a kept data directory is of use only with the same one.

use raftdeck_etcd::{MemberId, member_id};
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::private;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// The file's name.
const NAME: &str = "etcd.json";

/// The most bytes that are read: a record is much shorter.
const MOST_BYTES: u64 = 64 << 10;

/// The record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EtcdRecord {
    /// `--initial-cluster-token`: random, so that no two clusters have members of the same id.
    token: String,
    members: BTreeMap<NodeId, MemberRecord>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemberRecord {
    /// The port at which its peers dial its links.
    pub(super) link: u16,
    /// Its id in the present membership; `None`: it has not been added yet.
    id: Option<u64>,
    /// It is one of those that the cluster began with, and has not been replaced.
    pub(super) is_founding: bool,
    /// Its data was wiped: it cannot be started before it is replaced.
    #[serde(default)]
    pub(super) is_wiped: bool,
}

impl EtcdRecord {
    /// A new cluster of these members.
    pub(super) fn new(token: String, links: &BTreeMap<NodeId, u16>) -> Self {
        let member = |(&node, &link): (&NodeId, &u16)| {
            let id = Some(member_id(&[url(link)], &token).0);
            (node, MemberRecord { link, id, is_founding: true, is_wiped: false })
        };
        let members = links.iter().map(member).collect();
        Self { token, members }
    }

    /// What a directory holds; `None`: nothing.
    pub(super) fn load(dir: &Path) -> io::Result<Option<Self>> {
        let mut text = Vec::new();
        let read = private::open(&dir.join(NAME), OpenOptions::new().read(true))
            .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let damaged = |error| io::Error::other(format!("{NAME} in it is damaged: {error}"));
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    /// Writes it atomically.
    pub(super) fn save(&self, dir: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        serde_json::to_writer(&mut file, self)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(dir.join(NAME))?;
        Ok(())
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn member(&self, node: NodeId) -> Option<&MemberRecord> {
        self.members.get(&node)
    }

    /// Where a member's peers dial it.
    pub(super) fn url(&self, node: NodeId) -> Option<String> {
        self.members.get(&node).map(|member| url(member.link))
    }

    /// The ids of all members that have one.
    pub(super) fn ids(&self) -> impl Iterator<Item = (NodeId, MemberId)> {
        self.members.iter().filter_map(|(node, member)| Some((*node, MemberId(member.id?))))
    }

    /// A node that will be added.
    pub(super) fn announce(&mut self, node: NodeId, link: u16) {
        let new = MemberRecord { link, id: None, is_founding: false, is_wiped: false };
        self.members.insert(node, new);
    }

    /// The node is a member from now on, with this id and with empty data.
    pub(super) fn admit(&mut self, node: NodeId, id: MemberId) {
        if let Some(member) = self.members.get_mut(&node) {
            *member = MemberRecord { id: Some(id.0), is_founding: false, is_wiped: false, ..*member };
        }
    }

    /// The data of the node is wiped.
    pub(super) fn wipe(&mut self, node: NodeId) {
        if let Some(member) = self.members.get_mut(&node) {
            member.is_wiped = true;
        }
    }

    /// There is no such node any more.
    pub(super) fn remove(&mut self, node: NodeId) {
        self.members.remove(&node);
    }

    /// `--initial-cluster` of a node: the founding members for one of them, else all that are members.
    pub(super) fn initial_cluster(&self, node: NodeId) -> String {
        let is_founding = self.members.get(&node).is_some_and(|member| member.is_founding);
        let counts =
            |member: &MemberRecord| if is_founding { member.is_founding } else { member.id.is_some() };
        let members = self.members.iter().filter(|(other, member)| **other == node || counts(member));
        members.map(|(node, member)| format!("{node}={}", url(member.link))).collect::<Vec<_>>().join(",")
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> EtcdRecord {
        EtcdRecord::new("tok".to_owned(), &[(NodeId(1), 23_111), (NodeId(2), 23_121)].into())
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(EtcdRecord::load(dir.path()).unwrap(), None);
        let mut record = record();
        record.wipe(NodeId(2));
        record.save(dir.path()).unwrap();
        assert_eq!(EtcdRecord::load(dir.path()).unwrap(), Some(record));
        std::fs::write(dir.path().join(NAME), "{").unwrap();
        assert!(EtcdRecord::load(dir.path()).unwrap_err().to_string().contains("etcd.json in it is damaged"));
    }

    #[test]
    fn founding_members_know_each_other_and_later_ones_know_the_members() {
        let mut record = record();
        let founding = "n1=http://127.0.0.1:23111,n2=http://127.0.0.1:23121";
        assert_eq!(record.ids().next(), Some((NodeId(1), MemberId(0x3a59_6b5d_fce9_d296))));
        record.announce(NodeId(3), 23_131);
        record.announce(NodeId(4), 23_141);
        record.admit(NodeId(3), MemberId(7));
        assert_eq!(record.initial_cluster(NodeId(1)), founding);
        assert_eq!(record.initial_cluster(NodeId(3)), format!("{founding},n3=http://127.0.0.1:23131"));
        record.wipe(NodeId(1));
        record.admit(NodeId(1), MemberId(8));
        let replaced = record.member(NodeId(1)).unwrap();
        assert!(!replaced.is_wiped && !replaced.is_founding);
        assert_eq!(record.initial_cluster(NodeId(1)), format!("{founding},n3=http://127.0.0.1:23131"));
    }
}
