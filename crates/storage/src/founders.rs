//! The bytes of `founders`, which says once and for all with whom a member started. Pure: knows no file, only slices.
//!
//! All numbers are little-endian; checksums are CRC-32C.
//!
//! ```text
//! head     magic "founders" | version u32 | length of the body u32 | crc of the body u32 | crc of the 20 bytes before u32
//! body     postcard (node, cluster, founding members with their addresses)          nothing follows
//! ```

use crate::header::{Identity, u32_at};
use crate::record::{encode, whole};
use crc32c::crc32c;
use raftdeck_raft::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The most bytes in a body: more than a command line has room for. Bounds memory when the file is read.
pub(crate) const MAX_BODY: usize = 4 << 20;

const MAGIC: [u8; 8] = *b"founders";
const HEAD: usize = 24;

/// The longest file that can be one.
pub(crate) const MAX_FILE: usize = HEAD + MAX_BODY;

/// The voters that a cluster starts with and their Raft addresses; none at a member that joins later.
pub type Founders = BTreeMap<NodeId, String>;

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    identity: Identity,
    founders: Founders,
}

/// Why bytes are not the file of this member.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Damaged(&'static str),
    Version(u32),
}

/// The whole file, or the bytes of its body, which are over [`MAX_BODY`].
pub(crate) fn write(identity: &Identity, founders: &Founders) -> Result<Vec<u8>, usize> {
    let mut body = Vec::new();
    encode(&Body { identity: identity.clone(), founders: founders.clone() }, &mut body);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_BODY).ok_or(body.len())?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(crc32c(&body).to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// What the file of this member says.
pub(crate) fn read(bytes: &[u8], identity: &Identity) -> Result<Founders, Flaw> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Flaw::Damaged("it does not begin as it should"));
    }
    let Some((head, body)) = bytes.split_at_checked(HEAD) else {
        return Err(Flaw::Damaged("it ends too early"));
    };
    if u32_at(head, 20) != crc32c(&head[..20]) {
        return Err(Flaw::Damaged("its head does not match its checksum"));
    }
    match u32_at(head, 8) {
        VERSION => {}
        version => return Err(Flaw::Version(version)),
    }
    if u32::try_from(body.len()) != Ok(u32_at(head, 12)) {
        return Err(Flaw::Damaged("it has not the length that it says"));
    }
    if u32_at(head, 16) != crc32c(body) {
        return Err(Flaw::Damaged("its content does not match its checksum"));
    }
    match whole::<Body>(body) {
        None => Err(Flaw::Damaged("its content cannot be decoded")),
        Some(body) if body.identity != *identity => Err(Flaw::Damaged("it is another member's")),
        Some(body) => Ok(body.founders),
    }
}
