//! What all charts share: the columns of time, the cursor through them, titles with the figures at the cursor, and the axis.

use super::scale;
use crate::app::charts::bucket::Bucket;
use crate::app::charts::{Window, duration};
use crate::view::labels::stamp;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// The width left of the plots: the scale, or a node's name and its figure at the cursor.
pub(super) const GUTTER: u16 = 9;

/// Below this width, titles are short.
pub(super) const NARROW: u16 = 50;

/// How many columns a mark of the axis takes.
const MARK: u64 = 11;

/// How many of the newest columns may lack figures that are still to come.
const LATE: usize = 3;

/// The columns of time in view.
pub(super) struct Sheet {
    pub(super) window: Window,
    /// What is known of each column.
    pub(super) columns: Vec<Option<Bucket>>,
    /// What is known at the cursor; if the newest is followed, of the last second.
    here: Option<Bucket>,
    /// The first column that may lack figures which are still to come.
    late: usize,
}

impl Sheet {
    /// Reads what is known of each column.
    pub(super) fn new(paint: &Paint<'_>, columns: u16) -> Self {
        let charts = &paint.app.charts;
        let window = charts.window(columns);
        let column = |column| {
            let (from, to) = window.span(column)?;
            charts.history().column(from, to)
        };
        let mut columns: Vec<Option<Bucket>> = (0..columns).map(column).collect();
        let here = match window.cursor {
            Some(cursor) => columns.get(usize::from(cursor)).cloned().flatten(),
            // The column that is not over yet comes on top of that second.
            None => present(&columns, usize::from(charts.present()) + 1),
        };
        let unfinished = charts.unfinished(window).and_then(|column| columns.get_mut(column)?.as_mut());
        if let Some(column) = unfinished {
            column.forget_rates();
        }
        let late = charts.newest(window).map_or(usize::MAX, |newest| (newest + 1).saturating_sub(LATE));
        Self { window, columns, here, late }
    }

    /// A figure at the cursor. If the newest is followed: what is known now, a rate or a time that of the last second.
    pub(super) fn at_cursor<T>(&self, figure: impl Fn(&Bucket) -> Option<T>) -> Option<T> {
        self.here.as_ref().and_then(figure)
    }

    /// The column at the cursor; if the newest is followed, the newest of the last ones that is judged.
    pub(super) fn judged(&self) -> Option<&Bucket> {
        let is_judged = |column: &&Bucket| column.up > 0.0 || column.down > 0.0;
        match self.window.cursor {
            Some(_) => self.here.as_ref().filter(is_judged),
            None => self.columns.iter().rev().take(LATE).flatten().find(is_judged),
        }
    }

    /// Whether what is not known of a column may still be reported: figures come four times a second.
    pub(super) fn may_come(&self, column: usize) -> bool {
        column >= self.late
    }

    /// The greatest of a figure in view.
    pub(super) fn greatest(&self, figure: impl Fn(&Bucket) -> Option<f64>) -> Option<f64> {
        self.columns.iter().flatten().filter_map(figure).reduce(f64::max)
    }

    /// Draws the cursor through a plot.
    pub(super) fn cursor(&self, paint: &mut Paint<'_>, plot: Rect) {
        let Some(cursor) = self.window.cursor.filter(|cursor| *cursor < plot.width) else { return };
        let line = if paint.glyphs().braille { "│" } else { "|" };
        let style = paint.theme.strong();
        let column = Rect { x: plot.x + cursor, width: 1, ..plot }.intersection(paint.buf.area);
        for position in column.positions() {
            let Some(cell) = paint.buf.cell_mut(position) else { continue };
            if matches!(cell.symbol(), " " | "\u{2800}") {
                cell.set_symbol(line).set_style(style);
            } else {
                cell.set_style(Style::new().add_modifier(Modifier::REVERSED));
            }
        }
    }

