//! Strings: an integer or bytes inline in the key's record, or a growable buffer of its own once it has been edited.
//!
//! Promise: a string that is the canonical decimal form of a 64-bit integer and was stored whole is held as that
//! integer; up to [`INLINE_MAX_BYTES`] the bytes lie in the record, beyond it behind a pointer. A string that was edited
//! in place stays a buffer, whatever its content, until it is stored whole again.

use super::{Container, Object};
use crate::base::num;
use crate::structs::record::{Body, BodyMut, NewBody};
use triomphe::Arc;

/// Longest string held inline in its key's record, in bytes; longer ones are copied on write as a whole less often
/// when they lie on their own.
pub const INLINE_MAX_BYTES: usize = 16 * 1024;

/// Up to this length in bytes a growing buffer doubles; beyond it, it grows by an eighth, so that a large string does not
/// hold twice its size.
const DOUBLING_MAX_BYTES: usize = 1024 * 1024;

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

    /// Whether these are its bytes.
    pub fn equals(self, other: &[u8]) -> bool {
        self.bytes(&mut itoa::Buffer::new()) == other
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
    literal_body(bytes)
}

/// The record body that stores these bytes as bytes, even where they are the form of an integer.
#[inline]
pub fn literal_body(bytes: &[u8]) -> NewBody<'_, Container> {
    if bytes.len() <= INLINE_MAX_BYTES {
        NewBody::Bytes(bytes)
    } else {
        NewBody::Payload(Container::Raw(Arc::new(bytes.to_vec())))
    }
}

/// Makes a record's value this integer, in place when it was one.
#[inline]
pub fn set_int(object: &mut Object, value: i64) {
    if let BodyMut::Int(number) = object.body_mut() {
        *number = value;
    } else {
        object.replace_body(NewBody::Int(value), 0);
    }
}

/// A new string of these bytes at this offset, zeros before it, in a buffer of its own.
pub fn padded(offset: usize, bytes: &[u8]) -> Container {
    let mut buffer = Vec::with_capacity(offset + bytes.len());
    buffer.resize(offset, 0);
    buffer.extend_from_slice(bytes);
    Container::Raw(Arc::new(buffer))
}

/// Appends to a record's string and returns the new length in bytes, or `None` when it holds no string. Amortised
/// O(tail); O(length) the first time, and when a snapshot holds the value.
pub fn append(object: &mut Object, tail: &[u8]) -> Option<usize> {
    let buffer = buffer_mut(object, tail.len())?;
    buffer.extend_from_slice(tail);
    Some(buffer.len())
}

/// Overwrites a part of a record's string, filling up with zeros, and returns the new length in bytes, or `None` when it
/// holds no string. The caller bounds `offset`. Amortised as [`append`].
pub fn set_range(object: &mut Object, offset: usize, bytes: &[u8]) -> Option<usize> {
    let len = Text::of(object.body())?.len();
    let end = offset + bytes.len();
    let buffer = buffer_mut(object, end.saturating_sub(len))?;
    if end > buffer.len() {
        buffer.resize(end, 0);
    }
    buffer[offset..end].copy_from_slice(bytes);
    Some(buffer.len())
}

/// The string of a record as a buffer with room for `extra` more bytes, or `None` when it holds no string. A string that
/// was an integer, inline, or is held by a snapshot is copied first.
#[inline]
pub fn buffer_mut(object: &mut Object, extra: usize) -> Option<&mut Vec<u8>> {
    let in_place = object.is_unique() && matches!(object.body(), Body::Payload(Container::Raw(b)) if b.is_unique());
    if !in_place {
        give_buffer(object, extra)?;
    }
    let BodyMut::Payload(Container::Raw(bytes)) = object.body_mut() else { return None };
    let buffer = Arc::make_mut(bytes);
    let need = buffer.len() + extra;
    if need > buffer.capacity() {
        if need <= DOUBLING_MAX_BYTES {
            buffer.reserve(extra);
        } else {
            buffer.reserve_exact(extra + need / 8);
        }
    }
    Some(buffer)
}

