//! Values out of bytes.
//!
//! Promises: a value is whole and sound or not there: packed forms are walked to their last byte, members and fields
//! that come twice and scores that are no numbers are refused, and an empty collection is told from a damaged one. The
//! encoding is the one that [`Limits`] ask for, as Redis chooses it on loading.

use super::fields::{self, Form};
use super::input::{Input, Source, Text};
use super::{LoadError, LoadErrorKind, kind, node, old, stream};
use crate::base::num;
use crate::object::hash::Field;
use crate::object::list::{End, List};
use crate::object::set::{Member, Set};
use crate::object::sorted_set::{Scored, SortedSet};
use crate::object::{Container, Limits, Typed, Value};
use crate::structs::intset::IntSet;
use crate::structs::listpack::{Item, Listpack, parse_int};
use crate::structs::quicklist::{Chunk, Quicklist};
use crate::structs::table::{Table, hash};
use smallvec::SmallVec;
use triomphe::ThinArc;

/// Entries that room is made for before they have been seen.
const ENTRIES_STEP: usize = 4096;

/// Decimal digits of an integer with its sign, at most.
const INT_MAX_LEN: usize = 20;

/// The value of a type, as Redis or Valkey numbers them; `None` for a collection without elements, which older servers could write.
pub(super) fn value<'i, S: Source>(
    input: &'i mut Input<S>,
    type_byte: u8,
    of_valkey: bool,
    limits: &Limits,
) -> Result<Option<Value<'i>>, LoadError> {
    let container = match type_byte {
        kind::STRING => {
            return Ok(Some(match input.string()? {
                Text::Int(value) => Value::Int(value),
                Text::Bytes(bytes) => Value::Bytes(bytes),
            }));
        }
        kind::LIST => list(input, limits),
        kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => quicklist(input, type_byte == kind::LIST_QUICKLIST_2, limits),
        kind::LIST_ZIPLIST => list_ziplist(input, limits),
        kind::SET => set(input, limits),
        kind::SET_INTSET => set_intset(input, limits),
        kind::SET_LISTPACK => set_listpack(input, limits),
        kind::HASH => hash_pairs(input, limits),
        kind::HASH_ZIPMAP => hash_zipmap(input, limits),
        kind::HASH_ZIPLIST => {
            let pack = ziplist_pairs(input, "Hash ziplist integrity check failed.")?;
            small_hash(input, pack, limits, "Hash ziplist integrity check failed.")
        }
        kind::HASH_LISTPACK => {
            let pack = listpack(input, "Hash listpack integrity check failed.")?;
            small_hash(input, pack, limits, "Hash listpack integrity check failed.")
        }
        kind::ZSET | kind::ZSET_2 => sorted_set(input, type_byte == kind::ZSET_2, limits),
        kind::ZSET_ZIPLIST => {
            let pack = ziplist_pairs(input, "Zset ziplist integrity check failed.")?;
            small_sorted_set(input, pack, limits, "Zset ziplist integrity check failed.")
        }
        kind::ZSET_LISTPACK => {
            let pack = listpack(input, "Zset listpack integrity check failed.")?;
            small_sorted_set(input, pack, limits, "Zset listpack integrity check failed.")
        }
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            stream::stream(input, type_byte)
        }
        kind::HASH_DEADLINES_EARLY if of_valkey => fields::listed(input, Form::Valkey, limits),
        kind::HASH_DEADLINES_EARLY => fields::listed(input, Form::Moments, limits),
        kind::HASH_DEADLINES if !of_valkey => fields::listed(input, Form::Spans, limits),
        kind::HASH_LISTPACK_DEADLINES | kind::HASH_LISTPACK_DEADLINES_EARLY if !of_valkey => {
            fields::packed(input, type_byte == kind::HASH_LISTPACK_DEADLINES, limits)
        }
        other => return Err(refused(input, other)),
    }?;
    input.trim();
    Ok(container.map(Value::Container))
}

/// Why a type is not read.
#[cold]
fn refused<S: Source>(input: &mut Input<S>, type_byte: u8) -> LoadError {
    match type_byte {
        kind::MODULE | kind::MODULE_2 => match input.length() {
            Ok(id) => input.error(LoadErrorKind::Module(module_name(id))),
            Err(error) => error,
        },
        other => input.error(LoadErrorKind::UnknownType(other)),
    }
}

