//! A walk: all that a table held at one moment, given to another thread entry by entry while the table goes on being
//! changed, mostly in place.
//!
//! A clone costs its table a copy of each segment that is changed while the clone lives: 512 bytes and 56 counts to be
//! raised, all over the memory. A walk passes each segment once and never comes back, so something cheaper will do: the
//! table changes the shared segment itself, and what stood in the changed slots is put by, in a *patch* that the walk
//! reads instead.
//!
//! Who may touch a shared segment is told by its `state`, one word:
//!
//! ```text
//! lock: 2 bits | epoch: 6 bits | patch: 24 bits      an epoch other than the running walk's means a free lock, no patch
//! ```
//!
//! Promises, on which the `unsafe` here rests:
//! - nobody waits for the lock while holding up the table: the editor (whoever owns the table) that does not get it
//!   copies the segment, as for any clone; the walker puts the segment off;
//! - the editor keeps the locks it took until [`Editing::unlock`], to be called before its thread waits for anything;
//! - a segment is edited in place only while the walk and the table are its only holders: its count is 2, the walk began
//!   when no clone was alive, and none has been made since (`closed`);
//! - the walk holds its reference until it has got the lock, which it never gives back; so a locked segment stays alive,
//!   and once a walk is over, each segment it shared is unlocked or marked as walked;
//! - a slot, or the entry in it, is changed in place only after that entry was put by in the patch, as a copy or as a clone;
//!   an entry with two holders (slot and patch) is not changed in place by anybody, and the walk does not look at the
//!   entries of slots that the patch has.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use triomphe::Arc;

use super::link::Link;
use super::segment::Segment;
use super::tree::Tree;
use super::{Entry, Table};
use crate::structs::held;

const LOCK_MASK: u32 = 3;
const FREE: u32 = 0;
/// The editor has it.
const EDITED: u32 = 1;
/// The walk has it, for good.
const WALKED: u32 = 2;
const EPOCH_SHIFT: u32 = 2;
const EPOCH_MASK: u32 = 63;
const PATCH_SHIFT: u32 = 8;
const MOST_PATCHES: u32 = (1 << 24) - 1;

/// Patches of the first chunk; each further one is twice as large as the one before.
const FIRST_CHUNK: usize = 64;
/// As many chunks as `MOST_PATCHES` need.
const CHUNKS: usize = 19;
/// Entries that a patch makes room for at a time.
const PATCH_STEP: usize = 4;

/// What stood in the slots of a segment that have been changed since the walk began.
struct Patch<E> {
    /// The slots.
    slots: u64,
    /// What stood in them, in their order; `None` in a slot that was free.
    old: Vec<Option<E>>,
}

/// What the editor and the walk share. A patch is reached only by who has the lock of its segment.
pub(super) struct Patches<E: Entry> {
    epoch: u32,
    /// A clone has been made: segments are not changed in place any more.
    closed: AtomicBool,
    chunks: [AtomicPtr<UnsafeCell<Patch<E>>>; CHUNKS],
    /// The walker wants to be told when the editor gives locks back.
    is_awaited: AtomicBool,
    /// How often it was told.
    told: Mutex<u64>,
    tell: Condvar,
}

// SAFETY: a patch is only touched by the holder of its segment's lock, which hands over what was written before; chunks
// are put in by the editor alone, and found through an index that came with a lock.
unsafe impl<E: Entry + Send + Sync> Send for Patches<E> {}
// SAFETY: as above.
unsafe impl<E: Entry + Send + Sync> Sync for Patches<E> {}

/// The chunk of a patch and its place there; patches count from 1.
fn chunk_of(patch: u32) -> (usize, usize) {
    let from_zero = patch as usize - 1 + FIRST_CHUNK;
    let chunk = (from_zero / FIRST_CHUNK).ilog2() as usize;
    (chunk, from_zero - (FIRST_CHUNK << chunk))
}

impl<E: Entry> Patches<E> {
    fn new(epoch: u32) -> Self {
        Patches {
            epoch,
            closed: AtomicBool::new(false),
            chunks: std::array::from_fn(|_| AtomicPtr::default()),
            is_awaited: AtomicBool::new(false),
            told: Mutex::new(0),
            tell: Condvar::new(),
        }
    }

    /// Makes sure that a patch is there. For the editor.
    fn provide(&self, patch: u32) {
        let (chunk, _) = chunk_of(patch);
        if self.chunks[chunk].load(Ordering::Relaxed).is_null() {
            let fresh: Box<[_]> =
                (0..FIRST_CHUNK << chunk).map(|_| UnsafeCell::new(Patch::<E> { slots: 0, old: Vec::new() })).collect();
            self.chunks[chunk].store(Box::into_raw(fresh).cast(), Ordering::Release);
        }
    }

