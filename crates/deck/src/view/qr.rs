//! A QR code in half-block characters: an address that a class reads with its phones.
//!
//! Always black on white, whatever the theme: not every reader finds a code whose colours are inverted. Where only ASCII is drawn there
//! is none: two characters a module would need twice the rows, and the address stands beside it.

use fast_qr::{ECL, QRBuilder, QRCode};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

/// The quiet zone around a code, in modules (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;

/// Pure black and white of the 256 colours, which no terminal's palette changes.
const BLACK_ON_WHITE: Style =
    Style::new().fg(Color::Indexed(16)).bg(Color::Indexed(231)).remove_modifier(Modifier::DIM);

/// The rows of a text's code, two rows of modules in each. `None`: the text is too long for a code.
#[must_use]
pub fn rows(text: &str) -> Option<Vec<String>> {
    // A screen has no dirt and no folds: the least correction gives the largest modules.
    let code = QRBuilder::new(text).ecl(ECL::L).build().ok()?;
    let size = code.size + 2 * QUIET;
    let row =
        |y: usize| (0..size).map(|x| half_blocks(is_dark(&code, x, y), is_dark(&code, x, y + 1))).collect();
    Some((0..size).step_by(2).map(row).collect())
}

/// The same, in black on white.
#[must_use]
pub fn lines(text: &str) -> Option<Vec<Line<'static>>> {
    Some(rows(text)?.into_iter().map(|row| Line::styled(row, BLACK_ON_WHITE)).collect())
}

/// Whether a module is dark, counted from the corner of the quiet zone.
fn is_dark(code: &QRCode, x: usize, y: usize) -> bool {
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.size);
    inside(x).zip(inside(y)).is_some_and(|(x, y)| code[y][x].value())
}

/// A module above another.
fn half_blocks(above: bool, below: bool) -> char {
    match (above, below) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "http://192.168.178.23:40123/KX7M2P";

    /// What a reader sees: each character is two pixels, one above the other, each drawn larger than that.
    fn read(rows: &[String]) -> String {
        const SCALE: usize = 4;
        let pixels: Vec<Vec<char>> = rows.iter().map(|row| row.chars().collect()).collect();
        let (width, height) = (pixels[0].len() * SCALE, pixels.len() * 2 * SCALE);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            let (column, half) = (x / SCALE, y / SCALE);
            let dark = match pixels[half / 2][column] {
                '█' => true,
                '▀' => half % 2 == 0,
                '▄' => half % 2 == 1,
                _ => false,
            };
            if dark { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code");
        grids[0].decode().expect("it can be read").1
    }

    #[test]
    fn the_drawn_code_says_what_it_was_made_of() {
        let long = format!("http://[fd00:1111:2222:3333:4444:5555:6666:7777]:65535/{}", "ABCDEF");
        for text in ["x", ADDRESS, "http://127.0.0.1:8080/ABCDEF", &long, "http://raftdeck.example/Grüße"] {
            assert_eq!(read(&rows(text).unwrap()), text);
        }
    }

    #[test]
    fn a_code_is_square_has_a_quiet_zone_and_fits_on_a_screen() {
        let rows = rows(ADDRESS).unwrap();
        let width = rows[0].chars().count();
        assert!(rows.iter().all(|row| row.chars().count() == width));
        assert_eq!(rows.len(), width.div_ceil(2));
        assert!(rows.len() <= 19 && width <= 38, "{width} by {}", rows.len());
        assert!(rows[0].trim().is_empty() && rows[1].trim().is_empty());
        assert!(rows.iter().all(|row| row.starts_with("    ") && row.ends_with("    ")));
        assert!(rows[2].starts_with("    █▀▀▀▀▀█ "), "{}", rows[2]);
    }

    #[test]
    fn it_is_black_on_white() {
        let lines = lines(ADDRESS).unwrap();
        assert!(
            lines.iter().all(|line| line.style.bg == Some(Color::Indexed(231))
                && line.style.fg == Some(Color::Indexed(16)))
        );
    }

    #[test]
    fn a_text_too_long_for_any_code_has_none() {
        assert_eq!(rows(&"x".repeat(4000)), None);
    }
}
