//! `IntSet`: a sorted array of distinct integers in one block of bytes, in Redis's own format.
//!
//! The smallest form of a set. The bytes go verbatim into RDB files and DUMP payloads:
//!
//! ```text
//! width: u32 | count: u32 | count values of `width` bytes, ascending        (little endian; width is 2, 4 or 8)
//! ```
//!
//! Promises:
//! * One pointer wide, one allocation, `Send + Sync`; a clone is a counter increment and never changes, as with
//!   `Listpack`.
//! * The width only grows: a value that needs more widens them all, in one copy, and widths never shrink again.
//!
//! Left out: when a set is too large for this form; the caller compares `len` with its limit. A set may be empty here,
//! though no file may hold an empty one.

use super::block::{Block, MAX_USED};

/// Bytes in front of the values.
const HEADER: usize = 8;

/// A sorted set of integers in one shared block; see the module's page.
#[derive(Clone)]
pub struct IntSet {
    block: Block,
}

/// Bytes that a value needs.
#[inline]
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

#[inline]
fn word<const W: usize>(bytes: &[u8], at: usize) -> [u8; W] {
    bytes[at..at + W].try_into().expect("the range has that many bytes")
}

#[inline]
fn read(values: &[u8], width: usize, index: usize) -> i64 {
    match width {
        2 => i64::from(i16::from_le_bytes(word(values, index * 2))),
        4 => i64::from(i32::from_le_bytes(word(values, index * 4))),
        _ => i64::from_le_bytes(word(values, index * 8)),
    }
}

