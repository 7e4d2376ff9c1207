//! A theme as its file says it: a look for each role of the text. Parses a text; opens no file.

use super::colour::{self, Colour};
use super::shipped;
use crate::settings::document::{Document, Value, called};
use crate::settings::mistake::{Mistake, near};
use ratatui::style::Modifier;
use toml::de::DeValue;

/// What a text is to the reader. Views name these, never a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRole {
    /// The whole screen: what has no look of its own.
    Screen,
    /// What matters more than its surroundings.
    Strong,
    /// What matters less than its surroundings.
    Faint,
    /// The selected item.
    Selected,
    /// A key in the footer and the help.
    Key,
    /// An entry under way, and other good news in small.
    Entries,
    /// A leader's name plate.
    LeaderPlate,
    /// A leader's border and its links.
    LeaderLine,
    /// A present problem, as a name plate.
    TroublePlate,
    /// The band across the screen when there is trouble.
    TroubleBand,
    /// A present problem, as a line.
    TroubleLine,
}

impl TextRole {
    /// All of them, in the order of a file.
    pub const ALL: [Self; 11] = [
        Self::Screen,
        Self::Strong,
        Self::Faint,
        Self::Selected,
        Self::Key,
        Self::Entries,
        Self::LeaderPlate,
        Self::LeaderLine,
        Self::TroublePlate,
        Self::TroubleBand,
        Self::TroubleLine,
    ];

    /// Its key in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Strong => "strong",
            Self::Faint => "faint",
            Self::Selected => "selected",
            Self::Key => "key",
            Self::Entries => "entries",
            Self::LeaderPlate => "leader-plate",
            Self::LeaderLine => "leader-line",
            Self::TroublePlate => "trouble-plate",
            Self::TroubleBand => "trouble-band",
            Self::TroubleLine => "trouble-line",
        }
    }

    /// Whether it draws borders and links, which are no text.
    #[must_use]
    pub fn is_line(self) -> bool {
        matches!(self, Self::LeaderLine | Self::TroubleLine)
    }
}

/// How a text looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The text's colour; `None`: that of what it is on.
    pub ink: Option<Colour>,
    /// The colour behind it; `None`: that of what it is on.
    pub ground: Option<Colour>,
    /// Bold, faint and so on.
    pub modifier: Modifier,
}

/// How many looks of terms a theme may have.
pub const MAX_TERMS: usize = 6;

/// A theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its name: that of its file.
    pub name: String,
    /// What it is for, in a few words.
    pub about: String,
    looks: [Look; TextRole::ALL.len()],
    /// The looks of the terms, in turn.
    pub terms: Vec<Look>,
}

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("faint", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("reversed", Modifier::REVERSED),
    ("underlined", Modifier::UNDERLINED),
];

impl Default for Sheet {
    fn default() -> Self {
        shipped::named(shipped::DEFAULT).unwrap_or_else(Self::empty)
    }
}

impl Sheet {
    /// A theme without any looks.
    pub(super) fn empty() -> Self {
        let looks = std::array::from_fn(|_| Look::default());
        Self { name: String::new(), about: String::new(), looks, terms: vec![Look::default()] }
    }

    /// How a role looks.
    #[must_use]
    pub fn look(&self, role: TextRole) -> &Look {
        &self.looks[role as usize]
    }

    /// Parses a file's text. What it does not set is as in the theme that it names as its `base`, else as in the default one.
    pub fn parse(name: &str, text: &str) -> Result<Self, Mistake> {
        Self::parse_over(Self::default, name, text)
    }

    /// The same; without a `base`, over this one.
    pub(super) fn parse_over(under: impl Fn() -> Self, name: &str, text: &str) -> Result<Self, Mistake> {
        let document = Document(text);
        let table = document.table()?;
        let mut sheet = match table.iter().find(|(key, _)| key.get_ref() == "base") {
            Some((_, base)) => Self::base(document, base)?,
            None => under(),
        };
        name.clone_into(&mut sheet.name);
        sheet.about.clear();
        for (key, value) in &table {
            match key.get_ref().as_ref() {
                "base" => {}
                "about" => document.text(value, "about")?.clone_into(&mut sheet.about),
                "terms" => sheet.terms = terms(document, value)?,
                other => {
                    let role = TextRole::ALL.into_iter().find(|role| role.name() == other);
                    let role = role.ok_or_else(|| {
                        let known: Vec<&str> = TextRole::ALL.iter().map(|role| role.name()).collect();
                        let known = [&known[..], &["about", "base", "terms"]].concat();
                        document.mistake(
                            key.span(),
                            format!("a theme has nothing called {other}; {}", near(other, &known)),
                        )
                    })?;
                    sheet.looks[role as usize] = look(document, value, other)?;
                }
            }
        }
        Ok(sheet)
    }

    fn base(document: Document<'_>, value: &Value<'_>) -> Result<Self, Mistake> {
        let name = document.text(value, "base")?;
        shipped::named(name).ok_or_else(|| {
            let what = format!("{name} is not a built-in theme; {}", near(name, &shipped::names()));
            document.mistake(value.span(), what)
        })
    }
}

