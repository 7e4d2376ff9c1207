//! A cluster without a screen: one line per event, in plain words or as JSON, until a signal or the end of the
//! output. For simple terminals, for screen readers, for scripts. Commands are taken from the standard input.

mod format;
pub mod json;
mod real_time;
mod session;
mod virtual_time;

pub use format::Format;
pub use real_time::run;
pub use virtual_time::{play_through, run_simulation};
