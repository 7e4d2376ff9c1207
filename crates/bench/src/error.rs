//! Why a benchmark has no result.

use raftdeck_client::{AccessError, AddressError, ClientError};
use raftdeck_lab::LabError;
use std::io;

/// Why a benchmark has no result.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The options are invalid; nothing was started.
    #[error("{0}")]
    Usage(String),
    /// No cluster could be started.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The given cluster's addresses are invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The certificates or the token for the given cluster cannot be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: String,
        /// The error.
        source: io::Error,
    },
    /// A node ended, or never started to serve.
    #[error("{0}")]
    Node(String),
    /// The store did not do what the benchmark needs.
    #[error("{what}: {source}")]
    Store {
        /// The operation.
        what: &'static str,
        /// The client's error.
        source: ClientError,
    },
    /// Nothing was acknowledged, so there is no result.
    #[error("nothing was acknowledged: {0}")]
    Nothing(String),
    /// The floor program failed.
    #[error("the baseline program failed: {0}")]
    Floor(String),
    /// It was interrupted, by this signal.
    #[error("interrupted")]
    Interrupted(i32),
}

impl BenchError {
    /// For `map_err`: `what` says which operation the system refused.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
