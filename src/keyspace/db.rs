//! One database as handlers see it. Every lookup hides and (on a primary) removes a key whose deadline has passed,
//! and records the access; every change is told to the log by [`DbMut::changed`].
//!
//! Reads: [`DbMut::read`] and friends count hits and misses; [`DbMut::peek`] leaves no trace. Edits: [`DbMut::edit`]
//! hands out the value for changing in place, copying whatever a snapshot still holds.

use super::{DbIndex, Event, ExpireMode, Garbage, Keyspace, UnixMs, WrongType};
use crate::object::{self, Container, Kind, Object, Text, Typed, Value};
use crate::structs::record::{Body, BodyMut, NewBody};
use crate::structs::table::{Table, hash};

/// What becomes of the deadline when a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// None afterwards.
    Clear,
    /// The one before stays.
    Keep,
    /// This moment.
    At(UnixMs),
}

/// Whether a key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There is no such key.
    Missing,
    /// Its deadline has passed, but nobody has removed it yet.
    Stale,
    /// It is there.
    Live,
}

/// A database that may be changed.
pub struct DbMut<'a> {
    pub(super) keyspace: &'a mut Keyspace,
    pub(super) index: DbIndex,
}

impl<'a> DbMut<'a> {
    pub(super) fn new(keyspace: &'a mut Keyspace, index: DbIndex) -> DbMut<'a> {
        DbMut { keyspace, index }
    }

    /// This database's number.
    pub fn index(&self) -> DbIndex {
        self.index
    }

    /// The moment of the running command.
    pub fn now(&self) -> UnixMs {
        self.keyspace.now
    }

    /// The keyspace this database is part of.
    pub fn keyspace(&mut self) -> &mut Keyspace {
        self.keyspace
    }

    /// Another database, if the index is in range.
    pub fn other(&mut self, index: DbIndex) -> Option<DbMut<'_>> {
        ((index.0 as usize) < self.keyspace.dbs.len()).then(|| DbMut::new(self.keyspace, index))
    }

    #[inline]
    pub(super) fn table(&self) -> &Table<Object> {
        &self.keyspace.dbs[self.index.0 as usize]
    }

    #[inline]
    pub(super) fn table_mut(&mut self) -> &mut Table<Object> {
        &mut self.keyspace.dbs[self.index.0 as usize]
    }

    /// Number of keys, with those whose deadline has passed unseen.
    pub fn len(&self) -> usize {
        self.table().len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.table().is_empty()
    }

    // ---- lookups -------------------------------------------------------------------------------------------------

    /// Whether the key's deadline has passed; on a primary such a key is removed here.
    #[inline]
    fn gone(&mut self, hash: u64, key: &[u8]) -> bool {
        if self.table().len_with_deadline() == 0 {
            return false;
        }
        let now = self.keyspace.now;
        let expired = self.table().get(hash, key).and_then(Object::deadline).is_some_and(|at| now.0 > at as i64);
        match self.keyspace.expire_mode {
            ExpireMode::Remove if expired => self.expire(hash, key),
            ExpireMode::Ignore => return false,
            _ => {}
        }
        expired
    }

    #[cold]
    fn expire(&mut self, hash: u64, key: &[u8]) {
        if let Some(object) = self.table_mut().remove(hash, key) {
            self.keyspace.log.removed(self.index, key, Event::EXPIRED);
            self.keyspace.stats.expired += 1;
            self.keyspace.discard(object);
        }
    }

    /// The record of a key for reading: counts a hit or miss and records the access.
    #[inline]
    pub fn read(&mut self, key: &[u8]) -> Option<&Object> {
        let hash = hash(key);
        let gone = self.gone(hash, key);
        let index = self.index;
        let keyspace = &mut *self.keyspace;
        match keyspace.dbs[index.0 as usize].get(hash, key) {
            Some(object) if !gone => {
                keyspace.stats.hits += 1;
                if keyspace.touch {
                    let clock = object.clock();
                    let fresh = keyspace.access.accessed(clock);
                    if fresh != clock {
                        object.set_clock(fresh);
                    }
                }
                Some(object)
            }
            _ => {
                keyspace.stats.misses += 1;
                keyspace.log.noted(index, key, Event::KEY_MISS);
                None
            }
        }
    }

