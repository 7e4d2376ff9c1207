//! Real nodes under the lab: where they listen, and that none of them outlives it.

use crate::deck::{Deck, exists, options};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{Order, ProcessState};
use raftdeck_raft::NodeId;
use std::net::TcpListener;

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// A settled cluster with one node paused, and the processes of all.
fn cluster() -> (Deck, Vec<u32>) {
    let (mut deck, _) = Deck::settled(3);
    deck.send(Order::Pause(NodeId(2)));
    deck.wait("a paused node", |world| {
        matches!(world.processes[&NodeId(2)], ProcessState::Paused { .. }).then_some(())
    });
    let pids = ALL.iter().map(|&node| deck.world.pid(node).expect("a process")).collect();
    (deck, pids)
}

#[test]
fn no_node_outlives_a_stop() {
    let (mut deck, pids) = cluster();
    deck.stop();
    assert!(!pids.iter().any(|&pid| exists(pid)), "{pids:?}");
}

#[test]
fn no_node_outlives_a_dropped_lab() {
    let (mut deck, pids) = cluster();
    deck.drop_lab();
    assert!(!pids.iter().any(|&pid| exists(pid)), "{pids:?}");
}

#[test]
fn a_base_port_places_every_node_and_stays_over_a_restart() {
    // Below the ports that the system gives out by itself, so that nobody takes one in between.
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let all_free = |base: u16| (0..3).all(|n| [0, 1000, 3000].iter().all(|offset| free(base + n + offset)));
    let base = (10_000..20_000).step_by(10).find(|&base| all_free(base)).unwrap();
    let mut deck = Deck::start(LabOptions { base_port: Some(base), ..options(3) });
    deck.wait("a leader", |world| world.agreed(3));
    deck.send(Order::Kill(NodeId(3)));
    deck.wait("the death", |world| (world.processes[&NodeId(3)] == ProcessState::Killed).then_some(()));
    deck.world.addresses.remove(&NodeId(3));
    deck.send(Order::Restart(NodeId(3)));
    let addresses = deck.wait("the return", |world| world.addresses.get(&NodeId(3)).cloned());
    let at = |port: u16| format!("127.0.0.1:{port}");
    assert_eq!(
        (addresses.raft, addresses.client, addresses.http),
        (at(base + 2), at(base + 1002), at(base + 3002))
    );
    deck.wait("a leader", |world| world.agreed(3));
}

/// How a process is called, and by which program name it was started.
#[cfg(target_os = "linux")]
fn names(pid: u32) -> (String, String) {
    let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).expect("it runs");
    let line = read("cmdline");
    (read("comm").trim().to_owned(), line.split('\0').next().unwrap_or_default().to_owned())
}

/// A new version is installed while the cluster runs, or the program is removed.
#[cfg(target_os = "linux")]
#[test]
fn a_node_is_started_again_from_the_program_that_runs_whatever_is_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("raftdeck-node");
    std::fs::copy(env!("CARGO_BIN_EXE_raftdeck-node"), &program).unwrap();
    let mut deck = Deck::start(LabOptions { executable: program.clone(), ..options(3) });
    deck.wait("a leader", |world| world.agreed(3));
    let restart = |deck: &mut Deck, node: NodeId| {
        let before = deck.world.pid(node).expect("a process");
        let id = deck.send(Order::Restart(node));
        assert_eq!(deck.answer(id), Ok(()));
        deck.wait("a leader", |world| {
            world.agreed(3).filter(|_| world.pid(node).is_some_and(|pid| pid != before))
        });
        let pid = deck.world.pid(node).expect("a process");
        assert_eq!(names(pid), ("raftdeck-node".to_owned(), program.display().to_string()));
    };
    let other = dir.path().join("other");
    std::fs::write(&other, "#!/bin/sh\nexit 7\n").unwrap();
    std::fs::rename(&other, &program).unwrap();
    restart(&mut deck, NodeId(2));
    std::fs::remove_file(&program).unwrap();
    restart(&mut deck, NodeId(3));
    let id = deck.send(Order::AddNode);
    assert_eq!(deck.answer(id), Ok(()));
    deck.put("color", "blue");
    deck.equal_logs(&[ALL[0], ALL[1], ALL[2], NodeId(4)]);
}

#[test]
fn a_node_that_cannot_start_has_failed_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    // Where the node wants a directory there is a file.
    std::fs::write(dir.path().join("n1"), "").unwrap();
    let mut deck = Deck::start(LabOptions { data_dir: Some(dir.path().into()), ..options(1) });
    let last_words = deck.wait("the failure", |world| match world.processes.get(&NodeId(1))? {
        ProcessState::Failed { last_words, .. } => Some(last_words.clone()),
        _ => None,
    });
    assert!(!last_words.is_empty());
}

#[test]
fn a_second_lab_on_the_same_directory_fails_by_name_and_harms_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let at_home = || LabOptions { data_dir: Some(dir.path().into()), ..options(3) };
    let mut first = Deck::start(at_home());
    first.wait("a leader", |world| world.agreed(3));
    let refused = Lab::start(at_home(), |_| {}).expect_err("the directory is in use").to_string();
    assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
    assert!(refused.contains(&format!("of process {}", std::process::id())), "{refused}");
    first.put("color", "blue");
    first.wait("a leader", |world| world.agreed(3));
}
