//! Drills over the simulator: every drill of the catalogue passes, each of its assertions can fail, each fault can fail to take, and the
//! verdicts are the right ones. And lessons: every chapter comes to its end, whatever node wins.

mod catalogue;
mod lessons;
mod person;
mod sabotage;
mod support;
mod verdicts;
