//! `Block`: a shared, growable run of bytes behind one thin pointer; the ground of `listpack` and `intset`.
//!
//! One allocation holds `{refs: u32, cap: u32, bytes[cap]}`. A clone is a counter increment; whoever changes a block
//! that is shared gets a copy of its own first, so a clone never changes.
//!
//! Promises:
//! * Every one of the `cap` bytes is initialised, always. That is why the interface is safe and why `bytes` can hand
//!   out the whole capacity. How many of them mean something is the business of the owner (both formats say so in their
//!   own headers), who passes it in as `used`.
//! * Capacity follows the size classes of the allocator (`size_class`), never doubling: the waste stays under a fifth.
//!   A block that is less than half used after an edit that shortens it is moved to a
//!   smaller one.
//! * An edit moves each byte at most once, even when it also has to grow or to unshare.
//! * Blocks that are not to grow any more may be piled up, in `block/pile.rs`: then there is no waste, but for their memory
//!   to be free all blocks of the pile have to go. `cap` is a multiple of 8; one more says that the block is in a pile.
//!
//! Left out: any knowledge of what the bytes mean.
#![allow(unsafe_code)]

mod pile;

pub use pile::Pile;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// The largest `used` a block accepts, in bytes. The room above it is for rounding up to a size class.
pub(super) const MAX_USED: usize = (u32::MAX - (u32::MAX >> 3)) as usize;

/// Bytes of the allocation in front of the data.
const HEADER: usize = size_of::<Header>();

/// A count above this can only come from leaked clones; going on would let it wrap and free a live block.
const MAX_REFS: u32 = i32::MAX as u32;

/// In `cap`: the block is part of a pile.
const PILED: u32 = 1;

#[repr(C, align(8))]
struct Header {
    refs: AtomicU32,
    cap: u32,
}

/// A reference to a shared run of bytes; see the module's page.
pub(super) struct Block {
    /// Made by `allocate`, so its provenance is the whole allocation, and the header in front is initialised.
    head: NonNull<Header>,
}

// SAFETY: the count is atomic and the bytes are only written through `&mut Block` while the count is one, so a block can
// be sent to and read from any thread, as with `Arc<[u8]>`.
unsafe impl Send for Block {}
// SAFETY: as above; `&Block` only reads.
unsafe impl Sync for Block {}

/// The smallest size class of common allocators (mimalloc, jemalloc) that holds `size` bytes: steps of 16 to 128, then
/// four classes for each doubling; above 128 KiB, where allocators deal in pages, eight.
fn size_class(size: usize) -> usize {
    if size <= 128 {
        return size.next_multiple_of(16).max(16);
    }
    let log = (size - 1).ilog2();
    let step = 1usize << if size <= 128 << 10 { log - 2 } else { log - 3 };
    size.next_multiple_of(step)
}

fn layout(cap: usize) -> Layout {
    Layout::from_size_align(HEADER + cap, align_of::<Header>()).expect("a capacity fits 32 bits, so a layout exists")
}

impl Block {
    /// A block of its own with room for `used` bytes at least, all zero.
    ///
    /// Panics when `used` is over `MAX_USED`.
    pub(super) fn zeroed(used: usize) -> Block {
        let block = Block::allocate(used);
        // SAFETY: the block is fresh, so nobody else sees its bytes, and it has `capacity` of them.
        unsafe { ptr::write_bytes(block.data(), 0, block.capacity()) };
        block
    }

