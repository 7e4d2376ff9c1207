//! Scripts against a source that is played by the test.

use super::*;
use raftdeck_model::{
    ClientOutcome, ClusterTime, Disturbance, Fault, FaultId, ProcessState, Step, Update, World,
};
use raftdeck_protocol::ClockRate;

const N1: NodeId = NodeId(1);

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A script and the world that it is played in.
struct Played {
    script: Script,
    world: World,
}

impl Played {
    /// Three nodes, all running.
    fn new(script: Script) -> Self {
        let mut played = Self { script, world: World::default() };
        played.tell_nodes(3);
        for node in (1..=3).map(NodeId) {
            played.hear(News::Process { node, state: ProcessState::Running { pid: Some(1) } });
        }
        played
    }

    fn tell_nodes(&mut self, count: u64) {
        let nodes = (1..=count).map(NodeId).collect();
        self.hear(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
    }

    fn hear(&mut self, what: News) {
        self.script.hear(&what);
        self.world.fold(&Update { at: at(0), seq: 0, what });
    }

    fn go_on(&mut self, now: Duration) -> Vec<Deed> {
        self.script.go_on(now, &self.world)
    }
}

impl std::ops::Deref for Played {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl std::ops::DerefMut for Played {
    fn deref_mut(&mut self) -> &mut Script {
        &mut self.script
    }
}

fn script(lines: &[&str]) -> Played {
    let mut script = Script::default();
    for line in lines {
        script.add(line.as_bytes());
    }
    Played::new(script)
}

/// What it sends at this time, and nothing else.
fn sends(script: &mut Played, ms: u64) -> Vec<(u64, Order)> {
    let sent = |deed| match deed {
        Deed::Send(Command { id, what }) => (id.0, what),
        other => panic!("{other:?}"),
    };
    script.go_on(at(ms)).into_iter().map(sent).collect()
}

/// What it does when it is due next.
fn after(script: &mut Played) -> Vec<Deed> {
    let due = script.next_due().expect("it is not over");
    script.go_on(due)
}

fn done(script: &mut Played, id: u64) {
    script.hear(News::Done { id: CommandId(id) });
}

fn refused(script: &mut Played, id: u64, reason: &str) {
    script.hear(News::Refused { id: CommandId(id), reason: reason.to_owned() });
}

fn answered(script: &mut Played, id: u64) {
    let op = ClientOp::Read(raftdeck_protocol::Read::Get { key: "a".into() });
    let outcome = ClientOutcome::Failed { reason: String::new() };
    script.hear(News::Client { id: CommandId(id), op, outcome, took: at(1) });
    done(script, id);
}

#[test]
fn a_line_is_begun_when_the_one_before_is_done() {
    let mut script =
        script(&["freeze", "step timer", "kill 1", "restart down", "add", "wait up 4 within 1s"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::SetRate(ClockRate::FROZEN))]);
    script.hear(News::Time(ClusterTime { rate: ClockRate::FROZEN, now: at(5) }));
    assert_eq!(sends(&mut script, 1), [], "told, and not yet in force everywhere");
    done(&mut script, 1);
    assert_eq!(sends(&mut script, 2), [(2, Order::Step(Step::Timer))]);
    done(&mut script, 2);
    assert_eq!(sends(&mut script, 4), [(3, Order::Kill(N1))]);
    script.hear(News::Process { node: N1, state: ProcessState::Killed });
    done(&mut script, 3);
    assert_eq!(sends(&mut script, 5), [(4, Order::Restart(N1))], "by now it is known to be down");
    done(&mut script, 4);
    assert_eq!(sends(&mut script, 6), [(5, Order::AddNode)]);
    script.tell_nodes(4);
    done(&mut script, 5);
    assert_eq!(sends(&mut script, 7), [], "there is an n4 to be waited for");
    script.hear(News::Process { node: NodeId(4), state: ProcessState::Running { pid: Some(4) } });
    assert_eq!(sends(&mut script, 8), []);
    assert!(script.is_over());
}

#[test]
fn a_refused_command_fails_the_script_unless_it_is_only_tried() {
    for line in ["undo #99", "lose-tail 1", "pause 1", "kill 2"] {
        let mut script = script(&[&format!("try {line}"), line, "heal"]);
        let (tried, said) = (sends(&mut script, 0), sends(&mut script, 1));
        assert_eq!((tried.len(), said.len()), (1, 0), "{line}");
        refused(&mut script, 1, "it cannot be");
        assert_eq!(sends(&mut script, 2).len(), 1, "{line}: it was only a try");
        refused(&mut script, 2, "it cannot be");
        assert_eq!(script.go_on(at(3)), [Deed::Unmet("line 2: it cannot be".to_owned())]);
    }
}

#[test]
fn a_step_that_does_not_end_fails_when_its_time_is_over() {
    let mut script = script(&["", "step role", "step role within 1m", "step 20s", "kill 1"]);
    sends(&mut script, 0);
    assert_eq!(script.next_due(), Some(at(10_000)));
    let [Deed::Unmet(said)] = &script.go_on(at(10_000))[..] else { panic!("it is not over") };
    assert!(said.starts_with("line 2: the step is not over"), "{said}");
    sends(&mut script, 10_000);
    assert_eq!(script.next_due(), Some(at(70_000)));
    done(&mut script, 2);
    sends(&mut script, 11_000);
    assert_eq!(script.next_due(), Some(at(41_000)), "twenty seconds, and as long as any other step");
}

#[test]
fn a_mistake_names_its_line_and_nothing_more_is_done() {
    let mut script = script(&["", "# a comment", "klil 1", "kill 2"]);
    let [Deed::Mistake(said)] = &script.go_on(at(0))[..] else { panic!("a mistake") };
    assert_eq!(said, "line 3: \"klil\" is not known: did you mean kill?");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line_and_other_bytes_are_refused() {
    let mut script = script(&["\u{feff}heal"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Heal)]);
    done(&mut script, 1);
    script.add(b"put a \xff");
    assert_eq!(script.go_on(at(1)), [Deed::Mistake("line 2: the line is not UTF-8 text".to_owned())]);
    let watched = Script::to_watch("lesson", b"\xef\xbb\xbfheal\r\nput a \xff\n", CommandId(7));
    let lines: Vec<_> = watched.lines.into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [Some("heal".to_owned()), None]);
}

