//! COMMAND: what the table knows of each command, told to clients: COUNT, LIST, INFO, DOCS, GETKEYS, GETKEYSANDFLAGS.
//!
//! Only commands that have a handler are shown. Flags that only the server needs (that a command may write to
//! replicas, that it has to be enabled) are kept back, as Redis keeps them back.

use crate::base::glob::glob_match;
use crate::command::catalog::legacy_range;
use crate::command::keys::{keys_of, may_name_keys};
use crate::command::meta::{BeginSearch, Category, FindKeys, Flag, KeyFlag, KeySpec, Meta, Param, ParamType};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::table::{Command, CommandId, CommandTable};
use crate::resp::reply::Reply;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("command", all),
    engine("command|count", count),
    engine("command|list", list),
    engine("command|info", info),
    engine("command|docs", docs),
    engine("command|getkeys", getkeys),
    engine("command|getkeysandflags", getkeysandflags),
    engine("command|help", help),
];

/// Flags COMMAND INFO does not show.
const KEPT_BACK: [Flag; 2] = [Flag::MayReplicate, Flag::Protected];

fn all(cx: &mut EngineCx<'_>) -> CmdResult {
    let (table, reply) = (&cx.engine.table, &mut cx.engine.clients[cx.client].out);
    reply.array(table.top().count());
    table.top().for_each(|command| write_info(reply, table, command));
    Ok(Outcome::Done)
}

fn count(cx: &mut EngineCx<'_>) -> CmdResult {
    let count = cx.engine.table.top().count() as i64;
    cx.reply().integer(count);
    Ok(Outcome::Done)
}

fn info(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.args.len() == 2 {
        return all(cx);
    }
    let (table, reply) = (&cx.engine.table, &mut cx.engine.clients[cx.client].out);
    reply.array(cx.args.len() - 2);
    for name in cx.args.iter().skip(2) {
        match table.find_full(name) {
            Some(id) => write_info(reply, table, table.get(id)),
            None => reply.null(),
        }
    }
    Ok(Outcome::Done)
}

fn docs(cx: &mut EngineCx<'_>) -> CmdResult {
    let (table, reply) = (&cx.engine.table, &mut cx.engine.clients[cx.client].out);
    let wanted: Vec<&Command> = match cx.args.len() {
        2 => table.top().collect(),
        _ => cx.args.iter().skip(2).filter_map(|name| table.find_full(name)).map(|id| table.get(id)).collect(),
    };
    reply.map(wanted.len());
    for command in wanted {
        reply.bulk(command.name.as_bytes());
        write_docs(reply, table, command);
    }
    Ok(Outcome::Done)
}

/// What COMMAND LIST FILTERBY lets through.
enum Filter<'a> {
    All,
    /// There are no modules, so no command is from one.
    Module,
    Category(Option<Category>),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn passes(&self, command: &Command) -> bool {
        match self {
            Filter::All => true,
            Filter::Module => false,
            Filter::Category(category) => category.is_some_and(|category| command.meta.acl.has(category)),
            Filter::Pattern(pattern) => glob_match(pattern, command.name.as_bytes(), true),
        }
    }
}

fn list(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let filter = match args.len() {
        2 => Filter::All,
        5 if args.is(2, "FILTERBY") && args.is(3, "MODULE") => Filter::Module,
        5 if args.is(2, "FILTERBY") && args.is(3, "ACLCAT") => {
            Filter::Category(Category::NAMES.iter().find(|(_, name)| args.is(4, name)).map(|(category, _)| *category))
        }
        5 if args.is(2, "FILTERBY") && args.is(3, "PATTERN") => Filter::Pattern(args.at(4)),
        _ => return Err(CommandError::SYNTAX),
    };
    let (table, reply) = (&cx.engine.table, &mut cx.engine.clients[cx.client].out);
    let shown: Vec<&Command> = with_subcommands(table).filter(|command| filter.passes(command)).collect();
    reply.array(shown.len());
    shown.iter().for_each(|command| reply.bulk(command.name.as_bytes()));
    Ok(Outcome::Done)
}

/// Every command a client can call, each followed by its subcommands.
pub(super) fn with_subcommands(table: &CommandTable) -> impl Iterator<Item = &Command> {
    table.top().flat_map(|top| std::iter::once(top).chain(top.subcommands.iter().map(|&id| table.get(id))))
}

