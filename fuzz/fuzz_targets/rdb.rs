//! Snapshot files.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::rdb::fuzz::fuzz_rdb(data));
