//! A persistent map in key order: a B+tree whose nodes are shared by reference and copied on write.
//!
//! The blocks of a stream by first id, its consumer groups by name, the pending entries of a group by id. Rows are small
//! (a key, and a pointer or a few words), so a node is one vector of up to [`ROWS`] of them that grows with its content:
//! a tree of one row costs a few words.
//!
//! Promises: `Clone` copies one pointer; a write copies only those nodes on its path that a clone still holds (at most a
//! few KiB each). Lookups, insertions and removals are O(log n). Rows that arrive in rising order fill nodes to the last
//! place; nodes become empty before they go, and one that is nearly empty joins a neighbour with room.
//!
//! Left out: ranks and counts of ranges, which `score_tree` and `counted_tree` have.

use smallvec::SmallVec;
use std::borrow::Borrow;
use triomphe::Arc;

use crate::structs::held::own;

/// Rows in a full node.
const ROWS: usize = 64;
/// A node of fewer rows looks for a neighbour to join.
const FEW_ROWS: usize = ROWS / 4;
/// Two neighbours are joined when they have at most so many rows, which leaves room for the next insertions.
const JOINED_MAX_ROWS: usize = ROWS * 3 / 4;

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Arc<Vec<(K, V)>>),
    /// Each child with a lower bound of its keys that is above all keys of the child before. The first child takes
    /// whatever is lower than its own.
    Inner(Arc<Vec<(K, Node<K, V>)>>),
}

/// The map. See the module's notes.
#[derive(Clone)]
pub struct OrderedTree<K, V> {
    root: Option<Node<K, V>>,
    len: usize,
}

impl<K: Ord + Clone, V: Clone> Default for OrderedTree<K, V> {
    fn default() -> Self {
        OrderedTree::new()
    }
}

/// The child that would hold a key.
fn slot<K: Borrow<Q>, V, Q: Ord + ?Sized>(kids: &[(K, Node<K, V>)], key: &Q) -> usize {
    kids.partition_point(|(lowest, _)| lowest.borrow() <= key).saturating_sub(1)
}

fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(rows: &[(K, V)], key: &Q) -> Result<usize, usize> {
    rows.binary_search_by(|(other, _)| other.borrow().cmp(key))
}

impl<K: Ord + Clone, V: Clone> OrderedTree<K, V> {
    /// An empty map, without an allocation.
    pub const fn new() -> Self {
        OrderedTree { root: None, len: 0 }
    }

    /// Number of rows. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated for the nodes, without what keys and values point to. O(n / 64).
    pub fn alloc_bytes(&self) -> usize {
        self.root.as_ref().map_or(0, Node::alloc_bytes)
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key as it is kept, and its value.
    pub fn entry<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(rows) => {
                    let (key, value) = &rows[place(rows, key).ok()?];
                    return Some((key, value));
                }
                Node::Inner(kids) => node = &kids[slot(kids, key)].1,
            }
        }
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let mut node = self.root.as_mut()?;
        loop {
            match node {
                Node::Leaf(rows) => {
                    let at = place(rows, key).ok()?;
                    return Some(&mut own(rows)[at].1);
                }
                Node::Inner(kids) => {
                    let at = slot(kids, key);
                    node = &mut own(kids)[at].1;
                }
            }
        }
    }

    /// The row with the least key.
    pub fn first(&self) -> Option<(&K, &V)> {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(rows) => return rows.first().map(|(key, value)| (key, value)),
                Node::Inner(kids) => node = &kids.first()?.1,
            }
        }
    }

    /// The row with the greatest key.
    pub fn last(&self) -> Option<(&K, &V)> {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(rows) => return rows.last().map(|(key, value)| (key, value)),
                Node::Inner(kids) => node = &kids.last()?.1,
            }
        }
    }

    /// The row with the greatest key, its value to be changed.
    pub fn last_mut(&mut self) -> Option<(&K, &mut V)> {
        let mut node = self.root.as_mut()?;
        loop {
            match node {
                Node::Leaf(rows) => return own(rows).last_mut().map(|(key, value)| (&*key, value)),
                Node::Inner(kids) => node = &mut own(kids).last_mut()?.1,
            }
        }
    }

    /// The row with the greatest key that is not above this one.
    pub fn floor<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.iter_rev_from(key).next()
    }

    /// The row with the least key that is not below this one.
    pub fn ceiling<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.iter_from(key).next()
    }

    /// Puts a row in its place; answers the value the key had before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(root) = &mut self.root else {
            self.root = Some(Node::Leaf(Arc::new(vec![(key, value)])));
            self.len = 1;
            return None;
        };
        match put(root, key, value, true) {
            Put::Replaced(old) => return Some(old),
            Put::Done => {}
            Put::Split(bound, right) => {
                // The first child's bound is never looked at.
                let left = std::mem::replace(root, Node::Leaf(Arc::new(Vec::new())));
                *root = Node::Inner(Arc::new(vec![(bound.clone(), left), (bound, right)]));
            }
        }
        self.len += 1;
        None
    }

    /// Takes a row out; answers its value. Nothing is copied when the key is not there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        let root = self.root.as_mut()?;
        let removed = cut(root, key)?;
        self.len -= 1;
        if root.rows() == 0 {
            self.root = None;
        }
        while let Some(Node::Inner(kids)) = &self.root
            && kids.len() == 1
        {
            self.root = Some(kids[0].1.clone());
        }
        Some(removed)
    }

    /// All rows in rising order. The first step is O(log n), the others O(1) amortised.
    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter::empty(false);
        if let Some(root) = &self.root {
            iter.enter(root);
        }
        iter
    }

    /// All rows in falling order.
    pub fn iter_rev(&self) -> Iter<'_, K, V> {
        let mut iter = Iter::empty(true);
        if let Some(root) = &self.root {
            iter.enter(root);
        }
        iter
    }

    /// The rows from this key on, in rising order.
    pub fn iter_from<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Iter::seek(self.root.as_ref(), key, false)
    }

    /// The rows from this key down, in falling order.
    pub fn iter_rev_from<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Iter::seek(self.root.as_ref(), key, true)
    }

    /// Walks the whole tree and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        let mut seen = 0;
        if let Some(root) = &self.root {
            assert!(!matches!(root, Node::Inner(kids) if kids.len() == 1), "a root has more than one child");
            root.check(None, None, &mut seen);
        }
        assert_eq!(seen, self.len, "the number of rows is right");
    }
}

