//! A recording as a source: what it tells, at whose pace, and what it refuses.

mod fixture;

use fixture::{N1, eventful, fold, line, ms, read, record, status};
use raftdeck_model::{
    Ability, ClientOp, ClientOutcome, ClusterTime, Command, CommandId, MessageState, News, Order,
    RequestFate, Step, Update, World,
};
use raftdeck_protocol::{ClockRate, Read};
use raftdeck_raft::{LogIndex, NodeId, Role, Term, TraceEvent};
use raftdeck_record::{Player, RECORDED_COMMAND};
use std::time::Duration;

const ID: CommandId = CommandId(3);

fn play(updates: &[Update]) -> Player {
    Player::new(read(&record(updates)))
}

/// Numbers what is told, each at its time in milliseconds.
fn told(news: Vec<(u64, News)>) -> Vec<Update> {
    let numbered = (1..).zip(news);
    numbered.map(|(seq, (at, what))| Update { at: ms(at), seq, what }).collect()
}

fn cluster() -> News {
    News::Cluster { nodes: vec![N1], heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() }
}

fn trouble(reason: &str) -> News {
    News::Trouble { reason: reason.to_owned() }
}

fn trace(trace: TraceEvent) -> News {
    News::Trace { node: N1, trace }
}

fn committed(through: u64) -> News {
    trace(TraceEvent::Committed { through: LogIndex(through) })
}

fn role() -> News {
    trace(TraceEvent::RoleChanged { from: Role::Follower, to: Role::Leader, term: Term(1) })
}

fn timer() -> News {
    trace(TraceEvent::TimedOut { waited: ms(150) })
}

fn time(rate: ClockRate, now: u64) -> News {
    News::Time(ClusterTime { rate, now: ms(now) })
}

fn take(player: &mut Player) -> Vec<News> {
    player.take().into_iter().map(|update| update.what).collect()
}

/// What is told of a command; the last of it is the answer.
fn send(player: &mut Player, what: Order) -> Vec<News> {
    player.send(Command { id: ID, what });
    take(player)
}

fn done() -> News {
    News::Done { id: ID }
}

fn refusal(player: &mut Player, what: Order) -> String {
    let news = send(player, what);
    let [News::Refused { id: ID, reason }] = &news[..] else { panic!("it is refused: {news:?}") };
    reason.clone()
}

#[test]
fn a_whole_recording_tells_the_same_world_but_for_how_time_passes() {
    let run = eventful();
    let mut player = play(&run.updates);
    let (mut world, mut seq) = (World::default(), 0);
    while let Some(next) = player.next() {
        player.run_until(next);
        for update in player.take() {
            seq += 1;
            assert_eq!(update.seq, seq, "they are numbered anew");
            world.fold(&update);
        }
    }
    assert_eq!(player.now(), run.updates.last().unwrap().at);
    let frozen = Update { at: player.now(), seq: 1, what: time(ClockRate::FROZEN, 0) };
    let mut expected = run.world.clone();
    for world in [&mut world, &mut expected] {
        world.fold(&frozen);
    }
    assert_eq!(world, expected);
    assert_eq!(world.leader().unwrap().id, run.leader());
}

#[test]
fn the_first_moment_is_told_at_once_and_the_end_once() {
    let news = vec![(5, cluster()), (5, role()), (9, committed(1))];
    let mut player = play(&told(news));
    assert_eq!(take(&mut player), [cluster(), time(ClockRate::REAL, 5), role()]);
    assert_eq!((player.now(), player.next()), (ms(5), Some(ms(9))));
    player.run_until(ms(8));
    assert_eq!((take(&mut player), player.now()), (vec![], ms(8)));
    player.run_until(ms(20));
    let over = "the recording ends here";
    assert_eq!(take(&mut player), [committed(1), time(ClockRate::FROZEN, 9), trouble(over)]);
    assert_eq!((player.now(), player.next()), (ms(9), None));
    player.run_until(ms(99));
    assert_eq!(take(&mut player), []);
    assert_eq!(refusal(&mut player, Order::SetRate(ClockRate::REAL)), over);
    assert_eq!(refusal(&mut player, Order::Step(Step::Message)), over);
    let still = send(&mut player, Order::SetRate(ClockRate::FROZEN));
    assert_eq!(still, [time(ClockRate::FROZEN, 9), done()]);
}

