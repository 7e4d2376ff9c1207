//! Lines of a script, as a drill's file or the standard input of `raftdeck up` has them.

use raftdeck_model::{
    ClientOutcome, ClusterTime, Command, CommandId, Disturbance, Fault, FaultId, News, Order, ProcessState,
    write,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Term};
use raftdeck_script::{Deed, Known, Line, Script, complete, parse};
use std::time::Duration;

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
    let known = known();
    for line in text.lines() {
        match parse(line, &known) {
            Ok(said) => written_back(&said, &known),
            Err(mistake) => assert!(!mistake.to_string().is_empty()),
        }
        for completion in complete(line, &known) {
            assert!(line.is_char_boundary(completion.start), "{completion:?} cuts a character of {line:?}");
        }
    }
}

/// Five nodes, of which n2 leads and n4 is down.
fn known() -> Known {
    Known {
        nodes: (1..=5).map(NodeId).collect(),
        down: [NodeId(4)].into(),
        leaders: [(NodeId(2), Term(3))].into(),
        in_force: vec![Fault { id: FaultId(7), what: Disturbance::Paused(NodeId(1)) }],
        ..Known::default()
    }
}

/// What comes into force is listed in words that mean the same.
fn written_back(said: &Line, known: &Known) {
    let Line::Do(orders) = said else { return };
    for order in orders {
        let Order::Disturb(what) = order else { continue };
        let words = write::disturbance(what);
        let again = parse(&words, known);
        assert_eq!(again, Ok(Line::Do(vec![order.clone()])), "written as {words:?}");
    }
}

/// Plays the script against a source that does at once what it is told, or nothing. Files are empty.
fn play(text: &[u8]) {
    let mut script = Script::to_watch("a file", text, CommandId(0));
    start(&mut script);
    let mut now = Duration::ZERO;
    for _ in 0..STEPS {
        let deeds = script.go_on(now);
        let ends = matches!(deeds.last(), Some(Deed::Mistake(_) | Deed::Unmet(_) | Deed::Quit));
        for deed in &deeds {
            answer(&mut script, deed, now);
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

fn start(script: &mut Script) {
    let nodes: Vec<NodeId> = (1..=5).map(NodeId).collect();
    for &node in &nodes {
        script.hear(&News::Process { node, state: ProcessState::Running { pid: 1 } });
    }
    script.hear(&News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
}

fn answer(script: &mut Script, deed: &Deed, now: Duration) {
    let Command { id, what } = match deed {
        Deed::Send(command) => command,
        Deed::Read(_) => return script.loaded(Ok(Vec::new())),
        Deed::Write { .. } => return script.written(Ok(())),
        _ => return,
    };
    match what {
        Order::SetRate(rate) => script.hear(&News::Time(ClusterTime { rate: *rate, now })),
        Order::Step(_) => {
            script.hear(&News::Time(ClusterTime { rate: ClockRate::REAL, now }));
            script.hear(&News::Time(ClusterTime { rate: ClockRate::FROZEN, now }));
        }
        Order::Kill(node) | Order::Stop(node) => {
            script.hear(&News::Process { node: *node, state: ProcessState::Killed });
        }
        Order::Disturb(what) => {
            let faults = vec![Fault { id: FaultId(1), what: what.clone() }];
            script.hear(&News::InForce { faults });
        }
        Order::Client(op) => {
            let outcome = ClientOutcome::Failed { reason: "nobody is there".to_owned() };
            script.hear(&News::Client { id: *id, op: op.clone(), outcome, took: Duration::ZERO });
        }
        Order::Propose(node, _) => {
            return script.hear(&News::Refused { id: *id, reason: format!("{node} takes no write") });
        }
        _ => {}
    }
    script.hear(&News::Done { id: *id });
}
