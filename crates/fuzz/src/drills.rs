//! Drill files.

use raftdeck_drills::Drill;

/// A drill file, which should be text.
///
/// # Panics
/// If a mistake has no sentence, or its place does not lie in the file.
pub fn drills(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let Err(mistakes) = Drill::read(source) else { return };
    assert!(!mistakes.is_empty(), "a file that is not read has a mistake");
    let lines: Vec<&str> = source.split('\n').collect();
    for mistake in mistakes {
        assert!(!mistake.sentence.is_empty(), "a mistake is said");
        let line = lines.get(mistake.line.wrapping_sub(1)).expect("its line is in the file");
        assert!(
            (1..=line.chars().count() + 1).contains(&mistake.column),
            "its column is in the line: {mistake}"
        );
    }
}
