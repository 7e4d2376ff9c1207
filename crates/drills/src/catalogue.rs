//! The drills that come with the program.

use crate::file::Drill;

/// The built-in drills, each with its id and the text of its file, in the order in which they are best taken.
pub const CATALOGUE: [(&str, &str); 1] = [("leader-kill", include_str!("catalogue/leader-kill.toml"))];

/// The text of a built-in drill.
#[must_use]
pub fn built_in(id: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|(known, _)| *known == id).map(|(_, source)| *source)
}

/// All built-in drills, in the order of [`CATALOGUE`].
///
/// # Panics
/// If one of them has a mistake, which a test excludes.
#[must_use]
pub fn catalogue() -> Vec<Drill> {
    let read = |(id, source): &(&str, &str)| {
        Drill::read(source)
            .unwrap_or_else(|mistakes| panic!("the built-in drill {id} has a mistake: {}", mistakes[0]))
    };
    CATALOGUE.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_drill_can_be_read_and_is_named_as_its_file() {
        for (id, source) in CATALOGUE {
            let drill = Drill::read(source).unwrap_or_else(|mistakes| {
                let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                panic!("{id}:\n{}", mistakes.join("\n"))
            });
            assert_eq!(drill.id, id);
        }
    }
}
