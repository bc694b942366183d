//! REPLICAOF, ROLE and FAILOVER: who follows whom.

use crate::base::num::parse_i64;
use crate::client::ClientFlags;
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::config::Key;
use crate::engine::context::{EngineCx, EngineHandler, engine};

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] =
    &[engine("replicaof", replicaof), engine("slaveof", replicaof), engine("role", role), engine("failover", failover)];

fn replicaof(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.engine.config.boolean(Key::ClusterEnabled) {
        return Err(CommandError::fixed("ERR REPLICAOF not allowed in cluster mode."));
    }
    if cx.engine.failover.is_on() {
        return Err(CommandError::fixed("ERR REPLICAOF not allowed while failing over."));
    }
    if cx.args.is(1, "NO") && cx.args.is(2, "ONE") {
        if cx.engine.following.is_replica() {
            cx.engine.stop_following();
            tracing::info!("MASTER MODE enabled (user request from '{}')", cx.engine.client_line(cx.client));
        }
        cx.reply().ok();
        return Ok(Outcome::Done);
    }
    if cx.client().flags.contains(ClientFlags::REPLICA) {
        return Err(CommandError::fixed("ERR Command is not valid when client is a replica."));
    }
    let host = cx.args.at(1);
    let port = parse_i64(cx.args.at(2)).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CommandError::fixed("ERR Invalid master port"))?;
    let same = |(known, known_port): (&[u8], u16)| known.eq_ignore_ascii_case(host) && known_port == port;
    if cx.engine.config.replicaof().is_some_and(same) {
        tracing::info!(
            "REPLICAOF would result into synchronization with the master we are already connected with. No operation \
             performed."
        );
        cx.reply().simple("OK Already connected to specified master");
        return Ok(Outcome::Done);
    }
    cx.engine.follow(host, port);
    tracing::info!(
        "REPLICAOF {}:{port} enabled (user request from '{}')",
        String::from_utf8_lossy(host),
        cx.engine.client_line(cx.client)
    );
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn role(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    engine.pass_stream_on();
    if let Some(primary) = engine.following.primary.clone() {
        let state = engine.following.state.name();
        let offset = engine.following.client.map_or(-1, |_| engine.applied_offset() as i64);
        let reply = cx.reply();
        reply.array(5);
        reply.bulk(b"slave");
        reply.bulk(primary.host.as_bytes());
        reply.integer(i64::from(primary.port));
        reply.bulk(state.as_bytes());
        reply.integer(offset);
        return Ok(Outcome::Done);
    }
    let online = engine.replicas.iter().filter(|replica| replica.is_online());
    let replicas: Vec<_> = online
        .filter_map(|replica| {
            let index = engine.client_by_id(replica.client)?;
            let address = engine.replica_address(index, &replica.announced);
            Some((address, replica.announced.port, replica.acked))
        })
        .collect();
    let offset = engine.history_offset();
    let reply = cx.reply();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(offset as i64);
    reply.array(replicas.len());
    for (address, port, acknowledged) in replicas {
        reply.array(3);
        reply.bulk(address.as_bytes());
        reply.bulk(port.to_string().as_bytes());
        reply.bulk(acknowledged.to_string().as_bytes());
    }
    Ok(Outcome::Done)
}

fn failover(cx: &mut EngineCx<'_>) -> CmdResult {
    if cx.engine.config.boolean(Key::ClusterEnabled) {
        return Err(CommandError::fixed(
            "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.",
        ));
    }
    if cx.args.len() == 2 && cx.args.is(1, "ABORT") {
        if !cx.engine.failover.is_on() {
            return Err(CommandError::fixed("ERR No failover in progress."));
        }
        cx.engine.abort_failover("Failover manually aborted");
        cx.reply().ok();
        return Ok(Outcome::Done);
    }
    let (mut timeout_ms, mut force, mut target) = (0, false, None);
    let mut at = 1;
    while at < cx.args.len() {
        match () {
            _ if cx.args.is(at, "TIMEOUT") && at + 1 < cx.args.len() && timeout_ms == 0 => {
                timeout_ms = cx.integer(at + 1)?;
                if timeout_ms <= 0 {
                    return Err(CommandError::fixed("ERR FAILOVER timeout must be greater than 0"));
                }
                at += 1;
            }
            _ if cx.args.is(at, "TO") && at + 2 < cx.args.len() && target.is_none() => {
                let port = cx.integer(at + 2)?;
                target = Some((String::from_utf8_lossy(cx.args.at(at + 1)).into_owned(), port));
                at += 2;
            }
            _ if cx.args.is(at, "FORCE") && !force => force = true,
            _ => return Err(CommandError::SYNTAX),
        }
        at += 1;
    }
    let engine = &mut *cx.engine;
    let refused = match () {
        _ if engine.failover.is_on() => "ERR FAILOVER already in progress.",
        _ if engine.following.is_replica() => "ERR FAILOVER is not valid when server is a replica.",
        _ if engine.replicas.is_empty() => "ERR FAILOVER requires connected replicas.",
        _ if force && (timeout_ms == 0 || target.is_none()) => {
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP."
        }
        _ => "",
    };
    if !refused.is_empty() {
        return Err(CommandError::fixed(refused));
    }
    let target = match target {
        None => None,
        Some((host, port)) => {
            let port = u16::try_from(port).unwrap_or(0);
            let found = engine.replica_at(&host, port);
            let index = found.ok_or(CommandError::fixed("ERR FAILOVER target HOST and PORT is not a replica."))?;
            let id = engine.clients[index].id;
            if !engine.replicas.iter().any(|replica| replica.client == id && replica.is_online()) {
                return Err(CommandError::fixed("ERR FAILOVER target replica is not online."));
            }
            Some((host, port))
        }
    };
    engine.begin_failover(target, timeout_ms, force);
    cx.reply().ok();
    Ok(Outcome::Done)
}
