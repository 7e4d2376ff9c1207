//! See `raftdeck_fuzz::queries`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::queries(data));