/// A module type's name out of its id: nine times six bits, then ten of a version.
pub(super) fn module_name(id: u64) -> [u8; 9] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array::from_fn(|at| LETTERS[(id >> (10 + 6 * (8 - at))) as usize & 63])
}

// ---- lists -------------------------------------------------------------------------------------------------------

fn list<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let mut list = List::new();
    for _ in 0..input.length()? {
        let mut digits = itoa::Buffer::new();
        list.push(End::Tail, input.string()?.bytes(&mut digits), limits);
    }
    Ok(filled(list))
}

fn list_ziplist<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let mut digits = itoa::Buffer::new();
    let bytes = input.string()?.bytes(&mut digits);
    let mut list = List::new();
    let sound = old::ziplist(bytes, |item| {
        list.push(End::Tail, item.as_str_buf(&mut [0; 24]), limits);
        true
    });
    if !sound {
        return Err(input.corrupt("List ziplist integrity check failed."));
    }
    Ok(filled(list))
}

fn quicklist<S: Source>(
    input: &mut Input<S>,
    has_kinds: bool,
    limits: &Limits,
) -> Result<Option<Container>, LoadError> {
    let mut blocks = Blocks { only: None, list: None, limits };
    for _ in 0..input.length()? {
        let kind = if has_kinds { input.length()? } else { node::PACKED };
        if kind != node::PACKED && kind != node::PLAIN {
            return Err(input.corrupt("Quicklist integrity check failed."));
        }
        let mut digits = itoa::Buffer::new();
        let bytes = input.string()?.bytes(&mut digits);
        if bytes.is_empty() {
            return Err(input.corrupt("Quicklist integrity check failed."));
        }
        if kind == node::PLAIN {
            blocks.push(Chunk::Plain(ThinArc::from_header_and_slice((), bytes)));
            continue;
        }
        let (pack, wrong) = match has_kinds {
            true => (Listpack::from_bytes(bytes).ok(), "Listpack integrity check failed."),
            false => (old::ziplist_to_listpack(bytes), "Ziplist integrity check failed."),
        };
        let Some(pack) = pack else { return Err(input.corrupt(wrong)) };
        if !pack.is_empty() {
            blocks.push(Chunk::Packed(pack));
        }
    }
    Ok(blocks.finish())
}

/// The blocks of a list that is being read: a list of one packed block is no quicklist here.
struct Blocks<'l> {
    only: Option<Listpack>,
    list: Option<Box<Quicklist>>,
    limits: &'l Limits,
}

impl Blocks<'_> {
    fn push(&mut self, chunk: Chunk) {
        match (&mut self.list, chunk) {
            (None, Chunk::Packed(pack)) if self.only.is_none() => self.only = Some(pack),
            (Some(list), chunk) => list.push_node(chunk),
            (None, chunk) => {
                let (fill, depth) = (self.limits.list_max_listpack_size, self.limits.list_compress_depth);
                let mut list = Box::new(Quicklist::new(i64::from(fill), i64::from(depth)));
                list.set_packed_threshold(self.limits.list_packed_threshold);
                if let Some(pack) = self.only.take() {
                    list.push_node(Chunk::Packed(pack));
                }
                list.push_node(chunk);
                self.list = Some(list);
            }
        }
    }

    fn finish(self) -> Option<Container> {
        self.list.map(Container::ListQuick).or(self.only.map(Container::ListPacked))
    }
}

/// The container of a value, if anything is in it.
fn filled<T: Typed>(value: T) -> Option<Container> {
    (!value.is_empty()).then(|| value.into_container())
}

// ---- packed forms ------------------------------------------------------------------------------------------------

/// A listpack of the stream, walked through.
pub(super) fn listpack<S: Source>(input: &mut Input<S>, wrong: &'static str) -> Result<Listpack, LoadError> {
    let mut digits = itoa::Buffer::new();
    let pack = Listpack::from_bytes(input.string()?.bytes(&mut digits));
    pack.map_err(|_| input.corrupt(wrong))
}

/// A ziplist of the stream as a listpack.
fn ziplist_pairs<S: Source>(input: &mut Input<S>, wrong: &'static str) -> Result<Listpack, LoadError> {
    let mut digits = itoa::Buffer::new();
    let pack = old::ziplist_to_listpack(input.string()?.bytes(&mut digits));
    pack.ok_or_else(|| input.corrupt(wrong))
}

