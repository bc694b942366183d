//! A field of a large hash with its value, in one allocation.
//!
//! ```text
//! head: length of the field, its top bit set when there is a deadline | deadline: u64 (if there is one) | field | value
//! ```
//!
//! Promise: a field without a deadline has no room for one. Left out: what a deadline means.

use crate::structs::held::left_behind;
use crate::structs::listpack::Item;
use crate::structs::table::Entry;
use crate::structs::thin::ThinBytes;

/// Longest name of a field, in bytes: the top bit of its length says whether there is a deadline.
pub const FIELD_MAX_BYTES: usize = (u32::MAX >> 1) as usize;
const TIMED: u32 = 1 << 31;
const DEADLINE_BYTES: usize = 8;
/// Fields of at most so many bytes are copied for a walk.
const COPIED_BYTES: usize = 1024;

/// A field of a large hash with its value and its deadline, if it has one.
#[derive(Clone)]
pub struct Field(ThinBytes<FieldHead>);

/// What stands before a field's bytes.
#[derive(Clone, Copy)]
pub struct FieldHead {
    field_len: u32,
}

impl FieldHead {
    /// Where the field's bytes begin and where they end.
    #[inline(always)]
    fn span(self) -> (usize, usize) {
        let at = (self.field_len >> 31) as usize * DEADLINE_BYTES;
        (at, at + (self.field_len & !TIMED) as usize)
    }
}

impl Field {
    /// A field with its value.
    pub fn new(field: &[u8], value: &[u8]) -> Field {
        Field::timed(field, value, None)
    }

    /// A field with its value and a deadline. The field is at most [`FIELD_MAX_BYTES`] long.
    pub fn timed(field: &[u8], value: &[u8], deadline: Option<u64>) -> Field {
        let len = field.len() as u32;
        debug_assert!(field.len() <= FIELD_MAX_BYTES);
        Field(match deadline {
            None => ThinBytes::new(FieldHead { field_len: len }, &[field, value]),
            Some(at) => ThinBytes::new(FieldHead { field_len: len | TIMED }, &[&at.to_le_bytes(), field, value]),
        })
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.0.bytes()[self.0.head().span().1..]
    }

    /// Changes the value: in place when it is as long as before and nobody shares the field. The deadline stays.
    #[inline]
    pub(super) fn set_value(&mut self, value: &[u8]) {
        let (_, at) = self.0.head().span();
        if self.0.is_unique() && self.0.bytes().len() == at + value.len() {
            self.0.bytes_mut()[at..].copy_from_slice(value);
        } else {
            *self = Field::timed(self.key(), value, self.deadline());
        }
    }

    #[inline]
    pub(super) fn give(&self, f: &mut (impl FnMut(Item<'_>, Item<'_>) + ?Sized)) {
        f(Item::Bytes(self.key()), Item::Bytes(self.value()));
    }

    /// Bytes on the heap.
    pub fn alloc_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

impl Entry for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        let (from, to) = self.0.head().span();
        &self.0.bytes()[from..to]
    }

    #[inline]
    fn deadline(&self) -> Option<u64> {
        if self.0.head().field_len & TIMED == 0 {
            return None;
        }
        self.0.bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn set_deadline(&mut self, deadline: Option<u64>) {
        match (self.deadline(), deadline) {
            (None, None) => {}
            (Some(_), Some(at)) if self.0.is_unique() => {
                self.0.bytes_mut()[..DEADLINE_BYTES].copy_from_slice(&at.to_le_bytes());
            }
            _ => *self = Field::timed(self.key(), self.value(), deadline),
        }
    }

    /// A copy, so that this one is changed where it lies: see [`Record`](crate::structs::record::Record), which does the same.
    fn put_by(&mut self) -> Self {
        if self.0.alloc_bytes() > COPIED_BYTES {
            return self.clone();
        }
        left_behind(self.0.alloc_bytes());
        Field::timed(self.key(), self.value(), self.deadline())
    }

    #[inline]
    fn address(&self) -> *const u8 {
        self.0.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_comes_and_goes_and_the_rest_stays() {
        let mut field = Field::new(b"name", b"value");
        let bytes = field.alloc_bytes();
        let shared = field.clone();
        field.set_deadline(Some(7));
        assert_eq!((field.key(), field.value(), field.deadline()), (&b"name"[..], &b"value"[..], Some(7)));
        assert_eq!(field.alloc_bytes(), bytes + 8);
        field.set_value(b"other");
        field.set_deadline(Some(u64::MAX));
        field.set_value(b"longer value");
        assert_eq!((field.value(), field.deadline()), (&b"longer value"[..], Some(u64::MAX)));
        field.set_deadline(None);
        assert_eq!((field.key(), field.value(), field.deadline()), (&b"name"[..], &b"longer value"[..], None));
        assert_eq!((shared.value(), shared.deadline(), shared.alloc_bytes()), (&b"value"[..], None, bytes));
    }
}
