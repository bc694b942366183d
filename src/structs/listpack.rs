//! `Listpack`: a sequence of short elements in one block of bytes, in Redis's own format.
//!
//! The small form of lists, hashes, sets and sorted sets, the node of large lists, the leaf of streams. The bytes go
//! verbatim into RDB files and DUMP payloads, so the format is not ours to change:
//!
//! ```text
//! total: u32 | count: u16 | entry ... entry | FF        (little endian; a count of 65535 means "65535 or more")
//! ```
//!
//! An entry's own form is in `listpack/entry.rs`. An element whose bytes spell an integer is stored as one.
//!
//! Promises:
//! * One pointer wide (so is `Option<Listpack>`), one allocation, `Send + Sync`. A clone is a counter increment; whoever
//!   changes a shared listpack copies it first, so a clone is a snapshot.
//! * What is inside is always valid: it was written here or passed the deep validation of `from_bytes`.
//! * An edit moves the bytes behind it once. At the back that is nothing, at the front all of the block, so callers keep
//!   blocks to a few KiB; `would_fit` and `entry_size` tell the cost of an insertion beforehand.
//!
//! Positions (`Pos`) are byte offsets. One is good until the listpack changes at or before it; using one that is stale
//! may panic or name another element, never worse.
//!
//! Left out: pairs, order and duplicates, which are the business of the types built on this one.

mod entry;
#[cfg(test)]
mod tests;

use super::block::Block;
pub use super::block::Pile;
use entry::{END, Entry, back_len, decode, read_back, read_u32, skip, validate};
pub use entry::{Item, parse_int};

/// Bytes in front of the first entry.
const HEADER: usize = 6;

/// In the header's count: "as many or more, walk to know".
const UNKNOWN: u16 = u16::MAX;

/// The size in bytes that `would_fit` allows. Edits beyond it work up to a little under 4 GiB, then panic.
pub const MAX_BYTES: usize = 1 << 30;

/// Where an element lies in its listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

impl Pos {
    #[inline]
    fn new(at: usize) -> Pos {
        debug_assert!(u32::try_from(at).is_ok());
        Pos(at as u32)
    }

    #[inline]
    fn at(self) -> usize {
        self.0 as usize
    }
}

/// A sequence of elements in one shared block; see the module's page.
#[derive(Clone)]
pub struct Listpack {
    block: Block,
}

impl Listpack {
    /// An empty listpack: one allocation of 16 bytes.
    pub fn new() -> Listpack {
        Listpack::with_capacity(0)
    }

    /// An empty listpack with room for entries of `bytes` bytes in all (see `entry_size`). The room is given back by
    /// the first removal that leaves it less than half used.
    pub fn with_capacity(bytes: usize) -> Listpack {
        let total = HEADER + 1;
        let mut block = Block::zeroed(total + bytes);
        let buf = block.edit(total);
        buf[..4].copy_from_slice(&(total as u32).to_le_bytes());
        buf[HEADER] = END;
        Listpack { block }
    }

