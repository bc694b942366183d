//! Values and deadlines of fields at once: HGETEX, HSETEX, HGETDEL (Redis 8.0).
//!
//! Promise: what is repeated elsewhere names moments only: HSETEX with PXAT, HPEXPIREAT, HPERSIST or HDEL. Options and
//! FIELDS stand in any order, as since Redis 8.4.

use super::deadlines::{Form, check_type, counted_fields, drop_expired, is_past, repeat_deletions, settle};
use super::{bulk_or_null, fits, removed_from};
use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::object::Hash;

/// What becomes of the deadlines of the fields named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deadlines {
    /// What the command does of itself: HGETEX leaves them, HSETEX takes them away.
    Unsaid,
    Keep,
    Persist,
    At(u64),
}

/// Under which condition HSETEX stores.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    /// FNX: none of the fields is there.
    NoneThere,
    /// FXX: all are.
    AllThere,
}

/// Whose options are parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Hgetex,
    Hsetex,
}

impl For {
    fn name(self) -> &'static str {
        match self {
            For::Hgetex => "hgetex",
            For::Hsetex => "hsetex",
        }
    }

    /// Arguments of a field.
    fn width(self) -> usize {
        match self {
            For::Hgetex => 1,
            For::Hsetex => 2,
        }
    }

    fn clash(self) -> CommandError {
        match self {
            For::Hgetex => CommandError::FIELD_DEADLINES_OR_PERSIST,
            For::Hsetex => CommandError::FIELD_DEADLINES_OR_KEEP,
        }
    }
}

/// Everything behind the key.
struct Options<'a> {
    deadlines: Deadlines,
    condition: Condition,
    fields: Args<'a>,
}

impl<'a> Options<'a> {
    /// Errors: an unknown word, words that exclude each other, a number of fields that is not theirs.
    fn parse(cx: &DataCx<'a>, whose: For) -> Result<Options<'a>, CommandError> {
        let args = cx.args;
        let (mut deadlines, mut condition, mut fields) = (Deadlines::Unsaid, Condition::Always, None);
        let mut at = 2;
        while let Some(word) = args.get(at) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let mut decide = |found: Deadlines| match deadlines {
                Deadlines::Unsaid => {
                    deadlines = found;
                    Ok(())
                }
                _ => Err(whose.clash()),
            };
            if is("FIELDS") {
                if fields.is_some() {
                    return Err(CommandError::FIELDS_TWICE);
                }
                let (found, taken) = fields_behind(args.from(at + 1), whose)?;
                fields = Some(found);
                at += 1 + taken;
            } else if let Some(form) = form_named(word) {
                if deadlines != Deadlines::Unsaid {
                    return Err(whose.clash());
                }
                let number = args.get(at + 1).ok_or(CommandError::EXPIRE_TIME_MISSING)?;
                deadlines = Deadlines::At(form.moment(cx, number, whose.name())?);
                at += 2;
            } else if whose == For::Hgetex && is("PERSIST") {
                decide(Deadlines::Persist)?;
                at += 1;
            } else if whose == For::Hsetex && is("KEEPTTL") {
                decide(Deadlines::Keep)?;
                at += 1;
            } else if whose == For::Hsetex && (is("FNX") || is("FXX")) {
                if condition != Condition::Always {
                    return Err(CommandError::FNX_AND_FXX);
                }
                condition = if is("FNX") { Condition::NoneThere } else { Condition::AllThere };
                at += 1;
            } else {
                return Err(CommandError::unknown_argument(word));
            }
        }
        Ok(Options { deadlines, condition, fields: fields.ok_or(CommandError::FIELDS_ABSENT)? })
    }
}

/// The fields behind FIELDS, with their values where there are some, and how many arguments they and their number take.
fn fields_behind(args: Args<'_>, whose: For) -> Result<(Args<'_>, usize), CommandError> {
    if args.len() < 1 + whose.width() {
        return Err(CommandError::arity(whose.name()));
    }
    let number = num::parse_i64(args.at(0)).filter(|number| (1..=i32::MAX as i64).contains(number));
    let wanted = number.ok_or(CommandError::NUMFIELDS_INVALID)? as usize * whose.width();
    let rest = args.from(1);
    if wanted > rest.len() {
        return Err(CommandError::arity(whose.name()));
    }
    Ok((rest.first(wanted), 1 + wanted))
}

fn form_named(word: &[u8]) -> Option<Form> {
    Some(match word.to_ascii_uppercase().as_slice() {
        b"EX" => Form { unit_ms: 1000, relative: true },
        b"PX" => Form { unit_ms: 1, relative: true },
        b"EXAT" => Form { unit_ms: 1000, relative: false },
        b"PXAT" => Form { unit_ms: 1, relative: false },
        _ => return None,
    })
}

pub(super) fn hgetex(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    check_type(cx, key)?;
    let Options { deadlines, fields, .. } = Options::parse(cx, For::Hgetex)?;
    drop_expired(cx, key, fields.iter());
    let hash = cx.db.get::<Hash>(key)?;
    cx.reply.array(fields.len());
    for field in fields.iter() {
        bulk_or_null(cx.reply, hash.and_then(|hash| hash.get(field)));
    }
    match deadlines {
        Deadlines::At(at) => set_all(cx, key, at, fields),
        Deadlines::Persist => persist_all(cx, key, fields),
        Deadlines::Unsaid | Deadlines::Keep => {}
    }
    Ok(Outcome::Done)
}

