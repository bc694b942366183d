//! EVAL and its like, and SCRIPT.

use crate::client::ClientFlags;
use crate::command::{Args, Bound, CmdResult, CommandError, Outcome};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::scripting::Runnable;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("eval", |cx| eval(cx, false)),
    engine("eval_ro", |cx| eval(cx, true)),
    engine("evalsha", |cx| evalsha(cx, false)),
    engine("evalsha_ro", |cx| evalsha(cx, true)),
    engine("script|debug", script_debug),
    engine("script|exists", script_exists),
    engine("script|flush", script_flush),
    engine("script|help", script_help),
    engine("script|kill", script_kill),
    engine("script|load", script_load),
];

const NO_SCRIPT: CommandError = CommandError::fixed("NOSCRIPT No matching script. Please use EVAL.");
/// Commands that change what interpreters hold, called from within one.
pub(super) const INTERPRETER_IN_USE: CommandError =
    CommandError::fixed("ERR This can not be done while a script is running");

/// The number of keys of EVAL or FCALL. Errors: no number (`not_a_number`), or more than there are arguments.
pub(super) fn key_count(args: Args<'_>, not_a_number: CommandError) -> Result<usize, CommandError> {
    let count = crate::base::num::parse_i64(args.at(2)).ok_or(not_a_number)?;
    if count > args.len() as i64 - 3 {
        return Err(CommandError::NUMKEYS_TOO_MANY);
    }
    usize::try_from(count).map_err(|_| CommandError::fixed("ERR Number of keys can't be negative"))
}

/// A sentence of the interpreter as an error reply.
pub(super) fn as_error(sentence: Vec<u8>) -> CommandError {
    CommandError::from_bytes([b"ERR ", &sentence[..]].concat())
}

fn eval(cx: &mut EngineCx<'_>, read_only: bool) -> CmdResult {
    show(cx);
    let (client, args) = (cx.client, cx.args);
    let run = |engine: &mut Engine| {
        let keys = key_count(args, CommandError::NOT_INTEGER)?;
        let host = engine.scripting.host.clone();
        let script = host.try_borrow_mut().map_err(|_| INTERPRETER_IN_USE)?.load(args.at(1)).map_err(as_error)?;
        engine.run_script(client, args, Runnable::Script(script), keys, read_only)
    };
    if cx.engine.is_debugging(client) {
        cx.engine.debug_script(client, args, run)?;
    } else {
        run(cx.engine)?;
    }
    Ok(Outcome::Done)
}

fn evalsha(cx: &mut EngineCx<'_>, read_only: bool) -> CmdResult {
    show(cx);
    if cx.args.at(1).len() != 40 {
        return Err(NO_SCRIPT);
    }
    if cx.client().flags.contains(ClientFlags::DEBUGS_SCRIPTS) {
        return Err(CommandError::fixed("ERR Please use EVAL instead of EVALSHA for debugging"));
    }
    let keys = key_count(cx.args, CommandError::NOT_INTEGER)?;
    let script = cx.engine.scripting.host.borrow().find(cx.args.at(1)).cloned().ok_or(NO_SCRIPT)?;
    cx.engine.run_script(cx.client, cx.args, Runnable::Script(script), keys, read_only)?;
    Ok(Outcome::Done)
}

/// A script is shown to monitors before the commands it calls.
pub(super) fn show(cx: &mut EngineCx<'_>) {
    if !cx.engine.monitors.is_empty()
        && let Some(id) = cx.engine.table.find_top(cx.args.at(0))
    {
        cx.engine.show_to_monitors(cx.client, id, cx.args);
    }
}

fn script_debug(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.script_debug()?;
    Ok(Outcome::Done)
}

fn script_load(cx: &mut EngineCx<'_>) -> CmdResult {
    let host = cx.engine.scripting.host.clone();
    let script = host.try_borrow_mut().map_err(|_| INTERPRETER_IN_USE)?.load(cx.args.at(2)).map_err(as_error)?;
    cx.reply().bulk(&script.name);
    Ok(Outcome::Done)
}

fn script_exists(cx: &mut EngineCx<'_>) -> CmdResult {
    let (args, host) = (cx.args, cx.engine.scripting.host.clone());
    let host = host.borrow();
    let reply = cx.reply();
    reply.array(args.len() - 2);
    args.iter().skip(2).for_each(|name| reply.integer(host.find(name).is_some().into()));
    Ok(Outcome::Done)
}

fn script_flush(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    if args.len() > 3 || args.len() == 3 && !args.is(2, "SYNC") && !args.is(2, "ASYNC") {
        return Err(CommandError::fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    cx.engine.scripting.host.try_borrow_mut().map_err(|_| INTERPRETER_IN_USE)?.flush();
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn script_kill(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.kill_script(true)?;
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn script_help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "DEBUG (YES|SYNC|NO)",
        "    Set the debug mode for subsequent scripts executed.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Return information about the existence of the scripts in the script cache.",
        "FLUSH [ASYNC|SYNC]",
        "    Flush the Lua scripts cache. Very dangerous on replicas.",
        "    When called without the optional mode argument, the behavior is determined by the",
        "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
        "    * ASYNC: Asynchronously flush the scripts cache.",
        "    * SYNC: Synchronously flush the scripts cache.",
        "KILL",
        "    Kill the currently executing Lua script.",
        "LOAD <script>",
        "    Load a script into the scripts cache without executing it.",
    ]);
    Ok(Outcome::Done)
}
