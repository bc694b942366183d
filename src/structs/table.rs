//! The table: a persistent hash table in hash order, which grows one segment at a time.
//!
//! Owns the map from keys to entries that carries a database and every large hash, set and sorted set. Its
//! nodes are shared between clones by count and copied when written, so a clone (a snapshot) is O(1) and what it
//! holds never changes. Nothing is ever rehashed: a full segment is split in two, sparse buddies are merged.
//! The nodes are in `table/`: `segment.rs` (slots and tags), `link.rs` (sharing), `tree.rs` (shape, deadlines),
//! `walk.rs` (what a snapshot is written from: a clone that may be passed only once, which spares the table most copies).
//!
//! Promises:
//! - entries lie in the order of their 64-bit hash, so a scan position (the top 48 bits) keeps its meaning
//!   whatever grows or shrinks meanwhile;
//! - a lookup reads one line of each of one or two directories, the segment's tags, a slot, and the entry;
//! - each node knows a lower bound of the deadlines below it, so expiry visits only where something is due;
//! - an empty table allocates nothing, one of up to 56 entries a single segment.
//!
//! An entry that would be the 57th under one 48-bit prefix goes to a small ordered vector beside the tree: that
//! is for a hash gone wrong, works at any size, and is not fast. Left out: what deadlines mean, when to reclaim.

mod link;
mod segment;
mod tree;
mod walk;

use std::cmp::Reverse;
use std::sync::OnceLock;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};
use triomphe::Arc;

use segment::{SLOTS, Segment};
use tree::{Place, SPARSE, Tree};
pub use walk::{PassedOnce, Walk};

/// Bits of a scan position.
const CURSOR_BITS: u32 = 48;
/// Bits of a hash below a scan position.
const BELOW_CURSOR: u32 = 64 - CURSOR_BITS;
/// Draws of a leaf before `random` counts entries off instead.
const MAX_DRAWS: u32 = 512;

static SECRETS: OnceLock<RapidSecrets> = OnceLock::new();

/// Sets the seed of `hash` for the whole process. Call it once, before the first key is hashed; returns false,
/// and changes nothing, when that is too late. Without it the seed is a fixed one.
pub fn set_hash_seed(seed: u64) -> bool {
    SECRETS.set(RapidSecrets::seed(seed)).is_ok()
}

/// The hash of a key: 64 well mixed bits, the top ones pick the segment. O(length).
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    let secrets = SECRETS.get_or_init(|| RapidSecrets::seed(0x4c61_7264_6572));
    rapidhash_v3_inline::<true, false, false>(key, secrets)
}

/// What a table holds. `Clone` should be cheap (a counted pointer): snapshots clone entries. An entry that is
/// one pointer with a niche keeps a segment at 512 bytes.
pub trait Entry: Clone {
    /// The key; it must not change while the entry is in a table.
    fn key(&self) -> &[u8];

    /// The hash that the caller passes along with this key; override it only together with every caller.
    #[inline]
    fn hash(&self) -> u64 {
        hash(self.key())
    }

    /// The moment it is due, if ever. `u64::MAX` is a deadline that never comes.
    #[inline]
    fn deadline(&self) -> Option<u64> {
        None
    }

    /// No part of the entry (a field of a hash), nor the entry itself, is due before; the bounds of the nodes above are
    /// made of this. None when nothing of it ever is.
    #[inline]
    fn due(&self) -> Option<u64> {
        self.deadline()
    }

    /// Whether parts of the entry have deadlines of their own, as of the last call of `note_parts`.
    #[inline]
    fn has_timed_parts(&self) -> bool {
        false
    }

    /// Looks whether parts of the entry have deadlines of their own. To be called when they may have changed.
    fn note_parts(&mut self) {}

    /// Changes the deadline; entries without deadlines ignore it.
    fn set_deadline(&mut self, deadline: Option<u64>) {
        let _ = deadline;
    }

