//! See `raftdeck_fuzz::scripts`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::scripts(data));