/// An element whose form tells whether it equals another, also where it came as digits.
fn canonical(item: Item<'_>) -> Item<'_> {
    match item {
        Item::Bytes(bytes) => parse_int(bytes).map_or(item, Item::Int),
        Item::Int(_) => item,
    }
}

fn item_hash(item: Item<'_>) -> u64 {
    match item {
        Item::Int(value) => hash(&value.to_le_bytes()),
        Item::Bytes(bytes) => hash(bytes),
    }
}

/// Whether two of the elements at each `step`th place are equal. O(n log n) by hashes; allocates from 128 on.
pub(super) fn has_twins(pack: &Listpack, step: usize) -> bool {
    let items = || pack.iter().step_by(step).map(canonical);
    let mut hashes: SmallVec<[u64; 128]> = items().map(item_hash).collect();
    hashes.sort_unstable();
    if hashes.windows(2).all(|pair| pair[0] != pair[1]) {
        return false;
    }
    let mut all: Vec<(u64, Item<'_>)> = items().map(|item| (item_hash(item), item)).collect();
    all.sort_unstable_by_key(|(hash, _)| *hash);
    let twice = |run: &[(u64, Item<'_>)]| (1..run.len()).any(|at| run[..at].iter().any(|one| one.1 == run[at].1));
    all.chunk_by(|a, b| a.0 == b.0).any(twice)
}

// ---- sets --------------------------------------------------------------------------------------------------------

/// A set that is being read, by its form so far.
enum Members {
    Ints(IntSet),
    Packed(Listpack),
    Table(Table<Member>),
}

const TWIN_MEMBERS: &str = "Duplicate set members detected";

fn set<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let len = input.length()?;
    if len == 0 {
        return Ok(None);
    }
    let may_pack = len <= limits.set_max_listpack_entries as u64;
    let mut members = match len <= limits.set_max_intset_entries.min(1 << 30) as u64 {
        true => Members::Ints(IntSet::new()),
        false if may_pack => Members::Packed(Listpack::new()),
        false => Members::Table(Table::new()),
    };
    for _ in 0..len {
        let mut digits = itoa::Buffer::new();
        let member = input.string()?.bytes(&mut digits);
        if let Members::Ints(ints) = &mut members {
            match parse_int(member) {
                Some(value) if ints.insert(value) => continue,
                Some(_) => return Err(input.corrupt(TWIN_MEMBERS)),
                None => members = leave_ints(ints, may_pack && limits.set_max_listpack_value >= INT_MAX_LEN),
            }
        }
        if let Members::Packed(pack) = &mut members {
            if member.len() <= limits.set_max_listpack_value && pack.would_fit(member.len()) {
                pack.push_back(member);
                continue;
            }
            match unpack_members(pack) {
                Some(table) => members = Members::Table(table),
                None => return Err(input.corrupt(TWIN_MEMBERS)),
            }
        }
        if let Members::Table(table) = &mut members
            && !table.find_or_insert_with(hash(member), member, || Member::new(member)).1
        {
            return Err(input.corrupt(TWIN_MEMBERS));
        }
    }
    Ok(Some(match members {
        Members::Ints(ints) => Container::SetInts(ints),
        Members::Packed(pack) if has_twins(&pack, 1) => return Err(input.corrupt(TWIN_MEMBERS)),
        Members::Packed(pack) => Container::SetPacked(pack),
        Members::Table(table) => Container::SetTable(Box::new(table)),
    }))
}

fn leave_ints(ints: &IntSet, packed: bool) -> Members {
    let mut pack = Listpack::new();
    let mut table = Table::new();
    for value in ints {
        if packed {
            pack.push_back_int(value);
        } else {
            let mut digits = itoa::Buffer::new();
            let member = digits.format(value).as_bytes();
            table.insert(hash(member), Member::new(member));
        }
    }
    if packed { Members::Packed(pack) } else { Members::Table(table) }
}

/// The elements as the members of a table; `None` when one comes twice.
fn unpack_members(pack: &Listpack) -> Option<Table<Member>> {
    let mut table = Table::new();
    for item in pack {
        let mut digits = [0; 24];
        let member = item.as_str_buf(&mut digits);
        if table.insert(hash(member), Member::new(member)).is_some() {
            return None;
        }
    }
    Some(table)
}

fn set_intset<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let mut digits = itoa::Buffer::new();
    let ints = IntSet::from_bytes(input.string()?.bytes(&mut digits)).ok().filter(|ints| !ints.is_empty());
    let Some(ints) = ints else { return Err(input.corrupt("Intset integrity check failed.")) };
    let too_many = ints.len() > limits.set_max_intset_entries;
    let mut container = Container::SetInts(ints);
    if too_many && let Some(set) = Set::of_mut(&mut container) {
        set.abandon_ints(limits);
    }
    Ok(Some(container))
}

fn set_listpack<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    const WRONG: &str = "Set listpack integrity check failed.";
    let pack = listpack(input, WRONG)?;
    if pack.is_empty() {
        return Ok(None);
    }
    if pack.len() <= limits.set_max_listpack_entries {
        if has_twins(&pack, 1) {
            return Err(input.corrupt(WRONG));
        }
        return Ok(Some(Container::SetPacked(pack)));
    }
    let table = unpack_members(&pack).ok_or_else(|| input.corrupt(WRONG))?;
    Ok(Some(Container::SetTable(Box::new(table))))
}

// ---- hashes ------------------------------------------------------------------------------------------------------

pub(super) const TWIN_FIELDS: &str = "Duplicate hash fields detected";

fn hash_pairs<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let len = input.length()?;
    if len == 0 {
        return Ok(None);
    }
    let longest = limits.hash_max_listpack_value;
    let mut pack = (len <= limits.hash_max_listpack_entries as u64).then(Listpack::new);
    let mut table = Table::new();
    let mut field = Vec::new();
    for _ in 0..len {
        field.clear();
        input.string_into(&mut field)?;
        let mut digits = itoa::Buffer::new();
        let value = input.string()?.bytes(&mut digits);
        if let Some(small) = &mut pack {
            if field.len() <= longest && value.len() <= longest && small.would_fit(field.len() + value.len()) {
                small.push_back(&field);
                small.push_back(value);
                continue;
            }
            match unpack_fields(small) {
                Some(fields) => (table, pack) = (fields, None),
                None => return Err(input.corrupt(TWIN_FIELDS)),
            }
        }
        if !table.find_or_insert_with(hash(&field), &field, || Field::new(&field, value)).1 {
            return Err(input.corrupt(TWIN_FIELDS));
        }
    }
    match pack {
        Some(pack) if has_twins(&pack, 2) => Err(input.corrupt("Hash with dup elements")),
        Some(pack) => Ok(Some(Container::HashPacked(pack))),
        None => Ok(Some(Container::HashTable(Box::new(table)))),
    }
}

