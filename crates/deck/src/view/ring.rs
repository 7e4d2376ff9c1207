//! The ring: nodes on an ellipse (a grid past nine), the links between them, and messages on their way.

use crate::app::flights::FlightPosition;
use crate::app::messages::{MAX_STANDING, MessageMotion};
use crate::view::big;
use crate::view::card::{self, Size};
use crate::view::fault_labels;
use crate::view::labels::{message_glyph, message_style};
use crate::view::landed::MovingPart;
use crate::view::paint::Paint;
use crate::view::raster::{Raster, Stroke, to_u32};
use raftdeck_model::{FrameKind, Phase, Verdict, World};
use raftdeck_raft::{NodeId, Role};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

/// The most nodes that are placed on a ring.
pub(crate) const RING: usize = 9;

/// The most nodes for which links that carry nothing are drawn too.
pub(crate) const SILENT_LINKS: usize = 6;

/// The rows of a grid of this width with as many nodes, each on one row: in full, and in short.
pub(crate) fn grid_rows(count: usize, width: u16) -> [u16; 2] {
    [Size::Tile, Size::Chip].map(|size| {
        let columns = usize::from(width.saturating_sub(1) / (size.extent().0 + 1)).max(1);
        u16::try_from(count.div_ceil(columns)).unwrap_or(u16::MAX)
    })
}

/// Whether all nodes have a place of their own there.
pub(crate) fn fits(area: Rect, count: usize) -> bool {
    let area = inner(area);
    let (size, places) = places(area, count, &Size::RING);
    apart(&places, area, size)
}

/// Where the cards may be.
fn inner(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    draw_as(paint, area, false);
}

/// Draws it for a lecture hall: larger, and with a spotlight.
pub(crate) fn draw_large(paint: &mut Paint<'_>, area: Rect) {
    draw_as(paint, area, true);
}

/// Draws it as it was, with what moves in its present place.
pub(super) fn draw_again(paint: &mut Paint<'_>, part: MovingPart) {
    paint.clear(part.area);
    draw_as(paint, part.area, part.is_large);
}

fn draw_as(paint: &mut Paint<'_>, area: Rect, is_large: bool) {
    paint.landed.moves(MovingPart { area, is_large, at: paint.now });
    draw_in(paint, area, if is_large { &Size::PRESENTER } else { &Size::RING });
}

fn draw_in(paint: &mut Paint<'_>, area: Rect, sizes: &[Size]) {
    let app = paint.app;
    let area = inner(area);
    let ids = app.world.ids();
    let (size, places) = places(area, ids.len(), sizes);
    let places: Vec<(NodeId, Rect)> = ids.into_iter().zip(places).collect();
    let mut raster = Raster::new(area, paint.glyphs().braille);
    let mut pairs = pairs(&places);
    // In a grid there is no room between the rows; each node says whether it is cut off.
    let is_open = places.len() <= RING || !size.is_flat();
    pairs.retain(|_| is_open);
    if places.len() > RING {
        // The cards of a grid say which node is cut off.
        pairs.retain(|(one, other)| serves(&app.world, one.0, other.0));
    } else if places.len() > SILENT_LINKS {
        // With many nodes, the silent links would hide the others.
        pairs.retain(|(one, other)| speaks(&app.world, one.0, other.0));
    }
    for (one, other) in &pairs {
        link(paint, &mut raster, one, other);
    }
    raster.paint(paint.buf);
    for (one, other) in &pairs {
        cut_sign(paint, one, other);
    }
    if is_open {
        link_labels(paint, &places, &pairs);
        flights(paint, &places);
        under_way(paint, &places);
        hud(paint, area, &places);
    }
    for (id, place) in &places {
        if let Some(node) = app.world.node(*id) {
            card::draw(paint, node, *place, size);
        }
    }
    if let Some(lit) = app.presenter.spotlight {
        for (_, place) in places.iter().filter(|(id, _)| *id != lit) {
            paint.fill(*place, paint.theme.faint().remove_modifier(Modifier::BOLD));
        }
    }
}

