//! No sequence of messages, and no size of the screen, makes the deck panic, spin, or act outside its cluster.

mod fixture;

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use fixture::{Scene, addresses, drills, follower, leader, ms, n, node_status, runs};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use raftdeck_deck::app::audience::AudienceNews;
use raftdeck_deck::app::lessons::{LessonCover, LessonStage, LessonStart};
use raftdeck_deck::app::subject::Subject;
use raftdeck_deck::app::{ColourChoice, Effect, Msg, Settings, View, update};
use raftdeck_deck::explain::{explain, quiet};
use raftdeck_deck::view::{Pane, Target};
use raftdeck_drills::{LessonProgress, lessons};
use raftdeck_model::{
    Capabilities, ChangeStep, ClientLinkFault, ClientName, ClientOutcome, ClusterTime, Command, CommandId,
    Disturbance, EndedGap, Fault, FaultId, FrameFate, FrameKind, FrameReport, Known, Latency, LinkState,
    LogLevel, MessageId, MessageReport, MessageState, News, NodeView, Order, ProcessState, RaftView,
    RequestFate, Timers, Update, WorkloadFigures, World,
};
use raftdeck_protocol::{
    Answer, ClockFactor, ClockRate, Failure, LogLine, NodeStatus, Notice, NoticeKind, RefusalReason,
    RefusedPeer, ResponseBody,
};
use raftdeck_raft::{
    Incarnation, LogId, LogIndex, Membership, PeerStatus, ReplicationState, Role, Status, StepDownReason,
    Term, TraceEvent,
};
use ratatui::layout::Rect;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[expect(clippy::large_enum_variant, reason = "a message is as large as it is")]
#[derive(Clone, Debug)]
enum Step {
    Tell(Msg),
    Later(u64),
    Paint(u16, u16),
}

fn id() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1..6u64, 1 => 0..20u64, 1 => Just(u64::MAX)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..60u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z ]{1,90}", "\\PC{0,40}", Just("日本\u{1b}[2J\n\t".to_owned())]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Follower), Just(Role::PreCandidate), Just(Role::Candidate), Just(Role::Leader)]
}

/// A status of any membership, with any snapshot, on the way to any handing over.
fn status() -> impl Strategy<Value = Status> {
    let snapshot = option::of((number(), number()));
    let state = prop::sample::select(vec![
        ReplicationState::Probe,
        ReplicationState::Replicate,
        ReplicationState::Snapshot,
    ]);
    (plain_status(), membership(), (number(), number()), option::of(id()), state, snapshot).prop_map(
        |(status, membership, (purged, last), transfer, state, pieces)| {
            let peers = status.peers.iter().cloned();
            let peers = peers.map(|peer| PeerStatus { state, snapshot: pieces, ..peer }).collect();
            Status {
                membership,
                purged: LogIndex(purged),
                snapshot: LogId { term: Term(1), index: LogIndex(last) },
                transfer: transfer.map(n),
                peers,
                ..status
            }
        },
    )
}

fn notice() -> impl Strategy<Value = Notice> {
    let kind = prop_oneof![
        Just(NoticeKind::Founding),
        Just(NoticeKind::Removed),
        any::<[u8; 16]>().prop_map(|disk| NoticeKind::EmptyDisk {
            disk: Incarnation(disk),
            address: "127.0.0.1:7003".to_owned(),
        }),
    ];
    (id(), kind, ".{0,300}").prop_map(|(about, kind, text)| Notice { about: n(about), kind, text })
}

fn refusal() -> impl Strategy<Value = RefusalReason> {
    prop_oneof![
        Just(RefusalReason::Token),
        id().prop_map(|id| RefusalReason::Secret { id: n(id) }),
        (".{0,40}", ".{0,40}").prop_map(|(ours, theirs)| RefusalReason::Cluster { ours, theirs }),
    ]
}

