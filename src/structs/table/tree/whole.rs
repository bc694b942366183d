//! What passes all nodes of a tree: giving an empty one its shape at once, and checking every invariant.
#![allow(unsafe_code)]

use super::super::Entry;
use super::super::link::{Link, NONE, dir_bytes};
use super::super::segment::{SLOTS, Segment, tag_of};
use super::{DEPTH_LIMIT, INNER_BITS, ROOT_BITS, Shape, Tree};

impl<E: Entry> Tree<E> {
    /// Gives an empty tree the leaves that so many entries need. At the fill that is aimed at, hardly a leaf is split
    /// again, nor would growth have left fewer.
    pub(in super::super) fn presplit(&mut self, entries: usize) {
        const FILL: usize = 34;
        let depth = (entries / FILL).checked_ilog2().unwrap_or(0).min(ROOT_BITS + INNER_BITS);
        if depth == 0 || self.root.is_some() {
            return;
        }
        let (mut dirs, mut bytes) = (0, 0);
        let mut dir = |bits: u32, fill: &mut dyn FnMut() -> Link<E>| {
            dirs += 1;
            bytes += dir_bytes(bits, false);
            Link::to_dir(bits, false, 1 << bits, |_| fill())
        };
        let mut leaf = || Link::to_segment(Segment::boxed());
        let root = match depth.checked_sub(ROOT_BITS) {
            None | Some(0) => dir(depth, &mut leaf),
            Some(below) => {
                let mut inner: Vec<_> = (0..1 << ROOT_BITS).map(|_| dir(below, &mut leaf)).collect();
                inner.reverse();
                dir(ROOT_BITS, &mut || inner.pop().unwrap_or_else(|| unreachable!("as many as the root has places")))
            }
        };
        let mut shape = Shape { depths: [0; DEPTH_LIMIT as usize + 1], dirs };
        shape.depths[depth as usize] = 1 << depth;
        self.bytes = bytes + (size_of::<Segment<E>>() << depth);
        self.root = Some(root);
        self.shape = Some(Box::new(shape));
    }

    /// Walks every invariant of nodes and bounds; returns the number of entries, of those with a deadline, and of those
    /// whose parts have deadlines.
    ///
    /// # Panics
    /// When one does not hold.
    pub(in super::super) fn check(&self) -> (usize, usize, usize) {
        let mut seen = Seen {
            shape: Shape { depths: [0; DEPTH_LIMIT as usize + 1], dirs: 0 },
            bytes: 0,
            len: 0,
            timed: 0,
            parts: 0,
        };
        let Some(root) = self.root else {
            assert!(self.bound == NONE && self.bytes == 0 && self.shape.is_none());
            return (0, 0, 0);
        };
        // SAFETY: the tree keeps its nodes alive and is borrowed.
        let low = unsafe { Self::check_below(root, 0, 0, ROOT_BITS, &mut seen) };
        assert!(self.bound <= low, "the bound of the tree is above a deadline");
        assert_eq!(self.bytes, seen.bytes, "bytes of nodes");
        assert_eq!(self.shape.is_some(), !root.is_segment());
        if let Some(shape) = &self.shape {
            assert_eq!((shape.depths, shape.dirs), (seen.shape.depths, seen.shape.dirs));
        }
        (seen.len, seen.timed, seen.parts)
    }

    /// # Safety
    /// The node must be alive and stay unchanged.
    unsafe fn check_below(link: Link<E>, prefix: u64, depth: u32, full_width: u32, seen: &mut Seen) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe {
            assert!(link.ref_count() >= 1);
            if link.is_segment() {
                return Self::check_segment(&*link.segment(), prefix, depth, seen);
            }
            let (bits, bounded) = (link.bits(), link.is_bounded());
            assert!(bits <= full_width);
            seen.bytes += dir_bytes(bits, bounded);
            seen.shape.dirs += 1;
            let (mut i, mut children, mut narrowest, mut low) = (0, 0, bits, NONE);
            while i < 1 << bits {
                let (start, len) = link.run(i);
                let child = link.child(i);
                assert!(start == i && (i..i + len).all(|j| link.child(j) == child), "a run is an aligned block");
                assert!(child.is_segment() || (len == 1 && bits == full_width), "a directory hangs at full width");
                let run_bits = link.run_bits(i);
                narrowest = narrowest.min(run_bits);
                let below = prefix | ((i as u64) << (64 - depth - bits));
                let found = Self::check_below(child, below, depth + bits - run_bits, INNER_BITS, seen);
                if bounded {
                    assert!(*link.bounds().add(i) <= found, "a bound is above a deadline");
                    assert!((i + 1..i + len).all(|j| *link.bounds().add(j) == NONE));
                } else {
                    assert_eq!(found, NONE, "a deadline below a directory without bounds");
                }
                low = low.min(found);
                children += 1;
                i += len;
            }
            assert_eq!(link.children(), children);
            assert_eq!(narrowest, 0, "the directory is wider than it need be");
            low
        }
    }

    fn check_segment(segment: &Segment<E>, prefix: u64, depth: u32, seen: &mut Seen) -> u64 {
        seen.bytes += size_of::<Segment<E>>();
        seen.shape.depths[depth as usize] += 1;
        for at in (0..SLOTS).filter(|at| !segment.slot_is_free(*at)) {
            let entry = segment.at(at);
            let hash = entry.hash();
            assert_eq!(segment.tag(at), tag_of(hash));
            assert!(depth == 0 || hash >> (64 - depth) == prefix >> (64 - depth), "an entry in another leaf");
            assert_eq!(segment.find(hash, entry.key()), Some(at), "a key twice");
            seen.len += 1;
            seen.timed += usize::from(entry.deadline().is_some());
            seen.parts += usize::from(entry.has_timed_parts());
        }
        segment.earliest()
    }
}

/// What `check` adds up.
struct Seen {
    shape: Shape,
    bytes: usize,
    len: usize,
    timed: usize,
    parts: usize,
}
