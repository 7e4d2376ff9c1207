//! How things look: glyphs, and a style for each role of the text, so that no view names a colour.
//!
//! A theme is a [`Sheet`], parsed from a file; a [`Theme`] is what it looks like on a terminal with so many colours. Blue represents
//! a leader, yellow a problem; each role also has a glyph and a word, so nothing is expressed by colour alone.

pub mod colour;
mod glyphs;
mod sheet;
mod shipped;

pub use colour::ColourDepth;
pub use glyphs::Glyphs;
pub use sheet::{Look, MAX_TERMS, Sheet, TextRole};
pub use shipped::{DEFAULT, MONOCHROME, SHIPPED, named, names, sheets};

use raftdeck_raft::{Role, Term};
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier, Style};

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    /// Those of the theme.
    #[default]
    Terminal,
    /// None; bold, faint and reversed remain.
    Never,
}

/// A style in few bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Shade {
    ink: Option<Color>,
    ground: Option<Color>,
    modifier: Modifier,
}

impl Shade {
    fn style(self) -> Style {
        Style { fg: self.ink, bg: self.ground, ..Style::new().add_modifier(self.modifier) }
    }
}

/// The look of the deck.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    roles: [Shade; TextRole::ALL.len()],
    terms: [Shade; MAX_TERMS],
    /// How many of `terms` are set.
    term_count: u8,
    glyphs: &'static Glyphs,
}

/// It is handed about by value.
const _: () = assert!(size_of::<Theme>() <= 256, "a theme is small");

impl Default for Theme {
    fn default() -> Self {
        Self::of(&Sheet::default(), ColourDepth::default(), false)
    }
}

impl Theme {
    /// What a theme looks like on a terminal with so many colours.
    #[must_use]
    pub fn of(sheet: &Sheet, depth: ColourDepth, ascii: bool) -> Self {
        let shade = |look: &Look| Shade {
            ink: look.ink.as_ref().map(|ink| ink.at(depth)),
            ground: look.ground.as_ref().map(|ground| ground.at(depth)),
            modifier: look.modifier,
        };
        let roles = TextRole::ALL.map(|role| shade(sheet.look(role)));
        let mut terms = [Shade::default(); MAX_TERMS];
        for (term, look) in terms.iter_mut().zip(&sheet.terms) {
            *term = shade(look);
        }
        let term_count = u8::try_from(sheet.terms.len().min(MAX_TERMS)).unwrap_or(1).max(1);
        Self { roles, terms, term_count, glyphs: if ascii { &glyphs::ASCII } else { &glyphs::UNICODE } }
    }