/// A status, and what its node reports besides.
fn account() -> impl Strategy<Value = NodeStatus> {
    let refused = (id(), refusal(), number()).prop_map(|(id, reason, since_unix_ms)| RefusedPeer {
        id: n(id),
        reason,
        since_unix_ms,
    });
    (status(), vec(notice(), 0..3), vec(refused, 0..3), number()).prop_map(
        |(status, notices, refused, uptime_micros)| NodeStatus {
            notices,
            refused,
            uptime_micros,
            ..node_status(status)
        },
    )
}

/// As a source tells of a node that does not know all of it.
fn in_part(status: NodeStatus) -> NodeView {
    let of = status.raft.term.0;
    let whole: NodeView = status.into();
    let raft = RaftView::new(whole.raft.id, whole.raft.term, whole.raft.role);
    let raft = match of % 3 {
        0 => raft,
        1 => RaftView { peers: whole.raft.peers, committed: whole.raft.committed, ..raft },
        _ => RaftView { last: Known::Unknown, durable: Known::Unknown, ..whole.raft },
    };
    NodeView::new(raft)
}

fn plain_status() -> impl Strategy<Value = Status> {
    let log = vec((number(), 1..40u64), 1..4);
    let numbers = (number(), number(), number(), number());
    let times = (option::of(number()), number(), number());
    (id(), role(), log, numbers, times, any::<bool>(), option::of(id())).prop_map(
        |(id, role, log, (term, last, committed, durable), (age, timeout, left), has_quorum, leads)| {
            let mut end = 0;
            let ends: Vec<(u64, u64)> = log
                .into_iter()
                .map(|(term, length)| {
                    end += length;
                    (term, end)
                })
                .collect();
            let base = if role == Role::Leader {
                leader(id, 5, &ends, committed)
            } else {
                follower(id, 5, 1, &ends, committed)
            };
            Status {
                role,
                term: Term(term),
                leader: leads.map(n),
                last: LogId { term: Term(term), index: LogIndex(last) },
                durable: LogIndex(durable),
                disk_wait: None,
                disk_stalled: false,
                committed: LogIndex(committed),
                heartbeat_age: age.map(Duration::from_micros),
                election_timeout: Duration::from_micros(timeout),
                election_remaining: Duration::from_micros(left),
                has_quorum,
                votes: vec![(n(id), true), (n(2), has_quorum)],
                term_runs: runs(&ends),
                ..base
            }
        },
    )
}

fn membership() -> impl Strategy<Value = Membership> {
    let some = || btree_set(id().prop_map(n), 0..6);
    (some(), some(), some(), any::<bool>()).prop_map(|(voters, outgoing, learners, joint)| Membership {
        learners: learners.difference(&voters).copied().collect(),
        outgoing: if joint { outgoing } else { BTreeSet::new() },
        ..Membership::of(voters)
    })
}

fn process() -> impl Strategy<Value = ProcessState> {
    prop_oneof![
        any::<Option<u32>>().prop_map(|pid| ProcessState::Starting { pid }),
        any::<Option<u32>>().prop_map(|pid| ProcessState::Running { pid }),
        any::<Option<u32>>().prop_map(|pid| ProcessState::Paused { pid }),
        Just(ProcessState::Killed),
        Just(ProcessState::Stopped),
        (text(), vec(text(), 0..9)).prop_map(|(how, last_words)| ProcessState::Failed { how, last_words }),
    ]
}

