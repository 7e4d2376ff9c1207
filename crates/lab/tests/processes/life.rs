//! Starting, killing, pausing and failing, and what is told of it.

use super::*;

#[test]
fn the_cluster_is_told_first_and_then_each_process() {
    let deck = Deck::start(options(NODE, 3));
    let first = deck.updates.recv_timeout(Duration::from_secs(20)).unwrap();
    let cluster = News::Cluster {
        nodes: vec![N1, N2, N3],
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: None.into(),
    };
    assert_eq!(first, cluster);
    let mut ready = Vec::new();
    while ready.len() < 3 {
        ready.push(deck.wait("readiness", |update| match update {
            News::Ready { node, addresses } => Some((*node, addresses.raft.clone())),
            _ => None,
        }));
    }
    ready.sort();
    assert_eq!(ready, [N1, N2, N3].map(|node| (node, "127.0.0.1:1".to_owned())));
}

#[test]
fn a_node_is_given_its_identity_its_timing_and_its_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = Some(dir.path().join("deep/data"));
    let deck = Deck::start(LabOptions { data_dir, seed: Some(40), ..options(NODE, 1) });
    let (level, line) = deck.output();
    assert_eq!(level, LogLevel::Info);
    let wanted = format!(
        "fake: started with --managed --node-id 1 --bind 127.0.0.1:0 --cluster 127.0.0.1:0 \
         --data-dir {}/deep/data/n1 --heartbeat 50 --election 150..300 --seed 41",
        dir.path().display()
    );
    assert_eq!(line, wanted);
}

#[test]
fn a_node_finds_itself_at_its_own_address_and_the_others_behind_links() {
    let deck = Deck::start(options(NODE, 3));
    let mut lists = Vec::new();
    while lists.len() < 3 {
        let (_, line) = deck.output();
        let words: Vec<&str> = line.split(' ').collect();
        let after = |name| words[words.iter().position(|word| *word == name).unwrap() + 1].to_owned();
        lists.push((after("--node-id"), after("--bind"), after("--cluster")));
    }
    let mut links = std::collections::BTreeSet::new();
    for (id, bind, cluster) in lists {
        for (position, entry) in cluster.split(',').enumerate() {
            if (position + 1).to_string() == id {
                assert_eq!(entry, bind);
            } else {
                assert!(!entry.ends_with(":0"), "{entry} is a link's port");
                links.insert(entry.to_owned());
            }
        }
    }
    assert_eq!(links.len(), 6, "one link for each directed pair");
}

#[test]
fn a_killed_node_is_reaped_and_restarted_with_a_new_process() {
    let deck = Deck::start(options(NODE, 3));
    let pid = deck.running(N2);
    deck.send(Order::Kill(N2));
    assert_eq!(deck.next_state(N2), ProcessState::Killed);
    assert_eq!(process_letter(pid), None);
    // The second kill tells nothing: the next state is that of the restart.
    deck.send(Order::Kill(N2));
    deck.send(Order::Restart(N2));
    let again = deck.running(N2);
    assert_ne!(again, pid);
    // Restarting a node that runs kills it first.
    deck.send(Order::Restart(N2));
    assert_eq!(deck.next_state(N2), ProcessState::Killed);
    assert_eq!(process_letter(again), None);
    deck.running(N2);
}

