//! The event feed: what happened, in plain words, oldest first and bounded.
//!
//! The sentences are [`crate::words`]'; the feed only leaves out the details and gathers neighbours that say the same
//! of many links.

use crate::words::{Sentence, Weight, sentence};
use raftdeck_lab::{LinkState, Update};
use raftdeck_raft::NodeId;
use std::collections::VecDeque;
use std::time::Duration;

/// The most entries kept.
pub const MAX_ENTRIES: usize = 2000;

/// Cuts within this time are one event to a person.
const TOGETHER: Duration = Duration::from_millis(250);

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, since the deck started.
    pub at: Duration,
    /// How much it matters.
    pub weight: Weight,
    /// Whom it is about.
    pub node: Option<NodeId>,
    /// The sentence.
    pub text: String,
}

/// Links that changed together.
#[derive(Clone, Debug)]
struct LinkGroup {
    state: LinkState,
    since: Duration,
    links: Vec<(NodeId, NodeId)>,
}

/// The feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    entries: VecDeque<Entry>,
    group: Option<LinkGroup>,
    /// How many of the newest entries are scrolled out of sight.
    back: usize,
}

impl Feed {
    /// Takes note of an update. Says whether the feed changed.
    pub fn tell(&mut self, update: &Update, now: Duration) -> bool {
        if let Update::Link { from, to, state } = update {
            self.link(*from, *to, *state, now);
            return true;
        }
        let Some(Sentence { weight, node, text }) = sentence(update) else { return false };
        if weight == Weight::Detail {
            return false;
        }
        self.group = None;
        self.push(Entry { at: now, weight, node, text });
        true
    }

    fn link(&mut self, from: NodeId, to: NodeId, state: LinkState, now: Duration) {
        let joins = |g: &LinkGroup| {
            g.state == state && now.saturating_sub(g.since) < TOGETHER && g.links.len() < MAX_ENTRIES
        };
        let mut group = match self.group.take() {
            Some(group) if joins(&group) => {
                self.entries.pop_back();
                group
            }
            _ => LinkGroup { state, since: now, links: Vec::new() },
        };
        group.links.push((from, to));
        self.push(Entry { at: group.since, weight: Weight::Major, node: None, text: group_words(&group) });
        self.group = Some(group);
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        if self.back > 0 {
            // What is being read stays where it is.
            self.scroll_back(1);
        }
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// How many of the newest are out of sight.
    #[must_use]
    pub fn back(&self) -> usize {
        self.back
    }

    /// Towards older entries.
    pub fn scroll_back(&mut self, by: usize) {
        self.back = (self.back + by).min(self.entries.len().saturating_sub(1));
    }

    /// Towards newer entries.
    pub fn scroll_on(&mut self, by: usize) {
        self.back = self.back.saturating_sub(by);
    }

    /// To the oldest.
    pub fn to_start(&mut self) {
        self.scroll_back(MAX_ENTRIES);
    }

    /// To the newest, and stay there.
    pub fn to_end(&mut self) {
        self.back = 0;
    }
}

fn group_words(group: &LinkGroup) -> String {
    let (verb, again) = match group.state {
        LinkState::Cut => ("cut", ""),
        LinkState::Open => ("open", " again"),
    };
    if let [(from, to)] = group.links[..] {
        return format!("link {from} -> {to} is {verb}{again}");
    }
    let both_ways = |(from, to): &(NodeId, NodeId)| group.links.contains(&(*to, *from));
    let all_both_ways = group.links.iter().all(both_ways);
    let others = |one: NodeId| {
        let mut others: Vec<NodeId> = group
            .links
            .iter()
            .filter_map(|(from, to)| (*from == one).then_some(*to).or((*to == one).then_some(*from)))
            .collect();
        others.sort_unstable();
        others.dedup();
        others
    };
    let (first, second) = group.links[0];
    let hub = [first, second].into_iter().find(|end| group.links.iter().all(|(a, b)| a == end || b == end));
    let names = |ids: &[NodeId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match hub {
        Some(hub) if all_both_ways && group.state == LinkState::Cut => {
            format!("{hub} is cut off from {}", names(&others(hub)))
        }
        Some(hub) if all_both_ways => format!("{hub} reaches {} again", names(&others(hub))),
        _ => format!("{} links are {verb}{again}", group.links.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: u64, to: u64, state: LinkState) -> Update {
        Update::Link { from: NodeId(from), to: NodeId(to), state }
    }

    fn texts(feed: &Feed) -> Vec<&str> {
        feed.entries().iter().map(|e| e.text.as_str()).collect()
    }

    #[test]
    fn links_cut_together_are_one_line_that_names_who_is_cut_off() {
        let mut feed = Feed::default();
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
            feed.tell(&link(from, to, LinkState::Cut), Duration::from_millis(5));
        }
        assert_eq!(texts(&feed), ["n1 is cut off from n2, n3"]);
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
            feed.tell(&link(from, to, LinkState::Open), Duration::from_millis(900));
        }
        assert_eq!(texts(&feed), ["n1 is cut off from n2, n3", "n1 reaches n2, n3 again"]);
    }

    #[test]
    fn a_link_cut_one_way_or_later_is_a_line_of_its_own() {
        let mut feed = Feed::default();
        feed.tell(&link(1, 2, LinkState::Cut), Duration::ZERO);
        feed.tell(&link(2, 1, LinkState::Cut), Duration::from_secs(2));
        assert_eq!(texts(&feed), ["link n1 -> n2 is cut", "link n2 -> n1 is cut"]);
    }

    #[test]
    fn the_feed_is_bounded_and_what_is_being_read_stays_in_place() {
        let mut feed = Feed::default();
        let refused = |n: usize| Update::Refused { reason: format!("reason {n}") };
        for n in 0..MAX_ENTRIES + 10 {
            feed.tell(&refused(n), Duration::ZERO);
        }
        assert_eq!(feed.entries().len(), MAX_ENTRIES);
        feed.scroll_back(3);
        feed.tell(&refused(0), Duration::ZERO);
        assert_eq!(feed.back(), 4);
        feed.to_end();
        assert_eq!(feed.back(), 0);
    }
}
