//! Lists: pushing, popping, moving and finding elements, held in `object::List`.
//!
//! Owns the list group; the commands that wait for an element are in `lists/blocking.rs`. Promise: everything is parsed
//! and checked before a key is touched, and a command that finds nothing to do tells nobody.

mod blocking;

use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::Event;
use crate::object::Kind;
use crate::object::list::{End, List, Search};
use crate::resp::reply::Reply;
use crate::structs::listpack::Item;
use smallvec::SmallVec;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("lpush", lpush),
    data("rpush", rpush),
    data("lpushx", lpushx),
    data("rpushx", rpushx),
    data("lpop", lpop),
    data("rpop", rpop),
    data("llen", llen),
    data("lindex", lindex),
    data("lset", lset),
    data("lrange", lrange),
    data("ltrim", ltrim),
    data("lrem", lrem),
    data("linsert", linsert),
    data("lpos", lpos),
    data("lmove", lmove),
    data("rpoplpush", rpoplpush),
    data("lmpop", lmpop),
    data("blpop", blocking::blpop),
    data("brpop", blocking::brpop),
    data("blmove", blocking::blmove),
    data("brpoplpush", blocking::brpoplpush),
    data("blmpop", blocking::blmpop),
];

// ---- pushing -----------------------------------------------------------------------------------------------------

fn lpush(cx: &mut DataCx<'_>) -> CmdResult {
    push(cx, End::Head)
}

fn rpush(cx: &mut DataCx<'_>) -> CmdResult {
    push(cx, End::Tail)
}

fn lpushx(cx: &mut DataCx<'_>) -> CmdResult {
    push_existing(cx, End::Head)
}

fn rpushx(cx: &mut DataCx<'_>) -> CmdResult {
    push_existing(cx, End::Tail)
}

