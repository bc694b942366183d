//! TIME, WAIT, WAITAOF, LOLWUT, MONITOR, SLOWLOG, MODULE LIST, SHUTDOWN, DBSIZE's kin of the server.

use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::{Ask, ShutdownHow};

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("time", time),
    engine("wait", wait),
    engine("waitaof", waitaof),
    engine("lolwut", lolwut),
    engine("monitor", monitor),
    engine("slowlog|get", slowlog_get),
    engine("slowlog|len", slowlog_len),
    engine("slowlog|reset", slowlog_reset),
    engine("slowlog|help", slowlog_help),
    engine("module|list", module_list),
    engine("module|help", module_help),
    engine("shutdown", shutdown),
];

fn time(cx: &mut EngineCx<'_>) -> CmdResult {
    let us = (cx.engine.senses.unix_us)();
    let reply = cx.reply();
    reply.array(2);
    reply.bulk_int(us / 1_000_000);
    reply.bulk_int(us % 1_000_000);
    Ok(Outcome::Done)
}

/// Waits until so many replicas have acknowledged the client's last change, which all of them are asked for.
fn wait(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.engine.following.is_replica() {
        return Err(CommandError::fixed(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
             configured to be writable (which is not the default) writes to replicas are just local and are not propagated.",
        ));
    }
    let replicas = cx.integer(1)?;
    let timeout = timeout_ms(cx, 2)?;
    let (index, args, id) = (cx.client, cx.args, cx.client().id);
    // What it changed in another history, before this server followed one, is nothing to wait for.
    let offset = cx.client().replicated.min(cx.engine.history_offset());
    let acknowledged = cx.engine.replicas.acknowledged(offset) as i64;
    if acknowledged >= replicas || cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        cx.reply().integer(acknowledged);
        return Ok(Outcome::Done);
    }
    cx.engine.replicas.waiters.push(id);
    cx.engine.replicas.ask = true;
    cx.engine.wait_for_others(index, BlockedOn::Replicas { offset, replicas }, args, timeout);
    Ok(Outcome::Done)
}

fn timeout_ms(cx: &EngineCx<'_>, at: usize) -> Result<i64, CommandError> {
    let timeout = cx.integer(at).map_err(|_| CommandError::fixed("ERR timeout is not an integer or out of range"))?;
    if timeout < 0 { Err(CommandError::TIMEOUT_NEGATIVE) } else { Ok(timeout) }
}

/// Waits until this server's log is durable behind the client's last change, and those of so many replicas.
fn waitaof(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.engine.following.is_replica() {
        return Err(CommandError::fixed(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and \
             are not propagated.",
        ));
    }
    let local = match cx.integer(1)? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::fixed("ERR value is out of range, value must between 0 and 1")),
    };
    let replicas = cx.integer(2)?;
    if replicas < 0 {
        return Err(CommandError::fixed("ERR value is out of range, must be positive"));
    }
    let timeout = timeout_ms(cx, 3)?;
    let (index, args) = (cx.client, cx.args);
    let (offset, replicated) = (cx.client().logged, cx.client().replicated);
    let durable = cx.engine.replicas.durable(replicated) as i64;
    let durability = &mut cx.engine.durability;
    if local && durability.log.is_none() {
        return Err(CommandError::WAITAOF_WITHOUT_LOG);
    }
    let reached = durability.log.is_some() && offset <= durability.durable_offset();
    if durable >= replicas && (reached || !local) || cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        cx.reply().array(2);
        cx.reply().integer(reached as i64);
        cx.reply().integer(durable);
        return Ok(Outcome::Done);
    }
    cx.engine.durability.log_waiters.push(index);
    cx.engine.replicas.ask |= replicas > 0;
    let on = BlockedOn::Log { offset, local, replicated, replicas };
    cx.engine.wait_for_others(index, on, args, timeout);
    Ok(Outcome::Done)
}

