//! Plays an exhibit in the simulator.

use crate::judge::{Judged, VIOLATED, judged};
use raftdeck_drills::museum::{Exhibit, ExhibitRun, RecordingMarks, ViolationMark};
use raftdeck_drills::{ClusterOptions, Phrase, TimingSpec};
use raftdeck_model::{ClusterTime, CommandId, News, Update, World};
use raftdeck_raft::Timing;
use raftdeck_raft::mutants::{Mutant, activate};
use raftdeck_record::Entries;
use raftdeck_script::{Script, ScriptEffect};
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

/// The commands that ask for log entries are numbered after this, apart from the script's.
const FETCHES: u64 = 1 << 48;

/// The least time that passes between two rounds in which nothing is sent.
const LEAST: Duration = Duration::from_micros(1);

/// A run that goes on for longer than this has come to no end.
const MOST_ROUNDS: usize = 1_000_000;

/// What was told in a run, and its marks.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) updates: Vec<Update>,
    pub(crate) marks: RecordingMarks,
}

/// Plays one run of an exhibit, to its end or up to a step that fails; then it says why, too.
pub(crate) fn play(exhibit: &Exhibit, run: ExhibitRun) -> (Played, Result<(), String>) {
    let guard = Mutant::ALL.iter().copied().find(|mutant| format!("{mutant:?}") == exhibit.guard);
    let guard = guard.unwrap_or_else(|| panic!("there is no guard {}", exhibit.guard));
    activate((run == ExhibitRun::WithoutGuard).then_some(guard));
    let played = Playing::new(exhibit).all(exhibit, run);
    activate(None);
    played
}

struct Playing {
    live: Live,
    script: Script,
    entries: Entries,
    fetches: u64,
    world: World,
    /// Real time, which is virtual too.
    now: Duration,
    /// What was told of cluster time last, and when.
    time: (ClusterTime, Duration),
    told: Vec<Update>,
}

impl Playing {
    fn new(exhibit: &Exhibit) -> Self {
        Self {
            live: Live::new(live_options(exhibit)),
            script: Script::numbered_after(CommandId(0)),
            entries: Entries::default(),
            fetches: FETCHES,
            world: World::default(),
            now: Duration::ZERO,
            time: (ClusterTime::default(), Duration::ZERO),
            told: Vec::new(),
        }
    }

    fn all(mut self, exhibit: &Exhibit, run: ExhibitRun) -> (Played, Result<(), String>) {
        let mut steps = Vec::new();
        let mut result = Ok(());
        for (step, number) in exhibit.steps.iter().zip(1..) {
            self.script.append(&format!("step {number}"), step.script(run).as_bytes());
            result = self.step().map_err(|why| format!("{} ({run:?}): {why}", exhibit.id));
            steps.push(self.told.len());
            if result.is_err() {
                break;
            }
        }
        let mut played = Played { updates: self.told, marks: RecordingMarks { steps, violation: None } };
        played.judge();
        (played, result)
    }

    /// Carries out the lines that the script has.
    fn step(&mut self) -> Result<(), String> {
        for _ in 0..MOST_ROUNDS {
            self.hear();
            let mut is_sent = self.fetch();
            for effect in self.script.go_on(self.now, &self.world) {
                match effect {
                    ScriptEffect::Send(command) => {
                        is_sent = true;
                        self.live.send(command);
                    }
                    ScriptEffect::Mistake(why) | ScriptEffect::Unmet(_, why) => return Err(why),
                    ScriptEffect::Answer(..) => {}
                    other => return Err(format!("an exhibit does not do this: {other:?}")),
                }
            }
            if is_sent {
                continue;
            }
            if self.script.is_over() {
                return Ok(());
            }
            self.pass()?;
        }
        Err("the step comes to no end".to_owned())
    }

    fn hear(&mut self) {
        for update in self.live.take() {
            if let News::Time(told) = update.what {
                self.time = (told, self.now);
            }
            self.world.fold(&update);
            self.script.hear(&update.what);
            let is_answer =
                self.entries.note(&update) || matches!(update.what, News::Done { .. } | News::Refused { .. });
            if !is_answer && !is_verdict(&update) {
                self.told.push(update);
            }
        }
    }

    /// Asks for the log entries that are not known yet.
    fn fetch(&mut self) -> bool {
        let mut is_sent = false;
        while let Some(command) = self.entries.next(CommandId(self.fetches + 1)) {
            self.fetches += 1;
            is_sent = true;
            self.live.send(command);
        }
        is_sent
    }

    /// Lets time pass until something is due.
    fn pass(&mut self) -> Result<(), String> {
        let (time, since) = self.time;
        let next = self.live.next().and_then(|next| Some(since + time.until(next)?));
        let due = [self.script.next_due(), next].into_iter().flatten().min();
        self.now = due.ok_or("nothing happens any more")?.max(self.now + LEAST);
        self.live.run_until(time.after(self.now.saturating_sub(since)));
        Ok(())
    }
}

/// Whether this is what the simulator's own judge says. It sees the disks, too, and so names a cause before it has a consequence; the
/// museum goes on to what can be seen from outside.
fn is_verdict(update: &Update) -> bool {
    matches!(&update.what, News::Trouble { reason } if reason.starts_with(VIOLATED))
}

impl Played {
    /// Looks for the violation, and reports it where it is found.
    fn judge(&mut self) {
        let found = judged(&self.updates);
        if let Some(found) = &found {
            let reason = format!("{VIOLATED}{}): {}", found.property, found.sentence);
            let at = self.updates[found.place - 1].at;
            self.updates.insert(found.place, Update { at, seq: 0, what: News::Trouble { reason } });
            self.marks.steps.iter_mut().filter(|end| **end >= found.place).for_each(|end| *end += 1);
        }
        for (update, seq) in self.updates.iter_mut().zip(1..) {
            update.seq = seq;
        }
        self.marks.violation = found.map(|Judged { place, property, sentence }| ViolationMark {
            place: place + 1,
            property,
            sentence,
        });
    }
}

fn live_options(exhibit: &Exhibit) -> LiveOptions {
    let cluster = &exhibit.cluster;
    let timing = match cluster.timing {
        None | Some(TimingSpec::Debug) => Timing::DEBUG,
        Some(TimingSpec::Fast) => Timing::FAST,
        Some(TimingSpec::Demo) => Timing::DEMO,
    };
    let time = |given: &Option<Phrase>| given.as_ref().and_then(|given| given.duration(timing.election_min));
    let ClusterOptions { snapshot_entries, append_bytes, sync_delay, disk_stall, detect_crash } =
        &cluster.options;
    LiveOptions {
        timing,
        snapshot_entries: *snapshot_entries,
        append_bytes: *append_bytes,
        sync_delay: time(sync_delay),
        disk_stall: time(disk_stall),
        detect_crash: *detect_crash,
        ..LiveOptions::new(cluster.nodes.into(), cluster.seed.unwrap_or(1))
    }
}
