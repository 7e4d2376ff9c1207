//! Bytes in JSON and in query strings: as text if they are UTF-8, and otherwise in Base64 under another name, so that
//! no value is misrepresented. Pure.

use crate::http::answer::Refusal;
use axum::body::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes as one of two fields of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Plain(String),
    Base64(String),
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Plain(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(bytes)),
        }
    }
}

/// A key in an answer: `key` or `keyBase64`.
#[derive(Clone, Debug, Serialize)]
pub(super) enum KeyText {
    #[serde(rename = "key")]
    Plain(String),
    #[serde(rename = "keyBase64")]
    Base64(String),
}

impl From<&[u8]> for KeyText {
    fn from(bytes: &[u8]) -> Self {
        match Text::of(bytes) {
            Text::Plain(text) => Self::Plain(text),
            Text::Base64(text) => Self::Base64(text),
        }
    }
}

/// A value in an answer: `value` or `valueBase64`.
#[derive(Clone, Debug, Serialize)]
pub(super) enum ValueText {
    #[serde(rename = "value")]
    Plain(String),
    #[serde(rename = "valueBase64")]
    Base64(String),
}

impl From<&[u8]> for ValueText {
    fn from(bytes: &[u8]) -> Self {
        match Text::of(bytes) {
            Text::Plain(text) => Self::Plain(text),
            Text::Base64(text) => Self::Base64(text),
        }
    }
}

/// The value that a key has instead of the expected one: `current`, which is null if there is no such key, or
/// `currentBase64`.
#[derive(Clone, Debug, Serialize)]
pub(super) enum CurrentText {
    #[serde(rename = "current")]
    Plain(Option<String>),
    #[serde(rename = "currentBase64")]
    Base64(String),
}

impl From<Option<&[u8]>> for CurrentText {
    fn from(bytes: Option<&[u8]>) -> Self {
        match bytes.map(Text::of) {
            None => Self::Plain(None),
            Some(Text::Plain(text)) => Self::Plain(Some(text)),
            Some(Text::Base64(text)) => Self::Base64(text),
        }
    }
}

/// The bytes that were given as text under `name`, or in Base64 under `name` + `Base64`; `None`: under neither.
pub(super) fn given(name: &str, text: Option<&str>, base64: Option<&str>) -> Result<Option<Bytes>, Refusal> {
    match (text, base64) {
        (Some(_), Some(_)) => {
            Err(Refusal::bad(format!("both {name} and {name}Base64 are given: give one of them")))
        }
        (Some(text), None) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
        (None, Some(base64)) => match BASE64.decode(base64.as_bytes()) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(Refusal::bad(format!(
                "{name}Base64 is not Base64 ({error}): it has the characters A-Z a-z 0-9 + / and is padded with \
                 = to a multiple of four; in a query + is written as %2B"
            ))),
        },
        (None, None) => Ok(None),
    }
}

/// For a field that may be missing and, if it is there, is no null.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_is_shown_as_text_and_all_else_in_base64() {
        assert_eq!(Text::of("é\0".as_bytes()), Text::Plain("é\0".to_owned()));
        assert_eq!(Text::of(&[0xff, 0xfe, 0]), Text::Base64("//4A".to_owned()));
        let back = given("key", None, Some("//4A")).unwrap();
        assert_eq!(back.as_deref(), Some(&[0xff, 0xfe, 0][..]));
    }

    #[test]
    fn base64_has_one_form() {
        for wrong in ["//4", "//4A=", "__4A", "/ 4A", "//4B=", "Zh==", "Zg", "Z", "é", "//4A\n"] {
            assert!(given("key", None, Some(wrong)).is_err(), "{wrong:?}");
        }
        assert_eq!(given("key", None, Some("")).unwrap(), Some(Bytes::new()));
        assert!(given("key", Some("a"), Some("YQ==")).is_err(), "both");
        assert_eq!(given("key", None, None).unwrap(), None);
    }
}
