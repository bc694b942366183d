//! Streams: entries of fields and values under rising ids, in packed blocks that are filed by their first id, and the
//! consumer groups that read them.
//!
//! Promises: blocks are as Redis would have cut and written them (`stream/block.rs`), so that snapshots hold them
//! verbatim; a clone is O(1) and never changes; a write after a clone copies one block and the nodes above it. A stream
//! without entries stays: only its key's removal ends it.
//!
//! Groups are in `stream/group.rs`, ids in `stream/id.rs`.

mod block;
mod group;
mod id;
mod radix;
mod requests;
#[cfg(test)]
mod tests;

pub use block::{Entry, Fields};
pub use group::{Consumer, Group, Name, Pending};
pub use id::{IdText, StreamId};

use super::{Container, Kind, Limits, Typed, sampled};
use crate::structs::listpack::{Listpack, MAX_BYTES, Pile};
use crate::structs::ordered_tree::{self, OrderedTree};
use block::{Choice, Walk};

/// Most bytes that the fields and values of one entry may have together.
pub const ENTRY_MAX_BYTES: usize = MAX_BYTES;

/// A stream.
#[derive(Clone, Default)]
pub struct Stream {
    blocks: OrderedTree<StreamId, Listpack>,
    /// Where blocks go that are full, once there are many.
    pile: Pile,
    groups: OrderedTree<Name, Group>,
    facts: Facts,
}

/// Blocks from which on further ones are piled up. A pile stays until all of its blocks have gone: what a stream of fewer
/// blocks that loses its first ones saved, it would lose again.
const PILED_FROM: usize = 64;

/// What a stream knows of itself besides its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Number of entries.
    pub len: u64,
    /// The first entry; zero when there is none.
    pub first_id: StreamId,
    /// The greatest id that was ever given.
    pub last_id: StreamId,
    /// The greatest id that was ever deleted by XDEL.
    pub max_deleted_id: StreamId,
    /// Number of entries that were ever added.
    pub entries_added: i64,
}

/// How a stream is to be shortened.
#[derive(Debug, Clone, Copy)]
pub struct Trim {
    /// What is to stay.
    pub keep: Keep,
    /// Only whole blocks go, so that more may stay.
    pub whole_blocks: bool,
    /// Most entries that may go; 0: no limit.
    pub limit: u64,
}

/// What is to stay of a stream.
#[derive(Debug, Clone, Copy)]
pub enum Keep {
    /// At most so many entries.
    Len(u64),
    /// No entry below this id.
    From(StreamId),
}

impl Typed for Stream {
    const KIND: Kind = Kind::Stream;

    #[inline]
    fn of(container: &Container) -> Option<&Stream> {
        match container {
            Container::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    #[inline]
    fn of_mut(container: &mut Container) -> Option<&mut Stream> {
        match container {
            Container::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    fn into_container(self) -> Container {
        Container::Stream(Box::new(self))
    }

    /// Never: an empty stream stays.
    fn is_empty(&self) -> bool {
        false
    }
}

impl Facts {
    /// Whether an entry that was deleted may lie from this id on.
    fn has_gap_from(&self, start: StreamId) -> bool {
        self.len > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// How many entries were ever added up to this id, where that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if (self.len == 0 && id <= self.last_id) || id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        if self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id {
            let before_first = self.entries_added.wrapping_sub(self.len as i64);
            if id < self.first_id {
                return Some(before_first);
            }
            if id == self.first_id {
                return Some(before_first.wrapping_add(1));
            }
        }
        None
    }

    /// How many entries a group has not read yet, where that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => Some(read),
            _ => self.entries_up_to(group.last_id),
        };
        read.map(|read| self.entries_added.wrapping_sub(read))
    }

    /// Notes that an entry beyond all that a group has read is delivered to it.
    pub fn advance(&self, group: &mut Group, id: StreamId) {
        match group.entries_read {
            Some(read) if !self.has_gap_from(id) => group.entries_read = Some(read.wrapping_add(1)),
            _ if self.entries_added != 0 => group.entries_read = self.entries_up_to(id),
            _ => {}
        }
        group.last_id = id;
    }
}

/// The entries of a stream.
#[derive(Clone, Copy)]
pub struct Entries<'a>(&'a OrderedTree<StreamId, Listpack>);