/// What became of a row that was put.
enum Put<K, V> {
    Done,
    Replaced(V),
    /// The node had to give up its right part.
    Split(K, Node<K, V>),
}

fn put<K: Ord + Clone, V: Clone>(node: &mut Node<K, V>, key: K, value: V, is_last: bool) -> Put<K, V> {
    match node {
        Node::Leaf(rows) => {
            let rows = own(rows);
            match place(rows, &key) {
                Ok(at) => Put::Replaced(std::mem::replace(&mut rows[at].1, value)),
                Err(at) => match put_row(rows, at, (key, value), is_last) {
                    None => Put::Done,
                    Some(right) => Put::Split(right[0].0.clone(), Node::Leaf(Arc::new(right))),
                },
            }
        }
        Node::Inner(kids) => {
            let kids = own(kids);
            let at = slot(kids, &key);
            let is_last = is_last && at + 1 == kids.len();
            match put(&mut kids[at].1, key, value, is_last) {
                Put::Split(bound, right) => match put_row(kids, at + 1, (bound, right), is_last) {
                    None => Put::Done,
                    Some(right) => Put::Split(right[0].0.clone(), Node::Inner(Arc::new(right))),
                },
                done => done,
            }
        }
    }
}

/// Puts a row at `at`; a full node gives up its right half, and at the end of the tree only what is new.
fn put_row<R>(rows: &mut Vec<R>, at: usize, row: R, is_last: bool) -> Option<Vec<R>> {
    if rows.len() < ROWS {
        if rows.len() == rows.capacity() {
            // As a vector grows by itself, but not beyond what a full node needs.
            rows.reserve_exact(rows.len().max(3).min(ROWS - rows.len()));
        }
        rows.insert(at, row);
        return None;
    }
    if is_last && at == ROWS {
        return Some(vec![row]);
    }
    let mut right = rows.split_off(ROWS / 2);
    rows.shrink_to(ROWS / 2 + ROWS / 4);
    match at.checked_sub(ROWS / 2) {
        Some(at) if at > 0 => right.insert(at, row),
        _ => rows.insert(at, row),
    }
    Some(right)
}

fn cut<K: Ord + Clone + Borrow<Q>, V: Clone, Q: Ord + ?Sized>(node: &mut Node<K, V>, key: &Q) -> Option<V> {
    match node {
        Node::Leaf(rows) => {
            let at = place(rows, key).ok()?;
            let rows = own(rows);
            let (_, value) = rows.remove(at);
            if rows.capacity() > 4 * rows.len() {
                rows.shrink_to(2 * rows.len());
            }
            Some(value)
        }
        Node::Inner(kids) => {
            let at = slot(kids, key);
            let kids = own(kids);
            let value = cut(&mut kids[at].1, key)?;
            let left = kids[at].1.rows();
            if left == 0 {
                kids.remove(at);
            } else if left < FEW_ROWS && kids.len() > 1 {
                join(kids, at.max(1));
            }
            Some(value)
        }
    }
}

