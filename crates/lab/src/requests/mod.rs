//! Requests to the cluster, as far as they are the same for every engine: each client's paths to the nodes, and the steady workload.

pub(crate) mod paths;
pub(crate) mod relay;
pub(crate) mod workload;
