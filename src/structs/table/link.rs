//! Links between the nodes of the table: tagged pointers to segments and directories, shared by count.
//!
//! A node is a segment (`segment.rs`) or a directory: `2^bits` links, picked by the next `bits` of the hash.
//!
//! ```text
//! directory: refs: u32 | bounded: u32 | children: u32 | spare: u32 | 2^bits links | 2^bits bounds (if bounded)
//! link:      address of the node | bits of the directory, 0 for a segment (in the low 4 bits)
//! ```
//!
//! So a lookup learns the width of a directory from the link and reads one line of it. A child that needs fewer
//! bits than its directory has fills a *run*: an aligned block of `2^k` equal links. Invariants:
//!
//! - a run owns one reference of its child, whatever its length; children of different runs are different;
//! - a bound lies at the first place of its run and is `NONE` at the others: no deadline below it is earlier;
//! - a node whose count is 1 is reachable from one table only and may be changed through `&mut` of that table.
//!
//! Links do not count by themselves: `Tree` owns the root, a directory owns its runs, and `retain`/`release`
//! are called where that changes. Left out: which nodes to split and merge (`tree.rs`).
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::Entry;
use super::segment::Segment;
use crate::structs::prefetch;

/// The bound of a node without deadlines.
pub(super) const NONE: u64 = u64::MAX;
/// Beyond this many references the process is aborted, as `Arc` does.
const MAX_REFS: u32 = u32::MAX / 2;
const BITS_MASK: usize = 15;
/// How far ahead of itself a walk over links asks for nodes.
const AHEAD: usize = 12;

#[repr(C, align(16))]
struct Head {
    refs: AtomicU32,
    bounded: u32,
    children: u32,
    spare: u32,
}

/// A pointer to a node. All methods but the plain reads of the pointer itself need the node to be alive.
pub(super) struct Link<E: Entry> {
    at: NonNull<u8>,
    marker: PhantomData<*mut Segment<E>>,
}

impl<E: Entry> Clone for Link<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Entry> Copy for Link<E> {}

impl<E: Entry> PartialEq for Link<E> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

fn dir_layout(bits: u32, bounded: bool) -> Layout {
    let size = size_of::<Head>() + (8usize << bits) * if bounded { 2 } else { 1 };
    Layout::from_size_align(size, align_of::<Head>()).expect("a directory has at most 2^15 links")
}

/// Bytes of a directory.
pub(super) fn dir_bytes(bits: u32, bounded: bool) -> usize {
    dir_layout(bits, bounded).size()
}

impl<E: Entry> Link<E> {
    /// Takes a segment over, with its one reference.
    pub(super) fn to_segment(segment: Box<Segment<E>>) -> Self {
        Self { at: NonNull::from(Box::leak(segment)).cast(), marker: PhantomData }
    }

    /// A new directory with one reference, its links given by `fill`, its bounds all `NONE`.
    pub(super) fn to_dir(bits: u32, bounded: bool, children: u32, mut fill: impl FnMut(usize) -> Self) -> Self {
        debug_assert!((1..=BITS_MASK as u32).contains(&bits));
        let layout = dir_layout(bits, bounded);
        // SAFETY: the layout is not empty; head, links and bounds are all written, within it, before anyone reads.
        unsafe {
            let Some(at) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            let head = Head { refs: AtomicU32::new(1), bounded: bounded.into(), children, spare: 0 };
            at.cast::<Head>().write(head);
            // Aligned to 16, so the low 4 bits are free.
            let tagged = at.map_addr(|addr| addr | bits as usize);
            let link = Self { at: tagged, marker: PhantomData };
            for i in 0..1 << bits {
                link.links().add(i).write(fill(i));
            }
            if bounded {
                for i in 0..1 << bits {
                    link.bounds().add(i).write(NONE);
                }
            }
            link
        }
    }

