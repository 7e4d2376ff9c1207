//! The prompt's line: editing, history and completion. Does not parse the line.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_protocol::printable::is_unsafe;

/// The most characters a line may have.
const MAX_CHARS: usize = 4096;

/// The most lines remembered.
const MAX_HISTORY: usize = 100;

/// What a key did to the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptOutcome {
    /// It stays open.
    Editing,
    /// It is closed and nothing is to be done.
    Cancelled,
    /// This was entered. It stays open until it is [`accepted`](Prompt::accept) or [refused](Prompt::refuse).
    Entered(Purpose, String),
    /// A completion is requested: the next, or the previous one.
    Complete(bool),
}

/// What the prompt is open for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A store request.
    #[default]
    Write,
    /// A command in the grammar's words.
    Command,
    /// What is looked for in a list.
    Find,
    /// How many hands were raised for each answer.
    Hands,
}

impl Purpose {
    /// The text before the line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Command => "command",
            Self::Find => "find",
            Self::Hands => "hands for each answer",
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Write => 0,
            Self::Command => 1,
            Self::Find => 2,
            Self::Hands => 3,
        }
    }
}

/// A completion in progress: the line as it was typed, and which completion is being tried.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CompletionTrial {
    before: String,
    place: usize,
}

/// The line being edited, and the lines before it.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    open: bool,
    purpose: Purpose,
    line: Vec<char>,
    cursor: usize,
    histories: [Vec<String>; 4],
    trial: Option<CompletionTrial>,
    /// The line of the history that is shown, and the line that was being written before.
    recalled: Option<(usize, Vec<char>)>,
    error: Option<String>,
}

