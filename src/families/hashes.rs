//! Hashes: fields with values, held in `object::Hash`.
//!
//! Promise: a failed command leaves the hash as it was. Fields whose deadline has passed are seen by none but HLEN and
//! HDEL, which count what nobody has removed yet, as in Redis; a command that names such a field removes it on the way.
//! The commands that set and tell deadlines are in `hashes/deadlines.rs` and `hashes/valued.rs`.

mod deadlines;
mod valued;

use super::elements::{RandomCount, ScanOptions, bulk_item, random_count, scan_cursor, scan_reply};
use crate::base::num::LongDouble;
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::Event;
use crate::object::Hash;
use crate::object::hash::{FIELD_MAX_BYTES, Lookup};
use crate::resp::reply::Reply;
use crate::structs::listpack::{Item, Listpack};

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("hset", hset),
    data("hmset", hmset),
    data("hsetnx", hsetnx),
    data("hget", hget),
    data("hmget", hmget),
    data("hgetall", hgetall),
    data("hkeys", hkeys),
    data("hvals", hvals),
    data("hdel", hdel),
    data("hgetdel", valued::hgetdel),
    data("hgetex", valued::hgetex),
    data("hsetex", valued::hsetex),
    data("hexpire", deadlines::hexpire),
    data("hpexpire", deadlines::hpexpire),
    data("hexpireat", deadlines::hexpireat),
    data("hpexpireat", deadlines::hpexpireat),
    data("httl", deadlines::httl),
    data("hpttl", deadlines::hpttl),
    data("hexpiretime", deadlines::hexpiretime),
    data("hpexpiretime", deadlines::hpexpiretime),
    data("hpersist", deadlines::hpersist),
    data("hexists", hexists),
    data("hlen", hlen),
    data("hstrlen", hstrlen),
    data("hincrby", hincrby),
    data("hincrbyfloat", hincrbyfloat),
    data("hrandfield", hrandfield),
    data("hscan", hscan),
];

fn hset(cx: &mut DataCx<'_>) -> CmdResult {
    let made = set_all(cx, "hset")?;
    cx.reply.integer(made as i64);
    Ok(Outcome::Done)
}

fn hmset(cx: &mut DataCx<'_>) -> CmdResult {
    set_all(cx, "hmset")?;
    cx.reply.ok();
    Ok(Outcome::Done)
}

/// Sets all pairs behind the key; returns how many fields are new.
#[inline]
fn set_all(cx: &mut DataCx<'_>, name: &str) -> Result<usize, CommandError> {
    let (key, pairs) = (cx.args.at(1), cx.args.from(2));
    if pairs.len() % 2 == 1 {
        return Err(CommandError::arity(name));
    }
    for at in (0..pairs.len()).step_by(2) {
        fits(pairs.at(at), pairs.at(at + 1).len())?;
    }
    let moment = cx.db.field_moment();
    let mut hash = cx.db.edit_or_create::<Hash>(key, || room_for(pairs))?;
    if hash.may_be_due(moment) {
        cx.db.expire_fields(key, pairs.iter().step_by(2));
        hash = cx.db.edit_or_create(key, || room_for(pairs))?;
    }
    let was_timed = hash.has_deadlines();
    let mut made = 0;
    for at in (0..pairs.len()).step_by(2) {
        made += usize::from(hash.set(pairs.at(at), pairs.at(at + 1), cx.limits));
    }
    if was_timed {
        cx.db.fields_changed(key);
    }
    cx.db.changed_by(key, Event::HSET, pairs.len() / 2);
    Ok(made)
}

/// The hash under a key, made when it is missing, after the field has been removed if it is gone.
#[inline]
fn edit_for<'c>(cx: &'c mut DataCx<'_>, key: &[u8], field: &[u8]) -> Result<&'c mut Hash, CommandError> {
    let moment = cx.db.field_moment();
    if cx.db.edit_or_create::<Hash>(key, Hash::new)?.may_be_due(moment) {
        cx.db.expire_fields(key, std::iter::once(field));
    }
    Ok(cx.db.edit_or_create(key, Hash::new)?)
}

/// A new hash with room for these pairs; what is too much for a packed one is not made room for.
fn room_for(pairs: Args<'_>) -> Hash {
    const MOST: usize = 64 * 1024;
    let bytes: usize = pairs.iter().map(Listpack::entry_size).sum();
    Hash::with_room(if bytes <= MOST { bytes } else { 0 })
}

