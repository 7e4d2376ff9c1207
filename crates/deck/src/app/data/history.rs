//! How a key came to its value: the committed writes in the part of the log that was read, and the writes whose outcome this deck
//! has heard.
//!
//! A committed entry never changes, so nothing that is kept here becomes wrong. The log's entries come as text, long keys and values
//! cut; when they were written is known of the deck's own and of scripts' writes only.

use super::Data;
use crate::app::writes::{WriteFate, WriteRecord};
use raftdeck_model::{Known, Node, Order, World, answered_entry};
use raftdeck_protocol::LogLine;
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::request::MAX_LOG_LINES;
use raftdeck_raft::{LogId, LogIndex, NodeId, Term};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most entries whose writes are kept.
const MAX_ENTRIES: u64 = 4096;

/// How many entries are requested together.
const WINDOW: u64 = MAX_LOG_LINES as u64;

/// The log is asked for again after this time: after an answer that brought something, after one that did not, and after none.
const AFTER_ANSWER: Duration = Duration::from_millis(200);
const AFTER_NOTHING: Duration = Duration::from_secs(1);
const AFTER_SILENCE: Duration = Duration::from_secs(2);

/// What a write did to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// It stored a value.
    Put,
    /// It removed the key.
    Delete,
    /// It was to compare and set: whether it changed anything is not known.
    Cas,
    /// It compared and set.
    Set,
    /// It compared, and changed nothing.
    Mismatch,
}

/// A write of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its entry.
    pub index: LogIndex,
    /// The entry's term.
    pub term: Term,
    /// What it did.
    pub kind: VersionKind,
    /// The value, or what was compared and set, as text; long ones are cut.
    pub text: String,
    /// When its client had the answer, and from which node, if this deck heard it.
    pub answered: Option<(Duration, NodeId)>,
}

/// From where on the history is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryStart {
    /// No entry has been read.
    Nowhere,
    /// From the first entry of all.
    Beginning,
    /// From this entry on; the older ones are only in a snapshot.
    Snapshot(LogIndex),
    /// From this entry on; older ones were not read.
    Entry(LogIndex),
}

/// The writes in the part of the log that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// The part, first and last index; 0: nothing was read.
    first: u64,
    last: u64,
    writes: BTreeMap<u64, (Term, String)>,
    /// Older entries were asked for, and have not come yet.
    asked_older: bool,
    /// No older entries can be had.
    is_at_floor: bool,
    again: Duration,
}

impl History {
    /// What to ask for, and when: what was committed since, else what is older.
    pub(super) fn wish(&self, world: &World) -> Option<(Duration, Order)> {
        let node = world.leader().filter(|node| node.live().is_some()).or_else(|| furthest(world))?;
        let status = node.raft()?;
        let committed = status.committed.copied()?.0;
        let in_log = status.purged.copied().unwrap_or_default().0.saturating_add(1);
        let ask = |first: u64, limit: u64| {
            let limit = u32::try_from(limit).unwrap_or(MAX_LOG_LINES);
            Some((self.again, Order::FetchLog { node: node.id, first: LogIndex(first), limit }))
        };
        if self.last < committed {
            let first = committed.saturating_sub(WINDOW - 1).max(self.last.saturating_add(1)).max(in_log);
            return (first <= committed).then(|| ask(first, WINDOW)).flatten();
        }
        let has_room = self.last - self.first + 1 < MAX_ENTRIES;
        if self.first > in_log && has_room && !self.is_at_floor {
            let first = self.first.saturating_sub(WINDOW).max(in_log);
            return ask(first, self.first - first);
        }
        None
    }

    /// This was asked.
    pub(super) fn asked(&mut self, order: &Order, now: Duration) {
        self.asked_older = matches!(order, Order::FetchLog { first, .. } if first.0 < self.first);
        self.again = now.saturating_add(AFTER_SILENCE);
    }

