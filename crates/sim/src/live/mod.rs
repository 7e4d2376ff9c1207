//! A cluster in virtual time that is driven from outside: the simulator as a source of updates, as the lab is one over real
//! processes. The members, their disks and their clocks are those of the batch simulation; the links obey the model's rules, and
//! a simulated client asks what the deck's own asks. It knows no clock, thread or file: its caller says how far time goes.
//!
//! While cluster time is frozen the members still work, like processes with stopped clocks: turns and disks take no
//! time then. Timers and messages on their way, which take cluster time, wait.

mod agenda;
mod changes;
mod client;
mod faults;
mod orders;
mod processes;
mod reports;
mod single;
mod steps;
mod telemetry;
mod traffic;
mod tuning;
mod ways;
mod workload;

use crate::event::Event;
use crate::options::micros;
use crate::outside::Outward;
use crate::panics;
use crate::rng::Rng;
use crate::world::World;
use agenda::{Agenda, AgendaItem};
use changes::Changes;
use client::Clients;
use processes::LiveNode;
use raftdeck_model::{Command, CommandId, Ledger, MAX_NODES, News, Update, VirtualSource, write};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Timing, TraceEvent, Tuning};
use reports::{GATHER, INTERVAL};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use steps::Stepping;
use traffic::{ClockMoment, LinkNews, Traffic};
use workload::Workload;

/// What happens at one moment of a frozen world comes to an end before this many events.
const MOST_AT_ONCE: usize = 100_000;

/// What a driven cluster is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How many nodes, 1 to [`MAX_NODES`].
    pub nodes: u16,
    /// Heartbeat and election timeouts.
    pub timing: Timing,
    /// Decides all chance: timeouts, disks, pauses, and what rules leave to chance.
    pub seed: u64,
    /// How fast cluster time passes at first. [`ClockRate::FROZEN`]: nothing happens until it is told to.
    pub rate: ClockRate,
    /// A node takes a snapshot after this many entries. `None`: as nodes do by themselves.
    pub snapshot_entries: Option<u64>,
    /// The most bytes of entries in one message. `None`: as nodes do by themselves.
    pub append_bytes: Option<u32>,
    /// Every sync of a node's disk takes this much longer, in cluster time. `None`: about a millisecond in all.
    pub sync_delay: Option<Duration>,
    /// A node's disk counts as stalled when it has not finished a write for this long. `None`: the nodes' own default.
    pub disk_stall: Option<Duration>,
    /// The nodes take the end of their leader's connection for its end.
    pub detect_crash: bool,
}

impl LiveOptions {
    /// Fast timing, in real time.
    #[must_use]
    pub fn new(nodes: u16, seed: u64) -> Self {
        Self {
            nodes,
            timing: Timing::FAST,
            seed,
            rate: ClockRate::REAL,
            snapshot_entries: None,
            append_bytes: None,
            sync_delay: None,
            disk_stall: None,
            detect_crash: false,
        }
    }
}

/// A cluster in virtual time that is driven from outside.
///
/// Commands go in by [`send`](Self::send); time passes by [`run_until`](Self::run_until); what there is to tell comes out of
/// [`take`](Self::take), first of all [`News::Cluster`]. The same options, and the same commands at the same cluster times, give
/// the same updates. What takes time, such as the deadline of a request or of a change, takes cluster time, and waits while that
/// is frozen.
pub struct Live {
    options: LiveOptions,
    world: World<'static>,
    told: Vec<Update>,
    /// What is known by all of it.
    known: raftdeck_model::World,
    /// Of the last update.
    seq: u64,
    kept: BTreeMap<NodeId, LiveNode>,
    ledger: Ledger,
    traffic: Traffic,
    agenda: Agenda,
    /// When what passed the links was told last, and whether it is to be told.
    reported: (u64, bool),
    rate: ClockRate,
    /// The rate before the world was frozen.
    last_rate: ClockRate,
    stepping: Option<Stepping>,
    /// The commands that want to know how all is.
    refreshing: Vec<CommandId>,
    clients: Clients,
    changes: Changes,
    workload: Workload,
    /// No node may serve reads by a lease from now on.
    forgo_leases: bool,
    /// A property was violated, which is reported once; later violations are not reported.
    is_accused: bool,
    /// The chance of pauses.
    rng: Rng,
    /// Counts what is numbered here: steps, rhythms, changes.
    numbered: u64,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("options", &self.options)
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

impl Live {
    /// Starts a cluster.
    ///
    /// # Panics
    /// If the number of nodes is out of range or the timing cannot work ([`Timing`]).
    #[must_use]
    pub fn new(options: LiveOptions) -> Self {
        assert!((1..=u16::from(MAX_NODES)).contains(&options.nodes), "a cluster has 1 to {MAX_NODES} nodes");
        let tuning = Tuning { timing: options.timing, pre_vote: true, check_quorum: true };
        assert_eq!(tuning.validate(), Ok(()), "the timing is invalid");
        let seed = options.seed;
        let mut live = Self {
            world: World::driven(&options),
            told: Vec::new(),
            known: raftdeck_model::World::default(),
            seq: 0,
            kept: BTreeMap::new(),
            ledger: Ledger::default(),
            traffic: Traffic::default(),
            agenda: Agenda::default(),
            reported: (0, false),
            rate: options.rate,
            last_rate: if options.rate.is_frozen() { ClockRate::REAL } else { options.rate },
            stepping: None,
            refreshing: Vec::new(),
            clients: Clients::default(),
            changes: Changes::default(),
            workload: Workload::default(),
            forgo_leases: false,
            is_accused: false,
            rng: Rng::new(seed, 11),
            numbered: 0,
            options,
        };
        live.traffic.seed(seed);
        live.world.pace = live.last_rate.millionths();
        let nodes: Vec<NodeId> = (1..=u64::from(live.options.nodes)).map(NodeId).collect();
        for &node in &nodes {
            live.keep(node);
        }
        live.introduce();
        live.tell_time();
        for node in nodes {
            // Only what was altered from outside cannot be read.
            let _ = live.start(node);
        }
        live.settle();
        live
    }

