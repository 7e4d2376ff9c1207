//! The availability strip: when the cluster served, each gap with its length, and who led.

use super::sheet::{GUTTER, NARROW, Sheet, below, in_gutter, plot, title};
use crate::app::charts::bucket::{Bucket, Gap, GapEnd, GapKind};
use crate::app::charts::duration;
use crate::view::charts::scale;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it: the strip, the lengths of the gaps, and the leaders, as far as there are rows.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
    let gaps = gaps(paint, sheet);
    heading(paint, area, sheet, &gaps);
    let rows = below(area);
    // Where there is room, the strip is two rows high.
    let high = u16::from(rows.height > 3);
    for (row, name) in [(0, "served"), (1 + high, "gaps"), (2 + high, "leader")] {
        in_gutter(paint, rows, row, name);
    }
    let line = |row: u16| Rect { y: rows.y + row, height: u16::from(row < rows.height), ..plot(rows) };
    for row in 0..=high {
        strip(paint, line(row), sheet);
    }
    lengths(paint, line(1 + high), gaps);
    leaders(paint, line(2 + high), sheet);
    sheet.cursor(paint, plot(rows));
}

/// The gaps in view, and the column where each can be seen first; the longest first.
fn gaps(paint: &Paint<'_>, sheet: &Sheet) -> Vec<(u16, Gap)> {
    let mut seen: Vec<(u16, Gap)> = Vec::new();
    for (number, column) in (0..).zip(&sheet.columns) {
        let Some(column) = column.as_ref().filter(|column| column.down > 0.0) else { continue };
        let known = |start| column.gap.filter(|gap| gap.start == start);
        let since = column.down_since.and_then(|start| {
            let is_seen = seen.iter().any(|(_, gap)| gap.start == start);
            if is_seen { None } else { known(start).or_else(|| paint.app.charts.history().gap(start)) }
        });
        for gap in since.into_iter().chain(column.gap) {
            if !seen.iter().rev().take(4).any(|(_, other)| other.start == gap.start) {
                seen.push((number, gap));
            }
        }
    }
    seen.sort_by_key(|(_, gap)| std::cmp::Reverse(gap.length));
    seen
}

fn length(paint: &Paint<'_>, gap: &Gap) -> String {
    let ms = gap.length / 1000;
    let text = if ms < 100_000 { format!("{ms} ms") } else { scale::span(duration(gap.length)) };
    match gap.end {
        GapEnd::Over => text,
        GapEnd::Open => format!("{text}{}", paint.glyphs().ellipsis),
        GapEnd::AtLeast => format!("> {text}"),
    }
}

fn heading(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet, gaps: &[(u16, Gap)]) {
    let at = sheet.judged();
    let gap_at = at.filter(|column| column.down > 0.0).and_then(|column| {
        let since = column.down_since.and_then(|start| paint.app.charts.history().gap(start));
        column.gap.into_iter().chain(since).max_by_key(|gap| gap.length)
    });
    let state = match (at, gap_at) {
        (_, Some(gap)) => {
            let what = match gap.kind {
                _ if area.width < NARROW => "down",
                GapKind::NoWrite => "no write acknowledged",
                GapKind::NoLeader => "no leader that can commit",
            };
            Span::styled(format!(" {what} for {} ", length(paint, &gap)), paint.theme.trouble_plate())
        }
        (Some(column), None) if column.down > 0.0 => {
            Span::styled(" interrupted ", paint.theme.trouble_plate())
        }
        (Some(column), None) => Span::styled(served(column, area.width), paint.theme.text()),
        (None, _) => Span::styled("?", paint.theme.faint()),
    };
    let right = match gaps.first() {
        Some((_, longest)) if gap_at.is_none_or(|gap| gap.start != longest.start) => {
            let text = format!(" longest gap {} ", length(paint, longest));
            Span::styled(text, paint.theme.trouble_plate())
        }
        _ => {
            let all = duration(sheet.window.width.saturating_mul(sheet.window.columns.into()));
            Span::styled(format!(" {} in view ", scale::span(all)), paint.theme.faint())
        }
    };
    title(paint, area, "availability", vec![state], right);
}

fn served(column: &Bucket, width: u16) -> String {
    match column.gauges.leader {
        Some((node, term)) if width < NARROW => format!("{node} leads t{term}"),
        Some((node, term)) => format!("{node} leads term {term}"),
        None => "served".to_owned(),
    }
}

fn strip(paint: &mut Paint<'_>, row: Rect, sheet: &Sheet) {
    if row.is_empty() {
        return;
    }
    let unicode = paint.glyphs().braille;
    let (up, down, hole) = if unicode { ("━", "╳", "·") } else { ("=", "X", ".") };
    for (number, (x, column)) in (row.x..row.right()).zip(&sheet.columns).enumerate() {
        let Some(column) = column else { continue };
        let (symbol, style) = if column.down > 0.0 {
            (down, paint.theme.trouble_band())
        } else if column.up > 0.0 {
            (up, paint.theme.leader_line())
        } else if sheet.may_come(number) {
            continue;
        } else {
            (hole, paint.theme.faint())
        };
        paint.at(Rect { x, width: 1, ..row }, &Line::styled(symbol, style));
    }
}

/// The lengths of the gaps, each where its gap begins, the longest first, as many as do not touch.
fn lengths(paint: &mut Paint<'_>, row: Rect, gaps: Vec<(u16, Gap)>) {
    if row.is_empty() {
        return;
    }
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (column, gap) in gaps {
        let text = length(paint, &gap);
        let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        if width > row.width {
            continue;
        }
        let left = column.min(row.width - width);
        let right = left + width;
        if taken.iter().all(|(other, end)| right < *other || left > *end) {
            let place = Rect { x: row.x + left, width, ..row };
            paint.at(place, &Line::styled(text, paint.theme.trouble_plate()));
            taken.push((left, right));
        }
    }
}

/// Who led: a line while somebody does, with node and term where it begins; campaigns that were not won yet.
fn leaders(paint: &mut Paint<'_>, row: Rect, sheet: &Sheet) {
    if row.is_empty() {
        return;
    }
    let glyphs = paint.glyphs();
    let (mut told, mut free) = (None, 0);
    for (number, column) in (0..row.width).zip(&sheet.columns) {
        let Some(column) = column else { continue };
        let place = Rect { x: row.x + number, width: row.width - number, ..row };
        let won = column.election.filter(|election| election.won).map(|election| election.of);
        let news = won.or(column.gauges.leader.filter(|_| column.election.is_none()));
        if let Some((node, term)) = news.filter(|news| told != Some(*news)) {
            let glyph = if won.is_some() { glyphs.leader } else { "" };
            let text = format!("{glyph}{node} t{term} ");
            let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
            let fits = number >= free && width <= place.width;
            let style = paint.theme.leader_line();
            paint.at(place, &Line::styled(if fits { text } else { glyph.to_owned() }, style));
            free = if fits { number + width } else { free.max(number + u16::from(won.is_some())) };
            told = Some((node, term));
        } else if number < free {
            // A label is here.
        } else if column.election.is_some() {
            paint.at(Rect { width: 1, ..place }, &Line::styled(glyphs.candidate, paint.theme.trouble_line()));
        } else if column.gauges.leader.is_some() {
            paint.at(Rect { width: 1, ..place }, &Line::styled(glyphs.rule, paint.theme.faint()));
        }
    }
}

/// How many columns of time a width has room for.
pub(super) fn columns(width: u16) -> u16 {
    width.saturating_sub(GUTTER)
}
