//! Failover drills: a fault that is injected on purpose, measured, judged, healed and explained; and lessons: a cluster that is frozen,
//! asked about, and let go on until it has shown the answer.
//!
//! [`Drill`] is a drill as its file says it. A run carries one out as a state machine: updates of a cluster go in, commands and an
//! [`Outcome`] come out. Reports are made from outcomes. [`Lesson`] is a lesson as its file says it, and [`ChapterRun`] carries one of its
//! chapters out in the same way.
//!
//! This crate starts no cluster, opens no file or socket, starts no thread and reads no clock: time and updates are passed in. So the
//! same drill runs over real processes, over the simulator, at the keyboard and in CI.

mod awaited;
mod bound;
mod catalogue;
mod clock;
mod file;
mod history;
mod lesson;
mod measure;
pub mod museum;
mod outcome;
mod rehearse;
pub mod report;
mod run;
mod schema;
mod score;

pub use bound::{Bound, Measured, Millis, Unit};
pub use catalogue::{CATALOGUE, built_in, catalogue};
pub use file::*;
pub use history::recorded_history;
pub use lesson::*;
pub use measure::{MEASURES, Measure, Phase, Quantile};
pub use outcome::*;
pub use rehearse::rehearse;
pub use run::*;
pub use schema::{lesson_schema, schema};