    /// Bits of the directory; 0 for a segment.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        (self.at.addr().get() & BITS_MASK) as u32
    }

    #[inline(always)]
    pub(super) fn is_segment(self) -> bool {
        self.bits() == 0
    }

    #[inline(always)]
    fn base(self) -> *mut u8 {
        self.at.as_ptr().wrapping_sub(self.at.addr().get() & BITS_MASK)
    }

    /// The segment; only for links with no bits.
    #[inline(always)]
    pub(super) fn segment(self) -> *mut Segment<E> {
        debug_assert!(self.is_segment());
        self.at.as_ptr().cast()
    }

    fn head(self) -> *mut Head {
        debug_assert!(!self.is_segment());
        self.base().cast()
    }

    /// The links of a directory.
    #[inline(always)]
    pub(super) fn links(self) -> *mut Self {
        self.base().wrapping_add(size_of::<Head>()).cast()
    }

    /// The bounds of a bounded directory.
    #[inline(always)]
    pub(super) fn bounds(self) -> *mut u64 {
        self.base().wrapping_add(size_of::<Head>() + (8 << self.bits())).cast()
    }

    /// # Safety
    /// The directory must be alive and `i` below `2^bits`.
    #[inline(always)]
    pub(super) unsafe fn child(self, i: usize) -> Self {
        debug_assert!(!self.is_segment() && i < 1 << self.bits());
        // SAFETY: passed on to the caller.
        unsafe { *self.links().add(i) }
    }

    /// Where the link of a place stands, to be asked for ahead of its use.
    #[inline(always)]
    pub(super) fn place(self, i: usize) -> *const Self {
        self.links().wrapping_add(i)
    }

    /// # Safety
    /// The directory must be alive.
    pub(super) unsafe fn is_bounded(self) -> bool {
        // SAFETY: passed on to the caller; the flag never changes.
        unsafe { (*self.head()).bounded != 0 }
    }

    /// # Safety
    /// The directory must be alive.
    pub(super) unsafe fn children(self) -> u32 {
        // SAFETY: passed on to the caller; only a sole owner changes the number.
        unsafe { (*self.head()).children }
    }

    /// # Safety
    /// The directory must be alive and owned.
    pub(super) unsafe fn set_children(self, children: u32) {
        // SAFETY: passed on to the caller.
        unsafe { (*self.head()).children = children }
    }

    /// # Safety
    /// The node must be alive.
    #[inline(always)]
    unsafe fn refs<'a>(self) -> &'a AtomicU32 {
        // SAFETY: both kinds of node begin with their count, and the caller keeps the node alive.
        unsafe { &*self.base().cast::<AtomicU32>() }
    }

    /// # Safety
    /// The node must be alive.
    #[inline(always)]
    pub(super) unsafe fn is_unique(self) -> bool {
        // SAFETY: passed on to the caller.
        unsafe { self.refs() }.load(Ordering::Acquire) == 1
    }

    /// The number of references, for checks.
    ///
    /// # Safety
    /// The node must be alive.
    pub(super) unsafe fn ref_count(self) -> u32 {
        // SAFETY: passed on to the caller.
        unsafe { self.refs() }.load(Ordering::Relaxed)
    }

    /// Adds a reference.
    ///
    /// # Safety
    /// The node must be alive.
    pub(super) unsafe fn retain(self) {
        // SAFETY: passed on to the caller.
        if unsafe { self.refs() }.fetch_add(1, Ordering::Relaxed) > MAX_REFS {
            std::process::abort();
        }
    }

    /// Gives a reference back and frees the node with the last one. Recursion is as deep as the tree: 6.
    ///
    /// # Safety
    /// The caller must own a reference, and not use the link again.
    pub(super) unsafe fn release(self) {
        // SAFETY: the caller's reference keeps the node alive; after the last one nobody else can reach it.
        unsafe {
            if !self.is_unique() {
                // Taken before: others may free it as soon as the share is given up.
                let bytes = match self.is_segment() {
                    true => size_of::<Segment<E>>(),
                    false => dir_bytes(self.bits(), self.is_bounded()),
                };
                if self.refs().fetch_sub(1, Ordering::Release) != 1 {
                    crate::structs::held::left_behind(bytes);
                    return;
                }
                fence(Ordering::Acquire);
            }
            if self.is_segment() {
                crate::structs::held::freed(size_of::<Segment<E>>());
                drop(Box::from_raw(self.segment()));
                crate::structs::process::breathe();
            } else {
                crate::structs::held::freed(dir_bytes(self.bits(), self.is_bounded()));
                self.each_run(|child| child.release());
                self.free_dir();
            }
        }
    }

    /// Frees the memory of a directory without giving its children back.
    ///
    /// # Safety
    /// The directory must be owned, and not be used again.
    pub(super) unsafe fn free_dir(self) {
        // SAFETY: the layout is the one of `to_dir`.
        unsafe { dealloc(self.base(), dir_layout(self.bits(), self.is_bounded())) }
    }

    /// Calls `f` once for each child, in order, asking for children ahead.
    ///
    /// # Safety
    /// The directory must be alive; `f` may release the child it is given.
    pub(super) unsafe fn each_run(self, mut f: impl FnMut(Self)) {
        let places = 1 << self.bits();
        let mut last = None;
        for i in 0..places {
            // SAFETY: `i` and `i + AHEAD` are checked against the width; a released child is only compared.
            unsafe {
                if i + AHEAD < places {
                    prefetch::read(self.child(i + AHEAD).base());
                }
                let child = self.child(i);
                if last != Some(child) {
                    last = Some(child);
                    f(child);
                }
            }
        }
    }

    /// The length of the run at `i`, as a power of two. O(log of the length).
    ///
    /// # Safety
    /// The directory must be alive and `i` below `2^bits`.
    #[inline(always)]
    pub(super) unsafe fn run_bits(self, i: usize) -> u32 {
        let mut k = 0;
        while k < self.bits() {
            let rest = (2usize << k) - 1;
            // SAFETY: both ends of the block of `2^(k+1)` around `i` lie in the directory. Runs are blocks, so
            // equal ends mean that the whole block is one run.
            if unsafe { self.child(i & !rest) != self.child(i | rest) } {
                break;
            }
            k += 1;
        }
        k
    }

    /// The first place and the length of the run at `i`.
    ///
    /// # Safety
    /// As for `run_bits`.
    pub(super) unsafe fn run(self, i: usize) -> (usize, usize) {
        // SAFETY: passed on to the caller.
        let k = unsafe { self.run_bits(i) };
        (i >> k << k, 1 << k)
    }

    /// Writes `child` to `len` places from `start`; the caller balances the references.
    ///
    /// # Safety
    /// The directory must be owned and the places lie in it.
    pub(super) unsafe fn fill(self, start: usize, len: usize, child: Self) {
        for i in start..start + len {
            // SAFETY: passed on to the caller.
            unsafe { self.links().add(i).write(child) }
        }
    }

    /// A copy of this node alone, with one reference; its children get one more each.
    ///
    /// # Safety
    /// The node must be alive.
    unsafe fn copy(self) -> Self {
        // SAFETY: the caller keeps the node alive, and it keeps its children alive; places are below `2^bits`.
        unsafe {
            if self.is_segment() {
                return Self::to_segment((*self.segment()).copy());
            }
            self.each_run(|child| child.retain());
            let bounded = self.is_bounded();
            let fresh = Self::to_dir(self.bits(), bounded, self.children(), |i| self.child(i));
            if bounded {
                self.bounds().copy_to_nonoverlapping(fresh.bounds(), 1 << self.bits());
            }
            fresh
        }
    }

    /// Makes the node at `place`, a link outside any run, changeable: a shared node is replaced by a copy.
    ///
    /// # Safety
    /// `place` must be valid, own a reference, and be owned itself.
    #[inline(always)]
    pub(super) unsafe fn own(place: *mut Self) {
        // SAFETY: passed on to the caller.
        unsafe {
            let shared = *place;
            if !shared.is_unique() {
                *place = shared.copy();
                shared.release();
            }
        }
    }

    /// Makes the child at `i` changeable, in all places of its run.
    ///
    /// # Safety
    /// The directory must be owned and `i` below `2^bits`.
    #[inline(always)]
    pub(super) unsafe fn own_child(self, i: usize) -> Self {
        // SAFETY: passed on to the caller.
        unsafe {
            let child = self.child(i);
            if child.is_unique() { child } else { self.copy_child(i) }
        }
    }

    /// # Safety
    /// As for `own_child`.
    #[cold]
    unsafe fn copy_child(self, i: usize) -> Self {
        // SAFETY: passed on to the caller; the run gives its reference to the shared child back.
        unsafe {
            let shared = self.child(i);
            let (start, len) = self.run(i);
            let fresh = shared.copy();
            self.fill(start, len, fresh);
            shared.release();
            fresh
        }
    }

    /// Replaces the owned directory at `place` by one of another width or with bounds. Place `i` of the new one
    /// takes the link of `from(i)`, and its bound too when `i` starts a run there; the children just move.
    ///
    /// # Safety
    /// `place` must be valid and owned, its directory be owned, and `from` map each run onto one old run.
    pub(super) unsafe fn reshape(place: *mut Self, bits: u32, bounded: bool, from: impl Fn(usize) -> usize) -> Self {
        // SAFETY: passed on to the caller; the new directory takes the children's references over.
        unsafe {
            let old = *place;
            let fresh = Self::to_dir(bits, bounded, old.children(), |i| old.child(from(i)));
            if bounded && old.is_bounded() {
                let mut last = None;
                for i in 0..1 << bits {
                    let child = fresh.child(i);
                    if last != Some(child) {
                        last = Some(child);
                        let (start, _) = old.run(from(i));
                        *fresh.bounds().add(i) = *old.bounds().add(start);
                    }
                }
            }
            *place = fresh;
            old.free_dir();
            fresh
        }
    }
}
