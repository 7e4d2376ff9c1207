//! Which cluster to attach to, and as whom.

use raftdeck_client::Access;
use raftdeck_model::{Ability, Capabilities};
use raftdeck_protocol::Secret;

/// A cluster of raftdeck's nodes, and the credentials for it.
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// Some of its nodes, by any of their addresses. The others are found from there.
    pub addresses: Vec<String>,
    /// The credentials of a client, which looks, reads and writes.
    pub access: Access,
    /// The token of a manager. With it members can be changed and the leadership handed over. `None`: the cluster is only looked at and used.
    pub manager: Option<Secret>,
}

/// Why a cluster cannot be attached to.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// No address was given.
    #[error("no address was given: name at least one node of the cluster, such as 127.0.0.1:8080")]
    NoAddress,
    /// An address is none.
    #[error(transparent)]
    Address(#[from] raftdeck_client::AddressError),
    /// No node answers.
    #[error("no node of the cluster answers: {}", tried.join("; "))]
    Unreachable {
        /// Each address, with the reason.
        tried: Vec<String>,
    },
    /// The operating system refused what is needed.
    #[error("the cluster cannot be attached to: {what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The error.
        source: std::io::Error,
    },
}

impl AttachOptions {
    /// What can be done to such a cluster, and why not the rest.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        const ELSEWHERE: &str = "these nodes were started by something else, perhaps on other hosts";
        let mut capabilities = Capabilities::all();
        for ability in [
            Ability::Processes,
            Ability::Slowness,
            Ability::Data,
            Ability::DiskPace,
            Ability::DiskRoom,
            Ability::Timers,
        ] {
            capabilities = capabilities.without(ability, ELSEWHERE);
        }
        capabilities = capabilities
            .without(Ability::Links, "the connections between these nodes do not pass through this program")
            .without(Ability::Time, "the clocks of a cluster that serves others are never changed");
        if self.manager.is_none() {
            let why = "this needs the cluster's manager token: start with --manager-token-file FILE";
            capabilities = capabilities.without(Ability::Members, why).without(Ability::Leadership, why);
        }
        capabilities
    }

    /// The credentials of a manager.
    pub(crate) fn manager(&self) -> Option<Access> {
        let token = self.manager.clone()?;
        Some(Access { token: Some(token), tls: self.access.tls.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_manager_token_may_look_and_use_but_not_change() {
        let mut options = AttachOptions { addresses: Vec::new(), access: Access::default(), manager: None };
        let looks = options.capabilities();
        assert!(looks.has(Ability::Store).is_ok() && looks.has(Ability::Logs).is_ok());
        let why = looks.has(Ability::Leadership).unwrap_err().to_string();
        assert!(why.contains("--manager-token-file"), "{why}");
        options.manager = Some(Secret::new("0123456789abcdef").unwrap());
        let acts = options.capabilities();
        assert!(acts.has(Ability::Leadership).is_ok() && acts.has(Ability::Members).is_ok());
        for never in [Ability::Time, Ability::Links, Ability::Processes, Ability::Timers] {
            assert!(acts.has(never).is_err(), "{never:?}");
        }
    }
}
