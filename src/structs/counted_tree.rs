//! A long sequence of weighted items as a counted B+tree, shared by reference and copied on write.
//!
//! An item is found by its ordinal (its place among the items) or by an index into the weights (the item below which
//! the index falls): a quicklist keeps blocks here and finds the block of an element so. Items are meant to be small
//! and cheap to clone, such as a pointer to a block.
//!
//! Promises: `Clone` copies one pointer; a write copies only those nodes on its path that a clone still holds (about
//! 1 KiB each). Every operation is O(log n). Sums are exact, leaves are level, a node away from both ends is at least
//! a quarter full; nodes at the ends fill up before they split and empty before they go, so that a queue moves nothing.

use smallvec::SmallVec;
use triomphe::Arc;

use crate::structs::edge::Edge;
use crate::structs::held::own;

/// Rows in a full node.
const ROWS: usize = 32;
/// A node away from both ends of the tree has at least so many rows.
const MIN_ROWS: usize = ROWS / 4;

/// An item that stands for a number of elements.
pub trait Weigh: Clone {
    /// How many elements the item stands for.
    fn weight(&self) -> usize;
}

#[derive(Clone)]
struct Row<T> {
    weight: usize,
    item: T,
}

#[derive(Clone)]
struct Kid<T> {
    items: usize,
    weight: usize,
    node: Node<T>,
}

type Rows<R> = SmallVec<[R; ROWS]>;

#[derive(Clone)]
enum Node<T> {
    Leaf(Arc<Rows<Row<T>>>),
    Inner(Arc<Rows<Kid<T>>>),
}

/// The sequence. See the module's notes.
#[derive(Clone)]
pub struct CountedTree<T> {
    root: Option<Kid<T>>,
    leaves: usize,
    inners: usize,
}

/// Where an index into the weights falls.
#[derive(Debug, PartialEq)]
pub struct Place<'a, T> {
    /// Items before this one.
    pub ordinal: usize,
    /// The index less the weights before this item.
    pub offset: usize,
    /// The item.
    pub item: &'a T,
}

/// Nodes gained (or lost) by one operation.
#[derive(Default)]
struct Tally {
    leaves: usize,
    inners: usize,
}

impl<T: Weigh> Default for CountedTree<T> {
    fn default() -> Self {
        CountedTree::new()
    }
}

impl<T: Weigh> CountedTree<T> {
    /// An empty sequence, without an allocation.
    pub const fn new() -> Self {
        CountedTree { root: None, leaves: 0, inners: 0 }
    }