impl<'a> Entries<'a> {
    /// The entries from one id to another, both included; in falling order if `reverse`. O(log n + a block) to begin.
    pub fn range(self, from: StreamId, to: StreamId, reverse: bool) -> Range<'a> {
        let start = if reverse { to } else { from };
        // The block an id would lie in begins at the id or before it.
        let first = self.0.floor(&start).map(|(id, _)| *id);
        let blocks = match (first, reverse) {
            (Some(first), false) => self.0.iter_from(&first),
            (None, false) => self.0.iter(),
            (Some(first), true) => self.0.iter_rev_from(&first),
            // All blocks begin after the range.
            (None, true) => ordered_tree::Iter::nothing(),
        };
        Range { blocks, walk: None, from, to, reverse, tombstones: false }
    }

    /// The entry with an id. O(log n + a block).
    pub fn entry(self, id: StreamId) -> Option<Entry<'a>> {
        self.range(id, id, false).next()
    }

    /// The greatest id among the entries.
    pub fn last_id(self) -> Option<StreamId> {
        self.range(StreamId::MIN, StreamId::MAX, true).next().map(|entry| entry.id)
    }
}

/// Entries in order, one way or the other.
pub struct Range<'a> {
    blocks: ordered_tree::Iter<'a, StreamId, Listpack>,
    walk: Option<Walk<'a>>,
    from: StreamId,
    to: StreamId,
    reverse: bool,
    tombstones: bool,
}

impl Range<'_> {
    /// The same, with the marks of deleted entries that are still there.
    pub fn with_tombstones(mut self) -> Self {
        self.tombstones = true;
        self
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            while let Some(walk) = &mut self.walk {
                let entry = if self.reverse { walk.next_back() } else { walk.next() };
                let Some(entry) = entry else {
                    self.walk = None;
                    break;
                };
                let (is_early, is_late) = match self.reverse {
                    false => (entry.id < self.from, entry.id > self.to),
                    true => (entry.id > self.to, entry.id < self.from),
                };
                if is_early || (entry.deleted && !self.tombstones) {
                    continue;
                }
                if is_late {
                    self.walk = None;
                    self.blocks = ordered_tree::Iter::nothing();
                    return None;
                }
                return Some(entry);
            }
            let (base, pack) = self.blocks.next()?;
            self.walk = Some(Walk::new(*base, pack));
        }
    }
}

impl Stream {
    /// A stream without entries.
    pub fn new() -> Stream {
        Stream::default()
    }

