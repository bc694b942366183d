//! The shape of a quicklist: what may go into one block, and how blocks come, go, split, join and are compressed.
//!
//! Blocks are known by their ordinal, 0 being the head. The functions named `take_block` and `alter` leave compression
//! to their caller; all others leave every block as its place demands.

use super::block::Block;
use super::{PACKED_THRESHOLD_BYTES, Quicklist, is_spent};
use crate::structs::counted_tree::Weigh;

/// Block sizes in bytes that the fills -1 to -5 stand for.
pub(super) const FILL_BYTES: [usize; 5] = [4096, 8192, 16384, 32768, 65536];
/// A block limited by a number of elements holds at most so many bytes once it has more than one.
pub(super) const SAFE_BYTES: usize = 8192;
/// What an element is taken to cost beyond its own bytes.
pub(super) const ELEMENT_OVERHEAD_BYTES: usize = 8;
/// Header and end of a packed block, of which a joined block needs only one.
pub(super) const PACK_FRAME_BYTES: usize = 7;
/// Blocks from which on a new one gets its whole room at once.
const ROOMY_FROM_BLOCKS: usize = 8;
/// What the allocation of packed elements takes beside them: two words of the block, the frame.
const PACK_ALLOCATION_BYTES: usize = 8 + PACK_FRAME_BYTES;

/// What may go together in one block.
#[derive(Clone, Copy)]
pub(super) struct FillRule {
    pub(super) fill: i16,
    pub(super) packed_threshold: usize,
}

impl FillRule {
    /// May a packed block of `bytes` and `count` elements take one of `size` more?
    pub(super) fn takes(self, bytes: usize, count: usize, size: usize) -> bool {
        !self.is_large(size) && self.allows(bytes.saturating_add(size).saturating_add(ELEMENT_OVERHEAD_BYTES), count, 1)
    }

    pub(super) fn is_large(self, size: usize) -> bool {
        size >= self.packed_threshold.min(PACKED_THRESHOLD_BYTES)
    }

    /// May there be a block of `bytes` with `count` and `more` elements?
    pub(super) fn allows(self, bytes: usize, count: usize, more: usize) -> bool {
        match usize::try_from(self.fill) {
            Ok(most) => bytes <= SAFE_BYTES && count + more <= most,
            Err(_) => FILL_BYTES.get(usize::from(self.fill.unsigned_abs()) - 1).is_some_and(|&most| bytes <= most),
        }
    }
}

/// The shape: blocks by ordinal, 0 being the head.
impl Quicklist {
    pub(super) fn fill_rule(&self) -> FillRule {
        FillRule { fill: self.fill, packed_threshold: self.packed_threshold }
    }

    pub(super) fn is_large(&self, size: usize) -> bool {
        self.fill_rule().is_large(size)
    }

    /// A block of its own for `value`.
    pub(super) fn block_of(&self, value: &[u8]) -> Block {
        if self.is_large(value.len()) { Block::plain(value) } else { Block::packed(value, 0) }
    }

    /// A block at an end for `value`: with room for the values to come when the list has so many blocks that what one of
    /// them has not used yet is little.
    pub(super) fn end_block_of(&self, value: &[u8]) -> Block {
        if self.is_large(value.len()) {
            return Block::plain(value);
        }
        let full = FILL_BYTES.get(usize::from(self.fill.unsigned_abs()).wrapping_sub(1)).copied().unwrap_or(0);
        let roomy = self.fill < 0 && full <= SAFE_BYTES && self.node_count() >= ROOMY_FROM_BLOCKS;
        Block::packed(value, if roomy { full - PACK_ALLOCATION_BYTES } else { 0 })
    }

