//! The tree of directories and segments: finding, splitting and merging leaves, deadlines along the path.
//!
//! The root is a segment, or a directory of up to 2^12 links; below it, directories of up to 2^10. A full
//! segment is split by the next bit of the hash: in its run where that has room, else its directory is doubled,
//! else (at full width) a directory of two takes its place. Removal undoes each step: sparse buddies merge, a
//! directory whose pairs are all equal is halved, one with a single segment gives way to it. So every directory
//! below the root hangs at full width, from a run of one place. Above some 70,000 entries a lookup passes
//! two directories, above some 70 million three, and no step ever touches more than one directory's links.
//!
//! What passes all nodes (giving a tree its shape at once, checking it) is in `tree/whole.rs`, what uses it up in `walk.rs`;
//! making nodes changeable is in `tree/edit.rs`.
//!
//! Promises: a leaf lies at most 48 bits deep, so positions of 48 bits tell leaves apart; `Tree` is safe to use,
//! and a clone of it is never changed through another. Left out: what is not placed by its hash (the entries that
//! overflow a segment at full depth) and the number of entries; both are the table's.
#![allow(unsafe_code)]

mod edit;
mod whole;

use std::sync::OnceLock;
use triomphe::Arc;

pub(super) use edit::Place;

use super::link::{Link, NONE, dir_bytes};
use super::segment::Segment;
use super::walk::Editing;
use super::{Entry, NodeCounts};
use crate::structs::prefetch;

/// Bits of the hash that may tell leaves apart.
pub(super) const DEPTH_LIMIT: u32 = 48;
const ROOT_BITS: u32 = 12;
const INNER_BITS: u32 = 10;
/// Buddies merge when they hold no more than this together.
const MERGE_MAX: usize = 20;
/// Only a segment that is as sparse as this looks at its buddy, which may cost a wait for memory.
pub(super) const SPARSE: usize = MERGE_MAX / 2;
/// More levels than 48 bits can make: 12, 10, 10, 10, 6.
const LEVELS: usize = 8;

/// What is kept about a tree that has directories.
#[derive(Clone)]
struct Shape {
    /// Segments by their depth in bits.
    depths: [u32; DEPTH_LIMIT as usize + 1],
    dirs: u32,
}

/// A persistent tree of segments; cloning is one increment and a small copy.
pub(super) struct Tree<E: Entry> {
    root: Option<Link<E>>,
    /// No deadline in the tree is earlier; `NONE` when there is none.
    bound: u64,
    /// Bytes of segments and directories.
    bytes: usize,
    /// Present exactly when the root is a directory.
    shape: Option<Box<Shape>>,
    /// Held by the tree and all its clones, once there has been one.
    kin: OnceLock<Arc<()>>,
    /// The walk that is under way and lets this tree change shared segments in place.
    editing: Option<Box<Editing<E>>>,
    /// Number of the last such walk, as it stands in segments.
    epoch: u8,
}

// SAFETY: nodes are counted atomically and only changed while one tree alone reaches them.
unsafe impl<E: Entry + Send + Sync> Send for Tree<E> {}
// SAFETY: as above; shared access only reads.
unsafe impl<E: Entry + Send + Sync> Sync for Tree<E> {}

/// A leaf and the part of the hash space it covers.
pub(super) struct Leaf<'a, E: Entry> {
    /// None in an empty tree.
    pub(super) segment: Option<&'a Segment<E>>,
    pub(super) depth: u32,
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What a walk over due leaves carries along.
struct Sweep<'a, E> {
    now: u64,
    left: usize,
    out: &'a mut Vec<E>,
    parts: &'a mut Vec<Box<[u8]>>,
    sparse: &'a mut Vec<u64>,
}

/// The place in a directory of `bits` that `rest`, the hash shifted to it, falls in.
#[inline(always)]
fn index(rest: u64, bits: u32) -> usize {
    (rest >> (64 - bits)) as usize
}

/// Whether the bit at `depth` is set, that is whether a hash goes to the upper half of a leaf that deep.
fn goes_up(hash: u64, depth: u32) -> bool {
    (hash << depth) >> 63 != 0
}