/// Gives all fields that are there a deadline, or deletes them when it has passed.
fn set_all(cx: &mut DataCx<'_>, key: &[u8], at: u64, fields: Args<'_>) {
    let deletes = is_past(cx, at);
    let Ok(Some(hash)) = cx.db.edit::<Hash>(key) else { return };
    let (mut set, mut deleted) = (Vec::new(), Vec::new());
    for field in fields.iter() {
        if deletes {
            if hash.remove(field) {
                deleted.push(field);
            }
        } else if hash.set_deadline(field, Some(at)) {
            set.push(field);
        }
    }
    settle(cx, key, at, &set, &deleted);
}

fn persist_all(cx: &mut DataCx<'_>, key: &[u8], fields: Args<'_>) {
    let Ok(Some(hash)) = cx.db.edit::<Hash>(key) else { return };
    let mut persisted: Vec<&[u8]> = Vec::new();
    for field in fields.iter() {
        if hash.deadline(field).flatten().is_some() {
            hash.set_deadline(field, None);
            persisted.push(field);
        }
    }
    if persisted.is_empty() {
        return;
    }
    cx.db.fields_changed(key);
    cx.db.changed_by(key, Event::HPERSIST, persisted.len());
    let mut digits = itoa::Buffer::new();
    let mut parts: Vec<&[u8]> = vec![b"HPERSIST", key, b"FIELDS", digits.format(persisted.len()).as_bytes()];
    parts.extend(persisted);
    cx.effects.propagate_instead(&parts);
}

pub(super) fn hsetex(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let Options { deadlines, condition, fields: pairs } = Options::parse(cx, For::Hsetex)?;
    check_type(cx, key)?;
    for at in (0..pairs.len()).step_by(2) {
        fits(pairs.at(at), pairs.at(at + 1).len())?;
    }
    let names = || pairs.iter().step_by(2);
    drop_expired(cx, key, names());
    if !holds(cx, condition, key, names())? {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    }
    let deletes = matches!(deadlines, Deadlines::At(at) if is_past(cx, at));
    let hash = cx.db.edit_or_create::<Hash>(key, Hash::new)?;
    let was_timed = hash.has_deadlines();
    for (name, value) in names().zip(pairs.iter().skip(1).step_by(2)) {
        match deadlines {
            Deadlines::Keep => hash.set_keeping(name, value, cx.limits),
            _ => hash.set(name, value, cx.limits),
        };
        if let Deadlines::At(at) = deadlines {
            hash.set_deadline(name, Some(at));
        }
    }
    if deletes {
        names().for_each(|name| {
            hash.remove(name);
        });
    }
    let count = pairs.len() / 2;
    cx.db.changed_by(key, Event::HSET, count);
    if was_timed || matches!(deadlines, Deadlines::At(_)) {
        cx.db.fields_changed(key);
    }
    match deadlines {
        Deadlines::At(_) if deletes => {
            cx.db.keyspace().stats.expired_fields += count as u64;
            cx.db.changed_by(key, Event::HDEL, 0);
            let names: Vec<&[u8]> = names().collect();
            repeat_deletions(cx, key, &names);
            cx.db.delete_if_empty::<Hash>(key);
        }
        Deadlines::At(at) => {
            cx.db.changed_by(key, Event::HEXPIRE, 0);
            repeat(cx, key, &[b"PXAT", itoa::Buffer::new().format(at).as_bytes()], pairs);
        }
        Deadlines::Keep => repeat(cx, key, &[b"KEEPTTL"], pairs),
        Deadlines::Unsaid | Deadlines::Persist => {
            let parts: Vec<&[u8]> = [&b"HSET"[..], key].into_iter().chain(pairs.iter()).collect();
            cx.effects.propagate_instead(&parts);
        }
    }
    cx.reply.integer(1);
    Ok(Outcome::Done)
}

fn holds<'f>(
    cx: &mut DataCx<'_>,
    condition: Condition,
    key: &[u8],
    mut names: impl Iterator<Item = &'f [u8]>,
) -> Result<bool, CommandError> {
    let moment = cx.db.field_moment();
    let hash = cx.db.edit::<Hash>(key)?;
    let mut is_there = |name: &[u8]| hash.as_ref().is_some_and(|hash| hash.look(name, moment).live().is_some());
    Ok(match condition {
        Condition::Always => true,
        Condition::NoneThere => !names.any(&mut is_there),
        Condition::AllThere => names.all(is_there),
    })
}

/// Repeats HSETEX elsewhere, without its condition.
fn repeat(cx: &mut DataCx<'_>, key: &[u8], options: &[&[u8]], pairs: Args<'_>) {
    if !cx.effects.wanted {
        return;
    }
    let mut digits = itoa::Buffer::new();
    let mut parts: Vec<&[u8]> = vec![b"HSETEX", key];
    parts.extend(options);
    parts.extend([&b"FIELDS"[..], digits.format(pairs.len() / 2).as_bytes()]);
    parts.extend(pairs.iter());
    cx.effects.propagate_instead(&parts);
}

/// Repeated as HDEL.
pub(super) fn hgetdel(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    check_type(cx, key)?;
    let fields = counted_fields(cx)?;
    drop_expired(cx, key, fields.iter());
    cx.reply.array(fields.len());
    let Some(hash) = cx.db.edit::<Hash>(key)? else {
        fields.iter().for_each(|_| cx.reply.null());
        return Ok(Outcome::Done);
    };
    let was_timed = hash.has_deadlines();
    let mut removed = 0;
    for field in fields.iter() {
        bulk_or_null(cx.reply, hash.get(field));
        removed += usize::from(hash.remove(field));
    }
    if removed > 0 {
        let parts: Vec<&[u8]> = [&b"HDEL"[..], key].into_iter().chain(fields.iter()).collect();
        cx.effects.propagate_instead(&parts);
    }
    removed_from(cx, key, removed, was_timed);
    Ok(Outcome::Done)
}