fn getkeys(cx: &mut EngineCx<'_>) -> CmdResult {
    keys(cx, false)
}

fn getkeysandflags(cx: &mut EngineCx<'_>) -> CmdResult {
    keys(cx, true)
}

/// The command a request names; a container without its subcommand is itself.
fn named(table: &CommandTable, request: crate::command::Args<'_>) -> Option<CommandId> {
    let top = table.find_top(request.at(0))?;
    match request.get(1) {
        Some(sub) if !table.get(top).subcommands.is_empty() => table.find_sub(top, sub),
        _ => Some(top),
    }
}

fn keys(cx: &mut EngineCx<'_>, with_flags: bool) -> CmdResult {
    let request = cx.args.from(2);
    let table = &cx.engine.table;
    let id = named(table, request).ok_or(CommandError::fixed("ERR Invalid command specified"))?;
    let meta = table.get(id).meta;
    if !may_name_keys(meta) {
        return Err(CommandError::fixed("ERR The command has no key arguments"));
    }
    if !meta.arity_allows(request.len()) {
        return Err(CommandError::fixed("ERR Invalid number of arguments specified for command"));
    }
    let keys = keys_of(meta, request);
    if keys.is_empty() && !meta.flags.has(Flag::NoMandatoryKeys) {
        return Err(CommandError::fixed("ERR Invalid arguments specified for command"));
    }
    let reply = cx.reply();
    reply.array(keys.len());
    for key in keys {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(request.at(key.at));
        if with_flags {
            write_key_flags(reply, key.flags);
        }
    }
    Ok(Outcome::Done)
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
    ]);
    Ok(Outcome::Done)
}

// ---- COMMAND INFO ------------------------------------------------------------------------------------------------

fn write_info(reply: &mut Reply, table: &CommandTable, command: &Command) {
    let meta = command.meta;
    let (first, last, step) = legacy_range(meta);
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(meta.arity.into());
    let shown = |flag: &Flag| meta.flags.has(*flag) && !KEPT_BACK.contains(flag);
    write_names(reply, Flag::NAMES.iter().filter(|(flag, _)| shown(flag)).map(|(_, name)| *name));
    reply.integer(first.into());
    reply.integer(last.into());
    reply.integer(step.into());
    let categories: Vec<String> = Category::NAMES
        .iter()
        .filter(|(category, _)| meta.acl.has(*category))
        .map(|(_, name)| format!("@{name}"))
        .collect();
    write_names(reply, categories.iter().map(String::as_str));
    reply.set(meta.tips.len());
    meta.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(meta.keys.len());
    meta.keys.iter().for_each(|spec| write_key_spec(reply, spec));
    if command.subcommands.is_empty() {
        reply.set(0);
    } else {
        reply.array(command.subcommands.len());
        command.subcommands.iter().for_each(|&sub| write_info(reply, table, table.get(sub)));
    }
}

/// A set of words.
fn write_names<'a>(reply: &mut Reply, names: impl Iterator<Item = &'a str>) {
    let place = reply.defer_set();
    let mut count = 0;
    for name in names {
        reply.simple(name);
        count += 1;
    }
    reply.finish_set(place, count);
}

fn write_key_flags(reply: &mut Reply, flags: &[KeyFlag]) {
    write_names(reply, KeyFlag::NAMES.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, name)| *name));
}

