//! The event feed: what happened, in plain words, oldest first and bounded.
//!
//! The sentences come from [`crate::sentences`]; the feed only leaves out the details and merges neighbours that report the same for
//! many links.

use crate::sentences::{Sentence, Teller, Weight};
use raftdeck_model::{LinkState, News, ProcessState, Update};
use raftdeck_raft::{NodeId, Term, TraceEvent};
use std::collections::VecDeque;
use std::time::Duration;

/// The most entries kept.
pub const MAX_ENTRIES: usize = 2000;

/// Cuts within this time are shown as one event.
const TOGETHER: Duration = Duration::from_millis(250);

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// When, since the deck started.
    at: Duration,
    /// When, in cluster time.
    pub time: Duration,
    /// How much it matters.
    pub weight: Weight,
    /// The nodes that did it, if the line can combine several nodes that did the same.
    who: Vec<NodeId>,
    /// What they did, or the whole sentence.
    deed: String,
    /// How often it tried, for a node that repeatedly campaigns for the same term.
    tries: Option<Tries>,
}

/// One node's attempts to campaign for one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tries {
    node: NodeId,
    term: Term,
    count: u32,
}

impl FeedEntry {
    /// The sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self.who[..] {
            [] => match self.tries {
                Some(Tries { count, .. }) if count > 1 => format!("{} ({count} times)", self.deed),
                _ => self.deed.clone(),
            },
            [one] => format!("{one} {}", self.deed),
            [..] => format!("{} {}", names(&self.who), plural(&self.deed)),
        }
    }
}

fn names(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `votes for n1` becomes `vote for n1`, and `gives up its campaign: it saw term 5` becomes
/// `give up their campaigns: they saw term 5`.
fn plural(deed: &str) -> String {
    /// Other references to the node that did it.
    const OF_ONE: [(&str, &str); 6] = [
        ("its campaign", "their campaigns"),
        (": it saw ", ": they saw "),
        (": it hears ", ": they hear "),
        (" that it was stopped", " that they were stopped"),
        (" its clock jumped", " their clocks jumped"),
        (" its ", " their "),
    ];
    let (verb, rest) = deed.split_once(' ').unwrap_or((deed, ""));
    let mut text = format!("{} {rest}", verb.strip_suffix('s').unwrap_or(verb)).trim_end().to_owned();
    for (one, several) in OF_ONE {
        text = text.replace(one, several);
    }
    text
}

/// Links that changed together.
#[derive(Clone, Debug)]
struct LinkGroup {
    state: LinkState,
    since: Duration,
    time: Duration,
    links: Vec<(NodeId, NodeId)>,
}

/// The feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    entries: VecDeque<FeedEntry>,
    teller: Teller,
    group: Option<LinkGroup>,
    /// How many of the newest entries are scrolled out of sight.
    back: usize,
    /// Cluster time.
    time: Duration,
}

impl Feed {
    /// Applies an update. Says whether the feed changed.
    pub fn tell(&mut self, update: &Update, now: Duration) -> bool {
        self.time = update.at;
        let update = &update.what;
        if let News::Link { from, to, state } = update {
            self.link(*from, *to, *state, now);
            return true;
        }
        let Some(Sentence { weight, node, text }) = self.teller.tell(update) else { return false };
        if weight == Weight::Detail {
            return false;
        }
        self.group = None;
        match (update, node.and_then(|node| Some((node, text.strip_prefix(&format!("{node} "))?)))) {
            // The table has the addresses, and a node that runs has started.
            (News::Ready { .. } | News::Process { state: ProcessState::Starting { .. }, .. }, _) => {
                return false;
            }
            (News::Trace { node, trace: TraceEvent::ElectionStarted { term, pre_vote: true } }, _) => {
                self.try_again(Tries { node: *node, term: *term, count: 1 }, text, now);
            }
            (News::Trace { .. }, Some((node, deed))) if weight == Weight::Minor => {
                self.join(node, deed, now);
            }
            _ => self.push(FeedEntry {
                at: now,
                time: self.time,
                weight,
                who: Vec::new(),
                deed: text,
                tries: None,
            }),
        }
        true
    }

    /// What several nodes do at about the same time is one line: "n1, n3 follow n2 in term 4".
    fn join(&mut self, node: NodeId, deed: &str, now: Duration) {
        /// A line with the same deed is looked for this many lines back.
        const LOOK_BACK: usize = 8;
        let alike = |entry: &&mut FeedEntry| {
            now.saturating_sub(entry.at) < TOGETHER && !entry.who.is_empty() && entry.deed == deed
        };
        match self.entries.iter_mut().rev().take(LOOK_BACK).find(alike) {
            Some(entry) if entry.who.contains(&node) => {}
            Some(entry) => {
                entry.who.push(node);
                entry.who.sort_unstable();
            }
            None => {
                self.push(FeedEntry {
                    at: now,
                    time: self.time,
                    weight: Weight::Minor,
                    who: vec![node],
                    deed: deed.to_owned(),
                    tries: None,
                });
            }
        }
    }

