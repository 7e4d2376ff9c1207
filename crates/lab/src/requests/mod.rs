//! Requests to the cluster, as far as they are the same for every engine: each client's paths to the nodes.

pub(crate) mod paths;
pub(crate) mod relay;