    /// The entry as it is now, to be given by a walk while this one changes. A clone; or whatever else lets this one change
    /// where it lies.
    fn put_by(&mut self) -> Self {
        self.clone()
    }

    /// Where the entry's memory begins, for prefetching; null when there is nothing to prefetch.
    #[inline]
    fn address(&self) -> *const u8 {
        std::ptr::null()
    }
}

/// The nodes of a table, for introspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeCounts {
    /// Leaves of 56 slots.
    pub segments: usize,
    /// Inner nodes.
    pub directories: usize,
    /// Bits of the hash that tell the deepest leaf apart.
    pub deepest: u32,
}

/// A persistent hash table in hash order. Every method takes the key's hash, which must be `Entry::hash` of it.
#[derive(Clone)]
pub struct Table<E: Entry> {
    tree: Tree<E>,
    len: usize,
    timed: usize,
    /// Entries whose parts have deadlines.
    in_parts: usize,
    /// Entries without a slot, ordered by hash.
    overflow: Option<Arc<Vec<E>>>,
}

impl<E: Entry> Default for Table<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Entry> Table<E> {
    /// An empty table; allocates nothing.
    pub const fn new() -> Self {
        Self { tree: Tree::new(), len: 0, timed: 0, in_parts: 0, overflow: None }
    }

    /// Number of entries. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of entries with a deadline. O(1).
    #[inline]
    pub fn len_with_deadline(&self) -> usize {
        self.timed
    }

    /// Number of entries whose parts have deadlines of their own. O(1).
    #[inline]
    pub fn len_with_timed_parts(&self) -> usize {
        self.in_parts
    }

    /// Bytes of the table's own nodes, as asked of the allocator, without its entries. O(1).
    pub fn alloc_bytes(&self) -> usize {
        self.tree.bytes() + self.overflow.as_ref().map_or(0, |all| all.capacity() * size_of::<E>())
    }

    /// Counts of nodes. O(1).
    pub fn node_counts(&self) -> NodeCounts {
        self.tree.node_counts()
    }

    /// The entry under `key`. O(1).
    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&E> {
        if let Some(leaf) = self.tree.leaf(hash)
            && let Some(at) = leaf.find(hash, key)
        {
            return Some(leaf.at(at));
        }
        let all = self.overflow.as_ref()?;
        overflow_at(all, hash, key).ok().map(|at| &all[at])
    }

    /// The entry under `key` for writing; nodes that a clone still holds are copied first. The caller must not
    /// change its key or deadline. O(1).
    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut E> {
        // Looked up before, so that a miss copies nothing; a copy has the same slots.
        if let Some(at) = self.tree.leaf(hash).and_then(|leaf| leaf.find(hash, key)) {
            return self.tree.entry_mut(hash, at);
        }
        let all = self.overflow.as_mut()?;
        let at = overflow_at(all, hash, key).ok()?;
        Some(&mut Arc::make_mut(all)[at])
    }

    /// Puts an entry in, in the place of one with an equal key, which is returned. O(1).
    pub fn insert(&mut self, hash: u64, entry: E) -> Option<E> {
        debug_assert_eq!(hash, entry.hash());
        let (timed, in_parts, due) = (entry.deadline().is_some(), entry.has_timed_parts(), entry.due());
        let old = if self.overflows(hash, entry.key()) {
            self.get_mut(hash, entry.key()).map(|old| std::mem::replace(old, entry))
        } else {
            match self.tree.place(hash, entry.key()) {
                Place::Found(old) => Some(std::mem::replace(old, entry)),
                Place::Vacant(vacancy) => {
                    vacancy.fill(hash, entry);
                    None
                }
                Place::Full => {
                    Self::push_overflow(&mut self.overflow, hash, entry);
                    None
                }
            }
        };
        match &old {
            Some(old) => self.uncount(old),
            None => self.len += 1,
        }
        self.timed += usize::from(timed);
        self.in_parts += usize::from(in_parts);
        self.lower(hash, due);
        old
    }

