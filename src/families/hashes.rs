//! Hashes: fields with values, held in `object::Hash`.
//!
//! Promise: a failed command leaves the hash as it was. Left out: deadlines of fields, and with them HGETEX and HSETEX.

use super::elements::{RandomCount, ScanOptions, bulk_item, random_count, scan_cursor, scan_reply};
use crate::base::num::LongDouble;
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::Event;
use crate::object::Hash;
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
    data("hgetdel", hgetdel),
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
    let hash = cx.db.edit_or_create::<Hash>(key, || room_for(pairs))?;
    let mut made = 0;
    for at in (0..pairs.len()).step_by(2) {
        made += usize::from(hash.set(pairs.at(at), pairs.at(at + 1), cx.limits));
    }
    cx.db.changed_by(key, Event::HSET, pairs.len() / 2);
    Ok(made)
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
    if field.len() + value_len > u32::MAX as usize { Err(CommandError::STRING_TOO_LONG) } else { Ok(()) }
}

fn hsetnx(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, field, value) = (cx.args.at(1), cx.args.at(2), cx.args.at(3));
    fits(field, value.len())?;
    let hash = cx.db.edit_or_create::<Hash>(key, Hash::new)?;
    if hash.contains(field) {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    }
    hash.set(field, value, cx.limits);
    cx.db.changed(key, Event::HSET);
    cx.reply.integer(1);
    Ok(Outcome::Done)
}

fn hget(cx: &mut DataCx<'_>) -> CmdResult {
    let hash = cx.db.get::<Hash>(cx.args.at(1))?;
    bulk_or_null(cx.reply, hash.and_then(|hash| hash.get(cx.args.at(2))));
    Ok(Outcome::Done)
}

fn bulk_or_null(reply: &mut Reply, value: Option<Item<'_>>) {
    match value {
        Some(item) => bulk_item(reply, item),
        None => reply.null(),
    }
}

fn hmget(cx: &mut DataCx<'_>) -> CmdResult {
    let hash = cx.db.get::<Hash>(cx.args.at(1))?;
    let fields = cx.args.from(2);
    cx.reply.array(fields.len());
    for field in fields.iter() {
        bulk_or_null(cx.reply, hash.and_then(|hash| hash.get(field)));
    }
    Ok(Outcome::Done)
}

fn hgetall(cx: &mut DataCx<'_>) -> CmdResult {
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        cx.reply.map(0);
        return Ok(Outcome::Done);
    };
    cx.reply.map(hash.len());
    hash.for_each(|field, value| {
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
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        cx.reply.empty_array();
        return Ok(Outcome::Done);
    };
    cx.reply.array(hash.len());
    hash.for_each(|field, value| write(cx.reply, field, value));
    Ok(Outcome::Done)
}

fn hdel(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let Some(hash) = cx.db.edit::<Hash>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let removed = cx.args.from(2).iter().filter(|field| hash.remove(field)).count();
    let is_empty = hash.is_empty();
    removed_from(cx, key, removed, is_empty);
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}

fn removed_from(cx: &mut DataCx<'_>, key: &[u8], removed: usize, is_empty: bool) {
    if removed > 0 {
        cx.db.changed_by(key, Event::HDEL, removed);
    }
    if is_empty {
        cx.db.delete_if_empty::<Hash>(key);
    }
}

/// HGETDEL key FIELDS number field... (Redis 8.0), repeated as HDEL.
fn hgetdel(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, fields) = (cx.args.at(1), cx.args.from(4));
    let kind = cx.db.kind(key);
    if kind.is_some_and(|kind| kind != crate::object::Kind::Hash) {
        return Err(CommandError::WRONG_TYPE);
    }
    if !cx.args.is(2, "FIELDS") {
        return Err(CommandError::FIELDS_MISSING);
    }
    let number = cx.integer(3).ok().filter(|number| *number > 0).ok_or(CommandError::NUMFIELDS_NOT_POSITIVE)?;
    if number as usize != fields.len() {
        return Err(CommandError::NUMFIELDS_MISMATCH);
    }
    cx.reply.array(fields.len());
    let Some(hash) = cx.db.edit::<Hash>(key)? else {
        fields.iter().for_each(|_| cx.reply.null());
        return Ok(Outcome::Done);
    };
    let mut removed = 0;
    for field in fields.iter() {
        bulk_or_null(cx.reply, hash.get(field));
        removed += usize::from(hash.remove(field));
    }
    let is_empty = hash.is_empty();
    if removed > 0 {
        let parts: Vec<&[u8]> = [&b"HDEL"[..], key].into_iter().chain(fields.iter()).collect();
        cx.effects.propagate_instead(&parts);
    }
    removed_from(cx, key, removed, is_empty);
    Ok(Outcome::Done)
}

