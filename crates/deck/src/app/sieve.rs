//! Which messages the Messages view shows: by kind, by link and by what happened to them.

use raftdeck_model::{FrameKind, MessageReport, MessageState};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// The syntax of a filter, for its placeholder.
pub const USAGE: &str = "votes, entries, heartbeats or a kind; 1>3, 1-3, 2, 2>, >2; held, lost; empty: all";

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

/// A filter. A message must match one item of each sort; a sort without items matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sieve {
    words: String,
    kinds: BTreeSet<FrameKind>,
    links: Vec<LinkFilter>,
    fates: Vec<MessageFate>,
}

impl Sieve {
    /// Parses a filter, or says in a sentence why not.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut sieve =
            Self { words: line.split_whitespace().collect::<Vec<_>>().join(" "), ..Self::default() };
        for word in line.split([' ', ',', '\t']).filter(|word| !word.is_empty()) {
            let lower = word.to_ascii_lowercase();
            if let Some(kinds) = kinds(&lower) {
                sieve.kinds.extend(kinds);
            } else if let Some((_, fate)) = MessageFate::ALL.iter().find(|(name, _)| *name == lower) {
                sieve.fates.push(*fate);
            } else if let Some(link) = link(&lower) {
                sieve.links.push(link);
            } else {
                return Err(format!("{word} is no kind, link or state of messages: {USAGE}"));
            }
        }
        Ok(sieve)
    }

    /// Whether this message is shown.
    #[must_use]
    pub fn passes(&self, report: &MessageReport) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&report.kind))
            && (self.links.is_empty() || self.links.iter().any(|link| link.covers(report.from, report.to)))
            && (self.fates.is_empty() || self.fates.iter().any(|fate| fate.is(report.state)))
    }

    /// Whether every message is shown.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether it names kinds of messages.
    #[must_use]
    pub fn names_kinds(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// The filter as it was typed.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }
}

fn kinds(word: &str) -> Option<Vec<FrameKind>> {
    let kinds = match word {
        "vote" | "votes" => {
            vec![FrameKind::PreVote, FrameKind::PreVoteReply, FrameKind::RequestVote, FrameKind::VoteReply]
        }
        "entries" => vec![FrameKind::AppendEntries, FrameKind::AppendReply],
        "heartbeats" => vec![FrameKind::Heartbeat, FrameKind::AppendReply],
        "snapshot" | "snapshots" => vec![FrameKind::InstallSnapshot, FrameKind::SnapshotReply],
        _ => vec![FrameKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(word))?],
    };
    Some(kinds)
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
            let sieve = Sieve::parse(line).unwrap();
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
    fn what_is_no_filter_is_said() {
        for line in ["frobnicate", "1>x", "1-", "held?"] {
            let why = Sieve::parse(line).unwrap_err();
            assert!(why.contains("is no kind, link or state"), "{why}");
        }
    }
}
