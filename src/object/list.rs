//! Lists: one packed block while all fits, then a sequence of blocks.
//!
//! Promises: a list becomes a [`Quicklist`] exactly when `list-max-listpack-size` asks for a second block, and stays one
//! until it is deleted; both are called `quicklist` by OBJECT ENCODING. No change costs more than the bytes of one
//! block and a path of tree nodes, except the removal of many elements, which costs what is removed.
//!
//! Left out: who waits for an element, and what an index beyond the list means to a client.

use super::{Container, Kind, Limits, Typed};
use crate::structs::listpack::{Item, Listpack, parse_int};
use crate::structs::quicklist::{Chunk, Direction, PACKED_THRESHOLD_BYTES, Quicklist};
use ref_cast::RefCast;

/// Most room a new list is given for the elements it is created for, in bytes.
const ROOM_MAX_BYTES: usize = 4096;

/// A list value: its container, in one of its encodings.
#[derive(RefCast, Clone)]
#[repr(transparent)]
pub struct List(Container);

/// One of the two ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where LPUSH pushes.
    Head,
    /// Where RPUSH pushes.
    Tail,
}

impl Typed for List {
    const KIND: Kind = Kind::List;

    #[inline]
    fn of(container: &Container) -> Option<&List> {
        (container.kind() == Kind::List).then(|| List::ref_cast(container))
    }

    #[inline]
    fn of_mut(container: &mut Container) -> Option<&mut List> {
        (container.kind() == Kind::List).then(|| List::ref_cast_mut(container))
    }

    fn into_container(self) -> Container {
        self.0
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// A search for elements equal to one: LPOS.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// The first match that counts, from 1 on.
    pub rank: u64,
    /// Whether it begins at the tail.
    pub backwards: bool,
    /// Most matches to report.
    pub matches: usize,
    /// Most elements to compare.
    pub scanned: usize,
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl List {
    /// An empty list. It must not stay empty under a key.
    pub fn new() -> List {
        List(Container::ListPacked(Listpack::new()))
    }

    /// An empty list that is about to be given so many elements of so many bytes in all.
    pub fn with_room(count: usize, bytes: usize) -> List {
        // Two bytes go with a short element.
        let room = bytes.saturating_add(count.saturating_mul(2)).min(ROOM_MAX_BYTES);
        List(Container::ListPacked(Listpack::with_capacity(room)))
    }

    /// Number of elements. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Container::ListPacked(pack) => pack.len(),
            Container::ListQuick(list) => list.len(),
            _ => not_a_list(),
        }
    }

