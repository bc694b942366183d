//! SortedSet values.

use super::{Container, Kind, Typed};
use crate::structs::score_tree::{Member, ScoreTree};
use crate::structs::table::{Entry, Table};
use crate::structs::thin::ThinBytes;
use ref_cast::RefCast;

/// A SortedSet value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct SortedSet(Container);

impl Typed for SortedSet {
    const KIND: Kind = Kind::SortedSet;

    fn of(container: &Container) -> Option<&SortedSet> {
        (container.kind() == Kind::SortedSet).then(|| SortedSet::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut SortedSet> {
        (container.kind() == Kind::SortedSet).then(|| SortedSet::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl SortedSet {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::ZsetPacked(pack) => pack.len() / 2,
            Container::ZsetTree(scores) => scores.len(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }
}

/// A member of a large sorted set with its score; the table and the tree share it.
#[derive(Clone)]
pub struct Scored(pub ThinBytes<f64>);

impl Entry for Scored {
    fn key(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Member for Scored {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// A large sorted set: members by name, and in order of score.
#[derive(Clone, Default)]
pub struct Scores {
    /// By member.
    pub table: Table<Scored>,
    /// By score, then member.
    pub tree: ScoreTree<Scored>,
}

impl Scores {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes on the heap; `samples` as for [`Container::alloc_bytes`].
    pub fn alloc_bytes(&self, samples: usize) -> usize {
        let members = self.table.iter().map(|member| member.0.alloc_bytes());
        size_of::<Scores>()
            + self.table.alloc_bytes()
            + self.tree.alloc_bytes()
            + super::sampled(self.len(), samples, members)
    }
}
