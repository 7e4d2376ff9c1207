//! The queue of the deck's one loop: keys, the lab's updates, signals.
//!
//! There is no backpressure on the lab: waiting for a slow terminal would delay links and disturb the cluster. So updates are always
//! accepted, and beyond a bound the inbox drops the least important ones (`Backlog`). Keys do wait: the terminal keeps them
//! meanwhile.

use crate::source::SourceEvent;
use crossterm::event::Event;
use raftdeck_deck::app::audience::AudienceNews;
use raftdeck_deck::settings::SettingsFiles;
use raftdeck_deck::tabs::TabId;
use raftdeck_model::{LogLevel, News, Update};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Why the deck ends without its key being pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// A signal requested it; its number.
    Signal(i32),
    /// The terminal, or the reader of the output, is gone.
    Closed,
    /// A thread panicked.
    Panicked,
}

/// Everything that waited.
#[derive(Debug, Default)]
pub struct Batch {
    /// From the lab, in order; on a deck of several clusters from that of the first tab.
    pub updates: Vec<Update>,
    /// From the clusters of the other tabs.
    pub beside: Vec<TabUpdates>,
    /// Lines that the deck's own parts wrote, in order.
    pub wrote: Vec<OwnLine>,
    /// How many lines of logs, of nodes and of the deck, were dropped.
    pub lines_lost: u64,
    /// From the terminal, in order.
    pub input: Vec<Event>,
    /// Lines of commands, in order.
    pub lines: Vec<Vec<u8>>,
    /// No more lines come after these.
    pub lines_ended: bool,
    /// The files of settings, since one of them changed.
    pub settings: Option<SettingsFiles>,
    /// The newest that the phones of the class have done.
    pub audience: Option<AudienceNews>,
    /// The source has ended by itself; how.
    pub source_ended: Option<String>,
    /// The process was stopped and runs again: the screen may be gone and must be redrawn.
    pub continued: bool,
    /// The deck is to end. Stays set from then on.
    pub end: Option<EndReason>,
}

/// What the cluster of a tab told.
#[derive(Debug)]
pub struct TabUpdates {
    /// Which tab.
    pub tab: TabId,
    /// In order.
    pub updates: Vec<Update>,
    /// How many lines of its nodes' logs were dropped.
    pub lines_lost: u64,
}

/// A line that a part of the deck itself wrote to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLine {
    /// Which part.
    pub part: &'static str,
    /// Its level.
    pub level: LogLevel,
    /// The line.
    pub text: String,
}

/// The one queue between the threads and the loop.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<InboxContent>,
    /// Something arrived.
    arrived: Condvar,
    /// Input was taken.
    taken: Condvar,
    /// The end was requested.
    ending: Condvar,
}

#[derive(Debug, Default)]
struct InboxContent {
    backlog: Backlog,
    /// Those of the tabs beside the first. Each has its own bound: a cluster that tells much drops nothing of another's.
    beside: BTreeMap<TabId, Backlog>,
    wrote: Vec<OwnLine>,
    input: VecDeque<Event>,
    lines: VecDeque<Vec<u8>>,
    lines_ended: bool,
    settings: Option<SettingsFiles>,
    audience: Option<AudienceNews>,
    source_ended: Option<String>,
    continued: bool,
    end: Option<EndReason>,
}

/// This many events of the terminal wait here; the rest waits in the terminal.
const MAX_INPUT: usize = 256;

/// This many lines of the deck's own wait here; later ones are dropped, and counted.
const MAX_WROTE: usize = 1024;

impl Inbox {
    /// Adds updates. Never waits for the reader.
    pub fn updates(&self, updates: impl IntoIterator<Item = Update>) {
        self.updates_of(TabId::FIRST, updates);
    }