/// Joins the child at `right` into the one before it, if they are small enough.
fn join<K: Ord + Clone, V: Clone>(kids: &mut Vec<(K, Node<K, V>)>, right: usize) {
    if kids[right - 1].1.rows() + kids[right].1.rows() > JOINED_MAX_ROWS {
        return;
    }
    let (bound, from) = kids.remove(right);
    match (&mut kids[right - 1].1, from) {
        (Node::Leaf(to), Node::Leaf(mut from)) => own(to).append(own(&mut from)),
        (Node::Inner(to), Node::Inner(mut from)) => {
            let from = own(&mut from);
            // As a first child it may hold keys below its own bound.
            from[0].0 = bound;
            own(to).append(from);
        }
        _ => unreachable!("siblings are of one kind"),
    }
}

impl<K, V> Node<K, V> {
    fn rows(&self) -> usize {
        match self {
            Node::Leaf(rows) => rows.len(),
            Node::Inner(kids) => kids.len(),
        }
    }

    fn alloc_bytes(&self) -> usize {
        const SHARED: usize = size_of::<usize>() + size_of::<Vec<u8>>();
        match self {
            Node::Leaf(rows) => SHARED + rows.capacity() * size_of::<(K, V)>(),
            Node::Inner(kids) => {
                let own = SHARED + kids.capacity() * size_of::<(K, Node<K, V>)>();
                own + kids.iter().map(|(_, kid)| kid.alloc_bytes()).sum::<usize>()
            }
        }
    }
}

impl<K: Ord, V> Node<K, V> {
    /// Checks the nodes below, whose keys lie from `low` on and below `high`; answers their height.
    fn check(&self, low: Option<&K>, high: Option<&K>, seen: &mut usize) -> usize {
        assert!((1..=ROWS).contains(&self.rows()), "a node has rows, and no more than fit");
        match self {
            Node::Leaf(rows) => {
                assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "rows are in order");
                assert!(low.is_none_or(|low| *low <= rows[0].0), "keys are not below their bound");
                assert!(high.is_none_or(|high| rows[rows.len() - 1].0 < *high), "keys are below the next bound");
                *seen += rows.len();
                1
            }
            Node::Inner(kids) => {
                let heights: Vec<usize> = (0..kids.len())
                    .map(|at| {
                        let low = if at == 0 { low } else { Some(&kids[at].0) };
                        let high = kids.get(at + 1).map(|(bound, _)| bound).or(high);
                        kids[at].1.check(low, high, seen)
                    })
                    .collect();
                assert!(heights.iter().all(|height| *height == heights[0]), "leaves are level");
                heights[0] + 1
            }
        }
    }
}

/// Inner nodes from the root, each with the slot the walk is in.
type Stack<'a, K, V> = SmallVec<[(&'a [(K, Node<K, V>)], usize); 4]>;

/// Rows in order, one way or the other.
pub struct Iter<'a, K, V> {
    stack: Stack<'a, K, V>,
    leaf: &'a [(K, V)],
    /// The slot of the next row, past either end of the leaf when it is done.
    at: usize,
    reverse: bool,
}

impl<'a, K, V> Iter<'a, K, V> {
    /// No rows.
    pub fn nothing() -> Self {
        Iter::empty(false)
    }

    fn empty(reverse: bool) -> Self {
        Iter { stack: SmallVec::new(), leaf: &[], at: 0, reverse }
    }

