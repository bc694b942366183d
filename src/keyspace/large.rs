//! Which keys hold so much that writing one of them to a snapshot takes a while.
//!
//! What is changed while a snapshot is being written is put by first (`structs/table/walk.rs`). That is in time for every
//! value but the one that is just being written: that one is copied, node by node. So what takes long to write is put by
//! when the snapshot is taken.
//!
//! Promises: a list of keys, some of which may be gone, and no more than [`MOST_KEPT`]. A key is noted when it is stored or
//! edited, not while it grows within one command. Left out: values that have no walk of their own.

use super::DbIndex;
use crate::object::{Container, Object};
use crate::structs::record::Body;
use crate::structs::table::{Table, hash};

/// Elements that take about 10 ms to be written.
const LARGE_LEN: usize = 1 << 15;
/// Values that are put by when a snapshot is taken, which takes a microsecond or two for each.
const MOST_PUT_BY: usize = 128;
/// Keys that are kept, since some may be gone.
const MOST_KEPT: usize = 1024;
/// Of an object's flags: its key is, or was, in the list.
const NOTED: u8 = 1;

/// Keys that hold, or held, much, in the order in which they were noted.
#[derive(Default)]
pub(super) struct LargeKeys {
    keys: Vec<(DbIndex, Box<[u8]>)>,
}

#[inline]
fn is_large(object: &Object) -> bool {
    match object.body() {
        Body::Payload(Container::SetTable(table)) => table.len() >= LARGE_LEN,
        Body::Payload(Container::HashTable(table)) => table.len() >= LARGE_LEN,
        Body::Payload(Container::ZsetTree(scores)) => scores.len() >= LARGE_LEN,
        _ => false,
    }
}

impl LargeKeys {
    /// Looks at an object that is about to be edited.
    #[inline]
    pub(super) fn look(&mut self, db: DbIndex, object: &mut Object) {
        if is_large(object) && object.user_flags() & NOTED == 0 {
            self.note(db, object);
        }
    }

    /// Looks at an object that is about to be stored, under this key for the first time.
    #[inline]
    pub(super) fn came(&mut self, db: DbIndex, object: &mut Object) {
        if is_large(object) {
            self.note(db, object);
        }
    }

    #[cold]
    fn note(&mut self, db: DbIndex, object: &mut Object) {
        if self.keys.len() == MOST_KEPT {
            self.keys.drain(..MOST_KEPT / 2);
        }
        object.set_user_flags(object.user_flags() | NOTED);
        self.keys.push((db, object.key().into()));
    }

    /// Puts by what is large, the keys noted last first, and forgets keys that are gone. O(1): there is a limit.
    pub(super) fn put_by(&mut self, dbs: &mut [Table<Object>]) {
        let is_large = |(db, key): &(DbIndex, Box<[u8]>)| dbs[db.0 as usize].get(hash(key), key).is_some_and(is_large);
        self.keys.retain(is_large);
        for (db, key) in self.keys.iter().rev().take(MOST_PUT_BY) {
            dbs[db.0 as usize].put_by(hash(key), key);
        }
    }

    /// Two databases were exchanged.
    pub(super) fn swap(&mut self, a: DbIndex, b: DbIndex) {
        for (db, _) in &mut self.keys {
            if *db == a {
                *db = b;
            } else if *db == b {
                *db = a;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keyspace;
    use super::*;
    use crate::object::{Hash, Limits, Set};

    fn keyspace_with_a_large_hash() -> Keyspace {
        let mut keyspace = Keyspace::new(2);
        for n in 0..LARGE_LEN + 2 {
            let mut db = keyspace.db(DbIndex(0));
            let hash = db.edit_or_create::<Hash>(b"hash", Hash::new).unwrap();
            hash.set(n.to_string().as_bytes(), b"value", &Limits::default());
        }
        keyspace
    }

    fn address_of(keyspace: &Keyspace, key: &[u8]) -> *const u8 {
        keyspace.table(DbIndex(0)).get(hash(key), key).unwrap().address()
    }

    fn change(keyspace: &mut Keyspace, key: &[u8]) {
        let mut db = keyspace.db(DbIndex(0));
        db.edit::<Hash>(key).unwrap().unwrap().set(b"7", b"other", &Limits::default());
        keyspace.let_walk();
    }

    #[test]
    fn what_is_large_is_put_by_with_the_snapshot_and_changed_where_it_lies() {
        let mut keyspace = keyspace_with_a_large_hash();
        assert_eq!(keyspace.large.keys, [(DbIndex(0), b"hash"[..].into())]);
        let walks = keyspace.snapshot();
        keyspace.let_walk();
        // As if the walk had come to it: what it gives from now on is not what is changed.
        let mut given = Vec::new();
        let before = address_of(&keyspace, b"hash");
        for walk in walks {
            walk.consume(|object| match object.body() {
                Body::Payload(Container::HashWalk(fields)) => {
                    change(&mut keyspace, b"hash");
                    fields.consume(|field| given.push(field.value().to_vec()));
                }
                _ => unreachable!("it was put by"),
            });
        }
        assert_eq!(address_of(&keyspace, b"hash"), before, "it was not copied");
        assert!(given.len() == LARGE_LEN + 2 && given.iter().all(|value| value == b"value"));
    }

    #[test]
    fn keys_that_went_or_moved_are_no_harm() {
        let mut keyspace = keyspace_with_a_large_hash();
        let renamed = keyspace.db(DbIndex(0)).take(b"hash").unwrap().with_key(b"renamed");
        keyspace.db(DbIndex(0)).put_object(renamed);
        keyspace.swap(DbIndex(0), DbIndex(1));
        let small = Object::new(b"hash", crate::structs::record::NewBody::Int(1), None, 0, 0);
        keyspace.db(DbIndex(0)).put_object(small);
        drop(keyspace.snapshot());
        assert_eq!(keyspace.large.keys, [(DbIndex(1), b"renamed"[..].into())]);
        keyspace.flush(None);
        drop(keyspace.snapshot());
        assert!(keyspace.large.keys.is_empty());
    }

    #[test]
    fn no_more_keys_are_kept_than_are_of_use() {
        let mut keyspace = Keyspace::new(1);
        let mut set = Set::for_member(b"x", &Limits { set_max_listpack_entries: 0, ..Limits::default() });
        (0..LARGE_LEN).for_each(|n| _ = set.insert(format!("m{n}").as_bytes(), &Limits::default()));
        for n in 0..MOST_KEPT + 10 {
            let body = crate::structs::record::NewBody::Payload(crate::object::Typed::into_container(set.clone()));
            keyspace.db(DbIndex(0)).put_object(Object::new(n.to_string().as_bytes(), body, None, 0, 0));
        }
        assert!(keyspace.large.keys.len() <= MOST_KEPT);
        assert_eq!(*keyspace.large.keys.last().unwrap().1, *(MOST_KEPT + 9).to_string().as_bytes());
        drop(keyspace.snapshot());
    }
}
