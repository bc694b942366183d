//! Lists: a sequence of packed blocks with the ends at hand and a counted tree between them.
//!
//! Blocks are filled, split, joined and compressed as Redis 7 does it, so that what clients see of a list's nodes is
//! the same; only an element in the middle is found in O(log n) blocks instead of one block after the other.
//!
//! Promises: `Clone` is O(1); a write copies the block it changes and at most one path of small tree nodes, and only
//! those that a clone still holds. The first and the last block are kept outside the tree, so that a queue is one
//! block's push and pop. No block is empty. With a compress depth, exactly the blocks nearer than that to either end
//! are raw, the others compressed where it pays.
//!
//! Where to start: [`Quicklist::push_back`] for the common path, `shape.rs` for what may go into a block and for how
//! blocks come, go, split and join.

mod block;
mod shape;
mod walk;

use block::Block;
use shape::{FILL_BYTES, FillRule};
use walk::{Blocks, edge, step, visit_block};
pub use walk::{Direction, Walk};

use super::counted_tree::{CountedTree, Weigh};
use super::listpack::{Item, Listpack};

/// The greatest number of elements that can be set as a fill.
const FILL_MAX: i64 = 32767;
/// From this size on an element has a block of its own, unless set otherwise.
pub const PACKED_THRESHOLD_BYTES: usize = 1 << 30;
/// The most a packed block may come to, whatever is set; keeps its 32-bit length sound.
const PACK_MAX_BYTES: usize = 1 << 31;

/// A list. See the module's notes.
#[derive(Clone)]
pub struct Quicklist {
    /// The first block; there if the list is not empty.
    head: Option<Block>,
    /// The last block; there if there are at least two.
    tail: Option<Block>,
    middle: CountedTree<Block>,
    len: usize,
    block_bytes: usize,
    packed_threshold: usize,
    fill: i16,
    compress: u16,
}

/// A block as it goes into a snapshot or comes out of one.
#[derive(Clone)]
pub enum Chunk {
    /// Several elements in the packed format.
    Packed(Listpack),
    /// One large element.
    Plain(triomphe::ThinArc<(), u8>),
}

impl Chunk {
    /// The raw bytes: a listpack or the element itself.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Packed(pack) => pack.as_bytes(),
            Chunk::Plain(bytes) => &bytes.slice,
        }
    }

    /// True for one large element.
    pub fn is_plain(&self) -> bool {
        matches!(self, Chunk::Plain(_))
    }
}

impl Quicklist {
    /// An empty list. `fill` is `list-max-listpack-size` (-1 to -5: 4 to 64 KiB a block, otherwise elements a block),
    /// `compress` is `list-compress-depth` in blocks, 0 for never.
    pub fn new(fill: i64, compress: i64) -> Self {
        Quicklist {
            head: None,
            tail: None,
            middle: CountedTree::new(),
            len: 0,
            block_bytes: 0,
            packed_threshold: PACKED_THRESHOLD_BYTES,
            fill: clamp_fill(fill),
            compress: clamp_compress(compress),
        }
    }

    /// Would a list with this `fill` take an element of `bytes` into this block, which is its only one?
    #[inline]
    pub fn block_takes(fill: i64, pack: &Listpack, bytes: usize) -> bool {
        let rule = FillRule { fill: clamp_fill(fill), packed_threshold: PACKED_THRESHOLD_BYTES };
        rule.takes(pack.byte_len(), pack.len(), bytes)
    }

    /// Number of elements. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no element. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of blocks. O(1).
    pub fn node_count(&self) -> usize {
        self.middle.len() + usize::from(self.head.is_some()) + usize::from(self.tail.is_some())
    }

    /// Bytes allocated for blocks and tree nodes. O(1).
    pub fn alloc_bytes(&self) -> usize {
        self.block_bytes + self.middle.alloc_bytes()
    }

    /// The fill in force.
    pub fn fill(&self) -> i64 {
        i64::from(self.fill)
    }

    /// The compress depth in force, in blocks.
    pub fn compress(&self) -> i64 {
        i64::from(self.compress)
    }

    /// Sets the fill for elements to come; blocks stay as they are.
    pub fn set_fill(&mut self, fill: i64) {
        self.fill = clamp_fill(fill);
    }

    /// Sets the compress depth and compresses or decompresses what that concerns. O(blocks) when it differs.
    pub fn set_compress(&mut self, compress: i64) {
        let compress = clamp_compress(compress);
        if compress != self.compress {
            self.compress = compress;
            for ordinal in 0..self.node_count() {
                self.settle(ordinal);
            }
        }
    }

