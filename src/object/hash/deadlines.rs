//! The deadlines of single fields.
//!
//! A field is gone at a `moment` when its deadline lies before it: it lives through the millisecond of its deadline, as
//! a key does. Moment 0 hides nothing. Promise: telling when the first field is due is O(1), and what is hidden costs
//! only a hash that has deadlines. Left out: when fields that are due are removed, and who is told.

use super::{Container, Hash, Item, Limits, Rng, hash, timed_pack};
use crate::structs::table::{Entry, Table};

/// What a hash says of a field.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// It is not there.
    Missing,
    /// It is gone, but nobody has removed it yet.
    Expired,
    /// Its value.
    Live(Item<'a>),
}

impl<'a> Lookup<'a> {
    /// The value of a field that is there.
    pub fn live(self) -> Option<Item<'a>> {
        match self {
            Lookup::Live(item) => Some(item),
            Lookup::Missing | Lookup::Expired => None,
        }
    }
}

/// Draws of a random field before those that are left are counted off instead.
const MAX_DRAWS: usize = 64;

impl Hash {
    /// Whether some field has a deadline. O(1).
    #[inline]
    pub fn has_deadlines(&self) -> bool {
        match &self.0 {
            Container::HashTable(table) => table.len_with_deadline() > 0,
            Container::HashTimed(pack) => timed_pack::first_deadline(pack).is_some(),
            _ => false,
        }
    }

