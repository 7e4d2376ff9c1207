//! The rest of a line after its first word, taken piece by piece.

use crate::mistake::Mistake;
use crate::table::Word;
use crate::tokens::Token;
use raftdeck_model::World;

/// What is left of a line.
pub(crate) struct Phrase<'a> {
    pub(crate) word: &'static Word,
    pub(crate) world: &'a World,
    rest: &'a [Token],
    /// Where the piece that was taken last begins, or where the line ended too early.
    at: usize,
}

impl<'a> Phrase<'a> {
    /// The words after this one, whose piece this is.
    pub(crate) fn new(meant: &'static Word, first: &Token, rest: &'a [Token], world: &'a World) -> Self {
        Self { word: meant, world, rest, at: first.start }
    }

    /// Where the piece that was taken last begins.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// The next piece, if there is one. It is not taken.
    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(|token| token.text.as_str())
    }

    /// Whether the next piece is this word, without quotes.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.rest.first().is_some_and(|token| !token.is_quoted && token.text.eq_ignore_ascii_case(word))
    }

    /// Whether quotes are in the next piece.
    pub(crate) fn is_quoted(&self) -> bool {
        self.rest.first().is_some_and(|token| token.is_quoted)
    }

    /// Takes the next piece, if there is one.
    pub(crate) fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.at = first.start;
        Some(&first.text)
    }

    /// Takes the next piece if it is this one.
    pub(crate) fn skip(&mut self, piece: &str) -> bool {
        let is = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(piece));
        if is {
            self.next();
        }
        is
    }

    /// Takes the next piece, which is required: `what` says for what.
    pub(crate) fn need(&mut self, what: &str) -> Result<&'a str, Mistake> {
        self.next().ok_or_else(|| self.lacks(what))
    }

    /// Something is missing here.
    pub(crate) fn lacks(&self, what: &str) -> Mistake {
        let Word { name, usage, .. } = self.word;
        Mistake::new(format!("{name} needs {what}: {usage}"))
    }

    /// Nothing more may follow.
    pub(crate) fn end(&self) -> Result<(), Mistake> {
        let Some(Token { text: next, start, .. }) = self.rest.first() else { return Ok(()) };
        let Word { name, usage, .. } = self.word;
        let mistake = if name == usage {
            format!("{name} takes no argument, and \"{next}\" follows")
        } else {
            format!("\"{next}\" is unexpected here: {usage}")
        };
        Err(Mistake::new(mistake).at(*start))
    }
}