fn trace() -> impl Strategy<Value = TraceEvent> {
    prop_oneof![
        number().prop_map(|waited| TraceEvent::TimedOut { waited: Duration::from_micros(waited) }),
        (number(), any::<bool>())
            .prop_map(|(term, pre_vote)| TraceEvent::ElectionStarted { term: Term(term), pre_vote }),
        (id(), number(), any::<bool>()).prop_map(|(c, term, pre_vote)| TraceEvent::VoteGranted {
            candidate: n(c),
            term: Term(term),
            pre_vote
        }),
        (number(), membership()).prop_map(|(index, membership)| TraceEvent::MembershipChanged {
            index: LogIndex(index),
            membership
        }),
        number().prop_map(|index| TraceEvent::MembershipCommitted { index: LogIndex(index) }),
        id().prop_map(|to| TraceEvent::TransferStarted { to: n(to) }),
        (number(), any::<bool>()).prop_map(|(index, kept_log)| TraceEvent::SnapshotInstalled {
            last: LogId { term: Term(index), index: LogIndex(index) },
            kept_log
        }),
        (number(), number()).prop_map(|(index, size)| TraceEvent::SnapshotTaken {
            last: LogId { term: Term(index), index: LogIndex(index) },
            size
        }),
        (role(), role(), number()).prop_map(|(from, to, term)| TraceEvent::RoleChanged {
            from,
            to,
            term: Term(term)
        }),
        number().prop_map(|term| TraceEvent::SteppedDown {
            reason: StepDownReason::QuorumLost,
            term: Term(term)
        }),
        (option::of(id()), number())
            .prop_map(|(leader, term)| TraceEvent::LeaderChanged { leader: leader.map(n), term: Term(term) }),
        (number(), number())
            .prop_map(|(from, to)| TraceEvent::Truncated { from: LogIndex(from), to: LogIndex(to) }),
    ]
}

fn frame() -> impl Strategy<Value = FrameReport> {
    let kind = prop::sample::select(vec![
        FrameKind::PreVote,
        FrameKind::PreVoteReply,
        FrameKind::RequestVote,
        FrameKind::VoteReply,
        FrameKind::Heartbeat,
        FrameKind::AppendEntries,
        FrameKind::AppendReply,
        FrameKind::TimeoutNow,
        FrameKind::InstallSnapshot,
        FrameKind::SnapshotReply,
        FrameKind::DiskStalled,
    ]);
    let fate = prop_oneof![Just(FrameFate::Delivered), Just(FrameFate::Lost)];
    (id(), id(), kind, fate, option::of(any::<bool>()), number()).prop_map(
        |(from, to, kind, fate, granted, count)| FrameReport {
            from: n(from),
            to: n(to),
            kind,
            term: Term(count),
            index: Some(LogIndex(count)),
            granted,
            fate,
            count,
            entries: count,
            bytes: if count % 5 == 0 { Known::Unknown } else { Known::Is(count) },
        },
    )
}

fn change_step() -> impl Strategy<Value = ChangeStep> {
    use ChangeStep::{
        GivenUp, HandedOver, HandingOver, Joined, Joining, Learning, Leaving, Left, Promoting, Replacing,
        Starting,
    };
    prop::sample::select(vec![
        Starting,
        Joining,
        Promoting,
        Joined,
        Learning,
        Replacing,
        Leaving,
        Left,
        HandingOver,
        HandedOver,
        GivenUp,
    ])
}

fn workload() -> impl Strategy<Value = WorkloadFigures> {
    (any::<bool>(), number(), number(), number(), number()).prop_map(
        |(running, per_second, acknowledged, failed, gap)| WorkloadFigures {
            running,
            per_second,
            acknowledged,
            failed,
            unknown: failed,
            gap_ms: gap,
            longest_gap_ms: gap,
            latency: (gap % 3 > 0).then_some(Latency { p50_micros: gap, p99_micros: acknowledged }),
            ended_gap: (gap % 2 > 0).then_some(EndedGap { length_micros: gap, ago_micros: failed }),
        },
    )
}

