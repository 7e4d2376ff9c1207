//! The deck on a terminal.

mod clipboard;
mod phones;
pub mod runtime;
pub mod settings;
pub mod terminal;
mod voice;
