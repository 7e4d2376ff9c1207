//! A mistake in a line.

use std::fmt;

/// A sentence for a person: what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    sentence: String,
    at: Option<usize>,
}

impl Mistake {
    /// The sentence.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), at: None }
    }

    /// With the place of the wrong piece, in bytes from the line's beginning, unless it is known already.
    pub(crate) fn at(self, at: usize) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }

    /// Where in the line the wrong piece begins, or after which position something is missing, in bytes.
    #[must_use]
    pub fn place(&self) -> usize {
        self.at.unwrap_or(0)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Mistake {}
