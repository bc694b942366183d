//! BITFIELD: integers of 1 to 64 bits at any bit offset of a string, read, set and incremented.
//!
//! All operations are parsed before the string is touched. The string first grows to hold the farthest field that is
//! written, as Redis does it: also when every write then fails for OVERFLOW FAIL.

use super::{bit_offset, put_raw, writable};
use crate::base::{bits, num};
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::resp::reply::Reply;
use smallvec::SmallVec;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Get,
    Set,
    Increment,
}

/// What becomes of a number that does not fit its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// One operation.
#[derive(Debug, Clone, Copy)]
struct Operation {
    action: Action,
    overflow: Overflow,
    signed: bool,
    width: u32,
    offset: u64,
    /// The number to set or to add.
    number: i64,
}

type Operations = SmallVec<[Operation; 4]>;

pub(super) fn bitfield(cx: &mut DataCx<'_>) -> CmdResult {
    let operations = parse(cx.args, cx.limits.proto_max_bulk_len)?;
    if operations.iter().all(|operation| operation.action == Action::Get) {
        return read(cx, &operations);
    }
    write(cx, &operations)
}

pub(super) fn bitfield_ro(cx: &mut DataCx<'_>) -> CmdResult {
    let operations = parse(cx.args, cx.limits.proto_max_bulk_len)?;
    if operations.iter().any(|operation| operation.action != Action::Get) {
        return Err(CommandError::BITFIELD_READ_ONLY);
    }
    read(cx, &operations)
}

fn read(cx: &mut DataCx<'_>, operations: &[Operation]) -> CmdResult {
    let mut digits = itoa::Buffer::new();
    let bytes = cx.db.text(cx.args.at(1))?.map_or(&[][..], |text| text.bytes(&mut digits));
    cx.reply.array(operations.len());
    for operation in operations {
        cx.reply.integer(operation.stored(bytes));
    }
    Ok(Outcome::Done)
}

fn write(cx: &mut DataCx<'_>, operations: &[Operation]) -> CmdResult {
    let key = cx.args.at(1);
    let writes = operations.iter().filter(|operation| operation.action != Action::Get);
    // Offsets are below 2^63 and widths at most 64.
    let last_bit = writes.map(|write| write.offset + u64::from(write.width) - 1).max().unwrap_or(0);
    let len = (last_bit >> 3) as usize + 1;
    let (changes, grown) = match cx.db.edit_object(key) {
        Some(object) => {
            let (buffer, grown) = writable(object, len)?;
            (run(operations, buffer, grown, cx.reply), grown)
        }
        None => {
            let mut buffer = vec![0; len];
            let changes = run(operations, &mut buffer, true, cx.reply);
            put_raw(&mut cx.db, key, buffer);
            (changes, true)
        }
    };
    if changes > 0 {
        cx.db.changed_by(key, Event::SETBIT, changes);
    } else if grown {
        // Nobody is notified, but the value differs.
        cx.db.changed(key, Event::UNANNOUNCED);
    }
    Ok(Outcome::Done)
}

/// Runs all operations on a string that is long enough, and counts the writes that changed something: every one that
/// was not refused when the string has `grown` for them.
fn run(operations: &[Operation], buffer: &mut [u8], grown: bool, reply: &mut Reply) -> usize {
    reply.array(operations.len());
    let mut changes = 0;
    for operation in operations {
        let old = operation.stored(buffer);
        let fresh = match operation.action {
            Action::Get => {
                reply.integer(old);
                continue;
            }
            Action::Set => operation.fit(operation.number, 0),
            Action::Increment => operation.fit(old, operation.number),
        };
        let Some(fresh) = fresh else {
            reply.null();
            continue;
        };
        bits::set_field(buffer, operation.offset, operation.width, fresh as u64);
        reply.integer(if operation.action == Action::Set { old } else { fresh });
        changes += usize::from(grown || old != fresh);
    }
    changes
}

impl Operation {
    /// The number in the field.
    fn stored(&self, bytes: &[u8]) -> i64 {
        match self.signed {
            true => bits::signed_field(bytes, self.offset, self.width),
            // At most 63 bits wide.
            false => bits::field(bytes, self.offset, self.width) as i64,
        }
    }

    /// The sum as the field holds it; `None` when it does not fit and that is a failure.
    fn fit(&self, number: i64, increment: i64) -> Option<i64> {
        // A negative number set in an unsigned field counts as a large one.
        let number = if self.signed { i128::from(number) } else { i128::from(number as u64) };
        let sum = number + i128::from(increment);
        let (min, max) = match self.signed {
            true => (-(1i128 << (self.width - 1)), (1i128 << (self.width - 1)) - 1),
            false => (0, (1i128 << self.width) - 1),
        };
        if (min..=max).contains(&sum) {
            return Some(sum as i64);
        }
        match self.overflow {
            Overflow::Fail => None,
            // Redis takes a number so low that its distance from the top is beyond 64 bits for one that is too high.
            Overflow::Saturate if self.signed && max - number > i128::from(i64::MAX) && self.width < 64 => {
                Some(max as i64)
            }
            Overflow::Saturate => Some(if sum > max { max } else { min } as i64),
            Overflow::Wrap => {
                let unused = 128 - self.width;
                let bits = sum << unused;
                Some(if self.signed { bits >> unused } else { (bits as u128 >> unused) as i128 } as i64)
            }
        }
    }
}

/// All operations of a request. Errors: unknown words, missing arguments, types, offsets, numbers.
fn parse(args: Args<'_>, proto_max_bulk_len: usize) -> Result<Operations, CommandError> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        let (action, takes) = match () {
            _ if args.is(at, "GET") && left >= 2 => (Action::Get, 2),
            _ if args.is(at, "SET") && left >= 3 => (Action::Set, 3),
            _ if args.is(at, "INCRBY") && left >= 3 => (Action::Increment, 3),
            _ if args.is(at, "OVERFLOW") && left >= 1 => {
                overflow = parse_overflow(args, at + 1)?;
                at += 2;
                continue;
            }
            _ => return Err(CommandError::SYNTAX),
        };
        let (signed, width) = parse_type(args.at(at + 1)).ok_or(CommandError::BITFIELD_TYPE)?;
        let offset = bit_offset(args.at(at + 2), Some(width), proto_max_bulk_len)?;
        let number = match action {
            Action::Get => 0,
            _ => num::parse_i64(args.at(at + 3)).ok_or(CommandError::NOT_INTEGER)?,
        };
        operations.push(Operation { action, overflow, signed, width, offset, number });
        at += 1 + takes;
    }
    Ok(operations)
}

fn parse_overflow(args: Args<'_>, at: usize) -> Result<Overflow, CommandError> {
    match () {
        _ if args.is(at, "WRAP") => Ok(Overflow::Wrap),
        _ if args.is(at, "SAT") => Ok(Overflow::Saturate),
        _ if args.is(at, "FAIL") => Ok(Overflow::Fail),
        _ => Err(CommandError::BITFIELD_OVERFLOW),
    }
}

/// Whether a type is signed, and its width: `i1` to `i64`, `u1` to `u63`; what follows a NUL is not read.
fn parse_type(arg: &[u8]) -> Option<(bool, u32)> {
    let (signed, width) = match arg {
        [b'i', width @ ..] => (true, width),
        [b'u', width @ ..] => (false, width),
        _ => return None,
    };
    let width = &width[..memchr::memchr(0, width).unwrap_or(width.len())];
    let widest = if signed { 64 } else { 63 };
    let width = num::parse_i64(width).filter(|width| (1..=widest).contains(width))?;
    Some((signed, width as u32))
}
