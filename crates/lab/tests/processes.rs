//! The lab and its child processes, with a shell script for a node: what is started, told, signalled and ended.
//! Waits are for updates, with a deadline that only a failure meets.

use raftdeck_lab::{Lab, LabError, LabOptions};
use raftdeck_model::{
    ClientName, ClientOp, ClientOutcome, Command, CommandId, Disturbance, FaultId, LinkState, LogLevel, News,
    Order, ProcessState, RequestFate, Source as _, Step,
};
use raftdeck_protocol::{ClockRate, Read};
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_storage::fs::DiskFs;
use raftdeck_storage::{LogStore, log_end};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// Says that it is ready, at ports on which nothing listens, and lives until its standard input ends.
/// `$3` is the value of `--node-id`, the lab's second argument.
const NODE: &str = r#"
echo "INFO fake: started with $*" >&2
echo "{\"event\":\"ready\",\"id\":$3,\"raft\":\"127.0.0.1:1\",\"client\":\"127.0.0.1:1\",\"http\":\"127.0.0.1:1\"}"
exec cat"#;

struct Deck {
    lab: Option<Lab>,
    sent: AtomicU64,
    updates: Receiver<News>,
}

fn options(script: &str, nodes: u8) -> LabOptions {
    LabOptions::new("/bin/sh", &["-c", script, "node"], nodes)
}

impl Deck {
    fn start(options: LabOptions) -> Self {
        let (sender, updates) = channel();
        let lab = Lab::start(options, move |update| drop(sender.send(update.what)));
        let lab = lab.expect("a lab that starts");
        Self { lab: Some(lab), sent: AtomicU64::new(0), updates }
    }

    fn send(&self, what: Order) -> CommandId {
        let id = CommandId(self.sent.fetch_add(1, Ordering::Relaxed) + 1);
        self.lab.as_ref().expect("a running lab").send(Command { id, what });
        id
    }

    fn stop(&mut self) {
        self.lab.take().expect("a running lab").stop();
    }