/// Copies a record's string to a buffer that is its own, with room for `extra` more bytes.
#[cold]
fn give_buffer(object: &mut Object, extra: usize) -> Option<()> {
    let mut digits = itoa::Buffer::new();
    let bytes = Text::of(object.body())?.bytes(&mut digits);
    let mut buffer = Vec::with_capacity(bytes.len() + extra);
    buffer.extend_from_slice(bytes);
    object.replace_body(NewBody::Payload(Container::Raw(Arc::new(buffer))), 0);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::encoding_name;

    fn object(value: &[u8]) -> Object {
        Object::new(b"key", body(value), None, 0, 0)
    }

    fn content(object: &Object) -> Vec<u8> {
        Text::of(object.body()).unwrap().to_vec()
    }

    #[test]
    fn only_canonical_integers_are_held_as_integers() {
        for (value, encoding) in [
            (&b"0"[..], "int"),
            (b"-9223372036854775808", "int"),
            (b"9223372036854775807", "int"),
            (b"9223372036854775808", "embstr"),
            (b"-0", "embstr"),
            (b"007", "embstr"),
            (b"", "embstr"),
            (&[b'1'; 44], "embstr"),
            (&[b'1'; 45], "raw"),
            (&[b'x'; INLINE_MAX_BYTES], "raw"),
            (&[b'x'; INLINE_MAX_BYTES + 1], "raw"),
        ] {
            let object = object(value);
            assert_eq!(encoding_name(&object), encoding, "{}", value.len());
            assert_eq!(content(&object), value);
            assert_eq!(Text::of(object.body()).unwrap().len(), value.len());
        }
        let literal = Object::new(b"key", literal_body(b"12"), None, 0, 0);
        assert_eq!((encoding_name(&literal), content(&literal)), ("embstr", b"12".to_vec()));
    }

    #[test]
    fn edits_leave_the_key_deadline_and_clock() {
        let mut edited = Object::new(b"key", body(b"12"), Some(77), 5, 0);
        assert_eq!(append(&mut edited, b"3"), Some(3));
        assert_eq!((edited.key(), edited.deadline(), edited.clock()), (&b"key"[..], Some(77), 5));
        assert_eq!(encoding_name(&edited), "raw");
        assert_eq!(Text::of(edited.body()).unwrap().integer(), Some(123));
        set_int(&mut edited, -4);
        assert_eq!((encoding_name(&edited), content(&edited)), ("int", b"-4".to_vec()));
        assert_eq!(edited.deadline(), Some(77));
    }

    #[test]
    fn strings_behave_as_vectors_and_clones_stay_unchanged() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut model: Vec<u8> = b"17".to_vec();
        let mut held = object(&model);
        let mut clones: Vec<(Object, Vec<u8>)> = Vec::new();
        for _ in 0..5_000 {
            let bytes: Vec<u8> = (0..rng.usize(..40)).map(|_| rng.u8(..)).collect();
            match rng.u32(..10) {
                0..=4 => {
                    model.extend_from_slice(&bytes);
                    assert_eq!(append(&mut held, &bytes), Some(model.len()));
                }
                5..=7 => {
                    let offset = rng.usize(..model.len() + 20);
                    if model.len() < offset + bytes.len() {
                        model.resize(offset + bytes.len(), 0);
                    }
                    model[offset..offset + bytes.len()].copy_from_slice(&bytes);
                    assert_eq!(set_range(&mut held, offset, &bytes), Some(model.len()));
                }
                8 => {
                    let number = rng.i64(..);
                    set_int(&mut held, number);
                    model = number.to_string().into_bytes();
                }
                _ => clones.push((held.clone(), model.clone())),
            }
            assert_eq!(content(&held), model);
            if clones.len() > 8 {
                clones.swap_remove(rng.usize(..clones.len()));
            }
            for (clone, then) in &clones {
                assert_eq!(&content(clone), then);
            }
        }
    }

    #[test]
    fn other_types_are_no_buffers() {
        let set = Container::SetInts(crate::structs::intset::IntSet::new());
        let mut object = Object::new(b"key", NewBody::Payload(set), None, 0, 0);
        assert!(Text::of(object.body()).is_none());
        assert_eq!(append(&mut object, b"x"), None);
        assert_eq!(set_range(&mut object, 0, b"x"), None);
    }
}