    /// Draws the axis of time.
    pub(super) fn axis(&self, paint: &mut Paint<'_>, row: Rect) {
        let plot = plot(row);
        let step = scale::marks(self.window.width.saturating_mul(MARK));
        let tick = if paint.glyphs().braille { "╵" } else { "'" };
        for column in 0..plot.width {
            let Some((from, to)) = self.window.span(column) else { continue };
            // The first column that has a multiple of the step in it.
            let mark = from.div_ceil(step) * step;
            if mark < to {
                let text = Line::styled(format!("{tick}{}", moment(mark, step)), paint.theme.faint());
                paint.at(Rect { x: plot.x + column, width: plot.width - column, ..plot }, &text);
            }
        }
        let Some((cursor, (from, _))) = self.window.cursor.and_then(|c| Some((c, self.window.span(c)?)))
        else {
            return;
        };
        let text = Span::styled(format!(" {} ", stamp(duration(from))), paint.theme.selected());
        let width = u16::try_from(text.width()).unwrap_or(0).min(plot.width);
        let left = cursor.saturating_sub(width / 2).min(plot.width - width);
        paint.at(Rect { x: plot.x + left, width, ..plot }, &Line::from(text));
    }
}

/// What the newest columns say together; the state is that of the newest.
fn present(columns: &[Option<Bucket>], count: usize) -> Option<Bucket> {
    let first = columns.len().saturating_sub(count);
    let newest = columns.last()?.as_ref().map(|column| column.gauges.clone());
    let mut known = columns[first..].iter().flatten();
    let mut sum = known.next()?.clone();
    known.for_each(|later| sum.merge(later));
    sum.gauges = newest.unwrap_or(sum.gauges);
    Some(sum)
}

/// A mark of the axis: minutes and seconds, and what is less if the marks are closer together than that.
fn moment(at: u64, step: u64) -> String {
    let text = stamp(duration(at));
    let short = match step {
        0..100_000 => text.len(),
        100_000..1_000_000 => text.len() - 2,
        _ => text.len() - 4,
    };
    text[..short].to_owned()
}

/// What remains of an area right of the gutter.
pub(super) fn plot(area: Rect) -> Rect {
    let gutter = GUTTER.min(area.width);
    Rect { x: area.x + gutter, width: area.width - gutter, ..area }
}

/// What remains of an area below its title.
pub(super) fn below(area: Rect) -> Rect {
    let title = area.height.min(1);
    Rect { y: area.y + title, height: area.height - title, ..area }
}

/// Draws a chart's title: its name, its figures, and at the right what concerns the whole of it.
pub(super) fn title(paint: &mut Paint<'_>, area: Rect, name: &str, figures: Vec<Span<'_>>, right: Span<'_>) {
    let rule = paint.glyphs().rule.repeat(usize::from(area.width));
    paint.row(area, 0, &Line::styled(rule, paint.theme.faint()));
    let mut spans = vec![Span::styled(format!(" {name}  "), paint.theme.strong())];
    spans.extend(figures);
    spans.push(Span::raw(" "));
    let line = Line::from(spans);
    let room = area.width.saturating_sub(4);
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
    paint.at(Rect { x: area.x + 2, width: room, height: area.height.min(1), ..area }, &line);
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX);
    if right_width > 0 && width.saturating_add(right_width) < room {
        let x = area.right().saturating_sub(right_width + 2);
        paint.at(Rect { x, width: right_width, height: area.height.min(1), ..area }, &Line::from(right));
    }
}

/// A figure and its unit, as they stand in a title; unknown is said.
pub(super) fn figure(paint: &Paint<'_>, text: Option<String>, unit: &str) -> Vec<Span<'static>> {
    match text {
        Some(text) => {
            vec![
                Span::styled(text, paint.theme.text()),
                Span::styled(format!(" {unit}"), paint.theme.faint()),
            ]
        }
        None => vec![Span::styled("?", paint.theme.faint())],
    }
}

/// A text in the gutter, at its right.
pub(super) fn in_gutter(paint: &mut Paint<'_>, area: Rect, row: u16, text: &str) {
    let gutter = Rect { width: GUTTER.min(area.width).saturating_sub(1), ..area };
    let line = Line::styled(text.to_owned(), paint.theme.faint());
    paint.right(gutter, row, &line);
}
