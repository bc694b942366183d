//! Strings: whole values and ranges held in `object::Text`.
//!
//! Owns the string group's table, reads, ranges and appends; values stored whole are in `set`, arithmetic in `counters`,
//! LCS in `lcs`. Promise: a failed command leaves the value as it was. Bits of a string belong to `bitmaps`.

mod counters;
mod lcs;
mod set;

use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{DbMut, Event, Expiry};
use crate::object::{Text, Value, text};
use crate::resp::reply::Reply;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("append", append),
    data("decr", counters::decr),
    data("decrby", counters::decrby),
    data("delex", set::delex),
    data("delifeq", set::delifeq),
    data("digest", set::digest),
    data("get", get),
    data("getdel", getdel),
    data("getex", set::getex),
    data("getrange", getrange),
    data("getset", getset),
    data("incr", counters::incr),
    data("incrby", counters::incrby),
    data("incrbyfloat", counters::incrbyfloat),
    data("lcs", lcs::lcs),
    data("mget", mget),
    data("mset", set::mset),
    data("msetex", set::msetex),
    data("msetnx", set::msetnx),
    data("psetex", set::psetex),
    data("set", set::set),
    data("setex", set::setex),
    data("setnx", set::setnx),
    data("setrange", setrange),
    data("strlen", strlen),
    data("substr", getrange),
];

fn append(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, tail) = (cx.args.at(1), cx.args.at(2));
    let len = match cx.db.edit_object(key) {
        Some(object) => {
            let len = Text::of(object.body()).ok_or(CommandError::WRONG_TYPE)?.len();
            check_len(cx.limits.proto_max_bulk_len, len, tail.len())?;
            text::append(object, tail).ok_or(CommandError::WRONG_TYPE)?
        }
        None => {
            cx.db.put(key, Value::Bytes(tail), Expiry::Clear);
            tail.len()
        }
    };
    cx.db.changed(key, Event::APPEND);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn get(cx: &mut DataCx<'_>) -> CmdResult {
    write(cx.reply, cx.db.text(cx.args.at(1))?);
    Ok(Outcome::Done)
}

fn getdel(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let old = cx.db.text(key)?;
    let existed = old.is_some();
    write(cx.reply, old);
    if existed {
        cx.db.delete(key);
        cx.db.changed(key, Event::DEL);
        cx.effects.propagate_instead(&[b"DEL", key]);
    }
    Ok(Outcome::Done)
}

fn getrange(cx: &mut DataCx<'_>) -> CmdResult {
    let (start, end) = (cx.integer(2)?, cx.integer(3)?);
    let Some(text) = cx.db.text(cx.args.at(1))? else {
        cx.reply.bulk(b"");
        return Ok(Outcome::Done);
    };
    let mut digits = itoa::Buffer::new();
    let bytes = text.bytes(&mut digits);
    cx.reply.bulk(slice(bytes, start, end));
    Ok(Outcome::Done)
}

fn getset(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, value) = (cx.args.at(1), cx.args.at(2));
    write(cx.reply, cx.db.text(key)?);
    cx.db.put(key, Value::Bytes(value), Expiry::Clear);
    cx.db.changed(key, Event::SET);
    cx.effects.propagate_instead(&[b"SET", key, value]);
    Ok(Outcome::Done)
}

fn mget(cx: &mut DataCx<'_>) -> CmdResult {
    let keys = cx.args.from(1);
    cx.reply.array(keys.len());
    for key in keys.iter() {
        // A value of another type counts as missing here.
        write(cx.reply, cx.db.text(key).unwrap_or(None));
    }
    Ok(Outcome::Done)
}

