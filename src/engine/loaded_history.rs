//! Going on with a history after a restart: a snapshot tells which place in which history it was taken at, and replicas
//! that had come that far need no snapshot again.

use super::Engine;
use crate::base::ids::DbIndex;
use crate::replication::history::ReplicationId;

/// A place in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedHistory {
    /// The history's name.
    pub id: ReplicationId,
    /// How much of it the snapshot holds.
    pub offset: u64,
    /// The database that what followed was for, unless it said otherwise.
    pub db: DbIndex,
    /// Keys that were left out because they had expired, and which replicas still have.
    pub expired: Vec<(DbIndex, Box<[u8]>)>,
}

/// What was read of it so far.
#[derive(Debug, Default)]
pub struct HistoryNotes {
    id: Option<ReplicationId>,
    offset: Option<u64>,
    db: Option<u32>,
    expired: Vec<(DbIndex, Box<[u8]>)>,
}

impl HistoryNotes {
    /// Notes a field that the snapshot tells of itself, if it is one of these.
    pub fn note(&mut self, name: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        match name {
            b"repl-id" => self.id = ReplicationId::parse(value),
            b"repl-offset" => self.offset = number().filter(|offset| i64::try_from(*offset).is_ok()),
            b"repl-stream-db" => self.db = number().and_then(|db| u32::try_from(db).ok()),
            _ => {}
        }
    }

    /// Notes a key that is not loaded.
    pub fn note_expired(&mut self, db: DbIndex, key: &[u8]) {
        if self.id.is_some() {
            self.expired.push((db, key.into()));
        }
    }

    /// All of it, if it is whole.
    pub fn complete(self) -> Option<LoadedHistory> {
        Some(LoadedHistory { id: self.id?, offset: self.offset?, db: DbIndex(self.db?), expired: self.expired })
    }
}

impl Engine {
    /// Goes on where the snapshot was taken that was loaded at the start. Its history has another name from here on, since
    /// nobody knows what this process's predecessor did afterwards.
    pub fn go_on_with_history(&mut self) {
        const AT_ONCE: usize = 1000;
        let Some(loaded) = self.durability.loaded_history.take() else { return };
        if self.following.is_replica() {
            self.resume_from(loaded.id, loaded.offset, loaded.db);
            return self.follow_readers();
        }
        let id = self.random_replication_id();
        self.history.adopt(loaded.id, loaded.offset);
        self.history.shift(id);
        self.replicas.none_since = self.now;
        self.follow_readers();
        for keys in loaded.expired.chunks(AT_ONCE) {
            for (db, key) in keys {
                self.propagation.add_for_replicas(*db, [&b"DEL"[..], key].into_iter());
                self.propagation.end_unit();
            }
            self.end_turn();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_history_is_whole_or_none() {
        let name = [b'a'; 40];
        let mut notes = HistoryNotes::default();
        notes.note_expired(DbIndex(1), b"before");
        notes.note(b"redis-ver", b"7.0.15");
        notes.note(b"repl-stream-db", b"3");
        notes.note(b"repl-id", &name);
        notes.note_expired(DbIndex(1), b"key");
        notes.note(b"repl-offset", b"77");
        let whole = LoadedHistory {
            id: ReplicationId::parse(&name).expect("forty characters"),
            offset: 77,
            db: DbIndex(3),
            expired: vec![(DbIndex(1), b"key"[..].into())],
        };
        assert_eq!(notes.complete(), Some(whole));
        for (field, value) in [(&b"repl-id"[..], &b"short"[..]), (b"repl-offset", b"-1"), (b"repl-stream-db", b"-1")] {
            let mut notes = HistoryNotes::default();
            notes.note(b"repl-stream-db", b"3");
            notes.note(b"repl-id", &name);
            notes.note(b"repl-offset", b"77");
            notes.note(field, value);
            assert_eq!(notes.complete(), None, "{field:?}");
        }
    }
}