    /// Puts an entry in; false, and nothing has changed, when its key is there already. O(1).
    pub fn insert_new(&mut self, hash: u64, entry: E) -> bool {
        debug_assert_eq!(hash, entry.hash());
        if self.overflows(hash, entry.key()) {
            return false;
        }
        let (timed, in_parts, due) = (entry.deadline().is_some(), entry.has_timed_parts(), entry.due());
        match self.tree.place(hash, entry.key()) {
            Place::Found(_) => return false,
            Place::Vacant(vacancy) => _ = vacancy.fill(hash, entry),
            Place::Full => _ = Self::push_overflow(&mut self.overflow, hash, entry),
        }
        self.len += 1;
        self.timed += usize::from(timed);
        self.in_parts += usize::from(in_parts);
        self.lower(hash, due);
        true
    }

    /// Gives an empty table the shape it will have with so many entries, so that none of its nodes has to be split on
    /// the way there. O(entries / 34); takes no more memory than growing there would.
    pub fn reserve(&mut self, entries: usize) {
        if self.len == 0 {
            self.tree.presplit(entries);
        }
    }

    /// Takes an entry out of the counts of those with deadlines.
    #[inline]
    fn uncount(&mut self, entry: &E) {
        self.timed -= usize::from(entry.deadline().is_some());
        self.in_parts -= usize::from(entry.has_timed_parts());
    }

    /// The entry under `key`, made by `make` when there is none, and whether it was made. O(1).
    #[inline]
    pub fn find_or_insert_with(&mut self, hash: u64, key: &[u8], make: impl FnOnce() -> E) -> (&mut E, bool) {
        if self.overflows(hash, key) {
            let Some(entry) = self.get_mut(hash, key) else { unreachable!("it is in the overflow") };
            return (entry, false);
        }
        match self.tree.find_or_make(hash, key, make) {
            Ok((entry, made)) => {
                debug_assert_eq!(entry.key(), key);
                if made {
                    self.len += 1;
                    self.timed += usize::from(entry.deadline().is_some());
                    self.in_parts += usize::from(entry.has_timed_parts());
                }
                (entry, made)
            }
            Err(make) => {
                let entry = make();
                self.len += 1;
                self.timed += usize::from(entry.deadline().is_some());
                self.in_parts += usize::from(entry.has_timed_parts());
                (Self::push_overflow(&mut self.overflow, hash, entry), true)
            }
        }
    }

    /// Takes the entry under `key` out. O(1).
    #[inline]
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<E> {
        let entry = match self.tree.leaf(hash).and_then(|leaf| leaf.find(hash, key)) {
            Some(at) => {
                let (entry, left) = self.tree.take(hash, at)?;
                if left <= SPARSE {
                    self.tree.merge(hash);
                }
                entry
            }
            None => {
                let all = self.overflow.as_mut()?;
                let at = overflow_at(all, hash, key).ok()?;
                let entry = Arc::make_mut(all).remove(at);
                if all.is_empty() {
                    self.overflow = None;
                }
                entry
            }
        };
        self.len -= 1;
        self.uncount(&entry);
        Some(entry)
    }

    /// Sets or removes the deadline of the entry under `key`; false when there is none. O(1).
    pub fn set_deadline(&mut self, hash: u64, key: &[u8], deadline: Option<u64>) -> bool {
        let Some(entry) = self.get_mut(hash, key) else { return false };
        let had = entry.deadline().is_some();
        entry.set_deadline(deadline);
        let (has, due) = (entry.deadline().is_some(), entry.due());
        self.timed -= usize::from(had);
        self.timed += usize::from(has);
        self.lower(hash, due);
        true
    }

