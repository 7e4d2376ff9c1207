//! Parses a file's text into tables of options. Knows names and types, not what the values mean; opens no file, so
//! that it can be fuzzed.

use crate::error::{FileError, Near};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest file that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// Nothing: it is there or not. In a file it is true or false.
    Switch,
    /// One value.
    Value,
    /// Several values.
    Values,
}

/// An option as a file may name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOption {
    /// What it takes.
    pub kind: OptionKind,
    /// What its value is called in the help, such as `HOST:PORT`.
    pub value_name: String,
}

/// The names that a file may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionShape {
    /// The tables of this program's commands, with their keys.
    pub tables: BTreeMap<String, BTreeMap<String, KnownOption>>,
    /// Tables of other programs, which share the file and read them for themselves.
    pub foreign: Vec<String>,
}

/// What a key is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A switch.
    Switch(bool),
    /// The values as they would stand on the command line.
    Values(Vec<String>),
}

/// A key's value and its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// What it is set to.
    pub given: Given,
    /// Where.
    pub line: usize,
}

/// What a file says: by table, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// The tables of this program's commands.
    pub tables: BTreeMap<String, BTreeMap<String, FileEntry>>,
}

impl File {
    /// Reads a file's bytes. Names and types must be right throughout, also in tables that are not asked for now.
    pub fn parse(bytes: &[u8], shape: &OptionShape) -> Result<Self, FileError> {
        if bytes.len() > MAX_FILE {
            return Err(FileError::TooLong);
        }
        let text = str::from_utf8(bytes)
            .map_err(|error| FileError::NotText { line: line_at(bytes, error.valid_up_to()) })?;
        let lines = CountedLines(bytes);
        let document = DeTable::parse(text).map_err(|error| FileError::Syntax {
            line: lines.of(error.span()),
            why: error.message().replace('\n', ", "),
        })?;
        let mut tables = BTreeMap::new();
        for (name, value) in document.get_ref() {
            let line = lines.of(Some(name.span()));
            let name = name.get_ref().as_ref();
            let DeValue::Table(table) = value.get_ref() else {
                return Err(shape.no_table(name, line));
            };
            match shape.tables.get(name) {
                Some(known) => _ = tables.insert(name.to_owned(), shape.table(name, table, known, &lines)?),
                None if shape.foreign.iter().any(|foreign| foreign == name) => {}
                None => {
                    let near = Near::to(name, shape.tables.keys().chain(&shape.foreign));
                    return Err(FileError::UnknownTable { line, name: name.to_owned(), near });
                }
            }
        }
        Ok(Self { tables })
    }
}

impl OptionShape {
    fn no_table(&self, key: &str, line: usize) -> FileError {
        let having = self.tables.iter().find(|(_, keys)| keys.contains_key(key));
        let table = having.or(self.tables.first_key_value());
        let table = table.map_or_else(|| "node".to_owned(), |(table, _)| table.clone());
        FileError::NoTable { line, key: key.to_owned(), table }
    }

    fn table(
        &self,
        table: &str,
        given: &DeTable<'_>,
        known: &BTreeMap<String, KnownOption>,
        lines: &CountedLines<'_>,
    ) -> Result<BTreeMap<String, FileEntry>, FileError> {
        let mut entries = BTreeMap::new();
        for (key, value) in given {
            let line = lines.of(Some(key.span()));
            let key = key.get_ref().as_ref();
            let Some(option) = known.get(key) else {
                let near = self.near_key(table, key, known);
                return Err(FileError::UnknownKey {
                    line,
                    table: table.to_owned(),
                    key: key.to_owned(),
                    near,
                });
            };
            let given = option.given(value).map_err(|found| FileError::Type {
                line,
                table: table.to_owned(),
                key: key.to_owned(),
                expected: option.expected(),
                found,
            })?;
            entries.insert(key.to_owned(), FileEntry { given, line });
        }
        Ok(entries)
    }

    fn near_key(&self, table: &str, key: &str, known: &BTreeMap<String, KnownOption>) -> Near {
        let elsewhere = self.tables.iter().find(|(other, keys)| *other != table && keys.contains_key(key));
        match Near::to(key, known.keys()) {
            Near::OneOf(names) => {
                elsewhere.map_or(Near::OneOf(names), |(other, _)| Near::Table(other.clone()))
            }
            near => near,
        }
    }
}

impl KnownOption {
    /// What the value says, or what it is instead of what it should be.
    fn given(&self, value: &Spanned<DeValue<'_>>) -> Result<Given, &'static str> {
        match (self.kind, value.get_ref()) {
            (OptionKind::Switch, DeValue::Boolean(on)) => Ok(Given::Switch(*on)),
            (OptionKind::Switch, other) => Err(called(other)),
            (OptionKind::Values, DeValue::Array(all)) => {
                let texts = all.iter().map(|one| scalar(one.get_ref())).collect::<Result<_, _>>();
                Ok(Given::Values(texts.map_err(|_| "a list with something else in it")?))
            }
            (OptionKind::Value | OptionKind::Values, one) => Ok(Given::Values(vec![scalar(one)?])),
        }
    }

    fn expected(&self) -> String {
        let called = &self.value_name;
        match self.kind {
            OptionKind::Switch => "true or false".to_owned(),
            OptionKind::Value => format!("a string or a number ({called})"),
            OptionKind::Values => format!("a string, a number or a list of them ({called})"),
        }
    }
}

/// A string or a number as it would be typed.
fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => {
            Ok(number.as_str().trim_start_matches('+').to_owned())
        }
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "a number beyond all bounds"),
        DeValue::Float(number) => Ok(number.as_str().trim_start_matches('+').to_owned()),
        other => Err(called(other)),
    }
}

fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A text whose lines are counted.
struct CountedLines<'a>(&'a [u8]);

impl CountedLines<'_> {
    /// The line on which something begins; the first one, of what is nowhere.
    fn of(&self, span: Option<Range<usize>>) -> usize {
        line_at(self.0, span.map_or(0, |span| span.start))
    }
}

fn line_at(bytes: &[u8], offset: usize) -> usize {
    1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count()
}
