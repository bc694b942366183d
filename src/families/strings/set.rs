//! Strings stored whole: SET with its options, its older forms, and the many-key forms; GETEX and the conditional
//! deletions, which share the options.
//!
//! Promise: options are parsed and conditions checked before anything is stored. A command with a relative deadline or a
//! condition that Redis 7.0 does not know is repeated as the plain SET, DEL or PEXPIREAT it came to.

use super::{peek, write};
use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{DbMut, Event, ExpireMode, Expiry, UnixMs};
use crate::object::{Text, Value};
use xxhash_rust::xxh3::xxh3_64;

pub(super) fn set(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, value) = (cx.args.at(1), cx.args.at(2));
    if cx.args.len() == 3 {
        cx.db.put(key, Value::Bytes(value), Expiry::Clear);
        cx.db.changed(key, Event::SET);
        cx.reply.ok();
        return Ok(Outcome::Done);
    }
    let options = Options::parse(cx.args.from(3), For::Set)?;
    let deadline = options.ttl.moment(cx.now, "set")?;
    if options.get {
        let old = cx.db.text(key)?;
        write(cx.reply, old);
    }
    if !options.condition.holds(&mut cx.db, key)? {
        if !options.get {
            cx.reply.null();
        }
        return Ok(Outcome::Done);
    }
    let expiry = match deadline {
        Some(at) => Expiry::At(at),
        None if options.ttl == Ttl::Keep => Expiry::Keep,
        None => Expiry::Clear,
    };
    cx.db.put(key, Value::Bytes(value), expiry);
    cx.db.changed(key, Event::SET);
    if let Some(at) = deadline {
        cx.db.changed_by(key, Event::EXPIRE, 0);
        repeat_set(cx, key, value, at);
    } else if options.get || options.condition.is_newer() {
        match options.ttl {
            Ttl::Keep => cx.effects.propagate_instead(&[b"SET", key, value, b"KEEPTTL"]),
            _ => cx.effects.propagate_instead(&[b"SET", key, value]),
        }
    }
    if !options.get {
        cx.reply.ok();
    }
    Ok(Outcome::Done)
}

pub(super) fn setex(cx: &mut DataCx<'_>) -> CmdResult {
    set_with_ttl(cx, Ttl::Ex(cx.args.at(2)), "setex")
}

pub(super) fn psetex(cx: &mut DataCx<'_>) -> CmdResult {
    set_with_ttl(cx, Ttl::Px(cx.args.at(2)), "psetex")
}

fn set_with_ttl(cx: &mut DataCx<'_>, ttl: Ttl<'_>, name: &str) -> CmdResult {
    let (key, value) = (cx.args.at(1), cx.args.at(3));
    if let Some(at) = ttl.moment(cx.now, name)? {
        cx.db.put(key, Value::Bytes(value), Expiry::At(at));
        cx.db.changed(key, Event::SET);
        cx.db.changed_by(key, Event::EXPIRE, 0);
        repeat_set(cx, key, value, at);
    }
    cx.reply.ok();
    Ok(Outcome::Done)
}

pub(super) fn setnx(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, value) = (cx.args.at(1), cx.args.at(2));
    let missing = !cx.db.contains(key);
    if missing {
        cx.db.put(key, Value::Bytes(value), Expiry::Clear);
        cx.db.changed(key, Event::SET);
    }
    cx.reply.integer(missing as i64);
    Ok(Outcome::Done)
}

pub(super) fn mset(cx: &mut DataCx<'_>) -> CmdResult {
    let pairs = pairs(cx.args.from(1)).ok_or_else(|| CommandError::arity("mset"))?;
    put_all(cx, pairs, Expiry::Clear);
    cx.reply.ok();
    Ok(Outcome::Done)
}