    /// Looks anew at the deadlines of an entry's parts, after an edit that may have changed them. O(1).
    pub fn note_parts(&mut self, hash: u64, key: &[u8]) {
        let Some(entry) = self.get_mut(hash, key) else { return };
        let had = entry.has_timed_parts();
        entry.note_parts();
        self.parts_changed(hash, key, had);
    }

    /// The same for an entry that was given another value, with which it had, or had not, parts with deadlines.
    pub fn parts_changed(&mut self, hash: u64, key: &[u8], had: bool) {
        let Some(entry) = self.get(hash, key) else { return };
        let (has, due) = (entry.has_timed_parts(), entry.due());
        self.in_parts -= usize::from(had);
        self.in_parts += usize::from(has);
        if has {
            self.lower(hash, due);
        }
    }

    /// Lowers the bounds above something that is due.
    #[inline]
    fn lower(&mut self, hash: u64, due: Option<u64>) {
        if let Some(due) = due {
            // One in the overflow lowers bounds too, for nothing; the next walk tightens them.
            self.tree.lower(hash, due);
        }
    }

    #[inline]
    fn overflows(&self, hash: u64, key: &[u8]) -> bool {
        self.overflow.as_ref().is_some_and(|all| overflow_at(all, hash, key).is_ok())
    }

    /// Puts in an entry that is not there yet.
    #[cold]
    fn push_overflow(overflow: &mut Option<Arc<Vec<E>>>, hash: u64, entry: E) -> &mut E {
        let all = Arc::make_mut(overflow.get_or_insert_with(|| Arc::new(Vec::new())));
        let at = all.partition_point(|other| other.hash() < hash);
        all.insert(at, entry);
        &mut all[at]
    }

    fn overflow_entries(&self) -> &[E] {
        self.overflow.as_ref().map_or(&[], |all| all)
    }

    /// Collects the leaf that covers `from`, and what overflows it, from `from` on, by descending hash, so that
    /// `pop` gives them in order. Returns the last hash the leaf covers.
    fn collect_leaf<'a>(&'a self, from: u64, into: &mut Vec<(u64, &'a E)>) -> u64 {
        let leaf = self.tree.leaf_span(from);
        into.clear();
        if let Some(segment) = leaf.segment {
            segment.prefetch_entries();
            into.extend(segment.entries().map(|entry| (entry.hash(), entry)));
        }
        into.extend(
            self.overflow_entries()
                .iter()
                .map(|entry| (entry.hash(), entry))
                .filter(|(hash, _)| (leaf.first..=leaf.last).contains(hash)),
        );
        into.retain(|(hash, _)| *hash >= from);
        into.sort_unstable_by_key(|(hash, _)| Reverse(*hash));
        leaf.last
    }