    /// # Safety
    /// The caller must hold the lock of the segment that the patch was made for, and no other reference to the patch.
    #[allow(clippy::mut_from_ref)]
    unsafe fn patch(&self, patch: u32) -> &mut Patch<E> {
        let (chunk, at) = chunk_of(patch);
        let first = self.chunks[chunk].load(Ordering::Acquire);
        // SAFETY: a number in a segment's state is that of a patch that was provided; the rest is the caller's.
        unsafe { &mut *(*first.add(at)).get() }
    }

    /// The state's lock and patch as they count for this walk.
    fn read(&self, state: u32) -> (u32, u32) {
        if (state >> EPOCH_SHIFT) & EPOCH_MASK == self.epoch {
            (state & LOCK_MASK, state >> PATCH_SHIFT)
        } else {
            (FREE, 0)
        }
    }

    fn state(&self, lock: u32, patch: u32) -> u32 {
        lock | self.epoch << EPOCH_SHIFT | patch << PATCH_SHIFT
    }

    fn told(&self) -> MutexGuard<'_, u64> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The editor has given locks back.
    fn tell(&self) {
        // Either the walker sees the free locks, or this sees that it waits.
        fence(Ordering::SeqCst);
        if self.is_awaited.load(Ordering::Relaxed) {
            *self.told() += 1;
            self.tell.notify_all();
        }
    }

    /// The walker is told from here on when the editor gives locks back. Returns how often it was.
    fn listen(&self) -> u64 {
        self.is_awaited.store(true, Ordering::Relaxed);
        let told = *self.told();
        fence(Ordering::SeqCst);
        told
    }

