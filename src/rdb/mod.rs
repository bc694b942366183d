//! The RDB byte format: values to bytes and back, records to a stream and back.
//!
//! Owns every byte of snapshot files, of what replicas are sent in a full synchronisation, and of DUMP payloads. Files
//! are written in version 10, which redis-server 7.0 reads; versions 1 to 12 and those of Valkey 9 are read.
//!
//! ```text
//! stream   "REDIS" version (4 digits) | record ... | FF | checksum of all before it (8 bytes, low first)
//! record   opcode and its data | type, key, value
//! length   00LLLLLL | 01LLLLLL LLLLLLLL | 80 + 32 bits | 81 + 64 bits           (high byte first)
//! string   length, bytes | C0 + i8 | C1 + i16 | C2 + i32 (low byte first) | C3, length, raw length, LZF
//! ```
//!
//! Where to start: [`Writer`] and [`Reader`] for streams, [`dump_payload`] and [`Payload`] for single values. Values are
//! written in `encode.rs` and read in `decode.rs`; `old.rs` knows the encodings that only older servers wrote.
//!
//! Promises: what is read is checked to the last byte before it becomes a value, whoever wrote it: no input panics, and
//! none allocates more than a small multiple of the bytes it really has. Encodings are chosen anew by
//! [`Limits`](crate::object::Limits), as Redis does when it loads.
//!
//! Left out: files, threads, what becomes of expired keys and of empty ones. Hashes with field deadlines and module
//! values are refused with an error that says so.

mod crc;
mod decode;
mod encode;
mod error;
pub mod fuzz;
mod input;
mod old;
mod payload;
mod reader;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

pub use crc::crc64;
pub use error::{LoadError, LoadErrorKind};
pub use input::{Block, BytesSource, ReadSource, Source};
pub use payload::{Payload, PayloadError, dump_functions, dump_payload};
pub use reader::{Item, LoadOptions, Reader, Record};
pub use writer::{SaveOptions, Sink, Usage, Writer};

/// The version that is written: the lowest that holds all there is.
pub const VERSION: u16 = 10;
/// The highest version of Redis that is read.
pub const VERSION_MAX: u16 = 12;
/// The versions of Valkey that are read; its own count begins here.
pub const VALKEY_VERSIONS: std::ops::RangeInclusive<u16> = 80..=81;

/// Longest string that is read, in bytes: two of them still fit the 32-bit lengths of the containers.
pub const STRING_MAX_BYTES: u64 = (1 << 31) - 1;

/// What a value's type byte says.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Hashes whose fields have deadlines, in four encodings.
    pub const HASH_WITH_DEADLINES: std::ops::RangeInclusive<u8> = 22..=25;
}

/// What else may stand where a type byte is expected.
mod opcode {
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION2: u8 = 245;
    pub const FUNCTION_PRE_GA: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZEDB: u8 = 251;
    pub const EXPIRETIME_MS: u8 = 252;
    pub const EXPIRETIME: u8 = 253;
    pub const SELECTDB: u8 = 254;
    pub const EOF: u8 = 255;
}

/// The first bytes of a string that is not given as it is.
mod string {
    pub const INT8: u8 = 0;
    pub const INT16: u8 = 1;
    pub const INT32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// Node kinds of a quicklist of the second version.
mod node {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}
