//! Identities: of a cluster, of a data directory, of one start of it, and of the sender of a message. Values only: which
//! members may vote and count is decided where votes and answers are counted.

use crate::types::{LogId, NodeId};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// The identity of one data directory: random, made with the directory, never copied to another.
///
/// A node's id names a place in the cluster; this names the disk that remembers its votes and its log. A member that comes
/// back with another incarnation has forgotten both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation(pub [u8; 16]);

/// The identity of a cluster, made once at its founding. Two clusters may have the same name, never the same identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub [u8; 16]);

/// One start of a data directory. The directory counts them durably; the nonce is random and differs between two starts
/// that have the same number because one of them ran on a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Boot {
    /// Counts the starts of the directory. The first is 1.
    pub number: u64,
    /// Random, drawn at the start.
    pub nonce: u64,
}

/// What a node shows of itself before its messages are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its data directory.
    pub incarnation: Incarnation,
    /// This start of it.
    pub boot: Boot,
    /// Its cluster, once it knows that.
    pub cluster: Option<ClusterId>,
    /// The place in its log of the membership by which it is a member with this data directory; index 0: the cluster
    /// was founded with it. `None`: it knows no such membership. A member that lags behind that index may know the
    /// node by an earlier directory.
    pub named_at: Option<LogId>,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sender {
    /// The node's id.
    pub id: NodeId,
    /// The data directory it ran on when it sent this. `None`: it did not say, as only members without identities do.
    pub incarnation: Option<Incarnation>,
}

impl Sender {
    /// A node on this data directory.
    #[must_use]
    pub fn new(id: NodeId, incarnation: Incarnation) -> Self {
        Self { id, incarnation: Some(incarnation) }
    }
}

/// A node in a cluster without identities.
impl From<NodeId> for Sender {
    fn from(id: NodeId) -> Self {
        Self { id, incarnation: None }
    }
}

/// How the identities are shown: `Display` gives the first 8 of 32 hexadecimal digits, enough for people to tell them apart, and
/// `LowerHex` all of them.
macro_rules! shown_as_digits {
    ($identity:ident) => {
        impl fmt::Display for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&short(self.0))
            }
        }

        impl fmt::LowerHex for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex(&self.0))
            }
        }

        impl fmt::Debug for $identity {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self:x})", stringify!($identity))
            }
        }
    };
}

shown_as_digits!(Incarnation);
shown_as_digits!(ClusterId);

fn short(bytes: [u8; 16]) -> String {
    hex(&bytes[..4])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_beginning_and_files_the_whole() {
        let incarnation = Incarnation(u128::to_be_bytes(0x3fa9_c01e << 96 | 7));
        assert_eq!(incarnation.to_string(), "3fa9c01e");
        assert_eq!(format!("{incarnation:x}"), "3fa9c01e000000000000000000000007");
        assert_eq!(format!("{:?}", ClusterId([0; 16])), "ClusterId(00000000000000000000000000000000)");
    }
}
