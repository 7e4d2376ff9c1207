//! See `raftdeck_fuzz::recordings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::recordings(data));
