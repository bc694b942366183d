//! Digests of values, as Redis's DEBUG DIGEST computes them: equal data gives an equal digest, whatever the encodings,
//! here and on a Redis server. Ordered elements are mixed in one after the other; unordered ones are digested each by
//! itself and xored, so that their order is no matter.
//!
//! Promise: none of it is cryptography; SHA-1 is only what the reference uses.

use super::stream::StreamId;
use super::{Container, Hash, Kind, Object, Text, Typed, kind};
use crate::base::float::{format_f64_17g, parse_f64};
use crate::structs::listpack::Listpack;
use crate::structs::record::Body;
use crate::structs::score_tree::Member;
use crate::structs::table::Entry;
use sha1::{Digest as _, Sha1};

/// A digest being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest([u8; 20]);

impl Digest {
    /// Adds bytes whose order among others is no matter.
    pub fn xor(&mut self, bytes: &[u8]) {
        let hash = Sha1::digest(bytes);
        self.0.iter_mut().zip(hash).for_each(|(to, from)| *to ^= from);
    }

    /// Adds bytes whose place counts.
    pub fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Adds another digest, whose order among others is no matter.
    pub fn xor_digest(&mut self, other: &Digest) {
        self.xor(&other.0);
    }

    /// 40 hex digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Adds two things that belong together, as one element of an unordered collection.
    fn xor_pair(&mut self, first: &[u8], second: &[u8]) {
        let mut element = Digest::default();
        element.mix(first);
        element.mix(second);
        self.xor_digest(&element);
    }

    /// Adds a field of a hash and whether it has a deadline.
    fn xor_field(&mut self, field: &[u8], value: &[u8], timed: bool) {
        let mut element = Digest::default();
        element.mix(field);
        element.mix(value);
        if timed {
            element.xor(b"!!hexpire!!");
        }
        self.xor_digest(&element);
    }

    /// Adds a record's value and whether it has a deadline. O(size of the value).
    pub fn add_value(&mut self, object: &Object) {
        self.mix(&type_number(kind(object)).to_be_bytes());
        match object.body() {
            Body::Payload(container) => self.add_container(container),
            body => {
                if let Some(text) = Text::of(body) {
                    self.mix(text.bytes(&mut itoa::Buffer::new()));
                }
            }
        }
        if object.deadline().is_some() {
            self.xor(b"!!expire!!");
        }
    }

    fn add_container(&mut self, container: &Container) {
        match container {
            Container::Raw(bytes) => self.mix(bytes),
            Container::ListPacked(pack) => each(pack, |element| self.mix(element)),
            Container::ListQuick(list) => {
                list.for_range(0, list.len(), false, &mut |item| self.mix(item.as_str_buf(&mut [0; 24])));
            }
            Container::SetInts(ints) => ints.iter().for_each(|n| self.xor(itoa::Buffer::new().format(n).as_bytes())),
            Container::SetPacked(pack) => each(pack, |member| self.xor(member)),
            Container::SetTable(table) => table.for_each(|member| self.xor(member.key())),
            Container::HashPacked(pack) => each_pair(pack, |field, value| self.xor_pair(field, value)),
            Container::HashTable(_) | Container::HashTimed(_) => {
                if let Some(hash) = Hash::of(container) {
                    hash.for_each_timed(|field, value, deadline| {
                        let (field, value) = (field.to_vec(), value.to_vec());
                        self.xor_field(&field, &value, deadline.is_some());
                    });
                }
            }
            Container::ZsetPacked(pack) => each_pair(pack, |member, score| {
                self.xor_pair(member, &format_f64_17g(parse_f64(score).unwrap_or_default()));
            }),
            Container::ZsetTree(scores) => {
                scores.tree.iter().for_each(|(score, member)| self.xor_pair(member.bytes(), &format_f64_17g(score)));
            }
            Container::SetWalk(_) | Container::HashWalk(_) | Container::ZsetWalk(_) => {
                unreachable!("never under a key")
            }
            Container::Stream(stream) => {
                for entry in stream.entries().range(StreamId::MIN, StreamId::MAX, false) {
                    self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
                    for (field, value) in entry.fields() {
                        self.mix(field.as_str_buf(&mut [0; 24]));
                        self.mix(value.as_str_buf(&mut [0; 24]));
                    }
                }
            }
        }
    }
}

