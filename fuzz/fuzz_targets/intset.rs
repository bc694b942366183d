//! Packed sorted integers.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::structs::intset::fuzz_intset(data));