    /// Gives entries in hash order from position `cursor` on, and stops at the first position at or after `count`
    /// of them. Returns the position to go on from, 0 at the end; 0 begins. A position is the top 48 bits of a
    /// hash, and entries that share it come together: an entry that is there from the first call to the last is
    /// given exactly once, whatever else comes and goes. O(count), as far as no more than 56 share a position.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(&E)) -> u64 {
        if cursor >> CURSOR_BITS != 0 {
            return 0;
        }
        let (mut from, mut given) = (cursor << BELOW_CURSOR, 0);
        let mut leaf = Vec::with_capacity(SLOTS);
        loop {
            let last = self.collect_leaf(from, &mut leaf);
            let mut position = from >> BELOW_CURSOR;
            while let Some((hash, entry)) = leaf.pop() {
                if given >= count.max(1) && hash >> BELOW_CURSOR != position {
                    return hash >> BELOW_CURSOR;
                }
                position = hash >> BELOW_CURSOR;
                f(entry);
                given += 1;
            }
            let Some(next) = last.checked_add(1) else { return 0 };
            if given >= count.max(1) {
                return next >> BELOW_CURSOR;
            }
            from = next;
        }
    }

    /// Gives the entries whose hash lies in `from..=to`, in hash order. O(their number), and a leaf more.
    pub fn scan_range(&self, from: u64, to: u64, f: &mut dyn FnMut(&E)) {
        let mut next = Some(from);
        let mut leaf = Vec::with_capacity(SLOTS);
        while let Some(from) = next.filter(|from| *from <= to) {
            next = self.collect_leaf(from, &mut leaf).checked_add(1);
            while let Some((_, entry)) = leaf.pop().filter(|(hash, _)| *hash <= to) {
                f(entry);
            }
        }
    }

    /// Takes up to `limit` entries whose hash lies in `from..=to` out, in hash order, and appends them to `out`.
    /// Returns whether it stopped for the limit. O(limit), and a leaf more.
    pub fn remove_range(&mut self, from: u64, to: u64, limit: usize, out: &mut Vec<E>) -> bool {
        let mut next = Some(from);
        let mut left = limit;
        while let Some(from) = next.filter(|from| *from <= to) {
            let mut leaf = Vec::with_capacity(SLOTS);
            next = self.collect_leaf(from, &mut leaf).checked_add(1);
            // Clones are cheap, and dropped again as the entries are moved out.
            let due: Vec<(u64, E)> = leaf
                .into_iter()
                .rev()
                .filter(|(hash, _)| *hash <= to)
                .map(|(hash, entry)| (hash, entry.clone()))
                .collect();
            for (hash, entry) in due {
                if left == 0 {
                    return true;
                }
                left -= 1;
                let removed = self.remove(hash, entry.key());
                drop(entry);
                out.extend(removed);
            }
        }
        false
    }

    /// All entries in hash order. Sorts each leaf on the way; `for_each` is cheaper where order is no matter.
    pub fn iter(&self) -> Iter<'_, E> {
        Iter { table: self, next: (self.len > 0).then_some(0), leaf: Vec::new() }
    }

    /// Gives all entries, leaf by leaf in hash order, in any order within a leaf, asking for the memory of the
    /// next leaf's entries while it gives those of one. O(n).
    pub fn for_each(&self, mut f: impl FnMut(&E)) {
        let mut leaf = self.tree.leaf_span(0);
        loop {
            let next = leaf.last.checked_add(1).map(|from| self.tree.leaf_span(from));
            if let Some(segment) = next.as_ref().and_then(|next| next.segment) {
                segment.prefetch_entries();
            }
            leaf.segment.into_iter().flat_map(Segment::entries).for_each(&mut f);
            let Some(next) = next else { break };
            leaf = next;
        }
        self.overflow_entries().iter().for_each(f);
    }

    /// An entry, each with exactly the same probability; none when the table is empty. A leaf is drawn by a
    /// random hash and kept with a probability that makes up for its width, then one of its 56 slots is drawn;
    /// what misses is drawn again. O(1) expected; after `MAX_DRAWS` misses (a table far from evenly hashed) a
    /// random number of entries is counted off instead, O(n / 56).
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&E> {
        if self.len == 0 {
            return None;
        }
        let overflow = self.overflow_entries();
        let in_tree = self.len - overflow.len();
        let rank = rng.usize(..self.len);
        if rank >= in_tree {
            return Some(&overflow[rank - in_tree]);
        }
        let deepest = self.tree.deepest();
        for _ in 0..MAX_DRAWS {
            let leaf = self.tree.leaf_span(rng.u64(..));
            if rng.u64(..) >> (64 - DRAW_BITS) >> (DRAW_BITS - (deepest - leaf.depth)) != 0 {
                continue;
            }
            let (Some(segment), at) = (leaf.segment, rng.usize(..SLOTS)) else { continue };
            if !segment.slot_is_free(at) {
                return Some(segment.at(at));
            }
        }
        let mut left = rank;
        let mut leaf = self.tree.leaf_span(0);
        loop {
            let len = leaf.segment.map_or(0, Segment::len);
            if left < len {
                return leaf.segment.and_then(|segment| segment.entries().nth(left));
            }
            left -= len;
            leaf = self.tree.leaf_span(leaf.last.checked_add(1)?);
        }
    }

    /// Gives up to `n` different entries that lie together at a random place: cheap, as for eviction, but not
    /// independent. Gives fewer only when there are fewer. O(n).
    pub fn sample(&self, rng: &mut fastrand::Rng, n: usize, f: &mut dyn FnMut(&E)) {
        let mut left = n.min(self.len);
        let mut leaf = self.tree.leaf_span(rng.u64(..));
        let start = leaf.first;
        while left > 0 {
            if let Some(segment) = leaf.segment {
                let held = segment.len();
                let skip = if held > left { rng.usize(..=held - left) } else { 0 };
                for entry in segment.entries().skip(skip).take(left) {
                    f(entry);
                }
                left -= held.min(left);
            }
            leaf = self.tree.leaf_span(leaf.last.wrapping_add(1));
            if leaf.first == start {
                break;
            }
        }
        self.overflow_entries().iter().take(left).for_each(f);
    }

    /// A lower bound of all deadlines: nothing is due before. None without deadlines that can come. O(1).
    pub fn next_deadline(&self) -> Option<u64> {
        let beside = self.overflow_entries().iter().filter_map(E::due).min().unwrap_or(u64::MAX);
        Some(self.tree.bound().min(beside)).filter(|bound| *bound != u64::MAX)
    }

    /// Takes out up to `limit` entries that are due, which means: their deadline is `now` or earlier. Appends
    /// them to `out`, visits only nodes whose bound has passed and tightens the bounds it passes. Entries that stay but
    /// have parts that are due are named in `parts`, up to the limit too; the caller sees to them. Returns whether a
    /// bound of `now` or earlier remains, so that calling again makes sense. O(limit + nodes that look due).
    pub fn remove_due(&mut self, now: u64, limit: usize, out: &mut Vec<E>, parts: &mut Vec<Box<[u8]>>) -> bool {
        let before = (out.len(), parts.len());
        let mut sparse = Vec::new();
        self.tree.take_due(now, limit, out, parts, &mut sparse);
        sparse.into_iter().for_each(|hash| self.tree.merge(hash));
        if let Some(all) = &mut self.overflow {
            let all = Arc::make_mut(all);
            let left = limit - (out.len() - before.0) - (parts.len() - before.1);
            out.extend(all.extract_if(.., |entry| is_due(entry, now)).take(left));
            let looks_due = all.iter().filter(|entry| entry.due().is_some_and(|due| due <= now));
            parts.extend(looks_due.take(left).map(|entry| entry.key().into()));
            if all.is_empty() {
                self.overflow = None;
            }
        }
        self.len -= out.len() - before.0;
        out[before.0..].iter().for_each(|entry| self.uncount(entry));
        self.next_deadline().is_some_and(|bound| bound <= now)
    }

    /// Gives the entries that `remove_due` would take out, and leaves them. Looks at no more than `limit`, among which
    /// those count too of which only parts are due.
    pub fn for_each_due(&self, now: u64, limit: usize, mut f: impl FnMut(&E)) {
        let mut left = limit;
        let mut give = |entry: &E| {
            if left > 0 {
                left -= 1;
                if is_due(entry, now) {
                    f(entry);
                }
            }
            left > 0
        };
        self.tree.each_due(now, &mut give);
        for entry in self.overflow_entries().iter().filter(|entry| is_due(*entry, now)) {
            give(entry);
        }
    }

    /// The entry with the smallest deadline, exactly. Follows bounds and tightens those that prove too low:
    /// O(links of one directory a level), amortised over the changes of deadlines. While parts of entries have
    /// deadlines, the bounds tell of those too, and all entries are looked at: O(n).
    pub fn earliest(&mut self) -> Option<&E> {
        if self.in_parts > 0 {
            return self.iter().filter(|entry| entry.deadline().is_some()).min_by_key(|entry| deadline_of(*entry));
        }
        let beside = self.overflow.as_ref().and_then(|all| all.iter().min_by_key(|entry| deadline_of(*entry)));
        let found = self.tree.earliest();
        [found, beside]
            .into_iter()
            .flatten()
            .min_by_key(|entry| deadline_of(*entry))
            .filter(|entry| deadline_of(*entry) < u64::MAX)
    }

    /// Asks for the line of the root directory that a lookup of `hash` is going to read. First of four steps, each some
    /// keys behind the one before: while one key's memory is on its way, the others are asked for.
    #[inline]
    pub fn prefetch_root(&self, hash: u64) {
        self.tree.prefetch_root(hash);
    }

    /// The second step: asks for the line of the directory below, if there is one.
    #[inline]
    pub fn prefetch_path(&self, hash: u64) {
        self.tree.prefetch_path(hash);
    }

    /// The third step: asks for the segment that a lookup is going to read.
    #[inline]
    pub fn prefetch_segment(&self, hash: u64) {
        self.tree.prefetch(hash);
    }

    /// Asks for the entry that a lookup of `hash` is going to read. Last step, when the segment has come.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(leaf) = self.tree.leaf(hash) {
            leaf.prefetch_entry(hash);
        }
    }

    /// Walks every invariant. O(n); for tests and debugging.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn check(&self) {
        let (len, timed, in_parts) = self.tree.check();
        let beside = self.overflow_entries();
        assert_eq!(self.len, len + beside.len());
        assert_eq!(self.timed, timed + beside.iter().filter(|entry| entry.deadline().is_some()).count());
        assert_eq!(self.in_parts, in_parts + beside.iter().filter(|entry| entry.has_timed_parts()).count());
        assert!(self.overflow.as_ref().is_none_or(|all| !all.is_empty()));
        assert!(beside.is_sorted_by_key(Entry::hash));
    }
}

