//! See `raftdeck_fuzz::relays`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::relays(data));
