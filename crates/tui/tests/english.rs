//! Habits of language that make texts hard to read, and the plain words that replace them: looked for in the strings and doc
//! comments of every crate, and in the pages beside them.

use std::fs;
use std::path::{Path, PathBuf};

/// Phrases and what to write instead. A phrase is a row of words; `|` separates words of which any may stand in that place, `*` is
/// any word, and `.` is the end of a sentence or clause.
const RULES: &[(&str, &str)] = &[
    ("he|his|him|himself", "a program is \"it\", a person is \"the user\" or \"they\""),
    ("who it is", "its identity; \"is authenticated\" for \"has proved who it is\""),
    (
        "node|nodes|process|processes|connection|connections|client|clients|peer|peers|server|servers who|whom",
        "\"which\" or \"that\": \"who\" is for people",
    ),
    (
        "leader|leaders|follower|followers|candidate|candidates|learner|learners|listener|dialer who|whom",
        "\"which\" or \"that\": \"who\" is for people",
    ),
    ("must not be .", "name the invariant that is violated"),
    ("asks|ask nobody", "\"has no authentication\", or \"sends no request\""),
    ("told too much", "\"too many pending requests\""),
    ("is for * to say", "\"decides\", \"selects\" or \"defines\""),
    ("of no|any use", "\"obsolete\", \"invalid\" or \"no longer needed\""),
    ("goes before", "\"takes precedence over\""),
    ("makes|make no sense", "\"is invalid\" or \"cannot be parsed\""),
    ("makes|make sense", "\"is valid\" or \"is possible\""),
    ("without a word", "\"silently\""),
    ("in time of", "\"during\""),
    ("does without", "\"does not need\" or \"has no\""),
    ("counts|count for nothing", "\"does not count\""),
    ("stands|stand|stood still", "\"is frozen\" (time), \"is stalled\" (a disk), \"is stopped\" (a process)"),
    ("leads|lead on", "\"stays leader\""),
    ("for ever", "\"forever\""),
    ("of|after|about|most|just|to so many", "\"this many\", or the number"),
    ("told of", "\"reported\""),
    ("what came|comes of", "\"the outcome of\""),
    ("what became|becomes of", "\"what happens to\""),
];

#[test]
fn texts_are_plain_english() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for path in files(&root) {
        let name = path.strip_prefix(&root).expect("it is below the root").display().to_string();
        let text = fs::read_to_string(&path).expect("the page can be read");
        let is_source = path.extension().is_some_and(|it| it == "rs");
        let blocks = if is_source { of_rust(&text) } else { of_markdown(&name, &text) };
        for words in blocks {
            found.extend(
                habits(&words)
                    .into_iter()
                    .map(|(line, phrase, better)| format!("{name}:{line}: \"{phrase}\"; better: {better}")),
            );
        }
    }
    assert!(found.is_empty(), "{} texts are hard to read:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_habit_is_found_with_its_line_also_where_it_wraps() {
    let page = "/// A node\n/// who asks.\nfn f() {}\n// The clients who ask.\nconst A: &str = \"state that must not be: x\";\n";
    let found: Vec<_> = of_rust(page).iter().flat_map(|words| habits(words)).map(|(line, ..)| line).collect();
    assert_eq!(found, [1, 5], "ordinary comments are not looked at");
    let page = "The peers *who* ask.\n\n```\nthe peers who ask\n```\n";
    assert_eq!(of_markdown("docs/a.md", page).iter().flat_map(|words| habits(words)).count(), 1);
    assert!(
        of_rust("let quote = '\"'; // he\nlet raw = r#\"his\"#;")
            .iter()
            .flat_map(|words| habits(words))
            .count()
            == 1
    );
}

/// One word of a text, in lower case, or `.`; and its line.
type Word = (String, usize);

