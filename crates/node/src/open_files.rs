//! How many files and connections a process may have open simultaneously: the limit is raised as far as this user may, and one that is
//! still too low is an error at the start instead of a failure of whatever needs the next file.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a node needs to start and to serve a few clients. All its ports' connections together come close to the 1024 that are
/// usual.
pub(crate) const NODE: u64 = 64;

/// The limit is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may have {limit} files and connections open at once and needs {needed}: raise the limit, with \
     `ulimit -n {needed}` in the shell that starts it, or with LimitNOFILE= in its systemd unit"
)]
pub struct TooFewFiles {
    /// What it may have at most.
    pub limit: u64,
    /// What it needs at least.
    pub needed: u64,
}

/// Raises the limit as far as may be done without asking anybody. An error if that is fewer than `needed`.
pub fn allow(needed: u64) -> Result<(), TooFewFiles> {
    let limit = getrlimit(Resource::Nofile);
    // Refused, it stays as it is, and is judged as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(TooFewFiles { limit, needed }),
        _ => Ok(()),
    }
}
