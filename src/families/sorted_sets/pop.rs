//! Pops from either end, of one key or the first of several, with waiting or without.

use super::{Shape, removed_from};
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome, TimeoutReply, WaitKind, WaitOn};
use crate::keyspace::Event;
use crate::object::sorted_set::RawScore;
use crate::object::{Kind, SortedSet};
use crate::resp::reply::Reply;
use std::ops::Range;

/// The end of a sorted set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> Event {
        if self == End::Min { Event::ZPOPMIN } else { Event::ZPOPMAX }
    }

    /// The command that pops from here without waiting.
    fn command(self) -> &'static [u8] {
        if self == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }
}

/// Pops up to `count` members of a key, each written in `shape` behind what `header` writes for their number.
fn pop(
    cx: &mut DataCx<'_>,
    key: &[u8],
    end: End,
    count: usize,
    shape: Shape,
    header: impl FnOnce(&mut Reply, usize),
) -> CmdResult {
    let Some(set) = cx.db.edit::<SortedSet>(key)? else {
        header(cx.reply, 0);
        return Ok(Outcome::Done);
    };
    header(cx.reply, count.min(set.len()));
    let popped = set.pop(end == End::Max, count, &mut |member, score| {
        shape.write(cx.reply, member, RawScore::Number(score));
    });
    let is_empty = set.is_empty();
    removed_from(cx, key, end.event(), popped, is_empty);
    Ok(Outcome::Done)
}

/// Number of members of a sorted set; 0 for a missing one. Errors: another type.
fn len(cx: &mut DataCx<'_>, key: &[u8]) -> Result<usize, CommandError> {
    Ok(cx.db.edit::<SortedSet>(key)?.map_or(0, |set| set.len()))
}

pub(super) fn zpopmin(cx: &mut DataCx<'_>) -> CmdResult {
    pop_one_key(cx, End::Min)
}

pub(super) fn zpopmax(cx: &mut DataCx<'_>) -> CmdResult {
    pop_one_key(cx, End::Max)
}

fn pop_one_key(cx: &mut DataCx<'_>, end: End) -> CmdResult {
    let key = cx.args.at(1);
    let count = match cx.args.len() {
        2 => None,
        3 => {
            let count = cx.integer(2).ok().and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CommandError::NOT_POSITIVE)?)
        }
        _ => return Err(CommandError::SYNTAX),
    };
    let shape = if count.is_some() { Shape::of(true, cx.reply) } else { Shape::Flat };
    pop(cx, key, end, count.unwrap_or(1), shape, |reply, popped| shape.header(reply, popped))
}

/// The first of these keys that has members, with their number; of a waiting command only the key that became ready.
/// Errors: a key before it has another type.
fn first_filled<'a>(cx: &mut DataCx<'a>, keys: Args<'a>) -> Result<Option<(&'a [u8], usize)>, CommandError> {
    for key in keys.iter() {
        match cx.ready_key {
            Some(ready) if ready != key => continue,
            Some(_) if cx.db.kind(key) != Some(Kind::SortedSet) => continue,
            _ => {}
        }
        let len = len(cx, key)?;
        if len > 0 {
            return Ok(Some((key, len)));
        }
    }
    Ok(None)
}

pub(super) fn bzpopmin(cx: &mut DataCx<'_>) -> CmdResult {
    wait_and_pop(cx, End::Min)
}

pub(super) fn bzpopmax(cx: &mut DataCx<'_>) -> CmdResult {
    wait_and_pop(cx, End::Max)
}

fn wait_and_pop(cx: &mut DataCx<'_>, end: End) -> CmdResult {
    let last = cx.args.len() - 1;
    let until = cx.deadline(last)?;
    match first_filled(cx, keys_at(cx.args, 1..last))? {
        Some((key, _)) => {
            cx.effects.propagate_instead(&[end.command(), key]);
            pop(cx, key, end, 1, Shape::Flat, |reply, _| {
                reply.array(3);
                reply.bulk(key);
            })
        }
        None => Ok(wait(1..last, until)),
    }
}

fn keys_at<'a>(args: Args<'a>, range: Range<usize>) -> Args<'a> {
    args.from(range.start).first(range.len())
}

fn wait(keys: Range<usize>, until: Option<crate::keyspace::UnixMs>) -> Outcome {
    Outcome::Wait(Box::new(WaitOn {
        kind: WaitKind::SortedSet,
        keys,
        until,
        retry: None,
        on_timeout: TimeoutReply::NullArray,
        again: None,
    }))
}

/// `numkeys key [key ...] MIN|MAX [COUNT count]`.
struct Several {
    /// Positions of the keys.
    keys: Range<usize>,
    end: End,
    count: usize,
}

impl Several {
    /// Reads the arguments from the number of keys on, which is at `at`.
    fn parse(cx: &DataCx<'_>, at: usize) -> Result<Several, CommandError> {
        let number = cx.integer(at).ok().filter(|number| *number > 0).ok_or(CommandError::NUMKEYS_NOT_POSITIVE)?;
        let first = at + 1;
        let after = first.checked_add(number as usize).filter(|after| *after < cx.args.len());
        let after = after.ok_or(CommandError::SYNTAX)?;
        let end = match () {
            () if cx.args.is(after, "MIN") => End::Min,
            () if cx.args.is(after, "MAX") => End::Max,
            () => return Err(CommandError::SYNTAX),
        };
        let count = match cx.args.len() - after {
            1 => 1,
            // A second COUNT or anything behind the first is an error, but that of the first's number comes before.
            3.. if cx.args.is(after + 1, "COUNT") => {
                let count = cx.integer(after + 2).ok().filter(|count| *count > 0);
                count.ok_or(CommandError::COUNT_NOT_POSITIVE)? as usize
            }
            _ => return Err(CommandError::SYNTAX),
        };
        if cx.args.len() > after + 3 {
            return Err(CommandError::SYNTAX);
        }
        Ok(Several { keys: first..after, end, count })
    }

    /// Pops from the first key that has members; whether there was one.
    fn pop(&self, cx: &mut DataCx<'_>) -> Result<bool, CommandError> {
        let Some((key, len)) = first_filled(cx, keys_at(cx.args, self.keys.clone()))? else { return Ok(false) };
        let wanted = self.count.min(len);
        let mut digits = itoa::Buffer::new();
        cx.effects.propagate_instead(&[self.end.command(), key, digits.format(wanted).as_bytes()]);
        pop(cx, key, self.end, wanted, Shape::Nested, |reply, popped| {
            reply.array(2);
            reply.bulk(key);
            reply.array(popped);
        })?;
        Ok(true)
    }
}

pub(super) fn zmpop(cx: &mut DataCx<'_>) -> CmdResult {
    let several = Several::parse(cx, 1)?;
    if !several.pop(cx)? {
        cx.reply.null_array();
    }
    Ok(Outcome::Done)
}

pub(super) fn bzmpop(cx: &mut DataCx<'_>) -> CmdResult {
    let several = Several::parse(cx, 2)?;
    let until = cx.deadline(1)?;
    if several.pop(cx)? { Ok(Outcome::Done) } else { Ok(wait(several.keys, until)) }
}