fn report() -> impl Strategy<Value = MessageReport> {
    let state = prop_oneof![
        number().prop_map(|due| MessageState::UnderWay { due: Duration::from_micros(due) }),
        Just(MessageState::Held),
        number().prop_map(|at| MessageState::Delivered { at: Duration::from_micros(at) }),
        number().prop_map(|at| MessageState::Lost { at: Duration::from_micros(at) }),
    ];
    (frame(), number(), number(), text(), state).prop_map(|(frame, id, sent, fields, state)| MessageReport {
        id: MessageId(id),
        from: frame.from,
        to: frame.to,
        kind: frame.kind,
        term: frame.term,
        index: frame.index,
        granted: frame.granted,
        entries: frame.entries,
        fields,
        sent: Duration::from_micros(sent),
        state,
    })
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        text().prop_map(|words| Disturbance::Rules { words, rules: Vec::new() }),
        id().prop_map(|node| Disturbance::Paused(n(node))),
        Just(fixture::rule("hold 1>2 only RequestVote")),
        Just(Disturbance::Timers(Timers::Aligned)),
        (prop::option::of(id()), any::<bool>()).prop_map(|(of, on)| Disturbance::PreVote(of.map(n), on)),
        (prop::option::of(id()), any::<bool>()).prop_map(|(of, on)| Disturbance::CheckQuorum(of.map(n), on)),
        (id(), number()).prop_map(|(of, most)| Disturbance::Timeouts(n(of), ms(1), ms(most))),
        (id(), 10_000_u32..10_000_000).prop_map(|(of, rate)| {
            Disturbance::Clock(n(of), ClockFactor::from_millionths(rate).unwrap_or_default())
        }),
        (id(), number()).prop_map(|(of, time)| Disturbance::Heartbeat(n(of), ms(time))),
        client().prop_map(|client| Disturbance::ClientAt(client, [n(1)].into())),
        client().prop_map(|client| {
            Disturbance::ClientLinks(client, [n(1), n(2)].into(), ClientLinkFault::LoseAnswers)
        }),
    ]
}

fn client() -> impl Strategy<Value = ClientName> {
    prop_oneof![Just(ClientName::Own), text().prop_map(ClientName::Named)]
}

