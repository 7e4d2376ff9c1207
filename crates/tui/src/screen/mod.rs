//! The deck on a terminal.

pub mod runtime;
pub mod terminal;
