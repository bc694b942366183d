//! DEBUG: what tests and people looking for faults ask of the server. Only subcommands that do what their name says
//! are here; the others are unknown.
//!
//! One table holds each subcommand's name, numbers of arguments, handler and help.

mod reload;
mod values;

use crate::base::ids::DbIndex;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::Ask;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::keyspace::Expiry;
use crate::object::Value;
use crate::object::digest::Digest;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[engine("debug", debug)];

/// Switches that DEBUG sets.
#[derive(Debug, Default, Clone)]
pub struct Switches {
    /// SET-ACTIVE-EXPIRE 0.
    pub no_active_expire: bool,
    /// PAUSE-CRON 1.
    pub pause_cron: bool,
    /// SET-DISABLE-DENY-SCRIPTS 1.
    pub scripts_call_all: bool,
    /// What a signal asked for while PAUSE-CRON holds the periodic work, which would see to it.
    pub shutdown_held: Option<crate::engine::ShutdownHow>,
    /// REPLYBUFFER RESIZING 0: clients keep the buffers of their replies.
    pub keep_reply_buffers: bool,
    /// QUICKLIST-PACKED-THRESHOLD in bytes; 0: the default.
    pub list_packed_threshold: usize,
    /// SET-SKIP-CHECKSUM-VALIDATION 1.
    pub skip_checksums: bool,
    /// AOF-FLUSH-SLEEP.
    pub log_delay: Duration,
}

/// One subcommand.
struct Subcommand {
    name: &'static str,
    /// Arguments with DEBUG and the name.
    argc: RangeInclusive<usize>,
    run: EngineHandler,
    help: &'static [&'static str],
}

const MANY: usize = usize::MAX;

const fn sub(
    name: &'static str,
    argc: RangeInclusive<usize>,
    run: EngineHandler,
    help: &'static [&'static str],
) -> Subcommand {
    Subcommand { name, argc, run, help }
}

