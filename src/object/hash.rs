//! Hashes: fields with values, packed as field, value, field, value while they are few and short, a table of
//! [`Field`]s beyond that. A packed hash of which a field was given a deadline is packed as triples from then on.
//!
//! Promises: a hash is packed exactly as long as Redis keeps it so (`hash-max-listpack-entries` and `-value`) and
//! never packed again afterwards; a packed hash is in the order its fields came (those with deadlines before them, in
//! the order of these), and its bytes are those of RDB files. A value of the length of the one before is written in
//! place. A hash that never had a deadline pays nothing for them. What changes a table lets the walk go on that a snapshot
//! may be written from, before it returns.
//!
//! Deadlines are in `hash/deadlines.rs`: what reads a hash names a moment, and fields whose deadline lies before it are
//! not seen. The methods here see all fields.

mod deadlines;
mod field;
pub mod timed_pack;

pub use deadlines::Lookup;
pub use field::{FIELD_MAX_BYTES, Field};

use super::{Container, Kind, Limits, Typed};
use crate::structs::listpack::{Item, Listpack, Pos};
use crate::structs::table::{Entry, Table, hash};
use fastrand::Rng;
use ref_cast::RefCast;
use std::collections::HashSet;

/// A Hash value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct Hash(Container);

impl Typed for Hash {
    const KIND: Kind = Kind::Hash;

