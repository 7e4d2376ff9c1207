//! Scripts against a source that is played by the test.

use super::*;
use raftdeck_model::{
    ClientOutcome, ClientRequest, ClusterTime, Disturbance, Fault, FaultId, Known, NodeView, ProcessState,
    RaftView, RequestFate, Step, Update, World,
};
use raftdeck_protocol::{Answer, ClockRate, ResponseBody};
use raftdeck_raft::{LogId, Role, Term};

mod clients;

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
        self.hear(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
    }

    fn hear(&mut self, what: News) {
        self.hear_at(0, what);
    }

    /// An update is reported at this cluster time.
    fn hear_at(&mut self, ms: u64, what: News) {
        self.script.hear(&what);
        self.world.fold(&Update { at: at(ms), seq: 0, what });
    }

    fn go_on(&mut self, now: Duration) -> Vec<ScriptEffect> {
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

/// The commands that it sends at this time; any other effect fails the test.
fn sends(script: &mut Played, ms: u64) -> Vec<(u64, Order)> {
    let sent = |deed| match deed {
        ScriptEffect::Send(Command { id, what }) => (id.0, what),
        other => panic!("{other:?}"),
    };
    script.go_on(at(ms)).into_iter().map(sent).collect()
}

/// Its effects at the time when it is next due.
fn after(script: &mut Played) -> Vec<ScriptEffect> {
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
    came(script, id, failed("no leader", RequestFate::NothingChanged));
}

fn failed(reason: &str, fate: RequestFate) -> ClientOutcome {
    ClientOutcome::Failed { reason: reason.to_owned(), fate }
}

fn with(answer: Answer) -> ClientOutcome {
    let at = raftdeck_raft::LogId { term: raftdeck_raft::Term(1), index: LogIndex(1) };
    ClientOutcome::Answered { node: N1, body: ResponseBody::Done { answer, at } }
}

fn came(script: &mut Played, id: u64, outcome: ClientOutcome) {
    let op = ClientOp::Read(raftdeck_protocol::Read::Get { key: "a".into() });
    script.hear(News::Client { id: CommandId(id), request: op.into(), outcome, took: at(1) });
    done(script, id);
}

#[test]
fn a_change_that_is_only_begun_is_not_waited_for_and_its_refusal_is_no_failure() {
    let mut script = script(&["begin promote 3", "begin transfer 2", "freeze", "run"]);
    let orders = [Order::Promote(NodeId(3)), Order::Transfer(NodeId(2)), Order::SetRate(ClockRate::FROZEN)];
    let sent = sends(&mut script, 0).into_iter().map(|(_, order)| order);
    assert_eq!(sent.collect::<Vec<_>>(), orders, "the third line begins although no answer has come");
    refused(&mut script, 1, "n3 was not promoted: it is a voter already");
    assert_eq!(sends(&mut script, 1), [], "freeze is waited for");
    done(&mut script, 3);
    assert_eq!(sends(&mut script, 2).len(), 1);
    done(&mut script, 4);
    assert_eq!(sends(&mut script, 3), []);
    done(&mut script, 2);
    assert!(script.is_over());
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
        assert_eq!(
            script.go_on(at(3)),
            [ScriptEffect::Unmet(UnmetLine::Refused, "line 2: it cannot be".to_owned())]
        );
    }
}

#[test]
fn a_step_that_does_not_end_fails_when_its_time_is_over() {
    let mut script = script(&["", "step role", "step role within 1m", "step 20s", "kill 1"]);
    sends(&mut script, 0);
    assert_eq!(script.next_due(), Some(at(10_000)));
    let [ScriptEffect::Unmet(UnmetLine::TimedOut, said)] = &script.go_on(at(10_000))[..] else {
        panic!("it is not over")
    };
    assert!(said.starts_with("line 2: the step timed out"), "{said}");
    sends(&mut script, 10_000);
    assert_eq!(script.next_due(), Some(at(70_000)));
    done(&mut script, 2);
    sends(&mut script, 11_000);
    assert_eq!(script.next_due(), Some(at(41_000)), "twenty seconds, and as long as any other step");
}

