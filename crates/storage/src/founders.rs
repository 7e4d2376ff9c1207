//! The content of `founders`: how a member came into its cluster. Pure: knows no file, only slices.
//!
//! Version 1 has the founding members and their addresses only; releases that wrote it knew no identities.

use crate::header::Identity;
use crate::small_file::{self, SmallFileFlaw};
use raftdeck_raft::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that this program writes. It reads earlier ones too.
pub(crate) const VERSION: u32 = 2;

pub(crate) const MAGIC: [u8; 8] = *b"founders";

/// The voters that a cluster starts with and their Raft addresses; none at a member that joins later.
pub type Founders = BTreeMap<NodeId, String>;

/// How a member came into its cluster, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The members that it was first started with.
    pub founders: Founders,
    /// How far it has come.
    pub stage: OriginStage,
}

/// How far a member has come on its way into a cluster. On the disk: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OriginStage {
    /// A release without identities has started this directory: its founding members are the first voters, unless its log or
    /// its snapshot says otherwise.
    Former,
    /// It waits for all founding members; without any, for a cluster that takes it in.
    Gathering,
    /// It takes part in the founding by these disks, and in no other one.
    Adopted(BTreeMap<NodeId, Incarnation>),
    /// These disks have founded its cluster.
    Founded(BTreeMap<NodeId, Incarnation>),
    /// A cluster has taken it in.
    Joined,
}

/// Version 2.
#[derive(Serialize, Deserialize)]
struct Body {
    identity: Identity,
    origin: Origin,
}

/// Version 1.
#[derive(Serialize, Deserialize)]
struct FormerBody {
    identity: Identity,
    founders: Founders,
}

/// The whole file, or the bytes of its body, which are too many.
pub(crate) fn write(identity: &Identity, origin: &Origin) -> Result<Vec<u8>, usize> {
    small_file::write(MAGIC, VERSION, &Body { identity: identity.clone(), origin: origin.clone() })
}

/// What the file of this member says.
pub(crate) fn read(bytes: &[u8], identity: &Identity) -> Result<Origin, SmallFileFlaw> {
    let Body { identity: owner, origin } = body(bytes)?;
    if owner == *identity { Ok(origin) } else { Err(SmallFileFlaw::Damaged("it is another member's")) }
}

/// The founding members that the file of any member names.
pub(crate) fn read_any(bytes: &[u8]) -> Result<Founders, SmallFileFlaw> {
    Ok(body(bytes)?.origin.founders)
}

fn body(bytes: &[u8]) -> Result<Body, SmallFileFlaw> {
    let (version, body) = small_file::open(MAGIC, VERSION, bytes)?;
    if version > 1 {
        return small_file::content(body);
    }
    let FormerBody { identity, founders } = small_file::content(body)?;
    Ok(Body { identity, origin: Origin { founders, stage: OriginStage::Former } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { node: NodeId(1), cluster: "deck".to_owned() }
    }

    #[test]
    fn what_an_earlier_release_recorded_is_read() {
        let founders: Founders = (1..=3).map(|id| (NodeId(id), format!("host{id}:8080"))).collect();
        let body = FormerBody { identity: identity(), founders: founders.clone() };
        let bytes = small_file::write(MAGIC, 1, &body).unwrap();
        let origin = read(&bytes, &identity()).unwrap();
        assert_eq!(origin, Origin { founders, stage: OriginStage::Former });
    }

    /// These bytes are on users' disks: if this test fails, the format version has to go up.
    #[test]
    fn the_format_stands_still() {
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let disks = [(NodeId(1), Incarnation([7; 16]))].into();
        let founders = [(NodeId(1), "a:1".to_owned())].into();
        let stages = [
            OriginStage::Former,
            OriginStage::Gathering,
            OriginStage::Adopted(BTreeMap::new()),
            OriginStage::Founded(disks),
            OriginStage::Joined,
        ];
        for (stage, tail) in
            stages.into_iter().zip(["00", "01", "0200", &format!("030101{}", "07".repeat(16)), "04"])
        {
            let bytes = write(&identity(), &Origin { founders: Founders::clone(&founders), stage }).unwrap();
            assert_eq!(hex(&bytes[24..]), format!("01046465636b010103613a31{tail}"));
        }
    }
}