    /// No field is due before; none when no field ever is. O(1).
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        match &self.0 {
            // The bound of a table outlives its deadlines.
            Container::HashTable(table) if table.len_with_deadline() > 0 => table.next_deadline(),
            Container::HashTimed(pack) => timed_pack::first_deadline(pack),
            _ => None,
        }
    }

    /// Whether there may be fields that are gone at a moment. O(1).
    #[inline]
    pub fn may_be_due(&self, moment: u64) -> bool {
        self.next_due().is_some_and(|at| at < moment)
    }

    /// A field's deadline: none when it is missing, `Some(None)` when it has none. O(1), packed O(n).
    pub fn deadline(&self, field: &[u8]) -> Option<Option<u64>> {
        match &self.0 {
            Container::HashTable(table) => table.get(hash(field), field).map(Entry::deadline),
            Container::HashTimed(pack) => timed_pack::find(pack, field).map(|at| timed_pack::deadline_at(pack, at)),
            _ => self.contains(field).then_some(None),
        }
    }

    /// Gives a field another deadline, or none; whether the field is there. A deadline is at least 1. O(1), packed O(n).
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        if let Container::HashPacked(pack) = &self.0 {
            if pack.find(field, 1).is_none() {
                return false;
            }
            if deadline.is_none() {
                return true;
            }
            self.0 = Container::HashTimed(timed_pack::from_pairs(pack));
        }
        match &mut self.0 {
            Container::HashTable(table) => {
                let found = table.set_deadline(hash(field), field, deadline);
                table.let_walk();
                found
            }
            Container::HashTimed(pack) => match timed_pack::find(pack, field) {
                Some(at) => {
                    timed_pack::move_to(pack, at, deadline);
                    true
                }
                None => false,
            },
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// What the hash says of a field at a moment. O(1), packed O(n).
    #[inline]
    pub fn look(&self, field: &[u8], moment: u64) -> Lookup<'_> {
        match self.get(field) {
            None => Lookup::Missing,
            Some(_) if self.may_be_due(moment) && self.deadline(field).flatten().is_some_and(|at| at < moment) => {
                Lookup::Expired
            }
            Some(item) => Lookup::Live(item),
        }
    }

    /// Number of fields that are gone at a moment. O(their number), and a leaf more.
    pub fn due_len(&self, moment: u64) -> usize {
        if !self.may_be_due(moment) {
            return 0;
        }
        match &self.0 {
            Container::HashTable(table) => {
                let mut due = 0;
                table.for_each_due(moment - 1, usize::MAX, |_| due += 1);
                due
            }
            Container::HashTimed(pack) => timed_pack::due_len(pack, moment),
            _ => 0,
        }
    }

    /// All fields with their values and deadlines, in any order. O(n).
    pub fn for_each_timed(&self, mut f: impl FnMut(Item<'_>, Item<'_>, Option<u64>)) {
        match &self.0 {
            Container::HashTable(table) => table.for_each(|entry| {
                f(Item::Bytes(entry.key()), Item::Bytes(entry.value()), entry.deadline());
            }),
            Container::HashTimed(pack) => timed_pack::triples(pack).for_each(|(field, value, at)| f(field, value, at)),
            _ => self.for_each(|field, value| f(field, value, None)),
        }
    }

    /// The fields that are there at a moment, with their values, in any order. O(n).
    #[inline]
    pub fn for_each_live(&self, moment: u64, mut f: impl FnMut(Item<'_>, Item<'_>)) {
        if !self.may_be_due(moment) {
            return self.for_each(f);
        }
        self.for_each_timed(|field, value, deadline| {
            if deadline.is_none_or(|at| at >= moment) {
                f(field, value);
            }
        });
    }

    /// As `scan`, without the fields that are gone at a moment.
    pub fn scan_live(&self, cursor: u64, count: usize, moment: u64, f: &mut dyn FnMut(Item<'_>, Item<'_>)) -> u64 {
        match &self.0 {
            Container::HashTable(table) if self.may_be_due(moment) => table.scan(cursor, count, &mut |entry| {
                if entry.deadline().is_none_or(|at| at >= moment) {
                    entry.give(f);
                }
            }),
            Container::HashTimed(_) => {
                self.for_each_live(moment, f);
                0
            }
            _ => self.scan(cursor, count, f),
        }
    }

    /// As `random`, among the fields that are there at a moment. O(1) expected while most are, else O(n).
    pub fn random_live(&self, rng: &mut Rng, moment: u64) -> Option<(Item<'_>, Item<'_>)> {
        if !self.may_be_due(moment) {
            return self.random(rng);
        }
        for _ in 0..MAX_DRAWS {
            let (field, value) = self.random(rng)?;
            let is_live = |field: &[u8]| self.deadline(field).flatten().is_none_or(|at| at >= moment);
            if is_live(field.as_str_buf(&mut [0; 24])) {
                return Some((field, value));
            }
        }
        let live = self.all_live(moment);
        (!live.is_empty()).then(|| live[rng.usize(..live.len())])
    }

    /// As `random_distinct`, among the fields that are there at a moment. O(n) when some are not.
    pub fn random_distinct_live(
        &self,
        rng: &mut Rng,
        count: usize,
        moment: u64,
        f: &mut dyn FnMut(Item<'_>, Item<'_>),
    ) {
        if !self.may_be_due(moment) {
            return self.random_distinct(rng, count, f);
        }
        let mut live = self.all_live(moment);
        for at in 0..count.min(live.len()) {
            let other = rng.usize(at..live.len());
            live.swap(at, other);
            f(live[at].0, live[at].1);
        }
    }

    fn all_live(&self, moment: u64) -> Vec<(Item<'_>, Item<'_>)> {
        let is_live = |deadline: Option<u64>| deadline.is_none_or(|at| at >= moment);
        match &self.0 {
            Container::HashTable(table) => table
                .iter()
                .filter(|entry| is_live(entry.deadline()))
                .map(|entry| (Item::Bytes(entry.key()), Item::Bytes(entry.value())))
                .collect(),
            Container::HashTimed(pack) => {
                timed_pack::triples(pack).filter(|triple| is_live(triple.2)).map(|(f, v, _)| (f, v)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Removes up to `limit` of the fields that are gone at a moment, earliest first where the hash is packed, and tells
    /// their names. O(limit), packed O(n).
    pub fn remove_due(&mut self, moment: u64, limit: usize, mut f: impl FnMut(&[u8])) {
        if !self.may_be_due(moment) {
            return;
        }
        match &mut self.0 {
            Container::HashTable(table) => {
                let mut due = Vec::new();
                table.remove_due(moment - 1, limit, &mut due, &mut Vec::new());
                table.let_walk();
                due.iter().for_each(|entry| f(entry.key()));
            }
            Container::HashTimed(pack) => {
                let due = timed_pack::due_len(pack, moment).min(limit);
                timed_pack::triples(pack).take(due).for_each(|(field, ..)| f(field.as_str_buf(&mut [0; 24])));
                pack.remove_range(0, due * timed_pack::WIDTH);
            }
            _ => {}
        }
    }

    /// A hash of a table, as it is.
    pub(crate) fn from_table(table: Table<super::Field>) -> Hash {
        Hash(Container::HashTable(Box::new(table)))
    }

    /// A hash of triples that are sound, as they are; without deadlines, of their pairs.
    pub(crate) fn from_triples(pack: crate::structs::listpack::Listpack) -> Hash {
        Hash(match timed_pack::first_deadline(&pack) {
            Some(_) => Container::HashTimed(pack),
            None => Container::HashPacked(timed_pack::to_pairs(&pack)),
        })
    }

    /// Moves a packed hash to a table when it is beyond the limits by its number of fields.
    pub(crate) fn bounded(mut self, limits: &Limits) -> Hash {
        if self.len() > limits.hash_max_listpack_entries {
            self.unpack();
        }
        self
    }
}