/// Pairs of elements as the fields of a table; `None` when one comes twice or has no value.
fn unpack_fields(pack: &Listpack) -> Option<Table<Field>> {
    let mut table = Table::new();
    let mut items = pack.iter();
    while let Some(field) = items.next() {
        let (mut field_digits, mut value_digits) = ([0; 24], [0; 24]);
        let field = field.as_str_buf(&mut field_digits);
        let value = items.next()?;
        let entry = Field::new(field, value.as_str_buf(&mut value_digits));
        if table.insert(hash(field), entry).is_some() {
            return None;
        }
    }
    Some(table)
}

/// A hash of a listpack. Its values may be longer than the limit, as in Redis; only their number counts.
fn small_hash<S: Source>(
    input: &Input<S>,
    pack: Listpack,
    limits: &Limits,
    wrong: &'static str,
) -> Result<Option<Container>, LoadError> {
    let len = pack.len();
    if len == 0 {
        return Ok(None);
    }
    if len % 2 == 1 {
        return Err(input.corrupt(wrong));
    }
    if len / 2 <= limits.hash_max_listpack_entries {
        return if has_twins(&pack, 2) { Err(input.corrupt(wrong)) } else { Ok(Some(Container::HashPacked(pack))) };
    }
    let table = unpack_fields(&pack).ok_or_else(|| input.corrupt(wrong))?;
    Ok(Some(Container::HashTable(Box::new(table))))
}

fn hash_zipmap<S: Source>(input: &mut Input<S>, limits: &Limits) -> Result<Option<Container>, LoadError> {
    let mut digits = itoa::Buffer::new();
    let Some((pack, longest)) = old::zipmap_to_listpack(input.string()?.bytes(&mut digits)) else {
        return Err(input.corrupt("Zipmap integrity check failed."));
    };
    let is_small = longest <= limits.hash_max_listpack_value;
    let limits = if is_small { limits } else { &Limits { hash_max_listpack_entries: 0, ..limits.clone() } };
    small_hash(input, pack, limits, "Hash zipmap with dup elements, or big length")
}

