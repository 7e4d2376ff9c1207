//! Requests to the cluster: of clients, each through its own relays, and of the lab itself, for membership changes.

pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod clients;
pub(crate) mod relay;
pub(crate) mod workload;