/// The sources of all crates and the pages for people.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name)).into();
    add(&root.join("docs"), "md", &mut found);
    for crate_dir in fs::read_dir(root.join("crates")).expect("the crates are there") {
        let crate_dir = crate_dir.expect("a folder can be read").path();
        add(&crate_dir.join("src"), "rs", &mut found);
        let pages = fs::read_dir(&crate_dir).expect("a crate can be read").filter_map(Result::ok);
        found.extend(
            pages.map(|page| page.path()).filter(|page| page.extension().is_some_and(|it| it == "md")),
        );
    }
    found.sort();
    found
}

/// Adds the files below a folder whose names end so.
fn add(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            add(&path, extension, found);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

/// The doc comments and string literals of a source, each as a row of words.
fn of_rust(text: &str) -> Vec<Vec<Word>> {
    let mut blocks = Vec::new();
    let mut comment: Vec<Word> = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            if let Some(doc) = rest[..end].strip_prefix("///").or_else(|| rest[..end].strip_prefix("//!")) {
                words(doc, line, &mut comment);
            }
            end
        } else if let Some((skipped, content)) = literal(rest) {
            let mut string = Vec::new();
            words(content, line, &mut string);
            blocks.push(string);
            skipped
        } else if rest.starts_with("'\"'") {
            3
        } else {
            if !c.is_whitespace() && !comment.is_empty() {
                blocks.push(std::mem::take(&mut comment));
            }
            c.len_utf8()
        };
        line += rest[..taken].matches('\n').count();
        rest = &rest[taken..];
    }
    blocks.push(comment);
    blocks
}

/// A string literal that a text begins with: how long it is, and its content.
fn literal(text: &str) -> Option<(usize, &str)> {
    if let Some(raw) = text.strip_prefix("r#\"") {
        let end = raw.find("\"#")?;
        return Some((3 + end + 2, &raw[..end]));
    }
    let content = text.strip_prefix('"')?;
    let mut is_escaped = false;
    for (at, c) in content.char_indices() {
        match c {
            '"' if !is_escaped => return Some((at + 2, &content[..at])),
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    None
}

/// The paragraphs of a page, without its code; of the changelog only what is not released yet.
fn of_markdown(name: &str, text: &str) -> Vec<Vec<Word>> {
    let mut blocks = vec![Vec::new()];
    let (mut is_code, mut headings) = (false, 0);
    for (at, line) in text.lines().enumerate() {
        headings += usize::from(line.starts_with("## "));
        if name == "CHANGELOG.md" && headings > 1 {
            break;
        }
        is_code ^= line.trim_start().starts_with("```");
        if line.trim().is_empty() {
            blocks.push(Vec::new());
        } else if !is_code {
            words(line, at + 1, blocks.last_mut().expect("there is one"));
        }
    }
    blocks
}

/// Adds the words of a text that begins at this line.
fn words(text: &str, line: usize, into: &mut Vec<Word>) {
    for (nth, row) in text.split('\n').enumerate() {
        for piece in row.split([' ', '\t', '/', '(', ')', '|']).filter(|piece| !piece.is_empty()) {
            let piece = piece.strip_prefix("\\n").unwrap_or(piece);
            let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
            if !word.is_empty() {
                into.push((word.to_lowercase(), line + nth));
            }
            if piece.trim_end_matches(['"', '`', '*']).ends_with(['.', ';', ':']) {
                into.push((".".to_owned(), line + nth));
            }
        }
        if nth > 0 && row.is_empty() {
            into.push((".".to_owned(), line + nth));
        }
    }
}

/// The habits in a row of words: the line, the words, and what is better.
fn habits(words: &[Word]) -> Vec<(usize, String, &'static str)> {
    let mut found = Vec::new();
    for &(phrase, better) in RULES {
        let pattern: Vec<_> = phrase.split(' ').collect();
        for window in words.windows(pattern.len()) {
            if window.iter().zip(&pattern).all(|((word, _), place)| fits(word, place)) {
                let said: Vec<_> = window.iter().map(|(word, _)| word.as_str()).collect();
                found.push((window[0].1, said.join(" "), better));
            }
        }
    }
    found
}

fn fits(word: &str, place: &str) -> bool {
    if word == "." || place == "." {
        word == place
    } else {
        place == "*" || place.split('|').any(|it| it == word)
    }
}
