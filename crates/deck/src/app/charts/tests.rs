use super::bucket::{Gap, GapEnd, GapKind};
use super::*;
use raftdeck_model::{
    EndedGap, FrameFate, FrameKind, FrameReport, Known, Latency, News, NodeView, PeerView, ProcessState,
    RaftView, WorkloadFigures,
};
use raftdeck_raft::{LogId, LogIndex, NodeId, ReplicationState, Role, Term, TraceEvent};

const SECOND: Micros = 1_000_000;

/// Charts and the world that they know.
#[derive(Default)]
struct Heard {
    charts: Charts,
    world: World,
    seq: u64,
}

impl Heard {
    fn cluster() -> Self {
        let mut heard = Self::default();
        let nodes = (1..=3).map(NodeId).collect();
        let cluster =
            News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
        heard.tell(0, cluster);
        for id in 1..=3 {
            let state = ProcessState::Running { pid: None };
            heard.tell(0, News::Process { node: NodeId(id), state });
        }
        heard
    }

    fn tell(&mut self, millis: u64, what: News) {
        self.seq += 1;
        let update = Update { at: Duration::from_millis(millis), seq: self.seq, what };
        self.world.fold(&update);
        self.charts.hear(&update, &self.world, false);
    }

    fn status(&mut self, millis: u64, id: u64, role: Role, last: u64, change: impl FnOnce(&mut NodeView)) {
        let mut view = NodeView::new(RaftView {
            last: Known::Is(LogId { term: Term(1), index: LogIndex(last) }),
            committed: Known::Is(LogIndex(last)),
            ..RaftView::new(NodeId(id), Term(1), role)
        });
        change(&mut view);
        self.tell(millis, News::Status { node: NodeId(id), status: Box::new(view) });
    }

    /// `n1` leads, `n2` and `n3` follow.
    fn led() -> Self {
        let mut heard = Self::cluster();
        for id in 1..=3 {
            let role = if id == 1 { Role::Leader } else { Role::Follower };
            heard.status(100, id, role, 10, |view| {
                if id > 1 {
                    view.raft.leader = Known::Is(Some(NodeId(1)));
                }
            });
        }
        heard
    }

    fn load(&mut self, millis: u64, figures: WorkloadFigures) {
        self.tell(millis, News::Workload(WorkloadFigures { running: true, ..figures }));
    }

    fn column(&self, from: u64, to: u64) -> bucket::Bucket {
        self.charts.history.column(from * 1000, to * 1000).expect("it is known")
    }
}

fn gap(start: u64, length: u64, end: GapEnd, kind: GapKind) -> Gap {
    Gap { start: start * 1000, length: length * 1000, end, kind }
}

#[test]
fn the_length_of_a_gap_is_the_workloads_own_figure() {
    let mut heard = Heard::led();
    heard.load(1_000, WorkloadFigures::default());
    heard.load(1_250, WorkloadFigures { acknowledged: 10, gap_ms: 30, ..Default::default() });
    heard.load(1_500, WorkloadFigures { acknowledged: 10, gap_ms: 280, ..Default::default() });
    let open = heard.charts.history.gap(1_220_000);
    assert_eq!(open, Some(gap(1_220, 280, GapEnd::Open, GapKind::NoWrite)));
    let ended_gap = Some(EndedGap { length_micros: 412_000, ago_micros: 118_000 });
    heard.load(1_750, WorkloadFigures { acknowledged: 14, gap_ms: 5, ended_gap, ..Default::default() });
    let over = heard.charts.history.gap(1_220_000);
    assert_eq!(over, Some(gap(1_220, 412, GapEnd::Over, GapKind::NoWrite)));
    let (before, within, after) =
        (heard.column(1_000, 1_200), heard.column(1_300, 1_500), heard.column(1_650, 1_740));
    assert!(before.down == 0.0 && before.up > 0.19, "{before:?}");
    assert!(within.up == 0.0 && within.down > 0.19, "{within:?}");
    assert!(after.down == 0.0 && after.up > 0.08, "{after:?}");
}

#[test]
fn a_gap_that_began_and_ended_between_two_reports_is_seen_and_a_short_one_is_none() {
    let mut heard = Heard::led();
    heard.load(1_000, WorkloadFigures::default());
    let ended_gap = Some(EndedGap { length_micros: 150_000, ago_micros: 50_000 });
    heard.load(1_250, WorkloadFigures { acknowledged: 5, ended_gap, ..Default::default() });
    let seen = heard.charts.history.gap(1_050_000);
    assert_eq!(seen, Some(gap(1_050, 150, GapEnd::Over, GapKind::NoWrite)));
    let ended_gap = Some(EndedGap { length_micros: 40_000, ago_micros: 50_000 });
    heard.load(1_500, WorkloadFigures { acknowledged: 15, ended_gap, ..Default::default() });
    assert!(heard.column(1_250, 1_500).down == 0.0);
}

