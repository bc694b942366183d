//! PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET.

use crate::acl::DEFAULT_NAME;
use crate::client::ClientFlags;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::{ClientIndex, Engine};
use crate::resp::reply::Protocol;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("ping", ping),
    engine("echo", echo),
    engine("hello", hello),
    engine("auth", auth),
    engine("select", select),
    engine("quit", quit),
    engine("reset", reset),
];

fn ping(cx: &mut EngineCx<'_>) -> CmdResult {
    let message = cx.args.get(1);
    if cx.args.len() > 2 {
        return Err(CommandError::arity("ping"));
    }
    if cx.client().in_pubsub_mode() {
        let reply = cx.reply();
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(message.unwrap_or_default());
        return Ok(Outcome::Done);
    }
    match message {
        Some(message) => cx.reply().bulk(message),
        None => cx.reply().simple("PONG"),
    }
    Ok(Outcome::Done)
}

fn echo(cx: &mut EngineCx<'_>) -> CmdResult {
    let message = cx.args.at(1);
    cx.reply().bulk(message);
    Ok(Outcome::Done)
}

fn select(cx: &mut EngineCx<'_>) -> CmdResult {
    let number = cx.integer(1)?;
    i32::try_from(number).map_err(|_| CommandError::BEYOND_INT)?;
    cx.client().db = cx.engine.db_index(number).ok_or(CommandError::DB_OUT_OF_RANGE)?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn quit(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.reply().ok();
    cx.engine.close(cx.client, true);
    Ok(Outcome::Done)
}

fn reset(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.reset_client(cx.client);
    cx.reply().simple("RESET");
    Ok(Outcome::Done)
}

const NO_PASSWORD_SET: CommandError = CommandError::fixed(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration \
     is correct?",
);

fn auth(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.args.len() > 3 {
        return Err(CommandError::SYNTAX);
    }
    let (user, password) = match cx.args.len() {
        2 => {
            if cx.engine.acl.default_user().needs_no_password() {
                return Err(NO_PASSWORD_SET);
            }
            (DEFAULT_NAME, cx.args.at(1))
        }
        _ => (cx.args.at(1), cx.args.at(2)),
    };
    cx.engine.log_in(cx.client, user, password, cx.args)?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn hello(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let mut version = None;
    if let Some(text) = args.get(1) {
        let number = crate::base::num::parse_i64(text)
            .ok_or(CommandError::fixed("ERR Protocol version is not an integer or out of range"))?;
        version = Some(match number {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(CommandError::fixed("NOPROTO unsupported protocol version")),
        });
    }
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args.is(at, "AUTH") && left >= 2 {
            cx.engine.log_in(cx.client, args.at(at + 1), args.at(at + 2), args)?;
            at += 3;
        } else if args.is(at, "SETNAME") && left >= 1 {
            let name = args.at(at + 1);
            super::client_commands::check_name(name)?;
            cx.client().identity_mut().name = name.into();
            at += 2;
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(crate::command::error::as_c_text(args.at(at)));
            text.push(b'\'');
            return Err(CommandError::from_bytes(text));
        }
    }
    if !cx.client().flags.contains(ClientFlags::LOGGED_IN) {
        return Err(CommandError::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> \
             <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    if let Some(version) = version {
        cx.reply().set_protocol(version);
    }
    let (id, resp3) = (cx.client().id, cx.client().protocol() == Protocol::Resp3);
    let reply = cx.reply();
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(crate::engine::commands::info::REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id.0 as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
    Ok(Outcome::Done)
}

impl Engine {
    /// Brings a client back to what it was when it connected.
    fn reset_client(&mut self, index: ClientIndex) {
        self.discard_transaction(index);
        self.forget_subscriptions(index);
        self.tracking_off(index);
        self.monitors.retain(|&other| other != index);
        let client = &mut self.clients[index];
        client.flags.remove(
            ClientFlags::MONITOR
                | ClientFlags::REPLY_OFF
                | ClientFlags::REPLY_SKIP
                | ClientFlags::REPLY_SKIP_NEXT
                | ClientFlags::NO_EVICT
                | ClientFlags::NO_TOUCH,
        );
        client.db = crate::base::ids::DbIndex(0);
        client.identity_mut().name = Box::default();
        client.out.set_protocol(Protocol::Resp2);
        self.log_out(index);
    }
}