    /// Waits until the editor gives locks back, if it has not since it had told so often.
    fn await_more(&self, told: u64) {
        let mut guard = self.told();
        while *guard == told {
            guard = self.tell.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A clone is made.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// The walker takes a segment, with what is put by for it; `Err` while the editor has it.
    ///
    /// # Safety
    /// The segment must be alive and shared with the walk's table.
    unsafe fn claim(&self, segment: *const Segment<E>) -> Result<Option<Patch<E>>, ()> {
        // SAFETY: passed on to the caller; the word is atomic.
        let state = unsafe { (*segment).state() };
        let mut found = state.load(Ordering::Relaxed);
        loop {
            let (lock, patch) = self.read(found);
            if lock == EDITED {
                return Err(());
            }
            let taken = self.state(WALKED, patch);
            match state.compare_exchange_weak(found, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if patch == 0 => return Ok(None),
                Ok(_) => {
                    // SAFETY: the lock was just taken, and the borrow ends here.
                    let patch = unsafe { self.patch(patch) };
                    return Ok(Some(std::mem::replace(patch, Patch::<E> { slots: 0, old: Vec::new() })));
                }
                Err(other) => found = other,
            }
        }
    }
}

impl<E: Entry> Drop for Patches<E> {
    fn drop(&mut self) {
        for (at, chunk) in self.chunks.iter_mut().enumerate() {
            let first = *chunk.get_mut();
            if !first.is_null() {
                let all = std::ptr::slice_from_raw_parts_mut(first, FIRST_CHUNK << at);
                // SAFETY: made by `provide` with this length, and freed once.
                drop(unsafe { Box::from_raw(all) });
            }
        }
    }
}

/// The editor's side: what a table knows of the walk that is under way.
pub(super) struct Editing<E: Entry> {
    patches: Arc<Patches<E>>,
    /// Number of patches given out.
    used: u32,
    /// Segments that are locked. Alive: the walk holds each until it gets its lock.
    locked: Vec<NonNull<Segment<E>>>,
}

// SAFETY: the pointers are kept alive as told above, and are used only to write an atomic word.
unsafe impl<E: Entry + Send + Sync> Send for Editing<E> {}
// SAFETY: as above; nothing changes through a shared reference.
unsafe impl<E: Entry + Send + Sync> Sync for Editing<E> {}

impl<E: Entry> Editing<E> {
    /// Whether the walk is over.
    pub(super) fn is_over(&self) -> bool {
        self.patches.is_unique()
    }

    /// A clone of the table is made.
    pub(super) fn close(&self) {
        self.patches.close();
    }

    /// Takes the lock of a shared segment to change it in place. False when that may not be.
    ///
    /// # Safety
    /// `link` must be a segment of the table, held by a directory (or root) that the table owns.
    pub(super) unsafe fn lock(&mut self, link: Link<E>) -> bool {
        if self.patches.closed.load(Ordering::Relaxed) {
            return false;
        }
        let segment = link.segment();
        // SAFETY: the table keeps the segment alive; only atomic words are read.
        let (state, holders) = unsafe { ((*segment).state(), link.ref_count()) };
        let found = state.load(Ordering::Relaxed);
        let (lock, mut patch) = self.patches.read(found);
        if lock == EDITED {
            return true;
        }
        if lock == WALKED || holders != 2 {
            return false;
        }
        if patch == 0 {
            if self.used == MOST_PATCHES {
                return false;
            }
            self.used += 1;
            patch = self.used;
            self.patches.provide(patch);
        }
        let taken = self.patches.state(EDITED, patch);
        let locked = state.compare_exchange(found, taken, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if locked {
            // SAFETY: an address of a segment is not null.
            self.locked.push(unsafe { NonNull::new_unchecked(segment) });
        }
        locked
    }

    /// Puts by what stands in a slot that is about to be changed.
    ///
    /// # Safety
    /// The segment must be locked by `lock`, `at` below its number of slots.
    pub(super) unsafe fn put_by(&mut self, segment: *const Segment<E>, at: usize) {
        // SAFETY: the lock is held, so the patch and the slots are this thread's to use.
        unsafe {
            let (_, patch) = self.patches.read((*segment).state().load(Ordering::Relaxed));
            let patch = self.patches.patch(patch);
            let bit = 1 << at;
            if patch.slots & bit != 0 {
                return;
            }
            let old = (!(*segment).slot_is_free(at)).then(|| (*segment).at(at).put_by());
            let rank = (patch.slots & (bit - 1)).count_ones() as usize;
            if patch.old.len() == patch.old.capacity() {
                patch.old.reserve_exact(PATCH_STEP);
                held::left_behind(PATCH_STEP * size_of::<E>());
            }
            patch.old.insert(rank, old);
            patch.slots |= bit;
        }
    }

    /// Gives all locks back. O(locks).
    pub(super) fn unlock(&mut self) {
        if self.locked.is_empty() {
            return;
        }
        for segment in self.locked.drain(..) {
            // SAFETY: the walk holds the segment, and cannot let go of it before this.
            let state = unsafe { segment.as_ref().state() };
            let (_, patch) = self.patches.read(state.load(Ordering::Relaxed));
            state.store(self.patches.state(FREE, patch), Ordering::Release);
        }
        self.patches.tell();
    }
}

impl<E: Entry> Drop for Editing<E> {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// All that a table held when the walk began. Made by [`Table::walk`].
pub struct Walk<E: Entry> {
    table: Table<E>,
    patches: Option<Arc<Patches<E>>>,
}

impl<E: Entry> From<Table<E>> for Walk<E> {
    fn from(table: Table<E>) -> Self {
        Walk { table, patches: None }
    }
}

impl<E: Entry> Table<E> {
    /// Begins a walk over what the table holds now. O(1). While clones of the table are alive, or an earlier walk is
    /// under way, it costs what a clone does. Otherwise the table changes shared segments in place, and has to be told
    /// when others may have them: see [`Table::let_walk`].
    pub fn walk(&mut self) -> Walk<E> {
        match self.tree.begin_edit(Patches::new) {
            None => Walk::from(self.clone()),
            Some((tree, patches)) => {
                let (len, timed, in_parts) = (self.len, self.timed, self.in_parts);
                let table = Table { tree, overflow: self.overflow.clone(), len, timed, in_parts };
                Walk { table, patches: Some(patches) }
            }
        }
    }

    /// Lets the walk that is under way have all segments. To be called before the thread waits for anything; a walk that
    /// is over is forgotten. Returns whether one is under way. O(segments changed since the last call).
    pub fn let_walk(&mut self) -> bool {
        self.tree.end_edits()
    }
}

impl<E: Entry> Tree<E> {
    /// Begins editing in place. None when there are clones, or nothing worth it.
    fn begin_edit(&mut self, make: impl FnOnce(u32) -> Patches<E>) -> Option<(Self, Arc<Patches<E>>)> {
        if self.is_small() || !self.is_alone() {
            return None;
        }
        let epoch = self.next_epoch();
        let clone = self.clone();
        let patches = Arc::new(make(epoch));
        self.set_editing(Editing { patches: patches.clone(), used: 0, locked: Vec::new() });
        Some((clone, patches))
    }
}

impl<E: Entry> Walk<E> {
    /// Number of entries. O(1).
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none. O(1).
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Number of entries with a deadline. O(1).
    pub fn len_with_deadline(&self) -> usize {
        self.table.len_with_deadline()
    }

    /// Number of entries whose parts have deadlines of their own. O(1).
    pub fn len_with_timed_parts(&self) -> usize {
        self.table.len_with_timed_parts()
    }

    /// Gives all entries, leaf by leaf, and each node back as soon as it has been passed. What the table's owner has in
    /// hand is waited for at the end. O(n).
    pub fn consume(mut self, mut f: impl FnMut(&E)) {
        self.give_all(&mut f);
    }

    fn give_all(&mut self, f: &mut impl FnMut(&E)) {
        let Table { mut tree, overflow, .. } = std::mem::take(&mut self.table);
        let mut pass = Pass { patches: self.patches.as_deref(), waiting: None, put_off: Vec::new() };
        // SAFETY: the tree's reference of its root is given away once.
        unsafe {
            if let Some(root) = tree.take_root() {
                pass.below(root, f);
            }
            pass.finish(f);
        }
        // Last, so that the table is not taken to be alone before everything was given back.
        drop(tree);
        overflow.iter().flat_map(|all| all.iter()).for_each(f);
    }
}

impl<E: Entry> Drop for Walk<E> {
    fn drop(&mut self) {
        if self.patches.is_some() {
            // The only way out for a segment that the editor may have in hand is through its lock.
            self.give_all(&mut |_| ());
        }
    }
}

/// A claimed segment, whose entries have been asked for.
struct Claimed<E: Entry> {
    link: Link<E>,
    patch: Option<Patch<E>>,
}

/// One walk's way through the nodes.
struct Pass<'a, E: Entry> {
    /// None where nothing is changed in place.
    patches: Option<&'a Patches<E>>,
    /// The segment before.
    waiting: Option<Claimed<E>>,
    /// Segments that the editor had in hand.
    put_off: Vec<Link<E>>,
}

impl<E: Entry> Pass<'_, E> {
    /// # Safety
    /// The caller must own a reference of the node and not use it again.
    unsafe fn below(&mut self, mut link: Link<E>, f: &mut impl FnMut(&E)) {
        // SAFETY: the reference keeps the node alive; a directory is made this walk's own before its children's
        // references are taken out of it, and freed without them.
        unsafe {
            if link.is_segment() {
                let claimed = self.patches.map_or(Ok(None), |patches| patches.claim(link.segment()));
                return match claimed {
                    Ok(patch) => self.take(Claimed { link, patch }, f),
                    Err(()) => self.put_off.push(link),
                };
            }
            Link::own(&raw mut link);
            link.each_run(|child| self.below(child, f));
            link.free_dir();
        }
    }

    /// # Safety
    /// As for `below`, and the segment must be claimed.
    unsafe fn take(&mut self, claimed: Claimed<E>, f: &mut impl FnMut(&E)) {
        // SAFETY: nobody changes a claimed segment while this walk holds it.
        unsafe { (*claimed.link.segment()).prefetch_entries() };
        if let Some(before) = self.waiting.replace(claimed) {
            // SAFETY: passed on to the caller.
            unsafe { Self::give(before, f) };
        }
    }

    /// # Safety
    /// As for `take`.
    unsafe fn give(Claimed { link, patch }: Claimed<E>, f: &mut impl FnMut(&E)) {
        // SAFETY: nobody changes a claimed segment while this walk holds it, nor an entry that stands in it.
        unsafe {
            let segment = &*link.segment();
            match patch {
                None => segment.entries().for_each(&mut *f),
                Some(Patch { slots, old }) => {
                    segment.occupied().filter(|at| slots >> at & 1 == 0).for_each(|at| f(segment.at(at)));
                    old.iter().flatten().for_each(&mut *f);
                    held::freed(old.capacity() * size_of::<E>());
                }
            }
            link.release();
        }
    }

    /// Gives what was put off, as soon as the editor lets go of it.
    ///
    /// # Safety
    /// To be called once, at the end.
    unsafe fn finish(mut self, f: &mut impl FnMut(&E)) {
        loop {
            let told = self.patches.map_or(0, Patches::listen);
            // SAFETY: each link in the list comes with a reference.
            unsafe {
                for link in std::mem::take(&mut self.put_off) {
                    self.below(link, f);
                }
                if let Some(last) = self.waiting.take() {
                    Self::give(last, f);
                }
            }
            match self.patches {
                Some(patches) if !self.put_off.is_empty() => patches.await_more(told),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
