//! The deck on a terminal.

mod beginning;
mod clipboard;
mod cluster;
mod phones;
pub mod runtime;
pub mod settings;
pub mod terminal;
mod voice;
