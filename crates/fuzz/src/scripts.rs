//! Lines of a script, as a drill's file or the standard input of `raftdeck up` has them.

use raftdeck_lab::rule::{ClusterTime, Disturbance, Fault, FaultId};
use raftdeck_lab::words::{Known, Line, complete, parse, write};
use raftdeck_lab::{Command, ProcessState, Update};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Term};
use raftdeck_tui::script::{Deed, Script};
use std::time::Duration;

/// Longer than any script that waits for nothing takes to come to its end, in steps.
const STEPS: usize = 10_000;

/// A script, which is text.
///
/// # Panics
/// If a line that is understood is written back as something else, a completion does not fit its line, or a script neither goes
/// on nor waits.
pub fn scripts(data: &[u8]) {
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
    play(text, &known);
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
    let Line::Do(commands) = said else { return };
    for command in commands {
        let Command::Disturb(what) = command else { continue };
        let words = write::disturbance(what);
        let again = parse(&words, known);
        assert_eq!(again, Ok(Line::Do(vec![command.clone()])), "written as {words:?}");
    }
}

/// Plays the script against a lab that does at once what it is told, or nothing. Files are neither written nor read.
fn play(text: &str, known: &Known) {
    let on_files = |line: &&str| matches!(parse(line, known), Ok(Line::Save(_) | Line::Load(_)));
    let lines: Vec<_> = text.lines().filter(|line| !on_files(line)).collect();
    let mut script = Script::to_watch("a file", &lines.join("\n"), 0);
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
        script.hear(&Update::Process { node, state: ProcessState::Running { pid: 1 } });
    }
    script.hear(&Update::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
}

fn answer(script: &mut Script, deed: &Deed, now: Duration) {
    let Deed::Send(command) = deed else { return };
    match command {
        Command::SetRate(rate) => script.hear(&Update::Time(ClusterTime { rate: *rate, now })),
        Command::Step(_) => {
            script.hear(&Update::Time(ClusterTime { rate: ClockRate::REAL, now }));
            script.hear(&Update::Time(ClusterTime { rate: ClockRate::FROZEN, now }));
        }
        Command::Kill(node) | Command::Stop(node) => {
            script.hear(&Update::Process { node: *node, state: ProcessState::Killed });
        }
        Command::Disturb(what) => {
            let faults = vec![Fault { id: FaultId(1), what: what.clone() }];
            script.hear(&Update::InForce { faults });
        }
        Command::Sync(number) => script.hear(&Update::Synced(*number)),
        _ => {}
    }
}
