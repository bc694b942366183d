//! CLIENT: who a client is and what it asks of the server about itself: names, pauses, unblocking, replies, eviction.
//! LIST and INFO are in `client_list.rs`, KILL in `client_kill.rs`, client-side caching in `tracking_commands.rs`.

use super::{client_kill, client_list};
use crate::base::ids::{ClientId, UnixMs};
use crate::base::num::parse_i64;
use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("client|help", help),
    engine("client|id", id),
    engine("client|info", client_list::info),
    engine("client|list", client_list::list),
    engine("client|kill", client_kill::kill),
    engine("client|getname", getname),
    engine("client|setname", setname),
    engine("client|setinfo", setinfo),
    engine("client|pause", pause),
    engine("client|unpause", unpause),
    engine("client|unblock", unblock),
    engine("client|reply", reply),
    engine("client|no-evict", no_evict),
    engine("client|no-touch", no_touch),
];

/// The classes CLIENT LIST and CLIENT KILL tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientType {
    Normal,
    Primary,
    Replica,
    PubSub,
}

impl ClientType {
    /// Errors: no such class.
    pub(super) fn parse(name: &[u8]) -> Result<ClientType, CommandError> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match () {
            _ if is("normal") => Ok(ClientType::Normal),
            _ if is("slave") || is("replica") => Ok(ClientType::Replica),
            _ if is("master") => Ok(ClientType::Primary),
            _ if is("pubsub") => Ok(ClientType::PubSub),
            _ => Err(quoting("ERR Unknown client type '", name)),
        }
    }

    pub(super) fn of(client: &crate::client::Client) -> ClientType {
        match client.flags.contains(ClientFlags::REPLICA) {
            true => ClientType::Replica,
            false if client.flags.contains(ClientFlags::PRIMARY) => ClientType::Primary,
            false if client.subscriptions.is_some() => ClientType::PubSub,
            false => ClientType::Normal,
        }
    }
}

/// An error that quotes an argument, whatever bytes it holds, and closes the quote.
pub(super) fn quoting(begin: &str, argument: &[u8]) -> CommandError {
    CommandError::from_bytes([begin.as_bytes(), argument, b"'"].concat())
}

/// The error of a subcommand given arguments it does not take.
pub(super) fn wrong_shape(cx: &EngineCx<'_>) -> CommandError {
    let name = cx.args.at(1);
    let begin = b"ERR unknown subcommand or wrong number of arguments for '";
    CommandError::from_bytes([&begin[..], &name[..name.len().min(128)], b"'. Try CLIENT HELP."].concat())
}

