//! One script on real processes, on the simulator, and its recordings on a deck: all end alike.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::Command;
use raftdeck_deck::app::{App, Effect, Msg, Settings, update};
use raftdeck_model::{Command as Order, CommandId, Known, World};
use raftdeck_raft::{LogId, LogIndex, NodeId, Role, Term, TermRun};
use raftdeck_record::{Ending, Player, Recording};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs the script, and gives the recording of it.
fn recorded(folder: &Path, engine: &str) -> Recording {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/three_decks/script.txt");
    let file: PathBuf = folder.join(engine);
    let mut run = Command::new(env!("CARGO_BIN_EXE_raftdeck"));
    run.args(["up", "--engine", engine, "--timing", "demo", "--rate", "1/10", "--script"]).arg(script);
    run.arg("--record").arg(&file).timeout(Duration::from_secs(100)).assert().success();
    let recording = Recording::read(std::fs::File::open(file).unwrap()).unwrap();
    assert_eq!(recording.ending, Ending::Complete, "{engine}");
    recording
}

/// What a deck knows when it has been told all of it.
fn folded(recording: &Recording) -> World {
    let mut world = World::default();
    for update in &recording.updates {
        world.fold(update);
    }
    world
}

/// The deck over the recording, at its end.
fn played(recording: Recording) -> App {
    let mut player = Player::new(recording);
    let mut app = App::new(Settings::default()).over(player.capabilities().clone());
    let mut now = Duration::ZERO;
    loop {
        for told in player.take() {
            for effect in update(&mut app, Msg::Told(told), now) {
                match effect {
                    Effect::Send(command) => player.send(command),
                    Effect::Log(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        let Some(next) = player.next() else { break };
        now = next;
        player.run_until(next);
    }
    // Nothing can be done to it, and the deck knows that beforehand.
    let kill = Order { id: CommandId(1), what: raftdeck_model::Order::Kill(NodeId(1)) };
    assert!(app.capabilities().allow(&kill.what).is_err());
    app
}

type Log = (Known<LogId>, Known<Vec<TermRun>>);

fn states(world: &World) -> Vec<(NodeId, Role, Term, Log)> {
    let state = |node: &raftdeck_model::Node| {
        let status = node.current().unwrap();
        (node.id, status.role, status.term, (status.last, status.term_runs.clone()))
    };
    world.nodes().map(state).collect()
}

#[test]
fn processes_the_simulator_and_recordings_end_alike() {
    let folder = tempfile::tempdir().unwrap();
    let [lab, sim] = ["lab", "sim"].map(|engine| recorded(folder.path(), engine));
    let ends = states(&folded(&lab));
    let run = |term, first, last| TermRun { term: Term(term), first: LogIndex(first), last: LogIndex(last) };
    let last = LogId { term: Term(3), index: LogIndex(8) };
    let log = (last.into(), vec![run(1, 1, 4), run(2, 5, 6), run(3, 7, 8)].into());
    let roles = [Role::Follower, Role::Follower, Role::Leader];
    let expected: Vec<(NodeId, Role, Term, Log)> =
        (1..).map(NodeId).zip(roles).map(|(id, role)| (id, role, Term(3), log.clone())).collect();
    assert_eq!(ends, expected);
    assert_eq!(states(&folded(&sim)), expected);
    for recording in [lab, sim] {
        let (world, again) = (folded(&recording), folded(&recording));
        assert_eq!(world, again, "the same recording gives the same world");
        let app = played(recording);
        assert_eq!(states(app.world()), expected);
        assert_eq!(app.world().leader().map(|node| node.id), Some(NodeId(3)));
    }
}
