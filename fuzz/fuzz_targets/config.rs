//! Configuration files, command lines and CONFIG SET.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::config::fuzz_config(data));
