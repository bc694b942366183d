//! ACL: users and their rules, what was denied, and the file of users. The rules themselves are `crate::acl`'s.

use crate::acl::commands::{category, commands};
use crate::acl::selector::{Selector, has_spaces};
use crate::acl::{Acl, DEFAULT_NAME, Denied, UserFlags};
use crate::base::num::parse_i64;
use crate::command::error::as_c_text;
use crate::command::meta::Category;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::config::Key;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::resp::reply::Reply;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("acl|cat", cat),
    engine("acl|deluser", deluser),
    engine("acl|dryrun", dryrun),
    engine("acl|genpass", genpass),
    engine("acl|getuser", getuser),
    engine("acl|help", help),
    engine("acl|list", list),
    engine("acl|load", load),
    engine("acl|log", log),
    engine("acl|save", save),
    engine("acl|setuser", setuser),
    engine("acl|users", users),
    engine("acl|whoami", whoami),
];

fn cat(cx: &mut EngineCx<'_>) -> CmdResult {
    let names: Vec<&str> = match cx.args.len() {
        2 => Category::NAMES.iter().map(|(_, name)| *name).collect(),
        3 => {
            let name = cx.args.at(2);
            let members = commands().members(category(name).ok_or_else(|| unknown_category(name))?);
            let in_category = |command: &&crate::engine::table::Command| members.has(command.rule);
            cx.engine.table.iter().filter(in_category).map(|command| &*commands().get(command.rule).name).collect()
        }
        _ => return Err(CommandError::subcommand_syntax(cx.args)),
    };
    let reply = cx.reply();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(Outcome::Done)
}

fn unknown_category(name: &[u8]) -> CommandError {
    let name = as_c_text(name);
    CommandError::from_bytes([b"ERR Unknown category '", &name[..name.len().min(128)], b"'"].concat())
}

fn deluser(cx: &mut EngineCx<'_>) -> CmdResult {
    let names = cx.args.from(2);
    if names.iter().any(|name| as_c_text(name) == DEFAULT_NAME) {
        return Err(CommandError::fixed("ERR The 'default' user cannot be removed"));
    }
    let removed = names.iter().filter(|name| cx.engine.remove_user(name)).count();
    cx.reply().integer(removed as i64);
    Ok(Outcome::Done)
}

fn dryrun(cx: &mut EngineCx<'_>) -> CmdResult {
    let (name, request) = (cx.args.at(2), cx.args.from(3));
    let not_found = |what: &str, name: &[u8]| {
        CommandError::from_bytes([b"ERR ", what.as_bytes(), b" '", as_c_text(name), b"' not found"].concat())
    };
    let user = cx.engine.acl.find(name).ok_or_else(|| not_found("User", name))?;
    let id = cx.engine.table.resolve(request).map_err(|_| not_found("Command", request.at(0)))?;
    let command = cx.engine.table.get(id);
    let full_name = &*commands().get(command.rule).name;
    if !command.meta.arity_allows(request.len()) {
        return Err(CommandError::arity(full_name));
    }
    let (verb, noun, object) = match cx.engine.acl.user(user).check(command.rule, request) {
        Ok(()) => {
            cx.reply().ok();
            return Ok(Outcome::Done);
        }
        Err(Denied::Command) => ("run", "command", full_name.as_bytes()),
        Err(Denied::Key(at)) => ("access", "key", request.at(at)),
        Err(Denied::Channel(at)) => ("access", "channel", request.at(at)),
    };
    let mut text = format!("This user has no permissions to {verb} the '").into_bytes();
    text.extend_from_slice(as_c_text(object));
    text.extend_from_slice(format!("' {noun}").as_bytes());
    cx.reply().bulk(&text);
    Ok(Outcome::Done)
}

