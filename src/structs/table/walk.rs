//! A walk: all that a table held at one moment, given to another thread entry by entry while the table goes on being
//! changed, mostly in place.
//!
//! A clone costs its table a copy of each segment that is changed while the clone lives: 512 bytes and 56 counts to be
//! raised, all over the memory. A walk passes each segment once and never comes back, so something cheaper will do: the
//! table changes the shared segment itself, and hands what stood in the changed slots to the walk, which gives it as soon as
//! it can and passes those slots by later. So what is put by is soon given back, however long the walk takes.
//!
//! Who may touch a shared segment is told by its `state`, one word:
//!
//! ```text
//! lock: 2 bits | epoch: 6 bits | mask: 24 bits      an epoch other than the running walk's means a free lock, no mask
//! ```
//!
//! Promises, on which the `unsafe` here rests:
//! - nobody waits for the lock while holding up the table: the editor (whoever owns the table) that does not get it
//!   copies the segment, as for any clone; the walker puts the segment off;
//! - the editor keeps the locks it took until [`Editing::unlock`], to be called before its thread waits for anything; what it
//!   put by is handed over before the locks are given back, so who has claimed all segments can get all of it;
//! - a segment is edited in place only while the walk and the table are its only holders: its count is 2, the walk began
//!   when no clone was alive, and none has been made since (`closed`);
//! - the walk holds its reference until it has got the lock, which it never gives back; so a locked segment stays alive,
//!   and once a walk is over, each segment it shared is unlocked or marked as walked;
//! - a slot, or the entry in it, is changed in place only after that entry was put by, as a copy or as a clone, and the slot
//!   was noted in the segment's *mask*; an entry with two holders is not changed in place by anybody, and the walk does not
//!   look at the entries of noted slots.
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
const MASK_SHIFT: u32 = 8;
const MOST_MASKS: u32 = (1 << 24) - 1;

/// Masks of the first chunk; each further one is twice as large as the one before.
const FIRST_CHUNK: usize = 64;
/// As many chunks as `MOST_MASKS` need.
const CHUNKS: usize = 19;

/// Entries that were put by since the one before was handed over.
struct Batch<E> {
    entries: Vec<E>,
    before: *mut Batch<E>,
}

impl<E> Batch<E> {
    /// Takes a chain of batches apart.
    ///
    /// # Safety
    /// `last` must be null, or the last of a chain of batches from `Box::into_raw` that nobody else has.
    unsafe fn each(mut last: *mut Batch<E>, mut f: impl FnMut(Vec<E>)) {
        while !last.is_null() {
            // SAFETY: passed on to the caller.
            let Batch { entries, before } = *unsafe { Box::from_raw(last) };
            f(entries);
            last = before;
        }
    }
}

/// What the editor and the walk share. A mask (the slots of a segment whose entries are put by) is reached only by who has
/// the lock of its segment.
pub(super) struct Shared<E: Entry> {
    epoch: u32,
    /// A clone has been made: segments are not changed in place any more.
    closed: AtomicBool,
    chunks: [AtomicPtr<UnsafeCell<u64>>; CHUNKS],
    /// The last batch that was handed over and not taken yet.
    put_by: AtomicPtr<Batch<E>>,
    /// The walker wants to be told when the editor gives locks back.
    is_awaited: AtomicBool,
    /// How often it was told.
    told: Mutex<u64>,
    tell: Condvar,
}

// SAFETY: a mask is only touched by the holder of its segment's lock, which hands over what was written before; chunks
// are put in by the editor alone, and found through an index that came with a lock. A batch has one owner: the editor until
// it is handed over whole, then who takes it out.
unsafe impl<E: Entry + Send + Sync> Send for Shared<E> {}
// SAFETY: as above.
unsafe impl<E: Entry + Send + Sync> Sync for Shared<E> {}

/// The chunk of a mask and its place there; masks count from 1.
fn chunk_of(mask: u32) -> (usize, usize) {
    let from_zero = mask as usize - 1 + FIRST_CHUNK;
    let chunk = (from_zero / FIRST_CHUNK).ilog2() as usize;
    (chunk, from_zero - (FIRST_CHUNK << chunk))
}