fn lolwut(cx: &mut EngineCx<'_>) -> CmdResult {
    let mut shelves = String::new();
    let contents = ["(_)", "[#]", "|=|", "{o}", "/^\\", "   "];
    for _ in 0..4 {
        shelves.push_str("  |");
        for _ in 0..8 {
            shelves.push(' ');
            shelves.push_str(contents[cx.engine.rng.usize(..contents.len())]);
        }
        shelves.push_str(" |\n  +---------------------------------+\n");
    }
    let text = format!("{shelves}\nWhat is in the larder today. Larder ver. {}\n", env!("CARGO_PKG_VERSION"));
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(Outcome::Done)
}

fn monitor(cx: &mut EngineCx<'_>) -> CmdResult {
    let index = cx.client;
    if cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        return Err(CommandError::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !cx.client().flags.contains(ClientFlags::MONITOR) {
        cx.client().flags.insert(ClientFlags::MONITOR);
        cx.engine.monitors.push(index);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn slowlog_get(cx: &mut EngineCx<'_>) -> CmdResult {
    let mut count = 10;
    if cx.args.len() > 3 {
        return Err(CommandError::subcommand_syntax(cx.args));
    }
    if cx.args.len() == 3 {
        let wanted = cx
            .integer(2)
            .ok()
            .filter(|wanted| *wanted >= -1)
            .ok_or(CommandError::fixed("ERR count should be greater than or equal to -1"))?;
        count = if wanted == -1 { usize::MAX } else { wanted as usize };
    }
    let entries: Vec<_> = cx.engine.slowlog.iter().take(count).cloned().collect();
    let reply = cx.reply();
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.at_seconds);
        reply.integer(entry.took_us as i64);
        reply.array(entry.args.len());
        entry.args.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.peer.as_bytes());
        reply.bulk(&entry.client_name);
    }
    Ok(Outcome::Done)
}

fn slowlog_len(cx: &mut EngineCx<'_>) -> CmdResult {
    let len = cx.engine.slowlog.iter().len() as i64;
    cx.reply().integer(len);
    Ok(Outcome::Done)
}

fn slowlog_reset(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.slowlog.reset();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn slowlog_help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "GET [<count>]",
        "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
        "    Entries are made of:",
        "    id, timestamp, time in microseconds, arguments array, client IP and port,",
        "    client name",
        "LEN",
        "    Return the length of the slowlog.",
        "RESET",
        "    Reset the slowlog.",
    ]);
    Ok(Outcome::Done)
}

fn module_list(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.reply().array(0);
    Ok(Outcome::Done)
}

fn module_help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&["LIST", "    Return a list of loaded modules."]);
    Ok(Outcome::Done)
}

fn shutdown(cx: &mut EngineCx<'_>) -> CmdResult {
    let mut how = ShutdownHow::default();
    let mut abort = false;
    for at in 1..cx.args.len() {
        match () {
            _ if cx.args.is(at, "NOSAVE") => how.nosave = true,
            _ if cx.args.is(at, "SAVE") => how.save = true,
            _ if cx.args.is(at, "NOW") => how.now = true,
            _ if cx.args.is(at, "FORCE") => how.force = true,
            _ if cx.args.is(at, "ABORT") => abort = true,
            _ => return Err(CommandError::SYNTAX),
        }
    }
    if abort && how != ShutdownHow::default() || how.save && how.nosave {
        return Err(CommandError::SYNTAX);
    }
    if abort {
        // A shutdown is over within its turn, unless it waits for replicas, or the periodic work that begins it is held.
        if cx.engine.debug.shutdown_held.take().is_none() && !cx.engine.end_farewell() {
            return Err(CommandError::fixed("ERR No shutdown in progress."));
        }
        tracing::info!("Shutdown manually aborted.");
        cx.reply().ok();
        return Ok(Outcome::Done);
    }
    if let Some(busy) = cx.engine.scripting.busy()
        && !how.nosave
    {
        return Err(busy);
    }
    if !how.now && cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        return Err(CommandError::fixed("ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client"));
    }
    let (client, args) = (cx.client, cx.args);
    if cx.engine.take_leave(how) {
        cx.engine.hold(client, BlockedOn::Shutdown, args);
        cx.engine.farewell.iter_mut().for_each(|farewell| farewell.clients.push(client));
    } else {
        cx.engine.asks.push(Ask::Shutdown { how, client: Some(client) });
    }
    Ok(Outcome::Done)
}
