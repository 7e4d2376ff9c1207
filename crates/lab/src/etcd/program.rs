//! etcd's program: where it is, and which version.

use crate::setup::options::LabError;
use raftdeck_etcd::EtcdVersion;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the program may take to say which version it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two looks whether it has.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The program as it was found.
#[derive(Clone, Debug)]
pub(super) struct FoundProgram {
    pub(super) path: PathBuf,
    /// `None`: it says something that is no version.
    pub(super) version: Option<EtcdVersion>,
}

impl FoundProgram {
    /// The program that was named, or the one in `PATH`.
    pub(super) fn find(named: Option<&Path>) -> Result<Self, LabError> {
        let path = match named {
            Some(path) if is_program(path) => path.to_owned(),
            Some(path) => return Err(LabError::NoSuchEtcd { path: path.to_owned() }),
            None => in_path(&std::env::var_os("PATH").unwrap_or_default())
                .ok_or(LabError::NoEtcd { remedy: remedy() })?,
        };
        let version = ask_version(&path).and_then(|said| EtcdVersion::of_program(&said).ok());
        Ok(Self { path, version })
    }

    /// What a person should know about the version; `None`: nothing, as it is a known one.
    pub(super) fn caveat(&self) -> Option<String> {
        let path = self.path.display();
        let (from, to) = EtcdVersion::KNOWN.into_inner();
        let known = format!("{}.{} to {}.{} are", from.0, from.1, to.0, to.1);
        match self.version {
            Some(version) if version.is_known() => None,
            Some(version) => Some(format!(
                "{path} is etcd {version}, which this program does not know ({known}): what it shows and does may be wrong"
            )),
            None => Some(format!(
                "{path} does not say which version of etcd it is ({known} known): what is shown and done may be wrong"
            )),
        }
    }
}

fn in_path(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join("etcd")).find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// What the program answers to `--version`.
fn ask_version(path: &Path) -> Option<String> {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
        command.env_remove(name);
    }
    let command = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let until = Instant::now() + PATIENCE;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= until {
            // It is no etcd.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let mut said = String::new();
    child.stdout.take()?.read_to_string(&mut said).ok()?;
    Some(said)
}

/// How etcd is installed here.
fn remedy() -> &'static str {
    let has = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| is_program(&folder.join(program)))
    };
    if has("apt-get") {
        "install it with: apt-get install etcd-server"
    } else if has("brew") {
        "install it with: brew install etcd"
    } else {
        "get it from https://github.com/etcd-io/etcd/releases"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, says: &str) -> PathBuf {
        let path = folder.join("etcd");
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_program_is_found_in_the_path_and_asked_for_its_version() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_path(folder.path().as_os_str()), None);
        let path = program(folder.path(), "etcd Version: 3.5.16");
        assert_eq!(in_path(folder.path().as_os_str()), Some(path.clone()));
        let found = FoundProgram::find(Some(&path)).unwrap();
        assert_eq!(found.version.map(|version| version.minor), Some(5));
        assert_eq!(found.caveat(), None);
    }

    #[test]
    fn a_version_that_is_not_known_is_said_and_used() {
        let folder = tempfile::tempdir().unwrap();
        let caveat =
            |says| FoundProgram::find(Some(&program(folder.path(), says))).unwrap().caveat().unwrap();
        assert!(
            caveat("etcd Version: 4.0.0")
                .contains("is etcd 4.0.0, which this program does not know (3.4 to 3.6 are)")
        );
        assert!(caveat("hello").contains("does not say which version"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_the_remedy() {
        let error = FoundProgram::find(Some(Path::new("/nonexistent/etcd"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/etcd"), "{error}");
        let error = LabError::NoEtcd { remedy: remedy() }.to_string();
        assert!(error.starts_with("etcd is not installed") && error.contains("etcd"), "{error}");
    }
}
