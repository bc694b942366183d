//! Set values.

use super::{Container, Kind, Typed};
use crate::structs::table::Entry;
use crate::structs::thin::ThinBytes;
use ref_cast::RefCast;

/// A Set value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct Set(Container);

impl Typed for Set {
    const KIND: Kind = Kind::Set;

    fn of(container: &Container) -> Option<&Set> {
        (container.kind() == Kind::Set).then(|| Set::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut Set> {
        (container.kind() == Kind::Set).then(|| Set::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Set {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::SetInts(ints) => ints.len(),
            Container::SetPacked(pack) => pack.len(),
            Container::SetTable(table) => table.len(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }
}

/// A member of a large set.
#[derive(Clone)]
pub struct Member(pub ThinBytes<()>);

impl Entry for Member {
    fn key(&self) -> &[u8] {
        self.0.bytes()
    }
}
