//! Strict parsing of query strings: anything unknown is an error, never guessed or ignored. Pure.
//!
//! As in a form, `+` means a space. Other special characters are percent-encoded, and the decoded text is UTF-8;
//! bytes that are not are given in Base64, in a parameter of their own.

use percent_encoding::percent_decode;
use raftdeck_protocol::printable::Printable;
use std::collections::BTreeMap;

/// What is wrong with a query string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("{escape} is not a valid percent-encoding: write a percent sign as %25")]
    Escape {
        /// The percent sign and what follows it.
        escape: String,
    },
    /// A name or a value that is not text.
    #[error(
        "{part} is not UTF-8 when it is decoded: give bytes in Base64 (keyBase64, prefixBase64, afterBase64)"
    )]
    NotUtf8 {
        /// As it was written.
        part: String,
    },
    /// A name without `=`.
    #[error("the parameter {name} has no value: write {name}=…")]
    NoValue {
        /// It.
        name: String,
    },
    /// A parameter that is there more than once.
    #[error("the parameter {name} is given twice")]
    Twice {
        /// It.
        name: String,
    },
    /// A parameter that is not known here.
    #[error(
        "there is no parameter {name} here{}: {known}",
        nearest.map_or_else(String::new, |nearest| format!(", did you mean {nearest}?"))
    )]
    Unknown {
        /// It.
        name: String,
        /// The most similar one that is known.
        nearest: Option<&'static str>,
        /// All that are.
        known: String,
    },
}

/// The longest part of a query that an error repeats, in characters.
const MOST_SHOWN: usize = 60;

/// How similar a name must be to a known one, from 0 to 1, so that it is taken for a slip.
const SIMILAR: f64 = 0.6;

/// A query string's parameters, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    values: BTreeMap<&'static str, String>,
}

impl Query {
    /// Takes a query string (without its `?`) apart. Its parameters are among `known`.
    pub fn read(query: &str, known: &[&'static str]) -> Result<Self, QueryError> {
        let mut values = BTreeMap::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (decode(name)?, Some(value)),
                None => (decode(part)?, None),
            };
            let Some(&name) = known.iter().find(|known| **known == name) else {
                return Err(unknown(&name, known));
            };
            let value = value.ok_or_else(|| QueryError::NoValue { name: name.to_owned() })?;
            if values.insert(name, decode(value)?).is_some() {
                return Err(QueryError::Twice { name: name.to_owned() });
            }
        }
        Ok(Self { values })
    }

    /// A parameter's value, if it was given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

fn decode(text: &str) -> Result<String, QueryError> {
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            let escape: String = text[at..].chars().take(3).collect();
            return Err(QueryError::Escape { escape: shown(&escape) });
        }
    }
    let spaced = text.replace('+', " ");
    let bytes: Vec<u8> = percent_decode(spaced.as_bytes()).collect();
    String::from_utf8(bytes).map_err(|_| QueryError::NotUtf8 { part: shown(text) })
}

fn unknown(name: &str, known: &[&'static str]) -> QueryError {
    let similar = known.iter().map(|known| {
        (strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), *known)
    });
    let nearest = similar.filter(|(score, _)| *score >= SIMILAR).max_by(|a, b| a.0.total_cmp(&b.0));
    let known = match known {
        [] => "it takes none".to_owned(),
        _ => format!("it takes {}", known.join(", ")),
    };
    QueryError::Unknown { name: shown(name), nearest: nearest.map(|(_, name)| name), known }
}

/// Cut to a length that a sentence can hold, and without what a terminal would obey.
fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(MOST_SHOWN).collect();
    let mut shown = Printable(&beginning).to_string();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["key", "keyBase64", "consistency"];

    fn value(query: &str) -> Result<String, QueryError> {
        let query = Query::read(query, KNOWN)?;
        Ok(query.get("key").expect("it was given").to_owned())
    }

    #[test]
    fn what_is_encoded_comes_out_as_it_was() {
        for (query, key) in [
            ("key=name", "name"),
            ("key=", ""),
            ("&key=a&", "a"),
            ("key=a%20b+c%2Bd", "a b c+d"),
            ("key=%3D%26%25%3f", "=&%?"),
            ("key=a=b=c", "a=b=c"),
            ("key=%C3%A9%e2%82%ac", "é€"),
            ("key=%00%7f", "\0\u{7f}"),
            ("k%65y=1", "1"),
            ("key=ü", "ü"),
        ] {
            assert_eq!(value(query).as_deref(), Ok(key), "{query}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_sentence() {
        for (query, part) in [
            ("key=%", "% is not a valid percent-encoding"),
            ("key=%4", "%4 is no"),
            ("key=%zz", "%zz is no"),
            ("key=%+1", "%+1 is no"),
            ("key=%é1", "%é1 is no"),
            ("key=%\0\u{1b}", "%\\u{0}\\u{1b} is no"),
            ("key=100%25%", "% is no"),
            ("key=%ff", "%ff is not UTF-8"),
            ("key=%c3", "Base64"),
            ("key=%ed%a0%80", "not UTF-8"),
            ("key=%c0%80", "not UTF-8"),
            ("%ff=1", "not UTF-8"),
            ("key", "key has no value"),
            ("key=a&key=b", "key is given twice"),
            ("kye=a", "did you mean key?: it takes key, keyBase64, consistency"),
            ("Key=a", "did you mean key?"),
            ("zzz=a", "no parameter zzz here: it takes"),
            ("=a", "no parameter  here"),
            ("key=a;b&c=d", "no parameter c"),
            ("%1b[2J=a", "no parameter \\u{1b}[2J"),
        ] {
            let error = Query::read(query, KNOWN).expect_err(query).to_string();
            assert!(error.contains(part), "{error:?} does not say {part:?}");
            assert!(!error.contains(char::REPLACEMENT_CHARACTER), "{error:?}");
        }
        let long = format!("{}=1", "x".repeat(10_000));
        assert!(Query::read(&long, KNOWN).expect_err("unknown").to_string().len() < 300);
        assert!(Query::read("a=1", &[]).expect_err("unknown").to_string().contains("it takes none"));
    }
}