    /// A node that is cut off campaigns forever; that is one line, with the newest attempt's words.
    fn try_again(&mut self, tries: Tries, text: String, now: Duration) {
        /// An earlier attempt is looked for this many lines back.
        const LOOK_BACK: usize = 24;
        let same = |entry: &&mut FeedEntry| {
            entry.tries.is_some_and(|t| (t.node, t.term) == (tries.node, tries.term))
        };
        match self.entries.iter_mut().rev().take(LOOK_BACK).find(same) {
            Some(entry) => {
                entry.deed = text;
                entry.tries = entry.tries.map(|t| Tries { count: t.count.saturating_add(1), ..t });
            }
            None => self.push(FeedEntry {
                at: now,
                time: self.time,
                weight: Weight::Minor,
                who: Vec::new(),
                deed: text,
                tries: Some(tries),
            }),
        }
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
            _ => LinkGroup { state, since: now, time: self.time, links: Vec::new() },
        };
        group.links.push((from, to));
        self.push(FeedEntry {
            at: group.since,
            time: group.time,
            weight: Weight::Major,
            who: Vec::new(),
            deed: group_words(&group),
            tries: None,
        });
        self.group = Some(group);
    }

    fn push(&mut self, entry: FeedEntry) {
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
    pub fn entries(&self) -> &VecDeque<FeedEntry> {
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

    fn link(from: u64, to: u64, state: LinkState) -> News {
        News::Link { from: NodeId(from), to: NodeId(to), state }
    }

    fn texts(feed: &Feed) -> Vec<String> {
        feed.entries().iter().map(FeedEntry::text).collect()
    }

    fn told(what: News) -> Update {
        Update { at: Duration::ZERO, seq: 0, what }
    }

    #[test]
    fn what_several_nodes_do_together_is_one_line() {
        let mut feed = Feed::default();
        let grants = |candidate| TraceEvent::VoteGranted {
            candidate: NodeId(candidate),
            term: Term(4),
            pre_vote: false,
        };
        let follows = || TraceEvent::LeaderChanged { leader: Some(NodeId(2)), term: Term(4) };
        for (node, trace) in [(3, grants(2)), (3, follows()), (1, grants(2)), (1, follows()), (5, grants(4))]
        {
            feed.tell(&told(News::Trace { node: NodeId(node), trace }), Duration::ZERO);
        }
        feed.tell(&told(News::Trace { node: NodeId(5), trace: follows() }), Duration::from_secs(1));
        assert_eq!(
            texts(&feed),
            [
                "n1, n3 vote for n2 in term 4",
                "n1, n3 follow n2 in term 4",
                "n5 votes for n4 in term 4",
                "n5 follows n2 in term 4"
            ]
        );
    }

    #[test]
    fn several_are_spoken_of_as_several() {
        for (one, several) in [
            ("gives up its campaign: it saw term 5", "give up their campaigns: they saw term 5"),
            (
                "would not vote for n1 in term 4 (pre-vote): it hears a leader",
                "would not vote for n1 in term 4 (pre-vote): they hear a leader",
            ),
            (
                "refuses n3 its vote in term 4: the log of n3 is behind its own",
                "refuse n3 their vote in term 4: the log of n3 is behind their own",
            ),
            (
                "notices that it was stopped, or that its clock jumped",
                "notice that they were stopped, or that their clocks jumped",
            ),
        ] {
            assert_eq!(plural(one), several);
        }
    }

    #[test]
    fn a_node_that_asks_for_ever_is_one_line() {
        let mut feed = Feed::default();
        let ask = TraceEvent::ElectionStarted { term: Term(3), pre_vote: true };
        for n in 0..7 {
            feed.tell(&told(News::Trace { node: NodeId(2), trace: ask.clone() }), Duration::from_secs(n));
        }
        assert_eq!(feed.entries().len(), 1);
        assert!(texts(&feed)[0].ends_with("(7 times)"), "{:?}", texts(&feed));
    }

    #[test]
    fn links_cut_together_are_one_line_that_names_who_is_cut_off() {
        let mut feed = Feed::default();
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
            feed.tell(&told(link(from, to, LinkState::Cut)), Duration::from_millis(5));
        }
        assert_eq!(texts(&feed), ["n1 is cut off from n2, n3"]);
        for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
            feed.tell(&told(link(from, to, LinkState::Open)), Duration::from_millis(900));
        }
        assert_eq!(texts(&feed), ["n1 is cut off from n2, n3", "n1 reaches n2, n3 again"]);
    }

    #[test]
    fn a_link_cut_one_way_or_later_is_a_line_of_its_own() {
        let mut feed = Feed::default();
        feed.tell(&told(link(1, 2, LinkState::Cut)), Duration::ZERO);
        feed.tell(&told(link(2, 1, LinkState::Cut)), Duration::from_secs(2));
        assert_eq!(texts(&feed), ["link n1 -> n2 is cut", "link n2 -> n1 is cut"]);
    }

    #[test]
    fn the_feed_is_bounded_and_what_is_being_read_stays_in_place() {
        let mut feed = Feed::default();
        let refused = |n: usize| News::Trouble { reason: format!("reason {n}") };
        for n in 0..MAX_ENTRIES + 10 {
            feed.tell(&told(refused(n)), Duration::ZERO);
        }
        assert_eq!(feed.entries().len(), MAX_ENTRIES);
        feed.scroll_back(3);
        feed.tell(&told(refused(0)), Duration::ZERO);
        assert_eq!(feed.back(), 4);
        feed.to_end();
        assert_eq!(feed.back(), 0);
    }
}
