//! The nodes of a [`ScoreTree`](super::ScoreTree): fixed columns of rows, one allocation a node.
//!
//! A leaf is two columns (scores, members), an inner node four (the separator's score and member, the number of
//! entries below, the child). Columns rather than rows: a search reads eight scores a cache line and follows a
//! member only between equal scores. `Option<M>` costs nothing for a pointer, so vacant slots need no `unsafe`.
//!
//! Promises: slots at and after `len` hold no member and no child. The separator of child `i` is a clone of the first
//! entry below it, for `i > 0`; slot 0 has none, since that separator belongs to an ancestor.
//!
//! Sizes are chosen for the allocator: a leaf of 8-byte members fills 1024 bytes, an inner node 2016 of 2048.

use std::array;
use std::cmp::Ordering;

use triomphe::Arc;

use crate::structs::held::own;

use super::Member;

/// Entries in a full leaf.
pub(super) const LEAF_ROWS: usize = 63;
/// Children of a full inner node.
pub(super) const INNER_ROWS: usize = 50;
/// A leaf away from both ends of the tree holds at least so many entries.
pub(super) const LEAF_MIN: usize = LEAF_ROWS / 4;
/// An inner node away from both ends of the tree has at least so many children.
pub(super) const INNER_MIN: usize = INNER_ROWS / 4;

/// Entries in order.
#[derive(Clone)]
pub(super) struct Leaf<M> {
    pub(super) len: usize,
    pub(super) scores: [f64; LEAF_ROWS],
    pub(super) members: [Option<M>; LEAF_ROWS],
}

/// Children in order, with what a descent must know of each.
#[derive(Clone)]
pub(super) struct Inner<M> {
    pub(super) len: usize,
    /// Score of the first entry below each child but the first.
    pub(super) scores: [f64; INNER_ROWS],
    /// Entries below each child.
    pub(super) counts: [usize; INNER_ROWS],
    /// Member of the first entry below each child but the first.
    pub(super) members: [Option<M>; INNER_ROWS],
    pub(super) kids: [Option<Node<M>>; INNER_ROWS],
}

/// A shared node, copied when written while shared.
#[derive(Clone)]
pub(super) enum Node<M> {
    Leaf(Arc<Leaf<M>>),
    Inner(Arc<Inner<M>>),
}

/// The moves of rows that both kinds of node need, applied to every column.
macro_rules! columns {
    ($($column:ident),+) => {
        /// Makes the vacant slot after the last row the slot `at`.
        fn open(&mut self, at: usize) {
            $(self.$column[at..=self.len].rotate_right(1);)+
            self.len += 1;
        }

        /// Forgets `count` vacated rows from `at`.
        pub(super) fn close(&mut self, at: usize, count: usize) {
            $(self.$column[at..self.len].rotate_left(count);)+
            self.len -= count;
        }

        /// Moves the first `count` rows of `right` to the end of this node.
        fn take_head(&mut self, right: &mut Self, count: usize) {
            let end = self.len + count;
            $(self.$column[self.len..end].swap_with_slice(&mut right.$column[..count]);)+
            self.len = end;
            right.close(0, count);
        }

        /// Moves the last `count` rows of this node to the front of `right`.
        fn give_tail(&mut self, right: &mut Self, count: usize) {
            let (start, end) = (self.len - count, right.len + count);
            $(right.$column[..end].rotate_right(count);)+
            $(right.$column[..count].swap_with_slice(&mut self.$column[start..self.len]);)+
            self.len = start;
            right.len = end;
        }

        /// Joins `right` into this node when both fit (true), otherwise shares the rows out evenly (false).
        fn join_or_share(&mut self, right: &mut Self, rows: usize) -> bool {
            let total = self.len + right.len;
            if total <= rows {
                let count = right.len;
                self.take_head(right, count);
                return true;
            }
            let half = total / 2;
            if self.len < half {
                let count = half - self.len;
                self.take_head(right, count);
            } else {
                let count = self.len - half;
                self.give_tail(right, count);
            }
            false
        }
    };
}

impl<M: Member> Leaf<M> {
    columns!(scores, members);

    pub(super) fn new() -> Self {
        Leaf { len: 0, scores: [0.0; LEAF_ROWS], members: array::from_fn(|_| None) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == LEAF_ROWS
    }

    /// The entry in slot `at`, which must be below `len`.
    pub(super) fn entry(&self, at: usize) -> Option<(f64, &M)> {
        self.members.get(at)?.as_ref().map(|member| (self.scores[at], member))
    }

    pub(super) fn insert(&mut self, at: usize, score: f64, member: M) {
        self.open(at);
        self.scores[at] = score;
        self.members[at] = Some(member);
    }

    /// Moves the rows from `at` on into a leaf of their own.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Leaf::new();
        self.give_tail(&mut right, self.len - at);
        right
    }

    /// Number of leading entries for which `before` holds.
    pub(super) fn partition(&self, before: &impl Fn(f64, &M) -> bool) -> usize {
        partition(0, self.len, &self.scores, &self.members, before)
    }
}

impl<M: Member> Inner<M> {
    columns!(scores, counts, members, kids);

