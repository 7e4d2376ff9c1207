//! A whole cluster in virtual time: the one loop that takes the next event and lets it happen. Knows no wall clock and
//! no thread; the same seed, options and schedule give the same events in the same order.

use crate::client::Client;
use crate::clock::Clock;
use crate::event::{Event, Queue};
use crate::fault::{Fault, Planned};
use crate::hash::EventHash;
use crate::identity;
use crate::judge::Judge;
use crate::live::LiveOptions;
use crate::nemesis::{DRIFT_BOUND_PPM, JOINERS, fragile};
use crate::network::Network;
use crate::node::{MemberFate, Node, Process};
use crate::options::{FaultKind, FaultKinds, Options, SECOND, Setup, micros};
use crate::outcome::{RunOutcome, Stats};
use crate::outside::Outside;
use crate::record::{TraceRecord, What};
use crate::restore::Starts;
use crate::rng::Rng;
use raftdeck_raft::{Membership, NodeId, Role};
use std::collections::BTreeSet;
use std::fmt;

/// Clients that only come for a visit.
const GUESTS: usize = 4;

/// The pace at which work takes the time that it usually takes.
const FULL_PACE: u32 = 1_000_000;

/// An observer of every event.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&TraceRecord);

pub(crate) struct World<'a> {
    pub(crate) seed: u64,
    pub(crate) options: Options,
    pub(crate) schedule: &'a [Planned],
    pub(crate) setup: Setup,
    pub(crate) now: u64,
    pub(crate) queue: Queue,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) clients: Vec<Client>,
    /// A client waits this long for an answer, until then.
    pub(crate) impatience: (u64, u64),
    pub(crate) judge: Judge,
    /// Chance of disks and turns.
    pub(crate) rng: Rng,
    pub(crate) stats: Stats,
    pub(crate) hash: EventHash,
    pub(crate) sink: Option<Sink<'a>>,
    /// Those whose disks may be damaged for good; so few that nothing acknowledged can be gone.
    pub(crate) fragile: BTreeSet<NodeId>,
    pub(crate) starts: Starts,
    pub(crate) quiet: bool,
    /// A leader was seen after the faults.
    pub(crate) led_again: bool,
    pub(crate) at_rest: bool,
    /// The member that has its turn, to attribute a panic.
    pub(crate) in_turn: Option<NodeId>,
    /// What leaves the members, if they are driven from outside.
    pub(crate) outside: Option<Outside>,
    /// Turns and disks take this many millionths of the time that they usually do.
    pub(crate) pace: u32,
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.seed).field("now", &self.now).finish_non_exhaustive()
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(seed: u64, options: &Options, schedule: &'a [Planned], sink: Option<Sink<'a>>) -> Self {
        let setup = Setup::draw(seed, options);
        let mut rng = Rng::new(seed, 5);
        let all = u64::from(options.nodes + JOINERS);
        let founders = identity::founding(seed, u64::from(options.nodes));
        let nodes = (1..=all).map(NodeId).map(|id| {
            let clock = Clock::new(rng.below(3600 * SECOND));
            if founders.is_voter(id) {
                Node::new(seed, id, founders.clone(), clock, MemberFate::Down)
            } else {
                Node::new(seed, id, Membership::default(), clock, MemberFate::Absent)
            }
        });
        let nodes: Vec<_> = nodes.collect();
        let fragile = fragile(seed, options.nodes).into_iter().collect();
        let starts = Starts::of(schedule);
        let trusts_leases = if setup.config.tuning.check_quorum { trusts_leases(schedule) } else { 0 };
        let remembers = options.faults.kinds().contains(&FaultKind::Network);
        let client = |number, new: fn(u64, usize, u64, u64) -> Client| new(seed, number, setup.keys, all);
        let regulars = (0..setup.clients).map(|number| client(number, Client::new));
        let guests = (setup.clients..setup.clients + GUESTS).map(|number| client(number, Client::guest));
        let clients = regulars.chain(guests).collect();
        Self {
            seed,
            options: options.clone(),
            schedule,
            now: 0,
            queue: Queue::default(),
            nodes,
            network: Network::new(seed, all, setup.delay, remembers),
            clients,
            impatience: (0, 0),
            judge: Judge::new(founders.voters, trusts_leases),
            rng,
            stats: Stats::default(),
            hash: EventHash::default(),
            sink,
            fragile,
            starts,
            quiet: false,
            led_again: false,
            at_rest: false,
            in_turn: None,
            outside: None,
            pace: FULL_PACE,
            setup,
        }
    }

    /// A cluster driven from outside: no faults happen on their own, and no member runs yet.
    pub(crate) fn driven(options: &LiveOptions) -> World<'static> {
        let nodes = u64::from(options.nodes);
        let (seed, setup) = (options.seed, Setup::driven(options));
        let founders = identity::founding(seed, nodes);
        let faultless = Options { nodes: 0, faults: FaultKinds::none(), secs: 0 };
        let delay = options.sync_delay.map_or(0, micros);
        let member = |id| {
            let node = Node::new(seed, id, founders.clone(), Clock::new(0), MemberFate::Down);
            Node { sync_delay: delay, ..node }
        };
        World {
            seed,
            options: faultless,
            schedule: &[],
            now: 0,
            queue: Queue::default(),
            nodes: (1..=nodes).map(NodeId).map(member).collect(),
            network: Network::new(seed, 0, setup.delay, false),
            clients: Vec::new(),
            impatience: (0, 0),
            judge: Judge::new(founders.voters.clone(), 0),
            rng: Rng::new(seed, 5),
            stats: Stats::default(),
            hash: EventHash::default(),
            sink: None,
            fragile: BTreeSet::new(),
            starts: Starts::of(&[]),
            quiet: true,
            led_again: false,
            at_rest: false,
            in_turn: None,
            outside: Some(Outside::default()),
            pace: FULL_PACE,
            setup,
        }
    }

    /// One more node, which belongs to no cluster and does not run yet.
    pub(crate) fn add_node(&mut self, sync_delay: u64) -> NodeId {
        let id = NodeId(self.nodes.len() as u64 + 1);
        let clock = Clock::new(0);
        let node = Node::new(self.seed, id, Membership::default(), clock, MemberFate::Down);
        self.nodes.push(Node { sync_delay, ..node });
        id
    }

    /// Lets everything happen, until all has come to rest or a promise is broken.
    pub(crate) fn run(&mut self) {
        self.begin();
        while !self.at_rest && self.judge.is_content() && self.step() {}
        self.judge.judge_history(self.now);
    }

    /// The members start, the clients come, and the faults are due.
    fn begin(&mut self) {
        for node in 1..=u64::from(self.options.nodes) {
            let at = self.rng.below(20_000);
            self.queue.at(at, Event::Restart { node: NodeId(node), life: 0 });
        }
        for client in 0..self.setup.clients {
            let at = 100_000 + self.rng.below(300_000);
            self.queue.at(at, Event::Client { client, attempt: 0 });
        }
        for (number, planned) in self.schedule.iter().enumerate() {
            self.queue.at(planned.at, Event::Fault(number));
        }
        self.queue.at(self.options.quiet_from(), Event::Quiet);
    }

    /// Lets the next event happen; `false`: there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some((at, event)) = self.queue.pop() else { return false };
        self.now = at;
        self.stats.events += 1;
        self.hash.event(at, &event);
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, message } => self.deliver(from, to, message),
            Event::Wake { node, life } => self.wake(node, life),
            Event::Turn { node, life } => self.turn(node, life),
            Event::Disk { node, life } => self.disk_done(node, life),
            Event::ReadBack { node, life, first } => self.entries_arrive(node, life, first),
            Event::Files { node, life } => self.files_done(node, life),
            Event::Restart { node, life } => self.restart(node, life),
            Event::Resume { node, pause } => self.resume(node, pause),
            Event::Fault(number) => self.go_wrong(number),
            Event::Client { client, attempt } => self.client_goes_on(client, attempt),
            Event::GiveUp { client, attempt } => self.client_gives_up(client, attempt),
            Event::Ask { node, client, attempt, ask } => self.asked(node, client, attempt, ask),
            Event::Answer { client, attempt, answer } => self.answered(client, attempt, *answer),
            Event::Disconnected { node, life, peer } => self.disconnected(node, life, peer),
            Event::Connect { node, life } => self.connect(node, life),
            Event::Quiet => self.become_quiet(),
            Event::DiskGoesOn(node) => self.disk_goes_on(node),
            Event::LookAtStall(node) => self.look_at_stall(node),
            Event::Look => self.look(),
        }
    }

    pub(crate) fn node(&mut self, id: NodeId) -> &mut Node {
        let place = usize::try_from(id.0 - 1).expect("invariant: there are few nodes");
        &mut self.nodes[place]
    }

    /// How long work takes at the present pace.
    pub(crate) fn paced(&self, usually: u64) -> u64 {
        if self.pace == FULL_PACE { usually } else { usually * u64::from(self.pace) / u64::from(FULL_PACE) }
    }

    /// The process of this life, if it still runs.
    pub(crate) fn process(&mut self, id: NodeId, life: u32) -> Option<&mut Process> {
        let node = self.node(id);
        if node.life == life { node.process.as_deref_mut() } else { None }
    }

    /// The leader of the highest term.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        let leads = |node: &&Node| node.process.as_ref().is_some_and(|p| p.story.role == Role::Leader);
        let leaders = self.nodes.iter().filter(leads);
        leaders.max_by_key(|node| node.process.as_ref().map(|p| p.story.term)).map(|node| node.id)
    }

    /// Shows an event to its observer.
    pub(crate) fn show(&mut self, node: Option<NodeId>, what: impl FnOnce() -> What) {
        if self.sink.is_none() {
            return;
        }
        let now = self.now;
        let status = node.and_then(|id| {
            let node = self.node(id);
            let local = node.clock.now(now);
            node.process.as_ref().map(|process| process.replica.status(local))
        });
        let record = TraceRecord::new(now, node, status.as_ref(), what());
        if let Some(sink) = &mut self.sink {
            sink(&record);
        }
    }

    pub(crate) fn election_max(&self) -> u64 {
        micros(self.setup.config.tuning.timing.election_max)
    }

    pub(crate) fn outcome(mut self) -> RunOutcome {
        self.stats.virtual_micros = self.now;
        self.stats.operations = self.judge.operations() as u64;
        self.stats.undecided = u64::from(self.judge.undecided);
        RunOutcome {
            seed: self.seed,
            violation: self.judge.take(),
            trace_hash: self.hash.finish(),
            stats: self.stats,
        }
    }
}

/// A lease holds only where clocks run at about the same rate and every member stands by its leader: until the first fault
/// that changes this.
fn trusts_leases(schedule: &[Planned]) -> u64 {
    let spoils = |planned: &&Planned| match planned.fault {
        Fault::Drift { ppm, .. } => ppm.abs() > DRIFT_BOUND_PPM,
        Fault::Tune { check_quorum, .. } => !check_quorum,
        // No member can notice that its own steady clock was frozen.
        Fault::Pause { frozen, .. } => frozen,
        _ => false,
    };
    schedule.iter().filter(spoils).map(|planned| planned.at).min().unwrap_or(u64::MAX)
}
