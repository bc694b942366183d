//! `ThinBytes`: a shared run of bytes behind one pointer, with a small fixed head.
//!
//! Owns the entries of collections: set members (no head), hash fields (the head says where the field ends)
//! and sorted-set members (the head is the score). Layout, in one allocation:
//!
//! ```text
//! refs: u32 | len: u32 | head: H | len bytes
//! ```
//!
//! Promises: a handle is one pointer wide and never null; the count is atomic, so a handle may be cloned and
//! dropped on any thread; bytes and head never change while more than one handle exists. Left out: growth in
//! place and weak handles.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use super::table::Entry;

/// Beyond this many handles the process is aborted, as `Arc` does: a wrapped count would free what is in use.
const MAX_REFS: u32 = u32::MAX / 2;

#[repr(C)]
struct Header<H> {
    refs: AtomicU32,
    len: u32,
    head: H,
}

/// Reference-counted bytes with a head of type `H`. Cloning is one increment.
pub struct ThinBytes<H: Copy> {
    at: NonNull<Header<H>>,
    marker: PhantomData<Header<H>>,
}

// SAFETY: the count is atomic, and head and bytes are only changed through `&mut` by a sole owner.
unsafe impl<H: Copy + Send + Sync> Send for ThinBytes<H> {}
// SAFETY: as above; shared access only reads.
unsafe impl<H: Copy + Send + Sync> Sync for ThinBytes<H> {}

impl<H: Copy> ThinBytes<H> {
    const BYTES_AT: usize = offset_of!(Header<H>, head) + size_of::<H>();

    fn layout(len: usize) -> Layout {
        // The whole header must fit even where its tail padding is longer than the bytes.
        let size = (Self::BYTES_AT + len).max(size_of::<Header<H>>());
        // The lengths are at most `u32::MAX` and the alignment comes from a type, so this holds on 64 bits.
        Layout::from_size_align(size, align_of::<Header<H>>()).expect("a length of 32 bits fits a layout")
    }

    /// Makes a handle to the concatenation of `parts`. O(total length).
    ///
    /// # Panics
    /// When the parts together exceed `u32::MAX` bytes; callers bound their arguments far below.
    pub fn new(head: H, parts: &[&[u8]]) -> Self {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let len = u32::try_from(total).expect("the caller bounds arguments below 4 GiB");
        let layout = Self::layout(total);
        // SAFETY: the layout is never empty (the header has two words).
        let raw = unsafe { alloc(layout) }.cast::<Header<H>>();
        let Some(at) = NonNull::new(raw) else { handle_alloc_error(layout) };
        // SAFETY: the allocation is fresh, aligned and large enough for the header and `total` bytes behind it.
        unsafe {
            at.write(Header { refs: AtomicU32::new(1), len, head });
            let mut to = at.cast::<u8>().add(Self::BYTES_AT);
            for part in parts {
                to.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
                to = to.add(part.len());
            }
        }
        Self { at, marker: PhantomData }
    }

    #[inline]
    fn refs(&self) -> &AtomicU32 {
        // SAFETY: the allocation lives as long as this handle; the count is only accessed atomically.
        unsafe { &(*self.at.as_ptr()).refs }
    }

    #[inline]
    fn len(&self) -> usize {
        // SAFETY: the header is initialised and `len` never changes after `new`.
        unsafe { (*self.at.as_ptr()).len as usize }
    }

    /// The head. O(1).
    #[inline]
    pub fn head(&self) -> H {
        // SAFETY: the header is initialised; only a sole owner with `&mut` writes the head.
        unsafe { (*self.at.as_ptr()).head }
    }

    /// The bytes. O(1).
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes behind the header were written by `new` and live as long as the handle.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().cast::<u8>().add(Self::BYTES_AT), self.len()) }
    }

    /// Whether this is the only handle.
    #[inline]
    pub fn is_unique(&self) -> bool {
        self.refs().load(Ordering::Acquire) == 1
    }

    fn own(&mut self) {
        if !self.is_unique() {
            *self = Self::new(self.head(), &[self.bytes()]);
        }
    }

    /// The bytes for writing; a shared run is copied first. O(1), or O(length) when shared.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.own();
        let len = self.len();
        // SAFETY: as in `bytes`, and the handle is unique and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr().cast::<u8>().add(Self::BYTES_AT), len) }
    }

    /// Replaces the head; a shared run is copied first. O(1), or O(length) when shared.
    pub fn set_head(&mut self, head: H) {
        self.own();
        // SAFETY: the handle is unique and borrowed mutably.
        unsafe { (*self.at.as_ptr()).head = head }
    }

    /// Bytes asked of the allocator. O(1).
    pub fn alloc_bytes(&self) -> usize {
        Self::layout(self.len()).size()
    }

    /// Where the allocation begins, for prefetching.
    #[inline]
    pub fn address(&self) -> *const u8 {
        self.at.as_ptr().cast()
    }
}

