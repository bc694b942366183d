//! Deadlines of fields: HEXPIRE and its forms, HTTL and its forms, HPERSIST (Redis 7.4).
//!
//! Promise: whatever the form, what is repeated elsewhere is HPEXPIREAT with the fields it took effect on, and HDEL of
//! those whose deadline had passed already. Options and FIELDS stand in any order, as since Redis 8.4.

use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, ExpireMode};
use crate::object::Hash;

/// The latest deadline of a field, in Unix milliseconds.
const DEADLINE_MAX_MS: i64 = (1 << 46) - 1;

/// What becomes of each field.
mod code {
    pub const MISSING: i64 = -2;
    pub const NO_DEADLINE: i64 = -1;
    pub const CONDITION_NOT_MET: i64 = 0;
    pub const SET: i64 = 1;
    pub const DELETED: i64 = 2;
}

/// A form of HEXPIRE, or of HSETEX's options: milliseconds in its unit, and whether it counts from now.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) unit_ms: i64,
    pub(super) relative: bool,
}

impl Form {
    /// The moment a number stands for. Errors: no integer, negative, too late for a field.
    pub(super) fn moment(self, cx: &DataCx<'_>, number: &[u8], name: &str) -> Result<u64, CommandError> {
        let base = if self.relative { cx.now.0 } else { 0 };
        let number = num::parse_i64(number).ok_or(CommandError::NOT_INTEGER)?;
        if number < 0 {
            return Err(CommandError::EXPIRE_TIME_NEGATIVE);
        }
        let at = number.checked_mul(self.unit_ms).and_then(|span_ms| span_ms.checked_add(base));
        let at = at.filter(|at| *at <= DEADLINE_MAX_MS).ok_or_else(|| CommandError::invalid_expire(name))?;
        // 0 stands for no deadline.
        Ok(at.max(1) as u64)
    }
}

/// When HEXPIRE takes effect on a field.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    IfNone,
    IfAny,
    IfLater,
    IfEarlier,
}

impl Condition {
    fn named(word: &[u8]) -> Option<Condition> {
        Some(match word.to_ascii_uppercase().as_slice() {
            b"NX" => Condition::IfNone,
            b"XX" => Condition::IfAny,
            b"GT" => Condition::IfLater,
            b"LT" => Condition::IfEarlier,
            _ => return None,
        })
    }

    /// Whether a deadline may take the place of the old one; none at all is later than every other.
    fn allows(self, old: Option<u64>, new: u64) -> bool {
        match self {
            Condition::Always => true,
            Condition::IfNone => old.is_none(),
            Condition::IfAny => old.is_some(),
            Condition::IfLater => old.is_some_and(|old| new > old),
            Condition::IfEarlier => old.is_none_or(|old| new < old),
        }
    }
}

/// The condition and the fields behind the number. Errors: an unknown word, one too many, a number that is not theirs.
fn condition_and_fields(args: Args<'_>) -> Result<(Condition, Args<'_>), CommandError> {
    let (mut condition, mut fields) = (None, None);
    let mut at = 0;
    while let Some(word) = args.get(at) {
        if args.is(at, "FIELDS") {
            if fields.is_some() {
                return Err(CommandError::FIELDS_TWICE);
            }
            if at + 2 >= args.len() {
                return Err(CommandError::FIELDS_BARE);
            }
            let count = num::parse_i64(args.at(at + 1)).filter(|count| *count > 0);
            let count = count.ok_or(CommandError::NUMFIELDS_ZERO)?;
            let rest = args.from(at + 2);
            let count = usize::try_from(count).ok().filter(|count| *count <= rest.len());
            let count = count.ok_or(CommandError::FIELDS_TOO_FEW)?;
            fields = Some(rest.first(count));
            at += 2 + count;
            continue;
        }
        let named = Condition::named(word).ok_or_else(|| CommandError::unknown_argument(word))?;
        if condition.replace(named).is_some() {
            return Err(CommandError::FIELD_CONDITIONS_CLASH);
        }
        at += 1;
    }
    Ok((condition.unwrap_or(Condition::Always), fields.ok_or(CommandError::FIELDS_ABSENT)?))
}

pub(super) fn hexpire(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadlines(cx, Form { unit_ms: 1000, relative: true }, "hexpire")
}

pub(super) fn hpexpire(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadlines(cx, Form { unit_ms: 1, relative: true }, "hpexpire")
}

pub(super) fn hexpireat(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadlines(cx, Form { unit_ms: 1000, relative: false }, "hexpireat")
}

pub(super) fn hpexpireat(cx: &mut DataCx<'_>) -> CmdResult {
    set_deadlines(cx, Form { unit_ms: 1, relative: false }, "hpexpireat")
}

/// Errors when the key holds another type than a hash.
pub(super) fn check_type(cx: &mut DataCx<'_>, key: &[u8]) -> Result<(), CommandError> {
    let kind = cx.db.kind(key);
    if kind.is_some_and(|kind| kind != crate::object::Kind::Hash) { Err(CommandError::WRONG_TYPE) } else { Ok(()) }
}

/// Removes those of the fields that are gone, before a command changes the hash.
pub(super) fn drop_expired<'f>(cx: &mut DataCx<'_>, key: &[u8], fields: impl Iterator<Item = &'f [u8]>) {
    if cx.db.may_have_due_fields(key) {
        cx.db.expire_fields(key, fields);
    }
}

