//! MONITOR: every command, as a line, to those who asked for it.

use super::table::CommandId;
use super::{ClientIndex, Engine};
use crate::base::quoting::repr;
use crate::client::ClientFlags;
use crate::command::Args;
use crate::command::meta::Flag;

impl Engine {
    /// Shows a command to the monitors, unless it is administrative or asks not to be shown.
    #[cold]
    pub(crate) fn feed_monitors(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) {
        let command = self.table.get(id);
        if command.has(Flag::SkipMonitor) || command.has(Flag::Admin) {
            return;
        }
        self.show_to_monitors(index, id, args);
    }

    /// Shows a command to the monitors, if there are any.
    pub(crate) fn show_to_monitors(&mut self, index: ClientIndex, id: CommandId, args: Args<'_>) {
        if self.monitors.is_empty() {
            return;
        }
        let command = self.table.get(id);
        let us = (self.senses.unix_us)();
        let client = &self.clients[index];
        let peer = if client.flags.contains(ClientFlags::SCRIPT) {
            "lua".to_owned()
        } else if client.flags.contains(ClientFlags::UNIX_SOCKET) {
            format!("unix:{}", self.options.unix_socket)
        } else {
            client.endpoints.peer.to_string()
        };
        let mut line = format!("{}.{:06} [{} {}]", us / 1_000_000, us % 1_000_000, client.db.0, peer);
        let redacted = super::commands::redact(&command.name, args);
        let mut add = |arg: &[u8]| {
            line.push(' ');
            line.push_str(&repr(arg));
        };
        match &redacted {
            Some(parts) => parts.iter().for_each(|part| add(part)),
            None => args.iter().for_each(&mut add),
        }
        for monitor in self.monitors.clone() {
            self.lend_buffer(monitor);
            self.clients[monitor].out.simple(&line);
            self.mark_dirty(monitor);
            self.check_output_limit(monitor);
        }
    }
}
