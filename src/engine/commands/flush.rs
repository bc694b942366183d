//! FLUSHDB, FLUSHALL, SWAPDB: whole databases at once. Emptying is the exchange of a root; freeing is the reclaim
//! thread's, whether SYNC or ASYNC was asked for. FLUSHALL leaves no old snapshot behind where there are save points.

use crate::base::ids::DbIndex;
use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::durability::SaveWaiter;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] =
    &[engine("flushdb", flushdb), engine("flushall", flushall), engine("swapdb", swapdb)];

fn flushdb(cx: &mut EngineCx<'_>) -> CmdResult {
    let db = cx.client().db;
    flush(cx, Some(db))?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn flushall(cx: &mut EngineCx<'_>) -> CmdResult {
    flush(cx, None)?;
    if cx.client().flags.contains(ClientFlags::LOADER) {
        return Ok(Outcome::Done);
    }
    let (index, args) = (cx.client, cx.args);
    let may_wait = !cx.client().flags.intersects(ClientFlags::DENY_BLOCKING | ClientFlags::PRIMARY);
    if cx.engine.save_after_flush(may_wait) {
        cx.engine.hold(index, BlockedOn::Save, args);
        cx.engine.durability.save_waiters.push(SaveWaiter { client: index, wants_result: false });
        return Ok(Outcome::Done);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn flush(cx: &mut EngineCx<'_>, db: Option<DbIndex>) -> Result<(), CommandError> {
    let fits = match cx.args.len() {
        1 => true,
        2 => cx.args.is(1, "SYNC") || cx.args.is(1, "ASYNC"),
        _ => false,
    };
    if !fits {
        return Err(CommandError::SYNTAX);
    }
    let databases = match db {
        Some(db) => db.0..db.0 + 1,
        None => 0..cx.engine.keyspace.databases() as u32,
    };
    for at in databases {
        cx.engine.touch_watchers_of_db(DbIndex(at), None);
    }
    cx.engine.keyspace.flush(db);
    Ok(())
}

fn swapdb(cx: &mut EngineCx<'_>) -> CmdResult {
    let number = |at: usize| cx.integer(at).ok().filter(|&index| i32::try_from(index).is_ok());
    let first = number(1).ok_or(CommandError::fixed("ERR invalid first DB index"))?;
    let second = number(2).ok_or(CommandError::fixed("ERR invalid second DB index"))?;
    let a = cx.engine.db_index(first).ok_or(CommandError::DB_OUT_OF_RANGE)?;
    let b = cx.engine.db_index(second).ok_or(CommandError::DB_OUT_OF_RANGE)?;
    if a != b {
        cx.engine.touch_watchers_of_db(a, Some(b));
        cx.engine.touch_watchers_of_db(b, Some(a));
        cx.engine.keyspace.swap(a, b);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}
