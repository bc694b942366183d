//! ZADD and ZINCRBY.

use crate::base::num;
use crate::command::{Args, CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::Event;
use crate::object::SortedSet;
use crate::object::sorted_set::{AddOptions, Added};
use smallvec::SmallVec;

/// ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...].
pub(super) fn zadd(cx: &mut DataCx<'_>) -> CmdResult {
    add(cx, false)
}

/// ZINCRBY key increment member, which is ZADD with INCR.
pub(super) fn zincrby(cx: &mut DataCx<'_>) -> CmdResult {
    add(cx, true)
}

#[inline]
fn add(cx: &mut DataCx<'_>, increment: bool) -> CmdResult {
    let key = cx.args.at(1);
    let Request { how, count_updates, pairs } = Request::parse(cx.args, increment)?;
    let mut scores = SmallVec::<[f64; 8]>::new();
    for at in (0..pairs.len()).step_by(2) {
        scores.push(num::parse_f64(pairs.at(at)).ok_or(CommandError::NOT_FLOAT)?);
        if pairs.at(at + 1).len() > u32::MAX as usize {
            return Err(CommandError::STRING_TOO_LONG);
        }
    }
    let set = match how.only_present {
        true => cx.db.edit::<SortedSet>(key)?,
        false => {
            // An entry of a listpack takes two bytes beside its own; a set that will not stay packed needs no room.
            let packed = pairs.len() / 2 <= cx.limits.zset_max_listpack_entries;
            let bytes = if packed { pairs.byte_len() + 2 * pairs.len() } else { 0 };
            Some(cx.db.edit_or_create::<SortedSet>(key, || SortedSet::with_room(bytes))?)
        }
    };
    let (mut new, mut updated, mut result) = (0, 0, None);
    if let Some(set) = set {
        for (at, &score) in scores.iter().enumerate() {
            // Fails only for INCR, which has a single pair, so nothing has changed before.
            let added = set.add(pairs.at(2 * at + 1), score, how, cx.limits).map_err(|_| CommandError::SCORE_NAN)?;
            match added {
                Added::Refused => {}
                Added::Same(score) => result = Some(score),
                Added::Updated(score) => {
                    updated += 1;
                    result = Some(score);
                }
                Added::New(score) => {
                    new += 1;
                    result = Some(score);
                }
            }
        }
    }
    if new + updated > 0 {
        cx.db.changed_by(key, if how.increment { Event::ZINCR } else { Event::ZADD }, new + updated);
    }
    match (how.increment, result) {
        (true, Some(score)) => cx.reply.double(score),
        (true, None) => cx.reply.null(),
        (false, _) => cx.reply.integer(if count_updates { new + updated } else { new } as i64),
    }
    Ok(Outcome::Done)
}

/// What ZADD is asked to do.
struct Request<'a> {
    how: AddOptions,
    /// CH: updated members are counted too.
    count_updates: bool,
    /// Score, member, score, member.
    pairs: Args<'a>,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, increment: bool) -> Result<Request<'a>, CommandError> {
        let mut how = AddOptions { increment, ..AddOptions::default() };
        let mut count_updates = false;
        let mut at = 2;
        while let Some(word) = args.get(at) {
            // Most often this is a score already: the options have two letters or four.
            match word {
                [b'n' | b'N', b'x' | b'X'] => how.only_new = true,
                [b'x' | b'X', b'x' | b'X'] => how.only_present = true,
                [b'g' | b'G', b't' | b'T'] => how.only_greater = true,
                [b'l' | b'L', b't' | b'T'] => how.only_less = true,
                [b'c' | b'C', b'h' | b'H'] => count_updates = true,
                [_, _, _, _] if word.eq_ignore_ascii_case(b"INCR") => how.increment = true,
                _ => break,
            }
            at += 1;
        }
        let pairs = args.from(at);
        if pairs.len() == 0 || pairs.len() % 2 == 1 {
            return Err(CommandError::SYNTAX);
        }
        if how.only_new && how.only_present {
            return Err(CommandError::ZADD_XX_AND_NX);
        }
        if [how.only_new, how.only_greater, how.only_less].into_iter().filter(|given| *given).count() > 1 {
            return Err(CommandError::ZADD_GT_LT_NX);
        }
        if how.increment && pairs.len() > 2 {
            return Err(CommandError::ZADD_INCR_PAIRS);
        }
        Ok(Request { how, count_updates, pairs })
    }
}
