//! The order-statistics B+tree of a large sorted set: entries by (score, member), with ranks.
//!
//! Promises: `Clone` copies one pointer; a write copies only those nodes on its path that a clone still holds (about
//! 1 KiB a leaf, 2 KiB an inner node). Entries are in order of score, minus zero being zero, then of the member's
//! bytes as unsigned bytes. A member is shared, never copied: a tree holds one reference for each entry and one more
//! for each separator, which is always the first entry below its child. All operations are O(log n) unless said
//! otherwise.
//!
//! A full leaf at the end of the tree is left full when entries arrive in order, at either end. Nodes on the two edges
//! may run down to nothing before they are removed, so popping moves no neighbours; all others stay at least a quarter
//! full.
//!
//! Left out: looking a member up without its score, which is the business of a table beside the tree.

use std::ops::Range;

use smallvec::SmallVec;
use triomphe::Arc;

use crate::structs::edge::Edge;
use crate::structs::held::own;

mod iter;
mod node;

pub use iter::{Iter, RevIter};
use node::{Inner, Leaf, Node, order};

/// What a tree keeps besides the score: a cheap, shared pointer to the bytes.
pub trait Member: Clone {
    /// The member's bytes; must never change while a tree holds it.
    fn bytes(&self) -> &[u8];
}

