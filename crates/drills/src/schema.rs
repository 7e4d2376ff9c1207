//! The JSON Schemas of the files, made from the types that read them.

use crate::file::Drill;
use crate::lesson::Lesson;
use schemars::schema_for;

/// The JSON Schema of drill files, for editors and validators.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", schema_for!(Drill).as_value())
}

/// The JSON Schema of lesson files, for editors and validators.
#[must_use]
pub fn lesson_schema() -> String {
    format!("{:#}\n", schema_for!(Lesson).as_value())
}