    /// A block of its own that starts with a copy of `bytes`; the rest is zero.
    ///
    /// Panics when there are more than `MAX_USED`.
    pub(super) fn copy_of(bytes: &[u8]) -> Block {
        let block = Block::allocate(bytes.len());
        // SAFETY: fresh, so unaliased; the capacity is at least `bytes.len()`; source and target are different blocks.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), block.data(), bytes.len());
            ptr::write_bytes(block.data().add(bytes.len()), 0, block.capacity() - bytes.len());
        }
        block
    }

    /// Memory with a written header and *uninitialised* bytes: callers fill all of them before anything reads.
    fn allocate(used: usize) -> Block {
        assert!(used <= MAX_USED, "a packed block is limited to {MAX_USED} bytes; callers ask before they insert");
        let cap = size_class(HEADER + used) - HEADER;
        let layout = layout(cap);
        // SAFETY: the layout has a size of at least 16.
        let Some(head) = NonNull::new(unsafe { alloc(layout) }.cast::<Header>()) else { handle_alloc_error(layout) };
        // SAFETY: `head` is valid for writes of the header and aligned for it. `cap` fits: `MAX_USED` leaves an eighth.
        unsafe { head.write(Header { refs: AtomicU32::new(1), cap: cap as u32 }) };
        Block { head }
    }

    fn header(&self) -> &Header {
        // SAFETY: `head` points to an initialised header for as long as this reference to the block lives.
        unsafe { self.head.as_ref() }
    }

    fn data(&self) -> *mut u8 {
        // SAFETY: the data follow the header in the same allocation.
        unsafe { self.head.as_ptr().add(1).cast::<u8>() }
    }

    #[inline]
    fn capacity(&self) -> usize {
        (self.header().cap & !PILED) as usize
    }

    #[inline]
    fn is_piled(&self) -> bool {
        self.header().cap & PILED != 0
    }

    /// All bytes of the capacity, initialised but meaningless beyond what the owner uses. O(1).
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `capacity` bytes follow the header, all initialised; they change only through `&mut self` of the sole
        // owner, which this borrow excludes.
        unsafe { std::slice::from_raw_parts(self.data(), self.capacity()) }
    }

    /// Whether another clone holds the same bytes.
    #[inline]
    pub(super) fn is_shared(&self) -> bool {
        // Acquire pairs with the release in `drop`: what the last other holder read is read before we write.
        self.header().refs.load(Ordering::Acquire) != 1
    }

    /// Whether both are clones of one block.
    pub(super) fn same_as(&self, other: &Block) -> bool {
        self.head == other.head
    }

    /// Bytes asked of the allocator, shared or not.
    pub(super) fn alloc_bytes(&self) -> usize {
        HEADER + self.capacity()
    }

    /// Moves the first `used` bytes to the smallest block that holds them, unless they are in one or are shared.
    pub(super) fn shrink(&mut self, used: usize) {
        if size_class(HEADER + used) < self.alloc_bytes() && !self.is_shared() && !self.is_piled() {
            *self = Block::copy_of(&self.bytes()[..used]);
        }
    }

    /// The bytes for overwriting in place; copies the first `used` of them first when the block is shared.
    /// O(1), or O(`used`) to unshare.
    #[inline]
    pub(super) fn edit(&mut self, used: usize) -> &mut [u8] {
        if self.is_shared() {
            *self = Block::copy_of(&self.bytes()[..used]);
        }
        self.sole()
    }

    /// Replaces the `remove` bytes at `at` by `insert` bytes of unspecified content, which the caller then writes; what
    /// followed them moves. `used` counts the meaningful bytes before the edit. Returns the whole capacity.
    /// One move of the bytes behind the edit; or one copy of all when the block is shared, full, or left half empty.
    ///
    /// Panics when the range lies outside `used`, or the result would be over `MAX_USED`.
    #[inline]
    pub(super) fn splice(&mut self, used: usize, at: usize, remove: usize, insert: usize) -> &mut [u8] {
        let tail = at + remove;
        assert!(tail <= used && used <= self.capacity(), "an edit of a packed block lies inside it");
        let target = used - remove + insert;
        if target > self.capacity() || self.is_shared() || (remove > insert && self.is_sparse(target)) {
            self.rebuild(used, at, remove, insert);
            return self.sole();
        }
        let bytes = self.sole();
        match used - tail {
            0 => {}
            1 => bytes[at + insert] = bytes[tail],
            _ if remove == insert => {}
            _ => bytes.copy_within(tail..used, at + insert),
        }
        bytes
    }

    /// Whether less than half would be used. The smallest classes are not worth a move.
    #[inline]
    fn is_sparse(&self, used: usize) -> bool {
        self.alloc_bytes() > 48 && (HEADER + used) * 2 < self.alloc_bytes()
    }

    #[cold]
    #[inline(never)]
    fn rebuild(&mut self, used: usize, at: usize, remove: usize, insert: usize) {
        let fresh = Block::allocate(used - remove + insert);
        let (old, new) = (self.bytes(), fresh.data());
        let (head, tail) = (&old[..at], &old[at + remove..used]);
        let end = at + insert + tail.len();
        // SAFETY: `fresh` is unaliased and has room for `end` bytes and for all up to its capacity; the four writes
        // cover it without a hole: [0, at), [at, at + insert), [at + insert, end), [end, capacity).
        unsafe {
            ptr::copy_nonoverlapping(head.as_ptr(), new, at);
            ptr::write_bytes(new.add(at), 0, insert);
            ptr::copy_nonoverlapping(tail.as_ptr(), new.add(at + insert), tail.len());
            ptr::write_bytes(new.add(end), 0, fresh.capacity() - end);
        }
        *self = fresh;
    }

    /// The bytes of a block known to have no other holder.
    #[inline]
    fn sole(&mut self) -> &mut [u8] {
        debug_assert!(!self.is_shared());
        // SAFETY: the callers have just seen a count of one, and nobody can clone from us while we are borrowed mutably,
        // so these bytes have no other reader. They are initialised.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.capacity()) }
    }
}

