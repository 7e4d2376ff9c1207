//! The key-value state machine: what committed writes make of the map.

use crate::key::Key;
use crate::value::Value;
use bytes::Bytes;
use imbl::OrdMap;
use raftdeck_protocol::kv::WriteOf;
use raftdeck_protocol::{Answer, Read};
use std::ops::Bound;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The map. Deterministic: the same writes in the same order give the same map and the same answers. What it holds is
/// in memory of its own: the buffers that writes arrive in are much larger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pairs: OrdMap<Key, Value>,
    /// The sum of the pairs' hashes, kept up to date: equal maps have equal hashes, however they came about.
    hash: u64,
}

impl Machine {
    pub(crate) fn len(&self) -> u64 {
        self.pairs.len() as u64
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// Applies a committed write.
    pub(crate) fn apply<B: AsRef<[u8]>>(&mut self, write: &WriteOf<B>) -> Answer {
        match write {
            WriteOf::Put { key, value } => {
                self.store(key.as_ref(), value.as_ref());
                Answer::Stored
            }
            WriteOf::Delete { key } => {
                let removed = self.pairs.remove(key.as_ref());
                if let Some(value) = &removed {
                    self.hash = self.hash.wrapping_sub(value.hash());
                }
                Answer::Deleted { existed: removed.is_some() }
            }
            WriteOf::CompareAndSet { key, expected, value } => {
                let current = self.pairs.get(key.as_ref());
                if current.map(Value::as_slice) == expected.as_ref().map(AsRef::as_ref) {
                    self.store(key.as_ref(), value.as_ref());
                    Answer::Stored
                } else {
                    Answer::Mismatch { current: current.map(Value::share) }
                }
            }
        }
    }

    /// Answers a question from the map as it is.
    pub(crate) fn read(&self, read: &Read) -> Answer {
        match read {
            Read::Get { key } => Answer::Value(self.pairs.get(&key[..]).map(Value::share)),
            Read::List { prefix, after, limit } => self.list(prefix, after.as_ref(), *limit),
        }
    }

    fn list(&self, prefix: &Bytes, after: Option<&Bytes>, limit: u32) -> Answer {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(&after[..]),
            _ => Bound::Included(&prefix[..]),
        };
        let mut matching = self
            .pairs
            .range::<_, [u8]>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_slice().starts_with(prefix))
            .map(|(key, value)| (Bytes::copy_from_slice(key.as_slice()), value.share()));
        let mut pairs = Vec::new();
        let mut bytes = 0;
        while pairs.len() < limit && bytes < PAGE_BYTES {
            let Some((key, value)) = matching.next() else { break };
            bytes += key.len() + value.len();
            pairs.push((key, value));
        }
        Answer::Page { pairs, more: matching.next().is_some() }
    }

    fn store(&mut self, key: &[u8], value: &[u8]) {
        let hash = hash_pair(key, value);
        self.hash = self.hash.wrapping_add(hash);
        if let Some(stored) = self.pairs.get_mut(key) {
            self.hash = self.hash.wrapping_sub(stored.hash());
            stored.replace(value, hash);
        } else {
            self.pairs.insert(key.into(), Value::new(value, hash));
        }
    }
}

/// A page ends after the pair that passes this many bytes, so that it fits into a frame.
const PAGE_BYTES: usize = 4 << 20;

