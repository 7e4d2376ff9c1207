//! Faults that make a rare moment together: each is written for one guard, and says which state it aims at. Chance decides the
//! gaps between them, so that some of many seeds meet the moment.

use crate::fault::{Cut, Fault, Step, Weather, Who};
use crate::nemesis::{MS, Nemesis, id, survival};
use raftdeck_raft::NodeId;

/// Faults, each with its time after the first.
pub(crate) type Blow = Vec<(u64, Fault)>;

/// A cluster whose leadership was asked for has it by then, mostly.
const LED: u64 = 120 * MS;

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

    /// A leader that nobody hears any more gets late answers to a round for a read, and another read came meanwhile, after
    /// others had elected and written.
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

    /// Several voters come or go at once, and the cluster parts in the middle of it: one side knows only the joint
    /// configuration, and is a majority of its old half alone.
    pub(crate) fn two_halves(&mut self) -> Blow {
        let first = self.pair().0;
        let joiners = [1, 2].map(|n| id(self.nodes + n));
        let all = |step: fn(NodeId) -> Step| Fault::Change(joiners.map(step).to_vec());
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
            (LED, Fault::Change(vec![Step::Add(joiners[0])])),
            (LED + 50 * MS, Fault::Change(vec![Step::Add(joiners[1])])),
            (promoted, all(Step::Promote)),
            (promoted + gap(self), Fault::Cut { cut: Cut::Halves(coming), lasts }),
            (removed - LED, Fault::Transfer { to: first }),
            (removed, all(|node| Step::Remove(Who::Node(node)))),
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
            (removed, Fault::Change(vec![Step::Remove(who)])),
            (wiped, Fault::Wipe { who, down: rng.between(1, 20 * MS) }),
            (added, Fault::Change(vec![Step::Add(again)])),
            (promoted, Fault::Change(vec![Step::Promote(again)])),
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
        let all = |step: fn(NodeId) -> Step| Fault::Change(joiners.map(step).to_vec());
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
            (LED, Fault::Change(vec![Step::Add(joiners[0])])),
            (LED + 50 * MS, Fault::Change(vec![Step::Add(joiners[1])])),
            (promoted, all(Step::Promote)),
            (cut, Fault::Cut { cut: isolate, lasts: again - cut }),
            (removed, all(|node| Step::Remove(Who::Node(node)))),
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

    /// A restarted leader reads entries back for an empty learner, from a slow disk, and is overwritten meanwhile.
    pub(crate) fn overwritten_while_read(&mut self) -> Blow {
        let (first, learner) = (self.pair().0, id(self.nodes + 3));
        let who = Who::Node(first);
        let crash = LED + 260 * MS;
        let leads = crash + 158 * MS;
        let reads = leads + self.rng.between(5 * MS, 60 * MS);
        let cut = |cut, lasts| Fault::Cut { cut, lasts };
        let survival = raftdeck_storage::fs::Survival::Process;
        vec![
            (0, Fault::Transfer { to: first }),
            (LED - 1, cut(Cut::Isolate(Who::Node(learner)), leads - LED)),
            (LED, Fault::Change(vec![Step::Add(learner)])),
            (LED + 150 * MS, cut(Cut::Isolate(who), crash - LED - 150 * MS)),
            (LED + 150 * MS + 1, Fault::Loyalty { who, writers: true, lasts: 90 * MS }),
            (crash, Fault::PowerCut { survival, down: 1 }),
            (leads, Fault::Campaign { who }),
            (reads, Fault::SlowDisk { who, sync: 1200 * MS, lasts: 2500 * MS }),
            (leads + self.rng.between(40 * MS, 160 * MS), cut(Cut::Isolate(who), 330 * MS)),
        ]
    }
}
