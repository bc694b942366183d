//! Sorted sets: members with scores, held in `object::SortedSet`.
//!
//! Here are the table and the commands on single members; in `sorted_sets/`: additions (`add.rs`), ranges (`range.rs`),
//! unions and their like (`combine.rs`), pops (`pop.rs`). Promise: a failed command leaves the set as it was.

mod add;
mod combine;
mod pop;
mod range;
#[cfg(test)]
mod tests;

use super::elements::{RandomCount, ScanOptions, bulk_item, random_count, scan_cursor, scan_reply};
use crate::base::num::format_f64_17g;
use crate::command::{Bound, CmdResult, CommandError, DataCx, DataHandler, Outcome, data};
use crate::keyspace::{Event, Expiry};
use crate::object::sorted_set::{RawScore, Scored};
use crate::object::{SortedSet, Typed, Value};
use crate::resp::reply::Reply;
use crate::structs::listpack::Item;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("zadd", add::zadd),
    data("zincrby", add::zincrby),
    data("zrem", zrem),
    data("zcard", zcard),
    data("zscore", zscore),
    data("zmscore", zmscore),
    data("zrank", zrank),
    data("zrevrank", zrevrank),
    data("zcount", range::zcount),
    data("zlexcount", range::zlexcount),
    data("zrange", range::zrange),
    data("zrevrange", range::zrevrange),
    data("zrangebyscore", range::zrangebyscore),
    data("zrevrangebyscore", range::zrevrangebyscore),
    data("zrangebylex", range::zrangebylex),
    data("zrevrangebylex", range::zrevrangebylex),
    data("zrangestore", range::zrangestore),
    data("zremrangebyrank", range::zremrangebyrank),
    data("zremrangebyscore", range::zremrangebyscore),
    data("zremrangebylex", range::zremrangebylex),
    data("zpopmin", pop::zpopmin),
    data("zpopmax", pop::zpopmax),
    data("zmpop", pop::zmpop),
    data("bzpopmin", pop::bzpopmin),
    data("bzpopmax", pop::bzpopmax),
    data("bzmpop", pop::bzmpop),
    data("zrandmember", zrandmember),
    data("zunion", combine::zunion),
    data("zinter", combine::zinter),
    data("zdiff", combine::zdiff),
    data("zunionstore", combine::zunionstore),
    data("zinterstore", combine::zinterstore),
    data("zdiffstore", combine::zdiffstore),
    data("zintercard", combine::zintercard),
    data("zscan", zscan),
];

fn zrem(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let Some(set) = cx.db.edit::<SortedSet>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let removed = cx.args.from(2).iter().filter(|member| set.remove(member)).count();
    let is_empty = set.is_empty();
    removed_from(cx, key, Event::ZREM, removed, is_empty);
    cx.reply.integer(removed as i64);
    Ok(Outcome::Done)
}

/// Tells that members were removed, and removes the key of a set that has none left.
fn removed_from(cx: &mut DataCx<'_>, key: &[u8], event: Event, removed: usize, is_empty: bool) {
    if removed > 0 {
        cx.db.changed_by(key, event, removed);
    }
    if is_empty {
        cx.db.delete_if_empty::<SortedSet>(key);
    }
}