/// The types' numbers in digests, dumps and snapshots of Redis.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::SortedSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6,
    }
}

fn each(pack: &Listpack, mut visit: impl FnMut(&[u8])) {
    pack.iter().for_each(|item| visit(item.as_str_buf(&mut [0; 24])));
}

fn each_pair(pack: &Listpack, mut visit: impl FnMut(&[u8], &[u8])) {
    let mut items = pack.iter();
    while let (Some(first), Some(second)) = (items.next(), items.next()) {
        visit(first.as_str_buf(&mut [0; 24]), second.as_str_buf(&mut [0; 24]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::hash::Field;
    use crate::object::set::Member as SetMember;
    use crate::structs::intset::IntSet;
    use crate::structs::record::NewBody;
    use crate::structs::table::Table;
    use crate::structs::thin::ThinBytes;

    fn digest(container: Container) -> String {
        let mut digest = Digest::default();
        digest.add_value(&Object::new(b"k", NewBody::Payload(container), None, 0, 0));
        digest.hex()
    }

    fn pack(elements: &[&str]) -> Listpack {
        elements.iter().map(|element| element.as_bytes()).collect()
    }

    #[test]
    fn a_string_has_the_digest_redis_gives_it() {
        // DEBUG DIGEST-VALUE of a key that holds "bar", and of one that holds 123.
        let mut text = Digest::default();
        text.add_value(&Object::new(b"k", NewBody::Bytes(b"bar"), None, 0, 0));
        assert_eq!(text.hex(), BAR);
        let mut number = Digest::default();
        number.add_value(&Object::new(b"k", NewBody::Int(123), None, 0, 0));
        assert_eq!(number.hex(), NUMBER_123);
    }

    const BAR: &str = "68467c70ae30376e7ce005bcc8827f5ba7fd67dc";
    const NUMBER_123: &str = "89f7f51b707418f666d5b45e053bd5bbbf82ac2b";

    #[test]
    fn encodings_do_not_matter_but_content_does() {
        let mut table = Table::new();
        for member in ["1", "2", "3"] {
            let member = SetMember(ThinBytes::new((), &[member.as_bytes()]));
            table.insert(member.hash(), member);
        }
        let ints: IntSet = [3, 1, 2].into_iter().collect();
        let sets = [
            Container::SetTable(Box::new(table)),
            Container::SetPacked(pack(&["2", "3", "1"])),
            Container::SetInts(ints),
        ];
        let digests: Vec<String> = sets.into_iter().map(digest).collect();
        assert!(digests.iter().all(|other| *other == digests[0]), "{digests:?}");
        assert_ne!(digest(Container::SetPacked(pack(&["1", "2"]))), digests[0]);
    }

    #[test]
    fn order_matters_in_lists_and_not_in_hashes() {
        assert_ne!(digest(Container::ListPacked(pack(&["a", "b"]))), digest(Container::ListPacked(pack(&["b", "a"]))));
        let packed = digest(Container::HashPacked(pack(&["f", "1", "g", "2"])));
        assert_eq!(digest(Container::HashPacked(pack(&["g", "2", "f", "1"]))), packed);
        let mut table = Table::new();
        for (field, value) in [("f", "1"), ("g", "2")] {
            let field = Field::new(field.as_bytes(), value.as_bytes());
            table.insert(field.hash(), field);
        }
        assert_eq!(digest(Container::HashTable(Box::new(table))), packed);
        assert_ne!(digest(Container::HashPacked(pack(&["f", "2", "g", "1"]))), packed);
    }

    #[test]
    fn a_deadline_counts_by_its_presence() {
        let with = |deadline| {
            let mut digest = Digest::default();
            digest.add_value(&Object::new(b"k", NewBody::Int(1), deadline, 0, 0));
            digest
        };
        assert_ne!(with(None), with(Some(10)));
        assert_eq!(with(Some(10)), with(Some(20)));
    }
}
