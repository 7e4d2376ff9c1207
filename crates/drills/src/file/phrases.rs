//! Checks lines, conditions and durations where they stand in a file.
//!
//! All lines and conditions are put into one script in the order in which they are used, so that a name counts as set where a line
//! before has set it.

use super::mistake::place;
use super::{FileMistake, Phrase};
use raftdeck_model::{MAX_NODES, World};
use raftdeck_raft::NodeId;
use raftdeck_script::{check, duration};
use std::fmt::Display;
use std::time::Duration;

/// The word before a condition that is checked as a line.
const WAIT: &str = "wait ";

/// The most characters of an id.
const MAX_ID: usize = 40;

/// What is said of a wrong id.
pub(crate) const ID_RULE: &str = "an id consists of 1 to 40 lower-case letters, digits and -";

/// The most characters of a caption, so that a class can read it at one glance.
pub(crate) const MAX_CAPTION: usize = 240;

/// The words that what is measured or recorded may not use: they read and write files, end the cluster, or make noise.
pub(crate) const FORBIDDEN: [&str; 8] = ["quit", "exit", "q", "load", "save", "check", "seek", "workload"];

/// What is checked of a file, and what was found wrong with it.
pub(crate) struct Phrases<'a> {
    source: &'a str,
    mistakes: Vec<FileMistake>,
    script: Vec<ScriptPart<'a>>,
}

/// A line of the script that is checked.
struct ScriptPart<'a> {
    line: String,
    /// Where it comes from, and which line of that it is.
    phrase: &'a Phrase,
    at: usize,
    /// How many characters stand before it that are not in the phrase, and how many of the phrase's are left out.
    added: usize,
    left_out: usize,
}

impl<'a> Phrases<'a> {
    /// Of this file, nothing yet.
    pub(crate) fn of(source: &'a str) -> Self {
        Self { source, mistakes: Vec::new(), script: Vec::new() }
    }

    /// What was found wrong.
    pub(crate) fn mistakes(self) -> Vec<FileMistake> {
        self.mistakes
    }

    /// A mistake at a key, or at the beginning if the file does not name it.
    pub(crate) fn at_key(&mut self, key: &str, sentence: impl Display) {
        let (mut at, mut found) = (0, 0);
        for line in self.source.split_inclusive('\n') {
            let rest = line.trim_start().strip_prefix(key);
            if found == 0 && rest.is_some_and(|rest| rest.trim_start().starts_with('=')) {
                found = at + line.len() - line.trim_start().len();
            }
            at += line.len();
        }
        let (line, column) = place(self.source, found);
        self.mistakes.push(FileMistake { line, column, sentence: sentence.to_string() });
    }

    /// A mistake in a phrase, this many bytes from the beginning of its line.
    pub(crate) fn in_phrase(&mut self, phrase: &Phrase, line: usize, byte: usize, sentence: impl Display) {
        let value = self.source.get(phrase.start()..).unwrap_or_default();
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| value.starts_with(quote));
        let quote = quote.map_or(0, str::len);
        // A line break directly after the opening quotes is not a part of the text.
        let first =
            usize::from(quote == 3 && (value[3..].starts_with('\n') || value[3..].starts_with("\r\n")));
        let before: usize = value[quote..].split_inclusive('\n').take(line + first).map(str::len).sum();
        let (line, column) = place(self.source, phrase.start() + quote + before + byte);
        self.mistakes.push(FileMistake { line, column, sentence: sentence.to_string() });
    }

    /// A condition, which is all of a phrase.
    pub(crate) fn condition(&mut self, phrase: &'a Phrase) {
        self.wait(phrase, phrase.text());
        if phrase.text().contains('\n') {
            self.in_phrase(phrase, 0, 0, "a condition is one line");
        }
    }

    /// A condition, which is the end of a phrase or all of it.
    pub(crate) fn wait(&mut self, phrase: &'a Phrase, condition: &str) {
        self.part_after(WAIT, phrase, condition);
    }

    /// What may stand after this word in a line.
    pub(crate) fn after_word(&mut self, word: &str, phrase: &'a Phrase) {
        self.part_after(word, phrase, phrase.text());
    }

    fn part_after(&mut self, word: &str, phrase: &'a Phrase, end: &str) {
        let (all, own) = (phrase.text().chars().count(), end.chars().count());
        let (added, left_out) = (word.chars().count(), all.saturating_sub(own));
        self.script.push(ScriptPart { line: format!("{word}{end}"), phrase, at: 0, added, left_out });
    }

    /// Lines of a script.
    pub(crate) fn text(&mut self, phrase: &'a Phrase) {
        for (at, line) in phrase.text().lines().enumerate() {
            self.script.push(ScriptPart { line: line.to_owned(), phrase, at, added: 0, left_out: 0 });
        }
    }

    /// A duration, which must be longer than zero.
    pub(crate) fn time(&mut self, phrase: &Phrase) {
        match duration(phrase.text(), &World::default()) {
            Ok(time) if time == Duration::ZERO => {
                self.in_phrase(phrase, 0, 0, format!("{phrase} must be longer than zero"));
            }
            Ok(_) => {}
            Err(mistake) => self.in_phrase(phrase, 0, mistake.place(), mistake),
        }
    }

    /// Checks the lines so far as one script on a cluster of this many nodes, in which these words are forbidden; the next lines are those
    /// of another script. `what`: what the file is, as in "a drill".
    pub(crate) fn check_lines(&mut self, nodes: u8, forbidden: &[&str], what: &str) {
        let script = std::mem::take(&mut self.script);
        let text: Vec<&str> = script.iter().map(|part| part.line.as_str()).collect();
        let nodes: Vec<NodeId> = (1..=u64::from(nodes.clamp(1, MAX_NODES))).map(NodeId).collect();
        let checked = check(what, text.join("\n").as_bytes(), &nodes, None);
        for flaw in checked.flaws {
            let Some(ScriptPart { phrase, at, added, left_out, .. }) = script.get(flaw.line - 1) else {
                continue;
            };
            let characters = (flaw.column - 1).saturating_sub(*added) + left_out;
            let line = phrase.text().lines().nth(*at).unwrap_or_default();
            let byte = line.char_indices().nth(characters).map_or(line.len(), |(byte, _)| byte);
            self.in_phrase(phrase, *at, byte, flaw.mistake);
        }
        for ScriptPart { line, phrase, at, .. } in &script {
            let first = line.split_whitespace().next().unwrap_or_default();
            if forbidden.contains(&first.to_ascii_lowercase().as_str()) {
                self.in_phrase(phrase, *at, 0, format!("{what} cannot use {first}"));
            }
        }
    }
}

/// Whether this can be the id of a drill, a lesson or a chapter.
pub(crate) fn is_id(id: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !id.is_empty() && id.len() <= MAX_ID && id.chars().all(is_letter)
}