/// A part of a store, with values of every kind.
fn page() -> impl Strategy<Value = Answer> {
    let key = prop_oneof![text().prop_map(String::into_bytes), vec(any::<u8>(), 0..9)];
    let json = Just(br#"{"a":[1,{"b":null}]}"#.to_vec());
    let value = prop_oneof![text().prop_map(String::into_bytes), vec(any::<u8>(), 0..90), json];
    let pairs = vec((key, value), 0..90);
    (pairs, any::<bool>()).prop_map(|(pairs, more)| {
        let pairs: BTreeMap<Vec<u8>, Vec<u8>> = pairs.into_iter().collect();
        Answer::Page { pairs: pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect(), more }
    })
}

/// The number of a command: of any, of the first ones, or of the Data view's first reads.
fn command() -> impl Strategy<Value = CommandId> {
    prop_oneof![2 => number(), 3 => (1..40u64).prop_map(|n| (1 << 40) + n)].prop_map(CommandId)
}

fn told() -> impl Strategy<Value = News> {
    let level = prop::sample::select(vec![LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug]);
    let outcome = prop_oneof![
        (text(), any::<bool>()).prop_map(|(reason, doubt)| ClientOutcome::Failed {
            reason,
            fate: if doubt { RequestFate::InDoubt } else { RequestFate::NothingChanged },
        }),
        (id(), number()).prop_map(|(node, at)| ClientOutcome::Answered {
            node: n(node),
            body: ResponseBody::Done {
                answer: Answer::Stored,
                at: LogId { term: Term(at), index: LogIndex(at) }
            },
        }),
        id().prop_map(|node| ClientOutcome::Answered {
            node: n(node),
            body: ResponseBody::Failed(Failure::Unknown)
        }),
        (id(), page(), number()).prop_map(|(node, answer, at)| ClientOutcome::Answered {
            node: n(node),
            body: ResponseBody::Done { answer, at: LogId { term: Term(1), index: LogIndex(at) } },
        }),
    ];
    let line = (number(), number(), text()).prop_map(|(term, index, text)| LogLine {
        id: LogId { term: Term(term), index: LogIndex(index) },
        text,
    });
    prop_oneof![
        2 => (vec(id(), 0..16), number(), number()).prop_map(|(nodes, beat, most)| News::Cluster {
            nodes: nodes.into_iter().map(n).collect(),
            heartbeat_ms: beat,
            election_ms: (beat, most),
            data_dir: None.into(),
        }),
        4 => (id(), process()).prop_map(|(node, state)| News::Process { node: n(node), state }),
        1 => id().prop_map(|node| News::Ready { node: n(node), addresses: addresses(node % 9) }),
        6 => account().prop_map(|status| News::Status { node: status.raft.id, status: Box::new(status.into()) }),
        2 => account().prop_map(|status| News::Status { node: status.raft.id, status: Box::new(in_part(status)) }),
        1 => (id(), notice()).prop_map(|(node, notice)| News::Notice { node: n(node), notice }),
        1 => (id(), notice()).prop_map(|(node, notice)| News::NoticeOver { node: n(node), notice }),
        1 => (id(), id(), refusal()).prop_map(|(node, peer, reason)| News::PeerRefused {
            node: n(node),
            peer: n(peer),
            reason,
        }),
        1 => (id(), id()).prop_map(|(node, peer)| News::PeerAdmitted { node: n(node), peer: n(peer) }),
        4 => (id(), trace()).prop_map(|(node, trace)| News::Trace { node: n(node), trace }),
        1 => (id(), number()).prop_map(|(node, count)| News::Missed { node: n(node), count }),
        4 => (id(), id(), any::<bool>()).prop_map(|(from, to, cut)| News::Link {
            from: n(from),
            to: n(to),
            state: if cut { LinkState::Cut } else { LinkState::Open },
        }),
        4 => vec(frame(), 0..6).prop_map(|frames| News::Frames { frames }),
        3 => (command(), outcome).prop_map(|(id, outcome)| News::Client {
            id,
            request: fixture::put("color", "blue").into(),
            outcome,
            took: ms(3),
        }),
        1 => (id(), vec(line, 0..6)).prop_map(|(node, lines)| News::Log { node: n(node), lines }),
        1 => (id(), level, text()).prop_map(|(node, level, line)| News::Output { node: n(node), level, line }),
        1 => (command(), text()).prop_map(|(id, reason)| News::Refused { id, reason }),
        1 => command().prop_map(|id| News::Done { id }),
        1 => text().prop_map(|reason| News::Trouble { reason }),
        2 => (id(), change_step()).prop_map(|(node, step)| News::Change { node: n(node), step }),
        1 => workload().prop_map(News::Workload),
        6 => (vec(report(), 0..12), number()).prop_map(|(messages, skipped)| News::Messages { messages, skipped }),
        3 => (0..=1_000_000u32, number()).prop_map(|(rate, now)| News::Time(ClusterTime {
            rate: if rate % 3 == 0 { ClockRate::FROZEN } else { ClockRate::from_millionths(rate).unwrap_or_default() },
            now: Duration::from_micros(now),
        })),
        3 => vec((number(), disturbance()), 0..6).prop_map(|faults| {
            let faults: BTreeMap<u64, Disturbance> = faults.into_iter().collect();
            News::InForce { faults: faults.into_iter().map(|(id, what)| Fault { id: FaultId(id), what }).collect() }
        }),
    ]
}

fn key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        6 => prop::sample::select("[]123456789kKrRzpihwWteaxX?qolfuvU<>:.,+- /on\"\\ abc日dHGydHGy1Kk//nNgGjZoosS]t3".chars().map(KeyCode::Char).collect::<Vec<_>>()),
        4 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down, KeyCode::Left,
            KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Backspace,
            KeyCode::Delete, KeyCode::F(3), KeyCode::Null,
        ]),
    ];
    let modifiers = prop_oneof![6 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL), 1 => any::<u8>().prop_map(KeyModifiers::from_bits_truncate)];
    let kind = prop_oneof![6 => Just(KeyEventKind::Press), 1 => Just(KeyEventKind::Release)];
    (code, modifiers, kind).prop_map(|(code, modifiers, kind)| KeyEvent::new_with_kind(code, modifiers, kind))
}

