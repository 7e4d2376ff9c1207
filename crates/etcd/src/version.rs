//! Versions of etcd, and what differs between them as far as it matters here.

use crate::endpoint::Endpoint;
use crate::error::CallError;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A version of etcd, such as 3.5.16.
///
/// The client API, `/debug/vars` and Raft's lines in the log are the same in all that are known, learners, their promotion and `MoveLeader`
/// included. What differs, besides what the methods say:
///
/// - 3.4 answers no client, not even over HTTP, until it has found a leader; later ones do after five seconds without one;
/// - 3.4 lists the members as the asked one knows them, later ones also linearizably;
/// - from 3.6 on an entry counts in the leader's own `match` when it is on the leader's disk, before that when it is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtcdVersion {
    /// 3
    pub major: u32,
    /// 4, 5 or 6 of those that are known.
    pub minor: u32,
    /// The patch.
    pub patch: u32,
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" is no version of etcd", raftdeck_protocol::printable::line(text))]
pub struct VersionError {
    text: String,
}

impl EtcdVersion {
    /// The versions that are known: what is said of them was read in their sources, and tried where they are older than 3.6.
    pub const KNOWN: std::ops::RangeInclusive<(u32, u32)> = (3, 4)..=(3, 6);

    /// Reads what `etcd --version` prints.
    pub fn of_program(output: &str) -> Result<Self, VersionError> {
        let version = output.lines().find_map(|line| line.strip_prefix("etcd Version: "));
        version.unwrap_or(output).trim().parse()
    }

    /// Whether this version is one that is known.
    #[must_use]
    pub fn is_known(self) -> bool {
        Self::KNOWN.contains(&(self.major, self.minor))
    }

    /// Whether PreVote is on unless `--pre-vote=false` is given.
    #[must_use]
    pub fn pre_vote_by_default(self) -> bool {
        self >= Self { major: 3, minor: 5, patch: 0 }
    }

    /// The flags that make it log to standard error as JSON lines. All versions take both, and 3.4 needs them.
    #[must_use]
    pub fn log_flags(self) -> &'static [&'static str] {
        &["--logger=zap", "--log-outputs=stderr"]
    }
}

impl FromStr for EtcdVersion {
    type Err = VersionError;

    /// What follows the third number, such as `-rc.0`, is left out.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let wrong = || VersionError { text: text.to_owned() };
        let plain = text.split(['-', '+']).next().unwrap_or_default();
        let numbers: Result<Vec<u32>, _> = plain.split('.').map(str::parse).collect();
        let [major, minor, patch] = numbers.map_err(|_| wrong())?[..] else { return Err(wrong()) };
        Ok(Self { major, minor, patch })
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl Endpoint {
    /// The version that runs there. Any member answers over HTTP, also without a leader.
    pub async fn version(&self, deadline: Duration) -> Result<EtcdVersion, CallError> {
        #[derive(Deserialize)]
        struct VersionJson {
            etcdserver: String,
        }
        let body = self.get("/version", deadline).await?;
        let read = serde_json::from_slice::<VersionJson>(&body);
        let VersionJson { etcdserver } =
            read.map_err(|_| self.connection().lost("/version: it is no member of etcd"))?;
        etcdserver.parse().map_err(|error| self.connection().lost(format!("/version: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_program_is_read() {
        let output = "etcd Version: 3.4.23\nGit SHA: Not provided\nGo Version: go1.19.8\n";
        let version = EtcdVersion::of_program(output).expect("a version");
        assert_eq!(version, EtcdVersion { major: 3, minor: 4, patch: 23 });
        assert!(version.is_known() && !version.pre_vote_by_default());
        let newer = EtcdVersion::of_program("etcd Version: 3.7.0-alpha.0").expect("a version");
        assert!(!newer.is_known() && newer.pre_vote_by_default());
        assert!(EtcdVersion::of_program("bash: etcd: command not found").is_err());
    }
}
