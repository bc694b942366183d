//! XINFO: what there is to know of a stream, its groups and their consumers.

use super::{write_entries, write_entry, write_id};
use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::object::Stream;
use crate::object::stream::{Consumer, Group, StreamId};
use crate::resp::reply::Reply;

/// How many entries and pending entries FULL shows, if nothing else is said.
const FULL_COUNT: i64 = 10;

pub(super) fn stream(cx: &mut DataCx<'_>) -> CmdResult {
    let key = cx.args.at(2);
    let stream = cx.db.get::<Stream>(key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let options = cx.args.from(3);
    let count = match options.len() {
        0 => None,
        1 if options.is(0, "FULL") => Some(FULL_COUNT),
        3 if options.is(0, "FULL") && options.is(1, "COUNT") => {
            let count = crate::base::num::parse_i64(options.at(2)).ok_or(CommandError::NOT_INTEGER)?;
            Some(if count < 0 { FULL_COUNT } else { count })
        }
        _ => return Err(CommandError::subcommand_syntax(cx.args)),
    };
    let facts = stream.facts();
    let reply = &mut *cx.reply;
    reply.map(if count.is_some() { 9 } else { 10 });
    write_number(reply, "length", facts.len as i64);
    write_number(reply, "radix-tree-keys", stream.blocks_len() as i64);
    write_number(reply, "radix-tree-nodes", stream.radix_nodes() as i64);
    reply.bulk(b"last-generated-id");
    write_id(reply, facts.last_id);
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, facts.max_deleted_id);
    write_number(reply, "entries-added", facts.entries_added);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, facts.first_id);
    match count {
        None => {
            write_number(reply, "groups", stream.groups_len() as i64);
            for (name, reverse) in [("first-entry", false), ("last-entry", true)] {
                reply.bulk(name.as_bytes());
                match stream.entries().range(StreamId::MIN, StreamId::MAX, reverse).next() {
                    Some(entry) => write_entry(reply, &entry),
                    None => reply.null(),
                }
            }
        }
        Some(count) => {
            let most = if count == 0 { usize::MAX } else { count as usize };
            reply.bulk(b"entries");
            write_entries(reply, stream.entries().range(StreamId::MIN, StreamId::MAX, false).take(most));
            reply.bulk(b"groups");
            reply.array(stream.groups_len());
            for (name, group) in stream.groups() {
                write_group_in_full(reply, stream, name, group, most);
            }
        }
    }
    Ok(Outcome::Done)
}

fn write_number(reply: &mut Reply, name: &str, number: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(number);
}

fn write_optional(reply: &mut Reply, name: &str, number: Option<i64>) {
    reply.bulk(name.as_bytes());
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}

/// What is said of a group in either form: where it is, what it has read, what it has still to read.
fn write_progress(reply: &mut Reply, stream: &Stream, group: &Group) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    write_optional(reply, "entries-read", group.entries_read);
    write_optional(reply, "lag", stream.facts().lag(group));
}

fn write_group_in_full(reply: &mut Reply, stream: &Stream, name: &[u8], group: &Group, most: usize) {
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    write_progress(reply, stream, group);
    write_number(reply, "pel-count", group.pending_len() as i64);
    reply.bulk(b"pending");
    reply.array(group.pending_len().min(most));
    for (id, pending) in group.pending_from(StreamId::MIN).take(most) {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(pending.consumer());
        reply.integer(pending.delivered_at);
        reply.integer(pending.deliveries as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers_len());
    for (name, consumer) in group.consumers() {
        write_consumer_in_full(reply, group, name, consumer, most);
    }
}

fn write_consumer_in_full(reply: &mut Reply, group: &Group, name: &[u8], consumer: &Consumer, most: usize) {
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(name);
    write_number(reply, "seen-time", consumer.seen_at);
    write_number(reply, "pel-count", consumer.pending_len() as i64);
    reply.bulk(b"pending");
    let place = reply.defer_array();
    let mut written = 0;
    for id in consumer.pending_from(StreamId::MIN).take(most) {
        let Some(pending) = group.pending(id) else { continue };
        reply.array(3);
        write_id(reply, id);
        reply.integer(pending.delivered_at);
        reply.integer(pending.deliveries as i64);
        written += 1;
    }
    reply.finish_array(place, written);
}

pub(super) fn groups(cx: &mut DataCx<'_>) -> CmdResult {
    let stream = cx.db.get::<Stream>(cx.args.at(2))?.ok_or(CommandError::NO_SUCH_KEY)?;
    let reply = &mut *cx.reply;
    reply.array(stream.groups_len());
    for (name, group) in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        write_number(reply, "consumers", group.consumers_len() as i64);
        write_number(reply, "pending", group.pending_len() as i64);
        write_progress(reply, stream, group);
    }
    Ok(Outcome::Done)
}

pub(super) fn consumers(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name, now) = (cx.args.at(2), cx.args.at(3), cx.now.0);
    let stream = cx.db.get::<Stream>(key)?.ok_or(CommandError::NO_SUCH_KEY)?;
    let group = stream.group(name).ok_or_else(|| CommandError::no_group_of_key(name, key))?;
    cx.reply.array(group.consumers_len());
    for (name, consumer) in group.consumers() {
        cx.reply.map(3);
        cx.reply.bulk(b"name");
        cx.reply.bulk(name);
        write_number(cx.reply, "pending", consumer.pending_len() as i64);
        write_number(cx.reply, "idle", now.saturating_sub(consumer.seen_at).max(0));
    }
    Ok(Outcome::Done)
}

pub(super) fn help(cx: &mut DataCx<'_>) -> CmdResult {
    super::write_help(
        cx.reply,
        &[
            "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
            "HELP",
            "    Prints this help.",
        ],
    );
    Ok(Outcome::Done)
}
