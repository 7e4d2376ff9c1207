use super::*;
use crate::app::charts::bucket::{Figure, GapEnd, GapKind, NodeFigures};
use crate::app::charts::{Charts, ZOOMS};
use raftdeck_raft::{NodeId, Term};

const HOUR: Micros = 3_600 * SECOND;

fn nodes(count: u64, fsync: u64) -> Gauges {
    let figures = |id| NodeFigures { node: NodeId(id), fsync: Figure::of(fsync), lag: Figure::default() };
    Gauges { leader: Some((NodeId(1), Term(1))), nodes: (1..=count).map(figures).collect() }
}

/// So many hours of figures, with a gap every ten minutes.
fn long(hours: u64, of_nodes: u64) -> History {
    let mut history = History::default();
    history.set(0, nodes(of_nodes, 900));
    for part in 0..hours * 6 {
        let (at, step) = (part * 600 * SECOND, 600 * SECOND);
        history.spread(at, at + step, |bucket, seconds, part| {
            bucket.committed.add(30_000.0 * part, seconds);
            bucket.up += seconds;
        });
        let gap = Gap { start: at, length: 312_000, end: GapEnd::Over, kind: GapKind::NoWrite };
        history.note_gap(gap);
    }
    history
}

/// The same, and the finest buckets are full too.
fn full(hours: u64, of_nodes: u64) -> History {
    let mut history = long(hours, of_nodes);
    for second in 0..400 {
        let at = hours * HOUR + second * SECOND;
        history.spread(at, at + SECOND, |bucket, seconds, _| bucket.up += seconds);
    }
    history
}

fn held(history: &History) -> (usize, usize) {
    let buckets = history.tiers.iter().flat_map(|tier| &tier.buckets);
    buckets.fold((0, 0), |(count, bytes), bucket| {
        let nodes = bucket.gauges.nodes.capacity() * size_of::<NodeFigures>();
        (count + 1, bytes + size_of::<Bucket>() + nodes)
    })
}

#[test]
fn eight_hours_stay_within_the_stated_memory_and_so_does_any_time() {
    let (eight, thirty) = (held(&full(8, 15)), held(&full(30, 15)));
    let most: usize = TIERS.iter().map(|(_, kept)| kept).sum();
    assert!(eight.0 <= most && thirty.0 == most, "{eight:?} {thirty:?}");
    assert!(thirty.1 <= Charts::bound(15), "{} of {}", thirty.1, Charts::bound(15));
    assert!(Charts::bound(15) < 6 << 20, "{}", Charts::bound(15));
    assert!(Charts::bound(51) < 10 << 20, "{}", Charts::bound(51));
}

#[test]
fn drawing_reads_as_many_buckets_as_the_width_needs_however_much_there_is() {
    let history = long(8, 3);
    let (oldest, newest) = history.known().unwrap();
    assert_eq!((oldest, newest), (0, 8 * HOUR));
    let mut most = 0;
    for width in ZOOMS {
        for place in 0..=20 {
            let from = newest / 20 * place / width * width;
            let read = history.of_column(from, from + width).count();
            most = most.max(read);
        }
        let from = newest / width * width - width;
        most = most.max(history.of_column(from, from + width).count());
    }
    assert!((1..=6).contains(&most), "{most}");
}

#[test]
fn what_is_old_is_coarser_and_not_lost() {
    let history = long(8, 3);
    for hour in 1..8 {
        let column = history.column(hour * HOUR, hour * HOUR + 250_000).unwrap();
        let rate = column.committed.per_second().unwrap();
        assert!((rate - 50.0).abs() < 0.5, "hour {hour}: {rate}");
        assert!(history.gap(hour * HOUR).is_some_and(|gap| gap.length == 312_000), "hour {hour}");
    }
    let day = long(30, 3);
    assert!(day.known().unwrap().0 >= 5 * HOUR, "after a day the oldest is forgotten");
    assert!(day.column(0, SECOND).is_none(), "and not shown as anything");
    assert!(day.column(29 * HOUR, 29 * HOUR + SECOND).is_some());
}

#[test]
fn time_of_which_nothing_is_known_is_a_hole() {
    let mut history = History::default();
    assert!(history.column(0, SECOND).is_none());
    history.spread(SECOND, 2 * SECOND, |bucket, seconds, _| bucket.up += seconds);
    assert!(history.column(0, SECOND).is_none());
    assert!(history.column(2 * SECOND, 3 * SECOND).is_none());
    let column = history.column(SECOND, 2 * SECOND).unwrap();
    assert!((column.up - 1.0).abs() < 1e-3, "{}", column.up);
    assert_eq!(column.committed.per_second(), None, "nobody counted");
}

#[test]
fn a_state_lasts_until_it_changes_and_a_column_shows_the_worst_of_it() {
    let mut history = History::default();
    let pass = |history: &mut History, from, to| history.spread(from, to, |_, _, _| {});
    history.set(0, nodes(3, 900));
    pass(&mut history, 0, SECOND);
    history.set(SECOND, nodes(3, 14_000));
    history.set(SECOND + 10_000, nodes(3, 500));
    pass(&mut history, SECOND, 3 * SECOND);
    let fsync = |from: Micros| history.column(from, from + 250_000).unwrap().node(NodeId(2)).unwrap().fsync;
    assert_eq!([0, SECOND, 2 * SECOND].map(fsync), [900, 14_000, 500].map(Figure::of));
    assert_eq!(history.column(0, SECOND).unwrap().node(NodeId(9)), None);
}

#[test]
fn a_long_silence_costs_no_more_than_what_is_kept() {
    let mut history = History::default();
    history.spread(0, 365 * 24 * HOUR, |bucket, seconds, _| bucket.up += seconds);
    assert!(held(&history).0 <= TIERS.iter().map(|(_, kept)| kept).sum());
    let end = 365 * 24 * HOUR;
    assert!(history.column(end - SECOND, end).is_some_and(|column| column.up > 0.9));
}

#[test]
fn an_older_gap_is_still_told_when_it_ends() {
    let mut history = History::default();
    history.spread(0, 60 * SECOND, |bucket, seconds, _| bucket.down += seconds);
    let gap = |length, end| Gap { start: SECOND, length, end, kind: GapKind::NoWrite };
    history.note_gap(gap(30 * SECOND, GapEnd::Open));
    history.note_gap(gap(59 * SECOND, GapEnd::Over));
    assert_eq!(history.gap(SECOND), Some(gap(59 * SECOND, GapEnd::Over)));
    assert_eq!(history.gap(2 * SECOND), None);
}
