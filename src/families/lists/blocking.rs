//! Commands that wait for an element: as their plain forms when one is there, else a [`WaitOn`].
//!
//! Run again for a key that became ready, they look at that key alone. They are repeated elsewhere in their plain
//! forms: what waited here must not wait there.

use super::{MultiPop, end_at, move_element, pop_command, pop_one};
use crate::command::{CmdResult, DataCx, Outcome, TimeoutReply, WaitKind, WaitOn};
use crate::keyspace::UnixMs;
use crate::object::list::End;
use std::ops::Range;

pub(super) fn blpop(cx: &mut DataCx<'_>) -> CmdResult {
    pop(cx, End::Head)
}

pub(super) fn brpop(cx: &mut DataCx<'_>) -> CmdResult {
    pop(cx, End::Tail)
}

fn pop(cx: &mut DataCx<'_>, end: End) -> CmdResult {
    let keys = 1..cx.args.len() - 1;
    let until = cx.deadline(keys.end)?;
    for at in keys.clone() {
        let key = cx.args.at(at);
        if is_passed_over(cx, key) {
            continue;
        }
        let mark = cx.reply.mark();
        cx.reply.array(2);
        cx.reply.bulk(key);
        if pop_one(cx, key, end)? {
            cx.effects.propagate_instead(&[pop_command(end), key]);
            return Ok(Outcome::Done);
        }
        cx.reply.rollback(mark);
    }
    wait(keys, until, TimeoutReply::NullArray)
}

pub(super) fn blmpop(cx: &mut DataCx<'_>) -> CmdResult {
    let request = MultiPop::parse(cx, 2)?;
    let until = cx.deadline(1)?;
    for at in request.keys.clone() {
        let key = cx.args.at(at);
        if !is_passed_over(cx, key) && request.serve(cx, key)? {
            return Ok(Outcome::Done);
        }
    }
    wait(request.keys, until, TimeoutReply::NullArray)
}

pub(super) fn blmove(cx: &mut DataCx<'_>) -> CmdResult {
    let (from, to) = (end_at(cx, 3)?, end_at(cx, 4)?);
    let until = cx.deadline(5)?;
    if !move_element(cx, from, to)? {
        return wait(1..2, until, TimeoutReply::Null);
    }
    let args = cx.args;
    cx.effects.propagate_instead(&[b"LMOVE", args.at(1), args.at(2), args.at(3), args.at(4)]);
    Ok(Outcome::Done)
}

pub(super) fn brpoplpush(cx: &mut DataCx<'_>) -> CmdResult {
    let until = cx.deadline(3)?;
    if !move_element(cx, End::Tail, End::Head)? {
        return wait(1..2, until, TimeoutReply::Null);
    }
    let args = cx.args;
    cx.effects.propagate_instead(&[b"RPOPLPUSH", args.at(1), args.at(2)]);
    Ok(Outcome::Done)
}

/// Whether the command is run again for another key than this.
fn is_passed_over(cx: &DataCx<'_>, key: &[u8]) -> bool {
    cx.ready_key.is_some_and(|ready| ready != key)
}

fn wait(keys: Range<usize>, until: Option<UnixMs>, on_timeout: TimeoutReply) -> CmdResult {
    Ok(Outcome::Wait(Box::new(WaitOn { kind: WaitKind::List, keys, until, retry: None, on_timeout, again: None })))
}