    /// Takes a listpack from outside. O(n): every entry, back length and the count are checked; the elements may be in
    /// another encoding than the shortest, as Redis allows.
    ///
    /// Errors say what is wrong; there is no input that panics or allocates more than its own length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Listpack, &'static str> {
        let [a, b, c, d, low, high, entries @ .., last] = bytes else { return Err("listpack shorter than its header") };
        if u32::from_le_bytes([*a, *b, *c, *d]) as usize != bytes.len() {
            return Err("listpack of another length than it says");
        }
        if bytes.len() > super::block::MAX_USED {
            return Err("listpack too long");
        }
        if *last != END {
            return Err("listpack without its end mark");
        }
        let (mut at, mut count) = (0, 0usize);
        while at < entries.len() {
            at = validate(entries, at)?;
            count += 1;
        }
        let said = u16::from_le_bytes([*low, *high]);
        if said != UNKNOWN && said as usize != count {
            return Err("listpack with a wrong count");
        }
        let mut block = Block::copy_of(bytes);
        // Now that it is known.
        set_count(block.edit(bytes.len()), count);
        Ok(Listpack { block })
    }

    #[inline]
    fn total(&self) -> usize {
        read_u32(self.block.bytes(), 0) as usize
    }

    /// Offset of the end mark.
    #[inline]
    fn end(&self) -> usize {
        self.total() - 1
    }

    #[inline]
    fn known_len(&self) -> Option<usize> {
        let buf = self.block.bytes();
        let count = u16::from_le_bytes([buf[4], buf[5]]);
        (count != UNKNOWN).then_some(count as usize)
    }

    /// Number of elements. O(1) up to 65,534 of them, else O(n).
    #[inline]
    pub fn len(&self) -> usize {
        self.known_len().unwrap_or_else(|| self.iter().count())
    }

    /// Whether there is no element. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.total() == HEADER + 1
    }

    /// Size of the format in bytes, header and end mark included: the length of `as_bytes`. O(1).
    #[inline]
    pub fn byte_len(&self) -> usize {
        self.total()
    }

    /// The listpack as it is written to files. O(1).
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.block.bytes()[..self.total()]
    }

    /// Bytes asked of the allocator, whoever else shares them.
    pub fn alloc_bytes(&self) -> usize {
        self.block.alloc_bytes()
    }

    /// Gives back room that was asked for and is not needed. O(bytes) when there is some and no clone shares the block.
    pub fn shrink_to_fit(&mut self) {
        let used = self.total();
        self.block.shrink(used);
    }

    /// Moves to a pile of what is not to grow any more, where it takes no more room than it needs. O(bytes), and nothing when
    /// a clone shares the block.
    pub fn pile_up(&mut self, pile: &mut Pile) {
        let used = self.total();
        self.block.pile_up(used, pile);
    }

    /// Whether a clone shares the block, so that the next edit copies it.
    pub fn is_shared(&self) -> bool {
        self.block.is_shared()
    }

    /// Whether both are clones of one listpack, unchanged since. O(1).
    pub fn same_as(&self, other: &Listpack) -> bool {
        self.block.same_as(&other.block)
    }

    /// Bytes that an element takes in a listpack, overhead included.
    pub fn entry_size(element: &[u8]) -> usize {
        Entry::new(element).size()
    }

    /// Whether an element of `len` bytes can be added within `MAX_BYTES`. Ask before inserting what comes from outside.
    pub fn would_fit(&self, len: usize) -> bool {
        len < MAX_BYTES && self.total() + entry::size_of_len(len) <= MAX_BYTES
    }

    // ---- walking ----

    /// The first element. O(1).
    #[inline]
    pub fn first(&self) -> Option<Pos> {
        (!self.is_empty()).then_some(Pos(HEADER as u32))
    }

    /// The last element. O(1).
    #[inline]
    pub fn last(&self) -> Option<Pos> {
        self.before(self.end())
    }

    /// The element after the one at `pos`. O(1).
    #[inline]
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let buf = self.as_bytes();
        let at = skip(buf, pos.at());
        (buf[at] != END).then(|| Pos::new(at))
    }

    /// The element before the one at `pos`. O(1).
    #[inline]
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        self.before(pos.at())
    }

    #[inline]
    fn before(&self, at: usize) -> Option<Pos> {
        (at > HEADER).then(|| Pos::new(step_back(self.block.bytes(), at)))
    }

    /// The element at `index`; a negative one counts from the end, -1 being the last. O(n), from the nearer end.
    pub fn seek(&self, index: isize) -> Option<Pos> {
        let (mut steps, mut backwards) = (index.unsigned_abs(), index < 0);
        if let Some(len) = self.known_len() {
            let from_front = if backwards { len.checked_sub(steps)? } else { steps };
            if from_front >= len {
                return None;
            }
            backwards = from_front > len / 2;
            steps = if backwards { len - from_front } else { from_front };
        }
        if backwards {
            let mut pos = self.last()?;
            for _ in 1..steps {
                pos = self.prev(pos)?;
            }
            Some(pos)
        } else {
            let mut pos = self.first()?;
            for _ in 0..steps {
                pos = self.next(pos)?;
            }
            Some(pos)
        }
    }

    /// The element at `pos`. O(1).
    #[inline]
    pub fn get(&self, pos: Pos) -> Item<'_> {
        decode(self.as_bytes(), pos.at()).0
    }

    /// The elements in order, from either end.
    pub fn iter(&self) -> Iter<'_> {
        Iter { bytes: &self.as_bytes()[..self.end()], front: HEADER }
    }

    /// The elements from the one at `pos` to the last, from either end.
    pub fn iter_from(&self, pos: Pos) -> Iter<'_> {
        Iter { bytes: &self.as_bytes()[..self.end()], front: pos.at() }
    }

    /// The first element equal to `needle`, comparing one and passing over `skip`, and so on (1 for the fields of
    /// field-value pairs). O(n).
    pub fn find(&self, needle: &[u8], skip: usize) -> Option<Pos> {
        self.find_from(self.first()?, needle, skip)
    }

    /// As `find`, beginning with the element at `pos`. O(n).
    pub fn find_from(&self, pos: Pos, needle: &[u8], skip_count: usize) -> Option<Pos> {
        let bytes = &self.as_bytes()[..self.end()];
        let int = parse_int(needle);
        let mut at = pos.at();
        while at < bytes.len() {
            let (item, next) = decode(bytes, at);
            let found = match item {
                Item::Int(value) => int == Some(value),
                Item::Bytes(found) => found == needle,
            };
            if found {
                return Some(Pos::new(at));
            }
            at = next;
            for _ in 0..skip_count {
                if at >= bytes.len() {
                    return None;
                }
                at = skip(bytes, at);
            }
        }
        None
    }

    // ---- changing ----

    /// Replaces the `remove` bytes at `at` by `insert` bytes to be written by the caller, and accounts for them.
    /// `gained` and `lost` are the numbers of entries added and removed.
    #[inline]
    fn splice(&mut self, at: usize, remove: usize, insert: usize, gained: usize, lost: usize) -> &mut [u8] {
        let used = self.total();
        let buf = self.block.splice(used, at, remove, insert);
        // Fits: `Block::splice` refuses more than `MAX_USED`.
        buf[..4].copy_from_slice(&((used - remove + insert) as u32).to_le_bytes());
        let count = u16::from_le_bytes([buf[4], buf[5]]);
        if gained != lost && count != UNKNOWN {
            set_count(buf, count as usize + gained - lost);
        }
        buf
    }

    #[inline]
    fn put(&mut self, at: usize, entry: &Entry<'_>) -> Pos {
        let size = entry.size();
        let buf = self.splice(at, 0, size, 1, 0);
        entry.write(&mut buf[at..at + size]);
        Pos::new(at)
    }

    fn exchange(&mut self, pos: Pos, entry: &Entry<'_>) -> Pos {
        let (at, size) = (pos.at(), entry.size());
        let old = skip(self.block.bytes(), at) - at;
        let buf = self.splice(at, old, size, 1, 1);
        entry.write(&mut buf[at..at + size]);
        pos
    }

    /// Adds an element at the end. O(1), amortised.
    ///
    /// This and every other way to add panics when the listpack would near 4 GiB; see `would_fit`.
    #[inline]
    pub fn push_back(&mut self, element: &[u8]) -> Pos {
        self.put(self.end(), &Entry::new(element))
    }

    /// As `push_back`, of the decimal form of `value`.
    #[inline]
    pub fn push_back_int(&mut self, value: i64) -> Pos {
        self.put(self.end(), &Entry::int(value))
    }

    /// As `push_back`, of an element of another listpack, as it is.
    #[inline]
    pub fn push_back_item(&mut self, item: Item<'_>) -> Pos {
        self.put(self.end(), &Entry::item(item))
    }

    /// Adds an element at the start. O(bytes).
    #[inline]
    pub fn push_front(&mut self, element: &[u8]) -> Pos {
        self.put(HEADER, &Entry::new(element))
    }

    /// As `push_front`, of the decimal form of `value`.
    #[inline]
    pub fn push_front_int(&mut self, value: i64) -> Pos {
        self.put(HEADER, &Entry::int(value))
    }

    /// Adds an element in front of the one at `pos`; answers where it is, which is `pos`. O(bytes behind it).
    pub fn insert_before(&mut self, pos: Pos, element: &[u8]) -> Pos {
        self.put(pos.at(), &Entry::new(element))
    }

    /// As `insert_before`, of the decimal form of `value`.
    pub fn insert_before_int(&mut self, pos: Pos, value: i64) -> Pos {
        self.put(pos.at(), &Entry::int(value))
    }

    /// Adds an element after the one at `pos`; answers where it is. O(bytes behind it).
    pub fn insert_after(&mut self, pos: Pos, element: &[u8]) -> Pos {
        self.put(skip(self.block.bytes(), pos.at()), &Entry::new(element))
    }

    /// As `insert_after`, of the decimal form of `value`.
    pub fn insert_after_int(&mut self, pos: Pos, value: i64) -> Pos {
        self.put(skip(self.block.bytes(), pos.at()), &Entry::int(value))
    }

    /// Puts an element in the place of the one at `pos`; answers where it is, which is `pos`. O(1) if it takes as many
    /// bytes, else O(bytes behind it).
    pub fn replace(&mut self, pos: Pos, element: &[u8]) -> Pos {
        self.exchange(pos, &Entry::new(element))
    }

    /// As `replace`, by the decimal form of `value`.
    pub fn replace_int(&mut self, pos: Pos, value: i64) -> Pos {
        self.exchange(pos, &Entry::int(value))
    }

    /// Removes the element at `pos`; answers where the one after it now is, or `None` at the end. O(bytes behind it).
    #[inline]
    pub fn remove(&mut self, pos: Pos) -> Option<Pos> {
        let at = pos.at();
        let size = skip(self.block.bytes(), at) - at;
        let buf = self.splice(at, size, 0, 0, 1);
        (buf[at] != END).then_some(pos)
    }

    /// Removes up to `count` elements from the one at `pos` on, in one move; answers as `remove` does. O(bytes).
    pub fn remove_at(&mut self, pos: Pos, count: usize) -> Option<Pos> {
        self.cut(pos, count);
        (self.block.bytes()[pos.at()] != END).then_some(pos)
    }

    /// Removes up to `count` elements from `index` on (negative: from the end), in one move; answers how many. O(bytes).
    pub fn remove_range(&mut self, index: isize, count: usize) -> usize {
        self.seek(index).map_or(0, |pos| self.cut(pos, count))
    }

    fn cut(&mut self, pos: Pos, count: usize) -> usize {
        let (bytes, end) = (self.block.bytes(), self.end());
        let (mut to, mut lost) = (pos.at(), 0);
        while to < end && lost < count {
            to = skip(bytes, to);
            lost += 1;
        }
        if lost > 0 {
            self.splice(pos.at(), to - pos.at(), 0, 0, lost);
        }
        lost
    }

    /// Two listpacks with the elements before `index` and from it on. O(bytes).
    pub fn split_at(&self, index: usize) -> (Listpack, Listpack) {
        let len = self.len();
        let cut = match isize::try_from(index).ok().and_then(|index| self.seek(index)) {
            Some(pos) => pos.at(),
            None => self.end(),
        };
        let left = index.min(len);
        let bytes = self.as_bytes();
        (Listpack::of_entries(&bytes[HEADER..cut], left), Listpack::of_entries(&bytes[cut..self.end()], len - left))
    }

    /// Adds all elements of `other` at the end. O(bytes of it).
    pub fn append(&mut self, other: &Listpack) {
        let entries = &other.as_bytes()[HEADER..other.end()];
        let len = match self.known_len() {
            Some(_) => other.len(),
            None => 0,
        };
        let at = self.end();
        self.splice(at, 0, entries.len(), len, 0)[at..at + entries.len()].copy_from_slice(entries);
    }

    fn of_entries(entries: &[u8], count: usize) -> Listpack {
        let mut pack = Listpack::with_capacity(entries.len());
        pack.splice(HEADER, 0, entries.len(), count, 0)[HEADER..HEADER + entries.len()].copy_from_slice(entries);
        pack
    }

    /// Walks the whole and panics if it is not well formed. For tests and debug builds.
    pub fn check(&self) {
        let bytes = self.as_bytes();
        let end = self.end();
        assert_eq!(bytes[end], END, "the end mark is in its place");
        let (mut at, mut count) = (HEADER, 0);
        while at < end {
            let next = validate(&bytes[..end], at).expect("an entry is well formed");
            assert_eq!((skip(bytes, at), step_back(bytes, next)), (next, at), "an entry reads the same both ways");
            at = next;
            count += 1;
        }
        assert!(self.known_len().is_none_or(|len| len == count), "the count is that of the entries");
    }
}

