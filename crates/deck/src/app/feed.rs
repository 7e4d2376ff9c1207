//! The event feed: what happened, in plain words, oldest first and bounded.
//!
//! The sentences come from [`crate::sentences`]; the feed only leaves out the details and folds lines that report the same: of several
//! nodes, of many links, or again and again.

mod links;
mod plural;

use crate::app::event::EventKind;
use crate::app::find::Find;
use crate::sentences::{Sentence, Teller, Weight};
use links::LinkGroup;
use plural::{names, plural};
use raftdeck_model::{LinkState, News, ProcessState, Update};
use raftdeck_raft::{LogIndex, NodeId, Term, TraceEvent};
use std::collections::VecDeque;
use std::time::Duration;

/// The most entries kept.
pub const MAX_ENTRIES: usize = 2000;

/// What happens within this time is shown as one event.
const TOGETHER: Duration = Duration::from_millis(250);

/// A line that is to be continued is looked for this many lines back.
const LOOK_BACK: usize = 24;

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// What happened, as far as it can be explained.
    pub about: Option<EventKind>,
    /// When, since the deck started.
    at: Duration,
    /// When, in cluster time. Never less than that of the line before.
    pub time: Duration,
    /// How much it matters.
    pub weight: Weight,
    /// The node that the sentence is about, if it is about one.
    node: Option<NodeId>,
    /// The nodes that did it, if the line can combine several nodes that did the same.
    who: Vec<NodeId>,
    /// What they did, or the whole sentence.
    deed: String,
    /// Events of this kind are folded into the line.
    fold: Option<Fold>,
    /// How many events it reports.
    times: u32,
}

/// Events that come again and again, and are one line with the words of the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// A node asks for pre-votes in the same term.
    PreVotes(NodeId, Term),
    /// A node campaigns for one term after the other; the first.
    Votes(NodeId, Term),
    /// Nodes take snapshots; the last entry that the newest includes.
    Snapshots(LogIndex),
    /// A leader looks for the last entry that it shares with a follower.
    Conflicts(NodeId, NodeId),
}

impl Fold {
    fn of(update: &News) -> Option<Self> {
        let News::Trace { node, trace } = update else { return None };
        match trace {
            TraceEvent::ElectionStarted { term, pre_vote: true } => Some(Self::PreVotes(*node, *term)),
            TraceEvent::ElectionStarted { term, pre_vote: false } => Some(Self::Votes(*node, *term)),
            TraceEvent::SnapshotTaken { last, .. } => Some(Self::Snapshots(last.index)),
            TraceEvent::Conflict { follower, .. } => Some(Self::Conflicts(*node, *follower)),
            _ => None,
        }
    }

    /// Whether an event continues a line. What the node did in between would be told in the wrong order.
    fn continues(self, entry: &FeedEntry) -> bool {
        match (self, entry.fold) {
            (Self::Votes(node, _), Some(Self::Votes(other, _))) => node == other,
            (Self::Snapshots(_), Some(Self::Snapshots(_))) => true,
            (new, Some(old)) => new == old,
            (_, None) => false,
        }
    }
}

impl FeedEntry {
    /// The sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let text = match self.who[..] {
            [] => self.deed.clone(),
            [one] => format!("{one} {}", self.deed),
            [..] => format!("{} {}", names(&self.who), plural(&self.deed)),
        };
        if self.times > 1 { format!("{text} ({} times)", self.times) } else { text }
    }

    /// When it has been there for so long that nothing joins it any more.
    #[must_use]
    pub fn settles(&self) -> Duration {
        self.at + TOGETHER
    }

    /// The nodes that it says something about as the subject.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let of_sentence = self.node.filter(|node| !self.who.contains(node));
        self.who.iter().copied().chain(of_sentence)
    }

    /// One more event of a kind that is folded.
    fn go_on(&mut self, fold: Fold, node: Option<NodeId>, deed: &str) {
        self.times = self.times.saturating_add(1);
        match (fold, self.fold) {
            (Fold::Votes(node, term), Some(Fold::Votes(_, first))) if first != term => {
                self.deed = format!("{node} asks for votes in terms {first} to {term}");
            }
            (Fold::Snapshots(last), Some(Fold::Snapshots(before))) => {
                let newest = last.max(before);
                self.fold = Some(Fold::Snapshots(newest));
                self.deed = format!("took snapshots, the newest through entry {newest}");
                self.who.extend(node.filter(|node| !self.who.contains(node)));
                self.who.sort_unstable();
            }
            // How long it heard no leader differs each time.
            (Fold::PreVotes(node, term), _) => {
                self.deed = format!("{node} asks for pre-votes in term {term}");
            }
            _ => deed.clone_into(&mut self.deed),
        }
    }
}

