//! The nodes as processes: how each is started, its output, and its supervisor.

pub(crate) mod kind;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod ready;
pub(crate) mod supervisor;
