//! Who is asked.

use raftdeck_client::Client;

/// The cluster that is asked, and where it was said to be.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) addresses: Vec<String>,
    /// One operation, and the client ends: a session for it would cost a round of its own.
    pub(super) is_for_one: bool,
}