/// Writes the low bytes, which are the value because the width fits it.
#[inline]
fn write(values: &mut [u8], width: usize, index: usize, value: i64) {
    values[index * width..][..width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// Where `value` is among `len` ascending ones, or where it would go.
#[inline]
fn search(len: usize, value: i64, at: impl Fn(usize) -> i64) -> Result<usize, usize> {
    let (mut low, mut size) = (0, len);
    // Halving without an unpredictable branch: `low` is moved or kept by a conditional move.
    while size > 1 {
        let half = size / 2;
        low = if at(low + half) <= value { low + half } else { low };
        size -= half;
    }
    if len == 0 {
        return Err(0);
    }
    match at(low).cmp(&value) {
        std::cmp::Ordering::Equal => Ok(low),
        std::cmp::Ordering::Less => Err(low + 1),
        std::cmp::Ordering::Greater => Err(low),
    }
}

impl IntSet {
    /// An empty set: one allocation of 16 bytes.
    pub fn new() -> IntSet {
        IntSet { block: IntSet::block(2, 0) }
    }

    /// A block with its header written and room for the values, all zero.
    fn block(width: usize, len: usize) -> Block {
        let used = HEADER + width * len;
        let mut block = Block::zeroed(used);
        let buf = block.edit(used);
        buf[..4].copy_from_slice(&(width as u32).to_le_bytes());
        // Fits: a block of so many values was just accepted.
        buf[4..8].copy_from_slice(&(len as u32).to_le_bytes());
        block
    }

    /// Takes a set from outside. O(n): width, count and order are checked.
    ///
    /// Errors say what is wrong; there is no input that panics or allocates more than its own length.
    pub fn from_bytes(bytes: &[u8]) -> Result<IntSet, &'static str> {
        let [a, b, c, d, e, f, g, h, values @ ..] = bytes else { return Err("intset shorter than its header") };
        let width = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let len = u32::from_le_bytes([*e, *f, *g, *h]) as usize;
        if !matches!(width, 2 | 4 | 8) {
            return Err("intset of unknown width");
        }
        if len.checked_mul(width) != Some(values.len()) || bytes.len() > MAX_USED {
            return Err("intset of another length than it says");
        }
        for index in 1..len {
            if read(values, width, index - 1) >= read(values, width, index) {
                return Err("intset out of order");
            }
        }
        Ok(IntSet { block: Block::copy_of(bytes) })
    }

    #[inline]
    fn width(&self) -> usize {
        u32::from_le_bytes(word(self.block.bytes(), 0)) as usize
    }

    /// Number of values. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        u32::from_le_bytes(word(self.block.bytes(), 4)) as usize
    }

    /// Whether there is no value. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn used(&self) -> usize {
        HEADER + self.len() * self.width()
    }

    /// The set as it is written to files. O(1).
    pub fn as_bytes(&self) -> &[u8] {
        &self.block.bytes()[..self.used()]
    }

    /// Bytes asked of the allocator, whoever else shares them.
    pub fn alloc_bytes(&self) -> usize {
        self.block.alloc_bytes()
    }

    /// Whether a clone shares the block, so that the next edit copies it.
    pub fn is_shared(&self) -> bool {
        self.block.is_shared()
    }

    /// Whether both are clones of one set, unchanged since. O(1).
    pub fn same_as(&self, other: &IntSet) -> bool {
        self.block.same_as(&other.block)
    }

    #[inline]
    fn values(&self) -> &[u8] {
        &self.as_bytes()[HEADER..]
    }

    /// The value at `index` in ascending order. O(1).
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| read(self.values(), self.width(), index))
    }

    /// The smallest value. O(1).
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    /// The largest value. O(1).
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Where `value` is, or where it would go. O(log n); O(1) beyond either end.
    fn position(&self, value: i64) -> Result<usize, usize> {
        let (values, len) = (self.values(), self.len());
        match (self.min(), self.max()) {
            (Some(min), _) if value < min => return Err(0),
            (_, Some(max)) if value > max => return Err(len),
            _ => {}
        }
        // The width is chosen outside the loop, so each search is of plain loads.
        match self.width() {
            2 => search(len, value, |index| read(values, 2, index)),
            4 => search(len, value, |index| read(values, 4, index)),
            _ => search(len, value, |index| read(values, 8, index)),
        }
    }

    /// Whether the value is in the set. O(log n).
    pub fn contains(&self, value: i64) -> bool {
        self.position(value).is_ok()
    }

    /// How many values are below `value`, that is the index it has or would have. O(log n).
    pub fn rank(&self, value: i64) -> usize {
        self.position(value).unwrap_or_else(|index| index)
    }

    /// Adds a value; answers whether it is new. O(log n), and one move of the values above it.
    ///
    /// Panics near 4 GiB; callers convert to another form long before.
    pub fn insert(&mut self, value: i64) -> bool {
        let width = self.width();
        if width_of(value) > width {
            self.widen(value);
            return true;
        }
        let Err(index) = self.position(value) else { return false };
        let (used, len) = (self.used(), self.len());
        let buf = self.block.splice(used, HEADER + index * width, 0, width);
        write(&mut buf[HEADER..], width, index, value);
        set_len(buf, len + 1);
        true
    }

    /// Adds a value that needs a greater width, and so lies beyond one of the ends.
    fn widen(&mut self, value: i64) {
        let (len, width) = (self.len(), width_of(value));
        let mut block = IntSet::block(width, len + 1);
        let values = &mut block.edit(HEADER + width * (len + 1))[HEADER..];
        let first = usize::from(value < 0);
        for (index, old) in self.iter().enumerate() {
            write(values, width, first + index, old);
        }
        write(values, width, if first == 1 { 0 } else { len }, value);
        self.block = block;
    }

    /// Removes a value; answers whether it was there. O(log n), and one move of the values above it.
    pub fn remove(&mut self, value: i64) -> bool {
        let found = self.position(value);
        if let Ok(index) = found {
            self.remove_at(index);
        }
        found.is_ok()
    }

    /// Removes and answers the value at `index` in ascending order. O(n), one move.
    pub fn remove_at(&mut self, index: usize) -> Option<i64> {
        let value = self.get(index)?;
        let (width, used, len) = (self.width(), self.used(), self.len());
        set_len(self.block.splice(used, HEADER + index * width, width, 0), len - 1);
        Some(value)
    }

    /// Any value, all equally likely. O(1).
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<i64> {
        match self.len() {
            0 => None,
            len => self.get(rng.usize(..len)),
        }
    }

    /// The values in ascending order, from either end.
    pub fn iter(&self) -> Iter<'_> {
        Iter { values: self.values(), width: self.width() }
    }

    /// Walks the whole and panics if it is not well formed. For tests and debug builds.
    pub fn check(&self) {
        assert!(matches!(self.width(), 2 | 4 | 8), "the width is one of three");
        assert!(self.used() <= self.alloc_bytes(), "the values fit the block");
        assert!(self.iter().is_sorted_by(|a, b| a < b), "the values ascend");
    }
}

