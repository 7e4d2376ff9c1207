//! The nodes' telemetry, in causal order.

pub(crate) mod causes;
pub(crate) mod telemetry;
