//! Hashes: fields with values, packed as field, value, field, value while they are few and short, a table of
//! [`Field`]s beyond that.
//!
//! Promises: a hash is packed exactly as long as Redis keeps it so (`hash-max-listpack-entries` and `-value`) and
//! never packed again afterwards; a packed hash is in the order its fields came, and its bytes are those of RDB files.
//! A value of the length of the one before is written in place. Left out: deadlines of fields.

use super::{Container, Kind, Limits, Typed};
use crate::structs::listpack::{Item, Listpack, Pos};
use crate::structs::table::{Entry, Table, hash};
use crate::structs::thin::ThinBytes;
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

    /// A hash of a listpack from outside, converted if it is beyond the limits. O(n). Errors: a field without a value.
    /// That no field comes twice is not checked.
    pub fn from_packed(pack: Listpack, limits: &Limits) -> Result<Hash, &'static str> {
        if pack.len() % 2 == 1 {
            return Err("hash with a field that has no value");
        }
        let fits = pack.len() / 2 <= limits.hash_max_listpack_entries
            && pack.iter().all(|item| item.len() <= limits.hash_max_listpack_value);
        let mut hash = Hash(Container::HashPacked(pack));
        if !fits {
            hash.unpack();
        }
        Ok(hash)
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
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Whether the field is there. O(1), packed O(n).
    pub fn contains(&self, field: &[u8]) -> bool {
        self.get(field).is_some()
    }

    /// Gives a field a value; whether the field is new. Together they are shorter than 4 GiB. O(1), packed O(n).
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let Container::HashPacked(pack) = &mut self.0 {
            let longest = limits.hash_max_listpack_value;
            if field.len() <= longest && value.len() <= longest && pack.would_fit(field.len() + value.len()) {
                let made = set_packed(pack, field, value);
                if pack.len() / 2 > limits.hash_max_listpack_entries {
                    self.unpack();
                }
                return made;
            }
            self.unpack();
        }
        let Container::HashTable(table) = &mut self.0 else { unreachable!("it is not packed") };
        let (entry, made) = table.find_or_insert_with(hash(field), field, || Field::new(field, value));
        if !made {
            entry.set_value(value);
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
            Container::HashTable(table) => table.remove(hash(field), field).is_some(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// All fields with their values, in any order. O(n).
    #[inline]
    pub fn for_each(&self, mut f: impl FnMut(Item<'_>, Item<'_>)) {
        match &self.0 {
            Container::HashPacked(pack) => pairs(pack).for_each(|(field, value)| f(field, value)),
            Container::HashTable(table) => table.for_each(|entry| entry.give(&mut f)),
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
            Container::HashPacked(pack) => {
                let (mut wanted, mut left) = (count, pack.len() / 2);
                for (field, value) in pairs(pack) {
                    if rng.usize(..left) < wanted {
                        f(field, value);
                        wanted -= 1;
                    }
                    left -= 1;
                }
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Moves a packed hash to a table.
    #[cold]
    fn unpack(&mut self) {
        let Container::HashPacked(pack) = &self.0 else { return };
        let mut table = Table::new();
        let (mut field_digits, mut value_digits) = ([0; 24], [0; 24]);
        for (field, value) in pairs(pack) {
            let (field, value) = (field.as_str_buf(&mut field_digits), value.as_str_buf(&mut value_digits));
            table.insert(hash(field), Field::new(field, value));
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

/// A field of a large hash with its value: one allocation, the field's length in its head.
#[derive(Clone)]
pub struct Field(ThinBytes<FieldHead>);

/// What stands before a field's bytes.
#[derive(Clone, Copy)]
pub struct FieldHead {
    field_len: u32,
}

impl Field {
    /// A field with its value.
    pub fn new(field: &[u8], value: &[u8]) -> Field {
        Field(ThinBytes::new(FieldHead { field_len: field.len() as u32 }, &[field, value]))
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.0.bytes()[self.0.head().field_len as usize..]
    }

    /// Changes the value: in place when it is as long as before and nobody shares the field.
    #[inline]
    fn set_value(&mut self, value: &[u8]) {
        let at = self.0.head().field_len as usize;
        if self.0.is_unique() && self.0.bytes().len() == at + value.len() {
            self.0.bytes_mut()[at..].copy_from_slice(value);
        } else {
            *self = Field::new(self.key(), value);
        }
    }

    #[inline]
    fn give(&self, f: &mut (impl FnMut(Item<'_>, Item<'_>) + ?Sized)) {
        f(Item::Bytes(self.key()), Item::Bytes(self.value()));
    }

    /// Bytes on the heap.
    pub fn alloc_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

impl Entry for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.0.bytes()[..self.0.head().field_len as usize]
    }

    #[inline]
    fn address(&self) -> *const u8 {
        self.0.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn limits(entries: usize, value: usize) -> Limits {
        Limits { hash_max_listpack_entries: entries, hash_max_listpack_value: value, ..Limits::default() }
    }

    fn contents(hash: &Hash) -> HashMap<Vec<u8>, Vec<u8>> {
        let mut all = HashMap::new();
        hash.for_each(|field, value| assert!(all.insert(field.to_vec(), value.to_vec()).is_none()));
        all
    }

    #[test]
    fn a_hash_is_packed_up_to_its_limits() {
        let limits = limits(2, 4);
        let mut hash = Hash::new();
        assert!(hash.set(b"a", b"1234", &limits) && hash.set(b"b", b"1", &limits));
        assert!(!hash.set(b"b", b"2", &limits) && hash.packed().is_some());
        let mut more = hash.clone();
        assert!(more.set(b"c", b"3", &limits) && more.packed().is_none());
        let mut longer = hash.clone();
        assert!(!longer.set(b"a", b"12345", &limits) && longer.packed().is_none());
        assert!(more.remove(b"c") && more.packed().is_none(), "it stays a table");
        assert_eq!(contents(&more), contents(&hash));
        let mut field = Hash::new();
        field.set(b"12345", b"", &limits);
        assert!(field.packed().is_none());
    }

    #[test]
    fn a_listpack_from_outside_is_converted_beyond_the_limits() {
        let pack: Listpack = ["a", "1", "b", "2"].into_iter().collect();
        assert!(Hash::from_packed(pack.clone(), &limits(2, 4)).is_ok_and(|hash| hash.packed().is_some()));
        assert!(Hash::from_packed(pack.clone(), &limits(1, 4)).is_ok_and(|hash| hash.packed().is_none()));
        let odd: Listpack = ["a", "1", "b"].into_iter().collect();
        assert!(Hash::from_packed(odd, &limits(2, 4)).is_err());
    }

    #[test]
    fn random_edits_agree_with_a_model_and_leave_clones_as_they_were() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut rng = Rng::with_seed(seed);
        for round in 0..20 {
            let limits = limits(rng.usize(..60), 12);
            let (mut hash, mut model) = (Hash::new(), HashMap::<Vec<u8>, Vec<u8>>::new());
            let mut clones = Vec::new();
            for _ in 0..600 {
                let field = rng.u32(..if round % 2 == 0 { 40 } else { 400 }).to_string().into_bytes();
                match rng.u32(..10) {
                    0..6 => {
                        let value = vec![b'v'; rng.usize(..10)];
                        assert_eq!(hash.set(&field, &value, &limits), model.insert(field, value).is_none());
                    }
                    6..9 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                    _ => clones.push((hash.clone(), model.clone())),
                }
                assert_eq!(hash.len(), model.len());
            }
            assert_eq!(contents(&hash), model);
            for (field, value) in &model {
                assert!(hash.get(field).is_some_and(|found| found == value[..]));
            }
            for (clone, model) in clones {
                assert_eq!(contents(&clone), model);
            }
        }
    }

    #[test]
    fn distinct_random_fields_are_distinct_and_exactly_as_many() {
        let mut rng = Rng::with_seed(7);
        for size in [1, 10, 500] {
            let mut hash = Hash::new();
            for at in 0..size {
                hash.set(at.to_string().as_bytes(), b"v", &limits(100, 64));
            }
            for count in [0, 1, 4, size / 2, size - 1, size, size + 5, usize::MAX] {
                let mut seen = HashSet::new();
                hash.random_distinct(&mut rng, count, &mut |field, _| assert!(seen.insert(field.to_vec())));
                assert_eq!(seen.len(), count.min(size));
            }
        }
    }

    #[test]
    fn a_scan_gives_every_field_once() {
        let mut hash = Hash::new();
        for at in 0..1000 {
            hash.set(at.to_string().as_bytes(), b"v", &Limits::default());
        }
        let (mut seen, mut cursor) = (HashSet::new(), 0);
        loop {
            cursor = hash.scan(cursor, 10, &mut |field, _| assert!(seen.insert(field.to_vec())));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 1000);
    }
}