#[inline]
fn push(cx: &mut DataCx<'_>, end: End) -> CmdResult {
    let (key, elements) = (cx.args.at(1), cx.args.from(2));
    let list = cx.db.edit_or_create(key, || List::with_room(elements.len(), elements.byte_len()))?;
    for element in elements.iter() {
        list.push(end, element, cx.limits);
    }
    let len = list.len();
    cx.db.changed_by(key, pushed(end), elements.len());
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn push_existing(cx: &mut DataCx<'_>, end: End) -> CmdResult {
    let (key, elements) = (cx.args.at(1), cx.args.from(2));
    let Some(list) = cx.db.edit::<List>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    for element in elements.iter() {
        list.push(end, element, cx.limits);
    }
    let len = list.len();
    cx.db.changed_by(key, pushed(end), elements.len());
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

// ---- popping -----------------------------------------------------------------------------------------------------

fn lpop(cx: &mut DataCx<'_>) -> CmdResult {
    pop(cx, End::Head, "lpop")
}

fn rpop(cx: &mut DataCx<'_>) -> CmdResult {
    pop(cx, End::Tail, "rpop")
}

#[inline]
fn pop(cx: &mut DataCx<'_>, end: End, name: &str) -> CmdResult {
    match cx.args.len() {
        2 => {
            if !pop_one(cx, cx.args.at(1), end)? {
                cx.reply.null();
            }
        }
        3 => {
            let count = usize::try_from(cx.integer(2).map_err(|_| CommandError::NOT_POSITIVE)?)
                .map_err(|_| CommandError::NOT_POSITIVE)?;
            if pop_count(cx, cx.args.at(1), end, count)?.is_none() {
                cx.reply.null_array();
            }
        }
        _ => return Err(CommandError::arity(name)),
    }
    Ok(Outcome::Done)
}

/// Pops one element and writes it; false, and nothing is written, when the key is missing.
#[inline]
fn pop_one(cx: &mut DataCx<'_>, key: &[u8], end: End) -> Result<bool, CommandError> {
    let Some(list) = cx.db.edit::<List>(key)? else { return Ok(false) };
    let reply = &mut *cx.reply;
    if list.pop_with(end, |item| write(reply, item)).is_none() {
        return Ok(false);
    }
    let emptied = list.is_empty();
    popped_from(cx, key, end, 1, emptied);
    Ok(true)
}

/// Pops up to `count` elements and writes them as an array; answers how many, or `None`, and nothing is written, when
/// the key is missing.
fn pop_count(cx: &mut DataCx<'_>, key: &[u8], end: End, count: usize) -> Result<Option<usize>, CommandError> {
    if count == 0 {
        match cx.db.kind(key) {
            None => return Ok(None),
            Some(Kind::List) => {}
            Some(_) => return Err(CommandError::WRONG_TYPE),
        }
        cx.reply.empty_array();
        return Ok(Some(0));
    }
    let Some(list) = cx.db.edit::<List>(key)? else { return Ok(None) };
    let count = count.min(list.len());
    let reply = &mut *cx.reply;
    reply.array(count);
    if count == list.len() {
        // The whole value goes at once, and somewhere else if it is large.
        match end {
            End::Head => list.for_range(0, count, |item| write(reply, item)),
            End::Tail => list.for_range_back(count - 1, count, |item| write(reply, item)),
        }
        cx.db.delete(key);
        cx.db.changed_by(key, popped(end), count);
        cx.db.changed_by(key, Event::DEL, 0);
    } else {
        list.pop_many(end, count, |item| write(reply, item));
        popped_from(cx, key, end, count, false);
    }
    Ok(Some(count))
}

/// Tells that elements were popped, and deletes the key if that was the last of them.
#[inline]
fn popped_from(cx: &mut DataCx<'_>, key: &[u8], end: End, count: usize, emptied: bool) {
    cx.db.changed_by(key, popped(end), count);
    if emptied {
        cx.db.delete_if_empty::<List>(key);
    }
}

fn lmpop(cx: &mut DataCx<'_>) -> CmdResult {
    let request = MultiPop::parse(cx, 1)?;
    for at in request.keys.clone() {
        if request.serve(cx, cx.args.at(at))? {
            return Ok(Outcome::Done);
        }
    }
    cx.reply.null_array();
    Ok(Outcome::Done)
}

/// What LMPOP and BLMPOP ask for.
struct MultiPop {
    /// Positions of the keys.
    keys: std::ops::Range<usize>,
    end: End,
    count: usize,
}

impl MultiPop {
    /// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]`, where `numkeys` is at this position.
    fn parse(cx: &DataCx<'_>, at: usize) -> Result<MultiPop, CommandError> {
        let positive = |at: usize, error: CommandError| match cx.integer(at) {
            Ok(number) if number > 0 => Ok(number as usize),
            _ => Err(error),
        };
        let keys = positive(at, CommandError::NUMKEYS_NOT_POSITIVE)?;
        let side = (at + 1).checked_add(keys).filter(|&side| side < cx.args.len()).ok_or(CommandError::SYNTAX)?;
        let end = end_at(cx, side)?;
        let count = match cx.args.len() - (side + 1) {
            0 => 1,
            _ if !cx.args.is(side + 1, "COUNT") => return Err(CommandError::SYNTAX),
            1 => return Err(CommandError::SYNTAX),
            more => {
                let count = positive(side + 2, CommandError::COUNT_NOT_POSITIVE)?;
                if more > 2 {
                    return Err(CommandError::SYNTAX);
                }
                count
            }
        };
        Ok(MultiPop { keys: at + 1..side, end, count })
    }

    /// Pops from one key; false, and nothing is written, when it is missing.
    fn serve(&self, cx: &mut DataCx<'_>, key: &[u8]) -> Result<bool, CommandError> {
        let mark = cx.reply.mark();
        cx.reply.array(2);
        cx.reply.bulk(key);
        let Some(count) = pop_count(cx, key, self.end, self.count)? else {
            cx.reply.rollback(mark);
            return Ok(false);
        };
        let mut digits = itoa::Buffer::new();
        cx.effects.propagate_instead(&[pop_command(self.end), key, digits.format(count).as_bytes()]);
        Ok(true)
    }
}

// ---- moving ------------------------------------------------------------------------------------------------------

fn lmove(cx: &mut DataCx<'_>) -> CmdResult {
    let (from, to) = (end_at(cx, 3)?, end_at(cx, 4)?);
    if !move_element(cx, from, to)? {
        cx.reply.null();
    }
    Ok(Outcome::Done)
}

fn rpoplpush(cx: &mut DataCx<'_>) -> CmdResult {
    if !move_element(cx, End::Tail, End::Head)? {
        cx.reply.null();
    }
    Ok(Outcome::Done)
}

/// Moves an element between the lists of the first two arguments and writes it; false, and nothing is written, when
/// there is none.
fn move_element(cx: &mut DataCx<'_>, from: End, to: End) -> Result<bool, CommandError> {
    let (source, destination) = (cx.args.at(1), cx.args.at(2));
    // A source that is missing comes before a destination of another type.
    let fits = source == destination || matches!(cx.db.kind(destination), None | Some(Kind::List));
    let Some(list) = cx.db.edit::<List>(source)? else { return Ok(false) };
    if !fits {
        return Err(CommandError::WRONG_TYPE);
    }
    let mut element = SmallVec::<[u8; 64]>::new();
    let copied = list.pop_with(from, |item| element.extend_from_slice(item.as_str_buf(&mut [0; 24])));
    if copied.is_none() {
        return Ok(false);
    }
    if source == destination {
        list.push(to, &element, cx.limits);
        cx.db.changed_by(destination, pushed(to), 0);
        cx.db.changed(source, popped(from));
    } else {
        let emptied = list.is_empty();
        let list = cx.db.edit_or_create(destination, || List::with_room(1, element.len()))?;
        list.push(to, &element, cx.limits);
        cx.db.changed_by(destination, pushed(to), 0);
        popped_from(cx, source, from, 1, emptied);
    }
    cx.reply.bulk(&element);
    Ok(true)
}

// ---- reading -----------------------------------------------------------------------------------------------------

fn llen(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<List>(cx.args.at(1))?.map_or(0, List::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn lindex(cx: &mut DataCx<'_>) -> CmdResult {
    let index = cx.integer(2);
    let reply = &mut *cx.reply;
    let Some(list) = cx.db.get::<List>(cx.args.at(1))? else {
        reply.null();
        return Ok(Outcome::Done);
    };
    let read = list.resolve(index?).and_then(|at| list.with(at, |item| write(reply, item)));
    if read.is_none() {
        reply.null();
    }
    Ok(Outcome::Done)
}

fn lrange(cx: &mut DataCx<'_>) -> CmdResult {
    let (start, stop) = (cx.integer(2)?, cx.integer(3)?);
    let reply = &mut *cx.reply;
    let Some(list) = cx.db.get::<List>(cx.args.at(1))? else {
        reply.empty_array();
        return Ok(Outcome::Done);
    };
    let range = clamp(start, stop, list.len());
    reply.array(range.len());
    list.for_range(range.start, range.len(), |item| write(reply, item));
    Ok(Outcome::Done)
}

fn lpos(cx: &mut DataCx<'_>) -> CmdResult {
    let (mut rank, mut count, mut scanned) = (1i64, None, 0);
    let mut at = 3;
    while at < cx.args.len() {
        if at + 1 == cx.args.len() {
            return Err(CommandError::SYNTAX);
        }
        let not_negative = |error: CommandError| match cx.integer(at + 1) {
            Ok(number) if number >= 0 => Ok(number as usize),
            _ => Err(error),
        };
        if cx.args.is(at, "RANK") {
            rank = cx.integer(at + 1)?;
            if rank == 0 {
                return Err(CommandError::RANK_ZERO);
            }
        } else if cx.args.is(at, "COUNT") {
            count = Some(not_negative(CommandError::COUNT_NEGATIVE)?);
        } else if cx.args.is(at, "MAXLEN") {
            scanned = not_negative(CommandError::MAXLEN_NEGATIVE)?;
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 2;
    }
    let or_all = |number: usize| if number == 0 { usize::MAX } else { number };
    let search = Search {
        // The least integer has no opposite; like Redis, it is taken for the last match.
        rank: if rank < 0 { rank.checked_neg().unwrap_or(1) } else { rank } as u64,
        backwards: rank < 0,
        matches: or_all(count.unwrap_or(1)),
        scanned: or_all(scanned),
    };
    let reply = &mut *cx.reply;
    let list = cx.db.get::<List>(cx.args.at(1))?;
    if count.is_none() {
        let mut first = None;
        if let Some(list) = list {
            list.positions(cx.args.at(2), search, |at| first = Some(at));
        }
        match first {
            Some(at) => reply.integer(at as i64),
            None => reply.null(),
        }
        return Ok(Outcome::Done);
    }
    let (place, mut found) = (reply.defer_array(), 0);
    if let Some(list) = list {
        list.positions(cx.args.at(2), search, |at| {
            reply.integer(at as i64);
            found += 1;
        });
    }
    reply.finish_array(place, found);
    Ok(Outcome::Done)
}

// ---- changing ----------------------------------------------------------------------------------------------------

fn lset(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, index, element) = (cx.args.at(1), cx.integer(2), cx.args.at(3));
    let list = cx.db.edit::<List>(key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let at = list.resolve(index?).ok_or(CommandError::INDEX_OUT_OF_RANGE)?;
    list.set(at, element, cx.limits);
    cx.db.changed(key, Event::LSET);
    cx.reply.ok();
    Ok(Outcome::Done)
}

fn ltrim(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, start, stop) = (cx.args.at(1), cx.integer(2)?, cx.integer(3)?);
    if let Some(list) = cx.db.edit::<List>(key)? {
        let len = list.len();
        let kept = clamp(start, stop, len);
        if kept.is_empty() {
            // The whole value goes at once, and somewhere else if it is large.
            cx.db.delete(key);
            cx.db.changed_by(key, Event::LTRIM, len);
            cx.db.changed_by(key, Event::DEL, 0);
        } else {
            list.remove_range(kept.end, len - kept.end);
            list.remove_range(0, kept.start);
            cx.db.changed_by(key, Event::LTRIM, len - kept.len());
        }
    }
    cx.reply.ok();
    Ok(Outcome::Done)
}

fn lrem(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, count, element) = (cx.args.at(1), cx.integer(2)?, cx.args.at(3));
    let mut removed = 0;
    if let Some(list) = cx.db.edit::<List>(key)? {
        removed = list.remove_matching(element, count);
        let emptied = list.is_empty();
        if removed > 0 {
            cx.db.changed_by(key, Event::LREM, removed);
        }
        if emptied {
            cx.db.delete_if_empty::<List>(key);
        }
    }
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}

fn linsert(cx: &mut DataCx<'_>) -> CmdResult {
    let after = match (cx.args.is(2, "AFTER"), cx.args.is(2, "BEFORE")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(CommandError::SYNTAX),
    };
    let (key, pivot, element) = (cx.args.at(1), cx.args.at(3), cx.args.at(4));
    let Some(list) = cx.db.edit::<List>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    if !list.insert(pivot, element, after, cx.limits) {
        cx.reply.integer(-1);
        return Ok(Outcome::Done);
    }
    let len = list.len();
    cx.db.changed(key, Event::LINSERT);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

// ---- pieces ------------------------------------------------------------------------------------------------------

/// The end that the argument at a position names.
fn end_at(cx: &DataCx<'_>, at: usize) -> Result<End, CommandError> {
    if cx.args.is(at, "LEFT") {
        Ok(End::Head)
    } else if cx.args.is(at, "RIGHT") {
        Ok(End::Tail)
    } else {
        Err(CommandError::SYNTAX)
    }
}

fn pushed(end: End) -> Event {
    match end {
        End::Head => Event::LPUSH,
        End::Tail => Event::RPUSH,
    }
}

fn popped(end: End) -> Event {
    match end {
        End::Head => Event::LPOP,
        End::Tail => Event::RPOP,
    }
}

fn pop_command(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPOP",
        End::Tail => b"RPOP",
    }
}

/// The elements of a list of `len` between two indexes, both included and negative from the tail.
fn clamp(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let len = len as i64;
    let from_head = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, end) = (from_head(start).max(0), from_head(stop).min(len - 1) + 1);
    if start >= end { 0..0 } else { start as usize..end as usize }
}

/// An element as a string.
#[inline]
fn write(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(value) => reply.bulk_int(value),
    }
}

#[cfg(test)]
mod tests;
