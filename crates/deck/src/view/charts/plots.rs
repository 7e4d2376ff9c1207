//! The charts below the strip: figures as columns, as lines, or as a row for each node.

use super::scale;
use super::sheet::{GUTTER, NARROW, Sheet, below, figure, in_gutter, plot, title};
use crate::app::charts::bucket::{Bucket, Figure, NodeFigures};
use crate::view::paint::Paint;
use crate::view::raster::to_u32;
use raftdeck_raft::NodeId;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::{Marker, bar};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Sparkline, SparklineBar, Widget};

const ASCII_BARS: bar::Set<'static> = bar::Set {
    full: "#",
    seven_eighths: "#",
    three_quarters: "=",
    five_eighths: "=",
    half: "-",
    three_eighths: "-",
    one_quarter: "_",
    one_eighth: "_",
    empty: " ",
};

/// A figure of a column in view: its value, if it is known, and its style.
type Bar = (Option<f64>, Style);

/// Draws columns from the bottom of a plot. A known zero is a line at the bottom; what is not known is a dot.
fn bars(paint: &mut Paint<'_>, plot: Rect, sheet: &Sheet, top: f64, figure: impl Fn(&Bucket) -> Bar) {
    if plot.is_empty() {
        return;
    }
    let steps = f64::from(plot.height) * 8.0;
    let bar = |column: &Option<Bucket>| {
        let (value, style) = column.as_ref().map_or((None, Style::new()), &figure);
        let ticks = value.map(|value| u64::from(to_u32(1.0 + (value / top).clamp(0.0, 1.0) * (steps - 1.0))));
        SparklineBar::from(ticks).style(style)
    };
    let set = if paint.glyphs().braille { bar::NINE_LEVELS } else { ASCII_BARS };
    let data: Vec<SparklineBar> = sheet.columns.iter().map(bar).collect();
    let most = u64::from(plot.height) * 8;
    Sparkline::default().data(data).max(most).bar_set(set).absent_value_symbol(" ").render(plot, paint.buf);
    let hole = if paint.glyphs().braille { "·" } else { "." };
    for (number, (x, column)) in (plot.x..plot.right()).zip(&sheet.columns).enumerate() {
        let is_hole = column.as_ref().is_some_and(|column| figure(column).0.is_none());
        if is_hole && !sheet.may_come(number) {
            let bottom = Rect { x, y: plot.bottom() - 1, width: 1, height: 1 };
            paint.at(bottom, &Line::styled(hole, paint.theme.faint()));
        }
    }
}

/// Draws the ends of a scale in the gutter, if there is anything to measure.
fn ends(paint: &mut Paint<'_>, area: Rect, greatest: Option<f64>, top: &str) {
    if greatest.is_none() {
        return;
    }
    in_gutter(paint, area, 0, top);
    if area.height > 1 {
        in_gutter(paint, area, area.height - 1, "0");
    }
}

/// Writes a second while a workload runs, commits a second otherwise.
pub(super) fn throughput(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let rate = |column: &Bucket| column.acknowledged.per_second().or(column.committed.per_second());
    let greatest = sheet.greatest(rate);
    let top = scale::round_up(greatest.unwrap_or(0.0));
    let is_load = sheet.at_cursor(|column| column.acknowledged.per_second()).is_some();
    let unit = match (is_load, area.width < NARROW) {
        (true, false) => "writes acknowledged/s",
        (true, true) => "writes/s",
        (false, false) => "entries committed/s",
        (false, true) => "commits/s",
    };
    let at = sheet.at_cursor(|column| {
        if is_load { column.acknowledged.per_second() } else { column.committed.per_second() }
    });
    let spans = figure(paint, at.map(scale::number), unit);
    title(paint, area, "throughput", spans, Span::raw(""));
    let body = below(area);
    ends(paint, body, greatest, &scale::number(top));
    let (calm, trouble, faint) = (paint.theme.leader_line(), paint.theme.trouble_line(), paint.theme.faint());
    bars(paint, plot(body), sheet, top, |column| {
        let style = match column.acknowledged.per_second() {
            _ if column.down > 0.0 => trouble,
            Some(_) => calm,
            None => faint,
        };
        (rate(column), style)
    });
    sheet.cursor(paint, plot(body));
}

