//! Sets: integers in an [`IntSet`], then a packed block, then a table.
//!
//! Promises: a set is an intset exactly as long as Redis 7.0 keeps it one: while all members are integers and there are
//! no more than `set-max-intset-entries`. The packed block is our own form of what clients know as `hashtable`: up to
//! `set-max-listpack-entries` members, none longer than `set-max-listpack-value`. Nothing converts back on removal.
//!
//! A member is shown as an [`Item`]: an integer where it is held as one, its bytes otherwise.
//!
//! Left out: operations on several sets; they are in the family, and see sets through `for_each` and `holds`.

use super::{Container, Kind, Limits, Typed};
use crate::base::num::i64_len;
use crate::structs::intset::{self, IntSet};
use crate::structs::listpack::{self, Item, Listpack, parse_int};
use crate::structs::table::{self, Entry, Table, hash};
use crate::structs::thin::ThinBytes;
use ref_cast::RefCast;
use smallvec::SmallVec;
use std::collections::HashSet;

/// An intset never has more values, whatever is configured: its format counts in 32 bits.
const INTS_MAX: usize = 1 << 30;

/// When more than one in so many members is asked for at random, all are walked instead of drawn one by one.
const WALK_RATIO: usize = 3;

/// Lookups in a large set that are under way together.
const PROBE_GROUP: usize = 16;

/// A set value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct Set(Container);

impl Typed for Set {
    const KIND: Kind = Kind::Set;

    #[inline]
    fn of(container: &Container) -> Option<&Set> {
        (container.kind() == Kind::Set).then(|| Set::ref_cast(container))
    }

    #[inline]
    fn of_mut(container: &mut Container) -> Option<&mut Set> {
        (container.kind() == Kind::Set).then(|| Set::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// A member of a large set.
#[derive(Clone)]
pub struct Member(pub ThinBytes<()>);

impl Member {
    /// A copy of these bytes.
    pub fn new(bytes: &[u8]) -> Member {
        Member(ThinBytes::new((), &[bytes]))
    }
}

impl Entry for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    fn address(&self) -> *const u8 {
        self.0.address()
    }
}

impl Default for Set {
    fn default() -> Set {
        Set::new()
    }
}

impl Set {
    /// An empty set. It must not stay empty under a key.
    pub fn new() -> Set {
        Set(Container::SetInts(IntSet::new()))
    }

    /// An empty set that is about to be given this member first: no intset, if it is no integer.
    pub fn for_member(member: &[u8], limits: &Limits) -> Set {
        if parse_int(member).is_some() {
            return Set::new();
        }
        let is_packed = limits.set_max_listpack_entries > 0 && member.len() <= limits.set_max_listpack_value;
        Set(if is_packed { Container::SetPacked(Listpack::new()) } else { Container::SetTable(Box::default()) })
    }

    /// Number of members. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::SetInts(ints) => ints.len(),
            Container::SetPacked(pack) => pack.len(),
            Container::SetTable(table) => table.len(),
            _ => not_a_set(),
        }
    }

    /// Whether there is no member. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether clients see it as an `intset`.
    pub fn is_intset(&self) -> bool {
        matches!(self.0, Container::SetInts(_))
    }

