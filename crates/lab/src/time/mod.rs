//! Cluster time: its rate and its steps, and what each node is told of it.

pub(crate) mod stepper;
pub(crate) mod tempo;
