//! The links between real members of etcd, which has to be in `PATH`. Waits are for conditions, with a deadline that only a failure
//! meets.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod cluster;
mod faults;
mod http;
mod snapshots;
