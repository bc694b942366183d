//! A segment: the leaf of the table, 56 slots with one tag byte each.
//!
//! Layout, 512 bytes and aligned to a cache line when `E` is a pointer:
//!
//! ```text
//! line 0: refs: u32 | state: u32 | 56 tags              a tag of 0 is a free slot
//! line 1..8: 8 slots each
//! ```
//!
//! An entry prefers the line that its hash names (its home line), so that a lookup can ask for that line before
//! it has read the tags. Promises: a slot is initialised exactly when its tag is not 0; the count of references
//! belongs to `link.rs`, which shares segments between tables, the state to `walk.rs`.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU32;

use super::Entry;
use crate::structs::prefetch;

/// Slots in a segment.
pub(super) const SLOTS: usize = 56;
const LINE_SLOTS: usize = 8;
const LINES: u64 = (SLOTS / LINE_SLOTS) as u64;
const ALL: u64 = (1 << SLOTS) - 1;

#[repr(C, align(64))]
pub(super) struct Segment<E: Entry> {
    /// First, as in every node: `link.rs` counts through a pointer that may lead to either kind.
    pub(super) refs: AtomicU32,
    /// Who may touch a segment that a walk shares.
    state: AtomicU32,
    tags: [u8; SLOTS],
    slots: [MaybeUninit<E>; SLOTS],
}

/// The tag of a hash: its low byte, with 0 kept for free slots.
#[inline(always)]
pub(super) fn tag_of(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// First slot of the line an entry prefers, from bits that neither pick the segment nor make the tag.
#[inline(always)]
fn home_of(hash: u64) -> usize {
    ((((hash >> 8) & 0xffff) * LINES) >> 16) as usize * LINE_SLOTS
}

/// The slots whose tag equals `tag`, as bits.
#[inline(always)]
fn equal_tags(tags: &[u8; SLOTS], tag: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64; the four 16-byte reads, the last of which overlaps, stay inside 56 bytes.
    unsafe {
        use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
        let needle = _mm_set1_epi8(tag.cast_signed());
        let lane = |at: usize| {
            let lane = _mm_loadu_si128(tags.as_ptr().add(at).cast());
            u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(lane, needle)).cast_unsigned())
        };
        lane(0) | lane(16) << 16 | lane(32) << 32 | lane(40) << 40
    }
    #[cfg(not(target_arch = "x86_64"))]
    equal_tags_portable(tags, tag)
}

/// The oracle of `equal_tags`, and its stand-in on other processors.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_tags_portable(tags: &[u8; SLOTS], tag: u8) -> u64 {
    tags.iter().enumerate().fold(0, |bits, (at, found)| bits | (u64::from(*found == tag) << at))
}

/// The positions of the bits set in a word, lowest first.
pub(super) struct Bits(pub(super) u64);

impl Iterator for Bits {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let at = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(at)
    }
}

impl<E: Entry> Segment<E> {
    /// An empty segment with one reference.
    pub(super) fn boxed() -> Box<Self> {
        let mut fresh = Box::<Self>::new_uninit();
        // SAFETY: count, state and tags are written; slots need no initialisation while their tags are 0.
        unsafe {
            let at = fresh.as_mut_ptr();
            (&raw mut (*at).refs).write(AtomicU32::new(1));
            (&raw mut (*at).state).write(AtomicU32::new(0));
            (&raw mut (*at).tags).write([0; SLOTS]);
            fresh.assume_init()
        }
    }

    /// A copy with one reference, every entry cloned into the same slot.
    pub(super) fn copy(&self) -> Box<Self> {
        self.prefetch_entries();
        let mut fresh = Self::boxed();
        for at in self.occupied() {
            fresh.slots[at].write(self.at(at).clone());
            // Written after the entry, so that a panic in between leaks nothing uninitialised.
            fresh.tags[at] = self.tags[at];
        }
        fresh
    }

    #[inline(always)]
    pub(super) fn state(&self) -> &AtomicU32 {
        &self.state
    }

    #[inline(always)]
    pub(super) fn occupied(&self) -> Bits {
        Bits(!equal_tags(&self.tags, 0) & ALL)
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.occupied().0.count_ones() as usize
    }