    /// Sets the size in bytes from which an element has a block of its own; 0 means the default.
    pub fn set_packed_threshold(&mut self, bytes: usize) {
        self.packed_threshold = if bytes == 0 { PACKED_THRESHOLD_BYTES } else { bytes };
    }

    /// Adds an element at the head.
    pub fn push_front(&mut self, value: &[u8]) {
        let rule = self.fill_rule();
        if let Some(Block::Packed(pack)) = &mut self.head
            && rule.takes(pack.byte_len(), pack.len(), value.len())
        {
            let before = pack.alloc_bytes();
            pack.push_front(value);
            self.block_bytes = self.block_bytes - before + pack.alloc_bytes();
            self.len += 1;
            return;
        }
        if let Some(Block::Packed(pack)) = &mut self.head {
            seal(pack, &mut self.block_bytes);
        }
        self.insert_block(0, self.end_block_of(value));
    }

    /// Adds an element at the tail: to the last block while the fill allows, else in a new block.
    pub fn push_back(&mut self, value: &[u8]) {
        let rule = self.fill_rule();
        let last = if self.tail.is_some() { &mut self.tail } else { &mut self.head };
        if let Some(Block::Packed(pack)) = last
            && rule.takes(pack.byte_len(), pack.len(), value.len())
        {
            let before = pack.alloc_bytes();
            pack.push_back(value);
            self.block_bytes = self.block_bytes - before + pack.alloc_bytes();
            self.len += 1;
            return;
        }
        if let Some(Block::Packed(pack)) = last {
            seal(pack, &mut self.block_bytes);
        }
        self.insert_block(self.node_count(), self.end_block_of(value));
    }

    /// Removes the first element.
    pub fn pop_front(&mut self) -> Option<Vec<u8>> {
        self.pop_front_with(|item| item.to_vec())
    }

    /// Removes the last element.
    pub fn pop_back(&mut self) -> Option<Vec<u8>> {
        self.pop_back_with(|item| item.to_vec())
    }

    /// Removes the first element after `read` has seen it.
    pub fn pop_front_with<R>(&mut self, read: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let result = pop_with(self.head.as_mut()?, Direction::Forward, &mut self.block_bytes, read)?;
        self.len -= 1;
        if self.head.as_ref().is_some_and(is_spent) {
            self.remove_block(0);
        }
        Some(result)
    }

    /// Removes the last element after `read` has seen it.
    pub fn pop_back_with<R>(&mut self, read: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let last = if self.tail.is_some() { &mut self.tail } else { &mut self.head };
        let result = pop_with(last.as_mut()?, Direction::Backward, &mut self.block_bytes, read)?;
        self.len -= 1;
        if last.as_ref().is_some_and(is_spent) {
            self.remove_block(self.node_count() - 1);
        }
        Some(result)
    }

    /// A copy of the element at `index`, negative from the tail.
    pub fn get(&self, index: isize) -> Option<Vec<u8>> {
        self.with(index, |item| item.to_vec())
    }

    /// Lets `read` see the element at `index`, negative from the tail.
    pub fn with<R>(&self, index: isize, read: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let (ordinal, offset) = self.locate(self.resolve(index)?)?;
        self.block(ordinal)?.with_raw(|block| block.item(offset).map(read))
    }

    /// Replaces the element at `index`; false when there is none.
    pub fn set(&mut self, index: isize, value: &[u8]) -> bool {
        let Some(index) = self.resolve(index) else { return false };
        let Some((ordinal, offset)) = self.locate(index) else { return false };
        let is_large = self.is_large(value.len());
        let Some(block) = self.block(ordinal) else { return false };
        let fits = block.raw_len().saturating_add(value.len()) < PACK_MAX_BYTES;
        match (block.is_plain(), is_large) {
            (false, false) if fits => self.edit_block(ordinal, |block| {
                if let Some(pack) = block.pack_mut()
                    && let Some(pos) = pack.seek(offset as isize)
                {
                    pack.replace(pos, value);
                }
            }),
            (true, true) => self.edit_block(ordinal, |block| *block = Block::plain(value)),
            _ => {
                // Into another kind of block: beside the old element, which then goes.
                self.insert_at(ordinal, offset, value, true);
                self.remove_range(index as isize, 1);
            }
        }
        true
    }

