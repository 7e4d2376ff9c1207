//! One run of a drill in the simulator.

use raftdeck_drills::{
    ClusterSpec, Context, Drill, Outcome, Run, RunEffect, RunOptions, TimingSpec, rehearse,
};
use raftdeck_model::{Capabilities, CommandId, World};
use raftdeck_raft::Timing;
use raftdeck_sim::{Live, LiveOptions};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// The timing that a file asks for.
fn timing_of(cluster: &ClusterSpec) -> Timing {
    match cluster.timing {
        Some(TimingSpec::Debug) => Timing::DEBUG,
        Some(TimingSpec::Demo) => Timing::DEMO,
        Some(TimingSpec::Fast) | None => Timing::FAST,
    }
}

/// The cluster that a file asks for, with this timing and seed.
pub(crate) fn cluster(asked: &ClusterSpec, timing: Timing, seed: u64) -> LiveOptions {
    let options = &asked.options;
    let time = |given: &Option<raftdeck_drills::Phrase>| {
        given.as_ref().map(|given| given.duration(timing.election_min).expect("it was checked"))
    };
    LiveOptions {
        timing,
        snapshot_entries: options.snapshot_entries,
        append_bytes: options.append_bytes,
        sync_delay: time(&options.sync_delay),
        disk_stall: time(&options.disk_stall),
        detect_crash: options.detect_crash,
        ..LiveOptions::new(asked.nodes.into(), seed)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a timing is short")
}

/// A run that has not begun, and its cluster.
pub(crate) fn prepared(drill: &Drill, seed: u64) -> (Run, Live) {
    prepared_in(drill, seed, (false, false))
}

/// The same with a person, who answers and acts.
pub(crate) fn prepared_for_a_person(drill: &Drill, seed: u64) -> (Run, Live) {
    prepared_in(drill, seed, (false, true))
}

/// The same where the caller may be late, as in real time.
pub(crate) fn prepared_in_real_time(drill: &Drill, seed: u64) -> (Run, Live) {
    prepared_in(drill, seed, (true, false))
}

/// The same on a cluster that can do and reports this much only.
pub(crate) fn prepared_with(drill: &Drill, capabilities: Capabilities) -> (Run, Live) {
    prepared_on(drill, 1, (false, false), capabilities)
}

fn prepared_in(drill: &Drill, seed: u64, how: (bool, bool)) -> (Run, Live) {
    prepared_on(drill, seed, how, Capabilities::all())
}

fn prepared_on(
    drill: &Drill,
    seed: u64,
    (is_real, attended): (bool, bool),
    capabilities: Capabilities,
) -> (Run, Live) {
    let options = cluster(&drill.cluster, timing_of(&drill.cluster), seed);
    let context = Context {
        engine: "sim".to_owned(),
        nodes: drill.cluster.nodes,
        seed: Some(seed),
        heartbeat_ms: millis(options.timing.heartbeat),
        election_ms: (millis(options.timing.election_min), millis(options.timing.election_max)),
        ..Context::default()
    };
    let run = RunOptions { first: CommandId(0), attended, context, is_real, capabilities };
    (Run::new(drill.clone(), run), Live::new(options))
}

/// The outcome of a run, and what it told.
pub(crate) fn outcome_of(drill: &Drill, seed: u64) -> (Outcome, Vec<String>) {
    let (mut run, mut cluster) = prepared(drill, seed);
    let mut told = Vec::new();
    rehearse(&mut run, &mut cluster, |line| told.push(line));
    (run.outcome().cloned().unwrap_or_else(|| panic!("{} came to a stop", drill.id)), told)
}

/// Runs to the end as [`rehearse`] does; after each round `watch` may act.
pub(crate) fn run_to_end(
    run: &mut Run,
    cluster: &mut Live,
    world: &mut World,
    mut watch: impl FnMut(&mut Run, &World),
) {
    run_late(run, cluster, world, |run, world| {
        watch(run, world);
        Duration::ZERO
    });
}

/// The same, where each call of the run comes this much too late.
pub(crate) fn run_late(
    run: &mut Run,
    cluster: &mut Live,
    world: &mut World,
    mut late: impl FnMut(&mut Run, &World) -> Duration,
) {
    let mut now = Duration::ZERO;
    while !run.is_over() {
        for update in cluster.take() {
            world.fold(&update);
            run.hear(&update, now, world);
        }
        let by = late(run, world);
        if !by.is_zero() {
            now += by;
            cluster.run_until(now);
        }
        let effects = run.go_on(now, world);
        let mut is_sent = false;
        for effect in effects {
            if let RunEffect::Send(command) = effect {
                is_sent = true;
                cluster.send(command);
            }
        }
        if is_sent {
            continue;
        }
        let due = [run.next_due(), cluster.next()].into_iter().flatten().min().expect("something is due");
        now = now.max(due);
        cluster.run_until(now);
    }
    for update in cluster.take() {
        world.fold(&update);
    }
}

/// What this says of each item, on all processors.
pub(crate) fn in_parallel<T: Sync>(items: &[T], judge: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, judge) = (AtomicUsize::new(0), &judge);
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = judge(item);
                    found.lock().expect("no judge panics while it holds this").extend(said);
                }
            });
        }
    });
    found.into_inner().expect("no judge panics while it holds this")
}