    fn of(container: &Container) -> Option<&Hash> {
        (container.kind() == Kind::Hash).then(|| Hash::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut Hash> {
        (container.kind() == Kind::Hash).then(|| Hash::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::new()
    }
}

impl Hash {
    /// An empty hash, packed.
    pub fn new() -> Hash {
        Hash(Container::HashPacked(Listpack::new()))
    }

    /// An empty packed hash with room for entries of `bytes` bytes (see `Listpack::entry_size`).
    pub fn with_room(bytes: usize) -> Hash {
        Hash(Container::HashPacked(Listpack::with_capacity(bytes)))
    }

    /// The packed form, if the hash is in it.
    pub fn packed(&self) -> Option<&Listpack> {
        match &self.0 {
            Container::HashPacked(pack) => Some(pack),
            _ => None,
        }
    }

    /// Whether there is no field. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of fields. O(1).
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::HashPacked(pack) => pack.len() / 2,
            Container::HashTable(table) => table.len(),
            Container::HashTimed(pack) => pack.len() / timed_pack::WIDTH,
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// A field's value. O(1), packed O(n).
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Item<'_>> {
        match &self.0 {
            Container::HashPacked(pack) => {
                let at = pack.find(field, 1)?;
                Some(pack.get(value_pos(pack, at)))
            }
            Container::HashTable(table) => Some(Item::Bytes(table.get(hash(field), field)?.value())),
            Container::HashTimed(pack) => {
                let at = timed_pack::find(pack, field)?;
                Some(pack.get(value_pos(pack, at)))
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Whether the field is there. O(1), packed O(n).
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Gives a field a value and takes its deadline away; whether the field is new. Together they are shorter than 4
    /// GiB, the field alone than 2. O(1), packed O(n).
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        self.write(field, value, false, limits)
    }

    /// Gives a field a value; its deadline stays. Otherwise as `set`.
    pub fn set_keeping(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        self.write(field, value, true, limits)
    }

    #[inline]
    fn write(&mut self, field: &[u8], value: &[u8], keep_deadline: bool, limits: &Limits) -> bool {
        if let Container::HashPacked(pack) | Container::HashTimed(pack) = &self.0 {
            let longest = limits.hash_max_listpack_value;
            if field.len() > longest || value.len() > longest || !pack.would_fit(field.len() + value.len()) {
                self.unpack();
            }
        }
        let made = match &mut self.0 {
            Container::HashPacked(pack) => set_packed(pack, field, value),
            Container::HashTimed(pack) => set_timed(pack, field, value, keep_deadline),
            Container::HashTable(table) => {
                let at = hash(field);
                let (entry, made) = table.find_or_insert_with(at, field, || Field::new(field, value));
                if !made {
                    entry.set_value(value);
                    if !keep_deadline && table.len_with_deadline() > 0 {
                        table.set_deadline(at, field, None);
                    }
                }
                table.let_walk();
                return made;
            }
            _ => unreachable!("the type was checked when the reference was made"),
        };
        if self.len() > limits.hash_max_listpack_entries {
            self.unpack();
        }
        made
    }

    /// Removes a field; whether it was there. O(1), packed O(n).
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.0 {
            Container::HashPacked(pack) => match pack.find(field, 1) {
                Some(at) => {
                    pack.remove_at(at, 2);
                    true
                }
                None => false,
            },
            Container::HashTable(table) => {
                let removed = table.remove(hash(field), field).is_some();
                table.let_walk();
                removed
            }
            Container::HashTimed(pack) => match timed_pack::find(pack, field) {
                Some(at) => {
                    pack.remove_at(at, timed_pack::WIDTH);
                    true
                }
                None => false,
            },
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// All fields with their values, in any order. O(n).
    #[inline]
    pub fn for_each(&self, mut f: impl FnMut(Item<'_>, Item<'_>)) {
        match &self.0 {
            Container::HashPacked(pack) => pairs(pack).for_each(|(field, value)| f(field, value)),
            Container::HashTable(table) => table.for_each(|entry| entry.give(&mut f)),
            Container::HashTimed(pack) => timed_pack::triples(pack).for_each(|(field, value, _)| f(field, value)),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Some fields from a cursor on and the next cursor, 0 at the end; a packed hash comes whole. See `Table::scan`.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(Item<'_>, Item<'_>)) -> u64 {
        match &self.0 {
            Container::HashTable(table) => table.scan(cursor, count, &mut |entry| entry.give(f)),
            _ => {
                self.for_each(f);
                0
            }
        }
    }

    /// A field with its value, each with the same probability. O(1), packed O(n).
    pub fn random(&self, rng: &mut Rng) -> Option<(Item<'_>, Item<'_>)> {
        match &self.0 {
            Container::HashPacked(pack) if !pack.is_empty() => {
                let at = pack.seek(2 * rng.usize(..pack.len() / 2) as isize)?;
                Some((pack.get(at), pack.get(value_pos(pack, at))))
            }
            Container::HashTable(table) => {
                table.random(rng).map(|entry| (Item::Bytes(entry.key()), Item::Bytes(entry.value())))
            }
            Container::HashTimed(pack) if !pack.is_empty() => {
                let at = timed_pack::WIDTH * rng.usize(..pack.len() / timed_pack::WIDTH);
                let at = pack.seek(at as isize)?;
                Some((pack.get(at), pack.get(value_pos(pack, at))))
            }
            _ => None,
        }
    }

    /// `count` different fields with their values, each choice with the same probability; all when there are no more.
    /// O(count), packed and for most of the hash O(n).
    pub fn random_distinct(&self, rng: &mut Rng, count: usize, f: &mut dyn FnMut(Item<'_>, Item<'_>)) {
        if count >= self.len() {
            return self.for_each(f);
        }
        match &self.0 {
            Container::HashTable(table) if count * 3 > table.len() => {
                let mut all: Vec<&Field> = table.iter().collect();
                for at in 0..count {
                    all.swap(at, rng.usize(at..table.len()));
                    all[at].give(f);
                }
            }
            Container::HashTable(table) => {
                let mut given = HashSet::with_capacity(count);
                while given.len() < count
                    && let Some(entry) = table.random(rng)
                {
                    if given.insert(entry.address()) {
                        entry.give(f);
                    }
                }
            }
            _ => {
                let (mut wanted, mut left) = (count, self.len());
                self.for_each(|field, value| {
                    if rng.usize(..left) < wanted {
                        f(field, value);
                        wanted -= 1;
                    }
                    left -= 1;
                });
            }
        }
    }

    /// Moves a packed hash to a table.
    #[cold]
    fn unpack(&mut self) {
        let mut table = Table::new();
        let (mut field_digits, mut value_digits) = ([0; 24], [0; 24]);
        let mut add = |field: Item<'_>, value: Item<'_>, deadline| {
            let (field, value) = (field.as_str_buf(&mut field_digits), value.as_str_buf(&mut value_digits));
            table.insert(hash(field), Field::timed(field, value, deadline));
        };
        match &self.0 {
            Container::HashPacked(pack) => pairs(pack).for_each(|(field, value)| add(field, value, None)),
            Container::HashTimed(pack) => timed_pack::triples(pack).for_each(|(f, v, at)| add(f, v, at)),
            _ => return,
        }
        self.0 = Container::HashTable(Box::new(table));
    }
}

/// Where the value is of the field at `at`.
#[inline]
fn value_pos(pack: &Listpack, at: Pos) -> Pos {
    // Whoever makes a packed hash, here or from outside, makes it of pairs.
    pack.next(at).expect("a field is followed by its value")
}

#[inline]
fn pairs(pack: &Listpack) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
    let mut items = pack.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

fn set_timed(pack: &mut Listpack, field: &[u8], value: &[u8], keep_deadline: bool) -> bool {
    let Some(at) = timed_pack::find(pack, field) else {
        timed_pack::insert(pack, field, value, None);
        return true;
    };
    if keep_deadline || timed_pack::deadline_at(pack, at).is_none() {
        let at = value_pos(pack, at);
        pack.replace(at, value);
    } else {
        pack.remove_at(at, timed_pack::WIDTH);
        timed_pack::insert(pack, field, value, None);
    }
    false
}

fn set_packed(pack: &mut Listpack, field: &[u8], value: &[u8]) -> bool {
    match pack.find(field, 1) {
        Some(at) => {
            let at = value_pos(pack, at);
            pack.replace(at, value);
            false
        }
        None => {
            pack.push_back(field);
            pack.push_back(value);
            true
        }
    }
}

#[cfg(test)]
mod tests;
