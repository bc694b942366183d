//! Repeating what happened elsewhere: the requests that, run in this order, give the same data again. The engine writes
//! them as a stream of bytes for the append-only file and as another for replicas.
//!
//! Promises: a unit (a command, a whole EXEC, a whole script) appears whole, between MULTI and EXEC when it is more than
//! one request; a key that expired or was evicted appears as DEL before the request that found it so, fields that expired
//! as HDEL; nothing relative to the clock or to chance appears.

use super::Engine;
use crate::base::ids::{DbIndex, UnixMs};
use crate::command::{Args, Propagate};
use crate::keyspace::Removal;
use crate::persist::aof::{append_request, append_timestamp};
use bitflags::bitflags;

bitflags! {
    /// Who reads what is repeated.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Readers: u8 {
        /// The append-only file.
        const LOG = 1 << 0;
        /// Replicas.
        const REPLICAS = 1 << 1;
    }
}

/// Room that is made for a turn's requests beforehand, at most.
const MOST_ROOM_BYTES: usize = 256 * 1024;

/// One reader's stream.
#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    /// The database the stream is in; `None` at its begin, and when its reader changes.
    selected: Option<DbIndex>,
    unit_start: usize,
    unit_len: usize,
}

impl Stream {
    /// Begins a request of the running unit.
    fn begin_request(&mut self, db: DbIndex) {
        if self.selected != Some(db) {
            self.selected = Some(db);
            append_request(&mut self.bytes, [&b"SELECT"[..], db.0.to_string().as_bytes()]);
        }
        if self.unit_len == 0 {
            self.unit_start = self.bytes.len();
        }
        self.unit_len += 1;
    }

    fn add<'p>(&mut self, db: DbIndex, parts: impl ExactSizeIterator<Item = &'p [u8]>) {
        self.begin_request(db);
        append_request(&mut self.bytes, parts);
    }

    fn add_frame(&mut self, db: DbIndex, frame: &[u8]) {
        self.begin_request(db);
        self.bytes.extend_from_slice(frame);
    }

    /// Whether there was any request.
    fn end_unit(&mut self) -> bool {
        if self.unit_len > 1 {
            let mut multi = Vec::new();
            append_request(&mut multi, [&b"MULTI"[..]]);
            self.bytes.splice(self.unit_start..self.unit_start, multi);
            append_request(&mut self.bytes, [&b"EXEC"[..]]);
        }
        std::mem::take(&mut self.unit_len) > 0
    }

    fn take(&mut self) -> Vec<u8> {
        if self.unit_len == 0 {
            // The next turn will bring about as much.
            let room = self.bytes.len().min(MOST_ROOM_BYTES);
            return std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        }
        let rest = self.bytes.split_off(self.unit_start);
        self.unit_start = 0;
        std::mem::replace(&mut self.bytes, rest)
    }
}

/// The streams being written.
#[derive(Debug)]
pub struct Propagation {
    /// Whether anybody wants them now: there are readers, and nothing is being loaded.
    pub on: bool,
    /// Which of them a script wants its changes repeated to (`redis.set_repl`); all of them otherwise.
    pub wanted_by: Readers,
    /// Whether the time is noted in the log (`aof-timestamp-enabled`).
    pub timestamps: bool,
    readers: Readers,
    log: Stream,
    replicas: Stream,
    noted_second: i64,
}

impl Default for Propagation {
    fn default() -> Propagation {
        Propagation {
            on: false,
            wanted_by: Readers::all(),
            timestamps: false,
            readers: Readers::empty(),
            log: Stream::default(),
            replicas: Stream::default(),
            noted_second: 0,
        }
    }
}

impl Propagation {
    /// Sets who there is to read, and whether data is being loaded.
    pub fn set_readers(&mut self, readers: Readers, loading: bool) {
        self.readers = readers;
        self.on = !readers.is_empty() && !loading;
    }

    /// Makes the next request begin with SELECT: the log goes to a new file.
    pub fn begin_file(&mut self) {
        self.log.selected = None;
        self.noted_second = 0;
    }

    /// The same for replicas, of which there is a new one.
    pub fn begin_replica(&mut self) {
        self.replicas.selected = None;
    }

    /// Takes what was written for the log since the last call. A unit is taken whole: of one that is not over nothing is
    /// taken.
    pub fn take(&mut self) -> Vec<u8> {
        self.log.take()
    }

    /// The same for replicas.
    pub fn take_for_replicas(&mut self) -> Vec<u8> {
        self.replicas.take()
    }

    /// Whether there is something to take for the log.
    pub fn is_empty(&self) -> bool {
        self.log.bytes.is_empty()
    }

    /// Whether there is something to take for replicas.
    #[inline]
    pub fn has_for_replicas(&self) -> bool {
        !self.replicas.bytes.is_empty()
    }

