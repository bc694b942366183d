//! `redis.*`: what a script can ask of the server. Everything about data goes through the [`Caller`] of the run.

use super::arguments::{Arguments, as_number, as_string, truncate};
use super::debugger;
use super::failure::{Failure, error_table, error_text};
use super::functions::register_function;
use super::libraries::define;
use super::vm::{CALLER, Shared};
use crate::resp::reply::Protocol;
use mlua::{Lua, Table, Value};
use std::rc::Rc;

/// Version of the server whose interface this is.
const REDIS_VERSION: &str = "7.0.15";
const REDIS_VERSION_NUM: u32 = 0x0007_000f;
/// Bits of `redis.set_repl`.
const REPL_AOF: i64 = 1;
const REPL_REPLICA: i64 = 2;

/// Adds `redis`, `library` (what is called `redis` while a function library is loaded) and the functions that replace
/// some of Lua's own to the table of native functions.
pub fn install(lua: &Lua, native: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    let redis = lua.create_table()?;
    common(lua, &redis)?;
    super::raw::install(lua, &redis, shared.old_api)?;
    replies(lua, &redis)?;
    settings(lua, &redis, shared)?;
    random(lua, native, shared)?;
    native.raw_set("redis", redis)?;
    if shared.has_libraries {
        let library = lua.create_table()?;
        common(lua, &library)?;
        let own = shared.clone();
        define(lua, &library, "register_function", move |lua, args| register_function(lua, &args, &own))?;
        native.raw_set("library", library)?;
    }
    Ok(())
}

/// What is there in scripts and while libraries are loaded.
fn common(lua: &Lua, redis: &Table) -> mlua::Result<()> {
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", REDIS_VERSION_NUM)?;
    for (level, name) in ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"].into_iter().enumerate() {
        redis.raw_set(name, level)?;
    }
    define(lua, redis, "log", |lua, args| log(lua, &args))
}

fn log(lua: &Lua, args: &Arguments<'_>) -> mlua::Result<()> {
    if args.len() < 2 {
        return Err(Failure::reply("redis.log() requires two arguments or more."));
    }
    let Some(level) = as_number(lua, args.value(1)) else {
        return Err(Failure::reply("First argument must be a number (log level)."));
    };
    let mut line = Vec::new();
    for (at, value) in args.iter().skip(1).enumerate() {
        if let Some(text) = as_string(lua, value)? {
            if at > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(&text.as_bytes());
        }
    }
    let line = String::from_utf8_lossy(&line);
    match truncate(level) {
        0 => tracing::trace!("{line}"),
        1 => tracing::debug!(target: "verbose", "{line}"),
        2 => tracing::info!("{line}"),
        3 => tracing::warn!("{line}"),
        _ => return Err(Failure::reply("Invalid debug level.")),
    }
    Ok(())
}

/// Some functions make sense only while a script runs.
fn inside(name: &str) -> mlua::Result<()> {
    if CALLER.is_set() {
        return Ok(());
    }
    Err(Failure::reply(format!("{name} can only be called inside a script invocation")))
}

fn replies(lua: &Lua, redis: &Table) -> mlua::Result<()> {
    define(lua, redis, "sha1hex", |lua, args| {
        if args.len() != 1 {
            return Err(Failure::reply("wrong number of arguments"));
        }
        let text = as_string(lua, args.value(1))?;
        let digest = text.map_or_else(|| super::name_of(b""), |text| super::name_of(&text.as_bytes()));
        lua.create_string(digest)
    })?;
    let one_string = |args: &Arguments<'_>| match args.value(1) {
        Value::String(text) if args.len() == 1 => Some(text.as_bytes().to_vec()),
        _ => None,
    };
    define(lua, redis, "error_reply", move |lua, args| match one_string(&args) {
        None => error_table(lua, b"ERR wrong number or type of arguments", false),
        Some(text) if text.starts_with(b"-") => error_table(lua, &error_text(&text), false),
        Some(text) => error_table(lua, &error_text(&[b"-", &text[..]].concat()), false),
    })?;
    define(lua, redis, "status_reply", move |lua, args| match one_string(&args) {
        None => error_table(lua, b"ERR wrong number or type of arguments", false),
        Some(text) => {
            let table = lua.create_table_with_capacity(0, 1)?;
            table.raw_set("ok", lua.create_string(text)?)?;
            Ok(Value::Table(table))
        }
    })
}

fn settings(lua: &Lua, redis: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    for (name, bits) in [
        ("REPL_NONE", 0),
        ("REPL_AOF", REPL_AOF),
        ("REPL_SLAVE", REPL_REPLICA),
        ("REPL_REPLICA", REPL_REPLICA),
        ("REPL_ALL", REPL_AOF | REPL_REPLICA),
    ] {
        redis.raw_set(name, bits)?;
    }
    define(lua, redis, "setresp", |lua, args| {
        inside("redis.setresp")?;
        if args.len() != 1 {
            return Err(Failure::reply("redis.setresp() requires one argument."));
        }
        let protocol = match truncate(as_number(lua, args.value(1)).unwrap_or(0.0)) {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(Failure::reply("RESP version must be 2 or 3.")),
        };
        CALLER.with(|caller| caller.set_protocol(protocol));
        Ok(())
    })?;
    define(lua, redis, "set_repl", |lua, args| {
        inside("redis.set_repl")?;
        if args.len() != 1 {
            return Err(Failure::reply("redis.set_repl() requires two arguments."));
        }
        let bits = truncate(as_number(lua, args.value(1)).unwrap_or(0.0));
        if bits & !(REPL_AOF | REPL_REPLICA) != 0 {
            let message = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
            return Err(Failure::reply(message));
        }
        CALLER.with(|caller| caller.set_replication(bits & REPL_AOF != 0, bits & REPL_REPLICA != 0));
        Ok(())
    })?;
    if !shared.has_libraries {
        // Scripts are always repeated command by command.
        define(lua, redis, "replicate_commands", |_, _| Ok(true))?;
        define(lua, redis, "breakpoint", |_, _| Ok(debugger::breakpoint()))?;
        define(lua, redis, "debug", |_, args| {
            debugger::log(args.iter());
            Ok(())
        })?;
    }
    Ok(())
}

fn random(lua: &Lua, native: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    let running = |lua: &Lua, name: &str| match CALLER.is_set() {
        true => Ok(()),
        false => Err(Failure::at_caller(lua, format!("math.{name} can only be called inside a script invocation"))),
    };
    let own = shared.clone();
    define(lua, native, "random", move |lua, args| {
        running(lua, "random")?;
        let fraction = own.random.fraction();
        let (low, high) = match args.len() {
            0 => return Ok(fraction),
            1 => (1, args.integer(1)? as i32),
            2 => (args.integer(1)? as i32, args.integer(2)? as i32),
            _ => return Err(Failure::at_caller(lua, "wrong number of arguments")),
        };
        if low > high {
            return Err(args.error(args.len(), "interval is empty"));
        }
        // The width wraps as 32 bits do, for those who ask for more numbers than there are.
        let width = high.wrapping_sub(low).wrapping_add(i32::from(args.len() == 2));
        let width = if args.len() == 1 { high } else { width };
        Ok((fraction * f64::from(width)).floor() + f64::from(low))
    })?;
    let own = shared.clone();
    define(lua, native, "randomseed", move |lua, args| {
        running(lua, "randomseed")?;
        own.random.seed(args.integer(1)? as i32);
        Ok(())
    })?;
    Ok(())
}
