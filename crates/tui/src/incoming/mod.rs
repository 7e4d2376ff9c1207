//! What comes in while a cluster runs, from the source, a person and the system, in the order of its coming.

pub mod inbox;
pub mod signals;
