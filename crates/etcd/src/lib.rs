//! An etcd cluster from outside: what its members say, and what they can be asked.
//!
//! [`Etcd`] is a cluster: its members by [`NodeId`](raftdeck_raft::NodeId), the connections to them, and the user that they are asked as.
//! [`Etcd::ask`] carries out requests to the store, an [`Endpoint`] asks one member for its state ([`Endpoint::status`]), for the members and for changes.
//!
//! [`node_view`] puts what a member says together, and a [`LogReader`] reads its log.
//!
//! It starts no process, knows nothing of the connections between members, and folds nothing: whoever uses it polls, keeps and compares.
//! What etcd does not say is [`Known::Unknown`](raftdeck_model::Known::Unknown), and is never invented. Every call has a deadline. Text from a member is
//! untrusted, and comes out in one line without control characters.

mod access;
mod address;
mod ask;
mod calls;
mod connection;
mod debug_vars;
mod dial;
mod discovery;
mod endpoint;
mod error;
mod etcd;
mod http;
mod ids;
mod log;
mod member;
mod member_id;
mod metrics;
mod operation;
mod token;
mod version;
mod view;
mod wire;

pub use access::{AccessError, CertificateFiles, EtcdAccess, EtcdUser};
pub use address::{ClientUrl, UrlError};
pub use calls::{AlarmKind, Answerer, MemberStatus, StoreHash};
pub use debug_vars::{MemberProgress, RaftStatus, RaftStatusError};
pub use discovery::DiscoveryError;
pub use endpoint::Endpoint;
pub use error::{CallError, Refusal};
pub use etcd::Etcd;
pub use ids::MemberIds;
pub use log::{LogLine, LogReader, StartStage};
pub use member::{Member, MemberId};
pub use member_id::member_id;
pub use metrics::Metrics;
pub use version::{EtcdVersion, VersionError};
pub use view::{Beside, cluster_id, node_view, node_view_by_status};