    /// Takes entries of a node that has committed up to this index. Only those count.
    pub(super) fn tell(&mut self, lines: &[LogLine], committed: LogIndex, now: Duration) {
        let told = consecutive(lines, committed);
        let brings_older = told.first().is_some_and(|line| line.id.index.0 < self.first);
        self.is_at_floor |= std::mem::take(&mut self.asked_older) && !brings_older;
        let (Some(a), Some(b)) = (told.first(), told.last()) else {
            self.again = now.saturating_add(AFTER_NOTHING);
            return;
        };
        let (a, b) = (a.id.index.0, b.id.index.0);
        let before = (self.first, self.last);
        if self.last == 0 || a > self.last.saturating_add(1) {
            // What lies between is not known, and newer entries matter more.
            self.writes.clear();
            self.is_at_floor = false;
            (self.first, self.last) = (a, b);
        } else if b.saturating_add(1) < self.first {
            return;
        } else {
            (self.first, self.last) = (self.first.min(a), self.last.max(b));
        }
        let is_write = |text: &str| {
            ["put ", "delete ", "cas ", "create "].into_iter().any(|word| text.starts_with(word))
        };
        for line in told.iter().filter(|line| is_write(&line.text)) {
            // A key and two values, each cut to 64 characters that may be escaped.
            let text: String = line.text.chars().take(64 * 4 * 10).collect();
            self.writes.insert(line.id.index.0, (line.id.term, text));
        }
        self.forget_oldest();
        let brought = before != (self.first, self.last);
        self.again = now.saturating_add(if brought { AFTER_ANSWER } else { AFTER_NOTHING });
    }

    fn forget_oldest(&mut self) {
        let least = self.last.saturating_sub(MAX_ENTRIES - 1);
        if self.first < least {
            self.first = least;
            self.writes = self.writes.split_off(&least);
        }
    }

    /// From where on it is known.
    pub(super) fn start(&self, world: &World) -> HistoryStart {
        let in_log = world.extent().first.0;
        match self.first {
            0 => HistoryStart::Nowhere,
            1 => HistoryStart::Beginning,
            first if first <= in_log => HistoryStart::Snapshot(LogIndex(first)),
            first => HistoryStart::Entry(LogIndex(first)),
        }
    }
}

fn furthest(world: &World) -> Option<&Node> {
    let committed = |node: &&Node| node.live().and_then(|status| status.committed.copied());
    world.nodes().filter(|node| committed(node).is_some()).max_by_key(committed)
}

/// The committed lines up to the first gap.
fn consecutive(lines: &[LogLine], committed: LogIndex) -> &[LogLine] {
    let goes_on = |pair: &[LogLine]| pair[0].id.index.0.checked_add(1) == Some(pair[1].id.index.0);
    let gap = lines.windows(2).position(|pair| !goes_on(pair)).map_or(lines.len(), |place| place + 1);
    let lines = &lines[..gap];
    let count = lines.iter().take_while(|line| line.id.index <= committed).count();
    let lines = &lines[..count];
    if lines.first().is_some_and(|line| line.id.index.0 == 0) { &lines[1..] } else { lines }
}

/// What a log entry's text says about a key; `None`: it is about another one.
///
/// Keys and values are not quoted there, so `put a b c` may be about `a` or about `a b`. It is taken to be about the longest key that
/// is known.
fn about(text: &str, printed: &str, longer: &[String]) -> Option<(VersionKind, String)> {
    let (word, rest) = text.split_once(' ')?;
    let is_others = longer
        .iter()
        .any(|key| rest.strip_prefix(key.as_str()).is_some_and(|r| r.starts_with(' ') || r.is_empty()));
    let after = rest.strip_prefix(printed).filter(|_| !is_others)?;
    let operands = after.strip_prefix(' ');
    match (word, operands) {
        ("put", Some(value)) => Some((VersionKind::Put, value.to_owned())),
        ("delete", None) if after.is_empty() => Some((VersionKind::Delete, String::new())),
        ("cas" | "create", Some(operands)) => Some((VersionKind::Cas, format!("{word} {operands}"))),
        _ => None,
    }
}

