//! Inputs while a cluster runs, from the source, the user and the system, in the order of arrival.

pub mod inbox;
pub mod own_log;
pub mod signals;