pub(super) fn msetnx(cx: &mut DataCx<'_>) -> CmdResult {
    let pairs = pairs(cx.args.from(1)).ok_or_else(|| CommandError::arity("msetnx"))?;
    let missing = pairs.clone().all(|(key, _)| !cx.db.contains(key));
    if missing {
        put_all(cx, pairs, Expiry::Clear);
    }
    cx.reply.integer(missing as i64);
    Ok(Outcome::Done)
}

pub(super) fn msetex(cx: &mut DataCx<'_>) -> CmdResult {
    let count = num::parse_i64(cx.args.at(1)).filter(|&count| count > 0 && count <= i32::MAX as i64);
    let count = count.ok_or(CommandError::INVALID_NUMKEYS)? as usize;
    if (cx.args.len() - 2) / 2 < count {
        return Err(CommandError::WRONG_PAIRS);
    }
    let options = Options::parse(cx.args.from(2 + 2 * count), For::Msetex)?;
    let deadline = options.ttl.moment(cx.now, "msetex")?;
    // The argument slices outlive the context's borrow, so the pairs can be walked while keys change.
    let args = cx.args;
    let pairs = (0..count).map(move |i| (args.at(2 + 2 * i), args.at(3 + 2 * i)));
    for (key, _) in pairs.clone() {
        if !options.condition.holds(&mut cx.db, key)? {
            cx.reply.integer(0);
            return Ok(Outcome::Done);
        }
    }
    let keep = options.ttl == Ttl::Keep;
    let expiry = match deadline {
        Some(at) => Expiry::At(at),
        None if keep => Expiry::Keep,
        None => Expiry::Clear,
    };
    put_all(cx, pairs.clone(), expiry);
    for (key, value) in pairs {
        match deadline {
            Some(at) => {
                cx.db.changed_by(key, Event::EXPIRE, 0);
                repeat_set(cx, key, value, at);
            }
            None if keep => cx.effects.propagate_instead(&[b"SET", key, value, b"KEEPTTL"]),
            None => cx.effects.propagate_instead(&[b"SET", key, value]),
        }
    }
    cx.reply.integer(1);
    Ok(Outcome::Done)
}

pub(super) fn getex(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let options = Options::parse(cx.args.from(2), For::Getex)?;
    let now = cx.now;
    let Some(text) = cx.db.text(key)? else {
        cx.reply.null();
        return Ok(Outcome::Done);
    };
    let deadline = options.ttl.moment(now, "getex")?;
    write(cx.reply, Some(text));
    match deadline {
        Some(at) if options.ttl.is_absolute() && is_past(cx, at) => {
            cx.db.delete(key);
            cx.db.changed(key, Event::DEL);
            cx.effects.propagate_instead(&[b"DEL", key]);
        }
        Some(at) => {
            cx.db.set_deadline(key, Some(at));
            cx.db.changed(key, Event::EXPIRE);
            cx.effects.propagate_instead(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at.0).as_bytes()]);
        }
        None if options.ttl == Ttl::Persist && matches!(cx.db.deadline(key), Some(Some(_))) => {
            cx.db.set_deadline(key, None);
            cx.db.changed(key, Event::PERSIST);
            cx.effects.propagate_instead(&[b"PERSIST", key]);
        }
        None => {}
    }
    Ok(Outcome::Done)
}

pub(super) fn delex(cx: &mut DataCx<'_>) -> CmdResult {
    if cx.args.len() == 2 {
        return delete_if(cx, Condition::Always);
    }
    if cx.args.len() != 4 {
        return Err(CommandError::arity("delex"));
    }
    match Condition::named(cx.args.at(2), cx.args.at(3))? {
        Some(condition) => delete_if(cx, condition),
        None => Err(CommandError::INVALID_CONDITION),
    }
}

pub(super) fn delifeq(cx: &mut DataCx<'_>) -> CmdResult {
    delete_if(cx, Condition::Equals(cx.args.at(2)))
}

