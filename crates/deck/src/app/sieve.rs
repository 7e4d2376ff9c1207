//! Which messages the Messages view shows: by kind, by link, by what happened to them, by term, index and number, and by any other
//! text that is in them.

use crate::app::find::Find;
use raftdeck_model::{FrameKind, MessageId, MessageReport, MessageState};
use raftdeck_raft::{LogIndex, NodeId, Term};
use std::collections::BTreeSet;

/// The syntax of a filter, for its placeholder.
pub const USAGE: &str =
    "votes, entries, heartbeats or a kind; 1>3, 1-3, 2, 2>; held, lost; t3, i42, #105; any text";

/// Links as a filter names them; `None`: any node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LinkFilter {
    from: Option<NodeId>,
    to: Option<NodeId>,
    both_ways: bool,
}

impl LinkFilter {
    fn covers(self, from: NodeId, to: NodeId) -> bool {
        let one_way =
            |from, to| self.from.is_none_or(|node| node == from) && self.to.is_none_or(|node| node == to);
        one_way(from, to) || (self.both_ways && one_way(to, from))
    }
}

/// A state as a filter names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageFate {
    Held,
    UnderWay,
    Arrived,
    Lost,
}

impl MessageFate {
    const ALL: [(&'static str, Self); 4] = [
        ("held", Self::Held),
        ("underway", Self::UnderWay),
        ("arrived", Self::Arrived),
        ("lost", Self::Lost),
    ];

    fn is(self, state: MessageState) -> bool {
        matches!(
            (self, state),
            (Self::Held, MessageState::Held)
                | (Self::UnderWay, MessageState::UnderWay { .. })
                | (Self::Arrived, MessageState::Delivered { .. })
                | (Self::Lost, MessageState::Lost { .. })
        )
    }
}

/// A filter. A message must match one item of each sort, and have every other word in its text; a sort without items matches
/// everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sieve {
    /// The whole line.
    line: Find,
    kinds: BTreeSet<FrameKind>,
    links: Vec<LinkFilter>,
    fates: Vec<MessageFate>,
    terms: Vec<Term>,
    indices: Vec<LogIndex>,
    numbers: Vec<MessageId>,
    text: Find,
}

impl Sieve {
    /// The filter of a line. What is no kind, link, state or number is text.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let mut sieve = Self { line: Find::new(line), ..Self::default() };
        let mut text = Vec::new();
        for word in line.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
            let lower = word.to_ascii_lowercase();
            if let Some(kinds) = kinds(&lower) {
                sieve.kinds.extend(kinds);
            } else if let Some((_, fate)) = MessageFate::ALL.iter().find(|(name, _)| *name == lower) {
                sieve.fates.push(*fate);
            } else if let Some(link) = link(&lower) {
                sieve.links.push(link);
            } else if let Some(term) = number(&lower, 't') {
                sieve.terms.push(Term(term));
            } else if let Some(index) = number(&lower, 'i') {
                sieve.indices.push(LogIndex(index));
            } else if let Some(id) = number(&lower, '#') {
                sieve.numbers.push(MessageId(id));
            } else {
                text.push(word);
            }
        }
        sieve.text = Find::new(&text.join(" "));
        sieve
    }

    /// Whether this message is shown.
    #[must_use]
    pub fn passes(&self, report: &MessageReport) -> bool {
        let one_of = |is_any: bool, is_one: bool| is_any || is_one;
        one_of(self.kinds.is_empty(), self.kinds.contains(&report.kind))
            && one_of(
                self.links.is_empty(),
                self.links.iter().any(|link| link.covers(report.from, report.to)),
            )
            && one_of(self.fates.is_empty(), self.fates.iter().any(|fate| fate.is(report.state)))
            && one_of(self.terms.is_empty(), self.terms.contains(&report.term))
            && one_of(
                self.indices.is_empty(),
                report.index.is_some_and(|index| self.indices.contains(&index)),
            )
            && one_of(self.numbers.is_empty(), self.numbers.contains(&report.id))
            && self.text.fits(&[report.kind.name(), &report.fields])
    }

    /// What is looked for in the messages' texts.
    #[must_use]
    pub fn text(&self) -> &Find {
        &self.text
    }

    /// Whether every message is shown.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.line.is_empty()
    }

    /// Whether it names kinds of messages, some of their text, or single ones.
    #[must_use]
    pub fn names_kinds(&self) -> bool {
        !self.kinds.is_empty() || !self.text.is_empty() || !self.numbers.is_empty()
    }

    /// The filter as it was typed.
    #[must_use]
    pub fn line(&self) -> &Find {
        &self.line
    }
}

