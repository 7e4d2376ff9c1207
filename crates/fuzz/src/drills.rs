//! Files of drills and of lessons.

use raftdeck_drills::{Drill, FileMistake, Lesson};

/// A file of a drill, a lesson or an exhibit of the museum, which should be text.
///
/// # Panics
/// If a mistake has no sentence, or its place does not lie in the file.
pub fn drills(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let wrong = [
        Drill::read(source).err(),
        Lesson::read(source).err(),
        raftdeck_drills::museum::Exhibit::read(source).err(),
    ];
    for mistakes in wrong.into_iter().flatten() {
        judge(source, &mistakes);
    }
}

fn judge(source: &str, mistakes: &[FileMistake]) {
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
