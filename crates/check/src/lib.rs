//! Checks what a cluster did, from its members' traces and from its clients' history.
//!
//! This crate runs no cluster, opens no file and no socket, and reads no clock: a simulation and a real cluster are
//! judged by the same code, and the same story always gets the same verdict.
//!
//! - [`SafetyChecker`] reads the members' traces as they happen and reports the first violated safety property, and
//!   the member that violated it. The properties are listed at [`Property`].
//! - [`History`] holds what clients asked and were answered; [`check_linearizable`] says whether one map, changed by
//!   one operation at a time, could have given these answers; [`porcupine()`] writes it for another checker.

mod alone;
mod committed;
mod history;
mod linearizability;
mod log;
mod member;
mod observation;
mod picture;
mod porcupine;
mod property;
mod register;
mod safety;

pub use history::{History, OpId, Operation, OperationOutcome};
pub use linearizability::{Verdict, check_linearizable};
pub use observation::{Observation, observations_of};
pub use porcupine::{PorcupineText, porcupine};
pub use property::{Property, Violation};
pub use safety::SafetyChecker;