fn hash_pair(key: &[u8], value: &[u8]) -> u64 {
    xxh3_64_with_seed(&xxh3_64(value).to_le_bytes(), xxh3_64(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use raftdeck_protocol::Write;
    use std::collections::BTreeMap;

    fn put(key: &'static str, value: &'static str) -> Write {
        Write::Put { key: key.into(), value: value.into() }
    }

    fn cas(key: &'static str, expected: Option<&'static str>, value: &'static str) -> Write {
        Write::CompareAndSet { key: key.into(), expected: expected.map(Into::into), value: value.into() }
    }

    fn list(
        machine: &Machine,
        prefix: &'static str,
        after: Option<&'static str>,
        limit: u32,
    ) -> (Vec<String>, bool) {
        let read = Read::List { prefix: prefix.into(), after: after.map(Into::into), limit };
        let Answer::Page { pairs, more } = machine.read(&read) else { panic!("a list gives a page") };
        (pairs.iter().map(|(k, _)| String::from_utf8_lossy(k).into_owned()).collect(), more)
    }

    #[test]
    fn compare_and_set_changes_only_what_is_as_expected() {
        let mut machine = Machine::default();
        assert_eq!(machine.apply(&cas("k", Some("a"), "b")), Answer::Mismatch { current: None });
        assert_eq!(machine.apply(&cas("k", None, "a")), Answer::Stored);
        assert_eq!(machine.apply(&cas("k", None, "b")), Answer::Mismatch { current: Some("a".into()) });
        assert_eq!(machine.apply(&cas("k", Some("a"), "b")), Answer::Stored);
        assert_eq!(machine.read(&Read::Get { key: "k".into() }), Answer::Value(Some("b".into())));
    }

    #[test]
    fn a_list_is_ordered_bounded_and_goes_on_after_a_key() {
        let mut machine = Machine::default();
        for key in ["a1", "b3", "b1", "b2", "c1"] {
            machine.apply(&put(key, "x"));
        }
        assert_eq!(list(&machine, "b", None, 2), (vec!["b1".into(), "b2".into()], true));
        assert_eq!(list(&machine, "b", Some("b2"), 2), (vec!["b3".into()], false));
        assert_eq!(list(&machine, "b", Some("a"), 9), (vec!["b1".into(), "b2".into(), "b3".into()], false));
        assert_eq!(list(&machine, "", None, 9).0.len(), 5);
        assert_eq!(list(&machine, "z", None, 9), (vec![], false));
    }

    #[test]
    fn a_page_of_large_values_ends_before_it_outgrows_a_frame() {
        let mut machine = Machine::default();
        for i in 0..12_u8 {
            machine.apply(&Write::Put { key: vec![b'k', i].into(), value: vec![0; 1 << 20].into() });
        }
        let Answer::Page { pairs, more } =
            machine.read(&Read::List { prefix: Bytes::new(), after: None, limit: 1000 })
        else {
            panic!("a list gives a page")
        };
        assert_eq!((pairs.len(), more), (4, true), "pairs of 1 MiB");
    }

    proptest! {
        #[test]
        fn the_machine_agrees_with_a_plain_map_and_equal_maps_hash_equal(
            writes in prop::collection::vec((0_u8..3, "[a-c]{1,2}", "[x-z]{0,2}", prop::option::of("[x-z]{0,2}")), 0..60)
        ) {
            let mut machine = Machine::default();
            let mut model: BTreeMap<String, String> = BTreeMap::new();
            for (kind, key, value, expected) in writes {
                let bytes: Bytes = key.clone().into();
                match kind {
                    0 => {
                        machine.apply(&Write::Put { key: bytes, value: value.clone().into() });
                        model.insert(key, value);
                    }
                    1 => {
                        let existed = model.remove(&key).is_some();
                        prop_assert_eq!(machine.apply(&Write::Delete { key: bytes }), Answer::Deleted { existed });
                    }
                    _ => {
                        let write = Write::CompareAndSet {
                            key: bytes, expected: expected.clone().map(Into::into), value: value.clone().into(),
                        };
                        let stored = machine.apply(&write) == Answer::Stored;
                        prop_assert_eq!(stored, model.get(&key) == expected.as_ref());
                        if stored { model.insert(key, value); }
                    }
                }
            }
            let mut rebuilt = Machine::default();
            for (key, value) in &model {
                rebuilt.apply(&Write::Put { key: key.clone().into(), value: value.clone().into() });
                prop_assert_eq!(
                    machine.read(&Read::Get { key: key.clone().into() }),
                    Answer::Value(Some(value.clone().into()))
                );
            }
            prop_assert_eq!(machine.len(), model.len() as u64);
            prop_assert_eq!(machine.hash(), rebuilt.hash());
        }
    }
}
