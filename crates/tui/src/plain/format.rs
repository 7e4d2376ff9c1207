//! The format of lines.

/// The format of lines.
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
    /// The format that the command line requests.
    #[must_use]
    pub fn asked(json: bool, messages: bool) -> Self {
        if json { Self::Json { messages } } else { Self::Words }
    }
}
