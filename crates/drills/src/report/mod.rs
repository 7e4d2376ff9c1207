//! What people and build servers read of a run: a page, lines for a terminal, JUnit XML and tables of repeated runs.
//!
//! Everything is made from [`Outcome`](crate::Outcome)s alone, so the same outcome always gives the same text. Nothing is measured or
//! judged here. What is not known is said to be "not seen" or "none", never 0.

mod axis;
mod bands;
mod comparison;
mod debrief;
mod facts;
mod figures;
mod flags;
mod head;
mod junit;
mod latency;
mod page;
mod picture;
mod spacetime;
mod strip;
mod table;
mod text;
mod words;

pub use comparison::{Comparison, EngineFigures, ShareFigures, TimeFigures};
pub use junit::junit;
pub use page::html;
pub use table::{markdown_table, table};
pub use text::text;
pub use words::bound_told;

#[cfg(test)]
mod sample;