fn kinds(word: &str) -> Option<Vec<FrameKind>> {
    let kinds = match word {
        "vote" | "votes" => {
            vec![FrameKind::PreVote, FrameKind::PreVoteReply, FrameKind::RequestVote, FrameKind::VoteReply]
        }
        "entries" => vec![FrameKind::AppendEntries, FrameKind::AppendReply],
        "heartbeats" => vec![FrameKind::Heartbeat, FrameKind::HeartbeatReply, FrameKind::AppendReply],
        "snapshot" | "snapshots" => vec![FrameKind::InstallSnapshot, FrameKind::SnapshotReply],
        _ => vec![FrameKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(word))?],
    };
    Some(kinds)
}

/// `t3` is term 3.
fn number(word: &str, sign: char) -> Option<u64> {
    word.strip_prefix(sign)?.parse().ok()
}

fn link(word: &str) -> Option<LinkFilter> {
    let node = |word: &str| word.strip_prefix('n').unwrap_or(word).parse().ok().map(NodeId);
    if let Some((from, to)) = word.split_once('-') {
        return Some(LinkFilter { from: Some(node(from)?), to: Some(node(to)?), both_ways: true });
    }
    let Some((from, to)) = word.split_once('>') else {
        return Some(LinkFilter { from: Some(node(word)?), to: None, both_ways: true });
    };
    let side = |word: &str| if word.is_empty() { Some(None) } else { node(word).map(Some) };
    Some(LinkFilter { from: side(from)?, to: side(to)?, both_ways: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::MessageId;
    use raftdeck_raft::Term;
    use std::time::Duration;

    fn message(from: u64, to: u64, kind: FrameKind, state: MessageState) -> MessageReport {
        MessageReport {
            id: MessageId(1),
            from: NodeId(from),
            to: NodeId(to),
            kind,
            term: Term(3),
            index: None,
            granted: None,
            entries: 0,
            fields: String::new(),
            sent: Duration::ZERO,
            state,
        }
    }

    #[test]
    fn kinds_links_and_states_are_told_apart_and_all_must_fit() {
        let passes = |line: &str| {
            let sieve = Sieve::parse(line);
            let asked = message(1, 3, FrameKind::RequestVote, MessageState::Held);
            let beat = message(3, 1, FrameKind::Heartbeat, MessageState::Lost { at: Duration::ZERO });
            (sieve.passes(&asked), sieve.passes(&beat))
        };
        assert_eq!(passes(""), (true, true));
        assert_eq!(passes("votes"), (true, false));
        assert_eq!(passes("RequestVote,heartbeat"), (true, true));
        assert_eq!(passes("1>3"), (true, false));
        assert_eq!(passes("1-3"), (true, true));
        assert_eq!(passes("n3>"), (false, true));
        assert_eq!(passes(">3"), (true, false));
        assert_eq!(passes("3"), (true, true));
        assert_eq!(passes("held"), (true, false));
        assert_eq!(passes("held heartbeat"), (false, false));
        assert_eq!(passes("held lost 1-3"), (true, true));
    }

    #[test]
    fn numbers_are_terms_indices_and_messages_and_all_else_is_text() {
        let report = MessageReport {
            index: Some(LogIndex(42)),
            fields: "last entry 41 of term 2".to_owned(),
            ..message(1, 3, FrameKind::RequestVote, MessageState::Held)
        };
        for line in
            ["t3", "i42", "#1", "#1 #7", "last entry", "requestv", "uestVote entry", "held entry", "1>"]
        {
            assert!(Sieve::parse(line).passes(&report), "{line}");
        }
        for line in ["t4", "i41", "#2", "heartb", "last entry 43", "Entry", "lost entry", "held?", "1>x"] {
            assert!(!Sieve::parse(line).passes(&report), "{line}");
        }
        assert_eq!(Sieve::parse(" held  Entry ").line().text(), "held Entry");
    }
}
