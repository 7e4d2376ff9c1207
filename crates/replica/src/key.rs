//! A key as the map holds it. Short keys stand in the map's own nodes, so that a search compares them without touching
//! any other memory. Knows nothing of what a key may be: the protocol's limits say that.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Keys of up to this many bytes need no memory of their own.
const SHORT: usize = 22;

/// The bytes of a key. Ordered, like them, by the first that differs.
#[derive(Clone)]
pub(crate) enum Key {
    /// The bytes, and zeroes behind them.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Arc<[u8]>),
}

impl Key {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Key {
    fn from(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(length) if key.len() <= SHORT => {
                let mut bytes = [0; SHORT];
                bytes[..key.len()].copy_from_slice(key);
                Self::Short { length, bytes }
            }
            _ => Self::Long(key.into()),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Key {}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_keys_take_no_more_than_a_pointer_and_a_length_would() {
        assert_eq!(size_of::<Key>(), 24);
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_bytes(
            a in prop::collection::vec(0_u8..3, 0..30), b in prop::collection::vec(0_u8..3, 0..30), same in 0_usize..30,
        ) {
            let b: Vec<u8> = a.iter().take(same).copied().chain(b).collect();
            let (short, long) = (Key::from(&a[..]), Key::from(&b[..]));
            prop_assert_eq!(short.as_slice(), &a[..]);
            prop_assert_eq!(short.cmp(&long), a.cmp(&b));
            prop_assert_eq!(short.partial_cmp(&long), a.partial_cmp(&b));
            prop_assert_eq!(short == long, a == b);
        }
    }
}
