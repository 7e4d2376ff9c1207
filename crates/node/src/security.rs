//! The security settings of a command line and its environment: certificates and tokens, and the warnings about them.

use crate::args::NodeArgs;
use crate::tokens::Tokens;
use crate::usage::{Environment, UsageError};
use raftdeck_client::{Tls, TlsFiles, exposed, token};
use raftdeck_protocol::Secret;
use raftdeck_raft::NodeId;
use std::path::PathBuf;
use std::time::Duration;

/// Before its certificate expires by less than this, a node says so when it starts.
const EXPIRES_SOON: Duration = Duration::from_hours(30 * 24);

/// The tokens, and warnings.
pub(crate) fn tokens(
    args: &NodeArgs,
    environment: Environment<'_>,
) -> Result<(Tokens, Vec<String>), UsageError> {
    let mut warnings = Vec::new();
    let mut find = |file: &Option<PathBuf>, variable: &str| -> Result<Option<Secret>, UsageError> {
        let found = token(file.as_deref(), (variable, environment(variable)))?;
        warnings.extend(file.as_deref().and_then(exposed));
        Ok(found)
    };
    let client = find(&args.client_token_file, "RAFTDECK_CLIENT_TOKEN")?;
    let manager = find(&args.manager_token_file, "RAFTDECK_MANAGER_TOKEN")?;
    let peer = find(&args.peer_token_file, "RAFTDECK_PEER_TOKEN")?;
    let all = [("client", &client), ("manager", &manager), ("peer", &peer)];
    for (at, (one, token)) in all.iter().enumerate() {
        let same = all[at + 1..].iter().find(|(_, other)| token.is_some() && token == other);
        if let Some((other, _)) = same {
            return Err(UsageError::SameToken { one, other });
        }
    }
    if client.is_some() && manager.is_none() {
        let sentence = "there is a client token but no manager token: no client can change members or transfer the leadership";
        warnings.push(sentence.to_owned());
    }
    Ok((Tokens { client, manager, peer }, warnings))
}

/// The certificates, if there are any, and that they are this node's.
pub(crate) fn tls(
    args: &NodeArgs,
    id: NodeId,
    warnings: &mut Vec<String>,
) -> Result<Option<Tls>, UsageError> {
    let files = TlsFiles::of(args.tls_ca.clone(), args.tls_cert.clone(), args.tls_key.clone())?;
    let Some(files) = files else { return Ok(None) };
    warnings.extend(exposed(&files.key));
    let tls = Tls::from_files(files)?;
    tls.check_names(id, Duration::ZERO)?;
    if tls.check_names(id, EXPIRES_SOON).is_err() {
        let cert = tls.files().cert.display();
        warnings.push(format!("the certificate in {cert}, or its authority's, expires within 30 days"));
    }
    Ok(Some(tls))
}

/// What is missing for addresses that other machines can reach, in words.
pub(crate) fn missing(tls: Option<&Tls>, tokens: &Tokens) -> Option<String> {
    let encryption = "connections are neither encrypted nor authenticated (--tls-ca, --tls-cert, --tls-key)";
    let token = "clients need no token (--client-token-file or RAFTDECK_CLIENT_TOKEN)";
    match (tls, &tokens.client) {
        (Some(_), Some(_)) => None,
        (None, Some(_)) => Some(encryption.to_owned()),
        (Some(_), None) => Some(token.to_owned()),
        (None, None) => Some(format!("{encryption}, and {token}")),
    }
}

/// A warning if a client token guards one port, and nothing the one beside it, by which the same keys can be reached.
pub(crate) fn open_to_peers(tls: Option<&Tls>, tokens: &Tokens) -> Option<String> {
    let is_open = tls.is_none() && tokens.client.is_some() && tokens.peer.is_none();
    let sentence = "there is a client token, but neither TLS nor a peer token: any process that reaches the \
                    Raft port can act as a member and redirect clients, with their tokens (--peer-token-file or \
                    RAFTDECK_PEER_TOKEN)";
    is_open.then(|| sentence.to_owned())
}
