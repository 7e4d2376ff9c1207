//! The deck.
fn main() {}