#[test]
fn a_wait_ends_when_it_is_so_or_fails_when_it_is_too_late() {
    let mut script = script(&["wait down 2 within 1s", "kill 1"]);
    assert_eq!(sends(&mut script, 0), []);
    assert_eq!(script.next_due(), Some(at(1000)));
    script.hear(News::Process { node: NodeId(2), state: ProcessState::Killed });
    assert_eq!(sends(&mut script, 999), [(1, Order::Kill(N1))]);
    done(&mut script, 1);
    script.add(b"wait leader within 1s");
    sends(&mut script, 1000);
    assert_eq!(script.go_on(at(2000)), [Deed::Unmet("line 3: waited in vain: no node leads".to_owned())]);
}

#[test]
fn what_is_expected_is_judged_by_the_newest_news() {
    let mut script = script(&["expect up 2"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Refresh)]);
    assert_eq!(sends(&mut script, 1000), [], "however long the news takes");
    script.hear(News::Process { node: NodeId(2), state: ProcessState::Killed });
    done(&mut script, 1);
    assert_eq!(script.go_on(at(1001)), [Deed::Unmet("line 1: not as expected: n2 is killed".to_owned())]);
}

#[test]
fn what_is_in_force_is_told_before_it_is_shown() {
    let mut script = script(&["pause 1", "rules"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Pause(N1))]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(N1) }];
    script.hear(News::InForce { faults });
    done(&mut script, 1);
    assert_eq!(script.go_on(at(1)), [Deed::Answer("rules", vec!["pause 1  # undo #3".to_owned()])]);
}

#[test]
fn the_stores_client_asks_one_thing_after_the_other_and_other_lines_go_on() {
    let mut script = script(&["put a 1", "get a", "heal", "wait answered", "quit"]);
    let sent = sends(&mut script, 0);
    assert!(matches!(sent[..], [(1, Order::Client(ClientOp::Write(_))), (2, Order::Heal)]), "{sent:?}");
    done(&mut script, 2);
    assert_eq!(sends(&mut script, 1), []);
    assert_eq!(
        script.go_on(at(1001)),
        [Deed::Answer("store", vec!["get a waits: put a has no answer yet".to_owned()])]
    );
    answered(&mut script, 1);
    assert!(matches!(sends(&mut script, 1002)[..], [(3, Order::Client(ClientOp::Read(_)))]));
    answered(&mut script, 3);
    assert_eq!(script.go_on(at(1003)), [Deed::Quit]);
}

