//! A recording as a source. Tells what was recorded as its source told it, at the viewer's pace. A recording cannot
//! be changed; a viewer can only set the rate of time, seek forward, and look at the logs.

mod events;

use crate::known_log::{KnownLog, after};
use crate::recording::{Ending, Recording};
use events::{ends, played};
use raftdeck_model::{
    Ability, Capabilities, ClusterTime, Command, News, Order, Step, Update, VirtualSource, World, write,
};
use raftdeck_protocol::request::MAX_LOG_LINES;
use raftdeck_protocol::{ClockRate, LogLine};
use raftdeck_raft::{LogIndex, NodeId};
use std::collections::BTreeMap;
use std::time::Duration;

pub use events::RECORDED_COMMAND;

/// Why most cannot be done.
const RECORDED: &str = "this is a recording: it cannot be changed";

/// The message at the end, and on a command to continue from there.
const OVER: &str = "the recording ends here";

/// Plays a recording.
///
/// Commands go in by [`send`](Self::send), time passes by [`run_until`](Self::run_until), and what there is to tell
/// comes out of [`take`](Self::take). Each recorded update keeps its time and gets a new number. What it does not
/// tell: how time passed then, and the answers to its observers ([`News::Time`], [`News::Done`], [`News::Log`]); what
/// was refused then is told as [`News::Trouble`], and a [`News::Client`] has the id [`RECORDED_COMMAND`]. The same
/// recording and the same commands at the same times give the same updates.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    capabilities: Capabilities,
    /// The next update to tell.
    next: usize,
    now: Duration,
    rate: ClockRate,
    /// The end of the recording has been reported.
    is_over: bool,
    told: Vec<Update>,
    /// Of the last update.
    seq: u64,
    world: World,
    logs: BTreeMap<NodeId, KnownLog<LogLine>>,
}

impl Player {
    /// Puts a recording at its beginning, and tells its first moment. Time passes at rate 1.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        let now = recording.updates.first().map(|update| update.at).unwrap_or_default();
        let mut player = Self {
            recording,
            capabilities: Capabilities::only(&[Ability::Time, Ability::Logs], RECORDED).recorded(),
            next: 0,
            now,
            rate: ClockRate::REAL,
            is_over: false,
            told: Vec::new(),
            seq: 0,
            world: World::default(),
            logs: BTreeMap::new(),
        };
        player.tell_first(1);
        player.tell_time();
        if player.recording.unknown > 0 {
            let reason = format!(
                "{} updates of this recording cannot be shown: a newer raftdeck wrote them",
                player.recording.unknown
            );
            player.tell(News::Trouble { reason });
        }
        player.go_to(now);
        player
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Carries out a command now; its outcome is reported, in the end by [`News::Done`] or [`News::Refused`].
    pub fn send(&mut self, command: Command) {
        let Command { id, what } = command;
        let answer = match what {
            Order::SetRate(rate) => self.set_rate(rate),
            Order::Step(step) => self.step(step),
            Order::Seek(to) => self.seek(to),
            Order::FetchLog { node, first, limit } => self.fetch_log(node, first, limit),
            Order::Refresh => Ok(()),
            _ => Err(RECORDED.to_owned()),
        };
        self.tell(match answer {
            Ok(()) => News::Done { id },
            Err(reason) => News::Refused { id, reason },
        });
    }

