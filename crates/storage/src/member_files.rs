//! A member's small files beside its log: how it came into the cluster, and the cluster's secret. Small files, each
//! replaced as a whole, durably. Only the holder of the directory's lock writes them.

use crate::error::OpenError;
use crate::founders::{self, Founders, Origin, OriginStage};
use crate::fs::FileSystem;
use crate::header::Identity;
use crate::open::access;
use crate::small_file::{self, MAX_BODY, MAX_FILE, SmallFileFlaw};
use crate::store::LogStore;
use std::path::{Path, PathBuf};

/// How the member came into its cluster.
pub(crate) const FOUNDERS: &str = "founders";

/// What proves to other members that this one belongs to the cluster.
const SECRET: &str = "secret";
const SECRET_MAGIC: [u8; 8] = *b"rdsecret";
const SECRET_VERSION: u32 = 1;

/// What a crash may leave of a file that was being written.
pub(crate) const NEW: [&str; 2] = ["founders.new", "secret.new"];

/// A member's small files.
#[derive(Debug)]
pub struct MemberFiles {
    fs: Box<dyn FileSystem>,
    dir: PathBuf,
    identity: Identity,
}

/// With whom the member whose data directory this is was first started, as far as a look without the directory's lock can tell. It
/// creates nothing, and is good for a choice between directories only: opening one says what is wrong with it.
#[must_use]
pub fn recorded_founders(fs: &dyn FileSystem, dir: &Path) -> Option<Founders> {
    let bytes = whole_file(fs, &dir.join(FOUNDERS), OpenError::founders).ok()??;
    founders::read_any(&bytes).ok()
}

impl LogStore {
    /// The small files beside the log. To be used no longer than the store, which holds the lock.
    #[must_use]
    pub fn papers(&self) -> MemberFiles {
        MemberFiles { fs: self.fs.handle(), dir: self.dir.clone(), identity: self.identity.clone() }
    }
}

impl MemberFiles {
    /// How this directory came into its cluster. If it has recorded nothing yet, that it was started with `asked` is recorded, and
    /// is durable when this returns; with whom it was first started never changes. `is_new`: it holds no log, no term and no
    /// snapshot, so no earlier release has used it.
    pub fn origin(&self, asked: &Founders, is_new: bool) -> Result<Origin, OpenError> {
        if let Some(bytes) = self.read(FOUNDERS, OpenError::founders)? {
            // An earlier call may have failed between its renaming and here.
            self.fs.sync_dir(&self.dir).map_err(access("sync", &self.dir))?;
            return founders::read(&bytes, &self.identity)
                .map_err(|flaw| self.flawed(FOUNDERS, flaw, founders::VERSION, OpenError::founders));
        }
        let stage = if is_new { OriginStage::Gathering } else { OriginStage::Former };
        let origin = Origin { founders: asked.clone(), stage };
        self.keep_origin(&origin)?;
        Ok(origin)
    }

    /// Records how far it has come; durable when this returns.
    pub fn keep_origin(&self, origin: &Origin) -> Result<(), OpenError> {
        let bytes = founders::write(&self.identity, origin)
            .map_err(|bytes| OpenError::TooManyFounders { bytes, limit: MAX_BODY })?;
        self.replace(FOUNDERS, &bytes)
    }

    /// The cluster's secret, if it has been handed over.
    pub fn secret(&self) -> Result<Option<String>, OpenError> {
        let Some(bytes) = self.read(SECRET, OpenError::secret)? else { return Ok(None) };
        let read = || {
            let (_, body) = small_file::open(SECRET_MAGIC, SECRET_VERSION, &bytes)?;
            let (identity, secret) = small_file::content::<(Identity, String)>(body)?;
            if identity == self.identity {
                Ok(secret)
            } else {
                Err(SmallFileFlaw::Damaged("it is another member's"))
            }
        };
        let flawed = |flaw| self.flawed(SECRET, flaw, SECRET_VERSION, OpenError::secret);
        read().map(Some).map_err(flawed)
    }

    /// Keeps the cluster's secret; durable when this returns.
    ///
    /// # Panics
    /// If it has some MiB, which no secret has.
    pub fn keep_secret(&self, secret: &str) -> Result<(), OpenError> {
        let bytes = small_file::write(SECRET_MAGIC, SECRET_VERSION, &(&self.identity, secret))
            .expect("a secret and a cluster's name are far shorter than a file may be");
        self.replace(SECRET, &bytes)
    }

    fn read(&self, name: &str, damaged: Damaged) -> Result<Option<Vec<u8>>, OpenError> {
        whole_file(&*self.fs, &self.dir.join(name), damaged)
    }

    fn flawed(&self, name: &str, flaw: SmallFileFlaw, reads: u32, damaged: Damaged) -> OpenError {
        let file = self.dir.join(name);
        match flaw {
            SmallFileFlaw::Damaged(what) => damaged(&file, what),
            SmallFileFlaw::Version(found) => OpenError::Newer { file, found, reads },
        }
    }

    /// Writes a file that is either as it was or as it is to be, whenever the crash comes.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), OpenError> {
        let (path, new) = (self.dir.join(name), self.dir.join(format!("{name}.new")));
        let write = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, &path)
        };
        write().map_err(access("create", &new))?;
        self.fs.sync_dir(&self.dir).map_err(access("sync", &self.dir))
    }
}

/// What is in a small file, if it is there.
fn whole_file(fs: &dyn FileSystem, path: &Path, damaged: Damaged) -> Result<Option<Vec<u8>>, OpenError> {
    if !fs.exists(path).map_err(access("look for", path))? {
        return Ok(None);
    }
    let file = fs.open(path).map_err(access("open", path))?;
    let size = file.size().map_err(access("read", path))?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_FILE);
    let mut bytes = vec![0; size.ok_or_else(|| damaged(path, "it is too long"))?];
    file.read_at(0, &mut bytes).map_err(access("read", path))?;
    Ok(Some(bytes))
}

/// Makes an error of a file and what is wrong with it.
type Damaged = fn(&Path, &'static str) -> OpenError;

impl OpenError {
    fn founders(file: &Path, what: &'static str) -> Self {
        Self::Founders { file: file.to_owned(), what }
    }

    fn secret(file: &Path, what: &'static str) -> Self {
        Self::Secret { file: file.to_owned(), what }
    }
}