    fn updates_of(&self, tab: TabId, updates: impl IntoIterator<Item = Update>) {
        let mut waiting = self.lock();
        let backlog = waiting.of(tab);
        updates.into_iter().for_each(|update| backlog.push(update));
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Adds a line of the deck's own log. Never waits for the reader.
    pub fn wrote(&self, line: OwnLine) {
        let mut waiting = self.lock();
        if waiting.wrote.len() < MAX_WROTE {
            waiting.wrote.push(line);
        } else {
            waiting.backlog.lines_lost += 1;
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Adds what a source says. Never waits for the reader.
    pub fn hear(&self, said: SourceEvent) {
        match said {
            SourceEvent::Updates(updates) => self.updates(updates),
            SourceEvent::Ended(how) => {
                self.lock().source_ended = Some(how);
                self.arrived.notify_one();
            }
        }
    }

    /// Adds what the source of a tab says. Never waits for the reader. That a source ended ends no deck: its updates tell it.
    pub fn hear_of(&self, tab: TabId, said: SourceEvent) {
        match said {
            SourceEvent::Updates(updates) => self.updates_of(tab, updates),
            SourceEvent::Ended(_) => {}
        }
    }

    /// Adds an event of the terminal; waits while too many wait already. `false`: the deck ends, stop reading.
    pub fn input(&self, event: Event) -> bool {
        let mut waiting = self.lock();
        while waiting.input.len() >= MAX_INPUT && waiting.end.is_none() {
            waiting = self.taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.end.is_some() {
            return false;
        }
        waiting.input.push_back(event);
        self.arrived.notify_one();
        true
    }

    /// Adds a line of commands; waits while too many wait already. `false`: it ends, stop reading.
    pub fn line(&self, line: Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.lines.len() >= MAX_INPUT && waiting.end.is_none() {
            waiting = self.taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.end.is_some() {
            return false;
        }
        waiting.lines.push_back(line);
        self.arrived.notify_one();
        true
    }

    /// Notes that no more lines of commands will come.
    pub fn end_lines(&self) {
        self.lock().lines_ended = true;
        self.arrived.notify_one();
    }

    /// Notes what the phones of the class have done, in place of what was noted before: each of these is the whole.
    pub fn audience(&self, news: AudienceNews) {
        self.lock().audience = Some(news);
        self.arrived.notify_one();
    }

    /// Notes the files of settings as they are now. `false`: it ends, stop looking.
    pub fn settings(&self, files: SettingsFiles) -> bool {
        let mut waiting = self.lock();
        waiting.settings = Some(files);
        self.arrived.notify_one();
        waiting.end.is_none()
    }

    /// Notes that the process runs again after a stop.
    pub fn continued(&self) {
        self.lock().continued = true;
        self.arrived.notify_one();
    }

    /// Asks the deck to end. The first reason is kept.
    pub fn end(&self, why: EndReason) {
        self.lock().end.get_or_insert(why);
        self.arrived.notify_one();
        self.taken.notify_all();
        self.ending.notify_all();
    }

    /// Waits until the deck is asked to end.
    pub fn ended(&self) -> EndReason {
        let mut waiting = self.lock();
        loop {
            if let Some(end) = waiting.end {
                return end;
            }
            waiting = self.ending.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until something arrives, or until `deadline`; takes everything.
    pub fn wait(&self, deadline: Option<Instant>) -> Batch {
        let mut waiting = self.lock();
        while waiting.is_empty() {
            let Some(deadline) = deadline else {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (waiting, _) = self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner);
        }
        let batch = Batch {
            updates: waiting.backlog.take(),
            beside: waiting.take_beside(),
            wrote: std::mem::take(&mut waiting.wrote),
            lines_lost: std::mem::take(&mut waiting.backlog.lines_lost),
            input: waiting.input.drain(..).collect(),
            lines: waiting.lines.drain(..).collect(),
            lines_ended: std::mem::take(&mut waiting.lines_ended),
            settings: waiting.settings.take(),
            audience: waiting.audience.take(),
            source_ended: waiting.source_ended.take(),
            continued: std::mem::take(&mut waiting.continued),
            end: waiting.end,
        };
        self.taken.notify_all();
        batch
    }

    /// Forgets the updates of a tab that wait, after their source has ended: another one is in its place, or none.
    pub fn forget_updates(&self, tab: TabId) {
        self.lock().of(tab).take();
    }

    // A panic elsewhere must not keep the loop from ending.
    fn lock(&self) -> MutexGuard<'_, InboxContent> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InboxContent {
    fn of(&mut self, tab: TabId) -> &mut Backlog {
        if tab == TabId::FIRST { &mut self.backlog } else { self.beside.entry(tab).or_default() }
    }

    fn take_beside(&mut self) -> Vec<TabUpdates> {
        let told = std::mem::take(&mut self.beside).into_iter().map(|(tab, backlog)| TabUpdates {
            tab,
            updates: backlog.updates,
            lines_lost: backlog.lines_lost,
        });
        told.collect()
    }

    fn is_empty(&self) -> bool {
        self.backlog.updates.is_empty()
            && self.beside.values().all(|backlog| backlog.updates.is_empty())
            && self.wrote.is_empty()
            && self.input.is_empty()
            && self.lines.is_empty()
            && !self.lines_ended
            && self.settings.is_none()
            && self.audience.is_none()
            && self.source_ended.is_none()
            && !self.continued
            && self.end.is_none()
    }
}

/// Updates in order, of bounded number.
#[derive(Debug, Default)]
struct Backlog {
    updates: Vec<Update>,
    /// How many lines of nodes' logs, and of the deck's own, were dropped.
    lines_lost: u64,
}

impl Backlog {
    /// The most updates that wait. Normally there are a few dozen.
    const MAX: usize = 8192;
    /// Beyond the bound, this many of the newest events of nodes are kept, and the others are reported as missed.
    const KEPT_EVENTS: usize = 1024;
    /// Beyond the bound, this many of the newest lines of each other kind are kept.
    const KEPT_LINES: usize = 256;

    /// Beyond the bound, this many of the newest reports of messages are kept; each may report many.
    const KEPT_MESSAGES: usize = 64;

    fn push(&mut self, update: Update) {
        if self.updates.len() >= Self::MAX {
            self.forget();
        }
        self.updates.push(update);
    }

    fn take(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.updates)
    }

    /// Keeps the newest of each state and the newest few of each kind of news, and counts the lost events. Afterwards less than half
    /// of the bound is in use, however many nodes there are (at most 255).
    fn forget(&mut self) {
        let mut memory = SeenUpdates::default();
        let (at, seq) = self.updates.first().map_or_else(Default::default, |oldest| (oldest.at, oldest.seq));
        // In the place of those that are missing, and not one of them: their number is to be seen.
        let seq = seq.saturating_sub(1);
        let mut kept: Vec<Update> =
            self.updates.drain(..).rev().filter(|update| memory.keeps(&update.what)).collect();
        self.lines_lost += u64::try_from(memory.output.saturating_sub(Self::KEPT_LINES)).unwrap_or(u64::MAX);
        // What is missing is older than what is kept.
        let missed = memory.missed.into_iter().map(|(node, count)| News::Missed { node, count });
        let skipped = memory.skipped;
        let messages = (skipped > 0).then(|| News::Messages { messages: Vec::new(), skipped });
        kept.extend(missed.chain(messages).map(|what| Update { at, seq, what }));
        kept.reverse();
        // A cluster of many nodes may have more links than fit; they are the oldest.
        if kept.len() > Self::MAX / 2 {
            kept.drain(..kept.len() - Self::MAX / 2);
        }
        self.updates = kept;
    }
}

/// What [`Backlog::forget`] has seen so far, from the newest update to the oldest.
#[derive(Debug, Default)]
struct SeenUpdates {
    cluster: bool,
    statuses: BTreeSet<NodeId>,
    processes: BTreeSet<NodeId>,
    ready: BTreeSet<NodeId>,
    logs: BTreeSet<NodeId>,
    links: BTreeSet<(NodeId, NodeId)>,
    changes: BTreeSet<NodeId>,
    workload: bool,
    events: usize,
    output: usize,
    answers: usize,
    troubles: usize,
    missed: BTreeMap<NodeId, u64>,
    concerns: usize,
    messages: usize,
    /// How many reports of messages are lost.
    skipped: u64,
    time: usize,
    in_force: usize,
}

impl SeenUpdates {
    fn keeps(&mut self, news: &News) -> bool {
        let few = |seen: &mut usize, most: usize| {
            *seen += 1;
            *seen <= most
        };
        match news {
            News::Cluster { .. } => !std::mem::replace(&mut self.cluster, true),
            News::Status { node, .. } => self.statuses.insert(*node),
            News::Process { node, .. } => self.processes.insert(*node),
            News::Ready { node, .. } => self.ready.insert(*node),
            News::Log { node, .. } => self.logs.insert(*node),
            News::Link { from, to, .. } => self.links.insert((*from, *to)),
            News::Change { node, .. } => self.changes.insert(*node),
            News::Workload(_) => !std::mem::replace(&mut self.workload, true),
            News::Output { .. } => few(&mut self.output, Backlog::KEPT_LINES),
            News::Client { .. } => few(&mut self.answers, Backlog::KEPT_LINES),
            News::Trouble { .. } => few(&mut self.troubles, Backlog::KEPT_LINES),
            News::Notice { .. }
            | News::NoticeOver { .. }
            | News::PeerRefused { .. }
            | News::PeerAdmitted { .. } => few(&mut self.concerns, Backlog::KEPT_LINES),
            // The sender waits for it. There are no more of these than commands, which this reader sends.
            News::Done { .. } | News::Refused { .. } => true,
            // Messages that passed before they could be shown.
            News::Frames { .. } => false,
            News::Messages { messages, skipped } => {
                let keep = few(&mut self.messages, Backlog::KEPT_MESSAGES);
                if !keep {
                    self.skipped += messages.len() as u64 + skipped;
                }
                keep
            }
            News::Time(_) => few(&mut self.time, 1),
            News::InForce { .. } => few(&mut self.in_force, 1),
            News::Trace { node, .. } => {
                let keep = few(&mut self.events, Backlog::KEPT_EVENTS);
                if !keep {
                    *self.missed.entry(*node).or_default() += 1;
                }
                keep
            }
            News::Missed { node, count } => {
                *self.missed.entry(*node).or_default() += count;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_deck::app::{App, Settings};
    use raftdeck_deck::tabs::Tabs;
    use raftdeck_model::{LinkState, ProcessState};
    use raftdeck_raft::{LogIndex, TraceEvent};
    use std::sync::Arc;
    use std::time::Duration;

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn told(what: News) -> Update {
        Update { at: Duration::ZERO, seq: 1, what }
    }

    fn committed(node: NodeId, index: u64) -> Update {
        told(News::Trace { node, trace: TraceEvent::Committed { through: LogIndex(index) } })
    }

    #[test]
    fn what_arrives_is_taken_once_and_in_order() {
        let inbox = Inbox::default();
        inbox.updates([committed(N1, 1)]);
        inbox.updates([committed(N1, 2)]);
        assert!(inbox.input(Event::FocusGained));
        let batch = inbox.wait(None);
        assert_eq!(batch.updates, [committed(N1, 1), committed(N1, 2)]);
        assert_eq!(batch.input, [Event::FocusGained]);
        let batch = inbox.wait(Some(Instant::now()));
        assert!(batch.updates.is_empty() && batch.input.is_empty() && batch.end.is_none());
    }

    #[test]
    fn each_tab_has_a_backlog_of_its_own() {
        let inbox = Inbox::default();
        let tab = Tabs::new("a", App::new(Settings::default()), Vec::new()).next_id();
        inbox.updates([committed(N1, 1)]);
        inbox.hear_of(tab, SourceEvent::Updates(vec![committed(N1, 2)]));
        inbox.hear_of(tab, SourceEvent::Ended("of itself".to_owned()));
        let batch = inbox.wait(None);
        assert_eq!((batch.updates, batch.source_ended), (vec![committed(N1, 1)], None));
        assert_eq!(batch.beside.len(), 1);
        assert_eq!((batch.beside[0].tab, &batch.beside[0].updates), (tab, &vec![committed(N1, 2)]));
        inbox.hear_of(tab, SourceEvent::Updates(vec![committed(N1, 3)]));
        inbox.updates([committed(N1, 4)]);
        inbox.forget_updates(tab);
        let batch = inbox.wait(None);
        assert_eq!(batch.updates, [committed(N1, 4)]);
        assert!(batch.beside.iter().all(|told| told.updates.is_empty()));
    }

    #[test]
    fn the_first_reason_to_end_stands_and_frees_a_waiting_keyboard() {
        let inbox = Arc::new(Inbox::default());
        for _ in 0..MAX_INPUT {
            assert!(inbox.input(Event::FocusGained));
        }
        let keyboard = std::thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || inbox.input(Event::FocusLost)
        });
        inbox.end(EndReason::Signal(15));
        inbox.end(EndReason::Closed);
        assert!(!keyboard.join().unwrap());
        assert_eq!(inbox.wait(None).end, Some(EndReason::Signal(15)));
        assert_eq!(inbox.wait(None).end, Some(EndReason::Signal(15)), "it stays set");
    }

    #[test]
    fn keys_wait_in_the_terminal_once_the_inbox_is_full() {
        let inbox = Arc::new(Inbox::default());
        let keyboard = std::thread::spawn({
            let inbox = Arc::clone(&inbox);
            move || (0..3 * MAX_INPUT).all(|_| inbox.input(Event::FocusGained))
        });
        let mut taken = 0;
        while taken < 3 * MAX_INPUT {
            let batch = inbox.wait(Some(Instant::now() + Duration::from_secs(20)));
            assert!(!batch.input.is_empty(), "the keyboard is stuck after {taken} events");
            assert!(batch.input.len() <= MAX_INPUT);
            taken += batch.input.len();
        }
        assert!(keyboard.join().unwrap());
    }

    #[test]
    fn a_stalled_reader_costs_bounded_memory_and_is_told_what_it_missed() {
        let inbox = Inbox::default();
        let killed = told(News::Process { node: N2, state: ProcessState::Killed });
        let cut = told(News::Link { from: N1, to: N2, state: LinkState::Cut });
        inbox.updates([killed.clone()]);
        inbox.updates([cut.clone()]);
        let sent = 100_000;
        for index in 1..=sent {
            inbox.updates([committed(if index % 2 == 0 { N1 } else { N2 }, index)]);
            inbox.updates([told(News::Frames { frames: Vec::new() })]);
            inbox.updates([told(News::Output { node: N1, level: LogLevel::Info, line: "flood".to_owned() })]);
            inbox.updates([told(News::Messages { messages: Vec::new(), skipped: 3 })]);
        }
        let Batch { updates, lines_lost, .. } = inbox.wait(None);
        assert!(updates.len() <= Backlog::MAX, "{} updates wait", updates.len());
        assert!(updates.contains(&killed) && updates.contains(&cut), "states are never forgotten");
        assert_eq!(updates.last(), Some(&told(News::Messages { messages: Vec::new(), skipped: 3 })));
        assert!(updates.contains(&committed(N1, sent)), "the newest event is there");
        let (mut told, mut messages, mut lines) = (0, 0, lines_lost);
        for update in &updates {
            match &update.what {
                News::Trace { .. } => told += 1,
                News::Missed { count, .. } => told += count,
                News::Messages { skipped, .. } => messages += skipped,
                News::Output { .. } => lines += 1,
                _ => {}
            }
        }
        assert_eq!(told, sent, "every event is there or counted as missed");
        assert_eq!(messages, 3 * sent, "so is every message");
        assert_eq!(lines, sent, "and every line of a log");
    }
}
