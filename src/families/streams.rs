//! Streams: entries under rising ids, and the consumer groups that read them, held in `object::Stream`.
//!
//! Here are the table, ids, ranges and deletions; in `streams/`: additions and trimming (`add.rs`), reading with and
//! without a group (`read.rs`), groups (`groups.rs`), pending entries (`pending.rs`), deletions that mind them
//! (`refs.rs`), XINFO (`info.rs`).
//! Promises: a failed command leaves the stream as it was; what depends on the clock or on chance is repeated with the
//! ids and moments it chose.

mod add;
mod groups;
mod info;
mod pending;
mod read;
mod refs;
#[cfg(test)]
mod tests;

use super::elements::bulk_item;
use crate::command::{Args, Bound, CmdResult, CommandError, DataCx, DataHandler, Effects, Outcome, data};
use crate::keyspace::Event;
use crate::object::Stream;
use crate::object::stream::{Entry, StreamId};
use crate::resp::reply::Reply;
use smallvec::SmallVec;

/// The family's commands.
pub const COMMANDS: &[Bound<DataHandler>] = &[
    data("xadd", add::xadd),
    data("xtrim", add::xtrim),
    data("xlen", xlen),
    data("xrange", xrange),
    data("xrevrange", xrevrange),
    data("xdel", xdel),
    data("xdelex", refs::xdelex),
    data("xackdel", refs::xackdel),
    data("xnack", refs::xnack),
    data("xsetid", xsetid),
    data("xread", read::xread),
    data("xreadgroup", read::xreadgroup),
    data("xgroup|create", groups::create),
    data("xgroup|setid", groups::set_id),
    data("xgroup|destroy", groups::destroy),
    data("xgroup|createconsumer", groups::create_consumer),
    data("xgroup|delconsumer", groups::delete_consumer),
    data("xgroup|help", groups::help),
    data("xack", pending::xack),
    data("xpending", pending::xpending),
    data("xclaim", pending::xclaim),
    data("xautoclaim", pending::xautoclaim),
    data("xinfo|stream", info::stream),
    data("xinfo|groups", info::groups),
    data("xinfo|consumers", info::consumers),
    data("xinfo|help", info::help),
];

fn xlen(cx: &mut DataCx<'_>) -> CmdResult {
    let len = cx.db.get::<Stream>(cx.args.at(1))?.map_or(0, |stream| stream.facts().len);
    cx.reply.integer(len as i64);
    Ok(Outcome::Done)
}

fn xrange(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, 2, 3, false)
}

fn xrevrange(cx: &mut DataCx<'_>) -> CmdResult {
    range(cx, 3, 2, true)
}

fn range(cx: &mut DataCx<'_>, from: usize, to: usize, reverse: bool) -> CmdResult {
    let (from, to) = (range_start(cx.args.at(from))?, range_end(cx.args.at(to))?);
    let mut count = None;
    let mut at = 4;
    while at < cx.args.len() {
        if !cx.args.is(at, "COUNT") || at + 1 == cx.args.len() {
            return Err(CommandError::SYNTAX);
        }
        count = Some(cx.integer(at + 1)?);
        at += 2;
    }
    let Some(stream) = cx.db.get::<Stream>(cx.args.at(1))? else {
        cx.reply.empty_array();
        return Ok(Outcome::Done);
    };
    // Like Redis: -1 asks for nothing too, although inside it means everything.
    match count {
        Some(..=0) => cx.reply.null_array(),
        _ => {
            let most = count.map_or(usize::MAX, |count| count as usize);
            write_entries(cx.reply, stream.entries().range(from, to, reverse).take(most));
        }
    }
    Ok(Outcome::Done)
}

fn xdel(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let ids = ids(cx, 2);
    let Some(stream) = cx.db.edit::<Stream>(key)? else {
        cx.reply.integer(0);
        return Ok(Outcome::Done);
    };
    let (mut deleted, mut first_went) = (0, false);
    for id in ids? {
        if stream.delete(id) {
            deleted += 1;
            first_went |= id == stream.facts().first_id;
        }
    }
    if deleted > 0 {
        stream.deleted(first_went);
        cx.db.changed_by(key, Event::XDEL, deleted);
    }
    cx.reply.integer(deleted as i64);
    Ok(Outcome::Done)
}