impl<E: Entry> Shared<E> {
    fn new(epoch: u32) -> Self {
        Shared {
            epoch,
            closed: AtomicBool::new(false),
            chunks: std::array::from_fn(|_| AtomicPtr::default()),
            put_by: AtomicPtr::default(),
            is_awaited: AtomicBool::new(false),
            told: Mutex::new(0),
            tell: Condvar::new(),
        }
    }

    /// Makes sure that a mask is there. For the editor.
    fn provide(&self, mask: u32) {
        let (chunk, _) = chunk_of(mask);
        if self.chunks[chunk].load(Ordering::Relaxed).is_null() {
            // Zeros from the allocator, who gets those of large chunks from the system without touching them. The cell has
            // the layout of what is in it.
            let fresh: Box<[u64]> = vec![0; FIRST_CHUNK << chunk].into();
            self.chunks[chunk].store(Box::into_raw(fresh).cast::<UnsafeCell<u64>>(), Ordering::Release);
        }
    }

    /// # Safety
    /// The caller must hold the lock of the segment that the mask was made for, and no other reference to the mask.
    #[allow(clippy::mut_from_ref)]
    unsafe fn mask(&self, mask: u32) -> &mut u64 {
        let (chunk, at) = chunk_of(mask);
        let first = self.chunks[chunk].load(Ordering::Acquire);
        // SAFETY: a number in a segment's state is that of a mask that was provided; the rest is the caller's.
        unsafe { &mut *(*first.add(at)).get() }
    }

    /// Hands over what was put by. For the editor.
    fn hand_over(&self, entries: Vec<E>) {
        held::left_behind(entries.capacity() * size_of::<E>());
        let batch = Box::into_raw(Box::new(Batch { entries, before: std::ptr::null_mut() }));
        let mut last = self.put_by.load(Ordering::Relaxed);
        loop {
            // SAFETY: the batch is this thread's until the exchange succeeds.
            unsafe { (*batch).before = last };
            match self.put_by.compare_exchange_weak(last, batch, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => last = other,
            }
        }
    }

    /// Whether something was handed over that was not given yet.
    fn has_put_by(&self) -> bool {
        !self.put_by.load(Ordering::Relaxed).is_null()
    }

    /// Gives what was handed over, and back what nobody else needs of it.
    fn give_put_by(&self, f: &mut impl FnMut(&E)) {
        let last = self.put_by.swap(std::ptr::null_mut(), Ordering::Acquire);
        // SAFETY: the chain was made by `hand_over`, and is out of everybody's reach.
        unsafe {
            Batch::each(last, |entries| {
                held::freed(entries.capacity() * size_of::<E>());
                entries.into_iter().for_each(|entry| f(&entry));
            });
        }
    }

    /// The state's lock and mask as they count for this walk.
    fn read(&self, state: u32) -> (u32, u32) {
        if (state >> EPOCH_SHIFT) & EPOCH_MASK == self.epoch {
            (state & LOCK_MASK, state >> MASK_SHIFT)
        } else {
            (FREE, 0)
        }
    }

    fn state(&self, lock: u32, mask: u32) -> u32 {
        lock | self.epoch << EPOCH_SHIFT | mask << MASK_SHIFT
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

    /// The walker takes a segment, and learns which slots to pass by; `Err` while the editor has it.
    ///
    /// # Safety
    /// The segment must be alive and shared with the walk's table.
    unsafe fn claim(&self, segment: *const Segment<E>) -> Result<u64, ()> {
        // SAFETY: passed on to the caller; the word is atomic.
        let state = unsafe { (*segment).state() };
        let mut found = state.load(Ordering::Relaxed);
        loop {
            let (lock, mask) = self.read(found);
            if lock == EDITED {
                return Err(());
            }
            let taken = self.state(WALKED, mask);
            match state.compare_exchange_weak(found, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) if mask == 0 => return Ok(0),
                // SAFETY: the lock was just taken, and the borrow ends here.
                Ok(_) => return Ok(unsafe { *self.mask(mask) }),
                Err(other) => found = other,
            }
        }
    }
}

