//! SYNC, PSYNC and REPLCONF: what replicas, and tools that take a snapshot over the wire, say to a primary.

use crate::base::num::parse_i64;
use crate::client::ClientFlags;
use crate::command::{Args, Bound, CmdResult, CommandError, Outcome};
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::engine::replicas::Asked;
use crate::replication::{Announced, Filter};

/// The commands.
pub const COMMANDS: &[Bound<EngineHandler>] =
    &[engine("replconf", replconf), engine("sync", sync), engine("psync", psync)];

fn sync(cx: &mut EngineCx<'_>) -> CmdResult {
    begin(cx, |_| Ok(Asked::Sync))
}

fn psync(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    if args.len() > 3 && args.is(3, "FAILOVER") && !cx.client().flags.contains(ClientFlags::REPLICA) {
        let name = String::from_utf8_lossy(args.at(1));
        tracing::warn!("Failover request received for replid {name}.");
        if !cx.engine.following.is_replica() {
            return Err(CommandError::fixed("ERR PSYNC FAILOVER can't be sent to a master."));
        }
        if !cx.engine.history.id.is(args.at(1)) {
            return Err(CommandError::fixed("ERR PSYNC FAILOVER replid must match my replid."));
        }
        cx.engine.stop_following();
        tracing::info!("MASTER MODE enabled (failover request from '{}')", cx.engine.client_line(cx.client));
    }
    begin(cx, |cx| match parse_i64(args.at(2)) {
        Some(position) => Ok(Asked::Psync(args.at(1), position)),
        None => {
            let (index, id) = (cx.client, cx.client().id);
            let announced = cx.engine.announced.get(&id).cloned().unwrap_or_default();
            let name = cx.engine.replica_name(index, &announced);
            tracing::warn!("Replica {name} asks for synchronization but with a wrong offset");
            Err(CommandError::NOT_INTEGER)
        }
    })
}

/// What holds for both, and then what is asked for.
fn begin<'a>(
    cx: &mut EngineCx<'a>,
    asked: impl FnOnce(&mut EngineCx<'a>) -> Result<Asked<'a>, CommandError>,
) -> CmdResult {
    let client = cx.client();
    if client.flags.contains(ClientFlags::REPLICA) {
        // It has asked before, and is answered once.
        return Ok(Outcome::Done);
    }
    if client.flags.contains(ClientFlags::PRIMARY) {
        return Err(CommandError::fixed("ERR A primary can not be a replica of its own replica"));
    }
    let pending = client.output_bytes() > 0;
    if cx.engine.following.is_replica() && !cx.engine.following.is_connected() {
        return Err(CommandError::fixed("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    let client = cx.client();
    if pending {
        return Err(CommandError::fixed("ERR SYNC and PSYNC are invalid with pending output"));
    }
    let id = client.id;
    if cx.engine.announced.get(&id).is_some_and(|announced| announced.filter.is_some() && !announced.eof) {
        return Err(CommandError::fixed("ERR Filtered replica requires EOF capability"));
    }
    let asked = asked(cx)?;
    cx.engine.begin_replica(cx.client, asked);
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
            _ if args.is(at, "CAPA") => {
                announced.eof |= value.eq_ignore_ascii_case(b"eof");
                announced.renames |= value.eq_ignore_ascii_case(b"psync2");
            }
            // Neither is answered: the one is news, the other is for replicas.
            _ if args.is(at, "ACK") => {
                acknowledge(cx, args, at);
                return Ok(Outcome::Done);
            }
            _ if args.is(at, "GETACK") => {
                // Written when nothing of this request's reply is taken back any more.
                cx.engine.following.ack_due = cx.engine.is_primary(cx.client);
                return Ok(Outcome::Done);
            }
            _ if args.is(at, "RDB-ONLY") => {
                announced.only_snapshot = match number()? {
                    0 => false,
                    1 => true,
                    _ => return Err(CommandError::fixed("ERR value is out of range, value must between 0 and 1")),
                }
            }
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

/// `ACK offset [FACK offset]`: up to where a replica has run the history, and up to where its log is durable.
fn acknowledge(cx: &mut EngineCx<'_>, args: Args<'_>, at: usize) {
    let offset = |at: usize| args.get(at).and_then(parse_i64).and_then(|offset| u64::try_from(offset).ok());
    if let Some(acked) = offset(at + 1) {
        let durable = if at + 3 < args.len() && args.is(at + 2, "FACK") { offset(at + 3) } else { None };
        cx.engine.acknowledged(cx.client, acked, durable);
    }
}