    /// Inserts an element before the one at `index`; false when there is none.
    pub fn insert_before(&mut self, index: isize, value: &[u8]) -> bool {
        self.insert(index, value, false)
    }

    /// Inserts an element after the one at `index`; false when there is none.
    pub fn insert_after(&mut self, index: isize, value: &[u8]) -> bool {
        self.insert(index, value, true)
    }

    /// Removes up to `count` elements from `start` on (negative from the tail); returns how many.
    /// Whole blocks go at O(log n) each.
    pub fn remove_range(&mut self, start: isize, count: usize) -> usize {
        let Some(index) = self.resolve(start) else { return 0 };
        let count = count.min(self.len - index);
        let (mut left, blocks) = (count, self.node_count());
        while left > 0 {
            let Some((ordinal, offset)) = self.locate(index) else { break };
            let here = self.block(ordinal).map_or(0, Block::weight);
            let gone = left.min(here - offset);
            if gone == here {
                self.take_block(ordinal);
            } else {
                self.edit_block(ordinal, |block| {
                    if let Some(pack) = block.pack_mut() {
                        pack.remove_range(offset as isize, gone);
                    }
                });
            }
            left -= gone;
        }
        if self.node_count() != blocks {
            self.settle_ends();
        }
        count - left
    }

    /// Removes elements equal to `value`: the first `count`, the last `-count` when negative, all when 0.
    /// Returns how many. O(bytes).
    pub fn remove_matching(&mut self, value: &[u8], count: isize) -> usize {
        let direction = if count < 0 { Direction::Backward } else { Direction::Forward };
        let most = if count == 0 { usize::MAX } else { count.unsigned_abs() };
        let (mut removed, blocks) = (0, self.node_count());
        let mut visited = 0;
        while visited < blocks && removed < most {
            let ordinal = match direction {
                // Blocks that went do not count any more.
                Direction::Forward => visited - (blocks - self.node_count()),
                Direction::Backward => blocks - 1 - visited,
            };
            visited += 1;
            let Some(block) = self.block(ordinal) else { break };
            if !block.with_raw(|block| holds(block, value)) {
                continue;
            }
            if block.is_plain() {
                self.take_block(ordinal);
                removed += 1;
                continue;
            }
            removed += self.edit_block(ordinal, |block| remove_in(block, value, most - removed, direction));
            if self.block(ordinal).is_some_and(is_spent) {
                self.take_block(ordinal);
            }
        }
        if self.node_count() != blocks {
            self.settle_ends();
        }
        removed
    }

    /// The index of the first element equal to `value`, seen from either end. O(bytes).
    pub fn position(&self, value: &[u8], direction: Direction) -> Option<usize> {
        let first = match direction {
            Direction::Forward => 0,
            Direction::Backward => self.len.checked_sub(1)?,
        };
        let (mut walk, mut step) = (self.iter_from(first, direction), 0);
        while let Some(item) = walk.next() {
            if item == *value {
                return Some(first.abs_diff(step));
            }
            step += 1;
        }
        None
    }

