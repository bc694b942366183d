//! Walking a [`ScoreTree`](super::ScoreTree) in either direction.
//!
//! An iterator keeps the leaf it is in and the inner nodes above it with their slots; a step inside a leaf touches
//! nothing else. Left out: meeting in the middle, since no caller walks from both ends.

use smallvec::SmallVec;

use super::Member;
use super::node::{Inner, Leaf, Node};

/// Inner nodes from the root, each with the slot the walk is in.
type Stack<'a, M> = SmallVec<[(&'a Inner<M>, usize); 8]>;

/// Entries upwards from a rank.
pub struct Iter<'a, M> {
    stack: Stack<'a, M>,
    leaf: Option<&'a Leaf<M>>,
    at: usize,
    left: usize,
}

/// Entries downwards from a rank.
pub struct RevIter<'a, M> {
    stack: Stack<'a, M>,
    leaf: Option<&'a Leaf<M>>,
    at: usize,
    left: usize,
}

impl<'a, M: Member> Iter<'a, M> {
    pub(super) fn new(root: Option<&'a Node<M>>, rank: usize, len: usize) -> Self {
        let mut stack = Stack::new();
        let (leaf, at) = seek(root, rank, len, &mut stack);
        Iter { stack, leaf, at, left: len.saturating_sub(rank) }
    }
}

impl<'a, M: Member> RevIter<'a, M> {
    pub(super) fn new(root: Option<&'a Node<M>>, rank: usize, len: usize) -> Self {
        let mut stack = Stack::new();
        let (leaf, at) = seek(root, rank, len, &mut stack);
        RevIter { stack, leaf, at, left: if leaf.is_some() { rank + 1 } else { 0 } }
    }
}

impl<'a, M: Member> Iterator for Iter<'a, M> {
    type Item = (f64, &'a M);

    fn next(&mut self) -> Option<Self::Item> {
        let mut leaf = self.leaf?;
        if self.at == leaf.len {
            let (inner, slot) = loop {
                let Some((inner, slot)) = self.stack.pop() else {
                    self.leaf = None;
                    return None;
                };
                if slot + 1 < inner.len {
                    break (inner, slot + 1);
                }
            };
            self.stack.push((inner, slot));
            let mut node = inner.kid(slot);
            while let Node::Inner(inner) = node {
                self.stack.push((inner, 0));
                node = inner.kid(0);
            }
            if let Node::Leaf(next) = node {
                leaf = next;
                self.leaf = Some(next);
                self.at = 0;
            }
        }
        let entry = leaf.entry(self.at);
        self.at += 1;
        self.left = self.left.saturating_sub(1);
        entry
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, M: Member> Iterator for RevIter<'a, M> {
    type Item = (f64, &'a M);

    fn next(&mut self) -> Option<Self::Item> {
        let mut leaf = self.leaf?;
        if self.left == 0 {
            self.leaf = None;
            return None;
        }
        // Stepping down from slot 0 wraps: this leaf is done.
        if self.at == usize::MAX {
            let (inner, slot) = loop {
                let (inner, slot) = self.stack.pop()?;
                if slot > 0 {
                    break (inner, slot - 1);
                }
            };
            self.stack.push((inner, slot));
            let mut node = inner.kid(slot);
            while let Node::Inner(inner) = node {
                self.stack.push((inner, inner.len - 1));
                node = inner.kid(inner.len - 1);
            }
            if let Node::Leaf(next) = node {
                leaf = next;
                self.leaf = Some(next);
                self.at = next.len - 1;
            }
        }
        let entry = leaf.entry(self.at);
        self.at = self.at.wrapping_sub(1);
        self.left -= 1;
        entry
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<M: Member> ExactSizeIterator for Iter<'_, M> {}
impl<M: Member> ExactSizeIterator for RevIter<'_, M> {}

/// Goes to the entry with this rank, noting the way.
fn seek<'a, M: Member>(
    root: Option<&'a Node<M>>,
    rank: usize,
    len: usize,
    stack: &mut Stack<'a, M>,
) -> (Option<&'a Leaf<M>>, usize) {
    let Some(mut node) = root.filter(|_| rank < len) else { return (None, 0) };
    let mut rest = rank;
    loop {
        match node {
            Node::Leaf(leaf) => return (Some(leaf), rest),
            Node::Inner(inner) => {
                let mut at = 0;
                while rest >= inner.counts[at] {
                    rest -= inner.counts[at];
                    at += 1;
                }
                stack.push((inner, at));
                node = inner.kid(at);
            }
        }
    }
}
