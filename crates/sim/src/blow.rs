//! Faults that make a rare moment together: each is written for one guard, and says which state it aims at. Chance decides the
//! gaps between them, so that some of many seeds meet the moment.

use crate::fault::{Cut, Fault, MembershipStep, Weather, Who};
use crate::nemesis::{MS, Nemesis, Plan, id, survival};
use crate::options::{FaultKind, Options};
use crate::rng::Rng;
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::Survival;

/// Faults, each with its time after the first.
pub(crate) type Blow = Vec<(u64, Fault)>;

/// A cluster whose leadership was asked for has it by then, mostly.
const LED: u64 = 120 * MS;

/// How long it is until a member is back that went back.
pub(crate) const GONE_BACK_TAKES: u64 = LED + 340 * MS;

/// A blow that a run can be about.
struct Theme {
    /// As which kind it counts.
    kind: FaultKind,
    blow: fn(&mut Nemesis) -> Blow,
    /// How often it is drawn.
    weight: u64,
}

const THEMES: &[Theme] = &[
    Theme { kind: FaultKind::Transfer, blow: Nemesis::given_up_transfer, weight: 1 },
    Theme { kind: FaultKind::Transfer, blow: Nemesis::forgotten_leader, weight: 1 },
    Theme { kind: FaultKind::Transfer, blow: Nemesis::early_term, weight: 4 },
    Theme { kind: FaultKind::Partition, blow: Nemesis::joined_round, weight: 1 },
    Theme { kind: FaultKind::Membership, blow: Nemesis::two_halves, weight: 1 },
    Theme { kind: FaultKind::Membership, blow: Nemesis::silent_learner, weight: 2 },
    Theme { kind: FaultKind::Membership, blow: Nemesis::unaware_voter, weight: 4 },
    Theme { kind: FaultKind::Wipe, blow: Nemesis::wiped_and_added_again, weight: 1 },
    Theme { kind: FaultKind::Wipe, blow: Nemesis::two_wiped_joiners, weight: 1 },
    Theme { kind: FaultKind::Restore, blow: Nemesis::older_voter, weight: 2 },
    Theme { kind: FaultKind::Restore, blow: Nemesis::gone_back, weight: 2 },
    Theme { kind: FaultKind::Snapshot, blow: Nemesis::crash_before_the_reset, weight: 2 },
    Theme { kind: FaultKind::Disk, blow: Nemesis::overwritten_while_read, weight: 4 },
];

/// This many blows take turns.
const TOGETHER: usize = 3;

