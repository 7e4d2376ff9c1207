//! The log in memory.

use crate::types::{LogIndex, Term};
use serde::{Deserialize, Serialize};

/// A run of neighbouring entries of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermRun {
    /// Their term.
    pub term: Term,
    /// The first.
    pub first: LogIndex,
    /// The last.
    pub last: LogIndex,
}
