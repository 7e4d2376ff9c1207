//! Where the nodes' data is: a directory that is kept, with the record of its nodes, or a temporary one.

pub(crate) mod data_dir;
pub(crate) mod record;
pub(crate) mod temporary;
