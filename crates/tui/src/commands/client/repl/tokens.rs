//! Splits a line of commands into words. Spaces separate words; quotes at a word's beginning hold it together. Between single quotes
//! everything is literal; between double quotes `\n`, `\t`, `\r`, `\"`, `\\` and `\xNN` mean what they mean in C. Elsewhere a quote
//! or a backslash is literal, so that `{"a":1}` and `it's` need no quoting. Knows no commands.

use crate::commands::client::text::Escaped;

/// Why a line cannot be split into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// A quote was opened and not closed.
    Open(char),
    /// Something follows a closed quote directly.
    Glued(char),
    /// No such escape.
    Escape(char),
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open(quote) => write!(f, "a {quote} is missing at the end of the value"),
            Self::Glued(quote) => write!(f, "a space is missing after the closing {quote}"),
            Self::Escape(c) => write!(
                f,
                "\\{c} is not an escape: between double quotes there are \\n, \\t, \\r, \\\", \\\\ and \\xNN; \
                 between single quotes there are none"
            ),
        }
    }
}

/// A line as far as it can be split.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// All finished words, including the last one unless something can still be added to it.
    pub(super) words: Vec<Vec<u8>>,
    /// The word at the end of the line, and where it begins.
    pub(super) last: Option<(usize, Vec<u8>)>,
    /// What is wrong with it.
    pub(super) mistake: Option<Mistake>,
}

/// All words of a line.
pub(super) fn words(line: &str) -> Result<Vec<Vec<u8>>, Mistake> {
    let Tokens { mut words, last, mistake } = tokens(line);
    words.extend(last.map(|(_, word)| word));
    mistake.map_or(Ok(words), Err)
}

/// The words of a line that may be continued.
pub(super) fn tokens(line: &str) -> Tokens {
    let mut tokens = Tokens::default();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return tokens;
        }
        let start = line.len() - rest.len();
        let (word, left, mistake) = first_word(rest);
        rest = left;
        if rest.is_empty() || mistake.is_some() {
            tokens.last = Some((start, word));
            tokens.mistake = mistake;
            return tokens;
        }
        tokens.words.push(word);
    }
}

/// The first word of a text that begins with one, and the rest.
fn first_word(text: &str) -> (Vec<u8>, &str, Option<Mistake>) {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].into(), &text[end..], None);
    };
    let mut word = Vec::new();
    let mut rest = &text[1..];
    loop {
        let Some(c) = rest.chars().next() else { return (word, rest, Some(Mistake::Open(quote))) };
        rest = &rest[c.len_utf8()..];
        if c == quote {
            let is_glued = rest.chars().next().is_some_and(|next| !next.is_whitespace());
            return (word, rest, is_glued.then_some(Mistake::Glued(quote)));
        }
        if c == '\\' && quote == '"' {
            match escape(rest) {
                Ok((byte, left)) => {
                    word.push(byte);
                    rest = left;
                }
                Err(mistake) => return (word, rest, Some(mistake)),
            }
        } else {
            word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// The byte that the escape after a backslash means, and the rest.
fn escape(text: &str) -> Result<(u8, &str), Mistake> {
    let c = text.chars().next().ok_or(Mistake::Open('"'))?;
    let rest = &text[c.len_utf8()..];
    let byte = match c {
        'n' => b'\n',
        't' => b'\t',
        'r' => b'\r',
        '"' | '\\' => c as u8,
        'x' => {
            let digits = rest.get(..2).filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
            return byte.map(|byte| (byte, &rest[2..])).ok_or(Mistake::Escape(c));
        }
        _ => return Err(Mistake::Escape(c)),
    };
    Ok((byte, rest))
}

/// Whether a word needs no quotes.
pub(super) fn is_bare(word: &[u8]) -> bool {
    let is_plain = |text: &str| {
        !text.starts_with(['"', '\'', '#']) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    !word.is_empty() && std::str::from_utf8(word).is_ok_and(is_plain)
}

/// A word between double quotes.
pub(super) fn quoted(word: &[u8]) -> String {
    format!("\"{}\"", Escaped(word).to_string().replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_what_stands_between_spaces_or_quotes() {
        for (line, expected) in [
            ("", &[][..]),
            ("  \t ", &[]),
            ("put color blue", &["put", "color", "blue"]),
            ("  put   color\tblue  ", &["put", "color", "blue"]),
            ("put a 'b c'", &["put", "a", "b c"]),
            ("put a \"b c\"", &["put", "a", "b c"]),
            ("put a ''", &["put", "a", ""]),
            (r#"put a {"b":1}"#, &["put", "a", r#"{"b":1}"#]),
            (r"put it's C:\temp", &["put", "it's", r"C:\temp"]),
            (r"put a '\n'", &["put", "a", r"\n"]),
            (r#"put a "\n\t\r\"\\\x41""#, &["put", "a", "\n\t\r\"\\A"]),
            ("put farbe grün", &["put", "farbe", "grün"]),
        ] {
            let expected: Vec<Vec<u8>> = expected.iter().map(|word| word.as_bytes().to_vec()).collect();
            assert_eq!(words(line), Ok(expected), "{line}");
        }
        assert_eq!(words(r#""\xff\x00""#), Ok(vec![vec![0xff, 0]]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, mistake) in [
            ("put a 'b", Mistake::Open('\'')),
            ("put a \"b", Mistake::Open('"')),
            ("put a \"b\\", Mistake::Open('"')),
            ("put a \"b\"c", Mistake::Glued('"')),
            ("put a '''", Mistake::Glued('\'')),
            (r#"put a "\q""#, Mistake::Escape('q')),
            (r#"put a "\x4""#, Mistake::Escape('x')),
            (r#"put a "\x+4""#, Mistake::Escape('x')),
            ("put a \"\\xü\"", Mistake::Escape('x')),
        ] {
            assert_eq!(words(line), Err(mistake), "{line}");
        }
    }

    #[test]
    fn the_last_word_is_open_until_a_space_follows() {
        let last =
            |line: &str| tokens(line).last.map(|(start, word)| (start, String::from_utf8(word).unwrap()));
        assert_eq!(last("get co"), Some((4, "co".to_owned())));
        assert_eq!(last("get \"a b"), Some((4, "a b".to_owned())));
        assert_eq!(last("get color "), None);
        assert_eq!(tokens("get color ").words.len(), 2);
    }

    proptest! {
        #[test]
        fn any_word_can_be_written(word in proptest::collection::vec(any::<u8>(), 0..20)) {
            prop_assert_eq!(words(&quoted(&word)), Ok(vec![word.clone()]));
            if is_bare(&word) {
                prop_assert_eq!(words(std::str::from_utf8(&word).unwrap()), Ok(vec![word]));
            }
        }

        #[test]
        fn any_line_is_words_or_a_mistake(line in "[ a\"'\\\\nxü0-9]{0,20}") {
            let _ = words(&line);
        }
    }
}
