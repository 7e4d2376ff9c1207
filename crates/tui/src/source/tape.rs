//! A recording of a source's updates: `--record FILE`.

use color_eyre::eyre::{Result, WrapErr, eyre};
use raftdeck_model::{Command, CommandId, Update};
use raftdeck_record::{Entries, Header, Recorder};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The commands that request log entries are numbered after this, apart from a user's and a script's.
const FIRST: u64 = 1 << 48;

/// After a crash, at most the updates of this last period are missing from the recording.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// A recording in progress.
#[derive(Debug)]
pub struct Tape {
    file: PathBuf,
    recorder: Recorder<Spool>,
    entries: Entries,
    /// How many commands have been sent.
    sent: u64,
    /// How many updates were taken out because they answer these commands.
    taken: u64,
    /// When the updates were last flushed.
    flushed: Instant,
}

impl Tape {
    /// Begins a recording in a new file, which only this user can read: it contains the values of all keys.
    pub fn begin(file: &Path, (engine, seed): (&str, Option<u64>)) -> Result<Self> {
        let cannot = || format!("the recording {} cannot be written", file.display());
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let opened = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                eyre!("the file exists already: name another one, or remove it")
            }
            _ => error.into(),
        });
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header = Header {
            began_unix_ms: u64::try_from(began.as_millis()).unwrap_or(u64::MAX),
            program: concat!("raftdeck ", env!("CARGO_PKG_VERSION")).to_owned(),
            engine: engine.to_owned(),
            seed,
        };
        let spool = Spool::start(opened.wrap_err_with(cannot)?).wrap_err_with(cannot)?;
        let recorder = Recorder::new(spool, &header).wrap_err_with(cannot)?;
        Ok(Self {
            file: file.to_owned(),
            recorder,
            entries: Entries::default(),
            sent: 0,
            taken: 0,
            flushed: Instant::now(),
        })
    }

    /// Records the updates, and removes those that answer the tape's own commands; the others are numbered on without a gap. Returns
    /// the commands to send, so that the nodes' log entries are recorded too.
    pub fn note(&mut self, updates: &mut Vec<Update>) -> Result<Vec<Command>> {
        let mut failure = None;
        updates.retain_mut(|update| {
            if self.entries.note(update) {
                self.taken += 1;
                return false;
            }
            update.seq = update.seq.saturating_sub(self.taken);
            if failure.is_none() {
                failure = self.recorder.note(update).err();
            }
            true
        });
        // A recorder waits for cluster time, which may be frozen.
        if failure.is_none() && self.flushed.elapsed() >= FLUSH_EVERY {
            self.flushed = Instant::now();
            failure = self.recorder.flush().err();
        }
        if let Some(error) = failure {
            return Err(error).wrap_err_with(|| self.cannot());
        }
        let mut commands = Vec::new();
        while let Some(command) = self.entries.next(CommandId(FIRST + self.sent)) {
            self.sent += 1;
            commands.push(command);
        }
        Ok(commands)
    }

    /// Ends the recording when everything is written.
    pub fn finish(self) -> Result<()> {
        let cannot = self.cannot();
        let written = self.recorder.finish().and_then(Spool::finish);
        written.wrap_err(cannot)
    }

    fn cannot(&self) -> String {
        format!("the recording {} cannot be continued", self.file.display())
    }
}

/// A thread that writes, so that the caller does not wait for a disk.
#[derive(Debug)]
struct Spool {
    pieces: Option<Sender<Vec<u8>>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Spool {
    fn start(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let (pieces, waiting) = channel::<Vec<u8>>();
        let write = move || waiting.iter().try_for_each(|piece| to.write_all(&piece));
        let thread = Builder::new().name("recording".to_owned()).spawn(write)?;
        Ok(Self { pieces: Some(pieces), thread: Some(thread) })
    }

    /// Waits until everything is written.
    fn finish(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.pieces = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            // A panic has been printed by its hook.
            Some(Err(_)) | None => Err(io::Error::other("nothing more is written after an error")),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.pieces.as_ref().is_some_and(|pieces| pieces.send(bytes.to_vec()).is_ok());
        if !taken {
            // The thread ends early only when it could not write.
            self.join()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
