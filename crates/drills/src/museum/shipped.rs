//! The exhibits that come with the program, each with its two recordings.

use super::{Exhibit, ExhibitMarks, ExhibitRun, RecordingMarks};

/// An exhibit that comes with the program: its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShippedExhibit {
    /// Its name.
    pub id: &'static str,
    /// The text of its file.
    pub source: &'static str,
    /// Where the steps of its recordings end: [`ExhibitMarks`] as JSON.
    pub marks: &'static str,
    /// The recording without the guard, as `raftdeck_record` reads it.
    pub without_guard: &'static [u8],
    /// The recording with the guard in place.
    pub with_guard: &'static [u8],
}

macro_rules! shipped {
    ($($id:literal),* $(,)?) => {
        [$(ShippedExhibit {
            id: $id,
            source: include_str!(concat!($id, ".toml")),
            marks: include_str!(concat!("recordings/", $id, ".json")),
            without_guard: include_bytes!(concat!("recordings/", $id, ".raftdeck")),
            with_guard: include_bytes!(concat!("recordings/", $id, "-guarded.raftdeck")),
        }),*]
    };
}

/// The exhibits, in the order in which they are best seen.
pub const EXHIBITS: &[ShippedExhibit] = &shipped![
    "two-votes",
    "counted-twice",
    "pre-vote",
    "figure-8",
    "late-message",
    "last-index",
    "commit-past",
    "not-on-disk",
    "old-snapshot",
    "new-leader-read",
    "old-round",
    "lease",
    "late-word",
    "retry",
];

/// The files of an exhibit.
#[must_use]
pub fn shipped_exhibit(id: &str) -> Option<&'static ShippedExhibit> {
    EXHIBITS.iter().find(|shipped| shipped.id == id)
}

/// All exhibits, in the order of [`EXHIBITS`].
///
/// # Panics
/// If one of them has a mistake, which a test excludes.
#[must_use]
pub fn museum() -> Vec<Exhibit> {
    EXHIBITS.iter().map(ShippedExhibit::exhibit).collect()
}

impl ShippedExhibit {
    /// The exhibit.
    ///
    /// # Panics
    /// If it has a mistake, which a test excludes.
    #[must_use]
    pub fn exhibit(&self) -> Exhibit {
        Exhibit::parse(self.source)
            .unwrap_or_else(|mistake| panic!("the exhibit {} has a mistake: {mistake}", self.id))
    }

    /// One of its recordings, as `raftdeck_record` reads it.
    #[must_use]
    pub fn recording(&self, run: ExhibitRun) -> &'static [u8] {
        match run {
            ExhibitRun::WithoutGuard => self.without_guard,
            ExhibitRun::WithGuard => self.with_guard,
        }
    }

    /// Where the steps of that recording end, and where its violation is.
    ///
    /// # Panics
    /// If its marks cannot be read, which a test excludes.
    #[must_use]
    pub fn marks(&self, run: ExhibitRun) -> RecordingMarks {
        let both: ExhibitMarks = serde_json::from_str(self.marks)
            .unwrap_or_else(|error| panic!("the marks of the exhibit {} cannot be read: {error}", self.id));
        match run {
            ExhibitRun::WithoutGuard => both.without_guard,
            ExhibitRun::WithGuard => both.with_guard,
        }
    }
}
