//! Small makers of faults, one for each kind: each says what goes wrong next, and when. All of them together write the
//! schedule of a run before it begins.

use crate::blow::{GONE_BACK_TAKES, Themes};
use crate::fault::{Cut, Fault, MembershipStep, Planned, Schedule, Weather, Who};
use crate::options::{FaultKind, Options, SECOND};
use crate::rng::Rng;
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::Survival;

pub(crate) const MS: u64 = 1000;

/// How many nodes may join in a run.
pub(crate) const JOINERS: u8 = 3;

/// Those whose disks may be damaged for good; so few that nothing acknowledged can be gone.
pub(crate) fn fragile(seed: u64, nodes: u8) -> Vec<NodeId> {
    let minority = ((nodes - 1) / 2).min(2);
    let first = Rng::new(seed, 8).below(u64::from(nodes));
    (0..u64::from(minority)).map(|i| NodeId(1 + (first + i) % u64::from(nodes))).collect()
}

/// A maker of faults of one kind.
#[derive(Debug)]
pub(crate) struct Nemesis {
    kind: FaultKind,
    pub(crate) rng: Rng,
    pub(crate) nodes: u8,
    pub(crate) fragile: Vec<NodeId>,
    /// The mean time between two faults.
    pace: u64,
    /// Some runs see clocks that are off by more than leases allow.
    wild_clocks: bool,
}

impl Nemesis {
    pub(crate) fn new(kind: FaultKind, seed: u64, nodes: u8) -> Self {
        let mut rng = Rng::new(seed, 100 + kind as u64);
        let base = match kind {
            FaultKind::Pause | FaultKind::Clock | FaultKind::Client => 2 * SECOND,
            FaultKind::Disk | FaultKind::Tune | FaultKind::Stall | FaultKind::Wipe | FaultKind::Restore => {
                3 * SECOND
            }
            _ => SECOND,
        };
        let pace = base * rng.pick(&[1, 2, 5]) / 2;
        Self { kind, nodes, fragile: fragile(seed, nodes), pace, wild_clocks: rng.chance(150), rng }
    }

    /// Faults at the beginning and at the end, in moments that no others meet.
    pub(crate) fn outermost(&mut self, quiet_from: u64) -> Plan {
        let blow = match self.kind {
            // What it takes in from the first leader names it on the disk that it lost.
            FaultKind::Wipe if !self.fragile.is_empty() && self.rng.chance(500) => {
                let who = Who::Node(self.rng.pick(&self.fragile));
                vec![(self.rng.between(MS, 100 * MS), Fault::Wipe { who, down: MS })]
            }
            // Only what the members do when all is well can show whether they took harm.
            FaultKind::Restore if self.nodes > 1 && self.rng.chance(700) => {
                let begins = quiet_from.saturating_sub(GONE_BACK_TAKES);
                self.gone_back().into_iter().map(|(after, fault)| (begins + after, fault)).collect()
            }
            _ => Vec::new(),
        };
        blow.into_iter().map(|(at, fault)| (at, self.kind.index(), fault)).collect()
    }

    /// How long after the ones before them come which faults; several make one blow.
    pub(crate) fn next(&mut self) -> (u64, Vec<(u64, Fault)>) {
        use FaultKind::{Crash, Disk, Membership, Partition, Restore, Snapshot, Transfer, Wipe};
        let is_blow = matches!(self.kind, Partition | Transfer | Crash | Membership | Wipe | Restore)
            || (matches!(self.kind, Snapshot | Disk) && self.rng.chance(500));
        if is_blow && self.rng.chance(550) {
            let delay = self.rng.between(self.pace / 4, self.pace * 7 / 4);
            return (delay, self.blow());
        }
        let (delay, fault) = self.single();
        (delay, vec![(0, fault)])
    }