#[inline]
fn set_count(buf: &mut [u8], count: usize) {
    let count = u16::try_from(count).unwrap_or(UNKNOWN);
    buf[4..6].copy_from_slice(&count.to_le_bytes());
}

/// Where the entry that ends at `at` begins.
#[inline]
fn step_back(bytes: &[u8], at: usize) -> usize {
    let size = read_back(bytes, at);
    at - size - back_len(size)
}

impl Default for Listpack {
    fn default() -> Self {
        Listpack::new()
    }
}

/// Equal bytes. Two listpacks built here of the same elements are equal.
impl PartialEq for Listpack {
    fn eq(&self, other: &Listpack) -> bool {
        self.same_as(other) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Listpack {}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<T: AsRef<[u8]>> Extend<T> for Listpack {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.push_back(element.as_ref());
        }
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Listpack {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Listpack {
        let mut pack = Listpack::new();
        pack.extend(elements);
        pack
    }
}

/// The elements of a listpack, or of its end, from either side. Each step is O(1).
#[derive(Clone)]
pub struct Iter<'a> {
    /// Up to the end of the last element still to come.
    bytes: &'a [u8],
    front: usize,
}

impl Iter<'_> {
    /// Where the element is that `next` will answer.
    pub fn pos(&self) -> Option<Pos> {
        (self.front < self.bytes.len()).then(|| Pos::new(self.front))
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.front >= self.bytes.len() {
            return None;
        }
        let (item, next) = decode(self.bytes, self.front);
        self.front = next;
        Some(item)
    }

