//! The screen: a live Raft cluster on a terminal, controlled and disturbed by keys.
//!
//! [`app`] holds the state and the one function that changes it, [`app::update`]; [`view::view`] draws it. Both are
//! pure: they open nothing, read no clock and draw no random number. What is known of the cluster is a
//! [`raftdeck_model::World`]; a key becomes a [`raftdeck_model::Command`]. The program that runs the deck gives it
//! messages and the time, and carries out its effects.
//!
//! [`tabs`] are several clusters on one deck, each an [`app::App`] of its own.
//!
//! One view shows what the process holds, the log of tui-logger; [`output_log`] fills that.
//!
//! [`svg`] is the cluster as a picture for a browser. [`explain`] says what something on the screen is, and why it is as it is. [`sentences`] turns updates into sentences, for the feed
//! and for printed output; [`reader`] says for a screen reader what the view shows.

pub mod actions;
pub mod app;
pub mod explain;
pub mod keys;
pub mod output_log;
pub mod reader;
pub mod sentences;
pub mod settings;
pub mod svg;
pub mod tabs;
pub mod theme;
pub mod times;
pub mod view;