impl<E: Entry> Drop for Shared<E> {
    fn drop(&mut self) {
        // SAFETY: the chain was made by `hand_over`, and nobody else is left.
        unsafe { Batch::each(*self.put_by.get_mut(), drop) };
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
    shared: Arc<Shared<E>>,
    /// Number of masks given out.
    used: u32,
    /// What was put by since the locks were last given back.
    put_by: Vec<E>,
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
        self.shared.is_unique()
    }

    /// A clone of the table is made.
    pub(super) fn close(&self) {
        self.shared.close();
    }

    /// Takes the lock of a shared segment to change it in place. False when that may not be.
    ///
    /// # Safety
    /// `link` must be a segment of the table, held by a directory (or root) that the table owns.
    pub(super) unsafe fn lock(&mut self, link: Link<E>) -> bool {
        if self.shared.closed.load(Ordering::Relaxed) {
            return false;
        }
        let segment = link.segment();
        // SAFETY: the table keeps the segment alive; only atomic words are read.
        let (state, holders) = unsafe { ((*segment).state(), link.ref_count()) };
        let found = state.load(Ordering::Relaxed);
        let (lock, mut mask) = self.shared.read(found);
        if lock == EDITED {
            return true;
        }
        if lock == WALKED || holders != 2 {
            return false;
        }
        if mask == 0 {
            if self.used == MOST_MASKS {
                return false;
            }
            self.used += 1;
            mask = self.used;
            self.shared.provide(mask);
        }
        let taken = self.shared.state(EDITED, mask);
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
        // SAFETY: the lock is held, so the mask and the slots are this thread's to use.
        unsafe {
            let (_, mask) = self.shared.read((*segment).state().load(Ordering::Relaxed));
            let slots = self.shared.mask(mask);
            let bit = 1 << at;
            if *slots & bit == 0 {
                *slots |= bit;
                if !(*segment).slot_is_free(at) {
                    self.put_by.push((*Segment::entry_at(segment.cast_mut(), at)).put_by());
                }
            }
        }
    }

    /// Hands over what was put by and gives all locks back. O(locks).
    pub(super) fn unlock(&mut self) {
        if self.locked.is_empty() {
            return;
        }
        if !self.put_by.is_empty() {
            self.shared.hand_over(std::mem::take(&mut self.put_by));
        }
        for segment in self.locked.drain(..) {
            // SAFETY: the walk holds the segment, and cannot let go of it before this.
            let state = unsafe { segment.as_ref().state() };
            let (_, mask) = self.shared.read(state.load(Ordering::Relaxed));
            state.store(self.shared.state(FREE, mask), Ordering::Release);
        }
        self.shared.tell();
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
    shared: Option<Arc<Shared<E>>>,
}

impl<E: Entry> From<Table<E>> for Walk<E> {
    fn from(table: Table<E>) -> Self {
        Walk { table, shared: None }
    }
}

impl<E: Entry> Table<E> {
    /// Begins a walk over what the table holds now. O(1). While clones of the table are alive, or an earlier walk is
    /// under way, it costs what a clone does. Otherwise the table changes shared segments in place, and has to be told
    /// when others may have them: see [`Table::let_walk`].
    pub fn walk(&mut self) -> Walk<E> {
        match self.tree.begin_edit(Shared::new) {
            None => Walk::from(self.clone()),
            Some((tree, shared)) => {
                let (len, timed, in_parts) = (self.len, self.timed, self.in_parts);
                let table = Table { tree, overflow: self.overflow.clone(), len, timed, in_parts };
                Walk { table, shared: Some(shared) }
            }
        }
    }

