//! A text of a file that has a grammar of its own, with its place, so that a mistake in it can be located.

use raftdeck_model::World;
use raftdeck_script::duration;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use toml::Spanned;

/// A text with a grammar of its own: a condition, a duration, lines of a script.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Spanned<String>")]
pub struct Phrase {
    text: String,
    /// Where its value begins in the file, in bytes.
    start: usize,
}

impl Phrase {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines that are no comments, without blanks around them.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// The duration that it says, where `t` is the least election timeout. `None`: it says none, which a file that was read excludes.
    #[must_use]
    pub fn duration(&self, t: Duration) -> Option<Duration> {
        duration(&self.text, &world_of(t)).ok()
    }

    /// Where its value begins in the file, in bytes: at its opening quote.
    pub(super) fn start(&self) -> usize {
        self.start
    }
}

impl From<Spanned<String>> for Phrase {
    fn from(spanned: Spanned<String>) -> Self {
        let start = spanned.span().start;
        Self { text: spanned.into_inner(), start }
    }
}

impl From<&str> for Phrase {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), start: 0 }
    }
}

/// Where it stands does not matter.
impl PartialEq for Phrase {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for Phrase {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Phrase".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A cluster of which only the least election timeout is known: all that a duration in `T` depends on.
pub(crate) fn world_of(t: Duration) -> World {
    let mut world = World::default();
    world.election.0 = t;
    world
}