/// Checks that a field and its value fit one entry.
#[inline]
fn fits(field: &[u8], value_len: usize) -> Result<(), CommandError> {
    // Eight bytes are kept for a deadline.
    if field.len() > FIELD_MAX_BYTES || field.len() + value_len > u32::MAX as usize - 8 {
        return Err(CommandError::STRING_TOO_LONG);
    }
    Ok(())
}

fn hsetnx(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, field, value) = (cx.args.at(1), cx.args.at(2), cx.args.at(3));
    fits(field, value.len())?;
    let limits = cx.limits;
    let hash = edit_for(cx, key, field)?;
    if hash.contains(field) {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    }
    hash.set(field, value, limits);
    cx.db.changed(key, Event::HSET);
    cx.reply.integer(1);
    Ok(Outcome::Done)
}

fn hget(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, field, moment) = (cx.args.at(1), cx.args.at(2), cx.db.field_moment());
    let found = cx.db.get::<Hash>(key)?.map_or(Lookup::Missing, |hash| hash.look(field, moment));
    let expired = matches!(found, Lookup::Expired);
    bulk_or_null(cx.reply, found.live());
    if expired {
        cx.db.expire_fields(key, std::iter::once(field));
    }
    Ok(Outcome::Done)
}

fn bulk_or_null(reply: &mut Reply, value: Option<Item<'_>>) {
    match value {
        Some(item) => bulk_item(reply, item),
        None => reply.null(),
    }
}

fn hmget(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, fields, moment) = (cx.args.at(1), cx.args.from(2), cx.db.field_moment());
    let hash = cx.db.get::<Hash>(key)?;
    let mut expired = false;
    cx.reply.array(fields.len());
    for field in fields.iter() {
        let found = hash.map_or(Lookup::Missing, |hash| hash.look(field, moment));
        expired |= matches!(found, Lookup::Expired);
        bulk_or_null(cx.reply, found.live());
    }
    if expired {
        cx.db.expire_fields(key, fields.iter());
    }
    Ok(Outcome::Done)
}

fn hgetall(cx: &mut DataCx<'_>) -> CmdResult {
    let moment = cx.db.field_moment();
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        cx.reply.map(0);
        return Ok(Outcome::Done);
    };
    cx.reply.map(hash.len() - hash.due_len(moment));
    hash.for_each_live(moment, |field, value| {
        bulk_item(cx.reply, field);
        bulk_item(cx.reply, value);
    });
    Ok(Outcome::Done)
}

fn hkeys(cx: &mut DataCx<'_>) -> CmdResult {
    halves(cx, |reply, field, _| bulk_item(reply, field))
}

fn hvals(cx: &mut DataCx<'_>) -> CmdResult {
    halves(cx, |reply, _, value| bulk_item(reply, value))
}

fn halves(cx: &mut DataCx<'_>, write: impl Fn(&mut Reply, Item<'_>, Item<'_>)) -> CmdResult {
    let moment = cx.db.field_moment();
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        cx.reply.empty_array();
        return Ok(Outcome::Done);
    };
    cx.reply.array(hash.len() - hash.due_len(moment));
    hash.for_each_live(moment, |field, value| write(cx.reply, field, value));
    Ok(Outcome::Done)
}

fn hdel(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let Some(hash) = cx.db.edit::<Hash>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let was_timed = hash.has_deadlines();
    let removed = cx.args.from(2).iter().filter(|field| hash.remove(field)).count();
    removed_from(cx, key, removed, was_timed);
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}

/// Says that fields were removed by a command, and removes the key with the last one.
fn removed_from(cx: &mut DataCx<'_>, key: &[u8], removed: usize, was_timed: bool) {
    if removed == 0 {
        return;
    }
    cx.db.changed_by(key, Event::HDEL, removed);
    if !cx.db.delete_if_empty::<Hash>(key) && was_timed {
        cx.db.fields_changed(key);
    }
}

fn hexists(cx: &mut DataCx<'_>) -> CmdResult {
    tell_of(cx, |_| 1)
}

/// Tells a number of a field's value, 0 of a missing one.
fn tell_of(cx: &mut DataCx<'_>, number: impl Fn(Item<'_>) -> i64) -> CmdResult {
    let (key, field, moment) = (cx.args.at(1), cx.args.at(2), cx.db.field_moment());
    let found = cx.db.get::<Hash>(key)?.map_or(Lookup::Missing, |hash| hash.look(field, moment));
    let expired = matches!(found, Lookup::Expired);
    cx.reply.integer(found.live().map_or(0, number));
    if expired {
        cx.db.expire_fields(key, std::iter::once(field));
    }
    Ok(Outcome::Done)
}

