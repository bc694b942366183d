//! Payloads of RESTORE, the footer made to fit.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::rdb::fuzz::fuzz_restore(data));
