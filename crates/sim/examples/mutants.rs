//! Takes out one guard after another and says how many seeds it takes until somebody notices.
fn main() {}