/// A name with a string behind it.
fn pair(reply: &mut Reply, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn number(reply: &mut Reply, name: &str, value: i32) {
    reply.bulk(name.as_bytes());
    reply.integer(value.into());
}

/// `{type: .., spec: {..}}`: the head; the `size` pairs of the spec follow.
fn typed(reply: &mut Reply, kind: &str, size: usize) {
    reply.map(2);
    pair(reply, "type", kind);
    reply.bulk(b"spec");
    reply.map(size);
}

fn write_key_spec(reply: &mut Reply, spec: &KeySpec) {
    reply.map(3 + usize::from(!spec.notes.is_empty()));
    if !spec.notes.is_empty() {
        pair(reply, "notes", spec.notes);
    }
    reply.bulk(b"flags");
    write_key_flags(reply, spec.flags);
    reply.bulk(b"begin_search");
    match spec.begin {
        BeginSearch::Unknown => typed(reply, "unknown", 0),
        BeginSearch::Index(at) => {
            typed(reply, "index", 1);
            number(reply, "index", at);
        }
        BeginSearch::Keyword(word, from) => {
            typed(reply, "keyword", 2);
            pair(reply, "keyword", word);
            number(reply, "startfrom", from);
        }
    }
    reply.bulk(b"find_keys");
    match spec.find {
        FindKeys::Unknown => typed(reply, "unknown", 0),
        FindKeys::Range { last, step, limit } => {
            typed(reply, "range", 3);
            number(reply, "lastkey", last);
            number(reply, "keystep", step);
            number(reply, "limit", limit);
        }
        FindKeys::KeyNum { index, first, step } => {
            typed(reply, "keynum", 3);
            number(reply, "keynumidx", index);
            number(reply, "firstkey", first);
            number(reply, "keystep", step);
        }
    }
}

// ---- COMMAND DOCS ------------------------------------------------------------------------------------------------

fn write_docs(reply: &mut Reply, table: &CommandTable, command: &Command) {
    let meta: &Meta = command.meta;
    let place = reply.defer_map();
    let mut pairs = 1;
    let mut text = |reply: &mut Reply, name: &str, value: &str| {
        if !value.is_empty() {
            pairs += 1;
            pair(reply, name, value);
        }
    };
    text(reply, "summary", meta.summary);
    text(reply, "since", meta.since);
    pair(reply, "group", meta.group.name());
    text(reply, "complexity", meta.complexity);
    if !meta.doc_flags.is_empty() {
        pairs += 1;
        reply.bulk(b"doc_flags");
        write_names(reply, meta.doc_flags.iter().copied());
    }
    let mut text = |reply: &mut Reply, name: &str, value: &str| {
        if !value.is_empty() {
            pairs += 1;
            pair(reply, name, value);
        }
    };
    text(reply, "deprecated_since", meta.deprecated_since);
    text(reply, "replaced_by", meta.replaced_by);
    if !meta.history.is_empty() {
        pairs += 1;
        reply.bulk(b"history");
        reply.set(meta.history.len());
        for (since, change) in meta.history {
            reply.array(2);
            reply.bulk(since.as_bytes());
            reply.bulk(change.as_bytes());
        }
    }
    if !meta.params.is_empty() {
        pairs += 1;
        reply.bulk(b"arguments");
        write_params(reply, meta.params);
    }
    if !command.subcommands.is_empty() {
        pairs += 1;
        reply.bulk(b"subcommands");
        reply.map(command.subcommands.len());
        for &sub in &command.subcommands {
            reply.bulk(table.get(sub).name.as_bytes());
            write_docs(reply, table, table.get(sub));
        }
    }
    reply.finish_map(place, pairs);
}

fn write_params(reply: &mut Reply, params: &[Param]) {
    reply.array(params.len());
    for param in params {
        let place = reply.defer_map();
        pair(reply, "name", param.name);
        pair(reply, "type", param.kind.name());
        let mut pairs = 2;
        if param.key_spec != -1 {
            pairs += 1;
            number(reply, "key_spec_index", param.key_spec.into());
        }
        // The word of a word may be the empty string, which is a word still.
        if param.kind == ParamType::PureToken || !param.token.is_empty() {
            pairs += 1;
            pair(reply, "token", param.token);
        }
        for (name, value) in
            [("summary", param.summary), ("since", param.since), ("deprecated_since", param.deprecated_since)]
        {
            if !value.is_empty() {
                pairs += 1;
                pair(reply, name, value);
            }
        }
        let flags =
            [(param.optional, "optional"), (param.multiple, "multiple"), (param.multiple_token, "multiple_token")];
        if flags.iter().any(|(set, _)| *set) {
            pairs += 1;
            reply.bulk(b"flags");
            write_names(reply, flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name));
        }
        if !param.parts.is_empty() {
            pairs += 1;
            reply.bulk(b"arguments");
            write_params(reply, param.parts);
        }
        reply.finish_map(place, pairs);
    }
}
