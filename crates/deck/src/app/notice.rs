//! A short-lived message to the user, such as why a key cannot act now.

use std::time::Duration;

/// How long a notice stays.
pub const STAYS: Duration = Duration::from_secs(4);

/// A longer text stays longer: so much for each part of this many bytes.
const READING: Duration = Duration::from_millis(500);
const READ_AT_ONCE: usize = 16;

/// Up to here a text is read at once.
const SHORT: usize = 64;

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
        let text = text.into();
        let parts = text.len().saturating_sub(SHORT) / READ_AT_ONCE;
        // However long it is, it makes room for others.
        let parts = u32::try_from(parts.min(16)).unwrap_or(16);
        let until = now.saturating_add(STAYS).saturating_add(READING * parts);
        Self { text, until }
    }

    /// Shows a text that takes longer to read.
    pub fn staying(text: impl Into<String>, now: Duration) -> Self {
        Self { until: now.saturating_add(3 * STAYS), ..Self::new(text, now) }
    }

    /// Whether it is still shown at `now`.
    #[must_use]
    pub fn stands(&self, now: Duration) -> bool {
        now < self.until
    }
}
