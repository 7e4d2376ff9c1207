//! See `raftdeck_fuzz::etcd`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raftdeck_fuzz::etcd(data));