const SUBCOMMANDS: [Subcommand; 29] = [
    sub(
        "AOF-FLUSH-SLEEP",
        3..=3,
        aof_flush_sleep,
        &["AOF-FLUSH-SLEEP <microsec>", "    Server will sleep before flushing the AOF, this is used for testing."],
    ),
    sub("ASSERT", 2..=2, crash, &["ASSERT", "    Crash by assertion failed."]),
    sub(
        "CHANGE-REPL-ID",
        2..=2,
        change_replication_id,
        &[
            "CHANGE-REPL-ID",
            "    Change the replication IDs of the instance.",
            "    Dangerous: should be used only for testing the replication subsystem.",
        ],
    ),
    sub(
        "CONFIG-REWRITE-FORCE-ALL",
        2..=2,
        rewrite_all_config,
        &[
            "CONFIG-REWRITE-FORCE-ALL",
            "    Like CONFIG REWRITE but writes all configuration options, including",
            "    keywords not listed in original configuration file or default values.",
        ],
    ),
    sub("DIGEST", 2..=2, digest, &["DIGEST", "    Output a hex signature representing the current DB content."]),
    sub(
        "DIGEST-VALUE",
        2..=MANY,
        digest_value,
        &["DIGEST-VALUE <key> [<key> ...]", "    Output a hex signature of the values of all the specified keys."],
    ),
    sub(
        "ERROR",
        3..=3,
        error,
        &[
            "ERROR <string>",
            "    Return a Redis protocol error with <string> as message. Useful for clients",
            "    unit tests to simulate Redis errors.",
        ],
    ),
    sub("LOG", 3..=3, log, &["LOG <message>", "    Write <message> to the server log."]),
    sub(
        "HTSTATS",
        3..=3,
        values::htstats,
        &["HTSTATS <dbid>", "    Return hash table statistics of the specified Redis database."],
    ),
    sub(
        "HTSTATS-KEY",
        3..=3,
        values::htstats_key,
        &["HTSTATS-KEY <key>", "    Like HTSTATS but for the hash table stored at <key>'s value."],
    ),
    sub(
        "LOADAOF",
        2..=2,
        reload::loadaof,
        &["LOADAOF", "    Flush the AOF buffers on disk and reload the AOF in memory."],
    ),
    sub(
        "OBJECT",
        3..=3,
        values::object,
        &["OBJECT <key>", "    Show low level info about `key` and associated value."],
    ),
    sub("PANIC", 2..=2, crash, &["PANIC", "    Crash the server simulating a panic."]),
    sub(
        "POPULATE",
        3..=5,
        populate,
        &[
            "POPULATE <count> [<prefix>] [<size>]",
            "    Create <count> string keys named key:<num>. If <prefix> is specified then",
            "    it is used instead of the 'key' prefix. These are not propagated to",
            "    replicas. Cluster slots are not respected so keys not belonging to the",
            "    current node can be created in cluster mode.",
        ],
    ),
    sub(
        "PROTOCOL",
        3..=3,
        protocol,
        &[
            "PROTOCOL <type>",
            "    Reply with a test value of the specified type. <type> can be: string,",
            "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
            "    true, false.",
        ],
    ),
    sub(
        "RELOAD",
        2..=5,
        reload::reload,
        &[
            "RELOAD [option ...]",
            "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
            "    * MERGE: conflicting keys will be loaded from RDB.",
            "    * NOFLUSH: the existing database will not be removed before load, but",
            "      conflicting keys will generate an exception and kill the server.",
            "    * NOSAVE: the database will be loaded from an existing RDB file.",
            "    Examples:",
            "    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
            "      the database.",
            "    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
            "      existing RDB file.",
            "    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB",
            "      file to the database.",
        ],
    ),
    sub(
        "REPLICATE",
        3..=MANY,
        replicate,
        &["REPLICATE <string>", "    Replicates the provided string to replicas, allowing data divergence."],
    ),
    sub("SEGFAULT", 2..=2, segfault, &["SEGFAULT", "    Crash the server with sigsegv."]),
    sub(
        "SET-ACTIVE-EXPIRE",
        3..=3,
        set_active_expire,
        &[
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Setting it to 0 disables expiring keys in background when they are not",
            "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
            "    default.",
        ],
    ),
    sub(
        "QUICKLIST-PACKED-THRESHOLD",
        3..=3,
        packed_threshold,
        &[
            "QUICKLIST-PACKED-THRESHOLD <size>",
            "    Sets the threshold for elements to be inserted as plain vs packed nodes",
            "    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.",
        ],
    ),
    sub(
        "SET-SKIP-CHECKSUM-VALIDATION",
        3..=3,
        set_skip_checksums,
        &[
            "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
            "    Enables or disables checksum checks for RDB files and RESTORE's payload.",
        ],
    ),
    sub("SLEEP", 3..=3, sleep, &["SLEEP <seconds>", "    Stop the server for <seconds>. Decimals allowed."]),
    sub(
        "STRINGMATCH-TEST",
        2..=2,
        stringmatch_test,
        &["STRINGMATCH-TEST", "    Run a fuzz tester against the stringmatchlen() function."],
    ),
    sub(
        "LISTPACK",
        3..=3,
        values::listpack,
        &["LISTPACK <key>", "    Show low level info about the listpack encoding of <key>."],
    ),
    sub(
        "QUICKLIST",
        3..=4,
        values::quicklist,
        &[
            "QUICKLIST <key> [<0|1>]",
            "    Show low level info about the quicklist encoding of <key>.",
            "    The optional argument (0 by default) sets the level of detail",
        ],
    ),
    sub("PAUSE-CRON", 3..=3, pause_cron, &["PAUSE-CRON <0|1>", "    Stop periodic cron job processing."]),
    sub(
        "REPLYBUFFER",
        4..=4,
        reply_buffer,
        &["REPLYBUFFER RESIZING <0|1>", "    Enable or disable the reply buffer resize cron job"],
    ),
    sub(
        "SET-DISABLE-DENY-SCRIPTS",
        3..=3,
        set_disable_deny_scripts,
        &[
            "SET-DISABLE-DENY-SCRIPTS <0|1>",
            "    Setting it to 1 lets scripts call the commands that are denied to them, for tests.",
        ],
    ),
    sub("HELP", 2..=2, help, &[]),
];

fn debug(cx: &mut EngineCx<'_>) -> CmdResult {
    let found = SUBCOMMANDS.iter().find(|sub| cx.args.is(1, sub.name) && sub.argc.contains(&cx.args.len()));
    match found {
        Some(sub) => (sub.run)(cx),
        None => Err(CommandError::subcommand_syntax(cx.args)),
    }
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    let lines: Vec<&str> = SUBCOMMANDS.iter().flat_map(|sub| sub.help).copied().collect();
    cx.help(&lines);
    Ok(Outcome::Done)
}