    /// Whether it is a set of these bytes. O(1), or O(log n) and O(n) for the small encodings.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Container::SetTable(table) => table.get(hash(member), member).is_some(),
            Container::SetInts(ints) => parse_int(member).is_some_and(|value| ints.contains(value)),
            Container::SetPacked(pack) => pack.find(member, 0).is_some(),
            _ => not_a_set(),
        }
    }

    /// Whether a member of another set is a member of this one too. Costs as [`Set::contains`].
    #[inline]
    pub fn holds(&self, member: Item<'_>) -> bool {
        match (&self.0, member) {
            (Container::SetInts(ints), Item::Int(value)) => ints.contains(value),
            _ => self.contains(member.as_str_buf(&mut [0; 24])),
        }
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    /// Adds a member; whether it is new. Costs as [`Set::contains`], and a conversion now and then.
    #[inline]
    pub fn insert(&mut self, member: &[u8], limits: &Limits) -> bool {
        match &mut self.0 {
            Container::SetTable(table) => {
                let made = table.find_or_insert_with(hash(member), member, || Member::new(member)).1;
                table.let_walk();
                made
            }
            Container::SetPacked(pack) => {
                if pack.find(member, 0).is_some() {
                    return false;
                }
                if pack.len() < limits.set_max_listpack_entries && member.len() <= limits.set_max_listpack_value {
                    pack.push_back(member);
                    return true;
                }
                self.spread();
                self.insert(member, limits)
            }
            Container::SetInts(ints) => match parse_int(member) {
                Some(value) => {
                    if !ints.insert(value) {
                        return false;
                    }
                    if ints.len() > limits.set_max_intset_entries.min(INTS_MAX) {
                        self.leave_ints(0, 0, limits);
                    }
                    true
                }
                None => {
                    self.leave_ints(1, member.len(), limits);
                    self.insert(member, limits)
                }
            },
            _ => not_a_set(),
        }
    }

    /// Adds a member of another set; whether it is new.
    pub fn insert_item(&mut self, member: Item<'_>, limits: &Limits) -> bool {
        self.insert(member.as_str_buf(&mut [0; 24]), limits)
    }

    /// Removes a member; whether it was there. Costs as [`Set::contains`], and a move of what is behind it in the
    /// small encodings.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Container::SetTable(table) => {
                let removed = table.remove(hash(member), member).is_some();
                table.let_walk();
                removed
            }
            Container::SetInts(ints) => parse_int(member).is_some_and(|value| ints.remove(value)),
            Container::SetPacked(pack) => {
                let found = pack.find(member, 0);
                if let Some(pos) = found {
                    pack.remove(pos);
                }
                found.is_some()
            }
            _ => not_a_set(),
        }
    }

    /// Removes a member of another set; whether it was there.
    pub fn remove_item(&mut self, member: Item<'_>) -> bool {
        self.remove(member.as_str_buf(&mut [0; 24]))
    }

    /// Gives up the intset for the form that clients know as `hashtable`.
    pub fn abandon_ints(&mut self, limits: &Limits) {
        self.leave_ints(0, 0, limits);
    }

    /// The same, with room for `more` members of at most so many bytes.
    #[cold]
    fn leave_ints(&mut self, more: usize, bytes: usize, limits: &Limits) {
        let Container::SetInts(ints) = &self.0 else { return };
        // The longest in decimal is at one of the ends.
        let longest = [ints.min(), ints.max()].into_iter().flatten().map(i64_len).max().unwrap_or(0).max(bytes);
        if ints.len() + more <= limits.set_max_listpack_entries && longest <= limits.set_max_listpack_value {
            let mut pack = Listpack::new();
            for value in ints {
                pack.push_back_int(value);
            }
            self.0 = Container::SetPacked(pack);
        } else {
            self.spread();
        }
    }

    /// Becomes a table.
    #[cold]
    fn spread(&mut self) {
        let mut table = Table::new();
        self.for_each(|member| {
            let mut digits = [0; 24];
            let bytes = member.as_str_buf(&mut digits);
            table.insert(hash(bytes), Member::new(bytes));
        });
        self.0 = Container::SetTable(Box::new(table));
    }

    // ---- walking -------------------------------------------------------------------------------------------------

    /// Gives all members, in any order. O(n).
    #[inline]
    pub fn for_each(&self, mut f: impl FnMut(Item<'_>)) {
        match &self.0 {
            Container::SetInts(ints) => ints.iter().for_each(|value| f(Item::Int(value))),
            Container::SetPacked(pack) => pack.iter().for_each(f),
            Container::SetTable(table) => table.for_each(|member| f(Item::Bytes(member.key()))),
            _ => not_a_set(),
        }
    }

    /// Gives all members, in any order, each with whether `other` holds it too. Between large sets the lookups go in
    /// groups, so that the waits for memory overlap. O(n).
    pub fn for_each_probed(&self, other: &Set, mut f: impl FnMut(Item<'_>, bool)) {
        let (Container::SetTable(table), Container::SetTable(probed)) = (&self.0, &other.0) else {
            return self.for_each(|member| f(member, other.holds(member)));
        };
        let mut group = SmallVec::<[(u64, Member); PROBE_GROUP]>::new();
        let mut probe = |group: &mut SmallVec<[(u64, Member); PROBE_GROUP]>| {
            group.iter().for_each(|(hash, _)| probed.prefetch_entry(*hash));
            for (hash, member) in group.drain(..) {
                f(Item::Bytes(member.key()), probed.get(hash, member.key()).is_some());
            }
        };
        table.for_each(|member| {
            let hash = hash(member.key());
            probed.prefetch_segment(hash);
            group.push((hash, member.clone()));
            if group.len() == PROBE_GROUP {
                probe(&mut group);
            }
        });
        probe(&mut group);
    }

    /// All members, in any order; [`Set::for_each`] is cheaper where all are wanted.
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Container::SetInts(ints) => Iter::Ints(ints.iter()),
            Container::SetPacked(pack) => Iter::Packed(pack.iter()),
            Container::SetTable(table) => Iter::Table(table.iter()),
            _ => not_a_set(),
        }
    }

    /// Gives members from a cursor on and returns the next cursor, 0 at the end. A small encoding is given whole; of a
    /// table, every member that is there during a whole scan is given exactly once. O(count).
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(Item<'_>)) -> u64 {
        match &self.0 {
            Container::SetTable(table) => table.scan(cursor, count, &mut |member| f(Item::Bytes(member.key()))),
            _ => {
                self.for_each(f);
                0
            }
        }
    }

    // ---- chance --------------------------------------------------------------------------------------------------

    /// Any member, all equally likely. O(1), O(n) when packed.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<Item<'_>> {
        match &self.0 {
            Container::SetInts(ints) => ints.random(rng).map(Item::Int),
            Container::SetPacked(pack) if pack.is_empty() => None,
            Container::SetPacked(pack) => pack.seek(rng.usize(..pack.len()) as isize).map(|pos| pack.get(pos)),
            Container::SetTable(table) => table.random(rng).map(|member| Item::Bytes(member.key())),
            _ => not_a_set(),
        }
    }

    /// Gives `count` different members, every choice of them equally likely, all of them if there are fewer.
    /// O(count) expected, or O(n) where that is not much more.
    pub fn sample(&self, rng: &mut fastrand::Rng, count: usize, mut f: impl FnMut(Item<'_>)) {
        let len = self.len();
        match &self.0 {
            Container::SetTable(table) if count <= len / WALK_RATIO => {
                let mut seen = HashSet::with_capacity(count);
                while seen.len() < count {
                    let Some(member) = table.random(rng) else { break };
                    if seen.insert(member.key().as_ptr()) {
                        f(Item::Bytes(member.key()));
                    }
                }
            }
            Container::SetInts(ints) if count <= len / WALK_RATIO => {
                let mut seen = HashSet::with_capacity(count);
                while seen.len() < count {
                    let at = rng.usize(..len);
                    if seen.insert(at)
                        && let Some(value) = ints.get(at)
                    {
                        f(Item::Int(value));
                    }
                }
            }
            _ => {
                // Each is taken with the chance that makes the number come out.
                let (mut ahead, mut wanted) = (len, count.min(len));
                self.for_each(|member| {
                    if wanted > 0 && rng.usize(..ahead) < wanted {
                        f(member);
                        wanted -= 1;
                    }
                    ahead -= 1;
                });
            }
        }
    }

    /// Walks the set and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self, limits: &Limits) {
        match &self.0 {
            Container::SetInts(ints) => ints.check(),
            Container::SetPacked(pack) => {
                pack.check();
                assert!(pack.len() <= limits.set_max_listpack_entries, "a packed set is small");
            }
            Container::SetTable(table) => table.check(),
            _ => not_a_set(),
        }
    }
}