    pub(super) fn new() -> Self {
        Inner {
            len: 0,
            scores: [0.0; INNER_ROWS],
            counts: [0; INNER_ROWS],
            members: array::from_fn(|_| None),
            kids: array::from_fn(|_| None),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == INNER_ROWS
    }

    pub(super) fn total(&self) -> usize {
        self.counts[..self.len].iter().sum()
    }

    /// The child in slot `at`, which must be below `len`.
    pub(super) fn kid(&self, at: usize) -> &Node<M> {
        self.kids[at].as_ref().expect("slots below len are occupied")
    }

    pub(super) fn kid_mut(&mut self, at: usize) -> &mut Node<M> {
        self.kids[at].as_mut().expect("slots below len are occupied")
    }

    /// Adds a child whose first entry is `first` (none for slot 0).
    pub(super) fn insert(&mut self, at: usize, first: Option<(f64, M)>, count: usize, kid: Node<M>) {
        self.open(at);
        self.counts[at] = count;
        self.kids[at] = Some(kid);
        self.set_first(at, first);
    }

    /// Sets the separator of the child in slot `at`.
    pub(super) fn set_first(&mut self, at: usize, first: Option<(f64, M)>) {
        match first {
            Some((score, member)) => {
                self.scores[at] = score;
                self.members[at] = Some(member);
            }
            None => self.members[at] = None,
        }
    }

    /// Takes the separator of the child in slot `at`.
    pub(super) fn take_first(&mut self, at: usize) -> Option<(f64, M)> {
        self.members[at].take().map(|member| (self.scores[at], member))
    }

    /// Removes the child in slot `at`; the child that becomes the first gives up its separator.
    pub(super) fn remove(&mut self, at: usize) {
        self.kids[at] = None;
        self.members[at] = None;
        self.close(at, 1);
        self.members[0] = None;
    }

    /// Moves the rows from `at` on into a node of their own, which keeps its first separator in slot 0.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Inner::new();
        self.give_tail(&mut right, self.len - at);
        right
    }

    /// The child that holds the last entry for which `before` holds, or the first child.
    pub(super) fn partition(&self, before: &impl Fn(f64, &M) -> bool) -> usize {
        partition(1, self.len, &self.scores, &self.members, before) - 1
    }

    /// Repairs the child in slot `at` after it fell below its minimum, with the help of a neighbour.
    /// True when two children became one.
    pub(super) fn mend(&mut self, at: usize) -> bool {
        if self.len < 2 {
            return false;
        }
        let right_at = at.max(1);
        let first = self.take_first(right_at);
        let (head, tail) = self.kids.split_at_mut(right_at);
        let joined = match (head[right_at - 1].as_mut(), tail[0].as_mut()) {
            (Some(Node::Leaf(left)), Some(Node::Leaf(right))) => {
                let right = own(right);
                if own(left).join_or_share(right, LEAF_ROWS) {
                    true
                } else {
                    let first = right.entry(0).map(|(score, member)| (score, member.clone()));
                    self.set_first(right_at, first);
                    false
                }
            }
            (Some(Node::Inner(left)), Some(Node::Inner(right))) => {
                let right = own(right);
                right.set_first(0, first);
                if own(left).join_or_share(right, INNER_ROWS) {
                    true
                } else {
                    let first = right.take_first(0);
                    self.set_first(right_at, first);
                    false
                }
            }
            _ => unreachable!("siblings are of one kind"),
        };
        if joined {
            self.counts[right_at - 1] += self.counts[right_at];
            self.remove(right_at);
        } else {
            self.counts[right_at - 1] += self.counts[right_at];
            self.counts[right_at] = self.kid(right_at).count();
            self.counts[right_at - 1] -= self.counts[right_at];
        }
        joined
    }
}

impl<M: Member> Node<M> {
    /// Entries below this node.
    pub(super) fn count(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.len,
            Node::Inner(inner) => inner.total(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.len == 0,
            Node::Inner(inner) => inner.len == 0,
        }
    }

    pub(super) fn is_lean(&self) -> bool {
        match self {
            Node::Leaf(leaf) => leaf.len < LEAF_MIN,
            Node::Inner(inner) => inner.len < INNER_MIN,
        }
    }

    /// The first entry below this node.
    pub(super) fn first(&self) -> Option<(f64, &M)> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf.entry(0),
                Node::Inner(inner) => node = inner.kid(0),
            }
        }
    }

    /// The last entry below this node.
    pub(super) fn last(&self) -> Option<(f64, &M)> {
        let mut node = self;
        loop {
            match node {
                Node::Leaf(leaf) => return leaf.entry(leaf.len.checked_sub(1)?),
                Node::Inner(inner) => node = inner.kid(inner.len - 1),
            }
        }
    }
}

/// The order of entries: by score (minus zero is zero), then by the member's bytes.
pub(super) fn order<M: Member>(score: f64, member: &M, other_score: f64, other: &[u8]) -> Ordering {
    match score.partial_cmp(&other_score) {
        Some(Ordering::Equal) | None => member.bytes().cmp(other),
        Some(unequal) => unequal,
    }
}

/// The first slot of `low..high` for which `before` fails, or `high`; `before` must hold for a prefix.
fn partition<M>(
    low: usize,
    high: usize,
    scores: &[f64],
    members: &[Option<M>],
    before: &impl Fn(f64, &M) -> bool,
) -> usize {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = (low + high) / 2;
        let is_before = members[middle].as_ref().is_some_and(|member| before(scores[middle], member));
        if is_before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
