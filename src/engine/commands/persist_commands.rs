//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF. No command waits for a disk: SAVE holds its client until the snapshot is
//! written, the others go on.

use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::durability::SaveWaiter;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("save", save),
    engine("bgsave", bgsave),
    engine("lastsave", lastsave),
    engine("bgrewriteaof", bgrewriteaof),
];

fn save(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.begin_save(true)?;
    let (index, args) = (cx.client, cx.args);
    cx.engine.hold(index, BlockedOn::Save, args);
    cx.engine.durability.save_waiters.push(SaveWaiter { client: index, wants_result: true });
    Ok(Outcome::Done)
}

fn bgsave(cx: &mut EngineCx<'_>) -> CmdResult {
    let schedule = match cx.args.len() {
        1 => false,
        2 if cx.args.is(1, "SCHEDULE") => true,
        _ => return Err(CommandError::SYNTAX),
    };
    if cx.engine.durability.save.is_none() && cx.engine.durability.rewrite_running() && schedule {
        cx.engine.durability.save_scheduled = true;
        cx.reply().simple("Background saving scheduled");
        return Ok(Outcome::Done);
    }
    // Inside EXEC the snapshot is taken once the whole of it has run, so that it is never half there.
    if cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        if cx.engine.durability.save.is_some() {
            return Err(CommandError::fixed("ERR Background save already in progress"));
        }
        cx.engine.durability.save_scheduled = true;
        cx.reply().simple("Background saving scheduled");
        return Ok(Outcome::Done);
    }
    cx.engine.begin_save(false)?;
    cx.reply().simple("Background saving started");
    Ok(Outcome::Done)
}

fn lastsave(cx: &mut EngineCx<'_>) -> CmdResult {
    let at = cx.engine.durability.last_save_at.as_secs();
    cx.reply().integer(at);
    Ok(Outcome::Done)
}

fn bgrewriteaof(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.engine.durability.rewrite_running() {
        return Err(CommandError::fixed("ERR Background append only file rewriting already in progress"));
    }
    // With a snapshot under way, or the rest of a transaction to come, it begins when that is over.
    let later = cx.engine.durability.save.is_some() || cx.client().flags.contains(ClientFlags::DENY_BLOCKING);
    if later {
        cx.engine.durability.rewrite_scheduled = true;
        cx.engine.durability.rewrite_limit.reset();
        cx.reply().simple("Background append only file rewriting scheduled");
        return Ok(Outcome::Done);
    }
    cx.engine.begin_rewrite()?;
    cx.reply().simple("Background append only file rewriting started");
    Ok(Outcome::Done)
}