#[test]
fn a_mistake_names_its_line_and_nothing_more_is_done() {
    let mut script = script(&["", "# a comment", "klil 1", "kill 2"]);
    let [ScriptEffect::Mistake(said)] = &script.go_on(at(0))[..] else { panic!("a mistake") };
    assert_eq!(said, "line 3: \"klil\" is not known: did you mean kill?");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line_and_other_bytes_are_refused() {
    let mut script = script(&["\u{feff}heal"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Heal)]);
    done(&mut script, 1);
    script.add(b"put a \xff");
    assert_eq!(script.go_on(at(1)), [ScriptEffect::Mistake("line 2: the line is not UTF-8 text".to_owned())]);
    let file = b"\xef\xbb\xbfheal\r\nput a \xff\n";
    let mut watched = Played::new(Script::to_watch("lesson", file, CommandId(7)));
    assert_eq!(sends(&mut watched, 0), [(8, Order::Heal)]);
    done(&mut watched, 8);
    let mistake = "lesson, line 2: the line is not UTF-8 text".to_owned();
    assert_eq!(watched.go_on(at(1)), [ScriptEffect::Mistake(mistake)]);
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
    assert_eq!(
        script.go_on(at(2000)),
        [ScriptEffect::Unmet(UnmetLine::TimedOut, "line 3: timed out: no node leads".to_owned())]
    );
}

#[test]
fn what_is_expected_is_judged_by_the_newest_news() {
    let mut script = script(&["expect up 2"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Refresh)]);
    assert_eq!(sends(&mut script, 1000), [], "however long the news takes");
    script.hear(News::Process { node: NodeId(2), state: ProcessState::Killed });
    done(&mut script, 1);
    assert_eq!(
        script.go_on(at(1001)),
        [ScriptEffect::Unmet(UnmetLine::Otherwise, "line 1: not as expected: n2 is killed".to_owned())]
    );
}

#[test]
fn what_is_in_force_is_told_before_it_is_shown() {
    let mut script = script(&["pause 1", "rules"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Pause(N1))]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(N1) }];
    script.hear(News::InForce { faults });
    done(&mut script, 1);
    assert_eq!(script.go_on(at(1)), [ScriptEffect::Answer("rules", vec!["pause 1  # undo #3".to_owned()])]);
}

