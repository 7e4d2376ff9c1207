//! The bytes of `identity`, which says which data directory this is. Pure: knows no file, only slices.
//!
//! All numbers are little-endian; checksums are CRC-32C.
//!
//! ```text
//! head     magic "identity" | version u32 | length of the body u32 | crc of the body u32 | crc of the 20 bytes before u32
//! body     postcard Body          nothing follows
//! ```

use crate::header::{Identity, u32_at};
use crate::record::{encode, whole};
use crc32c::crc32c;
use raftdeck_raft::{Boot, ClusterId, Incarnation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The most bytes in a body. Bounds memory when the file is read.
pub(crate) const MAX_BODY: usize = 1 << 20;

const MAGIC: [u8; 8] = *b"identity";
const HEAD: usize = 24;

/// The longest file that can be one.
pub(crate) const MAX_FILE: usize = HEAD + MAX_BODY;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    /// Whose directory it is.
    pub(crate) owner: Identity,
    /// Which directory of that node it is.
    pub(crate) incarnation: Incarnation,
    /// How often it was started. 0: its log was never there.
    pub(crate) boot: u64,
    /// The cluster it belongs to, once that is known.
    pub(crate) cluster: Option<ClusterId>,
    /// The newest start that was met of each other directory.
    pub(crate) met: BTreeMap<Incarnation, Boot>,
}

/// Why bytes are not the file of this member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IdentityFlaw {
    Damaged(&'static str),
    Version(u32),
}

/// The whole file.
pub(crate) fn write(body: &Body) -> Vec<u8> {
    let mut content = Vec::new();
    encode(body, &mut content);
    let length = u32::try_from(content.len()).expect("the name and what was met are bounded");
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(crc32c(&content).to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes.extend(content);
    bytes
}

/// What the file of this member says.
pub(crate) fn read(bytes: &[u8], owner: &Identity) -> Result<Body, IdentityFlaw> {
    if !bytes.starts_with(&MAGIC) {
        return Err(IdentityFlaw::Damaged("it does not start with the expected bytes"));
    }
    let Some((head, content)) = bytes.split_at_checked(HEAD) else {
        return Err(IdentityFlaw::Damaged("it ends too early"));
    };
    if u32_at(head, 20) != crc32c(&head[..20]) {
        return Err(IdentityFlaw::Damaged("its head does not match its checksum"));
    }
    match u32_at(head, 8) {
        VERSION => {}
        version => return Err(IdentityFlaw::Version(version)),
    }
    if u32::try_from(content.len()) != Ok(u32_at(head, 12)) {
        return Err(IdentityFlaw::Damaged("its length is not the one it states"));
    }
    if u32_at(head, 16) != crc32c(content) {
        return Err(IdentityFlaw::Damaged("its content does not match its checksum"));
    }
    match whole::<Body>(content) {
        None => Err(IdentityFlaw::Damaged("its content cannot be decoded")),
        Some(body) if body.owner != *owner => {
            Err(IdentityFlaw::Damaged("it belongs to another node's directory"))
        }
        Some(body) => Ok(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::NodeId;

    fn owner() -> Identity {
        Identity { node: NodeId(1), cluster: "deck".to_owned() }
    }

    fn body() -> Body {
        let met = BTreeMap::from([(Incarnation([9; 16]), Boot { number: 300, nonce: 5 })]);
        let cluster = Some(ClusterId([7; 16]));
        Body { owner: owner(), incarnation: Incarnation([3; 16]), boot: 4, cluster, met }
    }

    #[test]
    fn it_comes_back_as_it_was_and_a_damaged_one_does_not() {
        let bytes = write(&body());
        assert_eq!(read(&bytes, &owner()), Ok(body()));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped, &owner()).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &owner()).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn that_of_another_node_is_refused() {
        let other = Identity { node: NodeId(2), ..owner() };
        assert_eq!(
            read(&write(&body()), &other),
            Err(IdentityFlaw::Damaged("it belongs to another node's directory"))
        );
    }
}