#[test]
fn a_recording_that_was_cut_says_so_at_its_end() {
    let updates = told(vec![(0, cluster()), (1, role())]);
    let file = record(&updates);
    let mut player = Player::new(read(&file[..file.len() - 1]));
    player.run_until(ms(9));
    let news = take(&mut player);
    let Some(News::Trouble { reason }) = news.last() else { panic!("{news:?}") };
    assert!(reason.contains("was cut off before it was finished: it ends at 1ms"), "{reason}");
}

#[test]
fn an_empty_recording_is_over_at_once() {
    let mut player = play(&[]);
    let rates = [time(ClockRate::REAL, 0), time(ClockRate::FROZEN, 0)];
    let [real, frozen] = rates;
    assert_eq!(take(&mut player), [real, frozen, trouble("the recording ends here")]);
}

#[test]
fn a_recording_that_is_paused_stands_still() {
    let mut player = play(&told(vec![(0, cluster()), (4, role())]));
    let half = ClockRate::from_millionths(500_000).unwrap();
    take(&mut player);
    assert_eq!(send(&mut player, Order::SetRate(half)), [time(half, 0), done()]);
    player.run_until(ms(2));
    let pause = send(&mut player, Order::SetRate(ClockRate::FROZEN));
    assert_eq!(pause, [time(ClockRate::FROZEN, 2), done()]);
    player.run_until(ms(9));
    assert_eq!((take(&mut player), player.now(), player.next()), (vec![], ms(2), None));
    send(&mut player, Order::SetRate(ClockRate::REAL));
    assert_eq!(player.next(), Some(ms(4)));
}

#[test]
fn what_answered_those_who_watched_then_answers_nobody_now() {
    let op = ClientOp::Read(Read::Get { key: "color".into() });
    let outcome =
        ClientOutcome::Failed { reason: "no node leads".to_owned(), fate: RequestFate::NothingChanged };
    let client = |id| News::Client { id, request: op.clone().into(), outcome: outcome.clone(), took: ms(1) };
    let mut player = play(&told(vec![
        (0, cluster()),
        (1, News::Done { id: ID }),
        (1, News::Refused { id: ID, reason: "n1 runs already".to_owned() }),
        (1, time(ClockRate::FROZEN, 1)),
        (1, News::Log { node: N1, lines: vec![] }),
        (1, client(ID)),
        (2, role()),
    ]));
    take(&mut player);
    player.run_until(ms(1));
    assert_eq!(take(&mut player), [trouble("n1 runs already"), client(RECORDED_COMMAND)]);
}

#[test]
fn a_step_goes_on_to_what_it_names_and_stands_still() {
    let idle = || News::Frames { frames: vec![] };
    let moved = |state| News::Messages { messages: vec![fixture::message(state)], skipped: 0 };
    let steps = vec![
        (0, cluster()),
        (1, idle()),
        (2, moved(MessageState::Held)),
        (3, moved(MessageState::Delivered { at: ms(3) })),
        (3, trouble("x")),
        (5, committed(1)),
        (6, timer()),
        (7, role()),
        (8, committed(2)),
        (9, idle()),
    ];
    let updates = told(steps);
    let mut player = play(&updates);
    take(&mut player);
    let mut told = 1;
    for (step, at, through) in
        [(Step::Message, 3, 4), (Step::Message, 3, 5), (Step::Role, 7, 8), (Step::Commit, 8, 9)]
    {
        let news = send(&mut player, Order::Step(step));
        let mut expected: Vec<News> =
            updates[told..through].iter().map(|update| update.what.clone()).collect();
        expected.extend([time(ClockRate::FROZEN, at), done()]);
        assert_eq!(news, expected, "{step:?}");
        assert_eq!((player.now(), player.next()), (ms(at), None));
        told = through;
    }
    for step in [Step::Timer, Step::Message] {
        let reason = refusal(&mut player, Order::Step(step));
        assert_eq!(reason, "there is no such event in the rest of the recording");
    }
    let mut again = play(&updates);
    take(&mut again);
    send(&mut again, Order::Step(Step::Timer));
    assert_eq!(again.now(), ms(6));
    send(&mut again, Order::Step(Step::For(Duration::from_micros(1_500))));
    assert_eq!(again.now(), Duration::from_micros(7_500));
    assert_eq!(again.next(), None);
}

