//! A cluster in a process of its own: its links, clients and nodes go on while the program that shows them is stopped by Ctrl-Z.
//!
//! The program starts itself again as the host (`host`), in a process group of its own, so that the terminal's signals do not
//! reach it. Both speak JSON, a line a time (`lines`): over its standard input the host takes what it is to start, and then
//! commands; over its standard output it says how that went, and then what happens. It ends when its input does, in whatever way
//! its owner ended.

pub(crate) mod host;
mod last_words;
mod lines;
mod owner;
mod timers;

pub use host::HOST_COMMAND;
pub(crate) use lines::HostedCluster;
pub(crate) use owner::HostedLab;
