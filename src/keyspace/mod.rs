//! Keys with deadlines: the databases, lookups with lazy expiry, active expiry, eviction, and the log of what
//! happened to keys. Knows neither clients, files nor commands; what others must learn, it writes to its [`KeyLog`].
//!
//! Start reading at `db.rs`, the only way handlers touch keys.

pub mod clock;
pub mod db;
pub mod event;
pub mod evict;
pub mod expire;
pub mod fields;
mod large;
pub mod log;

pub use crate::base::ids::{DbIndex, UnixMs};
pub use clock::AccessClock;
pub use db::{DbMut, Expiry, Presence};
pub use event::{Event, EventClass};
pub use log::{Change, KeyLog, Removal};

use crate::object::{Container, Object};
use crate::structs::record::Body;
use crate::structs::table::{Table, Walk};
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// The key holds a value of another type than the command works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongType;

/// What a deadline in the past means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExpireMode {
    /// The key is removed and logged.
    #[default]
    Remove,
    /// The key is hidden from reads and left to the primary to remove.
    HideOnly,
    /// Nothing: what is being repeated happened before the deadline, and says itself what expired (a log being loaded).
    Ignore,
}

/// Something big that is to be dropped where it stalls nobody.
pub enum Garbage {
    /// A record whose value is large.
    Object(Object),
    /// A whole database.
    Table(Table<Object>),
}

impl Garbage {
    /// How many values are in it.
    pub fn len(&self) -> usize {
        match self {
            Garbage::Object(_) => 1,
            Garbage::Table(table) => table.len(),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that will be free, extrapolated from a few samples.
    pub fn approximate_bytes(&self) -> usize {
        match self {
            Garbage::Object(object) => crate::object::memory_usage(object, 5),
            Garbage::Table(table) => {
                table.alloc_bytes()
                    + crate::object::sampled(table.len(), 5, table.iter().map(|o| crate::object::memory_usage(o, 5)))
            }
        }
    }
}

/// What was handed over to be freed elsewhere and is not free yet.
#[derive(Debug, Default)]
pub struct Unfreed {
    /// Values.
    pub values: AtomicU64,
    /// Bytes, as [`Garbage::approximate_bytes`] has them.
    pub bytes: AtomicUsize,
}

/// Counters of what happened to keys, as INFO reports them.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyspaceStats {
    /// Reads that found a key.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Keys removed because their deadline had passed.
    pub expired: u64,
    /// Fields of hashes removed because their deadline had passed.
    pub expired_fields: u64,
    /// Keys removed because memory ran short.
    pub evicted: u64,
}

/// All databases.
pub struct Keyspace {
    dbs: Vec<Table<Object>>,
    /// What happened to keys since the log was last drained.
    pub log: KeyLog,
    /// The moment of the running command.
    pub now: UnixMs,
    /// The access clock and the eviction policy's way of using it.
    pub access: AccessClock,
    /// What a deadline in the past means.
    pub expire_mode: ExpireMode,
    /// Whether reads leave traces in access clocks (off for CLIENT NO-TOUCH).
    pub touch: bool,
    /// Counters.
    pub stats: KeyspaceStats,
    /// Dropped values that wait for the reclaim thread.
    pub garbage: Vec<Garbage>,
    expiry: expire::ExpiryState,
    large: large::LargeKeys,
    /// A snapshot is being walked.
    is_walked: bool,
}

/// Values of at least this weight (allocations) are dropped by the reclaim thread.
pub const RECLAIM_WEIGHT: usize = 64;

impl Keyspace {
    /// Empty databases, as many as `databases` says.
    pub fn new(databases: usize) -> Keyspace {
        Keyspace {
            dbs: (0..databases).map(|_| Table::new()).collect(),
            log: KeyLog::default(),
            now: UnixMs(0),
            access: AccessClock::default(),
            expire_mode: ExpireMode::Remove,
            touch: true,
            stats: KeyspaceStats::default(),
            garbage: Vec::new(),
            expiry: expire::ExpiryState::default(),
            large: large::LargeKeys::default(),
            is_walked: false,
        }
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    /// A database, to work on.
    #[inline]
    pub fn db(&mut self, index: DbIndex) -> DbMut<'_> {
        DbMut::new(self, index)
    }

    /// A database's table, to be walked.
    pub fn table(&self, index: DbIndex) -> &Table<Object> {
        &self.dbs[index.0 as usize]
    }

    /// Clones of all roots: the keyspace as it is now, in constant time.
    pub fn clones(&self) -> Vec<Table<Object>> {
        self.dbs.clone()
    }

    /// The keyspace as it is now, to be passed once, by another thread: in constant time, and cheaper than clones for
    /// what is written meanwhile. See [`Keyspace::let_walk`].
    pub fn snapshot(&mut self) -> Vec<Walk<Object>> {
        self.is_walked = true;
        let walks = self.dbs.iter_mut().map(Table::walk).collect();
        self.large.put_by(&mut self.dbs);
        // Whoever has the walks may drop them before this thread comes to let them go on.
        self.let_walk();
        walks
    }

    /// Lets snapshots have what was changed since the last call. To be called once a turn.
    #[inline]
    pub fn let_walk(&mut self) {
        if self.is_walked {
            self.is_walked = self.dbs.iter_mut().fold(false, |any, table| table.let_walk() | any);
        }
    }

    /// Takes these databases in place of those there are.
    pub fn replace_databases(&mut self, databases: Vec<Table<Object>>) {
        self.dbs = databases;
    }

    /// Sum of all databases' keys.
    pub fn total_keys(&self) -> usize {
        self.dbs.iter().map(Table::len).sum()
    }

    /// Bytes of the tables' own nodes.
    pub fn table_bytes(&self) -> usize {
        self.dbs.iter().map(Table::alloc_bytes).sum()
    }

    /// Empties one database or all; returns the number of keys removed.
    pub fn flush(&mut self, index: Option<DbIndex>) -> usize {
        let mut removed = 0;
        for (at, table) in self.dbs.iter_mut().enumerate() {
            if index.is_none_or(|only| only.0 as usize == at) {
                removed += table.len();
                if !table.is_empty() {
                    table.let_walk();
                    self.garbage.push(Garbage::Table(std::mem::take(table)));
                }
            }
        }
        self.log.flushed(index, removed);
        removed
    }

    /// Exchanges two databases' keys.
    pub fn swap(&mut self, a: DbIndex, b: DbIndex) {
        self.dbs.swap(a.0 as usize, b.0 as usize);
        self.large.swap(a, b);
        self.log.swapped(a, b);
    }

    /// Drops a record here, or hands it to the reclaim thread when that takes long.
    pub(crate) fn discard(&mut self, object: Object) {
        if let Body::Payload(container) = object.body()
            && container.weight() >= RECLAIM_WEIGHT
        {
            self.garbage.push(Garbage::Object(object));
        }
    }

    /// Drops a value that was taken out of its record.
    pub(crate) fn discard_container(&mut self, container: Container) {
        if container.weight() >= RECLAIM_WEIGHT {
            let holder = Object::new(b"", crate::structs::record::NewBody::Payload(container), None, 0, 0);
            self.garbage.push(Garbage::Object(holder));
        }
    }
}
