//! DUMP payloads: a single value with a footer.
//!
//! ```text
//! type | value | version: u16 | checksum of all before it: u64          (low byte first)
//! ```

use super::encode::{Out, type_byte, version};
use super::input::{BytesSource, Input};
use super::{VALKEY_VERSIONS, VERSION_MAX, crc64, decode};
use crate::object::{Limits, Object, Value};

const CHECKSUM_BYTES: usize = 8;
const VERSION_BYTES: usize = 2;

/// The payload of a record's value, without key and deadline. O(bytes).
pub fn dump_payload(object: &Object, compress: bool) -> Vec<u8> {
    // Never handed on: a payload is one piece.
    let mut out = Out::new(Vec::new(), compress, false, usize::MAX);
    out.bytes.push(type_byte(object));
    out.value(object);
    let mut payload = out.bytes;
    payload.extend_from_slice(&version(object).to_le_bytes());
    let checksum = crc64(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// Its footer: a later version, or another checksum.
    Footer,
    /// Its value: damaged, empty, or not supported.
    Value,
}

/// A payload whose footer has been checked.
pub struct Payload<'a> {
    input: Input<BytesSource<'a>>,
    version: u16,
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
        Ok(Payload { input: Input::new(BytesSource::new(value), false), version })
    }

    /// The value, in the encoding the limits ask for. To be called once. Errors: [`PayloadError::Value`]. O(bytes), or
    /// O(n log n) for a sorted set out of order.
    pub fn value(&mut self, limits: &Limits) -> Result<Value<'_>, PayloadError> {
        let type_byte = self.input.byte().map_err(|_| PayloadError::Value)?;
        decode::value(&mut self.input, type_byte, VALKEY_VERSIONS.contains(&self.version), limits)
            .ok()
            .flatten()
            .ok_or(PayloadError::Value)
    }
}