    /// Number of items. O(1).
    pub fn len(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.items)
    }

    /// True when there is no item. O(1).
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Sum of the items' weights. O(1).
    pub fn weight(&self) -> usize {
        self.root.as_ref().map_or(0, |root| root.weight)
    }

    /// Bytes allocated for the nodes, without what the items point to. O(1).
    pub fn alloc_bytes(&self) -> usize {
        const COUNT: usize = size_of::<usize>();
        self.leaves * (size_of::<Rows<Row<T>>>() + COUNT) + self.inners * (size_of::<Rows<Kid<T>>>() + COUNT)
    }

    /// The item with `ordinal` items before it.
    pub fn get(&self, ordinal: usize) -> Option<&T> {
        let (mut node, mut rest) = (&self.root.as_ref()?.node, ordinal);
        loop {
            match node {
                Node::Leaf(rows) => return rows.get(rest).map(|row| &row.item),
                Node::Inner(kids) => {
                    let at = descend(kids, &mut rest)?;
                    node = &kids[at].node;
                }
            }
        }
    }

    /// The item under `index`, counted in weights.
    pub fn locate(&self, index: usize) -> Option<Place<'_, T>> {
        let (mut node, mut rest, mut ordinal) = (&self.root.as_ref()?.node, index, 0);
        loop {
            match node {
                Node::Leaf(rows) => {
                    for row in rows.iter() {
                        if rest < row.weight {
                            return Some(Place { ordinal, offset: rest, item: &row.item });
                        }
                        rest -= row.weight;
                        ordinal += 1;
                    }
                    return None;
                }
                Node::Inner(kids) => {
                    let mut below = None;
                    for kid in kids.iter() {
                        if rest < kid.weight {
                            below = Some(&kid.node);
                            break;
                        }
                        rest -= kid.weight;
                        ordinal += kid.items;
                    }
                    node = below?;
                }
            }
        }
    }

    /// Lets `change` alter the item with this ordinal, then weighs it again. None when there is no such item.
    pub fn edit<R>(&mut self, ordinal: usize, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        if ordinal >= self.len() {
            return None;
        }
        edit(self.root.as_mut()?, ordinal, change)
    }

    /// Puts an item before the one with this ordinal; past the end means at the end.
    pub fn insert(&mut self, ordinal: usize, item: T) {
        let row = Row { weight: item.weight(), item };
        let Some(root) = &mut self.root else {
            let weight = row.weight;
            let node = Node::Leaf(Arc::new(SmallVec::from_iter([row])));
            self.root = Some(Kid { items: 1, weight, node });
            self.leaves = 1;
            return;
        };
        let mut grown = Tally::default();
        let ordinal = ordinal.min(root.items);
        let split = put(root, ordinal, row, Edge::ROOT, &mut grown);
        self.leaves += grown.leaves;
        self.inners += grown.inners;
        if let Some(right) = split
            && let Some(left) = self.root.take()
        {
            self.inners += 1;
            self.root = Some(Kid::over(SmallVec::from_iter([left, right])));
        }
    }

    /// Adds an item at the end.
    pub fn push_back(&mut self, item: T) {
        self.insert(usize::MAX, item);
    }

    /// Adds an item at the front.
    pub fn push_front(&mut self, item: T) {
        self.insert(0, item);
    }

    /// Takes out the item with this ordinal.
    pub fn remove(&mut self, ordinal: usize) -> Option<T> {
        if ordinal >= self.len() {
            return None;
        }
        let mut shrunk = Tally::default();
        let removed = cut(self.root.as_mut()?, ordinal, Edge::ROOT, &mut shrunk)?;
        self.leaves -= shrunk.leaves;
        self.inners -= shrunk.inners;
        if self.root.as_ref().is_some_and(|root| root.items == 0) {
            *self = CountedTree::new();
        }
        while let Some(Node::Inner(kids)) = self.root.as_ref().map(|root| &root.node)
            && kids.len() == 1
        {
            self.root = Some(kids[0].clone());
            self.inners -= 1;
        }
        Some(removed)
    }

    /// Takes out the first item.
    pub fn pop_front(&mut self) -> Option<T> {
        self.remove(0)
    }

    /// Takes out the last item.
    pub fn pop_back(&mut self) -> Option<T> {
        self.remove(self.len().checked_sub(1)?)
    }

    /// The items from `ordinal` on, in order. The first step is O(log n), the others O(1) amortised.
    pub fn iter_from(&self, ordinal: usize) -> Iter<'_, T> {
        Iter::new(self.root.as_ref(), ordinal, false)
    }

    /// The items from `ordinal` on towards the front; nothing when there is no such item.
    pub fn iter_rev_from(&self, ordinal: usize) -> Iter<'_, T> {
        Iter::new(self.root.as_ref(), ordinal, true)
    }

    /// Walks the whole tree and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        let Some(root) = &self.root else {
            assert_eq!((self.leaves, self.inners), (0, 0), "an empty tree has no nodes");
            return;
        };
        if let Node::Inner(kids) = &root.node {
            assert!(kids.len() > 1, "a root has more than one child");
        }
        let (mut seen, mut height) = (Tally::default(), None);
        check_kid(root, Edge::ROOT, 0, &mut height, &mut seen);
        assert_eq!((seen.leaves, seen.inners), (self.leaves, self.inners));
    }
}

impl<T: Weigh> Kid<T> {
    fn leaf(rows: Rows<Row<T>>) -> Self {
        let weight = rows.iter().map(|row| row.weight).sum();
        Kid { items: rows.len(), weight, node: Node::Leaf(Arc::new(rows)) }
    }

    fn over(kids: Rows<Kid<T>>) -> Self {
        let (items, weight) = kids.iter().fold((0, 0), |sum, kid| (sum.0 + kid.items, sum.1 + kid.weight));
        Kid { items, weight, node: Node::Inner(Arc::new(kids)) }
    }

    fn rows(&self) -> usize {
        match &self.node {
            Node::Leaf(rows) => rows.len(),
            Node::Inner(kids) => kids.len(),
        }
    }