    /// Faults that are dangerous close to each other: around the moment when the leadership changes.
    fn blow(&mut self) -> Vec<(u64, Fault)> {
        let rush = Fault::Rush { count: self.rng.between(10, 40), readers: self.rng.chance(500) };
        let cut = |cut, lasts| Fault::Cut { cut, lasts };
        let impatience = |lasts| Fault::Impatience { patience: 40 * MS, lasts };
        match self.kind {
            FaultKind::Transfer if self.rng.chance(250) => self.late_word(),
            FaultKind::Transfer if self.nodes > 1 && self.rng.chance(800) => match self.rng.below(5) {
                0 => self.given_up_transfer(),
                1 => self.forgotten_leader(),
                _ => self.early_term(),
            },
            FaultKind::Membership if self.rng.chance(400) => self.two_halves(),
            FaultKind::Membership if self.rng.chance(300) => self.silent_learner(),
            FaultKind::Membership if self.nodes > 1 && self.rng.chance(400) => self.unaware_voter(),
            FaultKind::Wipe if self.rng.chance(400) => self.two_wiped_joiners(),
            FaultKind::Wipe => self.wiped_and_added_again(),
            FaultKind::Restore if !self.fragile.is_empty() && self.rng.chance(500) => self.older_voter(),
            FaultKind::Restore => self.gone_back(),
            FaultKind::Snapshot => self.crash_before_the_reset(),
            FaultKind::Disk => self.overwritten_while_read(),
            FaultKind::Partition if self.rng.chance(350) => self.joined_round(),
            FaultKind::Partition if self.rng.chance(350) => self.late_answers(),
            FaultKind::Partition if self.rng.chance(450) => self.broken_connections(),
            FaultKind::Partition if self.nodes > 1 && self.rng.chance(350) => self.overwritten_tail(),
            // The old leader is not told that another was elected at its own wish.
            FaultKind::Transfer => {
                let to = self.node();
                let lasts = self.rng.between(100 * MS, 400 * MS);
                vec![
                    (0, cut(Cut::Deaf(Who::Leader), lasts)),
                    (1, impatience(lasts)),
                    (MS / 2, Fault::Transfer { to }),
                    (self.rng.between(MS, 20 * MS), Fault::Rush { count: 3, readers: false }),
                    (self.rng.between(10 * MS, 40 * MS), Fault::Rush { count: 20, readers: true }),
                ]
            }
            // A leader that is cut off still hears for a while that it was followed.
            FaultKind::Partition if self.rng.chance(500) => {
                let weather = Weather::Delay(self.rng.between(200 * MS, 500 * MS));
                let begins = self.rng.between(60 * MS, 150 * MS);
                let to = Some(Who::Leader);
                vec![
                    (0, Fault::Weather { from: None, to, weather, lasts: begins }),
                    (begins, cut(Cut::Isolate(Who::Leader), 1000 * MS)),
                    (begins + 1, impatience(900 * MS)),
                    (begins + self.rng.between(150 * MS, 450 * MS), rush),
                ]
            }
            // A leader whose messages no longer arrive, and that clients still ask.
            FaultKind::Partition => {
                let lasts = self.rng.between(300 * MS, 1500 * MS);
                vec![
                    (0, cut(Cut::Isolate(Who::Leader), lasts)),
                    (1, impatience(lasts)),
                    (self.rng.between(1, 500 * MS), rush),
                ]
            }
            // One change on top of another.
            FaultKind::Membership => {
                let gap = self.rng.pick(&[0, 0, MS]);
                let mut steps = Vec::new();
                for newcomer in (1..=JOINERS).map(|n| id(self.nodes + n)) {
                    let (add, remove) =
                        (MembershipStep::Add(newcomer), MembershipStep::Remove(Who::Node(newcomer)));
                    match self.rng.below(4) {
                        0 => steps.push(remove),
                        1 => steps.push(MembershipStep::Promote(newcomer)),
                        2 => steps.push(add),
                        _ => steps.extend([remove, add, MembershipStep::Promote(newcomer), remove]),
                    }
                }
                let change = |(n, step)| (n * gap, Fault::Change(vec![step]));
                (0..).zip(steps).map(change).collect()
            }
            // One leader after another has hardly begun (paper Figure 8).
            _ => {
                let mut at = 0;
                let mut blow = Vec::new();
                for _ in 0..self.rng.between(2, 4) {
                    let effects = u32::try_from(self.rng.below(6)).unwrap_or(0);
                    let down = self.rng.between(20 * MS, 400 * MS);
                    let (survival, changes) = (survival(&mut self.rng), self.rng.below(6));
                    blow.push((at, Fault::Crash { who: Who::Leader, effects, survival, changes, down }));
                    at += self.rng.between(150 * MS, 500 * MS);
                }
                blow
            }
        }
    }

    /// The leader hands over and hears late of its outcome, with clients that stay with it.
    fn late_word(&mut self) -> Vec<(u64, Fault)> {
        let weather = Weather::Late(self.rng.between(30 * MS, 200 * MS));
        let begins = self.rng.between(5 * MS, 60 * MS);
        let (to, lasts) = (self.node(), self.rng.between(200 * MS, 400 * MS));
        let late = Fault::Weather { from: None, to: Some(Who::Leader), weather, lasts };
        let loyalty = Fault::Loyalty { who: Who::Leader, writers: false, lasts };
        vec![
            (begins.saturating_sub(self.rng.below(10 * MS)), loyalty),
            (begins, Fault::Transfer { to }),
            (begins + self.rng.below(5 * MS), late),
        ]
    }

