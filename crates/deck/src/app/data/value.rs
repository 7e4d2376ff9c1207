//! A value's bytes as lines for people: JSON, text or hex. What a terminal would obey, reorder or hide is escaped, and marked as such.

use super::json;
use raftdeck_protocol::printable::is_unsafe;
use unicode_width::UnicodeWidthChar;

/// The most bytes of a value that are shown.
pub const MOST_SHOWN: usize = 64 << 10;

/// How a value is to be shown, and how it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueForm {
    /// JSON objects and arrays indented, everything else as text.
    #[default]
    Json,
    /// As text.
    Text,
    /// Byte by byte.
    Hex,
}

impl ValueForm {
    /// The next form; the first follows the last.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Json => Self::Text,
            Self::Text => Self::Hex,
            Self::Hex => Self::Json,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Hex => "hex",
        }
    }
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What is shown.
    pub text: String,
    /// Whether it stands for a character that cannot be shown itself.
    pub is_escape: bool,
}

/// A value in lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownValue {
    /// The form it has, which may be another one than was wanted: bytes that are no text are shown in hex.
    pub form: ValueForm,
    /// Its lines.
    pub lines: Vec<Vec<Piece>>,
    /// Whether this is all of it.
    pub is_whole: bool,
}

/// A value in this form if it has it, in lines of at most `width` columns.
#[must_use]
pub fn shown(value: &[u8], wanted: ValueForm, width: usize) -> ShownValue {
    let width = width.max(1);
    let Some(text) = std::str::from_utf8(value).ok().filter(|_| wanted != ValueForm::Hex) else {
        let part = &value[..value.len().min(MOST_SHOWN)];
        return ShownValue {
            form: ValueForm::Hex,
            lines: hex(part, width),
            is_whole: part.len() == value.len(),
        };
    };
    if wanted == ValueForm::Json
        && text.len() <= MOST_SHOWN
        && let Some(json) = json::indented(text)
    {
        return ShownValue { form: ValueForm::Json, lines: lines(&json, width, false), is_whole: true };
    }
    let part = &text[..text.floor_char_boundary(MOST_SHOWN)];
    ShownValue { form: ValueForm::Text, lines: lines(part, width, true), is_whole: part.len() == text.len() }
}

/// The beginning of a value or key on one line; bytes that are no text as hex.
#[must_use]
pub fn brief(value: &[u8]) -> String {
    /// Wider than any column.
    const CHARS: usize = 200;
    const BYTES: usize = 16;
    let Ok(text) = std::str::from_utf8(value) else {
        let bytes: Vec<String> = value.iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect();
        return format!("0x {}", bytes.join(" "));
    };
    let escaped = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().take(CHARS).map(escaped).collect()
}

/// `12 B`, `1.5 KiB`, `1.0 MiB`.
#[must_use]
pub fn size(bytes: usize) -> String {
    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{}.{} KiB", bytes / KIB, bytes % KIB * 10 / KIB),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

/// Lines that are filled piece by piece.
struct Filling {
    width: usize,
    used: usize,
    line: Vec<Piece>,
    lines: Vec<Vec<Piece>>,
}

impl Filling {
    fn push(&mut self, text: &str, columns: usize, is_escape: bool) {
        if self.used > 0 && self.used + columns > self.width {
            self.end_line();
        }
        self.used += columns;
        match self.line.last_mut() {
            Some(piece) if piece.is_escape == is_escape => piece.text.push_str(text),
            _ => self.line.push(Piece { text: text.to_owned(), is_escape }),
        }
    }

    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
        self.used = 0;
    }
}

/// Text in lines, none of its blanks lost. Its own line breaks end a line; with `shows_breaks` they are visible too.
fn lines(text: &str, width: usize, shows_breaks: bool) -> Vec<Vec<Piece>> {
    let mut filling = Filling { width, used: 0, line: Vec::new(), lines: Vec::new() };
    for c in text.chars() {
        if is_unsafe(c) && (c != '\n' || shows_breaks) {
            let escaped = c.escape_default().to_string();
            filling.push(&escaped, escaped.len(), true);
        }
        if c == '\n' {
            filling.end_line();
        } else if !is_unsafe(c) {
            filling.push(c.encode_utf8(&mut [0; 4]), c.width().unwrap_or(0), false);
        }
    }
    if !filling.line.is_empty() || filling.lines.is_empty() {
        filling.end_line();
    }
    filling.lines
}