impl Prompt {
    /// Opens it with this line, which may be empty.
    pub fn open(&mut self, purpose: Purpose, line: &str) {
        self.open = true;
        self.purpose = purpose;
        self.trial = None;
        self.set_line(line.chars().collect());
        self.recalled = None;
        self.error = None;
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// What it is open for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The text before the cursor, as it was typed: a completion that is tried does not count.
    #[must_use]
    pub fn typed(&self) -> String {
        match &self.trial {
            Some(trial) => trial.before.clone(),
            None => self.line[..self.cursor].iter().collect(),
        }
    }

    /// Which completion is being tried.
    #[must_use]
    pub fn tried(&self) -> Option<usize> {
        self.trial.as_ref().map(|trial| trial.place)
    }

    /// Completes with the next of these, which are completions of [`typed`](Self::typed), or with the previous one. A single
    /// completion is accepted immediately.
    pub fn complete(&mut self, ways: &[String], forward: bool) {
        let Some(last) = ways.len().checked_sub(1) else { return };
        let place = match (self.tried(), forward) {
            (None, true) => 0,
            (None, false) => last,
            (Some(place), true) => {
                if place >= last {
                    0
                } else {
                    place + 1
                }
            }
            (Some(place), false) => place.checked_sub(1).unwrap_or(last),
        };
        let before = self.typed();
        let rest: Vec<char> = self.line[self.cursor..].to_vec();
        let mut line: Vec<char> = ways[place].chars().collect();
        self.trial = if last == 0 { None } else { Some(CompletionTrial { before, place }) };
        if last == 0 && rest.is_empty() {
            line.push(' ');
        }
        let cursor = line.len();
        line.extend(rest);
        line.truncate(MAX_CHARS);
        self.cursor = cursor.min(line.len());
        self.line = line;
        self.error = None;
    }

    /// What was entered is being carried out: it is remembered, and the prompt closes.
    pub fn accept(&mut self) {
        let line: String = self.line.iter().collect();
        let history = &mut self.histories[self.purpose.place()];
        if !line.trim().is_empty() && history.last() != Some(&line) {
            history.push(line);
        }
        if history.len() > MAX_HISTORY {
            history.remove(0);
        }
        self.close();
    }

    /// What was entered cannot be done: why.
    pub fn refuse(&mut self, why: String) {
        self.error = Some(why);
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &[char] {
        &self.line
    }

    /// The position of the cursor, in characters.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Why the line was not understood.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Puts text in at the cursor. A line break becomes a blank, and so does a tab; other control characters are left out.
    pub fn paste(&mut self, text: &str) {
        self.trial = None;
        let room = MAX_CHARS.saturating_sub(self.line.len());
        let lines = text.trim_end().replace("\r\n", "\n");
        let blank = |c: char| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
        for c in lines.chars().map(blank).filter(|c| !is_unsafe(*c)).take(room) {
            self.insert(c);
        }
    }

    /// Puts this line in place of what was typed.
    pub fn put(&mut self, line: &str) {
        self.trial = None;
        self.error = None;
        self.set_line(line.chars().take(MAX_CHARS).collect());
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> PromptOutcome {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        // In the palette the arrows move in the list, unless they have begun to move in the history.
        let in_list = self.purpose == Purpose::Command && self.recalled.is_none();
        match key.code {
            KeyCode::Tab => return PromptOutcome::Complete(true),
            KeyCode::BackTab => return PromptOutcome::Complete(false),
            KeyCode::Down if in_list => return PromptOutcome::Complete(true),
            KeyCode::Up if in_list && self.trial.is_some() => return PromptOutcome::Complete(false),
            _ => self.trial = None,
        }
        match key.code {
            KeyCode::Esc => return self.close(),
            KeyCode::Char('c' | 'g') if ctrl => return self.close(),
            KeyCode::Enter => return self.enter(),
            KeyCode::Char('a') if ctrl => self.cursor = 0,
            KeyCode::Char('e') if ctrl => self.cursor = self.line.len(),
            KeyCode::Char('b') if ctrl => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Char('f') if ctrl => self.cursor = (self.cursor + 1).min(self.line.len()),
            KeyCode::Char('u') if ctrl => self.remove(0, self.cursor),
            KeyCode::Char('k') if ctrl => self.remove(self.cursor, self.line.len()),
            KeyCode::Char('w') if ctrl => self.remove(self.word_before(), self.cursor),
            KeyCode::Char('h') if ctrl => self.remove(self.cursor.saturating_sub(1), self.cursor),
            KeyCode::Char('p') if ctrl => self.recall(false),
            KeyCode::Char('n') if ctrl => self.recall(true),
            KeyCode::Char(c) if !ctrl && !alt && !is_unsafe(c) => self.insert(c),
            KeyCode::Backspace => self.remove(self.cursor.saturating_sub(1), self.cursor),
            KeyCode::Delete => self.remove(self.cursor, (self.cursor + 1).min(self.line.len())),
            KeyCode::Left if ctrl || alt => self.cursor = self.word_before(),
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.line.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.line.len(),
            KeyCode::Up => self.recall(false),
            KeyCode::Down => self.recall(true),
            _ => {}
        }
        PromptOutcome::Editing
    }

    fn enter(&mut self) -> PromptOutcome {
        let line: String = self.line.iter().collect();
        // Nothing to look for shows everything; in the other prompts an empty line requests nothing.
        if line.trim().is_empty() && self.purpose != Purpose::Find {
            return self.close();
        }
        PromptOutcome::Entered(self.purpose, line)
    }

    fn close(&mut self) -> PromptOutcome {
        self.open = false;
        self.error = None;
        PromptOutcome::Cancelled
    }

    fn insert(&mut self, c: char) {
        if self.line.len() < MAX_CHARS {
            self.line.insert(self.cursor, c);
            self.cursor += 1;
            self.error = None;
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.line.drain(from..to);
        self.cursor = from;
        self.error = None;
    }

    fn set_line(&mut self, line: Vec<char>) {
        self.cursor = line.len();
        self.line = line;
    }

    fn word_before(&self) -> usize {
        let before = &self.line[..self.cursor];
        let end = before.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1);
        before[..end].iter().rposition(|c| c.is_whitespace()).map_or(0, |blank| blank + 1)
    }

    fn recall(&mut self, newer: bool) {
        let (place, draft) = match (self.recalled.take(), newer) {
            (None, true) => return,
            (None, false) => (self.histories[self.purpose.place()].len(), self.line.clone()),
            (Some(recalled), _) => recalled,
        };
        let place = if newer { place + 1 } else { place.saturating_sub(1) };
        self.error = None;
        if let Some(line) = self.histories[self.purpose.place()].get(place) {
            self.set_line(line.chars().collect());
            self.recalled = Some((place, draft));
        } else {
            self.set_line(draft);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(prompt: &mut Prompt, code: KeyCode) -> PromptOutcome {
        prompt.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn ctrl(prompt: &mut Prompt, c: char) {
        prompt.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
    }

    fn type_in(prompt: &mut Prompt, text: &str) {
        for c in text.chars() {
            press(prompt, KeyCode::Char(c));
        }
    }

    fn line(prompt: &Prompt) -> String {
        prompt.line().iter().collect()
    }

    fn opened() -> Prompt {
        let mut prompt = Prompt::default();
        prompt.open(Purpose::Write, "");
        prompt
    }

    #[test]
    fn the_line_is_edited_at_the_cursor() {
        let mut prompt = opened();
        type_in(&mut prompt, "put colr blue");
        for _ in 0..6 {
            press(&mut prompt, KeyCode::Left);
        }
        type_in(&mut prompt, "o");
        assert_eq!(line(&prompt), "put color blue");
        press(&mut prompt, KeyCode::Home);
        press(&mut prompt, KeyCode::Delete);
        press(&mut prompt, KeyCode::End);
        press(&mut prompt, KeyCode::Backspace);
        assert_eq!(line(&prompt), "ut color blu");
        ctrl(&mut prompt, 'w');
        assert_eq!(line(&prompt), "ut color ");
        ctrl(&mut prompt, 'u');
        assert_eq!(line(&prompt), "");
        ctrl(&mut prompt, 'w');
        press(&mut prompt, KeyCode::Backspace);
        press(&mut prompt, KeyCode::Delete);
        assert_eq!(prompt.cursor(), 0);
    }

    #[test]
    fn an_error_keeps_the_prompt_open_and_goes_when_the_line_changes() {
        let mut prompt = opened();
        type_in(&mut prompt, "put color");
        let entered = PromptOutcome::Entered(Purpose::Write, "put color".to_owned());
        assert_eq!(press(&mut prompt, KeyCode::Enter), entered);
        prompt.refuse("put takes a key and a value".to_owned());
        assert!(prompt.is_open() && prompt.error().is_some());
        type_in(&mut prompt, " blue");
        assert_eq!(prompt.error(), None);
        assert!(matches!(press(&mut prompt, KeyCode::Enter), PromptOutcome::Entered(..)));
        prompt.accept();
        assert!(!prompt.is_open());
    }

    #[test]
    fn history_goes_back_and_returns_to_the_draft() {
        let mut prompt = opened();
        for entry in ["put a 1", "put b 2"] {
            prompt.open(Purpose::Write, "");
            type_in(&mut prompt, entry);
            press(&mut prompt, KeyCode::Enter);
            prompt.accept();
        }
        prompt.open(Purpose::Write, "");
        type_in(&mut prompt, "get");
        press(&mut prompt, KeyCode::Up);
        assert_eq!(line(&prompt), "put b 2");
        press(&mut prompt, KeyCode::Up);
        press(&mut prompt, KeyCode::Up);
        assert_eq!(line(&prompt), "put a 1");
        press(&mut prompt, KeyCode::Down);
        press(&mut prompt, KeyCode::Down);
        assert_eq!(line(&prompt), "get");
        press(&mut prompt, KeyCode::Down);
        assert_eq!(line(&prompt), "get");
    }

    #[test]
    fn pasted_text_is_one_line_and_bounded() {
        let mut prompt = opened();
        prompt.paste("put a\n1\r\n");
        assert_eq!(line(&prompt), "put a 1");
        prompt.paste("\r\n\u{1b}[31m\t\u{7}\u{202e}x\u{200b}");
        assert_eq!(line(&prompt), "put a 1 [31m x", "nothing is obeyed, and nothing is hidden");
        prompt.put("");
        prompt.paste(&"x".repeat(100_000));
        assert_eq!(prompt.line().len(), MAX_CHARS);
    }

    #[test]
    fn escape_and_an_empty_line_close_it() {
        let mut prompt = opened();
        type_in(&mut prompt, "put");
        assert_eq!(press(&mut prompt, KeyCode::Esc), PromptOutcome::Cancelled);
        prompt.open(Purpose::Write, "");
        assert_eq!(line(&prompt), "");
        assert_eq!(press(&mut prompt, KeyCode::Enter), PromptOutcome::Cancelled);
        assert!(!prompt.is_open());
    }

    #[test]
    fn each_purpose_has_its_own_history() {
        let mut prompt = opened();
        type_in(&mut prompt, "put a 1");
        prompt.accept();
        prompt.open(Purpose::Command, "");
        press(&mut prompt, KeyCode::Up);
        assert_eq!(line(&prompt), "");
        type_in(&mut prompt, "kill 2");
        prompt.accept();
        prompt.open(Purpose::Find, "held");
        assert_eq!(press(&mut prompt, KeyCode::Up), PromptOutcome::Editing);
        assert_eq!(line(&prompt), "held");
        prompt.open(Purpose::Command, "");
        press(&mut prompt, KeyCode::Up);
        assert_eq!(line(&prompt), "kill 2");
    }

    #[test]
    fn completion_tries_one_way_after_the_other_and_typing_takes_it() {
        let mut prompt = opened();
        type_in(&mut prompt, "h");
        assert_eq!(press(&mut prompt, KeyCode::Tab), PromptOutcome::Complete(true));
        let ways = ["heal".to_owned(), "hold".to_owned()];
        prompt.complete(&ways, true);
        assert_eq!((line(&prompt).as_str(), prompt.typed().as_str()), ("heal", "h"));
        prompt.complete(&ways, true);
        assert_eq!(line(&prompt), "hold");
        prompt.complete(&ways, true);
        prompt.complete(&ways, false);
        assert_eq!((line(&prompt).as_str(), prompt.tried()), ("hold", Some(1)));
        type_in(&mut prompt, " ");
        assert_eq!((prompt.typed().as_str(), prompt.tried()), ("hold ", None));
        prompt.complete(&["hold *".to_owned()], true);
        assert_eq!(line(&prompt), "hold * ", "the only way is taken");
        prompt.complete(&[], true);
    }
}