    /// Adds one request of the running unit.
    pub fn add<'p>(&mut self, db: DbIndex, now: UnixMs, parts: impl ExactSizeIterator<Item = &'p [u8]> + Clone) {
        let readers = self.readers & self.wanted_by;
        if readers.contains(Readers::LOG) {
            self.note_time(now);
            self.log.add(db, parts.clone());
        }
        if readers.contains(Readers::REPLICAS) {
            self.replicas.add(db, parts);
        }
    }

    /// The same for a request that is repeated as it was received.
    fn add_received(&mut self, db: DbIndex, now: UnixMs, args: Args<'_>) {
        let Some(frame) = args.frame() else { return self.add(db, now, args.iter()) };
        let readers = self.readers & self.wanted_by;
        if readers.contains(Readers::LOG) {
            self.note_time(now);
            self.log.add_frame(db, frame);
        }
        if readers.contains(Readers::REPLICAS) {
            self.replicas.add_frame(db, frame);
        }
    }

    fn note_time(&mut self, now: UnixMs) {
        if self.timestamps && self.log.unit_len == 0 && self.noted_second != now.as_secs() {
            self.noted_second = now.as_secs();
            append_timestamp(&mut self.log.bytes, self.noted_second);
        }
    }

    /// Adds one request of the running unit that changes no data: replicas alone are to repeat it.
    pub fn add_for_replicas<'p>(&mut self, db: DbIndex, parts: impl ExactSizeIterator<Item = &'p [u8]>) {
        if self.on && (self.readers & self.wanted_by).contains(Readers::REPLICAS) {
            self.replicas.add(db, parts);
        }
    }

    /// Adds a request that stands in no database and no unit, to replicas alone.
    pub fn add_apart<'p>(&mut self, parts: impl ExactSizeIterator<Item = &'p [u8]>) {
        if self.readers.contains(Readers::REPLICAS) {
            append_request(&mut self.replicas.bytes, parts);
        }
    }

    /// What was written for replicas and not taken is no part of the history: it is another server's from here on.
    pub fn forget_replicas(&mut self) {
        self.replicas = Stream::default();
    }

    /// The unit is over: more than one request are put between MULTI and EXEC. A request for another database than the
    /// first one's stands with its SELECT between them too. Whether there was any request.
    pub fn end_unit(&mut self) -> bool {
        let any = self.replicas.end_unit();
        self.log.end_unit() || any
    }

    /// Bytes for the log that are not taken yet.
    pub fn len(&self) -> usize {
        self.log.bytes.len()
    }

    /// Bytes for replicas that are not taken yet.
    pub fn len_for_replicas(&self) -> usize {
        self.replicas.bytes.len()
    }

    /// The database that what replicas are sent next is for, unless it says otherwise. `None`: a unit is not over.
    pub fn db_for_replicas(&self) -> Option<DbIndex> {
        (self.replicas.unit_len == 0).then(|| self.replicas.selected.unwrap_or(DbIndex(0)))
    }
}

impl Engine {
    /// Adds what a command did. `changed`: whether it changed the data.
    #[cold]
    pub(super) fn propagate(&mut self, db: DbIndex, args: Args<'_>, changed: bool) {
        if self.effects.removals_alone && self.unit_depth == 1 {
            self.propagate_removals_alone();
        } else {
            self.propagate_removals();
        }
        let now = self.now;
        match std::mem::take(&mut self.effects.propagate) {
            Propagate::AsReceived if changed => self.propagation.add_received(db, now, args),
            Propagate::Instead(requests) => {
                for request in &requests {
                    self.propagation.add(db, now, request.as_args().iter());
                }
            }
            _ => {}
        }
    }

    /// Adds the keys that went because of their deadline or for want of memory, and the fields that expired.
    pub(super) fn propagate_removals(&mut self) {
        for removal in self.keyspace.log.take_removals() {
            self.add_removal(&removal);
        }
    }

    fn add_removal(&mut self, removal: &Removal) {
        match removal {
            Removal::Key(db, key) => self.propagation.add(*db, self.now, [&b"DEL"[..], key].into_iter()),
            Removal::Fields(db, key, fields) => {
                let mut parts: Vec<&[u8]> = Vec::with_capacity(2 + fields.len());
                parts.extend([&b"HDEL"[..], key]);
                parts.extend(fields.iter().map(|field| &**field));
                self.propagation.add(*db, self.now, parts.into_iter());
            }
        }
    }

    /// The same outside any unit: each key is a unit of its own.
    pub(super) fn propagate_removals_alone(&mut self) {
        for removal in self.keyspace.log.take_removals() {
            self.add_removal(&removal);
            self.propagation.end_unit();
        }
    }
}
