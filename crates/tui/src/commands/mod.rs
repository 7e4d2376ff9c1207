//! The commands that need neither a screen nor a cluster of their own: a client, the simulator's runs, measurements, and descriptions
//! of the program itself.

pub(crate) mod bench;
pub mod check;
pub mod client;
pub(crate) mod config;
pub mod context;
pub(crate) mod describe;
pub mod paths;
pub mod sim;
pub(crate) mod tls;
