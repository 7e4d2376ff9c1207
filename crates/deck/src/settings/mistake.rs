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
    let likeness = |other: &str| strsim::jaro_winkler(&name, &other.to_lowercase());
    let is_slip = |other: &str| strsim::osa_distance(&name, &other.to_lowercase()) <= 1;
    let likely = known.iter().copied().filter(|other| is_slip(other) || likeness(other) >= ALIKE);
    match likely.max_by(|one, other| {
        is_slip(one).cmp(&is_slip(other)).then_with(|| likeness(one).total_cmp(&likeness(other)))
    }) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("there is {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_else_all() {
        let known = ["heal", "help", "kill-leader"];
        assert_eq!(near("hepl", &known), "did you mean help?");
        assert_eq!(near("Kill-leadr", &known), "did you mean kill-leader?");
        assert_eq!(near("xyz", &known), "there is heal, help, kill-leader");
    }
}
