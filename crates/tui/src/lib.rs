//! The deck: a live Raft cluster on a terminal, driven and broken by keys.
//!
//! [`app`] holds the state and the one function that changes it, [`app::update`]; [`view::view`] draws it. Both
//! are pure: they open nothing, read no clock and draw no random number.

pub mod actions;
pub mod app;
pub mod keys;
pub mod theme;
pub mod view;
pub mod words;