fn hlen(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<Hash>(cx.args.at(1))?.map_or(0, Hash::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn hstrlen(cx: &mut DataCx<'_>) -> CmdResult {
    tell_of(cx, |value| value.len() as i64)
}

fn hincrby(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    let increment = cx.integer(3)?;
    fits(field, 20)?;
    let limits = cx.limits;
    let hash = edit_for(cx, key, field)?;
    let old = match hash.get(field) {
        Some(item) => item.to_int().ok_or(CommandError::HASH_NOT_INTEGER)?,
        None => 0,
    };
    let value = old.checked_add(increment).ok_or(CommandError::OVERFLOW)?;
    hash.set_keeping(field, itoa::Buffer::new().format(value).as_bytes(), limits);
    cx.db.changed(key, Event::HINCRBY);
    cx.reply.integer(value);
    Ok(Outcome::Done)
}

/// Repeated as HSET of the result, so that no other precision or format can give another; as HSETEX where that would take
/// the field's deadline away.
fn hincrbyfloat(cx: &mut DataCx<'_>) -> CmdResult {
    const LONGEST_RESULT: usize = 5 * 1024;
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    let increment = LongDouble::parse(cx.args.at(3)).ok_or(CommandError::NOT_FLOAT)?;
    if increment.is_nan() || increment.is_inf() {
        return Err(CommandError::INCREMENT_NOT_FINITE);
    }
    fits(field, LONGEST_RESULT)?;
    let limits = cx.limits;
    let hash = edit_for(cx, key, field)?;
    let old = match hash.get(field) {
        Some(Item::Int(value)) => LongDouble::from(value),
        Some(Item::Bytes(bytes)) => LongDouble::parse(bytes).ok_or(CommandError::HASH_NOT_FLOAT)?,
        None => LongDouble::from(0),
    };
    let value = old + increment;
    if value.is_nan() || value.is_inf() {
        return Err(CommandError::NAN_OR_INFINITY);
    }
    let text = value.to_human();
    let timed = hash.has_deadlines() && hash.deadline(field).flatten().is_some();
    hash.set_keeping(field, &text, limits);
    cx.db.changed(key, Event::HINCRBYFLOAT);
    if timed {
        cx.effects.propagate_instead(&[b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", field, &text]);
    } else {
        cx.effects.propagate_instead(&[b"HSET", key, field, &text]);
    }
    cx.reply.bulk(&text);
    Ok(Outcome::Done)
}

fn hrandfield(cx: &mut DataCx<'_>) -> CmdResult {
    let (count, with_values) = random_count(cx, "WITHVALUES")?;
    let moment = cx.db.field_moment();
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        match count {
            RandomCount::One => cx.reply.null(),
            _ => cx.reply.empty_array(),
        }
        return Ok(Outcome::Done);
    };
    let (reply, rng) = (&mut *cx.reply, &mut *cx.rng);
    let nested = with_values && reply.is_resp3();
    let header = |reply: &mut Reply, count: usize| reply.array(if with_values && !nested { 2 * count } else { count });
    let write = |reply: &mut Reply, field: Item<'_>, value: Item<'_>| {
        if nested {
            reply.array(2);
        }
        bulk_item(reply, field);
        if with_values {
            bulk_item(reply, value);
        }
    };
    match count {
        RandomCount::One => bulk_or_null(reply, hash.random_live(rng, moment).map(|(field, _)| field)),
        RandomCount::Distinct(count) => {
            header(reply, count.min(hash.len() - hash.due_len(moment)));
            hash.random_distinct_live(rng, count, moment, &mut |field, value| write(reply, field, value));
        }
        RandomCount::Repeated { .. } if hash.len() == hash.due_len(moment) => header(reply, 0),
        RandomCount::Repeated { count, most_bytes } => {
            header(reply, count);
            for (field, value) in (0..count).filter_map(|_| hash.random_live(rng, moment)) {
                write(reply, field, value);
                if reply.len() > most_bytes {
                    return Err(CommandError::REPLY_TOO_LONG);
                }
            }
        }
    }
    Ok(Outcome::Done)
}

fn hscan(cx: &mut DataCx<'_>) -> CmdResult {
    let cursor = scan_cursor(cx.args)?;
    let moment = cx.db.field_moment();
    let mut page = Reply::new(cx.reply.protocol());
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        scan_reply(cx.reply, 0, 0, &page);
        return Ok(Outcome::Done);
    };
    let options = ScanOptions::parse(cx.args, Some("NOVALUES"))?;
    let mut count = 0;
    let next = hash.scan_live(cursor, options.count, moment, &mut |field, value| {
        if options.admits(field) {
            bulk_item(&mut page, field);
            count += 1;
            if !options.bare {
                bulk_item(&mut page, value);
                count += 1;
            }
        }
    });
    scan_reply(cx.reply, next, count, &page);
    Ok(Outcome::Done)
}

#[cfg(test)]
#[path = "hashes/tests.rs"]
mod deadline_tests;

#[cfg(test)]
mod tests {
    use crate::families::testing::Bench;
    use crate::resp::reply::Protocol;

    #[test]
    fn hset_counts_new_fields_and_every_pair_as_a_change() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("HSET h a 1 b 2 a 3"), ":2\r\n");
        assert_eq!((bench.dirty(), bench.events()), (3, vec!["hset h".to_owned()]));
        assert_eq!(bench.run("HMSET h a 1"), "+OK\r\n");
        assert_eq!(bench.run("HMSET h a"), "-ERR wrong number of arguments for 'hmset' command\r\n");
        assert_eq!(bench.run("HSET h a 1 b"), "-ERR wrong number of arguments for 'hset' command\r\n");
        assert_eq!(bench.run("HMGET h a c b"), "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
        assert_eq!(bench.run("HSTRLEN h b"), ":1\r\n");
    }

    #[test]
    fn removing_the_last_field_removes_the_key() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1 b 2");
        bench.events();
        assert_eq!(bench.run("HDEL h x"), ":0\r\n");
        assert!(bench.events().is_empty());
        assert_eq!(bench.run("HDEL h a b c"), ":2\r\n");
        assert_eq!(bench.events(), ["hdel h", "del h"]);
        assert_eq!((bench.dirty(), bench.run("EXISTS h")), (2, ":0\r\n".to_owned()));
    }

    #[test]
    fn increments_fail_without_a_change() {
        let mut bench = Bench::new();
        bench.run("HSET h n 9223372036854775807 s x");
        assert_eq!(bench.run("HINCRBY h n 1"), "-ERR increment or decrement would overflow\r\n");
        assert_eq!(bench.run("HINCRBY h s 1"), "-ERR hash value is not an integer\r\n");
        assert_eq!(bench.run("HINCRBYFLOAT h s 1"), "-ERR hash value is not a float\r\n");
        assert_eq!(bench.run("HINCRBYFLOAT new f inf"), "-ERR value is NaN or Infinity\r\n");
        assert_eq!(bench.run("EXISTS new"), ":0\r\n");
        assert_eq!(bench.run("HINCRBYFLOAT h f 0.1"), "$3\r\n0.1\r\n");
        assert_eq!(bench.propagated(), ["HSET h f 0.1"]);
        assert_eq!(bench.run("HINCRBY h i -5"), ":-5\r\n");
    }

    #[test]
    fn hgetall_is_a_map_in_resp3() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1");
        assert_eq!(bench.run("HGETALL h"), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        bench.protocol = Protocol::Resp3;
        assert_eq!(bench.run("HGETALL h"), "%1\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(bench.run("HGETALL none"), "%0\r\n");
        assert_eq!(bench.run("HRANDFIELD h 5 WITHVALUES"), "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
        assert_eq!(bench.run("HRANDFIELD h -2"), "*2\r\n$1\r\na\r\n$1\r\na\r\n");
    }

    #[test]
    fn a_scan_of_a_missing_hash_reads_no_options() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("HSCAN h 0 nonsense"), "*2\r\n$1\r\n0\r\n*0\r\n");
        bench.run("HSET h ab 1 b 2");
        assert_eq!(bench.run("HSCAN h 0 nonsense"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("HSCAN h 0 MATCH a*"), "*2\r\n$1\r\n0\r\n*2\r\n$2\r\nab\r\n$1\r\n1\r\n");
        assert_eq!(bench.run("HSCAN h 0 NOVALUES MATCH a*"), "*2\r\n$1\r\n0\r\n*1\r\n$2\r\nab\r\n");
    }
}
