//! A line in pieces: split at blanks, with quotes, without its comment.

use crate::mistake::Mistake;

/// The longest line. A longer value in the store cannot be written by hand.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Where it begins in the line, in bytes.
    pub(crate) start: usize,
    /// The positions of `$` in the text outside quotes.
    pub(crate) names: Vec<usize>,
    /// Whether it contains quotes: then it is a text, even if it looks like a word.
    pub(crate) is_quoted: bool,
}

/// Splits at blanks; `"…"` keeps them, and within quotes `\` takes the next character literally. A `#` begins a comment at the
/// beginning of the line, or of a piece if no digit follows: `#12` names a message. A `$` outside quotes may begin a name.
pub(crate) fn split(line: &str) -> Result<Vec<Token>, Mistake> {
    match scan(line) {
        (_, true) => Err(Mistake::new("the quote is not closed: add a \" at the end")),
        _ if line.len() > MAX_LINE => {
            Err(Mistake::new(format!("the line has {} bytes, and the maximum is {MAX_LINE}", line.len())))
        }
        (tokens, false) => Ok(tokens),
    }
}

/// The pieces, and whether a quote is left open.
pub(crate) fn scan(line: &str) -> (Vec<Token>, bool) {
    let mut tokens = Vec::new();
    let mut token: Option<Token> = None;
    let mut quoted = false;
    let mut chars = line.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                push(&mut token, start, None).is_quoted = true;
            }
            '\\' if quoted => drop(push(&mut token, start, chars.next().map(|(_, c)| c))),
            c if c.is_whitespace() && !quoted => tokens.extend(token.take()),
            '#' if token.is_none() && !quoted => {
                let names = !tokens.is_empty() && chars.peek().is_some_and(|(_, c)| c.is_ascii_digit());
                if !names {
                    break;
                }
                push(&mut token, start, Some('#'));
            }
            '$' if !quoted => {
                let token = push(&mut token, start, Some('$'));
                token.names.push(token.text.len() - 1);
            }
            c => drop(push(&mut token, start, Some(c))),
        }
    }
    tokens.extend(token);
    (tokens, quoted)
}

fn push(token: &mut Option<Token>, start: usize, c: Option<char>) -> &mut Token {
    let token = token.get_or_insert_with(|| Token {
        text: String::new(),
        start,
        names: Vec::new(),
        is_quoted: false,
    });
    token.text.extend(c);
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn quotes_keep_blanks_and_may_be_empty() {
        assert_eq!(texts(r#"put "dark \"blue\"" "" a"b c"d"#), ["put", "dark \"blue\"", "", "ab cd"]);
        assert!(split("put k \"a b").unwrap_err().to_string().contains("not closed"));
    }

    #[test]
    fn a_comment_ends_the_line_and_a_number_is_no_comment() {
        assert_eq!(texts("# kill 1"), Vec::<String>::new());
        assert_eq!(texts("#1 kill"), Vec::<String>::new());
        assert_eq!(texts("kill 1 # the first"), ["kill", "1"]);
        assert_eq!(texts("release #12"), ["release", "#12"]);
        assert_eq!(texts("put k a#b \"#c\""), ["put", "k", "a#b", "#c"]);
    }

    #[test]
    fn a_line_has_an_end() {
        assert!(split(&"a".repeat(70_000)).unwrap_err().to_string().contains("the maximum is 65536"));
    }
}
