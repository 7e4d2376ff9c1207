//! The museum's exhibits: their list, and their files as the deck shows them.

use color_eyre::eyre::{Result, WrapErr, eyre};
use raftdeck_deck::app::lessons::ExhibitFiles;
use raftdeck_drills::museum::{ExhibitRun, ShippedExhibit, museum, shipped_exhibit};
use raftdeck_model::Update;
use raftdeck_record::Recording;
use std::fmt::Write as _;

/// The exhibits, a line each.
pub(crate) fn list() -> String {
    let mut text = String::new();
    for exhibit in museum() {
        let _ = writeln!(text, "{:22} {:22} {}", exhibit.id, exhibit.property, exhibit.title);
    }
    text
}

/// The files of the exhibit of this id.
pub(crate) fn read(id: &str) -> Result<ExhibitFiles> {
    let shipped = shipped_exhibit(id).ok_or_else(|| eyre!("there is no exhibit {id}"))?;
    let updates = |run| updates_of(shipped, run).wrap_err_with(|| format!("the exhibit {id} cannot be read"));
    Ok(ExhibitFiles {
        exhibit: shipped.exhibit(),
        marks: ExhibitRun::BOTH.map(|run| shipped.marks(run)),
        updates: [updates(ExhibitRun::WithoutGuard)?, updates(ExhibitRun::WithGuard)?],
    })
}

fn updates_of(shipped: &ShippedExhibit, run: ExhibitRun) -> Result<Vec<Update>> {
    Ok(Recording::read(shipped.recording(run))?.updates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_drills::museum::EXHIBITS;

    #[test]
    fn the_files_of_every_exhibit_can_be_read_and_its_marks_are_within_its_recordings() {
        for shipped in EXHIBITS {
            let files = read(shipped.id).unwrap();
            for (marks, updates) in files.marks.iter().zip(&files.updates) {
                assert_eq!(marks.steps.len(), files.exhibit.steps.len(), "{}", shipped.id);
                assert!(marks.steps.last() <= Some(&updates.len()), "{}", shipped.id);
            }
        }
    }
}
