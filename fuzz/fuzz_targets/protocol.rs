//! Requests as clients send them.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::resp::parser::fuzz_request_parser(data));