    /// Whether there is no element. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Container::ListPacked(pack) => pack.is_empty(),
            Container::ListQuick(list) => list.is_empty(),
            _ => not_a_list(),
        }
    }

    /// The position of an index that counts from the tail when negative, if there is such an element.
    pub fn resolve(&self, index: i64) -> Option<usize> {
        let len = self.len();
        let at = match usize::try_from(index) {
            Ok(at) => at,
            Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
        };
        (at < len).then_some(at)
    }

    // ---- ends ----------------------------------------------------------------------------------------------------

    /// Adds an element at an end. O(bytes of a block).
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], limits: &Limits) {
        match &mut self.0 {
            Container::ListPacked(pack) if takes(pack, value.len(), limits) => {
                match end {
                    End::Head => pack.push_front(value),
                    End::Tail => pack.push_back(value),
                };
            }
            _ => {
                let list = self.quick(limits);
                match end {
                    End::Head => list.push_front(value),
                    End::Tail => list.push_back(value),
                }
            }
        }
    }

    /// Removes the element at an end after `read` has seen it. O(bytes of a block).
    #[inline]
    pub fn pop_with<R>(&mut self, end: End, read: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        match &mut self.0 {
            Container::ListPacked(pack) => {
                let pos = match end {
                    End::Head => pack.first(),
                    End::Tail => pack.last(),
                }?;
                let result = read(pack.get(pos));
                pack.remove(pos);
                Some(result)
            }
            Container::ListQuick(list) => match end {
                End::Head => list.pop_front_with(read),
                End::Tail => list.pop_back_with(read),
            },
            _ => not_a_list(),
        }
    }

    /// Removes up to `count` elements from an end, letting `read` see each, the outermost first.
    pub fn pop_many(&mut self, end: End, count: usize, read: impl FnMut(Item<'_>)) {
        let len = self.len();
        let count = count.min(len);
        match end {
            End::Head => {
                self.for_range(0, count, read);
                self.remove_range(0, count);
            }
            End::Tail => {
                self.for_range_back(len.wrapping_sub(1), count, read);
                self.remove_range(len - count, count);
            }
        }
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    /// Lets `read` see the element at a position. O(log blocks + elements of a block).
    pub fn with<R>(&self, at: usize, read: impl FnOnce(Item<'_>) -> R) -> Option<R> {
        let at = isize::try_from(at).ok()?;
        match &self.0 {
            Container::ListPacked(pack) => pack.seek(at).map(|pos| read(pack.get(pos))),
            Container::ListQuick(list) => list.with(at, read),
            _ => not_a_list(),
        }
    }

    /// Lets `visit` see up to `count` elements from a position on. Allocates nothing unless blocks are compressed.
    #[inline]
    pub fn for_range(&self, start: usize, count: usize, mut visit: impl FnMut(Item<'_>)) {
        match &self.0 {
            Container::ListPacked(pack) => {
                if let Some(pos) = isize::try_from(start).ok().and_then(|start| pack.seek(start)) {
                    pack.iter_from(pos).take(count).for_each(visit);
                }
            }
            Container::ListQuick(list) => list.for_range(start, count, false, &mut visit),
            _ => not_a_list(),
        }
    }

    /// As [`List::for_range`], from a position towards the head.
    pub fn for_range_back(&self, start: usize, count: usize, mut visit: impl FnMut(Item<'_>)) {
        match &self.0 {
            Container::ListPacked(pack) => {
                let skipped = pack.len().saturating_sub(1).saturating_sub(start);
                pack.iter().rev().skip(skipped).take(count).for_each(visit);
            }
            Container::ListQuick(list) => list.for_range(start, count, true, &mut visit),
            _ => not_a_list(),
        }
    }

    /// Reports the positions (from the head) of the elements equal to `value` that the search asks for, in its order.
    pub fn positions(&self, value: &[u8], search: Search, mut found: impl FnMut(usize)) {
        let (needle, len) = (Needle::new(value), self.len());
        let (mut rank, mut matches) = (search.rank, 0);
        // Called with each element's distance from where the search begins; answers whether to go on.
        let mut compare = |distance: usize, item: Item<'_>| {
            if needle.is(item) {
                rank = rank.saturating_sub(1);
                if rank == 0 {
                    rank = 1;
                    matches += 1;
                    found(if search.backwards { len - 1 - distance } else { distance });
                }
            }
            matches < search.matches
        };
        match &self.0 {
            Container::ListPacked(pack) => {
                let items = pack.iter();
                let _ = if search.backwards {
                    items.rev().take(search.scanned).enumerate().all(|(distance, item)| compare(distance, item))
                } else {
                    items.take(search.scanned).enumerate().all(|(distance, item)| compare(distance, item))
                };
            }
            Container::ListQuick(list) => {
                let (first, direction) =
                    if search.backwards { (len.wrapping_sub(1), Direction::Backward) } else { (0, Direction::Forward) };
                let mut walk = list.iter_from(first, direction);
                for distance in 0..search.scanned {
                    let Some(item) = walk.next() else { break };
                    if !compare(distance, item) {
                        break;
                    }
                }
            }
            _ => not_a_list(),
        }
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    /// Replaces the element at a position; false when there is none. O(log blocks + bytes of a block).
    pub fn set(&mut self, at: usize, value: &[u8], limits: &Limits) -> bool {
        let Ok(index) = isize::try_from(at) else { return false };
        match &mut self.0 {
            Container::ListPacked(pack) if !is_large(value.len(), limits) && pack.would_fit(value.len()) => {
                let pos = pack.seek(index);
                pos.map(|pos| pack.replace(pos, value)).is_some()
            }
            _ => self.quick(limits).set(index, value),
        }
    }

    /// Inserts an element beside the first one equal to `pivot`; false when there is none. O(bytes up to it).
    pub fn insert(&mut self, pivot: &[u8], value: &[u8], after: bool, limits: &Limits) -> bool {
        if let Container::ListPacked(pack) = &mut self.0 {
            let Some(pos) = pack.find(pivot, 0) else { return false };
            if takes(pack, value.len(), limits) {
                match after {
                    true => pack.insert_after(pos, value),
                    false => pack.insert_before(pos, value),
                };
                return true;
            }
        }
        let list = self.quick(limits);
        let Some(at) = list.position(pivot, Direction::Forward) else { return false };
        // A list in memory has fewer than `isize::MAX` elements.
        match after {
            true => list.insert_after(at as isize, value),
            false => list.insert_before(at as isize, value),
        }
    }

    /// Removes up to `count` elements from a position on; returns how many.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let Ok(index) = isize::try_from(start) else { return 0 };
        match &mut self.0 {
            Container::ListPacked(pack) => pack.remove_range(index, count),
            Container::ListQuick(list) => list.remove_range(index, count),
            _ => not_a_list(),
        }
    }

    /// Removes elements equal to `value`: the first `count`, the last `-count` when negative, all when 0. Returns how
    /// many. O(bytes).
    pub fn remove_matching(&mut self, value: &[u8], count: i64) -> usize {
        match &mut self.0 {
            Container::ListPacked(pack) => {
                let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
                if count < 0 { remove_last(pack, value, most) } else { remove_first(pack, value, most) }
            }
            Container::ListQuick(list) => list.remove_matching(value, count as isize),
            _ => not_a_list(),
        }
    }

    /// The list as a sequence of blocks, made of the one block if it was packed.
    #[cold]
    fn spread(&mut self, limits: &Limits) {
        let mut list = Quicklist::new(i64::from(limits.list_max_listpack_size), i64::from(limits.list_compress_depth));
        if let Container::ListPacked(pack) = &mut self.0 {
            list.push_node(Chunk::Packed(std::mem::take(pack)));
        }
        self.0 = Container::ListQuick(Box::new(list));
    }

    #[inline]
    fn quick(&mut self, limits: &Limits) -> &mut Quicklist {
        if let Container::ListPacked(_) = &self.0 {
            self.spread(limits);
        }
        match &mut self.0 {
            Container::ListQuick(list) => {
                list.set_packed_threshold(limits.list_packed_threshold);
                list
            }
            _ => not_a_list(),
        }
    }

    /// Walks the list and panics where an invariant does not hold. For tests and debug builds.
    pub fn check(&self) {
        match &self.0 {
            Container::ListPacked(pack) => pack.check(),
            Container::ListQuick(list) => list.check(),
            _ => not_a_list(),
        }
    }
}

#[cold]
fn not_a_list() -> ! {
    unreachable!("the type was checked when the reference was made")
}

/// May the only block take an element of so many bytes? An empty one takes what is not for a block of its own.
#[inline]
fn takes(pack: &Listpack, bytes: usize, limits: &Limits) -> bool {
    !is_large(bytes, limits)
        && (Quicklist::block_takes(i64::from(limits.list_max_listpack_size), pack, bytes)
            || (pack.is_empty() && pack.would_fit(bytes)))
}

/// Is an element of so many bytes for a block of its own?
#[inline]
fn is_large(bytes: usize, limits: &Limits) -> bool {
    bytes >= if limits.list_packed_threshold == 0 { PACKED_THRESHOLD_BYTES } else { limits.list_packed_threshold }
}

/// An element that others are compared with.
struct Needle<'a> {
    bytes: &'a [u8],
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    fn new(bytes: &'a [u8]) -> Needle<'a> {
        Needle { bytes, int: parse_int(bytes) }
    }

    #[inline]
    fn is(&self, item: Item<'_>) -> bool {
        match item {
            Item::Int(value) => self.int == Some(value),
            Item::Bytes(bytes) => self.bytes == bytes,
        }
    }
}

fn remove_first(pack: &mut Listpack, value: &[u8], most: usize) -> usize {
    let (mut from, mut removed) = (pack.first(), 0);
    while removed < most
        && let Some(pos) = from
        && let Some(found) = pack.find_from(pos, value, 0)
    {
        from = pack.remove(found);
        removed += 1;
    }
    removed
}

fn remove_last(pack: &mut Listpack, value: &[u8], most: usize) -> usize {
    let needle = Needle::new(value);
    let (mut at, mut removed) = (pack.last(), 0);
    while removed < most
        && let Some(pos) = at
    {
        at = pack.prev(pos);
        if needle.is(pack.get(pos)) {
            pack.remove(pos);
            removed += 1;
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn contents(list: &List) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        list.for_range(0, usize::MAX, |item| out.push(item.to_vec()));
        out
    }

    fn is_packed(list: &List) -> bool {
        matches!(list.0, Container::ListPacked(_))
    }

    #[test]
    fn a_list_is_packed_up_to_the_limit_of_a_block_and_not_beyond() {
        let limits = Limits { list_max_listpack_size: 4, ..Limits::default() };
        let mut list = List::new();
        for n in 0..4 {
            list.push(End::Tail, format!("{n}").as_bytes(), &limits);
            assert!(is_packed(&list));
        }
        list.push(End::Tail, b"4", &limits);
        assert!(!is_packed(&list));
        list.check();
        assert_eq!(contents(&list), [b"0", b"1", b"2", b"3", b"4"].map(|e| e.to_vec()));
    }

    #[test]
    fn one_long_element_needs_no_second_block() {
        let limits = Limits::default();
        let mut list = List::new();
        list.push(End::Head, &[b'x'; 100_000], &limits);
        assert!(is_packed(&list));
        list.push(End::Head, b"y", &limits);
        assert!(!is_packed(&list));
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn indexes_count_from_either_end() {
        let mut list = List::new();
        for n in 0..3 {
            list.push(End::Tail, &[b'a' + n], &Limits::default());
        }
        assert_eq!(
            [0, 2, 3, -1, -3, -4, i64::MIN].map(|i| list.resolve(i)),
            [Some(0), Some(2), None, Some(2), Some(0), None, None]
        );
    }

    #[test]
    fn elements_above_the_packed_threshold_get_blocks_of_their_own() {
        let limits = Limits { list_packed_threshold: 10, ..Limits::default() };
        let mut list = List::new();
        for value in [&b"small"[..], b"large enough", b"small too"] {
            list.push(End::Tail, value, &limits);
        }
        let Container::ListQuick(quick) = &list.0 else { panic!("still in one block") };
        assert_eq!(quick.node_count(), 3);
        list.check();
    }

    #[test]
    fn a_list_behaves_as_a_deque_and_its_clones_stay_as_they_were() {
        let seed = 7;
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..40 {
            let limits = Limits {
                list_max_listpack_size: [-2, -1, 3, 128][round % 4],
                list_compress_depth: (round % 3) as u32,
                ..Limits::default()
            };
            let (mut list, mut model) = (List::new(), VecDeque::<Vec<u8>>::new());
            let mut snapshots = Vec::new();
            for _ in 0..400 {
                let value = match rng.u32(..4) {
                    0 => rng.i64(-200..200).to_string().into_bytes(),
                    1 => vec![b'x'; rng.usize(..600)],
                    _ => vec![b'a' + rng.u8(..4); rng.usize(1..3)],
                };
                step(&mut list, &mut model, &value, &limits, &mut rng);
                assert_eq!(list.len(), model.len());
                if rng.u32(..50) == 0 {
                    snapshots.push((list.clone(), Vec::from(model.clone())));
                }
            }
            list.check();
            assert_eq!(contents(&list), Vec::from(model));
            for (list, was) in snapshots {
                assert_eq!(contents(&list), was);
            }
        }
    }

    fn step(list: &mut List, model: &mut VecDeque<Vec<u8>>, value: &[u8], limits: &Limits, rng: &mut fastrand::Rng) {
        let end = if rng.bool() { End::Head } else { End::Tail };
        let at = rng.usize(..model.len() + 1);
        match rng.u32(..16) {
            0..=6 => {
                list.push(end, value, limits);
                if end == End::Head { model.push_front(value.to_vec()) } else { model.push_back(value.to_vec()) }
            }
            7 | 8 => {
                let expected = if end == End::Head { model.pop_front() } else { model.pop_back() };
                assert_eq!(list.pop_with(end, |item| item.to_vec()), expected);
            }
            9 => {
                let count = rng.usize(..4);
                let mut popped = Vec::new();
                list.pop_many(end, count, |item| popped.push(item.to_vec()));
                let expected: Vec<_> = (0..count)
                    .map_while(|_| if end == End::Head { model.pop_front() } else { model.pop_back() })
                    .collect();
                assert_eq!(popped, expected);
            }
            10 => {
                let there = at < model.len();
                assert_eq!(list.set(at, value, limits), there);
                if there {
                    model[at] = value.to_vec();
                }
            }
            11 | 12 => {
                let pivot = model.get(at).cloned().unwrap_or_default();
                let (found, after) = (model.iter().position(|e| *e == pivot), rng.bool());
                assert_eq!(list.insert(&pivot, value, after, limits), found.is_some());
                if let Some(found) = found {
                    model.insert(found + usize::from(after), value.to_vec());
                }
            }
            13 => {
                let count = rng.usize(..5);
                let gone = count.min(model.len() - at);
                assert_eq!(list.remove_range(at, count), gone);
                model.drain(at..at + gone);
            }
            14 => {
                let count = rng.i64(-2..3);
                let mut places: Vec<usize> = (0..model.len()).filter(|&i| model[i] == value).collect();
                if count < 0 {
                    places.reverse();
                }
                if count != 0 {
                    places.truncate(count.unsigned_abs() as usize);
                }
                assert_eq!(list.remove_matching(value, count), places.len());
                places.sort_unstable();
                for place in places.into_iter().rev() {
                    model.remove(place);
                }
            }
            _ => {
                let search = Search {
                    rank: rng.u64(1..3),
                    backwards: rng.bool(),
                    matches: rng.usize(1..4),
                    scanned: rng.usize(..200),
                };
                let mut found = Vec::new();
                list.positions(value, search, |at| found.push(at));
                let mut order: Vec<usize> = (0..model.len()).collect();
                if search.backwards {
                    order.reverse();
                }
                let expected: Vec<usize> = order
                    .into_iter()
                    .take(search.scanned)
                    .filter(|&i| model[i] == value)
                    .skip(search.rank as usize - 1)
                    .take(search.matches)
                    .collect();
                assert_eq!(found, expected);
                assert_eq!(list.with(at, |item| item.to_vec()), model.get(at).cloned());
            }
        }
    }
}