#[test]
fn a_paused_node_stops_goes_on_and_can_be_killed() {
    let deck = Deck::start(options(NODE, 1));
    let pid = deck.running(N1);
    for _ in 0..2 {
        deck.send(Order::Pause(N1));
    }
    assert_eq!(deck.next_state(N1), ProcessState::Paused { pid: Some(pid) });
    wait_for_letter(pid, 'T');
    for _ in 0..2 {
        deck.send(Order::Resume(N1));
    }
    assert_eq!(
        deck.next_state(N1),
        ProcessState::Running { pid: Some(pid) },
        "the second pause told nothing"
    );
    wait_for_letter(pid, 'S');
    deck.send(Order::Pause(N1));
    assert_eq!(
        deck.next_state(N1),
        ProcessState::Paused { pid: Some(pid) },
        "the second resume told nothing"
    );
    deck.send(Order::Kill(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed);
    assert_eq!(process_letter(pid), None);
}

#[test]
fn a_dead_node_can_neither_be_paused_nor_resumed() {
    let deck = Deck::start(options(NODE, 1));
    deck.running(N1);
    deck.send(Order::Kill(N1));
    deck.send(Order::Pause(N1));
    assert_eq!(deck.refusal(), "n1 is not running, so there is nothing to pause");
    deck.send(Order::Resume(N1));
    assert_eq!(deck.refusal(), "n1 is not running, so there is nothing to resume");
}

#[test]
fn a_node_that_somebody_else_stops_is_told_to_be_paused_until_it_goes_on() {
    let deck = Deck::start(options(NODE, 3));
    let pid = deck.running(N2);
    let send = |signal| {
        let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    };
    for _ in 0..3 {
        send(Signal::STOP);
        assert_eq!(deck.next_state(N2), ProcessState::Paused { pid: Some(pid) });
        send(Signal::CONT);
        assert_eq!(deck.next_state(N2), ProcessState::Running { pid: Some(pid) });
    }
    // The lab can let go on what somebody else has stopped.
    send(Signal::STOP);
    assert_eq!(deck.next_state(N2), ProcessState::Paused { pid: Some(pid) });
    deck.send(Order::Heal);
    assert_eq!(deck.next_state(N2), ProcessState::Running { pid: Some(pid) });
}

#[test]
fn a_node_that_ends_by_itself_has_failed_with_its_last_words() {
    let script = r#"
for n in $(seq 30); do echo "ERROR fake: trouble $n" >&2; done
echo "gone" >&2
exit 7"#;
    let deck = Deck::start(options(script, 1));
    deck.next_state(N1);
    let ProcessState::Failed { how, last_words } = deck.next_state(N1) else {
        panic!("it should have failed")
    };
    assert_eq!(how, "exit status: 7");
    assert_eq!(last_words.len(), 20);
    assert_eq!(last_words[0], "fake: trouble 12");
    assert_eq!(last_words[19], "gone");
    // Killing what is dead changes nothing; restarting it does.
    deck.send(Order::Kill(N1));
    deck.send(Order::Restart(N1));
    assert!(matches!(deck.next_state(N1), ProcessState::Starting { .. }));
}

#[test]
fn a_node_killed_by_somebody_else_has_failed_by_that_signal() {
    let deck = Deck::start(options("kill -9 $$", 1));
    deck.next_state(N1);
    let ProcessState::Failed { how, .. } = deck.next_state(N1) else { panic!("it should have failed") };
    assert!(how.contains("SIGKILL"), "{how}");
}

#[test]
fn a_program_that_does_not_exist_is_a_failed_node_and_not_a_failed_lab() {
    let executable = PathBuf::from("/nonexistent/raftdeck");
    let deck = Deck::start(LabOptions { executable, ..options(NODE, 1) });
    let ProcessState::Failed { how, .. } = deck.next_state(N1) else { panic!("it should have failed") };
    assert!(how.starts_with("/nonexistent/raftdeck could not be started"), "{how}");
}

#[test]
fn what_a_node_writes_is_told_line_by_line() {
    let deck = Deck::start(options("printf 'WARN a: b\\nodd\\n\\033[2J\\n' >&2; echo hello; exec cat", 1));
    let mut lines: Vec<_> = (0..4).map(|_| deck.output()).collect();
    lines.sort_by(|a, b| a.1.cmp(&b.1));
    let wanted = [
        (LogLevel::Warn, "a: b"),
        (LogLevel::Info, "hello"),
        (LogLevel::Warn, "odd"),
        (LogLevel::Warn, "␛[2J"),
    ];
    assert_eq!(lines, wanted.map(|(level, line)| (level, line.to_owned())));
}
