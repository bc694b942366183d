//! `cjson.decode`, `cmsgpack.unpack`, `struct.unpack` and their counterparts.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::script::fuzz_libraries(data));
