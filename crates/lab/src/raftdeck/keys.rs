//! The tokens of one cluster. Each start generates new ones, so that no other user of this machine can set a node's clock or act as a
//! peer. Nodes get them through their environment, which other users cannot read; no file and no command line holds one.

use raftdeck_client::Access;
use raftdeck_protocol::Secret;
use std::fmt::Write;
use std::io;

/// The tokens that give access to the nodes of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    manager: Secret,
    peer: Secret,
    /// `None`: any process that can connect may read and write keys.
    client: Option<Secret>,
}

impl Keys {
    /// Generates new tokens, except for the clients', which people hand out themselves.
    pub(crate) fn cut(client: Option<Secret>) -> io::Result<Self> {
        Ok(Self { manager: random()?, peer: random()?, client })
    }

    /// The variables in a node's environment.
    pub(crate) fn variables(&self) -> Vec<(&'static str, Secret)> {
        let client = self.client.clone().map(|token| ("RAFTDECK_CLIENT_TOKEN", token));
        let own =
            [("RAFTDECK_MANAGER_TOKEN", self.manager.clone()), ("RAFTDECK_PEER_TOKEN", self.peer.clone())];
        own.into_iter().chain(client).collect()
    }

    /// The credentials with which the lab sets clocks and changes members.
    pub(crate) fn manager(&self) -> Access {
        Access { token: Some(self.manager.clone()), tls: None }
    }

    /// The credentials with which it reads, writes and watches. Another process may by now listen at the address of a killed node: it
    /// must not receive the manager's token.
    pub(crate) fn client(&self) -> Access {
        Access { token: self.client.clone(), tls: None }
    }
}

/// 32 random bytes in hexadecimal.
fn random() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    });
    Secret::new(&hex).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_clusters_have_the_same_keys_and_none_is_shown() {
        let [one, other] = [(); 2].map(|()| Keys::cut(None).unwrap());
        let all = [&one.manager, &one.peer, &other.manager, &other.peer];
        assert!(all.iter().all(|key| key.reveal().len() == 64));
        assert!(all.iter().enumerate().all(|(at, key)| !all[at + 1..].contains(key)));
        assert!(!format!("{one:?}").contains(one.manager.reveal()));
    }
}