/// The leader's name and its term in big characters in the upper corners, where no card is.
fn hud(paint: &mut Paint<'_>, area: Rect, places: &[Placed]) {
    let world = &paint.app.world;
    let led = match world.verdict() {
        Verdict::Leads { leader, term, .. } => Some((leader, term)),
        _ => None,
    };
    let term = led.map_or_else(|| world.term(), |(_, term)| term).to_string();
    let leader = led.map_or_else(|| "-".to_owned(), |(leader, _)| leader.to_string());
    let style = if led.is_some() { paint.theme.leader_line() } else { paint.theme.trouble_line() };
    for (caption, text, at_right) in [("leader", leader, false), ("term", term, true)] {
        let width = big::width(caption, &text);
        let room = Rect { height: big::ROWS + 1, width: (width + 2).min(area.width), ..area };
        let room = if at_right { Rect { x: area.right() - room.width, ..room } } else { room };
        if area.height > 12 && !places.iter().any(|(_, place)| place.intersects(room)) {
            big::draw(
                paint,
                Rect { x: room.x + 1, y: room.y + 1, width, height: big::ROWS },
                caption,
                &text,
                style,
            );
        }
    }
}

type Placed = (NodeId, Rect);

fn pairs(places: &[Placed]) -> Vec<(Placed, Placed)> {
    let rest = |n: usize| places[n + 1..].iter().copied();
    places.iter().enumerate().flat_map(|(n, one)| rest(n).map(|other| (*one, other))).collect()
}

/// The largest cards that fit, and their positions.
fn places(area: Rect, count: usize, on_ring: &[Size]) -> (Size, Vec<Rect>) {
    let fit = |size: Size| {
        let places = if count > RING { grid(area, count, size) } else { ellipse(area, count, size) };
        (apart(&places, area, size)).then_some((size, places))
    };
    let sizes = if count > RING { &Size::GRID } else { on_ring };
    sizes.iter().copied().find_map(fit).unwrap_or_else(|| (Size::Chip, grid(area, count, Size::Chip)))
}

/// Whether the cards are inside and leave room for links between them.
fn apart(places: &[Rect], area: Rect, size: Size) -> bool {
    let (dx, dy) = match size {
        Size::Huge => (16, 3),
        Size::Great => (20, 6),
        Size::Full => (8, 3),
        Size::Middle => (6, 2),
        Size::Small | Size::Narrow => (4, 1),
        Size::Tile | Size::Chip => (1, 0),
    };
    let inside = places.iter().all(|place| area.intersection(*place) == *place);
    let wide = |r: &Rect| Rect { width: r.width + dx, height: r.height + dy, ..*r };
    inside
        && places
            .iter()
            .enumerate()
            .all(|(n, one)| places[n + 1..].iter().all(|other| !wide(one).intersects(wide(other))))
}

fn ellipse(area: Rect, count: usize, size: Size) -> Vec<Rect> {
    let (width, height) = size.extent();
    let Some((free_x, free_y)) = area.width.checked_sub(width).zip(area.height.checked_sub(height)) else {
        // Nothing of this size fits: a place that is not inside.
        return vec![Rect { x: area.x, y: area.y, width, height }; count.max(1)];
    };
    let start = if count == 2 { std::f64::consts::PI } else { -std::f64::consts::FRAC_PI_2 };
    let whole = f64::from(u32::try_from(count.max(1)).unwrap_or(1));
    let points: Vec<(f64, f64)> = (0..u32::try_from(count).unwrap_or(0))
        .map(|n| start + std::f64::consts::TAU * f64::from(n) / whole)
        .map(|angle| (angle.cos(), angle.sin()))
        .collect();
    let stretch = |values: Vec<f64>, free: u16| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let place = |value: f64| if most - least < 1e-6 { 0.5 } else { (value - least) / (most - least) };
        let offset = |value| u16::try_from(to_u32((place(value) * f64::from(free)).round())).unwrap_or(0);
        values.into_iter().map(offset).collect::<Vec<u16>>()
    };
    let xs = stretch(points.iter().map(|p| p.0).collect(), free_x);
    let ys = stretch(points.iter().map(|p| p.1).collect(), free_y);
    xs.into_iter().zip(ys).map(|(x, y)| Rect { x: area.x + x, y: area.y + y, width, height }).collect()
}

