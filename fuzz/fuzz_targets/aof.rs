//! Files of the append-only log.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::persist::aof::fuzz_aof(data));
