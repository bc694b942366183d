//! Bitmaps: strings as rows of bits, numbered from the most significant of the first byte.
//!
//! Here are the table and single bits, counts and searches; BITOP is in `bitmaps/algebra.rs`, BITFIELD in
//! `bitmaps/fields.rs`. Promises: a read allocates nothing; no offset makes a string longer than `proto-max-bulk-len`,
//! but for the few bytes a field reaches beyond its offset; a failed command leaves the value as it was.

mod algebra;
mod fields;
#[cfg(test)]
mod tests;

use crate::base::{bits, num};
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{DbMut, Event, Expiry};
use crate::object::{Container, Object, Text, Value, text};
use crate::structs::record::Body;
use triomphe::Arc;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("bitcount", bitcount),
    data("bitfield", fields::bitfield),
    data("bitfield_ro", fields::bitfield_ro),
    data("bitop", algebra::bitop),
    data("bitpos", bitpos),
    data("getbit", getbit),
    data("setbit", setbit),
];

fn setbit(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let offset = bit_offset(cx.args.at(2), None, cx.limits.proto_max_bulk_len)?;
    let on = match num::parse_i64(cx.args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CommandError::BIT_VALUE),
    };
    let (byte, mask) = ((offset >> 3) as usize, 0x80 >> (offset & 7));
    let (was, grown) = match cx.db.edit_object(key) {
        // A bit that is as it should be: nothing is copied, even where a snapshot holds the value.
        Some(object) if raw_byte(object, byte).is_some_and(|byte| (byte & mask != 0) == on) => (on, false),
        Some(object) => {
            let (buffer, grown) = writable(object, byte + 1)?;
            let was = buffer[byte] & mask != 0;
            if was != on {
                buffer[byte] ^= mask;
            }
            (was, grown)
        }
        None => {
            let mut buffer = vec![0; byte + 1];
            buffer[byte] = if on { mask } else { 0 };
            put_raw(&mut cx.db, key, buffer);
            (false, true)
        }
    };
    if grown || was != on {
        cx.db.changed(key, Event::SETBIT);
    }
    cx.reply.integer(was.into());
    Ok(Outcome::Done)
}

fn getbit(cx: &mut DataCx<'_>) -> CmdResult {
    let offset = bit_offset(cx.args.at(2), None, cx.limits.proto_max_bulk_len)?;
    let mut digits = itoa::Buffer::new();
    let bytes = bytes(&mut cx.db, cx.args.at(1), &mut digits)?.unwrap_or_default();
    cx.reply.integer(bits::field(bytes, offset, 1) as i64);
    Ok(Outcome::Done)
}

fn bitcount(cx: &mut DataCx<'_>) -> CmdResult {
    let mut digits = itoa::Buffer::new();
    // A missing key is answered before the range is looked at.
    let Some(bytes) = bytes(&mut cx.db, cx.args.at(1), &mut digits)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let count = match cx.args.len() {
        2 => bits::count_ones(bytes),
        4 | 5 => {
            let (start, end) = (integer(cx.args, 2)?, integer(cx.args, 3)?);
            if start < 0 && end < 0 && start > end {
                0
            } else {
                let range = bit_range(bytes.len(), start, Some(end), unit(cx.args, 4)?);
                range.map_or(0, |(first, last)| bits::count_ones_between(bytes, first, last))
            }
        }
        _ => return Err(CommandError::SYNTAX),
    };
    cx.reply.integer(count as i64);
    Ok(Outcome::Done)
}