fn terms(document: Document<'_>, value: &Value<'_>) -> Result<Vec<Look>, Mistake> {
    let looks = Document::several(value).into_iter().map(|one| look(document, one, "a term"));
    let looks = looks.collect::<Result<Vec<Look>, Mistake>>()?;
    if (2..=MAX_TERMS).contains(&looks.len()) {
        return Ok(looks);
    }
    let what = format!(
        "terms should be a list of 2 to {MAX_TERMS} looks, one a term in turn, and has {}",
        looks.len()
    );
    Err(document.mistake(value.span(), what))
}

fn look(document: Document<'_>, value: &Value<'_>, what: &str) -> Result<Look, Mistake> {
    let DeValue::Table(table) = value.get_ref() else {
        let says = format!(
            "{what} should be a table such as {{ fg = \"white\", bg = \"blue\" }}, and is {}",
            called(value.get_ref())
        );
        return Err(document.mistake(value.span(), says));
    };
    let mut look = Look::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "fg" => look.ink = Some(colour(document, value)?),
            "bg" => look.ground = Some(colour(document, value)?),
            other => {
                let Some((_, modifier)) = MODIFIERS.iter().find(|(name, _)| *name == other) else {
                    let known: Vec<&str> =
                        ["fg", "bg"].into_iter().chain(MODIFIERS.iter().map(|(name, _)| *name)).collect();
                    let what = format!("{what} has nothing called {other}; {}", near(other, &known));
                    return Err(document.mistake(key.span(), what));
                };
                let DeValue::Boolean(on) = value.get_ref() else {
                    let found = called(value.get_ref());
                    let what = format!("{other} should be true or false, and is {found}");
                    return Err(document.mistake(value.span(), what));
                };
                look.modifier.set(*modifier, *on);
            }
        }
    }
    Ok(look)
}

fn colour(document: Document<'_>, value: &Value<'_>) -> Result<Colour, Mistake> {
    let choices = Document::several(value).into_iter().map(|one| {
        let text = match one.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            _ => document.text(one, "a colour")?,
        };
        colour::parse(text).ok_or_else(|| {
            let known: Vec<&str> = colour::NAMES.iter().map(|(name, _)| *name).chain(["default"]).collect();
            let what = format!(
                "{text} is not a colour (a name, #rrggbb, 0 to 255, or default); {}",
                near(text, &known)
            );
            document.mistake(one.span(), what)
        })
    });
    let choices = choices.collect::<Result<Vec<_>, Mistake>>()?;
    if choices.is_empty() {
        return Err(document.mistake(value.span(), "a list of colours should not be empty"));
    }
    Ok(Colour(choices))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    fn wrong(text: &str) -> String {
        Sheet::parse("mine", text).unwrap_err().to_string()
    }

    #[test]
    fn what_a_file_does_not_set_is_as_in_its_base() {
        let text = "about = 'mine'\nbase = 'dark'\nkey = { fg = 214, underlined = true }\n";
        let (mine, dark) = (Sheet::parse("mine", text).unwrap(), shipped::named("dark").unwrap());
        assert_eq!((mine.name.as_str(), mine.about.as_str()), ("mine", "mine"));
        assert_eq!(mine.look(TextRole::LeaderPlate), dark.look(TextRole::LeaderPlate));
        let ink = Some(Colour(vec![Color::Indexed(214)]));
        assert_eq!(mine.look(TextRole::Key), &Look { ink, ground: None, modifier: Modifier::UNDERLINED });
        let empty = Sheet::parse("mine", "").unwrap();
        let terminal = shipped::named("terminal").unwrap();
        assert_eq!(empty.terms, terminal.terms, "without a base it is as the default one");
    }

    #[test]
    fn a_mistake_has_its_line_and_the_nearest_name() {
        for (text, says) in [
            ("about = 'x'\nkye = {}", "2: a theme has nothing called kye; did you mean key?"),
            ("base = 'drak'", "1: drak is not a built-in theme; did you mean dark?"),
            (
                "\n\nkey = { fg = 'blu' }",
                "3: blu is not a colour (a name, #rrggbb, 0 to 255, or default); did you mean blue?",
            ),
            ("key = { fg = 256 }", "1: 256 is not a colour"),
            ("key = { boldd = true }", "1: key has nothing called boldd; did you mean bold?"),
            ("key = { bold = 1 }", "1: bold should be true or false, and is a number"),
            ("key = 'blue'", "1: key should be a table such as"),
            ("key = { fg = [] }", "1: a list of colours should not be empty"),
            ("key = { fg = true }", "1: a colour should be a string, and is true or false"),
            ("terms = [{}]", "1: terms should be a list of 2 to 6 looks"),
            ("key = {", "1: this is not valid TOML"),
        ] {
            assert!(wrong(text).starts_with(says), "{text}: {}", wrong(text));
        }
    }
}
