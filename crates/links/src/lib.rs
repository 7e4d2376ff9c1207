//! The relay between two nodes: it reads whole frames, knows their content, and cuts, delays, loses, duplicates,
//! reorders, holds and releases them by its rules; it reports what passes as [`News`](raftdeck_model::News).
//!
//! A relay knows how its nodes talk from a [`Wire`]; [`RaftdeckWire`] is that of raftdeck's own nodes, [`EtcdWire`] that of etcd's. It starts no process, dials a
//! node only for another one, and never changes a frame. [`Links`] are all relays of a cluster; [`Traffic`] is everything on them, with
//! every operation on it. Messages travel in cluster time ([`ClusterClock`]), which may pass at any rate.
//!
//! ```text
//! a node's socket -> link (handshake) -> traffic (rules, one lane a directed pair) -> carrier -> the other node's socket
//! ```

mod alarm;
mod carrier;
mod lane;
mod link;
mod links;
mod outlet;
mod pair;
mod queue;
mod reports;
mod time;
mod traffic;
mod whereabouts;
pub mod wire;

pub use links::{Links, Listeners};
pub use outlet::Outlet;
pub use pair::{Entrance, Origin, Pair};
pub use time::{ClockReader, ClusterClock};
pub use traffic::{LinkNews, Traffic};
pub use whereabouts::{NodeLocation, Places, Presence, Whereabouts, life_over};
pub use wire::{EtcdWire, RaftdeckWire, Wire};
