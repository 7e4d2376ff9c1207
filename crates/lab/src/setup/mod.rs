//! What a cluster and its nodes are started with: options, ports, keys, and the program that each node runs.

pub(crate) mod any_path;
pub(crate) mod held;
pub(crate) mod options;
pub(crate) mod program;