/// Bytes a second, delivered on all links.
pub(super) fn bytes(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let rate = |column: &Bucket| column.bytes.per_second();
    let greatest = sheet.greatest(rate);
    let top = scale::round_up_bytes(greatest.unwrap_or(0.0));
    let at = sheet.at_cursor(rate).map(|rate| format!("{}/s", scale::bytes(rate)));
    let spans = figure(paint, at, "delivered");
    title(paint, area, "links", spans, Span::raw(""));
    let body = below(area);
    ends(paint, body, greatest, &scale::bytes(top));
    let style = paint.theme.faint();
    bars(paint, plot(body), sheet, top, |column| (rate(column), style));
    sheet.cursor(paint, plot(body));
}

/// How long writes took: the median and the 99th percentile of the workload, and single requests as points.
pub(super) fn latency(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let (median, slow) = (paint.theme.leader_line(), paint.theme.text());
    let at = sheet.at_cursor(|column| column.latency);
    let single = sheet.at_cursor(|column| column.request.get());
    let mut spans = Vec::new();
    if let Some(at) = at {
        spans.push(Span::styled("p50 ", median));
        spans.extend(figure(paint, Some(scale::ms(at.p50.into())), "ms  "));
        spans.push(Span::styled("p99 ", slow));
        spans.extend(figure(paint, Some(scale::ms(at.p99.into())), "ms"));
    } else if let Some(single) = single {
        spans = figure(paint, Some(scale::ms(float(single))), "ms, one request");
    } else {
        spans = figure(paint, None, "ms");
    }
    title(paint, area, "latency", spans, Span::raw(""));
    let body = below(area);
    let p50 = |column: &Bucket| column.latency.map(|latency| f64::from(latency.p50));
    let p99 = |column: &Bucket| column.latency.map(|latency| f64::from(latency.p99));
    let one = |column: &Bucket| column.request.get().map(float);
    let greatest = [sheet.greatest(p99), sheet.greatest(one)].into_iter().flatten().reduce(f64::max);
    let top = scale::round_up(greatest.unwrap_or(0.0) / 1e3) * 1e3;
    ends(paint, body, greatest, &format!("{} ms", scale::ms(top)));
    let marks: [char; 3] = ['.', '+', 'o'];
    let strong = paint.theme.strong();
    lines(
        paint,
        plot(body),
        top,
        &[
            (runs(sheet, p50), GraphType::Line, marks[0], median),
            (runs(sheet, p99), GraphType::Line, marks[1], slow),
            (runs(sheet, one), GraphType::Scatter, marks[2], strong),
        ],
    );
    sheet.cursor(paint, plot(body));
}

/// Points without holes between them.
type Run = Vec<(f64, f64)>;

/// A figure's runs of columns in which it is known. A column is two dots wide.
fn runs(sheet: &Sheet, figure: impl Fn(&Bucket) -> Option<f64>) -> Vec<Run> {
    let mut runs = vec![Run::new()];
    for (number, column) in (0_u16..).zip(&sheet.columns) {
        match (column.as_ref().and_then(&figure), runs.last_mut()) {
            (Some(value), Some(run)) => {
                let x = f64::from(number) * 2.0;
                run.extend([(x, value), (x + 1.0, value)]);
            }
            (None, Some(run)) if !run.is_empty() => runs.push(Run::new()),
            _ => {}
        }
    }
    runs
}

/// Draws lines of braille dots, or of one character each.
fn lines(paint: &mut Paint<'_>, plot: Rect, top: f64, series: &[(Vec<Run>, GraphType, char, Style)]) {
    if plot.is_empty() {
        return;
    }
    let braille = paint.glyphs().braille;
    let mut sets = Vec::new();
    for (runs, kind, mark, style) in series {
        let marker = if braille { Marker::Braille } else { Marker::Custom(*mark) };
        for run in runs.iter().filter(|run| !run.is_empty()) {
            sets.push(Dataset::default().data(run).marker(marker).graph_type(*kind).style(*style));
        }
    }
    let last = f64::from(plot.width) * 2.0 - 1.0;
    let (x, y) = (Axis::default().bounds([0.0, last]), Axis::default().bounds([0.0, top]));
    Chart::new(sets).x_axis(x).y_axis(y).legend_position(None).render(plot, paint.buf);
}