#[inline]
fn set_len(buf: &mut [u8], len: usize) {
    // Fits: each value takes two bytes at least, of less than 4 GiB.
    buf[4..8].copy_from_slice(&(len as u32).to_le_bytes());
}

impl Default for IntSet {
    fn default() -> Self {
        IntSet::new()
    }
}

/// The same values, whatever the width.
impl PartialEq for IntSet {
    fn eq(&self, other: &IntSet) -> bool {
        self.same_as(other) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl Eq for IntSet {}

impl std::fmt::Debug for IntSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a IntSet {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Extend<i64> for IntSet {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, values: I) {
        for value in values {
            self.insert(value);
        }
    }
}

impl FromIterator<i64> for IntSet {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> IntSet {
        let mut set = IntSet::new();
        set.extend(values);
        set
    }
}

/// The values of a set in ascending order, from either end. Each step is O(1).
#[derive(Clone)]
pub struct Iter<'a> {
    values: &'a [u8],
    width: usize,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let (_, rest) = self.values.split_at_checked(self.width)?;
        let value = read(self.values, self.width, 0);
        self.values = rest;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.values.len() / self.width;
        (len, Some(len))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        let index = (self.values.len() / self.width).checked_sub(1)?;
        let value = read(self.values, self.width, index);
        self.values = &self.values[..index * self.width];
        Some(value)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl std::iter::FusedIterator for Iter<'_> {}

/// For fuzzing: whatever the bytes, reading them ends in an error, or in a set that can be walked and changed.
pub fn fuzz_intset(data: &[u8]) {
    let Ok(mut set) = IntSet::from_bytes(data) else { return };
    set.check();
    assert!(set.iter().enumerate().all(|(index, value)| set.rank(value) == index && set.contains(value)));
    let (clone, count) = (set.clone(), set.len());
    set.insert(i64::MIN);
    set.remove_at(count / 2);
    set.insert(5);
    set.check();
    assert!(clone.iter().eq(IntSet::from_bytes(data).iter().flatten()), "the clone is as it was");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn same(set: &IntSet, model: &BTreeSet<i64>) {
        set.check();
        assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
        assert!(set.iter().eq(model.iter().copied()) && set.iter().rev().eq(model.iter().rev().copied()));
        assert_eq!((set.min(), set.max()), (model.first().copied(), model.last().copied()));
        assert_eq!((set.iter().len(), set.get(set.len())), (model.len(), None));
    }

    #[test]
    fn random_edits_agree_with_a_btree_and_leave_clones_alone() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for bits in [4, 8, 15, 16, 17, 31, 32, 33, 62, 63] {
            let (mut set, mut model) = (IntSet::new(), BTreeSet::new());
            let mut clones = Vec::new();
            for step in 0..500 {
                let few = if step < 250 { bits.min(8) } else { bits };
                let value = rng.i64(..) >> (63 - few);
                match rng.u8(..8) {
                    0..=3 => assert_eq!(set.insert(value), model.insert(value)),
                    4 => assert_eq!(set.remove(value), model.remove(&value)),
                    5 if !model.is_empty() => {
                        let value = set.random(&mut rng).expect("it is not empty");
                        let rank = set.rank(value);
                        assert_eq!((set.get(rank), set.remove_at(rank)), (Some(value), Some(value)));
                        assert!(model.remove(&value));
                    }
                    6 => clones.push((set.clone(), model.clone())),
                    _ => set = IntSet::from_bytes(set.as_bytes()).expect("what we wrote is valid"),
                }
                assert_eq!(set.contains(value), model.contains(&value));
                assert_eq!(set.rank(value), model.range(..value).count());
                same(&set, &model);
                assert!(set.alloc_bytes() <= (2 * (8 + set.used())).max(48), "memory follows the values");
            }
            for (clone, then) in &clones {
                same(clone, then);
            }
        }
    }

    #[test]
    fn the_bytes_are_those_of_redis_and_widen_as_there() {
        let mut set: IntSet = [3, 1, 2, 1].into_iter().collect();
        assert_eq!(set.as_bytes(), b"\x02\0\0\0\x03\0\0\0\x01\0\x02\0\x03\0");
        set.extend([40_000, -70_000]);
        let wanted = b"\x04\0\0\0\x05\0\0\0\x90\xee\xfe\xff\x01\0\0\0\x02\0\0\0\x03\0\0\0@\x9c\0\0";
        assert_eq!(set.as_bytes(), wanted);
        set.insert(5_000_000_000);
        let wanted = b"\x08\0\0\0\x06\0\0\0\x90\xee\xfe\xff\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
            \x03\0\0\0\0\0\0\0@\x9c\0\0\0\0\0\0\0\xf2\x05*\x01\0\0\0";
        assert_eq!(set.as_bytes(), wanted);
    }

    #[test]
    fn the_width_changes_beyond_each_limit_and_not_before() {
        for (limit, width) in [(1i64 << 15, 2), (1 << 31, 4)] {
            let mut set: IntSet = [limit - 1, -limit, 0].into_iter().collect();
            assert_eq!(set.width(), width);
            let clone = set.clone();
            assert!(!set.contains(limit) && !set.remove(limit) && set.insert(limit) && set.contains(limit));
            assert_eq!((set.width(), set.max(), clone.width(), clone.len()), (width * 2, Some(limit), width, 3));
            assert!(set.remove(limit) && set.width() == width * 2 && set == clone);
            let mut low = clone.clone();
            assert!(low.insert(-limit - 1) && low.min() == Some(-limit - 1) && low.width() == width * 2);
        }
        let all: IntSet = [i64::MIN, i64::MAX, 0].into_iter().collect();
        assert_eq!((all.min(), all.get(1), all.max()), (Some(i64::MIN), Some(0), Some(i64::MAX)));
        assert_eq!((size_of::<IntSet>(), IntSet::new().alloc_bytes()), (8, 16));
    }

    #[test]
    fn damaged_bytes_are_refused_or_harmless() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let sets: [IntSet; 3] =
            [(0..9).collect(), (0..9).map(|n| n << 20).collect(), (0..9).map(|n| n << 40).collect()];
        let mut refused = 0;
        for set in &sets {
            let good = set.as_bytes();
            for len in 0..good.len() {
                assert!(IntSet::from_bytes(&good[..len]).is_err());
            }
            for _ in 0..3000 {
                let mut bytes = good.to_vec();
                let at = rng.usize(..bytes.len());
                bytes[at] ^= 1 << rng.u8(..8);
                fuzz_intset(&bytes);
                refused += usize::from(IntSet::from_bytes(&bytes).is_err());
            }
        }
        assert!(refused > 0);
        let text = |bytes: &[u8]| IntSet::from_bytes(bytes).expect_err("this is damaged");
        assert_eq!(text(b"\x02\0\0\0\0\0\0"), "intset shorter than its header");
        assert_eq!(text(b"\x03\0\0\0\0\0\0\0"), "intset of unknown width");
        assert_eq!(text(b"\x08\0\0\0\xff\xff\xff\xff"), "intset of another length than it says");
        assert_eq!(text(b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0"), "intset out of order");
        assert_eq!(text(b"\x02\0\0\0\x02\0\0\0\x01\0\xff\xff"), "intset out of order");
    }
}
