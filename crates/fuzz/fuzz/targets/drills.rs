//! See `raftdeck_fuzz::drills`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::drills(data));
