//! Consumer groups: how far a group has read, what was delivered and not acknowledged yet, and to whom.
//!
//! A pending entry is filed twice: in the group, with when and how often it was delivered, and to which consumer; and in
//! that consumer, by its id alone. Promises: both always agree; a clone is O(1) and never changes.

use super::StreamId;
use crate::structs::ordered_tree::OrderedTree;
use crate::structs::thin::ThinBytes;
use std::borrow::Borrow;
use std::cmp::Ordering;

/// The name of a group or consumer: shared bytes, in the order of bytes.
#[derive(Clone)]
pub struct Name(ThinBytes<()>);

impl Name {
    /// A name of these bytes (less than 4 GiB).
    pub fn new(bytes: &[u8]) -> Name {
        Name(ThinBytes::new((), &[bytes]))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    fn alloc_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

/// A consumer group.
#[derive(Clone)]
pub struct Group {
    /// The last entry that was delivered to the group, or from where it begins.
    pub last_id: StreamId,
    /// How many entries the group has read, if that is known.
    pub entries_read: Option<i64>,
    pending: OrderedTree<StreamId, Pending>,
    consumers: OrderedTree<Name, Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone)]
pub struct Pending {
    /// When it was delivered last, in Unix milliseconds.
    pub delivered_at: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    consumer: Name,
}

impl Pending {
    /// Whose it is.
    pub fn consumer(&self) -> &[u8] {
        self.consumer.bytes()
    }
}

/// A member of a group.
#[derive(Clone)]
pub struct Consumer {
    /// When it last asked for anything, in Unix milliseconds.
    pub seen_at: i64,
    /// When it last got something, in Unix milliseconds; -1: never.
    pub active_at: i64,
    pending: OrderedTree<StreamId, ()>,
}

impl Consumer {
    /// Number of its pending entries. O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Its pending entries from an id on.
    pub fn pending_from(&self, from: StreamId) -> impl Iterator<Item = StreamId> {
        self.pending.iter_from(&from).map(|(id, ())| *id)
    }
}

impl Group {
    /// A group that begins after an entry.
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Group {
        Group { last_id, entries_read, pending: OrderedTree::new(), consumers: OrderedTree::new() }
    }

    /// Number of pending entries. O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// A pending entry. O(log n).
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// The first and the last pending entry.
    pub fn pending_ends(&self) -> Option<(StreamId, StreamId)> {
        Some((*self.pending.first()?.0, *self.pending.last()?.0))
    }

    /// Pending entries from an id on.
    pub fn pending_from(&self, from: StreamId) -> impl Iterator<Item = (StreamId, &Pending)> {
        self.pending.iter_from(&from).map(|(id, pending)| (*id, pending))
    }

    /// Number of consumers. O(1).
    pub fn consumers_len(&self) -> usize {
        self.consumers.len()
    }

    /// A consumer. O(log n).
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name)
    }

    /// All consumers in order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = (&[u8], &Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (name.bytes(), consumer))
    }

    /// Adds a consumer; false when it is there already.
    pub fn create_consumer(&mut self, name: &[u8], now: i64) -> bool {
        if self.consumers.get(name).is_some() {
            return false;
        }
        let consumer = Consumer { seen_at: now, active_at: -1, pending: OrderedTree::new() };
        self.consumers.insert(Name::new(name), consumer);
        true
    }

    /// Notes that a consumer asked for something; adds it, which is answered, when it is not there.
    pub fn see_consumer(&mut self, name: &[u8], now: i64) -> bool {
        match self.consumers.get_mut(name) {
            Some(consumer) => {
                consumer.seen_at = now;
                false
            }
            None => self.create_consumer(name, now),
        }
    }

    /// A consumer, to set its moments.
    pub fn consumer_mut(&mut self, name: &[u8]) -> Option<&mut Consumer> {
        self.consumers.get_mut(name)
    }

    /// Removes a consumer and what is pending for it; answers how much that was. O(pending).
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        for (id, ()) in consumer.pending.iter() {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Makes an entry pending for a consumer that exists, whoever had it before. O(log n).
    pub fn assign(&mut self, id: StreamId, consumer: &[u8], delivered_at: i64, deliveries: u64) {
        let Some((name, _)) = self.consumers.entry(consumer) else { return };
        let pending = Pending { delivered_at, deliveries, consumer: name.clone() };
        match self.pending.insert(id, pending) {
            Some(before) if before.consumer() == consumer => return,
            Some(before) => self.take_from(before.consumer(), id),
            None => {}
        }
        if let Some(owner) = self.consumers.get_mut(consumer) {
            owner.pending.insert(id, ());
        }
    }

    fn take_from(&mut self, consumer: &[u8], id: StreamId) {
        if let Some(owner) = self.consumers.get_mut(consumer) {
            owner.pending.remove(&id);
        }
    }

    /// Notes another delivery of a pending entry.
    pub fn redelivered(&mut self, id: StreamId, now: i64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_at = now;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// Ends the pending of an entry; whether it was. O(log n).
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.take_from(pending.consumer(), id);
        true
    }

    /// Allocations, roughly.
    pub(super) fn weight(&self) -> usize {
        2 + self.consumers.len() * 3 + self.pending.len() / 16
    }

    /// Bytes on the heap.
    pub(super) fn alloc_bytes(&self) -> usize {
        let consumers = self.consumers.iter();
        self.pending.alloc_bytes()
            + self.consumers.alloc_bytes()
            + consumers.map(|(name, consumer)| name.alloc_bytes() + consumer.pending.alloc_bytes()).sum::<usize>()
    }

    /// Walks everything and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        self.pending.check();
        self.consumers.check();
        let mut owned = 0;
        for (name, consumer) in self.consumers.iter() {
            consumer.pending.check();
            owned += consumer.pending.len();
            for (id, ()) in consumer.pending.iter() {
                assert!(self.pending.get(id).is_some_and(|pending| pending.consumer == *name), "both sides agree");
            }
        }
        assert_eq!(owned, self.pending.len(), "every pending entry has an owner");
    }
}