fn bitpos(cx: &mut DataCx<'_>) -> CmdResult {
    let wanted = match cx.integer(2)? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::BIT_ARGUMENT),
    };
    let mut digits = itoa::Buffer::new();
    // A missing key is an endless row of zeros.
    let Some(bytes) = bytes(&mut cx.db, cx.args.at(1), &mut digits)? else {
        cx.reply.integer(if wanted { -1 } else { 0 });
        return Ok(Outcome::Done);
    };
    let args = cx.args;
    let (start, end, unit) = match args.len() {
        3 => (0, None, Unit::Byte),
        4 => (integer(args, 3)?, None, Unit::Byte),
        5 | 6 => {
            let (start, unit) = (integer(args, 3)?, unit(args, 5)?);
            (start, Some(integer(args, 4)?), unit)
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let found = match bit_range(bytes.len(), start, end, unit) {
        None => None,
        Some((first, last)) => match bits::find_between(bytes, first, last, wanted) {
            // Without an end of the range, zeros go on behind the string.
            None if !wanted && end.is_none() => Some(last + 1),
            found => found,
        },
    };
    cx.reply.integer(found.map_or(-1, |at| at as i64));
    Ok(Outcome::Done)
}

// ---- helpers ---------------------------------------------------------------------------------------------------------

/// What a range counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

/// The unit at a position, bytes when there is no argument. Errors: another word.
fn unit(args: Args<'_>, at: usize) -> Result<Unit, CommandError> {
    match args.get(at) {
        None => Ok(Unit::Byte),
        Some(word) if word.eq_ignore_ascii_case(b"BIT") => Ok(Unit::Bit),
        Some(word) if word.eq_ignore_ascii_case(b"BYTE") => Ok(Unit::Byte),
        Some(_) => Err(CommandError::SYNTAX),
    }
}

/// The integer at a position. Unlike `DataCx::integer`, it can be asked for while a value is borrowed.
fn integer(args: Args<'_>, at: usize) -> Result<i64, CommandError> {
    num::parse_i64(args.at(at)).ok_or(CommandError::NOT_INTEGER)
}

/// The first and the last bit of a range in a string of `len` bytes, negative ends counted from behind; `None` when it is
/// empty. Strings are shorter than 2^60 bytes, so their bits are counted without overflow.
fn bit_range(len: usize, start: i64, end: Option<i64>, unit: Unit) -> Option<(usize, usize)> {
    let total = match unit {
        Unit::Byte => len as i64,
        Unit::Bit => len as i64 * 8,
    };
    let from_end = |at: i64| if at < 0 { (total + at).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end.unwrap_or(total - 1)).min(total - 1));
    if start > end {
        return None;
    }
    let (start, end) = (start as usize, end as usize);
    Some(match unit {
        Unit::Byte => (start * 8, end * 8 + 7),
        Unit::Bit => (start, end),
    })
}

/// The string under a key for reading, an integer in `digits`. Errors: another type.
fn bytes<'d>(
    db: &'d mut DbMut<'_>,
    key: &[u8],
    digits: &'d mut itoa::Buffer,
) -> Result<Option<&'d [u8]>, CommandError> {
    Ok(db.text(key)?.map(|text| text.bytes(digits)))
}

/// A bit offset, multiplied by `width` when one is given and the text begins with `#`. Errors: no integer, negative, or
/// in a byte beyond the longest string.
fn bit_offset(arg: &[u8], width: Option<u32>, proto_max_bulk_len: usize) -> Result<u64, CommandError> {
    let offset = match (width, arg) {
        (Some(width), [b'#', number @ ..]) => {
            num::parse_i64(number).and_then(|offset| offset.checked_mul(i64::from(width)))
        }
        _ => num::parse_i64(arg),
    };
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    offset.filter(|offset| offset >> 3 < proto_max_bulk_len as u64).ok_or(CommandError::BIT_OFFSET)
}

/// A byte of a string that is a buffer already.
fn raw_byte(object: &Object, at: usize) -> Option<u8> {
    match object.body() {
        Body::Payload(Container::Raw(bytes)) => bytes.get(at).copied(),
        _ => None,
    }
}

/// A record's string as a buffer of at least `len` bytes, and whether zeros were added for that. Errors: another type.
fn writable(object: &mut Object, len: usize) -> Result<(&mut Vec<u8>, bool), CommandError> {
    let old = Text::of(object.body()).ok_or(CommandError::WRONG_TYPE)?.len();
    let buffer = text::buffer_mut(object, len.saturating_sub(old)).ok_or(CommandError::WRONG_TYPE)?;
    let grown = old < len;
    if grown {
        buffer.resize(len, 0);
    }
    Ok((buffer, grown))
}

/// Stores a string that stays bytes, whatever they are.
fn put_raw(db: &mut DbMut<'_>, key: &[u8], bytes: Vec<u8>) {
    db.put(key, Value::Container(Container::Raw(Arc::new(bytes))), Expiry::Clear);
}