/// Bits that decide whether `random` keeps a leaf; more than two depths can differ by.
const DRAW_BITS: u32 = 63;

fn deadline_of<E: Entry>(entry: &E) -> u64 {
    entry.deadline().unwrap_or(u64::MAX)
}

/// Whether an entry's deadline has come; `u64::MAX` never does.
fn is_due<E: Entry>(entry: &E, now: u64) -> bool {
    deadline_of(entry) <= now.min(u64::MAX - 1)
}

/// Where `key` is in the overflow, or belongs. O(log n + entries of the same hash).
fn overflow_at<E: Entry>(all: &[E], hash: u64, key: &[u8]) -> Result<usize, usize> {
    let start = all.partition_point(|entry| entry.hash() < hash);
    let same = all[start..].iter().take_while(|entry| entry.hash() == hash);
    same.clone().position(|entry| entry.key() == key).map_or(Err(start), |at| Ok(start + at))
}

/// All entries of a table in hash order.
pub struct Iter<'a, E: Entry> {
    table: &'a Table<E>,
    next: Option<u64>,
    leaf: Vec<(u64, &'a E)>,
}

impl<'a, E: Entry> Iterator for Iter<'a, E> {
    type Item = &'a E;

    fn next(&mut self) -> Option<&'a E> {
        loop {
            if let Some((_, entry)) = self.leaf.pop() {
                return Some(entry);
            }
            self.next = self.table.collect_leaf(self.next?, &mut self.leaf).checked_add(1);
        }
    }
}

impl<'a, E: Entry> IntoIterator for &'a Table<E> {
    type Item = &'a E;
    type IntoIter = Iter<'a, E>;

    fn into_iter(self) -> Iter<'a, E> {
        self.iter()
    }
}

impl<E: Entry + std::fmt::Debug> std::fmt::Debug for Table<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests;
