//! Records updates as they are reported. Keeps a world only for the key frames.

use crate::format::{BlockKind, BlockWriter, Header, MAX_INFLATED};
use raftdeck_model::{News, Update, World};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::time::Duration;

/// A block is written when it has this many bytes,
const BLOCK_BYTES: usize = 64 << 10;

/// or this much cluster time after its first update.
const BLOCK_TIME: Duration = Duration::from_secs(1);

/// A key frame comes after this much cluster time,
const FRAME_TIME: Duration = Duration::from_secs(10);

/// or after this many updates.
const FRAME_UPDATES: u64 = 20_000;

/// A larger update has no room in a block.
const MAX_LINE: usize = MAX_INFLATED / 2;

/// The first line of a key frame.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyFrameTime {
    /// When it is, in cluster time.
    pub(crate) at: Duration,
}

/// Writes a recording.
///
/// Updates are gathered and written in blocks; each block is flushed. What was written before a crash plays.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    blocks: BlockWriter<W>,
    /// What is not written yet.
    lines: Vec<u8>,
    /// When the first of that was told.
    since: Duration,
    /// When the last update was told.
    at: Duration,
    world: World,
    /// When the last key frame was, and how many updates have come since.
    frame: (Duration, u64),
}

impl<W: Write> Recorder<W> {
    /// Begins a recording: writes its header.
    pub fn new(to: W, header: &Header) -> io::Result<Self> {
        let mut blocks = BlockWriter::new(to)?;
        blocks.write(BlockKind::Header, &serde_json::to_vec(header)?)?;
        let zero = Duration::ZERO;
        let world = World::default();
        Ok(Self { blocks, lines: Vec::new(), since: zero, at: zero, world, frame: (zero, 0) })
    }

    /// Takes down one update. Writes what has gathered when there is enough of it. After an error nothing more is written, and every
    /// later call fails too.
    ///
    /// An update of more than 16 MiB is not recorded; a [`News::Trouble`] in its place says so.
    pub fn note(&mut self, update: &Update) -> io::Result<()> {
        let line = serde_json::to_vec(update)?;
        if line.len() > MAX_LINE {
            let reason = format!("an update of {} bytes was not recorded: it is too large", line.len());
            return self.note(&Update { what: News::Trouble { reason }, ..*update });
        }
        if self.lines.len() + line.len() >= MAX_INFLATED {
            self.flush()?;
        }
        if self.lines.is_empty() {
            self.since = update.at;
        }
        self.lines.extend(line);
        self.lines.push(b'\n');
        self.world.fold(update);
        self.at = update.at;
        self.frame.1 += 1;
        if self.lines.len() >= BLOCK_BYTES || self.at.saturating_sub(self.since) >= BLOCK_TIME {
            self.flush()?;
        }
        let (last, updates) = self.frame;
        if self.at.saturating_sub(last) >= FRAME_TIME || updates >= FRAME_UPDATES {
            self.flush()?;
            self.write_key_frame()?;
        }
        Ok(())
    }

    /// Writes what has gathered, whatever it is. To be called now and then while cluster time is frozen.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.blocks.write(BlockKind::Updates, &self.lines)?;
        self.lines.clear();
        Ok(())
    }

    /// Ends the recording: writes what has gathered, and that it is whole. Gives back what it was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.blocks.write(BlockKind::End, &[])?;
        Ok(self.blocks.into_inner())
    }

    /// It replaces all updates before it.
    fn write_key_frame(&mut self) -> io::Result<()> {
        self.frame = (self.at, 0);
        let mut lines = serde_json::to_vec(&KeyFrameTime { at: self.at })?;
        for update in self.world.as_updates() {
            lines.push(b'\n');
            serde_json::to_writer(&mut lines, &update)?;
        }
        // Key frames save time and say nothing new: one that has no room is left out.
        if lines.len() > MAX_INFLATED {
            return Ok(());
        }
        self.blocks.write(BlockKind::KeyFrame, &lines)
    }
}