    /// The slot of `key`.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        // SAFETY: a tag of a hash is never 0, so the slot of each match is initialised.
        Bits(equal_tags(&self.tags, tag_of(hash))).find(|at| unsafe { self.slot(*at) }.key() == key)
    }

    /// # Safety
    /// The slot must be occupied.
    #[inline(always)]
    unsafe fn slot(&self, at: usize) -> &E {
        debug_assert_ne!(self.tags[at], 0);
        // SAFETY: passed on to the caller, who got `at` from the tags, so it is below `SLOTS`.
        unsafe { self.slots.get_unchecked(at).assume_init_ref() }
    }

    /// The entry of an occupied slot.
    #[inline(always)]
    pub(super) fn at(&self, at: usize) -> &E {
        assert_ne!(self.tags[at], 0, "a free slot");
        // SAFETY: just checked.
        unsafe { self.slot(at) }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &E> {
        self.occupied().map(|at| self.at(at))
    }

    pub(super) fn slot_is_free(&self, at: usize) -> bool {
        self.tags[at] == 0
    }

    pub(super) fn tag(&self, at: usize) -> u8 {
        self.tags[at]
    }

    /// A free slot, on the home line of `hash` when that has one.
    #[inline(always)]
    pub(super) fn vacant(&self, hash: u64) -> Option<usize> {
        let free = equal_tags(&self.tags, 0);
        let home = free & (0xff << home_of(hash));
        let pick = if home != 0 { home } else { free };
        (pick != 0).then(|| pick.trailing_zeros() as usize)
    }

    /// Fills a free slot.
    #[inline(always)]
    pub(super) fn put(&mut self, at: usize, hash: u64, entry: E) -> &mut E {
        // SAFETY: the segment is borrowed mutably.
        unsafe { &mut *Self::put_at(self, at, hash, entry) }
    }

    /// As `put`, touching nothing but the slot and its tag.
    ///
    /// # Safety
    /// The segment must be alive, and nobody else may use its slots and tags.
    #[inline(always)]
    pub(super) unsafe fn put_at(this: *mut Self, at: usize, hash: u64, entry: E) -> *mut E {
        // SAFETY: passed on to the caller; an index of an array is checked.
        unsafe {
            assert_eq!((*this).tags[at], 0, "an occupied slot");
            let slot = (&raw mut (*this).slots[at]).cast::<E>();
            slot.write(entry);
            (&raw mut (*this).tags[at]).write(tag_of(hash));
            slot
        }
    }

    /// The entry of an occupied slot, to be changed, touching nothing else.
    ///
    /// # Safety
    /// As for `put_at`.
    #[inline(always)]
    pub(super) unsafe fn entry_at(this: *mut Self, at: usize) -> *mut E {
        // SAFETY: passed on to the caller; an index of an array is checked.
        unsafe {
            assert_ne!((*this).tags[at], 0, "a free slot");
            (&raw mut (*this).slots[at]).cast::<E>()
        }
    }

    /// Empties an occupied slot.
    #[inline(always)]
    pub(super) fn take(&mut self, at: usize) -> E {
        // SAFETY: the segment is borrowed mutably.
        unsafe { Self::take_at(self, at) }
    }

    /// As `take`, touching nothing but the slot and its tag.
    ///
    /// # Safety
    /// As for `put_at`.
    #[inline(always)]
    pub(super) unsafe fn take_at(this: *mut Self, at: usize) -> E {
        // SAFETY: passed on to the caller. The tag said the slot was initialised, and now says it is free, so it is read
        // only once.
        unsafe {
            let entry = Self::entry_at(this, at).read();
            (&raw mut (*this).tags[at]).write(0);
            entry
        }
    }

    /// Asks for the first line of every entry, before a walk that touches them all.
    #[inline]
    pub(super) fn prefetch_entries(&self) {
        for at in self.occupied() {
            prefetch::read(self.at(at).address());
        }
    }

    /// Asks for the tags and the home line of `hash`.
    #[inline(always)]
    pub(super) fn prefetch(this: *const Self, hash: u64) {
        prefetch::read(this);
        let home = std::mem::offset_of!(Self, slots) + home_of(hash) * size_of::<E>();
        prefetch::read(this.wrapping_byte_add(home));
    }

    /// Asks for the entry that `hash` most likely leads to.
    #[inline(always)]
    pub(super) fn prefetch_entry(&self, hash: u64) {
        // The first match is the right one in about nine cases of ten; the rest just wait later.
        if let Some(at) = Bits(equal_tags(&self.tags, tag_of(hash))).next() {
            let entry = self.at(at).address();
            prefetch::read(entry);
            // Most entries are no longer than a line, but many lie across the border of two.
            prefetch::read(entry.wrapping_add(47));
        }
    }

    /// The earliest moment something is due, `u64::MAX` when nothing ever is. O(slots).
    pub(super) fn earliest(&self) -> u64 {
        self.prefetch_entries();
        self.entries().filter_map(E::due).min().unwrap_or(u64::MAX)
    }
}

impl<E: Entry> Drop for Segment<E> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<E>() {
            self.prefetch_entries();
            for at in self.occupied() {
                drop(self.take(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structs::table::hash;
    use crate::structs::thin::ThinBytes;

    #[test]
    fn a_segment_of_pointers_is_eight_lines() {
        assert_eq!(size_of::<Segment<ThinBytes<()>>>(), 512);
    }

    #[test]
    fn tags_compare_as_the_portable_loop_does() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..2000 {
            let tags: [u8; SLOTS] = std::array::from_fn(|_| rng.u8(..4));
            for tag in 0..4 {
                assert_eq!(equal_tags(&tags, tag), equal_tags_portable(&tags, tag));
            }
        }
    }

    #[test]
    fn slots_fill_empty_copy_and_drop_as_a_model_does() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut real = Segment::<ThinBytes<()>>::boxed();
        let mut model = std::collections::BTreeSet::new();
        for round in 0..3000 {
            let key = rng.u8(..90).to_string();
            let hash = hash(key.as_bytes());
            match (real.find(hash, key.as_bytes()), real.vacant(hash)) {
                (Some(at), _) => {
                    assert_eq!(real.take(at).bytes(), key.as_bytes());
                    assert!(model.remove(&key));
                }
                (None, Some(at)) => {
                    assert!(model.insert(key.clone()));
                    real.put(at, hash, ThinBytes::new((), &[key.as_bytes()]));
                }
                (None, None) => assert_eq!(model.len(), SLOTS),
            }
            assert_eq!(real.len(), model.len());
            if round % 100 == 0 {
                let copy = real.copy();
                let mut keys: Vec<_> = copy.entries().map(|one| one.bytes().to_vec()).collect();
                keys.sort();
                assert!(keys.iter().map(Vec::as_slice).eq(model.iter().map(String::as_bytes)));
            }
        }
    }
}
