//! What is asked of the cluster: by clients, each through relays of its own, and by the lab itself, for changes of the cluster.

pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod clients;
pub(crate) mod relay;
pub(crate) mod workload;