    /// A leader whose messages no longer arrive gets answers to earlier ones, with clients that stay with it.
    fn late_answers(&mut self) -> Vec<(u64, Fault)> {
        let weather = Weather::Late(self.rng.between(180 * MS, 280 * MS));
        let (lasts, begins) = (900 * MS, self.rng.between(20 * MS, 120 * MS));
        let late = Fault::Weather { from: None, to: Some(Who::Leader), weather, lasts };
        let cut = Fault::Cut { cut: Cut::Mute(Who::Leader), lasts: 600 * MS };
        let loyalty = Fault::Loyalty { who: Who::Leader, writers: false, lasts: 500 * MS };
        vec![(0, late), (begins, cut), (begins + self.rng.between(0, 150 * MS), loyalty)]
    }

    /// No node has a connection to the leader, which does not notice; clients continue to read there.
    fn broken_connections(&mut self) -> Vec<(u64, Fault)> {
        let lasts = self.rng.between(200 * MS, 400 * MS);
        let loyalty = Fault::Loyalty { who: Who::Leader, writers: false, lasts };
        // Where only some detect crashes, the first node never does.
        let begins = self.rng.between(60 * MS, 150 * MS);
        vec![
            (0, Fault::Transfer { to: id(1) }),
            (begins, loyalty),
            (begins + 1, Fault::Disconnect { who: Who::Leader, peer: None }),
            (begins + 2, Fault::Cut { cut: Cut::Isolate(Who::Leader), lasts }),
            (begins + 3, Fault::Impatience { patience: 15 * MS, lasts }),
            (begins + self.rng.between(5 * MS, 30 * MS), Fault::Rush { count: 9, readers: false }),
            (begins + self.rng.between(20 * MS, 60 * MS), Fault::Rush { count: 20, readers: true }),
        ]
    }

