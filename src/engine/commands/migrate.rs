//! MIGRATE: keys to another server. How they get there and what happens to them meanwhile is in `engine/migration.rs`.

use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Args, Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::migration::Target;
use std::time::Duration;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[engine("migrate", migrate)];

/// What stands behind the timeout.
#[derive(Default)]
struct Options {
    copy: bool,
    replace: bool,
    auth: Option<(Option<Vec<u8>>, Vec<u8>)>,
    /// Where the keys begin and how many there are.
    keys: Option<(usize, usize)>,
}

impl Options {
    fn parse(args: Args<'_>) -> Result<Options, CommandError> {
        let mut options = Options::default();
        let mut at = 6;
        while at < args.len() {
            let more = args.len() - 1 - at;
            if args.is(at, "copy") {
                options.copy = true;
            } else if args.is(at, "replace") {
                options.replace = true;
            } else if args.is(at, "auth") && more >= 1 {
                options.auth = Some((None, args.at(at + 1).to_vec()));
                at += 1;
            } else if args.is(at, "auth2") && more >= 2 {
                options.auth = Some((Some(args.at(at + 1).to_vec()), args.at(at + 2).to_vec()));
                at += 2;
            } else if args.is(at, "keys") {
                if !args.at(3).is_empty() {
                    return Err(CommandError::fixed(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys = Some((at + 1, more));
                break;
            } else {
                return Err(CommandError::SYNTAX);
            }
            at += 1;
        }
        Ok(options)
    }
}

fn migrate(cx: &mut EngineCx<'_>) -> CmdResult {
    const DEFAULT_TIMEOUT_MS: u64 = 1000;
    let args = cx.args;
    let options = Options::parse(args)?;
    let timeout_ms = match cx.integer(5)? {
        given if given > 0 => given as u64,
        _ => DEFAULT_TIMEOUT_MS,
    };
    let db = cx.integer(4)?;
    let (first, count) = options.keys.unwrap_or((3, 1));
    let own_db = cx.client().db;
    let records = cx.engine.records_of(own_db, args.from(first).first(count));
    if records.is_empty() {
        cx.reply().simple("NOKEY");
        return Ok(Outcome::Done);
    }
    let text = |at: usize| String::from_utf8_lossy(args.at(at)).into_owned();
    let target = Target {
        host: text(1),
        port: text(2),
        db,
        timeout: Duration::from_millis(timeout_ms),
        auth: options.auth,
        replace: options.replace,
    };
    let index = cx.client;
    if cx.client().flags.contains(ClientFlags::DENY_BLOCKING) {
        // In the middle of a unit nothing else may run, so everybody waits.
        cx.engine.migrate_now(index, &target, records, options.copy)?;
        cx.reply().ok();
        return Ok(Outcome::Done);
    }
    cx.engine.begin_migration(index, target, records, options.copy);
    cx.engine.hold(index, BlockedOn::Migration, args);
    Ok(Outcome::Done)
}
