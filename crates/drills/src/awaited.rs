//! A condition of a drill file, parsed when it can be: the names in it may be set only later.

use raftdeck_model::World;
use raftdeck_script::{Bindings, Condition, condition};

/// A condition and whether it could be parsed yet.
#[derive(Clone, Debug)]
pub(crate) struct Awaited {
    text: String,
    parsed: Option<Condition>,
}

impl Awaited {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), parsed: None }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds.
    pub(crate) fn look(&mut self, world: &World, bindings: &Bindings, unanswered: usize) -> Look {
        let parsed = match self.parsed.take().map_or_else(|| condition(&self.text, world, bindings), Ok) {
            Ok(parsed) => self.parsed.insert(parsed),
            Err(mistake) => return Look::Unknown(mistake.to_string()),
        };
        match parsed.holds(world, unanswered) {
            Ok(()) => Look::Holds,
            Err(unmet) if unmet.is_untold() => Look::Untold(unmet.to_string()),
            Err(unmet) if unmet.is_unknown() => Look::Unknown(unmet.to_string()),
            Err(unmet) => Look::Broken(unmet.to_string()),
        }
    }
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It does.
    Holds,
    /// It does not; how things are instead.
    Broken(String),
    /// That is not known; why.
    Unknown(String),
    /// That is not known, as the source does not report what it depends on; why.
    Untold(String),
}

impl Look {
    /// Why it does not hold, or is not known to; `None`: it holds.
    pub(crate) fn unmet(self) -> Option<String> {
        match self {
            Self::Holds => None,
            Self::Broken(why) | Self::Unknown(why) | Self::Untold(why) => Some(why),
        }
    }
}
