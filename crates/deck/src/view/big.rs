//! Characters three rows high, for what must be readable from a distance: terms and names of nodes.

use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// How many rows a big text takes, its caption included.
pub(crate) const ROWS: u16 = 4;

/// Each row is three bits, the left one first; five rows.
fn pattern(c: char) -> [u8; 5] {
    match c {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b111, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        'n' => [0b000, 0b000, 0b110, 0b101, 0b101],
        _ => [0b000, 0b000, 0b111, 0b000, 0b000],
    }
}

/// The width of a big text, its caption included.
pub(crate) fn width(caption: &str, text: &str) -> u16 {
    u16::try_from((text.chars().count() * 4).saturating_sub(1).max(caption.len())).unwrap_or(u16::MAX)
}

/// Draws a caption and below it a big text; without block characters, a text of the usual size.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, caption: &str, text: &str, style: Style) {
    let faint = paint.theme.faint();
    paint.row(area, 0, &Line::from(Span::styled(caption.to_owned(), faint)));
    if !paint.glyphs().braille {
        let strong = paint.theme.strong();
        paint.row(area, 1, &Line::from(Span::styled(text.to_owned(), strong)));
        return;
    }
    for row in 0..3u16 {
        let line: String = text.chars().map(|c| half_rows(pattern(c), usize::from(row) * 2)).collect();
        paint.row(area, row + 1, &Line::from(Span::styled(line, style)));
    }
}

/// Two rows of a character as one row of half blocks, and a gap.
fn half_rows(pattern: [u8; 5], upper: usize) -> String {
    let lower = pattern.get(upper + 1).copied().unwrap_or(0);
    let half = |bit: u8| match (pattern[upper] & bit != 0, lower & bit != 0) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    [half(0b100), half(0b010), half(0b001), ' '].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_three_rows_of_half_blocks() {
        let rows: Vec<String> = (0..3).map(|row| half_rows(pattern('7'), row * 2)).collect();
        assert_eq!(rows, ["▀▀█ ", " █  ", " ▀  "]);
        assert_eq!((width("term", "3"), width("term", "12")), (4, 7));
    }
}