fn set_deadlines(cx: &mut DataCx<'_>, form: Form, name: &str) -> CmdResult {
    let key = cx.args.at(1);
    check_type(cx, key)?;
    let at = form.moment(cx, cx.args.at(2), name)?;
    let (condition, fields) = condition_and_fields(cx.args.from(3))?;
    drop_expired(cx, key, fields.iter());
    let deletes = is_past(cx, at);
    cx.reply.array(fields.len());
    let (mut set, mut deleted): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    let mut hash = cx.db.edit::<Hash>(key)?;
    for field in fields.iter() {
        let old = hash.as_ref().and_then(|hash| hash.deadline(field));
        let code = match (old, &mut hash) {
            (Some(old), _) if !condition.allows(old, at) => code::CONDITION_NOT_MET,
            (Some(_), Some(hash)) if deletes => {
                hash.remove(field);
                deleted.push(field);
                code::DELETED
            }
            (Some(_), Some(hash)) => {
                hash.set_deadline(field, Some(at));
                set.push(field);
                code::SET
            }
            _ => code::MISSING,
        };
        cx.reply.integer(code);
    }
    settle(cx, key, at, &set, &deleted);
    Ok(Outcome::Done)
}

/// Whether a deadline deletes at once: not after now, unless another server decides what expires.
pub(super) fn is_past(cx: &mut DataCx<'_>, at: u64) -> bool {
    at as i64 <= cx.now.0 && cx.db.keyspace().expire_mode == ExpireMode::Remove
}

/// What follows when fields of a hash were given a deadline, or deleted because it had passed.
pub(super) fn settle(cx: &mut DataCx<'_>, key: &[u8], at: u64, set: &[&[u8]], deleted: &[&[u8]]) {
    if set.is_empty() && deleted.is_empty() {
        return;
    }
    cx.db.fields_changed(key);
    cx.db.keyspace().stats.expired_fields += deleted.len() as u64;
    cx.db.changed_by(key, if deleted.is_empty() { Event::HEXPIRE } else { Event::HDEL }, set.len() + deleted.len());
    repeat_deletions(cx, key, deleted);
    if !set.is_empty() && cx.effects.wanted {
        let (mut at_digits, mut count_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
        let mut parts: Vec<&[u8]> = vec![b"HPEXPIREAT", key, at_digits.format(at).as_bytes(), b"FIELDS"];
        parts.push(count_digits.format(set.len()).as_bytes());
        parts.extend(set);
        cx.effects.propagate_instead(&parts);
    }
    if !deleted.is_empty() {
        cx.db.delete_if_empty::<Hash>(key);
    }
}

/// Repeats elsewhere that fields were deleted.
pub(super) fn repeat_deletions(cx: &mut DataCx<'_>, key: &[u8], deleted: &[&[u8]]) {
    if !deleted.is_empty() && cx.effects.wanted {
        let parts: Vec<&[u8]> = [&b"HDEL"[..], key].into_iter().chain(deleted.iter().copied()).collect();
        cx.effects.propagate_instead(&parts);
    }
}

/// The fields behind FIELDS and their number, which are all that follows from argument 2 on. Errors: something else.
pub(super) fn counted_fields<'a>(cx: &DataCx<'a>) -> Result<Args<'a>, CommandError> {
    let fields = cx.args.from(4);
    if !cx.args.is(2, "FIELDS") {
        return Err(CommandError::FIELDS_MISSING);
    }
    let number = num::parse_i64(cx.args.at(3)).filter(|number| *number > 0);
    let number = number.ok_or(CommandError::NUMFIELDS_NOT_POSITIVE)?;
    if number as u64 != fields.len() as u64 {
        return Err(CommandError::NUMFIELDS_MISMATCH);
    }
    Ok(fields)
}

pub(super) fn httl(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadlines(cx, Form { unit_ms: 1000, relative: true })
}

pub(super) fn hpttl(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadlines(cx, Form { unit_ms: 1, relative: true })
}

pub(super) fn hexpiretime(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadlines(cx, Form { unit_ms: 1000, relative: false })
}

pub(super) fn hpexpiretime(cx: &mut DataCx<'_>) -> CmdResult {
    tell_deadlines(cx, Form { unit_ms: 1, relative: false })
}

/// Seconds are rounded up, so that a field that is there never has 0 left.
fn tell_deadlines(cx: &mut DataCx<'_>, form: Form) -> CmdResult {
    let (key, moment, now) = (cx.args.at(1), cx.db.field_moment(), cx.now.0);
    check_type(cx, key)?;
    let fields = counted_fields(cx)?;
    cx.reply.array(fields.len());
    let hash = cx.db.get::<Hash>(key)?;
    for field in fields.iter() {
        cx.reply.integer(match hash.and_then(|hash| hash.deadline(field)) {
            None => code::MISSING,
            Some(None) => code::NO_DEADLINE,
            Some(Some(at)) if at < moment => code::MISSING,
            Some(Some(at)) => {
                let ms = if form.relative { (at as i64).saturating_sub(now).max(0) } else { at as i64 };
                ms.saturating_add(form.unit_ms - 1) / form.unit_ms
            }
        });
    }
    Ok(Outcome::Done)
}

pub(super) fn hpersist(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    check_type(cx, key)?;
    let fields = counted_fields(cx)?;
    drop_expired(cx, key, fields.iter());
    cx.reply.array(fields.len());
    let mut hash = cx.db.edit::<Hash>(key)?;
    let mut changed = 0;
    for field in fields.iter() {
        let old = hash.as_ref().and_then(|hash| hash.deadline(field));
        cx.reply.integer(match (old, &mut hash) {
            (Some(Some(_)), Some(hash)) => {
                hash.set_deadline(field, None);
                changed += 1;
                code::SET
            }
            (Some(_), _) => code::NO_DEADLINE,
            _ => code::MISSING,
        });
    }
    if changed > 0 {
        cx.db.fields_changed(key);
        cx.db.changed_by(key, Event::HPERSIST, changed);
    }
    Ok(Outcome::Done)
}