fn zcard(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<SortedSet>(cx.args.at(1))?.map_or(0, SortedSet::len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn zscore(cx: &mut DataCx<'_>) -> CmdResult {
    let set = cx.db.get::<SortedSet>(cx.args.at(1))?;
    score_or_null(cx.reply, set.and_then(|set| set.score(cx.args.at(2))));
    Ok(Outcome::Done)
}

fn score_or_null(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zmscore(cx: &mut DataCx<'_>) -> CmdResult {
    let set = cx.db.get::<SortedSet>(cx.args.at(1))?;
    let members = cx.args.from(2);
    cx.reply.array(members.len());
    for member in members.iter() {
        score_or_null(cx.reply, set.and_then(|set| set.score(member)));
    }
    Ok(Outcome::Done)
}

fn zrank(cx: &mut DataCx<'_>) -> CmdResult {
    rank(cx, "zrank", false)
}

fn zrevrank(cx: &mut DataCx<'_>) -> CmdResult {
    rank(cx, "zrevrank", true)
}

/// The rank of a member, counted from the top when `reverse`; with WITHSCORE (Redis 7.2) its score too.
fn rank(cx: &mut DataCx<'_>, name: &str, reverse: bool) -> CmdResult {
    let with_score = match cx.args.len() {
        3 => false,
        4 if cx.args.is(3, "WITHSCORE") => true,
        4 => return Err(CommandError::SYNTAX),
        _ => return Err(CommandError::arity(name)),
    };
    let set = cx.db.get::<SortedSet>(cx.args.at(1))?;
    let found = set.and_then(|set| Some((set.len(), set.rank(cx.args.at(2))?)));
    match found {
        Some((len, (rank, score))) => {
            if with_score {
                cx.reply.array(2);
            }
            cx.reply.integer(if reverse { len - 1 - rank } else { rank } as i64);
            if with_score {
                cx.reply.double(score);
            }
        }
        None if with_score => cx.reply.null_array(),
        None => cx.reply.null(),
    }
    Ok(Outcome::Done)
}

/// How members are written: alone, each followed by its score, or each in a pair with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Bare,
    Flat,
    Nested,
}

impl Shape {
    /// The shape for a client: pairs are nested in RESP3 only.
    #[inline]
    fn of(with_scores: bool, reply: &Reply) -> Shape {
        match (with_scores, reply.is_resp3()) {
            (false, _) => Shape::Bare,
            (true, false) => Shape::Flat,
            (true, true) => Shape::Nested,
        }
    }

    /// The header of an array of `count` members.
    #[inline]
    fn header(self, reply: &mut Reply, count: usize) {
        reply.array(if self == Shape::Flat { 2 * count } else { count });
    }

    /// One member of it.
    #[inline]
    fn write(self, reply: &mut Reply, member: Item<'_>, score: RawScore<'_>) {
        if self == Shape::Nested {
            reply.array(2);
        }
        bulk_item(reply, member);
        if self != Shape::Bare {
            reply.double(score.number());
        }
    }
}

fn zrandmember(cx: &mut DataCx<'_>) -> CmdResult {
    let (count, with_scores) = random_count(cx, "WITHSCORES")?;
    let Some(set) = cx.db.get::<SortedSet>(cx.args.at(1))? else {
        match count {
            RandomCount::One => cx.reply.null(),
            _ => cx.reply.empty_array(),
        }
        return Ok(Outcome::Done);
    };
    let (reply, rng) = (&mut *cx.reply, &mut *cx.rng);
    let shape = Shape::of(with_scores, reply);
    match count {
        RandomCount::One => set.random(rng, &mut |member, _| bulk_item(reply, member)),
        RandomCount::Distinct(count) => {
            shape.header(reply, count.min(set.len()));
            set.random_distinct(rng, count, &mut |member, score| shape.write(reply, member, score));
        }
        RandomCount::Repeated { count, most_bytes } => {
            shape.header(reply, count);
            for _ in 0..count {
                set.random(rng, &mut |member, score| shape.write(reply, member, score));
                if reply.len() > most_bytes {
                    return Err(CommandError::REPLY_TOO_LONG);
                }
            }
        }
    }
    Ok(Outcome::Done)
}

fn zscan(cx: &mut DataCx<'_>) -> CmdResult {
    let cursor = scan_cursor(cx.args)?;
    let mut page = Reply::new(cx.reply.protocol());
    let Some(set) = cx.db.get::<SortedSet>(cx.args.at(1))? else {
        scan_reply(cx.reply, 0, 0, &page);
        return Ok(Outcome::Done);
    };
    let options = ScanOptions::parse(cx.args, None)?;
    let mut count = 0;
    let next = set.scan(cursor, options.count, &mut |member, score| {
        if options.admits(member) {
            bulk_item(&mut page, member);
            // A string in RESP3 too, and large integers of a packed set in full, as they are stored.
            match score {
                RawScore::Stored(item) => bulk_item(&mut page, item),
                RawScore::Number(score) => page.bulk(&format_f64_17g(score)),
            }
            count += 2;
        }
    });
    scan_reply(cx.reply, next, count, &page);
    Ok(Outcome::Done)
}

/// Stores a result under a key, or removes the key when the result is empty; replies its size.
fn store(cx: &mut DataCx<'_>, key: &[u8], entries: Vec<Scored>, event: Event) {
    let count = entries.len();
    if count > 0 {
        let set = SortedSet::from_entries(entries, cx.limits);
        cx.db.put(key, Value::Container(set.into_container()), Expiry::Clear);
        cx.db.changed(key, event);
    } else if cx.db.delete(key) {
        cx.db.changed(key, Event::DEL);
    }
    cx.reply.integer(count as i64);
}