    /// Sums up the rows of this node anew after some came or went.
    fn recount(&mut self) {
        (self.items, self.weight) = match &self.node {
            Node::Leaf(rows) => (rows.len(), rows.iter().map(|row| row.weight).sum()),
            Node::Inner(kids) => kids.iter().fold((0, 0), |sum, kid| (sum.0 + kid.items, sum.1 + kid.weight)),
        };
    }
}

/// The child that holds the item `rest`, which becomes relative to it.
fn descend<T>(kids: &[Kid<T>], rest: &mut usize) -> Option<usize> {
    for (at, kid) in kids.iter().enumerate() {
        if *rest < kid.items {
            return Some(at);
        }
        *rest -= kid.items;
    }
    None
}

fn edit<T: Weigh, R>(kid: &mut Kid<T>, ordinal: usize, change: impl FnOnce(&mut T) -> R) -> Option<R> {
    let (old, new, result) = match &mut kid.node {
        Node::Leaf(rows) => {
            let row = own(rows).get_mut(ordinal)?;
            let result = change(&mut row.item);
            let old = std::mem::replace(&mut row.weight, row.item.weight());
            (old, row.weight, result)
        }
        Node::Inner(kids) => {
            let mut rest = ordinal;
            let at = descend(kids, &mut rest)?;
            let below = &mut own(kids)[at];
            let old = below.weight;
            let result = edit(below, rest, change)?;
            (old, below.weight, result)
        }
    };
    kid.weight = kid.weight - old + new;
    Some(result)
}

/// Adds a row below `kid`; returns the right half when it had to split.
fn put<T: Weigh>(kid: &mut Kid<T>, ordinal: usize, row: Row<T>, edge: Edge, grown: &mut Tally) -> Option<Kid<T>> {
    kid.items += 1;
    kid.weight += row.weight;
    let split = match &mut kid.node {
        Node::Leaf(rows) => {
            let rows = own(rows);
            let right = Kid::leaf(place(rows, ordinal, row, edge)?);
            grown.leaves += 1;
            right
        }
        Node::Inner(kids) => {
            let kids = own(kids);
            let mut rest = ordinal;
            let at = descend(kids, &mut rest).unwrap_or_else(|| {
                rest += kids[kids.len() - 1].items;
                kids.len() - 1
            });
            let kid_edge = edge.of_kid(at, kids.len());
            let below = put(&mut kids[at], rest, row, kid_edge, grown)?;
            let right = Kid::over(place(kids, at + 1, below, edge)?);
            grown.inners += 1;
            right
        }
    };
    kid.items -= split.items;
    kid.weight -= split.weight;
    Some(split)
}

/// Puts a row at `at`; a full node gives up its right part, which at an edge of the tree is the least possible.
fn place<R>(rows: &mut Rows<R>, at: usize, row: R, edge: Edge) -> Option<Rows<R>> {
    if rows.len() < ROWS {
        rows.insert(at, row);
        return None;
    }
    // At the front a split row comes second, after the child it was split from.
    let middle = if edge.right && at == ROWS {
        ROWS
    } else if edge.left && at <= 1 {
        at
    } else {
        ROWS / 2
    };
    let mut right: Rows<R> = rows.drain(middle..).collect();
    if at < middle || (at == middle && edge.left && at <= 1) {
        rows.insert(at, row);
    } else {
        right.insert(at - middle, row);
    }
    Some(right)
}

/// Takes out a row below `kid`; `shrunk` counts the nodes that went.
fn cut<T: Weigh>(kid: &mut Kid<T>, ordinal: usize, edge: Edge, shrunk: &mut Tally) -> Option<T> {
    let row = match &mut kid.node {
        Node::Leaf(rows) => {
            let row = own(rows).remove(ordinal);
            kid.weight -= row.weight;
            kid.items -= 1;
            return Some(row.item);
        }
        Node::Inner(kids) => {
            let kids = own(kids);
            let mut rest = ordinal;
            let at = descend(kids, &mut rest)?;
            let kid_edge = edge.of_kid(at, kids.len());
            let old = kids[at].weight;
            let item = cut(&mut kids[at], rest, kid_edge, shrunk)?;
            let gone = old - kids[at].weight;
            if kids[at].rows() == 0 {
                shrunk.count(&kids.remove(at).node);
            } else if kid_edge.is_inside() && kids[at].rows() < MIN_ROWS && kids.len() > 1 {
                let right = at.max(1);
                if mend(kids, right) {
                    shrunk.count(&kids.remove(right).node);
                }
            }
            (item, gone)
        }
    };
    kid.items -= 1;
    kid.weight -= row.1;
    Some(row.0)
}

