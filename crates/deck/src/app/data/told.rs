//! What a source tells about the store by itself: answers to clients and committed entries. A recording cannot be asked, so this is
//! all that is known of its keys.

use super::pages::{AsOf, Page};
use bytes::Bytes;
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, News, Update};
use raftdeck_protocol::{Answer, LogLine, Read, ResponseBody, Write};
use raftdeck_raft::{LogId, LogIndex, NodeId};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most keys kept; beyond it the one that was told first is forgotten.
const MAX_KEYS: usize = 1000;

/// The longest value kept.
const MAX_VALUE: usize = 64 << 10;

/// The keys that updates reported, with the entry as of which; a value of `None`: it was deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    values: BTreeMap<Bytes, (LogIndex, Option<Bytes>)>,
    newest: Option<AsOf>,
}

impl Told {
    /// The keys that exist, as far as it was told.
    pub(super) fn page(&self, prefix: &str) -> Option<Page> {
        let as_of = self.newest?;
        let known = self.values.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes()));
        let pairs = known.filter_map(|(key, (_, value))| Some((key.clone(), value.clone()?))).collect();
        Some(Page { start: None, pairs, more: false, as_of })
    }

    fn set(&mut self, key: &Bytes, value: Option<&Bytes>, at: LogIndex) {
        let is_old = self.values.get(key).is_some_and(|(index, _)| *index > at);
        if is_old || value.is_some_and(|value| value.len() > MAX_VALUE) {
            return;
        }
        self.values.insert(key.clone(), (at, value.cloned()));
        if self.values.len() > MAX_KEYS {
            let oldest = self.values.iter().min_by_key(|(_, (index, _))| *index).map(|(key, _)| key.clone());
            oldest.map(|key| self.values.remove(&key));
        }
    }

    fn as_of(&mut self, index: LogIndex, node: NodeId, when: Duration) {
        let index = self.newest.map_or(index, |newest| newest.index.max(index));
        self.newest = Some(AsOf { index, node, when });
    }

    fn answer(&mut self, op: &ClientOp, answer: &Answer, at: LogId) {
        let at = at.index;
        match (op, answer) {
            (
                ClientOp::Write(Write::Put { key, value } | Write::CompareAndSet { key, value, .. }),
                Answer::Stored,
            ) => self.set(key, Some(value), at),
            (ClientOp::Write(Write::Delete { key }), Answer::Deleted { .. }) => self.set(key, None, at),
            (ClientOp::Write(write), Answer::Mismatch { current }) => {
                self.set(write.key(), current.as_ref(), at);
            }
            (ClientOp::Read(Read::Get { key }), Answer::Value(value)) => self.set(key, value.as_ref(), at),
            (ClientOp::Read(Read::List { prefix, after, .. }), Answer::Page { pairs, more }) => {
                self.listed(prefix, after.as_ref(), pairs, *more, at);
            }
            _ => {}
        }
    }

    /// Of the keys that a list would have had, those that it does not have did not exist.
    fn listed(
        &mut self,
        prefix: &Bytes,
        after: Option<&Bytes>,
        pairs: &[(Bytes, Bytes)],
        more: bool,
        at: LogIndex,
    ) {
        let last = pairs.last().map(|(key, _)| key);
        let covers = |key: &Bytes| {
            key.starts_with(prefix)
                && after.is_none_or(|after| key > after)
                && (!more || last.is_some_and(|last| key <= last))
        };
        for (_, (index, value)) in self.values.iter_mut().filter(|(key, _)| covers(key)) {
            // Answers without an entry count in the order in which they came.
            if *index < at || at == LogIndex::ZERO {
                (*index, *value) = (at, None);
            }
        }
        for (key, value) in pairs.iter().take(MAX_KEYS) {
            self.set(key, Some(value), at);
        }
    }

    fn line(&mut self, line: &LogLine) {
        let mut words = line.text.split(' ');
        let (word, key, value) = (words.next(), words.next(), words.next());
        // Where blanks, escapes or a cut leave open what was written, nothing is known.
        if words.next().is_some() || line.text.contains(['\\', '…']) {
            return;
        }
        match (word, key, value) {
            (Some("put"), Some(key), Some(value)) => {
                self.set(&key.to_owned().into(), Some(&value.to_owned().into()), line.id.index);
            }
            (Some("delete"), Some(key), None) => self.set(&key.to_owned().into(), None, line.id.index),
            _ => {}
        }
    }
}

