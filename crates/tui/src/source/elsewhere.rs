//! A cluster that something else runs, as a context describes it: its credentials are read, and nothing is connected yet.

use crate::contexts::{ClusterContext, ClusterEngine};
use crate::errors::complain;
use crate::source::engine::Engine;
use color_eyre::eyre::{Result, bail};
use raftdeck_attach::AttachOptions;
use raftdeck_client::{AccessFiles, exposed, token};

/// The variable that holds the token of a manager.
pub const MANAGER_TOKEN_VARIABLE: &str = "RAFTDECK_MANAGER_TOKEN";

/// The engine for a cluster. Reads its tokens and certificates, and prints warnings about them.
pub fn engine_of(context: ClusterContext) -> Result<Engine> {
    match context.engine {
        ClusterEngine::Raftdeck => raftdeck_nodes(context),
        ClusterEngine::Etcd => bail!(
            "this version attaches to clusters of raftdeck nodes only; --engine etcd of the deck runs members of etcd on this machine"
        ),
    }
}

fn raftdeck_nodes(context: ClusterContext) -> Result<Engine> {
    let ClusterContext {
        addresses, tls_ca, tls_cert, tls_key, client_token_file, manager_token_file, ..
    } = context;
    let files = AccessFiles { ca: tls_ca, cert: tls_cert, key: tls_key, token: client_token_file };
    let (access, mut warnings) = files.read()?;
    let held = std::env::var_os(MANAGER_TOKEN_VARIABLE).map(|held| held.to_string_lossy().into_owned());
    let manager = token(manager_token_file.as_deref(), (MANAGER_TOKEN_VARIABLE, held))?;
    warnings.extend(manager_token_file.as_deref().and_then(exposed));
    for warning in &warnings {
        complain(warning);
    }
    Ok(Engine::Attached(Box::new(AttachOptions { addresses, access, manager })))
}