/// A place between entries, given by what is before it.
///
/// The `Member` forms compare bytes only and make sense where all scores are equal (`BYLEX`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<'a> {
    /// Before the first entry with this score or a greater one.
    AtScore(f64),
    /// After the last entry with this score or a lesser one.
    AfterScore(f64),
    /// Before the first member equal to or after these bytes.
    AtMember(&'a [u8]),
    /// After the last member equal to or before these bytes.
    AfterMember(&'a [u8]),
}

/// Slots from the root to an entry. Trees are at most about eight levels high.
type Path = SmallVec<[u8; 16]>;

/// A sorted set's entries in order. See the module's notes.
#[derive(Clone)]
pub struct ScoreTree<M> {
    root: Option<Node<M>>,
    len: usize,
    leaves: usize,
    inners: usize,
}

/// What a full node leaves for its parent: a new right neighbour and its first entry.
struct Split<M> {
    first: (f64, M),
    count: usize,
    right: Node<M>,
}

impl<M: Member> Default for ScoreTree<M> {
    fn default() -> Self {
        ScoreTree::new()
    }
}

impl<M: Member> ScoreTree<M> {
    /// An empty tree, without an allocation.
    pub const fn new() -> Self {
        ScoreTree { root: None, len: 0, leaves: 0, inners: 0 }
    }

    /// A tree with full nodes from entries that come in order and without duplicates. O(n).
    pub fn from_sorted(entries: impl IntoIterator<Item = (f64, M)>) -> Self {
        let mut tree = ScoreTree::new();
        let mut level: Vec<(usize, Node<M>)> = Vec::new();
        let mut leaf = Leaf::new();
        for (score, member) in entries {
            if leaf.is_full() {
                level.push((leaf.len, Node::Leaf(Arc::new(std::mem::replace(&mut leaf, Leaf::new())))));
            }
            leaf.insert(leaf.len, score, member);
            tree.len += 1;
        }
        if leaf.len > 0 {
            level.push((leaf.len, Node::Leaf(Arc::new(leaf))));
        }
        tree.leaves = level.len();
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len() / node::INNER_ROWS + 1);
            let mut nodes = level.into_iter().peekable();
            while nodes.peek().is_some() {
                let mut inner = Inner::new();
                for (count, kid) in nodes.by_ref().take(node::INNER_ROWS) {
                    let first = if inner.len == 0 { None } else { owned(kid.first()) };
                    inner.insert(inner.len, first, count, kid);
                }
                above.push((inner.total(), Node::Inner(Arc::new(inner))));
            }
            tree.inners += above.len();
            level = above;
        }
        tree.root = level.pop().map(|(_, root)| root);
        tree
    }

    /// Number of entries. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no entry. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated for the nodes, without the members. O(1).
    pub fn alloc_bytes(&self) -> usize {
        const COUNT: usize = size_of::<usize>();
        self.leaves * (size_of::<Leaf<M>>() + COUNT) + self.inners * (size_of::<Inner<M>>() + COUNT)
    }

    /// Adds an entry. The caller knows that the member is not there; the score is not NaN.
    pub fn insert(&mut self, score: f64, member: M) {
        debug_assert!(!score.is_nan(), "a score is a number");
        let Some(root) = &mut self.root else {
            let mut leaf = Leaf::new();
            leaf.insert(0, score, member);
            self.root = Some(Node::Leaf(Arc::new(leaf)));
            self.len = 1;
            self.leaves = 1;
            return;
        };
        let mut grown = (0, 0);
        let split = put(root, score, member, Edge::ROOT, &mut grown);
        self.leaves += grown.0;
        self.inners += grown.1;
        self.len += 1;
        if let Some(split) = split
            && let Some(left) = self.root.take()
        {
            let mut inner = Inner::new();
            inner.insert(0, None, self.len - split.count, left);
            inner.insert(1, Some(split.first), split.count, split.right);
            self.inners += 1;
            self.root = Some(Node::Inner(Arc::new(inner)));
        }
    }

    /// Removes the entry and returns its member; nothing is copied when it is not there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> Option<M> {
        let (path, _) = self.find(score, member)?;
        let mut removed = None;
        self.cut(&path, 1, &mut |_, member| removed = Some(member));
        removed
    }

    /// Gives an entry another score; false when it is not there. In place when the order stays.
    pub fn rescore(&mut self, score: f64, member: &[u8], new_score: f64) -> bool {
        debug_assert!(!new_score.is_nan(), "a score is a number");
        let Some((path, _)) = self.find(score, member) else { return false };
        if self.rescore_in_leaf(&path, member, new_score) {
            return true;
        }
        let mut removed = None;
        self.cut(&path, 1, &mut |_, member| removed = Some(member));
        let Some(member) = removed else { return false };
        self.insert(new_score, member);
        true
    }

    /// Sets the score at `path` if the entry stays strictly between its neighbours in the same leaf.
    fn rescore_in_leaf(&mut self, path: &[u8], member: &[u8], new_score: f64) -> bool {
        let Some(root) = &self.root else { return false };
        let (Some(leaf), Some(&at)) = (leaf_at(root, path), path.last()) else { return false };
        let at = usize::from(at);
        // The first entry may be a separator elsewhere, the last may have to pass into the next leaf.
        let (Some(before), Some(after)) = (at.checked_sub(1).and_then(|at| leaf.entry(at)), leaf.entry(at + 1)) else {
            return false;
        };
        let stays =
            order(before.0, before.1, new_score, member).is_lt() && order(after.0, after.1, new_score, member).is_gt();
        if !stays {
            return false;
        }
        let mut node = self.root.as_mut();
        for &slot in path {
            match node {
                Some(Node::Inner(inner)) => node = Some(own(inner).kid_mut(usize::from(slot))),
                Some(Node::Leaf(leaf)) => {
                    own(leaf).scores[usize::from(slot)] = new_score;
                    return true;
                }
                None => return false,
            }
        }
        false
    }

    /// The number of entries before this one, if it is there.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<usize> {
        self.find(score, member).map(|(_, rank)| rank)
    }

    /// The entry with `rank` entries before it.
    pub fn get(&self, rank: usize) -> Option<(f64, &M)> {
        let path = self.path_to(rank)?;
        leaf_at(self.root.as_ref()?, &path)?.entry(usize::from(*path.last()?))
    }

    /// The least entry.
    pub fn first(&self) -> Option<(f64, &M)> {
        self.root.as_ref()?.first()
    }

    /// The greatest entry.
    pub fn last(&self) -> Option<(f64, &M)> {
        self.root.as_ref()?.last()
    }

    /// Removes and returns the least entry.
    pub fn pop_first(&mut self) -> Option<(f64, M)> {
        let path = self.path_to(0)?;
        let mut popped = None;
        self.cut(&path, 1, &mut |score, member| popped = Some((score, member)));
        popped
    }

    /// Removes and returns the greatest entry.
    pub fn pop_last(&mut self) -> Option<(f64, M)> {
        let path = self.path_to(self.len.checked_sub(1)?)?;
        let mut popped = None;
        self.cut(&path, 1, &mut |score, member| popped = Some((score, member)));
        popped
    }

    /// Removes the entries with these ranks, in order, handing each to `visit`; ranks past the end are ignored.
    /// A leaf at a time: O(k + k / 63 * log n).
    pub fn remove_range(&mut self, ranks: Range<usize>, visit: &mut dyn FnMut(f64, M)) {
        let mut left = ranks.end.min(self.len).saturating_sub(ranks.start);
        while left > 0 {
            let Some(path) = self.path_to(ranks.start) else { return };
            left -= self.cut(&path, left, visit);
        }
    }

    /// The number of entries before `bound`, which is the rank of the first entry after it.
    pub fn lower_bound(&self, bound: Bound<'_>) -> usize {
        match bound {
            Bound::AtScore(limit) => self.count_before(&|score, _| score < limit),
            Bound::AfterScore(limit) => self.count_before(&|score, _| score <= limit),
            Bound::AtMember(limit) => self.count_before(&|_, member| member.bytes() < limit),
            Bound::AfterMember(limit) => self.count_before(&|_, member| member.bytes() <= limit),
        }
    }

    /// The entries from `rank` on, upwards. The first step is O(log n), the others O(1) amortised.
    pub fn iter_from(&self, rank: usize) -> Iter<'_, M> {
        Iter::new(self.root.as_ref(), rank, self.len)
    }

    /// The entries from `rank` on, downwards; nothing when there is no such rank.
    pub fn iter_rev_from(&self, rank: usize) -> RevIter<'_, M> {
        RevIter::new(self.root.as_ref(), rank, self.len)
    }

    /// All entries, upwards.
    pub fn iter(&self) -> Iter<'_, M> {
        self.iter_from(0)
    }

    fn count_before(&self, before: &impl Fn(f64, &M) -> bool) -> usize {
        let Some(mut node) = self.root.as_ref() else { return 0 };
        let mut rank = 0;
        loop {
            match node {
                Node::Leaf(leaf) => return rank + leaf.partition(before),
                Node::Inner(inner) => {
                    let at = inner.partition(before);
                    rank += inner.counts[..at].iter().sum::<usize>();
                    node = inner.kid(at);
                }
            }
        }
    }

    /// The path to an entry and its rank.
    fn find(&self, score: f64, member: &[u8]) -> Option<(Path, usize)> {
        let (mut path, mut rank) = (Path::new(), 0);
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let at = leaf.partition(&|s, m: &M| order(s, m, score, member).is_lt());
                    if at >= leaf.len {
                        return None;
                    }
                    let (s, m) = leaf.entry(at)?;
                    path.push(at as u8);
                    return order(s, m, score, member).is_eq().then_some((path, rank + at));
                }
                Node::Inner(inner) => {
                    let at = inner.partition(&|s, m: &M| order(s, m, score, member).is_le());
                    rank += inner.counts[..at].iter().sum::<usize>();
                    path.push(at as u8);
                    node = inner.kid(at);
                }
            }
        }
    }

    /// The path to the entry with this rank.
    fn path_to(&self, rank: usize) -> Option<Path> {
        if rank >= self.len {
            return None;
        }
        let (mut path, mut rest) = (Path::new(), rank);
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(_) => {
                    path.push(rest as u8);
                    return Some(path);
                }
                Node::Inner(inner) => {
                    let mut at = 0;
                    while rest >= inner.counts[at] {
                        rest -= inner.counts[at];
                        at += 1;
                    }
                    path.push(at as u8);
                    node = inner.kid(at);
                }
            }
        }
    }

    /// Removes up to `count` entries from the one at `path` on, as far as its leaf goes; returns how many.
    fn cut(&mut self, path: &[u8], count: usize, visit: &mut dyn FnMut(f64, M)) -> usize {
        let Some(root) = &mut self.root else { return 0 };
        let mut shrunk = (0, 0);
        let (removed, _) = cut(root, path, count, Edge::ROOT, &mut shrunk, visit);
        self.len -= removed;
        self.leaves -= shrunk.0;
        self.inners -= shrunk.1;
        if self.len == 0 {
            // Only a bare chain of inner nodes, if any, is left below.
            *self = ScoreTree::new();
            return removed;
        }
        while let Some(Node::Inner(inner)) = &self.root
            && inner.len == 1
        {
            self.root = Some(inner.kid(0).clone());
            self.inners -= 1;
        }
        removed
    }

    /// Walks the whole tree and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        let mut seen = Census::default();
        let Some(root) = &self.root else {
            assert_eq!((self.len, self.leaves, self.inners), (0, 0, 0), "an empty tree has no nodes");
            return;
        };
        if let Node::Inner(inner) = root {
            assert!(inner.len > 1, "a root has more than one child");
        }
        check_node(root, Edge::ROOT, 0, &mut seen);
        assert_eq!((seen.entries, seen.leaves, seen.inners), (self.len, self.leaves, self.inners));
        let mut last: Option<(f64, &M)> = None;
        for (score, member) in self.iter() {
            assert!(!score.is_nan());
            if let Some((before, other)) = last {
                assert!(order(before, other, score, member.bytes()).is_lt(), "entries are in order");
            }
            last = Some((score, member));
        }
    }
}