impl<H: Copy> Clone for ThinBytes<H> {
    #[inline]
    fn clone(&self) -> Self {
        if self.refs().fetch_add(1, Ordering::Relaxed) > MAX_REFS {
            std::process::abort();
        }
        Self { at: self.at, marker: PhantomData }
    }
}

impl<H: Copy> Drop for ThinBytes<H> {
    #[inline]
    fn drop(&mut self) {
        // A sole owner needs no locked instruction: nobody else can raise the count.
        if !self.is_unique() {
            // Taken before: others may free it as soon as the share is given up.
            let bytes = self.alloc_bytes();
            if self.refs().fetch_sub(1, Ordering::Release) != 1 {
                super::held::left_behind(bytes);
                return;
            }
            fence(Ordering::Acquire);
        }
        super::held::freed(self.alloc_bytes());
        // SAFETY: this was the last handle; `H: Copy` needs no drop, and the layout is the one of `new`.
        unsafe { dealloc(self.at.as_ptr().cast(), Self::layout(self.len())) }
    }
}

impl<H: Copy + std::fmt::Debug> std::fmt::Debug for ThinBytes<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThinBytes").field("head", &self.head()).field("bytes", &self.bytes().escape_ascii()).finish()
    }
}

/// Without a head the bytes are the key: a member of a set.
impl Entry for ThinBytes<()> {
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes()
    }

    #[inline]
    fn address(&self) -> *const u8 {
        ThinBytes::address(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_one_pointer_and_its_option_too() {
        assert_eq!(size_of::<Option<ThinBytes<f64>>>(), 8);
    }

    #[test]
    fn a_member_costs_eight_bytes_and_itself() {
        assert_eq!(ThinBytes::new((), &[b"abc"]).alloc_bytes(), 11);
        assert_eq!(ThinBytes::new(1.5f64, &[b"abc"]).alloc_bytes(), 19);
    }

    #[test]
    fn a_head_with_padding_keeps_its_bytes() {
        let one = ThinBytes::new((7u32, 1u8), &[b"a", b"", b"bc"]);
        assert_eq!(one.head(), (7, 1));
        assert_eq!(one.bytes(), b"abc");
        assert_eq!(ThinBytes::new((7u64, 1u8), &[]).bytes(), b"");
    }

    #[test]
    fn writing_through_a_shared_handle_leaves_the_other_alone() {
        let mut one = ThinBytes::new(1u64, &[b"hello"]);
        let two = one.clone();
        assert!(!one.is_unique());
        one.bytes_mut()[0] = b'j';
        one.set_head(2);
        assert_eq!((two.bytes(), two.head()), (&b"hello"[..], 1));
        assert_eq!((one.bytes(), one.head()), (&b"jello"[..], 2));
        assert!(one.is_unique() && two.is_unique());
    }

    #[test]
    fn handles_agree_with_a_model_of_vectors() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        type Model = (u32, Vec<u8>);
        let mut live: Vec<(ThinBytes<u32>, Model)> = Vec::new();
        for _ in 0..5000 {
            match rng.u8(..5) {
                0 | 1 => {
                    let parts: Vec<Vec<u8>> =
                        (0..rng.usize(..4)).map(|_| (0..rng.usize(..40)).map(|_| rng.u8(..)).collect()).collect();
                    let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                    let head = rng.u32(..);
                    live.push((ThinBytes::new(head, &slices), (head, parts.concat())));
                }
                2 if !live.is_empty() => {
                    let copy = live[rng.usize(..live.len())].clone();
                    live.push(copy);
                }
                3 if !live.is_empty() => {
                    let at = rng.usize(..live.len());
                    let (real, (head, bytes)) = &mut live[at];
                    *head = head.wrapping_add(1);
                    real.set_head(*head);
                    bytes.iter_mut().for_each(|byte| *byte ^= 1);
                    real.bytes_mut().iter_mut().for_each(|byte| *byte ^= 1);
                }
                _ if !live.is_empty() => {
                    live.swap_remove(rng.usize(..live.len()));
                }
                _ => {}
            }
            for (real, (head, bytes)) in live.iter().rev().take(3) {
                assert_eq!((real.head(), real.bytes()), (*head, &bytes[..]));
            }
        }
        for (real, (head, bytes)) in &live {
            assert_eq!((real.head(), real.bytes()), (*head, &bytes[..]));
        }
    }

    #[test]
    fn handles_may_be_dropped_on_another_thread() {
        let handles: Vec<_> = (0..100u32).map(|n| ThinBytes::new(n, &[b"x"])).collect();
        let copies = handles.clone();
        let other = std::thread::spawn(move || copies.iter().map(|one| u64::from(one.head())).sum::<u64>());
        drop(handles);
        assert_eq!(other.join().unwrap(), 4950);
    }
}
