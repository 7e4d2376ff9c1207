//! A driven cluster starts, elects, serves, loses processes and gets them back, and says the same every time.

mod deck;

use deck::{Deck, get, millis, put, seconds};
use raftdeck_model::{Known, News, Order, ProcessState};
use raftdeck_protocol::{ClockRate, Write};
use raftdeck_raft::{NodeId, Timing, TraceEvent};
use raftdeck_sim::LiveOptions;

#[test]
fn the_cluster_is_told_first_and_every_process_with_its_start() {
    let deck = Deck::of(3, 1);
    let News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: Known::Is(None) } =
        &deck.told[0].what
    else {
        panic!("{:?}", deck.told[0])
    };
    assert_eq!(*nodes, [1, 2, 3].map(NodeId));
    assert!(matches!(deck.told[1].what, News::Time(time) if time.rate == ClockRate::REAL));
    let of_first: Vec<_> = deck
        .told
        .iter()
        .filter_map(|update| match &update.what {
            News::Process { node: NodeId(1), state: ProcessState::Starting { .. } } => Some("starting"),
            News::Process { node: NodeId(1), state: ProcessState::Running { .. } } => Some("running"),
            News::Ready { node: NodeId(1), .. } => Some("ready"),
            News::Trace { node: NodeId(1), trace: TraceEvent::Started { .. } } => Some("started"),
            _ => None,
        })
        .collect();
    assert_eq!(of_first, ["starting", "running", "ready", "started"]);
    assert!(deck.told.iter().map(|update| update.seq).eq(1..=deck.told.len() as u64));
    assert!(deck.told.is_sorted_by_key(|update| update.at));
}

