//! A short-lived message to the user, such as why a key cannot act now.

use std::time::Duration;

/// How long a notice stays.
pub const STAYS: Duration = Duration::from_secs(4);

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// When it disappears.
    pub until: Duration,
}

impl Notice {
    /// Shows a text from `now` on.
    pub fn new(text: impl Into<String>, now: Duration) -> Self {
        Self { text: text.into(), until: now.saturating_add(STAYS) }
    }

    /// Whether it is still shown at `now`.
    #[must_use]
    pub fn stands(&self, now: Duration) -> bool {
        now < self.until
    }
}
