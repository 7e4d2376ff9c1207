//! The JSON Schema of drill files, made from the types that read them.

use crate::file::Drill;
use schemars::schema_for;

/// The JSON Schema of drill files, for editors and validators.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", schema_for!(Drill).as_value())
}
