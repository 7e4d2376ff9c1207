//! The logs side by side: the index under the cursor, and the entries' texts as far as they were fetched.
//!
//! Terms come with every status; texts are requested only near the cursor and only while the view is open. An entry's text is kept by
//! its id (term and index), not by node: two entries with the same id are the same entry (Log Matching, paper §5.3). So one fetch
//! serves every node, and nothing that is kept becomes stale.

use raftdeck_model::{Extent, Order, World};
use raftdeck_protocol::LogLine;
use raftdeck_protocol::printable;
use raftdeck_raft::{LogId, LogIndex, NodeId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most texts kept.
const MAX_TEXTS: usize = 2000;

/// The longest text kept, in characters.
const MAX_TEXT: usize = 300;

/// How many entries are requested together, and how many of them lie before the cursor.
const WINDOW: u32 = 96;
const BEFORE: u64 = 48;

/// Of how many columns in sight the texts are asked for at most.
const MAX_COLUMNS: usize = 48;

/// How long an end of the logs is shown at least.
const HELD: Duration = Duration::from_millis(250);

/// A node is asked again after this time: after a useful answer, after a useless one, and after none.
const AFTER_ANSWER: Duration = Duration::from_millis(200);
const AFTER_NOTHING: Duration = Duration::from_secs(1);
const AFTER_SILENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
struct LogRequest {
    again: Duration,
}

/// Where the Logs view was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBookmark {
    cursor: Option<LogIndex>,
    left: u64,
}

/// The Logs view's state.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// The cursor; `None`: it stays on the newest entry.
    cursor: Option<LogIndex>,
    /// The leftmost column, while the cursor is not on the newest.
    left: u64,
    /// The newest entry shown while the cursor follows it, and since when: it moves a few times a second, so that it can be read.
    held: Option<(LogIndex, Duration)>,
    texts: BTreeMap<LogId, String>,
    asked: BTreeMap<NodeId, LogRequest>,
}

impl Logs {
    /// The entries to show, of those that there are now: while the cursor follows the newest, the end moves a few times a second.
    #[must_use]
    pub fn extent(&self, world: &World) -> Extent {
        let extent = world.extent();
        let last = match self.held {
            Some((held, _)) if self.follows() => held.min(extent.last),
            _ => extent.last,
        };
        Extent { last, ..extent }
    }

    /// Takes note of the newest entry.
    pub fn hold(&mut self, world: &World, now: Duration) {
        let last = world.log_end();
        if self.held.is_none_or(|(held, since)| last < held || now.saturating_sub(since) >= HELD) {
            self.held = Some((last, now));
        }
    }

    /// Shows the newest entry at once.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    /// When a newer entry is shown without any news.
    #[must_use]
    pub fn next_end(&self, world: &World) -> Option<Duration> {
        let (held, since) = self.held.filter(|_| self.follows())?;
        (held < world.log_end()).then(|| since.saturating_add(HELD))
    }