fn id(cx: &mut EngineCx<'_>) -> CmdResult {
    let id = cx.client().id;
    cx.reply().integer(id.0 as i64);
    Ok(Outcome::Done)
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// Checks a name given to a client. Errors: a character that would break CLIENT LIST.
pub(crate) fn check_name(name: &[u8]) -> Result<(), CommandError> {
    if is_printable(name) {
        return Ok(());
    }
    Err(CommandError::fixed("ERR Client names cannot contain spaces, newlines or special characters."))
}

fn getname(cx: &mut EngineCx<'_>) -> CmdResult {
    let name = cx.client().name().to_vec();
    match &name[..] {
        [] => cx.reply().null(),
        name => cx.reply().bulk(name),
    }
    Ok(Outcome::Done)
}

fn setname(cx: &mut EngineCx<'_>) -> CmdResult {
    let name = cx.args.at(2);
    check_name(name)?;
    cx.client().identity_mut().name = name.into();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn setinfo(cx: &mut EngineCx<'_>) -> CmdResult {
    let (attribute, value) = (cx.args.at(2), cx.args.at(3));
    let identity = cx.client().identity_mut();
    let place = match () {
        _ if attribute.eq_ignore_ascii_case(b"lib-name") => &mut identity.lib_name,
        _ if attribute.eq_ignore_ascii_case(b"lib-ver") => &mut identity.lib_ver,
        _ => return Err(quoting("ERR Unrecognized option '", attribute)),
    };
    if !is_printable(value) {
        let text = [b"ERR ", attribute, b" cannot contain spaces, newlines or special characters."];
        return Err(CommandError::from_bytes(text.concat()));
    }
    *place = value.into();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn pause(cx: &mut EngineCx<'_>) -> CmdResult {
    let all = match cx.args.len() {
        3 => true,
        4 if cx.args.is(3, "WRITE") => false,
        4 if cx.args.is(3, "ALL") => true,
        4 => return Err(CommandError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(wrong_shape(cx)),
    };
    let ms = parse_i64(cx.args.at(2)).ok_or(CommandError::fixed("ERR timeout is not an integer or out of range"))?;
    if ms < 0 {
        return Err(CommandError::TIMEOUT_NEGATIVE);
    }
    let until = cx.engine.now.0.checked_add(ms).ok_or(CommandError::TIMEOUT_OUT_OF_RANGE)?;
    if ms > 0 {
        cx.engine.begin_pause(UnixMs(until), all);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn unpause(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    if engine.pause.until.0 != 0 {
        // It ends with this turn: held commands are no part of this one.
        engine.pause.until = engine.now;
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn unblock(cx: &mut EngineCx<'_>) -> CmdResult {
    let error = match cx.args.len() {
        3 => false,
        4 if cx.args.is(3, "TIMEOUT") => false,
        4 if cx.args.is(3, "ERROR") => true,
        4 => return Err(CommandError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(wrong_shape(cx)),
    };
    let id = cx.integer(2)?;
    let engine = &mut *cx.engine;
    let target = u64::try_from(id).ok().and_then(|id| engine.client_by_id(ClientId(id)));
    // A client held by CLIENT PAUSE, for a migration, for files or for its turn to write waits for nothing that could time out.
    let waits = |index: &usize| {
        let held = |on: &BlockedOn| {
            matches!(
                on,
                BlockedOn::Pause
                    | BlockedOn::Migration
                    | BlockedOn::MigratingKeys
                    | BlockedOn::Slowed
                    | BlockedOn::History
            )
        };
        engine.clients[*index].blocked.as_ref().is_some_and(|b| !held(&b.on))
    };
    let found = target.filter(waits);
    if let Some(index) = found {
        const UNBLOCKED: CommandError = CommandError::fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK");
        engine.end_wait(index, error.then_some(&UNBLOCKED));
    }
    cx.reply().integer(found.is_some() as i64);
    Ok(Outcome::Done)
}

fn reply(cx: &mut EngineCx<'_>) -> CmdResult {
    let (on, off, skip) = (cx.args.is(2, "ON"), cx.args.is(2, "OFF"), cx.args.is(2, "SKIP"));
    let flags = &mut cx.client().flags;
    match () {
        _ if on => {
            flags.remove(ClientFlags::REPLY_OFF | ClientFlags::REPLY_SKIP);
            cx.reply().ok();
        }
        _ if off => flags.insert(ClientFlags::REPLY_OFF),
        _ if skip => {
            if !flags.contains(ClientFlags::REPLY_OFF) {
                flags.insert(ClientFlags::REPLY_SKIP_NEXT);
            }
        }
        _ => return Err(CommandError::SYNTAX),
    }
    Ok(Outcome::Done)
}

fn no_evict(cx: &mut EngineCx<'_>) -> CmdResult {
    switch(cx, ClientFlags::NO_EVICT)
}

fn no_touch(cx: &mut EngineCx<'_>) -> CmdResult {
    switch(cx, ClientFlags::NO_TOUCH)
}

fn switch(cx: &mut EngineCx<'_>, flag: ClientFlags) -> CmdResult {
    let on = cx.args.is(2, "ON");
    if !on && !cx.args.is(2, "OFF") {
        return Err(CommandError::SYNTAX);
    }
    cx.client().flags.set(flag, on);
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(HELP);
    Ok(Outcome::Done)
}

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * MAXAGE <seconds>",
    "      Kill connections older than the specified age.",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
];

impl Engine {
    /// Begins CLIENT PAUSE, or makes the one that is on longer and wider. While it lasts keys neither expire nor are
    /// evicted, so that the data stays as it is.
    pub(crate) fn begin_pause(&mut self, until: UnixMs, all: bool) {
        let on = self.pause.until > self.now;
        self.pause.all = all || on && self.pause.all;
        self.pause.until = until.max(if on { self.pause.until } else { UnixMs(0) });
        self.follow_expire_mode();
    }
}
