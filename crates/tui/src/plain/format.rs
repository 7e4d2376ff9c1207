//! What lines look like.

/// What the lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain sentences with the seconds since the start.
    Words,
    /// JSON, see [`super::json`].
    Json {
        /// Whether the messages on the links are printed too.
        messages: bool,
    },
}

impl Format {
    /// By what the command line says.
    #[must_use]
    pub fn asked(json: bool, messages: bool) -> Self {
        if json { Self::Json { messages } } else { Self::Words }
    }
}