    /// When the next recorded update is due, in cluster time; `None`: time is frozen, or the recording has ended.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let next = self.recording.updates.get(self.next)?;
        (!self.rate.is_frozen()).then(|| next.at.max(self.now))
    }

    /// Reports everything up to this cluster time. While time is frozen nothing is reported.
    pub fn run_until(&mut self, at: Duration) {
        if !self.rate.is_frozen() {
            self.go_to(at);
        }
    }

    /// How far the recording has been played, in cluster time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Takes what was told since.
    pub fn take(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.told)
    }

    fn tell(&mut self, what: News) {
        self.tell_at(self.now, what);
    }

    fn tell_at(&mut self, at: Duration, what: News) {
        self.seq += 1;
        self.told.push(Update { at, seq: self.seq, what });
    }

    fn tell_time(&mut self) {
        self.tell(News::Time(ClusterTime { rate: self.rate, now: self.now }));
    }

    /// Tells everything before the update of this number, counted from 0.
    fn tell_first(&mut self, end: usize) {
        let end = end.min(self.recording.updates.len());
        for number in self.next..end {
            let update = &self.recording.updates[number];
            let at = update.at;
            self.now = self.now.max(at);
            self.world.fold(update);
            learn(&mut self.logs, &update.what);
            if let Some(what) = played(&update.what) {
                self.tell_at(at, what);
            }
        }
        self.next = self.next.max(end);
    }

    /// Tells everything up to this time, and the end if that is reached.
    fn go_to(&mut self, at: Duration) {
        let rest = &self.recording.updates[self.next..];
        let end = self.next + rest.iter().take_while(|update| update.at <= at).count();
        self.tell_first(end);
        if self.next < self.recording.updates.len() {
            self.now = self.now.max(at);
        } else {
            self.end();
        }
    }

    /// Reports the end of the recording, once.
    fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.rate = ClockRate::FROZEN;
        self.tell_time();
        let reason = match self.recording.ending {
            Ending::Complete => OVER.to_owned(),
            broken => broken.to_string(),
        };
        self.tell(News::Trouble { reason });
    }

    fn set_rate(&mut self, rate: ClockRate) -> Result<(), String> {
        if self.is_over && !rate.is_frozen() {
            return Err(OVER.to_owned());
        }
        self.rate = rate;
        self.tell_time();
        Ok(())
    }

    /// Advances directly to the end of a step, and freezes there.
    fn step(&mut self, step: Step) -> Result<(), String> {
        if self.is_over {
            return Err(OVER.to_owned());
        }
        if let Step::For(time) = step {
            self.go_to(self.now.saturating_add(time));
        } else {
            let rest = &self.recording.updates[self.next..];
            let found = rest.iter().position(|update| ends(step, &update.what));
            let found = found.ok_or("there is no such event in the rest of the recording")?;
            self.tell_first(self.next + found + 1);
            if self.next == self.recording.updates.len() {
                self.end();
            }
        }
        self.set_rate(ClockRate::FROZEN)
    }

    fn seek(&mut self, to: Duration) -> Result<(), String> {
        if to < self.now {
            let (to, now) = (write::duration(to), write::duration(self.now));
            return Err(format!(
                "a recording cannot be rewound from {now} to {to}: play it again from its beginning"
            ));
        }
        self.go_to(to);
        self.tell_time();
        Ok(())
    }

    /// Tells what is known by now of a part of a node's log.
    fn fetch_log(&mut self, node: NodeId, first: LogIndex, limit: u32) -> Result<(), String> {
        let Some(known) = self.world.node(node) else {
            return Err(format!("there is no {node} in this cluster"));
        };
        let purged = known.raft().and_then(|status| status.purged.copied()).unwrap_or_default();
        let limit = usize::try_from(limit.min(MAX_LOG_LINES)).unwrap_or(usize::MAX);
        let from = first.max(after(purged));
        let log = self.logs.get(&node).into_iter();
        let lines = log.flat_map(|log| log.from(from)).take(limit).cloned().collect();
        self.tell(News::Log { node, lines });
        Ok(())
    }
}

impl VirtualSource for Player {
    fn send(&mut self, command: Command) {
        self.send(command);
    }

    fn next(&self) -> Option<Duration> {
        self.next()
    }

    fn run_until(&mut self, at: Duration) {
        self.run_until(at);
    }

    fn take(&mut self) -> Vec<Update> {
        self.take()
    }
}

/// Takes note of what is reported of a node's log.
fn learn(logs: &mut BTreeMap<NodeId, KnownLog<LogLine>>, what: &News) {
    match what {
        News::Log { node, lines } => logs.entry(*node).or_default().learn(lines, LogLine::clone),
        News::Trace { node, trace } => logs.entry(*node).or_default().hear(trace),
        News::Status { node, status } => logs.entry(*node).or_default().agree(&status.raft),
        _ => {}
    }
}
