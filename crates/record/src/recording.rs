//! A recording in memory, as far as its file can be read.

use crate::format::{BlockKind, BlockReader, Header, NextBlock, VERSION};
use crate::recorder::KeyFrameTime;
use raftdeck_model::{Update, World, write};
use std::fmt;
use std::io::{self, Read};
use std::time::Duration;
use thiserror::Error;

/// The most bytes that all blocks of one recording have when they are inflated.
const MAX_TOTAL: usize = 1 << 30;

/// Why there is nothing to play.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file is something else.
    #[error("this is not a recording of raftdeck: make one with raftdeck --record FILE")]
    NotARecording,
    /// A newer or older raftdeck made it.
    #[error(
        "this recording was made by {age} raftdeck: its format is version {0}, and this raftdeck reads version {VERSION}; play it with the raftdeck that made it",
        age = age(*.0)
    )]
    OtherVersion(u32),
    /// The header cannot be read.
    #[error("the beginning of this recording is damaged or missing: it cannot be played")]
    NoHeader,
    /// The file cannot be read.
    #[error("the recording cannot be read: {0}")]
    Io(#[from] io::Error),
}

fn age(version: u32) -> &'static str {
    if version > VERSION { "a newer" } else { "an older" }
}

/// Where a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingEnd {
    /// The last update's cluster time.
    pub at: Duration,
    /// How many bytes of the file could be used.
    pub bytes: u64,
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Where its recorder finished it.
    Complete,
    /// The file ends, though its recorder did not finish it.
    Cut(RecordingEnd),
    /// What comes next is damaged.
    Damaged(RecordingEnd),
    /// There is more than is read into memory.
    TooLong(RecordingEnd),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |place: &RecordingEnd| write::duration(place.at);
        match self {
            Self::Complete => f.write_str("the recording is complete"),
            Self::Cut(place) => write!(
                f,
                "the recording was cut off before it was finished: it ends at {} (byte {})",
                time(place),
                place.bytes
            ),
            Self::Damaged(place) => write!(
                f,
                "the recording is damaged from byte {}: only the part until {} can be played",
                place.bytes,
                time(place)
            ),
            Self::TooLong(place) => write!(
                f,
                "the recording is too long to be read at once: only the part until {} can be played (byte {})",
                time(place),
                place.bytes
            ),
        }
    }
}

/// A world at one moment of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyFrame {
    /// The last update's cluster time.
    pub at: Duration,
    /// How many updates come before it.
    pub after: usize,
    /// What makes that world out of an empty one.
    pub updates: Vec<Update>,
}

impl KeyFrame {
    /// The world of this moment.
    #[must_use]
    pub fn world(&self) -> World {
        let mut world = World::default();
        for update in &self.updates {
            world.fold(update);
        }
        world
    }
}

/// A recording in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What it says about itself.
    pub header: Header,
    /// Every update, in the order in which they were told.
    pub updates: Vec<Update>,
    /// Worlds in between, oldest first.
    pub key_frames: Vec<KeyFrame>,
    /// How it ends.
    pub ending: Ending,
    /// How many updates are missing because this version does not know their kind.
    pub unknown: usize,
}

impl Recording {
    /// Reads a recording up to its end, or as far as it is whole.
    pub fn read(from: impl Read) -> Result<Self, ReadError> {
        Self::read_within(from, MAX_TOTAL)
    }

    fn read_within(from: impl Read, most: usize) -> Result<Self, ReadError> {
        let (mut blocks, version) = BlockReader::new(from)?.ok_or(ReadError::NotARecording)?;
        if version != VERSION {
            return Err(ReadError::OtherVersion(version));
        }
        let NextBlock::Block(BlockKind::Header, lines) = blocks.next()? else {
            return Err(ReadError::NoHeader);
        };
        let header = serde_json::from_slice(&lines).map_err(|_| ReadError::NoHeader)?;
        let ending = Ending::Complete;
        let mut recording = Self { header, updates: Vec::new(), key_frames: Vec::new(), ending, unknown: 0 };
        let mut total = 0_usize;
        recording.ending = loop {
            let place = RecordingEnd { at: recording.end(), bytes: blocks.offset };
            match blocks.next()? {
                NextBlock::Block(BlockKind::End, _) => break Ending::Complete,
                NextBlock::Block(_, lines) if lines.len() > most - total => break Ending::TooLong(place),
                NextBlock::Block(kind, lines) => {
                    total += lines.len();
                    if !recording.take(kind, &lines) {
                        break Ending::Damaged(place);
                    }
                }
                NextBlock::Over | NextBlock::Cut => break Ending::Cut(place),
                NextBlock::Damaged => break Ending::Damaged(place),
            }
        };
        Ok(recording)
    }

    /// The last update's cluster time.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.updates.last().map(|update| update.at).unwrap_or_default()
    }

    /// The last key frame that is no later than this.
    #[must_use]
    pub fn key_frame_before(&self, at: Duration) -> Option<&KeyFrame> {
        self.key_frames.iter().rev().find(|frame| frame.at <= at)
    }

    /// `false`: no recorder wrote this.
    fn take(&mut self, kind: BlockKind, lines: &[u8]) -> bool {
        match kind {
            BlockKind::Updates => {
                let (mut updates, unknown) = updates(lines);
                self.updates.append(&mut updates);
                self.unknown += unknown;
                true
            }
            BlockKind::KeyFrame => {
                let (first, rest) =
                    lines.split_at(lines.iter().position(|b| *b == b'\n').unwrap_or(lines.len()));
                let Ok(KeyFrameTime { at }) = serde_json::from_slice(first) else { return false };
                self.key_frames.push(KeyFrame { at, after: self.updates.len(), updates: updates(rest).0 });
                true
            }
            BlockKind::Unknown => true,
            BlockKind::Header | BlockKind::End => false,
        }
    }
}

/// The updates of these lines, and how many others there are. The checksum has said that the lines are as they were written, so what
/// is not understood is of a later program.
fn updates(lines: &[u8]) -> (Vec<Update>, usize) {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut unknown = 0;
    let known = lines.filter_map(|line| {
        let update = serde_json::from_slice(line).ok();
        unknown += usize::from(update.is_none());
        update
    });
    (known.collect(), unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recorder;
    use raftdeck_model::News;

    #[test]
    fn a_recording_that_is_too_long_plays_up_to_what_is_read() {
        let mut recorder = Recorder::new(Vec::new(), &Header::default()).unwrap();
        for seq in 1..=9 {
            let what = News::Trouble { reason: "something".to_owned() };
            recorder.note(&Update { at: Duration::from_secs(seq), seq, what }).unwrap();
            recorder.flush().unwrap();
        }
        let file = recorder.finish().unwrap();
        let line = serde_json::to_vec(&Recording::read(&file[..]).unwrap().updates[0]).unwrap().len() + 1;
        let recording = Recording::read_within(&file[..], 3 * line + 1).unwrap();
        assert_eq!(recording.updates.len(), 3);
        assert!(matches!(recording.ending, Ending::TooLong(place) if place.at == Duration::from_secs(3)));
    }
}
