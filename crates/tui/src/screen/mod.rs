//! The deck on a terminal.

pub mod runtime;
pub mod settings;
pub mod terminal;
mod voice;
