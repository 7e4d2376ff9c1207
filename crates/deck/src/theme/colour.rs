//! Colours as a theme names them, and what a terminal with fewer colours shows instead.

use ratatui::style::Color;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColourDepth {
    /// The sixteen that each terminal has its own shades of.
    Sixteen,
    /// These, and 240 that are the same everywhere.
    #[default]
    Indexed,
    /// All of them.
    True,
}

/// The sixteen names, in the order of their numbers.
pub const NAMES: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("dark-gray", Color::DarkGray),
    ("light-red", Color::LightRed),
    ("light-green", Color::LightGreen),
    ("light-yellow", Color::LightYellow),
    ("light-blue", Color::LightBlue),
    ("light-magenta", Color::LightMagenta),
    ("light-cyan", Color::LightCyan),
    ("white", Color::White),
];

/// xterm's shades of the sixteen, to find the nearest by.
const SHADES: [[u8; 3]; 16] = [
    [0x00, 0x00, 0x00],
    [0xcd, 0x00, 0x00],
    [0x00, 0xcd, 0x00],
    [0xcd, 0xcd, 0x00],
    [0x00, 0x00, 0xee],
    [0xcd, 0x00, 0xcd],
    [0x00, 0xcd, 0xcd],
    [0xe5, 0xe5, 0xe5],
    [0x7f, 0x7f, 0x7f],
    [0xff, 0x00, 0x00],
    [0x00, 0xff, 0x00],
    [0xff, 0xff, 0x00],
    [0x5c, 0x5c, 0xff],
    [0xff, 0x00, 0xff],
    [0x00, 0xff, 0xff],
    [0xff, 0xff, 0xff],
];

/// The steps of the colour cube, 16 to 231.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// A colour of a theme: the choices in order, of which a terminal shows the first that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colour(pub Vec<Color>);

impl Colour {
    /// What a terminal with so many colours shows.
    #[must_use]
    pub fn at(&self, depth: ColourDepth) -> Color {
        let shown = |colour: &Color| match (depth, *colour) {
            (ColourDepth::Sixteen, Color::Rgb(..) | Color::Indexed(_)) => None,
            (ColourDepth::Indexed, Color::Rgb(r, g, b)) => Some(nearest_index([r, g, b])),
            (_, colour) => Some(colour),
        };
        let first = || self.0.first().copied().unwrap_or(Color::Reset);
        self.0.iter().find_map(shown).unwrap_or_else(|| nearest_name(first()))
    }
}

/// Parses a colour: a name, `#rrggbb`, a number from 0 to 255, or `default`.
#[must_use]
pub fn parse(text: &str) -> Option<Color> {
    if text == "default" {
        return Some(Color::Reset);
    }
    if let Some((_, colour)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*colour);
    }
    if let Some(hex) = text.strip_prefix('#') {
        return rgb_of(hex);
    }
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().map(numbered)
}

fn rgb_of(hex: &str) -> Option<Color> {
    if hex.len() != 6 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    Some(Color::Rgb(part(0)?, part(2)?, part(4)?))
}

/// The first sixteen numbers are the names.
fn numbered(number: u8) -> Color {
    NAMES.get(usize::from(number)).map_or(Color::Indexed(number), |(_, colour)| *colour)
}

/// The shade of one of the 240 colours that are the same in every terminal; `None` for the sixteen, which are not.
#[must_use]
pub fn shade(number: u8) -> Option<[u8; 3]> {
    if let Some(step) = number.checked_sub(232) {
        return Some([8 + 10 * step; 3]);
    }
    let place = usize::from(number.checked_sub(16)?);
    Some([STEPS[place / 36], STEPS[place / 6 % 6], STEPS[place % 6]])
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

fn nearest_index(rgb: [u8; 3]) -> Color {
    let shades = (16..=u8::MAX).filter_map(|number| Some((number, shade(number)?)));
    let nearest = shades.min_by_key(|(_, shade)| distance(*shade, rgb));
    nearest.map_or(Color::Reset, |(number, _)| Color::Indexed(number))
}

fn nearest_name(colour: Color) -> Color {
    let rgb = match colour {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(number) => shade(number),
        _ => None,
    };
    let Some(rgb) = rgb else { return colour };
    let nearest = NAMES.iter().zip(SHADES).min_by_key(|(_, shade)| distance(*shade, rgb));
    nearest.map_or(colour, |((_, name), _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_a_name_a_number_or_its_shades() {
        for (text, colour) in [
            ("default", Color::Reset),
            ("light-blue", Color::LightBlue),
            ("0", Color::Black),
            ("15", Color::White),
            ("16", Color::Indexed(16)),
            ("255", Color::Indexed(255)),
            ("#0a0B0c", Color::Rgb(10, 11, 12)),
        ] {
            assert_eq!(parse(text), Some(colour), "{text}");
        }
        for text in ["", "256", "-1", "+1", "#fff", "#gggggg", "#+1+1+1", "blueish", "Blue"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_terminal_shows_the_first_choice_that_it_has() {
        let colour = Colour(vec![Color::Rgb(0, 95, 175), Color::Blue]);
        assert_eq!(colour.at(ColourDepth::True), Color::Rgb(0, 95, 175));
        assert_eq!(colour.at(ColourDepth::Indexed), Color::Indexed(25), "#005faf is 25");
        assert_eq!(colour.at(ColourDepth::Sixteen), Color::Blue);
    }

    #[test]
    fn without_a_choice_the_nearest_is_shown() {
        let rgb = Colour(vec![Color::Rgb(250, 250, 10)]);
        assert_eq!(rgb.at(ColourDepth::Sixteen), Color::LightYellow);
        let grey = Colour(vec![Color::Indexed(244)]);
        assert_eq!(grey.at(ColourDepth::Sixteen), Color::DarkGray);
        assert_eq!(grey.at(ColourDepth::Indexed), Color::Indexed(244));
        assert_eq!(Colour(Vec::new()).at(ColourDepth::True), Color::Reset);
    }
}