/// `0010  68 65 6c 6c 6f  hello`, as many bytes a line as fit.
fn hex(bytes: &[u8], width: usize) -> Vec<Vec<Piece>> {
    let each = [16, 8, 4].into_iter().find(|each| 8 + each * 4 <= width).unwrap_or(2);
    let line = |(row, part): (usize, &[u8])| {
        let digits = part.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
        let is_plain = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
        let text: String =
            part.iter().map(|byte| if is_plain(byte) { char::from(*byte) } else { '.' }).collect();
        let text =
            format!("{:04x}  {digits:<digits_width$}  {text}", row * each, digits_width = each * 3 - 1);
        vec![Piece { text, is_escape: false }]
    };
    if bytes.is_empty() {
        return vec![Vec::new()];
    }
    bytes.chunks(each).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: &[u8], form: ValueForm, width: usize) -> (ValueForm, Vec<String>) {
        let shown = shown(value, form, width);
        let line = |line: &Vec<Piece>| line.iter().map(|piece| piece.text.as_str()).collect::<String>();
        (shown.form, shown.lines.iter().map(line).collect())
    }

    #[test]
    fn a_value_has_the_form_that_is_wanted_if_it_can() {
        let json = br#"{"a":[1,2]}"#;
        assert_eq!(
            plain(json, ValueForm::Json, 20),
            (ValueForm::Json, ["{", "  \"a\": [", "    1,", "    2", "  ]", "}"].map(str::to_owned).to_vec())
        );
        assert_eq!(plain(json, ValueForm::Text, 20), (ValueForm::Text, vec![r#"{"a":[1,2]}"#.to_owned()]));
        assert_eq!(plain(b"{\"a\":", ValueForm::Json, 20).0, ValueForm::Text, "it is not valid");
        assert_eq!(plain(b"blue", ValueForm::Json, 20), (ValueForm::Text, vec!["blue".to_owned()]));
        assert_eq!(plain(b"", ValueForm::Json, 20), (ValueForm::Text, vec![String::new()]));
        assert_eq!(
            plain(b"hi\0", ValueForm::Hex, 30),
            (ValueForm::Hex, vec!["0000  68 69 00     hi.".to_owned()])
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_hex_by_themselves() {
        for form in [ValueForm::Json, ValueForm::Text] {
            assert_eq!(
                plain(&[0xff, 0x41], form, 24),
                (ValueForm::Hex, vec!["0000  ff 41        .A".to_owned()])
            );
        }
        assert_eq!(brief(&[0xff, 0x41]), "0x ff 41");
    }

    #[test]
    fn what_a_terminal_obeys_is_made_visible_and_told_apart_from_the_same_text() {
        let shown = shown("a\u{1b}[2J\u{202e}\\u{202e}\tb\nc\u{200b}".as_bytes(), ValueForm::Text, 80);
        let piece = |text: &str, is_escape| Piece { text: text.to_owned(), is_escape };
        assert_eq!(
            shown.lines,
            [
                vec![
                    piece("a", false),
                    piece("\\u{1b}", true),
                    piece("[2J", false),
                    piece("\\u{202e}", true),
                    piece("\\u{202e}", false),
                    piece("\\t", true),
                    piece("b", false),
                    piece("\\n", true),
                ],
                vec![piece("c", false), piece("\\u{200b}", true)],
            ]
        );
    }

    #[test]
    fn lines_are_broken_by_columns_and_nothing_is_lost() {
        let (_, lines) = plain("日本語 ab".as_bytes(), ValueForm::Text, 4);
        assert_eq!(lines, ["日本", "語 a", "b"]);
        assert_eq!(plain(b"ab\n\ncd\n", ValueForm::Text, 9).1, ["ab\\n", "\\n", "cd\\n"]);
    }

    #[test]
    fn of_a_great_value_the_beginning_is_shown() {
        let shown = shown(&vec![b'x'; MOST_SHOWN + 1], ValueForm::Json, 64);
        assert!(!shown.is_whole);
        assert_eq!(shown.lines.len(), MOST_SHOWN / 64);
        assert_eq!((size(4), size(1536), size(1 << 20)), ("4 B".into(), "1.5 KiB".into(), "1.0 MiB".into()));
    }
}
