//! The cluster that requests go to.

use raftdeck_client::Client;

/// The cluster that requests go to, and its addresses as given.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) addresses: Vec<String>,
    /// Whether the client ends after one operation: a session for it would cost an extra round trip.
    pub(super) is_for_one: bool,
}