fn grid(area: Rect, count: usize, size: Size) -> Vec<Rect> {
    let (width, height) = size.extent();
    let gap = if size.is_flat() { 1 } else { 4 };
    let most = usize::from(((area.width + gap) / (width + gap)).max(1));
    let rows = count.div_ceil(most).max(1);
    let columns = count.div_ceil(rows).max(1);
    let (columns16, rows16) =
        (u16::try_from(columns).unwrap_or(u16::MAX), u16::try_from(rows).unwrap_or(u16::MAX));
    let step_x = area.width / columns16.max(1);
    let step_y = area.height / rows16.max(1);
    (0..count)
        .map(|n| {
            let column = u16::try_from(n % columns).unwrap_or(0);
            let row = u16::try_from(n / columns).unwrap_or(0);
            let x = area.x + column * step_x + step_x.saturating_sub(width) / 2;
            let y = area.y + row * step_y + step_y.saturating_sub(height) / 2;
            Rect { x, y, width, height }
        })
        .collect()
}

fn centre(place: Rect) -> (f64, f64) {
    (f64::from(place.x) + f64::from(place.width) / 2.0, f64::from(place.y) + f64::from(place.height) / 2.0)
}

/// The part of the line between two cards that lies outside both.
fn between(one: Rect, other: Rect) -> ((f64, f64), (f64, f64)) {
    let (from, to) = (centre(one), centre(other));
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let leave = |place: Rect| {
        let x = if dx.abs() < 1e-9 { f64::INFINITY } else { (f64::from(place.width) / 2.0 + 0.5) / dx.abs() };
        let y =
            if dy.abs() < 1e-9 { f64::INFINITY } else { (f64::from(place.height) / 2.0 + 0.25) / dy.abs() };
        x.min(y).min(0.5)
    };
    let (start, end) = (leave(one), 1.0 - leave(other));
    ((from.0 + dx * start, from.1 + dy * start), (from.0 + dx * end, from.1 + dy * end))
}

