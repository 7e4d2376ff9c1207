//! Misconceptions by name: what somebody believes who chooses a wrong answer.

use crate::file::Phrase;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::LazyLock;

/// A misconception.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Misconception {
    /// Its name: lower-case letters, digits and `-`.
    pub id: Phrase,
    /// What somebody did who has it, as it continues "You": `took an entry on a majority for committed`.
    pub took: String,
    /// What is true instead, in one or two sentences.
    pub truth: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    misconception: Vec<Misconception>,
}

static SHARED: LazyLock<Vec<Misconception>> = LazyLock::new(|| {
    let source = include_str!("misconceptions.toml");
    let shared: Shared =
        toml::from_str(source).unwrap_or_else(|error| panic!("misconceptions.toml: {error}"));
    shared.misconception
});

/// The misconceptions that every lesson may name.
///
/// # Panics
/// If the built-in list has a mistake, which a test excludes.
#[must_use]
pub fn shared_misconceptions() -> &'static [Misconception] {
    &SHARED
}