fn hexists(cx: &mut DataCx<'_>) -> CmdResult {
    let found = cx.db.get::<Hash>(cx.args.at(1))?.is_some_and(|hash| hash.contains(cx.args.at(2)));
    cx.reply.integer(i64::from(found));
    Ok(Outcome::Done)
}

fn hlen(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<Hash>(cx.args.at(1))?.map_or(0, Hash::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn hstrlen(cx: &mut DataCx<'_>) -> CmdResult {
    let value = cx.db.get::<Hash>(cx.args.at(1))?.and_then(|hash| hash.get(cx.args.at(2)));
    cx.reply.integer(value.map_or(0, |value| value.len()) as i64);
    Ok(Outcome::Done)
}

fn hincrby(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    let increment = cx.integer(3)?;
    fits(field, 20)?;
    let hash = cx.db.edit_or_create::<Hash>(key, Hash::new)?;
    let old = match hash.get(field) {
        Some(item) => item.to_int().ok_or(CommandError::HASH_NOT_INTEGER)?,
        None => 0,
    };
    let value = old.checked_add(increment).ok_or(CommandError::OVERFLOW)?;
    hash.set(field, itoa::Buffer::new().format(value).as_bytes(), cx.limits);
    cx.db.changed(key, Event::HINCRBY);
    cx.reply.integer(value);
    Ok(Outcome::Done)
}

/// Repeated as HSET of the result, so that no other precision or format can give another.
fn hincrbyfloat(cx: &mut DataCx<'_>) -> CmdResult {
    const LONGEST_RESULT: usize = 5 * 1024;
    let (key, field) = (cx.args.at(1), cx.args.at(2));
    let increment = LongDouble::parse(cx.args.at(3)).ok_or(CommandError::NOT_FLOAT)?;
    if increment.is_nan() || increment.is_inf() {
        return Err(CommandError::INCREMENT_NOT_FINITE);
    }
    fits(field, LONGEST_RESULT)?;
    let hash = cx.db.edit_or_create::<Hash>(key, Hash::new)?;
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
    hash.set(field, &text, cx.limits);
    cx.db.changed(key, Event::HINCRBYFLOAT);
    cx.effects.propagate_instead(&[b"HSET", key, field, &text]);
    cx.reply.bulk(&text);
    Ok(Outcome::Done)
}

fn hrandfield(cx: &mut DataCx<'_>) -> CmdResult {
    let (count, with_values) = random_count(cx, "WITHVALUES")?;
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
        RandomCount::One => bulk_or_null(reply, hash.random(rng).map(|(field, _)| field)),
        RandomCount::Distinct(count) => {
            header(reply, count.min(hash.len()));
            hash.random_distinct(rng, count, &mut |field, value| write(reply, field, value));
        }
        RandomCount::Repeated { count, most_bytes } => {
            header(reply, count);
            for (field, value) in (0..count).filter_map(|_| hash.random(rng)) {
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
    let mut page = Reply::new(cx.reply.protocol());
    let Some(hash) = cx.db.get::<Hash>(cx.args.at(1))? else {
        scan_reply(cx.reply, 0, 0, &page);
        return Ok(Outcome::Done);
    };
    let options = ScanOptions::parse(cx.args, Some("NOVALUES"))?;
    let mut count = 0;
    let next = hash.scan(cursor, options.count, &mut |field, value| {
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
    fn hgetdel_is_repeated_as_hdel() {
        let mut bench = Bench::new();
        bench.run("HSET h a 1 b 2");
        bench.events();
        assert_eq!(bench.run("HGETDEL h FIELDS 2 a x"), "*2\r\n$1\r\n1\r\n$-1\r\n");
        assert_eq!(bench.propagated(), ["HDEL h a x"]);
        assert_eq!(bench.run("HGETDEL h FIELDS 1 b"), "*1\r\n$1\r\n2\r\n");
        assert_eq!(bench.events(), ["hdel h", "hdel h", "del h"]);
        assert_eq!(bench.run("HGETDEL h FIELDS 1 b"), "*1\r\n$-1\r\n");
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
