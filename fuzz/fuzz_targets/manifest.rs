//! Manifests of the append-only log.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| larder::persist::manifest::fuzz_manifest(data));