fn mouse() -> impl Strategy<Value = MouseEvent> {
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
        MouseEventKind::Moved,
    ]);
    (kind, 0..130u16, 0..45u16).prop_map(|(kind, column, row)| MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => told().prop_map(|update| Step::Tell(Msg::Told(Update { at: Duration::ZERO, seq: 0, what: update }))),
        8 => key().prop_map(|key| Step::Tell(Msg::Key(key))),
        3 => mouse().prop_map(|mouse| Step::Tell(Msg::Mouse(mouse))),
        1 => text().prop_map(|text| Step::Tell(Msg::Paste(text))),
        1 => (1..300u16, 1..100u16).prop_map(|(w, h)| Step::Tell(Msg::Resize(w, h))),
        1 => (text(), text()).prop_map(|(part, text)| {
            Step::Tell(Msg::Wrote { part, level: LogLevel::Warn, text })
        }),
        1 => number().prop_map(|count| Step::Tell(Msg::LinesLost(count))),
        1 => Just(Step::Tell(Msg::Wake)),
        6 => Just(Step::Tell(Msg::Due)),
        1 => text().prop_map(|why| Step::Tell(Msg::ClusterFailed(why))),
        1 => text().prop_map(|why| Step::Tell(Msg::TabRefused(why))),
        1 => (0..lessons().len(), any::<bool>()).prop_map(|(at, is_class)| Step::Tell(begins(at, is_class))),
        1 => (0..5u32, 0..4u64, vec(0..9u32, 0..6)).prop_map(|(joined, poll, counts)| {
            Step::Tell(Msg::Audience(AudienceNews { joined, poll, counts }))
        }),
        1 => any::<bool>().prop_map(|recorded| Step::Tell(Msg::ClusterStarted {
            capabilities: if recorded { Capabilities::all().recorded() } else { Capabilities::all() },
            context: drills::context(),
        })),
        4 => prop_oneof![0..100u64, 0..20_000u64].prop_map(Step::Later),
        4 => prop_oneof![(1..130u16, 1..45u16), (1..12u16, 1..6u16), Just((1, 1)), Just((80, 24))]
            .prop_map(|(w, h)| Step::Paint(w, h)),
    ]
}

/// A built-in lesson begins.
fn begins(at: usize, is_class: bool) -> Msg {
    let (lesson, progress) = (lessons().remove(at), LessonProgress::default());
    Msg::StartLesson(Box::new(LessonStart { lesson, chapter: None, is_class, progress }))
}

/// Everything a command names is a member.
fn is_about_members(scene: &Scene, effect: &Effect) -> bool {
    let member = |id| scene.app.world().node(id).is_some();
    match effect {
        Effect::Quit
        | Effect::Suspend
        | Effect::StartDrill(_)
        | Effect::StartChapter(_)
        | Effect::ReadExhibit(_)
        | Effect::KeepProgress { .. }
        | Effect::Audience(_)
        | Effect::KeepRecord { .. }
        | Effect::KeepTheme(_)
        | Effect::Log(_)
        | Effect::Copy(_)
        | Effect::CaptureMouse(_)
        | Effect::Tab(_) => true,
        // Only scripts name files.
        Effect::Read(_) | Effect::Write { .. } => false,
        Effect::Send(Command { what, .. }) => match what {
            // What these name is the grammar's affair, which knows the nodes.
            Order::Heal
            | Order::Client(_)
            | Order::OpenSession
            | Order::Refresh
            | Order::AddNode
            | Order::AddLearner
            | Order::Workload(_)
            | Order::Disturb(_)
            | Order::Undo(_)
            | Order::Release(_)
            | Order::Drop(_)
            | Order::SetRate(_)
            | Order::Step(_)
            | Order::Seek(_)
            | Order::Seed(_) => true,
            Order::Kill(id)
            | Order::Restart(id)
            | Order::Pause(id)
            | Order::Resume(id)
            | Order::Promote(id)
            | Order::RemoveNode(id)
            | Order::ReplaceNode(id)
            | Order::Transfer(id)
            | Order::Campaign(id)
            | Order::TimeOut(id)
            | Order::SkewClock(id, _)
            | Order::Stop(id)
            | Order::Slow(id, _)
            | Order::Wipe(id)
            | Order::WipeUnsafe(id)
            | Order::FillDisk(id, _)
            | Order::LoseTail(id, _)
            | Order::Propose(id, _) => member(*id),
            Order::Cut(links) | Order::Mend(links) => {
                links.iter().all(|(from, to)| from != to && member(*from) && member(*to))
            }
            Order::FetchLog { node, first, limit } => member(*node) && first.0 > 0 && *limit > 0,
        },
    }
}

