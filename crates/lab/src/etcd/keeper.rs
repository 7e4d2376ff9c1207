//! How a member is started so that it ends with the lab, whatever ends that: etcd itself does not watch whoever started it.
//!
//! The lab starts its own program, which sets this up and then becomes etcd: the process keeps its id, so signals reach the member. On
//! Linux the kernel kills the member with its parent. Elsewhere a guard, a child of the member, waits for the end of the pipe from the lab.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The first argument of a program that is to become a member; etcd's program and its arguments follow. See [`keep_member`].
pub const KEEP_MEMBER: &str = "keep-member";

/// In the place of etcd's program: the process is a member's guard.
const GUARD: &str = "--guard";

/// Becomes etcd, with `args` as its program and its arguments, and ends with the process that started this one. Returns only if that
/// fails.
pub fn keep_member(args: impl IntoIterator<Item = OsString>) -> io::Error {
    let mut args = args.into_iter();
    let Some(program) = args.next() else { return io::Error::other("no program was named") };
    if program == GUARD {
        return guard(args.next());
    }
    if let Err(error) = end_with_parent() {
        return error;
    }
    Command::new(&program).arg0("etcd").args(args).exec()
}

#[cfg(target_os = "linux")]
fn end_with_parent() -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended just before.
    if getppid() == parent {
        Ok(())
    } else {
        Err(io::Error::other("the process that started this one has ended"))
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent() -> io::Result<()> {
    use std::process::Stdio;
    let mut command = Command::new(std::env::current_exe()?);
    command.args([KEEP_MEMBER, GUARD, &std::process::id().to_string()]);
    // The guard inherits the pipe from the lab, and nothing else.
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(|_| ())
}

/// Kills the process that started this one when standard input ends, unless it has ended itself.
fn guard(member: Option<OsString>) -> io::Error {
    use rustix::process::{Pid, Signal, getppid, kill_process};
    let member = member.and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let Some(member) = member else { return io::Error::other("no process was named") };
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    // As long as it is the parent, no other process has its id.
    if getppid() == Some(member) {
        let _ = kill_process(member, Signal::KILL);
    }
    std::process::exit(0)
}
