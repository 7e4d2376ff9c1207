//! Where a line comes from, and which files it may name.

use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Where a line comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinePosition {
    /// `None`: the standard input.
    file: Option<String>,
    line: usize,
    /// The depth of files that load one another.
    pub(crate) depth: usize,
}

impl LinePosition {
    /// A line of the standard input, counted from 1.
    pub(crate) fn of_input(line: usize) -> Self {
        Self { file: None, line, depth: 0 }
    }

    /// A line of a file, counted from 1.
    pub(crate) fn of_file(file: &str, line: usize, depth: usize) -> Self {
        Self { file: Some(file.to_owned()), line, depth }
    }

    /// Whether it is in a file.
    pub(crate) fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether another line is of the same file, or both are of the standard input.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (&self.file, self.depth) == (&other.file, other.depth)
    }

    /// A sentence about this place.
    pub(crate) fn say(&self, what: impl Display) -> String {
        match &self.file {
            None => format!("line {}: {what}", self.line),
            Some(file) => format!("{file}, line {}: {what}", self.line),
        }
    }

    /// The path of a file that is named here: beside the file that names it, so that scripts which load one another can be moved together.
    pub(crate) fn file(&self, named: &str) -> String {
        let beside = self.file.as_ref().and_then(|file| Path::new(file).parent());
        let path = beside.map_or_else(|| PathBuf::from(named), |folder| folder.join(named));
        path.display().to_string()
    }
}
