//! What is looked for in a list: the text, what has it, and the way from one match to the next.
//!
//! Pure, and the same for every list: a list asks [`Find::fits`] of each row, marks what [`Find::spans`] gives, goes on with [`next`]
//! and says [`MatchPlace`] in its title.

use std::fmt;
use std::ops::Range;

/// A text to look for. A row must have each of its words, and what is in double quotes as it is; a text in lower case ignores case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    text: String,
    words: Vec<Vec<char>>,
    ignores_case: bool,
}

impl Find {
    /// Looks for this text. If it has no word, everything fits.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            words: words(text).map(|word| word.chars().collect()).collect(),
            ignores_case: !text.chars().any(char::is_uppercase),
        }
    }

    /// The text, with single blanks.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a row has each word in one of its texts.
    #[must_use]
    pub fn fits(&self, texts: &[&str]) -> bool {
        if self.is_empty() {
            return true;
        }
        let texts: Vec<Vec<char>> = texts.iter().map(|text| self.folded(text)).collect();
        self.words.iter().all(|word| texts.iter().any(|text| place(text, word, 0).is_some()))
    }

    /// Where the words are in a text, in bytes: in order, and without overlaps.
    #[must_use]
    pub fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let folded = self.folded(text);
        let mut found = vec![false; folded.len()];
        for word in &self.words {
            let mut from = 0;
            while let Some(at) = place(&folded, word, from) {
                found[at..at + word.len()].fill(true);
                from = at + word.len();
            }
        }
        let mut spans: Vec<Range<usize>> = Vec::new();
        for ((start, c), _) in text.char_indices().zip(found).filter(|(_, found)| *found) {
            match spans.last_mut() {
                Some(last) if last.end == start => last.end += c.len_utf8(),
                _ => spans.push(start..start + c.len_utf8()),
            }
        }
        spans
    }

    /// As many characters as the text has, so that places in one are places in the other.
    fn folded(&self, text: &str) -> Vec<char> {
        let fold = |c: char| if self.ignores_case { c.to_lowercase().next().unwrap_or(c) } else { c };
        text.chars().map(fold).collect()
    }
}

/// Of the parts between quotes, each second one is quoted.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('"').enumerate();
    let words = parts.flat_map(|(n, part)| {
        let (quoted, plain) = if n % 2 == 1 { (part, "") } else { ("", part) };
        std::iter::once(quoted).chain(plain.split_whitespace())
    });
    words.filter(|word| !word.is_empty())
}

fn place(text: &[char], word: &[char], from: usize) -> Option<usize> {
    text.get(from..)?.windows(word.len()).position(|part| part == word).map(|at| at + from)
}

/// The match after this one (or before it), and beyond the last the first. `matches` are in order; `from` need not be one of them.
#[must_use]
pub fn next<T: Ord + Copy>(matches: &[T], from: Option<T>, on: bool) -> Option<T> {
    let (first, last) = (matches.first()?, matches.last()?);
    let Some(from) = from else { return Some(if on { *first } else { *last }) };
    if on {
        let after = matches.partition_point(|one| *one <= from);
        Some(*matches.get(after).unwrap_or(first))
    } else {
        let before = matches.partition_point(|one| *one < from);
        Some(before.checked_sub(1).map_or(*last, |before| matches[before]))
    }
}

/// Where the cursor is among the matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchPlace {
    /// Which of them has the cursor, counted from 0; `None`: none of them.
    pub at: Option<usize>,
    /// How many there are.
    pub of: usize,
}

impl MatchPlace {
    /// Where `cursor` is among these matches, which are in order.
    #[must_use]
    pub fn among<T: Ord>(matches: &[T], cursor: Option<T>) -> Self {
        let at = cursor.and_then(|cursor| matches.binary_search(&cursor).ok());
        Self { at, of: matches.len() }
    }
}

impl fmt::Display for MatchPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at, self.of) {
            (_, 0) => f.write_str("no match"),
            (Some(at), of) => write!(f, "{} of {of}", at + 1),
            (None, 1) => f.write_str("1 match"),
            (None, of) => write!(f, "{of} matches"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_must_be_there_and_lower_case_ignores_case() {
        let fits = |text: &str, row: &str| Find::new(text).fits(&[row]);
        assert!(fits("", "anything") && fits("   ", ""));
        assert!(fits("kill n2", "n2 was Killed"));
        assert!(!fits("kill n3", "n2 was killed"));
        assert!(fits("requestvote", "RequestVote") && fits("RequestV", "RequestVote"));
        assert!(!fits("Requestv", "RequestVote"), "a capital letter means it");
        assert!(fits("ärger", "ÄRGER") && fits("日本", "日本語"));
        assert!(Find::new("leader hear").fits(&["find-the-leader", "a node that can hear"]));
        assert_eq!(Find::new("  a \t b ").text(), "a b");
        assert!(fits("term 3", "n3 votes in term 2") && !fits("\"term 3\"", "n3 votes in term 2"));
        assert!(fits("n3 \"term 2", "n3 votes in term 2"), "a quote that is still open");
        assert!(fits("\"", "anything") && Find::new("\"\"").is_empty());
    }

    #[test]
    fn what_was_found_is_marked_once_and_in_bytes() {
        let spans = |text: &str, row: &str| {
            let spans = Find::new(text).spans(row);
            spans.into_iter().map(|span| (span.start, span.end)).collect::<Vec<_>>()
        };
        assert_eq!(spans("n2", "n2 hears n2"), [(0, 2), (9, 11)]);
        assert_eq!(spans("ea lead", "leader"), [(0, 4)], "overlaps are one");
        assert_eq!(spans("é", "aÉb"), [(1, 3)]);
        assert_eq!(spans("", "text"), []);
        assert_eq!(spans("aa", "aaa"), [(0, 2)]);
    }

    #[test]
    fn matches_are_gone_through_round_the_end_from_anywhere() {
        let matches = [3, 7, 9];
        assert_eq!((next(&matches, Some(3), true), next(&matches, Some(9), true)), (Some(7), Some(3)));
        assert_eq!((next(&matches, Some(7), false), next(&matches, Some(3), false)), (Some(3), Some(9)));
        assert_eq!((next(&matches, Some(5), true), next(&matches, Some(5), false)), (Some(7), Some(3)));
        assert_eq!((next(&matches, None, true), next(&matches, None, false)), (Some(3), Some(9)));
        assert_eq!(next::<u64>(&[], Some(1), true), None);
    }

    #[test]
    fn the_place_is_told_as_people_count() {
        let told = |cursor| MatchPlace::among(&[3, 7, 9], cursor).to_string();
        assert_eq!(
            (told(Some(7)), told(Some(8)), told(None)),
            ("2 of 3".into(), "3 matches".into(), "3 matches".into())
        );
        assert_eq!(MatchPlace::among(&[1], None).to_string(), "1 match");
        assert_eq!(MatchPlace::among::<u64>(&[], Some(1)).to_string(), "no match");
    }
}
