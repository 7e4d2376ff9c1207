//! Bytes as text. Keys and values are bytes: here they become something that a terminal, a line or a JSON object can hold, always
//! without loss.

use raftdeck_protocol::printable::{is_unsafe, lines};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write as _};

/// Bytes in one line, from which they can be restored: text unchanged, a backslash twice, control characters and bytes that are not
/// text as `\n`, `\t`, `\r` or `\xNN`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\r' => f.write_str("\\r")?,
                    c if is_unsafe(c) => {
                        let mut utf8 = [0; 4];
                        hex(f, c.encode_utf8(&mut utf8).as_bytes())?;
                    }
                    c => f.write_char(c)?,
                }
            }
            hex(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// A value on a terminal: its lines unchanged, and nothing that the terminal would interpret.
pub(crate) fn for_eyes(value: &[u8]) -> String {
    let mut text = String::new();
    for chunk in value.utf8_chunks() {
        text.push_str(&lines(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Adds bytes to an object: text as text; other bytes as hexadecimal digits, under a name that says so.
pub(crate) fn put_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    let (name, value) = match bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => (name.to_owned(), Value::Null),
        Some(Ok(text)) => (name.to_owned(), json!(text)),
        Some(Err(bytes)) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            (format!("{name}_hex"), json!(hex))
        }
    };
    object.insert(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_any_bytes_without_a_loss() {
        let told = |bytes: &[u8]| Escaped(bytes).to_string();
        assert_eq!(told("blau, grün".as_bytes()), "blau, grün");
        assert_eq!(told(b"a\tb\nc\rd\\n"), "a\\tb\\nc\\rd\\\\n");
        assert_eq!(told(b"\x1b[2J\xff\x00"), "\\x1b[2J\\xff\\x00");
        assert_eq!(told("\u{85}".as_bytes()), "\\xc2\\x85");
    }

    #[test]
    fn a_terminal_is_told_nothing_that_it_would_obey() {
        assert_eq!(for_eyes(b"one\n\ttwo\n"), "one\n\ttwo\n");
        assert_eq!(for_eyes(b"\x1b]0;title\x07\xfe"), "\\u{1b}]0;title\\u{7}\\xfe");
    }

    #[test]
    fn json_says_when_bytes_are_no_text() {
        let mut object = Map::new();
        put_bytes(&mut object, "value", Some(b"blue"));
        put_bytes(&mut object, "other", Some(b"\xff\x00"));
        put_bytes(&mut object, "none", None);
        assert_eq!(Value::Object(object), json!({ "value": "blue", "other_hex": "ff00", "none": null }));
    }
}
