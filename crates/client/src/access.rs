//! Credentials of a client: a token where one is required, and certificates where TLS is used. Tokens come from files
//! or the environment, never from a command line, which every user of the machine can read.

use crate::dial::{DialError, Dialed, dial_with};
use crate::tls::{Tls, TlsError, TlsFiles};
use raftdeck_protocol::handshake::Challenge;
use raftdeck_protocol::{Hello, RefusalReason, Secret, SecretError};
use raftdeck_raft::NodeId;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most bytes that are read of a token's file: a longer one holds something else.
const MAX_FILE: u64 = 4 << 10;

/// The credentials of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The token that both sides prove to know. It is never sent; a listener that does not know it is not trusted.
    pub token: Option<Secret>,
    /// Certificates; without them nothing is encrypted.
    pub tls: Option<Tls>,
}

impl Access {
    /// The same, for this node alone: with TLS its certificate must name it.
    #[must_use]
    pub fn to_node(&self, node: NodeId) -> Self {
        Self { token: self.token.clone(), tls: self.tls.as_ref().map(|tls| tls.to_node(node)) }
    }

    /// Connects to `address` with this; [`dial`](crate::dial) does the same without credentials.
    pub async fn dial(&self, address: &str, hello: &Hello, within: Duration) -> Result<Dialed, DialError> {
        dial_with(address, hello, within, self, |_| Ok(())).await
    }

    /// The same. Before this side proves anything, `judge` verifies the other side's identity, and may refuse it.
    pub async fn dial_judged(
        &self,
        address: &str,
        hello: &Hello,
        within: Duration,
        judge: impl Fn(&Challenge) -> Result<(), RefusalReason>,
    ) -> Result<Dialed, DialError> {
        dial_with(address, hello, within, self, judge).await
    }
}

/// The variable that holds the token of a client.
pub const TOKEN_VARIABLE: &str = "RAFTDECK_CLIENT_TOKEN";

/// What a command line says about access.
#[derive(Clone, Debug, Default)]
pub struct AccessFiles {
    /// The authority's certificates.
    pub ca: Option<PathBuf>,
    /// The certificate to show.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
    /// The token to show.
    pub token: Option<PathBuf>,
}

/// Why the credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl AccessFiles {
    /// Reads all of it; without a token's file, [`TOKEN_VARIABLE`] of this process is looked at. Also gives warnings,
    /// sentences for a person.
    pub fn read(self) -> Result<(Access, Vec<String>), AccessError> {
        let held = std::env::var_os(TOKEN_VARIABLE).map(|held| held.to_string_lossy().into_owned());
        let warnings = [&self.key, &self.token].into_iter().flatten().filter_map(|path| exposed(path));
        let warnings = warnings.collect();
        let token = token(self.token.as_deref(), (TOKEN_VARIABLE, held))?;
        let files = TlsFiles::of(self.ca, self.cert, self.key)?;
        Ok((Access { token, tls: files.map(Tls::from_files).transpose()? }, warnings))
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the token in {} cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its content is not a token.
    #[error("{origin} holds no token: {source}")]
    Unfit {
        /// The file, or the variable.
        origin: String,
        /// What is wrong with it.
        source: SecretError,
    },
}

/// The token in a file, or else in a variable: its name, and what it holds if it is set. One that is set and empty is
/// a mistake: it was set with the intention of having a token.
pub fn token(
    file: Option<&Path>,
    (name, held): (&str, Option<String>),
) -> Result<Option<Secret>, TokenError> {
    let (origin, text) = match (file, held) {
        (Some(path), _) => (path.display().to_string(), read(path)?),
        (None, Some(text)) => (name.to_owned(), text),
        (None, None) => return Ok(None),
    };
    Secret::new(&text).map(Some).map_err(|source| TokenError::Unfit { origin, source })
}

fn read(path: &Path) -> Result<String, TokenError> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
    read.map(|_| text).map_err(|source| TokenError::Read { path: path.to_owned(), source })
}

/// A warning if others on this machine may read what is in this file, which is a secret.
#[cfg(unix)]
#[must_use]
pub fn exposed(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let is_open = mode & 0o077 != 0;
    is_open.then(|| {
        let path = path.display();
        format!(
            "other users of this machine may have access to {path}, which holds a secret: chmod 600 {path}"
        )
    })
}

/// A warning if others on this machine may read what is in this file, which is a secret.
#[cfg(not(unix))]
#[must_use]
pub fn exposed(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLE: &str = "RAFTDECK_CLIENT_TOKEN";

    #[test]
    fn a_file_goes_before_a_variable_and_an_empty_one_is_a_mistake() {
        let dir = std::env::temp_dir().join(format!("raftdeck-access-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("token");
        std::fs::write(&path, "from-a-file-012345\n").unwrap();
        let held = Some("from-a-variable-0123".to_owned());
        let read = |file: Option<&Path>, held: &Option<String>| token(file, (VARIABLE, held.clone()));
        assert_eq!(read(Some(&path), &held).unwrap().unwrap().reveal(), "from-a-file-012345");
        assert_eq!(read(None, &held).unwrap().unwrap().reveal(), "from-a-variable-0123");
        assert_eq!(read(None, &None).unwrap(), None);
        for (wrong, part) in [("", "0"), ("0123456789 abcdef", "other characters")] {
            let error = read(None, &Some(wrong.to_owned())).unwrap_err().to_string();
            assert!(
                error.starts_with("RAFTDECK_CLIENT_TOKEN holds no token") && error.contains(part),
                "{error}"
            );
        }
        let error = read(Some(&dir.join("none")), &held).unwrap_err().to_string();
        assert!(error.contains("none cannot be read"), "{error}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