/// Whether an argument switches something on: a number other than 0.
fn is_on(cx: &EngineCx<'_>) -> bool {
    cx.integer(2).is_ok_and(|number| number != 0)
}

fn done(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.reply().ok();
    Ok(Outcome::Done)
}

// ---- the server --------------------------------------------------------------------------------------------------

fn sleep(cx: &mut EngineCx<'_>) -> CmdResult {
    let seconds = crate::base::num::parse_f64(cx.args.at(2)).unwrap_or(0.0);
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        (cx.engine.senses.sleep)(time);
    }
    done(cx)
}

fn crash(cx: &mut EngineCx<'_>) -> CmdResult {
    tracing::warn!("DEBUG {} was called: the process ends here", String::from_utf8_lossy(cx.args.at(1)));
    cx.engine.asks.push(Ask::Crash);
    Ok(Outcome::Done)
}

fn segfault(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.asks.push(Ask::Fault);
    Ok(Outcome::Done)
}

fn log(cx: &mut EngineCx<'_>) -> CmdResult {
    tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(cx.args.at(2)));
    done(cx)
}

fn rewrite_all_config(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &*cx.engine;
    (engine.senses.rewrite_config)(&engine.facts.config_file, &engine.config, true)
        .map_err(|reason| CommandError::new(format!("ERR CONFIG-REWRITE-FORCE-ALL failed: {reason}")))?;
    done(cx)
}

fn pause_cron(cx: &mut EngineCx<'_>) -> CmdResult {
    let on = is_on(cx);
    cx.engine.debug.pause_cron = on;
    if !on
        && let Some(how) = cx.engine.debug.shutdown_held.take()
        && !cx.engine.take_leave(how)
    {
        cx.engine.asks.push(Ask::Shutdown { how, client: None });
    }
    done(cx)
}

fn reply_buffer(cx: &mut EngineCx<'_>) -> CmdResult {
    if !cx.args.is(2, "RESIZING") {
        return Err(CommandError::subcommand_syntax(cx.args));
    }
    cx.engine.debug.keep_reply_buffers = cx.integer(3)? == 0;
    done(cx)
}

fn set_active_expire(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.debug.no_active_expire = !is_on(cx);
    done(cx)
}

fn set_skip_checksums(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.debug.skip_checksums = is_on(cx);
    cx.engine.limits.skip_payload_checksum = cx.engine.debug.skip_checksums;
    done(cx)
}

/// The writer thread sleeps, not the loop.
fn aof_flush_sleep(cx: &mut EngineCx<'_>) -> CmdResult {
    let span = cx.integer(2).ok().and_then(|us| u64::try_from(us).ok()).unwrap_or(0);
    cx.engine.debug.log_delay = Duration::from_micros(span);
    if let Some(log) = &cx.engine.durability.log {
        log.set_delay(Duration::from_micros(span));
    }
    done(cx)
}

fn set_disable_deny_scripts(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.debug.scripts_call_all = is_on(cx);
    done(cx)
}

fn change_replication_id(cx: &mut EngineCx<'_>) -> CmdResult {
    tracing::warn!("Changing replication IDs after receiving DEBUG change-repl-id");
    let id = cx.engine.random_replication_id();
    cx.engine.history.restart(id);
    done(cx)
}

fn replicate(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.engine.propagation.add_apart(cx.args.iter().skip(2));
    done(cx)
}

fn packed_threshold(cx: &mut EngineCx<'_>) -> CmdResult {
    const MOST_BYTES: u64 = (1 << 32) - (1 << 20);
    let bytes = crate::base::num::parse_memory(cx.args.at(2))
        .filter(|bytes| *bytes <= MOST_BYTES)
        .ok_or(CommandError::fixed("ERR argument must be a memory value bigger than 1 and smaller than 4gb"))?;
    cx.engine.debug.list_packed_threshold = bytes as usize;
    cx.engine.limits.list_packed_threshold = bytes as usize;
    done(cx)
}

