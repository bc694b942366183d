//! Repeating what happened elsewhere: the requests that, run in this order, give the same data again. The engine writes
//! them as one stream of bytes; the rim brings it to the append-only file (and to replicas).
//!
//! Promises: a unit (a command, a whole EXEC, a whole script) appears whole, between MULTI and EXEC when it is more than
//! one request; a key that expired or was evicted appears as DEL before the request that found it so; nothing relative
//! to the clock or to chance appears.

use super::Engine;
use crate::base::ids::{DbIndex, UnixMs};
use crate::command::{Args, Propagate};
use crate::persist::aof::{append_request, append_timestamp};

/// The stream being written.
#[derive(Debug, Default)]
pub struct Propagation {
    /// Whether anybody wants it.
    pub on: bool,
    /// Whether the time is noted in it (`aof-timestamp-enabled`).
    pub timestamps: bool,
    bytes: Vec<u8>,
    /// The database the stream is in; `None` at its begin, and when its reader changes.
    selected: Option<DbIndex>,
    unit_start: usize,
    unit_len: usize,
    noted_second: i64,
}

impl Propagation {
    /// Makes the next request begin with SELECT: the stream goes to a new file.
    pub fn begin_file(&mut self) {
        self.selected = None;
        self.noted_second = 0;
    }

    /// Takes what was written since the last call. A unit is taken whole: of one that is not over nothing is taken.
    pub fn take(&mut self) -> Vec<u8> {
        if self.unit_len == 0 {
            return std::mem::take(&mut self.bytes);
        }
        let rest = self.bytes.split_off(self.unit_start);
        self.unit_start = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Whether there is something to take.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds one request of the running unit.
    pub fn add<'p>(&mut self, db: DbIndex, now: UnixMs, parts: impl ExactSizeIterator<Item = &'p [u8]>) {
        if self.timestamps && self.unit_len == 0 && self.noted_second != now.as_secs() {
            self.noted_second = now.as_secs();
            append_timestamp(&mut self.bytes, self.noted_second);
        }
        if self.selected != Some(db) {
            self.selected = Some(db);
            append_request(&mut self.bytes, [&b"SELECT"[..], db.0.to_string().as_bytes()]);
        }
        if self.unit_len == 0 {
            self.unit_start = self.bytes.len();
        }
        self.unit_len += 1;
        append_request(&mut self.bytes, parts);
    }

    /// The unit is over: more than one request are put between MULTI and EXEC. A request for another database than the
    /// first one's stands with its SELECT between them too. Whether there was any request.
    pub fn end_unit(&mut self) -> bool {
        if self.unit_len > 1 {
            let mut multi = Vec::new();
            append_request(&mut multi, [&b"MULTI"[..]]);
            self.bytes.splice(self.unit_start..self.unit_start, multi);
            append_request(&mut self.bytes, [&b"EXEC"[..]]);
        }
        std::mem::take(&mut self.unit_len) > 0
    }

    /// Bytes that are not taken yet.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Engine {
    /// Adds what a command did. `changed`: whether it changed the data.
    #[cold]
    pub(super) fn propagate(&mut self, db: DbIndex, args: Args<'_>, changed: bool) {
        self.propagate_removals();
        let now = self.now;
        match std::mem::take(&mut self.effects.propagate) {
            Propagate::AsReceived if changed => self.propagation.add(db, now, args.iter()),
            Propagate::Instead(requests) => {
                for request in &requests {
                    self.propagation.add(db, now, request.as_args().iter());
                }
            }
            _ => {}
        }
    }

    /// Adds the keys that went because of their deadline or for want of memory.
    pub(super) fn propagate_removals(&mut self) {
        for (db, key) in self.keyspace.log.take_removals() {
            self.propagation.add(db, self.now, [&b"DEL"[..], &key].into_iter());
        }
    }

    /// The same outside any unit: each key is a unit of its own.
    pub(super) fn propagate_removals_alone(&mut self) {
        for (db, key) in self.keyspace.log.take_removals() {
            self.propagation.add(db, self.now, [&b"DEL"[..], &key].into_iter());
            self.propagation.end_unit();
        }
    }
}
