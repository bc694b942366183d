//! Keys whatever their type: removing, renaming, copying, walking them, and what OBJECT tells about them. Deadlines are
//! in `expiry`; flushing, selecting and swapping databases belong to the engine.
//!
//! Promise: a failed command leaves both keys as they were. COPY takes constant time for every type: the copy shares the
//! value's nodes until one of the two changes.

mod expiry;

use crate::base::glob::{glob_match, matches_all};
use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{DbIndex, Event};
use crate::object::{self, Object};
use crate::structs::record::Body;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("copy", copy),
    data("dbsize", dbsize),
    data("del", del),
    data("exists", exists),
    data("expire", expiry::expire),
    data("expireat", expiry::expireat),
    data("expiretime", expiry::expiretime),
    data("keys", keys),
    data("move", move_),
    data("object|encoding", object_encoding),
    data("object|freq", object_freq),
    data("object|help", object_help),
    data("object|idletime", object_idletime),
    data("object|refcount", object_refcount),
    data("persist", expiry::persist),
    data("pexpire", expiry::pexpire),
    data("pexpireat", expiry::pexpireat),
    data("pexpiretime", expiry::pexpiretime),
    data("pttl", expiry::pttl),
    data("randomkey", randomkey),
    data("rename", rename),
    data("renamenx", renamenx),
    data("scan", scan),
    data("touch", touch),
    data("ttl", expiry::ttl),
    data("type", type_),
    data("unlink", del),
];

// ---- presence --------------------------------------------------------------------------------------------------------

/// DEL and UNLINK: large values leave by the reclaim thread either way.
fn del(cx: &mut DataCx<'_>) -> CmdResult {
    let mut removed = 0;
    for key in cx.args.from(1).iter() {
        if cx.db.delete(key) {
            cx.db.changed(key, Event::DEL);
            removed += 1;
        }
    }
    cx.reply.integer(removed);
    Ok(Outcome::Done)
}

fn exists(cx: &mut DataCx<'_>) -> CmdResult {
    let found = cx.args.from(1).iter().filter(|key| cx.db.look(key).is_some()).count();
    cx.reply.integer(found as i64);
    Ok(Outcome::Done)
}

fn touch(cx: &mut DataCx<'_>) -> CmdResult {
    let found = cx.args.from(1).iter().filter(|key| cx.db.read(key).is_some()).count();
    cx.reply.integer(found as i64);
    Ok(Outcome::Done)
}

fn type_(cx: &mut DataCx<'_>) -> CmdResult {
    let name = cx.db.look(cx.args.at(1)).map_or("none", |object| object::kind(object).name());
    cx.reply.simple(name);
    Ok(Outcome::Done)
}

fn dbsize(cx: &mut DataCx<'_>) -> CmdResult {
    cx.reply.integer(cx.db.len() as i64);
    Ok(Outcome::Done)
}

// ---- walking ---------------------------------------------------------------------------------------------------------

fn keys(cx: &mut DataCx<'_>) -> CmdResult {
    let pattern = cx.args.at(1);
    let all = matches_all(pattern);
    let place = cx.reply.defer_array();
    let mut count = 0;
    for object in cx.db.iter() {
        if all || glob_match(pattern, object.key(), false) {
            cx.reply.bulk(object.key());
            count += 1;
        }
    }
    cx.reply.finish_array(place, count);
    Ok(Outcome::Done)
}

