//! The name of this process in process lists.
//!
//! A manager may start it from an open file, and the system then calls it after that file's number.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest name that Linux keeps.
const LONGEST: usize = 15;

/// Calls this process by the program's name. The main thread has to ask, before it starts others, which inherit the name.
pub fn show() {
    let program = std::env::args_os().next().unwrap_or_default();
    if let Some(name) = of(Path::new(&program))
        && let Err(error) = rustix::thread::set_name(&name)
    {
        tracing::debug!("this process cannot be named {name:?}: {error}");
    }
}

fn of(program: &Path) -> Option<CString> {
    let name = program.file_name()?.as_bytes();
    CString::new(&name[..name.len().min(LONGEST)]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_program_as_far_as_there_is_room() {
        assert_eq!(of(Path::new("/usr/bin/raftdeck")).unwrap().as_bytes(), b"raftdeck");
        assert_eq!(of(Path::new("a/name-that-is-too-long")).unwrap().as_bytes(), b"name-that-is-to");
        assert_eq!(of(Path::new("")), None);
    }
}
