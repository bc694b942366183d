//! One block of a stream: up to some thousand bytes of entries in a listpack, in Redis's own layout, since blocks go
//! verbatim into snapshot files.
//!
//! ```text
//! block   live | deleted | number of fields N | field 1 ... field N | 0 | entry ...
//! entry   flags | ms | seq | value 1 ... value N | count                             with SAME_FIELDS
//!         flags | ms | seq | M | field 1 | value 1 ... field M | value M | count     else
//! ```
//!
//! `ms` and `seq` are differences to the id the block is filed under; `count` is the number of items of the entry before
//! it, by which it is walked backwards. Deleted entries are only marked.
//!
//! Promise: walking a block that passed [`validate`] sees each entry once; one that did not may show nonsense, and never
//! panics.

use super::StreamId;
use crate::structs::listpack::{Item, Iter, Listpack, Pos};
use smallvec::SmallVec;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Room a block begins with when its stream already has others, in bytes.
const ROOM_MAX_BYTES: usize = 4096;
/// What the allocation of a listpack takes beside its entries, in bytes.
const OVERHEAD_BYTES: usize = 15;

/// An entry, read.
#[derive(Clone)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    /// Whether it is only the mark of one that was deleted.
    pub deleted: bool,
    fields: usize,
    /// The block's own fields, when they are those of the entry.
    names: Option<Iter<'a>>,
    items: Iter<'a>,
    at: Pos,
}

impl<'a> Entry<'a> {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// Fields with their values.
    pub fn fields(&self) -> Fields<'a> {
        Fields { left: self.fields, names: self.names.clone(), items: self.items.clone() }
    }
}

/// The fields of an entry with their values, in order.
pub struct Fields<'a> {
    left: usize,
    names: Option<Iter<'a>>,
    items: Iter<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.names {
            Some(names) => names.next()?,
            None => self.items.next()?,
        };
        Some((field, self.items.next()?))
    }
}

fn int(item: Option<Item<'_>>) -> Option<i64> {
    item?.to_int()
}

fn count(item: Option<Item<'_>>) -> Option<usize> {
    usize::try_from(int(item)?).ok()
}

/// A walk over the entries of a block, from both ends.
pub struct Walk<'a> {
    pack: &'a Listpack,
    base: StreamId,
    names: Iter<'a>,
    fields: usize,
    rest: Iter<'a>,
    /// The `count` of the entry that comes next backwards.
    back: Option<Pos>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(base: StreamId, pack: &'a Listpack) -> Walk<'a> {
        let mut rest = pack.iter();
        rest.nth(1);
        let fields = count(rest.next()).unwrap_or(0);
        let names = rest.clone();
        rest.nth(fields);
        Walk { pack, base, names, fields, rest, back: pack.last() }
    }

    /// The next entry towards the end.
    pub(super) fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.read(self.rest.pos()?, self.rest.clone())?;
        self.rest = entry.items.clone();
        let items = if entry.names.is_some() { entry.fields } else { entry.fields.checked_mul(2)? };
        // The count after them too.
        self.rest.nth(items);
        Some(entry)
    }

    /// The next entry towards the start. Not to be mixed with `next`.
    pub(super) fn next_back(&mut self) -> Option<Entry<'a>> {
        let last = self.back?;
        let mut at = last;
        for _ in 0..count(Some(self.pack.get(last))).filter(|count| *count > 0)? {
            at = self.pack.prev(at)?;
        }
        self.back = self.pack.prev(at);
        self.read(at, self.pack.iter_from(at))
    }

    fn read(&self, at: Pos, mut items: Iter<'a>) -> Option<Entry<'a>> {
        let flags = int(items.next())?;
        let ms = self.base.ms.wrapping_add(int(items.next())? as u64);
        let seq = self.base.seq.wrapping_add(int(items.next())? as u64);
        let same = flags & SAME_FIELDS != 0;
        let fields = if same { self.fields } else { count(items.next())? };
        let names = same.then(|| self.names.clone());
        Some(Entry { id: StreamId { ms, seq }, deleted: flags & DELETED != 0, fields, names, items, at })
    }
}

/// Entries of a block that are not deleted.
pub(super) fn live(pack: &Listpack) -> u64 {
    int(pack.iter().next()).and_then(|live| u64::try_from(live).ok()).unwrap_or(0)
}

/// Entries of a block, deleted ones included.
pub(super) fn entries(pack: &Listpack) -> u64 {
    pack.iter().take(2).filter_map(|item| item.to_int()).fold(0, |sum, count| sum.saturating_add_signed(count))
}

/// A block whose first entry, with this id, is to have these fields and values; empty but for its head. `room`: whether
/// many entries are expected, and of how many bytes at most.
pub(super) fn new<'w>(words: impl Iterator<Item = &'w [u8]> + Clone, room: Option<usize>) -> Listpack {
    let mut pack =
        Listpack::with_capacity(room.map_or(0, |room| room.min(ROOM_MAX_BYTES).saturating_sub(OVERHEAD_BYTES)));
    pack.push_back_int(0);
    pack.push_back_int(0);
    pack.push_back_int((words.clone().count() / 2) as i64);
    words.step_by(2).for_each(|field| {
        pack.push_back(field);
    });
    pack.push_back_int(0);
    pack
}