#[test]
fn of_an_older_recording_only_what_was_told_is_said_of_a_gap() {
    let figures = |acknowledged, gap_ms, longest_gap_ms| WorkloadFigures {
        acknowledged,
        gap_ms,
        longest_gap_ms,
        ..Default::default()
    };
    let mut heard = Heard::led();
    heard.load(1_000, figures(0, 0, 0));
    heard.load(1_250, figures(10, 200, 200));
    heard.load(1_500, figures(12, 10, 380));
    let first = heard.charts.history.gap(1_050_000);
    assert_eq!(first, Some(gap(1_050, 380, GapEnd::Over, GapKind::NoWrite)), "the longest so far");
    heard.load(1_750, figures(14, 150, 380));
    heard.load(2_000, figures(16, 10, 380));
    let second = heard.charts.history.gap(1_600_000);
    assert_eq!(second, Some(gap(1_600, 150, GapEnd::AtLeast, GapKind::NoWrite)), "its end was not told");
}

#[test]
fn without_a_workload_a_gap_is_the_time_without_a_leader_that_can_commit() {
    let mut heard = Heard::cluster();
    heard.status(50, 2, Role::Follower, 10, |_| {});
    assert!(heard.column(0, 50).down == 0.0, "before the first leader there is no gap");
    let mut heard = Heard::led();
    heard.tell(2_000, News::Process { node: NodeId(1), state: ProcessState::Killed });
    heard.tell(2_100, News::Frames { frames: Vec::new() });
    let open = heard.charts.history.gap(2_000_000);
    assert_eq!(open, Some(gap(2_000, 100, GapEnd::Open, GapKind::NoLeader)));
    heard.status(2_312, 3, Role::Leader, 11, |view| view.raft.term = Term(2));
    let over = heard.charts.history.gap(2_000_000);
    assert_eq!(over, Some(gap(2_000, 312, GapEnd::Over, GapKind::NoLeader)));
    assert_eq!(
        heard.column(2_250, 2_500).election.map(|e| (e.of, e.won)),
        Some(((NodeId(3), Term(2)), true))
    );
    heard.tell(
        2_400,
        News::Trace {
            node: NodeId(3),
            trace: TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term: Term(2) },
        },
    );
    assert!(heard.column(2_350, 2_450).election.is_none(), "one election is noted once");
}

#[test]
fn rates_are_what_was_counted_over_the_time_it_was_counted_for() {
    let mut heard = Heard::led();
    heard.load(1_000, WorkloadFigures::default());
    let latency = Some(Latency { p50_micros: 4_100, p99_micros: 9_800 });
    heard.load(1_500, WorkloadFigures { acknowledged: 20, latency, ..Default::default() });
    let column = heard.column(1_000, 1_500);
    assert!(column.acknowledged.per_second().is_some_and(|rate| (rate - 40.0).abs() < 0.1));
    assert_eq!(column.latency.map(|l| (l.p50, l.p99)), Some((4_100, 9_800)));
    assert_eq!(heard.column(500, 1_000).acknowledged.per_second(), None, "no workload ran");
    heard.status(1_600, 1, Role::Leader, 40, |_| {});
    let commits = heard.column(1_000, 2_000).committed.per_second();
    assert!(commits.is_some_and(|rate| (rate - 50.0).abs() < 0.1), "{commits:?}");
}

#[test]
fn bytes_are_shown_only_where_they_were_all_told() {
    let frames = |bytes: Known<u64>| News::Frames {
        frames: vec![FrameReport {
            from: NodeId(1),
            to: NodeId(2),
            kind: FrameKind::Heartbeat,
            term: Term(1),
            index: None,
            granted: None,
            fate: FrameFate::Delivered,
            count: 1,
            entries: 0,
            bytes,
        }],
    };
    let mut heard = Heard::led();
    heard.tell(1_000, frames(Known::Unknown));
    heard.tell(2_000, frames(Known::Unknown));
    assert_eq!(heard.column(1_000, 2_000).bytes.per_second(), None);
    heard.tell(3_000, frames(Known::Is(100)));
    heard.tell(4_000, frames(Known::Is(500)));
    assert_eq!(heard.column(3_000, 4_000).bytes.per_second(), Some(500.0));
    heard.seq += 5;
    heard.tell(5_000, frames(Known::Is(500)));
    assert_eq!(heard.column(4_000, 5_000).bytes.per_second(), None, "some updates are missing there");
}

