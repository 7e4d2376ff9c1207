//! Errors in a file or a variable: where, what is wrong, and what is expected.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a file or the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Its content is invalid.
    #[error("{}{error}", place(path, error))]
    File {
        /// Which.
        path: PathBuf,
        /// What, and on which line.
        error: Box<FileError>,
    },
    /// A variable's value is invalid.
    #[error("{name}={value} is invalid: {why}")]
    Variable {
        /// The variable.
        name: String,
        /// What it says.
        value: String,
        /// What would.
        why: String,
    },
}

fn place(path: &std::path::Path, error: &FileError) -> String {
    match error.line() {
        Some(line) => format!("{}:{line}: ", path.display()),
        None => format!("{}: ", path.display()),
    }
}

/// Why a file's text is invalid. A line is counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is longer than any configuration.
    #[error("the file is longer than {} KiB", crate::MAX_FILE / 1024)]
    TooLong,
    /// It is not text.
    #[error("the file is not UTF-8, so it is not TOML")]
    NotText {
        /// Where the first such byte is.
        line: usize,
    },
    /// It is not TOML.
    #[error("the file is not valid TOML: {why}")]
    Syntax {
        /// Where.
        line: usize,
        /// Why not.
        why: String,
    },
    /// A key outside all tables.
    #[error("{key} is outside any table: write options under their command's name, such as [{table}]")]
    NoTable {
        /// Where.
        line: usize,
        /// The key.
        key: String,
        /// A table that has it, else any.
        table: String,
    },
    /// A table whose name is not a command.
    #[error("[{name}] is not a command with options; {near}")]
    UnknownTable {
        /// Where.
        line: usize,
        /// What it is called.
        name: String,
        /// What may have been meant.
        near: Near,
    },
    /// A key that is not an option.
    #[error("{key} is not an option of [{table}]; {near}")]
    UnknownKey {
        /// Where.
        line: usize,
        /// In which table.
        table: String,
        /// What it is called.
        key: String,
        /// What may have been meant.
        near: Near,
    },
    /// A value of another type.
    #[error("{key} of [{table}] should be {expected}, and is {found}")]
    Type {
        /// Where.
        line: usize,
        /// In which table.
        table: String,
        /// Which.
        key: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: &'static str,
    },
    /// A value that the option does not accept.
    #[error("{key} of [{table}] cannot be {value}: {why}")]
    Value {
        /// Where.
        line: usize,
        /// In which table.
        table: String,
        /// Which.
        key: String,
        /// What it is.
        value: String,
        /// What it could be.
        why: String,
    },
}

impl FileError {
    /// The line with the error.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::TooLong => None,
            Self::NotText { line }
            | Self::Syntax { line, .. }
            | Self::NoTable { line, .. }
            | Self::UnknownTable { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::Type { line, .. }
            | Self::Value { line, .. } => Some(*line),
        }
    }
}

/// Suggestions for an unknown name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Near {
    /// This.
    Name(String),
    /// The same key of another table.
    Table(String),
    /// One of these; nothing is near.
    OneOf(Vec<String>),
}

/// Names that are less similar than this are not suggested.
const ALIKE: f64 = 0.7;

impl Near {
    /// The nearest of the `known` names.
    pub(crate) fn to<'a>(name: &str, known: impl Iterator<Item = &'a String> + Clone) -> Self {
        let likeness = |other: &String| strsim::jaro_winkler(&name.to_ascii_lowercase(), other);
        let nearest = known.clone().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        match nearest {
            Some(nearest) if likeness(nearest) >= ALIKE => Self::Name(nearest.clone()),
            _ => Self::OneOf(known.cloned().collect()),
        }
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "did you mean {name}?"),
            Self::Table(table) => write!(f, "it belongs in [{table}]"),
            Self::OneOf(names) => write!(f, "there is {}", names.join(", ")),
        }
    }
}