    /// What it knows of itself.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Its entries.
    pub fn entries(&self) -> Entries<'_> {
        Entries(&self.blocks)
    }

    /// Number of blocks. O(1).
    pub fn blocks_len(&self) -> usize {
        self.blocks.len()
    }

    /// The blocks in order, each with the id it is filed under.
    pub fn blocks(&self) -> impl Iterator<Item = (StreamId, &Listpack)> {
        self.blocks.iter().map(|(id, pack)| (*id, pack))
    }

    /// How many nodes a radix tree of the blocks would have. O(blocks), bounded.
    pub fn radix_nodes(&self) -> usize {
        radix::nodes(self.blocks.iter().map(|(id, _)| *id), self.blocks.len())
    }

    /// Adds an entry: its fields and values in turn, at most [`ENTRY_MAX_BYTES`] in all. The id is greater than the last
    /// one. Amortised O(entry).
    pub fn append<'w>(
        &mut self,
        id: StreamId,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
        limits: &Limits,
    ) {
        debug_assert!(id > self.facts.last_id, "ids rise");
        let bytes: usize = words.clone().map(<[u8]>::len).sum();
        let node_max_bytes = match limits.stream_node_max_bytes {
            0 => MAX_BYTES,
            limit => limit.min(MAX_BYTES),
        };
        let are_many = self.blocks.len() >= PILED_FROM;
        let has_others = match self.blocks.last_mut() {
            Some((base, pack)) => {
                let max_entries = limits.stream_node_max_entries;
                let fits = pack.byte_len() + bytes < node_max_bytes
                    && (max_entries == 0 || block::entries(pack) < max_entries as u64);
                if fits {
                    block::append(pack, *base, id, words);
                    return self.added(id);
                }
                if are_many {
                    pack.pile_up(&mut self.pile);
                }
                pack.shrink_to_fit();
                true
            }
            None => false,
        };
        let mut pack = block::new(words.clone(), has_others.then_some(node_max_bytes));
        block::append(&mut pack, id, id, words);
        self.blocks.insert(id, pack);
        self.added(id);
    }

    #[inline]
    fn added(&mut self, id: StreamId) {
        self.facts.len += 1;
        self.facts.entries_added = self.facts.entries_added.wrapping_add(1);
        self.facts.last_id = id;
        if self.facts.len == 1 {
            self.facts.first_id = id;
        }
    }

    /// Removes entries from the front; answers how many. O(log n) for each block.
    pub fn trim(&mut self, trim: Trim) -> u64 {
        let mut trimmed = 0;
        while let Some((&base, pack)) = self.blocks.first() {
            if let Keep::Len(most) = trim.keep
                && self.facts.len <= most
            {
                break;
            }
            let live = block::live(pack);
            if trim.limit != 0 && trimmed + live > trim.limit {
                break;
            }
            let goes_whole = match trim.keep {
                Keep::Len(most) => self.facts.len.saturating_sub(live) >= most,
                Keep::From(id) => Walk::new(base, pack).next_back().is_none_or(|last| last.id < id),
            };
            if goes_whole {
                self.blocks.remove(&base);
                self.facts.len = self.facts.len.saturating_sub(live);
                trimmed += live;
                continue;
            }
            if trim.whole_blocks {
                break;
            }
            let Some(pack) = self.blocks.get_mut(&base) else { break };
            let marked = match trim.keep {
                Keep::Len(most) => block::delete(pack, base, self.facts.len - most, |_| Choice::Delete),
                Keep::From(id) => block::delete(pack, base, u64::MAX, |other| match other < id {
                    true => Choice::Delete,
                    false => Choice::Stop,
                }),
            };
            self.facts.len = self.facts.len.saturating_sub(marked);
            trimmed += marked;
            break;
        }
        if self.facts.len == 0 {
            self.facts.first_id = StreamId::MIN;
        } else if trimmed > 0 {
            self.find_first();
        }
        trimmed
    }

    fn find_first(&mut self) {
        let first = self.entries().range(StreamId::MIN, StreamId::MAX, false).next();
        self.facts.first_id = first.map_or(StreamId::MAX, |entry| entry.id);
    }

    /// Deletes an entry; whether it was there. The caller ends a run of deletions with [`Stream::deleted`].
    /// O(log n + a block).
    pub fn delete(&mut self, id: StreamId) -> bool {
        if self.entries().entry(id).is_none() {
            return false;
        }
        let Some((&base, pack)) = self.blocks.floor(&id) else { return false };
        if block::live(pack) == 1 {
            self.blocks.remove(&base);
        } else if let Some(pack) = self.blocks.get_mut(&base) {
            block::delete(pack, base, 1, |other| match other.cmp(&id) {
                std::cmp::Ordering::Less => Choice::Keep,
                std::cmp::Ordering::Equal => Choice::Delete,
                std::cmp::Ordering::Greater => Choice::Stop,
            });
        }
        self.facts.len = self.facts.len.saturating_sub(1);
        self.facts.max_deleted_id = self.facts.max_deleted_id.max(id);
        true
    }

    /// Brings the first id up to date after deletions; `first_went`: whether the first entry was among them.
    pub fn deleted(&mut self, first_went: bool) {
        if self.facts.len == 0 {
            self.facts.first_id = StreamId::MIN;
        } else if first_went {
            self.find_first();
        }
    }

    /// Whether some group has still to read or to acknowledge an entry. O(groups).
    pub fn is_referred_to(&self, id: StreamId) -> bool {
        self.groups().any(|(_, group)| group.refers_to(id))
    }

    /// Ends the pending of an entry in all groups; whether it was in any. O(groups).
    pub fn forget(&mut self, id: StreamId) -> bool {
        let pending_in = self.groups().filter(|(_, group)| group.pending(id).is_some());
        let names: Vec<Vec<u8>> = pending_in.map(|(name, _)| name.to_vec()).collect();
        names.iter().for_each(|name| {
            if let Some(group) = self.group_mut(name) {
                group.acknowledge(id);
            }
        });
        !names.is_empty()
    }

    /// As [`Stream::trim`], but only of entries that no group refers to. O(log n) for each entry looked at. Answers how
    /// many went, and the last of them.
    pub fn trim_acknowledged(&mut self, trim: Trim) -> (u64, Option<StreamId>) {
        // What a trimming of everything would take, found out with a copy.
        let mut copy = self.clone();
        let most = match trim.keep {
            Keep::Len(len) => self.facts.len.saturating_sub(len),
            Keep::From(_) => u64::MAX,
        };
        let bound = match (trim.keep, trim.whole_blocks) {
            // Entries further behind go in the place of those that may not.
            (Keep::Len(_), false) => StreamId::MAX,
            _ => {
                copy.trim(trim);
                let first_left = copy.entries().range(StreamId::MIN, StreamId::MAX, false).next();
                first_left.and_then(|entry| entry.id.previous()).unwrap_or(self.facts.last_id)
            }
        };
        drop(copy);
        let free = self.entries().range(StreamId::MIN, bound, false).map(|entry| entry.id);
        let ids: Vec<StreamId> = free.filter(|id| !self.is_referred_to(*id)).take(most.min(1 << 40) as usize).collect();
        let deleted_before = self.facts.max_deleted_id;
        ids.iter().for_each(|id| {
            self.delete(*id);
        });
        // Trimming is no deletion in the sense of what a stream knows of itself, if it left no gap behind.
        let gap =
            self.entries().range(StreamId::MIN, bound, false).next().is_some_and(|left| ids.last() > Some(&left.id));
        if !gap {
            self.facts.max_deleted_id = deleted_before;
        }
        if !ids.is_empty() {
            self.deleted(true);
        }
        (ids.len() as u64, ids.last().copied())
    }

    /// Sets the last id, which no entry is above, and, where given, the number of entries ever added and the greatest id
    /// ever deleted.
    pub fn set_last_id(&mut self, last_id: StreamId, entries_added: Option<i64>, max_deleted_id: Option<StreamId>) {
        self.facts.last_id = last_id;
        self.facts.entries_added = entries_added.unwrap_or(self.facts.entries_added);
        self.facts.max_deleted_id = max_deleted_id.unwrap_or(self.facts.max_deleted_id);
    }

    // ---- groups --------------------------------------------------------------------------------------------------

    /// Number of groups. O(1).
    pub fn groups_len(&self) -> usize {
        self.groups.len()
    }

    /// A group. O(log n).
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// A group, to be changed. O(log n).
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut(name)
    }

    /// A group to be changed, beside the entries and what the stream knows of itself.
    pub fn split(&mut self, name: &[u8]) -> Option<(Entries<'_>, Facts, &mut Group)> {
        Some((Entries(&self.blocks), self.facts, self.groups.get_mut(name)?))
    }

    /// All groups in order of their names.
    pub fn groups(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (name.bytes(), group))
    }

    /// Adds a group; false when there is one of this name.
    pub fn create_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.get(name).is_some() {
            return false;
        }
        self.groups.insert(Name::new(name), group);
        true
    }

    /// Takes a group out, as a stream of nothing else, which may be large.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<Stream> {
        let group = self.groups.remove(name)?;
        let mut removed = Stream::new();
        removed.groups.insert(Name::new(name), group);
        Some(removed)
    }

    // ---- whole ---------------------------------------------------------------------------------------------------

    /// A stream of blocks from outside, in order, and what is known of it. Where `facts.first_id` is zero it is looked
    /// for. O(bytes). Errors say what is wrong.
    pub fn from_blocks(
        blocks: impl IntoIterator<Item = (StreamId, Listpack)>,
        facts: Facts,
    ) -> Result<Stream, &'static str> {
        let mut stream = Stream { facts, ..Stream::default() };
        let mut live = 0u64;
        for (base, mut pack) in blocks {
            block::validate(&pack)?;
            if stream.blocks.last().is_some_and(|(last, _)| *last >= base) {
                return Err("stream with blocks out of order");
            }
            live = live.saturating_add(block::live(&pack));
            if stream.blocks.len() >= PILED_FROM {
                pack.pile_up(&mut stream.pile);
            }
            stream.blocks.insert(base, pack);
        }
        if live != facts.len {
            return Err("stream with another number of entries than it says");
        }
        if facts.first_id == StreamId::MIN && facts.len > 0 {
            stream.find_first();
        }
        Ok(stream)
    }

    /// Allocations, roughly.
    pub(super) fn weight(&self) -> usize {
        self.blocks.len() + self.groups.iter().map(|(_, group)| group.weight()).sum::<usize>()
    }

    /// Bytes on the heap, of which those of the blocks are extrapolated from `samples` (0: all are added).
    pub(super) fn alloc_bytes(&self, samples: usize) -> usize {
        size_of::<Stream>()
            + self.blocks.alloc_bytes()
            + sampled(self.blocks.len(), samples, self.blocks.iter().map(|(_, pack)| pack.alloc_bytes()))
            + self.groups.alloc_bytes()
            + self.groups.iter().map(|(_, group)| group.alloc_bytes()).sum::<usize>()
    }

    /// Walks everything and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        self.blocks.check();
        self.groups.check();
        self.groups.iter().for_each(|(_, group)| group.check());
        let mut live = 0;
        for (_, pack) in self.blocks.iter() {
            pack.check();
            assert_eq!(block::validate(pack), Ok(()));
            live += block::live(pack);
        }
        assert_eq!(live, self.facts.len, "the number of entries is right");
        let ids = self.entries().range(StreamId::MIN, StreamId::MAX, false).map(|entry| entry.id);
        assert!(ids.is_sorted_by(|a, b| a < b), "entries are in order");
    }
}
