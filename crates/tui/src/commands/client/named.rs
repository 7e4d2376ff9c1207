//! The cluster that a context names.

use crate::commands::context::ContextsFileArgs;
use crate::contexts::{ClusterContext, ClusterEngine};
use clap::Args;
use color_eyre::eyre::{Report, Result, bail};

/// A cluster by its name.
#[derive(Args, Debug)]
pub(super) struct NamedCluster {
    /// Take the addresses, and what is not given of certificates and tokens, from this context (raftdeck context)
    #[arg(long, value_name = "NAME", env = "RAFTDECK_CONTEXT", conflicts_with = "cluster", global = true)]
    context: Option<String>,
    #[command(flatten)]
    file: ContextsFileArgs,
}

impl NamedCluster {
    /// The context; `None`: none was named.
    pub(super) fn find(&self) -> Result<Option<ClusterContext>> {
        let Some(name) = &self.context else { return Ok(None) };
        let contexts = self.file.read()?.contexts;
        let context = contexts.named(name).map_err(Report::msg)?;
        if context.engine == ClusterEngine::Etcd {
            bail!(
                "{name} is a cluster of etcd, and raftdeck client speaks to raftdeck nodes: use etcdctl, or raftdeck attach --context {name}"
            );
        }
        Ok(Some(context.clone()))
    }
}
