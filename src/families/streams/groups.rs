//! XGROUP: consumer groups and their members, made and unmade.
//!
//! None of it changes the entries, so WATCH and client-side caching do not mind, but for a stream that is created.

use crate::command::{CmdResult, CommandError, DataCx, Outcome};
use crate::keyspace::{Event, Expiry};
use crate::object::stream::{Group, StreamId};
use crate::object::{Stream, Typed, Value};

/// Options of CREATE and SETID.
#[derive(Default)]
struct Options {
    create_stream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(cx: &DataCx<'_>, is_create: bool) -> Result<Options, CommandError> {
        let mut options = Options::default();
        let mut at = 5;
        while at < cx.args.len() {
            if is_create && cx.args.is(at, "MKSTREAM") {
                options.create_stream = true;
                at += 1;
            } else if cx.args.is(at, "ENTRIESREAD") && at + 1 < cx.args.len() {
                options.entries_read = match cx.integer(at + 1)? {
                    ..-1 => return Err(CommandError::ENTRIES_READ_NEGATIVE),
                    -1 => None,
                    read => Some(read),
                };
                at += 2;
            } else {
                return Err(CommandError::subcommand_syntax(cx.args));
            }
        }
        Ok(options)
    }
}

/// The group that the command names. Errors: no key, another type, no group.
fn group<'c>(cx: &'c mut DataCx<'_>) -> Result<&'c mut Group, CommandError> {
    let (key, name) = (cx.args.at(2), cx.args.at(3));
    let stream = cx.db.edit::<Stream>(key)?.ok_or(CommandError::XGROUP_WITHOUT_KEY)?;
    stream.group_mut(name).ok_or_else(|| CommandError::no_group_of_key(name, key))
}

pub(super) fn create(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name, start) = (cx.args.at(2), cx.args.at(3), cx.args.at(4));
    let options = Options::parse(cx, true)?;
    let start = |last_id: StreamId| if start == b"$" { Ok(last_id) } else { super::id(start) };
    // More than one MKSTREAM or ENTRIESREAD is too much.
    let fits = cx.args.len() <= 8;
    match cx.db.edit::<Stream>(key)? {
        None if !options.create_stream => return Err(CommandError::XGROUP_WITHOUT_KEY),
        _ if !fits => return Err(CommandError::subcommand_syntax(cx.args)),
        Some(stream) => {
            let group = Group::new(start(stream.facts().last_id)?, options.entries_read);
            if !stream.create_group(name, group) {
                return Err(CommandError::BUSY_GROUP);
            }
            cx.db.changed_aside(key, Some(Event::XGROUP_CREATE), 1);
        }
        None => {
            let mut stream = Stream::new();
            stream.create_group(name, Group::new(start(StreamId::MIN)?, options.entries_read));
            cx.db.put(key, Value::Container(stream.into_container()), Expiry::Clear);
            cx.db.changed(key, Event::XGROUP_CREATE);
        }
    }
    cx.reply.ok();
    Ok(Outcome::Done)
}

pub(super) fn set_id(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name, text) = (cx.args.at(2), cx.args.at(3), cx.args.at(4));
    let options = Options::parse(cx, false)?;
    group(cx)?;
    if cx.args.len() != 5 && cx.args.len() != 7 {
        return Err(CommandError::subcommand_syntax(cx.args));
    }
    if let Some(stream) = cx.db.edit::<Stream>(key)? {
        let last_id = match text {
            b"$" => stream.facts().last_id,
            b"-" => StreamId::MIN,
            b"+" => StreamId::MAX,
            text => super::id(text)?,
        };
        if let Some(group) = stream.group_mut(name) {
            (group.last_id, group.entries_read) = (last_id, options.entries_read);
        }
    }
    cx.db.changed_aside(key, Some(Event::XGROUP_SETID), 1);
    cx.reply.ok();
    Ok(Outcome::Done)
}

pub(super) fn destroy(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, name) = (cx.args.at(2), cx.args.at(3));
    let stream = cx.db.edit::<Stream>(key)?.ok_or(CommandError::XGROUP_WITHOUT_KEY)?;
    let removed = stream.remove_group(name);
    cx.reply.integer(removed.is_some() as i64);
    if let Some(group) = removed {
        cx.db.changed_aside(key, Some(Event::XGROUP_DESTROY), 1);
        cx.db.keyspace().discard_container(group.into_container());
    }
    Ok(Outcome::Done)
}

pub(super) fn create_consumer(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, consumer, now) = (cx.args.at(2), cx.args.at(4), cx.now.0);
    let created = group(cx)?.create_consumer(consumer, now);
    if created {
        cx.db.changed_aside(key, Some(Event::XGROUP_CREATECONSUMER), 1);
    }
    cx.reply.integer(created as i64);
    Ok(Outcome::Done)
}

pub(super) fn delete_consumer(cx: &mut DataCx<'_>) -> CmdResult {
    let (key, consumer) = (cx.args.at(2), cx.args.at(4));
    let pending = group(cx)?.remove_consumer(consumer);
    if pending.is_some() {
        cx.db.changed_aside(key, Some(Event::XGROUP_DELCONSUMER), 1);
    }
    cx.reply.integer(pending.unwrap_or(0) as i64);
    Ok(Outcome::Done)
}

pub(super) fn help(cx: &mut DataCx<'_>) -> CmdResult {
    super::write_help(
        cx.reply,
        &[
            "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
            "HELP",
            "    Prints this help.",
        ],
    );
    Ok(Outcome::Done)
}