    /// The characters to draw with.
    #[must_use]
    pub fn glyphs(&self) -> &'static Glyphs {
        self.glyphs
    }

    /// The style of a role.
    #[must_use]
    pub fn role(self, role: TextRole) -> Style {
        self.roles[role as usize].style()
    }

    /// A leader's name plate.
    #[must_use]
    pub fn leader_plate(self) -> Style {
        self.role(TextRole::LeaderPlate)
    }

    /// A leader's border and its links.
    #[must_use]
    pub fn leader_line(self) -> Style {
        self.role(TextRole::LeaderLine)
    }

    /// A present problem, as a name plate.
    #[must_use]
    pub fn trouble_plate(self) -> Style {
        self.role(TextRole::TroublePlate)
    }

    /// The band across the screen when there is trouble.
    #[must_use]
    pub fn trouble_band(self) -> Style {
        self.role(TextRole::TroubleBand)
    }

    /// A present problem, as a line. It is for borders and links: as text, it may be hard to read.
    #[must_use]
    pub fn trouble_line(self) -> Style {
        self.role(TextRole::TroubleLine)
    }

    /// Ordinary text.
    #[must_use]
    pub fn text(self) -> Style {
        Style::new()
    }

    /// Text that matters more than its surroundings.
    #[must_use]
    pub fn strong(self) -> Style {
        self.role(TextRole::Strong)
    }

    /// Text that matters less than its surroundings.
    #[must_use]
    pub fn faint(self) -> Style {
        self.role(TextRole::Faint)
    }

    /// The selected item, whatever its background.
    #[must_use]
    pub fn selected(self) -> Style {
        let style = self.role(TextRole::Selected);
        Style { fg: style.fg.or(Some(Color::Reset)), bg: style.bg.or(Some(Color::Reset)), ..style }
    }

    /// A key in the footer.
    #[must_use]
    pub fn key(self) -> Style {
        self.role(TextRole::Key)
    }

    /// An entry under way, and other good news in small.
    #[must_use]
    pub fn entries(self) -> Style {
        self.role(TextRole::Entries)
    }

    /// A term's background, so that neighbouring terms can be told apart. The label says which term it is.
    #[must_use]
    pub fn term_plate(self, term: Term) -> Style {
        let place = usize::try_from(term.0 % u64::from(self.term_count)).unwrap_or(0);
        self.terms[place].style()
    }

    /// The edge of a term's plate, in the colour of the plate. It is no text.
    #[must_use]
    pub fn term_line(self, term: Term) -> Style {
        self.term_plate(term).bg.map_or_else(Style::new, |ground| Style::new().fg(ground))
    }

    /// A role's glyph.
    #[must_use]
    pub fn role_glyph(self, role: Role) -> &'static str {
        self.glyphs.role(role)
    }

    /// The last stroke on a painted cell: what has no colour of its own gets the screen's, and on a plate there is only the plate's own
    /// ink, never faint. On a ground that is not known, letters are not in the colour of a line, which is for drawing only. So no two views
    /// together can make a pair that cannot be read.
    pub(crate) fn finish(&self, cell: &mut Cell) {
        let screen = self.roles[TextRole::Screen as usize];
        if cell.modifier.contains(Modifier::BOLD) {
            // Both at once look different on each terminal. What is bold was written over what was faint.
            cell.modifier.remove(Modifier::DIM);
        }
        let is_plate = cell.bg != Color::Reset && Some(cell.bg) != screen.ground;
        if is_plate {
            self.ink_of_plate(cell);
        } else if cell.modifier.contains(Modifier::REVERSED) {
            cell.modifier.remove(Modifier::DIM);
        } else if cell.modifier.contains(Modifier::DIM) {
            // How a terminal makes a colour faint is not known.
            cell.fg = Color::Reset;
        } else if screen.ground.is_none() && cell.fg != Color::Reset && self.is_line_alone(cell.fg) {
            letters_without_colour(cell);
        }
        if cell.fg == Color::Reset {
            cell.fg = screen.ink.unwrap_or(Color::Reset);
        }
        if cell.bg == Color::Reset {
            cell.bg = screen.ground.unwrap_or(Color::Reset);
        }
    }

    /// Whether a colour is that of lines and glyphs, and of no text.
    fn is_line_alone(&self, ink: Color) -> bool {
        let is_drawn = |role: TextRole| role.is_line() || role == TextRole::Entries;
        let mut of_text = TextRole::ALL.into_iter().zip(&self.roles).filter(|(role, _)| !is_drawn(*role));
        let is_of_text = of_text.any(|(_, shade)| shade.ground.is_none() && shade.ink == Some(ink));
        !is_of_text
            && TextRole::ALL
                .into_iter()
                .zip(&self.roles)
                .any(|(role, shade)| is_drawn(role) && shade.ink == Some(ink))
    }

    fn ink_of_plate(&self, cell: &mut Cell) {
        let ground = cell.bg;
        let inks = || {
            let plates = self.roles.iter().chain(&self.terms).filter(|plate| plate.ground == Some(ground));
            plates.filter_map(|plate| plate.ink)
        };
        let Some(first) = inks().next() else { return };
        if !inks().any(|ink| ink == cell.fg) {
            cell.fg = first;
        }
        cell.modifier.remove(Modifier::DIM);
    }
}

fn letters_without_colour(cell: &mut Cell) {
    if cell.symbol().chars().any(char::is_alphanumeric) {
        cell.fg = Color::Reset;
        cell.modifier.insert(Modifier::BOLD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_plate_there_is_only_its_own_ink() {
        let theme = Theme::default();
        let mut cell = Cell::new("x");
        cell.set_style(theme.leader_plate()).set_style(theme.faint()).set_style(theme.trouble_line());
        theme.finish(&mut cell);
        assert_eq!((Some(cell.fg), Some(cell.bg)), (theme.leader_plate().fg, theme.leader_plate().bg));
        assert!(!cell.modifier.contains(Modifier::DIM));
    }

    #[test]
    fn what_has_no_colour_gets_the_screens() {
        let dark = Theme::of(&named("dark").unwrap(), ColourDepth::True, false);
        let mut cell = Cell::new("x");
        dark.finish(&mut cell);
        let screen = dark.role(TextRole::Screen);
        assert_eq!((Some(cell.fg), Some(cell.bg)), (screen.fg, screen.bg));
    }
}
