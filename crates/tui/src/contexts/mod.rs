//! Contexts: names for clusters that something else runs, in a small file of the user's own, as `kubectl` has them.
//!
//! A [`ClusterContext`] says where a cluster is and which files let one in. It holds the paths of secrets and never a secret.
//! [`text`] is the file's text: what it says, its mistakes, and how it is changed, pure. `file` finds, reads and replaces the file.
//! Nothing here connects to a cluster.

pub mod file;
pub mod text;

use std::path::PathBuf;

/// What runs the nodes of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ClusterEngine {
    /// Nodes of raftdeck
    #[default]
    Raftdeck,
    /// Members of etcd
    Etcd,
}

impl ClusterEngine {
    /// Its name in the file and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raftdeck => "raftdeck",
            Self::Etcd => "etcd",
        }
    }
}

/// Where a cluster is, and what lets one in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterContext {
    /// What runs its nodes.
    pub engine: ClusterEngine,
    /// Some of its nodes: `HOST:PORT`, for etcd URLs too. Never empty.
    pub addresses: Vec<String>,
    /// The authorities that sign its certificates.
    pub tls_ca: Option<PathBuf>,
    /// The certificate to show.
    pub tls_cert: Option<PathBuf>,
    /// That certificate's key.
    pub tls_key: Option<PathBuf>,
    /// The file with the token to look with.
    pub client_token_file: Option<PathBuf>,
    /// The file with the token to act with.
    pub manager_token_file: Option<PathBuf>,
    /// The user of etcd.
    pub user: Option<String>,
    /// The file with that user's password.
    pub password_file: Option<PathBuf>,
    /// The links that stand between its nodes, one a host.
    pub links: Vec<String>,
}

/// All contexts of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contexts {
    /// The one that is used where none is named.
    pub current: Option<String>,
    /// Each by its name, in the order of the file.
    pub all: Vec<(String, ClusterContext)>,
}

impl Contexts {
    /// The names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| name.as_str())
    }

    /// The context of this name, or a sentence that says which names there are.
    pub fn named(&self, name: &str) -> Result<&ClusterContext, String> {
        let found = self.all.iter().find(|(known, _)| known == name);
        found.map(|(_, context)| context).ok_or_else(|| self.unknown(name))
    }

    /// The current context and its name, or a sentence that says how to choose one.
    pub fn current(&self) -> Result<(&str, &ClusterContext), String> {
        match &self.current {
            Some(name) => self.named(name).map(|context| (name.as_str(), context)),
            None if self.all.is_empty() => Err(NONE.to_owned()),
            None => Err(format!(
                "no context is current; choose one of {} with raftdeck context use NAME, or name one with --context",
                self.list()
            )),
        }
    }

    fn unknown(&self, name: &str) -> String {
        if self.all.is_empty() {
            return format!("there is no context called {name}: {NONE}");
        }
        let known: Vec<&str> = self.names().collect();
        let near = raftdeck_deck::settings::mistake::near(name, &known);
        if near.starts_with("there is") {
            format!("there is no context called {name}; {near}")
        } else {
            format!("there is no context called {name}; {near} There is {}", known.join(", "))
        }
    }

    fn list(&self) -> String {
        self.names().collect::<Vec<_>>().join(", ")
    }
}

/// What is said where there is no context at all.
const NONE: &str = "there are no contexts yet: raftdeck context add NAME HOST:PORT makes the first one";

/// The longest name.
const LONGEST: usize = 63;

/// A name that a context may have. It is also the name of a tab and a word of the palette.
pub fn valid_name(name: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.chars().all(is_plain) && name.len() <= LONGEST {
        return Ok(name.to_owned());
    }
    Err(format!(
        "a context's name has letters, digits, - _ and . and begins with a letter or digit, at most {LONGEST} of them"
    ))
}

/// An address that a context may have.
pub fn valid_address(engine: ClusterEngine, address: &str) -> Result<(), String> {
    let bare = match engine {
        ClusterEngine::Raftdeck => address,
        ClusterEngine::Etcd => {
            let bare = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
            bare.unwrap_or(address).trim_end_matches('/')
        }
    };
    raftdeck_client::split(bare).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts(current: Option<&str>, names: &[&str]) -> Contexts {
        let context = ClusterContext { addresses: vec!["a:1".to_owned()], ..ClusterContext::default() };
        Contexts {
            current: current.map(str::to_owned),
            all: names.iter().map(|name| ((*name).to_owned(), context.clone())).collect(),
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_with_all() {
        let known = contexts(Some("prod"), &["prod", "staging"]);
        assert!(known.named("prod").is_ok());
        assert_eq!(
            known.named("prdo").unwrap_err(),
            "there is no context called prdo; did you mean prod? There is prod, staging"
        );
        assert_eq!(known.named("xyz").unwrap_err(), "there is no context called xyz; there is prod, staging");
        assert!(contexts(None, &[]).named("prod").unwrap_err().contains("raftdeck context add"));
    }

    #[test]
    fn without_a_current_one_it_is_said_how_to_choose() {
        assert_eq!(contexts(Some("b"), &["a", "b"]).current().unwrap().0, "b");
        assert!(
            contexts(None, &["a", "b"])
                .current()
                .unwrap_err()
                .starts_with("no context is current; choose one of a, b")
        );
        assert!(contexts(None, &[]).current().unwrap_err().starts_with("there are no contexts yet"));
    }

    #[test]
    fn names_are_plain_words_and_addresses_have_a_port() {
        for name in ["prod", "eu-1.prod", "3", "a_b"] {
            assert!(valid_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", ".a", "a b", "ä", "a:1", "a/b", &"a".repeat(64)] {
            assert!(valid_name(name).is_err(), "{name}");
        }
        for (engine, address, is_valid) in [
            (ClusterEngine::Raftdeck, "kv.example:8080", true),
            (ClusterEngine::Raftdeck, "https://kv.example:8080", false),
            (ClusterEngine::Raftdeck, "kv.example", false),
            (ClusterEngine::Etcd, "https://10.0.0.1:2379", true),
            (ClusterEngine::Etcd, "http://10.0.0.1:2379/", true),
            (ClusterEngine::Etcd, "[::1]:2379", true),
            (ClusterEngine::Etcd, "https://10.0.0.1", false),
        ] {
            assert_eq!(valid_address(engine, address).is_ok(), is_valid, "{address}");
        }
    }
}