    fn seek<Q: Ord + ?Sized>(root: Option<&'a Node<K, V>>, key: &Q, reverse: bool) -> Self
    where
        K: Borrow<Q>,
    {
        let mut iter = Iter::empty(reverse);
        let Some(mut node) = root else { return iter };
        loop {
            match node {
                Node::Leaf(rows) => {
                    iter.leaf = rows;
                    iter.at = match (place(rows, key), reverse) {
                        (Ok(at), _) | (Err(at), false) => at,
                        // Below the first row it wraps around, which is past the end.
                        (Err(at), true) => at.wrapping_sub(1),
                    };
                    return iter;
                }
                Node::Inner(kids) => {
                    let at = slot(kids, key);
                    iter.stack.push((kids, at));
                    node = &kids[at].1;
                }
            }
        }
    }

    /// Goes down to the leaf at the near end.
    fn enter(&mut self, mut node: &'a Node<K, V>) {
        loop {
            match node {
                Node::Leaf(rows) => {
                    self.leaf = rows;
                    self.at = if self.reverse { rows.len().wrapping_sub(1) } else { 0 };
                    return;
                }
                Node::Inner(kids) => {
                    let at = if self.reverse { kids.len() - 1 } else { 0 };
                    self.stack.push((kids, at));
                    node = &kids[at].1;
                }
            }
        }
    }

    fn next_leaf(&mut self) -> Option<()> {
        self.leaf = &[];
        loop {
            let (kids, at) = self.stack.pop()?;
            let at = if self.reverse { at.wrapping_sub(1) } else { at + 1 };
            if let Some((_, kid)) = kids.get(at) {
                self.stack.push((kids, at));
                self.enter(kid);
                return Some(());
            }
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.leaf.len() {
            self.next_leaf()?;
        }
        let (key, value) = self.leaf.get(self.at)?;
        self.at = if self.reverse { self.at.wrapping_sub(1) } else { self.at + 1 };
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<u32, u32>;

    fn assert_same(tree: &OrderedTree<u32, u32>, model: &Model) {
        tree.check();
        assert_eq!(tree.len(), model.len());
        assert!(tree.iter().eq(model.iter()));
        assert!(tree.iter_rev().eq(model.iter().rev()));
        assert_eq!((tree.first(), tree.last()), (model.first_key_value(), model.last_key_value()));
    }

    #[test]
    fn random_operations_agree_with_a_map_and_leave_clones_alone() {
        for seed in 0..12 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            let range = [50, 2_000, 20_000][seed as usize % 3];
            let (mut tree, mut model) = (OrderedTree::new(), Model::new());
            let mut kept: Vec<(OrderedTree<u32, u32>, Model)> = Vec::new();
            for step in 0..12_000u32 {
                let growing = (step / 3000) % 2 == 0;
                let key = rng.u32(..range);
                match rng.u32(..10) {
                    0..=5 if growing => assert_eq!(tree.insert(key, step), model.insert(key, step)),
                    0..=4 => {
                        // What is there, mostly.
                        let key = model.range(key..).next().map_or(key, |(key, _)| *key);
                        assert_eq!(tree.remove(&key), model.remove(&key));
                    }
                    5 => assert_eq!(tree.remove(&key), model.remove(&key)),
                    6 => {
                        let (ours, theirs) = (tree.get_mut(&key), model.get_mut(&key));
                        assert_eq!(ours, theirs);
                        if let (Some(ours), Some(theirs)) = (ours, theirs) {
                            (*ours, *theirs) = (step, step);
                        }
                    }
                    7 => {
                        assert!(tree.iter_from(&key).take(100).eq(model.range(key..).take(100)));
                        assert!(tree.iter_rev_from(&key).take(100).eq(model.range(..=key).rev().take(100)));
                        assert_eq!(tree.floor(&key), model.range(..=key).next_back());
                        assert_eq!(tree.ceiling(&key), model.range(key..).next());
                    }
                    8 => {
                        if let Some((key, value)) = tree.last_mut() {
                            *value = step;
                            model.insert(*key, step);
                        }
                        assert_eq!(tree.get(&key), model.get(&key));
                    }
                    _ if kept.len() < 4 && rng.u32(..100) == 0 => kept.push((tree.clone(), model.clone())),
                    _ => {
                        let first = model.pop_first();
                        assert_eq!(first.and_then(|(key, _)| tree.remove(&key)), first.map(|(_, value)| value));
                    }
                }
                if step % 64 == 0 {
                    tree.check();
                }
            }
            kept.push((tree, model));
            kept.iter().for_each(|(tree, model)| assert_same(tree, model));
        }
    }

    #[test]
    fn rising_keys_fill_nodes_and_a_queue_leaves_nothing_behind() {
        let mut tree = OrderedTree::new();
        let count = (ROWS * ROWS * 2 + 5) as u32;
        for key in 0..count {
            tree.insert(key, ());
        }
        tree.check();
        let full = count as usize * size_of::<(u32, ())>();
        assert!(tree.alloc_bytes() < full + full / 2 + 4096, "{} bytes for {full}", tree.alloc_bytes());
        for key in 0..count {
            assert_eq!(tree.remove(&key), Some(()));
        }
        tree.check();
        assert_eq!((tree.len(), tree.alloc_bytes()), (0, 0));
    }
}