// ---- sorted sets -------------------------------------------------------------------------------------------------

const TWIN_SCORED: &str = "Duplicate zset fields detected";

fn sorted_set<S: Source>(
    input: &mut Input<S>,
    is_binary: bool,
    limits: &Limits,
) -> Result<Option<Container>, LoadError> {
    let len = input.length()?;
    let mut entries = Vec::with_capacity(len.min(ENTRIES_STEP as u64) as usize);
    let mut member = Vec::new();
    for _ in 0..len {
        member.clear();
        input.string_into(&mut member)?;
        let score = if is_binary { f64::from_le_bytes(input.array()?) } else { old_score(input)? };
        if score.is_nan() {
            return Err(input.corrupt("Zset with NAN score detected"));
        }
        entries.push(Scored::new(&member, score));
    }
    if entries.is_empty() {
        return Ok(None);
    }
    scores(entries, limits).map(Some).ok_or_else(|| input.corrupt(TWIN_SCORED))
}

/// A score as text with its length in one byte, of which three stand for numbers without digits.
fn old_score<S: Source>(input: &mut Input<S>) -> Result<f64, LoadError> {
    match input.byte()? {
        255 => Ok(f64::NEG_INFINITY),
        254 => Ok(f64::INFINITY),
        253 => Ok(f64::NAN),
        len => {
            let score = num::parse_f64(input.bytes(u64::from(len))?);
            score.ok_or_else(|| input.corrupt("Error reading double value"))
        }
    }
}

/// A sorted set of entries in any order; `None` when a member comes twice. O(n) where they are in order, either way.
fn scores(entries: Vec<Scored>, limits: &Limits) -> Option<Container> {
    let count = entries.len();
    let set = SortedSet::from_entries(entries, limits);
    let sound = match set.packed() {
        Some(pack) => !has_twins(pack, 2),
        None => set.len() == count,
    };
    sound.then(|| set.into_container())
}

/// A sorted set of a listpack. Members may be longer than the limit, as in Redis; only their number counts.
fn small_sorted_set<S: Source>(
    input: &Input<S>,
    pack: Listpack,
    limits: &Limits,
    wrong: &'static str,
) -> Result<Option<Container>, LoadError> {
    let len = pack.len();
    if len == 0 {
        return Ok(None);
    }
    if len % 2 == 1 {
        return Err(input.corrupt(wrong));
    }
    let (mut sorted, mut before) = (true, None);
    let mut items = pack.iter();
    while let (Some(member), Some(score)) = (items.next(), items.next()) {
        let Some(score) = stored_score(score) else { return Err(input.corrupt(wrong)) };
        if let Some((last_score, last)) = before.replace((score, member)) {
            sorted &= last_score < score || (last_score == score && comes_before(last, member));
        }
    }
    if sorted && len / 2 <= limits.zset_max_listpack_entries {
        return if has_twins(&pack, 2) { Err(input.corrupt(wrong)) } else { Ok(Some(Container::ZsetPacked(pack))) };
    }
    let mut entries = Vec::with_capacity(len / 2);
    let mut items = pack.iter();
    while let (Some(member), Some(score)) = (items.next(), items.next()) {
        let score = stored_score(score).unwrap_or_default();
        entries.push(Scored::new(member.as_str_buf(&mut [0; 24]), score));
    }
    // What was packed stays packed, however long its members are.
    let limits = Limits { zset_max_listpack_value: usize::MAX, ..limits.clone() };
    scores(entries, &limits).map(Some).ok_or_else(|| input.corrupt(wrong))
}

fn stored_score(item: Item<'_>) -> Option<f64> {
    match item {
        Item::Int(value) => Some(value as f64),
        Item::Bytes(bytes) => num::parse_f64(bytes).filter(|score| !score.is_nan()),
    }
}

fn comes_before(a: Item<'_>, b: Item<'_>) -> bool {
    match (a, b) {
        (Item::Bytes(a), Item::Bytes(b)) => a < b,
        _ => a.as_str_buf(&mut [0; 24]) < b.as_str_buf(&mut [0; 24]),
    }
}