fn owned<M: Clone>(entry: Option<(f64, &M)>) -> Option<(f64, M)> {
    entry.map(|(score, member)| (score, member.clone()))
}

fn leaf_at<'a, M: Member>(root: &'a Node<M>, path: &[u8]) -> Option<&'a Leaf<M>> {
    let mut node = root;
    for &at in path {
        match node {
            Node::Leaf(leaf) => return Some(leaf),
            Node::Inner(inner) => node = inner.kid(usize::from(at)),
        }
    }
    None
}

/// Adds an entry below `node`; `grown` counts new leaves and inner nodes.
fn put<M: Member>(
    node: &mut Node<M>,
    score: f64,
    member: M,
    edge: Edge,
    grown: &mut (usize, usize),
) -> Option<Split<M>> {
    let inner = match node {
        Node::Leaf(leaf) => {
            let split = put_in_leaf(leaf, score, member, edge);
            grown.0 += usize::from(split.is_some());
            return split;
        }
        Node::Inner(inner) => inner,
    };
    let full_inner = {
        let inner = own(inner);
        let at = {
            let bytes = member.bytes();
            inner.partition(&|s, m: &M| order(s, m, score, bytes).is_le())
        };
        let kid_edge = edge.of_kid(at, inner.len);
        inner.counts[at] += 1;
        let split = put(inner.kid_mut(at), score, member, kid_edge, grown)?;
        inner.counts[at] -= split.count;
        if !inner.is_full() {
            inner.insert(at + 1, Some(split.first), split.count, split.right);
            return None;
        }
        (at, split)
    };
    let (at, split) = full_inner;
    grown.1 += 1;
    Some(split_inner(inner, at, split, edge))
}

