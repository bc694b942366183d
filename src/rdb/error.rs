//! Why bytes could not be read, and where.

use std::fmt;

/// Why a stream or payload could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError {
    /// Bytes of the stream that had been read.
    pub offset: u64,
    /// What is wrong.
    pub kind: LoadErrorKind,
}

/// What is wrong with a stream or payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// It ends too early.
    ShortRead,
    /// The source failed.
    Read(std::io::ErrorKind),
    /// It does not begin like an RDB stream.
    Signature,
    /// A version that is not read.
    Version(u32),
    /// A database beyond those there are (this many).
    Database(u32),
    /// Its checksum is another.
    Checksum {
        /// Of the bytes that were read.
        expected: u64,
        /// The one that is written.
        found: u64,
    },
    /// Bytes that no server writes, in Redis's words.
    Corrupt(&'static str),
    /// Something that exists, and is not supported.
    Unsupported(&'static str),
    /// A value of a module, by the module type's name.
    Module([u8; 9]),
    /// A type or opcode nobody knows.
    UnknownType(u8),
}

impl fmt::Display for LoadError {
    /// As Redis logs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = format_args!("Internal error in RDB reading offset {}", self.offset);
        match &self.kind {
            LoadErrorKind::ShortRead => write!(f, "{at} -> Unexpected EOF reading RDB file"),
            LoadErrorKind::Read(kind) => write!(f, "{at} -> {kind}"),
            LoadErrorKind::Signature => write!(f, "Wrong signature trying to load DB from file"),
            LoadErrorKind::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            LoadErrorKind::Database(count) => write!(
                f,
                "FATAL: Data file was created with a Redis server configured to handle more than {count} databases. \
                 Exiting"
            ),
            LoadErrorKind::Checksum { expected, found } => write!(
                f,
                "{at} -> RDB CRC error: Wrong RDB checksum expected: ({expected:x}) but got ({found:x}). Aborting now."
            ),
            LoadErrorKind::Corrupt(what) => write!(f, "{at} -> {what}"),
            LoadErrorKind::Unsupported(what) => write!(f, "{at} -> {what} are not supported"),
            LoadErrorKind::Module(name) => write!(
                f,
                "The RDB file contains module data I can't load: no matching module type '{}'",
                name.escape_ascii()
            ),
            LoadErrorKind::UnknownType(byte) => write!(f, "{at} -> Unknown RDB encoding type {byte}"),
        }
    }
}

impl std::error::Error for LoadError {}