#[test]
fn any_number_of_requests_find_their_turn_and_quit_comes_after_the_last() {
    let lines: Vec<String> = (0..100).map(|n| format!("put k{n} {n}")).collect();
    let mut script = script(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    script.add(b"quit");
    for id in 1..100 {
        let sent = sends(&mut script, id);
        assert!(matches!(sent[..], [(sent, Order::Client(_))] if sent == id), "{sent:?}");
        answered(&mut script, id);
    }
    // All are sent; the outcome of the last was not asked for.
    let deeds = script.go_on(at(100));
    assert!(
        matches!(&deeds[..], [Deed::Send(command), Deed::Quit] if command.id == CommandId(100)),
        "{deeds:?}"
    );
}

#[test]
fn a_proposal_is_not_waited_for_and_has_an_outcome() {
    let mut script = script(&["propose 3 a b", "wait answered within 5s"]);
    let sent = sends(&mut script, 0);
    assert!(matches!(sent[..], [(1, Order::Propose(NodeId(3), _))]), "{sent:?}");
    assert_eq!(sends(&mut script, 1), []);
    assert!(!script.is_over(), "it has no outcome");
    refused(&mut script, 1, "n3 does not run and takes no write");
    assert_eq!(
        script.go_on(at(2)),
        [Deed::Unmet("line 1: propose 3 put a is refused: n3 does not run and takes no write".to_owned())]
    );
}

#[test]
fn files_are_loaded_in_place_beside_the_file_that_names_them_and_not_for_ever() {
    let mut script = script(&["load lessons/a", "elect 3"]);
    assert_eq!(script.go_on(at(0)), [Deed::Read("lessons/a".to_owned())]);
    script.loaded(Ok(b"elect 1\n\nload b\n".to_vec()));
    assert_eq!(sends(&mut script, 1), [(1, Order::Campaign(N1))]);
    done(&mut script, 1);
    assert_eq!(script.go_on(at(2)), [Deed::Read("lessons/b".to_owned())]);
    script.loaded(Ok(b"kill 9\nelect 2\n".to_vec()));
    let [Deed::Mistake(said)] = &script.go_on(at(3))[..] else { panic!("a mistake") };
    assert!(said.contains("lessons/b, line 1: there is no n9"), "{said}");
    assert_eq!(sends(&mut script, 4), [(2, Order::Campaign(NodeId(3)))], "more, though not of that file");
    done(&mut script, 2);

    script.add(b"load c");
    let mut files = 0;
    let said = loop {
        match &script.go_on(at(5))[..] {
            [Deed::Read(file)] => {
                assert_eq!(file, "c");
                files += 1;
                script.loaded(Ok(b"load c".to_vec()));
            }
            [Deed::Mistake(said)] => break said.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(files == 8 && said.contains("8 files load one another"), "{files}: {said}");
    script.add(b"load d");
    script.go_on(at(6));
    script.loaded(Err("no such file".to_owned()));
    let [Deed::Mistake(said)] = &script.go_on(at(7))[..] else { panic!("a mistake") };
    assert_eq!(said, "line 4: d cannot be read: no such file");
}

#[test]
fn what_is_saved_can_be_loaded() {
    let mut script = script(&[]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(N1) }];
    script.hear(News::InForce { faults });
    script.add(b"save faults");
    let [Deed::Write { file, text }] = &script.go_on(at(0))[..] else { panic!("a file") };
    assert_eq!(file, "faults");
    script.written(Ok(()));
    assert_eq!(
        script.go_on(at(1)),
        [Deed::Answer("save", vec!["1 thing in force written to faults".to_owned()])]
    );
    script.add(b"load faults");
    script.go_on(at(2));
    script.loaded(Ok(text.clone().into_bytes()));
    assert_eq!(sends(&mut script, 3), [(1, Order::Pause(N1))]);
}

#[test]
fn a_script_to_watch_stops_where_it_shows_the_logs() {
    let mut script = Played::new(Script::to_watch("lesson", b"# a comment\nlogs\nelect 1\n", CommandId(7)));
    assert!(script.line().is_none());
    assert_eq!(sends(&mut script, 0), [(8, Order::Refresh)]);
    assert_eq!(script.line().as_deref(), Some("lesson, line 2: logs"));
    done(&mut script, 8);
    let [Deed::Answer("logs", lines)] = &script.go_on(at(1))[..] else { panic!("the logs") };
    assert_eq!(lines[0], "no node runs that could show its log");
    assert_eq!(lines[1], "n1 is running: its log is not shown");
    assert!(script.is_stopped() && !script.is_over());
    assert_eq!((script.next_due(), script.go_on(at(9000))), (None, vec![]), "however long that takes");
    script.resume();
    assert_eq!(sends(&mut script, 9000), [(9, Order::Campaign(N1))]);
    done(&mut script, 9);
    assert_eq!(script.go_on(at(9001)), []);
    assert!(script.is_over());
}

#[test]
fn a_caption_is_shown_where_it_stands() {
    let mut script = script(&["say who leads   \"two  blanks\" now?  # nobody", "heal"]);
    let deeds = script.go_on(at(0));
    assert_eq!(deeds[0], Deed::Answer("say", vec!["who leads two  blanks now?".to_owned()]));
    assert!(matches!(&deeds[1], Deed::Send(command) if command.what == Order::Heal), "{deeds:?}");
}

#[test]
fn a_script_ends_though_the_store_never_answers() {
    let mut script = script(&["put a 1", "put b 2", "quit"]);
    sends(&mut script, 0);
    let late = after(&mut script);
    assert!(matches!(late[..], [Deed::Answer("store", _)]), "{late:?}");
    assert_eq!(after(&mut script), [Deed::Quit]);
}
