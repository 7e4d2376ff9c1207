//! Where the steps of a recording end, and where its violation is.

use serde::{Deserialize, Serialize};

/// The marks of a recording. Places are counted in updates: a place of 12 is the moment after the first 12 updates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RecordingMarks {
    /// Where each step of the exhibit ends.
    pub steps: Vec<usize>,
    /// The violation; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<ViolationMark>,
}

/// A violated property in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ViolationMark {
    /// The place at which it has been reported.
    pub place: usize,
    /// Which property, as the judge names it.
    pub property: String,
    /// What happened, in the judge's words.
    pub sentence: String,
}

/// The marks of both recordings of an exhibit, as their file says them: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExhibitMarks {
    /// Of the recording without the guard.
    pub without_guard: RecordingMarks,
    /// Of the recording with all guards in place.
    pub with_guard: RecordingMarks,
}

impl RecordingMarks {
    /// The step that a place belongs to, counted from 0; `None`: the recording has ended before.
    #[must_use]
    pub fn step_at(&self, place: usize) -> Option<usize> {
        self.steps.iter().position(|end| place <= *end)
    }

    /// The step in which the violation is reported, counted from 0.
    #[must_use]
    pub fn violation_step(&self) -> Option<usize> {
        self.step_at(self.violation.as_ref()?.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_belongs_to_the_step_that_ends_at_it_or_after_it() {
        let violation = ViolationMark { place: 8, property: String::new(), sentence: String::new() };
        let marks = RecordingMarks { steps: vec![3, 7, 9], violation: Some(violation) };
        let steps: Vec<Option<usize>> = [0, 3, 4, 7, 8, 9, 10].map(|place| marks.step_at(place)).to_vec();
        assert_eq!(steps, [Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), None]);
        assert_eq!(marks.violation_step(), Some(2));
    }
}
