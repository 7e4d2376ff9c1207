//! The secrets of the cluster under test: peers and managers have to prove that they know theirs, clients need none.

use raftdeck_protocol::Secret;
use raftdeck_protocol::handshake::Role;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

pub(crate) const PEER: &str = "the-peers-token-0001";
pub(crate) const MANAGER: &str = "the-managers-token-1";

/// The files that the nodes read them from.
pub(crate) struct Tokens(tempfile::TempDir);

impl Tokens {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, token) in [("peer", PEER), ("manager", MANAGER)] {
            let mut options = OpenOptions::new();
            let mut file =
                options.write(true).create_new(true).mode(0o600).open(dir.path().join(name)).unwrap();
            file.write_all(token.as_bytes()).unwrap();
        }
        Self(dir)
    }

    pub(crate) fn args(&self) -> Vec<String> {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        ["peer", "manager"].iter().flat_map(|name| [format!("--{name}-token-file"), path(name)]).collect()
    }
}

/// What this role has to prove to know.
pub(crate) fn of(role: &Role) -> Option<Secret> {
    let token = match role {
        Role::Peer { .. } | Role::Founder { .. } => PEER,
        Role::Manager => MANAGER,
        Role::Client => return None,
    };
    Some(Secret::new(token).unwrap())
}