    /// The first update from now on of which `wanted` makes something; what comes before it is passed over.
    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(&News) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(20);
        let mut passed_over = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.updates.recv_timeout(left) {
                Ok(update) => match wanted(&update) {
                    Some(found) => return found,
                    None => passed_over.push(update),
                },
                Err(error) => panic!("waited in vain for {what} ({error}), after {passed_over:#?}"),
            }
        }
    }

    /// The next state of a node's process.
    fn next_state(&self, of: NodeId) -> ProcessState {
        self.wait("a process state", |update| match update {
            News::Process { node, state } if *node == of => Some(state.clone()),
            _ => None,
        })
    }

    fn running(&self, node: NodeId) -> u32 {
        let starting = self.next_state(node);
        assert!(matches!(starting, ProcessState::Starting { .. }), "{starting:?}");
        match self.next_state(node) {
            ProcessState::Running { pid: Some(pid) } => pid,
            other => panic!("{node} should run: {other:?}"),
        }
    }

    /// What a command was answered: `Ok`, it is done.
    fn answer(&self, of: CommandId) -> Result<(), String> {
        self.wait("an answer", |update| match update {
            News::Done { id } if *id == of => Some(Ok(())),
            News::Refused { id, reason } if *id == of => Some(Err(reason.clone())),
            _ => None,
        })
    }

    fn refusal(&self) -> String {
        self.wait("a refusal", |update| match update {
            News::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    fn output(&self) -> (LogLevel, String) {
        self.wait("output", |update| match update {
            News::Output { level, line, .. } => Some((*level, line.clone())),
            _ => None,
        })
    }
}

/// The state letter of a process in `/proc`; `None` when it is gone and reaped.
fn process_letter(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Signals are carried out by the kernel in its own time.
fn wait_for_letter(pid: u32, wanted: char) {
    let until = Instant::now() + Duration::from_secs(20);
    while process_letter(pid) != Some(wanted) {
        assert!(Instant::now() < until, "process {pid} is still {:?}", process_letter(pid));
        std::thread::yield_now();
    }
}

#[test]
fn the_cluster_is_told_first_and_then_each_process() {
    let deck = Deck::start(options(NODE, 3));
    let first = deck.updates.recv_timeout(Duration::from_secs(20)).unwrap();
    let cluster =
        News::Cluster { nodes: vec![N1, N2, N3], heartbeat_ms: 50, election_ms: (150, 300), data_dir: None };
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
        (LogLevel::Warn, "\\u{1b}[2J"),
        (LogLevel::Warn, "a: b"),
        (LogLevel::Info, "hello"),
        (LogLevel::Warn, "odd"),
    ];
    assert_eq!(lines, wanted.map(|(level, line)| (level, line.to_owned())));
}

#[test]
fn links_tell_each_change_once_and_heal_mends_and_resumes_everything() {
    let deck = Deck::start(options(NODE, 3));
    let pid = deck.running(N3);
    let next_link = || {
        deck.wait("a link", |update| match update {
            News::Link { from, to, state } => Some((*from, *to, *state)),
            _ => None,
        })
    };
    deck.send(Order::Cut(vec![(N1, N2), (N1, N2), (N2, N1)]));
    deck.send(Order::Mend(vec![(N1, N2), (N1, N3)]));
    assert_eq!(next_link(), (N1, N2, LinkState::Cut));
    assert_eq!(next_link(), (N2, N1, LinkState::Cut));
    assert_eq!(next_link(), (N1, N2, LinkState::Open));
    deck.send(Order::Cut(vec![(N1, N3)]));
    assert_eq!(next_link(), (N1, N3, LinkState::Cut));
    deck.send(Order::Pause(N3));
    assert_eq!(deck.next_state(N3), ProcessState::Paused { pid: Some(pid) });
    deck.send(Order::Heal);
    assert_eq!(next_link(), (N1, N3, LinkState::Open));
    assert_eq!(next_link(), (N2, N1, LinkState::Open));
    assert_eq!(deck.next_state(N3), ProcessState::Running { pid: Some(pid) });
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let deck = Deck::start(options(NODE, 3));
    deck.send(Order::Kill(NodeId(9)));
    assert_eq!(deck.refusal(), "there is no n9 in this cluster");
    deck.send(Order::Cut(vec![(N1, N1)]));
    assert_eq!(deck.refusal(), "there is no link from n1 to n1");
    deck.send(Order::FetchLog { node: NodeId(0), first: LogIndex(1), limit: 1 });
    assert_eq!(deck.refusal(), "there is no n0 in this cluster");
}

#[test]
fn without_a_node_to_ask_a_request_fails_and_a_log_is_refused() {
    let deck = Deck::start(options(NODE, 1));
    deck.running(N1);
    deck.send(Order::Kill(N1));
    assert_eq!(deck.next_state(N1), ProcessState::Killed);
    let op = ClientOp::Read(Read::Get { key: "color".into() });
    let command = deck.send(Order::Client(op.clone().into()));
    let reason = deck.wait("the outcome", |update| match update {
        News::Client { id, request, outcome: ClientOutcome::Failed { reason, fate }, .. }
            if *id == command && request.op == op && *fate == RequestFate::NothingChanged =>
        {
            Some(reason.clone())
        }
        _ => None,
    });
    assert!(reason.contains("no node is ready"), "{reason}");
    assert_eq!(deck.answer(command), Ok(()), "the outcome has been told");
    let command = deck.send(Order::FetchLog { node: N1, first: LogIndex(1), limit: 10 });
    assert_eq!(deck.answer(command), Err("n1 cannot be asked for its log now".to_owned()));
}

#[test]
fn a_command_is_answered_when_its_effect_has_been_told() {
    let deck = Deck::start(options(NODE, 2));
    let mut starting = BTreeSet::from([N1, N2]);
    deck.wait("two processes that run", |update| {
        if let News::Ready { node, .. } = update {
            starting.remove(node);
        }
        starting.is_empty().then_some(())
    });
    let orders = [
        Order::Pause(N1),
        Order::Disturb(Disturbance::ClientAt(ClientName::Own, [N2].into())),
        Order::Cut(vec![(N1, N2)]),
        Order::SetRate(ClockRate::FROZEN),
        Order::Step(Step::For(Duration::from_millis(1))),
        Order::Heal,
        Order::Stop(N2),
        Order::Kill(N1),
        Order::Restart(N1),
        Order::Workload(true),
        Order::Workload(false),
    ];
    for order in orders {
        let (command, mut told) = (deck.send(order.clone()), Vec::new());
        deck.wait("that it is done", |update| {
            told.push(update.clone());
            match update {
                News::Done { id } if *id == command => Some(()),
                News::Refused { id, reason } if *id == command => panic!("{order:?} is refused: {reason}"),
                _ => None,
            }
        });
        let is_effect = |update: &News| match (&order, update) {
            (Order::Pause(_), News::Process { state, .. }) => matches!(state, ProcessState::Paused { .. }),
            (Order::Disturb(_) | Order::Cut(_), News::InForce { faults }) => !faults.is_empty(),
            (Order::Heal, News::InForce { faults }) => faults.is_empty(),
            (Order::SetRate(_) | Order::Step(_), News::Time(time)) => time.rate.is_frozen(),
            (Order::Stop(_), News::Process { state, .. }) => *state == ProcessState::Stopped,
            (Order::Kill(_), News::Process { state, .. }) => *state == ProcessState::Killed,
            (Order::Restart(_), News::Process { state, .. }) => {
                matches!(state, ProcessState::Starting { .. })
            }
            (Order::Workload(on), News::Workload(figures)) => figures.running == *on,
            _ => false,
        };
        assert!(told.iter().any(is_effect), "{order:?}: {told:?}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_under_the_commands_own_name() {
    let deck = Deck::start(options(NODE, 1));
    deck.running(N1);
    let refused = |order: Order| deck.answer(deck.send(order)).expect_err("a refusal");
    assert_eq!(refused(Order::Undo(Some(FaultId(99)))), "nothing named #99 is in force");
    assert_eq!(
        refused(Order::LoseTail(N1, 512)),
        "n1 is running: stop or kill it, then its log can lose its tail"
    );
    let step = deck.send(Order::Step(Step::Commit));
    let rate = deck.send(Order::SetRate(ClockRate::FROZEN));
    assert_eq!(deck.answer(step), Err("the step is not over: something else was done with time".to_owned()));
    assert_eq!(deck.answer(rate), Ok(()));
    assert_eq!(deck.answer(deck.send(Order::Kill(N1))), Ok(()));
    assert_eq!(refused(Order::Kill(N1)), "n1 is not running, so there is nothing to kill");
    assert_eq!(refused(Order::Pause(N1)), "n1 is not running, so there is nothing to pause");
}

#[test]
fn updates_are_numbered_without_a_gap_and_their_times_never_go_back() {
    let (sender, updates) = channel();
    let lab = Lab::start(options(NODE, 3), move |update| drop(sender.send(update))).unwrap();
    lab.send(Command { id: CommandId(1), what: Order::Heal });
    let mut last = (0, Duration::ZERO);
    loop {
        let update = updates.recv_timeout(Duration::from_secs(20)).expect("it goes on");
        assert_eq!(update.seq, last.0 + 1);
        assert!(update.at >= last.1);
        last = (update.seq, update.at);
        if update.what == (News::Done { id: CommandId(1) }) {
            return;
        }
    }
}

#[test]
fn too_many_requests_at_once_are_refused() {
    // Nothing listens where the node says that it does, so requests wait for their deadline.
    let deck = Deck::start(options(NODE, 1));
    deck.running(N1);
    for _ in 0..65 {
        deck.send(Order::Client(ClientOp::Read(Read::Get { key: "color".into() }).into()));
    }
    assert!(deck.refusal().starts_with("64 requests are under way already"));
}

#[test]
fn commands_beyond_measure_are_refused_one_by_one() {
    let (release, blocked) = channel::<()>();
    let (sender, updates) = channel();
    let blocked = std::sync::Mutex::new(blocked);
    let lab = Lab::start(options(NODE, 1), move |update| {
        // The lab is held up at its first word. Later the other end is gone and nothing blocks.
        let _ = blocked.lock().unwrap().recv();
        drop(sender.send(update.what));
    });
    let deck = Deck { lab: Some(lab.unwrap()), sent: AtomicU64::new(0), updates };
    let sent: Vec<CommandId> = (0..2000).map(|_| deck.send(Order::Heal)).collect();
    drop(release);
    let mut open: BTreeSet<CommandId> = sent.into_iter().collect();
    let mut left_out = 0;
    while !open.is_empty() {
        deck.wait("an answer", |update| match update {
            News::Done { id } => {
                assert!(open.remove(id), "{id:?} is answered once");
                Some(())
            }
            News::Refused { id, reason } => {
                assert!(open.remove(id), "{id:?} is answered once");
                left_out += u32::from(reason.contains("left out"));
                Some(())
            }
            _ => None,
        });
    }
    assert_eq!(left_out, 976);
}

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
    assert_eq!(refusal, "n1 cannot stand still for 100 % of the time: say 1 to 99, or pause it");
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