#[test]
fn the_stores_client_asks_one_thing_after_the_other_and_other_lines_go_on() {
    let mut script = script(&["put a 1", "get a", "heal", "wait answered", "quit"]);
    let sent = sends(&mut script, 0);
    assert!(matches!(sent[..], [(1, Order::Client(_)), (2, Order::Heal)]), "{sent:?}");
    done(&mut script, 2);
    assert_eq!(sends(&mut script, 1), []);
    assert_eq!(
        script.go_on(at(1001)),
        [ScriptEffect::Answer("store", vec!["get a waits: put a has no answer yet".to_owned()])]
    );
    answered(&mut script, 1);
    assert!(matches!(
        &sends(&mut script, 1002)[..],
        [(3, Order::Client(ClientRequest { op: ClientOp::Read(_), .. }))]
    ));
    answered(&mut script, 3);
    assert_eq!(script.go_on(at(1003)), [ScriptEffect::Quit]);
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
    // All are sent; the script does not wait for the outcome of the last.
    let deeds = script.go_on(at(100));
    assert!(
        matches!(&deeds[..], [ScriptEffect::Send(command), ScriptEffect::Quit] if command.id == CommandId(100)),
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
    refused(&mut script, 1, "n3 is not running and accepts no writes");
    assert_eq!(
        script.go_on(at(2)),
        [ScriptEffect::Unmet(
            UnmetLine::Refused,
            "line 1: propose 3 put a is refused: n3 is not running and accepts no writes".to_owned()
        )]
    );
}

#[test]
fn files_are_loaded_in_place_beside_the_file_that_names_them_and_not_for_ever() {
    let mut script = script(&["load lessons/a", "elect 3"]);
    assert_eq!(script.go_on(at(0)), [ScriptEffect::Read("lessons/a".to_owned())]);
    script.loaded(Ok(b"elect 1\n\nload b\n".to_vec()));
    assert_eq!(sends(&mut script, 1), [(1, Order::Campaign(N1))]);
    done(&mut script, 1);
    assert_eq!(script.go_on(at(2)), [ScriptEffect::Read("lessons/b".to_owned())]);
    script.loaded(Ok(b"kill 9\nelect 2\n".to_vec()));
    let [ScriptEffect::Mistake(said)] = &script.go_on(at(3))[..] else { panic!("a mistake") };
    assert!(said.contains("lessons/b, line 1: there is no n9"), "{said}");
    assert_eq!(sends(&mut script, 4), [(2, Order::Campaign(NodeId(3)))], "more, though not of that file");
    done(&mut script, 2);

    script.add(b"load c");
    let mut files = 0;
    let said = loop {
        match &script.go_on(at(5))[..] {
            [ScriptEffect::Read(file)] => {
                assert_eq!(file, "c");
                files += 1;
                script.loaded(Ok(b"load c".to_vec()));
            }
            [ScriptEffect::Mistake(said)] => break said.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(files == 8 && said.contains("8 files load one another"), "{files}: {said}");
    script.add(b"load d");
    script.go_on(at(6));
    script.loaded(Err("no such file".to_owned()));
    let [ScriptEffect::Mistake(said)] = &script.go_on(at(7))[..] else { panic!("a mistake") };
    assert_eq!(said, "line 4: d cannot be read: no such file");
}

#[test]
fn what_is_saved_can_be_loaded() {
    let mut script = script(&[]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(N1) }];
    script.hear(News::InForce { faults });
    script.add(b"save faults");
    let [ScriptEffect::Write { file, text }] = &script.go_on(at(0))[..] else { panic!("a file") };
    assert_eq!(file, "faults");
    script.written(Ok(()));
    assert_eq!(
        script.go_on(at(1)),
        [ScriptEffect::Answer("save", vec!["1 thing in force written to faults".to_owned()])]
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
    let [ScriptEffect::Answer("logs", lines)] = &script.go_on(at(1))[..] else { panic!("the logs") };
    assert_eq!(lines[0], "no node is running that could show its log");
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
fn a_log_that_is_only_in_a_snapshot_is_said_to_be_and_a_dead_node_too() {
    let mut script = script(&["logs"]);
    let status = |node, purged| {
        let raft = RaftView {
            last: Known::Is(LogId { term: Term(2), index: LogIndex(purged) }),
            purged: Known::Is(LogIndex(purged)),
            ..RaftView::new(NodeId(node), Term(2), Role::Follower)
        };
        News::Status { node: NodeId(node), status: Box::new(NodeView::new(raft)) }
    };
    script.hear(status(1, 9));
    script.hear(status(2, 0));
    script.hear(News::Process { node: NodeId(3), state: ProcessState::Killed });
    assert_eq!(sends(&mut script, 0), [(1, Order::Refresh)]);
    done(&mut script, 1);
    assert_eq!(sends(&mut script, 1).len(), 2, "the logs of those that run");
    for id in [2, 3] {
        script.hear(News::Log { node: NodeId(id - 1), lines: Vec::new() });
        done(&mut script, id);
    }
    let [ScriptEffect::Answer("logs", lines)] = &script.go_on(at(2))[..] else { panic!("the logs") };
    let (head, rest) = lines.split_first().unwrap();
    assert!(head.contains("n1 in term 2") && head.contains("n2 in term 2"), "{head}");
    assert_eq!(
        rest,
        ["n3 is killed: its log is not shown", "n1 has its entries through 9 only in its snapshot"]
    );
}

#[test]
fn a_caption_is_shown_where_it_stands() {
    let mut script = script(&["say who leads   \"two  blanks\" now?  # nobody", "heal"]);
    let deeds = script.go_on(at(0));
    assert_eq!(deeds[0], ScriptEffect::Answer("say", vec!["who leads two  blanks now?".to_owned()]));
    assert!(matches!(&deeds[1], ScriptEffect::Send(command) if command.what == Order::Heal), "{deeds:?}");
}

#[test]
fn a_script_ends_though_the_store_never_answers() {
    let mut script = script(&["put a 1", "put b 2", "quit"]);
    sends(&mut script, 0);
    let late = after(&mut script);
    assert!(matches!(late[..], [ScriptEffect::Answer("store", _)]), "{late:?}");
    assert_eq!(after(&mut script), [ScriptEffect::Quit]);
}

#[test]
fn a_sleep_lasts_in_cluster_time() {
    let mut script = script(&["sleep 500ms", "heal"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Refresh)], "how late it is");
    script.hear_at(100, News::Done { id: CommandId(1) });
    assert_eq!(sends(&mut script, 10), []);
    assert_eq!(script.next_due(), Some(at(510)));
    let tenth = ClockRate::from_millionths(100_000).unwrap();
    script.hear_at(300, News::Time(ClusterTime { rate: tenth, now: at(300) }));
    assert_eq!(sends(&mut script, 210), []);
    assert_eq!(sends(&mut script, 510), [], "it is not over yet");
    assert_eq!(script.next_due(), Some(at(210 + 3000)), "300 ms at a tenth of the rate");
    assert_eq!(sends(&mut script, 3210), [(2, Order::Refresh)], "it should be over, and nothing was told");
    assert_eq!(script.next_due(), Some(at(10_500)), "only its patience, until that is answered");
    script.hear_at(590, News::Done { id: CommandId(2) });
    assert_eq!(sends(&mut script, 3211), []);
    assert_eq!(script.next_due(), Some(at(3211 + 100)), "the clocks differ a little");
    script.hear_at(600, News::Missed { node: N1, count: 1 });
    assert_eq!(sends(&mut script, 3300), [(3, Order::Heal)]);
}

#[test]
fn a_sleep_while_time_stands_still_is_given_up() {
    let mut script = script(&["sleep 2s within 5s"]);
    sends(&mut script, 0);
    script.hear(News::Time(ClusterTime { rate: ClockRate::FROZEN, now: at(0) }));
    done(&mut script, 1);
    assert_eq!(sends(&mut script, 1), []);
    assert_eq!(script.next_due(), Some(at(5000)));
    let late = "line 1: this much cluster time has not passed: time may be frozen (run resumes it)";
    assert_eq!(script.go_on(at(5000)), [ScriptEffect::Unmet(UnmetLine::Otherwise, late.to_owned())]);
}

#[test]
fn what_stays_so_is_looked_at_until_the_end() {
    let mut holds = script(&["stays up 2 for 1s", "heal"]);
    assert_eq!(sends(&mut holds, 0), [(1, Order::Refresh)]);
    done(&mut holds, 1);
    assert_eq!(sends(&mut holds, 1), []);
    holds.hear_at(1000, News::Missed { node: N1, count: 1 });
    assert_eq!(sends(&mut holds, 1001), [(2, Order::Heal)]);

    let mut breaks = script(&["stays up 2 for 1s", "heal"]);
    sends(&mut breaks, 0);
    done(&mut breaks, 1);
    sends(&mut breaks, 1);
    breaks.hear_at(999, News::Process { node: NodeId(2), state: ProcessState::Killed });
    let broken = "line 1: the condition stopped holding: n2 is killed".to_owned();
    assert_eq!(breaks.go_on(at(1000)), [ScriptEffect::Unmet(UnmetLine::Otherwise, broken)]);
}

#[test]
fn a_name_stands_for_what_its_value_was() {
    let mut script = script(&["let gone = 2", "kill $gone", "let t = 7", "put k$t $t+1", "kill $nobody"]);
    assert_eq!(sends(&mut script, 0), [(1, Order::Refresh)]);
    done(&mut script, 1);
    assert_eq!(sends(&mut script, 1), [(2, Order::Kill(NodeId(2)))]);
    done(&mut script, 2);
    assert_eq!(sends(&mut script, 2), [(3, Order::Refresh)]);
    done(&mut script, 3);
    let put = raftdeck_protocol::Write::Put { key: "k7".into(), value: "8".into() };
    let put = Command { id: CommandId(4), what: Order::Client(ClientOp::Write(put).into()) };
    let mistake = "line 5: $nobody is not set: let nobody = leader gives it a value".to_owned();
    assert_eq!(script.go_on(at(3)), [ScriptEffect::Send(put), ScriptEffect::Mistake(mistake)]);
}

#[test]
fn a_leader_that_nobody_knows_has_no_name() {
    let mut script = script(&["let old = leader"]);
    sends(&mut script, 0);
    done(&mut script, 1);
    let deeds = script.go_on(at(1));
    let [ScriptEffect::Unmet(UnmetLine::Otherwise, said)] = &deeds[..] else { panic!("{deeds:?}") };
    assert!(said.starts_with("line 1: old is not set: no node leads"), "{said}");
}

/// Everything that it sends until it sends nothing more; each command is done immediately.
fn all_sent(script: &mut Played) -> Vec<Order> {
    let mut all = Vec::new();
    loop {
        let sent = sends(script, 0);
        if sent.is_empty() {
            return all;
        }
        for (id, order) in sent {
            all.push(order);
            done(script, id);
        }
    }
}

#[test]
fn lines_are_repeated_and_counted() {
    let lines = ["repeat 2 as i", "elect $i", "repeat 2", "heal", "end", "end", "kill 3"];
    let twice =
        [Order::Campaign(N1), Order::Heal, Order::Heal, Order::Campaign(NodeId(2)), Order::Heal, Order::Heal];
    let expected: Vec<Order> = twice.into_iter().chain([Order::Kill(NodeId(3))]).collect();
    assert_eq!(all_sent(&mut script(&lines)), expected);
    let file = lines.join("\n");
    assert_eq!(all_sent(&mut Played::new(Script::of_file("f", file.as_bytes()))), expected);
}

#[test]
fn a_repeat_waits_for_its_end_while_lines_can_come() {
    let mut typed = script(&["repeat 2", "heal"]);
    assert_eq!(sends(&mut typed, 0), []);
    assert_eq!(typed.next_due(), None, "however long somebody types");
    typed.add(b"end");
    assert_eq!(all_sent(&mut typed), [Order::Heal, Order::Heal]);

    let no_end = "repeat has no end: a line end after the lines that are repeated";
    let mut ended = script(&["repeat 2", "heal"]);
    ended.end_input();
    assert_eq!(ended.go_on(at(0)), [ScriptEffect::Mistake(format!("line 1: {no_end}"))]);
    let mut file = Played::new(Script::of_file("f", b"repeat 2\nheal"));
    assert_eq!(file.go_on(at(0)), [ScriptEffect::Mistake(format!("f, line 1: {no_end}"))]);
    let ends = "line 1: end without repeat: no repeat is open before it".to_owned();
    assert_eq!(script(&["end"]).go_on(at(0)), [ScriptEffect::Mistake(ends)]);
}

#[test]
fn a_file_is_checked_and_not_carried_out() {
    let mut script = script(&["check a.txt", "check a.txt"]);
    assert_eq!(script.go_on(at(0)), [ScriptEffect::Read("a.txt".to_owned())]);
    script.loaded(Ok(b"kill 3\nheal\n".to_vec()));
    let fine = ScriptEffect::Answer("check", vec!["a.txt: 2 lines, no mistake".to_owned()]);
    assert_eq!(script.go_on(at(1)), [fine, ScriptEffect::Read("a.txt".to_owned())]);
    script.loaded(Ok(b"kill 4\nklil 1".to_vec()));
    let deeds = script.go_on(at(2));
    let [ScriptEffect::Mistake(said)] = &deeds[..] else { panic!("{deeds:?}") };
    assert!(said.starts_with("line 2: a.txt, line 1, column 6: there is no n4"), "{said}");
    assert!(said.contains("\na.txt, line 2, column 1: \"klil\" is not known"), "{said}");
}

/// The caller regains control regularly, however much a script repeats and requests.
#[test]
fn a_script_goes_on_in_pieces_and_queues_only_so_much() {
    let mut endless = script(&["repeat 10000", "repeat 10000", "end", "end"]);
    assert_eq!((endless.go_on(at(0)), endless.next_due()), (vec![], Some(Duration::ZERO)));
    let mut says = script(&["repeat 10000", "say x", "end"]);
    assert!(says.go_on(at(0)).len() < 1001);
    assert_eq!(says.next_due(), Some(Duration::ZERO));

    let mut asks = script(&["repeat 1000 as i", "put k$i v", "end", "wait answered within 2m"]);
    let mut sent = 0;
    for ms in 0..10 {
        sent += sends(&mut asks, ms).len();
    }
    assert_eq!(sent, 1, "the first has no answer yet");
    assert_eq!(asks.store.unanswered(), 257);
    for id in 1..=1000 {
        answered(&mut asks, id);
        for _ in 0..3 {
            sends(&mut asks, 11);
        }
    }
    assert!(asks.is_over());
}
