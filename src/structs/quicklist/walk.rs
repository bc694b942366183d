//! Walking a quicklist: block by block, element by element.
//!
//! A compressed block is decompressed while the walk is in it and dropped afterwards; the list is not changed. An
//! element is therefore lent until the next step ([`Walk`] is not an `Iterator`).

use super::Quicklist;
use super::block::Block;
use crate::structs::counted_tree::Iter;
use crate::structs::listpack::{Item, Listpack, Pos};

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the head to the tail.
    Forward,
    /// From the tail to the head.
    Backward,
}

/// The blocks from one on, in either direction.
pub(super) struct Blocks<'a> {
    first: Option<&'a Block>,
    middle: Iter<'a, Block>,
    last: Option<&'a Block>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(list: &'a Quicklist, ordinal: usize, direction: Direction) -> Self {
        let is_tail = ordinal > list.middle.len();
        match direction {
            Direction::Forward => Blocks {
                first: if ordinal == 0 { list.head.as_ref() } else { None },
                middle: list.middle.iter_from(ordinal.saturating_sub(1)),
                last: list.tail.as_ref(),
            },
            Direction::Backward => Blocks {
                first: if is_tail { list.tail.as_ref() } else { None },
                middle: list.middle.iter_rev_from(if is_tail { list.middle.len() } else { ordinal }.wrapping_sub(1)),
                last: list.head.as_ref(),
            },
        }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = &'a Block;

    fn next(&mut self) -> Option<&'a Block> {
        self.first.take().or_else(|| self.middle.next()).or_else(|| self.last.take())
    }
}

/// The elements from an index on, lent one at a time.
pub struct Walk<'a> {
    blocks: Blocks<'a>,
    block: Option<Block>,
    /// In a packed block, the element that comes next.
    pos: Option<Pos>,
    /// In a plain block, whether its element is still to come.
    is_plain_due: bool,
    direction: Direction,
}

impl<'a> Walk<'a> {
    /// `offset` is that of the first element in its block.
    pub(super) fn new(mut blocks: Blocks<'a>, offset: usize, direction: Direction) -> Self {
        let block = blocks.next().map(Block::raw);
        let pos = block.as_ref().and_then(Block::pack).and_then(|pack| pack.seek(isize::try_from(offset).ok()?));
        let is_plain_due = matches!(block, Some(Block::Plain(_)));
        Walk { blocks, block, pos, is_plain_due, direction }
    }

    /// The next element, until the following call.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Item<'_>> {
        while self.pos.is_none() && !self.is_plain_due {
            self.block = self.blocks.next().map(Block::raw);
            match self.block.as_ref()? {
                Block::Packed(pack) => self.pos = edge(pack, self.direction),
                Block::Plain(_) => self.is_plain_due = true,
                Block::Lzf(_) => {}
            }
        }
        match self.block.as_ref()? {
            Block::Packed(pack) => {
                let pos = self.pos?;
                self.pos = step(pack, pos, self.direction);
                Some(pack.get(pos))
            }
            Block::Plain(bytes) => {
                self.is_plain_due = false;
                Some(Item::Bytes(&bytes.slice))
            }
            Block::Lzf(_) => None,
        }
    }
}

/// The element a walk in this direction meets first.
pub(super) fn edge(pack: &Listpack, direction: Direction) -> Option<Pos> {
    match direction {
        Direction::Forward => pack.first(),
        Direction::Backward => pack.last(),
    }
}

/// The element after this one in this direction.
pub(super) fn step(pack: &Listpack, pos: Pos, direction: Direction) -> Option<Pos> {
    match direction {
        Direction::Forward => pack.next(pos),
        Direction::Backward => pack.prev(pos),
    }
}

/// Visits up to `count` elements of a raw block from `from` on; returns how many.
pub(super) fn visit_block(
    block: &Block,
    from: Option<usize>,
    count: usize,
    direction: Direction,
    visit: &mut dyn FnMut(Item<'_>),
) -> usize {
    match block {
        Block::Packed(pack) => {
            let mut pos = match from {
                Some(offset) => isize::try_from(offset).ok().and_then(|offset| pack.seek(offset)),
                None => edge(pack, direction),
            };
            let mut visited = 0;
            if direction == Direction::Forward {
                // Reads each element and where the next begins at once.
                let items = pos.map(|pos| pack.iter_from(pos)).into_iter().flatten().take(count);
                items.for_each(|item| {
                    visit(item);
                    visited += 1;
                });
                return visited;
            }
            while visited < count
                && let Some(at) = pos
            {
                visit(pack.get(at));
                visited += 1;
                pos = step(pack, at, direction);
            }
            visited
        }
        Block::Plain(bytes) if count > 0 => {
            visit(Item::Bytes(&bytes.slice));
            1
        }
        _ => 0,
    }
}
