//! Sets: members, random members, and operations on several sets, held in `object::Set`.
//!
//! Owns the set group; intersections, unions and differences are in `sets/algebra.rs`. Promise: everything is parsed and
//! checked before a key is touched. Members come in no promised order.

mod algebra;

use super::elements::repeated_bound;
use super::keys::cursor;
use crate::base::glob::{glob_match, matches_all};
use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{Event, Expiry};
use crate::object::{Kind, Set, Typed, Value};
use crate::resp::reply::Reply;
use crate::structs::listpack::Item;
use smallvec::SmallVec;

/// Most members of one SREM that SPOP is repeated as.
const SREM_MEMBERS: usize = 1024;

/// When more than so many times the members that would remain are popped, those that remain are picked instead.
const KEEP_RATIO: usize = 5;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("sadd", sadd),
    data("srem", srem),
    data("scard", scard),
    data("sismember", sismember),
    data("smismember", smismember),
    data("smembers", smembers),
    data("smove", smove),
    data("spop", spop),
    data("srandmember", srandmember),
    data("sscan", sscan),
    data("sinter", algebra::sinter),
    data("sintercard", algebra::sintercard),
    data("sinterstore", algebra::sinterstore),
    data("sunion", algebra::sunion),
    data("sunionstore", algebra::sunionstore),
    data("sdiff", algebra::sdiff),
    data("sdiffstore", algebra::sdiffstore),
];

// ---- members -----------------------------------------------------------------------------------------------------

fn sadd(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, members) = (cx.args.at(1), cx.args.from(2));
    let set = cx.db.edit_or_create(key, || Set::for_member(members.at(0), cx.limits))?;
    let added = members.iter().filter(|member| set.insert(member, cx.limits)).count();
    if added > 0 {
        cx.db.changed_by(key, Event::SADD, added);
    }
    cx.reply.integer(added as i64);
    Ok(Outcome::Done)
}

fn srem(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, members) = (cx.args.at(1), cx.args.from(2));
    let mut removed = 0;
    if let Some(set) = cx.db.edit::<Set>(key)? {
        removed = members.iter().filter(|member| set.remove(member)).count();
        let emptied = set.is_empty();
        if removed > 0 {
            cx.db.changed_by(key, Event::SREM, removed);
        }
        if emptied {
            cx.db.delete_if_empty::<Set>(key);
        }
    }
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}

