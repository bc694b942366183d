//! Consumer groups: how far a group has read, what was delivered and not acknowledged yet, and to whom.
//!
//! A pending entry is filed twice: in the group, with when and how often it was delivered, and to which consumer; and in
//! that consumer, by its id alone. One that was released belongs to no consumer. Once a group was asked for what has been
//! pending longest, it files the entries by their moments as well. Promises: all always agree; a clone is O(1) and never
//! changes.

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
    /// The pending entries by the moment of their delivery, from the first time somebody asked on.
    by_age: Option<Box<OrderedTree<(i64, StreamId), ()>>>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone)]
pub struct Pending {
    /// When it was delivered last, in Unix milliseconds.
    pub delivered_at: i64,
    /// How often it was delivered.
    pub deliveries: u64,
    consumer: Option<Name>,
}

impl Pending {
    /// Whose it is; empty when it was released.
    pub fn consumer(&self) -> &[u8] {
        self.consumer.as_ref().map_or(&[], Name::bytes)
    }

    /// Whether it belongs to a consumer.
    pub fn is_owned(&self) -> bool {
        self.consumer.is_some()
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
        Group { last_id, entries_read, pending: OrderedTree::new(), consumers: OrderedTree::new(), by_age: None }
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
            if let Some(pending) = self.pending.remove(id) {
                self.age(*id, Some(pending.delivered_at), None);
            }
        }
        Some(consumer.pending.len())
    }

    /// Makes an entry pending for a consumer that exists, whoever had it before. O(log n).
    pub fn assign(&mut self, id: StreamId, consumer: &[u8], delivered_at: i64, deliveries: u64) {
        let Some((name, _)) = self.consumers.entry(consumer) else { return };
        let pending = Pending { delivered_at, deliveries, consumer: Some(name.clone()) };
        let before = self.pending.insert(id, pending);
        self.age(id, before.as_ref().map(|before| before.delivered_at), Some(delivered_at));
        match before.and_then(|before| before.consumer) {
            Some(owner) if owner.bytes() == consumer => return,
            Some(owner) => self.take_from(owner.bytes(), id),
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
            let before = std::mem::replace(&mut pending.delivered_at, now);
            pending.deliveries = pending.deliveries.wrapping_add(1);
            self.age(id, Some(before), Some(now));
        }
    }

    /// Takes a pending entry from its consumer, or makes it pending for none; it counts as delivered long ago. O(log n).
    pub fn release(&mut self, id: StreamId, deliveries: u64) {
        let before = self.pending.insert(id, Pending { delivered_at: 0, deliveries, consumer: None });
        self.age(id, before.as_ref().map(|before| before.delivered_at), Some(0));
        if let Some(owner) = before.and_then(|before| before.consumer) {
            self.take_from(owner.bytes(), id);
        }
    }

    /// Pending entries that were delivered at a moment or before, longest ago first. The first call is O(n log n).
    pub fn pending_since(&mut self, moment: i64) -> impl Iterator<Item = StreamId> {
        self.ages().iter().map(|(at, ())| *at).take_while(move |(at, _)| *at <= moment).map(|(_, id)| id)
    }

    /// When the entry that has been pending longest was delivered. As `pending_since`.
    pub fn oldest_delivery(&mut self) -> Option<i64> {
        self.ages().first().map(|((at, _), ())| *at)
    }

    fn ages(&mut self) -> &OrderedTree<(i64, StreamId), ()> {
        let pending = &self.pending;
        self.by_age.get_or_insert_with(|| {
            let mut by_age = Box::new(OrderedTree::new());
            pending.iter().for_each(|(id, pending)| {
                by_age.insert((pending.delivered_at, *id), ());
            });
            by_age
        })
    }

    /// Files an entry under another moment.
    fn age(&mut self, id: StreamId, before: Option<i64>, after: Option<i64>) {
        let Some(by_age) = &mut self.by_age else { return };
        if let Some(at) = before {
            by_age.remove(&(at, id));
        }
        if let Some(at) = after {
            by_age.insert((at, id), ());
        }
    }

    /// Whether the group has still to read or to acknowledge an entry.
    pub fn refers_to(&self, id: StreamId) -> bool {
        id > self.last_id || self.pending.get(&id).is_some()
    }

    /// Ends the pending of an entry; whether it was. O(log n).
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.age(id, Some(pending.delivered_at), None);
        if let Some(owner) = pending.consumer {
            self.take_from(owner.bytes(), id);
        }
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
            + self.by_age.as_ref().map_or(0, |by_age| by_age.alloc_bytes())
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
                assert!(
                    self.pending.get(id).is_some_and(|pending| pending.consumer.as_ref() == Some(name)),
                    "both agree"
                );
            }
        }
        let released = self.pending.iter().filter(|(_, pending)| !pending.is_owned()).count();
        assert_eq!(owned + released, self.pending.len(), "every pending entry has an owner or was released");
        if let Some(by_age) = &self.by_age {
            by_age.check();
            assert_eq!(by_age.len(), self.pending.len());
            assert!(by_age.iter().all(|((at, id), ())| self.pending.get(id).is_some_and(|p| p.delivered_at == *at)));
        }
    }
}