    /// Carries out a command now, or begins to; its outcome is reported, in the end by [`News::Done`] or [`News::Refused`].
    pub fn send(&mut self, command: Command) {
        let Command { id, what } = command;
        if let Some(answer) = self.carry_out(id, what) {
            self.drain();
            self.answer(id, answer);
        }
        self.settle();
    }

    /// When something next happens without a command, in cluster time; `None`: time is frozen.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        if self.is_frozen() { None } else { self.next_due().map(Duration::from_micros) }
    }

    /// Lets everything happen up to this cluster time, but no further than to the end of a step. While time is frozen nothing
    /// happens.
    pub fn run_until(&mut self, at: Duration) {
        let until = micros(at);
        while !self.is_frozen()
            && let Some(next) = self.next_due().filter(|next| *next <= until)
        {
            self.pass(next);
        }
        if !self.is_frozen() {
            self.world.now = self.world.now.max(until);
        }
    }

    /// How late it is, in cluster time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.world.now)
    }

    /// Takes what was told since.
    pub fn take(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.told)
    }

    fn tell(&mut self, what: News) {
        self.seq += 1;
        let update = Update { at: self.now(), seq: self.seq, what };
        self.known.fold(&update);
        self.told.push(update);
    }

    fn answer(&mut self, id: CommandId, answer: Result<(), String>) {
        self.tell_in_force();
        self.tell(match answer {
            Ok(()) => News::Done { id },
            Err(reason) => News::Refused { id, reason },
        });
    }

    fn is_frozen(&self) -> bool {
        self.rate.is_frozen()
    }

    fn moment(&self) -> ClockMoment {
        ClockMoment { now: self.now(), rate: self.rate }
    }

    /// This much real time, in cluster time at the present rate; at least a moment.
    fn in_cluster_time(&self, real: Duration) -> u64 {
        micros(self.rate.passes_in(real)).max(1)
    }

    fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    fn next_due(&self) -> Option<u64> {
        let message = self.traffic.next_due().map(message_due);
        [message, self.world.queue.next(), self.agenda.next()].into_iter().flatten().min()
    }

    /// Lets happen what is due at this time, one thing.
    fn pass(&mut self, at: u64) {
        self.world.now = self.world.now.max(at);
        let now = self.now();
        if self.traffic.next_due().is_some_and(|due| due <= now) {
            self.traffic.arrive(now);
        } else if self.world.queue.next().is_some_and(|due| due <= at) {
            self.guarded(|world| {
                world.step();
            });
        } else if let Some(due) = self.agenda.pop() {
            self.is_due(due);
        }
        self.drain();
        self.end_milestone();
    }

    fn is_due(&mut self, due: AgendaItem) {
        match due {
            AgendaItem::Status(node) => self.status_is_due(node),
            AgendaItem::Reports => {
                self.reported.1 = false;
                self.tell_reports();
            }
            AgendaItem::Refresh => self.refresh(),
            AgendaItem::Slow(node, rhythm) => self.turn_slow(node, rhythm),
            AgendaItem::Again(request) => self.ask_again(request),
            AgendaItem::Patience(request, question) => self.is_silent(request, question),
            AgendaItem::Deadline(request) => self.out_of_time(request),
            AgendaItem::Load(number) => self.write_load(number),
            AgendaItem::Figures(number) => self.tell_figures(number),
            AgendaItem::Change(number) => self.change_goes_on(number),
            AgendaItem::ChangeLate(number, question) => self.change_is_late(number, question),
            AgendaItem::SingleLate(question) => self.single_is_late(question),
            AgendaItem::StepEnd(number) => self.step_is_over(number),
        }
    }

    /// Lets the world do something. A member that finds its own invariant broken stops: its process ends.
    fn guarded(&mut self, act: impl FnOnce(&mut World<'static>)) {
        let world = &mut self.world;
        if let Err(words) = panics::caught(|| act(world)) {
            let member = world.in_turn.take();
            let id =
                member.unwrap_or_else(|| panic!("internal invariant violated in the simulator: {words}"));
            world.break_down(id, &words);
        }
    }

    /// Acts on all that left the members, and on what follows from that.
    fn drain(&mut self) {
        loop {
            let outward = self.world.take_outward();
            let arrived = self.traffic.take_arrived();
            let news = self.traffic.take_news();
            if outward.is_empty() && arrived.is_empty() && news.is_empty() {
                break;
            }
            for news in news {
                self.hear_of_links(news);
            }
            for (from, to, message) in arrived {
                self.world.deliver(from, to, Box::new(message));
            }
            for outward in outward {
                self.hear(outward);
            }
        }
        self.tell_in_force();
        self.schedule_reports();
        if let Some(violation) = self.world.judge.take().filter(|_| !self.is_accused) {
            self.is_accused = true;
            let (property, sentence) = (violation.property, violation.sentence);
            self.tell(News::Trouble { reason: format!("a property is violated ({property}): {sentence}") });
        }
    }

    fn hear(&mut self, outward: Outward) {
        match outward {
            Outward::Told(node, trace) => {
                self.note_milestone(&trace);
                let is_another_membership = matches!(trace, TraceEvent::MembershipChanged { .. });
                self.tell(News::Trace { node, trace });
                if is_another_membership {
                    self.stir_all();
                }
            }
            Outward::Sent { from, to, message } => {
                if self.world.serves(to) {
                    let moment = self.moment();
                    self.traffic.take_in(from, to, message, moment);
                }
            }
            Outward::Answered { request, node, answer } => self.answered(request, node, answer),
            Outward::Ended(node, why) => self.has_ended(node, why),
            Outward::Stirred(node) => self.stir(node),
        }
    }

    fn hear_of_links(&mut self, news: LinkNews) {
        match news {
            LinkNews::Gate((from, to), state) => self.tell(News::Link { from, to, state }),
            LinkNews::Fired(id, rules) => {
                let words = write::rules(&rules);
                self.ledger.becomes(id, raftdeck_model::Disturbance::Rules { words, rules });
            }
            LinkNews::Over(id) => drop(self.ledger.strike(id)),
            LinkNews::Full((from, to)) => self.tell(News::Trouble {
                reason: format!(
                    "the link from {from} to {to} is full: further messages are lost until some are released or dropped"
                ),
            }),
        }
    }

    /// In a frozen world: everything that takes no cluster time happens now, and all of it is reported.
    fn settle(&mut self) {
        self.drain();
        if !self.is_frozen() {
            return;
        }
        for _ in 0..MOST_AT_ONCE {
            let now = self.world.now;
            let delayed: Vec<NodeId> =
                self.world.nodes.iter().filter(|node| node.sync_delay > 0).map(|node| node.id).collect();
            let is_work = |event: &Event| match event {
                Event::Turn { .. }
                | Event::ReadBack { .. }
                | Event::Files { .. }
                | Event::Disconnected { .. } => true,
                Event::Disk { node, .. } => !delayed.contains(node),
                _ => false,
            };
            if !self.world.queue.hurry(now, is_work) {
                break;
            }
            self.guarded(|world| {
                world.step();
            });
            self.drain();
        }
        if self.refreshing.is_empty() {
            self.tell_reports();
            self.tell_statuses();
        } else {
            self.refresh();
        }
    }

    fn tell_in_force(&mut self) {
        if let Some(faults) = self.ledger.news() {
            self.tell(News::InForce { faults });
        }
    }

    /// What passed is reported a moment after the first of it, and not too often.
    fn schedule_reports(&mut self) {
        if self.traffic.reports.is_empty() || self.reported.1 || self.is_frozen() {
            return;
        }
        let gathered = self.world.now + self.in_cluster_time(GATHER);
        let at = gathered.max(self.reported.0 + self.in_cluster_time(INTERVAL));
        self.reported.1 = true;
        self.agenda.at(at, AgendaItem::Reports);
    }

    /// Reports immediately what happened to messages.
    fn tell_reports(&mut self) {
        self.reported.0 = self.world.now;
        for news in self.traffic.reports.take() {
            self.tell(news);
        }
    }

    /// The leader, as every observer of these updates understands it.
    fn leader(&self) -> Option<NodeId> {
        self.known.leader().map(|node| node.id)
    }

    /// Tells which nodes there are.
    fn introduce(&mut self) {
        let timing = self.options.timing;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.tell(News::Cluster {
            nodes: self.kept.keys().copied().collect(),
            heartbeat_ms: millis(timing.heartbeat),
            election_ms: (millis(timing.election_min), millis(timing.election_max)),
            data_dir: None.into(),
        });
    }
}

impl VirtualSource for Live {
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

/// When a message arrives, in the world's time, never too early.
fn message_due(due: Duration) -> u64 {
    u64::try_from(due.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}
