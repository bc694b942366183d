//! CONFIG GET, SET, RESETSTAT, REWRITE. The rules of values are `crate::config`'s; here a change is put into effect,
//! or taken back whole when a part of it cannot be.

use crate::acl::User;
use crate::client::{BlockedOn, ClientFlags};
use crate::command::{Bound, CmdResult, CommandError, Outcome};
use crate::config::{Key, SetAt};
use crate::engine::Engine;
use crate::engine::context::{EngineCx, EngineHandler, engine};
use crate::keyspace::KeyspaceStats;
use crate::observe::ServerStats;

/// The table.
pub const COMMANDS: &[Bound<EngineHandler>] = &[
    engine("config|get", get),
    engine("config|set", set),
    engine("config|resetstat", resetstat),
    engine("config|rewrite", rewrite),
    engine("config|help", help),
];

fn get(cx: &mut EngineCx<'_>) -> CmdResult {
    let patterns: Vec<&[u8]> = cx.args.iter().skip(2).collect();
    let found = cx.engine.config.get(&patterns);
    let reply = cx.reply();
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(&name);
        reply.bulk(&value);
    }
    Ok(Outcome::Done)
}

fn set(cx: &mut EngineCx<'_>) -> CmdResult {
    let args = cx.args;
    if args.len() % 2 == 1 {
        return Err(CommandError::SYNTAX);
    }
    let pairs: Vec<(&[u8], &[u8])> = (2..args.len()).step_by(2).map(|at| (args.at(at), args.at(at + 1))).collect();
    let client = cx.client();
    let local_client = client.flags.contains(ClientFlags::UNIX_SOCKET) || client.endpoints.loopback;
    let may_wait = !client.flags.contains(ClientFlags::DENY_BLOCKING);
    let following = &cx.engine.following;
    let loading = cx.engine.durability.is_loading() || following.is_loading() || following.is_loading_aside();
    cx.engine.change_config(&pairs, SetAt::Runtime { local_client, loading })?;
    match cx.engine.durability.history_removal.take() {
        Some(removed) if may_wait && cx.engine.durability.log_works() => {
            cx.engine.hold(cx.client, BlockedOn::History, args);
            cx.engine.durability.history_waiters.push((cx.client, removed));
        }
        _ => cx.reply().ok(),
    }
    Ok(Outcome::Done)
}

fn resetstat(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    engine.stats = ServerStats { peak_memory: engine.stats.peak_memory, ..ServerStats::default() };
    engine.keyspace.stats = KeyspaceStats::default();
    engine.error_counts.clear();
    engine.table.iter_mut().for_each(|command| command.stats.reset());
    cx.reply().ok();
    Ok(Outcome::Done)
}

fn rewrite(cx: &mut EngineCx<'_>) -> CmdResult {
    let engine = &mut *cx.engine;
    let users = engine.acl.iter().map(|(name, user)| rules_of(name, user)).collect();
    engine.config.set_users(users);
    if engine.facts.config_file.is_empty() {
        return Err(CommandError::fixed("ERR The server is running without a config file"));
    }
    match (engine.senses.rewrite_config)(&engine.facts.config_file, &engine.config, false) {
        Ok(()) => tracing::warn!("CONFIG REWRITE executed with success."),
        Err(reason) => {
            tracing::warn!("CONFIG REWRITE failed: {reason}");
            return Err(CommandError::new(format!("ERR Rewriting config file: {reason}")));
        }
    }
    cx.reply().ok();
    Ok(Outcome::Done)
}

/// A user as the words of a `user` line.
fn rules_of(name: &[u8], user: &User) -> Vec<Vec<u8>> {
    let mut rules = Vec::new();
    user.describe(&mut rules);
    std::iter::once(name).chain(rules.split(|&byte| byte == b' ')).map(<[u8]>::to_vec).collect()
}

fn help(cx: &mut EngineCx<'_>) -> CmdResult {
    cx.help(&[
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
    ]);
    Ok(Outcome::Done)
}

impl Engine {
    /// Sets directives and puts them into effect, all or none. Errors: the whole reply for the client.
    pub fn change_config(&mut self, pairs: &[(&[u8], &[u8])], at: SetAt) -> Result<(), CommandError> {
        let (before, old) = (self.config.snapshot(), self.config.clone());
        let changed = self.config.set_many(pairs, at).map_err(|error| CommandError::new(error.to_string()))?;
        match (self.senses.prepare)(&old, &self.config, &changed) {
            Ok(prepared) => {
                if changed.contains(&Key::Appendonly)
                    && let Err(reason) = self.switch_log()
                {
                    return Err(CommandError::new(self.config.roll_back(before, Key::Appendonly, reason).to_string()));
                }
                self.apply_changed(changed, prepared);
                Ok(())
            }
            Err((key, reason)) => {
                let name = crate::config::directive(key).name;
                tracing::warn!(
                    "Failed applying new configuration. Possibly related to new {name} setting. Restoring previous settings."
                );
                Err(CommandError::new(self.config.roll_back(before, key, reason).to_string()))
            }
        }
    }
}