impl Tally {
    fn count<T>(&mut self, node: &Node<T>) {
        match node {
            Node::Leaf(_) => self.leaves += 1,
            Node::Inner(_) => self.inners += 1,
        }
    }
}

/// Joins the child in slot `right` into its left neighbour (true) or shares their rows out evenly (false).
fn mend<T: Weigh>(kids: &mut [Kid<T>], right: usize) -> bool {
    let (head, tail) = kids.split_at_mut(right);
    let (left, right) = (&mut head[right - 1], &mut tail[0]);
    let joined = match (&mut left.node, &mut right.node) {
        (Node::Leaf(left), Node::Leaf(right)) => join_or_share(own(left), own(right)),
        (Node::Inner(left), Node::Inner(right)) => join_or_share(own(left), own(right)),
        _ => unreachable!("siblings are of one kind"),
    };
    left.recount();
    right.recount();
    joined
}

fn join_or_share<R>(left: &mut Rows<R>, right: &mut Rows<R>) -> bool {
    let total = left.len() + right.len();
    if total <= ROWS {
        left.extend(right.drain(..));
        return true;
    }
    let half = total / 2;
    if left.len() < half {
        let count = half - left.len();
        left.extend(right.drain(..count));
    } else {
        let moved: Rows<R> = left.drain(half..).collect();
        right.insert_many(0, moved);
    }
    false
}

/// Inner nodes from the root, each with the slot the walk is in.
type Stack<'a, T> = SmallVec<[(&'a [Kid<T>], usize); 8]>;

/// Items in order, one way or the other.
pub struct Iter<'a, T> {
    stack: Stack<'a, T>,
    leaf: &'a [Row<T>],
    /// The slot of the next item, past either end of the leaf when it is done.
    at: usize,
    reverse: bool,
}

impl<'a, T> Iter<'a, T> {
    fn new(root: Option<&'a Kid<T>>, ordinal: usize, reverse: bool) -> Self {
        let mut iter = Iter { stack: SmallVec::new(), leaf: &[], at: 0, reverse };
        let Some(root) = root.filter(|root| ordinal < root.items) else { return iter };
        let (mut node, mut rest) = (&root.node, ordinal);
        loop {
            match node {
                Node::Leaf(rows) => {
                    iter.leaf = rows;
                    iter.at = rest;
                    return iter;
                }
                Node::Inner(kids) => {
                    let Some(at) = descend(kids, &mut rest) else { return iter };
                    iter.stack.push((kids, at));
                    node = &kids[at].node;
                }
            }
        }
    }

    fn next_leaf(&mut self) -> Option<()> {
        let step = |at: usize| if self.reverse { at.wrapping_sub(1) } else { at + 1 };
        let mut node = loop {
            let (kids, at) = self.stack.pop()?;
            if let Some(kid) = kids.get(step(at)) {
                self.stack.push((kids, step(at)));
                break &kid.node;
            }
        };
        loop {
            match node {
                Node::Leaf(rows) => {
                    self.leaf = rows;
                    self.at = if self.reverse { rows.len() - 1 } else { 0 };
                    return Some(());
                }
                Node::Inner(kids) => {
                    let at = if self.reverse { kids.len() - 1 } else { 0 };
                    self.stack.push((kids, at));
                    node = &kids[at].node;
                }
            }
        }
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        if self.at >= self.leaf.len() {
            self.leaf = &[];
            self.next_leaf()?;
        }
        let row = self.leaf.get(self.at)?;
        self.at = if self.reverse { self.at.wrapping_sub(1) } else { self.at + 1 };
        Some(&row.item)
    }
}