/// The feed.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    entries: VecDeque<FeedEntry>,
    /// The number of the oldest entry. Numbers go on with each entry, so that one names the same entry as long as it is kept.
    first: u64,
    teller: Teller,
    group: Option<LinkGroup>,
    /// How many lines were added since something was lost: what came before is not continued after that.
    since_loss: usize,
    /// Cluster time.
    time: Duration,
}

impl Feed {
    /// Notes an update, told or not: its time, and whether any before it were lost. Says whether the feed changed.
    pub fn hear(&mut self, update: &Update, now: Duration) -> bool {
        // The program's own updates have the number 0, and a time that is only estimated.
        if update.seq > 0 {
            self.time = self.time.max(update.at);
        }
        let lost = self.teller.hear(update);
        let Some(lost) = lost else { return false };
        self.add_lost(&lost, now);
        true
    }

    /// Applies an update. Says whether the feed changed.
    pub fn tell(&mut self, update: &Update, now: Duration) -> bool {
        let mut changed = self.hear(update, now);
        let next = self.next_number();
        changed |= self.add_all(update, now);
        let added = usize::try_from(self.next_number() - next).unwrap_or(usize::MAX);
        for entry in self.entries.iter_mut().rev().take(added) {
            entry.about = EventKind::of(&update.what);
        }
        changed
    }

    fn add_all(&mut self, update: &Update, now: Duration) -> bool {
        if let News::Link { from, to, state } = update.what {
            self.link(from, to, state, now);
            return true;
        }
        let mut changed = false;
        for sentence in self.teller.tell(update) {
            if matches!(update.what, News::Missed { .. }) {
                self.add_lost(&sentence, now);
                changed = true;
            } else {
                changed |= self.add(&update.what, sentence, now);
            }
        }
        changed
    }

    fn add(&mut self, news: &News, sentence: Sentence, now: Duration) -> bool {
        // The table has the addresses, and a node that runs has started.
        let is_shown_elsewhere =
            matches!(news, News::Ready { .. } | News::Process { state: ProcessState::Starting { .. }, .. });
        let Sentence { weight, node, text } = sentence;
        let fold = Fold::of(news);
        if weight == Weight::Detail || is_shown_elsewhere {
            // Said again, it is no line of its own, but counts.
            return fold.is_some_and(|fold| self.go_on(fold, node, &text));
        }
        self.group = None;
        let deed = node.and_then(|node| text.strip_prefix(&format!("{node} ")));
        let is_joined = weight == Weight::Minor && matches!(news, News::Trace { .. });
        match (fold, node.zip(deed)) {
            (Some(fold), subject) => {
                let (who, deed) = match (fold, subject) {
                    (Fold::Snapshots(_), Some((node, deed))) => (vec![node], deed),
                    _ => (Vec::new(), text.as_str()),
                };
                if !self.go_on(fold, node, deed) {
                    let entry =
                        FeedEntry { who, fold: Some(fold), ..self.new_entry(weight, node, deed, now) };
                    self.push(entry);
                }
            }
            (None, Some((node, deed))) if is_joined => self.join(node, deed, now),
            (None, _) => {
                let entry = self.new_entry(weight, node, &text, now);
                self.add_or_repeat(entry);
            }
        }
        true
    }

    /// Says that something was lost here.
    fn add_lost(&mut self, lost: &Sentence, now: Duration) {
        self.group = None;
        let entry = self.new_entry(lost.weight, lost.node, &lost.text, now);
        self.push(entry);
        self.since_loss = 0;
    }

    fn new_entry(&self, weight: Weight, node: Option<NodeId>, deed: &str, now: Duration) -> FeedEntry {
        let (time, deed) = (self.time, deed.to_owned());
        FeedEntry { about: None, at: now, time, weight, node, who: Vec::new(), deed, fold: None, times: 1 }
    }

