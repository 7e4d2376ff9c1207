//! Empties a data directory whose node does not run, and keeps its identity: a lost disk as it would come back in a
//! system without identities. For the lab and for teaching; no node does this.

use crate::error::OpenError;
use crate::fs::FileSystem;
use crate::header::LOG_MAGIC;
use crate::legacy;
use crate::open::access;
use crate::segment::Reader;
use crate::store::LogStore;
use std::path::Path;

/// What stays: which directory this is, and of which cluster.
const STAYS: [&str; 4] = ["identity", "founders", "secret", "LOCK"];

/// The bytes of `raft.log` in one read.
const AHEAD: usize = 64 << 10;

/// Removes votes, log and snapshots. `false`: there is no log.
pub fn forget(fs: &dyn FileSystem, dir: &Path) -> Result<bool, OpenError> {
    let path = dir.join("raft.log");
    if !fs.exists(&path).map_err(access("look for", &path))? {
        return Ok(false);
    }
    let file = fs.open(&path).map_err(access("open", &path))?;
    let mut reader = Reader::new(&*file, &path, AHEAD)?;
    let version = reader.version(LOG_MAGIC)?;
    let owner = legacy::opening(&mut reader, version)?.identity;
    for name in fs.list(dir).map_err(access("list", dir))? {
        if !STAYS.iter().any(|stays| name.ends_with(stays)) {
            fs.remove(&name).map_err(access("remove", &name))?;
        }
    }
    // A directory that knows its founders and has no log lost its log; one without founders is new.
    let (founders, aside) = (dir.join("founders"), dir.join("founders.aside"));
    let is_founded = fs.exists(&founders).map_err(access("look for", &founders))?;
    if is_founded {
        fs.rename(&founders, &aside).map_err(access("rename", &founders))?;
    }
    let made = LogStore::open(fs, dir, owner.node, &owner.cluster);
    if is_founded {
        fs.rename(&aside, &founders).map_err(access("rename", &aside))?;
    }
    fs.sync_dir(dir).map_err(access("sync", dir))?;
    made.map(|_| true)
}