impl Clone for Block {
    #[inline]
    fn clone(&self) -> Block {
        // Relaxed: a new reference comes from an existing one, which already keeps the block alive.
        if self.header().refs.fetch_add(1, Ordering::Relaxed) > MAX_REFS {
            std::process::abort();
        }
        Block { head: self.head }
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        // The sole owner needs no read-modify-write: nobody is left who could change the count.
        if self.is_shared() {
            // Taken before: others may free it as soon as the share is given up.
            let bytes = layout(self.capacity()).size();
            if self.header().refs.fetch_sub(1, Ordering::Release) != 1 {
                super::held::left_behind(bytes);
                return;
            }
            fence(Ordering::Acquire);
        }
        let layout = layout(self.capacity());
        super::held::freed(layout.size());
        if self.is_piled() {
            // SAFETY: the count reached zero, so this was the last reference.
            return unsafe { pile::give_up(self.head) };
        }
        // SAFETY: as above, and the layout is that of `allocate`, since the capacity never changes.
        unsafe { dealloc(self.head.as_ptr().cast(), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_the_allocator() {
        let known =
            [(0, 16), (16, 16), (17, 32), (113, 128), (129, 160), (160, 160), (161, 192), (257, 320), (8192, 8192)];
        for (size, class) in known {
            assert_eq!(size_class(size), class, "{size}");
        }
        for size in (1..300_000).step_by(7) {
            let class = size_class(size);
            assert!(
                class >= size && size_class(class) == class && class <= size + (size / 4).max(16),
                "{size} {class}"
            );
        }
        assert!(size_class(HEADER + MAX_USED) - HEADER <= u32::MAX as usize);
    }

    #[test]
    fn splices_agree_with_a_vec_and_leave_clones_alone() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut model: Vec<u8> = Vec::new();
        let mut block = Block::zeroed(0);
        let mut clones: Vec<(Block, Vec<u8>)> = Vec::new();
        for _ in 0..3000 {
            let at = rng.usize(..=model.len());
            let longest = if rng.u8(..8) == 0 { 600 } else { 12 };
            let remove = rng.usize(..=(model.len() - at).min(longest));
            let fresh: Vec<u8> = (0..rng.usize(..=longest)).map(|_| rng.u8(..)).collect();
            let bytes = block.splice(model.len(), at, remove, fresh.len());
            bytes[at..at + fresh.len()].copy_from_slice(&fresh);
            model.splice(at..at + remove, fresh);
            assert_eq!(&block.bytes()[..model.len()], &model[..]);
            assert!(block.alloc_bytes() <= 48 || block.alloc_bytes() <= 2 * (HEADER + model.len()));
            match rng.u8(..10) {
                0 => clones.push((block.clone(), model.clone())),
                1 if !clones.is_empty() => drop(clones.swap_remove(rng.usize(..clones.len()))),
                2 if !model.is_empty() => {
                    let at = rng.usize(..model.len());
                    block.edit(model.len())[at] ^= 1;
                    model[at] ^= 1;
                }
                _ => {}
            }
            for (clone, then) in &clones {
                assert_eq!(&clone.bytes()[..then.len()], &then[..]);
            }
        }
    }

    #[test]
    fn a_block_of_its_own_is_edited_where_it_is_and_a_shared_one_is_not() {
        let mut block = Block::copy_of(b"abc");
        let before = block.head;
        block.edit(3)[0] = b'x';
        assert_eq!(block.head, before);
        let twin = block.clone();
        assert!(block.is_shared() && block.same_as(&twin));
        block.edit(3)[0] = b'y';
        assert!(!block.is_shared() && !twin.is_shared() && !block.same_as(&twin));
        assert_eq!((&block.bytes()[..3], &twin.bytes()[..3]), (&b"ybc"[..], &b"xbc"[..]));
    }

    #[test]
    fn clones_may_be_dropped_on_other_threads_while_the_owner_writes() {
        let mut block = Block::copy_of(&[0; 64]);
        for round in 0..50u8 {
            let clone = block.clone();
            let reader = std::thread::spawn(move || clone.bytes()[..64].iter().all(|byte| *byte == round));
            block.edit(64).fill(round + 1);
            assert!(reader.join().expect("the reader does not panic"));
        }
    }

    #[test]
    #[should_panic(expected = "limited to")]
    fn a_length_over_the_limit_is_refused_before_allocating() {
        Block::zeroed(MAX_USED + 1);
    }
}
