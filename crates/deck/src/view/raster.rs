//! Lines between cells: braille dots, eight to a cell, or ASCII characters, one to a cell.
//!
//! Where lines meet in a cell, the more important one gives the style.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    /// This many dots drawn …
    pub(crate) on: u32,
    /// … then this many left out.
    pub(crate) off: u32,
    /// Its style.
    pub(crate) style: Style,
    /// The greater one wins.
    pub(crate) rank: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    mask: u8,
    ascii: Option<char>,
    rank: u8,
    style: Style,
}

/// A sheet of lines over an area.
pub(crate) struct Raster {
    area: Rect,
    braille: bool,
    cells: Vec<Cell>,
}

/// The bit of each of a cell's 2 by 4 dots, by column and row.
const BITS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

impl Raster {
    pub(crate) fn new(area: Rect, braille: bool) -> Self {
        let cells = usize::from(area.width) * usize::from(area.height);
        Self { area, braille, cells: vec![Cell::default(); cells] }
    }

    /// Draws a line between two points, in cells of the screen.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: Stroke) {
        let scale = if self.braille { (2.0, 4.0) } else { (1.0, 1.0) };
        let (dx, dy) = ((to.0 - from.0) * scale.0, (to.1 - from.1) * scale.1);
        let steps = dx.abs().max(dy.abs()).ceil().clamp(1.0, 10_000.0);
        let slope = slope_char(to.0 - from.0, to.1 - from.1);
        let count = to_u32(steps);
        for step in 0..=count {
            if step % (stroke.on + stroke.off).max(1) >= stroke.on {
                continue;
            }
            let part = f64::from(step) / steps;
            self.dot(from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part, slope, stroke);
        }
    }

    fn dot(&mut self, x: f64, y: f64, slope: char, stroke: Stroke) {
        let (x, y) = (x - f64::from(self.area.x), y - f64::from(self.area.y));
        if x < 0.0 || y < 0.0 || x >= f64::from(self.area.width) || y >= f64::from(self.area.height) {
            return;
        }
        let (column, row) = (to_u32(x) as usize, to_u32(y) as usize);
        let place = row * usize::from(self.area.width) + column;
        let Some(cell) = self.cells.get_mut(place) else { return };
        let sub = (to_u32(x.fract() * 2.0).min(1) as usize, to_u32(y.fract() * 4.0).min(3) as usize);
        cell.mask |= BITS[sub.0][sub.1];
        if stroke.rank >= cell.rank {
            cell.rank = stroke.rank;
            cell.style = stroke.style;
            cell.ascii = Some(slope);
        }
    }

    /// Puts the lines on the screen.
    pub(crate) fn paint(&self, buf: &mut Buffer) {
        for (cell, position) in self.cells.iter().zip(self.area.positions()) {
            if cell.mask == 0 {
                continue;
            }
            let Some(target) = buf.cell_mut(position) else { continue };
            let braille = char::from_u32(0x2800 + u32::from(cell.mask)).unwrap_or(' ');
            target.set_char(if self.braille { braille } else { cell.ascii.unwrap_or('.') });
            target.set_style(cell.style);
        }
    }
}

/// The ASCII character with the slope of a line; a cell is about twice as high as wide.
fn slope_char(dx: f64, dy: f64) -> char {
    let steep = (dy * 2.0).abs() / dx.abs().max(f64::EPSILON);
    if steep < 0.5 {
        '-'
    } else if steep > 3.0 {
        '|'
    } else if (dx > 0.0) == (dy > 0.0) {
        '\\'
    } else {
        '/'
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped first; a cell's place is small"
)]
pub(crate) fn to_u32(value: f64) -> u32 {
    value.clamp(0.0, 1_000_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(braille: bool, from: (f64, f64), to: (f64, f64)) -> String {
        let area = Rect::new(0, 0, 6, 1);
        let mut raster = Raster::new(area, braille);
        raster.line(from, to, Stroke { on: 1, off: 0, style: Style::new(), rank: 1 });
        let mut buf = Buffer::empty(area);
        raster.paint(&mut buf);
        buf.content().iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn lines_are_dots_or_characters_that_lean_like_them() {
        assert_eq!(drawn(true, (0.0, 0.5), (5.9, 0.5)), "⠤⠤⠤⠤⠤⠤");
        assert_eq!(drawn(false, (0.0, 0.5), (5.9, 0.5)), "------");
        assert_eq!(slope_char(1.0, 5.0), '|');
        assert_eq!(slope_char(3.0, 1.5), '\\');
        assert_eq!(slope_char(-3.0, 1.5), '/');
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        drawn(true, (-1e12, f64::NAN), (1e12, 3.0));
        assert_eq!(drawn(true, (0.0, 7.0), (5.0, 7.0)).trim(), "");
    }
}
