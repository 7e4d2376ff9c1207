//! Lines of a script, as a drill's file or the standard input of `raftdeck up` has them.

use raftdeck_model::{
    ClientOutcome, ClusterTime, Command, CommandId, Disturbance, Fault, FaultId, News, Order, ProcessState,
    RequestFate, Update, World, write,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{Config, NodeId, Raft, Restored, Role, Status, Term, Timestamp, Timing};
use raftdeck_script::{Script, ScriptEffect, ScriptLine, complete, parse};
use std::time::Duration;

const N2: NodeId = NodeId(2);

/// Longer than any script that waits for nothing takes to come to its end, in steps.
const STEPS: usize = 10_000;

/// A script, which should be text.
///
/// # Panics
/// If a line that is understood is written back as something else, a completion does not fit its line, or a script neither goes
/// on nor waits.
pub fn scripts(data: &[u8]) {
    play(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let world = world();
    for line in text.lines() {
        match parse(line, &world) {
            Ok(said) => written_back(&said, &world),
            Err(mistake) => assert!(!mistake.to_string().is_empty()),
        }
        for completion in complete(line, &world) {
            assert!(line.is_char_boundary(completion.start), "{completion:?} cuts a character of {line:?}");
        }
    }
}

/// Five nodes, of which n2 leads and n4 is down.
fn world() -> World {
    let mut world = started();
    let config = Config::new(N2, world.ids().into_iter().collect(), Timing::FAST);
    let raft = Raft::new(config, 1, Restored::default(), Timestamp::default()).expect("an empty disk");
    let status = Status { role: Role::Leader, term: Term(3), ..raft.status(Timestamp::default()) };
    tell(&mut world, News::Process { node: NodeId(4), state: ProcessState::Killed });
    tell(&mut world, News::Status { node: N2, status: Box::new(status.into()) });
    let faults = vec![Fault { id: FaultId(7), what: Disturbance::Paused(NodeId(1)) }];
    tell(&mut world, News::InForce { faults });
    world
}

/// Five nodes that run.
fn started() -> World {
    let mut world = World::default();
    let nodes: Vec<NodeId> = (1..=5).map(NodeId).collect();
    let cluster = News::Cluster {
        nodes: nodes.clone(),
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: None.into(),
    };
    tell(&mut world, cluster);
    for node in nodes {
        tell(&mut world, News::Process { node, state: ProcessState::Running { pid: Some(1) } });
    }
    world
}

fn tell(world: &mut World, what: News) {
    world.fold(&Update { at: Duration::ZERO, seq: 0, what });
}

/// What comes into force is listed in words that mean the same.
fn written_back(said: &ScriptLine, world: &World) {
    let ScriptLine::Do(orders) = said else { return };
    for order in orders {
        let Order::Disturb(what) = order else { continue };
        let words = write::disturbance(what);
        let again = parse(&words, world);
        assert_eq!(again, Ok(ScriptLine::Do(vec![order.clone()])), "written as {words:?}");
    }
}

/// Plays the script against a source that carries out each command immediately, or not at all. Files are empty.
fn play(text: &[u8]) {
    let mut script = Script::to_watch("a file", text, CommandId(0));
    let mut world = started();
    let mut now = Duration::ZERO;
    for _ in 0..STEPS {
        let deeds = script.go_on(now, &world);
        let ends = matches!(
            deeds.last(),
            Some(ScriptEffect::Mistake(_) | ScriptEffect::Unmet(..) | ScriptEffect::Quit)
        );
        for deed in &deeds {
            answer(&mut script, &mut world, deed, now);
        }
        if script.is_stopped() {
            script.resume();
        }
        if ends || script.is_over() {
            return;
        }
        let due = script.next_due().expect("what is not over is due some time");
        now = now.max(due);
    }
    panic!("it is not over after {STEPS} steps: {:?}", script.line());
}

fn answer(script: &mut Script, world: &mut World, deed: &ScriptEffect, now: Duration) {
    let Command { id, what } = match deed {
        ScriptEffect::Send(command) => command,
        ScriptEffect::Read(_) => return script.loaded(Ok(Vec::new())),
        ScriptEffect::Write { .. } => return script.written(Ok(())),
        _ => return,
    };
    let mut hear = |what: News| {
        script.hear(&what);
        tell(world, what);
    };
    match what {
        Order::SetRate(rate) => hear(News::Time(ClusterTime { rate: *rate, now })),
        Order::Step(_) => {
            hear(News::Time(ClusterTime { rate: ClockRate::REAL, now }));
            hear(News::Time(ClusterTime { rate: ClockRate::FROZEN, now }));
        }
        Order::Kill(node) | Order::Stop(node) => {
            hear(News::Process { node: *node, state: ProcessState::Killed });
        }
        Order::Disturb(what) => {
            let faults = vec![Fault { id: FaultId(1), what: what.clone() }];
            hear(News::InForce { faults });
        }
        Order::Client(request) => {
            let outcome = ClientOutcome::Failed {
                reason: "nobody is there".to_owned(),
                fate: RequestFate::NothingChanged,
            };
            hear(News::Client { id: *id, request: request.clone(), outcome, took: Duration::ZERO });
        }
        Order::Propose(node, _) => {
            return hear(News::Refused { id: *id, reason: format!("{node} takes no write") });
        }
        _ => {}
    }
    hear(News::Done { id: *id });
}
