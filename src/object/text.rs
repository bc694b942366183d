//! Strings: an integer or bytes inline in the key's record, or a growable buffer of its own once it has been edited.
//!
//! Promise: a string that is the canonical decimal form of a 64-bit integer and was stored whole is held as that
//! integer; up to [`INLINE_MAX_BYTES`] the bytes lie in the record, beyond it behind a pointer.

use super::Container;
use crate::base::num;
use crate::structs::record::{Body, NewBody};
use triomphe::Arc;

/// Longest string held inline in its key's record, in bytes; longer ones are copied on write as a whole less often
/// when they lie on their own.
pub const INLINE_MAX_BYTES: usize = 16 * 1024;

/// A string value, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// Held as an integer.
    Int(i64),
    /// Held as bytes.
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The string of a record's body, if it is one.
    #[inline]
    pub fn of(body: Body<'a, Container>) -> Option<Text<'a>> {
        match body {
            Body::Bytes(bytes) => Some(Text::Bytes(bytes)),
            Body::Int(value) => Some(Text::Int(value)),
            Body::Payload(Container::Raw(bytes)) => Some(Text::Bytes(bytes)),
            Body::Payload(_) => None,
        }
    }

    /// Length in bytes of the decimal form.
    pub fn len(&self) -> usize {
        match self {
            Text::Int(value) => num::i64_len(*value),
            Text::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes; an integer is written into `digits`.
    #[inline]
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Text::Int(value) => digits.format(value).as_bytes(),
            Text::Bytes(bytes) => bytes,
        }
    }

    /// A copy of the bytes.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// The value as an integer, if it is one in strict form.
    pub fn integer(self) -> Option<i64> {
        match self {
            Text::Int(value) => Some(value),
            Text::Bytes(bytes) => num::parse_i64(bytes),
        }
    }
}

/// The record body that stores these bytes whole.
#[inline]
pub fn body(bytes: &[u8]) -> NewBody<'_, Container> {
    if bytes.len() <= 20
        && let Some(value) = num::parse_i64(bytes)
    {
        return NewBody::Int(value);
    }
    if bytes.len() <= INLINE_MAX_BYTES {
        NewBody::Bytes(bytes)
    } else {
        NewBody::Payload(Container::Raw(Arc::new(bytes.to_vec())))
    }
}