fn along(from: (f64, f64), to: (f64, f64), part: f64) -> (f64, f64) {
    (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
}

fn link(paint: &Paint<'_>, raster: &mut Raster, one: &Placed, other: &Placed) {
    let world = &paint.app.world;
    let (from, to) = between(one.1, other.1);
    let (there, back) = (world.is_cut(one.0, other.0), world.is_cut(other.0, one.0));
    let cut = Stroke { on: 7, off: 6, style: paint.theme.trouble_line(), rank: 4 };
    match (there, back) {
        (true, true) => raster.line(from, to, cut),
        (false, false) => raster.line(from, to, open_stroke(paint, one.0, other.0)),
        // Half-cut: the sender's half of the way is broken, the rest is whole.
        (true, false) | (false, true) => {
            let middle = along(from, to, 0.5);
            let whole = open_stroke(paint, one.0, other.0);
            let (first, second) = if there { (cut, whole) } else { (whole, cut) };
            raster.line(from, middle, first);
            raster.line(middle, to, second);
        }
    }
}

/// Whether a link is a leader's, or cut in at least one direction.
pub(crate) fn speaks(world: &World, one: NodeId, other: NodeId) -> bool {
    let cut = world.is_cut(one, other) || world.is_cut(other, one);
    cut || serves(world, one, other)
}

/// Whether one of the two follows the other.
pub(crate) fn serves(world: &World, one: NodeId, other: NodeId) -> bool {
    follows(world, one, other) || follows(world, other, one)
}

/// A leader's links stand out; links that are silent at the moment are faint.
fn open_stroke(paint: &Paint<'_>, one: NodeId, other: NodeId) -> Stroke {
    let world = &paint.app.world;
    let theme = paint.theme;
    let alive = |id| world.node(id).is_some_and(|node| matches!(node.phase(), Phase::Running(_)));
    if serves(world, one, other) {
        Stroke { on: 1, off: 0, style: theme.leader_line(), rank: 3 }
    } else if alive(one) && alive(other) {
        Stroke { on: 1, off: 2, style: theme.faint(), rank: 1 }
    } else {
        Stroke { on: 1, off: 6, style: theme.faint(), rank: 0 }
    }
}

fn follows(world: &World, follower: NodeId, leader: NodeId) -> bool {
    let leads = world.node(leader).and_then(|n| n.live()).filter(|s| s.role == Role::Leader);
    let Some((leads, status)) = leads.zip(world.node(follower).and_then(|n| n.live())) else {
        return false;
    };
    status.leader == Some(leader) && status.term == leads.term
}

/// A sign in the middle of a cut link; on a half-cut one, an arrow in the direction that is still open.
fn cut_sign(paint: &mut Paint<'_>, one: &Placed, other: &Placed) {
    let world = &paint.app.world;
    let (there, back) = (world.is_cut(one.0, other.0), world.is_cut(other.0, one.0));
    let (from, to) = between(one.1, other.1);
    let glyphs = paint.glyphs();
    let sign = match (there, back) {
        (false, false) => return,
        (true, true) => format!(" {} ", glyphs.cut),
        (true, false) => format!("{} {}", glyphs.cut, arrow(paint, to, from)),
        (false, true) => format!("{} {}", glyphs.cut, arrow(paint, from, to)),
    };
    let middle = along(from, to, 0.5);
    let style = paint.theme.trouble_plate();
    let (x, y) = (to_cell(middle.0).saturating_sub(1), to_cell(middle.1));
    paint.at(Rect { x, y, width: 3, height: 1 }, &Line::styled(sign, style));
}

/// What is in force on the links, beside the way, where it hides neither a card nor another label.
fn link_labels(paint: &mut Paint<'_>, places: &[Placed], pairs: &[(Placed, Placed)]) {
    let mut taken: Vec<Rect> = places.iter().map(|(_, place)| *place).collect();
    for (one, other) in pairs {
        let (from, to) = between(one.1, other.1);
        let world = &paint.app.world;
        let (there, back) =
            (fault_labels::of_link(world, one.0, other.0), fault_labels::of_link(world, other.0, one.0));
        let labels = match (there, back) {
            (Some(there), Some(back)) if there == back => vec![(there, from, to, 0.5)],
            (there, back) => {
                let way = |words: Option<String>, from, to| {
                    words.map(|words| (format!("{words} {}", arrow(paint, from, to)), from, to, 0.35))
                };
                way(there, from, to).into_iter().chain(way(back, to, from)).collect()
            }
        };
        for (words, from, to, part) in labels {
            let words = paint.cut(&words, 22);
            if let Some(place) = free_place(&words, (from, to), part, &taken, paint.buf.area) {
                paint.clear(place);
                paint.at(place, &Line::styled(words, paint.theme.trouble_plate()));
                taken.push(place);
            }
        }
    }
}

/// The first place along a way, near this part of it, where a label of one row hides nothing.
fn free_place(
    words: &str,
    way: ((f64, f64), (f64, f64)),
    part: f64,
    taken: &[Rect],
    within: Rect,
) -> Option<Rect> {
    let width = u16::try_from(words.width()).ok()?;
    let at = |shift: f64| {
        let here = along(way.0, way.1, part + shift);
        Rect { x: to_cell(here.0).saturating_sub(width / 2), y: to_cell(here.1), width, height: 1 }
    };
    let is_free = |place: &Rect| {
        within.intersection(*place) == *place && !taken.iter().any(|other| other.intersects(*place))
    };
    [0.0, -0.1, 0.1, -0.2, 0.2, -0.3, 0.3].into_iter().map(at).find(is_free)
}

fn arrow(paint: &Paint<'_>, from: (f64, f64), to: (f64, f64)) -> &'static str {
    let [right, left, up, down] = paint.glyphs().arrows;
    let (dx, dy) = (to.0 - from.0, (to.1 - from.1) * 2.0);
    match (dx.abs() >= dy.abs(), dx > 0.0, dy > 0.0) {
        (true, true, _) => right,
        (true, false, _) => left,
        (false, _, true) => down,
        (false, _, false) => up,
    }
}

fn to_cell(value: f64) -> u16 {
    u16::try_from(to_u32(value)).unwrap_or(u16::MAX)
}

fn flights(paint: &mut Paint<'_>, places: &[Placed]) {
    let place_of = |id| places.iter().find(|(other, _)| *other == id).map(|(_, place)| *place);
    let app = paint.app;
    for (from, to, flight, place) in app.flights.at(paint.now) {
        let Some((one, other)) = place_of(from).zip(place_of(to)) else { continue };
        let (start, end) = between(one, other);
        let (part, glyph, style) = match place {
            FlightPosition::OnTheWay(part) => {
                let (glyph, style) = looks(paint, flight.kind, flight.granted);
                (part, glyph, style)
            }
            FlightPosition::Burst(part) => (part, paint.glyphs().lost, paint.theme.trouble_plate()),
        };
        let here = along(start, end, part);
        let cell = Rect { x: to_cell(here.0), y: to_cell(here.1), width: 1, height: 1 };
        paint.at(cell, &Line::styled(glyph, style));
    }
}

fn looks(paint: &Paint<'_>, kind: FrameKind, granted: Option<bool>) -> (&'static str, Style) {
    let style = if kind == FrameKind::AppendReply && granted == Some(false) {
        paint.theme.trouble_plate()
    } else {
        message_style(paint.theme, kind)
    };
    (message_glyph(paint.theme, kind, granted), style)
}

/// Messages at their true places: all of them while time is slow, else those that take long or are held.
fn under_way(paint: &mut Paint<'_>, places: &[Placed]) {
    let place_of = |id| places.iter().find(|(other, _)| *other == id).map(|(_, place)| *place);
    let app = paint.app;
    for shown in app.messages.shown(app.clock.is_slow(), paint.now, paint.time) {
        let Some((one, other)) = place_of(shown.from).zip(place_of(shown.to)) else { continue };
        let (start, end) = lane(between(one, other));
        let (glyph, style) = looks(paint, shown.kind, shown.granted);
        let (glyph, style) = match shown.does {
            MessageMotion::Bursts => (paint.glyphs().lost, paint.theme.trouble_plate()),
            MessageMotion::Stands => (glyph, paint.theme.selected()),
            MessageMotion::Moves | MessageMotion::Lands => (glyph, style),
        };
        let here = along(start, end, shown.part);
        let cell = Rect { x: to_cell(here.0), y: to_cell(here.1), width: 1, height: 1 };
        paint.clear(cell);
        paint.at(cell, &Line::styled(glyph, style));
    }
    for (from, one) in places {
        for (to, other) in places {
            let held = app.messages.held_on(*from, *to);
            if held > MAX_STANDING {
                let (start, end) = lane(between(*one, *other));
                let here = along(start, end, 0.12);
                let text = format!("+{}", held - MAX_STANDING);
                let width = u16::try_from(text.len()).unwrap_or(0);
                let place = Rect {
                    x: to_cell(here.0).saturating_sub(width / 2),
                    y: to_cell(here.1),
                    width,
                    height: 1,
                };
                paint.at(place, &Line::styled(text, paint.theme.selected()));
            }
        }
    }
}

/// Messages are drawn on the right of their link, so that the two directions do not hide each other.
fn lane((from, to): ((f64, f64), (f64, f64))) -> ((f64, f64), (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, (to.1 - from.1) * 2.0);
    let length = dx.hypot(dy).max(1e-9);
    // A row is about as high as two columns are wide.
    let (x, y) = (-dy / length, dx / length * 0.5);
    ((from.0 + x, from.1 + y), (to.0 + x, to.1 + y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_up_to_fifteen_nodes_fits_without_overlap_at_the_usual_sizes() {
        for (width, height) in [(80, 11), (72, 26), (118, 42), (60, 8)] {
            let area = Rect::new(0, 0, width, height);
            for count in 1..=15 {
                let (size, places) = places(area, count, &Size::RING);
                assert_eq!(places.len(), count);
                assert!(apart(&places, area, size), "{count} nodes in {width}x{height}: {size:?}");
            }
        }
    }

    #[test]
    fn the_reference_screen_shows_full_cards_up_to_five_nodes() {
        let area = Rect::new(0, 0, 72, 25);
        for count in 1..=5 {
            let (size, _) = places(area, count, &Size::RING);
            assert!(matches!(size, Size::Great | Size::Full), "{count} nodes: {size:?}");
        }
    }

    #[test]
    fn a_link_is_drawn_only_outside_its_cards() {
        let (one, other) = (Rect::new(0, 0, 10, 3), Rect::new(30, 0, 10, 3));
        let (from, to) = between(one, other);
        assert!(from.0 >= 10.0 && to.0 <= 30.0);
        let (from, to) = between(one, one);
        assert!(from.0.is_finite() && to.1.is_finite(), "two cards in one place do no harm");
    }
}