/// Hears an update. Says whether something is known anew.
pub(super) fn hear(told: &mut Told, update: &Update, committed: impl Fn(NodeId) -> Option<LogIndex>) -> bool {
    match &update.what {
        News::Client {
            request: ClientRequest { op, .. },
            outcome: ClientOutcome::Answered { node, body: ResponseBody::Done { answer, at } },
            ..
        } => {
            told.answer(op, answer, *at);
            told.as_of(at.index, *node, update.at);
            true
        }
        News::Log { node, lines } => {
            let Some(committed) = committed(*node) else { return false };
            let mut newest = None;
            for line in lines.iter().filter(|line| line.id.index <= committed) {
                told.line(line);
                newest = newest.max(Some(line.id.index));
            }
            if let Some(newest) = newest {
                told.as_of(newest, *node, update.at);
            }
            newest.is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Term;

    fn at(index: u64) -> LogId {
        LogId { term: Term(1), index: LogIndex(index) }
    }

    fn client(told: &mut Told, op: ClientOp, answer: Answer, index: u64) {
        let body = ResponseBody::Done { answer, at: at(index) };
        let what = News::Client {
            id: raftdeck_model::CommandId(1),
            request: op.into(),
            outcome: ClientOutcome::Answered { node: NodeId(2), body },
            took: Duration::ZERO,
        };
        assert!(hear(told, &Update { at: Duration::ZERO, seq: 0, what }, |_| None));
    }

    fn pairs(told: &Told, prefix: &str) -> Vec<(String, String)> {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let page = told.page(prefix).expect("something was told");
        page.pairs.iter().map(|(key, value)| (text(key), text(value))).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn answers_tell_which_keys_there_are() {
        let mut told = Told::default();
        assert_eq!(told.page(""), None);
        let put = |key: &'static str, value: &'static str| {
            ClientOp::Write(Write::Put { key: key.into(), value: value.into() })
        };
        client(&mut told, put("a", "1"), Answer::Stored, 2);
        client(&mut told, put("b", "1"), Answer::Stored, 3);
        client(&mut told, ClientOp::Read(Read::Get { key: "b".into() }), Answer::Value(Some("0".into())), 1);
        assert_eq!(pairs(&told, ""), [pair("a", "1"), pair("b", "1")], "an older answer tells nothing new");
        let list = Read::List { prefix: "".into(), after: None, limit: 9 };
        let page = Answer::Page { pairs: vec![("b".into(), "2".into())], more: false };
        client(&mut told, ClientOp::Read(list), page, 7);
        assert_eq!(pairs(&told, ""), [pair("b", "2")], "a is gone");
        assert_eq!(pairs(&told, "c"), []);
    }

    #[test]
    fn answers_without_an_entry_count_as_they_come() {
        let mut told = Told::default();
        let put = |value: &'static str| ClientOp::Write(Write::Put { key: "a".into(), value: value.into() });
        client(&mut told, put("1"), Answer::Stored, 0);
        client(&mut told, put("2"), Answer::Stored, 0);
        assert_eq!(pairs(&told, ""), [pair("a", "2")]);
        let list = Read::List { prefix: "".into(), after: None, limit: 9 };
        client(&mut told, ClientOp::Read(list), Answer::Page { pairs: Vec::new(), more: false }, 0);
        assert_eq!(pairs(&told, ""), []);
    }

    #[test]
    fn committed_entries_tell_what_they_say_without_doubt() {
        let mut told = Told::default();
        let texts = ["put a 1", "put b c d", "put e \\xff", "put f xxx…", "delete g", "put h 1"];
        let line = |(index, text): (u64, &&str)| LogLine { id: at(index), text: (*text).to_owned() };
        let lines = (1..).zip(&texts).map(line).collect();
        let update = Update { at: Duration::ZERO, seq: 0, what: News::Log { node: NodeId(1), lines } };
        assert!(!hear(&mut told, &update, |_| None), "how much is committed is not known");
        assert!(hear(&mut told, &update, |_| Some(LogIndex(5))));
        assert_eq!(pairs(&told, ""), [pair("a", "1")]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut told = Told::default();
        for n in 0..2 * MAX_KEYS {
            told.set(&format!("k{n}").into(), Some(&"v".into()), LogIndex(n as u64));
        }
        assert_eq!(told.values.len(), MAX_KEYS);
        told.set(&"great".into(), Some(&vec![0; MAX_VALUE + 1].into()), LogIndex(9999));
        assert!(!told.values.contains_key(&b"great"[..]));
    }
}
