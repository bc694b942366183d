//! SYNC and REPLCONF: what replicas, and tools that take a snapshot over the wire, say to a primary.

use crate::base::num::parse_i64;
use crate::client::ClientFlags;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::replication::{Announced, Filter};

/// The commands.
pub const COMMANDS: &[Bound<EngineHandler>] = &[engine("replconf", replconf), engine("sync", sync)];

fn sync(cx: &mut EngineCx<'_>) -> CmdResult {
    let client = cx.client();
    if client.flags.contains(ClientFlags::REPLICA) {
        // It has asked before, and is answered once.
        return Ok(Outcome::Done);
    }
    if client.output_bytes() > 0 {
        return Err(CommandError::fixed("ERR SYNC and PSYNC are invalid with pending output"));
    }
    let index = cx.client;
    cx.engine
        .begin_replica(index)
        .map_err(|error| CommandError::new(format!("ERR Can't start a thread for the snapshot: {error}")))?;
    Ok(Outcome::Done)
}

fn replconf(cx: &mut EngineCx<'_>) -> CmdResult {
    const LONGEST_ADDRESS: usize = 255;
    let args = cx.args;
    if args.len().is_multiple_of(2) {
        return Err(CommandError::SYNTAX);
    }
    let id = cx.client().id;
    let mut announced = cx.engine.announced.get(&id).cloned().unwrap_or_default();
    for at in (1..args.len()).step_by(2) {
        let value = args.at(at + 1);
        let number = || parse_i64(value).ok_or(CommandError::NOT_INTEGER);
        match () {
            _ if args.is(at, "LISTENING-PORT") => {
                announced.port = u16::try_from(number()?).map_err(|_| CommandError::NOT_INTEGER)?;
            }
            _ if args.is(at, "IP-ADDRESS") => {
                if value.len() > LONGEST_ADDRESS {
                    return Err(CommandError::new(format!(
                        "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
                        value.len()
                    )));
                }
                announced.address = Some(String::from_utf8_lossy(value).into_owned());
            }
            _ if args.is(at, "CAPA") => announced.eof |= value.eq_ignore_ascii_case(b"eof"),
            // Neither is answered: the one is news, the other is for replicas.
            _ if args.is(at, "ACK") => {
                let index = cx.client;
                cx.engine.begin_stream(index);
                return Ok(Outcome::Done);
            }
            _ if args.is(at, "GETACK") => {
                // Written when nothing of this request's reply is taken back any more.
                cx.engine.following.ack_due = cx.engine.is_primary(cx.client);
                return Ok(Outcome::Done);
            }
            _ if args.is(at, "RDB-ONLY") => announced.only_snapshot = number()? != 0,
            _ if args.is(at, "RDB-FILTER-ONLY") => {
                announced.filter = Some(Filter::parse(value).map_err(|word| {
                    let word = String::from_utf8_lossy(&word);
                    CommandError::new(format!("ERR Unsupported rdb-filter-only option: {word}"))
                })?);
            }
            _ => {
                let option = String::from_utf8_lossy(args.at(at));
                return Err(CommandError::new(format!("ERR Unrecognized REPLCONF option: {option}")));
            }
        }
    }
    if announced != Announced::default() {
        cx.engine.announced.insert(id, announced);
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}
