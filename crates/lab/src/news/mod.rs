//! What the nodes tell of themselves, in an order that can be explained.

pub(crate) mod causes;
pub(crate) mod telemetry;