/// How far each follower is behind.
pub(super) fn lag(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let rows = Rows {
        name: "replication lag",
        unit: "entries behind",
        short: "",
        of: |figures| figures.lag,
        text: scale::number,
        top: |greatest| scale::round_up(greatest.max(5.0)),
        leads: true,
    };
    rows.draw(paint, area, sheet);
}

/// How long each node's newest fsync took.
pub(super) fn fsync(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let rows = Rows {
        name: "fsync",
        unit: "ms, slowest",
        short: " ms",
        of: |figures| figures.fsync,
        text: scale::ms,
        top: |greatest| scale::round_up(greatest / 1e3) * 1e3,
        leads: false,
    };
    rows.draw(paint, area, sheet);
}

/// A chart with a row for each node.
struct Rows {
    name: &'static str,
    unit: &'static str,
    /// The unit after the scale's end.
    short: &'static str,
    of: fn(NodeFigures) -> Figure,
    text: fn(f64) -> String,
    top: fn(f64) -> f64,
    /// Whether a leader has no such figure.
    leads: bool,
}

impl Rows {
    fn value(&self, column: &Bucket, nodes: &[NodeId]) -> Option<f64> {
        let figures = nodes.iter().filter_map(|node| column.node(*node));
        figures.filter_map(|figures| (self.of)(figures).get()).max().map(float)
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
        let ids = paint.app.world.ids();
        let greatest = sheet.greatest(|column| self.value(column, &ids));
        let top = (self.top)(greatest.unwrap_or(0.0));
        let at = sheet.at_cursor(|column| self.value(column, &ids));
        let spans = figure(paint, at.map(self.text), self.unit);
        let scale = greatest.map(|_| format!(" full bar: {}{} ", (self.text)(top), self.short));
        let scale = scale.unwrap_or_default();
        let scale = Span::styled(scale, paint.theme.faint());
        title(paint, area, self.name, spans, scale);
        let body = below(area);
        let rows = usize::from(body.height);
        // The last row stands for all nodes that have none of their own.
        let own = if ids.len() > rows { rows.saturating_sub(1) } else { ids.len() };
        let (each, rest) = ids.split_at(own);
        let height =
            body.height.checked_div(u16::try_from(ids.len()).unwrap_or(u16::MAX)).unwrap_or(1).max(1);
        for (row, node) in (0..).zip(each.chunks(1).chain((!rest.is_empty()).then_some(rest))) {
            let place = Rect { y: body.y + row * height, height, ..body }.intersection(body);
            self.row(paint, place, sheet, node, top);
        }
    }

    fn row(&self, paint: &mut Paint<'_>, row: Rect, sheet: &Sheet, nodes: &[NodeId], top: f64) {
        if row.is_empty() {
            return;
        }
        let bottom = Rect { y: row.bottom() - 1, height: 1, ..row };
        let name = match nodes {
            [node] => node.to_string(),
            [.., last] => format!("-{last}"),
            [] => return,
        };
        let leads = |column: &Bucket| match (nodes, column.gauges.leader) {
            ([node], Some((leader, _))) => self.leads && *node == leader,
            _ => false,
        };
        let value = match sheet.at_cursor(|column| self.value(column, nodes)) {
            _ if sheet.at_cursor(|column| Some(leads(column))) == Some(true) => {
                paint.glyphs().leader.to_owned()
            }
            Some(value) => (self.text)(value),
            None => "?".to_owned(),
        };
        let gutter = Rect { width: GUTTER.min(row.width).saturating_sub(1), ..bottom };
        paint.at(gutter, &Line::styled(format!(" {name}"), paint.theme.strong()));
        in_gutter(paint, bottom, 0, &value);
        let (plot, style) = (plot(row), paint.theme.leader_line());
        bars(paint, plot, sheet, top, |column| (self.value(column, nodes), style));
        for (x, column) in (plot.x..plot.right()).zip(&sheet.columns) {
            if column.as_ref().is_some_and(leads) {
                let rule = Line::styled(paint.glyphs().rule, paint.theme.faint());
                paint.at(Rect { x, width: 1, ..bottom }, &rule);
            }
        }
        sheet.cursor(paint, plot);
    }
}

#[expect(clippy::cast_precision_loss, reason = "what is drawn has a few hundred steps")]
fn float(value: u64) -> f64 {
    value as f64
}