    /// A leader takes writes that it cannot commit, loses them to another's, and leads again with a slow disk.
    fn overwritten_tail(&mut self) -> Vec<(u64, Fault)> {
        let first = self.node();
        let who = Who::Node(first);
        let lasts = self.rng.between(350 * MS, 500 * MS);
        let again = 60 * MS + lasts + self.rng.between(60 * MS, 150 * MS);
        let writes = self.rng.between(20 * MS, 120 * MS);
        let slow = again + self.rng.between(5 * MS, 80 * MS);
        let slow_disk = |who| Fault::SlowDisk { who, sync: 100 * MS, lasts: 300 * MS };
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (60 * MS, Fault::Cut { cut: Cut::Isolate(who), lasts }),
            (60 * MS + 1, Fault::Loyalty { who, writers: true, lasts: writes }),
            (again, Fault::Transfer { to: first }),
            (again + 50 * MS, Fault::Transfer { to: first }),
            (slow, slow_disk(who)),
            (slow + self.rng.between(0, 100 * MS), Fault::Rush { count: 20, readers: false }),
        ];
        // So many of the others that the first is needed.
        let others = (1..=self.nodes).map(id).filter(|other| *other != first);
        blow.extend(
            others.take(usize::from(self.nodes) / 2).map(|other| (slow, slow_disk(Who::Node(other)))),
        );
        blow
    }

    fn single(&mut self) -> (u64, Fault) {
        let delay = self.rng.between(self.pace / 4, self.pace * 7 / 4);
        let fault = match self.kind {
            FaultKind::Crash => self.crash(),
            FaultKind::Disk => self.disk(),
            FaultKind::Partition => self.partition(),
            FaultKind::Network => self.network(),
            FaultKind::Pause => self.pause(),
            FaultKind::Clock => self.clock(),
            FaultKind::Membership => self.membership(),
            FaultKind::Transfer => self.transfer(),
            FaultKind::Snapshot => Fault::Snapshot { who: self.who() },
            FaultKind::Tune => self.tune(),
            FaultKind::Wipe => Fault::Wipe { who: self.who(), down: self.rng.between(MS, 300 * MS) },
            FaultKind::Restore => self.restore(),
            FaultKind::Client => self.client(),
            FaultKind::Stall => self.stall(),
        };
        (delay, fault)
    }

    fn crash(&mut self) -> Fault {
        let rng = &mut self.rng;
        let down = if rng.chance(500) { rng.between(MS, 50 * MS) } else { rng.between(50 * MS, SECOND) };
        let survival = survival(rng);
        if rng.chance(150) {
            return Fault::PowerCut { survival, down };
        }
        let effects = u32::try_from(rng.below(12)).unwrap_or(0);
        let changes = rng.below(6);
        Fault::Crash { who: self.who(), effects, survival, changes, down }
    }

    fn disk(&mut self) -> Fault {
        let who = self.who();
        let rng = &mut self.rng;
        // Only few may be damaged for good.
        let frail = if self.fragile.is_empty() { who } else { Who::Node(rng.pick(&self.fragile)) };
        match rng.below(10) {
            0..3 => Fault::FailSync { who, after: rng.below(5) },
            3..5 => Fault::FillDisk { who, spare: rng.index(2000) },
            5..7 if rng.chance(500) => {
                Fault::Shorten { who: frail, pick: rng.next() >> 16, down: rng.between(MS, 200 * MS) }
            }
            5..7 => Fault::FlipBit { who: frail, pick: rng.next() >> 16, down: rng.between(MS, 200 * MS) },
            _ => Fault::SlowDisk {
                who,
                sync: rng.pick(&[20 * MS, 100 * MS, 400 * MS]),
                lasts: rng.between(100 * MS, 2 * SECOND),
            },
        }
    }

    /// Mostly of one whose disk may be lost.
    fn restore(&mut self) -> Fault {
        let is_any = self.fragile.is_empty() || self.rng.chance(300);
        let who = if is_any { self.who() } else { Who::Node(self.rng.pick(&self.fragile)) };
        if self.rng.chance(500) {
            Fault::Copy { who }
        } else {
            Fault::Restore { who, down: self.rng.between(MS, 200 * MS) }
        }
    }

    /// Long enough that another member must become leader, or just not.
    fn stall(&mut self) -> Fault {
        let lasts = if self.rng.chance(300) {
            self.rng.between(20 * MS, 700 * MS)
        } else {
            self.rng.between(700 * MS, 3 * SECOND)
        };
        Fault::StallDisk { who: self.who(), lasts }
    }

    fn partition(&mut self) -> Fault {
        let (a, b) = (self.node(), self.node());
        let who = self.who();
        let half: Vec<_> = (1..=self.nodes + JOINERS).filter(|_| self.rng.chance(500)).map(id).collect();
        let cut = match self.rng.below(8) {
            0 => Cut::OneWay(a, b),
            1 => Cut::Both(a, b),
            2 | 3 => Cut::Isolate(who),
            4 => Cut::Deaf(who),
            5 => Cut::Mute(who),
            6 => Cut::Halves(half),
            _ => Cut::Bridge(a, half),
        };
        Fault::Cut { cut, lasts: self.rng.between(50 * MS, 2 * SECOND) }
    }

    fn network(&mut self) -> Fault {
        if self.rng.chance(150) {
            let (who, peer) = (self.who(), self.node());
            return Fault::Disconnect { who, peer: self.rng.chance(300).then_some(peer) };
        }
        let rng = &mut self.rng;
        if rng.chance(400) {
            return Fault::Replay { pick: rng.next() >> 16, count: rng.between(1, 30) };
        }
        let weather = match rng.below(4) {
            0 => Weather::Loss(rng.pick(&[20, 100, 400])),
            1 => Weather::Delay(rng.pick(&[10 * MS, 60 * MS, 200 * MS])),
            2 => Weather::Duplicate(rng.pick(&[50, 300])),
            _ => Weather::Reorder(rng.pick(&[5 * MS, 40 * MS, 200 * MS])),
        };
        let lasts = rng.between(100 * MS, 3 * SECOND);
        let from = if rng.chance(500) { Some(self.who()) } else { None };
        Fault::Weather { from, to: None, weather, lasts }
    }

    fn pause(&mut self) -> Fault {
        let lasts = self.rng.pick(&[20 * MS, 120 * MS, 400 * MS, SECOND]);
        Fault::Pause { who: self.who(), lasts, frozen: self.rng.chance(300) }
    }

    fn clock(&mut self) -> Fault {
        let who = self.who();
        let rng = &mut self.rng;
        if rng.chance(400) {
            let by = rng.pick(&[-10, 30, 3000, 7200, -7200]);
            return Fault::WallJump { who, by: by * 1_000_000 };
        }
        let ppm = if self.wild_clocks {
            rng.pick(&[-400_000, -100_000, 200_000, 600_000])
        } else {
            rng.pick(&[-DRIFT_BOUND_PPM, -1000, 0, 1000, DRIFT_BOUND_PPM])
        };
        Fault::Drift { who, ppm }
    }

    fn membership(&mut self) -> Fault {
        let newcomer = id(self.nodes + 1 + u8::try_from(self.rng.below(u64::from(JOINERS))).unwrap_or(0));
        let anybody =
            Who::Node(id(1 + u8::try_from(self.rng.index(usize::from(self.nodes + JOINERS))).unwrap_or(0)));
        Fault::Change(match self.rng.below(10) {
            0..3 => vec![MembershipStep::Add(newcomer)],
            3..6 => vec![MembershipStep::Promote(newcomer)],
            6 => vec![MembershipStep::Add(newcomer), MembershipStep::Promote(newcomer)],
            7 => vec![MembershipStep::Promote(newcomer), MembershipStep::Remove(anybody)],
            8 => vec![MembershipStep::Remove(Who::Leader)],
            _ => vec![MembershipStep::Remove(anybody)],
        })
    }

    fn transfer(&mut self) -> Fault {
        if self.rng.chance(700) {
            Fault::Transfer { to: self.node() }
        } else {
            Fault::Campaign { who: Who::Node(self.node()) }
        }
    }

    fn tune(&mut self) -> Fault {
        let who = self.rng.chance(500).then(|| Who::Node(self.node()));
        Fault::Tune { who, pre_vote: self.rng.chance(500), check_quorum: self.rng.chance(500) }
    }

    fn client(&mut self) -> Fault {
        if self.rng.chance(500) {
            Fault::Rush { count: self.rng.between(3, 20), readers: self.rng.chance(400) }
        } else {
            let lasts = self.rng.between(200 * MS, 2 * SECOND);
            Fault::Impatience { patience: self.rng.pick(&[2 * MS, 10 * MS, 60 * MS]), lasts }
        }
    }

    fn who(&mut self) -> Who {
        if self.rng.chance(400) { Who::Leader } else { Who::Node(self.node()) }
    }

    /// Mostly one that is there from the start.
    fn node(&mut self) -> NodeId {
        let many = if self.rng.chance(150) { self.nodes + JOINERS } else { self.nodes };
        id(1 + u8::try_from(self.rng.below(u64::from(many))).unwrap_or(0))
    }
}

