//! The bytes of a small file that is read and replaced as a whole. Pure: knows no file, only slices.
//!
//! All numbers are little-endian; checksums are CRC-32C.
//!
//! ```text
//! head     magic, 8 bytes | version u32 | length of the body u32 | crc of the body u32 | crc of the 20 bytes before u32
//! body     postcard                                                                  nothing follows
//! ```

use crate::header::u32_at;
use crate::record::{encode, whole};
use crc32c::crc32c;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes in a body: more than a command line has room for. Bounds memory when the file is read.
pub(crate) const MAX_BODY: usize = 4 << 20;

const HEAD: usize = 24;

/// The longest file that can be one.
pub(crate) const MAX_FILE: usize = HEAD + MAX_BODY;

/// Why bytes are not such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmallFileFlaw {
    Damaged(&'static str),
    Version(u32),
}

/// The whole file, or the bytes of its body, which are over [`MAX_BODY`].
pub(crate) fn write(magic: [u8; 8], version: u32, content: &impl Serialize) -> Result<Vec<u8>, usize> {
    let mut body = Vec::new();
    encode(content, &mut body);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_BODY).ok_or(body.len())?;
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(crc32c(&body).to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

/// The version and the body of a file whose checksums are right.
pub(crate) fn open(magic: [u8; 8], newest: u32, bytes: &[u8]) -> Result<(u32, &[u8]), SmallFileFlaw> {
    if !bytes.starts_with(&magic) {
        return Err(SmallFileFlaw::Damaged("it does not start with the expected bytes"));
    }
    let Some((head, body)) = bytes.split_at_checked(HEAD) else {
        return Err(SmallFileFlaw::Damaged("it ends too early"));
    };
    if u32_at(head, 20) != crc32c(&head[..20]) {
        return Err(SmallFileFlaw::Damaged("its head does not match its checksum"));
    }
    let version = u32_at(head, 8);
    if version == 0 || version > newest {
        return Err(SmallFileFlaw::Version(version));
    }
    if u32::try_from(body.len()) != Ok(u32_at(head, 12)) {
        return Err(SmallFileFlaw::Damaged("its length is not the one that it states"));
    }
    if u32_at(head, 16) != crc32c(body) {
        return Err(SmallFileFlaw::Damaged("its content does not match its checksum"));
    }
    Ok((version, body))
}

/// What a body says.
pub(crate) fn content<T: DeserializeOwned>(body: &[u8]) -> Result<T, SmallFileFlaw> {
    whole(body).ok_or(SmallFileFlaw::Damaged("its content cannot be decoded"))
}