#[test]
fn one_goes_forward_at_once_and_not_back() {
    let mut player = play(&told(vec![(0, cluster()), (1, role()), (2, committed(1)), (9, committed(2))]));
    take(&mut player);
    let seek = |at| Order::Seek(ms(at));
    let news = send(&mut player, seek(3));
    assert_eq!(news, [role(), committed(1), time(ClockRate::REAL, 3), done()]);
    assert_eq!(player.next(), Some(ms(9)), "it goes on as fast as before");
    let reason = refusal(&mut player, seek(2));
    assert_eq!(reason, "a recording cannot be rewound from 3ms to 2ms: play it again from its beginning");
    let news = send(&mut player, seek(100));
    assert_eq!(news.first(), Some(&committed(2)));
    assert_eq!(news.last(), Some(&done()));
    assert!(news.contains(&trouble("the recording ends here")));
    assert_eq!(player.now(), ms(9));
}

#[test]
fn to_seek_ends_in_the_world_that_playing_ends_in() {
    let updates = eventful().updates;
    let at = ms(4321);
    let (mut sought, mut played) = (play(&updates), play(&updates));
    sought.send(Command { id: ID, what: Order::Seek(at) });
    while played.next().is_some_and(|next| next <= at) {
        let next = played.next().unwrap();
        played.run_until(next);
    }
    let (sought, mut played) = (fold(&sought.take()), played.take());
    assert_eq!(sought.time().now, at);
    played.push(Update { at, seq: 0, what: News::Time(sought.time()) });
    assert_eq!(sought, fold(&played));
    assert!(sought.leader().is_some());
}

#[test]
fn nothing_else_can_be_done_and_it_is_said_before() {
    let mut player = play(&told(vec![(0, cluster()), (9, role())]));
    take(&mut player);
    let recorded = "this is a recording: it cannot be changed";
    for order in [Order::Kill(N1), Order::Cut(vec![]), Order::AddNode, Order::Workload(true), Order::Seed(1)]
    {
        assert_eq!(player.capabilities().allow(&order).unwrap_err().to_string(), recorded);
        assert_eq!(refusal(&mut player, order), recorded);
    }
    for order in [Order::Heal, Order::Undo(None)] {
        assert_eq!(refusal(&mut player, order), recorded);
    }
    for ability in [Ability::Time, Ability::Logs] {
        assert_eq!(player.capabilities().has(ability), Ok(()));
    }
    assert_eq!(send(&mut player, Order::Refresh), [done()]);
}

fn log(player: &mut Player, first: u64, limit: u32) -> Vec<String> {
    let news = send(player, Order::FetchLog { node: N1, first: LogIndex(first), limit });
    let [News::Log { node: N1, lines }, News::Done { id: ID }] = &news[..] else { panic!("{news:?}") };
    lines.iter().map(|line| line.text.clone()).collect()
}

#[test]
fn logs_are_shown_as_they_were_at_the_time() {
    let lines = |lines: &[(u64, u64)]| News::Log {
        node: N1,
        lines: lines.iter().map(|&(term, index)| line(term, index)).collect(),
    };
    let truncated = TraceEvent::Truncated { from: LogIndex(3), to: LogIndex(4) };
    let mut player = play(&told(vec![
        (0, cluster()),
        (1, lines(&[(1, 1), (1, 2), (1, 3), (1, 4)])),
        (2, trace(truncated)),
        (3, lines(&[(2, 2), (2, 3)])),
        (4, status(1, &[(1, 1, 1), (3, 2, 2)])),
        (5, lines(&[(3, 2), (3, 3), (3, 4)])),
        (9, role()),
    ]));
    let expected: [&[&str]; 6] = [
        &[],
        &["1/1", "1/2", "1/3", "1/4"],
        &["1/1", "1/2"],
        &["1/1", "2/2", "2/3"],
        &[],
        &["3/2", "3/3", "3/4"],
    ];
    take(&mut player);
    for (at, expected) in (0..).zip(expected) {
        player.run_until(ms(at));
        take(&mut player);
        assert_eq!(log(&mut player, 0, 512), expected, "at {at} ms");
    }
    assert_eq!(log(&mut player, 3, 1), ["3/3"]);
    let stranger = Order::FetchLog { node: NodeId(9), first: LogIndex(1), limit: 1 };
    assert_eq!(refusal(&mut player, stranger), "there is no n9 in this cluster");
}