    fn count(self) -> usize {
        let (mut at, mut count) = (self.front, 0);
        while at < self.bytes.len() {
            at = skip(self.bytes, at);
            count += 1;
        }
        count
    }

    fn nth(&mut self, n: usize) -> Option<Item<'a>> {
        for _ in 0..n {
            if self.front >= self.bytes.len() {
                return None;
            }
            self.front = skip(self.bytes, self.front);
        }
        self.next()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.bytes.len() {
            return None;
        }
        let at = step_back(self.bytes, self.bytes.len());
        let item = decode(self.bytes, at).0;
        self.bytes = &self.bytes[..at];
        Some(item)
    }
}

impl std::iter::FusedIterator for Iter<'_> {}

/// For fuzzing: whatever the bytes, reading them ends in an error, or in a listpack that can be walked and changed.
pub fn fuzz_listpack(data: &[u8]) {
    let Ok(mut pack) = Listpack::from_bytes(data) else { return };
    pack.check();
    let forward: Vec<Item<'_>> = pack.iter().collect();
    assert_eq!(forward.len(), pack.len());
    assert!(forward.iter().rev().copied().eq(pack.iter().rev()), "both ways show the same elements");
    for (index, item) in forward.iter().enumerate().take(64) {
        let bytes = item.to_vec();
        assert!(*item == bytes[..] && item.len() == bytes.len());
        let found = pack.find(&bytes, 0).expect("an element is found");
        assert!(pack.seek(index as isize).is_some_and(|pos| pos >= found));
    }
    let (clone, count) = (pack.clone(), forward.len());
    pack.push_front(b"12");
    pack.push_back(b"end");
    if let Some(pos) = pack.seek(1) {
        pack.replace(pos, b"replaced");
        pack.remove(pos);
    }
    pack.check();
    assert_eq!((clone.len(), pack.len()), (count, count + 1), "the clone is as it was");
}
