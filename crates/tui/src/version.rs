//! Which version of the program this is.

/// The package's version, and the commit if it was built from a checkout.
pub(crate) const VERSION: &str = env!("RAFTDECK_VERSION");
