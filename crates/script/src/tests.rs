//! The grammar from end to end.

mod clients;
mod completion;

use super::*;
use raftdeck_model::write;
use raftdeck_model::{
    ClientLinkFault, ClientName, ClientOp, ClientRequest, ClusterTime, Delay, Disturbance, Effect, Fault,
    FaultId, FrameKind, Known, LinkState, Matching, MessageId, MessageReport, MessageSelection, MessageState,
    News, NodeView, Probability, ProcessState, RaftView, Rule, Scope, Step, Timers, Update, Watch,
};
use raftdeck_protocol::{ClockFactor, ClockRate, Consistency, DiskPace, Read, Write};
use raftdeck_raft::{
    Config, LogId, LogIndex, NodeId, Raft, Restored, Role, Status, Term, TermRun, Timestamp, Timing,
};
use std::collections::BTreeSet;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const N4: NodeId = NodeId(4);

fn tell(world: &mut World, what: News) {
    world.fold(&Update { at: Duration::ZERO, seq: 0, what });
}

fn of_new(node: NodeId) -> Status {
    let config = Config::new(node, (1..=5).map(NodeId).collect(), Timing::FAST);
    let raft = Raft::new(config, 1, Restored::default(), Timestamp::default()).unwrap();
    raft.status(Timestamp::default())
}

fn status(node: NodeId, role: Role, term: u64) -> News {
    let raft = Status { role, term: Term(term), ..of_new(node) };
    News::Status { node, status: Box::new(raft.into()) }
}

/// Five nodes, of which n2 leads and n4 is down.
fn world() -> World {
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
        let state = if node == N4 { ProcessState::Killed } else { ProcessState::Running { pid: Some(1) } };
        tell(&mut world, News::Process { node, state });
    }
    tell(&mut world, status(N2, Role::Leader, 3));
    let faults = vec![Fault { id: FaultId(7), what: Disturbance::Paused(N1) }];
    tell(&mut world, News::InForce { faults });
    let held = MessageReport {
        id: MessageId(12),
        from: N1,
        to: N2,
        kind: FrameKind::Heartbeat,
        term: Term(3),
        index: None,
        granted: None,
        entries: 0,
        fields: String::new(),
        sent: Duration::ZERO,
        state: MessageState::Held,
    };
    tell(&mut world, News::Messages { messages: vec![held], skipped: 0 });
    world
}

fn said(line: &str) -> ScriptLine {
    parse(line, &world()).unwrap_or_else(|mistake| panic!("{line}: {mistake}"))
}

fn command(line: &str) -> Order {
    match said(line) {
        ScriptLine::Do(mut commands) if commands.len() == 1 => commands.remove(0),
        ScriptLine::Step { step, .. } => Order::Step(step),
        other => panic!("{line}: {other:?}"),
    }
}

fn why(line: &str) -> String {
    parse(line, &world()).expect_err(line).to_string()
}

fn disturbance(line: &str) -> Disturbance {
    match command(line) {
        Order::Disturb(what) => what,
        other => panic!("{line}: {other:?}"),
    }
}

fn only_rule(line: &str) -> Rule {
    match disturbance(line) {
        Disturbance::Rules { words, mut rules } if rules.len() == 1 => {
            assert!(matches!(parse(&words, &world()), Ok(ScriptLine::Do(_))), "{words}");
            rules.remove(0)
        }
        other => panic!("{line}: {other:?}"),
    }
}

fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

#[test]
fn every_example_in_the_table_is_understood_as_its_word() {
    for entry in WORDS {
        assert!(!entry.examples.is_empty(), "{} has no example", entry.name);
        assert!(entry.usage.starts_with(entry.name), "{}", entry.usage);
        for example in entry.examples {
            assert!(example.split(' ').next() == Some(entry.name), "{example}");
            said(example);
        }
    }
}

