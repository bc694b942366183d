//! The record of what happened to keys. A write handler says one thing, `db.changed(key, event)`; from this record the
//! engine derives the save-point counter, propagation, notifications, WATCH, client tracking and the waking of
//! waiting clients. Changes are always counted; keys are kept only while someone listens.

use super::{DbIndex, Event};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key was changed, created or removed.
    Key {
        /// Its database.
        db: DbIndex,
        /// Its name.
        key: Box<[u8]>,
        /// What happened.
        event: Event,
        /// Whether the key or its value differ from before (a missed read is noted, but changes nothing).
        modified: bool,
    },
    /// One database, or all, were emptied.
    Flushed(Option<DbIndex>),
    /// Two databases changed places.
    Swapped(DbIndex, DbIndex),
}

/// Something that went by itself, to be repeated elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// A key expired or was evicted.
    Key(DbIndex, Box<[u8]>),
    /// Fields of a hash expired.
    Fields(DbIndex, Box<[u8]>, Vec<Box<[u8]>>),
}

/// The log, drained by the engine after each unit of execution.
#[derive(Debug, Default)]
pub struct KeyLog {
    /// Changes ever counted.
    pub dirty: u64,
    /// Whether anybody wants the keys.
    pub keep: bool,
    /// Whether anybody wants missed reads and created keys as well.
    pub keep_notes: bool,
    /// Whether anybody wants the keys that expired or were evicted, and the fields that expired, to repeat their removal
    /// elsewhere.
    pub keep_removals: bool,
    entries: Vec<Change>,
    removals: Vec<Removal>,
}

impl KeyLog {
    /// A key changed (`count` single changes, as the save-point counter counts them).
    #[inline]
    pub fn changed(&mut self, db: DbIndex, key: &[u8], event: Event, count: u64) {
        self.dirty += count;
        if self.keep {
            self.entries.push(Change::Key { db, key: key.into(), event, modified: true });
        }
    }

    /// A key went because its deadline has passed or memory ran short: no change that a client made, so it is not
    /// counted.
    pub fn removed(&mut self, db: DbIndex, key: &[u8], event: Event) {
        self.changed(db, key, event, 0);
        if self.keep_removals {
            self.removals.push(Removal::Key(db, key.into()));
        }
    }

    /// Fields of a hash went because their deadline has passed. `names` are theirs, where they are wanted.
    pub fn fields_removed(&mut self, db: DbIndex, key: &[u8], names: Vec<Box<[u8]>>) {
        self.changed(db, key, Event::HEXPIRED, 0);
        if self.keep_removals && !names.is_empty() {
            self.removals.push(Removal::Fields(db, key.into(), names));
        }
    }

    /// Takes the keys that expired or were evicted, and the fields that expired, in order.
    pub fn take_removals(&mut self) -> Vec<Removal> {
        std::mem::take(&mut self.removals)
    }

    /// Something beside a key's content changed, such as what a consumer group has read: it is counted and repeated
    /// elsewhere, and its event told, but WATCH and client-side caching do not mind.
    pub fn changed_aside(&mut self, db: DbIndex, key: &[u8], event: Option<Event>, count: u64) {
        self.dirty += count;
        if self.keep
            && let Some(event) = event
        {
            self.entries.push(Change::Key { db, key: key.into(), event, modified: false });
        }
    }

    /// Something befell a key that left it as it was.
    #[inline]
    pub fn noted(&mut self, db: DbIndex, key: &[u8], event: Event) {
        if self.keep_notes {
            self.entries.push(Change::Key { db, key: key.into(), event, modified: false });
        }
    }

    /// A database, or all, were emptied of `removed` keys.
    pub fn flushed(&mut self, db: Option<DbIndex>, removed: usize) {
        self.dirty += (removed as u64).max(1);
        self.entries.push(Change::Flushed(db));
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, a: DbIndex, b: DbIndex) {
        self.dirty += 1;
        self.entries.push(Change::Swapped(a, b));
    }

    /// Whether there is anything to drain.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.removals.is_empty()
    }

    /// What was kept and not taken yet, in the order it arose.
    #[inline]
    pub fn kept(&self) -> &[Change] {
        &self.entries
    }

    /// Takes what was kept, in the order it arose.
    pub fn take(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.entries)
    }
}