    /// Whether the cursor follows the newest entry.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.cursor.is_none()
    }

    /// The index under the cursor, given the entries that there are.
    #[must_use]
    pub fn cursor(&self, of: Extent) -> LogIndex {
        self.cursor.map_or(of.last, |cursor| cursor.max(of.first).min(of.last))
    }

    /// The index of the leftmost column, given the existing entries and the number of columns. One column of what is only in
    /// snapshots comes into sight before the first entry.
    #[must_use]
    pub fn leftmost(&self, of: Extent, columns: usize) -> LogIndex {
        let columns = (columns as u64).max(1);
        let least = of.first.0.saturating_sub(1).max(1);
        let rightmost_left = of.last.0.saturating_sub(columns - 1).max(least);
        if self.follows() {
            return LogIndex(rightmost_left);
        }
        let cursor = self.cursor(of).0;
        let in_sight = cursor.saturating_sub(columns - 1).max(1);
        LogIndex(self.left.clamp(in_sight, cursor.max(1)).min(rightmost_left).max(least.min(cursor.max(1))))
    }

    /// Moves the cursor by this many entries.
    pub fn step(&mut self, by: i64, of: Extent, columns: usize) {
        let left = self.leftmost(of, columns);
        let to = self.cursor(of).0.saturating_add_signed(by).max(of.first.0).max(1);
        self.cursor = (to < of.last.0).then_some(LogIndex(to));
        self.left = left.0;
        if to == of.first.0 {
            self.left = to.saturating_sub(1);
        }
        self.left = self.leftmost(of, columns).0;
    }

    /// Puts the cursor on an entry, or the nearest one that exists.
    pub fn go_to(&mut self, index: LogIndex, of: Extent, columns: usize) {
        self.left = self.leftmost(of, columns).0;
        let index = LogIndex(index.0.max(of.first.0).max(1));
        self.cursor = (index < of.last).then_some(index);
        if index == of.first {
            self.left = index.0.saturating_sub(1);
        }
    }

    /// Moves to the newest entry, and follows it.
    pub fn follow(&mut self) {
        self.cursor = None;
    }

    /// An entry's text, if it has been fetched.
    #[must_use]
    pub fn text(&self, id: LogId) -> Option<&str> {
        self.texts.get(&id).map(String::as_str)
    }

    /// The texts that were fetched, by term and index.
    pub fn texts(&self) -> impl Iterator<Item = (LogId, &str)> {
        self.texts.iter().map(|(id, text)| (*id, text.as_str()))
    }

    /// Where it is, to come back to.
    #[must_use]
    pub fn bookmark(&self) -> LogBookmark {
        LogBookmark { cursor: self.cursor, left: self.left }
    }

    /// Comes back to where it was.
    pub fn go_back(&mut self, to: LogBookmark) {
        (self.cursor, self.left) = (to.cursor, to.left);
    }

    /// Keeps where the person reads. An entry's text that was read at another time is its text at this time too.
    pub(super) fn keep_reader(&mut self, before: &Self) {
        self.go_back(before.bookmark());
        for (id, text) in &before.texts {
            if self.texts.len() < MAX_TEXTS {
                self.texts.entry(*id).or_insert_with(|| text.clone());
            }
        }
    }

    /// Takes a node's answer.
    pub fn tell(&mut self, node: NodeId, lines: &[LogLine], world: &World, now: Duration) {
        let cursor = self.cursor(self.extent(world));
        let useful = lines.iter().any(|line| !self.texts.contains_key(&line.id));
        let wait = if useful { AFTER_ANSWER } else { AFTER_NOTHING };
        self.asked.insert(node, LogRequest { again: now.saturating_add(wait) });
        for line in lines.iter().take(MAX_TEXTS) {
            let cut: String = line.text.chars().take(MAX_TEXT).collect();
            self.texts.insert(line.id, printable::visible(&cut).into_owned());
        }
        // The text furthest from the cursor, by term and index, is removed first.
        let near = self.texts.keys().rev().find(|id| id.index <= cursor).copied().unwrap_or_default();
        while self.texts.len() > MAX_TEXTS {
            let below = self.texts.range(..near).count();
            if below > self.texts.len() / 2 {
                self.texts.pop_first()
            } else {
                self.texts.pop_last()
            };
        }
    }

    /// The requests to send now.
    pub fn ask(&mut self, world: &World, columns: usize, now: Duration) -> Vec<Order> {
        let cursor = self.cursor(self.extent(world));
        let due: Vec<NodeId> =
            self.missing(world, columns).into_iter().filter(|node| self.again(*node) <= now).collect();
        due.into_iter()
            .map(|node| {
                self.asked.insert(node, LogRequest { again: now.saturating_add(AFTER_SILENCE) });
                let first = LogIndex(cursor.0.saturating_sub(BEFORE).max(1));
                Order::FetchLog { node, first, limit: WINDOW }
            })
            .collect()
    }

    /// When the next request is due without any news.
    #[must_use]
    pub fn next_ask(&self, world: &World, columns: usize, now: Duration) -> Option<Duration> {
        self.missing(world, columns).into_iter().map(|node| self.again(node).max(now)).min()
    }

    fn again(&self, node: NodeId) -> Duration {
        self.asked.get(&node).map_or(Duration::ZERO, |asked| asked.again)
    }

    /// The nodes to ask: for each entry in sight whose text is missing, the first living node that has it.
    fn missing(&self, world: &World, columns: usize) -> BTreeSet<NodeId> {
        let extent = self.extent(world);
        let first = self.leftmost(extent, columns).0.max(1);
        let last = extent.last.0.min(first.saturating_add(columns.min(MAX_COLUMNS) as u64));
        let mut wanted: BTreeMap<LogId, NodeId> = BTreeMap::new();
        for row in world.log_rows().filter(|row| !row.is_last_known) {
            for index in (first..=last).chain([self.cursor(extent).0]).map(LogIndex) {
                let Some(term) = row.term_at(index) else { continue };
                let id = LogId { term, index };
                if !self.texts.contains_key(&id) {
                    wanted.entry(id).or_insert(row.node.id);
                }
            }
        }
        wanted.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Term;

    fn to(last: u64) -> Extent {
        Extent { first: LogIndex(1.min(last)), last: LogIndex(last) }
    }

    #[test]
    fn the_end_that_is_followed_moves_a_few_times_a_second() {
        use raftdeck_model::{Known, News, NodeView, RaftView, Update};
        use raftdeck_raft::Role;
        let ms = Duration::from_millis;
        let mut world = World::default();
        let tell = |world: &mut World, what| world.fold(&Update { at: ms(0), seq: 0, what });
        let nodes = vec![NodeId(1)];
        tell(
            &mut world,
            News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() },
        );
        let grow = |world: &mut World, last| {
            let mut raft = RaftView::new(NodeId(1), Term(1), Role::Leader);
            raft.last = Known::Is(LogId { term: Term(1), index: LogIndex(last) });
            tell(world, News::Status { node: NodeId(1), status: Box::new(NodeView::new(raft)) });
        };
        let mut logs = Logs::default();
        grow(&mut world, 10);
        logs.hold(&world, ms(0));
        assert_eq!((logs.extent(&world).last, logs.next_end(&world)), (LogIndex(10), None));
        grow(&mut world, 90);
        logs.hold(&world, ms(100));
        assert_eq!((logs.extent(&world).last, logs.next_end(&world)), (LogIndex(10), Some(HELD)));
        logs.hold(&world, HELD);
        assert_eq!(logs.extent(&world).last, LogIndex(90));
        logs.step(-1, logs.extent(&world), 5);
        grow(&mut world, 200);
        assert_eq!(logs.extent(&world).last, LogIndex(200), "a cursor that stays does not need it");
    }

    #[test]
    fn the_cursor_follows_the_tail_until_it_is_moved_and_again_at_the_end() {
        let mut logs = Logs::default();
        assert_eq!(logs.cursor(to(1_000_000)), LogIndex(1_000_000));
        logs.step(-1, to(1_000_000), 10);
        assert_eq!(logs.cursor(to(2_000_000)), LogIndex(999_999));
        assert!(!logs.follows());
        logs.step(i64::MAX, to(2_000_000), 10);
        assert!(logs.follows());
    }

    #[test]
    fn the_window_moves_only_as_far_as_the_cursor_needs() {
        let last = to(100);
        let mut logs = Logs::default();
        assert_eq!(logs.leftmost(last, 10), LogIndex(91));
        logs.step(-3, last, 10);
        assert_eq!(logs.leftmost(last, 10), LogIndex(91), "the cursor is still in sight");
        logs.step(-20, last, 10);
        assert_eq!(logs.leftmost(last, 10), LogIndex(77));
        assert_eq!(logs.leftmost(last, 4), LogIndex(77), "a smaller window keeps the cursor in sight");
        logs.step(i64::MIN, last, 10);
        assert_eq!((logs.cursor(last), logs.leftmost(last, 10)), (LogIndex(1), LogIndex(1)));
        assert_eq!(logs.leftmost(to(0), 0), LogIndex(1), "an empty log");
    }

    #[test]
    fn the_cursor_goes_back_to_the_first_entry_that_there_is_and_shows_what_is_before_it() {
        let of = Extent { first: LogIndex(901), last: LogIndex(1000) };
        let mut logs = Logs::default();
        logs.step(i64::MIN, of, 10);
        assert_eq!((logs.cursor(of), logs.leftmost(of, 10)), (LogIndex(901), LogIndex(900)));
        logs.go_to(LogIndex(1), of, 10);
        assert_eq!((logs.cursor(of), logs.leftmost(of, 10)), (LogIndex(901), LogIndex(900)));
        let later = Extent { first: LogIndex(951), last: LogIndex(1050) };
        assert_eq!(logs.cursor(later), LogIndex(951), "what it was on is gone from every log");
        assert_eq!(logs.leftmost(later, 10), LogIndex(950));
        assert_eq!(logs.leftmost(Extent { first: LogIndex(7), last: LogIndex(7) }, 10), LogIndex(6));
    }

    #[test]
    fn texts_are_bounded() {
        let mut logs = Logs::default();
        let world = World::default();
        for batch in 0..100u64 {
            let line = |n: u64| LogLine {
                id: LogId { term: Term(1), index: LogIndex(batch * 100 + n) },
                text: "put k v".into(),
            };
            logs.tell(NodeId(1), &(0..100).map(line).collect::<Vec<_>>(), &world, Duration::ZERO);
        }
        assert_eq!(logs.texts.len(), MAX_TEXTS);
    }
}
