//! Deadlines of fields of hashes, as a database keeps to them.
//!
//! Whoever reads a hash asks [`DbMut::field_moment`] first and looks at its fields as of that moment; what it finds
//! expired it hands to [`DbMut::expire_fields`]. Whoever changes a hash that has, or had, fields with deadlines calls
//! [`DbMut::fields_changed`] afterwards, so that the tree knows when something of it is due.

use super::{DbMut, ExpireMode};
use crate::object::{Hash, Typed};
use crate::structs::record::{Body, BodyMut};
use crate::structs::table::hash;

impl DbMut<'_> {
    /// The moment before which a field's deadline lies if the field is gone: now, or 0 when deadlines mean nothing
    /// because a log is loaded.
    #[inline]
    pub fn field_moment(&self) -> u64 {
        match self.keyspace.expire_mode {
            ExpireMode::Ignore => 0,
            ExpireMode::Remove | ExpireMode::HideOnly => self.keyspace.now.0.max(0) as u64,
        }
    }

    /// Whether a key holds a hash of which fields may be gone. Leaves no trace.
    pub fn may_have_due_fields(&mut self, key: &[u8]) -> bool {
        let moment = self.field_moment();
        self.peek(key).is_some_and(|object| match object.body() {
            Body::Payload(container) => Hash::of(container).is_some_and(|value| value.may_be_due(moment)),
            _ => false,
        })
    }

    /// To be called when a hash under a key was changed that has, or had, fields with deadlines.
    pub fn fields_changed(&mut self, key: &[u8]) {
        self.table_mut().note_parts(hash(key), key);
    }

    /// Removes those of the fields of a hash that are gone, as a primary does that comes upon them, and with the last one
    /// the key.
    #[cold]
    pub fn expire_fields<'f>(&mut self, key: &[u8], fields: impl Iterator<Item = &'f [u8]>) {
        if self.keyspace.expire_mode != ExpireMode::Remove {
            return;
        }
        let moment = self.field_moment();
        let mut names: Vec<Box<[u8]>> = Vec::new();
        if let Some(value) = self.hash_to_expire(key) {
            for field in fields {
                if value.deadline(field).flatten().is_some_and(|at| at < moment) && value.remove(field) {
                    names.push(field.into());
                }
            }
        }
        self.fields_expired(key, names.len(), names);
    }

    /// Removes up to `limit` fields of a hash that are gone, and with the last one the key; how many it were.
    pub(super) fn expire_due_fields(&mut self, key: &[u8], limit: usize) -> usize {
        let (moment, wanted) = (self.field_moment(), self.keyspace.log.keep_removals);
        let (mut names, mut count): (Vec<Box<[u8]>>, usize) = (Vec::new(), 0);
        if let Some(value) = self.hash_to_expire(key) {
            value.remove_due(moment, limit, |field| {
                count += 1;
                if wanted {
                    names.push(field.into());
                }
            });
        }
        self.fields_expired(key, count, names);
        count
    }

    /// The hash under a key, if fields of it may be gone.
    fn hash_to_expire(&mut self, key: &[u8]) -> Option<&mut Hash> {
        let (at, moment) = (hash(key), self.field_moment());
        let table = self.table_mut();
        // Looked at before, so that nothing is copied for nothing.
        match table.get(at, key)?.body() {
            Body::Payload(container) if Hash::of(container)?.may_be_due(moment) => {}
            _ => {
                table.note_parts(at, key);
                return None;
            }
        }
        match table.get_mut(at, key)?.body_mut() {
            BodyMut::Payload(container) => Hash::of_mut(container),
            _ => None,
        }
    }

    fn fields_expired(&mut self, key: &[u8], count: usize, names: Vec<Box<[u8]>>) {
        let at = hash(key);
        if count > 0 {
            self.keyspace.stats.expired_fields += count as u64;
            self.keyspace.log.fields_removed(self.index, key, names);
            self.delete_if_empty::<Hash>(key);
        }
        self.table_mut().note_parts(at, key);
    }
}
