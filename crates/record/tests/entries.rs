//! Every entry that a node told of is in the recording, and its log can be read from there.

mod fixture;

use fixture::{FIRST_ASKED, N1, Run, eventful, fold, line, ms, read, record};
use raftdeck_model::{Command, CommandId, News, Order, Update};
use raftdeck_protocol::LogLine;
use raftdeck_raft::{LogIndex, NodeId, TraceEvent};
use raftdeck_record::{Entries, Player};
use raftdeck_sim::LiveOptions;

fn fetch(node: NodeId, first: u64) -> Order {
    Order::FetchLog { node, first: LogIndex(first), limit: 256 }
}

fn logged(updates: &[Update]) -> Vec<LogLine> {
    let [Update { what: News::Log { lines, .. }, .. }, Update { what: News::Done { .. }, .. }] = updates
    else {
        panic!("{updates:?}")
    };
    lines.clone()
}

#[test]
fn the_logs_at_the_end_of_a_recording_are_those_of_the_nodes() {
    let mut run = eventful();
    let mut player = Player::new(read(&record(&run.updates)));
    player.run_until(run.live.now());
    player.take();
    for node in run.world.ids() {
        let command = || Command { id: CommandId(1), what: fetch(node, 1) };
        run.live.send(command());
        player.send(command());
        let (live, replayed) = (logged(&run.live.take()), logged(&player.take()));
        assert!(live.len() > 3, "{live:?}");
        assert_eq!(replayed, live, "the log of {node}");
    }
}

#[test]
fn nothing_of_the_asking_is_recorded() {
    let updates = eventful().updates;
    let own = |id: CommandId| id.0 > FIRST_ASKED;
    let answered = updates
        .iter()
        .any(|update| matches!(update.what, News::Done { id } | News::Refused { id, .. } if own(id)));
    assert!(!answered);
    assert!(updates.iter().any(|update| matches!(&update.what, News::Log { .. })));
}

#[test]
fn asking_for_entries_stays_cheap() {
    let mut run = Run::new(LiveOptions::new(3, 9));
    run.go_on(ms(1000));
    run.send(Order::Workload(true));
    run.go_on(ms(4000));
    let asked = run.updates.iter().filter(|update| matches!(update.what, News::Log { .. })).count();
    assert!((3..=300).contains(&asked), "{asked} times in five seconds for three nodes");
    let longest = fold(&run.updates).last_index();
    assert!(longest > LogIndex(150), "{longest:?}");
}

fn update(what: News) -> Update {
    Update { at: ms(1), seq: 1, what }
}

fn status(purged: u64, runs: &[(u64, u64, u64)]) -> Update {
    update(fixture::status(purged, runs))
}

fn lines(term: u64, first: u64, last: u64) -> Update {
    update(News::Log { node: N1, lines: (first..=last).map(|index| line(term, index)).collect() })
}

/// Which index is asked for first, if any is.
fn asks(entries: &mut Entries, id: u64) -> Option<u64> {
    let command = entries.next(CommandId(id))?;
    assert_eq!(command.id, CommandId(id));
    let Order::FetchLog { node: N1, first, .. } = command.what else { panic!("{command:?}") };
    Some(first.0)
}

fn answer(entries: &mut Entries, id: u64) -> bool {
    entries.note(&update(News::Done { id: CommandId(id) }))
}

#[test]
fn one_part_after_the_other_is_asked_for_and_no_part_twice() {
    let mut entries = Entries::default();
    assert_eq!(asks(&mut entries, 1), None);
    assert!(!entries.note(&status(0, &[(1, 1, 300)])));
    assert_eq!(asks(&mut entries, 1), Some(1));
    assert_eq!(asks(&mut entries, 2), None, "one command a node");
    assert!(!entries.note(&lines(1, 1, 256)), "entries are recorded");
    assert!(!answer(&mut entries, 77), "somebody else's");
    assert!(answer(&mut entries, 1));
    assert_eq!(asks(&mut entries, 2), Some(257));
    entries.note(&lines(1, 257, 300));
    assert!(answer(&mut entries, 2));
    entries.note(&status(0, &[(1, 1, 300)]));
    assert_eq!(asks(&mut entries, 3), None, "all is known");
    entries.note(&status(0, &[(1, 1, 301)]));
    assert_eq!(asks(&mut entries, 3), Some(301));
}

#[test]
fn what_replaces_removed_entries_is_asked_for() {
    let mut entries = Entries::default();
    entries.note(&status(0, &[(1, 1, 9)]));
    entries.note(&lines(1, 1, 9));
    entries.note(&status(0, &[(1, 1, 6), (2, 7, 10)]));
    assert_eq!(asks(&mut entries, 1), Some(7), "another term stands there");
    entries.note(&lines(2, 7, 10));
    answer(&mut entries, 1);
    let trace = TraceEvent::Truncated { from: LogIndex(9), to: LogIndex(10) };
    entries.note(&update(News::Trace { node: N1, trace }));
    entries.note(&status(0, &[(1, 1, 6), (2, 7, 8), (3, 9, 9)]));
    assert_eq!(asks(&mut entries, 2), Some(9));
}

#[test]
fn what_is_refused_is_asked_for_when_the_node_tells_again() {
    let mut entries = Entries::default();
    entries.note(&status(0, &[(1, 1, 3)]));
    assert_eq!(asks(&mut entries, 1), Some(1));
    let refused = News::Refused { id: CommandId(1), reason: "n1 does not answer".to_owned() };
    assert!(entries.note(&update(refused)));
    assert_eq!(asks(&mut entries, 2), None);
    entries.note(&status(0, &[(1, 1, 3)]));
    assert_eq!(asks(&mut entries, 2), Some(1));
}

#[test]
fn what_is_only_in_a_snapshot_is_not_asked_for_and_gaps_are_filled() {
    let mut entries = Entries::default();
    entries.note(&status(5, &[(1, 6, 9)]));
    entries.note(&lines(1, 8, 9));
    assert_eq!(asks(&mut entries, 1), Some(6), "somebody else asked for 8 and 9");
    let members =
        News::Cluster { nodes: vec![NodeId(2)], heartbeat_ms: 1, election_ms: (1, 2), data_dir: None.into() };
    entries.note(&update(members));
    assert!(answer(&mut entries, 1), "the node is gone, its answer is not");
    assert_eq!(asks(&mut entries, 2), None);
}
