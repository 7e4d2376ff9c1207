//! The deck on a terminal.

mod clipboard;
pub mod runtime;
pub mod settings;
pub mod terminal;
mod voice;