fn scard(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<Set>(cx.args.at(1))?.map_or(0, Set::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn sismember(cx: &mut DataCx<'_>) -> CmdResult {
    let member = cx.args.at(2);
    let found = cx.db.get::<Set>(cx.args.at(1))?.is_some_and(|set| set.contains(member));
    cx.reply.integer(i64::from(found));
    Ok(Outcome::Done)
}

fn smismember(cx: &mut DataCx<'_>) -> CmdResult {
    let members = cx.args.from(2);
    let set = cx.db.get::<Set>(cx.args.at(1))?;
    cx.reply.array(members.len());
    for member in members.iter() {
        cx.reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(Outcome::Done)
}

fn smembers(cx: &mut DataCx<'_>) -> CmdResult {
    let reply = &mut *cx.reply;
    match cx.db.get::<Set>(cx.args.at(1))? {
        None => reply.set(0),
        Some(set) => write_all(reply, set),
    }
    Ok(Outcome::Done)
}

fn smove(cx: &mut DataCx<'_>) -> CmdResult {
    let (source, destination, member) = (cx.args.at(1), cx.args.at(2), cx.args.at(3));
    // A source that is missing comes before a destination of another type.
    let fits = source == destination || matches!(cx.db.kind(destination), None | Some(Kind::Set));
    let Some(set) = cx.db.edit::<Set>(source)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    if !fits {
        return Err(CommandError::WRONG_TYPE);
    }
    if source == destination {
        cx.reply.integer(i64::from(set.contains(member)));
        return Ok(Outcome::Done);
    }
    if !set.remove(member) {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    }
    let emptied = set.is_empty();
    cx.db.changed(source, Event::SREM);
    if emptied {
        cx.db.delete_if_empty::<Set>(source);
    }
    let set = cx.db.edit_or_create(destination, || Set::for_member(member, cx.limits))?;
    if set.insert(member, cx.limits) {
        cx.db.changed(destination, Event::SADD);
    }
    cx.reply.integer(1);
    Ok(Outcome::Done)
}

// ---- chance ------------------------------------------------------------------------------------------------------

fn spop(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    match cx.args.len() {
        2 => pop_one(cx, key),
        3 => {
            let count = usize::try_from(cx.integer(2).map_err(|_| CommandError::NOT_POSITIVE)?)
                .map_err(|_| CommandError::NOT_POSITIVE)?;
            pop_many(cx, key, count)
        }
        _ => Err(CommandError::SYNTAX),
    }
}

fn pop_one(cx: &mut DataCx<'_>, key: &[u8]) -> CmdResult {
    let Some(set) = cx.db.edit::<Set>(key)? else {
        cx.reply.null();
        return Ok(Outcome::Done);
    };
    let mut member = SmallVec::<[u8; 64]>::new();
    if let Some(item) = set.random(cx.rng) {
        member.extend_from_slice(item.as_str_buf(&mut [0; 24]));
    }
    set.remove(&member);
    let emptied = set.is_empty();
    cx.reply.bulk(&member);
    cx.effects.propagate_instead(&[b"SREM", key, &member]);
    cx.db.changed(key, Event::SPOP);
    if emptied {
        cx.db.delete_if_empty::<Set>(key);
    }
    Ok(Outcome::Done)
}

fn pop_many(cx: &mut DataCx<'_>, key: &[u8], count: usize) -> CmdResult {
    let reply = &mut *cx.reply;
    let Some(set) = cx.db.edit::<Set>(key)? else {
        reply.set(0);
        return Ok(Outcome::Done);
    };
    let len = set.len();
    if count == 0 {
        reply.set(0);
        return Ok(Outcome::Done);
    }
    if count >= len {
        write_all(reply, set);
        cx.db.delete(key);
        cx.effects.propagate_instead(&[b"DEL", key]);
        cx.db.changed_by(key, Event::SPOP, len);
        cx.db.changed_by(key, Event::DEL, 0);
        return Ok(Outcome::Done);
    }
    let mut popped = Popped::default();
    reply.set(count);
    let kept = len - count;
    if kept > count / KEEP_RATIO {
        let mut member = SmallVec::<[u8; 64]>::new();
        for _ in 0..count {
            member.clear();
            if let Some(item) = set.random(cx.rng) {
                member.extend_from_slice(item.as_str_buf(&mut [0; 24]));
            }
            set.remove(&member);
            reply.bulk(&member);
            popped.add(&member);
        }
    } else {
        let mut rest = Set::new();
        set.sample(cx.rng, kept, |member| {
            rest.insert_item(member, cx.limits);
        });
        set.for_each(|member| {
            if !rest.holds(member) {
                write(reply, member);
                popped.add(member.as_str_buf(&mut [0; 24]));
            }
        });
        cx.db.put(key, Value::Container(rest.into_container()), Expiry::Keep);
    }
    popped.tell(cx, key);
    cx.db.changed_by(key, Event::SPOP, count);
    Ok(Outcome::Done)
}

/// Members that were popped, to be removed elsewhere by name.
#[derive(Default)]
struct Popped {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Popped {
    fn add(&mut self, member: &[u8]) {
        self.bytes.extend_from_slice(member);
        self.ends.push(self.bytes.len());
    }

    fn tell(&self, cx: &mut DataCx<'_>, key: &[u8]) {
        let mut start = 0;
        for ends in self.ends.chunks(SREM_MEMBERS) {
            let mut request: Vec<&[u8]> = vec![b"SREM", key];
            for &end in ends {
                request.push(&self.bytes[start..end]);
                start = end;
            }
            cx.effects.propagate_instead(&request);
        }
    }
}

fn srandmember(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let reply = &mut *cx.reply;
    if cx.args.len() == 2 {
        match cx.db.get::<Set>(key)?.and_then(|set| set.random(cx.rng)) {
            Some(member) => write(reply, member),
            None => reply.null(),
        }
        return Ok(Outcome::Done);
    }
    if cx.args.len() > 3 {
        return Err(CommandError::SYNTAX);
    }
    let count = crate::base::num::parse_i64(cx.args.at(2)).ok_or(CommandError::NOT_INTEGER)?;
    if count == i64::MIN {
        return Err(CommandError::BEYOND_LONG);
    }
    let Some(set) = cx.db.get::<Set>(key)? else {
        reply.empty_array();
        return Ok(Outcome::Done);
    };
    if count >= 0 {
        let count = set.len().min(count as usize);
        reply.array(count);
        set.sample(cx.rng, count, |member| write(reply, member));
        return Ok(Outcome::Done);
    }
    let most_bytes = repeated_bound(cx.limits, count.unsigned_abs() as usize)?;
    reply.array(count.unsigned_abs() as usize);
    for _ in 0..count.unsigned_abs() {
        match set.random(cx.rng) {
            Some(member) => write(reply, member),
            None => reply.null(),
        }
        if reply.len() > most_bytes {
            return Err(CommandError::REPLY_TOO_LONG);
        }
    }
    Ok(Outcome::Done)
}

// ---- walking -----------------------------------------------------------------------------------------------------

fn sscan(cx: &mut DataCx<'_>) -> CmdResult {
    let from = cursor(cx.args.at(2)).ok_or(CommandError::INVALID_CURSOR)?;
    let options = cx.args;
    // A missing key is answered, and another type refused, before the options are read.
    let Some(set) = cx.db.get::<Set>(cx.args.at(1))? else {
        cx.reply.array(2);
        cx.reply.bulk(b"0");
        cx.reply.empty_array();
        return Ok(Outcome::Done);
    };
    let (mut count, mut pattern) = (10, None);
    let mut at = 3;
    while at < options.len() {
        let operand = options.get(at + 1).ok_or(CommandError::SYNTAX)?;
        if options.is(at, "COUNT") {
            count = crate::base::num::parse_i64(operand).ok_or(CommandError::NOT_INTEGER)?;
            if count < 1 {
                return Err(CommandError::SYNTAX);
            }
        } else if options.is(at, "MATCH") {
            pattern = Some(operand).filter(|pattern| !matches_all(pattern));
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 2;
    }
    // The next cursor stands before the members, so they are written to a place of their own first.
    let (mut page, mut found) = (Reply::new(cx.reply.protocol()), 0);
    let next = set.scan(from, count as usize, |member| {
        if pattern.is_none_or(|pattern| glob_match(pattern, member.as_str_buf(&mut [0; 24]), false)) {
            write(&mut page, member);
            found += 1;
        }
    });
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    cx.reply.array(found);
    cx.reply.raw(page.as_slice());
    Ok(Outcome::Done)
}

// ---- pieces ------------------------------------------------------------------------------------------------------

/// All members, as a set.
fn write_all(reply: &mut Reply, set: &Set) {
    reply.set(set.len());
    set.for_each(|member| write(reply, member));
}

/// A member as a string.
#[inline]
fn write(reply: &mut Reply, member: Item<'_>) {
    match member {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(value) => reply.bulk_int(value),
    }
}

#[cfg(test)]
mod tests;
