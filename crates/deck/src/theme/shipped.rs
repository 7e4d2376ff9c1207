//! The themes that are built in. Each file is also an example for a theme of one's own.

use super::sheet::Sheet;
use crate::settings::mistake::Mistake;
use std::sync::LazyLock;

/// The name of the default theme.
pub const DEFAULT: &str = "terminal";

/// The name of the theme without colours.
pub const MONOCHROME: &str = "monochrome";

/// Name and file of each, in the order of the picker.
pub const SHIPPED: [(&str, &str); 6] = [
    (DEFAULT, include_str!("shipped/terminal.toml")),
    ("dark", include_str!("shipped/dark.toml")),
    ("light", include_str!("shipped/light.toml")),
    ("high-contrast", include_str!("shipped/high-contrast.toml")),
    ("colour-blind", include_str!("shipped/colour-blind.toml")),
    (MONOCHROME, include_str!("shipped/monochrome.toml")),
];

/// Their names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(name, _)| *name).collect()
}

/// All of them, parsed once. A test says that each can be.
static SHEETS: LazyLock<Vec<Sheet>> = LazyLock::new(|| {
    SHIPPED.iter().map(|(name, text)| parsed(name, text).unwrap_or_else(|_| Sheet::empty())).collect()
});

/// All of them.
#[must_use]
pub fn sheets() -> &'static [Sheet] {
    &SHEETS
}

/// The built-in theme of this name.
#[must_use]
pub fn named(name: &str) -> Option<Sheet> {
    let place = SHIPPED.iter().position(|(known, _)| *known == name)?;
    SHEETS.get(place).cloned()
}

/// They set everything themselves.
fn parsed(name: &str, text: &str) -> Result<Sheet, Mistake> {
    Sheet::parse_over(Sheet::empty, name, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::sheet::TextRole;

    #[test]
    fn each_is_valid_says_what_it_is_for_and_sets_everything() {
        for (name, text) in SHIPPED {
            let sheet = parsed(name, text).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
            // That is the room in the picker.
            assert!((1..=38).contains(&sheet.about.len()), "{name}");
            for role in TextRole::ALL {
                let set = format!("\n{} = {{", role.name());
                assert!(text.contains(&set), "{name} does not set {}", role.name());
            }
            assert!(text.contains("\nterms = ["), "{name}");
        }
    }
}
