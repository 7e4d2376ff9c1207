//! What is wrong in a settings file, where, and what may have been meant.

use std::fmt;

/// A mistake in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong on it: a sentence without a full stop.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Names that are less similar than this are not suggested, unless they are a slip of one key away.
const ALIKE: f64 = 0.7;

/// What may have been meant by a name that is not one of the known ones: the nearest of them, else all.
#[must_use]
pub fn near(name: &str, known: &[&str]) -> String {
    let name = name.to_lowercase();
    if let Some(slip) = known.iter().find(|other| strsim::osa_distance(&name, &other.to_lowercase()) <= 1) {
        return format!("did you mean {slip}?");
    }
    let likeness = |other: &&str| strsim::jaro_winkler(&name, &other.to_lowercase());
    let nearest = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match nearest {
        Some(nearest) if likeness(nearest) >= ALIKE => format!("did you mean {nearest}?"),
        _ => format!("there is {}", known.join(", ")),
    }
}
