//! The HTTP door, over real sockets and with real nodes: one file a family of promises.

mod description;
mod exchange;
mod inputs;
mod limits;
mod metrics;
mod names;
mod reads;
mod shapes;
#[path = "../support/mod.rs"]
mod support;
mod watching;
