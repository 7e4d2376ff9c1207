//! Cluster time: its rate and its steps, and how it is sent to each node.

pub(crate) mod stepper;
pub(crate) mod tempo;