fn setrange(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, value) = (cx.args.at(1), cx.args.at(3));
    let offset = usize::try_from(cx.integer(2)?).map_err(|_| CommandError::OFFSET_OUT_OF_RANGE)?;
    let most = cx.limits.proto_max_bulk_len;
    if value.is_empty() {
        let len = peek(&mut cx.db, key)?.map_or(0, |text| text.len());
        cx.reply.integer(len as i64);
        return Ok(Outcome::Done);
    }
    let len = match cx.db.edit_object(key) {
        Some(object) => {
            Text::of(object.body()).ok_or(CommandError::WRONG_TYPE)?;
            check_len(most, offset, value.len())?;
            text::set_range(object, offset, value).ok_or(CommandError::WRONG_TYPE)?
        }
        None => {
            check_len(most, offset, value.len())?;
            cx.db.put(key, Value::Container(text::padded(offset, value)), Expiry::Clear);
            offset + value.len()
        }
    };
    cx.db.changed(key, Event::SETRANGE);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn strlen(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.text(cx.args.at(1))?.map_or(0, |text| text.len());
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

// ---- helpers ---------------------------------------------------------------------------------------------------------

/// The string under a key, leaving no trace. Errors: another type.
fn peek<'d>(db: &'d mut DbMut<'_>, key: &[u8]) -> Result<Option<Text<'d>>, CommandError> {
    match db.peek(key) {
        None => Ok(None),
        Some(object) => Text::of(object.body()).map(Some).ok_or(CommandError::WRONG_TYPE),
    }
}

/// Writes a string, or null.
#[inline]
fn write(reply: &mut Reply, text: Option<Text<'_>>) {
    match text {
        Some(Text::Bytes(bytes)) => reply.bulk(bytes),
        Some(Text::Int(value)) => reply.bulk_int(value),
        None => reply.null(),
    }
}

/// Errors: a string of `len` and `more` bytes would be longer than `most`.
fn check_len(most: usize, len: usize, more: usize) -> Result<(), CommandError> {
    match len.checked_add(more) {
        Some(total) if total <= most => Ok(()),
        _ => Err(CommandError::STRING_TOO_LONG),
    }
}

/// The bytes between two positions, both included, negative ones counted from the end.
fn slice(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    let len = bytes.len() as i64;
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    if start > end { b"" } else { &bytes[start as usize..=end as usize] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::testing::Bench;

    #[test]
    fn ranges_count_from_both_ends() {
        for (start, end, expected) in [
            (0, 3, "This"),
            (-3, -1, "ing"),
            (0, -1, "This is a string"),
            (10, 100, "string"),
            (-1, -3, ""),
            (5, 2, ""),
            (i64::MIN, i64::MAX, "This is a string"),
            (100, 200, ""),
            (-100, -17, "T"),
            (0, i64::MIN, "T"),
        ] {
            assert_eq!(slice(b"This is a string", start, end), expected.as_bytes(), "{start} {end}");
            assert_eq!(slice(b"", start, end), b"");
        }
    }

    #[test]
    fn append_and_setrange_grow_a_string_and_refuse_another_type() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("APPEND k 12"), ":2\r\n");
        assert_eq!(bench.run("OBJECT ENCODING k"), "$3\r\nint\r\n");
        assert_eq!(bench.run("APPEND k 3"), ":3\r\n");
        assert_eq!(bench.run("OBJECT ENCODING k"), "$3\r\nraw\r\n");
        assert_eq!(bench.run("INCR k"), ":124\r\n");
        assert_eq!(bench.run("SETRANGE k 5 x"), ":6\r\n");
        assert_eq!(bench.run("GET k"), "$6\r\n124\0\0x\r\n");
        assert_eq!(bench.events(), ["append k", "append k", "incrby k", "setrange k"]);
        assert_eq!(bench.run("SETRANGE none 5"), "-ERR wrong number of arguments for 'setrange' command\r\n");
        assert_eq!(bench.run_args(&[b"SETRANGE", b"none", b"5", b""]), b":0\r\n");
        assert_eq!(bench.run("SETRANGE k -1 x"), "-ERR offset is out of range\r\n");
        assert_eq!(bench.run("SETRANGE k 536870912 x"), bench.error(&CommandError::STRING_TOO_LONG));
        assert_eq!(bench.run("EXISTS none"), ":0\r\n");
        assert!(bench.events().is_empty());
    }

    #[test]
    fn getdel_and_getset_are_repeated_as_what_they_did() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        assert_eq!(bench.run("GETSET k w"), "$1\r\nv\r\n");
        assert_eq!(bench.propagated(), ["SET k w"]);
        assert_eq!(bench.run("GETDEL k"), "$1\r\nw\r\n");
        assert_eq!(bench.propagated(), ["DEL k"]);
        assert_eq!(bench.run("GETDEL k"), "$-1\r\n");
        assert_eq!(bench.events(), ["set k", "set k", "del k"]);
    }
}