fn check_kid<T: Weigh>(kid: &Kid<T>, edge: Edge, depth: usize, height: &mut Option<usize>, seen: &mut Tally) {
    assert!((1..=ROWS).contains(&kid.rows()), "a node has rows, and all of them inline");
    assert!(!edge.is_inside() || kid.rows() >= MIN_ROWS, "a node inside the tree is a quarter full");
    seen.count(&kid.node);
    let mut sums = kid.clone();
    sums.recount();
    assert_eq!((sums.items, sums.weight), (kid.items, kid.weight), "sums are exact");
    match &kid.node {
        Node::Leaf(rows) => {
            assert_eq!(*height.get_or_insert(depth), depth, "leaves are level");
            assert!(rows.iter().all(|row| row.weight == row.item.weight()), "weights are those of the items");
        }
        Node::Inner(kids) => {
            for (at, below) in kids.iter().enumerate() {
                check_kid(below, edge.of_kid(at, kids.len()), depth + 1, height, seen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for u32 {
        fn weight(&self) -> usize {
            (*self % 7) as usize
        }
    }

    fn assert_same(tree: &CountedTree<u32>, model: &[u32]) {
        tree.check();
        assert_eq!((tree.len(), tree.weight()), (model.len(), model.iter().map(u32::weight).sum()));
        assert!(tree.iter_from(0).eq(model.iter()));
        assert!(tree.iter_rev_from(model.len().wrapping_sub(1)).eq(model.iter().rev()));
    }

    #[test]
    fn random_operations_agree_with_a_vec_and_leave_clones_alone() {
        for seed in 0..16 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut tree, mut model) = (CountedTree::new(), Vec::new());
            let mut kept: Vec<(CountedTree<u32>, Vec<u32>)> = Vec::new();
            for step in 0..8000 {
                let growing = (step / 2000) % 2 == 0;
                let at = rng.usize(..=model.len());
                match rng.usize(..10) {
                    0..=5 if growing => {
                        let item = rng.u32(..);
                        tree.insert(at, item);
                        model.insert(at, item);
                    }
                    0..=5 => assert_eq!(tree.remove(at), (at < model.len()).then(|| model.remove(at))),
                    6 => {
                        let item = rng.u32(..);
                        let expected = model.get_mut(at).map(|old| std::mem::replace(old, item));
                        assert_eq!(tree.edit(at, |old| std::mem::replace(old, item)), expected);
                    }
                    7 => {
                        let index = rng.usize(..tree.weight() + 2);
                        let (mut rest, mut expected) = (index, None);
                        for (ordinal, item) in model.iter().enumerate() {
                            if rest < item.weight() {
                                expected = Some(Place { ordinal, offset: rest, item });
                                break;
                            }
                            rest -= item.weight();
                        }
                        assert_eq!(tree.locate(index), expected);
                        assert_eq!(tree.get(at), model.get(at));
                    }
                    8 => {
                        tree.push_back(7);
                        model.push(7);
                        assert!(tree.iter_from(at).eq(model[at..].iter()));
                    }
                    _ if kept.len() < 4 && rng.usize(..100) == 0 => kept.push((tree.clone(), model.clone())),
                    _ => {
                        assert_eq!(tree.pop_front(), (!model.is_empty()).then(|| model.remove(0)));
                        assert_eq!(tree.pop_back(), model.pop());
                    }
                }
                if step % 16 == 0 {
                    tree.check();
                }
            }
            kept.push((tree, model));
            for (tree, model) in &kept {
                assert_same(tree, model);
            }
        }
    }

    #[test]
    fn a_queue_keeps_its_nodes_full_and_leaves_nothing_behind() {
        for count in [1, ROWS, ROWS + 1, ROWS * ROWS, ROWS * ROWS + 1, ROWS * ROWS * 3 + 5] {
            let (mut up, mut down) = (CountedTree::new(), CountedTree::new());
            for number in 0..count as u32 {
                up.push_back(number);
                down.push_front(number);
            }
            assert_eq!(up.leaves, count.div_ceil(ROWS));
            assert_eq!(down.leaves, count.div_ceil(ROWS));
            for number in 0..count as u32 {
                assert_eq!(up.pop_front(), Some(number));
                assert_eq!(down.pop_back(), Some(number));
                up.check();
                down.check();
            }
            assert_eq!(up.alloc_bytes() + down.alloc_bytes(), 0);
            assert_eq!(up.pop_front(), None);
        }
    }
}
