//! HyperLogLogs: strings that estimate how many different elements were added; the bytes are in `structs::hyperloglog`.
//!
//! Promises: a string that is no HyperLogLog, or a corrupt one, is refused and stays as it was. PFCOUNT of one key stores
//! the estimate it had to compute in the value, which is a change nobody is notified of.

use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{DbMut, Event, Expiry};
use crate::object::{Container, Object, Text, Value, text};
use crate::structs::hyperloglog::{self as hll, Corrupt, Registers};
use crate::structs::record::Body;
use triomphe::Arc;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("pfadd", pfadd),
    data("pfcount", pfcount),
    data("pfdebug", pfdebug),
    data("pfmerge", pfmerge),
    data("pfselftest", pfselftest),
];

impl From<Corrupt> for CommandError {
    fn from(_: Corrupt) -> CommandError {
        CommandError::HYPERLOGLOG_CORRUPT
    }
}

fn pfadd(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, elements) = (cx.args.at(1), cx.args.from(2));
    let sparse_max_bytes = cx.limits.hll_sparse_max_bytes;
    let changes = match cx.db.edit_object(key) {
        Some(object) => {
            let value = editable(object)?;
            // Several elements, of which a later one might be refused.
            if elements.len() > 1 && !hll::is_sound(value) {
                let mut copy = value.clone();
                let raised = add_all(&mut copy, elements.iter(), sparse_max_bytes)?;
                *value = copy;
                raised
            } else {
                add_all(value, elements.iter(), sparse_max_bytes)?
            }
        }
        None => {
            let mut value = hll::empty();
            let raised = add_all(&mut value, elements.iter(), sparse_max_bytes)?;
            hll::invalidate(&mut value);
            put(&mut cx.db, key, value);
            raised + 1
        }
    };
    if changes > 0 {
        cx.db.changed_by(key, Event::PFADD, changes);
    }
    cx.reply.integer((changes > 0).into());
    Ok(Outcome::Done)
}

/// Adds elements and counts those that raised a register; the cached estimate is out of date then.
fn add_all<'e>(
    value: &mut Vec<u8>,
    elements: impl Iterator<Item = &'e [u8]>,
    sparse_max_bytes: usize,
) -> Result<usize, Corrupt> {
    let mut raised = 0;
    for element in elements {
        raised += usize::from(hll::add(value, element, sparse_max_bytes)?);
    }
    if raised > 0 {
        hll::invalidate(value);
    }
    Ok(raised)
}

fn pfcount(cx: &mut DataCx<'_>) -> CmdResult {
    let keys = cx.args.from(1);
    if keys.len() > 1 {
        let mut registers = Registers::default();
        for key in keys.iter() {
            if let Some(object) = cx.db.read(key) {
                registers.merge(readable(object)?)?;
            }
        }
        cx.reply.integer(registers.count() as i64);
        return Ok(Outcome::Done);
    }
    let key = keys.at(0);
    let Some(object) = cx.db.read(key) else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let value = readable(object)?;
    // Redis keeps whatever it counts as a buffer.
    let is_buffer = matches!(object.body(), Body::Payload(_));
    let (estimate, is_cached) = match hll::cached(value) {
        Some(estimate) => (estimate, true),
        None => (hll::count(value)?, false),
    };
    if !(is_buffer && is_cached)
        && let Some(object) = cx.db.edit_object(key)
    {
        let value = editable(object)?;
        if !is_cached {
            hll::set_cached(value, estimate);
            cx.db.changed(key, Event::UNANNOUNCED);
        }
    }
    cx.reply.integer(estimate as i64);
    Ok(Outcome::Done)
}

fn pfmerge(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, sparse_max_bytes) = (cx.args.at(1), cx.limits.hll_sparse_max_bytes);
    let (mut registers, mut any_dense) = (Registers::default(), false);
    for key in cx.args.from(1).iter() {
        if let Some(object) = cx.db.read(key) {
            let value = readable(object)?;
            any_dense |= !hll::is_sparse(value);
            registers.merge(value)?;
        }
    }
    // The target is sound, since it was merged too, so nothing fails from here on.
    let fill = |value: &mut Vec<u8>| -> Result<(), Corrupt> {
        if any_dense {
            hll::make_dense(value)?;
        }
        registers.raise_in(value, sparse_max_bytes)?;
        hll::invalidate(value);
        Ok(())
    };
    match cx.db.edit_object(key) {
        Some(object) => fill(editable(object)?)?,
        None => {
            let mut value = hll::empty();
            fill(&mut value)?;
            put(&mut cx.db, key, value);
        }
    }
    cx.db.changed(key, Event::PFADD);
    cx.reply.ok();
    Ok(Outcome::Done)
}

fn pfdebug(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(2);
    let object = cx.db.edit_object(key).ok_or(CommandError::KEY_DOES_NOT_EXIST)?;
    let value = editable(object)?;
    let mut became_dense = false;
    if cx.args.is(1, "GETREG") {
        became_dense = hll::make_dense(value)?;
        let mut registers = Registers::default();
        registers.merge(value)?;
        cx.reply.array(hll::REGISTERS);
        registers.values().iter().for_each(|value| cx.reply.integer((*value).into()));
    } else if cx.args.is(1, "DECODE") {
        if !hll::is_sparse(value) {
            return Err(CommandError::HYPERLOGLOG_NOT_SPARSE);
        }
        cx.reply.bulk(hll::describe_runs(value).as_bytes());
    } else if cx.args.is(1, "ENCODING") {
        cx.reply.simple(if hll::is_sparse(value) { "sparse" } else { "dense" });
    } else if cx.args.is(1, "TODENSE") {
        became_dense = hll::make_dense(value)?;
        cx.reply.integer(became_dense.into());
    } else {
        return Err(CommandError::unknown_pfdebug(cx.args.at(1)));
    }
    if became_dense {
        cx.db.changed(key, Event::UNANNOUNCED);
    }
    Ok(Outcome::Done)
}

fn pfselftest(cx: &mut DataCx<'_>) -> CmdResult {
    hll::self_test(cx.rng, cx.limits.hll_sparse_max_bytes).map_err(CommandError::new)?;
    cx.reply.ok();
    Ok(Outcome::Done)
}

// ---- helpers ---------------------------------------------------------------------------------------------------------

/// A record's HyperLogLog, for reading. Errors: another type, a string that is none.
fn readable(object: &Object) -> Result<&[u8], CommandError> {
    match Text::of(object.body()).ok_or(CommandError::WRONG_TYPE)? {
        Text::Bytes(bytes) if hll::is_hyperloglog(bytes) => Ok(bytes),
        _ => Err(CommandError::NOT_HYPERLOGLOG),
    }
}

/// A record's HyperLogLog as a buffer. Errors: as `readable`.
fn editable(object: &mut Object) -> Result<&mut Vec<u8>, CommandError> {
    readable(object)?;
    text::buffer_mut(object, 0).ok_or(CommandError::WRONG_TYPE)
}

fn put(db: &mut DbMut<'_>, key: &[u8], value: Vec<u8>) {
    db.put(key, Value::Container(Container::Raw(Arc::new(value))), Expiry::Clear);
}

#[cfg(test)]
mod tests;
