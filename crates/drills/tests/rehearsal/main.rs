//! Drills over the simulator: every drill of the catalogue passes, each of its assertions can fail, each fault can fail to take, and the
//! verdicts are the right ones.

mod catalogue;
mod person;
mod sabotage;
mod support;
mod verdicts;
