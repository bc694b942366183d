//! Commands of the engine itself: those that act on clients, transactions, channels, directives and the server rather
//! than on one key's value.

pub mod acl_commands;
pub mod client_commands;
mod client_kill;
mod client_list;
pub mod cluster_commands;
pub mod command_info;
pub mod config_commands;
pub mod connection;
pub mod debug;
pub mod flush;
pub mod following_commands;
pub mod function_commands;
pub mod info;
pub mod latency;
pub mod memory_commands;
pub mod migrate;
pub mod persist_commands;
pub mod pubsub_commands;
mod replication_commands;
pub mod scripting_commands;
pub mod server_commands;
pub mod tracking_commands;
pub mod transactions;

use super::context::EngineHandler;
use crate::command::{Args, Bound};

/// All tables of engine commands.
pub const ALL: [&[Bound<EngineHandler>]; 21] = [
    acl_commands::COMMANDS,
    client_commands::COMMANDS,
    cluster_commands::COMMANDS,
    command_info::COMMANDS,
    config_commands::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    flush::COMMANDS,
    following_commands::COMMANDS,
    function_commands::COMMANDS,
    info::COMMANDS,
    latency::COMMANDS,
    memory_commands::COMMANDS,
    migrate::COMMANDS,
    persist_commands::COMMANDS,
    pubsub_commands::COMMANDS,
    replication_commands::COMMANDS,
    scripting_commands::COMMANDS,
    server_commands::COMMANDS,
    tracking_commands::COMMANDS,
    transactions::COMMANDS,
];

/// A command's arguments with its secrets hidden, if it has any; `None` when it is shown as it is.
pub fn redact(name: &str, args: Args<'_>) -> Option<Vec<Vec<u8>>> {
    let hide = |from: usize| {
        Some(
            args.iter()
                .enumerate()
                .map(|(i, arg)| if i >= from { b"(redacted)".to_vec() } else { arg.to_vec() })
                .collect(),
        )
    };
    match name {
        "auth" => hide(1),
        "acl|setuser" => hide(2),
        "config|set" => {
            let mut parts: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
            for at in (2..parts.len().saturating_sub(1)).step_by(2) {
                if crate::config::lookup(&parts[at]).is_some_and(|(row, _)| row.secret) {
                    parts[at + 1] = b"(redacted)".to_vec();
                }
            }
            Some(parts)
        }
        "migrate" => {
            let mut parts: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
            let mut at = 6;
            while at < parts.len() && !parts[at].eq_ignore_ascii_case(b"KEYS") {
                let secrets = match parts[at].to_ascii_lowercase().as_slice() {
                    b"auth" => 1,
                    b"auth2" => 2,
                    _ => 0,
                };
                parts.iter_mut().skip(at + 1).take(secrets).for_each(|part| *part = b"(redacted)".to_vec());
                at += 1 + secrets;
            }
            Some(parts)
        }
        "hello" => {
            let at = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"AUTH"))?;
            let parts = args.iter().enumerate();
            Some(
                parts
                    .map(|(i, arg)| if i == at + 1 || i == at + 2 { b"(redacted)".to_vec() } else { arg.to_vec() })
                    .collect(),
            )
        }
        _ => None,
    }
}