fn xsetid(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(1);
    let last_id = id(cx.args.at(2))?;
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut at = 3;
    while at < cx.args.len() {
        let more = at + 1 < cx.args.len();
        if cx.args.is(at, "ENTRIESADDED") && more {
            entries_added = Some(cx.integer(at + 1)?);
            if entries_added < Some(0) {
                return Err(CommandError::ENTRIES_ADDED_NEGATIVE);
            }
        } else if cx.args.is(at, "MAXDELETEDID") && more {
            max_deleted_id = id(cx.args.at(at + 1))?;
            if last_id < max_deleted_id {
                return Err(CommandError::XSETID_BELOW_DELETED);
            }
        } else {
            return Err(CommandError::SYNTAX);
        }
        at += 2;
    }
    let stream = cx.db.edit::<Stream>(key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let len = stream.facts().len;
    if len > 0 {
        if stream.entries().last_id().is_some_and(|greatest| last_id < greatest) {
            return Err(CommandError::XSETID_TOO_SMALL);
        }
        if entries_added.is_some_and(|added| len > added as u64) {
            return Err(CommandError::XSETID_FEWER_THAN_ENTRIES);
        }
    }
    stream.set_last_id(last_id, entries_added, (max_deleted_id != StreamId::MIN).then_some(max_deleted_id));
    cx.db.changed_aside(key, Some(Event::XSETID), 1);
    cx.reply.ok();
    Ok(Outcome::Done)
}

// ---- ids ---------------------------------------------------------------------------------------------------------

/// The id a text spells; without its second number, the first of that moment.
fn id(text: &[u8]) -> Result<StreamId, CommandError> {
    StreamId::parse(text, 0).ok_or(CommandError::INVALID_STREAM_ID)
}

/// All ids from an argument on. The error is for later: whether there is a stream comes first.
fn ids(cx: &DataCx<'_>, at: usize) -> Result<SmallVec<[StreamId; 8]>, CommandError> {
    ids_of(cx.args.from(at))
}

fn ids_of(texts: Args<'_>) -> Result<SmallVec<[StreamId; 8]>, CommandError> {
    texts.iter().map(id).collect()
}

/// One end of a range, and whether it is left out itself.
fn bound(text: &[u8], missing_seq: u64) -> Result<(StreamId, bool), CommandError> {
    let (read, open) = match text {
        b"-" => (Some(StreamId::MIN), false),
        b"+" => (Some(StreamId::MAX), false),
        [b'(', text @ ..] if !text.is_empty() => (StreamId::parse(text, missing_seq), true),
        text => (StreamId::parse(text, missing_seq), false),
    };
    Ok((read.ok_or(CommandError::INVALID_STREAM_ID)?, open))
}

fn range_start(text: &[u8]) -> Result<StreamId, CommandError> {
    match bound(text, 0)? {
        (id, false) => Ok(id),
        (id, true) => id.next().ok_or(CommandError::INVALID_RANGE_START),
    }
}

fn range_end(text: &[u8]) -> Result<StreamId, CommandError> {
    match bound(text, u64::MAX)? {
        (id, false) => Ok(id),
        (id, true) => id.previous().ok_or(CommandError::INVALID_RANGE_END),
    }
}

// ---- replies -----------------------------------------------------------------------------------------------------

fn write_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text().as_bytes());
}

fn write_entry(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    write_fields(reply, entry);
}

fn write_fields(reply: &mut Reply, entry: &Entry<'_>) {
    reply.array(2 * entry.len());
    for (field, value) in entry.fields() {
        bulk_item(reply, field);
        bulk_item(reply, value);
    }
}

fn write_entries<'e>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'e>>) {
    let place = reply.defer_array();
    let mut count = 0;
    for entry in entries {
        write_entry(reply, &entry);
        count += 1;
    }
    reply.finish_array(place, count);
}

fn write_help(reply: &mut Reply, lines: &[&str]) {
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
}

// ---- repeating ---------------------------------------------------------------------------------------------------

/// An entry became pending, or is no more since it was deleted: repeated as an XCLAIM that has one outcome.
fn repeat_claim(effects: &mut Effects, [key, group, consumer]: [&[u8]; 3], id: StreamId, claim: Claim) {
    if !effects.wanted {
        return;
    }
    let (mut at, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    effects.propagate_instead(&[
        b"XCLAIM",
        key,
        group,
        consumer,
        b"0",
        id.text().as_bytes(),
        b"TIME",
        at.format(claim.delivered_at).as_bytes(),
        b"RETRYCOUNT",
        count.format(claim.deliveries).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        claim.last_id.text().as_bytes(),
    ]);
}

/// What a repeated XCLAIM says of an entry, and of its group.
struct Claim {
    delivered_at: i64,
    deliveries: u64,
    last_id: StreamId,
}

/// A group has read on, and nothing became pending by which that would show.
fn repeat_group_id(effects: &mut Effects, key: &[u8], group: &[u8], last_id: StreamId, entries_read: Option<i64>) {
    if effects.wanted {
        let mut read = itoa::Buffer::new();
        let read = read.format(entries_read.unwrap_or(-1)).as_bytes();
        effects.propagate_instead(&[b"XGROUP", b"SETID", key, group, last_id.text().as_bytes(), b"ENTRIESREAD", read]);
    }
}
