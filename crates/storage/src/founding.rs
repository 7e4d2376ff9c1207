//! Recording with whom a member started: once in the life of a directory, before anybody relies on it.

use crate::error::OpenError;
use crate::founders::{self, Flaw, Founders};
use crate::open::access;
use crate::store::LogStore;
use std::path::Path;

/// Whom the member started with.
const FOUNDERS: &str = "founders";
/// The same while it is being written.
const NEW_FOUNDERS: &str = "founders.new";

impl LogStore {
    /// The founding members that this directory has recorded. If it has recorded none yet, `asked` are recorded, and are
    /// durable when this returns; what was recorded never changes. No founding member: one that joins later.
    pub fn founders(&self, asked: &Founders) -> Result<Founders, OpenError> {
        let path = self.dir.join(FOUNDERS);
        let recorded = if self.fs.exists(&path).map_err(access("look for", &path))? {
            self.read_founders(&path)?
        } else {
            self.write_founders(&path, asked)?;
            asked.clone()
        };
        // Also for an existing file: an earlier call may have failed between its renaming and here.
        self.fs.sync_dir(&self.dir).map_err(access("sync", &self.dir))?;
        Ok(recorded)
    }

    fn read_founders(&self, path: &Path) -> Result<Founders, OpenError> {
        let damaged = |what| OpenError::Founders { file: path.to_owned(), what };
        let file = self.fs.open(path).map_err(access("open", path))?;
        let size = file.size().map_err(access("read", path))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= founders::MAX_FILE);
        let mut bytes = vec![0; size.ok_or_else(|| damaged("it is longer than it can be"))?];
        file.read_at(0, &mut bytes).map_err(access("read", path))?;
        founders::read(&bytes, &self.identity).map_err(|flaw| match flaw {
            Flaw::Damaged(what) => damaged(what),
            Flaw::Version(found) => {
                OpenError::Newer { file: path.to_owned(), found, reads: founders::VERSION }
            }
        })
    }

    /// Writes a file that is either missing or whole, whenever the crash comes.
    fn write_founders(&self, path: &Path, founders: &Founders) -> Result<(), OpenError> {
        let bytes = founders::write(&self.identity, founders)
            .map_err(|bytes| OpenError::TooManyFounders { bytes, limit: founders::MAX_BODY })?;
        let new = self.dir.join(NEW_FOUNDERS);
        let write = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, &bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, path)
        };
        write().map_err(access("create", &new))
    }
}