#[test]
fn nodes_are_numbers_names_or_the_leader() {
    for line in ["kill 2", "kill n2", "kill leader", "KILL N2", "  kill   2  # the leader"] {
        assert_eq!(command(line), Order::Kill(N2), "{line}");
    }
    assert!(why("kill").contains("kill needs a node, or several, such as 1,2: kill NODES"));
    assert!(why("kill 9").contains("there is no n9: the nodes are n1 n2 n3 n4 n5"));
    assert!(why("kill x").contains("a node is 1, n1, leader or follower"));
    assert_eq!(why("kill leeder"), "\"leeder\" is not a node: did you mean leader?");
    assert!(why("kill +1").contains("is not a node"));
    let mut nobody = world();
    tell(&mut nobody, status(N2, Role::Follower, 4));
    assert!(parse("kill leader", &nobody).unwrap_err().to_string().contains("no node leads"));
    assert_eq!(parse("kill follower", &nobody), Ok(ScriptLine::Do(vec![Order::Kill(N2)])));
    let many = |line: &str| match said(line) {
        ScriptLine::Do(orders) => orders,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(many("kill 1,3"), [Order::Kill(N1), Order::Kill(N3)]);
    assert_eq!(many("pause 2..3,1"), [Order::Pause(N1), Order::Pause(N2), Order::Pause(N3)]);
    assert_eq!(many("stop all").len(), 5);
    assert!(why("kill 3..1").contains("is not a range of nodes: write 1..3"));
    assert!(why("kill 1..9").contains("there is no n9"));
    let unknown = World::default();
    assert!(parse("kill 1..99", &unknown).unwrap_err().to_string().contains("is not a range of nodes"));
    assert_eq!(parse("kill 9", &unknown), Ok(ScriptLine::Do(vec![Order::Kill(NodeId(9))])), "not known yet");
}

#[test]
fn a_log_is_what_is_on_the_disk() {
    let mut world = world();
    let mut holds = |durable: u64, line: &str| {
        let runs = [(1, 1, 2), (4, 3, 5)];
        let run =
            |(term, first, last)| TermRun { term: Term(term), first: LogIndex(first), last: LogIndex(last) };
        let last = LogId { term: Term(4), index: LogIndex(5) };
        let term_runs = runs.into_iter().map(run).collect();
        let raft = Status { last, term_runs, durable: LogIndex(durable), ..of_new(N1) };
        tell(&mut world, News::Status { node: N1, status: Box::new(raft.into()) });
        let Ok(ScriptLine::Wait { until, .. }) = parse(line, &world) else { panic!("{line}") };
        until.holds(&world, 0).map_err(|unmet| unmet.to_string())
    };
    let told = |terms: &str| Err(format!("the log of n1 holds {terms}"));
    assert_eq!(holds(5, "wait terms 1 1,1,4,4,4"), Ok(()));
    assert_eq!(holds(4, "wait terms 1 1,1,4,4,4"), told("2 of term 1, 2 of term 4"));
    assert_eq!(holds(2, "wait terms 1 1,1,4,4,4"), told("2 of term 1"));
    assert_eq!(holds(2, "wait terms 1 1,1"), Ok(()));
    assert_eq!(holds(5, "wait log 1 5"), Ok(()));
    assert_eq!(holds(4, "wait log 1 5"), Err("the log of n1 ends with entry 4".to_owned()));
    assert_eq!(holds(0, "wait log 1 5"), Err("the log of n1 is empty".to_owned()));
}

#[test]
fn a_condition_about_what_is_not_known_is_unmet_and_says_so() {
    let mut world = world();
    let holds = |world: &World, line: &str| {
        let Ok(ScriptLine::Wait { until, .. }) = parse(line, world) else { panic!("{line}") };
        until.holds(world, 0).map_err(|unmet| unmet.to_string())
    };
    let view = RaftView { term_runs: Known::Is(Vec::new()), ..RaftView::new(N2, Term(3), Role::Leader) };
    tell(&mut world, News::Status { node: N2, status: Box::new(NodeView::new(view)) });
    for (line, what) in [
        ("wait commit 2 ..5", "commit index"),
        ("wait applied 2 0", "applied index"),
        ("wait log 2 0", "log's end"),
        ("wait terms 2 none", "durable index"),
        ("wait voter 2", "membership"),
    ] {
        assert_eq!(holds(&world, line), Err(format!("the {what} of n2 is unknown")), "{line}");
    }
    for line in ["wait leader 2", "wait role 2 leader", "wait term 2 3"] {
        assert_eq!(holds(&world, line), Ok(()), "{line}");
    }
}

#[test]
fn links_have_all_their_forms() {
    let scope = |links: &str| only_rule(&format!("cut {links}")).scope;
    let between = |from: Option<&[u64]>, to: Option<&[u64]>| Scope::Between {
        from: from.map(nodes),
        to: to.map(nodes),
    };
    assert_eq!(scope("*"), Scope::All);
    assert_eq!(scope("1>3"), between(Some(&[1]), Some(&[3])));
    assert_eq!(scope("1,2>3"), between(Some(&[1, 2]), Some(&[3])));
    assert_eq!(scope("2>"), between(Some(&[2]), None));
    assert_eq!(scope(">2"), between(None, Some(&[2])));
    assert_eq!(scope("leader"), Scope::Of(nodes(&[2])));
    assert_eq!(scope("1,2"), Scope::Of(nodes(&[1, 2])));
    assert_eq!(scope("1-3"), Scope::Links([(N1, N3), (N3, N1)].into()));
    assert_eq!(scope("1|2,3"), Scope::Links([(N1, N2), (N2, N1), (N1, N3), (N3, N1)].into()));
    assert_eq!(scope("1>3+3>2"), Scope::Links([(N1, N3), (N3, N2)].into()));
    for wrong in
        ["cut", "cut 1>1", "cut 1>9", "cut 1-", "cut 1>2>3", "cut 1 > 2", "cut x", "cut 1+2>3", "cut 1,"]
    {
        assert!(!why(wrong).is_empty(), "{wrong}");
    }
    assert!(why("cut x").contains("names no links: links are 1>3"));
}

#[test]
fn rules_have_their_figures_and_filters() {
    let all = |effect| Rule { scope: Scope::All, matching: Matching::default(), effect };
    let millis = Duration::from_millis;
    for (line, effect) in [
        ("delay * 50ms", Effect::Delay(Delay::Fixed(millis(50)))),
        ("delay * 50ms+-10ms", Effect::Delay(Delay::Normal(millis(50), millis(10)))),
        ("delay * 10ms..90ms", Effect::Delay(Delay::Uniform(millis(10), millis(90)))),
        ("lose * 10%", Effect::Lose(Probability(100_000))),
        ("duplicate * 0.5%", Effect::Duplicate(Probability(5_000))),
        ("reorder * 10%", Effect::Reorder(Probability(100_000), millis(20))),
        ("reorder * 10% 5ms", Effect::Reorder(Probability(100_000), millis(5))),
        ("limit * 100KB/s", Effect::Limit(100_000)),
        ("hold *", Effect::Hold),
    ] {
        assert_eq!(only_rule(line), all(effect), "{line}");
    }
    let rule = only_rule("hold 1>2 term 5..7 next 3 only appendentries,Heartbeat index 4");
    assert_eq!(rule.matching.kinds, [FrameKind::AppendEntries, FrameKind::Heartbeat].into());
    assert_eq!(rule.matching.terms, Some(Term(5)..=Term(7)));
    assert_eq!(rule.matching.indices, Some(LogIndex(4)..=LogIndex(4)));
    assert_eq!(rule.matching.next, Some(3));
    assert!(why("hold * only RequestVotes").contains("did you mean RequestVote?"));
    assert!(why("hold * only Ping").contains("the kinds are PreVote,"));
    assert!(why("hold * next 0").contains("next 1"));
    assert!(why("hold * term 5 term 6").contains("given twice"));
    assert!(why("hold only RequestVote").contains("hold needs links"));
    assert!(why("lose * 10").contains("is not a probability"));
    assert!(why("lose * 10% more").contains("\"more\" is unexpected here: lose LINKS PERCENT"));
}

#[test]
fn a_watch_waits_for_a_message_and_has_rules() {
    let Disturbance::Watch(Watch { scope, matching, then }) =
        disturbance("when 2> only RequestVote term 5 then cut 2>3 and delay 1 5ms only VoteReply")
    else {
        panic!("no watch");
    };
    assert_eq!(scope, Scope::Between { from: Some(nodes(&[2])), to: None });
    assert_eq!(matching.kinds, [FrameKind::RequestVote].into());
    assert_eq!((then.len(), &then[0].effect), (2, &Effect::Cut));
    assert_eq!(then[1].matching.kinds, [FrameKind::VoteReply].into());
    assert!(why("when 2>").contains("then"));
    assert!(why("when 2> onyl RequestVote then cut *").contains("did you mean only?"));
    assert!(why("when 2> then kill 1").contains("is not a rule"));
    assert!(why("when 2> then cut 1 and").contains("a rule here"));
}

#[test]
fn messages_are_released_and_dropped_by_name_by_link_or_all() {
    assert_eq!(command("release #12"), Order::Release(MessageSelection::Message(MessageId(12))));
    let everything = MessageSelection::On(Scope::All, Matching::default());
    assert_eq!(command("release all"), Order::Release(everything.clone()));
    assert_eq!(command("drop *"), Order::Drop(everything));
    let one = Matching { next: Some(1), ..Matching::default() };
    assert_eq!(command("release next 1"), Order::Release(MessageSelection::On(Scope::All, one)));
    assert!(why("release").contains("release needs all, a message"));
    assert!(why("release #x").len() > 10);
    assert_eq!(command("undo"), Order::Undo(None));
    assert_eq!(command("undo #7"), Order::Undo(Some(FaultId(7))));
    assert_eq!(command("undo 7"), Order::Undo(Some(FaultId(7))));
    assert_eq!(command("undo all"), Order::Heal);
}

#[test]
fn what_a_disk_cannot_do_is_said() {
    assert!(why("disk").len() > 10);
    assert!(why("disk 3").contains("delay and a time, stall or heal"));
    assert!(why("disk 3 delay").contains("a time, such as 50ms"));
    assert!(why("disk 3 delay 0ms").contains("longer than zero"));
    assert!(why("disk 3 delay 11s").contains("the maximum is 10s"));
    assert!(why("disk 3 stal").contains("did you mean stall?"));
    assert!(why("disk 3 stall 4").len() > 10);
}

fn factor(millionths: u32) -> ClockFactor {
    ClockFactor::from_millionths(millionths).unwrap()
}

#[test]
fn processes_the_cluster_and_time_are_commanded() {
    for (line, meant) in [
        ("slow 3 50%", Order::Slow(N3, 50)),
        ("full 3 64KB", Order::FillDisk(N3, 64_000)),
        ("full 3", Order::FillDisk(N3, 0)),
        ("disk 3 stall", Order::Disturb(Disturbance::Disk(N3, DiskPace::Stalled))),
        ("disk 3 heal", Order::Disturb(Disturbance::Disk(N3, DiskPace::Free))),
        (
            "disk 3 delay 1.5s",
            Order::Disturb(Disturbance::Disk(N3, DiskPace::Delayed(Duration::from_millis(1500)))),
        ),
        ("lose-tail 3", Order::LoseTail(N3, 512)),
        ("restart 3", Order::Restart(N3)),
        ("restart down", Order::Restart(NodeId(4))),
        ("elect 3", Order::Campaign(N3)),
        ("elect 3 prevote", Order::TimeOut(N3)),
        ("add", Order::AddNode),
        ("add learner", Order::AddLearner),
        ("promote 3", Order::Promote(N3)),
        ("replace 3", Order::ReplaceNode(N3)),
        ("wipe 3", Order::Wipe(N3)),
        ("wipe-unsafe 3", Order::WipeUnsafe(N3)),
        ("workload off", Order::Workload(false)),
        ("client anywhere", Order::Disturb(Disturbance::ClientAt(ClientName::Own, [].into()))),
        ("client at 1,3", Order::Disturb(Disturbance::ClientAt(ClientName::Own, nodes(&[1, 3])))),
        ("align", Order::Disturb(Disturbance::Timers(Timers::Aligned))),
        ("prevote off", Order::Disturb(Disturbance::PreVote(None, false))),
        ("prevote on 3", Order::Disturb(Disturbance::PreVote(Some(N3), true))),
        ("check-quorum off n3", Order::Disturb(Disturbance::CheckQuorum(Some(N3), false))),
        ("heartbeat 3 20ms", Order::Disturb(Disturbance::Heartbeat(N3, Duration::from_millis(20)))),
        (
            "timeouts 3 300ms..1.5s",
            Order::Disturb(Disturbance::Timeouts(
                N3,
                Duration::from_millis(300),
                Duration::from_millis(1500),
            )),
        ),
        ("clock 3 50%", Order::Disturb(Disturbance::Clock(N3, factor(500_000)))),
        ("clock 3 1/2", Order::Disturb(Disturbance::Clock(N3, factor(500_000)))),
        ("clock 3 1.25", Order::Disturb(Disturbance::Clock(N3, factor(1_250_000)))),
        ("clock 3 1", Order::Disturb(Disturbance::Clock(N3, ClockFactor::TRUE))),
        ("clock 3 skew 1s", Order::SkewClock(N3, Duration::from_secs(1))),
        ("seed 7", Order::Seed(7)),
        ("freeze", Order::SetRate(ClockRate::FROZEN)),
        ("run", Order::SetRate(ClockRate::REAL)),
        ("step", Order::Step(Step::Message)),
        ("step role", Order::Step(Step::Role)),
        ("seek 2m", Order::Seek(Duration::from_mins(2))),
        ("seek 0s", Order::Seek(Duration::ZERO)),
        ("step 10ms", Order::Step(Step::For(Duration::from_millis(10)))),
    ] {
        assert_eq!(command(line), meant, "{line}");
    }
    assert_eq!(command("slower"), Order::SetRate(ClockRate::from_millionths(500_000).unwrap()));
    let ScriptLine::Do(all) = said("restart all") else { panic!("restart all") };
    assert_eq!(all.len(), 5);
    let hundredth = ClockRate::from_millionths(10_000).unwrap();
    let mut slowed = world();
    for rate in [hundredth, ClockRate::FROZEN] {
        tell(&mut slowed, News::Time(ClusterTime { rate, now: Duration::ZERO }));
    }
    assert_eq!(parse("run", &slowed), Ok(ScriptLine::Do(vec![Order::SetRate(hundredth)])));
    assert!(why("step forwards").contains("is not a step"));
    assert!(why("step tmier").contains("did you mean timer?"));
    assert!(why("rate 2").contains("is not a rate"));
    assert!(why("add voter").contains("write add, or add learner"), "{}", why("add voter"));
    assert!(why("promote").contains("needs a node"), "{}", why("promote"));
    assert!(why("elect 3 kindly").contains("unexpected"), "{}", why("elect 3 kindly"));
    for (line, said) in [
        ("prevote", "prevote needs on or off"),
        ("prevote of", "is neither on nor off: prevote off"),
        ("check-quorum off 9", "n9"),
        ("timeouts 3", "needs a range of times"),
        ("timeouts 3 300ms", "is not a range of times: write 300ms..600ms"),
        ("timeouts 3 600ms..300ms", "first"),
        ("timeouts 3 300ms..300ms", "equal timeouts split votes forever"),
        ("timeouts 3 0ms..300ms", "longer than zero"),
        ("heartbeat 3 0ms", "longer than zero"),
        ("heartbeat 3 fast", "is not a time"),
        ("clock 3 fast", "is not a clock rate"),
        ("clock 3 0", "from 1% to 1000%"),
        ("clock 3 1001%", "from 1% to 1000%"),
        ("clock 3 skew", "clock needs a time"),
        ("clock 3 skew 0s", "longer than zero"),
    ] {
        assert!(why(line).contains(said), "{line}: {}", why(line));
    }
    assert!(why("workload maybe").contains("neither on nor off"));
    assert!(why("heal all").contains("heal takes no argument"));
}

#[test]
fn conditions_and_their_patience_are_understood() {
    let wait = |line: &str| match said(line) {
        ScriptLine::Wait { until, within } => (until, within.as_secs()),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(wait("wait leader"), (Condition::Leader(None), 10));
    assert_eq!(wait("wait leader within 5s"), (Condition::Leader(None), 5));
    assert_eq!(wait("wait leader n3"), (Condition::Leader(Some(N3)), 10));
    assert_eq!(wait("wait leader none"), (Condition::NoLeader, 10));
    assert_eq!(wait("wait role 2 pre-candidate"), (Condition::Role(N2, Role::PreCandidate), 10));
    assert_eq!(wait("wait down 1,3"), (Condition::Down(nodes(&[1, 3])), 10));
    assert_eq!(wait("wait terms 1 1,1,2"), (Condition::Terms(N1, vec![1, 1, 2]), 10));
    let (held, _) = wait("wait held 2 >1 only VoteReply within 1s");
    assert!(matches!(held, Condition::Held { count, .. } if count == (2..=2)));
    assert_eq!(said("expect idle"), ScriptLine::Expect(Condition::Idle));
    assert_eq!(wait("wait voter 3 within 30s"), (Condition::Voter(N3), 30));
    assert_eq!(wait("wait learner 3"), (Condition::Learner(N3), 10));
    assert_eq!(wait("wait member 3"), (Condition::Member(N3), 10));
    assert_eq!(wait("wait wiped 3"), (Condition::Wiped(N3), 10));
    assert!(why("wait voter").contains("needs a node"), "{}", why("wait voter"));
    assert!(why("wait").contains("wait needs a condition"));
    assert!(why("wait laeder").contains("did you mean leader?"));
    assert!(why("wait role 2 boss").contains("is not a role"));
    assert!(why("wait terms 1 2,1").contains("cannot be the terms"));
    assert!(why("wait leader within 0s").contains("longer than zero"));
    assert!(why("expect leader within 5s").contains("unexpected"));
}

#[test]
fn what_is_not_known_comes_with_the_nearest_word() {
    assert_eq!(why("klil 2"), "\"klil\" is not known: did you mean kill?");
    assert_eq!(why("frobnicate"), "\"frobnicate\" is not known: help lists all words");
    assert_eq!(why("help isolte"), "\"isolte\" is not known: did you mean isolate?");
    assert_eq!(said(""), ScriptLine::Nothing);
    assert_eq!(said("# kill 1"), ScriptLine::Nothing);
    assert!(matches!(said("help hold"), ScriptLine::Help(Some(word)) if word.name == "hold"));
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let examples = WORDS.iter().flat_map(|word| word.examples.iter().copied());
    let more = [
        "cut 1>3+3>2",
        "cut 1>3 and hold 2 only VoteReply and lose * 1%",
        "refuse 1>3 and cut 2",
        "when 2> only RequestVote then refuse 2>3 and refuse 3>2",
        "hold 1,2|3,4,5 only PreVote,TimeoutNow term 5.. index ..9 next 2",
        "delay 2> 1500us..2s",
        "limit * 1500B/s",
        "lose 1 0.0001%",
        "isolate leader",
        "halves",
        "ring",
        "flaky leader",
    ];
    let mut disturbances = 0;
    for line in examples.chain(more) {
        let ScriptLine::Do(commands) = said(line) else { continue };
        for command in commands {
            let Order::Disturb(what) = command else { continue };
            let written = write::disturbance(&what);
            assert_eq!(disturbance(&written), what, "{line} -> {written}");
            assert!(!written.contains("leader"), "{written} may mean another node later");
            disturbances += 1;
        }
    }
    assert!(disturbances > 30);
    for what in [Disturbance::Paused(N1), Disturbance::Slowed(N1, 30), Disturbance::DiskFull(N2, 64_000)] {
        said(&write::disturbance(&what));
    }
}

#[test]
fn a_refusal_is_about_connections_and_takes_no_filter() {
    assert_eq!(only_rule("refuse 1>3").closes(), Some(LinkState::Refused));
    let why = why("refuse 1>3 only VoteReply");
    assert!(why.starts_with("refuse takes no filter, and \"only\" follows"), "{why}");
    assert!(why.ends_with("to lose only some, use cut"), "{why}");
}

#[test]
fn a_partition_names_every_node() {
    assert_eq!(
        why("halves 1|2"),
        "\"1|2\": n3 is on neither side, and would reach both: name all nodes, or use cut 1|2"
    );
    assert!(matches!(said("halves 1,2|3,4,5"), ScriptLine::Do(_)));
}

#[test]
fn each_word_has_a_meaning_of_its_own() {
    for (nth, word) in WORDS.iter().enumerate() {
        let same = WORDS[..nth].iter().find(|other| other.verb == word.verb);
        assert_eq!(same.map(|other| other.name), None, "{} means the same", word.name);
    }
}
