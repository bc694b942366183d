//! Packed blocks.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::structs::listpack::fuzz_listpack(data));
