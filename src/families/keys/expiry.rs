//! Deadlines of keys: EXPIRE and its forms, TTL and its forms, PERSIST.
//!
//! Promise: whatever the form, what is repeated elsewhere names a moment, or the deletion it came to.

use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, ExpireMode, UnixMs};
use crate::object::Object;

/// A form of EXPIRE: milliseconds in its unit, and whether it counts from now.
#[derive(Clone, Copy)]
struct Form {
    name: &'static str,
    unit_ms: i64,
    relative: bool,
}

pub(super) fn expire(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadline(cx, Form { name: "expire", unit_ms: 1000, relative: true })
}

pub(super) fn pexpire(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadline(cx, Form { name: "pexpire", unit_ms: 1, relative: true })
}

pub(super) fn expireat(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadline(cx, Form { name: "expireat", unit_ms: 1000, relative: false })
}

pub(super) fn pexpireat(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadline(cx, Form { name: "pexpireat", unit_ms: 1, relative: false })
}

fn set_deadline(cx: &mut DataCx<'_>, form: Form) -> CmdResult {
    let key = cx.args.at(1);
    let condition = Condition::parse(cx.args.from(3))?;
    let base = if form.relative { cx.now.0 } else { 0 };
    let span = num::parse_i64(cx.args.at(2)).ok_or(CommandError::NOT_INTEGER)?;
    let at = span.checked_mul(form.unit_ms).and_then(|span_ms| span_ms.checked_add(base));
    let at = UnixMs(at.ok_or_else(|| CommandError::invalid_expire(form.name))?);
    let old = cx.db.edit_object(key).map(|object| object.deadline());
    let allowed = old.is_some_and(|old| condition.allows(old.map(|at| at as i64), at.0));
    if allowed {
        if at <= cx.now && cx.db.keyspace().expire_mode == ExpireMode::Remove {
            cx.db.delete(key);
            cx.db.changed(key, Event::DEL);
            cx.effects.propagate_instead(&[b"DEL", key]);
        } else {
            cx.db.set_deadline(key, Some(at));
            cx.db.changed(key, Event::EXPIRE);
            if form.relative || form.unit_ms != 1 {
                cx.effects.propagate_instead(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at.0).as_bytes()]);
            }
        }
    }
    cx.reply.integer(allowed as i64);
    Ok(Outcome::Done)
}

/// When EXPIRE takes effect.
#[derive(Default)]
struct Condition {
    if_none: bool,
    if_any: bool,
    if_later: bool,
    if_earlier: bool,
}

impl Condition {
    /// Errors: an unknown word, words that exclude each other.
    fn parse(words: Args<'_>) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
        for word in words.iter() {
            if word.eq_ignore_ascii_case(b"NX") {
                condition.if_none = true;
            } else if word.eq_ignore_ascii_case(b"XX") {
                condition.if_any = true;
            } else if word.eq_ignore_ascii_case(b"GT") {
                condition.if_later = true;
            } else if word.eq_ignore_ascii_case(b"LT") {
                condition.if_earlier = true;
            } else {
                return Err(CommandError::unsupported_option(word));
            }
        }
        if condition.if_none && (condition.if_any || condition.if_later || condition.if_earlier) {
            return Err(CommandError::EXPIRE_NX_CLASH);
        }
        if condition.if_later && condition.if_earlier {
            return Err(CommandError::EXPIRE_GT_AND_LT);
        }
        Ok(condition)
    }

    /// Whether a deadline may take the place of the old one; none at all is later than every other.
    fn allows(&self, old: Option<i64>, new: i64) -> bool {
        !(self.if_none && old.is_some()
            || self.if_any && old.is_none()
            || self.if_later && old.is_none_or(|old| new <= old)
            || self.if_earlier && old.is_some_and(|old| new >= old))
    }
}

pub(super) fn ttl(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadline(cx, true, 1000)
}

pub(super) fn pttl(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadline(cx, true, 1)
}

pub(super) fn expiretime(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadline(cx, false, 1000)
}

pub(super) fn pexpiretime(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadline(cx, false, 1)
}

/// -2 for a missing key, -1 for one without a deadline; seconds are rounded to the nearest.
fn tell_deadline(cx: &mut DataCx<'_>, relative: bool, unit_ms: i64) -> CmdResult {
    let answer = match cx.db.look(cx.args.at(1)).map(Object::deadline) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => {
            let ms = if relative { at as i64 - cx.now.0 } else { at as i64 };
            ms.max(0).saturating_add(unit_ms / 2) / unit_ms
        }
    };
    cx.reply.integer(answer);
    Ok(Outcome::Done)
}

pub(super) fn persist(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let had = cx.db.edit_object(key).is_some_and(|object| object.deadline().is_some());
    if had {
        cx.db.set_deadline(key, None);
        cx.db.changed(key, Event::PERSIST);
    }
    cx.reply.integer(had as i64);
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use crate::families::testing::Bench;

    #[test]
    fn conditions_compare_with_the_old_deadline() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        for (line, reply) in [
            ("EXPIRE none 10", ":0\r\n"),
            ("EXPIRE k 10 XX", ":0\r\n"),
            ("EXPIRE k 10 GT", ":0\r\n"),
            ("EXPIRE k 10 LT", ":1\r\n"),
            ("EXPIRE k 10 NX", ":0\r\n"),
            ("PEXPIRE k 10001 gt xx", ":1\r\n"),
            ("PEXPIRE k 10001 GT", ":0\r\n"),
            ("PEXPIRE k 10001 LT", ":0\r\n"),
            ("EXPIRE k 10 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"),
            ("EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"),
            ("EXPIRE k 10 FOO", "-ERR Unsupported option FOO\r\n"),
            ("EXPIRE k x", "-ERR value is not an integer or out of range\r\n"),
            ("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"),
            ("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n"),
            ("EXPIREAT k -9223372036854775808", "-ERR invalid expire time in 'expireat' command\r\n"),
            ("PTTL k", ":10001\r\n"),
            ("TTL k", ":10\r\n"),
            ("PERSIST k", ":1\r\n"),
            ("PERSIST k", ":0\r\n"),
            ("TTL k", ":-1\r\n"),
            ("TTL none", ":-2\r\n"),
        ] {
            assert_eq!(bench.run(line), reply, "{line}");
        }
        assert_eq!(bench.events(), ["set k", "expire k", "expire k", "persist k"]);
    }

    #[test]
    fn a_deadline_in_the_past_deletes_at_once() {
        let mut bench = Bench::new();
        bench.run("MSET a 1 b 2");
        bench.events();
        assert_eq!(bench.run("EXPIRE a -1"), ":1\r\n");
        assert_eq!(bench.propagated(), ["DEL a"]);
        assert_eq!(bench.run("PEXPIREAT b 9223372036854775807"), ":1\r\n");
        assert_eq!(bench.run("PEXPIRETIME b"), ":9223372036854775807\r\n");
        assert_eq!(bench.run("EXPIREAT b 0"), ":1\r\n");
        assert_eq!(bench.run("EXISTS a b"), ":0\r\n");
        assert_eq!(bench.events(), ["del a", "expire b", "del b"]);
    }

    #[test]
    fn relative_deadlines_are_repeated_as_moments() {
        let mut bench = Bench::new();
        bench.run("SET k v");
        bench.run("EXPIRE k 10 NX");
        assert_eq!(bench.propagated(), [format!("PEXPIREAT k {}", bench.now() + 10_000)]);
        bench.run("PEXPIREAT k 99999999999999");
        assert!(bench.propagated().is_empty());
        assert_eq!(bench.run("EXPIRETIME k"), ":100000000000\r\n");
    }
}
