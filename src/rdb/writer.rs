//! A stream of records, written: header, auxiliary fields, functions, databases with their keys, checksum.
//!
//! Promises: the writer holds about one block, whatever the size of a value. Errors of the sink are kept: what follows
//! is thrown away, and [`Writer::finish`] tells; [`Writer::has_failed`] lets a long walk stop early.

use super::encode::{Out, type_byte};
use super::{VERSION, opcode};
use crate::object::Object;

/// Where a stream goes.
pub trait Sink {
    /// Takes a block; returns a buffer for the next one, which is cleared (the same one, or another that was used up).
    fn write_block(&mut self, block: Vec<u8>) -> std::io::Result<Vec<u8>>;
}

/// Bytes in memory.
impl Sink for Vec<u8> {
    fn write_block(&mut self, block: Vec<u8>) -> std::io::Result<Vec<u8>> {
        self.extend_from_slice(&block);
        Ok(block)
    }
}

/// How a stream is written.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// `rdbcompression`: long strings in LZF.
    pub compress: bool,
    /// `rdbchecksum`: a checksum at the end rather than 0.
    pub checksum: bool,
    /// Bytes of a block.
    pub block_bytes: usize,
    /// The version: [`VERSION_WITH_FIELD_DEADLINES`](super::VERSION_WITH_FIELD_DEADLINES) if any field of any hash has a
    /// deadline.
    pub version: u16,
}

impl Default for SaveOptions {
    fn default() -> SaveOptions {
        SaveOptions { compress: true, checksum: true, block_bytes: 64 * 1024, version: VERSION }
    }
}

/// What a record says of its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Usage {
    /// Nothing.
    #[default]
    None,
    /// Seconds since the last access.
    IdleSeconds(u64),
    /// The counter of accesses.
    Frequency(u8),
}

/// A stream that is being written.
pub struct Writer<S: Sink> {
    out: Out<S>,
}

impl<S: Sink> Writer<S> {
    /// A stream with its header.
    pub fn new(sink: S, options: &SaveOptions) -> Writer<S> {
        let mut out = Out::new(sink, options.compress, options.checksum, options.block_bytes.max(1));
        out.bytes.extend_from_slice(format!("REDIS{:04}", options.version).as_bytes());
        Writer { out }
    }

    /// Something about the stream that readers may pass over.
    pub fn aux(&mut self, name: &str, value: &[u8]) {
        self.out.bytes.push(opcode::AUX);
        self.out.string(name.as_bytes());
        self.out.string(value);
        self.out.settle();
    }

    /// A function library, as its code.
    pub fn function(&mut self, code: &[u8]) {
        self.out.bytes.push(opcode::FUNCTION2);
        self.out.string(code);
        self.out.settle();
    }

    /// The database of the records to come, with its number of keys and of those with a deadline.
    pub fn select(&mut self, db: u32, keys: u64, timed: u64) {
        self.out.bytes.push(opcode::SELECTDB);
        self.out.length(u64::from(db));
        self.out.bytes.push(opcode::RESIZEDB);
        self.out.length(keys);
        self.out.length(timed);
    }

    /// A key with its value and deadline. O(bytes).
    pub fn record(&mut self, object: &Object, usage: Usage) {
        if let Some(deadline) = object.deadline() {
            self.out.bytes.push(opcode::EXPIRETIME_MS);
            self.out.bytes.extend_from_slice(&deadline.to_le_bytes());
        }
        match usage {
            Usage::None => {}
            Usage::IdleSeconds(seconds) => {
                self.out.bytes.push(opcode::IDLE);
                self.out.length(seconds);
            }
            Usage::Frequency(counter) => self.out.bytes.extend_from_slice(&[opcode::FREQ, counter]),
        }
        self.out.bytes.push(type_byte(object));
        self.out.string(object.key());
        self.out.value(object);
        self.out.settle();
    }

    /// Whether the sink has refused a block, so that the rest is of no use.
    pub fn has_failed(&self) -> bool {
        self.out.error.is_some()
    }

    /// Ends the stream and hands the last block on. Errors: the first of the sink.
    pub fn finish(mut self) -> std::io::Result<S> {
        self.out.bytes.push(opcode::EOF);
        let checksum = self.out.checksum();
        self.out.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.out.flush();
        match self.out.error {
            Some(error) => Err(error),
            None => Ok(self.out.sink),
        }
    }
}
