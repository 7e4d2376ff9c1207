//! What commands are answered, and what is refused.

use super::*;
use raftdeck_model::{ClientName, RequestFate};

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
    assert_eq!(deck.answer(step), Err("the step was interrupted: another command changed time".to_owned()));
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
    let mut dropped = 0;
    while !open.is_empty() {
        deck.wait("an answer", |update| match update {
            News::Done { id } => {
                assert!(open.remove(id), "{id:?} is answered once");
                Some(())
            }
            News::Refused { id, reason } => {
                assert!(open.remove(id), "{id:?} is answered once");
                dropped += u32::from(reason.contains("was dropped"));
                Some(())
            }
            _ => None,
        });
    }
    assert_eq!(dropped, 976);
}