    /// The record of a key, of which something else than the value is wanted (EXISTS, TYPE, TTL): counts a hit or miss,
    /// but records no access.
    #[inline]
    pub fn look(&mut self, key: &[u8]) -> Option<&Object> {
        let hash = hash(key);
        let gone = self.gone(hash, key);
        let index = self.index;
        let keyspace = &mut *self.keyspace;
        match keyspace.dbs[index.0 as usize].get(hash, key) {
            Some(object) if !gone => {
                keyspace.stats.hits += 1;
                Some(object)
            }
            _ => {
                keyspace.stats.misses += 1;
                keyspace.log.noted(index, key, Event::KEY_MISS);
                None
            }
        }
    }

    /// The record of a key, of which OBJECT tells: counts a hit or miss and leaves no other trace.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Object> {
        if self.contains(key) {
            self.keyspace.stats.hits += 1;
        } else {
            self.keyspace.stats.misses += 1;
        }
        self.peek(key)
    }

    /// The record of a key, leaving no trace (checks before a change ...).
    #[inline]
    pub fn peek(&mut self, key: &[u8]) -> Option<&Object> {
        let hash = hash(key);
        if self.gone(hash, key) {
            return None;
        }
        self.table().get(hash, key)
    }

    /// Whether the key is there, and whether its deadline has passed; removes nothing.
    pub fn presence(&self, key: &[u8]) -> Presence {
        let now = self.keyspace.now;
        match self.table().get(hash(key), key) {
            None => Presence::Missing,
            Some(object) if object.deadline().is_some_and(|at| now.0 > at as i64) => Presence::Stale,
            Some(_) => Presence::Live,
        }
    }

    /// Whether the key exists, leaving no trace.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some()
    }

    /// The type of a key's value, leaving no trace.
    pub fn kind(&mut self, key: &[u8]) -> Option<Kind> {
        self.peek(key).map(object::kind)
    }

    /// The string under a key, for reading. Errors: another type.
    #[inline]
    pub fn text(&mut self, key: &[u8]) -> Result<Option<Text<'_>>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(object) => Text::of(object.body()).map(Some).ok_or(WrongType),
        }
    }

    /// The value of a type under a key, for reading. Errors: another type.
    #[inline]
    pub fn get<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&T>, WrongType> {
        match self.read(key) {
            None => Ok(None),
            Some(object) => match object.body() {
                Body::Payload(container) => T::of(container).map(Some).ok_or(WrongType),
                _ => Err(WrongType),
            },
        }
    }

    // ---- edits ---------------------------------------------------------------------------------------------------

    /// The record of a key for changing it; records the access but counts neither hit nor miss. The caller must not
    /// change key or deadline through it.
    #[inline]
    pub fn edit_object(&mut self, key: &[u8]) -> Option<&mut Object> {
        let hash = hash(key);
        if self.gone(hash, key) {
            return None;
        }
        let keyspace = &mut *self.keyspace;
        let object = keyspace.dbs[self.index.0 as usize].get_mut(hash, key)?;
        if keyspace.touch {
            let clock = object.clock();
            let fresh = keyspace.access.accessed(clock);
            if fresh != clock {
                object.set_clock(fresh);
            }
        }
        keyspace.large.look(self.index, object);
        Some(object)
    }

    /// The value of a type under a key, for changing it. Errors: another type.
    #[inline]
    pub fn edit<T: Typed>(&mut self, key: &[u8]) -> Result<Option<&mut T>, WrongType> {
        match self.edit_object(key) {
            None => Ok(None),
            Some(object) => match object.body_mut() {
                BodyMut::Payload(container) => T::of_mut(container).map(Some).ok_or(WrongType),
                _ => Err(WrongType),
            },
        }
    }

    /// The value of a type under a key for changing it, created by `make` when the key is missing. A created value
    /// must not stay empty. Errors: another type.
    #[inline]
    pub fn edit_or_create<T: Typed>(&mut self, key: &[u8], make: impl FnOnce() -> T) -> Result<&mut T, WrongType> {
        let hash = hash(key);
        if self.gone(hash, key) && self.keyspace.expire_mode == ExpireMode::HideOnly {
            self.delete_hashed(hash, key);
        }
        let keyspace = &mut *self.keyspace;
        let clock = keyspace.access.fresh();
        let (object, created) = keyspace.dbs[self.index.0 as usize].find_or_insert_with(hash, key, || {
            Object::new(key, NewBody::Payload(make().into_container()), None, clock, 0)
        });
        if created {
            keyspace.log.noted(self.index, key, Event::NEW);
        } else if keyspace.touch {
            let clock = object.clock();
            let fresh = keyspace.access.accessed(clock);
            if fresh != clock {
                object.set_clock(fresh);
            }
        }
        keyspace.large.look(self.index, object);
        match object.body_mut() {
            BodyMut::Payload(container) => T::of_mut(container).ok_or(WrongType),
            _ => Err(WrongType),
        }
    }

    /// Stores a value under a key, whatever was there.
    pub fn put(&mut self, key: &[u8], value: Value<'_>, expiry: Expiry) {
        let hash = hash(key);
        let now = self.keyspace.now;
        let keyspace = &mut *self.keyspace;
        let table = &mut keyspace.dbs[self.index.0 as usize];
        let body = value.into_body();
        let Some(object) = table.get_mut(hash, key) else {
            self.put_new(hash, key, body, expiry);
            return;
        };
        let old_deadline = object.deadline();
        if old_deadline.is_some_and(|at| now.0 > at as i64) && keyspace.expire_mode != ExpireMode::Ignore {
            match keyspace.expire_mode {
                ExpireMode::Remove => self.expire(hash, key),
                ExpireMode::HideOnly | ExpireMode::Ignore => self.delete_hashed(hash, key),
            }
            self.put_new(hash, key, body, expiry);
            return;
        }
        let access = &mut keyspace.access;
        object.set_clock(if access.lfu { access.accessed(object.clock()) } else { access.fresh() });
        let had_parts = object.has_timed_parts();
        let old = object.replace_body(body, 0);
        let parts_differ = had_parts || object.has_timed_parts();
        let deadline = match expiry {
            Expiry::Keep => old_deadline,
            Expiry::At(at) => Some(at.0 as u64),
            Expiry::Clear => None,
        };
        if deadline != old_deadline {
            table.set_deadline(hash, key, deadline);
        }
        if parts_differ {
            table.parts_changed(hash, key, had_parts);
        }
        if let Some(container) = old {
            keyspace.discard_container(container);
        }
    }

    /// Stores a value under a key that is not there.
    fn put_new(&mut self, hash: u64, key: &[u8], body: NewBody<'_, Container>, expiry: Expiry) {
        let deadline = match expiry {
            Expiry::At(at) => Some(at.0 as u64),
            Expiry::Keep | Expiry::Clear => None,
        };
        let object = Object::new(key, body, deadline, self.keyspace.access.fresh(), 0);
        self.table_mut().insert(hash, object);
        self.keyspace.log.noted(self.index, key, Event::NEW);
    }

    /// Stores a record that was taken from, or copied of, another key. Replaces what was there.
    pub fn put_object(&mut self, mut object: Object) {
        let hash = hash(object.key());
        self.keyspace.large.came(self.index, &mut object);
        let key_is_new = self.table().get(hash, object.key()).is_none();
        if key_is_new {
            self.keyspace.log.noted(self.index, object.key(), Event::NEW);
        }
        if let Some(old) = self.table_mut().insert(hash, object) {
            self.keyspace.discard(old);
        }
    }

    /// Stores a record that was loaded, with its key's hash; false when the key is there already.
    pub fn insert_loaded(&mut self, hash: u64, mut object: Object) -> bool {
        self.keyspace.large.came(self.index, &mut object);
        self.table_mut().insert_new(hash, object)
    }

    /// Makes room for so many keys, in a database that has none.
    pub fn reserve(&mut self, keys: usize) {
        self.table_mut().reserve(keys);
    }

    /// Takes a key with its value out of the database.
    pub fn take(&mut self, key: &[u8]) -> Option<Object> {
        let hash = hash(key);
        if self.gone(hash, key) {
            return None;
        }
        self.table_mut().remove(hash, key)
    }

    /// Removes a key; whether it was there. Logs nothing.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        match self.take(key) {
            None => false,
            Some(object) => {
                self.keyspace.discard(object);
                true
            }
        }
    }

    pub(super) fn delete_hashed(&mut self, hash: u64, key: &[u8]) {
        if let Some(object) = self.table_mut().remove(hash, key) {
            self.keyspace.discard(object);
        }
    }

    /// Removes a key whose value has become empty and logs `del`; whether that was so. To be called after `changed`.
    pub fn delete_if_empty<T: Typed>(&mut self, key: &[u8]) -> bool {
        let hash = hash(key);
        let empty = self.table().get(hash, key).is_some_and(|object| match object.body() {
            Body::Payload(container) => T::of(container).is_some_and(T::is_empty),
            _ => false,
        });
        if empty {
            self.delete_hashed(hash, key);
            self.keyspace.log.changed(self.index, key, Event::DEL, 0);
        }
        empty
    }

    // ---- deadlines -----------------------------------------------------------------------------------------------

    /// The key's deadline: `None` when the key is missing, `Some(None)` when it has none. Leaves no trace.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Option<UnixMs>> {
        self.peek(key).map(|object| object.deadline().map(|at| UnixMs(at as i64)))
    }

    /// Sets or clears the key's deadline; whether the key exists.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<UnixMs>) -> bool {
        let hash = hash(key);
        if self.gone(hash, key) {
            return false;
        }
        self.table_mut().set_deadline(hash, key, deadline.map(|at| at.0.max(0) as u64))
    }

    // ---- telling -------------------------------------------------------------------------------------------------

    /// Says that a key changed: one change.
    #[inline]
    pub fn changed(&mut self, key: &[u8], event: Event) {
        self.keyspace.log.changed(self.index, key, event, 1);
    }

    /// Says that a key changed, as `count` single changes (elements pushed, members removed ...).
    #[inline]
    pub fn changed_by(&mut self, key: &[u8], event: Event, count: usize) {
        self.keyspace.log.changed(self.index, key, event, count as u64);
    }

    /// Says that something beside a key's content changed, `count` times: consumer groups. See [`KeyLog::changed_aside`].
    ///
    /// [`KeyLog::changed_aside`]: super::KeyLog::changed_aside
    pub fn changed_aside(&mut self, key: &[u8], event: Option<Event>, count: usize) {
        self.keyspace.log.changed_aside(self.index, key, event, count as u64);
    }

    // ---- walking -------------------------------------------------------------------------------------------------

    /// Some keys from a cursor on, expired ones left out and removed; returns the next cursor, 0 at the end. Every key
    /// that is there during a whole scan is seen exactly once.
    pub fn scan(&mut self, cursor: u64, count: usize, f: &mut dyn FnMut(&Object)) -> u64 {
        let now = self.keyspace.now;
        let mut expired: Vec<Vec<u8>> = Vec::new();
        let next = self.table().scan(cursor, count, &mut |object| {
            if object.deadline().is_none_or(|at| now.0 <= at as i64) {
                f(object);
            } else {
                expired.push(object.key().to_vec());
            }
        });
        for key in expired {
            self.gone(hash(&key), &key);
        }
        next
    }

    /// All live records.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        let now = self.keyspace.now;
        self.table().iter().filter(move |object| object.deadline().is_none_or(|at| now.0 <= at as i64))
    }

    /// A key chosen uniformly, if there is one that has not expired.
    pub fn random_key(&mut self, rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        for _ in 0..100 {
            let key = self.table().random(rng)?.key().to_vec();
            let hash = hash(&key);
            if !self.gone(hash, &key) {
                return Some(key);
            }
        }
        let now = self.keyspace.now;
        let live = |object: &&Object| object.deadline().is_none_or(|at| now.0 <= at as i64);
        self.table().iter().find(live).map(|object| object.key().to_vec())
    }

    /// Hands a dropped value to the reclaim thread.
    pub fn reclaim(&mut self, garbage: Garbage) {
        self.keyspace.garbage.push(garbage);
    }
}
