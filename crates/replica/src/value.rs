//! A value as the map holds it: one pointer in the map's node, and behind it, together, all that belongs to it.

use bytes::Bytes;
use triomphe::ThinArc;

/// The bytes of a value, in memory of their own, and the hash of the pair that it belongs to, so that replacing the
/// value does not read the old one. A clone shares them.
#[derive(Clone, Debug)]
pub(crate) struct Value(ThinArc<u64, u8>);

impl Value {
    pub(crate) fn new(bytes: &[u8], hash: u64) -> Self {
        Self(ThinArc::from_header_and_slice(hash, bytes))
    }

    pub(crate) fn hash(&self) -> u64 {
        self.0.header.header
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0.slice
    }

    /// A copy of the bytes that may be kept for long.
    pub(crate) fn share(&self) -> Bytes {
        Bytes::from_owner(self.clone())
    }

    /// Takes another value, in the same memory if it fits and nothing else refers to it.
    pub(crate) fn replace(&mut self, bytes: &[u8], hash: u64) {
        let fits = self.0.with_arc_mut(|arc| match triomphe::Arc::get_mut(arc) {
            Some(stored) if stored.slice().len() == bytes.len() => {
                stored.slice_mut().copy_from_slice(bytes);
                *stored.header_mut() = hash;
                true
            }
            _ => false,
        });
        if !fits {
            *self = Self::new(bytes, hash);
        }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_one_pointer_in_a_node() {
        assert_eq!(size_of::<Value>(), size_of::<usize>());
    }

    #[test]
    fn who_shares_a_value_does_not_see_it_replaced() {
        let mut value = Value::new(b"old", 1);
        let (shared, clone) = (value.share(), value.clone());
        value.replace(b"new", 2);
        assert_eq!((&shared[..], clone.as_slice(), clone.hash()), (&b"old"[..], &b"old"[..], 1));
        assert_eq!((value.as_slice(), value.hash()), (&b"new"[..], 2));
        drop((shared, clone));
        let place = value.as_slice().as_ptr();
        for (bytes, hash) in [(&b"two"[..], 3), (&b"longer"[..], 4), (&b""[..], 5)] {
            value.replace(bytes, hash);
            assert_eq!((value.as_slice(), value.hash()), (bytes, hash));
            assert!(
                hash != 3 || value.as_slice().as_ptr() == place,
                "of the same length: in the same memory"
            );
        }
    }
}
