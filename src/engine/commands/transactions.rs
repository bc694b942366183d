//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use crate::client::{ClientFlags, Watched};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::{ClientIndex, Engine};
use crate::keyspace::Presence;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("multi", multi),
    engine("exec", exec),
    engine("discard", discard),
    engine("watch", watch),
    engine("unwatch", unwatch),
];

fn multi(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.client().flags.contains(ClientFlags::MULTI) {
        return Err(CommandError::fixed("ERR MULTI calls can not be nested"));
    }
    cx.client().flags.insert(ClientFlags::MULTI);
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn exec(cx: &mut EngineCx<'_>) -> CmdResult {
    let (index, engine) = (cx.client, &mut *cx.engine);
    if !engine.clients[index].flags.contains(ClientFlags::MULTI) {
        return Err(CommandError::fixed("ERR EXEC without MULTI"));
    }
    engine.expire_watched(index);
    let flags = engine.clients[index].flags;
    if flags.contains(ClientFlags::DIRTY_EXEC) {
        engine.discard_transaction(index);
        return Err(CommandError::EXEC_ABORT);
    }
    if flags.contains(ClientFlags::DIRTY_CAS) {
        engine.discard_transaction(index);
        engine.clients[index].out.null_array();
        return Ok(Outcome::Done);
    }
    // The queue is taken out before it runs: a queued command may not find a transaction around it.
    let queue = engine.clients[index].transaction.take().unwrap_or_default().queue;
    engine.discard_transaction(index);
    engine.clients[index].out.array(queue.len());
    engine.clients[index].flags.insert(ClientFlags::DENY_BLOCKING);
    for (id, args) in &queue {
        if engine.may_exec(index, *id, args.as_args()) {
            engine.run(index, *id, args.as_args(), None);
        }
    }
    engine.clients[index].flags.remove(ClientFlags::DENY_BLOCKING);
    Ok(Outcome::Done)
}

fn discard(cx: &mut EngineCx<'_>) -> CmdResult {
    if !cx.client().flags.contains(ClientFlags::MULTI) {
        return Err(CommandError::fixed("ERR DISCARD without MULTI"));
    }
    cx.engine.discard_transaction(cx.client);
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn watch(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.client().flags.contains(ClientFlags::MULTI) {
        return Err(CommandError::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    if cx.client().flags.contains(ClientFlags::DIRTY_CAS) {
        // EXEC will fail anyway: nothing more to watch for.
        cx.reply().ok();
        return Ok(Outcome::Done);
    }
    let (index, args) = (cx.client, cx.args);
    let db = cx.client().db;
    for key in args.iter().skip(1) {
        let stale = cx.engine.keyspace.db(db).presence(key) == Presence::Stale;
        let client = &mut cx.engine.clients[index];
        if client.watched.iter().any(|watched| watched.db == db && *watched.key == *key) {
            continue;
        }
        client.watched.push(Watched { db, key: key.into(), stale });
        cx.engine.watches.add(db, key, index);
    }
    cx.engine.listening_changed();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn unwatch(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.forget_watches(cx.client);
    cx.client().flags.remove(ClientFlags::DIRTY_CAS);
    cx.reply().ok();
    Ok(Outcome::Done)
}

impl Engine {
    /// Ends a client's transaction without running it.
    pub(crate) fn discard_transaction(&mut self, index: ClientIndex) {
        self.forget_watches(index);
        let client = &mut self.clients[index];
        client.transaction = None;
        client.flags.remove(ClientFlags::MULTI | ClientFlags::DIRTY_EXEC | ClientFlags::DIRTY_CAS);
    }

    /// A client watches nothing any more.
    pub(crate) fn forget_watches(&mut self, index: ClientIndex) {
        let watched = std::mem::take(&mut self.clients[index].watched);
        if !watched.is_empty() {
            self.watches.remove(watched, index);
            self.listening_changed();
        }
    }

    /// A watched key whose deadline has passed since WATCH spoils the transaction.
    fn expire_watched(&mut self, index: ClientIndex) {
        let keyspace = &mut self.keyspace;
        let client = &mut self.clients[index];
        let passed =
            |watched: &Watched| !watched.stale && keyspace.db(watched.db).presence(&watched.key) == Presence::Stale;
        if client.watched.iter().any(passed) {
            client.flags.insert(ClientFlags::DIRTY_CAS);
        }
    }
}
