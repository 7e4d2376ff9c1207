//! The deployments in `examples/`: what their files say is what the program takes, and three nodes that are started with exactly that,
//! each in a network namespace with its own address, are a cluster.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod cluster;
mod compose;
mod files;
mod kubernetes;
mod network;
mod systemd;

#[path = "../support/mod.rs"]
mod support;
