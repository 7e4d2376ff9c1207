//! A TOML text whose mistakes have a line.

use super::mistake::Mistake;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it is.
pub(crate) type Value<'a> = Spanned<DeValue<'a>>;

/// A text, to count its lines.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a>(pub(crate) &'a str);

impl<'a> Document<'a> {
    /// Parses it.
    pub(crate) fn table(self) -> Result<DeTable<'a>, Mistake> {
        DeTable::parse(self.0).map(Spanned::into_inner).map_err(|error| {
            let why = error.message().replace('\n', ", ");
            self.mistake(error.span().unwrap_or_default(), format!("this is not valid TOML: {why}"))
        })
    }

    /// A mistake at a place.
    pub(crate) fn mistake(self, at: Range<usize>, what: impl Into<String>) -> Mistake {
        let before = self.0.as_bytes().iter().take(at.start);
        Mistake { line: 1 + before.filter(|byte| **byte == b'\n').count(), what: what.into() }
    }

    /// A text, or what is there instead.
    pub(crate) fn text<'v>(self, value: &'v Value<'_>, what: &str) -> Result<&'v str, Mistake> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text),
            other => {
                Err(self
                    .mistake(value.span(), format!("{what} should be a string, and is {}", called(other))))
            }
        }
    }

    /// One value, or the values of a list.
    pub(crate) fn several<'v>(value: &'v Value<'a>) -> Vec<&'v Value<'a>> {
        match value.get_ref() {
            DeValue::Array(all) => all.iter().collect(),
            _ => vec![value],
        }
    }
}

/// What kind of value it is.
pub(crate) fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
