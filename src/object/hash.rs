//! Hash values.

use super::{Container, Kind, Typed};
use crate::structs::table::Entry;
use crate::structs::thin::ThinBytes;
use ref_cast::RefCast;

/// A Hash value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct Hash(Container);

impl Typed for Hash {
    const KIND: Kind = Kind::Hash;

    fn of(container: &Container) -> Option<&Hash> {
        (container.kind() == Kind::Hash).then(|| Hash::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut Hash> {
        (container.kind() == Kind::Hash).then(|| Hash::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Hash {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::HashPacked(pack) => pack.len() / 2,
            Container::HashTable(table) => table.len(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }
}

/// A field of a large hash with its value: one allocation, the field's length in its head.
#[derive(Clone)]
pub struct Field(ThinBytes<FieldHead>);

/// What stands before a field's bytes.
#[derive(Clone, Copy)]
pub struct FieldHead {
    field_len: u32,
}

impl Field {
    /// A field with its value.
    pub fn new(field: &[u8], value: &[u8]) -> Field {
        Field(ThinBytes::new(FieldHead { field_len: field.len() as u32 }, &[field, value]))
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.0.bytes()[self.0.head().field_len as usize..]
    }

    /// Bytes on the heap.
    pub fn alloc_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

impl Entry for Field {
    fn key(&self) -> &[u8] {
        &self.0.bytes()[..self.0.head().field_len as usize]
    }
}