fn randomkey(cx: &mut DataCx<'_>) -> CmdResult {
    cx.effects.removals_alone = true;
    match cx.db.random_key(cx.rng) {
        Some(key) => cx.reply.bulk(&key),
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

fn scan(cx: &mut DataCx<'_>) -> CmdResult {
    let cursor = cursor(cx.args.at(1)).ok_or(CommandError::INVALID_CURSOR)?;
    let (mut count, mut pattern, mut kind) = (10, None, None);
    let mut at = 2;
    while at < cx.args.len() {
        let operand = cx.args.get(at + 1).ok_or(CommandError::SYNTAX)?;
        if cx.args.is(at, "COUNT") {
            count = cx.integer(at + 1)?;
            if count < 1 {
                return Err(CommandError::SYNTAX);
            }
        } else if cx.args.is(at, "MATCH") {
            pattern = Some(operand).filter(|pattern| !matches_all(pattern));
        } else if cx.args.is(at, "TYPE") {
            kind = Some(operand);
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 2;
    }
    let mut found = 0;
    // The next cursor stands before the keys, so they are written to a place of their own first.
    let mut page: Vec<u8> = Vec::new();
    let mut lens: Vec<usize> = Vec::new();
    cx.effects.removals_alone = true;
    let next = cx.db.scan(cursor, count as usize, &mut |object: &Object| {
        let wanted = pattern.is_none_or(|pattern| glob_match(pattern, object.key(), false))
            && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(object::kind(object).name().as_bytes()));
        if wanted {
            page.extend_from_slice(object.key());
            lens.push(object.key().len());
            found += 1;
        }
    });
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    cx.reply.array(found);
    let mut rest = &page[..];
    for len in lens {
        let (key, after) = rest.split_at(len);
        cx.reply.bulk(key);
        rest = after;
    }
    Ok(Outcome::Done)
}

/// A scan cursor, read as C's `strtoul` does, without spaces before it: an empty text is 0, a sign is allowed.
pub(super) fn cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return text.is_empty().then_some(0);
    }
    let magnitude = digits.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| (byte - b'0') as u64)?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { magnitude.wrapping_neg() } else { magnitude })
}

// ---- moving about ----------------------------------------------------------------------------------------------------

fn rename(cx: &mut DataCx<'_>) -> CmdResult {
    rename_if(cx, false)?;
    cx.reply.ok();
    Ok(Outcome::Done)
}

fn renamenx(cx: &mut DataCx<'_>) -> CmdResult {
    let renamed = rename_if(cx, true)?;
    cx.reply.integer(renamed as i64);
    Ok(Outcome::Done)
}

/// Whether the key was renamed. Errors: it is missing.
fn rename_if(cx: &mut DataCx<'_>, only_if_new: bool) -> Result<bool, CommandError> {
    let (from, to) = (cx.args.at(1), cx.args.at(2));
    if !cx.db.contains(from) {
        return Err(CommandError::NO_SUCH_KEY);
    }
    if from == to || cx.db.contains(to) && only_if_new {
        return Ok(false);
    }
    let Some(object) = cx.db.take(from) else { return Err(CommandError::NO_SUCH_KEY) };
    cx.db.delete(to);
    cx.db.put_object(object.with_key(to));
    cx.db.changed(from, Event::RENAME_FROM);
    cx.db.changed_by(to, Event::RENAME_TO, 0);
    Ok(true)
}

fn move_(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let index = database(cx, 2)?;
    if index == cx.db.index() {
        return Err(CommandError::SAME_OBJECT);
    }
    let free = cx.db.contains(key) && !cx.db.other(index).ok_or(CommandError::DB_OUT_OF_RANGE)?.contains(key);
    if free && let Some(object) = cx.db.take(key) {
        if let Some(mut target) = cx.db.other(index) {
            target.put_object(object);
        }
        cx.db.changed(key, Event::MOVE_FROM);
        if let Some(mut target) = cx.db.other(index) {
            target.changed_by(key, Event::MOVE_TO, 0);
        }
    }
    cx.reply.integer(free as i64);
    Ok(Outcome::Done)
}

