//! A value that a source may not know.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;

/// A value that a source may not know.
///
/// "None" is a value: a node that has not voted has a known vote, `Known::Is(None)`. A comparison with a plain value uses only what
/// is known: an unknown value equals nothing, and is neither less nor greater than anything.
///
/// In JSON a known value is written as it is. An unknown one is left out: its field has the attributes
/// `#[serde(default, skip_serializing_if = "Known::is_unknown")]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known<T> {
    /// The source does not know it.
    #[default]
    Unknown,
    /// It is this.
    Is(T),
}

impl<T> Known<T> {
    /// The value, if it is known.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Unknown => None,
            Self::Is(value) => Some(value),
        }
    }

    /// Whether it is not known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether it is known and this holds for it.
    #[must_use]
    pub fn is(&self, holds: impl FnOnce(&T) -> bool) -> bool {
        self.get().is_some_and(holds)
    }

    /// Changes the value; unknown stays unknown.
    #[must_use]
    pub fn map<U>(&self, change: impl FnOnce(&T) -> U) -> Known<U> {
        match self {
            Self::Unknown => Known::Unknown,
            Self::Is(value) => Known::Is(change(value)),
        }
    }
}

impl<T: Copy> Known<T> {
    /// A copy of the value, if it is known.
    #[must_use]
    pub fn copied(&self) -> Option<T> {
        self.get().copied()
    }
}

impl<T: Copy> Known<Option<T>> {
    /// The value, if it is known and there is one.
    #[must_use]
    pub fn some(&self) -> Option<T> {
        self.copied().flatten()
    }
}

impl<T> Known<Vec<T>> {
    /// All items, if they are known; else none.
    #[must_use]
    pub fn items(&self) -> &[T] {
        self.get().map_or(&[], Vec::as_slice)
    }
}

impl<T> From<T> for Known<T> {
    fn from(value: T) -> Self {
        Self::Is(value)
    }
}

impl<T: PartialEq> PartialEq<T> for Known<T> {
    fn eq(&self, other: &T) -> bool {
        self.is(|value| value == other)
    }
}

impl<T: PartialOrd> PartialOrd<T> for Known<T> {
    fn partial_cmp(&self, other: &T) -> Option<Ordering> {
        self.get()?.partial_cmp(other)
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::Is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        let unknown: Known<u64> = Known::Unknown;
        assert!(unknown != 0 && !(unknown < 1) && !(unknown >= 1));
        assert!(Known::Is(3) == 3 && Known::Is(3) > 2);
        assert_eq!((unknown.map(|n| n + 1), Known::Is(3).map(|n| n + 1)), (Known::Unknown, Known::Is(4)));
    }

    #[test]
    fn none_is_known() {
        let none: Known<Option<u64>> = Known::Is(None);
        assert_ne!(none, Known::<Option<u64>>::Unknown);
        assert!(none.is(Option::is_none));
        assert_eq!((none.some(), Known::Is(Some(3)).some()), (None, Some(3)));
    }
}