pub(super) fn digest(cx: &mut DataCx<'_>) -> CmdResult {
    match cx.db.text(cx.args.at(1))? {
        Some(text) => cx.reply.bulk(format!("{:016x}", digest_of(text)).as_bytes()),
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

fn delete_if(cx: &mut DataCx<'_>, condition: Condition<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let goes = cx.db.contains(key) && condition.holds(&mut cx.db, key)?;
    if goes {
        cx.db.delete(key);
        cx.db.changed(key, Event::DEL);
        cx.effects.propagate_instead(&[b"DEL", key]);
    }
    cx.reply.integer(goes as i64);
    Ok(Outcome::Done)
}

// ---- options ---------------------------------------------------------------------------------------------------------

/// Under which condition a value is stored or removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Always,
    /// NX: the key is missing.
    Missing,
    /// XX: the key is there.
    Present,
    /// IFEQ: the key holds this string.
    Equals(&'a [u8]),
    /// IFNE: the key is missing or holds another string.
    Differs(&'a [u8]),
    /// IFDEQ: the key holds a string of this digest.
    DigestEquals(u64),
    /// IFDNE: the key is missing or holds a string of another digest.
    DigestDiffers(u64),
}

impl<'a> Condition<'a> {
    /// A condition on the value by its word, if it is one. Errors: a digest that is none.
    fn named(word: &[u8], operand: &'a [u8]) -> Result<Option<Condition<'a>>, CommandError> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        Ok(if is("IFEQ") {
            Some(Condition::Equals(operand))
        } else if is("IFNE") {
            Some(Condition::Differs(operand))
        } else if is("IFDEQ") {
            Some(Condition::DigestEquals(parse_digest(operand)?))
        } else if is("IFDNE") {
            Some(Condition::DigestDiffers(parse_digest(operand)?))
        } else {
            None
        })
    }

    /// Whether Redis 7.0 does not know it.
    fn is_newer(self) -> bool {
        !matches!(self, Condition::Always | Condition::Missing | Condition::Present)
    }

    /// Errors: a condition on the value, and the key holds no string.
    fn holds(self, db: &mut DbMut<'_>, key: &[u8]) -> Result<bool, CommandError> {
        Ok(match self {
            Condition::Always => true,
            Condition::Missing => !db.contains(key),
            Condition::Present => db.contains(key),
            Condition::Equals(value) => peek(db, key)?.is_some_and(|text| text.equals(value)),
            Condition::Differs(value) => peek(db, key)?.is_none_or(|text| !text.equals(value)),
            Condition::DigestEquals(digest) => peek(db, key)?.is_some_and(|text| digest_of(text) == digest),
            Condition::DigestDiffers(digest) => peek(db, key)?.is_none_or(|text| digest_of(text) != digest),
        })
    }
}

/// What becomes of the deadline, as the options say it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ttl<'a> {
    Unset,
    Keep,
    Persist,
    Ex(&'a [u8]),
    Px(&'a [u8]),
    ExAt(&'a [u8]),
    PxAt(&'a [u8]),
}

impl Ttl<'_> {
    fn is_absolute(self) -> bool {
        matches!(self, Ttl::ExAt(_) | Ttl::PxAt(_))
    }

    /// The moment it stands for, always after the epoch. Errors: not an integer, not positive, beyond the clock.
    fn moment(self, now: UnixMs, name: &str) -> Result<Option<UnixMs>, CommandError> {
        let (text, unit_ms, base) = match self {
            Ttl::Unset | Ttl::Keep | Ttl::Persist => return Ok(None),
            Ttl::Ex(text) => (text, 1000, now.0),
            Ttl::Px(text) => (text, 1, now.0),
            Ttl::ExAt(text) => (text, 1000, 0),
            Ttl::PxAt(text) => (text, 1, 0),
        };
        let span = num::parse_i64(text).ok_or(CommandError::NOT_INTEGER)?;
        let at = span.checked_mul(unit_ms).filter(|&span_ms| span_ms > 0).and_then(|span_ms| span_ms.checked_add(base));
        at.map(|at| Some(UnixMs(at))).ok_or_else(|| CommandError::invalid_expire(name))
    }
}

/// Whose options are parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Set,
    Getex,
    Msetex,
}

/// The options of SET, GETEX and MSETEX.
struct Options<'a> {
    condition: Condition<'a>,
    get: bool,
    ttl: Ttl<'a>,
}

impl<'a> Options<'a> {
    /// Errors: an unknown option, options that exclude each other, a missing operand.
    fn parse(args: Args<'a>, whose: For) -> Result<Options<'a>, CommandError> {
        let mut options = Options { condition: Condition::Always, get: false, ttl: Ttl::Unset };
        let stores = whose != For::Getex;
        let mut at = 0;
        while let Some(word) = args.get(at) {
            let operand = args.get(at + 1);
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let no_condition =
                |own: Condition<'_>| stores && (options.condition == Condition::Always || options.condition == own);
            at += 1;
            if is("NX") && no_condition(Condition::Missing) {
                options.condition = Condition::Missing;
            } else if is("XX") && no_condition(Condition::Present) {
                options.condition = Condition::Present;
            } else if is("GET") && whose == For::Set {
                options.get = true;
            } else if is("KEEPTTL") && stores && matches!(options.ttl, Ttl::Unset | Ttl::Keep) {
                options.ttl = Ttl::Keep;
            } else if is("PERSIST") && !stores && matches!(options.ttl, Ttl::Unset | Ttl::Persist) {
                options.ttl = Ttl::Persist;
            } else if let Some(ttl) = operand.and_then(|operand| options.timed(word, operand)) {
                options.ttl = ttl;
                at += 1;
            } else if whose == For::Set
                && options.condition == Condition::Always
                && let Some(operand) = operand
                && let Some(condition) = Condition::named(word, operand)?
            {
                options.condition = condition;
                at += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }

    /// A deadline by its word, if none of another kind was given before.
    fn timed(&self, word: &[u8], operand: &'a [u8]) -> Option<Ttl<'a>> {
        let ttl = match word.len() {
            2 if word.eq_ignore_ascii_case(b"EX") => Ttl::Ex(operand),
            2 if word.eq_ignore_ascii_case(b"PX") => Ttl::Px(operand),
            4 if word.eq_ignore_ascii_case(b"EXAT") => Ttl::ExAt(operand),
            4 if word.eq_ignore_ascii_case(b"PXAT") => Ttl::PxAt(operand),
            _ => return None,
        };
        let fits = self.ttl == Ttl::Unset || std::mem::discriminant(&self.ttl) == std::mem::discriminant(&ttl);
        fits.then_some(ttl)
    }
}

/// The digest of a string as DIGEST tells it: XXH3 of 64 bits.
fn digest_of(text: Text<'_>) -> u64 {
    xxh3_64(text.bytes(&mut itoa::Buffer::new()))
}

/// A digest as sixteen hexadecimal digits in any case.
fn parse_digest(text: &[u8]) -> Result<u64, CommandError> {
    let digits = std::str::from_utf8(text).ok().filter(|text| text.len() == 16 && !text.starts_with('+'));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(CommandError::INVALID_DIGEST)
}

// ---- helpers ---------------------------------------------------------------------------------------------------------

/// A deadline that deletes at once: not after now, unless another server decides what expires.
fn is_past(cx: &mut DataCx<'_>, at: UnixMs) -> bool {
    at <= cx.now && cx.db.keyspace().expire_mode == ExpireMode::Remove
}

/// The arguments in pairs, or `None` when one is left over.
fn pairs(args: Args<'_>) -> Option<impl Iterator<Item = (&[u8], &[u8])> + Clone> {
    let even = args.len().is_multiple_of(2);
    even.then(|| args.iter().step_by(2).zip(args.iter().skip(1).step_by(2)))
}

fn put_all<'a>(cx: &mut DataCx<'_>, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>, expiry: Expiry) {
    for (key, value) in pairs {
        cx.db.put(key, Value::Bytes(value), expiry);
        cx.db.changed(key, Event::SET);
    }
}

fn repeat_set(cx: &mut DataCx<'_>, key: &[u8], value: &[u8], at: UnixMs) {
    cx.effects.propagate_instead(&[b"SET", key, value, b"PXAT", itoa::Buffer::new().format(at.0).as_bytes()]);
}

#[cfg(test)]
mod tests {
    use crate::families::testing::Bench;

    #[test]
    fn set_options_exclude_each_other() {
        let mut bench = Bench::new();
        for wrong in [
            "SET k v NX XX",
            "SET k v EX 10 PX 10",
            "SET k v EX 10 KEEPTTL",
            "SET k v KEEPTTL PXAT 10",
            "SET k v EX",
            "SET k v PERSIST",
            "SET k v IFEQ a NX",
            "SET k v IFEQ a IFNE b",
            "GETEX k NX",
            "GETEX k KEEPTTL",
            "GETEX k PERSIST EX 10",
            "MSETEX 1 k v GET",
        ] {
            assert_eq!(bench.run(wrong), "-ERR syntax error\r\n", "{wrong}");
        }
        for wrong in
            ["SET k v EX 0", "SET k v PX -1", "SET k v EXAT 9223372036854775", "SET k v PX 9223372036854775807"]
        {
            let at = wrong.contains("EXAT");
            let expected = if at { "+OK\r\n" } else { "-ERR invalid expire time in 'set' command\r\n" };
            assert_eq!(bench.run(wrong), expected, "{wrong}");
        }
        assert_eq!(bench.run("SET k v EXAT 9223372036854776"), "-ERR invalid expire time in 'set' command\r\n");
        assert_eq!(bench.run("SET k v ex 5 EX 6 GET get"), "$1\r\nv\r\n");
        assert_eq!(bench.run("TTL k"), ":6\r\n");
    }

    #[test]
    fn conditions_are_checked_before_anything_is_stored() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("SET k 1 XX"), "$-1\r\n");
        assert_eq!(bench.run("SET k 1 XX GET"), "$-1\r\n");
        assert_eq!(bench.run("SET k 1 NX GET"), "$-1\r\n");
        assert_eq!(bench.propagated(), ["SET k 1"]);
        assert_eq!(bench.run("SET k 2 NX GET"), "$1\r\n1\r\n");
        assert_eq!(bench.run("SET k 2 IFEQ 3"), "$-1\r\n");
        assert_eq!(bench.run("SET k 2 IFEQ 1 GET"), "$1\r\n1\r\n");
        assert_eq!(bench.propagated(), ["SET k 2"]);
        assert_eq!(bench.run("SET k 3 IFNE 2"), "$-1\r\n");
        assert_eq!(bench.run("SET new 3 IFNE 2"), "+OK\r\n");
        assert_eq!(bench.run("SET none 3 IFEQ 2"), "$-1\r\n");
        assert_eq!(bench.run("MSETNX none 1 k 2"), ":0\r\n");
        assert_eq!(bench.run("EXISTS none"), ":0\r\n");
        assert_eq!(bench.run("DELIFEQ k 3"), ":0\r\n");
        assert_eq!(bench.run("DELEX k IFNE 2"), ":0\r\n");
        assert_eq!(bench.run("DELEX k IFEQ 2"), ":1\r\n");
        assert_eq!(bench.propagated(), ["DEL k"]);
        assert_eq!(bench.events(), ["set k", "set k", "set new", "del k"]);
    }

    #[test]
    fn digests_stand_for_values() {
        let mut bench = Bench::new();
        bench.run_args(&[b"SET", b"k", b"Hello world"]);
        assert_eq!(bench.run("DIGEST k"), "$16\r\nb6acb9d84a38ff74\r\n");
        assert_eq!(bench.run("DIGEST none"), "$-1\r\n");
        assert_eq!(bench.run("SET k v IFDNE B6ACB9D84A38FF74"), "$-1\r\n");
        assert_eq!(bench.run("SET k v IFDEQ xyz"), "-ERR must be exactly 16 hexadecimal characters\r\n");
        assert_eq!(bench.run("SET k v IFDEQ B6ACB9D84A38FF74"), "+OK\r\n");
        assert_eq!(bench.propagated(), ["SET k v"]);
        assert_eq!(bench.run("DELEX k IFDEQ b6acb9d84a38ff74"), ":0\r\n");
        assert_eq!(bench.run("DELEX k IFDNE b6acb9d84a38ff74"), ":1\r\n");
        assert_eq!(bench.run("DELEX k FOO x"), "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n");
    }

    #[test]
    fn deadlines_are_repeated_as_moments() {
        let mut bench = Bench::new();
        let at = bench.now() + 10_000;
        assert_eq!(bench.run("SETEX k 10 v"), "+OK\r\n");
        assert_eq!(bench.propagated(), [format!("SET k v PXAT {at}")]);
        bench.run("SET k w KEEPTTL");
        assert_eq!(bench.run("PTTL k"), ":10000\r\n");
        bench.run("GETEX k PX 500");
        assert_eq!(bench.propagated(), [format!("PEXPIREAT k {}", at - 9_500)]);
        bench.run("GETEX k PERSIST");
        assert_eq!(bench.propagated(), ["PERSIST k"]);
        assert_eq!(bench.run("GETEX k EXAT 1"), "$1\r\nw\r\n");
        assert_eq!(bench.propagated(), ["DEL k"]);
        assert_eq!(bench.events(), ["set k", "expire k", "set k", "expire k", "persist k", "del k"]);
        assert_eq!(bench.run("MSETEX 2 a 1 b 2 XX"), ":0\r\n");
        assert_eq!(bench.run("MSETEX 2 a 1 b 2 NX EX 10"), ":1\r\n");
        assert_eq!(bench.propagated(), [format!("SET a 1 PXAT {at}"), format!("SET b 2 PXAT {at}")]);
        assert_eq!(bench.run("MSETEX 0 a 1"), "-ERR invalid numkeys value\r\n");
        assert_eq!(bench.run("MSETEX 2 a 1"), "-ERR wrong number of key-value pairs\r\n");
    }

    #[test]
    fn a_value_past_its_deadline_is_missing() {
        let mut bench = Bench::new();
        bench.run("SET k v PX 100");
        bench.wait(100);
        assert_eq!(bench.run("GET k"), "$1\r\nv\r\n");
        bench.wait(1);
        assert_eq!(bench.run("GET k"), "$-1\r\n");
        assert_eq!(bench.events(), ["set k", "expire k", "expired k"]);
        bench.run("SET k v EXAT 1");
        assert_eq!(bench.run("SET k w XX"), "$-1\r\n");
        bench.run("SET k v EXAT 1");
        bench.events();
        bench.run("SET k w KEEPTTL");
        assert_eq!(bench.run("TTL k"), ":-1\r\n");
        assert_eq!(bench.events(), ["expired k", "set k"]);
    }

    #[test]
    fn mset_counts_every_key_and_refuses_a_key_without_a_value() {
        let mut bench = Bench::new();
        assert_eq!(bench.run("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command\r\n");
        assert_eq!(bench.run("MSET a 1 b 2 a 3"), "+OK\r\n");
        assert_eq!(bench.dirty(), 3);
        bench.run("RPUSH s x");
        assert_eq!(bench.run("MGET a b s none"), "*4\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n$-1\r\n");
        assert_eq!(bench.run("MSETNX x 1 x 2"), ":1\r\n");
        assert_eq!(bench.run("GET x"), "$1\r\n2\r\n");
    }
}