fn copy(cx: &mut DataCx<'_>) -> CmdResult {
    let (from, to) = (cx.args.at(1), cx.args.at(2));
    let (mut index, mut replace) = (cx.db.index(), false);
    let mut at = 3;
    while at < cx.args.len() {
        if cx.args.is(at, "REPLACE") {
            replace = true;
        } else if cx.args.is(at, "DB") && at + 1 < cx.args.len() {
            index = database(cx, at + 1)?;
            at += 1;
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 1;
    }
    if index == cx.db.index() && from == to {
        return Err(CommandError::SAME_OBJECT);
    }
    let copied = cx.db.read(from).map(|object| object.with_key(to));
    let clock = cx.db.keyspace().access.fresh();
    let mut target = cx.db.other(index).ok_or(CommandError::DB_OUT_OF_RANGE)?;
    let copied = copied.filter(|_| !target.contains(to) || replace);
    let done = copied.is_some();
    if let Some(object) = copied {
        object.set_clock(clock);
        target.delete(to);
        target.put_object(object);
        target.changed(to, Event::COPY_TO);
    }
    cx.reply.integer(done as i64);
    Ok(Outcome::Done)
}

/// The database whose number is the argument at this position. Errors: no number, no such database.
fn database(cx: &mut DataCx<'_>, at: usize) -> Result<DbIndex, CommandError> {
    let number = i32::try_from(cx.integer(at)?).map_err(|_| CommandError::BEYOND_INT)?;
    let databases = cx.db.keyspace().databases();
    let index = u32::try_from(number).ok().filter(|&index| (index as usize) < databases);
    index.map(DbIndex).ok_or(CommandError::DB_OUT_OF_RANGE)
}

// ---- OBJECT ----------------------------------------------------------------------------------------------------------

fn object_encoding(cx: &mut DataCx<'_>) -> CmdResult {
    match cx.db.inspect(cx.args.at(2)) {
        Some(object) => cx.reply.bulk(object::encoding_name(object).as_bytes()),
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

fn object_freq(cx: &mut DataCx<'_>) -> CmdResult {
    let Some(clock) = cx.db.inspect(cx.args.at(2)).map(Object::clock) else {
        cx.reply.null();
        return Ok(Outcome::Done);
    };
    let access = &cx.db.keyspace().access;
    if !access.lfu {
        return Err(CommandError::FREQ_NOT_TRACKED);
    }
    cx.reply.integer(access.frequency(clock) as i64);
    Ok(Outcome::Done)
}

fn object_idletime(cx: &mut DataCx<'_>) -> CmdResult {
    let Some(clock) = cx.db.inspect(cx.args.at(2)).map(Object::clock) else {
        cx.reply.null();
        return Ok(Outcome::Done);
    };
    let access = &cx.db.keyspace().access;
    if access.lfu {
        return Err(CommandError::IDLETIME_NOT_TRACKED);
    }
    cx.reply.integer(access.idle_seconds(clock) as i64);
    Ok(Outcome::Done)
}

/// Integers below this are shared objects in Redis, unless eviction needs an access clock of each.
const SHARED_INTEGERS: i64 = 10_000;

fn object_refcount(cx: &mut DataCx<'_>) -> CmdResult {
    let shares = cx.limits.shared_integers;
    match cx.db.inspect(cx.args.at(2)) {
        Some(object) => {
            let shared = matches!(object.body(), Body::Int(value) if (0..SHARED_INTEGERS).contains(&value));
            cx.reply.integer(if shared && shares { i32::MAX as i64 } else { 1 });
        }
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

const OBJECT_HELP: [&str; 15] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

fn object_help(cx: &mut DataCx<'_>) -> CmdResult {
    cx.reply.array(OBJECT_HELP.len());
    OBJECT_HELP.iter().for_each(|line| cx.reply.simple(line));
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::testing::Bench;

    #[test]
    fn cursors_are_read_as_strtoul_reads_them() {
        for (text, value) in [
            ("", Some(0)),
            ("0", Some(0)),
            ("007", Some(7)),
            ("+5", Some(5)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            (" 1", None),
            ("1 ", None),
            ("0x1", None),
            ("-", None),
        ] {
            assert_eq!(cursor(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn rename_carries_value_and_deadline() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("RENAME a b"), "-ERR no such key\r\n");
        bench.run("SET a 1 PX 5000");
        bench.run("SET b 2");
        bench.events();
        assert_eq!(bench.run("RENAMENX a b"), ":0\r\n");
        assert_eq!(bench.run("RENAME a a"), "+OK\r\n");
        assert_eq!(bench.run("RENAMENX a a"), ":0\r\n");
        assert_eq!(bench.run("RENAME a b"), "+OK\r\n");
        assert_eq!(bench.run("GET b"), "$1\r\n1\r\n");
        assert_eq!(bench.run("PTTL b"), ":5000\r\n");
        assert_eq!(bench.run("DBSIZE"), ":1\r\n");
        assert_eq!(bench.events(), ["rename_from a", "rename_to b"]);
    }

    #[test]
    fn copies_are_independent_of_their_source() {
        let mut bench = Bench::new();
        bench.run("SET a x PX 5000");
        assert_eq!(bench.run("COPY a a"), bench.error(&CommandError::SAME_OBJECT));
        assert_eq!(bench.run("COPY a b DB 99"), "-ERR DB index is out of range\r\n");
        assert_eq!(bench.run("COPY a b FOO"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("COPY none b"), ":0\r\n");
        assert_eq!(bench.run("COPY a b"), ":1\r\n");
        assert_eq!(bench.run("COPY a b"), ":0\r\n");
        bench.run("APPEND b y");
        assert_eq!(bench.run("MGET a b"), "*2\r\n$1\r\nx\r\n$2\r\nxy\r\n");
        assert_eq!(bench.run("PTTL b"), ":5000\r\n");
        assert_eq!(bench.run("COPY a b REPLACE"), ":1\r\n");
        assert_eq!(bench.run("COPY a a DB 1"), ":1\r\n");
        assert_eq!(bench.run("MOVE a 1"), ":0\r\n");
        assert_eq!(bench.run("MOVE b 1"), ":1\r\n");
        assert_eq!(bench.run("MOVE b 0"), bench.error(&CommandError::SAME_OBJECT));
        bench.db = DbIndex(1);
        assert_eq!(bench.run("EXISTS a b b"), ":3\r\n");
    }

    #[test]
    fn a_whole_scan_sees_every_key_once() {
        let mut bench = Bench::new();
        for i in 0..500 {
            bench.run(&format!("SET key:{i} {i}"));
        }
        bench.run("RPUSH list x");
        let mut seen = Vec::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = bench.run(&format!("SCAN {cursor} COUNT 7 MATCH key:* TYPE STRING"));
            let lines: Vec<&str> = reply.split("\r\n").collect();
            cursor = lines[2].to_owned();
            seen.extend(lines[4..].iter().filter(|line| line.starts_with("key:")).map(|line| line.to_string()));
            if cursor == "0" {
                break;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 500);
        assert_eq!(bench.run("SCAN 0 COUNT 100000 TYPE LIST"), "*2\r\n$1\r\n0\r\n*1\r\n$4\r\nlist\r\n");
        assert_eq!(bench.run("SCAN 0 COUNT 100000 TYPE foo"), "*2\r\n$1\r\n0\r\n*0\r\n");
        assert_eq!(bench.run("SCAN 0 COUNT 0"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("SCAN 0 MATCH"), "-ERR syntax error\r\n");
        assert_eq!(bench.run("SCAN x"), "-ERR invalid cursor\r\n");
        assert_eq!(bench.run("KEYS key:49?").matches("key:49").count(), 10);
    }

    #[test]
    fn object_tells_encoding_and_use() {
        let mut bench = Bench::new();
        bench.run("MSET small 9999 large 10000 text x");
        assert_eq!(bench.run("OBJECT REFCOUNT small"), ":2147483647\r\n");
        assert_eq!(bench.run("OBJECT REFCOUNT large"), ":1\r\n");
        assert_eq!(bench.run("OBJECT ENCODING text"), "$6\r\nembstr\r\n");
        assert_eq!(bench.run("OBJECT ENCODING none"), "$-1\r\n");
        assert_eq!(bench.run("OBJECT FREQ text"), bench.error(&CommandError::FREQ_NOT_TRACKED));
        bench.wait(3000);
        assert_eq!(bench.run("OBJECT IDLETIME text"), ":3\r\n");
        assert_eq!(bench.run("TYPE text"), "+string\r\n");
        assert_eq!(bench.run("OBJECT IDLETIME text"), ":3\r\n");
        assert_eq!(bench.run("TOUCH text none"), ":1\r\n");
        assert_eq!(bench.run("OBJECT IDLETIME text"), ":0\r\n");
    }

    #[test]
    fn del_counts_and_logs_what_was_there() {
        let mut bench = Bench::new();
        bench.run("MSET a 1 b 2");
        bench.events();
        assert_eq!(bench.run("DEL a none a"), ":1\r\n");
        assert_eq!(bench.run("UNLINK b"), ":1\r\n");
        assert_eq!(bench.events(), ["del a", "del b"]);
        assert_eq!(bench.run("RANDOMKEY"), "$-1\r\n");
        assert_eq!(bench.run("TYPE a"), "+none\r\n");
    }
}