/// Adds an entry to a leaf, splitting it when it is full.
fn put_in_leaf<M: Member>(shared: &mut Arc<Leaf<M>>, score: f64, member: M, edge: Edge) -> Option<Split<M>> {
    let at = {
        let bytes = member.bytes();
        shared.partition(&|s, m: &M| order(s, m, score, bytes).is_lt())
    };
    if !shared.is_full() {
        own(shared).insert(at, score, member);
        return None;
    }
    if edge.right && at == shared.len {
        let first = (score, member.clone());
        let mut right = Leaf::new();
        right.insert(0, score, member);
        return Some(Split { first, count: 1, right: Node::Leaf(Arc::new(right)) });
    }
    if edge.left && at == 0 {
        let mut left = Leaf::new();
        left.insert(0, score, member);
        let right = std::mem::replace(shared, Arc::new(left));
        let first = owned(right.entry(0)).expect("a full leaf has a first entry");
        return Some(Split { first, count: right.len, right: Node::Leaf(right) });
    }
    let leaf = own(shared);
    let middle = node::LEAF_ROWS / 2;
    let mut right = leaf.split_off(middle);
    if at <= middle {
        leaf.insert(at, score, member);
    } else {
        right.insert(at - middle, score, member);
    }
    let first = owned(right.entry(0)).expect("half of a full leaf is not empty");
    Some(Split { first, count: right.len, right: Node::Leaf(Arc::new(right)) })
}

