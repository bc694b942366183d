//! `Pile`: blocks one behind the other in one allocation, so that none is rounded up to a size class.
//!
//! ```text
//! holders: u32 | nothing: u32 | [ bytes from the pile's begin: u64 | header | bytes ]...
//! ```
//!
//! Promises: what is in a pile stays where it is, as any block; a block that has to grow leaves; the memory is given back when
//! the last block has gone and nothing more can be added. Bytes behind `Open::used` belong to whoever has the [`Pile`], the rest to
//! the blocks, whose owners may be on other threads.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::{Block, HEADER, Header, PILED};

/// Bytes of a pile: a size class of the allocator, of which pages are filled well.
const PILE_BYTES: usize = 28 * 1024;
/// Bytes of a block that is not worth a place: too few of them would fit.
const MOST_BYTES: usize = PILE_BYTES / 5;
/// Bytes in front of a block's header.
const BACK: usize = size_of::<u64>();

#[repr(C, align(8))]
struct PileHeader {
    /// Blocks, and one more while some may be added.
    holders: AtomicU32,
}

/// The end of a pile, where blocks are added; none at first. A clone is none: there is one end.
#[derive(Default)]
pub struct Pile {
    open: Option<Open>,
}

struct Open {
    /// Made by `alloc`, so its provenance is the whole allocation.
    head: NonNull<PileHeader>,
    used: usize,
}

// SAFETY: the count is atomic, and nobody else touches what lies behind `used`.
unsafe impl Send for Pile {}
// SAFETY: as above; nothing is done through a shared reference.
unsafe impl Sync for Pile {}

impl Clone for Pile {
    fn clone(&self) -> Pile {
        Pile::default()
    }
}

const fn layout() -> Layout {
    match Layout::from_size_align(PILE_BYTES, align_of::<PileHeader>()) {
        Ok(layout) => layout,
        Err(_) => panic!("the size is a constant"),
    }
}

impl Open {
    fn new() -> Open {
        // SAFETY: the size is not zero.
        let Some(head) = NonNull::new(unsafe { alloc(layout()) }.cast::<PileHeader>()) else {
            handle_alloc_error(layout())
        };
        // SAFETY: fresh, aligned, and large enough.
        unsafe { head.write(PileHeader { holders: AtomicU32::new(1) }) };
        Open { head, used: size_of::<PileHeader>() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the end holds one count.
        unsafe { release(self.head) };
    }
}

/// Gives up one count of a pile.
///
/// # Safety
/// The caller must own it.
unsafe fn release(head: NonNull<PileHeader>) {
    // SAFETY: passed on to the caller: the pile is alive until the count is given up, and gone with the last one.
    unsafe {
        if head.as_ref().holders.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            dealloc(head.as_ptr().cast(), layout());
        }
    }
}

/// Gives up the place of a block.
///
/// # Safety
/// The block must be in a pile, and nobody may use it any more.
pub(super) unsafe fn give_up(block: NonNull<Header>) {
    // SAFETY: the distance was written in front of the header by `pile_up`, and leads to the begin of the same allocation.
    unsafe {
        let back = block.cast::<u8>().sub(BACK).cast::<u64>().read();
        release(block.cast::<u8>().sub(back as usize).cast());
    }
}

impl Block {
    /// Moves to a pile, with the first `used` bytes and no room for more, unless it is there already, is shared, or is too
    /// large. O(`used`).
    pub(in super::super) fn pile_up(&mut self, used: usize, pile: &mut Pile) {
        let cap = used.next_multiple_of(8);
        let bytes = BACK + HEADER + cap;
        if self.is_piled() || self.is_shared() || bytes > MOST_BYTES || bytes >= self.alloc_bytes() {
            return;
        }
        if pile.open.as_ref().is_some_and(|open| PILE_BYTES - open.used < bytes) {
            pile.open = None;
        }
        let open = pile.open.get_or_insert_with(Open::new);
        // SAFETY: the bytes from `used` on are in the allocation and this thread's own, and there are enough of them; offset and
        // size are multiples of 8, as the header's alignment asks.
        unsafe {
            let at = open.head.cast::<u8>().add(open.used);
            at.cast::<u64>().write((open.used + BACK) as u64);
            let head = at.add(BACK).cast::<Header>();
            head.write(Header { refs: AtomicU32::new(1), cap: cap as u32 | PILED });
            let data = head.add(1).cast::<u8>().as_ptr();
            ptr::copy_nonoverlapping(self.data(), data, used);
            ptr::write_bytes(data.add(used), 0, cap - used);
            open.head.as_ref().holders.fetch_add(1, Ordering::Relaxed);
            open.used += bytes;
            *self = Block { head };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(n: usize) -> (Block, Vec<u8>) {
        let bytes: Vec<u8> = (0..1 + n * 37 % 3000).map(|at| (at * 7 + n) as u8).collect();
        (Block::copy_of(&bytes), bytes)
    }

    #[test]
    fn blocks_in_piles_are_blocks() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut pile = Pile::default();
        let mut all: Vec<(Block, Vec<u8>)> = Vec::new();
        for n in 0..500 {
            let (mut one, mut model) = block(n);
            one.pile_up(model.len(), &mut pile);
            let worth =
                BACK + HEADER + model.len().next_multiple_of(8) < super::super::size_class(HEADER + model.len());
            assert_eq!(one.is_piled(), worth);
            assert!(!one.is_piled() || one.alloc_bytes() == HEADER + model.len().next_multiple_of(8));
            let clone = one.clone();
            match n % 4 {
                // In place.
                0 => {
                    drop(clone);
                    let before = one.head;
                    one.edit(model.len())[0] ^= 1;
                    model[0] ^= 1;
                    assert_eq!(one.head, before);
                }
                // What grows, or is shared, leaves.
                1 => {
                    let at = one.splice(model.len(), model.len(), 0, 100).len();
                    assert!(at >= model.len() + 100 && !one.is_piled());
                    one.edit(model.len() + 100)[model.len()..model.len() + 100].fill(5);
                    assert_eq!(&clone.bytes()[..model.len()], &model[..]);
                    model.extend([5; 100]);
                }
                _ => all.push((clone, model.clone())),
            }
            all.push((one, model));
            if rng.u8(..3) == 0 {
                all.swap_remove(rng.usize(..all.len()));
            }
        }
        for (block, model) in &all {
            assert_eq!(&block.bytes()[..model.len()], &model[..]);
        }
        drop(pile);
        for (block, model) in all {
            assert_eq!(&block.bytes()[..model.len()], &model[..]);
        }
    }

    #[test]
    fn a_pile_may_outlive_its_end_and_be_given_back_by_another_thread() {
        let mut pile = Pile::default();
        let blocks: Vec<_> = (100..140)
            .map(|n| {
                let (mut block, model) = block(n);
                block.pile_up(model.len(), &mut pile);
                (block, model)
            })
            .collect();
        let other = pile.clone();
        assert!(other.open.is_none());
        let reader = std::thread::spawn(move || {
            blocks.into_iter().all(|(block, model)| block.bytes()[..model.len()] == model[..])
        });
        let (mut more, model) = block(50);
        more.pile_up(model.len(), &mut pile);
        drop(pile);
        assert!(reader.join().unwrap());
        assert_eq!(&more.bytes()[..model.len()], &model[..]);
    }
}