impl<E: Entry> Tree<E> {
    pub(super) const fn new() -> Self {
        Self { root: None, bound: NONE, bytes: 0, shape: None, kin: OnceLock::new(), editing: None, epoch: 0 }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes + if self.shape.is_some() { size_of::<Shape>() } else { 0 }
    }

    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    /// Depth of the deepest leaf.
    pub(super) fn deepest(&self) -> u32 {
        self.shape.as_ref().and_then(|shape| shape.depths.iter().rposition(|n| *n != 0)).unwrap_or(0) as u32
    }

    pub(super) fn node_counts(&self) -> NodeCounts {
        match (&self.shape, self.root) {
            (Some(shape), _) => NodeCounts {
                segments: shape.depths.iter().map(|n| *n as usize).sum(),
                directories: shape.dirs as usize,
                deepest: self.deepest(),
            },
            (None, root) => NodeCounts { segments: root.is_some().into(), directories: 0, deepest: 0 },
        }
    }

    /// The leaf that covers `hash`.
    #[inline(always)]
    pub(super) fn leaf(&self, hash: u64) -> Option<&Segment<E>> {
        let mut link = self.root?;
        let mut rest = hash;
        loop {
            let bits = link.bits();
            if bits == 0 {
                // SAFETY: the tree keeps its nodes alive, and nothing changes them while it is borrowed.
                return Some(unsafe { &*link.segment() });
            }
            // SAFETY: an index made of `bits` bits lies in the directory.
            link = unsafe { link.child(index(rest, bits)) };
            rest <<= bits;
        }
    }