#[cold]
fn not_a_set() -> ! {
    unreachable!("the type was checked when the reference was made")
}

/// The members of a set.
pub enum Iter<'a> {
    /// Of an intset.
    Ints(intset::Iter<'a>),
    /// Of a packed set.
    Packed(listpack::Iter<'a>),
    /// Of a large set.
    Table(table::Iter<'a, Member>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Iter::Ints(values) => values.next().map(Item::Int),
            Iter::Packed(items) => items.next(),
            Iter::Table(members) => members.next().map(|member| Item::Bytes(member.key())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn contents(set: &Set) -> BTreeSet<Vec<u8>> {
        set.iter().map(|member| member.to_vec()).collect()
    }

    fn form(set: &Set) -> &'static str {
        match set.0 {
            Container::SetInts(_) => "ints",
            Container::SetPacked(_) => "packed",
            _ => "table",
        }
    }

    #[test]
    fn integers_stay_an_intset_up_to_the_limit() {
        let limits = Limits { set_max_intset_entries: 200, ..Limits::default() };
        let mut set = Set::new();
        for n in 0..200 {
            assert!(set.insert(n.to_string().as_bytes(), &limits));
            assert_eq!(form(&set), "ints");
        }
        assert!(!set.insert(b"7", &limits));
        assert!(set.insert(b"200", &limits));
        assert_eq!((form(&set), set.len()), ("table", 201));
        for n in 0..200 {
            assert!(set.remove(n.to_string().as_bytes()));
        }
        assert_eq!((form(&set), contents(&set)), ("table", BTreeSet::from([b"200".to_vec()])));
    }

    #[test]
    fn a_member_that_is_no_integer_ends_the_intset() {
        let limits = Limits::default();
        let mut set = Set::new();
        for n in 0..127 {
            set.insert(n.to_string().as_bytes(), &limits);
        }
        let mut full = set.clone();
        set.insert(b"007", &limits);
        assert_eq!((form(&set), set.len()), ("packed", 128));
        set.insert(b"x", &limits);
        assert_eq!((form(&set), set.len()), ("table", 129));
        full.insert(&[b'y'; 65], &limits);
        assert_eq!((form(&full), full.len()), ("table", 128));
        assert!(full.contains(b"126") && full.holds(Item::Int(0)) && !full.contains(b"007"));
    }

    #[test]
    fn a_long_member_makes_a_table_and_a_short_one_does_not() {
        let limits = Limits::default();
        for (len, expected) in [(64, "packed"), (65, "table")] {
            let member = vec![b'm'; len];
            let mut set = Set::for_member(&member, &limits);
            set.insert(&member, &limits);
            assert_eq!(form(&set), expected);
            let mut set = Set::for_member(b"a", &limits);
            set.insert(b"a", &limits);
            set.insert(&member, &limits);
            assert_eq!((form(&set), set.len()), (expected, 2));
        }
    }

    #[test]
    fn a_set_behaves_as_a_set_and_its_clones_stay_as_they_were() {
        let seed = 11;
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..60 {
            let limits = Limits {
                set_max_intset_entries: [512, 5][round % 2],
                set_max_listpack_entries: [128, 8, 0][round % 3],
                set_max_listpack_value: [64, 2][round / 2 % 2],
                ..Limits::default()
            };
            let (mut set, mut model, mut snapshots) = (Set::new(), BTreeSet::new(), Vec::new());
            for _ in 0..400 {
                let number = rng.i64(-60..60);
                let word = match rng.u32(..20) {
                    0 => format!("m{number}").into_bytes(),
                    1 => format!("{:03}", number).into_bytes(),
                    _ => number.to_string().into_bytes(),
                };
                if rng.u32(..3) > 0 {
                    assert_eq!(set.insert(&word, &limits), model.insert(word));
                } else {
                    assert_eq!(set.remove(&word), model.remove(&word));
                }
                assert_eq!(set.len(), model.len());
                let probe = number.wrapping_mul(7) % 60;
                assert_eq!(set.holds(Item::Int(probe)), model.contains(probe.to_string().as_bytes()));
                if rng.u32(..60) == 0 {
                    snapshots.push((set.clone(), model.clone()));
                }
            }
            set.check(&limits);
            assert_eq!(contents(&set), model);
            let mut walked = BTreeSet::new();
            set.for_each(|member| assert!(walked.insert(member.to_vec()), "given once"));
            assert_eq!(walked, model);
            for (set, was) in &snapshots {
                assert_eq!(contents(set), *was);
                let mut probed = 0;
                set.for_each_probed(&snapshots[0].0, |member, is_held| {
                    assert_eq!(is_held, snapshots[0].1.contains(&member.to_vec()));
                    probed += 1;
                });
                assert_eq!(probed, was.len());
            }
        }
    }

    #[test]
    fn a_sample_has_no_doubles_and_favours_nobody() {
        let limits = Limits { set_max_intset_entries: 10, ..Limits::default() };
        let mut rng = fastrand::Rng::with_seed(5);
        for (members, prefix) in [(10, ""), (100, "x"), (300, "x")] {
            let mut set = Set::new();
            for n in 0..members {
                set.insert(format!("{prefix}{n}").as_bytes(), &limits);
            }
            for count in [0, 1, members / 4, members / 2, members, members + 1] {
                let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
                let rounds = 300;
                for _ in 0..rounds {
                    let mut seen = BTreeSet::new();
                    set.sample(&mut rng, count, |member| {
                        assert!(seen.insert(member.to_vec()));
                        *times.entry(member.to_vec()).or_default() += 1;
                    });
                    assert_eq!(seen.len(), count.min(members));
                }
                let expected = (rounds * count.min(members)) as f64 / members as f64;
                let chi: f64 = (0..members)
                    .map(|n| times.get(format!("{prefix}{n}").as_bytes()).copied().unwrap_or(0) as f64)
                    .map(|seen| if expected > 0.0 { (seen - expected).powi(2) / expected } else { 0.0 })
                    .sum();
                assert!(chi < members as f64 * 1.6 + 25.0, "{members} {count}: {chi}");
            }
        }
    }
}