impl Data {
    /// What is known of the writes of the selected key, newest first. `writes`: those whose outcomes the deck has heard.
    #[must_use]
    pub fn versions<'a>(&self, writes: impl Iterator<Item = &'a WriteRecord>) -> Vec<Version> {
        let Some(key) = &self.selected else { return Vec::new() };
        let mut versions = BTreeMap::new();
        let printed = Printed(key).to_string();
        // Of a key that is cut in the log nothing can be told from there.
        if !printed.ends_with('…') {
            let blank = [&key[..], b" "].concat();
            let of_page = self.page.iter().flat_map(|page| &page.pairs).map(|(other, _)| other);
            let longer: Vec<String> = of_page
                .filter(|other| other.starts_with(&blank))
                .map(|other| Printed(other).to_string())
                .collect();
            for (index, (term, text)) in &self.history.writes {
                if let Some((kind, text)) = about(text, &printed, &longer) {
                    let (index, term) = (LogIndex(*index), *term);
                    versions.insert(index, Version { index, term, kind, text, answered: None });
                }
            }
        }
        for write in writes.filter(|write| write.key == *key) {
            // Where it stands among the others is known by its entry alone.
            if let WriteFate::Acknowledged { at, node, kind, .. } = &write.fate
                && let Known::Is(LogId { index, term }) = answered_entry(*at)
            {
                let answered = Some((write.when, *node));
                let text = write.value.clone();
                versions.insert(index, Version { index, term, kind: *kind, text, answered });
            }
        }
        versions.into_values().rev().collect()
    }

    /// Up to where the history is known.
    #[must_use]
    pub fn history_end(&self) -> LogIndex {
        LogIndex(self.history.last)
    }

    /// From where on the history is known.
    #[must_use]
    pub fn history_start(&self, world: &World) -> HistoryStart {
        self.history.start(world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(index: u64, text: &str) -> LogLine {
        LogLine { id: LogId { term: Term(2), index: LogIndex(index) }, text: text.to_owned() }
    }

    fn lines(range: std::ops::RangeInclusive<u64>) -> Vec<LogLine> {
        range.map(|index| line(index, "put color blue")).collect()
    }

    #[test]
    fn the_history_of_a_key_is_what_the_log_says_about_it() {
        let mut data = Data { selected: Some("color".into()), ..Data::default() };
        let told = [
            line(1, "no-op"),
            line(2, "put color blue"),
            line(3, "put colors red"),
            line(4, "cas color blue dark green"),
            line(5, "delete color"),
            line(6, "delete color 2"),
            line(7, "put color lost"),
        ];
        data.history.tell(&told, LogIndex(6), Duration::ZERO);
        let versions = data.versions([].iter());
        let told: Vec<_> = versions.iter().map(|v| (v.index.0, v.kind, v.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (5, VersionKind::Delete, ""),
                (4, VersionKind::Cas, "cas blue dark green"),
                (2, VersionKind::Put, "blue")
            ],
            "what is not committed is no version"
        );
    }

    #[test]
    fn a_line_that_may_be_about_two_keys_is_taken_to_be_about_the_longer_one_that_is_known() {
        let longer = ["a b".to_owned()];
        assert_eq!(about("put a b c", "a", &longer), None);
        assert_eq!(about("put a b c", "a b", &[]), Some((VersionKind::Put, "c".to_owned())));
        assert_eq!(about("put a b c", "a", &[]), Some((VersionKind::Put, "b c".to_owned())));
        assert_eq!(about("put a bc", "a", &longer), Some((VersionKind::Put, "bc".to_owned())));
    }

    #[test]
    fn what_is_kept_is_one_part_of_the_log_without_a_gap_and_bounded() {
        let mut history = History::default();
        history.tell(&lines(100..=199), LogIndex(500), Duration::ZERO);
        history.tell(&lines(50..=99), LogIndex(500), Duration::ZERO);
        history.tell(&lines(10..=20), LogIndex(500), Duration::ZERO);
        assert_eq!((history.first, history.last), (50, 199), "older ones with a gap are not kept");
        history.tell(&lines(300..=310), LogIndex(500), Duration::ZERO);
        assert_eq!((history.first, history.last, history.writes.len()), (300, 310, 11), "newer ones are");
        for n in 0..20 {
            history.tell(&lines(311 + n * 512..=310 + (n + 1) * 512), LogIndex(u64::MAX), Duration::ZERO);
        }
        assert_eq!(history.writes.len() as u64, MAX_ENTRIES);
        assert_eq!(history.last - history.first + 1, MAX_ENTRIES);
        history.tell(&[line(u64::MAX, "put a b")], LogIndex(u64::MAX), Duration::ZERO);
        assert_eq!(history.writes.len(), 1);
    }
}
