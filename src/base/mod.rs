//! Numbers, globs, hashes and newtypes that every room uses; knows no other room.
//!
//! Everything here is a pure function or a plain value: no clock, no allocation hidden from the caller, no I/O.
//! The number grammars and texts are those that clients of Redis 7.0 observe, byte for byte.

pub mod bits;
pub mod crc16;
pub mod float;
pub mod geohash;
pub mod glob;
pub mod ids;
pub mod long_double;
pub mod lzf;
pub mod num;
pub mod quoting;
pub mod rng;
