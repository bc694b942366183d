//! A value as the requests that make it: the base of a log that is not to be in the snapshot format.
//!
//! Owns the choice of requests: SET, RPUSH, SADD, ZADD, HMSET with at most [`ITEMS_MAX`] elements each, HPEXPIREAT and
//! PEXPIREAT.
//! Promise: whatever the size of a value, the buffer holds about one request.

use super::aof::{append_bulk, append_bulk_int, append_count, append_request};
use crate::base::float::format_f64_17g;
use crate::object::hash::{Field, timed_pack};
use crate::object::{Container, Hash, Object, Typed};
use crate::structs::listpack::{Item, Listpack};
use crate::structs::process::breathe;
use crate::structs::record::Body;
use crate::structs::table::{Entry, PassedOnce};

/// The most elements of one request.
pub const ITEMS_MAX: usize = 64;

/// Appends the requests that make an object, in the database selected; `settle` is called after each request and may
/// empty the buffer.
pub(super) fn append_object(out: &mut Vec<u8>, object: &Object, settle: &mut dyn FnMut(&mut Vec<u8>)) {
    let key = object.key();
    match object.body() {
        Body::Int(value) => {
            append_count(out, 3);
            append_bulk(out, b"SET");
            append_bulk(out, key);
            append_bulk_int(out, value);
        }
        Body::Bytes(bytes) => append_request(out, [b"SET", key, bytes]),
        Body::Payload(container) => append_container(out, key, container, settle),
    }
    if let Some(deadline) = object.deadline() {
        append_count(out, 3);
        append_bulk(out, b"PEXPIREAT");
        append_bulk(out, key);
        append_bulk_int(out, deadline.min(i64::MAX as u64) as i64);
    }
    settle(out);
}

/// Requests of one kind over the elements of a value.
struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    settle: &'a mut dyn FnMut(&mut Vec<u8>),
    name: &'static [u8],
    key: &'a [u8],
    /// Arguments of an element.
    width: usize,
    /// Elements that have not been begun.
    left: usize,
    /// Elements that still fit the request that was begun.
    room: usize,
}

impl Pieces<'_> {
    /// Begins an element, with a new request if it takes one.
    fn element(&mut self) -> &mut Vec<u8> {
        breathe();
        if self.room == 0 {
            (self.settle)(self.out);
            self.room = self.left.min(ITEMS_MAX);
            append_count(self.out, 2 + self.room * self.width);
            append_bulk(self.out, self.name);
            append_bulk(self.out, self.key);
        }
        self.room -= 1;
        self.left -= 1;
        self.out
    }
}

fn append_container(out: &mut Vec<u8>, key: &[u8], container: &Container, settle: &mut dyn FnMut(&mut Vec<u8>)) {
    let (name, width, left): (&[u8], usize, usize) = match container {
        Container::Raw(bytes) => return append_request(out, [b"SET", key, bytes]),
        Container::Stream(stream) => {
            return stream.requests(key, &mut |parts| {
                append_request(out, parts.iter().copied());
                settle(out);
            });
        }
        Container::ListPacked(pack) => (b"RPUSH", 1, pack.len()),
        Container::ListQuick(list) => (b"RPUSH", 1, list.len()),
        Container::SetInts(ints) => (b"SADD", 1, ints.len()),
        Container::SetPacked(pack) => (b"SADD", 1, pack.len()),
        Container::SetTable(table) => (b"SADD", 1, table.len()),
        Container::SetWalk(walk) => (b"SADD", 1, walk.len()),
        Container::HashPacked(pack) => (b"HMSET", 2, pack.len() / 2),
        Container::HashTable(table) => (b"HMSET", 2, table.len()),
        Container::HashWalk(walk) => (b"HMSET", 2, walk.len()),
        Container::HashTimed(pack) => (b"HMSET", 2, pack.len() / timed_pack::WIDTH),
        Container::ZsetPacked(pack) => (b"ZADD", 2, pack.len() / 2),
        Container::ZsetTree(scores) => (b"ZADD", 2, scores.len()),
        Container::ZsetWalk(walk) => (b"ZADD", 2, walk.len()),
    };
    let mut pieces = Pieces { out, settle, name, key, width, left, room: 0 };
    match container {
        Container::Raw(_) | Container::Stream(_) => {}
        Container::ListPacked(pack) | Container::SetPacked(pack) => {
            pack.iter().for_each(|item| append_item(pieces.element(), item));
        }
        Container::ListQuick(list) => {
            list.for_range(0, list.len(), false, &mut |item| append_item(pieces.element(), item));
        }
        Container::SetInts(ints) => ints.iter().for_each(|value| append_bulk_int(pieces.element(), value)),
        Container::SetTable(table) => table.for_each(|member| append_bulk(pieces.element(), member.key())),
        Container::SetWalk(walk) => walk.consume(|member| append_bulk(pieces.element(), member.key())),
        Container::HashPacked(pack) => pairs(pack, |field, value| {
            let out = pieces.element();
            append_item(out, field);
            append_item(out, value);
        }),
        Container::HashTable(_) | Container::HashTimed(_) => {
            if let Some(hash) = Hash::of(container) {
                hash.for_each(|field, value| {
                    let out = pieces.element();
                    append_item(out, field);
                    append_item(out, value);
                });
                append_field_deadlines(out, key, hash, settle);
            }
        }
        Container::HashWalk(walk) => append_walked_fields(pieces, walk),
        Container::ZsetPacked(pack) => pairs(pack, |member, score| {
            let out = pieces.element();
            append_item(out, score);
            append_item(out, member);
        }),
        Container::ZsetTree(scores) => {
            scores.tree.iter().for_each(|(score, member)| append_scored(pieces.element(), score, member.key()));
        }
        Container::ZsetWalk(walk) => {
            walk.consume(|member| append_scored(pieces.element(), member.score(), member.key()));
        }
    }
}

