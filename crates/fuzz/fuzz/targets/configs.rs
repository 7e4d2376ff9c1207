//! See `raftdeck_fuzz::configs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::configs(data));