#[test]
fn a_leader_comes_and_what_is_put_is_got() {
    let (mut deck, _) = Deck::led(3, 1);
    assert!(deck.live.now() < seconds(2), "{:?}", deck.live.now());
    assert_eq!(deck.obey(put("color", "blue")), Ok(()));
    assert_eq!(deck.obey(get("color")), Ok(()));
    let outcomes = deck.outcomes();
    assert!(outcomes[0].contains("Stored"), "{outcomes:?}");
    assert!(outcomes[1].contains("blue"), "{outcomes:?}");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn the_same_seed_and_commands_give_the_same_updates_and_another_seed_others() {
    let play = |seed| {
        let mut deck = Deck::of(5, seed);
        deck.wait("leader");
        deck.say("flaky 1").unwrap();
        deck.obey(put("a", "1")).unwrap();
        deck.say("kill leader").unwrap();
        deck.say("pause 2").unwrap();
        deck.run(seconds(3));
        deck.say("restart down").unwrap();
        deck.say("heal").unwrap();
        deck.run(seconds(2));
        deck.told
    };
    let told = play(7);
    assert_eq!(told, play(7));
    assert_ne!(told, play(8));
}

#[test]
fn how_far_time_is_let_pass_at_once_makes_no_difference() {
    let at_once = |steps: u32| {
        let mut deck = Deck::of(3, 4);
        for _ in 0..steps {
            deck.run(seconds(3) / steps);
        }
        deck.told
    };
    assert_eq!(at_once(1), at_once(300));
}

#[test]
fn a_killed_leader_is_replaced_and_comes_back_with_its_log() {
    let (mut deck, leader) = Deck::led(3, 2);
    deck.obey(put("a", "1")).unwrap();
    deck.obey(Order::Kill(leader)).unwrap();
    assert!(deck.holds(&format!("down {}", leader.0)));
    deck.wait("leader");
    let next = deck.leader();
    assert_ne!(next, leader);
    deck.obey(put("a", "2")).unwrap();
    deck.obey(Order::Restart(leader)).unwrap();
    assert!(deck.holds("up"));
    let log = deck.status(next).last_index().unwrap().0;
    deck.wait(&format!("log {} {log}..", leader.0));
    deck.obey(get("a")).unwrap();
    assert!(deck.outcomes().last().unwrap().contains('2'));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_paused_leader_leads_nobody_and_resumes_as_a_follower() {
    let (mut deck, leader) = Deck::led(3, 3);
    deck.say(&format!("pause {}", leader.0)).unwrap();
    assert!(!deck.holds("leader"));
    deck.wait("leader");
    deck.say(&format!("resume {}", leader.0)).unwrap();
    deck.wait(&format!("role {} follower", leader.0));
    assert!(deck.world.in_force().is_empty());
}

#[test]
fn what_cannot_be_done_is_refused_as_the_lab_refuses_it() {
    let (mut deck, _) = Deck::led(3, 5);
    deck.say("kill 1").unwrap();
    let why = |deck: &mut Deck, line: &str| deck.say(line).unwrap_err();
    assert_eq!(why(&mut deck, "kill 1"), "n1 is not running, so there is nothing to kill");
    assert_eq!(why(&mut deck, "pause 1"), "n1 is not running, so there is nothing to pause");
    assert_eq!(why(&mut deck, "resume 1"), "n1 is not running, so there is nothing to resume");
    assert_eq!(why(&mut deck, "stop 1"), "n1 is not running, so there is nothing to stop");
    assert_eq!(why(&mut deck, "elect 1"), "n1 is not running and cannot campaign");
    assert_eq!(why(&mut deck, "propose 1 a b"), "n1 is not running and accepts no writes");
    assert_eq!(
        why(&mut deck, "lose-tail 2 9B"),
        "n2 is running: stop or kill it, then its log can lose its tail"
    );
    assert_eq!(why(&mut deck, "undo #99"), "nothing named #99 is in force");
    assert_eq!(why(&mut deck, "undo"), "nothing is in force, so there is nothing to undo");
    assert_eq!(deck.obey(Order::Kill(NodeId(9))).unwrap_err(), "there is no n9 in this cluster");
    assert!(deck.world.in_force().is_empty(), "a refused pause is not in force");
}

#[test]
fn a_minute_of_a_slow_cluster_is_told_in_few_statuses() {
    let mut deck = Deck::new(LiveOptions { timing: Timing::DEMO, ..LiveOptions::new(5, 1) });
    deck.run(seconds(60));
    let statuses = deck.told.iter().filter(|update| matches!(update.what, News::Status { .. })).count();
    assert!((100..=5 * 60 * 30).contains(&statuses), "{statuses}");
}

#[test]
fn the_log_of_a_node_is_told_line_by_line() {
    let (mut deck, leader) = Deck::led(3, 1);
    deck.obey(put("color", "blue")).unwrap();
    deck.obey(Order::FetchLog { node: leader, first: raftdeck_raft::LogIndex(1), limit: 100 }).unwrap();
    let lines = deck.told.iter().find_map(|update| match &update.what {
        News::Log { lines, .. } => Some(lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(lines.unwrap(), ["members n1 n2 n3", "open a session", "put color blue"]);
}

#[test]
fn what_a_killed_process_has_given_to_its_disk_is_there_when_it_comes_back() {
    let mut deck = Deck::new(LiveOptions { sync_delay: Some(millis(10)), ..LiveOptions::new(1, 1) });
    deck.wait("leader");
    deck.wait("commit 1 1");
    for value in ["1", "2"] {
        deck.send(Order::Propose(NodeId(1), Write::Put { key: "a".into(), value: value.into() }));
        deck.run(millis(1));
    }
    deck.obey(Order::Kill(NodeId(1))).unwrap();
    let outcomes = deck.outcomes();
    assert!(outcomes.iter().all(|outcome| outcome.contains("may have happened")), "{outcomes:?}");
    deck.obey(Order::Restart(NodeId(1))).unwrap();
    deck.wait("log 1 4");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn processes_work_in_real_time_however_slowly_their_clocks_run() {
    let took = |millionths| {
        let (mut deck, _) = Deck::led(1, 1);
        deck.wait("commit 1 1");
        deck.obey(Order::SetRate(ClockRate::from_millionths(millionths).unwrap())).unwrap();
        let before = deck.live.now();
        deck.obey(put("a", "1")).unwrap();
        deck.live.now().saturating_sub(before)
    };
    let (real, slow) = (took(1_000_000), took(10_000));
    assert!(real > millis(1), "two syncs, one for the session: {real:?}");
    assert!(slow < real / 50, "{slow:?} in place of {real:?}");
}
