//! Arithmetic on strings that are numbers: integers in place, floats in the extended precision Redis computes with.
//!
//! Promise: an overflow, a NaN or a string that is no number leaves the value as it was.

use crate::base::num::LongDouble;
use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, Expiry};
use crate::object::{Text, Value, text};

pub(super) fn incr(cx: &mut DataCx<'_>) -> CmdResult {
    add(cx, 1)
}

pub(super) fn decr(cx: &mut DataCx<'_>) -> CmdResult {
    add(cx, -1)
}

pub(super) fn incrby(cx: &mut DataCx<'_>) -> CmdResult {
    let by = cx.integer(2)?;
    add(cx, by)
}

pub(super) fn decrby(cx: &mut DataCx<'_>) -> CmdResult {
    let by = cx.integer(2)?.checked_neg().ok_or(CommandError::DECREMENT_OVERFLOW)?;
    add(cx, by)
}

fn add(cx: &mut DataCx<'_>, by: i64) -> CmdResult {
    let key = cx.args.at(1);
    let sum = match cx.db.edit_object(key) {
        Some(object) => {
            let old = Text::of(object.body()).ok_or(CommandError::WRONG_TYPE)?;
            let old = old.integer().ok_or(CommandError::NOT_INTEGER)?;
            let sum = old.checked_add(by).ok_or(CommandError::OVERFLOW)?;
            text::set_int(object, sum);
            sum
        }
        None => {
            cx.db.put(key, Value::Int(by), Expiry::Clear);
            by
        }
    };
    cx.db.changed(key, Event::INCRBY);
    cx.reply.integer(sum);
    Ok(Outcome::Done)
}

pub(super) fn incrbyfloat(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let number = |bytes: &[u8]| LongDouble::parse(bytes).ok_or(CommandError::NOT_FLOAT);
    let old = match super::peek(&mut cx.db, key)? {
        Some(text) => Some(number(text.bytes(&mut itoa::Buffer::new()))?),
        None => None,
    };
    let by = number(cx.args.at(2))?;
    let sum = old.map_or(by, |old| old + by);
    if sum.is_nan() || sum.is_inf() {
        return Err(CommandError::NAN_OR_INFINITY);
    }
    let printed = sum.to_human();
    // The sum is kept as it is printed, never as an integer.
    cx.db.put(key, Value::Literal(&printed), Expiry::Keep);
    cx.db.changed(key, Event::INCRBYFLOAT);
    cx.reply.bulk(&printed);
    // The sum itself is repeated, so that rounding elsewhere cannot lead to another one.
    cx.effects.propagate_instead(&[b"SET", key, &printed, b"KEEPTTL"]);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use crate::families::testing::Bench;

    #[test]
    fn counters_stop_at_the_ends_of_the_range() {
        let mut bench = Bench::new();
        bench.run("SET k 9223372036854775806");
        assert_eq!(bench.run("INCR k"), ":9223372036854775807\r\n");
        assert_eq!(bench.run("INCR k"), "-ERR increment or decrement would overflow\r\n");
        assert_eq!(bench.run("DECRBY k -9223372036854775808"), "-ERR decrement would overflow\r\n");
        assert_eq!(bench.run("GET k"), "$19\r\n9223372036854775807\r\n");
        assert_eq!(bench.run("DECRBY fresh 5"), ":-5\r\n");
        bench.run("SET word x");
        assert_eq!(bench.run("INCR word"), "-ERR value is not an integer or out of range\r\n");
        assert_eq!(bench.events(), ["set k", "incrby k", "incrby fresh", "set word"]);
    }

    #[test]
    fn float_sums_are_kept_as_text_and_repeated_whole() {
        let mut bench = Bench::new();
        bench.run("SET k 10.5 PX 1000");
        assert_eq!(bench.run("INCRBYFLOAT k 0.1"), "$4\r\n10.6\r\n");
        assert_eq!(bench.propagated(), ["SET k 10.6 KEEPTTL"]);
        assert_eq!(bench.run("PTTL k"), ":1000\r\n");
        assert_eq!(bench.run("INCRBYFLOAT k 0.4"), "$2\r\n11\r\n");
        assert_eq!(bench.run("OBJECT ENCODING k"), "$6\r\nembstr\r\n");
        assert_eq!(bench.run("INCRBYFLOAT k inf"), "-ERR increment would produce NaN or Infinity\r\n");
        assert_eq!(bench.run("INCRBYFLOAT k x"), "-ERR value is not a valid float\r\n");
        assert_eq!(bench.run("INCR k"), ":12\r\n");
    }
}