/// Who leads runs and says so, and nobody says so in a higher term.
fn one_leader(world: &World) -> Result<(), TestCaseError> {
    let Some(leader) = world.leader() else {
        prop_assert_eq!(world.leaders().count(), 0);
        return Ok(());
    };
    prop_assert!(leader.is_running());
    let highest = world.leaders().map(|(term, _)| term).max();
    prop_assert_eq!(leader.leads(), highest);
    Ok(())
}

/// Nothing lies outside the screen; nodes, tabs and buttons do not lie over each other; the selected node is in sight, unless the
/// events have the whole view.
fn keeps_the_rules(scene: &Scene, screen: Rect) -> Result<(), TestCaseError> {
    let landed = scene.app.landed();
    let areas: Vec<(Rect, Target)> = landed.areas().collect();
    for (area, target) in &areas {
        prop_assert_eq!(screen.intersection(*area), *area, "{:?}", target);
    }
    let kinds: [fn(&Target) -> bool; 3] = [
        |target| matches!(target, Target::Node(_)),
        |target| matches!(target, Target::View(_)),
        |target| matches!(target, Target::Action(_)),
    ];
    for is_kind in kinds {
        let alike: Vec<&(Rect, Target)> = areas.iter().filter(|(_, target)| is_kind(target)).collect();
        for (n, (one, first)) in alike.iter().enumerate() {
            for (other, second) in &alike[n + 1..] {
                prop_assert!(
                    first == second || !one.intersects(*other),
                    "{first:?} at {one:?} and {second:?} at {other:?} on {screen:?}"
                );
            }
        }
    }
    let shows_nodes = matches!(scene.app.view(), View::Cluster | View::Logs)
        && !scene.app.world().is_empty()
        && scene.app.zoomed() != Some(Pane::Feed)
        && !is_hidden_by_lesson(scene);
    if let Some(selected) =
        scene.app.selected().filter(|_| shows_nodes && screen.width >= 24 && screen.height >= 6)
    {
        prop_assert!(landed.find(Target::Node(selected)).is_some(), "{selected} on {screen:?}");
    }
    Ok(())
}

/// Whether a lesson shows something else in place of the nodes: nothing at all, its result, two clusters beside each other.
fn is_hidden_by_lesson(scene: &Scene) -> bool {
    let lessons = scene.app.lessons();
    let is_over = lessons.playing().is_some_and(|played| matches!(played.stage(), LessonStage::Ended));
    lessons.cover == Some(LessonCover::Blank) || lessons.exhibit.is_some() || is_over
}

/// Whatever is explained, and whatever that leads to, has words, and leads to nodes that there are.
fn explanations_hold(scene: &Scene) -> Result<(), TestCaseError> {
    let app = &scene.app;
    let mut subjects = vec![Subject::Cluster];
    subjects.extend(app.subject());
    subjects.extend(app.explanation().subject().cloned());
    subjects.extend(app.world().ids().into_iter().map(Subject::Node));
    let exists = |id| app.world().node(id).is_some();
    let mut next = 0;
    while next < subjects.len().min(40) {
        let told = explain(app, &subjects[next], scene.now);
        prop_assert!(!told.title.is_empty() && !told.what.is_empty(), "{:?}", subjects[next]);
        prop_assert!(!told.what.chars().chain(told.why.chars()).any(char::is_control));
        for link in told.links {
            match &link.to {
                Subject::Node(id) | Subject::Vote(id) => {
                    prop_assert!(exists(*id), "{id} of {:?}", subjects[next]);
                }
                Subject::Link { from, to } => {
                    prop_assert!(exists(*from) && exists(*to), "{:?}", subjects[next]);
                }
                _ => {}
            }
            if next < 12 && !subjects.contains(&link.to) {
                subjects.push(link.to);
            }
        }
        next += 1;
    }
    prop_assert_eq!(quiet(app, scene.now).is_none(), app.world().is_empty());
    Ok(())
}