/// Adds an entry at the end of a block: its fields and values in turn.
pub(super) fn append<'w>(
    pack: &mut Listpack,
    base: StreamId,
    id: StreamId,
    words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
) {
    let fields = words.len() / 2;
    let mut head = pack.iter();
    let live = int(head.next()).unwrap_or(0);
    head.next();
    let same = count(head.next()) == Some(fields)
        && words.clone().step_by(2).all(|field| head.next().is_some_and(|name| name == *field));
    if let Some(first) = pack.first() {
        pack.replace_int(first, live + 1);
    }
    pack.push_back_int(if same { SAME_FIELDS } else { 0 });
    pack.push_back_int(id.ms.wrapping_sub(base.ms) as i64);
    pack.push_back_int(id.seq.wrapping_sub(base.seq) as i64);
    if same {
        words.skip(1).step_by(2).for_each(|value| {
            pack.push_back(value);
        });
        pack.push_back_int(fields as i64 + 3);
    } else {
        pack.push_back_int(fields as i64);
        words.for_each(|word| {
            pack.push_back(word);
        });
        pack.push_back_int(2 * fields as i64 + 4);
    }
}

/// Marks the first `most` live entries as deleted, up to the first one that `stop` refuses; answers how many.
pub(super) fn delete(
    pack: &mut Listpack,
    base: StreamId,
    most: u64,
    mut choose: impl FnMut(StreamId) -> Choice,
) -> u64 {
    let mut marks: SmallVec<[(Pos, i64); 16]> = SmallVec::new();
    let mut walk = Walk::new(base, pack);
    while (marks.len() as u64) < most
        && let Some(entry) = walk.next()
    {
        if entry.deleted {
            continue;
        }
        match choose(entry.id) {
            Choice::Delete => {
                marks.push((entry.at, if entry.names.is_some() { SAME_FIELDS | DELETED } else { DELETED }));
            }
            Choice::Keep => {}
            Choice::Stop => break,
        }
    }
    let deleted = marks.len() as u64;
    if deleted == 0 {
        return 0;
    }
    // From the end on: flags from a foreign writer may change their size, which moves what is behind them.
    for (at, flags) in marks.into_iter().rev() {
        pack.replace_int(at, flags);
    }
    let mut head = pack.iter();
    let (live, dead) = (int(head.next()).unwrap_or(0), int(head.next()).unwrap_or(0));
    if let Some(first) = pack.first() {
        let first = pack.replace_int(first, live.saturating_sub_unsigned(deleted));
        if let Some(second) = pack.next(first) {
            pack.replace_int(second, dead.saturating_add_unsigned(deleted));
        }
    }
    deleted
}

/// What is to become of a live entry.
pub(super) enum Choice {
    Delete,
    Keep,
    Stop,
}

/// Checks a block from outside. O(bytes). Errors: it is not laid out as above, or its counts are wrong.
pub(super) fn validate(pack: &Listpack) -> Result<(), &'static str> {
    const CUT: &str = "stream block that ends within its head or an entry";
    let mut items = pack.iter();
    let number = |items: &mut Iter<'_>| match items.next() {
        Some(Item::Int(number)) => Ok(number),
        Some(Item::Bytes(_)) => Err("stream block with text where a number belongs"),
        None => Err(CUT),
    };
    let (live, deleted, fields) = (number(&mut items)?, number(&mut items)?, number(&mut items)?);
    let fields = usize::try_from(fields).map_err(|_| "stream block with a negative number of fields")?;
    if fields > 0 {
        items.nth(fields - 1).ok_or(CUT)?;
    }
    if number(&mut items)? != 0 {
        return Err("stream block whose head does not end");
    }
    let (mut seen_live, mut seen_deleted) = (0, 0);
    while items.pos().is_some() {
        let flags = number(&mut items)?;
        number(&mut items)?;
        number(&mut items)?;
        let (skipped, head) = match flags & SAME_FIELDS {
            0 => {
                let fields = usize::try_from(number(&mut items)?).ok().and_then(|fields| fields.checked_mul(2));
                (fields.ok_or("stream entry with a wrong number of fields")?, 4)
            }
            _ => (fields, 3),
        };
        if skipped > 0 {
            items.nth(skipped - 1).ok_or(CUT)?;
        }
        if usize::try_from(number(&mut items)?).ok() != skipped.checked_add(head) {
            return Err("stream entry with a wrong number of items");
        }
        *(if flags & DELETED == 0 { &mut seen_live } else { &mut seen_deleted }) += 1;
    }
    if (seen_live, seen_deleted) != (live, deleted) {
        return Err("stream block with other entries than it says");
    }
    Ok(())
}