#[test]
fn a_nodes_figures_are_known_only_while_they_are() {
    let mut heard = Heard::led();
    let peer = |matched, state| PeerView {
        matched: Known::Is(LogIndex(matched)),
        state: Known::Is(state),
        ..PeerView::new(NodeId(2))
    };
    let figures = |heard: &mut Heard, at| {
        heard.tell(at + 5, News::Frames { frames: Vec::new() });
        heard.column(at, at + 5).node(NodeId(2)).map(|figures| (figures.fsync.get(), figures.lag.get()))
    };
    heard.status(1_000, 2, Role::Follower, 10, |view| {
        view.fsync_micros = Known::Is(0);
        view.fsyncs = Known::Is(0);
    });
    assert_eq!(figures(&mut heard, 1_000), Some((None, None)), "it has made no fsync yet");
    heard.status(2_000, 2, Role::Follower, 10, |view| view.fsync_micros = Known::Is(700));
    heard.status(2_000, 1, Role::Leader, 10, |view| {
        view.raft.peers = Known::Is(vec![peer(0, ReplicationState::Probe)]);
    });
    assert_eq!(figures(&mut heard, 2_000), Some((Some(700), None)), "the leader does not know yet");
    heard.status(3_000, 1, Role::Leader, 10, |view| {
        view.raft.peers = Known::Is(vec![peer(8, ReplicationState::Replicate)]);
    });
    assert_eq!(figures(&mut heard, 3_000), Some((Some(700), Some(2))));
    heard.tell(4_000, News::Process { node: NodeId(2), state: ProcessState::Killed });
    assert_eq!(figures(&mut heard, 5_000), Some((None, Some(2))), "the leader still knows how far it was");
}

/// Charts of this many seconds.
fn after(seconds: u64) -> Charts {
    let mut charts = Charts::default();
    charts.history.spread(0, seconds * SECOND, |bucket, seconds, _| bucket.up += seconds);
    charts
}

fn grow(charts: &mut Charts, to: u64) {
    let (_, newest) = charts.history.known().unwrap();
    charts.history.spread(newest, to * SECOND, |bucket, seconds, _| bucket.up += seconds);
}

#[test]
fn the_newest_is_followed_until_the_cursor_is_moved_and_again_at_the_end() {
    let mut charts = after(60);
    assert_eq!(charts.window(40).cursor, None);
    charts.step(-1, 40);
    let window = charts.window(40);
    assert_eq!(window.cursor, Some(38));
    grow(&mut charts, 120);
    assert_eq!(charts.window(40), window, "what is looked at stays");
    charts.step(-100, 40);
    assert_eq!(charts.window(40).cursor, Some(0), "it scrolls");
    charts.step(i64::MIN / 2, 40);
    assert_eq!((charts.window(40).first, charts.window(40).cursor), (0, Some(0)));
    charts.step(i64::MAX / 2, 40);
    assert!(charts.follows());
    charts.go_to_start();
    assert_eq!((charts.window(40).first, charts.window(40).cursor), (0, Some(0)));
    charts.follow();
    assert!(charts.follows());
}

#[test]
fn the_zoom_keeps_the_cursor_where_it_is_on_the_screen() {
    let mut charts = after(600);
    charts.step(-500, 40);
    charts.step(20, 40);
    let before = charts.window(40);
    let time = |window: Window| window.cursor.and_then(|cursor| window.span(cursor)).unwrap();
    charts.zoom(false, 40);
    let wider = charts.window(40);
    assert_eq!(before.cursor, wider.cursor);
    assert!(wider.width > before.width && time(wider).0 <= time(before).0 && time(before).1 <= time(wider).1);
    for _ in 0..20 {
        charts.zoom(true, 40);
    }
    assert!(!charts.can_zoom(true) && charts.can_zoom(false));
    assert_eq!(charts.width(), ZOOMS[0]);
    for _ in 0..20 {
        charts.zoom(false, 40);
    }
    assert!(charts.can_zoom(true) && !charts.can_zoom(false));
}

#[test]
fn a_window_larger_than_what_is_known_ends_with_the_newest() {
    let mut charts = after(2);
    let window = charts.window(40);
    assert_eq!(window.span(39), Some((2 * SECOND, 2 * SECOND + 250_000)));
    assert_eq!(charts.unfinished(window), Some(39));
    assert_eq!(window.span(0), None, "before the beginning");
    charts.step(-3, 40);
    assert_eq!(charts.window(40).first, window.first, "nothing jumps");
    assert_eq!(Charts::default().window(0).columns, 0);
    Charts::default().step(-1, 0);
}

#[test]
fn only_newer_figures_in_view_are_a_reason_to_draw_and_not_at_once() {
    let mut charts = after(60);
    let at = Duration::from_secs(100);
    let drawn = charts.charted(charts.window(40), at);
    assert_eq!(charts.next_change(Some(drawn)), None, "nothing new was reported");
    assert_eq!(charts.next_change(None), None, "they are not on the screen");
    grow(&mut charts, 61);
    assert_eq!(charts.next_change(Some(drawn)), Some(at + REDRAW));
    charts.step(-200, 40);
    let back = charts.charted(charts.window(40), at);
    grow(&mut charts, 62);
    assert_eq!(charts.next_change(Some(back)), None, "what is in view is over");
}
