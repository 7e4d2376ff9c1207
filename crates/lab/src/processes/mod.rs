//! The nodes as processes: how each is started, what it writes, and who looks after it.

pub(crate) mod launch;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod supervisor;