/// Random patterns against random texts: the matcher has to come to an end, and to agree with itself.
fn stringmatch_test(cx: &mut EngineCx<'_>) -> CmdResult {
    const ROUNDS: usize = 10_000;
    let rng = &mut cx.engine.rng;
    let mut bytes =
        |most: usize| -> Vec<u8> { (0..rng.usize(..=most)).map(|_| b"ab*?[]^-\\"[rng.usize(..9)]).collect() };
    for _ in 0..ROUNDS {
        let (pattern, text) = (bytes(16), bytes(32));
        crate::base::glob::glob_match(&pattern, &text, false);
    }
    cx.reply().simple("Apparently Redis did not crash: test passed");
    Ok(Outcome::Done)
}

// ---- replies -----------------------------------------------------------------------------------------------------

fn error(cx: &mut EngineCx<'_>) -> CmdResult {
    Err(CommandError::from_bytes(cx.args.at(2).to_vec()))
}

fn protocol(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    let reply = cx.reply();
    let name = args.at(2).to_ascii_lowercase();
    match name.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double_text(b"3.141"),
        b"bignum" => reply.big_number(b"1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.integer(n);
                reply.boolean(n == 1);
            }
        }
        b"attrib" => {
            if reply.is_resp3() {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            // Attributes describe a reply, so one has to follow.
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if !reply.is_resp3() {
                return Err(CommandError::fixed("ERR RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            // A push is no answer, so one has to follow.
            reply.bulk(b"Some real reply following the push reply");
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim(b"txt", b"This is a verbatim\nstring"),
        _ => {
            return Err(CommandError::fixed(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|\
                 set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Outcome::Done)
}

// ---- data --------------------------------------------------------------------------------------------------------

fn digest(cx: &mut EngineCx<'_>) -> CmdResult {
    let mut all = Digest::default();
    for index in 0..cx.engine.keyspace.databases() as u32 {
        let table = cx.engine.keyspace.table(DbIndex(index));
        if table.is_empty() {
            continue;
        }
        all.mix(&index.to_be_bytes());
        table.for_each(|object| {
            let mut one = Digest::default();
            one.mix(object.key());
            one.add_value(object);
            all.xor_digest(&one);
        });
    }
    cx.reply().simple(&all.hex());
    Ok(Outcome::Done)
}

fn digest_value(cx: &mut EngineCx<'_>) -> CmdResult {
    let (args, db) = (cx.args, cx.client().db);
    let (keyspace, reply) = (&cx.engine.keyspace, &mut cx.engine.clients[cx.client].out);
    let table = keyspace.table(db);
    reply.array(args.len() - 2);
    for key in args.iter().skip(2) {
        let mut digest = Digest::default();
        if let Some(object) = table.get(crate::structs::table::hash(key), key) {
            digest.add_value(object);
        }
        reply.simple(&digest.hex());
    }
    Ok(Outcome::Done)
}

fn populate(cx: &mut EngineCx<'_>) -> CmdResult {
    let positive = |cx: &EngineCx<'_>, at: usize| -> Result<usize, CommandError> {
        match cx.args.get(at) {
            None => Ok(0),
            Some(_) => {
                let number = cx.integer(at).ok().and_then(|number| usize::try_from(number).ok());
                number.ok_or(CommandError::NOT_POSITIVE)
            }
        }
    };
    let (keys, size) = (positive(cx, 2)?, positive(cx, 4)?);
    if size > cx.engine.limits.proto_max_bulk_len {
        return Err(CommandError::STRING_TOO_LONG);
    }
    let prefix = cx.args.get(3).unwrap_or(b"key").to_vec();
    let (index, db) = (cx.client, cx.client().db);
    for number in 0..keys {
        let mut key = prefix.clone();
        key.extend_from_slice(format!(":{number}").as_bytes());
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        let mut target = cx.engine.keyspace.db(db);
        if target.contains(&key) {
            continue;
        }
        target.put(&key, Value::Bytes(&value), Expiry::Clear);
        // Not counted as a change and not propagated, but those who look at the key must know.
        cx.engine.touch_watchers(db, &key);
        cx.engine.invalidate_unlogged(&key, index);
    }
    done(cx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_but_help_explains_itself_and_no_name_stands_twice() {
        for (at, sub) in SUBCOMMANDS.iter().enumerate() {
            assert!(
                sub.help.first().is_some_and(|line| line.starts_with(sub.name)) || sub.name == "HELP",
                "{}",
                sub.name
            );
            assert!(SUBCOMMANDS[..at].iter().all(|other| other.name != sub.name), "{}", sub.name);
        }
    }
}
