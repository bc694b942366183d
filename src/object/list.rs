//! List values.

use super::{Container, Kind, Typed};
use ref_cast::RefCast;

/// A List value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct List(Container);

impl Typed for List {
    const KIND: Kind = Kind::List;

    fn of(container: &Container) -> Option<&List> {
        (container.kind() == Kind::List).then(|| List::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut List> {
        (container.kind() == Kind::List).then(|| List::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl List {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::ListPacked(pack) => pack.len(),
            Container::ListQuick(list) => list.len(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }
}