fn genpass(cx: &mut EngineCx<'_>) -> CmdResult {
    const MOST_BITS: i64 = 4096;
    let bits = match cx.args.len() {
        2 => 256,
        3 => parse_i64(cx.args.at(2)).ok_or(CommandError::NOT_INTEGER)?,
        _ => return Err(CommandError::subcommand_syntax(cx.args)),
    };
    if !(1..=MOST_BITS).contains(&bits) {
        return Err(CommandError::fixed(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut random = vec![0; digits.div_ceil(2)];
    (cx.engine.senses.random_bytes)(&mut random)
        .map_err(|reason| CommandError::new(format!("ERR no randomness to make a password of: {reason}")))?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    cx.reply().bulk(&text.as_bytes()[..digits]);
    Ok(Outcome::Done)
}

fn getuser(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    let reply = &mut engine.clients[cx.client].out;
    let Some(id) = engine.acl.find(cx.args.at(2)) else {
        reply.null();
        return Ok(Outcome::Done);
    };
    let user = engine.acl.user(id);
    reply.map(6);
    reply.bulk(b"flags");
    let flags = UserFlags::NAMES.iter().filter(|(flag, _)| user.flags.contains(*flag));
    reply.set(flags.clone().count());
    flags.for_each(|(_, name)| reply.bulk(name.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.password_hashes().len());
    user.password_hashes().for_each(|hash| reply.bulk(hash.as_bytes()));
    describe(user.root(), reply);
    reply.bulk(b"selectors");
    reply.array(user.selectors().len());
    for selector in user.selectors() {
        reply.map(3);
        describe(selector, reply);
    }
    Ok(Outcome::Done)
}

/// Three fields of a map.
fn describe(selector: &Selector, reply: &mut Reply) {
    let mut field = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let mut text = Vec::new();
        write(&mut text);
        reply.bulk(name.as_bytes());
        reply.bulk(&text);
    };
    field("commands", &|text| selector.describe_commands(text));
    field("keys", &|text| selector.describe_keys(text));
    field("channels", &|text| selector.describe_channels(text));
}

fn list(cx: &mut EngineCx<'_>) -> CmdResult {
    let lines: Vec<Vec<u8>> = cx.engine.acl.iter().map(|(name, user)| Acl::line(name, user)).collect();
    answer_all(cx, &lines);
    Ok(Outcome::Done)
}

fn users(cx: &mut EngineCx<'_>) -> CmdResult {
    let names: Vec<Vec<u8>> = cx.engine.acl.iter().map(|(name, _)| name.to_vec()).collect();
    answer_all(cx, &names);
    Ok(Outcome::Done)
}

fn answer_all(cx: &mut EngineCx<'_>, texts: &[Vec<u8>]) {
    let reply = cx.reply();
    reply.array(texts.len());
    texts.iter().for_each(|text| reply.bulk(text));
}

/// Errors: there is no file of users.
fn needs_file(cx: &EngineCx<'_>) -> Result<(), CommandError> {
    if !cx.engine.config.string(Key::Aclfile).is_empty() {
        return Ok(());
    }
    Err(CommandError::fixed(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER \
         command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users \
         in the Redis configuration.",
    ))
}

fn load(cx: &mut EngineCx<'_>) -> CmdResult {
    needs_file(cx)?;
    cx.engine.load_user_file().map_err(|errors| CommandError::new(format!("ERR {errors}")))?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn save(cx: &mut EngineCx<'_>) -> CmdResult {
    needs_file(cx)?;
    cx.engine.save_user_file().map_err(|()| {
        CommandError::fixed(
            "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
        )
    })?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn log(cx: &mut EngineCx<'_>) -> CmdResult {
    const SHOWN: i64 = 10;
    let count = match cx.args.len() {
        2 => SHOWN,
        3 if cx.args.is(2, "RESET") => {
            cx.engine.acl.log.clear();
            cx.reply().ok();
            return Ok(Outcome::Done);
        }
        3 => cx.integer(2)?,
        _ => return Err(CommandError::subcommand_syntax(cx.args)),
    };
    let engine = &mut *cx.engine;
    let (reply, entries) = (&mut engine.clients[cx.client].out, engine.acl.log.entries());
    let count = entries.len().min(count.max(0) as usize);
    let now = (engine.senses.unix_us)() / 1000;
    reply.array(count);
    for entry in entries.take(count) {
        reply.map(10);
        reply.bulk(b"count");
        reply.integer(entry.count as i64);
        let event = &entry.event;
        for (name, value) in [
            ("reason", event.reason.name().as_bytes()),
            ("context", event.context.name().as_bytes()),
            ("object", &event.object),
            ("username", &event.username),
        ] {
            reply.bulk(name.as_bytes());
            reply.bulk(value);
        }
        reply.bulk(b"age-seconds");
        reply.double((now - entry.updated.0).max(0) as f64 / 1000.0);
        reply.bulk(b"client-info");
        reply.bulk(&event.client_info);
        for (name, number) in [
            ("entry-id", entry.id as i64),
            ("timestamp-created", entry.created.0),
            ("timestamp-last-updated", entry.updated.0),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(number);
        }
    }
    Ok(Outcome::Done)
}

fn setuser(cx: &mut EngineCx<'_>) -> CmdResult {
    let name = cx.args.at(2);
    if has_spaces(name) {
        return Err(CommandError::fixed("ERR Usernames can't contain spaces or null characters"));
    }
    let rules = cx.args.from(3);
    let set = cx.engine.set_user(name, rules.iter());
    set.map_err(|error| CommandError::from_bytes([b"ERR ", &error.text()[..]].concat()))?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn whoami(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    let client = &mut engine.clients[cx.client];
    client.out.bulk(engine.acl.name(client.user));
    Ok(Outcome::Done)
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "CAT [<category>]",
        "    List all commands that belong to <category>, or all command categories",
        "    when no category is specified.",
        "DELUSER <username> [<username> ...]",
        "    Delete a list of users.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Returns whether the user can execute the given command without executing the command.",
        "GETUSER <username>",
        "    Get the user's details.",
        "GENPASS [<bits>]",
        "    Generate a secure 256-bit user password. The optional `bits` argument can",
        "    be used to specify a different size.",
        "LIST",
        "    Show users details in config file format.",
        "LOAD",
        "    Reload users from the ACL file.",
        "LOG [<count> | RESET]",
        "    Show the ACL log entries.",
        "SAVE",
        "    Save the current config to the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Create or modify a user with the specified attributes.",
        "USERS",
        "    List all the registered usernames.",
        "WHOAMI",
        "    Return the current connection username.",
    ]);
    Ok(Outcome::Done)
}