    /// The elements from `index` on, one way or the other; nothing when there is no such element.
    pub fn iter_from(&self, index: usize, direction: Direction) -> Walk<'_> {
        match self.locate(index) {
            Some((ordinal, offset)) => Walk::new(Blocks::new(self, ordinal, direction), offset, direction),
            None => Walk::new(Blocks::new(&EMPTY, 0, direction), 0, direction),
        }
    }

    /// Visits up to `count` elements from index `start` on, towards the head if `reverse`. Allocates nothing unless a
    /// block is compressed.
    pub fn for_range(&self, start: usize, count: usize, reverse: bool, visit: &mut dyn FnMut(Item<'_>)) {
        let Some((ordinal, offset)) = self.locate(start) else { return };
        let direction = if reverse { Direction::Backward } else { Direction::Forward };
        let (mut left, mut from) = (count, Some(offset));
        for block in Blocks::new(self, ordinal, direction) {
            if left == 0 {
                break;
            }
            left -= block.with_raw(|block| visit_block(block, from.take(), left, direction, visit));
        }
    }

    /// The blocks from head to tail, raw.
    pub fn iter_nodes(&self) -> impl Iterator<Item = Chunk> + '_ {
        Blocks::new(self, 0, Direction::Forward).filter_map(|block| match block.raw() {
            Block::Packed(pack) => Some(Chunk::Packed(pack)),
            Block::Plain(bytes) => Some(Chunk::Plain(bytes)),
            Block::Lzf(_) => None,
        })
    }

    /// Adds a block at the tail as it is; an empty one is passed over.
    pub fn push_node(&mut self, chunk: Chunk) {
        let block = match chunk {
            Chunk::Packed(pack) => Block::Packed(pack),
            Chunk::Plain(bytes) => Block::Plain(bytes),
        };
        if !is_spent(&block) {
            self.insert_block(self.node_count(), block);
        }
    }

    /// Walks the list and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        self.middle.check();
        assert!(self.head.is_some() || (self.tail.is_none() && self.len == 0), "a list starts with its head");
        assert!(self.tail.is_some() || self.middle.is_empty(), "a third block comes after the tail");
        let blocks = self.node_count();
        let (mut len, mut bytes) = (0, 0);
        for (ordinal, block) in Blocks::new(self, 0, Direction::Forward).enumerate() {
            assert!(!is_spent(block), "no block is empty");
            len += block.weight();
            bytes += block.alloc_bytes();
            let mut raw = block.raw();
            assert_eq!((raw.weight(), raw.raw_len()), (block.weight(), block.raw_len()), "a block knows its raw form");
            if let Some(pack) = raw.pack() {
                pack.check();
            }
            if self.is_deep(ordinal, blocks) {
                raw.compress();
                assert_eq!(raw.is_compressed(), block.is_compressed(), "a deep block is compressed where it pays");
            } else {
                assert!(!block.is_compressed(), "a block near the ends is raw");
            }
        }
        assert_eq!((len, bytes), (self.len, self.block_bytes), "sums are exact");
    }
}

static EMPTY: Quicklist = Quicklist {
    head: None,
    tail: None,
    middle: CountedTree::new(),
    len: 0,
    block_bytes: 0,
    packed_threshold: PACKED_THRESHOLD_BYTES,
    fill: -2,
    compress: 0,
};

fn clamp_fill(fill: i64) -> i16 {
    fill.clamp(-(FILL_BYTES.len() as i64), FILL_MAX) as i16
}

fn clamp_compress(compress: i64) -> u16 {
    compress.clamp(0, i64::from(u16::MAX)) as u16
}

/// Gives back the room of a block that takes no more.
fn seal(pack: &mut Listpack, block_bytes: &mut usize) {
    let before = pack.alloc_bytes();
    pack.shrink_to_fit();
    *block_bytes = *block_bytes - before + pack.alloc_bytes();
}

/// True for a packed block without elements.
fn is_spent(block: &Block) -> bool {
    block.weight() == 0
}

/// Takes an element off the end of a raw block. A plain block is left for the caller to remove.
fn pop_with<R>(
    block: &mut Block,
    from: Direction,
    block_bytes: &mut usize,
    read: impl FnOnce(Item<'_>) -> R,
) -> Option<R> {
    if let Block::Plain(bytes) = block {
        let result = read(Item::Bytes(&bytes.slice));
        *block_bytes -= block.alloc_bytes();
        *block = Block::Packed(Listpack::new());
        *block_bytes += block.alloc_bytes();
        return Some(result);
    }
    let pack = block.pack_mut()?;
    let pos = edge(pack, from)?;
    let result = read(pack.get(pos));
    let before = pack.alloc_bytes();
    pack.remove(pos);
    *block_bytes = *block_bytes - before + pack.alloc_bytes();
    Some(result)
}

/// Does a raw block hold an element equal to `value`?
fn holds(block: &Block, value: &[u8]) -> bool {
    match block {
        Block::Packed(pack) => pack.find(value, 0).is_some(),
        Block::Plain(bytes) => bytes.slice == *value,
        Block::Lzf(_) => false,
    }
}

/// Removes up to `most` elements equal to `value` from a raw packed block; returns how many.
fn remove_in(block: &mut Block, value: &[u8], most: usize, direction: Direction) -> usize {
    let Some(pack) = block.pack_mut() else { return 0 };
    let (mut pos, mut removed) = (edge(pack, direction), 0);
    while removed < most
        && let Some(at) = pos
    {
        if pack.get(at) != *value {
            pos = step(pack, at, direction);
            continue;
        }
        removed += 1;
        let before = pack.prev(at);
        let after = pack.remove(at);
        pos = if direction == Direction::Forward { after } else { before };
    }
    removed
}

#[cfg(test)]
mod tests;
