//! Requests to the cluster that every engine serves.

pub(crate) mod workload;
