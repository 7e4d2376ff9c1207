//! Ends of nodes and of the lab, slow nodes, and disks that forget.

use super::*;

#[test]
fn nothing_is_left_after_a_stop() {
    // Two are paused, and all of them turn a deaf ear to SIGTERM.
    let mut deck = Deck::start(options(&format!("trap '' TERM; {NODE}"), 3));
    let pids = [N1, N2, N3].map(|of| {
        deck.send(Order::Pause(of));
        deck.wait("a paused process", |update| match update {
            News::Process { node, state: ProcessState::Paused { pid } } if *node == of => *pid,
            _ => None,
        })
    });
    deck.send(Order::Resume(N1));
    deck.stop();
    assert_eq!(pids.map(process_letter), [None; 3]);
}

#[test]
fn a_paused_node_is_woken_to_end_in_peace() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        format!("trap 'echo bye >> \"$9.bye\"; exit' TERM; {}", NODE.replace("exec cat", "read line"));
    let mut deck = Deck::start(LabOptions { data_dir: Some(dir.path().into()), ..options(&script, 1) });
    let pid = deck.running(N1);
    deck.send(Order::Pause(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Paused { pid: Some(pid) });
    deck.stop();
    assert_eq!(std::fs::read_to_string(dir.path().join("n1.bye")).unwrap(), "bye\n");
}

#[test]
fn a_dropped_lab_ends_its_nodes_and_removes_its_temporary_directory() {
    let script = r#"mkdir -p "$9"; echo "INFO fake: $9" >&2; exec cat"#;
    let mut deck = Deck::start(options(script, 1));
    let ProcessState::Starting { pid: Some(pid) } = deck.next_state(N1) else { panic!("it should start") };
    let (_, line) = deck.output();
    let dir = Path::new(line.strip_prefix("fake: ").unwrap()).to_owned();
    assert!(dir.ends_with("n1") && dir.is_dir(), "{}", dir.display());
    deck.lab = None;
    assert_eq!(process_letter(pid), None);
    assert!(!dir.parent().unwrap().exists());
}

#[test]
fn a_lab_that_cannot_start_says_why() {
    let start = |options| Lab::start(options, |_| {}).map(|_| ()).unwrap_err();
    assert!(matches!(start(options(NODE, 0)), LabError::Nodes { nodes: 0 }));
    assert!(matches!(start(options(NODE, 100)), LabError::Nodes { nodes: 100 }));
    let data_dir = Some(PathBuf::from("/proc/raftdeck"));
    let error = start(LabOptions { data_dir, ..options(NODE, 1) });
    assert!(error.to_string().starts_with("the data directory /proc/raftdeck cannot be used"), "{error}");
}

#[test]
fn a_node_that_is_told_to_stop_ends_in_peace_even_when_it_is_paused() {
    let deck = Deck::start(options(NODE, 1));
    let pid = deck.running(N1);
    deck.send(Order::Stop(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Stopped);
    assert_eq!(process_letter(pid), None);
    deck.send(Order::Stop(N1));
    assert_eq!(deck.refusal(), "n1 is not running, so there is nothing to stop");
    deck.send(Order::Restart(N1));
    let pid = deck.running(N1);
    deck.send(Order::Pause(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Paused { pid: Some(pid) });
    wait_for_letter(pid, 'T');
    deck.send(Order::Stop(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Running { pid: Some(pid) });
    assert_eq!(deck.next_state(N1), ProcessState::Stopped);
}

#[test]
fn a_node_that_fails_while_it_stops_has_failed() {
    let script = NODE.replace("exec cat", "trap 'echo oh >&2; exit 3' TERM; read line");
    let deck = Deck::start(options(&script, 1));
    let pid = deck.running(N1);
    // It waits for a line only when its trap is set.
    wait_for_letter(pid, 'S');
    deck.send(Order::Stop(N1));
    let ProcessState::Failed { how, last_words } = deck.next_state(N1) else {
        panic!("it should have failed")
    };
    assert_eq!((how.as_str(), last_words.last().map(String::as_str)), ("exit status: 3", Some("oh")));
}

#[test]
fn a_slow_node_stands_still_and_goes_on_again_and_again_without_a_word() {
    let deck = Deck::start(options(NODE, 1));
    let pid = deck.running(N1);
    deck.send(Order::Slow(N1, 50));
    for _ in 0..3 {
        wait_for_letter(pid, 'T');
        wait_for_letter(pid, 'S');
    }
    // A pause goes before, and ends the rhythm until it is resumed.
    deck.send(Order::Pause(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Paused { pid: Some(pid) });
    deck.send(Order::Resume(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Running { pid: Some(pid) });
    wait_for_letter(pid, 'T');
    // The next life is as slow, until that is undone.
    deck.send(Order::Restart(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed);
    let pid = deck.running(N1);
    wait_for_letter(pid, 'T');
    deck.send(Order::Slow(N1, 0));
    deck.send(Order::Slow(N1, 100));
    let refusal = deck.refusal();
    assert_eq!(refusal, "n1 cannot be stopped for 100 % of the time: choose 1 to 99, or pause it");
    wait_for_letter(pid, 'S');
    deck.send(Order::Slow(N1, 99));
    wait_for_letter(pid, 'T');
    deck.send(Order::Heal);
    deck.send(Order::Kill(NodeId(9)));
    assert!(deck.refusal().contains("n9"), "all of that has been carried out");
    wait_for_letter(pid, 'S');
    deck.send(Order::Kill(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed, "neither halt nor run was told");
}

#[test]
fn a_wiped_node_starts_anew_with_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let deck = Deck::start(LabOptions { data_dir: Some(dir.path().to_owned()), ..options(NODE, 1) });
    let pid = deck.running(N1);
    let data = dir.path().join("n1");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("raft.log"), "votes").unwrap();
    deck.send(Order::Wipe(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed);
    assert_ne!(deck.running(N1), pid);
    assert!(!data.exists());
    // One that is down is started too.
    deck.send(Order::Kill(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed);
    deck.send(Order::Wipe(N1));
    deck.running(N1);
}

#[test]
fn only_a_node_that_is_down_loses_its_logs_tail() {
    let dir = tempfile::tempdir().unwrap();
    let deck = Deck::start(LabOptions { data_dir: Some(dir.path().to_owned()), ..options("exec cat", 1) });
    assert!(matches!(deck.next_state(N1), ProcessState::Starting { .. }));
    deck.send(Order::LoseTail(N1, 512));
    assert_eq!(deck.refusal(), "n1 is running: stop or kill it, then its log can lose its tail");
    deck.send(Order::Kill(N1));
    deck.send(Order::LoseTail(N1, 512));
    assert_eq!(deck.refusal(), "n1 has no log that could lose its tail");
    let data = dir.path().join("n1");
    drop(LogStore::open(&DiskFs, &data, N1, "deck").unwrap());
    let log = log_end(&DiskFs, &data).unwrap().unwrap();
    deck.send(Order::LoseTail(N1, 512));
    let wanted = format!("lab: its log has lost its tail and ends after {} bytes", log.start);
    assert_eq!(deck.output(), (LogLevel::Warn, wanted));
}