fn run(steps: Vec<Step>, mut scene: Scene, settings: Settings) -> Result<(), TestCaseError> {
    let mut world = scene.app.world().clone();
    for step in steps {
        match step {
            Step::Tell(msg) => {
                match &msg {
                    Msg::Told(update) => {
                        world.fold(update);
                    }
                    Msg::ClusterStarted { .. } | Msg::ClusterFailed(_) => world = World::default(),
                    _ => {}
                }
                let effects = update(&mut scene.app, msg, scene.now);
                for effect in &effects {
                    prop_assert!(is_about_members(&scene, effect), "{effect:?}");
                }
            }
            Step::Later(millis) => scene.now += ms(millis),
            Step::Paint(width, height) => {
                let buffer = scene.paint(width, height);
                prop_assert!(!settings.ascii || buffer.content().iter().all(|c| c.symbol().is_ascii()));
                prop_assert!(!scene.app.changed(), "what was painted is what is known");
                keeps_the_rules(&scene, buffer.area)?;
                explanations_hold(&scene)?;
            }
        }
        prop_assert_eq!(&world, scene.app.world(), "whoever folds the same updates knows the same");
        one_leader(&world)?;
        let wake = scene.app.next_wake(scene.now);
        prop_assert!(wake.is_none_or(|at| at > scene.now), "a runtime that obeys would spin");
        let due = scene.app.next_due(scene.now);
        prop_assert!(due.is_none_or(|at| at > scene.now), "a runtime that obeys would spin");
    }
    Ok(())
}

/// How many sequences are tried, of some sixty messages each; the variable `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(96)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_messages_panics(
        steps in vec(step(), 0..120),
        ascii in any::<bool>(),
        plain in any::<bool>(),
        nodes in prop_oneof![4 => 0..10u64, 1 => 10..52u64],
    ) {
        let colour = if plain { ColourChoice::Never } else { ColourChoice::Terminal };
        let settings = Settings { ascii, colour, mouse: !ascii };
        run(steps, Scene::started(settings, nodes), settings)?;
    }

    #[test]
    fn no_sequence_of_messages_panics_during_a_drill(
        steps in vec(step(), 0..120),
        ascii in any::<bool>(),
        part in 0..6usize,
    ) {
        let settings = Settings { ascii, ..Settings::default() };
        let scenes =
            [drills::choosing, drills::question, drills::answered, drills::task, drills::elected, drills::ended];
        run(steps, scenes[part](settings), settings)?;
    }
}

#[test]
fn every_size_can_be_painted_in_every_view() {
    let scenes = [
        fixture::partition,
        fixture::logs,
        fixture::output,
        fixture::failed,
        fixture::election,
        fixture::joining,
        fixture::joint,
        fixture::frozen,
        fixture::messages,
        fixture::many_messages,
        drills::choosing,
        drills::answered,
        drills::task,
        drills::elected,
        drills::ended,
    ];
    std::thread::scope(|scope| {
        for make in scenes {
            scope.spawn(move || paint_in_every_size(make(Settings::default())));
        }
    });
}

fn paint_in_every_size(mut scene: Scene) {
    for width in (1..60).chain([80, 104, 120, 300]) {
        for height in (1..30).chain([40, 100]) {
            scene.paint(width, height);
        }
    }
    scene.key('w');
    scene.type_in("put a \"b");
    scene.press(KeyCode::Enter);
    for (width, height) in [(1, 1), (8, 2), (24, 6), (30, 7), (80, 24)] {
        scene.paint(width, height);
    }
    scene.press(KeyCode::Esc);
    scene.press(KeyCode::Enter);
    for (width, height) in [(1, 1), (8, 2), (24, 6), (30, 7), (80, 24), (104, 12), (120, 16)] {
        scene.paint(width, height);
    }
    scene.press(KeyCode::Esc);
    scene.key('?');
    for (width, height) in [(1, 1), (8, 2), (24, 6), (30, 7), (80, 24)] {
        scene.paint(width, height);
    }
}
