//! Sorted sets: members with scores, in order of score and then of the member's bytes. Packed while they are few and
//! short, beyond that a table by member and a tree by score that share their entries.
//!
//! Promises: a sorted set is packed exactly as long as Redis keeps it so (`zset-max-listpack-entries` and `-value`) and
//! never packed again by removals; no score is NaN; a clone is O(1) and never changes; what changes the table lets the walk go
//! on that a snapshot may be written from, before it returns. Ranges are in
//! `sorted_set/range.rs`, the packed form in `sorted_set/packed.rs`.

mod packed;
mod range;
#[cfg(test)]
mod tests;

pub use range::{LexBound, LexRange, RawScore, ScoreBound, ScoreRange};

use super::{Container, Kind, Limits, Typed};
use crate::structs::listpack::{Item, Listpack, MAX_BYTES};
use crate::structs::score_tree::{Member, ScoreTree};
use crate::structs::table::{Entry, Table, hash};
use crate::structs::thin::ThinBytes;
use fastrand::Rng;
use ref_cast::RefCast;
use std::collections::HashSet;

/// A SortedSet value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct SortedSet(Container);

impl Typed for SortedSet {
    const KIND: Kind = Kind::SortedSet;

    fn of(container: &Container) -> Option<&SortedSet> {
        (container.kind() == Kind::SortedSet).then(|| SortedSet::ref_cast(container))
    }

    fn of_mut(container: &mut Container) -> Option<&mut SortedSet> {
        (container.kind() == Kind::SortedSet).then(|| SortedSet::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl Default for SortedSet {
    fn default() -> SortedSet {
        SortedSet::new()
    }
}

/// Which additions are wanted, as the options of ZADD say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddOptions {
    /// Only members that are not there.
    pub only_new: bool,
    /// Only members that are there.
    pub only_present: bool,
    /// Scores of present members only rise.
    pub only_greater: bool,
    /// Scores of present members only fall.
    pub only_less: bool,
    /// The score is added to the one before.
    pub increment: bool,
}

/// What an addition did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Added {
    /// Nothing, for the options.
    Refused,
    /// The member had this score already.
    Same(f64),
    /// The member has this score now, and had another.
    Updated(f64),
    /// The member is new, with this score.
    New(f64),
}

/// An increment's result is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

impl SortedSet {
    /// An empty sorted set, packed.
    pub fn new() -> SortedSet {
        SortedSet(Container::ZsetPacked(Listpack::new()))
    }

    /// An empty packed sorted set with room for about this many bytes of members and scores, so that filling it at once
    /// does not pass through every size there is.
    pub fn with_room(bytes: usize) -> SortedSet {
        SortedSet(Container::ZsetPacked(Listpack::with_capacity(bytes)))
    }

    /// A sorted set of a listpack from outside, converted if it is beyond the limits. O(n). Errors: a member without a
    /// score, a score that is no number, wrong order. That no member comes twice is not checked.
    pub fn from_packed(pack: Listpack, limits: &Limits) -> Result<SortedSet, &'static str> {
        if pack.len() % 2 == 1 {
            return Err("sorted set with a member that has no score");
        }
        if !packed::pairs(&pack).all(|(_, stored)| packed::is_number(stored)) {
            return Err("sorted set with a score that is no number");
        }
        if !packed::pairs(&pack).is_sorted_by_key(|(_, stored)| packed::number(stored)) {
            return Err("sorted set out of order");
        }
        let fits = pack.len() / 2 <= limits.zset_max_listpack_entries
            && packed::pairs(&pack).all(|(member, _)| member.len() <= limits.zset_max_listpack_value);
        let mut set = SortedSet(Container::ZsetPacked(pack));
        if !fits {
            set.unpack();
        }
        Ok(set)
    }