/// The fields of a walk, and then their deadlines, since it gives each only once.
fn append_walked_fields(mut pieces: Pieces<'_>, walk: &PassedOnce<Field>) {
    let mut timed = Vec::new();
    walk.consume(|field| {
        let out = pieces.element();
        append_bulk(out, field.key());
        append_bulk(out, field.value());
        timed.extend(field.deadline().map(|at| (Box::<[u8]>::from(field.key()), at)));
    });
    for (field, at) in timed {
        (pieces.settle)(pieces.out);
        append_field_deadline(pieces.out, pieces.key, &field, at);
    }
}

/// The deadlines of fields, one request each.
fn append_field_deadlines(out: &mut Vec<u8>, key: &[u8], hash: &Hash, settle: &mut dyn FnMut(&mut Vec<u8>)) {
    if !hash.has_deadlines() {
        return;
    }
    hash.for_each_timed(|field, _, deadline| {
        let Some(at) = deadline else { return };
        settle(out);
        append_field_deadline(out, key, field.as_str_buf(&mut [0; 24]), at);
    });
}

fn append_field_deadline(out: &mut Vec<u8>, key: &[u8], field: &[u8], at: u64) {
    append_count(out, 6);
    append_bulk(out, b"HPEXPIREAT");
    append_bulk(out, key);
    append_bulk_int(out, at as i64);
    append_bulk(out, b"FIELDS");
    append_bulk(out, b"1");
    append_bulk(out, field);
}

fn append_scored(out: &mut Vec<u8>, score: f64, member: &[u8]) {
    append_bulk(out, format_f64_17g(score).as_bytes());
    append_bulk(out, member);
}

fn append_item(out: &mut Vec<u8>, item: Item<'_>) {
    append_bulk(out, item.as_str_buf(&mut [0; 24]));
}

fn pairs(pack: &Listpack, mut each: impl FnMut(Item<'_>, Item<'_>)) {
    let mut items = pack.iter();
    while let (Some(first), Some(second)) = (items.next(), items.next()) {
        each(first, second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Value;
    use crate::persist::aof::{Batch, Stop, parse};

    fn requests(object: &Object) -> Vec<String> {
        let mut out = Vec::new();
        append_object(&mut out, object, &mut |_| ());
        let mut batch = Batch::default();
        let found = parse(&out, &mut batch);
        assert_eq!((found.consumed, found.stop), (out.len(), Stop::NeedMore));
        let text = |spans: &[crate::resp::Span]| {
            let words: Vec<_> = spans.iter().map(|span| String::from_utf8_lossy(span.of(&out)).into_owned()).collect();
            words.join(" ")
        };
        batch.requests().map(text).collect()
    }

    fn object(value: Value<'_>, deadline: Option<u64>) -> Object {
        Object::new(b"k", value.into_body(), deadline, 0, 0)
    }

    #[test]
    fn a_string_is_one_request_and_its_deadline_another() {
        assert_eq!(requests(&object(Value::Bytes(b"v w"), None)), ["SET k v w"]);
        assert_eq!(
            requests(&object(Value::Int(-5), Some(1_700_000_000_123))),
            ["SET k -5", "PEXPIREAT k 1700000000123"]
        );
    }

    #[test]
    fn a_collection_is_cut_into_requests_of_64_elements() {
        let mut pack = Listpack::new();
        (0..130).for_each(|number| {
            pack.push_back_int(number);
        });
        let made = requests(&object(Value::Container(Container::ListPacked(pack.clone())), None));
        assert_eq!(made.len(), 3);
        assert!(made[0].starts_with("RPUSH k 0 1 2 ") && made[0].ends_with(" 63"));
        assert_eq!(made[2], "RPUSH k 128 129");
        let made = requests(&object(Value::Container(Container::HashPacked(pack.clone())), None));
        assert_eq!((made.len(), &*made[1]), (2, "HMSET k 128 129"));
        let made = requests(&object(Value::Container(Container::ZsetPacked(pack)), None));
        assert_eq!((made.len(), &*made[1]), (2, "ZADD k 129 128"));
    }
}
