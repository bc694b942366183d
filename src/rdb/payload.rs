//! DUMP payloads: a single value with a footer.
//!
//! ```text
//! type | value | version: u16 | checksum of all before it: u64          (low byte first)
//! ```

use super::encode::{Out, type_byte};
use super::input::{BytesSource, Input};
use super::{LoadError, VALKEY_VERSIONS, VERSION, VERSION_MAX, crc64, decode, opcode};
use crate::object::{Limits, Object, Value};

const CHECKSUM_BYTES: usize = 8;
const VERSION_BYTES: usize = 2;

/// The payload of a record's value, without key and deadline. O(bytes).
pub fn dump_payload(object: &Object, compress: bool) -> Vec<u8> {
    // Never handed on: a payload is one piece.
    let mut out = Out::new(Vec::new(), compress, false, usize::MAX);
    out.bytes.push(type_byte(object));
    out.value(object);
    with_footer(out.bytes)
}

/// The payload of function libraries, each as its code. O(bytes).
pub fn dump_functions<'c>(codes: impl Iterator<Item = &'c [u8]>, compress: bool) -> Vec<u8> {
    let mut out = Out::new(Vec::new(), compress, false, usize::MAX);
    for code in codes {
        out.bytes.push(opcode::FUNCTION2);
        out.string(code);
    }
    with_footer(out.bytes)
}

fn with_footer(mut payload: Vec<u8>) -> Vec<u8> {
    payload.extend_from_slice(&VERSION.to_le_bytes());
    let checksum = crc64(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadError {
    /// Its footer: a later version, or another checksum.
    Footer,
    /// Its value: damaged or not supported, as the error says, or a collection without elements.
    Value(Option<LoadError>),
}

/// A payload whose footer has been checked.
pub struct Payload<'a> {
    input: Input<BytesSource<'a>>,
    value_bytes: u64,
}

impl<'a> Payload<'a> {
    /// Checks the footer; the checksum only with `check`. Errors: [`PayloadError::Footer`]. O(bytes).
    pub fn open(bytes: &'a [u8], check: bool) -> Result<Payload<'a>, PayloadError> {
        let (summed, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(PayloadError::Footer)?;
        let (value, version) = summed.split_last_chunk::<VERSION_BYTES>().ok_or(PayloadError::Footer)?;
        let version = u16::from_le_bytes(*version);
        if version > VERSION_MAX && !VALKEY_VERSIONS.contains(&version) {
            return Err(PayloadError::Footer);
        }
        if check && crc64(0, summed) != u64::from_le_bytes(*checksum) {
            return Err(PayloadError::Footer);
        }
        Ok(Payload { input: Input::new(BytesSource::new(value), false), value_bytes: value.len() as u64 })
    }

    /// The value, in the encoding the limits ask for. To be called once. Errors: [`PayloadError::Value`]. O(bytes), or
    /// O(n log n) for a sorted set out of order.
    pub fn value(&mut self, limits: &Limits) -> Result<Value<'_>, PayloadError> {
        let wrong = |error| PayloadError::Value(Some(error));
        let type_byte = self.input.byte().map_err(wrong)?;
        decode::value(&mut self.input, type_byte, limits).map_err(wrong)?.ok_or(PayloadError::Value(None))
    }

    /// The code of the next function library; `None` at the end. Errors: a sentence for the client.
    pub fn function(&mut self) -> Option<Result<Vec<u8>, &'static str>> {
        if self.input.offset() >= self.value_bytes {
            return None;
        }
        Some(match self.input.byte() {
            Ok(opcode::FUNCTION2) => {
                let mut code = Vec::new();
                let read = self.input.string_into(&mut code);
                read.map(|()| code).map_err(|_| "failed loading the given functions payload")
            }
            Ok(opcode::FUNCTION_PRE_GA) => Err("Pre-release function format not supported."),
            _ => Err("given type is not a function"),
        })
    }
}
