//! The durable log and hard state on disk, over a small file-system trait.