    /// A sorted set of different members in any order, in the encoding their number and lengths ask for. O(n log n).
    pub fn from_entries(mut entries: Vec<Scored>, limits: &Limits) -> SortedSet {
        if !entries.is_sorted_by(|a, b| a.order(b).is_lt()) {
            entries.sort_unstable_by(Scored::order);
        }
        let bytes: usize = entries.iter().map(|entry| entry.key().len()).sum();
        let longest = entries.iter().map(|entry| entry.key().len()).max().unwrap_or(0);
        let is_small = entries.len() <= limits.zset_max_listpack_entries && longest <= limits.zset_max_listpack_value;
        if is_small && bytes < MAX_BYTES / 2 {
            let mut pack = Listpack::with_capacity(bytes + 4 * entries.len());
            for entry in &entries {
                packed::push(&mut pack, entry.key(), entry.score());
            }
            return SortedSet(Container::ZsetPacked(pack));
        }
        SortedSet(Container::ZsetTree(Box::new(Scores::from_sorted(entries))))
    }

    /// The packed form, if the set is in it.
    pub fn packed(&self) -> Option<&Listpack> {
        match &self.0 {
            Container::ZsetPacked(pack) => Some(pack),
            _ => None,
        }
    }

    /// Whether there is no member. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of members. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::ZsetPacked(pack) => pack.len() / 2,
            Container::ZsetTree(scores) => scores.len(),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// A member's score. O(1), packed O(n).
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Container::ZsetPacked(pack) => packed::find(pack, member).map(|(_, score)| score),
            Container::ZsetTree(scores) => scores.table.get(hash(member), member).map(Scored::score),
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// The number of members before this one, and its score. O(log n), packed O(n).
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match &self.0 {
            Container::ZsetPacked(pack) => {
                let (at, score) = packed::find(pack, member)?;
                let mut items = pack.iter();
                let mut rank = 0;
                while items.pos() < Some(at) {
                    items.nth(1);
                    rank += 1;
                }
                Some((rank, score))
            }
            Container::ZsetTree(scores) => {
                let score = scores.table.get(hash(member), member)?.score();
                scores.tree.rank(score, member).map(|rank| (rank, score))
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Adds a member or changes its score. The score is not NaN, the member shorter than 4 GiB. O(log n), packed O(n).
    /// Errors: the incremented score is no number; nothing has changed then.
    #[inline]
    pub fn add(&mut self, member: &[u8], score: f64, how: AddOptions, limits: &Limits) -> Result<Added, NotANumber> {
        if let Container::ZsetPacked(pack) = &mut self.0 {
            let found = packed::find(pack, member);
            let added = how.decide(found.map(|(_, score)| score), score)?;
            match (added, found) {
                (Added::Updated(score), Some((at, _))) => {
                    pack.remove_at(at, 2);
                    packed::insert(pack, member, score);
                }
                (Added::New(score), _) => {
                    let fits = pack.len() / 2 < limits.zset_max_listpack_entries
                        && member.len() <= limits.zset_max_listpack_value
                        && pack.would_fit(member.len() + 64);
                    if fits {
                        packed::insert(pack, member, score);
                    } else {
                        self.unpack().insert(hash(member), Scored::new(member, score));
                    }
                }
                _ => {}
            }
            return Ok(added);
        }
        let Container::ZsetTree(scores) = &mut self.0 else { unreachable!("it is not packed") };
        let hash = hash(member);
        let found = scores.table.get(hash, member).map(Scored::score);
        let added = how.decide(found, score)?;
        match (added, found) {
            (Added::Updated(score), Some(old)) => scores.rescore(hash, old, Scored::new(member, score)),
            (Added::New(score), _) => scores.insert(hash, Scored::new(member, score)),
            _ => {}
        }
        Ok(added)
    }

    /// Removes a member; whether it was there. O(log n), packed O(n).
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Container::ZsetPacked(pack) => match pack.find(member, 1) {
                Some(at) => {
                    pack.remove_at(at, 2);
                    true
                }
                None => false,
            },
            Container::ZsetTree(scores) => match scores.table.remove(hash(member), member) {
                Some(entry) => {
                    scores.table.let_walk();
                    scores.tree.remove(entry.score(), member);
                    true
                }
                None => false,
            },
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// All members with their scores, in order, until `f` says no. O(n).
    pub fn all_while(&self, f: &mut dyn FnMut(&[u8], f64) -> bool) {
        match &self.0 {
            Container::ZsetPacked(pack) => {
                let mut digits = [0; 24];
                let mut pairs = packed::pairs(pack);
                let _ = pairs.all(|(member, stored)| f(member.as_str_buf(&mut digits), packed::number(stored)));
            }
            Container::ZsetTree(scores) => {
                let _ = scores.tree.iter().all(|(score, member)| f(member.key(), score));
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }

    /// Some members from a cursor on, with their scores, and the next cursor, 0 at the end; a packed set comes whole.
    /// See `Table::scan`.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(Item<'_>, RawScore<'_>)) -> u64 {
        match &self.0 {
            Container::ZsetTree(scores) => scores
                .table
                .scan(cursor, count, &mut |entry| f(Item::Bytes(entry.key()), RawScore::Number(entry.score()))),
            _ => {
                self.for_range(0..usize::MAX, false, f);
                0
            }
        }
    }

    /// A member with its score, each with the same probability. O(log n), packed O(n).
    pub fn random(&self, rng: &mut Rng, f: &mut dyn FnMut(Item<'_>, RawScore<'_>)) {
        let len = self.len();
        if len > 0 {
            let rank = rng.usize(..len);
            self.for_range(rank..rank + 1, false, f);
        }
    }

    /// `count` different members with their scores, each choice with the same probability; all when there are no more.
    /// O(count log n), for most of the set O(n).
    pub fn random_distinct(&self, rng: &mut Rng, count: usize, f: &mut dyn FnMut(Item<'_>, RawScore<'_>)) {
        let len = self.len();
        if count < len / 3 && self.packed().is_none() {
            let mut given = HashSet::with_capacity(count);
            while given.len() < count {
                let rank = rng.usize(..len);
                if given.insert(rank) {
                    self.for_range(rank..rank + 1, false, &mut *f);
                }
            }
            return;
        }
        let (mut wanted, mut left) = (count.min(len), len);
        self.for_range(0..len, false, |member, score| {
            if rng.usize(..left) < wanted {
                f(member, score);
                wanted -= 1;
            }
            left -= 1;
        });
    }

    /// Moves a packed set to a table and a tree, which it answers.
    #[cold]
    pub fn unpack(&mut self) -> &mut Scores {
        if let Container::ZsetPacked(_) = &self.0 {
            let mut entries = self.entries(0..usize::MAX);
            // What came from outside may hold equal scores in another order.
            if !entries.is_sorted_by(|a, b| a.order(b).is_lt()) {
                entries.sort_unstable_by(Scored::order);
                entries.dedup_by(|a, b| a.key() == b.key());
            }
            self.0 = Container::ZsetTree(Box::new(Scores::from_sorted(entries)));
        }
        match &mut self.0 {
            Container::ZsetTree(scores) => scores,
            _ => unreachable!("it is not packed"),
        }
    }

    /// Walks the whole and panics if table, tree or order do not agree. For tests and debug builds.
    pub fn check(&self) {
        match &self.0 {
            Container::ZsetPacked(pack) => {
                pack.check();
                assert!(self.entries(0..usize::MAX).is_sorted_by(|a, b| a.order(b).is_lt()), "members are in order");
            }
            Container::ZsetTree(scores) => {
                scores.table.check();
                scores.tree.check();
                assert_eq!(scores.table.len(), scores.tree.len());
                for (score, member) in scores.tree.iter() {
                    let entry = scores.table.get(hash(member.key()), member.key()).expect("a member is in the table");
                    assert!(entry.address() == member.address() && entry.score().to_bits() == score.to_bits());
                }
            }
            _ => unreachable!("the type was checked when the reference was made"),
        }
    }
}

impl AddOptions {
    /// What adding `score` does to a member whose score is `found`.
    #[inline]
    fn decide(self, found: Option<f64>, score: f64) -> Result<Added, NotANumber> {
        let Some(old) = found else {
            return Ok(if self.only_present { Added::Refused } else { Added::New(score) });
        };
        if self.only_new {
            return Ok(Added::Refused);
        }
        let score = if self.increment { old + score } else { score };
        if score.is_nan() {
            return Err(NotANumber);
        }
        let refused = self.only_less && score >= old || self.only_greater && score <= old;
        Ok(match refused {
            true => Added::Refused,
            false if score == old => Added::Same(score),
            false => Added::Updated(score),
        })
    }
}

/// A member of a large sorted set with its score; the table and the tree share it.
#[derive(Clone)]
pub struct Scored(pub(crate) ThinBytes<f64>);

impl Scored {
    /// A member with its score, which is not NaN. O(length).
    #[inline]
    pub fn new(member: &[u8], score: f64) -> Scored {
        debug_assert!(!score.is_nan(), "a score is a number");
        Scored(ThinBytes::new(score, &[member]))
    }

    /// The score.
    #[inline]
    pub fn score(&self) -> f64 {
        self.0.head()
    }

    /// Changes the score; an entry that is shared is copied. Not for entries that are in a tree.
    pub fn set_score(&mut self, score: f64) {
        debug_assert!(!score.is_nan(), "a score is a number");
        self.0.set_head(score);
    }

    /// By score, then by member.
    pub fn order(&self, other: &Scored) -> std::cmp::Ordering {
        let by_score = self.score().partial_cmp(&other.score()).expect("scores are never NaN");
        by_score.then_with(|| self.key().cmp(other.key()))
    }

    /// Bytes on the heap.
    pub fn alloc_bytes(&self) -> usize {
        self.0.alloc_bytes()
    }
}

impl Entry for Scored {
    #[inline]
    fn key(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    fn address(&self) -> *const u8 {
        self.0.address()
    }
}

impl Member for Scored {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// A large sorted set: members by name, and in order of score. Both hold the same entries.
#[derive(Clone, Default)]
pub struct Scores {
    pub(crate) table: Table<Scored>,
    pub(crate) tree: ScoreTree<Scored>,
}

impl Scores {
    /// Of entries that come in order and without duplicates. O(n).
    fn from_sorted(entries: Vec<Scored>) -> Scores {
        let mut table = Table::new();
        for entry in &entries {
            table.insert(hash(entry.key()), entry.clone());
        }
        let tree = ScoreTree::from_sorted(entries.into_iter().map(|entry| (entry.score(), entry)));
        Scores { table, tree }
    }

    /// Adds a member that is not there.
    fn insert(&mut self, hash: u64, entry: Scored) {
        self.table.insert(hash, entry.clone());
        self.table.let_walk();
        self.tree.insert(entry.score(), entry);
    }

    /// Puts an entry with a new score in the place of the one of the same member, whose score was `old`. The entry
    /// itself is never written, since a clone may hold it.
    fn rescore(&mut self, hash: u64, old: f64, fresh: Scored) {
        self.tree.remove(old, fresh.key());
        self.tree.insert(fresh.score(), fresh.clone());
        self.table.insert(hash, fresh);
        self.table.let_walk();
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Bytes on the heap; `samples` as for [`Container::alloc_bytes`].
    pub fn alloc_bytes(&self, samples: usize) -> usize {
        let members = self.table.iter().map(Scored::alloc_bytes);
        size_of::<Scores>()
            + self.table.alloc_bytes()
            + self.tree.alloc_bytes()
            + super::sampled(self.len(), samples, members)
    }
}