    /// What several nodes do at about the same time is one line: "n1, n3 follow n2 in term 4".
    fn join(&mut self, node: NodeId, deed: &str, now: Duration) {
        /// A line with the same deed is looked for this many lines back.
        const LOOK_BACK: usize = 8;
        let alike = |entry: &&mut FeedEntry| {
            now.saturating_sub(entry.at) < TOGETHER
                && !entry.who.is_empty()
                && entry.fold.is_none()
                && entry.deed == deed
        };
        match self.entries.iter_mut().rev().take(LOOK_BACK.min(self.since_loss)).find(alike) {
            Some(entry) if entry.who.contains(&node) => {}
            Some(entry) => {
                entry.who.push(node);
                entry.who.sort_unstable();
            }
            None => {
                let entry =
                    FeedEntry { who: vec![node], ..self.new_entry(Weight::Minor, Some(node), deed, now) };
                self.push(entry);
            }
        }
    }

    /// An event of a kind that comes again and again: a node that is cut off campaigns forever. Says whether there is a line that it
    /// continues.
    fn go_on(&mut self, fold: Fold, node: Option<NodeId>, deed: &str) -> bool {
        let is_about = |entry: &&mut FeedEntry| match fold {
            // The nodes take them independently of all else that they do.
            Fold::Snapshots(_) => fold.continues(entry),
            _ => fold.continues(entry) || node.is_some_and(|node| entry.nodes().any(|other| other == node)),
        };
        let last = self.entries.iter_mut().rev().take(LOOK_BACK.min(self.since_loss)).find(is_about);
        let Some(entry) = last.filter(|entry| fold.continues(entry)) else { return false };
        entry.go_on(fold, node, deed);
        true
    }

    /// The same sentence twice in a row is one line.
    fn add_or_repeat(&mut self, new: FeedEntry) {
        let is_same = |entry: &FeedEntry| {
            entry.who.is_empty() && (entry.weight, &entry.deed) == (new.weight, &new.deed)
        };
        match self.entries.back_mut() {
            Some(entry) if is_same(entry) => entry.times = entry.times.saturating_add(1),
            _ => self.push(new),
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId, state: LinkState, now: Duration) {
        let again = self.teller.link(from, to, state);
        let joined = self.group.take().filter(|group| group.joins(state, again, now));
        let group = if let Some(group) = joined {
            let group = group.with(from, to);
            if let Some(entry) = self.entries.back_mut() {
                entry.deed = group.words();
            }
            group
        } else {
            let group = LinkGroup::new((from, to), state, again, now);
            let entry = self.new_entry(Weight::Major, None, &group.words(), now);
            self.push(entry);
            group
        };
        self.group = Some(group);
    }

    fn push(&mut self, entry: FeedEntry) {
        if self.entries.len() == MAX_ENTRIES {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(entry);
        self.since_loss = self.since_loss.saturating_add(1);
    }

    /// The entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> &VecDeque<FeedEntry> {
        &self.entries
    }

    /// The number of the oldest entry.
    #[must_use]
    pub fn first_number(&self) -> u64 {
        self.first
    }

    /// The number that the next entry will have.
    fn next_number(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The entries and their numbers, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = (u64, &FeedEntry)> {
        (0..self.next_number()).rev().zip(self.entries.iter().rev())
    }

    /// The entries from this number on, oldest first.
    pub fn entries_from(&self, number: u64) -> impl Iterator<Item = &FeedEntry> {
        let gone = number.saturating_sub(self.first);
        self.entries.iter().skip(usize::try_from(gone).unwrap_or(usize::MAX))
    }

    /// The entry of this number, while it is kept.
    #[must_use]
    pub fn numbered(&self, number: u64) -> Option<&FeedEntry> {
        self.entries.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The numbers of the entries in which this is found, oldest first.
    #[must_use]
    pub fn shown(&self, find: &Find) -> Vec<u64> {
        let fits = |entry: &FeedEntry| find.is_empty() || find.fits(&[&entry.text()]);
        (self.first..).zip(&self.entries).filter(|(_, entry)| fits(entry)).map(|(number, _)| number).collect()
    }
}

#[cfg(test)]
mod tests;
