//! The identity of a data directory on its disk: made once, with the directory, and written again at each start,
//! which it counts. Identifies the disk; whether it is trusted is decided elsewhere.

use crate::error::OpenError;
use crate::fs::FileSystem;
use crate::header::Identity;
use crate::identity::{self, Body, IdentityFlaw, MAX_FILE};
use crate::open::access;
use raftdeck_raft::{Boot, ClusterId, Incarnation};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const IDENTITY: &str = "identity";
/// The same while it is being written.
const NEW_IDENTITY: &str = "identity.new";

/// The identity of an open data directory. Whatever it says is durable. The directory's lock, which the
/// [`LogStore`](crate::LogStore) holds, covers it too.
#[derive(Debug)]
pub struct Life {
    fs: Box<dyn FileSystem>,
    dir: PathBuf,
    body: Body,
}

impl Life {
    /// What the directory says of itself, if it says anything.
    pub(crate) fn read(fs: &dyn FileSystem, dir: &Path, owner: &Identity) -> Result<Option<Self>, OpenError> {
        let path = dir.join(IDENTITY);
        if !fs.exists(&path).map_err(access("look for", &path))? {
            return Ok(None);
        }
        let damaged = |what| OpenError::Identity { file: path.clone(), what };
        let file = fs.open(&path).map_err(access("open", &path))?;
        let size = file.size().map_err(access("read", &path))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MAX_FILE);
        let mut bytes = vec![0; size.ok_or_else(|| damaged("it is too long"))?];
        file.read_at(0, &mut bytes).map_err(access("read", &path))?;
        let body = identity::read(&bytes, owner).map_err(|flaw| match flaw {
            IdentityFlaw::Damaged(what) => damaged(what),
            IdentityFlaw::Version(found) => {
                OpenError::Newer { file: path.clone(), found, reads: identity::VERSION }
            }
        })?;
        Ok(Some(Self { fs: fs.handle(), dir: dir.to_owned(), body }))
    }

    /// Gives a directory its identity; durable when this returns. It counts no start yet: its log comes after it, so that
    /// one whose log was taken away is told from one whose log was never made.
    pub(crate) fn make(
        fs: &dyn FileSystem,
        dir: &Path,
        owner: &Identity,
        incarnation: Incarnation,
    ) -> Result<Self, OpenError> {
        let body = Body { owner: owner.clone(), incarnation, boot: 0, cluster: None, met: BTreeMap::new() };
        let mut life = Self { fs: fs.handle(), dir: dir.to_owned(), body: body.clone() };
        life.write(body)?;
        Ok(life)
    }

    /// Counts this start.
    pub(crate) fn begin(&mut self) -> Result<(), OpenError> {
        let boot = self.body.boot + 1;
        self.write(Body { boot, ..self.body.clone() })
    }

    /// Which data directory this is.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.body.incarnation
    }

    /// How often it was started, this time included.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.body.boot
    }

    /// The cluster it belongs to, if that is known.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.body.cluster
    }

    /// Records the cluster it belongs to, once and for all.
    pub fn keep_cluster(&mut self, cluster: ClusterId) -> Result<(), OpenError> {
        match self.body.cluster {
            Some(owner) if owner == cluster => Ok(()),
            Some(owner) => Err(OpenError::OtherCluster { dir: self.dir.clone(), owner, cluster }),
            None => self.write(Body { cluster: Some(cluster), ..self.body.clone() }),
        }
    }

    /// The newest start that was met of each other directory.
    #[must_use]
    pub fn met(&self) -> &BTreeMap<Incarnation, Boot> {
        &self.body.met
    }

    /// Records the newest starts that were met. No caller may rely on having met one before this returns.
    pub fn keep_met(&mut self, met: BTreeMap<Incarnation, Boot>) -> Result<(), OpenError> {
        if met == self.body.met { Ok(()) } else { self.write(Body { met, ..self.body.clone() }) }
    }

    /// Writes a file that is either the old one or the new one, whole, whenever the crash comes.
    fn write(&mut self, body: Body) -> Result<(), OpenError> {
        let (path, new) = (self.dir.join(IDENTITY), self.dir.join(NEW_IDENTITY));
        let bytes = identity::write(&body);
        let write = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, &bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, &path)
        };
        write().map_err(access("create", &new))?;
        self.fs.sync_dir(&self.dir).map_err(access("sync", &self.dir))?;
        self.body = body;
        Ok(())
    }
}