    /// The leaf that covers `hash` with its range, by a walk that also measures runs.
    pub(super) fn leaf_span(&self, hash: u64) -> Leaf<'_, E> {
        let Some(mut link) = self.root else {
            return Leaf { segment: None, depth: 0, first: 0, last: u64::MAX };
        };
        let (mut rest, mut depth) = (hash, 0);
        while !link.is_segment() {
            let (bits, at) = (link.bits(), index(rest, link.bits()));
            // SAFETY: the tree keeps its nodes alive; the index lies in the directory.
            unsafe {
                // Only the run of a segment is longer than one place.
                depth += bits - link.run_bits(at);
                link = link.child(at);
            }
            rest <<= bits;
        }
        let below = u64::MAX >> depth;
        // SAFETY: as in `leaf`.
        Leaf { segment: Some(unsafe { &*link.segment() }), depth, first: hash & !below, last: hash | below }
    }

    /// Asks for the line of the root directory that a lookup of `hash` is going to read.
    #[inline]
    pub(super) fn prefetch_root(&self, hash: u64) {
        if let Some(root) = self.root
            && root.bits() != 0
        {
            prefetch::read(root.place(index(hash, root.bits())));
        }
    }

    /// Asks for the line of the second directory that a lookup of `hash` is going to read.
    #[inline]
    pub(super) fn prefetch_path(&self, hash: u64) {
        let Some(root) = self.root else { return };
        let bits = root.bits();
        if bits == 0 {
            return;
        }
        // SAFETY: as in `leaf`.
        let link = unsafe { root.child(index(hash, bits)) };
        match link.bits() {
            0 => Segment::prefetch(link.segment(), hash),
            below => prefetch::read(link.place(index(hash << bits, below))),
        }
    }

    /// Asks for the lines of the leaf that a lookup of `hash` is going to read.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if let Some(segment) = self.leaf(hash) {
            Segment::prefetch(segment, hash);
        }
    }

    /// Splits the leaf that covers `hash`, which is changeable, in two. False at the depth limit.
    #[cold]
    fn split(&mut self, hash: u64) -> bool {
        let Some(root) = self.root.as_mut() else { return false };
        let mut place: *mut Link<E> = root;
        let (mut rest, mut above, mut full_width) = (hash, 0, ROOT_BITS);
        // SAFETY: `own_leaf` made the way to the leaf changeable. `place` is the root or a link in an owned
        // directory, and indices are made of as many bits as their directory has.
        let depth = unsafe {
            if (*place).is_segment() {
                *place = Self::pair(*place, 0, self.bound != NONE);
                self.bytes += dir_bytes(1, self.bound != NONE);
                let shape = self.shape.insert(Box::new(Shape { depths: [0; DEPTH_LIMIT as usize + 1], dirs: 1 }));
                shape.depths[0] = 1;
                0
            } else {
                loop {
                    let mut dir = *place;
                    let mut bits = dir.bits();
                    let child = dir.child(index(rest, bits));
                    if !child.is_segment() {
                        place = dir.links().add(index(rest, bits));
                        (rest, above, full_width) = (rest << bits, above + bits, INNER_BITS);
                        continue;
                    }
                    let depth = above + bits - dir.run_bits(index(rest, bits));
                    if depth >= DEPTH_LIMIT {
                        return false;
                    }
                    let bounded = dir.is_bounded();
                    if depth == above + full_width {
                        let pair = Self::pair(child, depth, bounded);
                        dir.fill(index(rest, bits), 1, pair);
                        self.bytes += dir_bytes(1, bounded);
                        if let Some(shape) = &mut self.shape {
                            shape.dirs += 1;
                        }
                        break depth;
                    }
                    if depth == above + bits {
                        dir = Link::reshape(place, bits + 1, bounded, |i| i >> 1);
                        self.bytes += dir_bytes(bits + 1, bounded) - dir_bytes(bits, bounded);
                        bits += 1;
                    }
                    let (start, len) = dir.run(index(rest, bits));
                    let upper = Self::halve(child, depth);
                    dir.fill(start + len / 2, len / 2, upper);
                    dir.set_children(dir.children() + 1);
                    if bounded {
                        *dir.bounds().add(start) = (*child.segment()).earliest();
                        *dir.bounds().add(start + len / 2) = (*upper.segment()).earliest();
                    }
                    break depth;
                }
            }
        };
        self.bytes += size_of::<Segment<E>>();
        if let Some(shape) = &mut self.shape {
            shape.depths[depth as usize] -= 1;
            shape.depths[depth as usize + 1] += 2;
        }
        true
    }

    /// Moves the entries of a leaf that go up at `depth` to a new segment.
    ///
    /// # Safety
    /// `leaf` must be an owned segment.
    unsafe fn halve(leaf: Link<E>, depth: u32) -> Link<E> {
        // SAFETY: passed on to the caller.
        let lower = unsafe { &mut *leaf.segment() };
        let mut upper = Segment::boxed();
        lower.prefetch_entries();
        for at in lower.occupied() {
            let hash = lower.at(at).hash();
            if goes_up(hash, depth)
                && let Some(to) = upper.vacant(hash)
            {
                upper.put(to, hash, lower.take(at));
            }
        }
        Link::to_segment(upper)
    }

    /// A directory of two in the place of a leaf at `depth`.
    ///
    /// # Safety
    /// `leaf` must be an owned segment, whose reference goes to the directory.
    unsafe fn pair(leaf: Link<E>, depth: u32, bounded: bool) -> Link<E> {
        // SAFETY: passed on to the caller; a new directory is owned.
        unsafe {
            let upper = Self::halve(leaf, depth);
            let dir = Link::to_dir(1, bounded, 2, |i| if i == 0 { leaf } else { upper });
            if bounded {
                *dir.bounds() = (*leaf.segment()).earliest();
                *dir.bounds().add(1) = (*upper.segment()).earliest();
            }
            dir
        }
    }

    /// Merges the leaf that covers `hash` with its buddies while they are sparse, narrows the directories above
    /// it, and frees the last leaf when it is empty.
    pub(super) fn merge(&mut self, hash: u64) {
        if self.own_leaf(hash).is_none() {
            return;
        }
        let Some(root) = self.root.as_mut() else { return };
        let mut path = [(std::ptr::from_mut(root), 0, 0); LEVELS];
        let (mut levels, mut rest, mut above) = (0, hash, 0);
        // SAFETY: `own_leaf` made the way changeable. A place in `path` lies in the directory of the place before
        // it, which is only replaced after everything below it is done.
        unsafe {
            let mut place = path[0].0;
            while !(*place).is_segment() {
                let bits = (*place).bits();
                let at = index(rest, bits);
                path[levels] = (place, at, above);
                levels += 1;
                place = (*place).links().add(at);
                (rest, above) = (rest << bits, above + bits);
            }
            for (place, at, above) in path[..levels].iter().rev() {
                if !self.merge_in(*place, *at, *above) {
                    return;
                }
            }
            // The root is a segment.
            let root = *path[0].0;
            self.shape = None;
            if (*root.segment()).len() == 0 {
                root.release();
                // Not by assignment: dropping the old value would release the root again.
                (self.root, self.bound, self.bytes) = (None, NONE, 0);
            }
        }
    }

    /// Merges the segment at `at` of the directory at `place`. True when the directory gave way to a segment.
    ///
    /// # Safety
    /// `place`, its directory and the child must be owned, `at` lie in it, `above` be the bits before it.
    unsafe fn merge_in(&mut self, place: *mut Link<E>, at: usize, above: u32) -> bool {
        // SAFETY: passed on to the caller; the buddy's block lies in the directory because runs are aligned.
        unsafe {
            let dir = *place;
            let (bits, bounded) = (dir.bits(), dir.is_bounded());
            let child = dir.child(at);
            let mut merged = false;
            loop {
                let k = dir.run_bits(at);
                if k == bits {
                    break;
                }
                let start = at >> k << k;
                let other = start ^ (1 << k);
                let buddy = dir.child(other);
                if !buddy.is_segment()
                    || dir.child(other + (1 << k) - 1) != buddy
                    || (*child.segment()).len() + (*buddy.segment()).len() > MERGE_MAX
                {
                    break;
                }
                if bounded {
                    let low = (*dir.bounds().add(start)).min(*dir.bounds().add(other));
                    *dir.bounds().add(start.max(other)) = NONE;
                    *dir.bounds().add(start.min(other)) = low;
                }
                Self::absorb(child, buddy);
                dir.fill(start.min(other), 2 << k, child);
                dir.set_children(dir.children() - 1);
                self.bytes -= size_of::<Segment<E>>();
                if let Some(shape) = &mut self.shape {
                    let depth = (above + bits - k) as usize;
                    shape.depths[depth] -= 2;
                    shape.depths[depth - 1] += 1;
                }
                merged = true;
            }
            if !merged {
                return false;
            }
            // How many times over are all pairs equal?
            let mut halvings = 0;
            while halvings < bits && (0..1 << bits).step_by(2 << halvings).all(|i| dir.run_bits(i) > halvings) {
                halvings += 1;
            }
            if halvings == bits {
                *place = child;
                dir.free_dir();
                self.bytes -= dir_bytes(bits, bounded);
                if let Some(shape) = &mut self.shape {
                    shape.dirs -= 1;
                }
            } else if halvings > 0 {
                Link::reshape(place, bits - halvings, bounded, |i| i << halvings);
                self.bytes -= dir_bytes(bits, bounded) - dir_bytes(bits - halvings, bounded);
            }
            halvings == bits
        }
    }

    /// Moves the entries of `buddy`, or clones of them where it is shared, to `child`, and releases it.
    ///
    /// # Safety
    /// `child` must be an owned segment with room, `buddy` a segment whose reference the caller gives up.
    unsafe fn absorb(child: Link<E>, buddy: Link<E>) {
        // SAFETY: passed on to the caller; a unique buddy may be changed.
        unsafe {
            let into = &mut *child.segment();
            let take = buddy.is_unique();
            (*buddy.segment()).prefetch_entries();
            for at in (*buddy.segment()).occupied() {
                let hash = (*buddy.segment()).at(at).hash();
                let Some(to) = into.vacant(hash) else { unreachable!("MERGE_MAX is below the number of slots") };
                let entry = if take { (*buddy.segment()).take(at) } else { (*buddy.segment()).at(at).clone() };
                into.put(to, hash, entry);
            }
            buddy.release();
        }
    }

    /// Lowers the bounds on the way to the leaf that covers `hash` to `deadline`.
    pub(super) fn lower(&mut self, hash: u64, deadline: u64) {
        if deadline == NONE || self.own_way(hash).is_none() {
            return;
        }
        self.bound = self.bound.min(deadline);
        let Some(root) = self.root.as_mut() else { return };
        let (mut place, mut rest): (*mut Link<E>, u64) = (root, hash);
        // SAFETY: `own_way` made the way changeable; indices lie in their directories. A directory that is
        // replaced hangs from the root or from a run of one place, so `place` is its only link.
        unsafe {
            while !(*place).is_segment() {
                let bits = (*place).bits();
                if !(*place).is_bounded() {
                    Link::reshape(place, bits, true, |i| i);
                    self.bytes += dir_bytes(bits, true) - dir_bytes(bits, false);
                }
                let at = index(rest, bits);
                let bound = (*place).bounds().add((*place).run(at).0);
                *bound = (*bound).min(deadline);
                place = (*place).links().add(at);
                rest <<= bits;
            }
        }
    }

    /// Moves up to `limit` entries with a deadline of at most `now` to `out`, tightens the bounds it passes, and
    /// notes a hash in each leaf that became sparse, for `merge`. Names the entries of which only parts are due.
    pub(super) fn take_due(
        &mut self,
        now: u64,
        limit: usize,
        out: &mut Vec<E>,
        parts: &mut Vec<Box<[u8]>>,
        sparse: &mut Vec<u64>,
    ) {
        // `NONE` as a deadline never comes.
        let mut sweep = Sweep { now: now.min(NONE - 1), left: limit, out, parts, sparse };
        if self.bound > sweep.now || limit == 0 {
            return;
        }
        let Some(root) = self.root.as_mut() else { return };
        // SAFETY: the tree owns its root.
        unsafe {
            Link::own(root);
            self.bound = Self::sweep(*root, 0, 0, &mut sweep);
        }
    }

    /// The due entries below `link`, which covers `prefix` on, `above` bits deep. Returns its new bound.
    ///
    /// # Safety
    /// The node must be owned.
    unsafe fn sweep(link: Link<E>, prefix: u64, above: u32, sweep: &mut Sweep<'_, E>) -> u64 {
        // SAFETY: passed on to the caller; children are made changeable before they are swept.
        unsafe {
            if link.is_segment() {
                return Self::sweep_segment(&mut *link.segment(), prefix, sweep);
            }
            if !link.is_bounded() {
                return NONE;
            }
            let bits = link.bits();
            let mut low = NONE;
            for i in 0..1usize << bits {
                let mut bound = *link.bounds().add(i);
                if bound <= sweep.now && sweep.left > 0 {
                    let child = link.child(i);
                    // A shared segment in which nothing is due yet need not be copied to learn that.
                    bound =
                        if child.is_segment() && !child.is_unique() { (*child.segment()).earliest() } else { bound };
                    if bound <= sweep.now {
                        let child = link.own_child(i);
                        let prefix = prefix | ((i as u64) << (64 - above - bits));
                        bound = Self::sweep(child, prefix, above + bits, sweep);
                    }
                    *link.bounds().add(i) = bound;
                }
                low = low.min(bound);
            }
            low
        }
    }

    fn sweep_segment(segment: &mut Segment<E>, prefix: u64, sweep: &mut Sweep<'_, E>) -> u64 {
        segment.prefetch_entries();
        let before = sweep.out.len();
        let mut low = NONE;
        for at in segment.occupied() {
            let Some(due) = segment.at(at).due() else { continue };
            if due > sweep.now || sweep.left == 0 {
                low = low.min(due);
                continue;
            }
            sweep.left -= 1;
            if segment.at(at).deadline().is_some_and(|deadline| deadline <= sweep.now) {
                sweep.out.push(segment.take(at));
            } else {
                // It is due until its parts have been seen to, so the leaf is visited again.
                low = low.min(due);
                sweep.parts.push(segment.at(at).key().into());
            }
        }
        if sweep.out.len() > before && segment.len() <= SPARSE {
            sweep.sparse.push(prefix);
        }
        low
    }

    /// Calls `f` with entries that are due at `now`, or parts of which are, while it returns true. Changes nothing.
    pub(super) fn each_due(&self, now: u64, f: &mut dyn FnMut(&E) -> bool) {
        let now = now.min(NONE - 1);
        if let Some(root) = self.root
            && self.bound <= now
        {
            // SAFETY: the tree keeps its nodes alive and is borrowed.
            unsafe { Self::each_due_below(root, now, f) };
        }
    }

    /// # Safety
    /// The node must be alive and stay unchanged.
    unsafe fn each_due_below(link: Link<E>, now: u64, f: &mut dyn FnMut(&E) -> bool) -> bool {
        // SAFETY: passed on to the caller.
        unsafe {
            if link.is_segment() {
                (*link.segment()).prefetch_entries();
                return (*link.segment()).entries().all(|entry| entry.due().is_none_or(|at| at > now) || f(entry));
            }
            !link.is_bounded()
                || (0..1usize << link.bits())
                    .all(|i| *link.bounds().add(i) > now || Self::each_due_below(link.child(i), now, f))
        }
    }

    /// The entry with the smallest deadline, found by following bounds and tightening those that prove too low.
    pub(super) fn earliest(&mut self) -> Option<&E> {
        let root = self.root.as_mut().filter(|_| self.bound != NONE)?;
        // SAFETY: the tree owns its root; `tighten` leaves every bound on the way down to the minimum exact.
        unsafe {
            Link::own(root);
            self.bound = Self::tighten(*root);
            if self.bound == NONE {
                return None;
            }
            let mut link = *root;
            while !link.is_segment() {
                let (at, _) = Self::lowest(link)?;
                link = link.child(at);
            }
            (*link.segment()).entries().min_by_key(|entry| entry.deadline().unwrap_or(NONE))
        }
    }

    /// Makes the smallest bound below an owned node exact and returns it.
    ///
    /// # Safety
    /// The node must be alive, and owned when it is a directory.
    unsafe fn tighten(link: Link<E>) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe {
            if link.is_segment() {
                return (*link.segment()).earliest();
            }
            while let Some((at, bound)) = Self::lowest(link) {
                let child = link.child(at);
                let exact = Self::tighten(if child.is_segment() { child } else { link.own_child(at) });
                if exact == bound {
                    return exact;
                }
                *link.bounds().add(at) = exact;
            }
            NONE
        }
    }

    /// The smallest bound of a directory and its place; none when there are no deadlines below.
    ///
    /// # Safety
    /// The directory must be alive.
    unsafe fn lowest(dir: Link<E>) -> Option<(usize, u64)> {
        // SAFETY: passed on to the caller; the places lie in the directory.
        unsafe {
            if !dir.is_bounded() {
                return None;
            }
            (0..1usize << dir.bits())
                .map(|i| (i, *dir.bounds().add(i)))
                .min_by_key(|(_, bound)| *bound)
                .filter(|(_, bound)| *bound != NONE)
        }
    }
}

impl<E: Entry> Clone for Tree<E> {
    fn clone(&self) -> Self {
        if let Some(root) = self.root {
            // SAFETY: the tree keeps its root alive.
            unsafe { root.retain() }
        }
        if let Some(editing) = &self.editing {
            // What is shared from now on is shared with a clone too.
            editing.close();
        }
        let kin = OnceLock::from(self.kin.get_or_init(Arc::default).clone());
        Self {
            root: self.root,
            bound: self.bound,
            bytes: self.bytes,
            shape: self.shape.clone(),
            kin,
            editing: None,
            epoch: self.epoch,
        }
    }
}

impl<E: Entry> Drop for Tree<E> {
    fn drop(&mut self) {
        if let Some(root) = self.root.take() {
            // SAFETY: the tree owns a reference of its root and gives it back once. Its share in `kin` goes afterwards, so
            // that who finds itself alone finds no node shared.
            unsafe { root.release() }
        }
    }
}