/// Leases are trusted while no clock runs off by more than this.
pub(crate) const DRIFT_BOUND_PPM: i32 = 20_000;

pub(crate) fn id(number: u8) -> NodeId {
    NodeId(u64::from(number))
}

pub(crate) fn survival(rng: &mut Rng) -> Survival {
    match rng.below(4) {
        0 => Survival::Process,
        1 => Survival::Nothing,
        2 => Survival::Prefix(rng.index(1500)),
        _ => Survival::Sectors(rng.next() >> 16),
    }
}

/// Everything that goes wrong in this run. A seed uses some of the kinds that are allowed, and uses them more or less,
/// so that rare combinations get their turn and common ones do not drown them.
pub(crate) fn schedule(seed: u64, options: &Options) -> Schedule {
    let mut planned = Themes::draw(seed, options)
        .map_or_else(|| mixed(seed, options), |themes| themes.faults(seed, options));
    planned.sort_by_key(|(at, kind, _)| (*at, *kind));
    planned.into_iter().map(|(at, _, fault)| Planned { at, fault }).collect()
}

/// Faults with their times and the places of their kinds.
pub(crate) type Plan = Vec<(u64, usize, Fault)>;

/// Faults of several kinds, each as its nemesis likes.
fn mixed(seed: u64, options: &Options) -> Plan {
    let mut rng = Rng::new(seed, 2);
    let kinds = options.faults.kinds();
    let keep_all = kinds.len() == 1 || rng.chance(150);
    // Some need no others beside them, which would only spoil the moment.
    let only =
        (!keep_all && !kinds.is_empty() && rng.chance(400)).then(|| [rng.pick(kinds), rng.pick(kinds)]);
    let mut planned = Plan::new();
    for kind in kinds {
        let is_drawn = match only {
            Some(only) => only.contains(kind),
            None => keep_all || rng.chance(600),
        };
        if !is_drawn {
            continue;
        }
        let mut nemesis = Nemesis::new(*kind, seed, options.nodes);
        planned.extend(nemesis.outermost(options.quiet_from()));
        let mut at = 300 * MS;
        loop {
            let (delay, faults) = nemesis.next();
            at += delay.max(MS);
            if at >= options.quiet_from() {
                break;
            }
            let faults = faults.into_iter().map(|(after, fault)| (at + after, kind.index(), fault));
            planned.extend(faults.filter(|(at, ..)| *at < options.quiet_from()));
        }
    }
    planned
}
