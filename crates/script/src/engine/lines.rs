//! The lines that a script still has to carry out: those of its files, which load one another, those of the standard input, and those
//! that are repeated.

use super::line_position::LinePosition;
use crate::bindings::{Bindings, BoundValue};
use crate::tokens::scan;
use crate::verb::{ScriptVerb, Verb};
use crate::word;
use std::collections::VecDeque;
use std::sync::Arc;

/// The deepest nesting of files that load one another.
const MAX_DEPTH: usize = 8;

/// The most lines that wait, of all files being loaded.
const MAX_LINES: usize = 100_000;

/// What some editors begin a file with.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What is wrong with a line that is not UTF-8.
pub(crate) const NOT_TEXT: &str = "the line is not UTF-8 text";

/// The mistake of a repeat without an end.
pub(crate) const NO_END: &str = "repeat has no end: a line end after the lines that are repeated";

/// The mistake of an end without a repeat.
pub(crate) const NO_REPEAT: &str = "end without repeat: no repeat is open before it";

/// Lines in the order of execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineQueue {
    queue: VecDeque<(LinePosition, QueuedLine)>,
    /// Lines of the standard input so far.
    read: usize,
    /// Whether no more of them will come.
    input_ended: bool,
}

#[derive(Clone, Debug)]
enum QueuedLine {
    Line(String),
    /// It is not UTF-8.
    NotText,
    /// A repetition begins again here, or ends.
    Again(Repetition),
}

#[derive(Clone, Debug)]
struct Repetition {
    body: Arc<Vec<(LinePosition, QueuedLine)>>,
    begun: u64,
    times: u64,
    counter: Option<String>,
}

/// The next item.
#[derive(Clone, Debug)]
pub(super) enum NextLine {
    /// This line.
    Line(LinePosition, String),
    /// A line that is not UTF-8.
    NotText(LinePosition),
    /// A repetition begins again, or has ended.
    Round,
}

/// Whether lines can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// Their end was found.
    Whole,
    /// Their end may still come.
    Open,
}

impl LineQueue {
    pub(super) fn of_file(file: &str, text: &[u8]) -> Self {
        let mut lines = Self::default();
        lines.append(file, text);
        lines
    }

    /// The lines of one more file, after those that wait.
    pub(super) fn append(&mut self, file: &str, text: &[u8]) {
        let lines = numbered(text).map(|(number, entry)| (LinePosition::of_file(file, number, 0), entry));
        self.queue.extend(lines);
    }

    /// One more line of the standard input.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.read += 1;
        let line = if self.read == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        self.queue.push_back((LinePosition::of_input(self.read), entry(line)));
    }

    pub(super) fn end_input(&mut self) {
        self.input_ended = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Drops the remaining lines of files.
    pub(super) fn drop_files(&mut self) {
        self.queue.retain(|(place, _)| !place.is_in_file());
    }

    /// Takes the next item.
    pub(super) fn next(&mut self, bindings: &mut Bindings) -> Option<NextLine> {
        let (place, entry) = self.queue.pop_front()?;
        Some(match entry {
            QueuedLine::Line(line) => NextLine::Line(place, line),
            QueuedLine::NotText => NextLine::NotText(place),
            QueuedLine::Again(repetition) => {
                self.go_around(place, repetition, bindings);
                NextLine::Round
            }
        })
    }

    fn go_around(&mut self, place: LinePosition, mut repetition: Repetition, bindings: &mut Bindings) {
        if repetition.begun == repetition.times {
            return;
        }
        repetition.begun += 1;
        if let Some(counter) = &repetition.counter {
            bindings.bind(counter, BoundValue::Number(repetition.begun));
        }
        let body = Arc::clone(&repetition.body);
        self.queue.push_front((place, QueuedLine::Again(repetition)));
        body.iter().rev().for_each(|line| self.queue.push_front(line.clone()));
    }

    /// Has the lines from here to the end that belongs to this place carried out this many times; the end line is removed.
    pub(super) fn repeat(
        &mut self,
        place: &LinePosition,
        times: u64,
        counter: Option<String>,
    ) -> Result<Block, String> {
        let same = self.queue.iter().take_while(|(line, _)| line.is_beside(place));
        let Some(length) = block(same.map(|(_, entry)| entry)) else {
            if !place.is_in_file() && !self.input_ended {
                return Ok(Block::Open);
            }
            return Err(NO_END.to_owned());
        };
        let mut body: Vec<_> = self.queue.drain(..=length).collect();
        body.pop();
        let repetition = Repetition { body: Arc::new(body), begun: 0, times, counter };
        self.queue.push_front((place.clone(), QueuedLine::Again(repetition)));
        Ok(Block::Whole)
    }

    /// Puts the lines of a file before those that wait.
    pub(super) fn load(
        &mut self,
        place: &LinePosition,
        file: &str,
        contents: Result<Vec<u8>, String>,
    ) -> Result<(), String> {
        let script = contents.map_err(|why| format!("{file} cannot be read: {why}"))?;
        let lines: Vec<_> = numbered(&script).collect();
        if self.queue.len() + lines.len() > MAX_LINES {
            return Err(format!("{file} is not loaded: the maximum is {MAX_LINES} lines"));
        }
        for (number, line) in lines.into_iter().rev() {
            self.queue.push_front((LinePosition::of_file(file, number, place.depth + 1), line));
        }
        Ok(())
    }

    /// Whether a line here may load a file.
    pub(crate) fn may_load(place: &LinePosition, file: &str) -> Result<(), String> {
        if place.depth < MAX_DEPTH {
            return Ok(());
        }
        Err(format!("{file} is not loaded: {MAX_DEPTH} files load one another already"))
    }
}

/// How many lines precede the end that belongs to the repeat before them.
fn block<'a>(lines: impl Iterator<Item = &'a QueuedLine>) -> Option<usize> {
    let mut open = 1_usize;
    for (at, entry) in lines.enumerate() {
        let QueuedLine::Line(line) = entry else { continue };
        open = after(open, line);
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// How many repeats are open after this line, given how many were open before it.
pub(crate) fn after(open: usize, line: &str) -> usize {
    let (tokens, _) = scan(line);
    match tokens.first().and_then(|first| word(&first.text)).map(|word| word.verb) {
        Some(Verb::Script(ScriptVerb::Repeat)) => open + 1,
        Some(Verb::Script(ScriptVerb::End)) => open.saturating_sub(1),
        _ => open,
    }
}

/// The numbered lines of a file.
fn numbered(script: &[u8]) -> impl Iterator<Item = (usize, QueuedLine)> {
    texts(script).map(|(number, line)| (number, entry(line)))
}

/// The numbered lines of a file, as bytes.
pub(crate) fn texts(script: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let script = script.strip_prefix(BYTE_ORDER_MARK).unwrap_or(script);
    let script = script.strip_suffix(b"\n").unwrap_or(script);
    (1..).zip(script.split(|byte| *byte == b'\n'))
}

fn entry(line: &[u8]) -> QueuedLine {
    match std::str::from_utf8(line) {
        Ok(line) => QueuedLine::Line(line.trim_end().to_owned()),
        Err(_) => QueuedLine::NotText,
    }
}
