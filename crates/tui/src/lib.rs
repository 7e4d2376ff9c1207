//! The deck: a live Raft cluster on a terminal, driven and broken by keys.

pub mod words;