    /// An index from the head for one that may be from the tail.
    pub(super) fn resolve(&self, index: isize) -> Option<usize> {
        let index = match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => self.len.checked_sub(index.unsigned_abs())?,
        };
        (index < self.len).then_some(index)
    }

    /// The block of an element and the element's offset in it.
    pub(super) fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        let first = self.head.as_ref()?.weight();
        let Some(rest) = index.checked_sub(first) else { return Some((0, index)) };
        match rest.checked_sub(self.middle.weight()) {
            Some(offset) => Some((self.middle.len() + 1, offset)),
            None => self.middle.locate(rest).map(|place| (place.ordinal + 1, place.offset)),
        }
    }

    /// May a block take an element of `size` bytes more? False where there is no such block.
    pub(super) fn takes(&self, ordinal: Option<usize>, size: usize) -> bool {
        ordinal
            .and_then(|ordinal| self.block(ordinal))
            .is_some_and(|block| !block.is_plain() && self.fill_rule().takes(block.raw_len(), block.weight(), size))
    }

    pub(super) fn block(&self, ordinal: usize) -> Option<&Block> {
        match ordinal.checked_sub(1) {
            None => self.head.as_ref(),
            Some(inner) if inner < self.middle.len() => self.middle.get(inner),
            Some(inner) if inner == self.middle.len() => self.tail.as_ref(),
            Some(_) => None,
        }
    }

    /// Alters a block without a thought for compression.
    pub(super) fn alter<R>(&mut self, ordinal: usize, change: impl FnOnce(&mut Block) -> R) -> R {
        let (mut weight, mut bytes) = (0, 0);
        let (mut new_weight, mut new_bytes) = (0, 0);
        let change = |block: &mut Block| {
            (weight, bytes) = (block.weight(), block.alloc_bytes());
            let result = change(block);
            (new_weight, new_bytes) = (block.weight(), block.alloc_bytes());
            result
        };
        let result = match ordinal.checked_sub(1) {
            None => self.head.as_mut().map(change),
            Some(inner) if inner < self.middle.len() => self.middle.edit(inner, change),
            Some(_) => self.tail.as_mut().map(change),
        };
        self.len = self.len - weight + new_weight;
        self.block_bytes = self.block_bytes - bytes + new_bytes;
        result.expect("the ordinal is that of a block")
    }

    /// Changes a raw block, then compresses it again if it is deep.
    pub(super) fn edit_block<R>(&mut self, ordinal: usize, change: impl FnOnce(&mut Block) -> R) -> R {
        let is_deep = self.is_deep(ordinal, self.node_count());
        self.alter(ordinal, |block| {
            block.decompress();
            let result = change(block);
            if is_deep && !is_spent(block) {
                block.compress();
            }
            result
        })
    }

    /// Puts a block before the one with this ordinal.
    pub(super) fn insert_block(&mut self, ordinal: usize, block: Block) {
        self.len += block.weight();
        self.block_bytes += block.alloc_bytes();
        let blocks = self.node_count();
        match (blocks, ordinal) {
            (0, _) => self.head = Some(block),
            (1, 0) => self.tail = self.head.replace(block),
            (1, _) => self.tail = Some(block),
            (_, 0) => {
                if let Some(second) = self.head.replace(block) {
                    self.middle.push_front(second);
                }
            }
            _ if ordinal < blocks => self.middle.insert(ordinal - 1, block),
            _ => {
                if let Some(last_but_one) = self.tail.replace(block) {
                    self.middle.push_back(last_but_one);
                }
            }
        }
        if self.compress > 0 {
            self.settle(ordinal);
            self.settle_bounds();
        }
    }

    /// Takes a block out and puts compression right.
    pub(super) fn remove_block(&mut self, ordinal: usize) {
        self.take_block(ordinal);
        if self.compress > 0 {
            self.settle_bounds();
        }
    }

    /// Takes a block out.
    pub(super) fn take_block(&mut self, ordinal: usize) -> Option<Block> {
        let blocks = self.node_count();
        let taken = if ordinal == 0 {
            let second = self.middle.pop_front().or_else(|| self.tail.take());
            std::mem::replace(&mut self.head, second)
        } else if ordinal + 1 == blocks {
            let last = self.middle.pop_back();
            std::mem::replace(&mut self.tail, last)
        } else {
            self.middle.remove(ordinal - 1)
        }?;
        self.len -= taken.weight();
        self.block_bytes -= taken.alloc_bytes();
        Some(taken)
    }

    /// Is the block to be compressed, by where it is?
    pub(super) fn is_deep(&self, ordinal: usize, blocks: usize) -> bool {
        let depth = usize::from(self.compress);
        depth > 0 && ordinal >= depth && ordinal + depth < blocks
    }

    /// Compresses or decompresses a block as its place demands.
    pub(super) fn settle(&mut self, ordinal: usize) {
        let Some(block) = self.block(ordinal) else { return };
        let is_deep = self.is_deep(ordinal, self.node_count());
        if is_deep != block.is_compressed() {
            self.alter(ordinal, if is_deep { Block::compress } else { Block::decompress });
        }
    }

    /// Settles the blocks on either side of both bounds of the deep region: enough after one block came or went.
    pub(super) fn settle_bounds(&mut self) {
        let (depth, blocks) = (usize::from(self.compress), self.node_count());
        for ordinal in [depth.wrapping_sub(1), depth, blocks.wrapping_sub(depth), blocks.wrapping_sub(depth + 1)] {
            self.settle(ordinal);
        }
    }

    /// Settles all that lies near the ends, after any number of blocks went.
    pub(super) fn settle_ends(&mut self) {
        let (depth, blocks) = (usize::from(self.compress), self.node_count());
        if depth == 0 {
            return;
        }
        for ordinal in 0..depth.min(blocks) {
            self.settle(ordinal);
            self.settle(blocks - 1 - ordinal);
        }
        self.settle_bounds();
    }

    pub(super) fn insert(&mut self, index: isize, value: &[u8], after: bool) -> bool {
        let Some((ordinal, offset)) = self.resolve(index).and_then(|index| self.locate(index)) else { return false };
        self.insert_at(ordinal, offset, value, after);
        true
    }

    /// Inserts beside the element at `offset` of a block: in that block, at the near end of its neighbour, in a block
    /// between the two, or where the block is split.
    pub(super) fn insert_at(&mut self, ordinal: usize, offset: usize, value: &[u8], after: bool) {
        let Some(block) = self.block(ordinal) else { return };
        let (size, count) = (value.len(), block.weight());
        let is_at_end = if after { offset + 1 == count } else { offset == 0 };
        let neighbour = if after { Some(ordinal + 1) } else { ordinal.checked_sub(1) };
        if self.takes(Some(ordinal), size) {
            self.edit_block(ordinal, |block| {
                if let Some(pack) = block.pack_mut()
                    && let Some(pos) = pack.seek(offset as isize)
                {
                    if after {
                        pack.insert_after(pos, value)
                    } else {
                        pack.insert_before(pos, value)
                    };
                }
            });
        } else if is_at_end {
            match neighbour.filter(|_| self.takes(neighbour, size)) {
                Some(neighbour) => self.edit_block(neighbour, |block| {
                    if let Some(pack) = block.pack_mut() {
                        if after {
                            pack.push_front(value)
                        } else {
                            pack.push_back(value)
                        };
                    }
                }),
                None => self.insert_block(ordinal + usize::from(after), self.block_of(value)),
            }
        } else {
            self.insert_in_split(ordinal, offset + usize::from(after), value, after);
        }
    }

    /// Splits a block and inserts between the parts, `at` elements being in the left one.
    pub(super) fn insert_in_split(&mut self, ordinal: usize, at: usize, value: &[u8], after: bool) {
        let right = self.edit_block(ordinal, |block| {
            let pack = block.pack_mut()?;
            let (left, right) = pack.split_at(at);
            *pack = left;
            Some(right)
        });
        // A plain block has one element, which is at both its ends.
        let Some(right) = right else { return };
        self.insert_block(ordinal + 1, Block::Packed(right));
        if self.is_large(value.len()) {
            self.insert_block(ordinal + 1, Block::plain(value));
            return;
        }
        // The part that was split off takes the element; the block that stays is the centre of the joining.
        let (part, centre) = if after { (ordinal + 1, ordinal) } else { (ordinal, ordinal + 1) };
        self.edit_block(part, |block| {
            if let Some(pack) = block.pack_mut() {
                if after {
                    pack.push_front(value)
                } else {
                    pack.push_back(value)
                };
            }
        });
        self.join_around(centre);
    }

    /// Joins small blocks near `centre`, in the order Redis tries it.
    pub(super) fn join_around(&mut self, mut centre: usize) {
        if centre >= 2 && self.join(centre - 2) {
            centre -= 1;
        }
        self.join(centre + 1);
        if centre >= 1 && self.join(centre - 1) {
            centre -= 1;
        }
        self.join(centre);
    }

    /// Joins a block with the next if the fill allows a block of both.
    pub(super) fn join(&mut self, ordinal: usize) -> bool {
        let (Some(left), Some(right)) = (self.block(ordinal), self.block(ordinal + 1)) else { return false };
        let bytes = (left.raw_len() + right.raw_len()).saturating_sub(PACK_FRAME_BYTES);
        let fits = self.fill_rule().allows(bytes, left.weight(), right.weight());
        if left.is_plain() || right.is_plain() || !fits {
            return false;
        }
        let Some(Block::Packed(right)) = self.take_block(ordinal + 1).map(|block| block.raw()) else { return false };
        self.edit_block(ordinal, |block| {
            if let Some(pack) = block.pack_mut() {
                pack.append(&right);
            }
        });
        self.settle_bounds();
        true
    }
}
