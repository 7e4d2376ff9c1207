//! The lessons that come with the program.

use super::Lesson;

/// The built-in lessons, each with its id and the text of its file, in the order in which they are best taken.
pub const LESSONS: &[(&str, &str)] = &[
    ("tour", include_str!("catalogue/tour.toml")),
    ("raft-in-30-minutes", include_str!("catalogue/raft-in-30-minutes.toml")),
    ("eight-questions", include_str!("catalogue/eight-questions.toml")),
    ("the-outage", include_str!("catalogue/the-outage.toml")),
    ("operators-hour", include_str!("catalogue/operators-hour.toml")),
    ("paper", include_str!("catalogue/paper.toml")),
];

/// What a new lesson begins with.
pub const TEMPLATE: &str = include_str!("template.toml");

/// The text of a built-in lesson.
#[must_use]
pub fn built_in_lesson(id: &str) -> Option<&'static str> {
    LESSONS.iter().find(|(known, _)| *known == id).map(|(_, source)| *source)
}

/// All built-in lessons, in the order of [`LESSONS`].
///
/// # Panics
/// If one of them has a mistake, which a test excludes.
#[must_use]
pub fn lessons() -> Vec<Lesson> {
    let read = |(id, source): &(&str, &str)| {
        // The deck reads them at its start. That each passes all checks is a test's affair.
        Lesson::parse(source)
            .unwrap_or_else(|mistake| panic!("the built-in lesson {id} has a mistake: {mistake}"))
    };
    LESSONS.iter().map(read).collect()
}
