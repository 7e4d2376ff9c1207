//! Sanitizes text from other processes for terminals and for line-oriented readers. Keys, addresses, sentences and a
//! node's standard error are untrusted, and a terminal obeys control characters, reorders bidirectional text and
//! hides characters without width. All printed text goes through here.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character has another effect than being shown: control characters (C0, DEL, C1), line and paragraph
/// separators, marks that change the direction of text, and characters without a width.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// Text in one line: each unsafe character as `\n`, `\t`, `\r` or `\u{85}`.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            f.write_str(&rest[..at])?;
            write!(f, "{}", c.escape_default())?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// Text in one line, as [`Printable`] shows it.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.contains(is_unsafe) { Cow::Owned(Printable(text).to_string()) } else { Cow::Borrowed(text) }
}

/// Text whose line breaks and tabs are its own.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| is_unsafe(c) && c != '\n' && c != '\t';
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Text in one line whose unsafe characters are made visible, for a screen: a control character of ASCII as its picture (`␛[31m`),
/// any other one as its number (`<U+202E>`).
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match picture(c) {
            Some(picture) => shown.push(picture),
            None if is_unsafe(c) => push_number(&mut shown, c),
            None => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// The same for a screen that draws ASCII alone: a control character as a caret and a letter (`^[[31m`), whether it is still one or
/// has been made [`visible`] before. Other text stays as it is.
#[must_use]
pub fn visible_in_ascii(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_unsafe(c) || pictured(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match pictured(c).or(Some(c).filter(char::is_ascii_control)) {
            // ASCII's control characters are written as the letter that Ctrl is pressed with: `^[`, `^?`.
            Some(control) => shown.extend(['^', char::from(control as u8 ^ 0x40)]),
            None if is_unsafe(c) => push_number(&mut shown, c),
            None => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Unicode's picture of an ASCII control character.
fn picture(control: char) -> Option<char> {
    match control {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(control)),
        '\u{7f}' => Some('\u{2421}'),
        _ => None,
    }
}

/// The control character that this is a picture of.
fn pictured(picture: char) -> Option<char> {
    match picture {
        '\u{2400}'..='\u{241f}' => char::from_u32(u32::from(picture) - 0x2400),
        '\u{2421}' => Some('\u{7f}'),
        _ => None,
    }
}

fn push_number(shown: &mut String, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(shown, "<U+{:04X}>", u32::from(c));
}

/// JSON that means the same and has no unsafe character, as strings may hold each as `\u0085`. The JSON has no line breaks.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // A string takes everything.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a malicious server may say: it clears the screen, sets the title, begins a new line, ends one, turns text
    /// around, hides some, and does the same in C1.
    const MALICIOUS: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}\nb\rc\u{9b}31m\u{85}d\u{202e}e\u{2066}f\u{200b}g\u{feff}h\u{2028}i\u{e0041}j\u{7f}k";

    #[test]
    fn nothing_that_a_terminal_obeys_reorders_or_hides_is_left() {
        let one_line = [line(MALICIOUS), json(MALICIOUS), visible(MALICIOUS), visible_in_ascii(MALICIOUS)];
        for shown in one_line.into_iter().chain([lines(MALICIOUS).replace('\n', "").into()]) {
            assert!(!shown.contains(is_unsafe), "{shown:?}");
            let letters: String = shown.chars().filter(|c| ('a'..='k').contains(c)).collect();
            assert!(letters.contains('a') && letters.ends_with('k'), "the rest is shown: {shown}");
        }
        assert_eq!(line("a\u{1b}[2J\n\u{85}\u{202e}"), "a\\u{1b}[2J\\n\\u{85}\\u{202e}");
        assert_eq!(lines("a\n\tb\u{9b}"), "a\n\tb\\u{9b}");
        assert!(matches!(line("blå — größer 日本 👩"), Cow::Borrowed(_)), "what shows itself is left alone");
    }

    #[test]
    fn what_would_be_obeyed_is_made_visible() {
        assert_eq!(visible("\u{1b}[31mred\u{7}\t\u{7f}"), "␛[31mred␇␉␡");
        assert_eq!(visible("a\u{202e}b\u{85}\u{e0041}"), "a<U+202E>b<U+0085><U+E0041>");
        assert_eq!(visible_in_ascii("\u{1b}[31mred\u{7}\t\u{7f}"), "^[[31mred^G^I^?");
        assert_eq!(visible_in_ascii(&visible("a\u{202e}\0\u{1b}\u{7f}")), "a<U+202E>^@^[^?");
        for text in ["blå — größer 日本 👩", "^[ is a caret"] {
            assert!(matches!(visible(text), Cow::Borrowed(_)), "what shows itself is left alone");
            assert!(matches!(visible_in_ascii(text), Cow::Borrowed(_)), "what shows itself is left alone");
        }
    }

    #[test]
    fn whatever_the_character_it_is_safe_and_there_afterwards() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            for shown in [visible(&text), visible_in_ascii(&text)] {
                assert!(!shown.contains(is_unsafe), "{:x} is shown as {shown:?}", u32::from(c));
                assert!(shown.starts_with('a') && shown.ends_with('b') && shown.len() > 2, "{shown:?}");
                assert!(shown == text || is_unsafe(c) || pictured(c).is_some(), "{c} shows itself");
            }
        }
    }

    #[test]
    fn json_means_the_same() {
        // As a writer of JSON leaves it: it escapes C0 alone.
        let written = "{\"why\":\"\\u001b\u{9b}\u{202e}\u{e0041}\"}";
        assert_eq!(json(written), "{\"why\":\"\\u001b\\u009b\\u202e\\udb40\\udc41\"}");
    }
}
