//! A stream as the requests that make it anew: what a log of commands begins with.
//!
//! Promise: run in order on an empty key they give the same entries, groups and figures. Only the moments at which
//! consumers were last seen are lost, as with Redis.

use super::{Group, Stream, StreamId};

impl Stream {
    /// Hands the requests to `emit` one by one, each with its name first. O(entries + pending entries).
    pub fn requests(&self, key: &[u8], emit: &mut dyn FnMut(&[&[u8]])) {
        let facts = self.facts();
        if facts.len == 0 {
            // An entry that goes again leaves a stream behind.
            emit(&[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"]);
        }
        for entry in self.entries().range(StreamId::MIN, StreamId::MAX, false) {
            let id = entry.id.text();
            let words: Vec<Vec<u8>> =
                entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
            let mut parts: Vec<&[u8]> = Vec::with_capacity(3 + words.len());
            parts.extend([&b"XADD"[..], key, id.as_bytes()]);
            parts.extend(words.iter().map(|word| &word[..]));
            emit(&parts);
        }
        let mut added = itoa::Buffer::new();
        emit(&[
            b"XSETID",
            key,
            facts.last_id.text().as_bytes(),
            b"ENTRIESADDED",
            added.format(facts.entries_added).as_bytes(),
            b"MAXDELETEDID",
            facts.max_deleted_id.text().as_bytes(),
        ]);
        for (name, group) in self.groups() {
            group.requests(key, name, emit);
        }
    }
}

impl Group {
    fn requests(&self, key: &[u8], name: &[u8], emit: &mut dyn FnMut(&[&[u8]])) {
        let mut read = itoa::Buffer::new();
        emit(&[
            b"XGROUP",
            b"CREATE",
            key,
            name,
            self.last_id.text().as_bytes(),
            b"ENTRIESREAD",
            read.format(self.entries_read.unwrap_or(-1)).as_bytes(),
        ]);
        for (consumer, _) in self.consumers() {
            emit(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]);
        }
        for (id, pending) in self.pending_from(StreamId::MIN) {
            let (mut at, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
            if !pending.is_owned() {
                let (id, count) = (id.text(), count.format(pending.deliveries).as_bytes());
                emit(&[b"XNACK", key, name, b"FAIL", b"IDS", b"1", id.as_bytes(), b"RETRYCOUNT", count, b"FORCE"]);
                continue;
            }
            emit(&[
                b"XCLAIM",
                key,
                name,
                pending.consumer(),
                b"0",
                id.text().as_bytes(),
                b"TIME",
                at.format(pending.delivered_at).as_bytes(),
                b"RETRYCOUNT",
                count.format(pending.deliveries).as_bytes(),
                b"JUSTID",
                b"FORCE",
            ]);
        }
    }
}
