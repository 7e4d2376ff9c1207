//! Majorities.