/// Splits a full inner node to take in `split`, which goes after the child in slot `at`.
fn split_inner<M: Member>(shared: &mut Arc<Inner<M>>, at: usize, split: Split<M>, edge: Edge) -> Split<M> {
    let Split { first, count, right: kid } = split;
    if edge.right && at + 1 == shared.len {
        let mut right = Inner::new();
        right.insert(0, None, count, kid);
        return Split { first, count, right: Node::Inner(Arc::new(right)) };
    }
    let inner = own(shared);
    if edge.left && at == 0 {
        let mut left = Inner::new();
        let left_count = std::mem::replace(&mut inner.counts[0], count);
        let left_kid = std::mem::replace(inner.kid_mut(0), kid);
        left.insert(0, None, left_count, left_kid);
        let right = std::mem::replace(shared, Arc::new(left));
        return Split { first, count: right.total(), right: Node::Inner(right) };
    }
    let middle = node::INNER_ROWS / 2;
    let mut right = inner.split_off(middle);
    if at < middle {
        inner.insert(at + 1, Some(first), count, kid);
    } else {
        right.insert(at + 1 - middle, Some(first), count, kid);
    }
    let first = right.take_first(0).expect("every child but the first has a separator");
    Split { first, count: right.total(), right: Node::Inner(Arc::new(right)) }
}

/// Removes entries from the leaf at `path`. Returns how many, and whether the first entry below `node` changed;
/// `shrunk` counts leaves and inner nodes that went.
fn cut<M: Member>(
    node: &mut Node<M>,
    path: &[u8],
    count: usize,
    edge: Edge,
    shrunk: &mut (usize, usize),
    visit: &mut dyn FnMut(f64, M),
) -> (usize, bool) {
    let Some((&at, below)) = path.split_first() else { return (0, false) };
    let at = usize::from(at);
    let inner = match node {
        Node::Leaf(leaf) => {
            let leaf = own(leaf);
            let count = count.min(leaf.len - at);
            for slot in at..at + count {
                if let Some(member) = leaf.members[slot].take() {
                    visit(leaf.scores[slot], member);
                }
            }
            leaf.close(at, count);
            return (count, at == 0);
        }
        Node::Inner(inner) => own(inner),
    };
    let kid_edge = edge.of_kid(at, inner.len);
    let (removed, first_changed) = cut(inner.kid_mut(at), below, count, kid_edge, shrunk, visit);
    inner.counts[at] -= removed;
    let kid = inner.kid(at);
    if kid.is_empty() {
        match kid {
            Node::Leaf(_) => shrunk.0 += 1,
            Node::Inner(_) => shrunk.1 += 1,
        }
        inner.remove(at);
        return (removed, at == 0);
    }
    let is_lean = kid_edge.is_inside() && kid.is_lean();
    let is_leaf = matches!(kid, Node::Leaf(_));
    if first_changed && at > 0 {
        let first = owned(inner.kid(at).first());
        inner.set_first(at, first);
    }
    if is_lean && inner.mend(at) {
        if is_leaf {
            shrunk.0 += 1;
        } else {
            shrunk.1 += 1;
        }
    }
    (removed, first_changed && at == 0)
}

/// What `check` found.
#[derive(Default)]
struct Census {
    entries: usize,
    leaves: usize,
    inners: usize,
    height: Option<usize>,
}

fn check_node<M: Member>(node: &Node<M>, edge: Edge, depth: usize, seen: &mut Census) {
    assert!(!node.is_empty(), "a node has rows");
    assert!(!edge.is_inside() || !node.is_lean(), "a node inside the tree is a quarter full");
    match node {
        Node::Leaf(leaf) => {
            seen.leaves += 1;
            seen.entries += leaf.len;
            assert_eq!(*seen.height.get_or_insert(depth), depth, "leaves are level");
            for (slot, member) in leaf.members.iter().enumerate() {
                assert_eq!(member.is_some(), slot < leaf.len, "rows are exactly the slots below len");
            }
        }
        Node::Inner(inner) => {
            seen.inners += 1;
            for (slot, kid) in inner.kids.iter().enumerate() {
                assert_eq!(kid.is_some(), slot < inner.len, "rows are exactly the slots below len");
                assert_eq!(inner.members[slot].is_some(), slot > 0 && slot < inner.len, "separators are in place");
                let Some(kid) = kid else { continue };
                if let (Some(member), Some((score, first))) = (&inner.members[slot], kid.first()) {
                    assert!(order(score, first, inner.scores[slot], member.bytes()).is_eq(), "a separator is exact");
                }
                let before = seen.entries;
                check_node(kid, edge.of_kid(slot, inner.len), depth + 1, seen);
                assert_eq!(seen.entries - before, inner.counts[slot], "counts are exact");
            }
        }
    }
}

#[cfg(test)]
mod tests;
