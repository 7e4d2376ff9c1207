//! Recordings: the updates of a source, written to a file and played back as a source.
//!
//! A [`Recorder`] writes the updates of any source to a [`Write`](std::io::Write). [`Entries`] says what has to be asked so that the
//! nodes' log entries are among them. [`Recording::read`] reads them again, and a [`Player`] tells them as their source did. Opens no
//! file, starts no thread and knows no clock: bytes and times are handed in. [`format`](mod@format) says what a file looks like.

mod entries;
pub mod format;
mod known_log;
mod player;
mod recorder;
mod recording;

pub use entries::Entries;
pub use format::Header;
pub use player::{Player, RECORDED_COMMAND};
pub use recorder::Recorder;
pub use recording::{Ending, KeyFrame, ReadError, Recording, RecordingEnd};