    /// Lets the walk that is under way have all segments. To be called before the thread waits for anything; a walk that
    /// is over is forgotten. Returns whether one is under way. O(segments changed since the last call).
    pub fn let_walk(&mut self) -> bool {
        self.tree.end_edits()
    }
}

impl<E: Entry> Table<E> {
    /// Puts by the entry under `key`, if there is one and a walk is under way: the walk gives it at once, and what is
    /// changed in it from now on is not the walk's matter. O(1).
    pub fn put_by(&mut self, hash: u64, key: &[u8]) {
        if self.tree.is_edited() {
            self.get_mut(hash, key);
        }
    }
}

impl<E: Entry> Tree<E> {
    /// Begins editing in place. None when there are clones, or nothing there.
    fn begin_edit(&mut self, make: impl FnOnce(u32) -> Shared<E>) -> Option<(Self, Arc<Shared<E>>)> {
        if self.is_empty() || !self.is_alone() {
            return None;
        }
        let epoch = self.next_epoch();
        let clone = self.clone();
        let shared = Arc::new(make(epoch));
        self.set_editing(Editing { shared: shared.clone(), used: 0, put_by: Vec::new(), locked: Vec::new() });
        Some((clone, shared))
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

    /// No entry with a deadline is due before. O(1).
    fn next_deadline(&self) -> Option<u64> {
        if self.len_with_deadline() > 0 { self.table.next_deadline() } else { None }
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
        let mut pass = Pass { shared: self.shared.as_deref(), waiting: None, put_off: Vec::new() };
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
        if self.shared.is_some() {
            // The only way out for a segment that the editor may have in hand is through its lock.
            self.give_all(&mut |_| ());
        }
    }
}

/// A walk in the hands of many, one of whom consumes it.
#[derive(Clone)]
pub struct PassedOnce<E: Entry> {
    walk: Arc<Mutex<Option<Walk<E>>>>,
    len: usize,
    next_deadline: Option<u64>,
}

impl<E: Entry> From<Walk<E>> for PassedOnce<E> {
    fn from(walk: Walk<E>) -> Self {
        let (len, next_deadline) = (walk.len(), walk.next_deadline());
        PassedOnce { walk: Arc::new(Mutex::new(Some(walk))), len, next_deadline }
    }
}

impl<E: Entry> PassedOnce<E> {
    /// Number of entries. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// No entry with a deadline is due before; none when no entry has one. O(1).
    pub fn next_deadline(&self) -> Option<u64> {
        self.next_deadline
    }

    /// [`Walk::consume`]. Panics when that was done before: there is nothing left to be given. O(n).
    pub fn consume(&self, f: impl FnMut(&E)) {
        let walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner).take();
        walk.expect("a walk is consumed once").consume(f);
    }
}

/// A claimed segment, whose entries have been asked for.
struct Claimed<E: Entry> {
    link: Link<E>,
    /// Slots whose entries were put by.
    passed_by: u64,
}

/// One walk's way through the nodes.
struct Pass<'a, E: Entry> {
    /// None where nothing is changed in place.
    shared: Option<&'a Shared<E>>,
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
                self.give_put_by(f);
                let claimed = self.shared.map_or(Ok(0), |shared| shared.claim(link.segment()));
                return match claimed {
                    Ok(passed_by) => self.take(Claimed { link, passed_by }, f),
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

    /// Gives what was put by: as soon as may be, while it is still in a cache, and so that there is never much of it. An
    /// entry may be large, and be changed again and again while it is given: its segment must not be in hand meanwhile.
    fn give_put_by(&mut self, f: &mut impl FnMut(&E)) {
        let Some(shared) = self.shared else { return };
        if !shared.has_put_by() {
            return;
        }
        if let Some(before) = self.waiting.take() {
            // SAFETY: it was claimed, and comes with a reference.
            unsafe { Self::give(before, f) };
        }
        shared.give_put_by(f);
    }

    /// # Safety
    /// As for `take`.
    unsafe fn give(Claimed { link, passed_by }: Claimed<E>, f: &mut impl FnMut(&E)) {
        // SAFETY: nobody changes a claimed segment while this walk holds it, nor an entry that stands in it.
        unsafe {
            let segment = &*link.segment();
            if passed_by == 0 {
                segment.entries().for_each(f);
            } else {
                segment.occupied().filter(|at| passed_by >> at & 1 == 0).for_each(|at| f(segment.at(at)));
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
            let told = self.shared.map_or(0, Shared::listen);
            // SAFETY: each link in the list comes with a reference.
            unsafe {
                for link in std::mem::take(&mut self.put_off) {
                    self.below(link, f);
                }
                if let Some(last) = self.waiting.take() {
                    Self::give(last, f);
                }
            }
            self.give_put_by(f);
            match self.shared {
                Some(shared) if !self.put_off.is_empty() => shared.await_more(told),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
