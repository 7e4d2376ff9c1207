//! Whole clusters of real nodes under the lab: one file a family of scenarios.

mod clients;
mod deck;
mod failover;
mod faults;
mod lifetime;
mod links;
mod members;
mod partition;
mod stall;
mod stepping;
mod strangers;
mod tuning;
mod undone;
