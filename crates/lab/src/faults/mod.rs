//! What can be done to a node from outside, and the ledger of all that is in force.

pub(crate) mod file_limit;
pub(crate) mod in_force;
pub(crate) mod slow;
