//! Set values.

use super::{Container, Kind, Typed};
use crate::structs::listpack::parse_int;
use crate::structs::table::{Entry, hash};
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

    /// Whether the member is there. O(1), packed O(n), integers O(log n).
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Container::SetInts(ints) => parse_int(member).is_some_and(|value| ints.contains(value)),
            Container::SetPacked(pack) => pack.find(member, 0).is_some(),
            Container::SetTable(table) => table.get(hash(member), member).is_some(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// All members, in any order. O(n).
    pub fn for_each(&self, f: &mut dyn FnMut(&[u8])) {
        match &self.0 {
            Container::SetInts(ints) => ints.iter().for_each(|value| f(itoa::Buffer::new().format(value).as_bytes())),
            Container::SetPacked(pack) => pack.iter().for_each(|item| f(item.as_str_buf(&mut [0; 24]))),
            Container::SetTable(table) => table.for_each(|member| f(member.key())),
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
