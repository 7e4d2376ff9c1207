//! A full disk: a limit of the size of a running process's files, set from outside. The node itself only sees a failed write.

use rustix::process::Pid;
use std::io;

/// Lets no file that a process writes grow beyond this many bytes; `None`: as large as the lab's own may be.
#[cfg(target_os = "linux")]
pub(crate) fn limit_files(process: Pid, bytes: Option<u64>) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    // The child inherited its limits from this process. The hard limit stays, because it could not be raised again.
    let Rlimit { current, maximum } = getrlimit(Resource::Fsize);
    let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
    prlimit(Some(process), Resource::Fsize, Rlimit { current: least(bytes, current), maximum })?;
    Ok(())
}

/// A running process cannot be limited on other systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn limit_files(_: Pid, bytes: Option<u64>) -> io::Result<()> {
    match bytes {
        Some(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "not available on this system: only Linux can limit the files of a running process",
        )),
        None => Ok(()),
    }
}