/// What all of a run is about: a few blows again and again, with nothing else that would spoil their moments.
pub(crate) struct Themes([&'static Theme; TOGETHER]);

impl Themes {
    /// Those of this seed, if it has any. Clusters of fewer than three have not the members for them, and who asks for few
    /// kinds of faults wants to see those.
    pub(crate) fn draw(seed: u64, options: &Options) -> Option<Self> {
        let mut rng = Rng::new(seed, 9);
        let kinds = options.faults.kinds();
        let knows_all = THEMES.iter().all(|theme| kinds.contains(&theme.kind));
        if options.nodes < 3 || !knows_all || !rng.chance(400) {
            return None;
        }
        let all = THEMES.iter().flat_map(|theme| (0..theme.weight).map(move |_| theme)).collect::<Vec<_>>();
        Some(Self([(); TOGETHER].map(|()| rng.pick(&all))))
    }

    /// Whether members should keep all of their log, and it on the disk alone.
    pub(crate) fn read_back(&self) -> bool {
        self.0.iter().any(|theme| theme.kind == FaultKind::Disk)
    }

    pub(crate) fn faults(&self, seed: u64, options: &Options) -> Plan {
        let mut plan = Plan::new();
        let mut makers = self.0.map(|theme| (theme, Nemesis::new(theme.kind, seed, options.nodes)));
        for (_, nemesis) in &mut makers {
            plan.extend(nemesis.outermost(options.quiet_from()));
        }
        let mut at = 400 * MS;
        for turn in 0.. {
            if at >= options.quiet_from() {
                break;
            }
            let (theme, nemesis) = &mut makers[turn % TOGETHER];
            let blow = (theme.blow)(nemesis);
            let lasts = blow.iter().map(|(after, _)| *after).max().unwrap_or(0);
            plan.extend(blow.into_iter().map(|(after, fault)| (at + after, theme.kind.index(), fault)));
            at += lasts + nemesis.rng.between(200 * MS, 900 * MS);
        }
        plan.retain(|(at, ..)| *at < options.quiet_from());
        plan
    }
}

impl Nemesis {
    /// One of the founders, and another one, if there is one.
    fn pair(&mut self) -> (NodeId, NodeId) {
        let first = 1 + self.rng.below(u64::from(self.nodes));
        let step = 1 + self.rng.below(u64::from(self.nodes.max(2) - 1));
        (NodeId(first), NodeId(1 + (first - 1 + step) % u64::from(self.nodes)))
    }

    fn founders_but(&self, out: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(id).filter(move |node| *node != out)
    }

    /// The word to campaign arrives only after the leader has given up the transfer, and the leader does not hear of the
    /// campaign: has it a lease meanwhile?
    pub(crate) fn given_up_transfer(&mut self) -> Blow {
        let (first, to) = self.pair();
        let weather = Weather::Late(self.rng.between(155 * MS, 220 * MS));
        let (from, begins) = (Some(Who::Node(first)), LED + self.rng.below(60 * MS));
        vec![
            (0, Fault::Transfer { to: first }),
            (begins, Fault::Weather { from, to: Some(Who::Node(to)), weather, lasts: 40 * MS }),
            (begins + 1, Fault::Transfer { to }),
            (begins + 2, Fault::Cut { cut: Cut::OneWay(to, first), lasts: 400 * MS }),
            (begins + 150 * MS, Fault::Visit { who: Who::Node(first), gap: 12 * MS, lasts: 150 * MS }),
        ]
    }

    /// A leader whose messages no longer arrive gets late answers to a round for a read. Another read came meanwhile, after
    /// the others had elected a new leader and written.
    pub(crate) fn joined_round(&mut self) -> Blow {
        let (first, _) = self.pair();
        let who = Who::Node(first);
        let weather = Weather::Late(self.rng.between(380 * MS, 520 * MS));
        let late = Fault::Weather { from: None, to: Some(who), weather, lasts: 1200 * MS };
        let begins = LED + self.rng.below(40 * MS);
        let visit = |at, gap, lasts| (at, Fault::Visit { who, gap, lasts });
        vec![
            (0, Fault::Transfer { to: first }),
            (begins - 30 * MS, late),
            visit(begins - self.rng.between(MS, 12 * MS), 100 * MS, 30 * MS),
            (begins, Fault::Cut { cut: Cut::Mute(who), lasts: 700 * MS }),
            (begins + 150 * MS, Fault::Loyalty { who, writers: false, lasts: 400 * MS }),
            visit(begins + self.rng.between(260 * MS, 400 * MS), 12 * MS, 70 * MS),
        ]
    }

    /// The leader is cut off and has its lease still, and the others forget it. Do they stand by it?
    pub(crate) fn forgotten_leader(&mut self) -> Blow {
        let (first, next) = self.pair();
        let begins = LED + self.rng.below(100 * MS);
        let campaign = |node| Fault::Campaign { who: Who::Node(node) };
        let restarts = self.rng.chance(500);
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (begins, Fault::Cut { cut: Cut::Isolate(Who::Node(first)), lasts: 300 * MS }),
        ];
        for other in self.founders_but(first) {
            let fault = if restarts {
                let survival = survival(&mut self.rng);
                Fault::Crash { who: Who::Node(other), effects: 0, survival, changes: 0, down: MS / 2 }
            } else {
                campaign(other)
            };
            blow.push((begins + 1, fault));
        }
        let again = begins + self.rng.between(2 * MS, 30 * MS);
        blow.extend([(again, campaign(next)), (again + 15 * MS, campaign(next))]);
        blow
    }

    /// A member hears of a higher term before its candidate's request comes, and has promised to stand by a leader. Nothing
    /// is written meanwhile, so that the candidate, which hears no leader, has as long a log.
    pub(crate) fn early_term(&mut self) -> Blow {
        let (first, candidate) = self.pair();
        let begins = LED + 300 * MS + self.rng.below(60 * MS);
        let hears_no_more = begins - 152 * MS - self.rng.below(10 * MS);
        let weather = Weather::Reorder(self.rng.between(20 * MS, 60 * MS));
        let from = Some(Who::Node(candidate));
        let who = Some(Who::Node(candidate));
        let campaign = |node| Fault::Campaign { who: Who::Node(node) };
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (LED, Fault::Hush { lasts: begins + 150 * MS - LED }),
            (LED, Fault::Tune { who, pre_vote: false, check_quorum: true }),
            (hears_no_more, Fault::Cut { cut: Cut::OneWay(first, candidate), lasts: begins - hears_no_more }),
            (begins - 1, Fault::Weather { from, to: None, weather, lasts: 60 * MS }),
            (begins, Fault::Cut { cut: Cut::Isolate(Who::Node(first)), lasts: 300 * MS }),
            (begins + 1, campaign(candidate)),
        ];
        for other in self.founders_but(first).filter(|node| *node != candidate) {
            blow.push((begins + self.rng.between(MS, 12 * MS), campaign(other)));
        }
        blow
    }

    /// Several voters come or go in one change, and the cluster parts in the middle of it: one side knows only the joint
    /// configuration, and is a majority of its old half alone.
    pub(crate) fn two_halves(&mut self) -> Blow {
        let first = self.pair().0;
        let joiners = [1, 2].map(|n| id(self.nodes + n));
        let all = |step: fn(NodeId) -> MembershipStep| Fault::Change(joiners.map(step).to_vec());
        let promoted = LED + self.rng.between(150 * MS, 300 * MS);
        let removed = promoted + 1600 * MS;
        let lasts = 900 * MS;
        let many = usize::from(self.nodes) / 2 + 1;
        let coming = self.founders_but(first).take(many).collect();
        let going =
            joiners.into_iter().chain(self.founders_but(first).take(usize::from(self.nodes) / 2)).collect();
        let gap = |nemesis: &mut Self| nemesis.rng.between(MS, 40 * MS);
        vec![
            (0, Fault::Transfer { to: first }),
            (LED, Fault::Change(vec![MembershipStep::Add(joiners[0])])),
            (LED + 50 * MS, Fault::Change(vec![MembershipStep::Add(joiners[1])])),
            (promoted, all(MembershipStep::Promote)),
            (promoted + gap(self), Fault::Cut { cut: Cut::Halves(coming), lasts }),
            (removed - LED, Fault::Transfer { to: first }),
            (removed, all(|node| MembershipStep::Remove(Who::Node(node)))),
            (removed + gap(self), Fault::Cut { cut: Cut::Halves(going), lasts }),
        ]
    }

    /// A member is removed, loses its disk and is added again, while answers of its former life are on their way. It may be
    /// cut off with an old membership that names its former life.
    pub(crate) fn wiped_and_added_again(&mut self) -> Blow {
        let (first, again) = self.pair();
        let (who, rng) = (Who::Node(again), &mut self.rng);
        let removed = LED + rng.below(100 * MS);
        let wiped = removed + rng.between(5 * MS, 250 * MS);
        let added = wiped + rng.between(2 * MS, 150 * MS);
        let promoted = added + rng.between(20 * MS, 300 * MS);
        let weather = Weather::Late(rng.between(50 * MS, 600 * MS));
        let late = Fault::Weather { from: Some(who), to: None, weather, lasts: wiped - removed };
        let cut = Fault::Cut { cut: Cut::Isolate(who), lasts: rng.between(100 * MS, 500 * MS) };
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (removed - MS, late),
            (removed, Fault::Change(vec![MembershipStep::Remove(who)])),
            (wiped, Fault::Wipe { who, down: rng.between(1, 20 * MS) }),
            (added, Fault::Change(vec![MembershipStep::Add(again)])),
            (promoted, Fault::Change(vec![MembershipStep::Promote(again)])),
        ];
        if rng.chance(500) {
            blow.push((added + rng.between(MS, 60 * MS), cut));
        }
        blow
    }

    /// Two voters are removed without one member hearing of it, and lose their disks. Do they vote for that member?
    pub(crate) fn two_wiped_joiners(&mut self) -> Blow {
        let (first, lagging) = self.pair();
        let joiners = [1, 2].map(|n| id(self.nodes + n));
        let all = |step: fn(NodeId) -> MembershipStep| Fault::Change(joiners.map(step).to_vec());
        let promoted = LED + self.rng.between(150 * MS, 300 * MS);
        let cut = promoted + self.rng.between(200 * MS, 400 * MS);
        let removed = cut + 10 * MS;
        let wiped = removed + self.rng.between(100 * MS, 250 * MS);
        let again = wiped + 30 * MS;
        let many = usize::from(self.nodes / 2).saturating_sub(1);
        let others = self.founders_but(first).filter(|node| *node != lagging).take(many);
        let half: Vec<NodeId> = joiners.into_iter().chain([lagging]).chain(others).collect();
        let isolate = Cut::Isolate(Who::Node(lagging));
        vec![
            (0, Fault::Transfer { to: first }),
            (LED, Fault::Change(vec![MembershipStep::Add(joiners[0])])),
            (LED + 50 * MS, Fault::Change(vec![MembershipStep::Add(joiners[1])])),
            (promoted, all(MembershipStep::Promote)),
            (cut, Fault::Cut { cut: isolate, lasts: again - cut }),
            (removed, all(|node| MembershipStep::Remove(Who::Node(node)))),
            (wiped, Fault::Wipe { who: Who::Node(joiners[0]), down: MS }),
            (wiped + 1, Fault::Wipe { who: Who::Node(joiners[1]), down: MS }),
            (again, Fault::Cut { cut: Cut::Halves(half), lasts: 800 * MS }),
            (again + 5 * MS, Fault::Campaign { who: Who::Node(lagging) }),
        ]
    }

    /// A member that took writes alone gets the others' snapshot in place of them, and crashes before its log is reset.
    pub(crate) fn crash_before_the_reset(&mut self) -> Blow {
        let first = self.pair().0;
        let who = Who::Node(first);
        let heals = LED + self.rng.between(380 * MS, 500 * MS);
        let writes = self.rng.between(60 * MS, 200 * MS);
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (LED, Fault::Cut { cut: Cut::Isolate(who), lasts: heals - LED }),
            (LED + 1, Fault::Loyalty { who, writers: true, lasts: writes }),
            (heals - MS, Fault::SlowDisk { who, sync: 400 * MS, lasts: 500 * MS }),
        ];
        let snapshot = |other| (heals - 40 * MS, Fault::Snapshot { who: Who::Node(other) });
        blow.extend(self.founders_but(first).map(snapshot));
        let survival = survival(&mut self.rng);
        let down = self.rng.between(MS, 50 * MS);
        let crash = Fault::Crash { who, effects: 0, survival, changes: 0, down };
        blow.push((heals + self.rng.between(20 * MS, 400 * MS), crash));
        blow
    }

    /// A restarted leader reads its whole log back for an empty learner. No other member has the log's end, which is
    /// overwritten, with the new entries committed, before the entries read back arrive.
    pub(crate) fn overwritten_while_read(&mut self) -> Blow {
        let (first, learner) = (self.pair().0, id(self.nodes + 3));
        let who = Who::Node(first);
        let crash = LED + 260 * MS;
        let leads = crash + 158 * MS;
        let parts = leads + self.rng.between(8 * MS, 60 * MS);
        let cut = |cut, lasts| Fault::Cut { cut, lasts };
        vec![
            (0, Fault::Change(vec![MembershipStep::Remove(Who::Node(learner))])),
            (20 * MS, Fault::Transfer { to: first }),
            (LED - 1, cut(Cut::Isolate(Who::Node(learner)), leads - LED)),
            (LED, Fault::Change(vec![MembershipStep::Add(learner)])),
            (LED + 150 * MS, cut(Cut::Isolate(who), crash - LED - 150 * MS)),
            (LED + 150 * MS + 1, Fault::Loyalty { who, writers: true, lasts: 90 * MS }),
            (crash, Fault::PowerCut { survival: Survival::Process, down: 1 }),
            (leads, Fault::Campaign { who }),
            (parts, cut(Cut::Halves(vec![first, learner]), 450 * MS)),
            (parts + 300 * MS, Fault::Rush { count: 20, readers: false }),
        ]
    }

    /// A learner is to be promoted and no longer answers.
    pub(crate) fn silent_learner(&mut self) -> Blow {
        let (first, learner) = (self.pair().0, id(self.nodes + 1));
        let silent = LED + self.rng.between(60 * MS, 150 * MS);
        let isolate = Fault::Cut { cut: Cut::Isolate(Who::Node(learner)), lasts: 3500 * MS };
        vec![
            (0, Fault::Change(vec![MembershipStep::Remove(Who::Node(learner))])),
            (20 * MS, Fault::Transfer { to: first }),
            (LED, Fault::Change(vec![MembershipStep::Add(learner)])),
            (silent, isolate),
            (silent + 1, Fault::Change(vec![MembershipStep::Promote(learner)])),
        ]
    }

    /// A learner is promoted and does not hear of it before a candidate asks for its vote.
    pub(crate) fn unaware_voter(&mut self) -> Blow {
        let (first, next) = self.pair();
        let learner = id(self.nodes + 2);
        let late = 80 * MS;
        let promoted = LED + self.rng.between(100 * MS, 250 * MS);
        let to = Some(Who::Node(learner));
        let weather = Weather::Late(late);
        let slow = Fault::Weather { from: Some(Who::Node(first)), to, weather, lasts: 4 * late };
        vec![
            (0, Fault::Change(vec![MembershipStep::Remove(Who::Node(learner))])),
            (20 * MS, Fault::Transfer { to: first }),
            (LED, Fault::Change(vec![MembershipStep::Add(learner)])),
            (promoted - 1, slow),
            (promoted, Fault::Change(vec![MembershipStep::Promote(learner)])),
            (promoted + late + self.rng.between(5 * MS, 60 * MS), Fault::Transfer { to: next }),
        ]
    }

    /// A voter acknowledges writes that only the leader has too, and its directory is put back as it was before.
    /// Members that have seen its later start must not count it, or the writes are lost.
    pub(crate) fn older_voter(&mut self) -> Blow {
        let older = self.rng.pick(&self.fragile);
        let who = Who::Node(older);
        let others: Vec<NodeId> = self.founders_but(older).collect();
        let (half, rng) = (usize::from(self.nodes) / 2, &mut self.rng);
        let start = rng.index(others.len());
        let first = others[start];
        let behind: Vec<NodeId> = (1..=half).map(|n| others[(start + n) % others.len()]).collect();
        let started = LED + 40 * MS;
        let cut = started + rng.between(40 * MS, 90 * MS);
        let back = cut + rng.between(40 * MS, 120 * MS);
        let mut blow = vec![
            (0, Fault::Transfer { to: first }),
            (LED, Fault::Copy { who }),
            (
                LED + 1,
                Fault::Crash { who, effects: 0, survival: Survival::Process, changes: 0, down: 2 * MS },
            ),
            (started, Fault::Transfer { to: first }),
            (cut, Fault::Cut { cut: Cut::Halves(behind.clone()), lasts: back - cut }),
            (cut + MS, Fault::Rush { count: 10, readers: false }),
            (back, Fault::Restore { who, down: MS }),
            (back + 1, Fault::Cut { cut: Cut::Isolate(Who::Node(first)), lasts: 400 * MS }),
        ];
        blow.extend([10, 40].map(|later| (back + later * MS, Fault::Campaign { who: Who::Node(behind[0]) })));
        blow
    }

    /// A running member's directory is put back as it was a moment ago. The others have all that it lacks, and its leader thinks
    /// that it has it too.
    pub(crate) fn gone_back(&mut self) -> Blow {
        let (first, back) = self.pair();
        let who = Who::Node(back);
        let copied = LED + 60 * MS;
        let rng = &mut self.rng;
        let restored = copied + rng.between(80 * MS, 250 * MS);
        vec![
            (0, Fault::Transfer { to: first }),
            (copied, Fault::Copy { who }),
            (copied + 1, Fault::Rush { count: 6, readers: false }),
            (restored, Fault::Restore { who, down: rng.between(MS, 20 * MS) }),
        ]
    }
}
